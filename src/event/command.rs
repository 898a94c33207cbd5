//! Every wish of a person: one type, one grammar for keys, palette, scripts and standard input.
//!
//! `Command::parse` and `Display` are inverse: what is printed parses to the same command.

use std::fmt;

use super::{AcceptPolicy, Fd, LaneId, Mistake, Nanos, ReadPolicy, Settings, Trigger};

/// Which registrations a trigger change is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The selected fd.
    Selected,
    /// This fd.
    Fd(Fd),
    /// All listeners and connections, and those to come.
    All,
}

/// What a person can ask for. Where a descriptor or thread is `None` the selected one is meant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    /// Hold all server threads at the gate.
    Pause,
    /// Let them run.
    Run,
    /// Let a held thread make one call.
    Step(Option<LaneId>),
    /// Let a held thread run to its next `epoll_wait`.
    Turn(Option<LaneId>),
    /// Milliseconds to wait before each call.
    Delay(u32),
    /// Level- or edge-triggered; `None` switches to the other.
    Trigger(Scope, Option<Trigger>),
    /// How much to read an event.
    Read(ReadPolicy),
    /// How many connections to accept an event.
    Accept(AcceptPolicy),
    /// `maxevents`.
    MaxEvents(u32),
    /// One-shot on or off for a registration; `None` toggles.
    Oneshot(Option<Fd>, Option<bool>),
    /// EPOLLEXCLUSIVE on or off, by DEL and ADD; `None` toggles.
    Exclusive(Option<Fd>, Option<bool>),
    /// Watch OUT or not; `None` toggles.
    Watch(Option<Fd>, Option<bool>),
    /// MOD with the same mask.
    Rearm(Option<Fd>),
    /// Connect a built-in client.
    Client,
    /// A line for the built-in client behind a connection to send.
    Send(Option<Fd>, String),
    /// The built-in client closes its end.
    Close(Option<Fd>),
    /// The built-in client resets its end (SO_LINGER 0).
    Reset(Option<Fd>),
    /// The server closes its end.
    Drop(Option<Fd>),
    /// Switch a mistake on or off; `None` toggles.
    Mistake(Mistake, Option<bool>),
    /// How many server threads there are to be.
    Threads(u8),
    /// The timeline's width in time.
    Zoom(Nanos),
    /// Show the screen as it was at that time.
    At(Nanos),
    /// One event back (-1) or forward (1) in time.
    Seek(i8),
    /// Return to now.
    Live,
    /// Show only what matches; empty shows all.
    Filter(String),
    /// Keep the view still, or not; `None` toggles.
    Still(Option<bool>),
    /// Select a descriptor.
    Select(Fd),
    /// Select a thread.
    Lane(LaneId),
    /// Show a view, 1 to 4.
    View(View),
    /// Copy what is selected to the clipboard (OSC 52).
    Copy,
    /// Show or hide the help.
    Help,
    /// End the program.
    Quit,
}

/// The full-screen views.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum View {
    /// Everything at once.
    #[default]
    Overview,
    /// One lane a thread and a descriptor, over time.
    Timeline,
    /// Every system call.
    Calls,
    /// What would be a bug in a real server.
    Findings,
}

impl View {
    /// All of them, in the order of their number keys.
    pub const ALL: [Self; 4] = [Self::Overview, Self::Timeline, Self::Calls, Self::Findings];

    /// The word in commands.
    pub fn word(self) -> &'static str {
        match self {
            Self::Overview => "overview",
            Self::Timeline => "timeline",
            Self::Calls => "calls",
            Self::Findings => "findings",
        }
    }
}

/// What was wrong with the text of a command: what was found and what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandError {
    /// The offending word; empty if something was missing.
    pub found: String,
    /// What would have been right.
    pub expected: String,
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.found.is_empty() {
            write!(f, "expected {}", self.expected)
        } else {
            let found = super::visible(self.found.as_bytes(), 40);
            write!(f, "`{found}`: expected {}", self.expected)
        }
    }
}

impl std::error::Error for CommandError {}

/// The grammar, a line a command: the word, its arguments, what it does. Help, palette, completion
/// and README are made from it.
pub const GRAMMAR: [(&str, &str, &str); 32] = [
    ("pause", "", "hold all server threads between two system calls"),
    ("run", "", "let them run"),
    ("step", "[T1]", "let a held thread make one system call"),
    ("turn", "[T1]", "let a held thread run to its next epoll_wait"),
    ("delay", "MS", "wait so long before each call"),
    ("trigger", "[fd=N|all] [level|edge]", "level- or edge-triggered"),
    ("read", "drain|once [BYTES]", "reads an event"),
    ("accept", "drain|once", "accepts an event"),
    ("max-events", "N", "events a wait may return"),
    ("oneshot", "[fd=N] [on|off]", "one-shot"),
    ("exclusive", "[fd=N] [on|off]", "EPOLLEXCLUSIVE, by DEL and ADD"),
    ("watch", "[fd=N] [on|off]", "watch OUT"),
    ("rearm", "[fd=N]", "MOD with the same mask"),
    ("client", "", "connect a built-in client"),
    ("send", "[fd=N] TEXT", "a built-in client sends a line"),
    ("close", "[fd=N]", "a built-in client closes its end"),
    ("reset", "[fd=N]", "a built-in client resets its end"),
    ("drop", "[fd=N]", "the server closes its end"),
    ("mistake", "NAME [on|off]", "switch a protection of the server off"),
    ("threads", "N", "server threads on the one epoll instance"),
    ("zoom", "TIME", "width of the timeline: 500us, 20ms, 1s, 2m"),
    ("at", "SECONDS", "show the screen as it was at that time"),
    ("seek", "-1|1", "one event back or forward in time"),
    ("live", "", "return to now"),
    ("filter", "[TEXT]", "show only what matches: fd=7, a peer, a kind"),
    ("still", "[on|off]", "keep the view still; the server goes on"),
    ("select", "fd=N", "select a descriptor"),
    ("lane", "T1", "select a thread"),
    ("view", "overview|timeline|calls|findings", "show a view"),
    ("copy", "", "copy what is selected"),
    ("help", "", "show or hide the help"),
    ("quit", "", "end the program"),
];

impl Command {
    /// Parses one command. Words are separated by blanks; on the command line, where a command is
    /// one word, `:` separates them too (see [`Command::parse_joined`]).
    ///
    /// # Errors
    /// What was found and what was expected.
    pub fn parse(text: &str) -> Result<Self, CommandError> {
        let text = text.trim();
        let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let rest = rest.trim_start();
        match word {
            "send" => return parse_send(rest),
            "filter" => return Ok(Self::Filter(rest.to_owned())),
            _ => {}
        }
        let mut words = Words(rest.split_whitespace().collect());
        let command = parse_word(word, &mut words)?;
        words.finish()?;
        Ok(command)
    }

    /// Parses a command whose words are joined by `:`, as on the command line: `read:once:4`.
    ///
    /// # Errors
    /// As [`Command::parse`].
    pub fn parse_joined(text: &str) -> Result<Self, CommandError> {
        Self::parse(&text.replacen(':', " ", 3))
    }

    /// Whether the command acts on the server rather than on the screen.
    pub fn is_for_server(&self) -> bool {
        !matches!(
            self,
            Self::Zoom(_)
                | Self::At(_)
                | Self::Seek(_)
                | Self::Live
                | Self::Filter(_)
                | Self::Still(_)
                | Self::Select(_)
                | Self::Lane(_)
                | Self::View(_)
                | Self::Copy
                | Self::Help
        )
    }

    /// The command with the selected descriptor and thread filled in where none was named.
    #[must_use]
    pub fn resolved(self, fd: Option<Fd>, lane: Option<LaneId>) -> Self {
        match self {
            Self::Step(l) => Self::Step(l.or(lane)),
            Self::Turn(l) => Self::Turn(l.or(lane)),
            Self::Trigger(Scope::Selected, to) => {
                Self::Trigger(fd.map_or(Scope::Selected, Scope::Fd), to)
            }
            Self::Oneshot(f, on) => Self::Oneshot(f.or(fd), on),
            Self::Exclusive(f, on) => Self::Exclusive(f.or(fd), on),
            Self::Watch(f, on) => Self::Watch(f.or(fd), on),
            Self::Rearm(f) => Self::Rearm(f.or(fd)),
            Self::Send(f, text) => Self::Send(f.or(fd), text),
            Self::Close(f) => Self::Close(f.or(fd)),
            Self::Reset(f) => Self::Reset(f.or(fd)),
            Self::Drop(f) => Self::Drop(f.or(fd)),
            other => other,
        }
    }
}

fn parse_send(rest: &str) -> Result<Command, CommandError> {
    if let Some(after) = rest.strip_prefix("fd=") {
        let (number, text) = after.split_once(char::is_whitespace).unwrap_or((after, ""));
        return Ok(Command::Send(Some(parse_fd(number)?), text.trim_start().to_owned()));
    }
    Ok(Command::Send(None, rest.to_owned()))
}

fn parse_fd(number: &str) -> Result<Fd, CommandError> {
    match number.parse::<i32>() {
        Ok(n) if n >= 0 => Ok(Fd(n)),
        _ => Err(wrong(number, "a descriptor number")),
    }
}

fn wrong(found: &str, expected: impl Into<String>) -> CommandError {
    CommandError { found: found.to_owned(), expected: expected.into() }
}

/// The words of a command that are not yet used.
struct Words<'a>(std::collections::VecDeque<&'a str>);

impl<'a> Words<'a> {
    fn finish(&self) -> Result<(), CommandError> {
        match self.0.front() {
            Some(extra) => Err(wrong(extra, "nothing more")),
            None => Ok(()),
        }
    }

    /// `fd=N`, if it comes next.
    fn fd(&mut self) -> Result<Option<Fd>, CommandError> {
        let Some(number) = self.0.front().and_then(|w| w.strip_prefix("fd=")) else {
            return Ok(None);
        };
        let fd = parse_fd(number)?;
        self.0.pop_front();
        Ok(Some(fd))
    }

    fn lane(&mut self) -> Result<Option<LaneId>, CommandError> {
        self.0
            .pop_front()
            .map(|word| LaneId::parse(word).ok_or_else(|| wrong(word, "a thread, T1 to T8")))
            .transpose()
    }

    fn on_off(&mut self) -> Result<Option<bool>, CommandError> {
        match self.0.pop_front() {
            None => Ok(None),
            Some("on") => Ok(Some(true)),
            Some("off") => Ok(Some(false)),
            Some(other) => Err(wrong(other, "on or off")),
        }
    }

    fn number(&mut self, low: u32, high: u32, what: &str) -> Result<u32, CommandError> {
        let word = self.0.pop_front().unwrap_or("");
        match word.parse::<u32>() {
            Ok(n) if (low..=high).contains(&n) => Ok(n),
            _ => Err(wrong(word, format!("{what}, {low} to {high}"))),
        }
    }

    fn word(&mut self) -> &'a str {
        self.0.pop_front().unwrap_or("")
    }
}

fn parse_word(word: &str, words: &mut Words<'_>) -> Result<Command, CommandError> {
    Ok(match word {
        "pause" => Command::Pause,
        "run" => Command::Run,
        "live" => Command::Live,
        "client" => Command::Client,
        "copy" => Command::Copy,
        "help" => Command::Help,
        "quit" => Command::Quit,
        "step" => Command::Step(words.lane()?),
        "turn" => Command::Turn(words.lane()?),
        "rearm" => Command::Rearm(words.fd()?),
        "close" => Command::Close(words.fd()?),
        "reset" => Command::Reset(words.fd()?),
        "drop" => Command::Drop(words.fd()?),
        "oneshot" => Command::Oneshot(words.fd()?, words.on_off()?),
        "exclusive" => Command::Exclusive(words.fd()?, words.on_off()?),
        "watch" => Command::Watch(words.fd()?, words.on_off()?),
        "still" => Command::Still(words.on_off()?),
        "delay" => Command::Delay(words.number(0, Settings::MAX_DELAY_MS, "milliseconds")?),
        "max-events" => Command::MaxEvents(words.number(1, Settings::MAX_EVENTS, "events")?),
        "threads" => {
            let n = words.number(1, LaneId::MAX_WORKERS.into(), "threads")?;
            Command::Threads(u8::try_from(n).unwrap_or(1))
        }
        _ => return parse_choice(word, words),
    })
}

fn parse_choice(word: &str, words: &mut Words<'_>) -> Result<Command, CommandError> {
    match word {
        "trigger" => parse_trigger(words),
        "read" => match words.word() {
            "drain" => Ok(Command::Read(ReadPolicy::Drain)),
            "once" if words.0.is_empty() => {
                Ok(Command::Read(ReadPolicy::Once(ReadPolicy::DEFAULT_BYTES)))
            }
            "once" => {
                let bytes = words.number(1, ReadPolicy::MAX_BYTES, "bytes")?;
                Ok(Command::Read(ReadPolicy::Once(bytes)))
            }
            other => Err(wrong(other, "drain or once")),
        },
        "accept" => match words.word() {
            "drain" => Ok(Command::Accept(AcceptPolicy::Drain)),
            "once" => Ok(Command::Accept(AcceptPolicy::Once)),
            other => Err(wrong(other, "drain or once")),
        },
        "mistake" => {
            let name = words.word();
            let Some(mistake) = Mistake::parse(name) else {
                let all: Vec<_> = Mistake::ALL.iter().map(|m| m.word()).collect();
                return Err(wrong(name, format!("one of {}", all.join(", "))));
            };
            Ok(Command::Mistake(mistake, words.on_off()?))
        }
        "zoom" => parse_duration(words.word()).map(Command::Zoom),
        "at" => parse_seconds(words.word()).map(Command::At),
        "seek" => match words.word() {
            "-1" => Ok(Command::Seek(-1)),
            "1" => Ok(Command::Seek(1)),
            other => Err(wrong(other, "-1 or 1")),
        },
        "select" => match words.fd()? {
            Some(fd) => Ok(Command::Select(fd)),
            None => Err(wrong(words.word(), "fd=N")),
        },
        "lane" => match words.lane()? {
            Some(lane) => Ok(Command::Lane(lane)),
            None => Err(wrong("", "a thread, T1 to T8")),
        },
        "view" => {
            let name = words.word();
            View::ALL
                .into_iter()
                .find(|v| v.word() == name)
                .map(Command::View)
                .ok_or_else(|| wrong(name, "overview, timeline, calls or findings"))
        }
        other => Err(unknown_word(other)),
    }
}

fn unknown_word(word: &str) -> CommandError {
    let near = GRAMMAR.iter().map(|(name, ..)| *name).find(|name| {
        let first = word.get(..2.min(word.len()));
        first.is_some_and(|p| !p.is_empty() && name.starts_with(p))
    });
    match near {
        Some(name) => wrong(word, format!("a command (`{name}`?)")),
        None => wrong(word, "a command, such as pause, trigger, client, help"),
    }
}

fn parse_trigger(words: &mut Words<'_>) -> Result<Command, CommandError> {
    let scope = match words.fd()? {
        Some(fd) => Scope::Fd(fd),
        None if words.0.front() == Some(&"all") => {
            words.0.pop_front();
            Scope::All
        }
        None => Scope::Selected,
    };
    let to = match words.0.pop_front() {
        None => None,
        Some("level") => Some(Trigger::Level),
        Some("edge") => Some(Trigger::Edge),
        Some(other) => return Err(wrong(other, "fd=N, all, level or edge")),
    };
    Ok(Command::Trigger(scope, to))
}

/// Units of `zoom`, largest first, in nanoseconds.
const UNITS: [(&str, u64); 5] =
    [("m", 60_000_000_000), ("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000), ("ns", 1)];

/// Parses a whole number with a unit: `500us`, `20ms`, `1s`, `2m`.
///
/// # Errors
/// If it is no such text, is zero, or is longer than a day.
pub fn parse_duration(text: &str) -> Result<Nanos, CommandError> {
    let bad = || wrong(text, "a time such as 500us, 20ms, 1s or 2m");
    let split = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?;
    let (number, unit) = text.split_at(split);
    let number: u64 = number.parse().map_err(|_| bad())?;
    let (_, scale) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(bad)?;
    let ns = number.checked_mul(*scale).ok_or_else(bad)?;
    if ns == 0 || ns > 86_400_000_000_000 {
        return Err(bad());
    }
    Ok(Nanos(ns))
}

/// Prints a time as [`parse_duration`] reads it, in the largest unit that divides it.
pub fn print_duration(time: Nanos) -> String {
    let (unit, scale) =
        UNITS.iter().find(|(_, scale)| time.0.is_multiple_of(*scale)).unwrap_or(&UNITS[4]);
    format!("{}{unit}", time.0 / scale)
}

/// Parses seconds with up to nine decimals, exactly: `12.031`.
fn parse_seconds(text: &str) -> Result<Nanos, CommandError> {
    let bad = || wrong(text, "seconds since the start, such as 12.031");
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(part) || part.len() > 9 {
        return Err(bad());
    }
    let whole: u64 = whole.parse().map_err(|_| bad())?;
    let part: u64 = format!("{part:0<9}").parse().map_err(|_| bad())?;
    let ns = whole.checked_mul(1_000_000_000).and_then(|ns| ns.checked_add(part));
    ns.map(Nanos).ok_or_else(bad)
}

/// Prints nanoseconds as [`parse_seconds`] reads them, without trailing zeros.
fn print_seconds(t: Nanos) -> String {
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
            Self::Oneshot(fd, on) => with_fd(f, "oneshot", *fd, *on),
            Self::Exclusive(fd, on) => with_fd(f, "exclusive", *fd, *on),
            Self::Watch(fd, on) => with_fd(f, "watch", *fd, *on),
            Self::Rearm(fd) => with_fd(f, "rearm", *fd, None),
            Self::Client => f.write_str("client"),
            Self::Send(fd, text) => {
                with_fd(f, "send", *fd, None)?;
                if text.is_empty() { Ok(()) } else { write!(f, " {text}") }
            }
            Self::Close(fd) => with_fd(f, "close", *fd, None),
            Self::Reset(fd) => with_fd(f, "reset", *fd, None),
            Self::Drop(fd) => with_fd(f, "drop", *fd, None),
            Self::Mistake(mistake, on) => {
                write!(f, "mistake {}", mistake.word())?;
                print_on(f, *on)
            }
            Self::Threads(n) => write!(f, "threads {n}"),
            Self::Zoom(time) => write!(f, "zoom {}", print_duration(*time)),
            Self::At(t) => write!(f, "at {}", print_seconds(*t)),
            Self::Seek(by) => write!(f, "seek {by}"),
            Self::Live => f.write_str("live"),
            Self::Filter(text) if text.is_empty() => f.write_str("filter"),
            Self::Filter(text) => write!(f, "filter {text}"),
            Self::Still(on) => {
                f.write_str("still")?;
                print_on(f, *on)
            }
            Self::Select(fd) => write!(f, "select fd={fd}"),
            Self::Lane(lane) => write!(f, "lane {lane}"),
            Self::View(view) => write!(f, "view {}", view.word()),
            Self::Copy => f.write_str("copy"),
            Self::Help => f.write_str("help"),
            Self::Quit => f.write_str("quit"),
        }
    }
}

fn with(f: &mut fmt::Formatter<'_>, word: &str, lane: Option<&LaneId>) -> fmt::Result {
    f.write_str(word)?;
    lane.map_or(Ok(()), |lane| write!(f, " {lane}"))
}

fn with_fd(
    f: &mut fmt::Formatter<'_>,
    word: &str,
    fd: Option<Fd>,
    on: Option<bool>,
) -> fmt::Result {
    f.write_str(word)?;
    if let Some(fd) = fd {
        write!(f, " fd={fd}")?;
    }
    print_on(f, on)
}

fn print_on(f: &mut fmt::Formatter<'_>, on: Option<bool>) -> fmt::Result {
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
        Scope::Fd(fd) => write!(f, " fd={fd}")?,
        Scope::All => f.write_str(" all")?,
    }
    to.map_or(Ok(()), |to| write!(f, " {to}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn round(text: &str) {
        let command = Command::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(command.to_string(), text);
    }

    #[test]
    fn commands_print_as_they_parse() {
        for text in [
            "pause",
            "run",
            "step T1",
            "turn",
            "delay 200",
            "trigger fd=7 edge",
            "trigger all level",
            "trigger",
            "trigger all",
            "read drain",
            "read once 4",
            "read once",
            "accept once",
            "max-events 2",
            "oneshot fd=7 on",
            "exclusive fd=4",
            "watch off",
            "rearm fd=7",
            "client",
            "send fd=7 a b  c",
            "send",
            "close fd=7",
            "reset",
            "drop fd=9",
            "mistake ignore-eof on",
            "threads 2",
            "zoom 1s",
            "zoom 500us",
            "at 12.031",
            "seek -1",
            "live",
            "filter fd=7",
            "filter",
            "still on",
            "select fd=7",
            "lane T2",
            "view calls",
            "copy",
            "help",
            "quit",
        ] {
            round(text);
        }
    }

    #[test]
    fn a_bad_command_says_what_was_expected() {
        for (text, message) in [
            ("pauze", "`pauze`: expected a command (`pause`?)"),
            ("step T9", "`T9`: expected a thread, T1 to T8"),
            ("delay soon", "`soon`: expected milliseconds, 0 to 60000"),
            ("trigger fd=x edge", "`x`: expected a descriptor number"),
            ("read twice", "`twice`: expected drain or once"),
            ("run now", "`now`: expected nothing more"),
            ("zoom 0s", "`0s`: expected a time such as 500us, 20ms, 1s or 2m"),
            ("", "expected a command, such as pause, trigger, client, help"),
        ] {
            let error = Command::parse(text).expect_err(text);
            assert_eq!(error.to_string(), message);
        }
    }

    #[test]
    fn the_command_line_joins_words_by_colons() {
        assert_eq!(Command::parse_joined("read:once:4"), Ok(Command::Read(ReadPolicy::Once(4))));
    }

    #[test]
    fn every_word_of_the_grammar_is_known() {
        for (word, ..) in GRAMMAR {
            if let Err(error) = Command::parse(word) {
                assert!(!error.expected.starts_with("a command"), "{word}: {error}");
            }
        }
    }
}
