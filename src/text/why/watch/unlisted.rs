//! Why a registration is not on the ready list, and what would list it.

use super::Case;
use crate::event::{ConnState, FileKind, Mask};
use crate::model::OpenFile;
use crate::text::why::predict;
use crate::text::words::{Phrase, bits, clients, count};

impl Case<'_> {
    pub(super) fn unlisted(&self) -> Phrase {
        if let Some(file) = self.file.filter(|file| file.polled.is_some()) {
            return self.unlisted_polled(file);
        }
        match predict::unknown(self.world) {
            None => Phrase::named(self.quiet()),
            Some(why) => Phrase::named(format!(
                "Whether fd {} is on the ready list is not known: {why}. As far as its calls tell, \
                 {}",
                self.entry.key.fd,
                self.contents()
            )),
        }
    }

    /// Why it is not on the list.
    fn quiet(&self) -> String {
        let Some(file) = self.file else {
            return format!("{} is registered, and nothing is known of its file", self.name);
        };
        match file.what {
            FileKind::Eventfd => return self.control(),
            FileKind::Listener => return self.listener(file),
            _ => {}
        }
        if self.entry.mask.asked().is_empty() {
            return format!(
                "{} is watched with mask 0, so data and room are not reported ({}); the kernel adds \
                 ERR and HUP, and those are always reported",
                self.name,
                self.contents()
            );
        }
        self.by_connection(file)
            .or_else(|| self.left_unread(file))
            .or_else(|| self.no_room(file))
            .unwrap_or_else(|| self.waiting(file))
    }

    fn control(&self) -> String {
        format!(
            "{} is this tool's own: it stands in the very set that it controls, so that a command \
             wakes a thread in epoll_wait. It is not on the ready list because nobody has written \
             to it since it was last read",
            self.name
        )
    }

    fn listener(&self, file: &OpenFile) -> String {
        match file.unread {
            Some(n) if n > 0 && self.edge() => format!(
                "{} is not on the ready list though {} to be accepted: edge-triggered, it was \
                 reported once and the server accepted only some. Another client or a MOD lists it \
                 again",
                self.name,
                clients(n)
            ),
            Some(n) if n > 0 => format!(
                "{}: {} to be accepted, and its wake-up has not been seen",
                self.name,
                clients(n)
            ),
            Some(_) => format!(
                "{} is not on the ready list: no client waits to be accepted. The next completed \
                 connection lists it; accept4 itself wakes nobody",
                self.name
            ),
            None => format!(
                "{} is not on the ready list: no connection has been seen to complete{}",
                self.name,
                self.since()
            ),
        }
    }

    /// What the server itself does with the connection.
    fn by_connection(&self, file: &OpenFile) -> Option<String> {
        let contents = self.contents();
        let queued = count(u64::from(file.queued), "byte");
        match file.conn {
            ConnState::Open => None,
            ConnState::Carried => Some(format!(
                "{} is not on the ready list, {contents}: the bound of a turn was reached, so the \
                 server keeps it on its own list of unfinished connections and reads on next turn, \
                 without epoll",
                self.name
            )),
            ConnState::BackPressure => Some(format!(
                "{} is not on the ready list, {contents}: its output queue is full ({queued}), so \
                 the server took IN out of its mask until the peer reads; OUT comes back when about \
                 a third of the send buffer is free",
                self.name
            )),
            ConnState::Flushing => Some(format!(
                "{} is not on the ready list: the peer has sent its end, and {queued} are still to \
                 be written before the close; room to write (OUT) lists it",
                self.name
            )),
        }
    }

    /// Edge-triggered (or masked) with something to read.
    fn left_unread(&self, file: &OpenFile) -> Option<String> {
        let unread = file.unread.unwrap_or(0);
        let name = &self.name;
        if unread == 0 && !file.ended() {
            return None;
        }
        let holds = match unread {
            0 => "its peer has closed (RDHUP)".to_owned(),
            n => format!("it holds {}", count(u64::from(n), "unread byte")),
        };
        if !self.entry.mask.any(Mask::IN | Mask::RDHUP) {
            return Some(format!(
                "{name} is not on the ready list though {holds}: its mask {} has no IN, so arriving \
                 data is not its business; ERR and HUP are always reported",
                bits(self.entry.mask)
            ));
        }
        Some(match (self.edge(), self.entry.delivered) {
            (true, Some((_, t, mask))) => format!(
                "{name} is not on the ready list though {holds}: edge-triggered, {} was reported at \
                 {t} and the server left it unread. It stays silent until the peer sends again or a \
                 MOD polls it",
                bits(mask)
            ),
            (true, None) => format!(
                "{name} is not on the ready list though {holds}: edge-triggered, and no wake-up has \
                 been seen since it was added; a MOD polls it"
            ),
            (false, _) => format!(
                "{name} is not on the ready list though {holds}: its wake-up has not been seen yet; \
                 level-triggered, it is reported as long as that holds"
            ),
        })
    }

    fn no_room(&self, file: &OpenFile) -> Option<String> {
        let watched = self.entry.mask.has(Mask::OUT) && file.room == Some(false);
        watched.then(|| {
            let unsent = match file.unsent {
                Some(n) => format!(" ({} not yet acknowledged)", count(u64::from(n), "byte")),
                None => String::new(),
            };
            format!(
                "{} is not on the ready list: OUT is watched, but its send buffer is full{unsent}, \
                 and {}. The peer must read until about a third is free before OUT comes",
                self.name,
                self.contents()
            )
        })
    }

    /// Nothing to report.
    fn waiting(&self, file: &OpenFile) -> String {
        let Some((_, t)) = file.served.filter(|_| self.entry.deliveries > 0) else {
            return format!(
                "{} is not on the ready list: nothing has arrived{}. The first bytes put it there",
                self.name,
                self.since()
            );
        };
        let tail = if self.edge() {
            "New data is an edge and lists it again"
        } else {
            "New data lists it again"
        };
        if file.drained {
            return format!(
                "{} is not on the ready list: it was drained at {t} (EAGAIN), and nothing has \
                 arrived since. {tail}",
                self.name
            );
        }
        match file.unread {
            None => format!(
                "{} is not on the ready list: no wake-up since it was served at {t}; {}. {tail}",
                self.name,
                self.contents()
            ),
            Some(_) => format!(
                "{} is not on the ready list: everything was read by {t}, and nothing has arrived \
                 since. {tail}",
                self.name
            ),
        }
    }

    fn since(&self) -> String {
        let (_, t) = self.entry.changed;
        if self.entry.deliveries == 0 && self.entry.wakeups == 0 {
            format!(" since it was added at {t}")
        } else {
            match self.entry.delivered {
                Some((_, t, _)) => format!(" since it was reported at {t}"),
                None => String::new(),
            }
        }
    }
}
