//! Actions as the calls that they make, in strace's manner and with labels for numbers.

use crate::event::How;
use crate::lesson::case::{Action, Amount, FdArg, Run, Scan, SockOpt, Target, Wait, Who};

/// The action as a call: `epoll_ctl(e, ADD, p.r, IN|ET)`, `read(p.r, 10) by A`.
pub fn call(action: &Action) -> String {
    let text = bare(action);
    match action.who() {
        None => text,
        Some(Who::Woken) => format!("{text} by whoever woke"),
        Some(Who::Thread(thread)) => format!("{text} by {thread}"),
    }
}

fn bare(action: &Action) -> String {
    match action {
        Action::Add { ep, fd, mask, .. } => format!("epoll_ctl({ep}, ADD, {fd}, {mask})"),
        Action::Mod { ep, fd, mask, .. } => format!("epoll_ctl({ep}, MOD, {fd}, {mask})"),
        Action::Del { ep, fd, .. } => format!("epoll_ctl({ep}, DEL, {fd})"),
        Action::Ctl { ep, fd, mask } => format!("epoll_ctl({ep}, 42, {fd}, {mask})"),
        Action::Wait(it) => wait(it),
        Action::Poll(it) => scan("poll", it),
        Action::Select(it) => scan("select", it),
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
        Action::Dup { fd, name } => format!("{name} = dup({fd})"),
        Action::Shutdown { fd, how } => format!("shutdown({fd}, {})", direction(*how)),
        Action::Connect { fd, to } => format!("connect({fd}, {})", target(to)),
        Action::Accept { fd, name, .. } => format!("{name} = accept({fd})"),
        Action::Arm { fd, ms, interval } => timer(fd, *ms, *interval),
        Action::Sleep { ms } => format!("{ms} ms pass"),
        Action::Sockopt { fd, opt, value } => {
            format!("setsockopt({fd}, {}, {value})", option(*opt))
        }
        Action::New { actor } => format!("new {}", actor.name),
        Action::Note => String::new(),
        Action::Repeat { times, body, until } => {
            let calls: Vec<_> = body.iter().map(call).collect();
            let until = if until.is_some() { "at most " } else { "" };
            format!("{until}{times} times: {}", calls.join(", "))
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

fn wait(wait: &Wait) -> String {
    let Wait { ep, max, timeout, thread } = wait;
    let max = if *max == 64 { String::new() } else { format!(", max {max}") };
    let timeout = match (timeout, thread) {
        (Some(0), None) | (None, Some(_)) => String::new(),
        (Some(ms), _) => format!(", {ms} ms"),
        (None, None) => ", -1".to_owned(),
    };
    let by = thread.as_ref().map_or_else(String::new, |thread| format!(" by {thread}"));
    format!("epoll_wait({ep}{max}{timeout}){by}")
}

fn scan(name: &str, scan: &Scan) -> String {
    const SHOWN: usize = 3;
    let fds = scan.fds.iter().take(SHOWN).map(|(fd, mask)| format!("{fd} {mask}"));
    let mut list = fds.collect::<Vec<_>>().join(", ");
    if scan.fds.len() > SHOWN {
        list.push_str(", ...");
    }
    let by = scan.thread.as_ref().map_or_else(String::new, |thread| format!(" by {thread}"));
    format!("{name}({list}){by}")
}

fn timer(fd: &FdArg, ms: u32, interval: u32) -> String {
    match (ms, interval) {
        (0, _) => format!("timerfd_settime({fd}, off)"),
        (_, 0) => format!("timerfd_settime({fd}, {ms} ms)"),
        _ => format!("timerfd_settime({fd}, {ms} ms, every {interval} ms)"),
    }
}

fn direction(how: How) -> String {
    how.to_string()
}

fn target(to: &Target) -> String {
    match to {
        Target::Listener(label) => label.to_string(),
        Target::Nobody => "a port on which nobody listens".to_owned(),
    }
}

fn option(option: SockOpt) -> &'static str {
    SockOpt::ALL.iter().find(|(known, _)| *known == option).map_or("", |(_, word)| word)
}
