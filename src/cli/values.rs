//! The values of the options: their words, their bounds, and what to say when they are wrong.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser, ValueParser};

use crate::compare::ComparePlan;
use crate::event::{
    AcceptPolicy, Application, Backend, Command, ExportKind, Mistake, Nanos, NetpollMode,
    ReadPolicy, ReplaySpeed, ScreenCommand, Trigger, WakeupLogMode, parse_duration,
};
use crate::record::Hidden;
use crate::share::ShareCode;

/// A set of colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum ThemeChoice {
    /// For dark backgrounds.
    Dark,
    /// For light backgrounds.
    Light,
    /// Strong contrasts for a lecture hall.
    Projector,
    /// No colours at all.
    Mono,
}

/// What is written to standard output without a screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, ValueEnum)]
pub enum OutputFormat {
    /// A JSON object a line.
    #[default]
    Json,
    /// Nothing: events are folded, as for a screen, and forgotten.
    None,
}

/// How many events are kept, and in how much memory: the first bound that is met counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HistoryLimits {
    /// Events.
    pub events: usize,
    /// Bytes.
    pub bytes: usize,
}

impl Default for HistoryLimits {
    fn default() -> Self {
        Self { events: 1_000_000, bytes: 64 << 20 }
    }
}

/// The longest path of a UNIX socket (unix(7), `sun_path` with its NUL).
const MAX_UNIX_PATH: usize = 107;

pub(super) fn share_code(text: &str) -> Result<ShareCode, String> {
    ShareCode::parse(text).ok_or_else(|| "expected 4 to 32 letters and digits".to_owned())
}

pub(super) fn share_name(text: &str) -> Result<String, String> {
    let known = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    let is_name = !text.is_empty() && text.len() <= MAX_HOST && text.chars().all(known);
    is_name.then(|| text.to_owned()).ok_or_else(|| "expected the name of a host".to_owned())
}

/// The longest name of a host (RFC 1035, 2.3.4).
const MAX_HOST: usize = 253;

pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "expected an address and a port: 127.0.0.1:8000 or [::1]:0".to_owned())
}

pub(super) fn unix_path(text: &str) -> Result<PathBuf, String> {
    match text.len() {
        1..=MAX_UNIX_PATH if !text.contains('\0') => Ok(PathBuf::from(text)),
        _ => Err(format!("expected a path of 1 to {MAX_UNIX_PATH} bytes")),
    }
}

/// The value of an option that is a command with one argument or more, joined by `:`.
fn command(word: &str, value: &str) -> Result<Command, String> {
    Command::parse_joined(&format!("{word}:{value}"))
        .map_err(|error| format!("expected {}", error.expected))
}

/// Takes the argument out of the command that `command` gave.
macro_rules! argument_of {
    ($name:ident, $word:literal, $variant:ident, $type:ty) => {
        pub(super) fn $name(value: &str) -> Result<$type, String> {
            match command($word, value)? {
                Command::$variant(argument) => Ok(argument),
                other => Err(format!("expected a value, not `{other}`")),
            }
        }
    };
}

argument_of!(read_policy, "read", Read, ReadPolicy);
argument_of!(max_events, "max-events", MaxEvents, u32);
argument_of!(delay_ms, "delay", Delay, u32);
argument_of!(threads, "threads", Threads, u8);

/// A parser for one of `all` by its word.
fn one_of<T, const N: usize>(all: [T; N], word: fn(&T) -> PossibleValue) -> ValueParser
where
    T: Copy + Send + Sync + 'static,
{
    let words = PossibleValuesParser::new(all.iter().map(word));
    ValueParser::new(words.try_map(move |given| {
        all.iter().copied().find(|t| word(t).get_name() == given).ok_or("expected one of the above")
    }))
}

pub(super) fn application() -> ValueParser {
    one_of(Application::ALL, |app| PossibleValue::new(app.word()))
}

pub(super) fn backend() -> ValueParser {
    one_of(Backend::ALL, |backend| PossibleValue::new(backend.word()))
}

pub(super) fn netpoll() -> ValueParser {
    one_of(NetpollMode::ALL, |by| PossibleValue::new(by.word()))
}

pub(super) fn trigger() -> ValueParser {
    one_of([Trigger::Level, Trigger::Edge], |t| PossibleValue::new(t.to_string()))
}

pub(super) fn accept_policy() -> ValueParser {
    one_of([AcceptPolicy::Drain, AcceptPolicy::Once], |p| PossibleValue::new(p.to_string()))
}

pub(super) fn edge_log() -> ValueParser {
    one_of(WakeupLogMode::ALL, |mode| PossibleValue::new(mode.word()))
}

pub(super) fn mistake() -> ValueParser {
    one_of(Mistake::ALL, |m| PossibleValue::new(m.word()).help(m.about()))
}

/// A whole number within bounds.
fn within(number: Option<u64>, low: u64, high: u64, what: &str) -> Result<u64, String> {
    number
        .filter(|n| (low..=high).contains(n))
        .ok_or_else(|| format!("expected {what}, {} to {}", print_size(low), print_size(high)))
}

/// A number of bytes, possibly with a unit of 1024: `4096`, `64K`, `64M`, `64MiB`, `1G`.
fn size(text: &str) -> Option<u64> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let scale = match unit.strip_suffix("iB").unwrap_or(unit) {
        "" if unit.is_empty() => 1,
        "K" => 1 << 10,
        "M" => 1 << 20,
        "G" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(scale)
}

/// The largest unit that divides `bytes`.
fn print_size(bytes: u64) -> String {
    [("G", 1 << 30), ("M", 1 << 20), ("K", 1 << 10)]
        .into_iter()
        .find(|(_, scale)| bytes >= *scale && bytes.is_multiple_of(*scale))
        .map_or_else(|| bytes.to_string(), |(unit, scale)| format!("{}{unit}", bytes / scale))
}

pub(super) fn buffers(text: &str) -> Result<u32, String> {
    let bytes = within(size(text), 4096, 64 << 20, "bytes")?;
    u32::try_from(bytes).map_err(|error| error.to_string())
}

pub(super) fn history_bytes(text: &str) -> Result<usize, String> {
    let bytes = within(size(text), 1 << 20, 64 << 30, "bytes")?;
    usize::try_from(bytes).map_err(|error| error.to_string())
}

pub(super) fn record_limit(text: &str) -> Result<u64, String> {
    within(size(text), 1 << 16, 1 << 50, "bytes")
}

/// Waits that are longer are shortened to this; `None` for none of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Idle(pub(super) Option<Nanos>);

impl Default for Idle {
    fn default() -> Self {
        Self(Some(Nanos(2_000_000_000)))
    }
}

pub(super) fn idle(text: &str) -> Result<Idle, String> {
    match text {
        "off" => Ok(Idle(None)),
        _ => parse_duration(text)
            .map(|time| Idle(Some(time)))
            .map_err(|error| format!("expected off, or {}", error.expected)),
    }
}

pub(super) fn speed() -> ValueParser {
    let words = PossibleValuesParser::new(ReplaySpeed::ALL.map(|(word, _)| word));
    ValueParser::new(
        words.try_map(|given| ReplaySpeed::parse(&given).ok_or("expected one of the above")),
    )
}

pub(super) fn seconds(text: &str) -> Result<Nanos, String> {
    match Command::parse_joined(&format!("at:{text}")) {
        Ok(Command::Screen(ScreenCommand::At(t))) => Ok(t),
        Ok(other) => Err(format!("expected a value, not `{other}`")),
        Err(error) => Err(format!("expected {}", error.expected)),
    }
}

pub(super) fn hidden() -> ValueParser {
    one_of(Hidden::ALL, |what| PossibleValue::new(what.word()))
}

pub(super) fn export_kind() -> ValueParser {
    one_of(ExportKind::ALL, |kind| PossibleValue::new(kind.word()).help(kind.about()))
}

/// The smallest screen, and the largest one that is drawn.
const SCREENS: [(u16, u16); 2] = [(60, 16), (400, 200)];

pub(super) fn screen_size(text: &str) -> Result<(u16, u16), String> {
    let [least, most] = SCREENS;
    let size = text.split_once('x').and_then(|(columns, rows)| {
        let size: (u16, u16) = (columns.parse().ok()?, rows.parse().ok()?);
        let fits = (least.0..=most.0).contains(&size.0) && (least.1..=most.1).contains(&size.1);
        fits.then_some(size)
    });
    size.ok_or_else(|| {
        format!(
            "expected columns and rows such as 120x40, {}x{} to {}x{}",
            least.0, least.1, most.0, most.1
        )
    })
}

pub(super) fn history_events(text: &str) -> Result<usize, String> {
    let number = text.replace('_', "").parse().ok();
    let events = within(number, 1000, 1_000_000_000, "events")?;
    usize::try_from(events).map_err(|error| error.to_string())
}

pub(super) fn loop_name(text: &str) -> Result<Backend, String> {
    Backend::parse(text.trim()).ok_or_else(|| {
        let words: Vec<_> = Backend::ALL.iter().map(|name| name.word()).collect();
        format!("expected one of {}", words.join(", "))
    })
}

/// A number from 1 to `most`.
fn from_one(text: &str, most: u32, what: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|n| (1..=most).contains(n));
    number.ok_or_else(|| format!("expected {what}, 1 to {most}"))
}

pub(super) fn clients(text: &str) -> Result<u32, String> {
    from_one(text, ComparePlan::MAX_CLIENTS, "a number of clients")
}

pub(super) fn request_size(text: &str) -> Result<u32, String> {
    from_one(text, ComparePlan::MAX_SIZE, "bytes")
}

pub(super) fn rounds(text: &str) -> Result<u32, String> {
    from_one(text, ComparePlan::MAX_ROUNDS, "a number of rounds")
}

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text)
        .map(|time| Duration::from_nanos(time.0))
        .map_err(|error| format!("expected {}", error.expected))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units_of_1024() {
        for (text, bytes) in [
            ("4096", Some(4096)),
            ("64K", Some(65_536)),
            ("64M", Some(64 << 20)),
            ("64MiB", Some(64 << 20)),
            ("1GiB", Some(1 << 30)),
            ("", None),
            ("iB", None),
            ("5iB", None),
            ("64 M", None),
            ("64MB", None),
            ("-1", None),
            ("99999999999999999999", None),
            ("99999999999999999G", None),
        ] {
            assert_eq!(size(text), bytes, "{text}");
        }
        assert_eq!(print_size(64 << 20), "64M");
        assert_eq!(print_size(1000), "1000");
    }
}
