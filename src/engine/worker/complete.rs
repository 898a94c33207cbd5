//! What the completions of an io_uring(7) mean for listeners and connections: the kernel has read,
//! sent or accepted already.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use nix::errno::Errno;

use super::Worker;
use crate::engine::backend::Loop;
use crate::engine::lock;
use crate::engine::table::Watched;
use crate::event::{Admitted, ConnState, Mistake};

impl<const OBSERVED: bool, L: Loop> Worker<'_, OBSERVED, L> {
    /// A connection was accepted.
    pub(crate) fn connected(&mut self, listener: &Watched, fd: OwnedFd, admitted: Admitted) {
        let Admitted { file, peer } = admitted;
        self.admit(fd, file, peer);
        super::accept::all_served(listener, false);
    }

    /// An accept failed. Without a descriptor the kernel does not even look for a client
    /// (`io_accept`, io_uring/net.c): the next one would fail at once, so that none is armed until
    /// one is free.
    pub(crate) fn accept_failed(&mut self, listener: &Arc<Watched>, errno: Errno) {
        match errno {
            Errno::EMFILE | Errno::ENFILE if self.mistake(Mistake::NoEmfileGuard) => {}
            Errno::EMFILE | Errno::ENFILE => {
                self.out_of_descriptors(listener);
                if !lock(&listener.state).flags.muted {
                    self.mute(listener);
                }
            }
            Errno::EBADF | Errno::EINVAL => self.mute(listener),
            // The client is gone, or the network is: the next may be well (accept(2)).
            _ => {}
        }
    }

    /// The first `len` bytes of the thread's buffer were received.
    pub(crate) fn received(&mut self, watched: &Arc<Watched>, len: usize) {
        let served = {
            let mut guard = lock(&watched.state);
            let state = &mut *guard;
            let before = state.conn.state();
            // After the last word nothing is served any more.
            if state.fd.is_none() || before == ConnState::Flushing {
                return;
            }
            let served = state.conn.intake(&self.buffer[..len]);
            self.tell_state(watched, before, &state.conn);
            served
        };
        self.after_serve(watched, &served);
        self.after_flush(watched, false);
    }

    /// The peer sent its end.
    pub(crate) fn input_ended(&mut self, watched: &Arc<Watched>) {
        let served = {
            let mut state = lock(&watched.state);
            if state.fd.is_none() {
                return;
            }
            state.conn.ended()
        };
        self.after_serve(watched, &served);
        self.end_of_input(watched);
        self.after_flush(watched, false);
    }

    /// A send is over.
    pub(crate) fn after_send(&mut self, watched: &Arc<Watched>) {
        self.after_flush(watched, false);
    }
}
