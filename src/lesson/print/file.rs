//! A case as a case file: what the parser makes of it is the same case.
//!
//! It is written by hand: by serde `toml` writes the rounds of a repeat as tables of their own and
//! not in one place with its other keys, and types for what a file says would be a second model.

use std::fmt::Write as _;

use super::{entry, mask};
use crate::event::RingOp;
use crate::lesson::case::{
    Action, Actor, ActorKind, Amount, Answer, Ask, Case, Choice, ConnectTarget, Counter, Entry,
    Expect, FdArg, Given, HOWS, Label, Outcome, Range, Run, Scan, Seen, Step, Submit, Wait, Who,
};

/// Keys with their values, in the order in which they are written.
type Pairs = Vec<(String, String)>;

/// The text of the file. Line numbers are not kept.
pub(crate) fn to_toml(case: &Case) -> String {
    let mut text = String::new();
    let mut head = vec![pair("format", 1), pair("id", quoted(&case.id))];
    head.push(pair("title", quoted(&case.title)));
    head.push(pair("level", quoted(&case.level.to_string())));
    head.extend(case.topic.iter().map(|topic| pair("topic", quoted(topic))));
    head.extend(case.minutes.map(|minutes| pair("minutes", minutes)));
    head.extend(words("tags", &case.tags));
    head.push(pair("about", quoted(&case.about)));
    head.extend(words("sources", &case.sources));
    head.extend(words("needs", &case.needs));
    lines(&mut text, &head);
    if !case.actors.is_empty() {
        text.push_str("\n[actors]\n");
        for actor in &case.actors {
            let _ = writeln!(text, "{} = {}", actor.name, inline(&kind(actor)));
        }
    }
    for step in &case.steps {
        one_step(&mut text, step);
    }
    text
}

fn one_step(text: &mut String, step: &Step) {
    text.push_str("\n[[steps]]\n");
    let mut pairs = action(&step.action);
    pairs.extend(step.chapter.iter().map(|chapter| pair("chapter", quoted(chapter))));
    pairs.extend(step.say.iter().map(|say| pair("say", quoted(say))));
    match step.look.as_slice() {
        [] => {}
        [one] => pairs.push(pair("look", quoted(&one.to_string()))),
        several => pairs.push(pair("look", list(several.iter().map(ToString::to_string)))),
    }
    pairs.extend(step.reveal.iter().map(|reveal| pair("reveal", quoted(reveal))));
    lines(text, &pairs);
    if let Some(ask) = &step.ask {
        text.push_str("[steps.ask]\n");
        lines(text, &question(ask));
    }
    if !step.expect.is_empty() {
        text.push_str("[steps.expect]\n");
        lines(text, &expectations(&step.expect));
    }
}

#[expect(clippy::needless_pass_by_value, reason = "numbers and texts are given as they come")]
fn pair(key: impl Into<String>, value: impl ToString) -> (String, String) {
    (key.into(), value.to_string())
}

fn lines(text: &mut String, pairs: &Pairs) {
    for (key, value) in pairs {
        let _ = writeln!(text, "{key} = {value}");
    }
}

fn inline(pairs: &Pairs) -> String {
    if pairs.is_empty() {
        return "{}".to_owned();
    }
    let inner: Vec<_> = pairs.iter().map(|(key, value)| format!("{key} = {value}")).collect();
    format!("{{ {} }}", inner.join(", "))
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

fn list(texts: impl Iterator<Item = String>) -> String {
    let texts: Vec<_> = texts.map(|text| quoted(&text)).collect();
    format!("[{}]", texts.join(", "))
}

/// A list that is left out if it is empty.
fn words(key: &str, words: &[impl ToString]) -> Option<(String, String)> {
    (!words.is_empty()).then(|| pair(key, list(words.iter().map(ToString::to_string))))
}

fn kind(actor: &Actor) -> Pairs {
    let mut pairs = vec![pair("kind", quoted(actor.kind.word()))];
    match actor.kind {
        ActorKind::Pipe { size } => pairs.extend((size != 65536).then(|| pair("size", size))),
        ActorKind::Eventfd { value, semaphore } => {
            pairs.extend((value != 0).then(|| pair("value", value)));
            pairs.extend(semaphore.then(|| pair("semaphore", true)));
        }
        ActorKind::Pair { sndbuf } | ActorKind::Dgram { sndbuf } => {
            pairs.extend(sndbuf.map(|bytes| pair("sndbuf", bytes)));
        }
        ActorKind::Listener { backlog } => {
            pairs.extend((backlog != 64).then(|| pair("backlog", backlog)));
        }
        ActorKind::Ring { entries } => {
            pairs.extend((entries != 8).then(|| pair("entries", entries)));
        }
        ActorKind::Epoll
        | ActorKind::Timerfd
        | ActorKind::Udp
        | ActorKind::Client
        | ActorKind::File
        | ActorKind::Dir
        | ActorKind::Null => {}
    }
    pairs.extend(actor.count.map(|count| pair("count", count)));
    pairs
}

fn fd(key: &str, fd: &FdArg) -> (String, String) {
    match fd {
        FdArg::Named(label) => text(key, label),
        FdArg::Number(number) => pair(key, number),
    }
}

/// A key with a label, a thread, or another word.
fn text(key: &str, value: &impl ToString) -> (String, String) {
    pair(key, quoted(&value.to_string()))
}

fn by(who: Option<&Who>) -> Option<(String, String)> {
    who.map(|who| text("thread", who))
}

/// All keys of an action, `do` first.
fn action(action: &Action) -> Pairs {
    let mut pairs = vec![pair("do", quoted(action.word()))];
    match action {
        Action::Add { ep, fd: file, mask: bits, .. }
        | Action::Mod { ep, fd: file, mask: bits, .. }
        | Action::Ctl { ep, fd: file, mask: bits } => {
            pairs.extend([fd("ep", ep), fd("fd", file), pair("mask", quoted(&mask(*bits)))]);
        }
        Action::Del { ep, fd: file, .. } => pairs.extend([fd("ep", ep), fd("fd", file)]),
        Action::Wait(call) => pairs.extend(wait(call)),
        Action::Poll(call) | Action::Select(call) => pairs.extend(scan(call)),
        Action::Freeze { ep, thread, max, at } => {
            pairs.extend([fd("ep", ep), text("thread", thread), pair("max", max), pair("at", at)]);
        }
        Action::Thaw { thread } | Action::Signal { thread } | Action::Expire { thread } => {
            pairs.push(text("thread", thread));
        }
        Action::Write { fd: file, what, .. } => pairs.extend([
            fd("fd", file),
            match what {
                Amount::Bytes(n) => pair("n", n),
                Amount::Value(value) => pair("value", value),
            },
        ]),
        Action::Read { fd: file, n, .. } | Action::Drain { fd: file, n, .. } => {
            pairs.push(fd("fd", file));
            pairs.extend((*n != 65536).then(|| pair("n", n)));
        }
        Action::Fill { fd: file, n, .. } => {
            pairs.push(fd("fd", file));
            pairs.extend((*n != 4096).then(|| pair("n", n)));
        }
        Action::Close { fd: file, .. } | Action::Rst { fd: file } => pairs.push(fd("fd", file)),
        Action::Dup { fd: file, name, least } => {
            pairs.extend([fd("fd", file), text("as", name)]);
            pairs.extend(least.map(|least| pair("from", least)));
        }
        Action::Accept { fd: file, name, .. } => {
            pairs.extend([fd("fd", file), text("as", name)]);
        }
        Action::Note | Action::Reset | Action::SelectAgain | Action::SignalWait => {}
        other => pairs.extend(rare(other)),
    }
    pairs.extend(by(action.who()));
    pairs
}

/// The keys of the actions that remain.
fn rare(action: &Action) -> Pairs {
    match action {
        Action::Shutdown { fd: file, how } => {
            let word = HOWS.iter().find(|(one, _)| one == how).map_or("", |(_, word)| word);
            vec![fd("fd", file), text("how", &word)]
        }
        Action::Connect { fd: file, to } => {
            let to = match to {
                ConnectTarget::Listener(label) => label.as_str(),
                ConnectTarget::Nobody => "nobody",
            };
            vec![fd("fd", file), text("to", &to)]
        }
        Action::Arm { fd: file, ms, interval } => {
            let mut pairs = vec![fd("fd", file), pair("ms", ms)];
            pairs.extend((*interval != 0).then(|| pair("interval", interval)));
            pairs
        }
        Action::Sleep { ms } => vec![pair("ms", ms)],
        Action::Sockopt { fd: file, opt, value } => {
            vec![fd("fd", file), text("opt", &opt.word()), pair("value", value)]
        }
        Action::New { actor } => {
            let mut pairs = vec![text("name", &actor.name)];
            pairs.extend(kind(actor));
            pairs
        }
        Action::Repeat { times, body, until } => {
            let mut pairs = vec![pair("times", times)];
            let body: Vec<_> =
                body.iter().map(|one| format!("  {},\n", inline(&self::action(one)))).collect();
            pairs.push(pair("steps", format!("[\n{}]", body.concat())));
            pairs.extend(until.map(|ret| pair("until", format!("{{ ret = {} }}", outcome(ret)))));
            pairs
        }
        Action::Measure { name, times, run } => measured(name, *times, run),
        Action::LimitSignals { room: Some(room) } => vec![pair("signals", room)],
        Action::LimitSignals { room: None } => vec![text("signals", &"all")],
        Action::Async { fd: file } | Action::Blocking { fd: file } => vec![fd("fd", file)],
        Action::Submit(it) => submitted(it),
        Action::Enter(it) => {
            let mut pairs = vec![fd("ring", &it.ring)];
            pairs.extend(it.submit.map(|n| pair("submit", n)));
            pairs.extend((it.wait != 0).then(|| pair("wait", it.wait)));
            pairs.extend(it.thread.iter().map(|thread| text("thread", thread)));
            pairs
        }
        Action::Reap { ring, max } => {
            let mut pairs = vec![fd("ring", ring)];
            pairs.extend((*max != 64).then(|| pair("max", max)));
            pairs
        }
        Action::Go { ep, fd: file, name, .. } => {
            vec![fd("ep", ep), fd("fd", file), text("as", name)]
        }
        Action::Limit { free: Some(free) } => vec![pair("free", free)],
        Action::Limit { free: None } => vec![text("free", &"all")],
        Action::Tally { show } => {
            vec![pair("show", list(show.iter().map(ToString::to_string)))]
        }
        Action::Many { ep, fd: file, mask: bits, count } => {
            let bits = quoted(&mask(*bits));
            vec![fd("ep", ep), fd("fd", file), pair("mask", bits), pair("count", count)]
        }
        Action::Add { .. }
        | Action::Mod { .. }
        | Action::Del { .. }
        | Action::Ctl { .. }
        | Action::Wait(_)
        | Action::Poll(_)
        | Action::Select(_)
        | Action::SelectAgain
        | Action::SignalWait
        | Action::Freeze { .. }
        | Action::Thaw { .. }
        | Action::Signal { .. }
        | Action::Expire { .. }
        | Action::Write { .. }
        | Action::Read { .. }
        | Action::Drain { .. }
        | Action::Fill { .. }
        | Action::Close { .. }
        | Action::Rst { .. }
        | Action::Dup { .. }
        | Action::Accept { .. }
        | Action::Note
        | Action::Reset => Vec::new(),
    }
}

fn submitted(submit: &Submit) -> Pairs {
    let mut pairs = vec![fd("ring", &submit.ring)];
    match &submit.of {
        Some(of) => pairs.push(text("of", of)),
        None => pairs.push(text("op", &submit.op.word())),
    }
    pairs.extend(submit.fd.iter().map(|file| fd("fd", file)));
    let bytes = matches!(submit.op, RingOp::Recv | RingOp::Send) && submit.n != 65536;
    pairs.extend(bytes.then(|| pair("n", submit.n)));
    if submit.op == RingOp::Poll {
        pairs.push(pair("mask", quoted(&mask(submit.mask))));
        pairs.extend(submit.multi.then(|| pair("multi", true)));
    }
    pairs.push(text("as", &submit.name));
    pairs
}

fn measured(name: &Label, times: u32, run: &Run) -> Pairs {
    let mut call = Vec::new();
    let word = match run {
        Run::Wait(wait) => {
            call.extend(self::wait(wait));
            "wait"
        }
        Run::Scan(way, scan) => {
            call.extend(self::scan(scan));
            way.name()
        }
    };
    call.insert(0, text("do", &word));
    vec![text("as", name), pair("times", times), pair("run", inline(&call))]
}

fn wait(wait: &Wait) -> Pairs {
    let mut pairs = vec![fd("ep", &wait.ep)];
    pairs.extend((wait.max != 64).then(|| pair("max", wait.max)));
    pairs.extend(sleeper(wait.thread.as_ref(), wait.timeout));
    pairs
}

fn scan(scan: &Scan) -> Pairs {
    let fds = scan.fds.iter().map(|(fd, bits)| format!("{fd} {}", mask(*bits)));
    let mut pairs = vec![pair("fds", list(fds))];
    pairs.extend(sleeper(scan.thread.as_ref(), scan.timeout));
    pairs
}

fn sleeper(thread: Option<&Label>, timeout: Option<u32>) -> Pairs {
    let usual = if thread.is_some() { None } else { Some(0) };
    let mut pairs: Pairs = thread.map(|thread| text("thread", thread)).into_iter().collect();
    if timeout != usual {
        pairs.push(pair("timeout", timeout.map_or(-1, i64::from)));
    }
    pairs
}

fn outcome(outcome: Outcome) -> String {
    match outcome {
        Outcome::Value(value) => value.to_string(),
        Outcome::Errno(errno) => quoted(&errno.to_string()),
        Outcome::Eof => quoted("EOF"),
    }
}

fn seen(seen: &Seen) -> String {
    match seen {
        Seen::Events(events) => entries(events),
        Seen::Value(value) => value.to_string(),
        Seen::Errno(errno) => quoted(&errno.to_string()),
    }
}

fn entries(entries: &[Entry]) -> String {
    list(entries.iter().map(entry))
}

fn labels(labels: &[Label]) -> String {
    list(labels.iter().map(ToString::to_string))
}

fn expectations(expect: &Expect) -> Pairs {
    let mut pairs = Vec::new();
    pairs.extend(expect.ret.map(|ret| pair("ret", outcome(ret))));
    pairs.extend(expect.events.iter().map(|events| pair("events", seen(events))));
    pairs.extend(
        expect.cqes.iter().map(|cqes| pair("cqes", list(cqes.iter().map(ToString::to_string)))),
    );
    pairs.extend(expect.woke.iter().map(|(by, with)| pair(format!("woke.{by}"), seen(with))));
    let maybe = expect.woke_maybe.iter();
    pairs.extend(maybe.map(|(by, with)| pair(format!("woke_maybe.{by}"), seen(with))));
    pairs.extend(expect.asleep.iter().map(|threads| pair("asleep", labels(threads))));
    pairs.extend(expect.rdl.iter().map(|(ep, list)| pair(format!("rdl.{ep}"), labels(list))));
    pairs.extend(expect.ovf.iter().map(|(ep, list)| pair(format!("ovf.{ep}"), labels(list))));
    let interest = expect.interest.iter();
    pairs.extend(interest.map(|(ep, list)| pair(format!("interest.{ep}"), entries(list))));
    pairs.extend(expect.count.iter().map(|(counter, value)| count(counter, *value)));
    pairs.extend(expect.same.iter().map(|same| pair("same", labels(same))));
    let less = expect.less.iter();
    pairs.extend(less.map(|two| pair("less", list(two.iter().map(ToString::to_string)))));
    pairs
}

fn count(counter: &Counter, value: Range) -> (String, String) {
    let key = match counter {
        Counter::Wakeups(Some(_)) | Counter::Ns(_) | Counter::CallsOf(_) => {
            format!("count.\"{counter}\"")
        }
        _ => format!("count.{counter}"),
    };
    let value = match value {
        Range { min, max: Some(max) } if min == max => min.to_string(),
        Range { min, max: Some(max) } => format!("{{ min = {min}, max = {max} }}"),
        Range { min, max: None } => format!("{{ min = {min} }}"),
    };
    (key, value)
}

fn question(ask: &Ask) -> Pairs {
    let mut pairs = vec![text("text", &ask.text)];
    match &ask.answer {
        Answer::Choice(choices) => {
            let answers: Vec<_> = choices.iter().map(choice).collect();
            pairs.push(pair("answers", format!("[\n{}]", answers.concat())));
        }
        Answer::Free { take, right } => {
            let right = match right {
                Given::Outcome(ret) => outcome(*ret),
                Given::Mask(bits) => quoted(&mask(*bits)),
            };
            pairs.extend([text("take", take), pair("right", right)]);
        }
    }
    pairs
}

fn choice(choice: &Choice) -> String {
    let mut pairs = vec![text("text", &choice.text)];
    pairs.extend(choice.when.as_ref().map(|when| pair("when", inline(&expectations(when)))));
    pairs.extend(choice.right.then(|| pair("right", true)));
    format!("  {},\n", inline(&pairs))
}
