//! What an `epoll_wait` would do if it were made now (`ep_send_events`).

use crate::event::{Seq, WatchKey};
use crate::model::{EpollView, Loss};
use crate::text::words::{bits, list};

/// Whether a registration on the list is known to be found not ready by the next harvest.
pub(super) fn is_spent(world: EpollView<'_>, key: WatchKey) -> bool {
    world.instance.interest.get(key).is_some() && !world.may_report(key)
}

/// The prediction in words, as what the call "will" do.
pub(super) fn sentence(world: EpollView<'_>, max: u32, timeout_ms: i32) -> String {
    let harvest = world.predict(max);
    let fd = |key: &WatchKey| format!("fd {}", key.fd);
    let dropped: Vec<String> = harvest.dropped.iter().map(fd).collect();
    let drops = match dropped.len() {
        0 => String::new(),
        1 => format!(" It polls {} too, finds nothing there and drops it.", list(&dropped)),
        _ => format!(" It polls {} too, finds nothing there and drops them.", list(&dropped)),
    };
    if !harvest.reported.is_empty() {
        let fds = harvest.reported.iter().map(|(k, mask)| format!("fd {} {}", k.fd, bits(*mask)));
        let left = match harvest.left {
            0 => String::new(),
            1 => format!(" It stops at max {max}: the last one stays at the head."),
            n => format!(" It stops at max {max}: the other {n} stay at the head."),
        };
        let fds = list(&fds.collect::<Vec<_>>());
        return format!("will return at once with {fds}.{left}{drops}");
    }
    if let Some(why) = unknown(world) {
        return format!("will do what is not known here: {why}.");
    }
    if !harvest.perhaps.is_empty() {
        let fds: Vec<String> = harvest.perhaps.iter().map(fd).collect();
        return format!("will poll {}, and return at once if there is something.", list(&fds));
    }
    let first = match dropped.len() {
        0 => "the ready list is empty".to_owned(),
        _ => format!("{} on the ready list was drained meanwhile", list(&dropped)),
    };
    match timeout_ms {
        0 => format!("will return 0 at once: {first}, and with timeout 0 it does not sleep."),
        ms if ms < 0 => format!("will sleep: {first}, so it waits until a wake-up comes."),
        ms => format!("will sleep: {first}, so it waits for a wake-up, at most {ms} ms."),
    }
}

/// Why the ready list is not known, if it is not.
pub(super) fn unknown(world: EpollView<'_>) -> Option<&'static str> {
    if world.knows_ready_list() {
        return None;
    }
    let why = match world.instance.check.loss {
        Loss::Start if world.seq == Seq(0) => "nothing has been observed yet",
        Loss::Start => "there is no epoll instance yet",
        Loss::Unrecorded => "wake-ups are not being recorded (too many a second, or switched off)",
        Loss::NoQueue => {
            "wake-ups cannot be recorded: the user's queue of signals is full (RLIMIT_SIGPENDING)"
        }
        Loss::Resumed => {
            "wake-ups were not recorded for a while; the next epoll_wait that sleeps, or returns fewer \
             than its max, tells it"
        }
        Loss::Overflow => {
            "the kernel had no room for more signals; the next epoll_wait that sleeps, or returns \
             fewer than its max, tells it"
        }
        Loss::Gap => {
            "observations were lost; the next epoll_wait that sleeps, or returns fewer than its max, \
             tells it"
        }
    };
    Some(why)
}
