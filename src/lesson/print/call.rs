//! One action in one line: the calls that it makes, in strace's manner, with labels for numbers and
//! without what is as usual. The screen, the handout and the check all say it so.

use crate::event::RingOp;
use crate::lesson::case::{
    Action, Actor, ActorKind, Amount, ConnectTarget, Enter, FdArg, Label, Outcome, Run, Scan,
    Submit, Wait, Who,
};

/// The action as a call: `epoll_ctl(e, ADD, p.r, IN|ET)`, `read(p.r, 10) by A`.
pub fn call(action: &Action) -> String {
    let text = call_alone(action);
    let sleeper = match action {
        Action::Wait(wait) => wait.thread.as_ref(),
        Action::Poll(scan) | Action::Select(scan) => scan.thread.as_ref(),
        Action::Enter(enter) => enter.thread.as_ref(),
        _ => None,
    };
    match (sleeper, action.who()) {
        (None, None) => text,
        (None, Some(Who::Woken)) => format!("{text} by whoever woke"),
        (Some(thread), _) | (None, Some(Who::Thread(thread))) => format!("{text} by {thread}"),
    }
}

/// The same without who makes it.
pub fn call_alone(action: &Action) -> String {
    match action {
        Action::Add { ep, fd, mask, .. } => format!("epoll_ctl({ep}, ADD, {fd}, {mask})"),
        Action::Mod { ep, fd, mask, .. } => format!("epoll_ctl({ep}, MOD, {fd}, {mask})"),
        Action::Del { ep, fd, .. } => format!("epoll_ctl({ep}, DEL, {fd})"),
        Action::Ctl { ep, fd, mask } => format!("epoll_ctl({ep}, 42, {fd}, {mask})"),
        Action::Wait(it) => wait(it),
        Action::Poll(it) => scan("poll", it),
        Action::Select(it) => scan("select", it),
        Action::SelectAgain => "select(the same variables)".to_owned(),
        Action::Freeze { ep, thread, max, at } => {
            format!("epoll_wait({ep}, max {max}) by {thread}, held at event {at}")
        }
        Action::Thaw { thread } => format!("let {thread} go on"),
        Action::Signal { thread } => format!("kill({thread}, SIGUSR1)"),
        Action::Expire { thread } => format!("wait for the timeout of {thread}"),
        Action::Write { fd, what: Amount::Bytes(n), .. } => format!("write({fd}, {n})"),
        Action::Write { fd, what: Amount::Value(n), .. } => format!("write({fd}, value {n})"),
        Action::Read { fd, n, .. } => format!("read({fd}, {n})"),
        Action::Drain { fd, .. } => format!("read({fd}) until EAGAIN"),
        Action::Fill { fd, .. } => format!("write({fd}) until EAGAIN"),
        Action::Close { fd, .. } => format!("close({fd})"),
        Action::Rst { fd } => format!("close({fd}) with a reset"),
        Action::Dup { fd, name, least: None } => format!("{name} = dup({fd})"),
        Action::Dup { fd, name, least: Some(least) } => {
            format!("{name} = fcntl({fd}, F_DUPFD, {least})")
        }
        Action::Shutdown { fd, how } => format!("shutdown({fd}, {how})"),
        Action::Connect { fd, to } => format!("connect({fd}, {})", target(to)),
        Action::Accept { fd, name, .. } => format!("{name} = accept({fd})"),
        Action::Arm { fd, ms, interval } => timer(fd, *ms, *interval),
        Action::Sleep { ms } => format!("{ms} ms pass"),
        Action::Sockopt { fd, opt, value } => {
            format!("setsockopt({fd}, {}, {value})", opt.word())
        }
        Action::New { actor } => format!("new {}", actor.name),
        Action::Async { fd } => format!("fcntl({fd}, F_SETFL, O_ASYNC) with F_SETSIG"),
        Action::Blocking { fd } => format!("fcntl({fd}, F_SETFL, 0)"),
        Action::SignalWait => "sigtimedwait(0)".to_owned(),
        Action::Submit(it) => sqe(it),
        Action::Enter(it) => enter(it),
        Action::Reap { ring, .. } => format!("reap {ring}"),
        Action::Go { fd, name, .. } => format!("{name} runs on {fd}"),
        Action::LimitSignals { room: Some(n) } => {
            format!("setrlimit(SIGPENDING): {n} more signals")
        }
        Action::LimitSignals { room: None } => "setrlimit(SIGPENDING): as before".to_owned(),
        Action::Note => String::new(),
        Action::Repeat { times, body, until } => {
            let calls: Vec<_> = body.iter().map(call).collect();
            let calls = calls.join(", ");
            match until {
                Some(ret) => format!("at most {times} times, until {}: {calls}", outcome(*ret)),
                None => format!("{times} times: {calls}"),
            }
        }
        Action::Measure { times, run, .. } => match run {
            Run::Wait(it) => format!("{times} times {}, measured", wait(it)),
            Run::Scan(way, it) => {
                format!("{times} times {}, measured", scan(way.name(), it))
            }
        },
        Action::Limit { free: Some(n) } => format!("setrlimit(NOFILE): {n} more descriptors"),
        Action::Limit { free: None } => "setrlimit(NOFILE): as before".to_owned(),
        Action::Tally { .. } => "counters".to_owned(),
        Action::Reset => "counters to 0".to_owned(),
        Action::Many { ep, fd, mask, count } => {
            format!("{count} times epoll_ctl({ep}, ADD, {fd}, {mask})")
        }
    }
}

/// `sqe r1: recv(s.a, 100)`
fn sqe(submit: &Submit) -> String {
    let Submit { op, fd, n, mask, multi, of, name, .. } = submit;
    let fd = fd.as_ref().map(ToString::to_string).unwrap_or_default();
    let of = of.as_ref().map(ToString::to_string).unwrap_or_default();
    let arguments = match op {
        RingOp::Nop => String::new(),
        RingOp::Accept => fd,
        RingOp::Cancel => of,
        RingOp::Poll if *multi => format!("{fd}, {mask}, multi"),
        RingOp::Poll => format!("{fd}, {mask}"),
        RingOp::Recv | RingOp::Read | RingOp::Send => format!("{fd}, {n}"),
    };
    format!("sqe {name}: {}({arguments})", op.word())
}

fn enter(enter: &Enter) -> String {
    let Enter { ring, submit, wait, .. } = enter;
    let submit = submit.map_or_else(|| "all".to_owned(), |n| n.to_string());
    match wait {
        0 => format!("io_uring_enter({ring}, submit {submit})"),
        _ => format!("io_uring_enter({ring}, submit {submit}, wait {wait})"),
    }
}

fn wait(wait: &Wait) -> String {
    let Wait { ep, max, timeout, thread } = wait;
    let max = if *max == 64 { String::new() } else { format!(", max {max}") };
    let timeout = match (timeout, thread) {
        (Some(0), None) | (None, Some(_)) => String::new(),
        (Some(ms), _) => format!(", {ms} ms"),
        (None, None) => ", -1".to_owned(),
    };
    format!("epoll_wait({ep}{max}{timeout})")
}

fn scan(name: &str, scan: &Scan) -> String {
    const SHOWN: usize = 3;
    let fds = scan.fds.iter().take(SHOWN).map(|(fd, mask)| format!("{fd} {mask}"));
    let mut list = fds.collect::<Vec<_>>().join(", ");
    if scan.fds.len() > SHOWN {
        list.push_str(", ...");
    }
    format!("{name}({list})")
}

fn timer(fd: &FdArg, ms: u32, interval: u32) -> String {
    match (ms, interval) {
        (0, _) => format!("timerfd_settime({fd}, off)"),
        (_, 0) => format!("timerfd_settime({fd}, {ms} ms)"),
        _ => format!("timerfd_settime({fd}, {ms} ms, every {interval} ms)"),
    }
}

fn target(to: &ConnectTarget) -> String {
    match to {
        ConnectTarget::Listener(label) => label.to_string(),
        ConnectTarget::Nobody => "a port on which nobody listens".to_owned(),
    }
}

/// What a call returned, in words.
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
        ActorKind::Ring { .. } => ("an io_uring", "io_urings"),
    };
    let detail = match kind {
        ActorKind::Pipe { size } if size != 65536 => format!(" of {size} bytes"),
        ActorKind::Eventfd { value, .. } if value != 0 => format!(" that begins at {value}"),
        ActorKind::Pair { sndbuf: Some(n) } | ActorKind::Dgram { sndbuf: Some(n) } => {
            format!(", SO_SNDBUF {n}")
        }
        ActorKind::Ring { entries } => format!(" with room for {entries} SQEs"),
        ActorKind::Listener { backlog } if backlog != 64 => format!(", backlog {backlog}"),
        _ => String::new(),
    };
    match count {
        None | Some(1) => format!("{one}{detail}"),
        Some(count) => format!("{count} {more}{detail}"),
    }
}
