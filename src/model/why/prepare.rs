//! The calls that open and set files, and those that ask many files at once.

use super::words::grouped;
use crate::event::{Call, Errno, Nanos, Ret};

/// What such a call is for, once it has returned to `who`; or why it failed.
pub(super) fn sentence(call: &Call, who: &str, ret: Ret) -> String {
    let name = call.name();
    match (call, ret.errno()) {
        (Call::Poll { .. } | Call::Select { .. }, None) => format!(
            "{who} passed all its descriptors to the kernel, which asked each of them: {ret} ready"
        ),
        (Call::Connect { .. }, Some(errno)) if errno == Errno::EINPROGRESS => {
            "EINPROGRESS: connect does not wait for the handshake; OUT tells that it is over, and \
             SO_ERROR how it ended"
                .to_owned()
        }
        (_, Some(errno)) => format!("{name} failed with {errno}"),
        (_, None) => purpose(call).map_or_else(|| format!("{name} returned {ret}"), str::to_owned),
    }
}

fn purpose(call: &Call) -> Option<&'static str> {
    Some(match call {
        Call::Socket { .. } => "a socket: so far it has no address and no peer",
        Call::Bind { .. } => {
            "the socket has an address now; port 0 lets the kernel choose a free one"
        }
        Call::Listen { .. } => {
            "the socket is a listener from now on: the kernel completes handshakes and queues the \
             connections until accept takes them"
        }
        Call::Connect { .. } => "the socket has a peer now",
        Call::Pipe => "a pipe: what is written to the second end is read from the first",
        Call::Socketpair { .. } => {
            "two connected sockets: what is written to the one is read from the other"
        }
        Call::Eventfd { .. } => "an eventfd: write adds to its counter, read takes the counter",
        Call::TimerfdCreate => "a timer that is read like a file; it has not been started",
        Call::TimerfdSettime { .. } => {
            "from now on the timer counts its expirations, and each wakes whoever waits"
        }
        Call::MemfdCreate => {
            "a file in memory: epoll does not watch files that have no poll method"
        }
        Call::Open { .. } => "an open file",
        Call::Setsockopt { .. } | Call::SetPipeSize { .. } => "a setting of the file was changed",
        Call::Setrlimit { .. } => {
            "the number under which every new descriptor of this process must stay: what needs one \
             above it fails with EMFILE"
        }
        Call::Tgkill { .. } => "a signal was sent to that thread alone",
        Call::EpollCreate
        | Call::EpollCtl { .. }
        | Call::EpollWait { .. }
        | Call::Accept { .. }
        | Call::Read { .. }
        | Call::Write { .. }
        | Call::Send { .. }
        | Call::Shutdown { .. }
        | Call::Close { .. }
        | Call::Dup { .. }
        | Call::Poll { .. }
        | Call::Select { .. } => return None,
    })
}

/// Many calls of one kind in a row.
pub(super) fn measured(call: &Call, times: u32, each: Nanos) -> String {
    let (name, times) = (call.name(), grouped(times.into()));
    format!("{name} was called {times} times in a row: {} ns each", grouped(each.0))
}
