//! Wording that the Why sentences and the findings share.

use super::Sentence;
use crate::event::{
    ConnState, Fd, FileKind, GoWait, LaneId, Mask, Nanos, Peer, TimeUnit, WatchKey, visible,
};
use crate::model::{OpenFile, World};

/// Columns of a name in a sentence.
const NAME: usize = 48;

/// `fd 7 (127.0.0.1:51234)`; where the source has labels `p.r (fd 5)`.
pub(in crate::text) fn name(world: &World, key: WatchKey) -> String {
    if world.labelled {
        let (label, number) = (world.watch_name(key), format!("fd {}", key.fd));
        return if label == number { number } else { format!("{label} ({number})") };
    }
    match world.file_of(key) {
        Some(file) => format!("fd {} ({})", key.fd, name_of(file)),
        None => format!("fd {}", key.fd),
    }
}

/// What a descriptor is called: its label, `fd 7` if it has none.
pub(in crate::text) fn short(world: &World, fd: Fd) -> String {
    world.label(fd).map_or_else(|| format!("fd {fd}"), ToOwned::to_owned)
}

/// A thread: `T1`; where the source has names for them `thread A`, `the main thread`.
pub(in crate::text) fn who(world: &World, id: LaneId) -> String {
    match world.lane_name(id).as_str() {
        name if !world.labelled => name.to_owned(),
        "main" => "the main thread".to_owned(),
        name => format!("thread {name}"),
    }
}

/// For what a goroutine is parked.
pub(in crate::text) fn parked(on: GoWait) -> &'static str {
    match on {
        GoWait::Read => "in read",
        GoWait::Write => "in write",
        GoWait::Queue => "until something is queued",
        GoWait::Room => "until its connection is read again",
        GoWait::Descriptor => "until a descriptor is free",
    }
}

/// When that was: `at 12.031`, `in step 5`.
pub(in crate::text) fn when(world: &World, t: Nanos) -> String {
    let (step, rest) = (t.0 / TimeUnit::STEP.0, t.0 % TimeUnit::STEP.0);
    match world.clock {
        TimeUnit::Nanoseconds => format!("at {t}"),
        TimeUnit::Steps if step == 0 => "at the start".to_owned(),
        TimeUnit::Steps if rest < TimeUnit::STEP.0 / 2 => format!("in step {step}"),
        TimeUnit::Steps => format!("after step {step}"),
    }
}

/// Since when: `since 12.031`, `since step 5`.
pub(in crate::text) fn since(world: &World, t: Nanos) -> String {
    match (world.clock, t.0 / TimeUnit::STEP.0) {
        (TimeUnit::Nanoseconds, _) => format!("since {t}"),
        (TimeUnit::Steps, 0) => "since the start".to_owned(),
        (TimeUnit::Steps, step) => format!("since step {step}"),
    }
}

/// What a file is called without its number.
pub(in crate::text) fn name_of(file: &OpenFile) -> String {
    file_name(file.what, &file.name, file.peer.as_ref())
}

/// What a file of that kind, name and other end is called without its number.
pub(in crate::text) fn file_name(what: FileKind, name: &str, peer: Option<&Peer>) -> String {
    let name = visible(name.as_bytes(), NAME);
    match what {
        FileKind::Listener => format!("listener {name}"),
        FileKind::Eventfd => "control eventfd".to_owned(),
        FileKind::Pipe => "pipe".to_owned(),
        FileKind::PipeWriter
        | FileKind::Timerfd
        | FileKind::Datagram
        | FileKind::Udp
        | FileKind::Epoll
        | FileKind::Ring
        | FileKind::Plain => name,
        FileKind::Tcp | FileKind::Unix => match peer {
            _ if !name.is_empty() => name,
            Some(peer) => visible(peer.to_string().as_bytes(), NAME),
            None => "?".to_owned(),
        },
    }
}

/// `1 byte`, `12 bytes`.
pub(in crate::text) fn count(n: u64, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{} {what}s", grouped(n)) }
}

/// `1 client waits`, `2 clients wait`.
pub(in crate::text) fn clients(n: u32) -> String {
    if n == 1 {
        "1 client waits".to_owned()
    } else {
        format!("{} clients wait", grouped(u64::from(n)))
    }
}

/// `4,096`.
pub(in crate::text) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `IN RDHUP`.
pub(in crate::text) fn bits(mask: Mask) -> String {
    mask.join(" ")
}

/// How a registration reports: `edge-triggered`, `one-shot, level-triggered`.
pub(in crate::text) fn manner(mask: Mask) -> String {
    let once = if mask.has(Mask::ONESHOT) { "one-shot, " } else { "" };
    format!("{once}{}-triggered", mask.trigger())
}

/// What a MOD with that mask is for.
pub(in crate::text) fn after_mod(mask: Mask) -> &'static str {
    if mask.has(Mask::ONESHOT) {
        "It is armed for one report, which disarms it; a MOD arms it again"
    } else {
        "A MOD arms a one-shot again, and asks again under edge-triggering"
    }
}

/// `12.031 s`, `340 ms`, `15 us`.
pub(in crate::text) fn duration(t: Nanos) -> String {
    match t.0 {
        0..1_000_000 => format!("{} us", t.0 / 1000),
        1_000_000..1_000_000_000 => format!("{} ms", t.0 / 1_000_000),
        _ => format!("{t} s"),
    }
}

/// `fd 7, fd 9 and fd 11`; of many only the first.
pub(in crate::text) fn list(items: &[String]) -> String {
    const SHOWN: usize = 4;
    match items {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        _ if items.len() > SHOWN => {
            format!("{} and {} more", items[..SHOWN].join(", "), items.len() - SHOWN)
        }
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// A thread that died; what it died of is shown as text only.
pub(in crate::text) fn thread_died(id: LaneId, message: &str) -> String {
    format!("{id} died: {}", visible(message.as_bytes(), 160))
}

/// Text as a sentence: it begins with a capital, unless with a name of the system's, and ends with
/// a full stop.
pub(in crate::text) fn sentence(text: &str) -> String {
    let first = text.split(' ').next().unwrap_or_default();
    let is_word = first != "fd" && first.chars().all(|c| c.is_ascii_alphabetic() || c == '\'');
    let mut sentence = String::with_capacity(text.len() + 1);
    let mut chars = text.chars();
    if let Some(c) = chars.next() {
        sentence.push(if is_word { c.to_ascii_uppercase() } else { c });
    }
    sentence.push_str(chars.as_str());
    if !sentence.is_empty() && !sentence.ends_with('.') {
        sentence.push('.');
    }
    sentence
}

/// A sentence in the making: how it is, and what follows from that.
#[derive(Clone, Debug, Default)]
pub(in crate::text) struct Phrase {
    how: String,
    /// It begins with a name, which is written as it is.
    named: bool,
    follows: String,
}

impl Phrase {
    /// Words.
    pub(in crate::text) fn new(how: impl Into<String>) -> Self {
        Self { how: how.into(), ..Self::default() }
    }

    /// Words that begin with a name.
    pub(in crate::text) fn named(how: impl Into<String>) -> Self {
        Self { named: true, ..Self::new(how) }
    }

    /// What follows from it, in sentences of its own.
    #[must_use]
    pub(in crate::text) fn then(self, follows: impl Into<String>) -> Self {
        Self { follows: follows.into(), ..self }
    }
}

impl From<Phrase> for Sentence {
    fn from(Phrase { how, named, follows }: Phrase) -> Self {
        let stop = |text: &str| if text.is_empty() || text.ends_with('.') { "" } else { "." };
        let how = if named { format!("{how}{}", stop(&how)) } else { sentence(&how) };
        let gap = if follows.is_empty() { "" } else { " " };
        let text = format!("{how}{gap}{follows}{}", stop(&follows));
        Self { how: how.len(), text, remedy: None }
    }
}

/// What the server is doing with a connection, if that is anything special.
pub fn connection_state(state: ConnState) -> Option<&'static str> {
    match state {
        ConnState::Open => None,
        ConnState::Carried => Some("carried"),
        ConnState::BackPressure => Some("full"),
        ConnState::Flushing => Some("flushing"),
    }
}
