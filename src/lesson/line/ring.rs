//! Lines about io_urings.

use crate::event::{FileKind, Mask, RingOp};
use crate::lesson::case::{Enter, FdArg, Label, MAX_IO, Submit};

use super::Words;

/// The operations that can be typed.
const OPS: [(RingOp, &str); 4] =
    [(RingOp::Nop, "nop"), (RingOp::Recv, "recv"), (RingOp::Send, "send"), (RingOp::Poll, "poll")];

pub(super) fn ring(w: &mut Words<'_>) -> Result<FdArg, String> {
    w.of(|kind| kind == FileKind::Ring)
}

/// `submit u recv s.a 100 as r1`, `cancel u r1 as c1`
pub(super) fn submit(w: &mut Words<'_>) -> Result<Submit, String> {
    let ring = ring(w)?;
    let (op, of) = match w.word {
        "cancel" => (RingOp::Cancel, Some(Label::new(w.next()?))),
        _ => (w.one_of(&OPS)?, None),
    };
    let none = matches!(op, RingOp::Nop | RingOp::Cancel);
    let fd = if none { None } else { Some(w.fd()?) };
    let (mut n, mut mask, mut multi) = (0, Mask::EMPTY, false);
    match op {
        RingOp::Recv | RingOp::Send => {
            n = if w.rest.first() == Some(&"as") { 65_536 } else { w.number(MAX_IO)?.max(1) };
        }
        RingOp::Poll => {
            mask = w.mask()?;
            multi = w.rest.first() == Some(&"multi");
            if multi {
                w.next()?;
            }
        }
        RingOp::Nop | RingOp::Cancel | RingOp::Accept | RingOp::Read => {}
    }
    Ok(Submit { ring, op, fd, n, mask, multi, of, name: w.word_after_as()? })
}

/// `enter u`, `enter u wait 1 thread A`
pub(super) fn enter(w: &mut Words<'_>) -> Result<Enter, String> {
    let ring = ring(w)?;
    let mut enter = Enter { ring, submit: None, wait: 0, thread: None };
    while !w.rest.is_empty() {
        match w.next()? {
            "wait" => enter.wait = w.number(4096)?,
            "thread" => {
                let name = w.next()?;
                enter.thread = Some(w.awake(name)?);
            }
            _ => return Err(w.usage()),
        }
    }
    if (enter.wait > 0) != enter.thread.is_some() {
        return Err("the main thread does not wait, and a thread does: wait N thread A".to_owned());
    }
    Ok(enter)
}
