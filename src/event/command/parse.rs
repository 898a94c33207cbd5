//! From text to a command.

use super::super::{
    AcceptPolicy, Backend, ExportKind, Fd, LaneId, Mistake, Nanos, NetpollMode, ReadPolicy,
    Settings, Trigger, nearest,
};
use super::{
    Command, CommandError, Direction, GRAMMAR, Order, ReplaySpeed, Scope, ScreenCommand, Target,
    UNITS, View,
};

pub(super) fn send(rest: &str) -> Result<Command, CommandError> {
    let (first, text) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    match target(first)? {
        Some(target) => Ok(Command::Send(Some(target), text.trim_start().to_owned())),
        None => Ok(Command::Send(None, rest.to_owned())),
    }
}

pub(super) fn find(rest: &str) -> Result<Command, CommandError> {
    match rest {
        "" => Err(wrong("", "words that an event has: fd=7 EAGAIN, T2 accept4")),
        words => Ok(ScreenCommand::Find(words.to_owned()).into()),
    }
}

/// A question, and its answers behind bars.
pub(super) fn ask(rest: &str) -> Result<Command, CommandError> {
    let mut parts = rest.split('|').map(|part| part.trim().to_owned());
    let text = parts.next().unwrap_or_default();
    let answers: Vec<_> = parts.filter(|answer| !answer.is_empty()).collect();
    match (text.as_str(), answers.len()) {
        ("", _) => Err(wrong("", "a question: Who wakes? | T1 | T2")),
        (_, 0 | 2..=ANSWERS) => Ok(ScreenCommand::Ask(text, answers).into()),
        _ => Err(wrong("", format!("2 to {ANSWERS} answers, or none: then they are typed"))),
    }
}

/// Answers to a question at the most.
const ANSWERS: usize = 9;

pub(super) fn export(rest: &str) -> Result<Command, CommandError> {
    let (word, file) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    if word.is_empty() {
        return Ok(ScreenCommand::Export(None, None).into());
    }
    match ExportKind::parse(word) {
        Some(kind) => Ok(ScreenCommand::Export(Some(kind), name(file.trim_start())).into()),
        None => Err(none_of(word, &ExportKind::ALL.map(ExportKind::word))),
    }
}

/// The name of a file, if there is one.
pub(super) fn name(rest: &str) -> Option<String> {
    Some(rest.to_owned()).filter(|name| !name.is_empty())
}

/// What `fd=N` or `client=N` names; `None` of any other word.
fn target(word: &str) -> Result<Option<Target>, CommandError> {
    if let Some(number) = word.strip_prefix("fd=") {
        return descriptor(number).map(|fd| Some(Target::Fd(fd)));
    }
    let Some(number) = word.strip_prefix("client=") else { return Ok(None) };
    match number.parse::<u32>() {
        Ok(n) if n > 0 => Ok(Some(Target::Client(n))),
        _ => Err(wrong(number, "the number of a connection, 1 is the first accepted")),
    }
}

fn descriptor(number: &str) -> Result<Fd, CommandError> {
    match number.parse::<i32>() {
        Ok(n) if n >= 0 => Ok(Fd(n)),
        _ => Err(wrong(number, "a descriptor number")),
    }
}

fn wrong(found: &str, expected: impl Into<String>) -> CommandError {
    CommandError { found: found.to_owned(), expected: expected.into() }
}

/// The same where one of these words was meant: the one that is like what was found is named.
fn wrong_word(found: &str, expected: &str, words: &[&str]) -> CommandError {
    match nearest(found, words.iter().copied()) {
        Some(near) => wrong(found, format!("{expected} (`{near}`?)")),
        None => wrong(found, expected),
    }
}

/// The same where all of the words are to be named.
fn none_of(found: &str, words: &[&str]) -> CommandError {
    wrong_word(found, &format!("one of {}", words.join(", ")), words)
}

/// The words of a command that are not yet used.
pub(super) struct Words<'a>(std::collections::VecDeque<&'a str>);

impl<'a> Words<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        Self(text.split_whitespace().collect())
    }

    pub(super) fn finish(&self) -> Result<(), CommandError> {
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
        let fd = descriptor(number)?;
        self.0.pop_front();
        Ok(Some(fd))
    }

    /// `fd=N` or `client=N`, if it comes next.
    fn target(&mut self) -> Result<Option<Target>, CommandError> {
        let named = self.0.front().map_or(Ok(None), |word| target(word))?;
        if named.is_some() {
            self.0.pop_front();
        }
        Ok(named)
    }

    fn lane(&mut self) -> Result<Option<LaneId>, CommandError> {
        self.0
            .pop_front()
            .map(|word| LaneId::parse(word).ok_or_else(|| wrong(word, "a thread, T1 to T200")))
            .transpose()
    }

    fn on_off(&mut self) -> Result<Option<bool>, CommandError> {
        match self.0.pop_front() {
            None => Ok(None),
            Some("on") => Ok(Some(true)),
            Some("off") => Ok(Some(false)),
            Some(other) => Err(wrong_word(other, "on or off", &["on", "off"])),
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
        self.word_or("")
    }

    fn word_or(&mut self, usual: &'a str) -> &'a str {
        self.0.pop_front().unwrap_or(usual)
    }
}

pub(super) fn word(word: &str, words: &mut Words<'_>) -> Result<Command, CommandError> {
    Ok(match word {
        "pause" => Command::Pause,
        "run" => Command::Run,
        "client" => Command::Client,
        "quit" => Command::Quit,
        "step" => Command::Step(words.lane()?),
        "turn" => Command::Turn(words.lane()?),
        "rearm" => Command::Rearm(words.target()?),
        "close" => Command::Close(words.target()?),
        "reset" => Command::Reset(words.target()?),
        "drop" => Command::Drop(words.target()?),
        "oneshot" => Command::Oneshot(words.target()?, words.on_off()?),
        "exclusive" => Command::Exclusive(words.target()?, words.on_off()?),
        "watch" => Command::Watch(words.target()?, words.on_off()?),
        "delay" => Command::Delay(words.number(0, Settings::MAX_DELAY_MS, "milliseconds")?),
        "max-events" => Command::MaxEvents(words.number(1, Settings::MAX_EVENTS, "events")?),
        "threads" => {
            let n = words.number(1, LaneId::MAX_WORKERS.into(), "threads")?;
            Command::Threads(u8::try_from(n).unwrap_or(1))
        }
        _ => return choice(word, words),
    })
}

fn choice(word: &str, words: &mut Words<'_>) -> Result<Command, CommandError> {
    match word {
        "trigger" => trigger(words),
        "read" => match words.word() {
            "drain" => Ok(Command::Read(ReadPolicy::Drain)),
            "once" if words.0.is_empty() => {
                Ok(Command::Read(ReadPolicy::Once(ReadPolicy::DEFAULT_BYTES)))
            }
            "once" => {
                let bytes = words.number(1, ReadPolicy::MAX_BYTES, "bytes")?;
                Ok(Command::Read(ReadPolicy::Once(bytes)))
            }
            other => Err(wrong_word(other, "drain or once", &["drain", "once"])),
        },
        "accept" => match words.word() {
            "drain" => Ok(Command::Accept(AcceptPolicy::Drain)),
            "once" => Ok(Command::Accept(AcceptPolicy::Once)),
            other => Err(wrong_word(other, "drain or once", &["drain", "once"])),
        },
        "backend" => match words.word() {
            "" => Ok(Command::Backend(None)),
            name => backend(name).map(|backend| Command::Backend(Some(backend))),
        },
        "netpoll" => {
            let word = words.word();
            let all = NetpollMode::ALL.map(NetpollMode::word);
            let wrong = || wrong_word(word, "shared or thread", &all);
            NetpollMode::parse(word).map(Command::Netpoll).ok_or_else(wrong)
        }
        "mistake" => {
            let name = words.word();
            let Some(mistake) = Mistake::parse(name) else {
                return Err(none_of(name, &Mistake::ALL.map(Mistake::word)));
            };
            Ok(Command::Mistake(mistake, words.on_off()?))
        }
        other => screen(other, words).map(Command::Screen),
    }
}

fn screen(word: &str, words: &mut Words<'_>) -> Result<ScreenCommand, CommandError> {
    Ok(match word {
        "live" => ScreenCommand::Live,
        "play" => ScreenCommand::Play,
        "stand" => ScreenCommand::Stand,
        "copy" => ScreenCommand::Copy,
        "help" => ScreenCommand::Help,
        "still" => ScreenCommand::Still(words.on_off()?),
        "follow" => ScreenCommand::Follow(words.on_off()?),
        "seek" => ScreenCommand::Seek(along(words.word())?),
        "call" => ScreenCommand::Call(along(words.word_or("1"))?),
        "wait" => ScreenCommand::Wait(along(words.word_or("1"))?),
        "zoom" => ScreenCommand::Zoom(parse_duration(words.word())?),
        "at" => ScreenCommand::At(seconds(words.word())?),
        "select" => match words.fd()? {
            Some(fd) => ScreenCommand::Select(fd),
            None => return Err(wrong(words.word(), "fd=N")),
        },
        "lane" => match words.lane()? {
            Some(lane) => ScreenCommand::Lane(lane),
            None => return Err(wrong("", "a thread, T1 to T200")),
        },
        "share" => match words.word() {
            "" => ScreenCommand::Share(None),
            "off" => ScreenCommand::ShareOff,
            address => {
                let expected = "an address and a port, 127.0.0.1:8001, or off";
                ScreenCommand::Share(Some(address.parse().map_err(|_| wrong(address, expected))?))
            }
        },
        "speed" => {
            let (name, all) = (words.word(), ReplaySpeed::ALL.map(|(word, _)| word));
            ScreenCommand::Speed(ReplaySpeed::parse(name).ok_or_else(|| none_of(name, &all))?)
        }
        "view" => {
            let (name, all) = (words.word(), View::ALL.map(View::word));
            ScreenCommand::View(View::parse(name).ok_or_else(|| none_of(name, &all))?)
        }
        "sort" => match words.word() {
            "" => ScreenCommand::Sort(None),
            name => {
                let all = Order::ALL.map(Order::word);
                ScreenCommand::Sort(Some(Order::parse(name).ok_or_else(|| none_of(name, &all))?))
            }
        },
        other => return Err(unknown_word(other)),
    })
}

fn along(word: &str) -> Result<Direction, CommandError> {
    match word {
        "-1" => Ok(Direction::Back),
        "1" => Ok(Direction::On),
        other => Err(wrong(other, "-1 or 1")),
    }
}

fn backend(name: &str) -> Result<Backend, CommandError> {
    Backend::parse(name).ok_or_else(|| none_of(name, &Backend::ALL.map(Backend::word)))
}

fn unknown_word(word: &str) -> CommandError {
    let begins = |name: &&str| {
        let first = word.get(..2.min(word.len()));
        first.is_some_and(|p| !p.is_empty() && name.starts_with(p))
    };
    let words = GRAMMAR.map(|(name, ..)| name);
    match nearest(word, words.into_iter()).or_else(|| words.into_iter().find(begins)) {
        Some(name) => wrong(word, format!("a command (`{name}`?)")),
        None => wrong(word, "a command, such as pause, trigger, client, help"),
    }
}

fn trigger(words: &mut Words<'_>) -> Result<Command, CommandError> {
    let scope = match words.target()? {
        Some(target) => Scope::One(target),
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
        Some(other) => {
            let expected = "fd=N, client=N, all, level or edge";
            return Err(wrong_word(other, expected, &["all", "level", "edge"]));
        }
    };
    Ok(Command::Trigger(scope, to))
}

/// Parses a whole number with a unit: `500us`, `20ms`, `1s`, `2m`.
///
/// ```
/// use epollscope::event::{Nanos, parse_duration, print_duration};
///
/// assert_eq!(parse_duration("20ms"), Ok(Nanos(20_000_000)));
/// assert_eq!(print_duration(Nanos(1_500_000)), "1500us");
/// assert!(parse_duration("20").is_err(), "a number alone could be anything");
/// ```
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

/// Parses seconds with up to nine decimals, exactly: `12.031`.
fn seconds(text: &str) -> Result<Nanos, CommandError> {
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
