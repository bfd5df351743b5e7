//! Where ip addresses are, by a MaxMind database file that the operator supplies.
//!
//! The file is held in memory whole, and read anew when it has changed: a thread looks every half minute.
//! One that cannot be used takes the place of none that can: the last good one stays. Its directory is at
//! its end, so that a copy that is not complete is never taken for a database.
//!
//! Knows nothing of events. Neither the file's name nor what it says is logged.

use std::{
    fs,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    sync::{
        Arc, PoisonError, RwLock,
        mpsc::{RecvTimeoutError, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, SystemTime},
};

use maxminddb::{MaxMindDbError, Reader, geoip2};
use thiserror::Error;
use tracing::{error, info};

use crate::core::identity::Place;

/// How often the thread looks whether the file has changed.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// What the name of a database's type holds when it knows places; there are others, of networks and firms.
const WITH_PLACES: [&str; 4] = ["City", "Country", "Enterprise", "Location"];

/// A database of places.
pub struct Database {
    path: PathBuf,
    seen: Option<Stamp>,
    current: Current,
}

/// The lock is for the thread that replaces the database while records are mapped.
type Current = Arc<RwLock<Reader<Vec<u8>>>>;

/// What tells a file from its next version.
type Stamp = (Option<SystemTime>, u64);

/// Why a file is no database of places.
#[derive(Debug, Error)]
pub enum GeoError {
    /// It cannot be read.
    #[error("the database cannot be read")]
    Unreadable(#[source] std::io::Error),
    /// It is no MaxMind database, or a part of one.
    #[error("the file is not a whole MaxMind database")]
    Broken(#[source] MaxMindDbError),
    /// It is a database of something else.
    #[error("the database knows neither cities nor countries")]
    WithoutPlaces,
}

/// What came of looking at the file again.
#[derive(Debug)]
pub enum Look {
    /// It is the same.
    Same,
    /// It was read anew.
    Reloaded,
    /// It has changed, or gone, and cannot be used: the last good one stays.
    Refused(GeoError),
}

/// Looks at the file until it is dropped.
pub struct Watch {
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Database {
    /// Reads the file.
    ///
    /// # Errors
    /// When it is no database of places.
    pub fn open(path: &Path) -> Result<Self, GeoError> {
        let seen = stamp(path);
        let current = Arc::new(RwLock::new(read(path)?));
        Ok(Self { path: path.to_owned(), seen, current })
    }

    /// Finds the place of an address, always by the newest database. An address may have a port.
    pub fn locate(&self) -> impl Fn(&str) -> Option<Place<'static>> + Send + use<> {
        let current = Arc::clone(&self.current);
        move |address| place(&current.read().unwrap_or_else(PoisonError::into_inner), address)
    }

    /// Reads the file anew if it has changed since it was last looked at.
    pub fn look(&mut self) -> Look {
        let stamp = stamp(&self.path);
        if stamp == self.seen {
            return Look::Same;
        }
        self.seen = stamp;
        match read(&self.path) {
            Ok(reader) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = reader;
                Look::Reloaded
            }
            Err(error) => Look::Refused(error),
        }
    }

    /// Looks at the file from time to time from now on.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn watch(mut self) -> std::io::Result<Watch> {
        let (stop, stopped) = sync_channel(1);
        let look = move || {
            while stopped.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
                match self.look() {
                    Look::Same => {}
                    Look::Reloaded => info!("the database of places was read anew"),
                    Look::Refused(cause) => {
                        let cause = code(&cause);
                        error!(
                            cause,
                            "endpoint.location.database cannot be used as it is now; the last good one stays"
                        );
                    }
                }
            }
        };
        let thread = thread::Builder::new().name("places".to_owned()).spawn(look)?;
        Ok(Watch { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It panicked, or it is over: either way nothing is left to do.
            let _ = thread.join();
        }
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.modified().ok(), metadata.len()))
}

fn read(path: &Path) -> Result<Reader<Vec<u8>>, GeoError> {
    let bytes = fs::read(path).map_err(GeoError::Unreadable)?;
    let reader = Reader::from_source(bytes).map_err(GeoError::Broken)?;
    let kind = &reader.metadata().database_type;
    if WITH_PLACES.iter().any(|name| kind.contains(name)) { Ok(reader) } else { Err(GeoError::WithoutPlaces) }
}

fn place(reader: &Reader<Vec<u8>>, address: &str) -> Option<Place<'static>> {
    let with_port = || address.parse().map(|address: SocketAddr| address.ip());
    let address: IpAddr = address.parse().or_else(|_| with_port()).ok()?;
    let found: geoip2::City<'_> = reader.lookup(address.to_canonical()).ok()?.decode().ok()??;
    let owned = |text: Option<&str>| text.map(|text| text.to_owned().into());
    Some(Place {
        city: owned(found.city.names.english),
        country: owned(found.country.iso_code),
        region: owned(found.subdivisions.first().and_then(|region| region.names.english)),
        postal_code: owned(found.postal.code),
        latitude: found.location.latitude,
        longitude: found.location.longitude,
    })
}

fn code(error: &GeoError) -> &'static str {
    match error {
        GeoError::Unreadable(_) => "unreadable",
        GeoError::Broken(_) => "broken",
        GeoError::WithoutPlaces => "without_places",
    }
}

#[cfg(test)]
mod tests;
