//! One action in one line, as a learner types it: `add e p.r IN|ET`, `write p.w 3`, `wait e`.
//!
//! The words are those of the case files. What is typed is held against what there is, so that an
//! error can say what is possible: by what the kernel has by now, not by what a file says. Hence it is
//! not the file's grammar with other signs; the tables of words are the same.

mod ring;

use super::case::{
    Action, Actor, ActorKind, Amount, ConnectTarget, FdArg, HOWS, Label, MAX_EVENTS, MAX_HELD,
    MAX_IO, MAX_MS, MAX_NUMBER, Scan, SockOpt, Step, Wait, Who,
};
use crate::event::{FileKind, Mask, nearest};

pub use super::print::{call, call_alone};

/// Each action with its arguments and what it does.
pub const GRAMMAR: [(&str, &str, &str); 33] = [
    ("add", "EP FD MASK", "epoll_ctl ADD: watch FD, as in `add e p.r IN|ET`"),
    ("mod", "EP FD MASK", "epoll_ctl MOD: watch it for something else, and poll it"),
    ("del", "EP FD", "epoll_ctl DEL: watch it no longer"),
    ("wait", "EP [max N] [timeout MS] [thread A]", "epoll_wait; a thread goes to sleep in it"),
    ("poll", "FD MASK ...", "poll(2), as in `poll p.r IN q.r IN`"),
    ("select", "FD MASK ...", "select(2)"),
    ("select-again", "", "select(2) with the sets as the last one left them"),
    ("write", "FD N", "write N bytes; for an eventfd, add N"),
    ("read", "FD [N]", "one read of at most N bytes"),
    ("drain", "FD", "read until EAGAIN"),
    ("fill", "FD", "write until EAGAIN"),
    ("close", "FD", "close it"),
    ("rst", "FD", "close a TCP socket with a reset"),
    ("dup", "FD as NAME [from N]", "another number for the same open file, not below N"),
    ("shutdown", "FD rd|wr|rdwr", "shut down one direction of a socket, or both"),
    ("connect", "FD LISTENER", "connect a client"),
    ("accept", "FD as NAME", "take a connection from a listener"),
    ("arm", "FD MS [INTERVAL]", "a timer expires in MS, and then every INTERVAL"),
    ("sleep", "MS", "let time pass"),
    ("sockopt", "FD RCVLOWAT|SNDBUF|RCVBUF N", "setsockopt(2)"),
    ("new", "NAME KIND", "make an actor: epoll, pipe, eventfd, timerfd, pair, dgram, udp, ..."),
    ("signal", "THREAD", "a signal to a thread that sleeps"),
    ("expire", "THREAD", "wait until the timeout of a sleeping thread is over"),
    ("freeze", "EP THREAD MAX AT", "hold a harvest while it copies out event number AT"),
    ("thaw", "THREAD", "let it go on"),
    ("async", "FD", "arrivals send a signal from now on (F_SETSIG, O_ASYNC)"),
    ("signal-wait", "", "take one signal out of the queue: sigtimedwait with timeout 0"),
    ("blocking", "FD", "a read of it sleeps from now on, as in `read s.a by A`"),
    ("submit", "RING OP [FD] [N|MASK] [multi] as NAME", "write an SQE: nop, recv, send, poll"),
    ("cancel", "RING OPERATION as NAME", "write an SQE that ends another operation"),
    ("enter", "RING [wait N thread A]", "io_uring_enter: submit what is written"),
    ("reap", "RING", "take the CQEs that are there"),
    ("go", "EP FD as NAME", "a goroutine runs until it parks"),
];

/// The words of the kinds of actors that can be made.
pub fn kinds() -> impl Iterator<Item = &'static str> {
    ActorKind::ALL.iter().map(|(_, word)| *word)
}

/// What there is: what a line can name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WhatIsOpen {
    /// Open descriptors.
    pub open: Vec<(String, FileKind)>,
    /// Names whose descriptor is closed; they stand for their old number.
    pub closed: Vec<String>,
    /// Threads that sleep.
    pub asleep: Vec<String>,
    /// Epoll instances in which a harvest is held, which nobody else can enter.
    pub frozen: Vec<String>,
}

impl WhatIsOpen {
    fn kind(&self, name: &str) -> Option<FileKind> {
        self.open.iter().find(|(known, _)| known == name).map(|(_, kind)| *kind)
    }

    /// The open descriptors for which `wanted` holds.
    fn those(&self, wanted: impl Fn(FileKind) -> bool) -> Vec<&str> {
        let all = self.open.iter().filter(|(_, kind)| wanted(*kind));
        all.map(|(name, _)| name.as_str()).collect()
    }

    fn has(&self, name: &str) -> bool {
        self.kind(name).is_some() || self.closed.iter().any(|known| known == name)
    }
}

/// The words of a line, one taken after the other.
struct Words<'a> {
    word: &'a str,
    rest: Vec<&'a str>,
    known: &'a WhatIsOpen,
    by: Option<Who>,
}

/// The step that a line stands for.
///
/// # Errors
/// What is wrong with it, and what would be possible.
pub fn parse(text: &str, known: &WhatIsOpen) -> Result<Step, String> {
    let mut words: Vec<&str> = text.split_whitespace().collect();
    if words.is_empty() {
        return Err("type an action, such as `wait e`".to_owned());
    }
    let mut by = None;
    if let [.., "by", thread] = words[..] {
        by = Some(Who::Thread(new_thread(thread)?));
        words.truncate(words.len() - 2);
    }
    let word = words.remove(0);
    let mut words = Words { word, rest: words, known, by };
    let action = action(&mut words)?;
    if !words.rest.is_empty() {
        return Err(words.usage());
    }
    if words.by.is_some() {
        return Err(format!("`{word}` is not made by another thread: leave `by` out"));
    }
    Ok(Step::new(action))
}

fn action(w: &mut Words<'_>) -> Result<Action, String> {
    Ok(match w.word {
        "add" | "mod" | "del" => return control(w),
        "wait" => Action::Wait(wait(w)?),
        "poll" => Action::Poll(scan(w)?),
        "select" => Action::Select(scan(w)?),
        "write" => write(w)?,
        "read" => {
            let fd = w.fd()?;
            Action::Read { fd, n: w.number_or(65_536, MAX_IO)?, who: w.by.take() }
        }
        "drain" => Action::Drain { fd: w.fd()?, n: 65_536, who: w.by.take() },
        "fill" => Action::Fill { fd: w.fd()?, n: 4096, who: w.by.take() },
        "close" => Action::Close { fd: w.fd()?, who: w.by.take() },
        "rst" => Action::Rst { fd: w.of(|kind| kind == FileKind::Tcp)? },
        "select-again" => Action::SelectAgain,
        "dup" => {
            let (fd, name) = (w.fd()?, w.named()?);
            Action::Dup { fd, name, least: w.from()? }
        }
        "shutdown" => Action::Shutdown { fd: w.of(is_socket)?, how: w.one_of(&HOWS)? },
        "connect" => {
            let fd = w.of(|kind| kind == FileKind::Tcp)?;
            let to = w.of(|kind| kind == FileKind::Listener)?;
            let FdArg::Named(to) = to else { return Err(w.usage()) };
            Action::Connect { fd, to: ConnectTarget::Listener(to) }
        }
        "accept" => {
            let fd = w.of(|kind| kind == FileKind::Listener)?;
            Action::Accept { fd, name: w.named()?, who: w.by.take() }
        }
        "arm" => {
            let fd = w.of(|kind| kind == FileKind::Timerfd)?;
            Action::Arm { fd, ms: w.number(MAX_MS)?, interval: w.number_or(0, MAX_MS)? }
        }
        "sleep" => Action::Sleep { ms: w.number(MAX_MS)? },
        "sockopt" => {
            let fd = w.of(is_socket)?;
            Action::Sockopt { fd, opt: w.one_of(&SockOpt::ALL)?, value: w.number(MAX_IO)? }
        }
        "new" => {
            let name = new_name(w.next()?)?;
            let kind = w.one_of(&ActorKind::ALL)?;
            Action::New { actor: Actor { line: 0, name, kind, count: None } }
        }
        "signal" => Action::Signal { thread: w.sleeper()? },
        "expire" => Action::Expire { thread: w.sleeper()? },
        "thaw" => Action::Thaw { thread: new_thread(w.next()?)? },
        "freeze" => freeze(w)?,
        "async" => Action::Async { fd: w.of(is_socket)? },
        "signal-wait" => Action::SignalWait,
        "blocking" => Action::Blocking { fd: w.of(is_socket)? },
        "submit" | "cancel" => Action::Submit(ring::submit(w)?),
        "enter" => Action::Enter(ring::enter(w)?),
        "reap" => Action::Reap { ring: ring::ring(w)?, max: 64 },
        "go" => {
            let (ep, fd) = (w.epoll()?, w.of(is_socket)?);
            Action::Go { ep, fd, name: w.word_after_as()?, who: w.by.take() }
        }
        other => return Err(unknown(other)),
    })
}

fn is_socket(kind: FileKind) -> bool {
    use FileKind::{Datagram, Listener, Tcp, Udp, Unix};
    matches!(kind, Tcp | Unix | Datagram | Udp | Listener)
}

fn unknown(word: &str) -> String {
    let words = GRAMMAR.iter().map(|(word, ..)| *word);
    match nearest(word, words.clone()) {
        Some(meant) => format!("there is no action `{word}`: did you mean `{meant}`?"),
        None => format!("there is no action `{word}`: {}", words.collect::<Vec<_>>().join(", ")),
    }
}

fn control(w: &mut Words<'_>) -> Result<Action, String> {
    let (ep, fd) = (w.epoll()?, w.fd()?);
    if w.word == "del" {
        return Ok(Action::Del { ep, fd, who: w.by.take() });
    }
    let (mask, who) = (w.mask()?, w.by.take());
    Ok(match w.word {
        "add" => Action::Add { ep, fd, mask, who },
        _ => Action::Mod { ep, fd, mask, who },
    })
}

fn wait(w: &mut Words<'_>) -> Result<Wait, String> {
    let mut wait = Wait { ep: w.epoll()?, max: 64, timeout: Some(0), thread: None };
    let mut timeout = None;
    while !w.rest.is_empty() {
        match w.next()? {
            "max" => {
                let most = MAX_EVENTS.unsigned_abs();
                wait.max = i32::try_from(w.number(most)?).unwrap_or(MAX_EVENTS);
            }
            "timeout" => timeout = Some(w.number(MAX_MS)?),
            "thread" => {
                let name = w.next()?;
                wait.thread = Some(w.awake(name)?);
            }
            _ => return Err(w.usage()),
        }
    }
    if let Some(Who::Thread(thread)) = w.by.take() {
        wait.thread = Some(w.awake(thread.as_str())?);
    }
    wait.timeout = timeout.or(if wait.thread.is_some() { None } else { Some(0) });
    Ok(wait)
}

fn scan(w: &mut Words<'_>) -> Result<Scan, String> {
    let mut fds = Vec::new();
    while fds.is_empty() || !w.rest.is_empty() {
        fds.push((w.fd()?, w.mask()?));
    }
    Ok(Scan { fds, timeout: Some(0), thread: None })
}

fn write(w: &mut Words<'_>) -> Result<Action, String> {
    let fd = w.fd()?;
    let counts = fd.label().and_then(|label| w.known.kind(label.as_str()));
    let what = match counts {
        Some(FileKind::Eventfd) => Amount::Value(w.number(u32::MAX)?.into()),
        _ => Amount::Bytes(w.number(MAX_IO)?),
    };
    Ok(Action::Write { fd, what, who: w.by.take() })
}

fn freeze(w: &mut Words<'_>) -> Result<Action, String> {
    let (ep, name) = (w.epoll()?, w.next()?);
    let thread = w.awake(name)?;
    let (max, at) = (w.number(MAX_HELD)?, w.number(MAX_HELD)?);
    if max == 0 {
        return Err(format!("MAX is a number of events from 1 to {MAX_HELD}"));
    }
    if at == 0 || at > max {
        return Err(format!("AT is an event from 1 to {max}"));
    }
    Ok(Action::Freeze { ep, thread, max, at })
}

/// A name for something new.
fn new_name(text: &str) -> Result<Label, String> {
    if Label::RESERVED.contains(&text) {
        return Err(format!("the name `{text}` has another meaning: choose another"));
    }
    if !Label::is_name(text) {
        let most = Label::LONGEST;
        return Err(format!(
            "`{text}` is no name: a letter, then letters, digits, _, -, at most {most} in all"
        ));
    }
    Ok(Label::new(text))
}

/// The name of a thread, perhaps a new one.
fn new_thread(text: &str) -> Result<Label, String> {
    if Label::RESERVED_THREADS.contains(&text) {
        return Err(format!("the name `{text}` has another meaning: choose another"));
    }
    new_name(text)
}

impl<'a> Words<'a> {
    fn usage(&self) -> String {
        let arguments = GRAMMAR.iter().find(|(word, ..)| *word == self.word);
        let arguments = arguments.map_or("", |(_, arguments, _)| arguments);
        format!("expected: {} {arguments}", self.word)
    }

    fn next(&mut self) -> Result<&'a str, String> {
        if self.rest.is_empty() { Err(self.usage()) } else { Ok(self.rest.remove(0)) }
    }

    /// A descriptor: a name that there is or was, or a number.
    fn fd(&mut self) -> Result<FdArg, String> {
        self.descriptor(|_| true)
    }

    /// A descriptor of an open file of that kind.
    fn of(&mut self, wanted: impl Fn(FileKind) -> bool) -> Result<FdArg, String> {
        let fd = self.descriptor(&wanted)?;
        let name = fd.to_string();
        match self.known.kind(&name) {
            Some(kind) if wanted(kind) => Ok(fd),
            _ => Err(format!("`{}` cannot take `{name}`: {}", self.word, self.possible(wanted))),
        }
    }

    fn descriptor(&mut self, wanted: impl Fn(FileKind) -> bool) -> Result<FdArg, String> {
        let text = self.next()?;
        if let Ok(number) = text.parse() {
            return Ok(FdArg::Number(number));
        }
        if self.known.frozen.iter().any(|name| name == text) {
            return Err(format!(
                "a harvest of {text} is held, and whoever enters {text} is held too"
            ));
        }
        if self.known.has(text) {
            return Ok(FdArg::Named(Label::new(text)));
        }
        Err(format!("there is no `{text}`: {}", self.possible(wanted)))
    }

    fn possible(&self, wanted: impl Fn(FileKind) -> bool) -> String {
        match self.known.those(wanted)[..] {
            [] => "there is none of that kind".to_owned(),
            [only] => format!("there is {only}"),
            ref all if all.len() > 12 => format!("there are {}, ...", all[..12].join(", ")),
            ref all => format!("there are {}", all.join(", ")),
        }
    }

    fn epoll(&mut self) -> Result<FdArg, String> {
        self.descriptor(|kind| kind == FileKind::Epoll)
    }

    fn mask(&mut self) -> Result<Mask, String> {
        let text = self.next()?;
        let upper = text.to_uppercase().replace(['+', ','], "|").replace("EPOLL", "");
        Mask::parse(&upper).ok_or_else(|| {
            format!("`{text}` is no mask: 0, or bits joined by |, as in IN|OUT|RDHUP|ET|ONESHOT")
        })
    }

    fn number(&mut self, most: u32) -> Result<u32, String> {
        let text = self.next()?;
        let number = text.replace(['_', ','], "").parse().ok().filter(|number| *number <= most);
        number.ok_or_else(|| format!("`{text}`: expected a number from 0 to {most}"))
    }

    fn number_or(&mut self, default: u32, most: u32) -> Result<u32, String> {
        if self.rest.is_empty() { Ok(default) } else { self.number(most) }
    }

    /// `as NAME` of what is no descriptor.
    fn word_after_as(&mut self) -> Result<Label, String> {
        match self.next()? {
            "as" => new_name(self.next()?),
            text => new_name(text),
        }
    }

    /// `as NAME`, or the name alone.
    fn named(&mut self) -> Result<Label, String> {
        let mut text = self.next()?;
        if text == "as" {
            text = self.next()?;
        }
        if self.known.kind(text).is_some() {
            return Err(format!("`{text}` is taken"));
        }
        new_name(text)
    }

    /// `from N`, or nothing.
    fn from(&mut self) -> Result<Option<u32>, String> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        if self.next()? != "from" {
            return Err(self.usage());
        }
        self.number(MAX_NUMBER).map(Some)
    }

    fn one_of<T: Copy>(&mut self, table: &[(T, &str)]) -> Result<T, String> {
        let text = self.next()?;
        let found = table.iter().find(|(_, word)| word.eq_ignore_ascii_case(text));
        let words = || table.iter().map(|(_, word)| *word).collect::<Vec<_>>().join(", ");
        found.map(|(value, _)| *value).ok_or_else(|| format!("`{text}`: one of {}", words()))
    }

    /// A thread that sleeps.
    fn sleeper(&mut self) -> Result<Label, String> {
        let text = self.next()?;
        if self.known.asleep.iter().any(|thread| thread == text) {
            return Ok(Label::new(text));
        }
        Err(match &self.known.asleep[..] {
            [] => format!("thread {text} does not sleep, nor does any other"),
            asleep => format!("thread {text} does not sleep: {}", asleep.join(", ")),
        })
    }

    /// A thread that does not sleep, perhaps a new one.
    fn awake(&self, text: &str) -> Result<Label, String> {
        if self.known.asleep.iter().any(|thread| thread == text) {
            return Err(format!("thread {text} sleeps already"));
        }
        new_thread(text)
    }
}

#[cfg(test)]
mod tests;
