//! Registrations of files of which it is read what polling them answers: every kind of file may be
//! watched, and whether a condition holds is known.

use super::super::file::{condition, contents};
use super::Case;
use crate::event::Mask;
use crate::model::OpenFile;
use crate::text::words::{Phrase, bits, when};

impl Case<'_> {
    /// It was woken while a harvest holds the list.
    pub(super) fn overflowed(&self) -> String {
        format!(
            "{} was woken while a harvest holds the ready list: it waits on the overflow list \
             (ovflist), newest first, and is moved over when the harvest ends; {}",
            self.name,
            self.contents()
        )
    }

    /// Why it is not on the list.
    pub(super) fn unlisted_polled(&self, file: &OpenFile) -> Phrase {
        let name = &self.name;
        if self.world.instance.batch.contains(&self.entry.key) {
            let how = format!(
                "{name} is in the hands of the harvest that is held: off the ready list, on the \
                 harvest's private list; {}",
                contents(file)
            );
            return Phrase::named(how)
                .then("When that goes on it is reported, or given back to the head");
        }
        let holds = file.poll().set & (self.entry.mask - Mask::PRIVATE);
        if !holds.is_empty() {
            return self.silent(file, holds);
        }
        if self.entry.mask.asked().is_empty() {
            return Phrase::named(format!(
                "{name} is watched with mask 0, so that data and room are not reported ({}); the \
                 kernel adds ERR and HUP, and those are always reported",
                contents(file)
            ));
        }
        let aside = file.poll().set - self.entry.mask;
        if !aside.is_empty() && aside.any(Mask::IN) {
            return Phrase::named(format!(
                "{name} is not on the ready list although {}: its mask {} does not ask for that",
                contents(file),
                bits(self.entry.mask.asked())
            ));
        }
        let how = format!("{name} is not on the ready list: {}{}", contents(file), self.reported());
        Phrase::named(how).then(condition(file, self.entry.mask))
    }

    /// Ready, and yet not on the list.
    fn silent(&self, file: &OpenFile, holds: Mask) -> Phrase {
        let (name, contents, holds) = (&self.name, contents(file), bits(holds));
        let but = format!("{name} is not on the ready list although {contents} ({holds} holds)");
        if self.entry.mask.has(Mask::EXCLUSIVE) && self.entry.delivered.is_none() {
            return Phrase::named(format!(
                "{but}: it is EXCLUSIVE, and the wake-up went to another epoll instance that watches \
                 the same file"
            ));
        }
        match (self.edge(), self.entry.delivered) {
            (true, Some((_, t, mask))) => Phrase::named(format!(
                "{but}: edge-triggered, {} was reported {} and the rest was left",
                bits(mask),
                when(self.world.world, t)
            ))
            .then("It stays silent until something new comes or a MOD polls it"),
            (true, None) => Phrase::named(format!(
                "{but}: edge-triggered, and no wake-up has come since it was added; a MOD polls it"
            )),
            (false, _) => Phrase::named(format!("{but}: nothing has woken it"))
                .then("Epoll learns of a condition by a wake-up, or when it polls"),
        }
    }

    fn reported(&self) -> String {
        match self.entry.delivered {
            Some((_, t, _)) => format!(" (it was last reported {})", when(self.world.world, t)),
            None => String::new(),
        }
    }
}
