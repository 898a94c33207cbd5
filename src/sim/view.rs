//! What a machine shows of itself.

use crate::event::{Fd, FileId, FileKind, LaneId, Mask, Reason, WatchKey};

use super::KernelModel;
use super::epoll::Item;
use super::file::What;
use super::queue::ItemId;

/// A registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WatchView {
    /// The open file and the number.
    pub key: WatchKey,
    /// `epoll_event.events` as stored, the kernel's own bits included.
    pub mask: Mask,
    /// `epoll_event.data`
    pub data: u64,
    /// Why it was last listed.
    pub why: Reason,
}

/// An epoll instance with its lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceView {
    /// The number under which it was made, or if that is closed another one that names it.
    pub fd: Fd,
    /// Its open file.
    pub file: FileId,
    /// The interest list (rbr), in the order of the registrations.
    pub interest: Vec<WatchView>,
    /// The ready list (rdllist), head first. While a harvest is held this is what it put back.
    pub ready: Vec<WatchView>,
    /// While a harvest is held: what it has not looked at, head first.
    pub batch: Vec<WatchView>,
    /// The overflow list (ovflist), newest first; `None` while no harvest is held.
    pub overflow: Option<Vec<WatchView>>,
    /// Threads in epoll_wait (wq), head first: the first is woken next.
    pub asleep: Vec<LaneId>,
}

/// An open file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileView {
    /// Its number of the tool.
    pub id: FileId,
    /// What it is.
    pub what: FileKind,
    /// The numbers that name it, ascending; none if only a call inside keeps it.
    pub fds: Vec<Fd>,
    /// What polling it would answer.
    pub poll: Mask,
    /// Bytes to read, connections to accept, the count of an eventfd, the ticks of a timerfd.
    pub unread: Option<u64>,
    /// Bytes that its peer has not read.
    pub unsent: Option<u64>,
}

impl KernelModel {
    /// The epoll instances, in the order in which they were made.
    pub fn instances(&self) -> impl Iterator<Item = InstanceView> + '_ {
        self.order.iter().filter_map(|id| self.instance(*id))
    }

    /// The epoll instance that is that open file.
    pub fn instance(&self, id: FileId) -> Option<InstanceView> {
        let epoll = self.epolls.get(&id)?;
        let first = || self.fds(id).first().copied();
        let same = self.numbers.get(&epoll.fd) == Some(&id);
        let scan = epoll.scan.as_ref();
        Some(InstanceView {
            fd: if same { epoll.fd } else { first().unwrap_or(epoll.fd) },
            file: id,
            interest: self.watches(&epoll.interest),
            ready: self.watches(&epoll.ready),
            batch: scan.map(|scan| self.watches(&scan.batch)).unwrap_or_default(),
            overflow: scan.map(|scan| self.watches(scan.overflow.iter().rev())),
            asleep: epoll.sleepers.iter().copied().collect(),
        })
    }

    fn watches<'a>(&self, ids: impl IntoIterator<Item = &'a ItemId>) -> Vec<WatchView> {
        let view = |item: &Item| WatchView {
            key: item.key,
            mask: item.mask,
            data: item.data,
            why: item.why,
        };
        ids.into_iter().filter_map(|id| self.items.get(id)).map(view).collect()
    }

    /// The open files, in the order in which they were made.
    pub fn files(&self) -> impl Iterator<Item = FileView> + '_ {
        self.order.iter().filter_map(|id| self.file(*id))
    }

    /// That open file.
    pub fn file(&self, id: FileId) -> Option<FileView> {
        let file = self.files.get(&id)?;
        let end = match &file.what {
            What::End(link, side) => self.links.get(link).map(|link| (link, *side)),
            _ => None,
        };
        let unread = match &file.what {
            What::Eventfd(eventfd) => Some(eventfd.count()),
            What::Timerfd(timerfd) => Some(timerfd.ticks),
            What::Listener(listener) => u64::try_from(listener.queue.len()).ok(),
            What::End(..) => end.and_then(|(link, side)| link.unread(side)),
            What::Epoll | What::Plain | What::Directory | What::Ring => None,
        };
        Some(FileView {
            id,
            what: self.kind_of(id),
            fds: self.fds(id),
            poll: self.peek_file(id),
            unread,
            unsent: end.and_then(|(link, side)| link.unsent(side)),
        })
    }

    /// The open file under that number.
    pub fn file_under(&self, fd: Fd) -> Option<FileId> {
        self.numbers.get(&fd).copied()
    }

    /// What the open file under that number is.
    pub fn kind_under(&self, fd: Fd) -> Option<FileKind> {
        self.file_under(fd).map(|id| self.kind_of(id))
    }

    fn fds(&self, id: FileId) -> Vec<Fd> {
        let named = |(fd, file): (&Fd, &FileId)| (*file == id).then_some(*fd);
        self.numbers.iter().filter_map(named).collect()
    }
}
