//! Actions on io_urings, signals, blocking files and goroutines.

use super::super::fd::{self, Bits};
use super::super::reader::{Read, Reader};
use super::super::table::Table;
use super::super::usage::{Use, Wants, What};
use super::{fd as file, made, mask_of, who};
use crate::event::{Mask, RingOp};
use crate::lesson::case::{Action, Enter, FdArg, Label, MAX_IO, Submit};

/// The operations that `submit` writes.
const OPS: [(RingOp, &str); 4] =
    [(RingOp::Nop, "nop"), (RingOp::Recv, "recv"), (RingOp::Send, "send"), (RingOp::Poll, "poll")];
/// The largest number of completions that are taken at once.
const MAX_TAKEN: u32 = 4096;

pub(super) fn read(r: &mut Reader<'_>, table: &mut Table<'_>, word: &str) -> Read<Action> {
    match word {
        "submit" => submit(r, table).map(Action::Submit),
        "cancel" => cancel(r, table).map(Action::Submit),
        "enter" => enter(r, table).map(Action::Enter),
        "reap" => {
            let ring = ring(r, table);
            let max = table.option(r, "max", |r, max| max.number(r, 1, MAX_TAKEN));
            Ok(Action::Reap { ring: ring?, max: max?.unwrap_or(64) })
        }
        "async" => file(r, table, Wants::Socket).map(|fd| Action::Async { fd }),
        "blocking" => file(r, table, Wants::Socket).map(|fd| Action::Blocking { fd }),
        "signal-wait" => Ok(Action::SignalWait),
        _ => go(r, table),
    }
}

/// The key `ring`.
fn ring(r: &mut Reader<'_>, table: &mut Table<'_>) -> Read<FdArg> {
    table.take(r, "ring", |r, value| fd::fd(r, value, Wants::Ring))
}

/// The key `as`: the name of an operation.
fn op_name(r: &mut Reader<'_>, table: &mut Table<'_>) -> Read<Label> {
    made(r, table, What::Submit)
}

fn submit(r: &mut Reader<'_>, table: &mut Table<'_>) -> Read<Submit> {
    let ring = ring(r, table);
    let op = table.take(r, "op", |r, op| op.word(r, &OPS))?;
    let name = op_name(r, table);
    let fd = match op {
        RingOp::Nop => Ok(None),
        _ => file(r, table, Wants::Any).map(Some),
    };
    let n = match op {
        RingOp::Recv | RingOp::Send => {
            table.option(r, "n", |r, n| n.number(r, 1, MAX_IO)).map(|n| n.unwrap_or(65_536))
        }
        _ => Ok(0),
    };
    let polls = op == RingOp::Poll;
    let mask = if polls { mask_of(r, table, Bits::Poll) } else { Ok(Mask::EMPTY) };
    let multi = if polls { table.option(r, "multi", |r, on| on.switch(r)) } else { Ok(None) };
    let multi = multi?.unwrap_or_default();
    Ok(Submit { ring: ring?, op, fd: fd?, n: n?, mask: mask?, multi, of: None, name: name? })
}

fn cancel(r: &mut Reader<'_>, table: &mut Table<'_>) -> Read<Submit> {
    let ring = ring(r, table);
    let of = table.take(r, "of", |r, value| {
        let name = fd::new_name(r, value)?;
        r.uses.push(Use::new(value.span(), What::Submitted(name.clone())));
        Ok(name)
    });
    let name = op_name(r, table);
    let (op, mask) = (RingOp::Cancel, Mask::EMPTY);
    Ok(Submit { ring: ring?, op, fd: None, n: 0, mask, multi: false, of: Some(of?), name: name? })
}

fn enter(r: &mut Reader<'_>, table: &mut Table<'_>) -> Read<Enter> {
    let ring = ring(r, table);
    let submit = table.option(r, "submit", |r, n| n.number(r, 0, MAX_TAKEN));
    let value = table.get("wait");
    let wait = table.option(r, "wait", |r, n| n.number(r, 1, MAX_TAKEN));
    let thread = table.get("thread");
    let name = thread.map(|value| fd::thread(r, &value)).transpose()?;
    match (&name, thread, value) {
        (Some(name), Some(thread), Some(_)) => {
            r.uses.push(Use::new(thread.span(), What::Park(name.clone(), false)));
        }
        (None, _, Some(value)) => {
            return Err(value.wrong(r, "the main thread does not wait: `wait` needs a `thread`"));
        }
        (Some(_), Some(thread), None) => {
            return Err(thread.wrong(r, "an `enter` by a thread has a `wait`, in which it sleeps"));
        }
        _ => {}
    }
    Ok(Enter { ring: ring?, submit: submit?, wait: wait?.unwrap_or(0), thread: name })
}

fn go(r: &mut Reader<'_>, table: &mut Table<'_>) -> Read<Action> {
    let ep = table.take(r, "ep", |r, ep| fd::fd(r, ep, Wants::Epoll));
    let fd = file(r, table, Wants::Socket);
    let name = table.take(r, "as", |r, value| fd::new_name(r, value));
    let who = who(r, table);
    Ok(Action::Go { ep: ep?, fd: fd?, name: name?, who: who? })
}
