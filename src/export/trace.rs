//! Tracks for <https://ui.perfetto.dev>, in the format of Chrome's traces (JSON).
//!
//! ```text
//! server threads   T1        │ epoll_wait │read│sendto│ epoll_wait      a slice a call
//!                                        ^                              a flow: what woke it
//! ready list       fd 7      ····│ ready ┘│··│ put back │··            a slice a stay
//!                  length    ····│1───────│0·│1─────────│0·            a counter
//! ```
//!
//! Slices of a track never overlap: one that begins before its neighbour has ended is cut there.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use super::ExportRange;
use super::strace::returned;
use super::tracks::{EndedSpan, OpenSpans, word};
use crate::event::{
    Delivery, Event, FileId, GateStep, Kind, LaneId, Nanos, Output, Reason, Syscall, SyscallRecord,
    WatchKey, visible,
};
use crate::history::TrackOwner;
use crate::model::{EpollView, LaneState, Span, TrackId, World};
use crate::text::{self, strace};

/// The process that the threads' tracks are under, and the one of the ready list.
const THREADS: u32 = 1;
const LIST: u32 = 2;

/// One entry of `traceEvents` (the Trace Event Format of Chrome's tracing).
#[derive(Serialize)]
struct Entry<'a, A> {
    ph: &'static str,
    name: &'a str,
    pid: u32,
    tid: u32,
    /// Microseconds.
    ts: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    dur: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cat: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u64>,
    /// Of the end of a flow: it is the slice around it, and not the next one.
    #[serde(skip_serializing_if = "Option::is_none")]
    bp: Option<&'static str>,
    /// Of a moment: it is one of all tracks.
    #[serde(skip_serializing_if = "Option::is_none")]
    s: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    args: Option<A>,
}

/// What is said about an entry.
#[derive(Default, Serialize)]
struct About<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sort_index: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    call: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unfinished: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entries: Option<usize>,
}

/// A part of a track.
#[derive(Clone, Copy, Debug)]
struct Slice {
    pid: u32,
    tid: u32,
    from: Nanos,
    until: Nanos,
}

/// A thread's track, as far as it is written.
#[derive(Default)]
struct ThreadTrack {
    /// Up to here.
    until: Nanos,
    /// What it is in since then, as it is called and in full.
    inside: Option<(&'static str, String, Nanos)>,
}

struct TraceWriter<W> {
    out: W,
    entries: u64,
    begins: Nanos,
    threads: BTreeMap<LaneId, ThreadTrack>,
    /// The tracks of registrations, and up to where they are written.
    files: BTreeMap<TrackOwner, (u32, Nanos)>,
    lengths: BTreeMap<FileId, usize>,
    flows: u64,
}

/// Writes the tracks of a range.
///
/// # Errors
/// If they cannot be written.
pub fn write(range: &ExportRange<'_>, out: impl Write) -> io::Result<()> {
    let mut open = OpenSpans::before(range);
    let mut trace = TraceWriter::begin(out, range, open.world())?;
    range.each(|event| {
        let ended = open.apply(event);
        trace.event(event, open.world(), &ended)
    })?;
    let until = range.ends();
    trace.cut_off(until)?;
    for span in open.finish(until) {
        trace.stay(&span)?;
    }
    trace.end()
}

impl<W: Write> TraceWriter<W> {
    fn begin(out: W, range: &ExportRange<'_>, world: &World) -> io::Result<Self> {
        let begins = range.begins();
        let (threads, files, lengths) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let mut trace = Self { out, entries: 0, begins, threads, files, lengths, flows: 0 };
        trace.out.write_all(b"{\"displayTimeUnit\":\"ns\",\"traceEvents\":[")?;
        trace.named("process_name", (THREADS, 0), "server threads")?;
        trace.named("process_name", (LIST, 0), "ready list")?;
        for lane in &world.lanes {
            let inside = match &lane.state {
                LaneState::Asleep(call) | LaneState::Harvesting(call) => entered(world, call),
                LaneState::Held(next) => held(world, next),
                _ => continue,
            };
            trace.thread(lane.id, world)?.inside = Some((inside.0, inside.1, begins));
        }
        trace.counters(begins, world)?;
        Ok(trace)
    }

    fn event(&mut self, event: &Event, world: &World, ended: &[EndedSpan]) -> io::Result<()> {
        let mut call = None;
        match &event.kind {
            Kind::Enter(entering) => self.enter(event, world, entered(world, entering))?,
            Kind::Park { next } => self.enter(event, world, held(world, next))?,
            Kind::Unpark(_) => self.leave(event, world)?,
            Kind::Return(record) => call = Some(self.call(event, record, world)?),
            Kind::Gap { lost } => {
                self.moment(event, &format!("{lost} observations are missing"))?;
            }
            Kind::Mark(note) => {
                self.moment(event, &format!("mark {}", visible(note.as_bytes(), 200)))?;
            }
            _ => {}
        }
        for finding in world.findings.iter().rev().take(world.new_findings) {
            self.moment(event, &text::finding(finding).text)?;
        }
        for span in ended {
            let stay = self.stay(span)?;
            if let (Some(stay), Some(call), Kind::Return(record)) = (stay, call, &event.kind) {
                self.flow(span, stay, call, record)?;
            }
        }
        self.counters(event.t, world)
    }

    /// A thread's track; named when it is first spoken of.
    fn thread(&mut self, lane: LaneId, world: &World) -> io::Result<&mut ThreadTrack> {
        if !self.threads.contains_key(&lane) {
            let thread = world.lane(lane);
            let own = thread.and_then(|thread| thread.name.as_deref());
            let name = own.map_or_else(|| lane.to_string(), str::to_owned);
            let tid = thread.map_or(0, |thread| thread.tid);
            let name = if tid == 0 { name } else { format!("{name} ({tid})") };
            self.named("thread_name", (THREADS, lane.0.into()), &name)?;
            self.sorted((THREADS, lane.0.into()))?;
        }
        let begun = ThreadTrack { until: self.begins, inside: None };
        Ok(self.threads.entry(lane).or_insert(begun))
    }

    fn enter(
        &mut self,
        event: &Event,
        world: &World,
        (name, text): (&'static str, String),
    ) -> io::Result<()> {
        if event.lane.is_worker() {
            self.thread(event.lane, world)?.inside = Some((name, text, event.t));
        }
        Ok(())
    }

    /// A thread leaves the gate.
    fn leave(&mut self, event: &Event, world: &World) -> io::Result<()> {
        let Some((name, text, since)) = self.thread(event.lane, world)?.inside.take() else {
            return Ok(());
        };
        let slice = self.cut(event.lane, since, event.t);
        let about = About { call: Some(&text), seq: Some(event.seq.0), ..About::default() };
        self.slice(name, slice, about)
    }

    fn call(&mut self, event: &Event, record: &SyscallRecord, world: &World) -> io::Result<Slice> {
        self.thread(event.lane, world)?.inside = None;
        let slice = self.cut(event.lane, record.started, returned(event, record));
        let text = strace::returned(world, record, event.seq);
        let about = About { call: Some(&text), seq: Some(event.seq.0), ..About::default() };
        self.slice(record.call.name(), slice, about)?;
        Ok(slice)
    }

    /// What of that time is not written of yet on a thread's track.
    fn cut(&mut self, lane: LaneId, from: Nanos, until: Nanos) -> Slice {
        let begun = ThreadTrack { until: self.begins, inside: None };
        let track = self.threads.entry(lane).or_insert(begun);
        let from = from.max(track.until);
        track.until = until.max(from);
        Slice { pid: THREADS, tid: lane.0.into(), from, until: track.until }
    }

    /// A stay of a registration on the ready list.
    fn stay(&mut self, span: &EndedSpan) -> io::Result<Option<Slice>> {
        let listed = matches!(span.span, Span::Ready | Span::PutBack);
        if !listed || !matches!(span.track.1, TrackId::Watch(_)) {
            return Ok(None);
        }
        let next = u32::try_from(self.files.len()).unwrap_or(u32::MAX).saturating_add(1);
        let new = !self.files.contains_key(&span.track);
        let (tid, written) = self.files.entry(span.track).or_insert((next, self.begins));
        let from = span.from.max(*written);
        *written = span.until.max(from);
        let slice = Slice { pid: LIST, tid: *tid, from, until: *written };
        if new {
            self.named("thread_name", (LIST, slice.tid), &span.name)?;
            self.sorted((LIST, slice.tid))?;
        }
        let bytes = match span.why {
            Some(Reason::Arrived(bytes)) => bytes,
            _ => None,
        };
        let about = About {
            why: span.why.map(Reason::word),
            bytes,
            seq: Some(span.seq.0),
            unfinished: span.lasts.then_some(true),
            ..About::default()
        };
        self.slice(word(span.span), slice, about)?;
        Ok(Some(slice))
    }

    /// From what woke a file to the call that reported it.
    fn flow(
        &mut self,
        span: &EndedSpan,
        stay: Slice,
        call: Slice,
        record: &SyscallRecord,
    ) -> io::Result<()> {
        let reported = match &record.output {
            Output::Events { events, .. } => &events[..],
            Output::Scan { ready, .. } => &ready[..],
            _ => return Ok(()),
        };
        let key = |one: &Delivery| WatchKey { fd: one.fd, file: one.file };
        let is_it = |one: &Delivery| span.track.1 == TrackId::Watch(key(one));
        // Each end lies within its slice: in the last nanosecond of the call.
        let end = Nanos(call.until.0.saturating_sub(1));
        let within = stay.from < stay.until && call.from <= end && stay.from <= end;
        if span.span != Span::Ready || !within || !reported.iter().any(is_it) {
            return Ok(());
        }
        self.flows += 1;
        let id = Some(self.flows);
        self.entry(&Entry { cat: Some("wake-up"), id, ..entry("s", "wake-up", stay, stay.from) })?;
        let bp = Some("e");
        self.entry(&Entry { cat: Some("wake-up"), id, bp, ..entry("f", "wake-up", call, end) })
    }

    /// The lengths of the ready lists, where they have changed.
    fn counters(&mut self, t: Nanos, world: &World) -> io::Result<()> {
        let several = world.pollers.len() > 1;
        for view in world.views().filter(EpollView::knows_ready_list) {
            let Some(id) = view.id else { continue };
            let entries = view.instance.ready.len();
            if self.lengths.insert(id, entries) == Some(entries) {
                continue;
            }
            let of = view.instance.fd.filter(|_| several);
            let name = of.map_or_else(|| "length".to_owned(), |fd| format!("length of epoll {fd}"));
            let place = Slice { pid: LIST, tid: 0, from: t, until: t };
            let args = Some(About { entries: Some(entries), ..About::default() });
            self.entry(&Entry { args, ..entry("C", &name, place, t) })?;
        }
        Ok(())
    }

    /// Something that is about all tracks.
    fn moment(&mut self, event: &Event, name: &str) -> io::Result<()> {
        let place = Slice { pid: THREADS, tid: 0, from: event.t, until: event.t };
        let args = Some(About { seq: Some(event.seq.0), ..About::default() });
        self.entry(&Entry { s: Some("g"), args, ..entry("i", name, place, event.t) })
    }

    /// Calls that have not returned.
    fn cut_off(&mut self, until: Nanos) -> io::Result<()> {
        for (lane, track) in std::mem::take(&mut self.threads) {
            let Some((name, text, since)) = track.inside else { continue };
            let from = since.max(track.until);
            let (tid, until) = (lane.0.into(), until.max(from));
            let about = About { call: Some(&text), unfinished: Some(true), ..About::default() };
            self.slice(name, Slice { pid: THREADS, tid, from, until }, about)?;
        }
        Ok(())
    }

    fn slice(&mut self, name: &str, slice: Slice, about: About<'_>) -> io::Result<()> {
        let dur = Some(micros(slice.until.since(slice.from)));
        self.entry(&Entry { dur, args: Some(about), ..entry("X", name, slice, slice.from) })
    }

    fn named(&mut self, what: &str, (pid, tid): (u32, u32), name: &str) -> io::Result<()> {
        let place = Slice { pid, tid, from: Nanos(0), until: Nanos(0) };
        let args = Some(About { name: Some(name), ..About::default() });
        self.entry(&Entry { args, ..entry("M", what, place, Nanos(0)) })
    }

    /// Tracks stand in the order of their numbers.
    fn sorted(&mut self, (pid, tid): (u32, u32)) -> io::Result<()> {
        let place = Slice { pid, tid, from: Nanos(0), until: Nanos(0) };
        let args = Some(About { sort_index: Some(tid), ..About::default() });
        self.entry(&Entry { args, ..entry("M", "thread_sort_index", place, Nanos(0)) })
    }

    fn entry(&mut self, entry: &Entry<'_, About<'_>>) -> io::Result<()> {
        let before: &[u8] = if self.entries == 0 { b"\n" } else { b",\n" };
        self.entries += 1;
        self.out.write_all(before)?;
        serde_json::to_writer(&mut self.out, entry).map_err(io::Error::from)
    }

    fn end(mut self) -> io::Result<()> {
        self.out.write_all(b"\n]}\n")
    }
}

/// An entry at a time, with nothing said about it.
fn entry<'a>(ph: &'static str, name: &'a str, place: Slice, t: Nanos) -> Entry<'a, About<'a>> {
    let Slice { pid, tid, .. } = place;
    let (dur, cat, id, bp, s, args) = (None, None, None, None, None, None);
    Entry { ph, name, pid, tid, ts: micros(t), dur, cat, id, bp, s, args }
}

#[expect(clippy::cast_precision_loss, reason = "times are below 2^53")]
fn micros(t: Nanos) -> f64 {
    t.0 as f64 / 1000.0
}

/// A call that has been entered.
fn entered(world: &World, call: &Syscall) -> (&'static str, String) {
    (call.name(), strace::entered(world, call, world.seq))
}

/// What a thread is held before.
fn held(world: &World, next: &GateStep) -> (&'static str, String) {
    ("held", format!("before {}", strace::before(world, next, world.seq)))
}
