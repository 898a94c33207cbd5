//! A goroutine of a case: the calls that it makes until it parks, as Go's netpoller has them
//! (runtime/netpoll.go): one registration at open, and none when it parks or is woken.

use crate::event::{CtlOp, Errno, Fd, LaneId, Mask};
use crate::lesson::case::{Amount, FdArg, Label, Outcome, Who};
use crate::lesson::kernel::{Call, Kernel, RunError};

use super::{Done, MOST_CALLS, caller, too_many};

/// The bits with which Go registers each file (`netpollopen`).
const REGISTERED: Mask = Mask(Mask::IN.0 | Mask::OUT.0 | Mask::RDHUP.0 | Mask::ET.0);
/// Bytes that it reads at once.
const ROOM: u32 = 4096;

/// Runs a goroutine until it parks or comes to the end of its stream.
///
/// # Errors
/// If a call cannot be made.
pub(super) fn run(
    k: &mut impl Kernel,
    (ep, fd): (&FdArg, &FdArg),
    name: &Label,
    who: Option<&Who>,
) -> Done {
    let lane = caller(k, who)?;
    let label = Label::new(fd.to_string());
    let (ep, fd) = (k.number(ep)?, k.number(fd)?);
    if !k.table().goroutines.contains(name) {
        let add = Call::Ctl { ep, op: CtlOp::Add, fd, mask: REGISTERED, label };
        let added = k.call(lane, &add)?;
        if added != Outcome::Value(0) {
            return Ok(Some(added));
        }
        k.table_mut().goroutines.insert(name.clone());
    }
    serve(k, lane, fd).map(Some)
}

/// Reads and writes back until there is nothing to read.
fn serve(k: &mut impl Kernel, lane: LaneId, fd: Fd) -> Result<Outcome, RunError> {
    for served in 0..MOST_CALLS {
        let read = k.call(lane, &Call::Read { fd, len: ROOM })?;
        if !k.agree("a read") {
            return Ok(read);
        }
        let outcome = match read {
            Outcome::Value(0) => Outcome::Eof,
            Outcome::Errno(Errno::EAGAIN) => Outcome::Value(served.into()),
            Outcome::Errno(_) | Outcome::Eof => read,
            Outcome::Value(count) => {
                let what = Amount::Bytes(u32::try_from(count).unwrap_or(ROOM));
                let written = k.call(lane, &Call::Write { fd, what })?;
                if k.agree("a write") {
                    continue;
                }
                written
            }
        };
        for seen in k.seen().into_iter().flatten() {
            seen.ret = Some(outcome);
        }
        return Ok(outcome);
    }
    Err(too_many("reads"))
}
