//! From a command to text: the inverse of parsing.

use std::fmt;

use super::super::{LaneId, Nanos, Trigger};
use super::{Command, Scope, Target, UNITS};

/// Prints a time as [`parse_duration`](super::parse_duration) reads it, in the largest unit that
/// divides it.
pub fn print_duration(time: Nanos) -> String {
    let (unit, scale) =
        UNITS.iter().find(|(_, scale)| time.0.is_multiple_of(*scale)).unwrap_or(&UNITS[4]);
    format!("{}{unit}", time.0 / scale)
}

/// Prints nanoseconds as `at` reads them, without trailing zeros.
pub(super) fn print_seconds(t: Nanos) -> String {
    let text = format!("{}.{:09}", t.0 / 1_000_000_000, t.0 % 1_000_000_000);
    let short = text.trim_end_matches('0').trim_end_matches('.');
    short.to_owned()
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pause => f.write_str("pause"),
            Self::Run => f.write_str("run"),
            Self::Step(lane) => with(f, "step", lane.as_ref()),
            Self::Turn(lane) => with(f, "turn", lane.as_ref()),
            Self::Delay(ms) => write!(f, "delay {ms}"),
            Self::Trigger(scope, to) => print_trigger(f, *scope, *to),
            Self::Read(policy) => write!(f, "read {policy}"),
            Self::Accept(policy) => write!(f, "accept {policy}"),
            Self::MaxEvents(n) => write!(f, "max-events {n}"),
            Self::Oneshot(fd, on) => with_target(f, "oneshot", *fd, *on),
            Self::Exclusive(fd, on) => with_target(f, "exclusive", *fd, *on),
            Self::Watch(fd, on) => with_target(f, "watch", *fd, *on),
            Self::Rearm(fd) => with_target(f, "rearm", *fd, None),
            Self::Client => f.write_str("client"),
            Self::Send(fd, text) => {
                with_target(f, "send", *fd, None)?;
                if text.is_empty() { Ok(()) } else { write!(f, " {text}") }
            }
            Self::Close(fd) => with_target(f, "close", *fd, None),
            Self::Reset(fd) => with_target(f, "reset", *fd, None),
            Self::Drop(fd) => with_target(f, "drop", *fd, None),
            Self::Mistake(mistake, on) => {
                write!(f, "mistake {}", mistake.word())?;
                print_on(f, *on)
            }
            Self::Threads(n) => write!(f, "threads {n}"),
            Self::Backend(None) => f.write_str("backend"),
            Self::Backend(Some(to)) => write!(f, "backend {to}"),
            Self::Netpoll(by) => write!(f, "netpoll {by}"),
            Self::Record(name) => with_text(f, "record", name.as_deref().unwrap_or("")),
            Self::RecordOff => f.write_str("record off"),
            Self::Save(name) => with_text(f, "save", name.as_deref().unwrap_or("")),
            Self::Mark(note) => with_text(f, "mark", note),
            Self::Screen(command) => command.fmt(f),
            Self::Quit => f.write_str("quit"),
        }
    }
}

pub(super) fn with_text(f: &mut fmt::Formatter<'_>, word: &str, text: &str) -> fmt::Result {
    f.write_str(word)?;
    if text.is_empty() { Ok(()) } else { write!(f, " {text}") }
}

fn with(f: &mut fmt::Formatter<'_>, word: &str, lane: Option<&LaneId>) -> fmt::Result {
    f.write_str(word)?;
    lane.map_or(Ok(()), |lane| write!(f, " {lane}"))
}

fn with_target(
    f: &mut fmt::Formatter<'_>,
    word: &str,
    target: Option<Target>,
    on: Option<bool>,
) -> fmt::Result {
    f.write_str(word)?;
    if let Some(target) = target {
        write!(f, " {target}")?;
    }
    print_on(f, on)
}

pub(super) fn print_on(f: &mut fmt::Formatter<'_>, on: Option<bool>) -> fmt::Result {
    match on {
        None => Ok(()),
        Some(true) => f.write_str(" on"),
        Some(false) => f.write_str(" off"),
    }
}

fn print_trigger(f: &mut fmt::Formatter<'_>, scope: Scope, to: Option<Trigger>) -> fmt::Result {
    f.write_str("trigger")?;
    match scope {
        Scope::Selected => {}
        Scope::One(target) => write!(f, " {target}")?,
        Scope::All => f.write_str(" all")?,
    }
    to.map_or(Ok(()), |to| write!(f, " {to}"))
}
