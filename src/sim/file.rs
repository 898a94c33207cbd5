//! Open files: what each is, how it is polled, read, written and closed, and the walk over its wait
//! queue.

use crate::event::{Errno, Fd, FileId, FileKind, How, Mask, Reason};

use super::eventfd::Eventfd;
use super::link::{Joint, Link, LinkId};
use super::listener::Listener;
use super::queue::{Hook, ItemId, Queue};
use super::side::Side;
use super::tcp::Tcp;
use super::timerfd::Timerfd;
use super::wakes::{READABLE, WRITABLE, Wakes, Whom};
use super::{Flaw, KernelModel, Place};

/// What an open file is.
#[derive(Clone, Debug)]
pub(super) enum What {
    Epoll,
    Eventfd(Eventfd),
    Timerfd(Timerfd),
    Listener(Listener),
    /// One end of a pipe, a pair of sockets, or a connection.
    End(LinkId, Side),
    /// A regular file, `/dev/null`: it cannot be waited for.
    Plain,
    /// Nor can a directory, which is not read or written either.
    Directory,
    /// An io_uring.
    Ring,
}

/// An open file description (struct file).
#[derive(Clone, Debug)]
pub(super) struct File {
    /// Descriptors that name it, and calls that are inside it.
    refs: u32,
    /// Whether the last close resets a connection (SO_LINGER with 0).
    pub(super) resets: bool,
    /// The number that a signal names when something arrives (`O_ASYNC`, `F_SETSIG`).
    pub(super) signals: Option<Fd>,
    pub(super) what: What,
    /// Its registrations, newest first (`f_ep`).
    pub(super) items: Vec<ItemId>,
    pub(super) queue: Queue,
}

/// Bytes of a count, as eventfd(2) and timerfd_create(2) hand it over.
const COUNT: u64 = 8;

impl KernelModel {
    // --- opening

    pub(super) fn install(&mut self, at: Place, what: What) {
        if self.numbers.contains_key(&at.fd) {
            let _closed = self.close(at.fd);
        }
        self.numbers.insert(at.fd, at.file);
        let file = File {
            refs: 1,
            resets: false,
            signals: None,
            what,
            items: Vec::new(),
            queue: Queue::default(),
        };
        self.files.insert(at.file, file);
        self.order.push(at.file);
    }

    pub(super) fn install_pair(&mut self, a: Place, b: Place, joint: Joint) {
        let link = self.link(joint, [Some(a.file), Some(b.file)]);
        self.install(a, What::End(link, Side::A));
        self.install(b, What::End(link, Side::B));
    }

    pub(super) fn link(&mut self, joint: Joint, ends: [Option<FileId>; 2]) -> LinkId {
        self.last_link += 1;
        let id = LinkId(self.last_link);
        self.links.insert(id, Link { joint, ends });
        id
    }

    /// The file under a number.
    pub(super) fn file_at(&self, fd: Fd) -> Result<FileId, Errno> {
        self.numbers.get(&fd).copied().ok_or(Errno::EBADF)
    }

    pub(super) fn what_at(&self, fd: Fd) -> Result<(FileId, &What), Errno> {
        let id = self.file_at(fd)?;
        let file = self.files.get(&id).ok_or(Errno::EBADF)?;
        Ok((id, &file.what))
    }

    /// The end of a link under a number, if it is one.
    pub(super) fn end_at(&self, fd: Fd) -> Result<(FileId, Option<(LinkId, Side)>), Errno> {
        let (file, what) = self.what_at(fd)?;
        let end = if let What::End(link, side) = what { Some((*link, *side)) } else { None };
        Ok((file, end))
    }

    /// The socket under a number; a listener has no link.
    pub(super) fn socket(&self, fd: Fd) -> Result<(FileId, Option<LinkId>, Side), Errno> {
        let (file, what) = self.what_at(fd)?;
        match what {
            What::Listener(_) => Ok((file, None, Side::A)),
            What::End(link, side) => {
                let pipe = |link: &Link| matches!(link.joint, Joint::Pipe(_));
                if self.links.get(link).is_some_and(pipe) {
                    return Err(Errno::ENOTSOCK);
                }
                Ok((file, Some(*link), *side))
            }
            _ => Err(Errno::ENOTSOCK),
        }
    }

    // --- poll

    /// What the file's poll answers now, with the traces that polling leaves.
    pub(super) fn poll_file(&mut self, id: FileId) -> Mask {
        match self.files.get(&id).map(|file| &file.what) {
            Some(What::Epoll) => self.poll_epoll(id),
            Some(What::End(link, side)) => {
                let (link, side) = (*link, *side);
                self.links.get_mut(&link).map_or(Mask::EMPTY, |link| link.poll(side))
            }
            _ => self.peek_file(id),
        }
    }

    /// What the file's poll would answer now.
    pub(super) fn peek_file(&self, id: FileId) -> Mask {
        match self.files.get(&id).map(|file| &file.what) {
            Some(What::Epoll) => self.peek_epoll(id),
            Some(What::Eventfd(eventfd)) => eventfd.poll(),
            Some(What::Timerfd(timerfd)) => timerfd.poll(),
            Some(What::Listener(listener)) => listener.poll(),
            Some(What::End(link, side)) => {
                self.links.get(link).map_or(Mask::EMPTY, |link| link.peek(*side))
            }
            // `DEFAULT_POLLMASK`: a file without a poll method is always ready.
            Some(What::Plain | What::Directory) => READABLE | WRITABLE,
            Some(What::Ring) => self.peek_ring(id),
            None => Mask::EMPTY,
        }
    }

    /// Whether its poll method hooks its caller; a file without one is always ready
    /// (`DEFAULT_POLLMASK`).
    pub(super) fn has_queue(&self, id: FileId) -> bool {
        let what = self.files.get(&id).map(|file| &file.what);
        !matches!(what, Some(What::Plain | What::Directory) | None)
    }

    pub(super) fn kind_of(&self, id: FileId) -> FileKind {
        match self.files.get(&id).map(|file| &file.what) {
            Some(What::Epoll) => FileKind::Epoll,
            Some(What::Eventfd(_)) => FileKind::Eventfd,
            Some(What::Timerfd(_)) => FileKind::Timerfd,
            Some(What::Listener(_)) => FileKind::Listener,
            Some(What::End(link, side)) => {
                self.links.get(link).map_or(FileKind::Plain, |link| link.kind(*side))
            }
            Some(What::Ring) => FileKind::Ring,
            Some(What::Plain | What::Directory) | None => FileKind::Plain,
        }
    }

    // --- wake-ups

    pub(super) fn wakes(&self) -> Wakes {
        Wakes::new(self.flaw)
    }

    /// Carries out the wake-ups of a call on `file`.
    pub(super) fn run(&mut self, file: FileId, wakes: Wakes) {
        let end = match self.files.get(&file).map(|file| &file.what) {
            Some(What::End(link, side)) => Some((*link, *side)),
            _ => None,
        };
        match end {
            Some((link, side)) => self.run_from(link, side, wakes),
            None => {
                for wake in wakes {
                    self.wake(file, wake.key, wake.all, wake.why);
                }
            }
        }
    }

    /// Carries out the wake-ups of a call on that end of a link, which may have no file.
    pub(super) fn run_from(&mut self, link: LinkId, side: Side, wakes: Wakes) {
        for wake in wakes {
            let file = self.links.get(&link).and_then(|link| link.file(side, wake.whom));
            if let Some(file) = file {
                self.wake(file, wake.key, wake.all, wake.why);
            }
        }
    }

    /// The walk over a file's wait queue (`__wake_up_common`): it ends at the first exclusive hook
    /// that was served, unless everybody is to be woken.
    pub(super) fn wake(&mut self, file: FileId, key: Mask, all: bool, why: Reason) {
        if matches!(why, Reason::Arrived(_) | Reason::Connection(_)) {
            self.notify(file);
        }
        let Some(queue) = self.files.get(&file).map(|file| &file.queue) else { return };
        if queue.is_empty() {
            return;
        }
        let all = match self.flaw {
            Some(Flaw::ExclusiveWalkGoesOn) => true,
            Some(Flaw::WakeAllStops) => false,
            _ => all,
        };
        for hook in queue.hooks() {
            match hook {
                Hook::Item { item, exclusive } => {
                    if self.callback(item, key, why) && exclusive && !all {
                        return;
                    }
                }
                Hook::Poller { thread, want } => {
                    let keyless = key.is_empty() && !self.flawed(Flaw::PollerNeedsKey);
                    if keyless || key.any(want) {
                        self.wake_poller(thread);
                    }
                }
                Hook::Reader { thread } => self.wake_reader(thread),
                Hook::Ring { ring, serial, want } => {
                    if key.is_empty() || key.any(want) {
                        self.wake_flight(ring, serial, key);
                    }
                }
            }
        }
    }

    // --- reading and writing

    pub(super) fn read_file(&mut self, fd: Fd, n: u64) -> Result<u64, Errno> {
        let file = self.file_at(fd)?;
        self.read_of(file, n)
    }

    /// The same of an open file, under whatever number.
    pub(super) fn read_of(&mut self, file: FileId, n: u64) -> Result<u64, Errno> {
        let mut wakes = self.wakes();
        let now = self.now;
        let result = match &mut self.files.get_mut(&file).ok_or(Errno::EBADF)?.what {
            What::Epoll | What::Ring => Err(Errno::EINVAL),
            What::Eventfd(_) | What::Timerfd(_) if n < COUNT => Err(Errno::EINVAL),
            What::Eventfd(eventfd) => eventfd.read(&mut wakes),
            What::Timerfd(timerfd) => timerfd.read(now),
            // No socket is asked for nothing (`sock_read_iter`).
            What::Listener(_) if n == 0 => Ok(0),
            What::Listener(_) => Err(Errno::ENOTCONN),
            What::Plain => Ok(0),
            // `generic_read_dir`
            What::Directory => Err(Errno::EISDIR),
            What::End(link, side) => {
                let (link, side) = (*link, *side);
                self.links.get_mut(&link).map_or(Ok(0), |link| link.read(side, n, &mut wakes))
            }
        };
        self.run(file, wakes);
        result
    }

    pub(super) fn write_file(&mut self, fd: Fd, n: u64) -> Result<u64, Errno> {
        let file = self.file_at(fd)?;
        self.write_of(file, n)
    }

    /// The same of an open file, under whatever number.
    pub(super) fn write_of(&mut self, file: FileId, n: u64) -> Result<u64, Errno> {
        let mut wakes = self.wakes();
        let result = match &mut self.files.get_mut(&file).ok_or(Errno::EBADF)?.what {
            What::Epoll | What::Timerfd(_) | What::Ring => Err(Errno::EINVAL),
            What::Eventfd(eventfd) => eventfd.write(n, &mut wakes),
            What::Listener(_) => Err(Errno::EPIPE),
            What::Plain => Ok(n),
            // It can be opened for reading alone.
            What::Directory => Err(Errno::EBADF),
            What::End(link, side) => {
                let (link, side) = (*link, *side);
                let charges = &self.charges;
                let link = self.links.get_mut(&link);
                link.map_or(Ok(n), |link| link.write(side, n, charges, &mut wakes))
            }
        };
        self.run(file, wakes);
        result
    }

    pub(super) fn shut(&mut self, fd: Fd, how: How) -> Result<(), Errno> {
        let file = self.file_at(fd)?;
        let mut wakes = self.wakes();
        let result = match &mut self.files.get_mut(&file).ok_or(Errno::EBADF)?.what {
            What::Listener(_) => {
                if how != How::Wr {
                    self.stop_listening(file);
                    wakes.one(Whom::Own, Mask::ERR, Reason::PeerClosed);
                }
                wakes.all(Whom::Own, Reason::Woken(Mask::EMPTY));
                Ok(())
            }
            What::End(link, side) => {
                let (link, side) = (*link, *side);
                let link = self.links.get_mut(&link).ok_or(Errno::ENOTSOCK)?;
                link.shutdown(side, how, &mut wakes)
            }
            _ => Err(Errno::ENOTSOCK),
        };
        self.run(file, wakes);
        result
    }

    /// A listener becomes an ordinary socket again, and what it did not accept is reset
    /// (`inet_csk_listen_stop`).
    fn stop_listening(&mut self, id: FileId) {
        let link = self.link(Joint::Tcp(Tcp::new()), [Some(id), None]);
        let Some(file) = self.files.get_mut(&id) else { return };
        let before = std::mem::replace(&mut file.what, What::End(link, Side::A));
        if let What::Listener(listener) = before {
            self.reset_pending(listener.queue);
        }
    }

    // --- closing

    /// One more descriptor, or a call inside, keeps the file.
    pub(super) fn hold(&mut self, id: FileId) {
        if let Some(file) = self.files.get_mut(&id) {
            file.refs += 1;
        }
    }

    /// One less; after the last one the file is released.
    pub(super) fn drop_ref(&mut self, id: FileId) {
        let Some(file) = self.files.get_mut(&id) else { return };
        file.refs = file.refs.saturating_sub(1);
        if file.refs == 0 || self.flawed(Flaw::AnyCloseUnregisters) {
            self.unregister_file(id);
        }
        if self.files.get(&id).is_some_and(|file| file.refs == 0) {
            self.release(id);
        }
    }

    /// Whether this is the last reference.
    pub(super) fn is_last_ref(&self, id: FileId) -> bool {
        self.files.get(&id).is_some_and(|file| file.refs == 1)
    }

    /// Whether a harvest is held that a close of the file would wait for.
    pub(super) fn is_in_frozen(&self, id: FileId) -> bool {
        let items = self.files.get(&id).map_or(&[][..], |file| &file.items);
        let mut eps = items.iter().filter_map(|id| self.items.get(id)).map(|item| item.ep);
        eps.any(|ep| self.is_frozen(ep))
    }

    /// `eventpoll_release_file`: no event, no wake-up.
    fn unregister_file(&mut self, id: FileId) {
        let items = self.files.get(&id).map(|file| file.items.clone()).unwrap_or_default();
        for item in items {
            self.remove_item(item);
        }
    }

    fn release(&mut self, id: FileId) {
        let Some(file) = self.files.remove(&id) else { return };
        self.order.retain(|other| *other != id);
        match file.what {
            What::Epoll => {
                let items = self.epolls.get(&id).map(|ep| ep.interest.clone()).unwrap_or_default();
                for item in items {
                    self.remove_item(item);
                }
                self.epolls.remove(&id);
            }
            What::Listener(listener) => self.reset_pending(listener.queue),
            What::Ring => self.release_ring(id),
            What::End(link, side) => self.release_end(link, side, file.resets),
            What::Eventfd(_) | What::Timerfd(_) | What::Plain | What::Directory => {}
        }
    }

    fn release_end(&mut self, id: LinkId, side: Side, reset: bool) {
        let mut wakes = self.wakes();
        let silent = self.flaw;
        if let Some(link) = self.links.get_mut(&id) {
            link.release(side, reset, &mut wakes);
            if silent == Some(Flaw::PipeCloseIsSilent) && matches!(link.joint, Joint::Pipe(_)) {
                wakes = Wakes::new(silent);
            }
        }
        self.run_from(id, side, wakes);
        let waits = self.knocks.iter().any(|knock| knock.is_of(id))
            || self.queued().any(|queued| queued == id);
        if self.links.get(&id).is_some_and(|link| link.ends == [None, None]) && !waits {
            self.links.remove(&id);
        }
    }

    /// The connections in listeners' queues.
    fn queued(&self) -> impl Iterator<Item = LinkId> {
        let queue = |file: &'_ File| match &file.what {
            What::Listener(listener) => listener.queue.iter().copied().collect(),
            _ => Vec::new(),
        };
        self.files.values().flat_map(queue)
    }

    /// Nobody accepts them any more.
    fn reset_pending(&mut self, pending: impl IntoIterator<Item = LinkId>) {
        for link in pending {
            self.release_end(link, Side::B, true);
        }
    }
}
