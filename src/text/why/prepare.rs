//! The calls that open and set files, and those that ask many files at once.

use crate::event::{Errno, Nanos, Ret, Setup, Syscall};
use crate::text::words::grouped;

/// What such a call is for, once it has returned to `who`; or why it failed.
pub(super) fn sentence(call: &Syscall, who: &str, ret: Ret) -> String {
    let name = call.name();
    match (call, ret.errno()) {
        (Syscall::Poll { .. } | Syscall::Select { .. }, None) => format!(
            "{who} passed all its descriptors to the kernel, which asked each of them: {ret} ready"
        ),
        (Syscall::UringSetup { .. }, None) => {
            "a ring: two queues in memory that the program shares with the kernel".to_owned()
        }
        (Syscall::UringEnter { submit, wait, .. }, None) => format!(
            "{who} had {submit} entries to submit, of which the kernel took {ret}, and waited for {wait} \
             completions"
        ),
        (Syscall::Setup(Setup::Connect { .. }), Some(errno)) if errno == Errno::EINPROGRESS => {
            "EINPROGRESS: connect does not wait for the handshake; OUT tells that it is over, and \
             SO_ERROR how it ended"
                .to_owned()
        }
        (_, Some(errno)) => format!("{name} failed with {errno}"),
        (Syscall::UringRegister { buffers, .. }, None) => format!(
            "the kernel has {} buffers to choose from: it reads into one of them when bytes come",
            grouped((*buffers).into())
        ),
        (Syscall::Setup(call), None) => purpose(call).to_owned(),
        (_, None) => format!("{name} returned {ret}"),
    }
}

fn purpose(call: &Setup) -> &'static str {
    match call {
        Setup::Socket { .. } => "a socket: so far it has no address and no peer",
        Setup::Bind { .. } => {
            "the socket has an address now; port 0 lets the kernel choose a free one"
        }
        Setup::Listen { .. } => {
            "the socket is a listener from now on: the kernel completes handshakes and queues the \
             connections until accept takes them"
        }
        Setup::Connect { .. } => "the socket has a peer now",
        Setup::Pipe => "a pipe: what is written to the second end is read from the first",
        Setup::Socketpair { .. } => {
            "two connected sockets: what is written to the one is read from the other"
        }
        Setup::Eventfd { .. } => "an eventfd: write adds to its counter, read takes the counter",
        Setup::TimerfdCreate => "a timer that is read like a file; it has not been started",
        Setup::TimerfdSettime { .. } => {
            "from now on the timer counts its expirations, and each wakes whoever waits"
        }
        Setup::DupFrom { .. } => {
            "another number for the same open file, not below the one asked for"
        }
        Setup::SetOwner { .. } => "signals about this file go to this process",
        Setup::SetSignal { .. } => {
            "they are realtime signals, which queue and name the file, and not SIGIO"
        }
        Setup::SetFlags { blocking: true, .. } => {
            "a call that finds nothing sleeps from now on, where it would have said EAGAIN"
        }
        Setup::SetFlags { .. } => "from now on each arrival sends a signal",
        Setup::Sigtimedwait => "a signal was taken out of the queue",
        Setup::SetrlimitSignals { .. } => {
            "how many signals this user may have in the queue: one that finds no room comes as a \
             plain SIGIO, which names nobody"
        }
        Setup::MemfdCreate => {
            "a file in memory: epoll does not watch files that have no poll method"
        }
        Setup::Open { .. } => "an open file",
        Setup::Setsockopt { .. } | Setup::SetPipeSize { .. } => "a setting of the file was changed",
        Setup::Setrlimit { .. } => {
            "the number under which every new descriptor of this process must stay: what needs one \
             above it fails with EMFILE"
        }
        Setup::Tgkill { .. } => "a signal was sent to that thread alone",
    }
}

/// Many calls of one kind in a row.
pub(super) fn measured(call: &Syscall, times: u32, each: Nanos) -> String {
    let (name, times) = (call.name(), grouped(times.into()));
    format!("{name} was called {times} times in a row: {} ns each", grouped(each.0))
}
