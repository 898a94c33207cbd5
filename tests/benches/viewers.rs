//! Viewers of a shared session: those who read what comes, and those who never do.

use std::io::Write as _;
use std::net::TcpStream;
use std::thread::JoinHandle;

/// Connects, and asks for the film.
pub(super) fn watch(address: &str, code: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("GET /{code}/film?size=120x40 HTTP/1.1\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

/// Reads all that comes to those, on a thread of its own; how many bytes that are.
pub(super) fn read_all(viewers: Vec<TcpStream>) -> JoinHandle<u64> {
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut reading = tokio::task::JoinSet::new();
            for viewer in viewers {
                viewer.set_nonblocking(true).unwrap();
                let mut viewer = tokio::net::TcpStream::from_std(viewer).unwrap();
                let mut sink = tokio::io::sink();
                // A server that is killed at the end resets them.
                reading.spawn(async move { tokio::io::copy(&mut viewer, &mut sink).await });
            }
            reading.join_all().await.into_iter().filter_map(Result::ok).sum()
        })
    })
}
