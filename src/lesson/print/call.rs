//! One action in one line, in the notation of the manual pages.

use super::mask;
use crate::event::Mask;
use crate::lesson::case::{
    Action, Actor, ActorKind, Amount, FdArg, Label, Outcome, Run, Scan, SockOpt, Target, Wait, Way,
};

/// Descriptors of a poll or a select that are named.
const NAMED: usize = 6;

/// What `action` does, in one line: the call with its arguments, or a few words.
pub fn one_line(action: &Action) -> String {
    let call = call(action);
    let sleeper = match action {
        Action::Wait(wait) => wait.thread.as_ref(),
        Action::Poll(scan) | Action::Select(scan) => scan.thread.as_ref(),
        Action::Freeze { thread, .. } => Some(thread),
        _ => None,
    };
    match (sleeper.map(ToString::to_string), action.who().map(ToString::to_string)) {
        (Some(thread), _) => format!("thread {thread}: {call}"),
        (_, Some(who)) if who == "@woken" => format!("the thread that woke: {call}"),
        (_, Some(thread)) => format!("thread {thread}: {call}"),
        _ => call,
    }
}

fn call(action: &Action) -> String {
    match action {
        Action::Add { ep, fd, mask, .. } => ctl("EPOLL_CTL_ADD", ep, fd, *mask),
        Action::Mod { ep, fd, mask, .. } => ctl("EPOLL_CTL_MOD", ep, fd, *mask),
        Action::Del { ep, fd, .. } => format!("epoll_ctl({ep}, EPOLL_CTL_DEL, {fd})"),
        Action::Ctl { ep, fd, mask } => ctl("42", ep, fd, *mask),
        Action::Wait(wait) => epoll_wait(wait),
        Action::Poll(scan) => many_fds(Way::Poll, scan),
        Action::Select(scan) => many_fds(Way::Select, scan),
        Action::Freeze { ep, max, at, .. } => {
            format!("epoll_wait({ep}, max {max}, 0 ms), held while event {at} is copied out")
        }
        Action::Thaw { thread } => format!("thread {thread} may go on"),
        Action::Signal { thread } => format!("a signal for thread {thread}"),
        Action::Expire { thread } => format!("the timeout of thread {thread} passes"),
        Action::Write { fd, what: Amount::Bytes(n), .. } => format!("write({fd}, {})", bytes(*n)),
        Action::Write { fd, what: Amount::Value(value), .. } => {
            format!("write({fd}, the number {value})")
        }
        Action::Read { fd, n, .. } => format!("read({fd}, {})", bytes(*n)),
        Action::Drain { fd, n, .. } => format!("read({fd}, {}) until EAGAIN", bytes(*n)),
        Action::Fill { fd, n, .. } => format!("write({fd}, {}) until EAGAIN", bytes(*n)),
        Action::Close { fd, .. } => format!("close({fd})"),
        Action::Rst { fd } => format!("close({fd}) with SO_LINGER 0: a reset"),
        Action::Dup { fd, name } => format!("{name} = dup({fd})"),
        Action::Shutdown { fd, how } => format!("shutdown({fd}, {how})"),
        Action::Connect { fd, to: Target::Listener(to) } => format!("connect({fd}, {to})"),
        Action::Connect { fd, to: Target::Nobody } => {
            format!("connect({fd}, a port on which nobody listens)")
        }
        Action::Accept { fd, name, .. } => format!("{name} = accept({fd})"),
        Action::Arm { fd, ms: 0, .. } => format!("timerfd_settime({fd}, disarm)"),
        Action::Arm { fd, ms, interval: 0 } => format!("timerfd_settime({fd}, in {ms} ms)"),
        Action::Arm { fd, ms, interval } => {
            format!("timerfd_settime({fd}, in {ms} ms, then every {interval} ms)")
        }
        Action::Sleep { ms } => format!("{ms} ms pass"),
        Action::Sockopt { fd, opt, value } => {
            let name = SockOpt::ALL.iter().find(|(one, _)| one == opt).map_or("", |(_, word)| word);
            format!("setsockopt({fd}, SO_{name}, {value})")
        }
        Action::New { actor } => self::actor(actor),
        Action::Note => String::new(),
        other => group(other),
    }
}

/// The actions that are no single call.
fn group(action: &Action) -> String {
    match action {
        Action::Repeat { times, body, until } => {
            let body: Vec<_> = body.iter().map(one_line).collect();
            let body = body.join("; ");
            match until {
                Some(ret) => {
                    format!("up to {times} times: {body}, until it returns {}", outcome(*ret))
                }
                None => format!("{times} times: {body}"),
            }
        }
        Action::Measure { name, times, run } => {
            let call = match run {
                Run::Wait(wait) => epoll_wait(wait),
                Run::Scan(way, scan) => many_fds(*way, scan),
            };
            format!("{times} times: {call}; ns.{name} is the time of one")
        }
        Action::Limit { free: Some(free) } => {
            format!("setrlimit(RLIMIT_NOFILE): free descriptors: {free}")
        }
        Action::Limit { free: None } => "setrlimit(RLIMIT_NOFILE): as before".to_owned(),
        Action::Tally { show } => {
            let names: Vec<_> = show.iter().map(ToString::to_string).collect();
            format!("the counters {}", names.join(", "))
        }
        Action::Reset => "all counters are set to 0".to_owned(),
        Action::Many { ep, fd, mask, count } => {
            let member =
                |n: u32| fd.label().map_or_else(|| fd.to_string(), |l| l.of_round(n).to_string());
            let (first, last) = (member(1), member(*count));
            let call = format!("epoll_ctl({ep}, EPOLL_CTL_ADD, {first}, {})", self::mask(*mask));
            format!("{call}, and so on up to {last}")
        }
        _ => String::new(),
    }
}

fn ctl(op: &str, ep: &FdArg, fd: &FdArg, bits: Mask) -> String {
    format!("epoll_ctl({ep}, {op}, {fd}, {})", mask(bits))
}

fn epoll_wait(wait: &Wait) -> String {
    format!("epoll_wait({}, max {}, {})", wait.ep, wait.max, timeout(wait.timeout))
}

fn many_fds(way: Way, scan: &Scan) -> String {
    let name = way.name();
    let mut fds: Vec<_> =
        scan.fds.iter().take(NAMED).map(|(fd, bits)| format!("{fd} {}", mask(*bits))).collect();
    if scan.fds.len() > NAMED {
        fds.push(format!("... {} in all", scan.fds.len()));
    }
    format!("{name}([{}], {})", fds.join(", "), timeout(scan.timeout))
}

fn timeout(ms: Option<u32>) -> String {
    ms.map_or("for ever".to_owned(), |ms| format!("{ms} ms"))
}

fn bytes(n: u32) -> String {
    if n == 1 { "1 byte".to_owned() } else { format!("{n} bytes") }
}

pub(super) fn outcome(outcome: Outcome) -> String {
    match outcome {
        Outcome::Value(value) => value.to_string(),
        Outcome::Errno(errno) => errno.to_string(),
        Outcome::Eof => "the end of the stream".to_owned(),
    }
}

/// `p.r, p.w: a pipe`
pub(super) fn actor(actor: &Actor) -> String {
    let labels = match (actor.labels().as_slice(), actor.count) {
        ([.., last], Some(_)) => {
            let first: Vec<_> =
                actor.labels().iter().take(actor.kind.ends().len()).map(Label::to_string).collect();
            if actor.count == Some(1) {
                first.join(", ")
            } else {
                format!("{} ... {last}", first.join(", "))
            }
        }
        (labels, _) => labels.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    };
    format!("{labels}: {}", what(actor.kind, actor.count))
}

fn what(kind: ActorKind, count: Option<u16>) -> String {
    let (one, more) = match kind {
        ActorKind::Epoll => ("an epoll instance", "epoll instances"),
        ActorKind::Pipe { .. } => ("a pipe", "pipes"),
        ActorKind::Eventfd { semaphore: false, .. } => ("an eventfd", "eventfds"),
        ActorKind::Eventfd { semaphore: true, .. } => ("a semaphore eventfd", "semaphore eventfds"),
        ActorKind::Timerfd => ("a timerfd", "timerfds"),
        ActorKind::Pair { .. } => ("a pair of UNIX stream sockets", "pairs of UNIX stream sockets"),
        ActorKind::Dgram { .. } => {
            ("a pair of UNIX datagram sockets", "pairs of UNIX datagram sockets")
        }
        ActorKind::Udp => ("a pair of UDP sockets", "pairs of UDP sockets"),
        ActorKind::Listener { .. } => ("a listening TCP socket", "listening TCP sockets"),
        ActorKind::Client => ("a TCP client, not yet connected", "TCP clients, not yet connected"),
        ActorKind::File => ("a regular file", "regular files"),
        ActorKind::Dir => ("a directory", "directories"),
        ActorKind::Null => ("/dev/null", "descriptors of /dev/null"),
    };
    let detail = match kind {
        ActorKind::Pipe { size } if size != 65536 => format!(" of {size} bytes"),
        ActorKind::Eventfd { value, .. } if value != 0 => format!(" that begins at {value}"),
        ActorKind::Pair { sndbuf: Some(n) } | ActorKind::Dgram { sndbuf: Some(n) } => {
            format!(", SO_SNDBUF {n}")
        }
        ActorKind::Listener { backlog } if backlog != 64 => format!(", backlog {backlog}"),
        _ => String::new(),
    };
    match count {
        None | Some(1) => format!("{one}{detail}"),
        Some(count) => format!("{count} {more}{detail}"),
    }
}
