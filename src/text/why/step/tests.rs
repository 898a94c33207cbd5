use crate::event::{
    CtlOp, Delivery, Event, Fd, FileKind, Kind, LaneId, Mask, Nanos, Output, Reason, Ret, Syscall,
    SyscallRecord, TimeUnit, WakeupLog,
};
use crate::model::teller::Teller;
use crate::model::{FindingKind, LaneState, MarkKind, Span, Timeline, TrackId, World};
use crate::text::{Subject, changes, strace, why};

const EDGE: Mask = Mask(0x1 | 1 << 31);

/// A world that is told, and the timeline of the instance it looks at.
struct Run {
    world: World,
    timeline: Timeline,
    last: Option<Event>,
}

impl Default for Run {
    fn default() -> Self {
        Self { world: World::of_steps(), timeline: Timeline::default(), last: None }
    }
}

impl Run {
    fn push(&mut self, lane: u16, kind: Kind) -> &mut Self {
        let (seq, t) = (self.world.seq.next(), Nanos(self.world.t.0 + TimeUnit::STEP.0 / 2));
        let event = Event { seq, t, lane: LaneId(lane), kind };
        self.world.apply(&event);
        self.timeline.apply(&event, self.world.through(None));
        self.last = Some(event);
        self
    }

    fn look(&mut self, kinds: Vec<Kind>) -> &mut Self {
        let last = self.last.take();
        // Of one look nothing is a step of its own.
        let t = self.world.t;
        for kind in kinds {
            self.world.t = t;
            self.push(1, kind);
        }
        self.last = last;
        self
    }

    fn returns(&mut self, call: Syscall, ret: i64, output: Output) -> &mut Self {
        let started = self.world.t;
        let record = SyscallRecord { call, ret: Ret::from_raw(ret), output, started };
        self.push(1, Kind::Return(record))
    }

    fn waits(&mut self, ep: i32, events: &[(i32, Mask)]) -> &mut Self {
        let of = |(fd, mask): &(i32, Mask)| {
            let key = Teller::key(*fd);
            Delivery { file: key.file, fd: key.fd, mask: *mask }
        };
        let events: Box<[_]> = events.iter().map(of).collect();
        let ret = i64::try_from(events.len()).expect("a few");
        let call = Syscall::EpollWait { ep: Fd(ep), max: 64, timeout_ms: 0 };
        self.returns(call, ret, Output::Events { events, log: WakeupLog::Drained, done: Nanos(0) })
    }

    /// The sentence about an event that came before the telling, in the world after it.
    fn why_of(&self, event: &Event) -> String {
        why(self.world.through(None), Subject::Event(event)).text
    }

    fn why(&self, fd: i32) -> String {
        why(self.world.through(None), Subject::Watch(Teller::key(fd))).text
    }

    fn listed(&self) -> Vec<i32> {
        self.world.through(None).instance.ready.iter().map(|entry| entry.key.fd.0).collect()
    }
}

/// An epoll `e` (3) that watches the reading end (5) of a pipe `p`, and has been told so.
fn watching(mask: Mask) -> (Run, Teller) {
    let mut teller = Teller::new();
    teller.epoll(3, "e").pipe("p", 5);
    let mut run = Run::default();
    run.look(teller.tell());
    let file = Teller::key(5).file;
    let add = Syscall::EpollCtl { ep: Fd(3), op: CtlOp::Add, fd: Fd(5), mask, file };
    run.returns(add, 0, Output::None);
    run.look(teller.watch(3, 5, mask).tell());
    (run, teller)
}

/// A byte is written: the edge-triggered reading end is listed.
fn written() -> (Run, Teller) {
    let (mut run, mut teller) = watching(EDGE);
    run.returns(Syscall::Write { fd: Fd(6), len: 1 }, 1, Output::None);
    teller.unread(5, 1).ready(3, &[(5, Reason::Arrived(Some(1)))]);
    run.look(teller.tell());
    (run, teller)
}

#[test]
fn calls_alone_change_no_list() {
    let (mut run, _) = watching(EDGE);
    let file = Teller::key(6).file;
    let add = Syscall::EpollCtl { ep: Fd(3), op: CtlOp::Add, fd: Fd(6), mask: Mask::OUT, file };
    run.returns(add, 0, Output::None);
    assert_eq!(run.world.through(None).instance.interest.len(), 1);
    run.returns(Syscall::Close { fd: Fd(5) }, 0, Output::None);
    assert_eq!(run.world.through(None).instance.interest.len(), 1);
    assert_eq!(run.world.lane(LaneId(1)).map(|lane| lane.calls), Some(3));
}

#[test]
fn the_difference_between_two_tellings_is_what_happened() {
    let (run, _) = written();
    assert_eq!(run.listed(), [5]);
    assert_eq!(run.world.through(None).instance.delta.added.len(), 1);
    assert_eq!(changes(&run.world), ["p.r came on the ready list: data arrived"]);
    let marks = |run: &Run| {
        let track = run.timeline.track(TrackId::Watch(Teller::key(5))).expect("a track");
        track.window(Nanos(0), run.world.t).map(|mark| mark.what).collect::<Vec<_>>()
    };
    assert!(
        marks(&run).ends_with(&[MarkKind::Arrive, MarkKind::Span(Span::Ready)]),
        "{:?}",
        marks(&run)
    );

    let (mut run, mut teller) = written();
    run.waits(3, &[(5, Mask::IN)]);
    run.look(teller.ready(3, &[]).tell());
    assert_eq!(changes(&run.world), ["p.r was reported (IN) and left the ready list"]);
    assert!(marks(&run).contains(&MarkKind::Report));
}

#[test]
fn an_entry_that_was_reported_and_put_back_is_new_there() {
    let (mut run, mut teller) = watching(Mask::IN);
    teller.unread(5, 1).ready(3, &[(5, Reason::PutBack)]);
    run.waits(3, &[(5, Mask::IN)]).look(teller.tell());
    let first = run.world.through(None).instance.ready.iter().next().map(|entry| entry.since);
    run.waits(3, &[(5, Mask::IN)]).look(teller.tell());
    let entry = run.world.through(None).instance.ready.iter().next().expect("it is listed");
    assert!(Some(entry.since) > first);
    assert_eq!(changes(&run.world), ["p.r was reported and put back at the tail (level)"]);
    run.look(teller.tell());
    assert!(changes(&run.world).is_empty(), "nothing was reported since");
}

#[test]
fn arrivals_on_a_listed_entry_keep_its_place() {
    let (mut run, mut teller) = written();
    run.look(teller.unread(5, 2).tell());
    assert_eq!(changes(&run.world), ["p.r is on the ready list already and keeps its place"]);
}

#[test]
fn sentences_call_things_by_their_names() {
    let (run, _) = watching(EDGE);
    let sentence = run.why(5);
    assert!(
        sentence.starts_with("p.r (fd 5) is not on the ready list: nothing is unread"),
        "{sentence}"
    );
    let (mut run, mut teller) = written();
    let sentence = run.why(5);
    assert!(sentence.contains("data arrived after step 2, 1 byte is unread"), "{sentence}");
    assert!(sentence.contains("It is at the head; the next epoll_wait reports IN"), "{sentence}");
    run.waits(3, &[(5, Mask::IN)]);
    let wait = run.last.clone().expect("it was pushed");
    run.look(teller.ready(3, &[]).tell());
    let sentence = run.why_of(&wait);
    assert!(sentence.contains("reported p.r IN. Edge-triggered, off the list"), "{sentence}");
    let sentence = run.why(5);
    assert!(sentence.contains("1 byte is unread (IN holds): edge-triggered, IN was"), "{sentence}");
    let spelled = strace::entered(&run.world, &Syscall::Read { fd: Fd(5), len: 10 }, run.world.seq);
    assert_eq!(spelled, "read(5<p.r>, 10)");
}

#[test]
fn a_file_of_each_kind_has_its_own_words() {
    for (what, words) in [
        (FileKind::Eventfd, "its count is 2"),
        (FileKind::Timerfd, "it has expired 2 times"),
        (FileKind::Listener, "2 clients wait to be accepted"),
        (FileKind::Epoll, "its own ready list holds something ready"),
        (FileKind::Datagram, "2 bytes are unread"),
    ] {
        let mut teller = Teller::new();
        teller.epoll(3, "e").file(5, "x", what).watch(3, 5, Mask::IN);
        let mut run = Run::default();
        run.look(teller.tell());
        run.look(teller.unread(5, 2).ready(3, &[(5, Reason::Signalled)]).tell());
        let sentence = run.why(5);
        assert!(sentence.starts_with("x (fd 5) is on") && sentence.contains(words), "{sentence}");
        assert!(!sentence.contains("tool"), "{sentence}");
    }
}

#[test]
fn a_world_is_seen_through_one_instance_or_another() {
    let mut teller = Teller::new();
    teller.epoll(3, "a").epoll(4, "b").pipe("p", 5).watch(3, 5, EDGE).watch(4, 5, Mask::IN);
    let mut run = Run::default();
    run.look(teller.tell());
    teller.unread(5, 1).ready(4, &[(5, Reason::Arrived(None))]);
    run.look(teller.tell());
    let seen = |ep: Option<i32>| {
        let instance = run.world.through(ep.map(|ep| Teller::key(ep).file)).instance;
        (&*instance.name, instance.ready.len(), instance.delta.added.len())
    };
    assert_eq!([seen(Some(3)), seen(Some(4))], [("a", 0, 0), ("b", 1, 1)]);
    assert_eq!([seen(None), seen(Some(9))], [("a", 0, 0); 2], "the first, where there is no other");
    let names: Vec<_> = run.world.views().map(|view| view.instance.name.to_string()).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(run.world.epoll_at(Fd(4)), Some(Teller::key(4).file));
    assert_eq!(run.world.through_none().instance.ready.len(), 0);
}

#[test]
fn threads_sleep_where_they_are_told_to_and_have_names() {
    let (mut run, mut teller) = watching(EDGE);
    teller.thread(2, "A");
    let call = Syscall::EpollWait { ep: Fd(3), max: 64, timeout_ms: -1 };
    run.push(2, Kind::Enter(call));
    run.look(teller.asleep(3, &[2]).tell());
    let state = |run: &Run| run.world.lane(LaneId(2)).map(|lane| lane.state.clone());
    assert_eq!(state(&run), Some(LaneState::Asleep(call)));
    assert_eq!(run.world.lane_name(LaneId(2)), "A");
    let sentence = why(run.world.through(None), Subject::Lane(LaneId(2))).text;
    assert!(sentence.starts_with("Thread A sleeps in epoll_wait(3<e>, max 64, -1)"), "{sentence}");
    // It was woken, and has not come out of the kernel: a harvest is held.
    teller.asleep(3, &[]).overflow(3, Some(&[5])).unread(5, 1);
    run.look(teller.tell());
    assert_eq!(state(&run), Some(LaneState::Harvesting(call)));
    assert!(run.why(5).contains("overflow list (ovflist)"), "{}", run.why(5));
}

#[test]
fn a_closed_file_leaves_every_list_and_its_name_stays() {
    let (mut run, mut teller) = written();
    run.returns(Syscall::Close { fd: Fd(5) }, 0, Output::None);
    let close = run.last.clone().expect("it was pushed");
    run.look(teller.close(5).tell());
    assert_eq!(changes(&run.world), ["p.r went off the interest list"]);
    assert!(run.why_of(&close).contains("the number 5 is free"), "{}", run.why_of(&close));
    let spelled = strace::entered(&run.world, &Syscall::Close { fd: Fd(5) }, close.seq);
    assert_eq!(spelled, "close(5<p.r>)");
}

#[test]
fn a_one_shot_that_fired_is_disarmed_and_not_changed() {
    let (mut run, mut teller) = watching(Mask::IN | Mask::ONESHOT);
    let added = run.world.through(None).entry_at(Fd(5)).map(|entry| entry.changed);
    teller.unread(5, 1).ready(3, &[(5, Reason::Arrived(Some(1)))]);
    run.look(teller.tell()).waits(3, &[(5, Mask::IN)]);
    run.look(teller.disarm(3, 5).ready(3, &[]).tell());
    assert_eq!(changes(&run.world), ["p.r was reported (IN) and is disarmed"]);
    assert_eq!(run.world.through(None).entry_at(Fd(5)).map(|entry| entry.changed), added);
    let sentence = run.why(5);
    assert!(sentence.starts_with("p.r (fd 5) is one-shot: it fired"), "{sentence}");
}

#[test]
fn what_is_left_is_found_here_too() {
    let (mut run, mut teller) = written();
    run.waits(3, &[(5, Mask::IN)]).look(teller.ready(3, &[]).tell());
    assert_eq!(run.world.findings.iter().count(), 0, "it may still be read");
    for _ in 0..50 {
        run.waits(3, &[]).look(teller.tell());
    }
    let found: Vec<_> = run.world.findings.iter().map(|finding| finding.kind).collect();
    assert_eq!(found, [FindingKind::EdgeStranded]);
    assert_eq!(run.world.through(None).instance.check.agreed, 54);
}
