//! Connections: connect(2), accept4(2), and what time brings to the files.

use crate::event::{Errno, Fd, FileId, FileKind, Mask, Nanos, Reason};

use super::file::What;
use super::link::{Joint, LinkId};
use super::side::Side;
use super::tcp::{Connect, Tcp};
use super::{Flaw, KernelModel, Place};

/// A client that was not answered and asks again.
#[derive(Clone, Copy, Debug)]
pub(super) struct SynRetry {
    link: LinkId,
    listener: FileId,
    at: Nanos,
    tries: u32,
}

impl SynRetry {
    pub(super) fn is_of(&self, link: LinkId) -> bool {
        self.link == link
    }
}

/// The time between the first attempts to connect (`TCP_TIMEOUT_INIT`), and how many there are
/// before it doubles (tcp_syn_linear_timeouts, ip-sysctl).
const RETRY: Nanos = Nanos(1_000_000_000);
const EVEN_TRIES: u32 = 4;

impl KernelModel {
    /// `connect(2)` of a client.
    pub(super) fn connect_file(&mut self, client: Fd, to: Option<Fd>) -> Result<(), Errno> {
        let (file, what) = self.what_at(client)?;
        let (link, side) = match what {
            What::End(link, side) => (*link, *side),
            What::Listener(_) => return Err(Errno::EISCONN),
            _ => return Err(Errno::ENOTSOCK),
        };
        let listener = to.map(|to| self.file_at(to)).transpose()?;
        let mut wakes = self.wakes();
        let tcp = match self.links.get_mut(&link).map(|link| &mut link.joint) {
            Some(Joint::Tcp(tcp)) => tcp,
            // The address is of another family (`unix_validate_addr`).
            Some(Joint::Stream(_) | Joint::Datagram(_)) => return Err(Errno::EINVAL),
            Some(Joint::Udp(_)) => return Err(Errno::EOPNOTSUPP),
            Some(Joint::Pipe(_)) | None => return Err(Errno::ENOTSOCK),
        };
        let next = if side == Side::A { tcp.begin(&mut wakes) } else { Err(Errno::EISCONN) };
        self.run(file, wakes);
        if next? == Connect::Try {
            let link = self.unjoined(file, link);
            self.knock(link, listener, 0);
        }
        Ok(())
    }

    /// A socket that was connected before leaves what it was joined to.
    fn unjoined(&mut self, file: FileId, link: LinkId) -> LinkId {
        let Some(old) = self.links.get_mut(&link).filter(|link| link.ends[1].is_some()) else {
            return link;
        };
        let joint = old.joint.clone();
        old.ends[0] = None;
        let fresh = self.link(joint, [Some(file), None]);
        if let Some(file) = self.files.get_mut(&file) {
            file.what = What::End(fresh, Side::A);
        }
        fresh
    }

    /// A SYN: it is answered, refused, or not heard.
    fn knock(&mut self, id: LinkId, to: Option<FileId>, tries: u32) {
        let mut wakes = self.wakes();
        let listener = to.and_then(|to| match &self.files.get(&to)?.what {
            What::Listener(listener) => Some((to, listener.is_full())),
            _ => None,
        });
        let Some(Joint::Tcp(tcp)) = self.links.get_mut(&id).map(|link| &mut link.joint) else {
            return;
        };
        match listener {
            None => tcp.refuse(&mut wakes),
            Some((_, false)) => tcp.establish(&mut wakes),
            Some((listener, true)) => {
                tcp.unanswered();
                let wait = RETRY.0 << tries.saturating_sub(EVEN_TRIES - 1).min(8);
                let at = Nanos(self.now.0.saturating_add(wait));
                self.knocks.push(SynRetry { link: id, listener, at, tries: tries + 1 });
            }
        }
        self.run_from(id, Side::A, wakes);
        let Some((file, false)) = listener else { return };
        let mut wakes = self.wakes();
        if let Some(What::Listener(listener)) = self.files.get_mut(&file).map(|f| &mut f.what) {
            listener.arrive(id, &mut wakes);
        }
        self.run(file, wakes);
    }

    /// `accept4(2)`
    pub(super) fn accept_file(&mut self, fd: Fd, at: Place) -> Result<(), Errno> {
        let file = self.file_at(fd)?;
        let kind = self.kind_of(file);
        let link = match &mut self.files.get_mut(&file).ok_or(Errno::EBADF)?.what {
            What::Listener(listener) => listener.accept()?,
            What::End(..) => {
                return Err(match kind {
                    FileKind::Pipe | FileKind::PipeWriter => Errno::ENOTSOCK,
                    FileKind::Datagram | FileKind::Udp => Errno::EOPNOTSUPP,
                    _ => Errno::EINVAL,
                });
            }
            _ => return Err(Errno::ENOTSOCK),
        };
        self.install(at, What::End(link, Side::B));
        if let Some(link) = self.links.get_mut(&link) {
            link.ends[1] = Some(at.file);
        }
        if self.flawed(Flaw::AcceptWakes) {
            self.wake(file, Mask::IN, false, Reason::Connection(None));
        }
        Ok(())
    }

    // --- time

    /// The next thing that time brings, if it comes by then: when, and what.
    pub(super) fn next_due(&self, by: Nanos) -> Option<(Nanos, Due)> {
        let file = |id: &FileId| match &self.files.get(id)?.what {
            What::Timerfd(timerfd) => Some((timerfd.due()?, Due::Timer(*id))),
            _ => None,
        };
        let knock = |(at, knock): (usize, &SynRetry)| (knock.at, Due::SynRetry(at));
        let all = self.order.iter().filter_map(file);
        let all = all.chain(self.knocks.iter().enumerate().map(knock));
        all.filter(|(at, _)| *at <= by).min_by_key(|(at, _)| *at)
    }

    pub(super) fn happen(&mut self, due: Due) {
        let mut wakes = self.wakes();
        match due {
            Due::Timer(id) => {
                if let Some(What::Timerfd(timerfd)) =
                    self.files.get_mut(&id).map(|file| &mut file.what)
                {
                    timerfd.expire(&mut wakes);
                }
                self.run(id, wakes);
            }
            Due::SynRetry(at) => {
                let knock = self.knocks.remove(at);
                if self.tcp_of(knock.link).is_some_and(|tcp| tcp.waits()) {
                    self.knock(knock.link, Some(knock.listener), knock.tries);
                }
            }
        }
    }

    pub(super) fn tcp_of(&mut self, link: LinkId) -> Option<&mut Tcp> {
        match &mut self.links.get_mut(&link)?.joint {
            Joint::Tcp(tcp) => Some(tcp),
            _ => None,
        }
    }
}

/// What time brings.
#[derive(Clone, Copy, Debug)]
pub(super) enum Due {
    /// A timer expires.
    Timer(FileId),
    /// A client asks again; its place among those that do.
    SynRetry(usize),
}
