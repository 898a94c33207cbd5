//! What a step does: its `do` and the keys that belong to it.

mod group;
mod ring;

use super::actor;
use super::fd::{self, Bits};
use super::reader::{Read, Reader};
use super::table::Table;
use super::usage::{Thing, Use, Wants, What};
use super::value::Value;
use crate::event::Mask;
use crate::lesson::case::{
    Action, Amount, ConnectTarget, FdArg, HOWS, Label, MAX_EVENTS, MAX_HELD, MAX_IO, MAX_MS,
    MAX_NUMBER, Scan, SockOpt, Wait, Way, Who,
};

/// The largest `maxevents` that the kernel accepts (`EP_MAX_EVENTS`).
const KERNEL_EVENTS: i32 = i32::MAX / 12;

/// The word of the key `do`; without it the other keys mean nothing.
pub(super) fn word(r: &mut Reader<'_>, table: &mut Table<'_>) -> Read<&'static str> {
    let words = Action::WORDS.map(|word| (word, word));
    let word = table.take(r, "do", |r, value| value.word(r, &words));
    match word {
        Ok(word) => table.call(format!("a step that does {word}")),
        Err(_) => table.give_up(),
    }
    word
}

/// The action of a table whose `do` is `word`.
pub(super) fn read(r: &mut Reader<'_>, table: &mut Table<'_>, word: &str) -> Read<Action> {
    match word {
        "add" | "mod" | "del" | "ctl" => ctl(r, table, word),
        "wait" => wait(r, table).map(Action::Wait),
        "poll" => scan(r, table, Way::Poll).map(Action::Poll),
        "select" => scan(r, table, Way::Select).map(Action::Select),
        "select-again" => Ok(Action::SelectAgain),
        "freeze" => freeze(r, table),
        "thaw" => named(r, table, What::Thaw).map(|thread| Action::Thaw { thread }),
        "signal" => named(r, table, What::Signal).map(|thread| Action::Signal { thread }),
        "expire" => named(r, table, What::Expire).map(|thread| Action::Expire { thread }),
        "write" => write(r, table),
        "read" | "drain" | "fill" => many_bytes(r, table, word),
        "close" => {
            let fd = closed(r, table, Wants::Any);
            let who = who(r, table);
            Ok(Action::Close { fd: fd?, who: who? })
        }
        "rst" => closed(r, table, Wants::Tcp).map(|fd| Action::Rst { fd }),
        "dup" => dup(r, table),
        "shutdown" => shutdown(r, table),
        "connect" => connect(r, table),
        "accept" => accept(r, table),
        "sockopt" => sockopt(r, table),
        "arm" => arm(r, table),
        "sleep" => table.take(r, "ms", milliseconds).map(|ms| Action::Sleep { ms }),
        "new" => actor::made_now(r, table).map(|actor| Action::New { actor }),
        "note" => Ok(Action::Note),
        "reset" => Ok(Action::Reset),
        "async" | "signal-wait" | "blocking" | "submit" | "cancel" | "enter" | "reap" | "go" => {
            ring::read(r, table, word)
        }
        _ => group::read(r, table, word),
    }
}

/// The key `fd`.
fn fd(r: &mut Reader<'_>, table: &mut Table<'_>, wants: Wants) -> Read<FdArg> {
    table.take(r, "fd", |r, value| fd::fd(r, value, wants))
}

/// The key `ep` of a call that takes the lock of the instance. Anything may stand there, for the
/// sake of the error.
fn instance(
    r: &mut Reader<'_>,
    table: &mut Table<'_>,
    what: impl FnOnce(Label) -> What,
) -> Read<FdArg> {
    table.take(r, "ep", |r, value| {
        let ep = fd::fd(r, value, Wants::Any)?;
        if let Some(label) = ep.label() {
            r.uses.push(Use::new(value.span(), what(label.clone())));
        }
        Ok(ep)
    })
}

/// The key `thread` of a call that does not sleep.
fn who(r: &mut Reader<'_>, table: &mut Table<'_>) -> Read<Option<Who>> {
    table.option(r, "thread", fd::who)
}

/// The key `mask` of epoll_ctl.
fn mask(r: &mut Reader<'_>, table: &mut Table<'_>) -> Read<Mask> {
    mask_of(r, table, Bits::Epoll)
}

fn mask_of(r: &mut Reader<'_>, table: &mut Table<'_>, bits: Bits) -> Read<Mask> {
    table.take(r, "mask", |r, value| fd::mask(r, value, bits))
}

fn milliseconds(r: &mut Reader<'_>, value: &Value<'_>) -> Read<u32> {
    value.number(r, 0, MAX_MS)
}

fn ctl(r: &mut Reader<'_>, table: &mut Table<'_>, word: &str) -> Read<Action> {
    let ep = instance(r, table, What::Control);
    let fd = fd(r, table, Wants::Any);
    if word == "del" {
        let who = who(r, table);
        return Ok(Action::Del { ep: ep?, fd: fd?, who: who? });
    }
    let mask = mask(r, table);
    if word == "ctl" {
        return Ok(Action::Ctl { ep: ep?, fd: fd?, mask: mask? });
    }
    let who = who(r, table);
    let (ep, fd, mask, who) = (ep?, fd?, mask?, who?);
    Ok(match word {
        "add" => Action::Add { ep, fd, mask, who },
        _ => Action::Mod { ep, fd, mask, who },
    })
}

/// The keys `thread` and `timeout` of a call that sleeps.
fn sleeper(r: &mut Reader<'_>, table: &mut Table<'_>) -> Read<(Option<Label>, Option<u32>)> {
    let value = table.get("thread");
    let thread = value.map(|value| fd::thread(r, &value)).transpose();
    let forever = if value.is_some() { -1 } else { 0 };
    let timeout = table.option(r, "timeout", |r, ms| ms.number(r, forever, i64::from(MAX_MS)));
    let (thread, timeout) = (thread?, u32::try_from(timeout?.unwrap_or(forever)).ok());
    if let (Some(thread), Some(value)) = (&thread, value) {
        r.uses.push(Use::new(value.span(), What::Park(thread.clone(), timeout.is_some())));
    }
    Ok((thread, timeout))
}

fn wait(r: &mut Reader<'_>, table: &mut Table<'_>) -> Read<Wait> {
    let max = table.option(r, "max", |r, max| {
        let number = max.number(r, i32::MIN, i32::MAX)?;
        if (MAX_EVENTS + 1..=KERNEL_EVENTS).contains(&number) {
            let expected = format!(
                "at most {MAX_EVENTS}, or more than {KERNEL_EVENTS}, which the kernel refuses"
            );
            return Err(max.not(r, expected));
        }
        Ok(number)
    });
    // A thread may wait for the lock; a wrong number fails before it.
    let refused = matches!(max, Ok(Some(max)) if max <= 0 || max > MAX_EVENTS);
    let ep = if refused || table.get("thread").is_some() {
        table.take(r, "ep", |r, ep| fd::fd(r, ep, Wants::Any))
    } else {
        instance(r, table, What::Enter)
    };
    let (thread, timeout) = sleeper(r, table)?;
    Ok(Wait { ep: ep?, max: max?.unwrap_or(64), timeout, thread })
}

fn scan(r: &mut Reader<'_>, table: &mut Table<'_>, way: Way) -> Read<Scan> {
    let bits = match way {
        Way::Poll => Bits::Poll,
        Way::Select => Bits::Select,
    };
    let fds = table.take(r, "fds", |r, value| {
        let fds = fd::entries(r, value, bits)?;
        for label in fds.iter().filter_map(|(fd, _)| fd.label()) {
            r.uses.push(Use::new(value.span(), What::Enter(label.clone())));
        }
        Ok(fds)
    });
    let (thread, timeout) = sleeper(r, table)?;
    Ok(Scan { fds: fds?, timeout, thread })
}

/// The key `thread`, to which something is done.
fn named(
    r: &mut Reader<'_>,
    table: &mut Table<'_>,
    what: impl FnOnce(Label) -> What,
) -> Read<Label> {
    table.take(r, "thread", |r, value| {
        let thread = fd::thread(r, value)?;
        r.uses.push(Use::new(value.span(), what(thread.clone())));
        Ok(thread)
    })
}

fn freeze(r: &mut Reader<'_>, table: &mut Table<'_>) -> Read<Action> {
    let ep = table.take(r, "ep", |r, value| fd::fd(r, value, Wants::Epoll));
    let label = ep.as_ref().ok().and_then(FdArg::label).cloned();
    let thread = named(r, table, |thread| What::Freeze(thread, label));
    let max = table.take(r, "max", |r, max| max.number(r, 1, MAX_HELD));
    let most = max.unwrap_or(MAX_HELD);
    let at = table.take(r, "at", |r, at| at.number(r, 1, most));
    Ok(Action::Freeze { ep: ep?, thread: thread?, max: max?, at: at? })
}

fn many_bytes(r: &mut Reader<'_>, table: &mut Table<'_>, word: &str) -> Read<Action> {
    let wants = if word == "fill" { Wants::Writable } else { Wants::Readable };
    let fd = fd(r, table, wants);
    let least = u32::from(word != "read");
    let n = table.option(r, "n", |r, n| n.number(r, least, MAX_IO));
    let who = who(r, table);
    let (fd, n, who) = (fd?, n?, who?);
    Ok(match word {
        "read" => Action::Read { fd, n: n.unwrap_or(65536), who },
        "drain" => Action::Drain { fd, n: n.unwrap_or(65536), who },
        _ => Action::Fill { fd, n: n.unwrap_or(4096), who },
    })
}

fn write(r: &mut Reader<'_>, table: &mut Table<'_>) -> Read<Action> {
    let by_value = table.has("value");
    let fd = fd(r, table, if by_value { Wants::Eventfd } else { Wants::Writable });
    let what = if by_value {
        table.take(r, "value", |r, value| value.number(r, 0, u64::MAX)).map(Amount::Value)
    } else {
        table.take(r, "n", |r, n| n.number(r, 0, MAX_IO)).map(Amount::Bytes)
    };
    let who = who(r, table);
    Ok(Action::Write { fd: fd?, what: what?, who: who? })
}

/// The key `fd` of a call that closes it.
fn closed(r: &mut Reader<'_>, table: &mut Table<'_>, wants: Wants) -> Read<FdArg> {
    table.take(r, "fd", |r, value| {
        let fd = fd::fd(r, value, wants)?;
        if let Some(label) = fd.label() {
            r.uses.push(Use::new(value.span(), What::Close(label.clone())));
        }
        Ok(fd)
    })
}

/// The key `as`: the name of what the call makes.
fn made(
    r: &mut Reader<'_>,
    table: &mut Table<'_>,
    what: impl FnOnce(Label) -> What,
) -> Read<Label> {
    table.take(r, "as", |r, value| {
        let name = fd::new_name(r, value)?;
        r.uses.push(Use::new(value.span(), what(name.clone())));
        Ok(name)
    })
}

fn dup(r: &mut Reader<'_>, table: &mut Table<'_>) -> Read<Action> {
    let fd = fd(r, table, Wants::Any);
    let label = fd.as_ref().ok().and_then(FdArg::label).cloned();
    let name = made(r, table, |name| What::Dup(name, label));
    let least = table.option(r, "from", |r, least| least.number(r, 3, MAX_NUMBER));
    Ok(Action::Dup { fd: fd?, name: name?, least: least? })
}

fn connect(r: &mut Reader<'_>, table: &mut Table<'_>) -> Read<Action> {
    let fd = fd(r, table, Wants::Client);
    let to = table.take(r, "to", |r, value| {
        if value.as_str() == Some("nobody") {
            return Ok(ConnectTarget::Nobody);
        }
        fd::label(r, value, Wants::Listener).map(ConnectTarget::Listener)
    });
    Ok(Action::Connect { fd: fd?, to: to? })
}

fn accept(r: &mut Reader<'_>, table: &mut Table<'_>) -> Read<Action> {
    let fd = fd(r, table, Wants::Listener);
    let name = made(r, table, |name| What::Make(name, Thing::Connection));
    let who = who(r, table);
    Ok(Action::Accept { fd: fd?, name: name?, who: who? })
}

fn shutdown(r: &mut Reader<'_>, table: &mut Table<'_>) -> Read<Action> {
    let fd = fd(r, table, Wants::Socket);
    let how = table.take(r, "how", |r, how| how.word(r, &HOWS));
    Ok(Action::Shutdown { fd: fd?, how: how? })
}

fn sockopt(r: &mut Reader<'_>, table: &mut Table<'_>) -> Read<Action> {
    let fd = fd(r, table, Wants::Socket);
    let opt = table.take(r, "opt", |r, opt| opt.word(r, &SockOpt::ALL));
    let value = table.take(r, "value", |r, value| value.number(r, 0, MAX_IO));
    Ok(Action::Sockopt { fd: fd?, opt: opt?, value: value? })
}

fn arm(r: &mut Reader<'_>, table: &mut Table<'_>) -> Read<Action> {
    let fd = fd(r, table, Wants::Timerfd);
    let ms = table.take(r, "ms", milliseconds);
    let interval = table.option(r, "interval", milliseconds);
    Ok(Action::Arm { fd: fd?, ms: ms?, interval: interval?.unwrap_or(0) })
}
