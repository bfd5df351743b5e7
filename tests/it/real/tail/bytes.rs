//! Metadata that another program has committed, and that is not UTF-8.
//!
//! Kafka takes these bytes and gives back U+FFFD in their place; brokers that are not written in Java give
//! them back as they are. So they are committed by hand, and on the way back from Kafka put in again.

use std::{
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use super::{FEW, setup};
use crate::{
    scene::{LONG, Scene, assert_balanced, wait_count},
    support::{kafka::Kafka, wait::eventually},
};

const COMMITTED: &[u8] = b"bytes: \xff";

/// What Kafka makes of them.
const GIVEN_BACK: &[u8] = b"bytes: \xef\xbf\xbd";

/// As long as what it replaces.
const PUT_IN: &[u8] = b"bytes: \xff\xfe\xfd";

pub(in super::super) fn metadata_that_is_not_utf_8_is_no_tail() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let address = listener.local_addr().expect("an address");
    let kafka = Kafka::start_with(&[("advertised.listeners", &format!("PLAINTEXT://{address}"))]);
    let was_put_in = put_in(listener, kafka.client.bootstrap.clone());
    let mut scene = Scene::new(&kafka, "real-tail-bytes", 1);
    scene.produce(FEW);
    assert!(scene.committed().values().all(|position| *position == 0), "the group is known now");
    commit(&scene, 100);
    scene.forget(|(_, offset)| offset < 100);
    let service = setup(&scene).start();
    scene.wait_accepted(scene.events());
    wait_count(&service, r#"commits_total{outcome="ok"}"#, 1);
    assert!(was_put_in.load(Ordering::Relaxed));
    scene.conclude().assert_exact();
    assert_balanced(&service);
    assert_eq!(service.stop(), Some(0));
}

/// Sends a request to commit, of version 2.
#[track_caller]
fn commit(scene: &Scene, position: i64) {
    let text = |text: &[u8]| [&i16::try_from(text.len()).expect("short").to_be_bytes(), text].concat();
    let request = [
        // The kind of request, its version, its number, and who sends it.
        &[0, 8, 0, 2, 0, 0, 0, 1][..],
        &text(b"by hand"),
        // The group; no generation, no member, no time of its own to be kept.
        &text(scene.topic.as_bytes()),
        &(-1_i32).to_be_bytes(),
        &text(b""),
        &(-1_i64).to_be_bytes(),
        // One topic, one partition.
        &1_i32.to_be_bytes(),
        &text(scene.topic.as_bytes()),
        &1_i32.to_be_bytes(),
        &0_i32.to_be_bytes(),
        &position.to_be_bytes(),
        &text(COMMITTED),
    ]
    .concat();
    eventually(LONG, "the broker takes the commit", || {
        let mut broker = TcpStream::connect(&scene.client.bootstrap).expect("the broker listens");
        write_frame(&mut broker, &request).ok()?;
        let answer = read_frame(&mut broker).ok()?;
        answer.ends_with(&[0, 0]).then_some(())
    });
}

/// Passes everything on to the broker and back, until the end of the process; says whether the bytes were put
/// in.
fn put_in(listener: TcpListener, broker: String) -> Arc<AtomicBool> {
    let was_put_in = Arc::new(AtomicBool::new(false));
    let noted = Arc::clone(&was_put_in);
    thread(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let Ok(server) = TcpStream::connect(&broker) else { continue };
            let both = |stream: &TcpStream| stream.try_clone().expect("a second handle");
            let (mut from_client, mut to_server) = (both(&client), both(&server));
            thread(move || io::copy(&mut from_client, &mut to_server));
            let noted = Arc::clone(&noted);
            thread(move || pass_back(server, client, &noted));
        }
    });
    was_put_in
}

/// It ends with its streams or with the process.
fn thread<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) {
    thread::Builder::new().name("put-in".to_owned()).spawn(run).expect("a thread");
}

fn pass_back(mut server: TcpStream, mut client: TcpStream, was_put_in: &AtomicBool) -> io::Result<()> {
    loop {
        let mut frame = read_frame(&mut server)?;
        let found = frame.windows(GIVEN_BACK.len()).position(|bytes| bytes == GIVEN_BACK);
        if let Some(at) = found {
            frame[at..at + PUT_IN.len()].copy_from_slice(PUT_IN);
            was_put_in.store(true, Ordering::Relaxed);
        }
        write_frame(&mut client, &frame)?;
    }
}

fn write_frame(stream: &mut TcpStream, frame: &[u8]) -> io::Result<()> {
    let length = u32::try_from(frame.len()).expect("a frame is short");
    stream.write_all(&[&length.to_be_bytes(), frame].concat())
}

fn read_frame(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut frame = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut frame)?;
    Ok(frame)
}
