//! Every wish of a person: one type, one grammar for keys, palette, scripts and standard input.
//!
//! `Command::parse` and `Display` are inverse: what is printed parses to the same command.

mod parse;
mod print;
mod screen;
mod values;
mod views;

use std::fmt;

use super::{AcceptPolicy, Backend, Fd, LaneId, Mistake, NetpollMode, ReadPolicy, Trigger};

pub use parse::parse_duration;
pub use print::print_duration;
pub use screen::{Direction, ReplaySpeed, ScreenCommand};
pub use values::VALUES;
pub use views::{Order, View};

/// The one file that a command is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// The one with this number.
    Fd(Fd),
    /// A connection, by the order in which they were accepted: the first is 1.
    Client(u32),
}

impl From<Fd> for Target {
    fn from(fd: Fd) -> Self {
        Self::Fd(fd)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fd(fd) => write!(f, "fd={fd}"),
            Self::Client(number) => write!(f, "client={number}"),
        }
    }
}

/// Which registrations a trigger change is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The selected fd.
    Selected,
    /// This one.
    One(Target),
    /// All listeners and connections, and those to come.
    All,
}

/// What a person can ask for. Where a descriptor or thread is `None` the selected one is meant.
///
/// ```
/// use epollscope::event::{Command, Fd, ReadPolicy, Scope, Trigger};
///
/// let command = Command::parse("trigger fd=7 edge").unwrap();
/// assert_eq!(command, Command::Trigger(Scope::One(Fd(7).into()), Some(Trigger::Edge)));
///
/// // An edge-triggered descriptor that is read once an event is what strands bytes.
/// assert_eq!(Command::parse("read once 4"), Ok(Command::Read(ReadPolicy::Once(4))));
///
/// // What is printed parses to the same.
/// for text in ["pause", "step T1", "turn", "oneshot client=2 on", "rearm fd=7", "max-events 1"] {
///     assert_eq!(Command::parse(text).unwrap().to_string(), text);
/// }
///
/// // What is wrong is named, with what could stand there.
/// let error = Command::parse("trigger fd=7 rising").unwrap_err();
/// assert_eq!(error.found, "rising");
/// assert!(error.expected.contains("level or edge"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    /// Hold all server threads at the gate.
    Pause,
    /// Let them run.
    Run,
    /// Let a held thread make one call.
    Step(Option<LaneId>),
    /// Let a held thread run to its next wait.
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
    Oneshot(Option<Target>, Option<bool>),
    /// EPOLLEXCLUSIVE on or off, by DEL and ADD; `None` toggles.
    Exclusive(Option<Target>, Option<bool>),
    /// Watch OUT or not; `None` toggles.
    Watch(Option<Target>, Option<bool>),
    /// MOD with the same mask.
    Rearm(Option<Target>),
    /// Connect a built-in client.
    Client,
    /// A line for the built-in client behind a connection to send.
    Send(Option<Target>, String),
    /// The built-in client closes its end.
    Close(Option<Target>),
    /// The built-in client resets its end (SO_LINGER 0).
    Reset(Option<Target>),
    /// The server closes its end.
    Drop(Option<Target>),
    /// Switch a mistake on or off; `None` toggles.
    Mistake(Mistake, Option<bool>),
    /// How many server threads there are to be.
    Threads(u8),
    /// Wait in that way; `None` is the next one that can be had.
    Backend(Option<Backend>),
    /// Who waits in `epoll_wait` for the files of goroutines.
    Netpoll(NetpollMode),
    /// Record what happens from now on in that file, or in one that is named by the time.
    Record(Option<String>),
    /// End the recording.
    RecordOff,
    /// Write the history that is kept into that file, or into one that is named by the time.
    Save(Option<String>),
    /// Mark this moment, perhaps with a note.
    Mark(String),
    /// What is for the screen alone.
    Screen(ScreenCommand),
    /// End the program.
    Quit,
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
/// and reference are made from it.
pub const GRAMMAR: [(&str, &str, &str); 48] = [
    ("pause", "", "hold all server threads between two system calls"),
    ("run", "", "let them run"),
    ("step", "[T1]", "let a held thread make one system call"),
    ("turn", "[T1]", "let a held thread run to its next wait"),
    ("delay", "MS", "wait so long before each call"),
    ("trigger", "[fd=N|client=N|all] [level|edge]", "level- or edge-triggered"),
    ("read", "drain|once [BYTES]", "how much is read for one event"),
    ("accept", "drain|once", "how many connections are accepted for one event"),
    ("max-events", "N", "how many events one wait may return"),
    ("oneshot", "[fd=N|client=N] [on|off]", "one-shot: one event, then silence until a MOD"),
    ("exclusive", "[fd=N|client=N] [on|off]", "EPOLLEXCLUSIVE on or off, by DEL and ADD"),
    ("watch", "[fd=N|client=N] [on|off]", "watch OUT, too: room to write"),
    ("rearm", "[fd=N|client=N]", "MOD with the same mask: polls the file, re-arms it"),
    ("client", "", "connect a built-in client"),
    ("send", "[fd=N|client=N] TEXT", "a built-in client sends a line"),
    ("close", "[fd=N|client=N]", "a built-in client closes its end"),
    ("reset", "[fd=N|client=N]", "a built-in client resets its end"),
    ("drop", "[fd=N|client=N]", "the server closes its end"),
    ("mistake", "NAME [on|off]", "switch a protection of the server off"),
    ("threads", "N", "server threads on the one epoll instance"),
    (
        "backend",
        "[epoll|poll|select|io_uring|goroutine|threads]",
        "wait in that way, or in the next one that can be had; clients stay",
    ),
    ("netpoll", "shared|thread", "who waits for the files of goroutines"),
    ("zoom", "TIME", "width of the timeline: 500us, 20ms, 1s, 2m"),
    ("at", "SECONDS", "show the screen as it was at that time"),
    ("seek", "-1|1", "one event back or forward in time"),
    ("call", "[-1|1]", "the next call of the selected thread, or the one before"),
    ("wait", "[-1|1]", "where the selected thread waits next, or did before"),
    ("play", "", "play what follows the viewed event"),
    ("stand", "", "stop playing there"),
    ("speed", "1/4|1/2|1|2|4|8", "how fast a recording plays"),
    ("live", "", "return to now"),
    ("follow", "[on|off]", "look as whoever shares the session does"),
    ("filter", "[TEXT]", "show only what matches: fd=7, a peer, a kind"),
    ("sort", "[number|unread|state|activity]", "order of the interest list, or the next one"),
    ("find", "WORDS", "go to the event that has all of them: fd=7 EAGAIN, T2 accept4"),
    ("still", "[on|off]", "keep the view still; the server goes on"),
    ("select", "fd=N", "select a descriptor"),
    ("lane", "T1", "select a thread"),
    ("view", "overview|timeline|calls|findings|path", "show a view"),
    ("record", "[FILE|off]", "record what happens from now on, or end that"),
    ("save", "[FILE]", "write the history that is kept into a file"),
    (
        "export",
        "[page|recording|picture|text|cast|trace|strace|lines|spans] [FILE]",
        "write a file for others: for a browser, for slides, for a mail",
    ),
    ("mark", "[NOTE]", "mark this moment, to find it again"),
    ("share", "[ADDR|off]", "let browsers watch, or end that"),
    ("ask", "QUESTION|off", "ask those who watch: ask Who wakes? | T1 | T2; off shows the answers"),
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
            "send" => return parse::send(rest),
            "find" => return parse::find(rest),
            "filter" => return Ok(ScreenCommand::Filter(rest.to_owned()).into()),
            "record" if rest == "off" => return Ok(Self::RecordOff),
            "record" => return Ok(Self::Record(parse::name(rest))),
            "save" => return Ok(Self::Save(parse::name(rest))),
            "ask" if rest == "off" => return Ok(ScreenCommand::AskOff.into()),
            "ask" => return parse::ask(rest),
            "export" => return parse::export(rest),
            "mark" => return Ok(Self::Mark(rest.to_owned())),
            _ => {}
        }
        let mut words = parse::Words::of(rest);
        let command = parse::word(word, &mut words)?;
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
        !matches!(self, Self::Screen(_))
    }

    /// The command with the selected descriptor and thread filled in where none was named.
    #[must_use]
    pub fn resolved(mut self, fd: Option<Fd>, lane: Option<LaneId>) -> Self {
        match &mut self {
            Self::Step(l) | Self::Turn(l) => *l = l.or(lane),
            Self::Trigger(scope @ Scope::Selected, _) => {
                *scope = fd.map_or(Scope::Selected, |fd| Scope::One(fd.into()));
            }
            other => {
                if let Some(target) = other.target_mut() {
                    *target = target.or(fd.map(Target::Fd));
                }
            }
        }
        self
    }

    /// The command with the descriptor `fd` in place of the connection that it names.
    #[must_use]
    pub fn for_fd(mut self, fd: Fd) -> Self {
        if let Self::Trigger(scope, _) = &mut self {
            *scope = Scope::One(fd.into());
        } else if let Some(target) = self.target_mut() {
            *target = Some(fd.into());
        }
        self
    }

    /// The one file that the command names, if it names one.
    pub fn target(&self) -> Option<Target> {
        match self {
            Self::Trigger(Scope::One(target), _) => Some(*target),
            Self::Oneshot(target, _)
            | Self::Exclusive(target, _)
            | Self::Watch(target, _)
            | Self::Rearm(target)
            | Self::Send(target, _)
            | Self::Close(target)
            | Self::Reset(target)
            | Self::Drop(target) => *target,
            _ => None,
        }
    }

    /// Whether the command is for one file, and names none.
    pub fn lacks_target(&self) -> bool {
        let one = matches!(
            self,
            Self::Trigger(Scope::Selected, _)
                | Self::Oneshot(..)
                | Self::Exclusive(..)
                | Self::Watch(..)
                | Self::Rearm(_)
                | Self::Send(..)
                | Self::Close(_)
                | Self::Reset(_)
                | Self::Drop(_)
        );
        one && self.target().is_none()
    }

    /// Where the file is named, in a command that is for one and has no scope.
    fn target_mut(&mut self) -> Option<&mut Option<Target>> {
        match self {
            Self::Oneshot(target, _)
            | Self::Exclusive(target, _)
            | Self::Watch(target, _)
            | Self::Rearm(target)
            | Self::Send(target, _)
            | Self::Close(target)
            | Self::Reset(target)
            | Self::Drop(target) => Some(target),
            _ => None,
        }
    }
}

/// Units of `zoom`, largest first, in nanoseconds.
const UNITS: [(&str, u64); 5] =
    [("m", 60_000_000_000), ("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000), ("ns", 1)];

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
            "trigger client=2 edge",
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
            "send client=1 a b  c",
            "send",
            "close fd=7",
            "close client=12",
            "oneshot client=1 on",
            "reset",
            "drop fd=9",
            "mistake ignore-eof on",
            "threads 2",
            "backend",
            "backend io_uring",
            "netpoll thread",
            "zoom 1s",
            "zoom 500us",
            "at 12.031",
            "seek -1",
            "call 1",
            "wait -1",
            "play",
            "stand",
            "speed 1/4",
            "speed 8",
            "live",
            "follow",
            "follow off",
            "filter fd=7",
            "filter",
            "sort",
            "sort unread",
            "still on",
            "select fd=7",
            "lane T2",
            "view calls",
            "find fd=7 EAGAIN",
            "record",
            "record class 3.rec",
            "record off",
            "save",
            "save class.rec",
            "mark",
            "mark here  it stops",
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
            ("treads 2", "`treads`: expected a command (`threads`?)"),
            ("hold", "`hold`: expected a command, such as pause, trigger, client, help"),
            ("trigger all egde", "`egde`: expected fd=N, client=N, all, level or edge (`edge`?)"),
            ("step T201", "`T201`: expected a thread, T1 to T200"),
            ("delay soon", "`soon`: expected milliseconds, 0 to 60000"),
            ("trigger fd=x edge", "`x`: expected a descriptor number"),
            ("drop client=0", "`0`: expected the number of a connection, 1 is the first accepted"),
            (
                "send client=x y",
                "`x`: expected the number of a connection, 1 is the first accepted",
            ),
            ("speed 3", "`3`: expected one of 1/4, 1/2, 1, 2, 4, 8"),
            ("call 2", "`2`: expected -1 or 1"),
            ("read twice", "`twice`: expected drain or once"),
            (
                "backend kqueue",
                "`kqueue`: expected one of epoll, poll, select, io_uring, goroutine, threads",
            ),
            (
                "view path-of",
                "`path-of`: expected one of overview, timeline, calls, findings, path",
            ),
            (
                "backend epol",
                "`epol`: expected one of epoll, poll, select, io_uring, goroutine, threads (`epoll`?)",
            ),
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
