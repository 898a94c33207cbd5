//! A part of a history as a recording of its own, without what is hidden in it.

use std::io::{self, Write};

use super::ExportRange;
use crate::event::Seq;
use crate::journal::{Journal, Retelling, RetoldItem};
use crate::record::{Beside, Block, CUT, Hidden, Outlet, Press, RecordingHead};

/// A recording of a part of a history that is being written, some events at a time.
pub struct Excerpt<W> {
    press: Press<Blocks<W>>,
    told: Retelling,
    last: Seq,
    /// What followed that is not to be had.
    cut: bool,
}

/// Blocks one after the other; of what went wrong, the first.
struct Blocks<W> {
    out: W,
    failed: Option<io::Error>,
}

impl<W: Write> Outlet for Blocks<W> {
    fn put(&mut self, block: Block) -> bool {
        if self.failed.is_none() {
            self.failed = self.out.write_all(&block.encode()).err();
        }
        self.failed.is_none()
    }
}

impl<W: Write> Excerpt<W> {
    /// Begins one of that range, with what was `beside` it, if nothing is hidden.
    ///
    /// # Errors
    /// If its first line cannot be written.
    pub fn begin(
        range: &ExportRange<'_>,
        hidden: &[Hidden],
        beside: &[Beside],
        mut out: W,
    ) -> io::Result<Self> {
        let head = RecordingHead::new(range.header.clone(), hidden);
        out.write_all(&head.line())?;
        let world = range.before();
        let mut press = Press::new(Blocks { out, failed: None }, &head, &world);
        for beside in beside {
            press.beside(beside);
        }
        let told = Retelling::new(world, range.first);
        Ok(Self { press, told, last: range.last, cut: range.is_cut() })
    }

    /// Takes so many events more; whether there are others.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn go_on(&mut self, journal: &Journal, most: u64) -> io::Result<bool> {
        let end = Seq(self.told.next().0.saturating_add(most)).min(self.last.next());
        let Self { press, told, .. } = self;
        told.go_on(journal, end, |told| {
            take(press, told);
            true
        });
        match self.press.outlet().failed.take() {
            Some(error) => Err(error),
            None => Ok(self.told.next() <= self.last),
        }
    }

    /// Which part of it is taken, in percent.
    pub fn percent(&self, first: Seq) -> u64 {
        let all = (self.last.0 + 1).saturating_sub(first.0).max(1);
        self.told.next().0.saturating_sub(first.0).min(all) * 100 / all
    }

    /// Ends it.
    ///
    /// # Errors
    /// If the end cannot be written.
    pub fn finish(self) -> io::Result<W> {
        let why = if self.cut { CUT } else { "ended" };
        let Blocks { mut out, failed } = self.press.finish(self.told.world(), why);
        match failed {
            Some(error) => Err(error),
            None => out.flush().map(|()| out),
        }
    }
}

fn take<W: Write>(press: &mut Press<Blocks<W>>, told: RetoldItem<'_>) {
    match told {
        RetoldItem::Event(event, world) => press.event(event, world),
        RetoldItem::World(world) => press.resume(world),
    }
}
