use super::*;
use crate::lesson::case::Who;

fn known() -> WhatIsOpen {
    let open = [
        ("e", FileKind::Epoll),
        ("p.r", FileKind::Pipe),
        ("p.w", FileKind::PipeWriter),
        ("ev", FileKind::Eventfd),
        ("t", FileKind::Timerfd),
        ("L", FileKind::Listener),
        ("c", FileKind::Tcp),
        ("u", FileKind::Ring),
    ];
    WhatIsOpen {
        open: open.map(|(name, kind)| (name.to_owned(), kind)).to_vec(),
        closed: vec!["q.r".to_owned()],
        asleep: vec!["A".to_owned()],
        frozen: vec!["f".to_owned()],
    }
}

#[track_caller]
fn is(line: &str, spelled: &str) {
    let step = parse(line, &known()).unwrap_or_else(|error| panic!("{line}: {error}"));
    assert_eq!(call(&step.action), spelled, "{line}");
}

#[track_caller]
fn fails(line: &str, words: &str) {
    let error = parse(line, &known()).expect_err(line);
    assert!(error.contains(words), "{line}: {error}");
}

#[test]
fn every_action_can_be_typed() {
    is("add e p.r IN|ET", "epoll_ctl(e, ADD, p.r, IN|ET)");
    is("add e p.r in,et by B", "epoll_ctl(e, ADD, p.r, IN|ET) by B");
    is("mod e p.r EPOLLIN|EPOLLONESHOT", "epoll_ctl(e, MOD, p.r, IN|ONESHOT)");
    is("del e q.r", "epoll_ctl(e, DEL, q.r)");
    is("wait e", "epoll_wait(e)");
    is("wait e max 2 timeout 50", "epoll_wait(e, max 2, 50 ms)");
    is("wait e thread B", "epoll_wait(e) by B");
    is("wait e by B", "epoll_wait(e) by B");
    is("poll p.r IN ev IN", "poll(p.r IN, ev IN)");
    is("select p.r IN", "select(p.r IN)");
    is("write p.w 3", "write(p.w, 3)");
    is("write ev 3", "write(ev, value 3)");
    is("read p.r 10", "read(p.r, 10)");
    is("read p.r", "read(p.r, 65536)");
    is("drain p.r", "read(p.r) until EAGAIN");
    is("fill p.w", "write(p.w) until EAGAIN");
    is("close p.r", "close(p.r)");
    is("close 77", "close(77)");
    is("rst c", "close(c) with a reset");
    is("dup p.r as d", "d = dup(p.r)");
    is("shutdown c wr", "shutdown(c, SHUT_WR)");
    is("connect c L", "connect(c, L)");
    is("accept L as s", "s = accept(L)");
    is("arm t 20 5", "timerfd_settime(t, 20 ms, every 5 ms)");
    is("sleep 5", "5 ms pass");
    is("sockopt c RCVLOWAT 10", "setsockopt(c, RCVLOWAT, 10)");
    is("new q pipe", "new q");
    is("signal A", "kill(A, SIGUSR1)");
    is("expire A", "wait for the timeout of A");
    is("freeze e B 2 1", "epoll_wait(e, max 2) by B, held at event 1");
    is("thaw B", "let B go on");
    is("thaw my-thread_2", "let my-thread_2 go on");
    is("read p.r by my-thread", "read(p.r, 65536) by my-thread");
    is("dup p.r as p-2", "p-2 = dup(p.r)");
    is("select-again", "select(the same variables)");
    is("dup p.r as d from 100", "d = fcntl(p.r, F_DUPFD, 100)");
    is("async c", "fcntl(c, F_SETFL, O_ASYNC) with F_SETSIG");
    is("signal-wait", "sigtimedwait(0)");
    is("blocking c", "fcntl(c, F_SETFL, 0)");
    is("submit u recv c 100 as r1", "sqe r1: recv(c, 100)");
    is("submit u recv c as r1", "sqe r1: recv(c, 65536)");
    is("submit u poll p.r IN multi as r2", "sqe r2: poll(p.r, IN, multi)");
    is("submit u nop as r3", "sqe r3: nop()");
    is("cancel u r1 as r4", "sqe r4: cancel(r1)");
    is("enter u", "io_uring_enter(u, submit all)");
    is("enter u wait 1 thread B", "io_uring_enter(u, submit all, wait 1) by B");
    is("reap u", "reap u");
    is("go e c as G1 by B", "G1 runs on c by B");
    is("freeze e B 64 64", "epoll_wait(e, max 64) by B, held at event 64");
    let words: Vec<_> = GRAMMAR.iter().map(|(word, ..)| *word).collect();
    assert_eq!(words.len(), 33);
}

#[test]
fn errors_say_what_is_possible() {
    fails("", "such as `wait e`");
    fails("wiat e", "did you mean `wait`?");
    fails("frobnicate", "add, mod, del");
    fails("add e", "expected: add EP FD MASK");
    fails("add x p.r IN", "there is no `x`: there is e");
    fails("read nothing", "there is no `nothing`: there are e, p.r, p.w");
    fails("add e p.r SOON", "`SOON` is no mask");
    fails("read p.r many", "expected a number from 0");
    fails("accept c as s", "cannot take `c`: there is L");
    fails("dup p.r as p.w", "`p.w` is taken");
    fails("dup p.r as 7", "is no name");
    fails("signal B", "thread B does not sleep: A");
    fails("wait e thread A", "thread A sleeps already");
    fails("wait f", "a harvest of f is held");
    fails("shutdown c up", "one of rd, wr, rdwr");
    fails("sleep 5 by B", "leave `by` out");
    fails("close p.r p.w", "expected: close FD");
    fails("enter u wait 1", "the main thread does not wait");
    fails("reap e", "cannot take `e`: there is u");
    fails("freeze e B 2 3", "from 1 to 2");
    fails("freeze e B 65 1", "a number from 0 to 64");
    fails("freeze e B 0 1", "from 1 to 64");
}

/// Actors, a descriptor and a thread with that name, as a file has them.
fn in_a_file(name: &str) -> [bool; 2] {
    let parses = |steps: String| {
        let head = "format = 1\nid = \"x\"\ntitle = \"t\"\nabout = \"a\"\nlevel = \"core\"\n";
        let actors = "[actors]\ne = { kind = \"epoll\" }\n[[steps]]\n";
        crate::lesson::parse("x", format!("{head}{actors}{steps}")).is_ok()
    };
    let label = format!("do = \"dup\"\nfd = \"e\"\nas = \"{name}\"\n");
    let thread = format!("do = \"wait\"\nep = \"e\"\nthread = \"{name}\"\n");
    [parses(label), parses(thread)]
}

#[test]
fn a_line_and_a_file_know_the_same_names() {
    let (long, longer) = ("n".repeat(40), "n".repeat(41));
    for name in ["a-b", "a_b", "A1", "7", "-a", "é", "a.r", "min", "main", "calls", &long, &longer]
    {
        let can = |line: String| parse(&line, &known()).is_ok();
        let lines = [can(format!("dup e as {name}")), can(format!("wait e thread {name}"))];
        assert_eq!(lines, in_a_file(name), "{name}");
    }
}

#[test]
fn whoever_made_a_call_is_named() {
    let action = Action::Read { fd: FdArg::Named("p.r".into()), n: 1, who: Some(Who::Woken) };
    assert_eq!(call(&action), "read(p.r, 1) by whoever woke");
}
