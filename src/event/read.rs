//! What is read and not deduced: the lists of a poller, open files, threads. A case reads them of
//! its kernel and of the model of it after each step; the live server's interest list is read to be
//! compared with what its calls made of it.

use serde::{Deserialize, Serialize};

use super::{Fd, FdinfoEntry, FileId, FileKind, LaneId, Mask, Sqe, Syscall, WatchKey};

/// Why an entry stands on the ready list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Reason {
    /// Bytes arrived; how many were unread then, if known.
    Arrived(Option<u32>),
    /// A connection waits to be accepted; how many waited then, if known.
    Connection(Option<u32>),
    /// There is room to write again.
    Room,
    /// The peer closed or reset its end.
    PeerClosed,
    /// The eventfd was written.
    Signalled,
    /// The timer expired.
    Expired,
    /// A watched epoll instance has something on its own ready list.
    Inner,
    /// The file was found ready by the poll that ADD makes.
    AtAdd,
    /// The file was found ready by the poll that MOD makes.
    AtMod,
    /// Level-triggered: put back at the tail when it was reported.
    PutBack,
    /// Woken twice around one harvest: it is listed if the later one came after it.
    Perhaps,
    /// Woken with a key that fits none of the above; the empty mask is a wake-up without a key.
    Woken(Mask),
}

impl Reason {
    /// The word for it, in lines of JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Arrived(_) => "arrived",
            Self::Connection(_) => "connection",
            Self::Room => "room",
            Self::PeerClosed => "peer-closed",
            Self::Signalled => "signalled",
            Self::Expired => "expired",
            Self::Inner => "inner-epoll",
            Self::AtAdd => "ready-at-add",
            Self::AtMod => "ready-at-mod",
            Self::PutBack => "put-back",
            Self::Perhaps => "perhaps",
            Self::Woken(_) => "woken",
        }
    }
}

/// Who says what stands on a list, or what there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Provenance {
    /// Deduced from the calls and wake-ups that were observed.
    #[default]
    Deduced,
    /// Read from `/proc/PID/fdinfo` (proc(5)).
    Fdinfo,
    /// Read from the kernel's memory.
    Kernel,
    /// Given by the model kernel of a case, which makes the same calls.
    Model,
}

/// One registration of an interest list.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WatchRead {
    /// The open file and the number.
    pub key: WatchKey,
    /// `epoll_event.events` as the kernel keeps it: ERR and HUP included, and only the private bits
    /// after a one-shot report.
    pub mask: Mask,
    /// The label that it was registered under; empty if its source names nothing.
    pub name: Box<str>,
}

impl From<FdinfoEntry> for WatchRead {
    fn from(FdinfoEntry { fd, mask, file }: FdinfoEntry) -> Self {
        Self { key: WatchKey { fd, file }, mask, name: Box::default() }
    }
}

/// One of the lists of an epoll instance, whole.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ListEntries {
    /// The interest list (rbr), in no particular order.
    Interest(Box<[WatchRead]>),
    /// The overflow list (ovflist), newest first; `None` while no harvest is running. Of one look
    /// it comes before the ready list.
    Overflow(Option<Box<[WatchKey]>>),
    /// The ready list (rdllist), head first, with the reason of each.
    Ready(Box<[(WatchKey, Reason)]>),
    /// The threads asleep in `epoll_wait` (wq), head first: the first is woken next.
    Waiting(Box<[LaneId]>),
    /// What the server passes to poll(2) in the order of its array, or to select(2) in that of the
    /// numbers: which file, and what it is asked for.
    Scanned(Box<[(WatchKey, Mask)]>),
    /// The operations that are written into a ring and not over, each with the file that it is
    /// about.
    InFlight(Box<[(Sqe, Option<FileId>)]>),
}

/// A list of a poller was read.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ListRead {
    /// The open file of the poller.
    pub poller: FileId,
    /// Who says so.
    pub by: Provenance,
    /// What stands there.
    pub list: ListEntries,
}

impl ListRead {
    /// The interest list of the epoll instance `ep` as fdinfo has it, of a source that does not
    /// number the instance's own open file.
    pub fn fdinfo(ep: Fd, entries: Vec<FdinfoEntry>) -> Self {
        let list = ListEntries::Interest(entries.into_iter().map(WatchRead::from).collect());
        Self { poller: FileId::unnumbered(ep), by: Provenance::Fdinfo, list }
    }
}

/// An open file as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FileRead {
    /// The tool's number for it.
    pub id: FileId,
    /// What it is.
    pub what: FileKind,
    /// What it is called.
    pub name: Box<str>,
    /// The numbers that name it now; none if only a call inside keeps it.
    pub fds: Box<[Fd]>,
    /// What polling it would answer now.
    pub poll: Mask,
    /// Bytes to read, connections to accept, the count of an eventfd, the ticks of a timerfd.
    pub unread: Option<u64>,
    /// Bytes that its peer has not read yet.
    pub unsent: Option<u64>,
}

/// A thread as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ThreadSeen {
    /// Which lane is its.
    pub lane: LaneId,
    /// What it is called.
    pub name: Box<str>,
    /// The kernel's number for it.
    pub tid: u32,
    /// The call in which it sleeps, if that is no `epoll_wait`: for those the wait queues say it.
    pub asleep_in: Option<Syscall>,
}
