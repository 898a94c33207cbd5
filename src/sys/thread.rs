//! Threads, whose refusal says which one it was.

use std::io;
use std::thread::{Builder, JoinHandle};

/// Starts a thread.
///
/// # Errors
/// If the system refuses it (clone(2), EAGAIN: RLIMIT_NPROC, pids.max), with the thread's name.
pub fn spawn<T: Send + 'static>(
    name: &str,
    body: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    let started = Builder::new().name(name.to_owned()).spawn(body);
    started.map_err(|error| {
        io::Error::new(error.kind(), format!("the thread `{name}` cannot be started: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_has_its_name_and_gives_back_what_it_came_to() {
        let name = || std::thread::current().name().map(str::to_owned);
        let thread = spawn("named", name).expect("a thread");
        assert_eq!(thread.join().expect("its end").as_deref(), Some("named"));
    }
}
