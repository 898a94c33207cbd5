//! A turn of a listener, and what a server does when no descriptor is left.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, SockaddrLike, SockaddrStorage, getpeername, setsockopt, sockopt,
};

use super::{RETRY_MS, Worker};
use crate::engine::backend::Loop;
use crate::engine::lock;
use crate::engine::serve::{Connection, telnet_layer};
use crate::engine::table::{State, Watched};
use crate::event::{
    AcceptPolicy, Fd, FileId, FileKind, Kind, Mistake, Peer, Refusal, Settings, Syscall,
};
use crate::kernel::queues;

/// Clients that a server open to the network takes.
const LAN_CLIENTS: usize = 256;
/// Clients that it takes from one address.
const LAN_CLIENTS_EACH: usize = 16;

/// [`RETRY_MS`] as a time.
const RETRY: Duration = Duration::from_millis(RETRY_MS.unsigned_abs() as u64);

/// Failed accepts after which the turn ends.
const FAILURES_MAX: u32 = 16;

/// What an `accept4` came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accepting {
    /// A client, or an error that may be the next one's luck: there may be more.
    More,
    /// There is nobody.
    Enough,
    /// No descriptor is left, and the server makes the mistake of not minding.
    Unminded,
    /// No descriptor is left: the listener is left alone until one is free.
    Muted,
    /// The listener is closed.
    Gone,
}

impl<const OBSERVED: bool, L: Loop> Worker<'_, OBSERVED, L> {
    /// One event of a listener.
    pub(super) fn accept_turn(&mut self, listener: &Arc<Watched>) {
        let mut failures = 0;
        while self.accept_once(listener, &mut failures) == Accepting::More {
            let once = self.settings.accept == AcceptPolicy::Once;
            if once || self.mistake(Mistake::AcceptOnce) || self.shared.gate.ending() {
                return;
            }
        }
    }

    /// One `accept4`, and what follows from it. `failures`: how many of them there were in a row.
    pub(crate) fn accept_once(&mut self, listener: &Arc<Watched>, failures: &mut u32) -> Accepting {
        self.gate(Syscall::Accept { fd: listener.fd });
        let accepted = {
            let state = lock(&listener.state);
            self.accept(&state)
        };
        self.accepted(listener, accepted, failures)
    }

    /// What follows from an `accept4`.
    pub(crate) fn accepted(
        &mut self,
        listener: &Arc<Watched>,
        accepted: Result<(OwnedFd, FileId, Peer), Errno>,
        failures: &mut u32,
    ) -> Accepting {
        match accepted {
            Ok((fd, file, peer)) => {
                self.admit(fd, file, peer);
                all_served(listener, false);
                Accepting::More
            }
            Err(Errno::EAGAIN) => {
                all_served(listener, true);
                Accepting::Enough
            }
            Err(Errno::EBADF | Errno::EINVAL) => Accepting::Gone,
            Err(Errno::EMFILE | Errno::ENFILE) => {
                self.out_of_descriptors(listener);
                let muted = lock(&listener.state).flags.muted;
                match muted {
                    true => Accepting::Muted,
                    false if self.mistake(Mistake::NoEmfileGuard) => Accepting::Unminded,
                    false => Accepting::Enough,
                }
            }
            // The client is gone, or the network is: the next may be well (accept(2)).
            Err(_) => {
                *failures += 1;
                if *failures > FAILURES_MAX {
                    self.mute(listener);
                    return Accepting::Muted;
                }
                Accepting::More
            }
        }
    }

    fn accept(&mut self, listener: &State) -> Result<(OwnedFd, FileId, Peer), Errno> {
        let fd = listener.fd.as_ref().ok_or(Errno::EBADF)?;
        self.door.accept(fd.as_fd())
    }

    /// Takes a new connection into the table and the interest list.
    pub(super) fn admit(&mut self, fd: OwnedFd, file: FileId, peer: Peer) {
        let beyond = L::refuses(Fd(fd.as_raw_fd()));
        if let Some(refusal) = self.refusal(&peer).or(beyond).or_else(|| L::full(self)) {
            self.refuse(fd, refusal);
            return;
        }
        let family = getpeername::<SockaddrStorage>(fd.as_raw_fd()).ok().and_then(|a| a.family());
        let unix = matches!(peer, Peer::Unix { .. }) || family == Some(AddressFamily::Unix);
        let what = if unix { FileKind::Unix } else { FileKind::Tcp };
        prepare(&fd, what, &self.settings);
        let number = Fd(fd.as_raw_fd());
        let watched = Watched::new(file, number, what, peer, Some(fd));
        {
            let mut state = lock(&watched.state);
            state.flags.trigger = self.settings.trigger;
            state.conn = Connection::new(&self.settings);
        }
        let watched = self.shared.table.insert(watched);
        self.log_wakeups(&watched);
        if let Some(errno) = self.settle(&watched) {
            self.note(format!("fd {number} cannot be watched: {errno}"));
            self.close(&watched);
        }
    }

    fn refusal(&self, peer: &Peer) -> Option<Refusal> {
        if !self.shared.lan {
            return None;
        }
        let from = if let Peer::Inet(addr) = peer { Some(addr.ip()) } else { None };
        let (all, same) = self.shared.table.clients(from);
        if all >= LAN_CLIENTS {
            return Some(Refusal::Clients);
        }
        (same >= LAN_CLIENTS_EACH).then_some(Refusal::Address)
    }

    fn refuse(&mut self, fd: OwnedFd, refusal: Refusal) {
        self.gate(Syscall::Close { fd: Fd(fd.as_raw_fd()) });
        self.door.close(fd, || {});
        self.door.tell(Kind::Refused(refusal));
    }

    /// No descriptor is left. The spare one is given up once, so that one client can be told by a
    /// close; the others wait until there is room, and the listener is muted meanwhile, because it
    /// would be reported without end.
    pub(super) fn out_of_descriptors(&mut self, listener: &Arc<Watched>) {
        if self.mistake(Mistake::NoEmfileGuard) {
            return;
        }
        let refused = lock(&listener.state).flags.refused;
        let spare = if refused { None } else { lock(&self.shared.spare).take() };
        if let Some(spare) = spare {
            self.gate(Syscall::Close { fd: Fd(spare.as_raw_fd()) });
            self.door.close(spare, || {});
            self.gate(Syscall::Accept { fd: listener.fd });
            let accepted = {
                let mut state = lock(&listener.state);
                let accepted = self.accept(&state);
                state.flags.refused = accepted.is_ok();
                accepted
            };
            let nobody = matches!(accepted, Err(Errno::EAGAIN));
            if let Ok((fd, ..)) = accepted {
                self.refuse(fd, Refusal::NoDescriptor);
            }
            {
                let shared = self.shared;
                let _order = lock(&shared.numbers);
                *lock(&shared.spare) = spare_descriptor();
            }
            // The kernel looks for a descriptor before it looks for a client: there was none to
            // tell, and the next one is an event.
            if nobody {
                return;
            }
        }
        self.mute(listener);
    }

    /// The listener is not watched for a while.
    pub(super) fn mute(&mut self, listener: &Watched) {
        lock(&listener.state).flags.muted = true;
        self.shared.muted.store(true, Ordering::SeqCst);
        self.retry = Some(Instant::now() + RETRY);
        self.settle(listener);
    }

    /// Whether it is time to try the muted listeners again.
    pub(super) fn is_retry_due(&mut self) -> bool {
        if !self.shared.muted.load(Ordering::Relaxed) {
            self.retry = None;
            return false;
        }
        // Another thread may have muted them, and may be gone.
        let due = *self.retry.get_or_insert_with(|| Instant::now() + RETRY);
        Instant::now() >= due
    }

    /// A descriptor may have become free: the muted listeners are tried again.
    pub(super) fn unmute(&mut self) {
        self.retry = None;
        if !self.shared.muted.load(Ordering::Relaxed) {
            return;
        }
        {
            let mut spare = lock(&self.shared.spare);
            if spare.is_none() {
                *spare = spare_descriptor();
            }
        }
        self.shared.muted.store(false, Ordering::SeqCst);
        for listener in self.shared.table.all(|w| w.what == FileKind::Listener) {
            lock(&listener.state).flags.muted = false;
            self.settle(&listener);
        }
    }
}

/// Ends the time in which clients wait for descriptors, if the queue is empty again.
pub(super) fn all_served(listener: &Watched, empty: bool) {
    let mut state = lock(&listener.state);
    if state.flags.refused {
        let waiting = || queues::of(listener.fd, listener.what).unread;
        state.flags.refused = !empty && waiting() != Some(0);
    }
}

/// A descriptor that is only there to be given up.
pub(crate) fn spare_descriptor() -> Option<OwnedFd> {
    std::fs::File::open("/dev/null").ok().map(OwnedFd::from)
}

/// Options of a new connection. A client that is gone already makes them fail, and its first read
/// tells.
fn prepare(fd: &OwnedFd, what: FileKind, settings: &Settings) {
    if what != FileKind::Tcp {
        return;
    }
    let _ = setsockopt(fd, sockopt::TcpNoDelay, &true);
    if telnet_layer(settings) {
        // Telnet's Synch has its mark in the urgent data (tcp(7), RFC 854).
        let _ = setsockopt(fd, sockopt::OobInline, &true);
    }
}
