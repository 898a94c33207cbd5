//! What a file of each kind holds, what has come to it, and what would put it on a ready list.

use crate::event::{FileKind, Mask, Reason};
use crate::model::OpenFile;
use crate::text::words::{clients, count};

/// What it holds: `12 bytes are unread`, `its count is 3`, `no client waits`.
pub(super) fn contents(file: &OpenFile) -> String {
    let unread = u64::from(file.unread.unwrap_or(0));
    match file.what {
        FileKind::Listener if unread == 0 => "no client waits".to_owned(),
        FileKind::Listener => format!("{} to be accepted", clients(file.unread.unwrap_or(0))),
        FileKind::Eventfd => format!("its count is {unread}"),
        FileKind::Timerfd if unread == 0 => "it has not expired since it was last read".to_owned(),
        FileKind::Timerfd => format!("it has expired {}", times(unread)),
        FileKind::Epoll if ready(file) => "its own ready list holds something ready".to_owned(),
        FileKind::Epoll => "its own ready list holds nothing ready".to_owned(),
        FileKind::PipeWriter if file.state.any(Mask::ERR) => "its reading end is closed".to_owned(),
        FileKind::PipeWriter if file.room == Some(true) => "there is room to write".to_owned(),
        FileKind::PipeWriter => "the pipe is full".to_owned(),
        FileKind::Ring => "a completion wakes whoever polls the ring".to_owned(),
        FileKind::Plain => "a file of this kind cannot be watched".to_owned(),
        FileKind::Pipe | FileKind::Tcp | FileKind::Unix | FileKind::Datagram | FileKind::Udp => {
            let unread = match unread {
                0 => "nothing is unread".to_owned(),
                1 => "1 byte is unread".to_owned(),
                n => format!("{} are unread", count(n, "byte")),
            };
            format!("{unread}{}", end(file))
        }
    }
}

fn ready(file: &OpenFile) -> bool {
    file.poll().set.any(Mask::IN)
}

fn times(n: u64) -> String {
    if n == 1 { "once".to_owned() } else { count(n, "time") }
}

/// What is known of the other end.
fn end(file: &OpenFile) -> &'static str {
    let pipe = file.what == FileKind::Pipe;
    match file.state {
        state if state.any(Mask::ERR) => ", and there is an error or a reset",
        state if state.any(Mask::HUP) && pipe => ", and its writing end is closed",
        // Before connect, too, a TCP socket says HUP (`tcp_poll`), but nothing of its end.
        state if state.any(Mask::HUP) && file.what == FileKind::Tcp && !state.any(Mask::RDHUP) => {
            ", and it is not connected"
        }
        state if state.any(Mask::HUP) => ", and both directions are shut",
        state if state.any(Mask::RDHUP) => ", and its peer has sent its end",
        _ => "",
    }
}

/// What came, for an entry that is listed because something did.
pub(super) fn arrival(why: Reason) -> String {
    match why {
        Reason::Arrived(_) => "data arrived".to_owned(),
        Reason::Connection(_) => "a connection completed".to_owned(),
        Reason::Room => "room to write came back".to_owned(),
        Reason::PeerClosed => "the other end was closed or reset".to_owned(),
        Reason::Signalled => "it was written to".to_owned(),
        Reason::Expired => "it expired".to_owned(),
        Reason::Inner => "something came on its own ready list".to_owned(),
        Reason::AtAdd => "ADD found it ready".to_owned(),
        Reason::AtMod => "MOD found it ready".to_owned(),
        Reason::PutBack => "reported and put back (level)".to_owned(),
        Reason::Perhaps => "it was perhaps woken again".to_owned(),
        Reason::Woken(key) if key.is_empty() => {
            "it was woken without a key, which passes every mask".to_owned()
        }
        Reason::Woken(key) => format!("it was woken with {}", key.join(" ")),
    }
}

/// What would list it.
pub(super) fn condition(file: &OpenFile, mask: Mask) -> &'static str {
    let reads = mask.any(Mask::IN | Mask::RDNORM | Mask::RDHUP | Mask::PRI);
    match file.what {
        FileKind::Listener => "The next connection that completes lists it",
        FileKind::Eventfd => "The next write to it lists it",
        FileKind::Timerfd => "Its next expiry lists it",
        FileKind::Epoll => "Whatever comes on its own ready list lists it here",
        FileKind::PipeWriter => "A reader that makes room lists it",
        FileKind::Pipe => "The next write to its other end lists it",
        FileKind::Ring => "A completion will list it",
        FileKind::Plain => "Nothing will list it",
        _ if reads => "What its peer sends next lists it",
        _ => "Room to write lists it, when its peer has read enough",
    }
}
