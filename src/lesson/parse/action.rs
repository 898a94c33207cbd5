//! What a step does: its `do` and the keys that belong to it.

mod group;

use super::actor;
use super::fd::{self, Bits};
use super::reader::Reader;
use super::scope::{Use, Wants, What};
use super::table::Table;
use super::value::Value;
use crate::event::How;
use crate::lesson::case::{Action, Amount, FdArg, Label, Scan, SockOpt, Target, Wait, Way, Who};

/// The longest sleep, timeout or period, in milliseconds.
const MAX_MS: u32 = 10_000;
/// The largest read or write.
const MAX_IO: u32 = 16 << 20;
/// The largest `maxevents` that is obeyed.
const MAX_EVENTS: i32 = 4096;
/// The largest `maxevents` that the kernel accepts (`EP_MAX_EVENTS`).
const KERNEL_EVENTS: i32 = i32::MAX / 12;

/// What can be done, in the order in which an error lists it.
const WORDS: [&str; 31] = [
    "add", "mod", "del", "ctl", "wait", "poll", "select", "freeze", "thaw", "signal", "expire",
    "write", "read", "drain", "fill", "close", "rst", "dup", "shutdown", "connect", "accept",
    "arm", "sleep", "sockopt", "new", "note", "repeat", "measure", "limit", "tally", "reset",
];

/// The word of the key `do`; without it the other keys mean nothing.
pub(super) fn word(r: &mut Reader<'_>, table: &mut Table<'_>) -> Option<&'static str> {
    let value = table.need(r, "do")?;
    let words: Vec<_> = WORDS.iter().chain(&["many"]).map(|word| (*word, *word)).collect();
    let word = value.word(r, &words)?;
    table.call(format!("a step that does {word}"));
    Some(word)
}

/// The action of a table whose `do` is `word`.
pub(super) fn read(r: &mut Reader<'_>, table: &mut Table<'_>, word: &str) -> Option<Action> {
    match word {
        "add" | "mod" | "del" | "ctl" => ctl(r, table, word),
        "wait" => wait(r, table).map(Action::Wait),
        "poll" => scan(r, table, Way::Poll).map(Action::Poll),
        "select" => scan(r, table, Way::Select).map(Action::Select),
        "freeze" | "thaw" | "signal" | "expire" => on_thread(r, table, word),
        "write" | "read" | "drain" | "fill" => io(r, table, word),
        "close" | "rst" | "dup" => number(r, table, word),
        "shutdown" | "connect" | "accept" | "sockopt" => socket(r, table, word),
        "arm" => arm(r, table),
        "sleep" => Some(Action::Sleep { ms: table.need(r, "ms")?.number(r, 0, MAX_MS)? }),
        "new" => actor::made_now(r, table).map(|actor| Action::New { actor }),
        "note" => Some(Action::Note),
        "reset" => Some(Action::Reset),
        _ => group::read(r, table, word),
    }
}

fn fd(r: &mut Reader<'_>, table: &mut Table<'_>, key: &'static str, wants: Wants) -> Option<FdArg> {
    let value = table.need(r, key)?;
    fd::fd(r, &value, wants)
}

/// The epoll instance of a call that takes its lock. Anything may stand there, for the error.
fn instance(r: &mut Reader<'_>, table: &mut Table<'_>) -> Option<FdArg> {
    let value = table.need(r, "ep")?;
    let ep = fd::fd(r, &value, Wants::Any);
    if let Some(label) = ep.as_ref().and_then(FdArg::label) {
        r.uses.push(Use::new(value.span(), What::Enter(label.clone())));
    }
    ep
}

fn who(r: &mut Reader<'_>, table: &mut Table<'_>) -> Option<Option<Who>> {
    let value = table.get("thread");
    fd::who(r, value)
}

fn ctl(r: &mut Reader<'_>, table: &mut Table<'_>, word: &str) -> Option<Action> {
    let ep = instance(r, table);
    let fd = fd(r, table, "fd", Wants::Any);
    let mask = match word {
        "del" => None,
        _ => table.need(r, "mask").and_then(|mask| fd::mask(r, &mask, Bits::Epoll)),
    };
    if word == "ctl" {
        return Some(Action::Ctl { ep: ep?, fd: fd?, mask: mask? });
    }
    let who = who(r, table);
    let (ep, fd, who) = (ep?, fd?, who?);
    Some(match word {
        "add" => Action::Add { ep, fd, mask: mask?, who },
        "mod" => Action::Mod { ep, fd, mask: mask?, who },
        _ => Action::Del { ep, fd, who },
    })
}

/// The keys `thread` and `timeout` of a call that sleeps.
fn sleeper(r: &mut Reader<'_>, table: &mut Table<'_>) -> Option<(Option<Label>, Option<u32>)> {
    let value = table.get("thread");
    let thread = match value {
        None => Some(None),
        Some(value) => fd::thread(r, &value).map(Some),
    };
    let timeout = match table.get("timeout") {
        None => Some(value.is_none().then_some(0)),
        Some(timeout) => {
            let forever = if value.is_some() { -1 } else { 0 };
            let ms = timeout.number(r, forever, i64::from(MAX_MS));
            ms.map(|ms| u32::try_from(ms).ok())
        }
    };
    let (thread, timeout) = (thread?, timeout?);
    if let (Some(thread), Some(value)) = (&thread, value) {
        r.uses.push(Use::new(value.span(), What::Park(thread.clone(), timeout.is_some())));
    }
    Some((thread, timeout))
}

fn wait(r: &mut Reader<'_>, table: &mut Table<'_>) -> Option<Wait> {
    let ep = instance(r, table);
    let max = table.get("max").map_or(Some(64), |max| {
        let number = max.number(r, i32::MIN, i32::MAX)?;
        if (MAX_EVENTS + 1..=KERNEL_EVENTS).contains(&number) {
            max.not(r, format!("at most {MAX_EVENTS}, or what the kernel refuses"));
            return None;
        }
        Some(number)
    });
    let sleeper = sleeper(r, table);
    let (thread, timeout) = sleeper?;
    Some(Wait { ep: ep?, max: max?, timeout, thread })
}

fn scan(r: &mut Reader<'_>, table: &mut Table<'_>, way: Way) -> Option<Scan> {
    let bits = match way {
        Way::Poll => Bits::Poll,
        Way::Select => Bits::Select,
    };
    let value = table.need(r, "fds");
    let fds = value.and_then(|value| fd::entries(r, &value, bits));
    if let (Some(fds), Some(value)) = (&fds, value) {
        for label in fds.iter().filter_map(|(fd, _)| fd.label()) {
            r.uses.push(Use::new(value.span(), What::Enter(label.clone())));
        }
    }
    let (thread, timeout) = sleeper(r, table)?;
    Some(Scan { fds: fds?, timeout, thread })
}

fn on_thread(r: &mut Reader<'_>, table: &mut Table<'_>, word: &str) -> Option<Action> {
    let ep = if word == "freeze" { Some(fd(r, table, "ep", Wants::Epoll)) } else { None };
    let value = table.need(r, "thread")?;
    let thread = fd::thread(r, &value)?;
    let what = match (word, &ep) {
        (_, Some(ep)) => {
            let label = ep.as_ref().and_then(FdArg::label).cloned();
            What::Freeze(thread.clone(), label)
        }
        ("thaw", _) => What::Thaw(thread.clone()),
        ("signal", _) => What::Signal(thread.clone()),
        _ => What::Expire(thread.clone()),
    };
    r.uses.push(Use::new(value.span(), what));
    if let Some(ep) = ep {
        let max = table.need(r, "max").and_then(|max| max.number(r, 1, 64));
        let most = max.unwrap_or(64);
        let at = table.need(r, "at").and_then(|at| at.number(r, 1, most));
        return Some(Action::Freeze { ep: ep?, thread, max: max?, at: at? });
    }
    Some(match word {
        "thaw" => Action::Thaw { thread },
        "signal" => Action::Signal { thread },
        _ => Action::Expire { thread },
    })
}

fn io(r: &mut Reader<'_>, table: &mut Table<'_>, word: &str) -> Option<Action> {
    if word == "write" {
        return write(r, table);
    }
    let wants = if word == "fill" { Wants::Writable } else { Wants::Readable };
    let fd = fd(r, table, "fd", wants);
    let (least, usual) = match word {
        "read" => (0, 65536),
        "drain" => (1, 65536),
        _ => (1, 4096),
    };
    let n = table.get("n").map_or(Some(usual), |n| n.number(r, least, MAX_IO));
    let who = who(r, table);
    let (fd, n, who) = (fd?, n?, who?);
    Some(match word {
        "read" => Action::Read { fd, n, who },
        "drain" => Action::Drain { fd, n, who },
        _ => Action::Fill { fd, n, who },
    })
}

fn write(r: &mut Reader<'_>, table: &mut Table<'_>) -> Option<Action> {
    let by_value = table.has("value");
    let wants = if by_value { Wants::Eventfd } else { Wants::Writable };
    let fd = fd(r, table, "fd", wants);
    let what = if by_value {
        let value = table.get("value");
        value.and_then(|value| value.number(r, 0, u64::MAX)).map(Amount::Value)
    } else {
        table.need(r, "n").and_then(|n| n.number(r, 0, MAX_IO)).map(Amount::Bytes)
    };
    let who = who(r, table);
    Some(Action::Write { fd: fd?, what: what?, who: who? })
}

fn number(r: &mut Reader<'_>, table: &mut Table<'_>, word: &str) -> Option<Action> {
    let value = table.need(r, "fd");
    let wants = if word == "rst" { Wants::Tcp } else { Wants::Any };
    let fd = value.and_then(|value| fd::fd(r, &value, wants));
    let label = fd.as_ref().and_then(FdArg::label).cloned();
    if word == "dup" {
        let name = made(r, table, |name| What::Dup(name, label));
        return Some(Action::Dup { fd: fd?, name: name? });
    }
    let who = if word == "close" { who(r, table) } else { Some(None) };
    if let (Some(label), Some(value)) = (label, value) {
        r.uses.push(Use::new(value.span(), What::Close(label)));
    }
    let (fd, who) = (fd?, who?);
    Some(if word == "close" { Action::Close { fd, who } } else { Action::Rst { fd } })
}

/// The key `as`: the name of what the call makes.
fn made(
    r: &mut Reader<'_>,
    table: &mut Table<'_>,
    what: impl FnOnce(Label) -> What,
) -> Option<Label> {
    let value = table.need(r, "as")?;
    let name = fd::new_name(r, &value)?;
    r.uses.push(Use::new(value.span(), what(name.clone())));
    Some(name)
}

fn socket(r: &mut Reader<'_>, table: &mut Table<'_>, word: &str) -> Option<Action> {
    let wants = match word {
        "connect" => Wants::Client,
        "accept" => Wants::Listener,
        _ => Wants::Socket,
    };
    let fd = fd(r, table, "fd", wants);
    match word {
        "connect" => {
            let value = table.need(r, "to");
            let to = value.and_then(|value| target(r, &value));
            Some(Action::Connect { fd: fd?, to: to? })
        }
        "accept" => {
            let name = made(r, table, |name| What::Make(name, super::scope::Thing::Connection));
            let who = who(r, table);
            Some(Action::Accept { fd: fd?, name: name?, who: who? })
        }
        "shutdown" => {
            let ways = [(How::Rd, "rd"), (How::Wr, "wr"), (How::RdWr, "rdwr")];
            let how = table.need(r, "how").and_then(|how| how.word(r, &ways));
            Some(Action::Shutdown { fd: fd?, how: how? })
        }
        _ => {
            let opt = table.need(r, "opt").and_then(|opt| opt.word(r, &SockOpt::ALL));
            let value = table.need(r, "value").and_then(|value| value.number(r, 0, MAX_IO));
            Some(Action::Sockopt { fd: fd?, opt: opt?, value: value? })
        }
    }
}

fn target(r: &mut Reader<'_>, value: &Value<'_>) -> Option<Target> {
    if value.as_str() == Some("nobody") {
        return Some(Target::Nobody);
    }
    fd::label(r, value, Wants::Listener).map(Target::Listener)
}

fn arm(r: &mut Reader<'_>, table: &mut Table<'_>) -> Option<Action> {
    let fd = fd(r, table, "fd", Wants::Timerfd);
    let ms = table.need(r, "ms").and_then(|ms| ms.number(r, 0, MAX_MS));
    let interval = table.get("interval").map_or(Some(0), |ms| ms.number(r, 0, MAX_MS));
    Some(Action::Arm { fd: fd?, ms: ms?, interval: interval? })
}
