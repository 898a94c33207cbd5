//! A watched server of the mirror: its lines, and the connection to it.

use crate::event::Backend;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::process::{Child, ChildStdin, ChildStdout};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{CHUNK, readable};
use crate::compare::subject::{last_line, program};

/// How long a server may take to say where it listens.
const PATIENCE: Duration = Duration::from_secs(10);

/// A server and the connection to it. Dropping it ends it.
pub(super) struct MirrorServer {
    child: Child,
    /// Open as long as it serves.
    _input: Option<ChildStdin>,
    output: ChildStdout,
    /// What has been read of a line that is not over.
    rest: Vec<u8>,
    address: SocketAddr,
    connection: Option<TcpStream>,
    /// Its output has ended, and with it the process.
    ended: bool,
}

impl MirrorServer {
    /// Starts it and waits until it says where it listens.
    ///
    /// # Errors
    /// In words, why it cannot be had; if it says why, in its words.
    pub(super) fn start(name: Backend, stop: &CancellationToken) -> Result<Self, String> {
        let child = program(name).arg("--edge-log=off").spawn();
        let mut child = child.map_err(|error| format!("start a process: {error}"))?;
        let input = child.stdin.take();
        let Some(output) = child.stdout.take() else {
            return Err("start a process: it has no pipes".to_owned());
        };
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut server = Self {
            child,
            _input: input,
            output,
            rest: Vec::new(),
            address: nowhere,
            connection: None,
            ended: false,
        };
        fcntl(&server.output, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))
            .map_err(|error| format!("fcntl(O_NONBLOCK): {error}"))?;
        server.address = server.listening(stop)?;
        Ok(server)
    }

    fn listening(&mut self, stop: &CancellationToken) -> Result<SocketAddr, String> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE && !stop.is_cancelled() {
            readable(&[self.output.as_fd()]);
            for line in self.lines() {
                let address = line["addresses"][0].as_str().and_then(|text| text.parse().ok());
                if let (Some("listening"), Some(address)) = (line["kind"].as_str(), address) {
                    return Ok(address);
                }
            }
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return Err(last_line(&mut self.child));
            }
        }
        Err(format!("no address within {PATIENCE:?}"))
    }

    /// The lines that have come meanwhile.
    fn lines(&mut self) -> Vec<Value> {
        let mut room = [0; CHUNK];
        loop {
            match self.output.read(&mut room) {
                Ok(0) => self.ended = true,
                Ok(count) => {
                    self.rest.extend_from_slice(&room[..count]);
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => {}
            }
            break;
        }
        let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') else {
            return Vec::new();
        };
        let whole: Vec<u8> = self.rest.drain(..=end).collect();
        whole.split(|byte| *byte == b'\n').filter_map(|l| serde_json::from_slice(l).ok()).collect()
    }

    /// The calls that have come meanwhile, each with its result: `read = 6`.
    pub(super) fn calls(&mut self) -> Vec<String> {
        let lines = self.lines();
        lines.iter().filter_map(call).collect()
    }

    /// What is readable when it has told something; `None` once it has ended.
    pub(super) fn output(&self) -> Option<BorrowedFd<'_>> {
        (!self.ended).then(|| self.output.as_fd())
    }

    /// Why it serves no longer, if it has ended.
    pub(super) fn death(&mut self) -> Option<String> {
        self.ended.then(|| last_line(&mut self.child))
    }

    /// Connects to it; a server that is gone answers nothing.
    pub(super) fn connect(&mut self) {
        let connected = TcpStream::connect(self.address).and_then(|connection| {
            connection.set_nodelay(true)?;
            connection.set_write_timeout(Some(Duration::from_secs(1)))?;
            Ok(connection)
        });
        self.connection = connected.ok();
    }

    pub(super) fn is_connected(&self) -> bool {
        self.connection.is_some()
    }

    pub(super) fn connection(&self) -> Option<BorrowedFd<'_>> {
        self.connection.as_ref().map(AsFd::as_fd)
    }

    pub(super) fn disconnect(&mut self) {
        self.connection = None;
    }

    /// Sends it what the client sent.
    pub(super) fn send(&mut self, bytes: &[u8]) {
        let sent = self.connection.as_mut().map(|connection| connection.write_all(bytes));
        if sent.is_some_and(|sent| sent.is_err()) {
            self.connection = None;
        }
    }

    /// What it answered; `None` when it has ended.
    pub(super) fn receive(&mut self) -> Option<Vec<u8>> {
        let mut bytes = vec![0; CHUNK];
        match self.connection.as_mut()?.read(&mut bytes) {
            Ok(0) => None,
            Ok(count) => {
                bytes.truncate(count);
                Some(bytes)
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Some(Vec::new()),
            Err(_) => None,
        }
    }
}

impl Drop for MirrorServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A line's call, if it is one.
fn call(line: &Value) -> Option<String> {
    if line["kind"] != "call" {
        return None;
    }
    let name = line["call"].as_str()?;
    let result = match (line["ret"].as_i64(), line["errno"].as_str()) {
        (Some(value), _) => value.to_string(),
        (None, Some(errno)) => errno.to_owned(),
        (None, None) => "?".to_owned(),
    };
    Some(format!("{name} = {result}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_its_name_and_its_result() {
        let told = |text: &str| call(&serde_json::from_str(text).expect("JSON"));
        assert_eq!(told(r#"{"kind":"call","call":"read","ret":6}"#).as_deref(), Some("read = 6"));
        assert_eq!(
            told(r#"{"kind":"call","call":"read","errno":"EAGAIN"}"#).as_deref(),
            Some("read = EAGAIN")
        );
        assert_eq!(told(r#"{"kind":"enter","call":"epoll_wait"}"#), None);
    }
}
