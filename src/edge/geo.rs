//! Finds the location of an IP address in a MaxMind database file that the operator supplies.
//!
//! The whole file is held in memory. Every half minute a thread checks whether the file has changed, and
//! reads it again if so. An unusable file never replaces a usable one. The file ends with its directory, so
//! an incomplete copy is never mistaken for a database.
//!
//! Knows nothing of events. Neither the file's name nor its contents are logged.

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

use crate::core::identity::GeoLocation;

/// How often the thread checks whether the file has changed.
const CHECK_EVERY: Duration = Duration::from_secs(30);

/// Words in the types of databases of locations. Other databases are about networks or companies.
const WITH_PLACES: [&str; 4] = ["City", "Country", "Enterprise", "Location"];

pub struct Database {
    path: PathBuf,
    seen: Option<Stamp>,
    current: Current,
}

/// Behind a lock, because the thread replaces the database while records are mapped.
type Current = Arc<RwLock<Reader<Vec<u8>>>>;

/// Distinguishes a file from its next version.
type Stamp = (Option<SystemTime>, u64);

/// Why a file is not a database of locations.
#[derive(Debug, Error)]
pub enum GeoError {
    #[error("the database cannot be read")]
    Unreadable(#[source] std::io::Error),
    #[error("the file is not a whole MaxMind database")]
    Broken(#[source] MaxMindDbError),
    #[error("the database knows neither cities nor countries")]
    WithoutPlaces,
}

/// The result of checking the file for a change.
#[derive(Debug)]
pub enum Reload {
    Unchanged,
    Reloaded,
    /// The file has changed or is gone, and cannot be used. The last good one stays.
    Refused(GeoError),
}

/// The thread that reloads the file. It ends when this is dropped.
pub struct Reloader {
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Database {
    /// Reads the whole file into memory.
    ///
    /// # Errors
    /// If it is not a database of locations.
    pub fn open(path: &Path) -> Result<Self, GeoError> {
        let seen = stamp(path);
        let current = Arc::new(RwLock::new(read(path)?));
        Ok(Self { path: path.to_owned(), seen, current })
    }

    /// A function that finds the location of an address, which may have a port, in the newest database.
    pub fn locate(&self) -> impl Fn(&str) -> Option<GeoLocation<'static>> + Send + Sync + use<> {
        let current = Arc::clone(&self.current);
        move |address| place(&current.read().unwrap_or_else(PoisonError::into_inner), address)
    }

    /// Reads the file again if it has changed since the last check.
    pub fn reload_if_changed(&mut self) -> Reload {
        let stamp = stamp(&self.path);
        if stamp == self.seen {
            return Reload::Unchanged;
        }
        self.seen = stamp;
        match read(&self.path) {
            Ok(reader) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = reader;
                Reload::Reloaded
            }
            Err(error) => Reload::Refused(error),
        }
    }

    /// Starts the thread that reloads the file when it changes.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub fn reload_on_change(mut self) -> std::io::Result<Reloader> {
        let (stop, stopped) = sync_channel(1);
        let reload = move || {
            while stopped.recv_timeout(CHECK_EVERY) == Err(RecvTimeoutError::Timeout) {
                match self.reload_if_changed() {
                    Reload::Unchanged => {}
                    Reload::Reloaded => info!("the location database was reloaded"),
                    Reload::Refused(cause) => {
                        let cause = code(&cause);
                        error!(
                            cause,
                            "endpoint.location.database has changed and cannot be used; the last good one stays"
                        );
                    }
                }
            }
        };
        let thread = thread::Builder::new().name("places".to_owned()).spawn(reload)?;
        Ok(Reloader { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Reloader {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // Whether it panicked or ended, there is nothing left to do.
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

fn place(reader: &Reader<Vec<u8>>, address: &str) -> Option<GeoLocation<'static>> {
    let with_port = || address.parse().map(|address: SocketAddr| address.ip());
    let address: IpAddr = address.parse().or_else(|_| with_port()).ok()?;
    let found: geoip2::City<'_> = reader.lookup(address.to_canonical()).ok()?.decode().ok()??;
    let owned = |text: Option<&str>| text.map(|text| text.to_owned().into());
    Some(GeoLocation {
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
