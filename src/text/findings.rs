//! The sentences of the findings: which fd, which numbers, and what would mend it.

mod ring;

use super::words::{bits, count, duration, file_name, grouped};
use super::{Remedy, Sentence};
use crate::event::{Backend, Fd, GoId, LaneId, Mask, Refusal};
use crate::model::{Evidence, FileIdentity, Finding, FindingKind, WatchIdentity};

#[cfg(test)]
mod tests;

/// What is wrong, with which fd and numbers, and what would mend it.
pub fn finding(finding: &Finding) -> Sentence {
    let (text, remedy) = match &finding.evidence {
        Evidence::Left { watch, unread, ended } => {
            let remedy = (finding.kind != FindingKind::EmfileStranded).then_some(Remedy::Modify);
            (left(finding.kind, watch, &holds(watch, *unread, *ended), *unread), remedy)
        }
        Evidence::Spin { watch, mask, times, outlived } => {
            let remedy = (finding.kind == FindingKind::OutSpin).then_some(Remedy::UnwatchOut);
            (spin(finding.kind, watch, *mask, *times, *outlived), remedy)
        }
        Evidence::EndAgain { watch, by, times } => (end_again(watch, by, *times), None),
        Evidence::Emfile { watch, times } => (emfile_spin(watch, *times), None),
        Evidence::Outlived { watch, now } => (outlived(watch, now.as_ref()), None),
        Evidence::Herd { watch, taker, loser, times } => {
            (herd(watch, *taker, *loser, *times), None)
        }
        Evidence::Stale { lane, fd, now } => {
            let now = now_names(now.as_ref());
            let text = format!(
                "{lane} acted on a stale event of its batch: fd {fd} was closed while an earlier \
                 event of the same batch was handled, and {now}; put a generation into \
                 epoll_event.data and skip what does not match"
            );
            (text, None)
        }
        Evidence::Starving { lane, flooder, victim, reads, took } => {
            let text = format!(
                "{lane} has read {} {} times in one turn ({}) while {} was ready all the time: \
                 draining is not fair; bound the reads of a turn and carry the rest over",
                name(flooder),
                grouped(u64::from(*reads)),
                duration(*took),
                name(victim)
            );
            (text, None)
        }
        Evidence::FdSetSize { fd, times } => (beyond_fd_set(*fd, *times), None),
        Evidence::ThreadLimit { why, times } => (without_thread(*why, *times), None),
        Evidence::ScanCost { backend, files, calls, asked, found } => {
            (scan_cost(*backend, *files, *calls, *asked, *found), None)
        }
        Evidence::CqOverflow { room, waiting } => (ring::overflow(*room, *waiting), None),
        Evidence::NoBuffers { watch, buffers, held } => {
            (ring::no_buffers(&name(watch), *buffers, *held), None)
        }
        Evidence::InputEnded { watch, op, ret } => (ring::ended(&name(watch), *op, *ret), None),
        Evidence::HeldOpen { watch, op, id } => (ring::held_open(&name(watch), *op, *id), None),
        Evidence::Leaked { go, watch, all } => (leaked(*go, watch, *all), None),
        Evidence::TimeoutZero { lane, call, times } => {
            let text = format!(
                "{lane} called {} with timeout 0 and got nothing, {} times in a row: the \
                 loop never sleeps and burns a CPU; wait with timeout -1, or until the next timer",
                call.name(),
                grouped(*times)
            );
            (text, None)
        }
    };
    Sentence { how: text.len(), text, remedy }
}

/// What a kind of finding is, in general.
pub fn about_finding(kind: FindingKind) -> &'static str {
    match kind {
        FindingKind::EdgeStranded => {
            "edge-triggered, left unread or unaccepted, and nothing will report it"
        }
        FindingKind::OutSpin => "a spin: OUT is always ready and nothing is written",
        FindingKind::EofSpin => "a spin: the end of stream is reported and not acted upon",
        FindingKind::MaskZeroSpin => "a spin: the mask is 0, yet ERR and HUP are always reported",
        FindingKind::EmfileSpin => "a spin of the accept loop: no descriptor is free (EMFILE)",
        FindingKind::EmfileStranded => {
            "EMFILE in an edge-triggered accept loop: the waiting clients are stranded"
        }
        FindingKind::OneshotDisarmed => {
            "a one-shot registration that fired, with bytes left and nobody to arm it"
        }
        FindingKind::Ghost => {
            "a registration that outlived its descriptor: a copy keeps the open file alive"
        }
        FindingKind::ThunderingHerd => {
            "several threads were woken for one level-triggered event; the others found nothing"
        }
        FindingKind::StaleEvent => "an event was believed whose file had been closed meanwhile",
        FindingKind::Starving => "a client waits while the server reads another one without end",
        FindingKind::TimeoutZeroSpin => "epoll_wait with timeout 0 returns nothing, over and over",
        FindingKind::SelectFdLimit => {
            "a client was turned away because its number is not below FD_SETSIZE (select(2))"
        }
        FindingKind::ScanCost => {
            "each poll(2) or select(2) asks many files for every one that it finds"
        }
        FindingKind::CqOverflow => {
            "completions found no room in the queue of a ring, and wait in the kernel"
        }
        FindingKind::NoBuffers => "a recv of a ring ended because no buffer was free (ENOBUFS)",
        FindingKind::MultishotEnded => {
            "an operation of a ring that brought input ended, and was not armed again"
        }
        FindingKind::RingGhost => {
            "a number was closed whose file an operation of a ring holds open"
        }
        FindingKind::GoroutineLeak => {
            "a goroutine is parked for good on a connection whose client has ended"
        }
        FindingKind::ThreadLimit => "a client was turned away because there is no thread for it",
    }
}

/// select(2) cannot be asked about a number.
fn beyond_fd_set(fd: Fd, times: u64) -> String {
    let more = match times {
        1 => String::new(),
        n => format!("; {} so far", count(n, "client")),
    };
    format!(
        "the client with fd {fd} was turned away: an fd_set of the C library ends at 1023, and a bit \
         beyond it would be set in whatever lies behind{more}. The kernel itself would take a longer \
         one; poll and epoll have no such limit"
    )
}

/// There is no thread for a client.
fn without_thread(why: Refusal, times: u64) -> String {
    let more = match times {
        1 => String::new(),
        n => format!("; {} so far", count(n, "client")),
    };
    let whose = match why {
        Refusal::NoThread => {
            "the system refused to start a thread for it (clone: EAGAIN)".to_owned()
        }
        _ => format!("{why}, one for each client"),
    };
    format!(
        "a client was turned away: {whose}{more}. A client that says nothing costs a thread as well; \
         an epoll instance or a goroutine costs it none"
    )
}

/// A goroutine that nobody will wake.
fn leaked(go: GoId, watch: &WatchIdentity, all: u64) -> String {
    let more =
        if all > 1 { format!("; {} so far", count(all, "goroutine")) } else { String::new() };
    format!(
        "{go} is parked for good on {}: its client has ended, and nothing else will wake it; its \
         stack and its descriptor stay{more}. The end of stream is to be acted upon: close it and \
         return",
        name(watch)
    )
}

/// Many questions for one answer.
fn scan_cost(backend: Backend, files: u64, calls: u64, asked: u64, found: u64) -> String {
    let one = match asked.checked_div(found) {
        None => "and found none".to_owned(),
        Some(each) => format!("{} for each of the {} found", grouped(each), grouped(found)),
    };
    format!(
        "{calls} calls of {backend} asked files {} times, {one}: each call asks all {} that it is \
         passed, again after each sleep; epoll asks only those that were woken",
        grouped(asked),
        grouped(files)
    )
}

fn name(watch: &WatchIdentity) -> String {
    match &watch.file {
        Some(file) => format!("fd {} ({})", watch.fd, identity(file)),
        None => format!("fd {}", watch.fd),
    }
}

fn identity(file: &FileIdentity) -> String {
    file_name(file.what, &file.name, file.peer.as_ref())
}

fn now_names(now: Option<&FileIdentity>) -> String {
    match now {
        Some(file) => format!("the number now names {}", identity(file)),
        None => "the number is closed".to_owned(),
    }
}

fn holds(watch: &WatchIdentity, unread: u32, ended: bool) -> String {
    match unread {
        1 if watch.is_listener() => "1 connection still waits to be accepted".to_owned(),
        2.. if watch.is_listener() => {
            format!("{} connections still wait to be accepted", grouped(u64::from(unread)))
        }
        1.. => format!("still holds {}", count(u64::from(unread), "unread byte")),
        0 if ended => "its peer has closed".to_owned(),
        0 => "it was woken since".to_owned(),
    }
}

/// Something is left that nobody will report.
fn left(kind: FindingKind, watch: &WatchIdentity, holds: &str, unread: u32) -> String {
    let name = name(watch);
    match kind {
        FindingKind::OneshotDisarmed => format!(
            "{name} is one-shot and has fired: it is disarmed, {holds}, and the server went back \
             to epoll_wait without arming it again; it stays silent, even for HUP, until a MOD"
        ),
        FindingKind::EmfileStranded => format!(
            "{name} is edge-triggered and {holds}; accept4 failed with EMFILE and the server went \
             back to epoll_wait, so nothing will report them, even when descriptors are free \
             again, until another client connects; a spare descriptor to turn them away mends it"
        ),
        _ if watch.is_listener() => format!(
            "{name} is edge-triggered and {holds}; the server accepted only some of them and went \
             back to epoll_wait, so nothing will report the rest until another client connects or \
             a MOD polls it; accept until EAGAIN"
        ),
        _ if unread == 0 => format!(
            "{name} is edge-triggered and {holds}, and the server went back to epoll_wait without \
             reading the end: a short read is no proof of drained, and no edge will repeat it; \
             read until 0 or EAGAIN, or MOD it"
        ),
        _ => format!(
            "{name} is edge-triggered and {holds}; the server went back to epoll_wait without \
             draining it, so nothing will report it until the peer sends again or a MOD polls it; \
             read until EAGAIN"
        ),
    }
}

/// A level-triggered registration is reported over and over.
fn spin(
    kind: FindingKind,
    watch: &WatchIdentity,
    mask: Mask,
    times: u64,
    outlived: bool,
) -> String {
    let (name, times, bits) = (name(watch), grouped(times), bits(mask));
    match kind {
        FindingKind::MaskZeroSpin => format!(
            "{name} is registered with mask 0, yet ERR and HUP are always reported: {times} \
             reports of {bits} in a row, and the loop spins; mask 0 turns nothing off: DEL it or \
             close it"
        ),
        FindingKind::EofSpin => {
            let until = if outlived {
                "the last copy of its descriptor is closed: the number alone was".to_owned()
            } else {
                format!("the server closes fd {}", watch.fd)
            };
            format!(
                "{name} was reported {times} times in a row with {bits}: its peer has closed, the \
                 end of stream does not go away, and level-triggered it is reported until {until}"
            )
        }
        _ => format!(
            "{name} was reported {times} times in a row with {bits} and nothing was written: there \
             is nearly always room to write, so OUT that is level-triggered or armed again \
             each time spins; watch OUT only while output is queued"
        ),
    }
}

/// The end of a stream is read over and over.
fn end_again(watch: &WatchIdentity, by: &str, times: u64) -> String {
    format!(
        "{by} on {} returned 0 {} times in a row: its peer has closed, the end of a stream is there \
         for every {by}, and who asks again instead of closing fd {} never waits",
        name(watch),
        grouped(times),
        watch.fd
    )
}

/// The accept loop spins.
fn emfile_spin(watch: &WatchIdentity, times: u64) -> String {
    format!(
        "{} is level-triggered and accept4 failed with EMFILE {} times in a row: the connection \
         stays in the queue, so epoll_wait reports it at once and the loop spins; keep a spare \
         descriptor to turn clients away, or stop watching",
        name(watch),
        grouped(times)
    )
}

/// A registration outlived its number.
fn outlived(watch: &WatchIdentity, now: Option<&FileIdentity>) -> String {
    let now = now_names(now);
    let who = watch.file.as_ref().map(|file| format!(" ({})", identity(file))).unwrap_or_default();
    format!(
        "the registration of fd {}{who} outlived its close: a copy (dup or fork) keeps the open \
         file alive, {now}, and its events go on; DEL fails by that number: DEL before close, or \
         close every copy",
        watch.fd
    )
}

/// One event woke several threads.
fn herd(watch: &WatchIdentity, taker: LaneId, loser: LaneId, times: u64) -> String {
    let call = if watch.is_listener() { "accept4" } else { "read" };
    let times = match times {
        1 => String::new(),
        n => format!(", {} times so far", grouped(n)),
    };
    format!(
        "{} was reported to {taker} and to {loser} for one event: {taker} took it and {loser}'s \
         {call} said EAGAIN{times}; level-triggered, each harvest puts the entry back and wakes \
         the next thread: edge or one-shot wakes one",
        name(watch)
    )
}
