//! Calls as `strace -f -ttt -T -o` writes them: each on a line of its own, when it has returned.

use std::io::{self, Write};

use super::ExportRange;
use crate::event::{Event, Header, Kind, LaneId, Nanos, Output, Syscall, SyscallRecord};
use crate::model::{LaneState, World};
use crate::text::strace;

/// The column in which strace has the results (`-a`, strace(1)).
const RESULTS: usize = 40;

/// Writes the calls of a range: the thread, the time at which it was made, the call, its result,
/// and how long it took.
///
/// # Errors
/// If they cannot be written.
pub fn write(range: &ExportRange<'_>, mut out: impl Write) -> io::Result<()> {
    let mut world = range.before();
    range.each(|event| {
        world.apply(event);
        match &event.kind {
            Kind::Return(record) => {
                let at = stamp(&world, event.lane, range.header, record.started);
                let call = call(record, &world);
                let took = Took(returned(event, record).since(record.started));
                writeln!(out, "{at} {call} {took}")
            }
            // As strace tells of a signal: what reads its lines passes it over.
            Kind::Gap { lost } => {
                let at = stamp(&world, event.lane, range.header, event.t);
                writeln!(out, "{at} --- {lost} observations are missing ---")
            }
            _ => Ok(()),
        }
    })?;
    for lane in &world.lanes {
        if let LaneState::Asleep(call) | LaneState::Harvesting(call) = &lane.state {
            let at = stamp(&world, lane.id, range.header, lane.since);
            writeln!(out, "{at} {} <unfinished ...>", begun(call))?;
        }
    }
    Ok(())
}

/// When a call had returned: what is read after a wait takes time that is not the call's.
pub(super) fn returned(event: &Event, record: &SyscallRecord) -> Nanos {
    match record.output {
        Output::Events { done, .. } => done.clamp(record.started, event.t.max(record.started)),
        _ => event.t.max(record.started),
    }
}

/// The thread and the time, in seconds since the Epoch if it is known when that was.
fn stamp(world: &World, lane: LaneId, header: &Header, t: Nanos) -> String {
    let tid = world.lane(lane).map_or(0, |lane| lane.tid);
    let tid = if tid == 0 { u32::from(lane.0) } else { tid };
    let us = header.epoch.unwrap_or(0).saturating_add(t.0) / 1000;
    format!("{tid} {}.{:06}", us / 1_000_000, us % 1_000_000)
}

/// The call with its result in the column where strace has it.
fn call(record: &SyscallRecord, world: &World) -> String {
    let line = strace::line(record, |key| Some(key.data()), world.scan());
    match line.rfind(") = ") {
        Some(at) => {
            let (call, result) = (&line[..=at], &line[at + ") ".len()..]);
            format!("{call:width$} {result}", width = RESULTS - 1)
        }
        None => line,
    }
}

/// What strace has written of a call that has not returned.
fn begun(call: &Syscall) -> String {
    match call.fd() {
        Some(fd) => format!("{}({fd}, ", call.name()),
        None => format!("{}(", call.name()),
    }
}

/// How long a call took (`-T`).
struct Took(Nanos);

impl std::fmt::Display for Took {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let us = self.0.0 / 1000;
        write!(f, "<{}.{:06}>", us / 1_000_000, us % 1_000_000)
    }
}
