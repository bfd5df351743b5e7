//! A small HTTP server whose answers a test chooses.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
};

/// A running server, which ends when dropped.
pub(crate) struct Answering {
    pub(crate) url: String,
    address: SocketAddr,
    thread: Option<thread::JoinHandle<()>>,
}

impl Answering {
    /// Starts the server on a free port. `answer` turns the body of each request into a whole response, with
    /// head and body. Requests are served one after the other, each on its own connection.
    pub(crate) fn start(mut answer: impl FnMut(&[u8]) -> String + Send + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let serve = move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                // A connection without a request ends the server.
                let Some(body) = request(&stream) else { return };
                // If the client is gone, nobody needs the answer.
                let _ = stream.write_all(answer(&body).as_bytes());
            }
        };
        let thread = thread::Builder::new().name("answering server".to_owned()).spawn(serve);
        Self { url: format!("http://{address}"), address, thread: Some(thread.expect("a thread")) }
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        drop(TcpStream::connect(self.address));
        let ended = self.thread.take().map(thread::JoinHandle::join);
        assert!(thread::panicking() || matches!(ended, Some(Ok(()))), "the answering server failed");
    }
}

/// The body of the next request.
fn request(stream: &TcpStream) -> Option<Vec<u8>> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|bytes| *bytes > 0)?;
        let line = line.trim_end().to_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(body)
}
