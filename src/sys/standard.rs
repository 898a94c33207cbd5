//! Standard input and output, which whoever started the program may have made non-blocking: then
//! they are waited for (fcntl(2): O_NONBLOCK belongs to the open file, not to the process).

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Standard output, without a buffer.
#[derive(Debug, Default)]
pub struct Stdout {
    waited: Duration,
}

impl Stdout {
    /// How long writes have taken in all: for a reader who does not come to it that is the time it
    /// was waited for.
    pub fn waited(&self) -> Duration {
        self.waited
    }
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let begun = Instant::now();
        let out = io::stdout();
        let written = whenever(&out, PollFlags::POLLOUT, || nix::unistd::write(&out, bytes));
        self.waited += begun.elapsed();
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Standard input, without a buffer.
#[derive(Debug, Default)]
pub struct Stdin;

impl Read for Stdin {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let input = io::stdin();
        whenever(&input, PollFlags::POLLIN, || nix::unistd::read(&input, into))
    }
}

/// Makes a call until it is neither too early for it nor interrupted.
fn whenever(
    fd: &impl AsFd,
    ready: PollFlags,
    mut call: impl FnMut() -> nix::Result<usize>,
) -> io::Result<usize> {
    loop {
        match call() {
            Err(Errno::EAGAIN) => {
                let _interrupted = poll(&mut [PollFd::new(fd.as_fd(), ready)], PollTimeout::NONE);
            }
            Err(Errno::EINTR) => {}
            done => return Ok(done?),
        }
    }
}

#[cfg(test)]
mod tests {
    use nix::fcntl::OFlag;
    use nix::unistd::pipe2;

    use super::*;

    #[test]
    fn a_full_pipe_is_waited_for() {
        let (reader, writer) = pipe2(OFlag::O_NONBLOCK).expect("pipe");
        while nix::unistd::write(&writer, &[0; 4096]).is_ok() {}
        let drain = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            nix::unistd::read(&reader, &mut [0; 8192]).map(|read| (read, reader))
        });
        let written = whenever(&writer, PollFlags::POLLOUT, || nix::unistd::write(&writer, b"x"));
        assert_eq!(written.expect("written"), 1);
        assert!(drain.join().expect("a reader").expect("read").0 > 0);
    }

    #[test]
    fn an_empty_pipe_is_waited_for() {
        let (reader, writer) = pipe2(OFlag::O_NONBLOCK).expect("pipe");
        let late = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            nix::unistd::write(&writer, b"later").map(|_| writer)
        });
        let mut bytes = [0; 9];
        let read = whenever(&reader, PollFlags::POLLIN, || nix::unistd::read(&reader, &mut bytes));
        assert_eq!(&bytes[..read.expect("read")], b"later");
        late.join().expect("a writer").expect("write");
    }
}
