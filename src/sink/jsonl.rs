//! Events as JSON objects, one a line, on standard output.

mod line;

use std::io::{self, BufWriter, Write};
use std::time::Duration;

use serde::Serialize;

use super::Sink;
use crate::event::{Event, Header, LaneId};
use crate::model::{Sync, World};
use crate::sys::standard::Stdout;

pub use line::JsonLine;

/// What is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lines {
    /// Each call as `strace -f` prints it, too.
    pub strace: bool,
}

/// Events as lines, into whatever takes bytes.
pub struct LineWriter<W> {
    lines: Lines,
    out: W,
    list_changed: bool,
    /// The wait queue, and how well the list is known, as they were told last.
    told: (Vec<LaneId>, Sync),
}

impl<W: Write> LineWriter<W> {
    /// Lines of a session that begins so: the first one says where clients can connect.
    ///
    /// # Errors
    /// If that cannot be written.
    pub fn begin(mut out: W, header: &Header, lines: Lines) -> io::Result<Self> {
        let (facts, (_, descriptors)) = (&header.facts, header.facts.descriptors);
        let (addresses, pid) = (&facts.addresses[..], facts.pid);
        write_line(&mut out, &JsonLine::Listening { addresses, pid, descriptors })?;
        Ok(Self { lines, out, list_changed: false, told: (Vec::new(), Sync::default()) })
    }

    /// Writes an event, and what it brought, of the world after it.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn event(&mut self, event: &Event, world: &World) -> io::Result<()> {
        self.line(&JsonLine::Event(world, event, self.lines))?;
        let delta = &world.through(None).instance.delta;
        if !delta.added.is_empty() || !delta.removed.is_empty() {
            self.line(&JsonLine::ReadyChange(world))?;
            self.list_changed = true;
        }
        let scanned = world.scan().into_iter().flat_map(|set| &set.divergences);
        for divergence in delta.divergences.iter().chain(scanned) {
            self.line(&JsonLine::Divergence(world, divergence))?;
        }
        let findings: Vec<_> = world.findings.iter().rev().take(world.new_findings).collect();
        for finding in findings.iter().rev() {
            self.line(&JsonLine::Finding(world, finding))?;
        }
        Ok(())
    }

    /// Nothing more comes for now: the whole ready list, if it has changed.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn ready_list(&mut self, world: &World) -> io::Result<()> {
        let instance = world.through(None).instance;
        let (waiting, sync) = &self.told;
        let same = *sync == instance.check.sync && instance.wq.iter().eq(waiting.iter().copied());
        if self.list_changed || !same {
            self.list_changed = false;
            self.told = (instance.wq.iter().collect(), instance.check.sync);
            self.line(&JsonLine::ReadyList(world))?;
        }
        Ok(())
    }

    fn line(&mut self, line: &JsonLine<'_>) -> io::Result<()> {
        write_line(&mut self.out, line)
    }
}

/// Lines to standard output, gathered and flushed together.
pub struct Jsonl(LineWriter<BufWriter<Stdout>>);

impl Jsonl {
    /// Lines of a session that begins so, the first one at once.
    ///
    /// # Errors
    /// If that cannot be written.
    pub fn begin(header: &Header, lines: Lines) -> io::Result<Self> {
        let out = BufWriter::with_capacity(1 << 16, Stdout::default());
        let mut lines = LineWriter::begin(out, header, lines)?;
        lines.out.flush()?;
        Ok(Self(lines))
    }
}

/// Writes an object and the end of its line.
///
/// # Errors
/// If it cannot be written.
pub fn write_line(out: &mut impl Write, object: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, object).map_err(io::Error::from)?;
    out.write_all(b"\n")
}

impl Sink for Jsonl {
    fn event(&mut self, event: &Event, world: &World) -> io::Result<()> {
        self.0.event(event, world)
    }

    fn flush(&mut self, world: &World) -> io::Result<()> {
        self.0.ready_list(world)?;
        self.0.out.flush()
    }

    fn waited(&self) -> Duration {
        self.0.out.get_ref().waited()
    }

    fn finish(mut self: Box<Self>, _: &World) -> io::Result<()> {
        self.0.out.flush()
    }
}
