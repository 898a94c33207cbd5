//! A case from within: its reports, a learner's own actions, its end.

use std::path::Path;
use std::time::Duration;

use epollscope::event::{
    FileRead, Kind, LaneId, ListEntries, ListRead, Mask, Provenance, ThreadSeen,
};
use epollscope::lesson::case::{Action, Actor, ActorKind, Case, FdArg, Outcome, Step};
use epollscope::lesson::child::{PlayError, Player};
use epollscope::lesson::run::Report;
use epollscope::lesson::{catalog, parse};

const PROGRAM: &str = env!("CARGO_BIN_EXE_epollscope");

fn start(case: &Case) -> (Player, Report) {
    Player::start_as(Path::new(PROGRAM), case, crate::harness::PATIENCE).expect("it starts")
}

fn built_in(name: &str) -> Case {
    catalog::find(name).expect("it is there").parse().expect("it is right")
}

fn with_steps(steps: &str) -> Case {
    let text = format!(
        "format = 1\nid = \"c\"\ntitle = \"t\"\nabout = \"a\"\nlevel = \"core\"\n[actors]\n\
         e = {{ kind = \"epoll\" }}\np = {{ kind = \"pipe\" }}\n{steps}"
    );
    parse("c", text).unwrap_or_else(|errors| panic!("{errors}"))
}

/// What the look at the end of a report says of the files.
fn files(report: &Report) -> &[FileRead] {
    let mut kinds = report.events.iter().map(|event| &event.kind);
    let files = kinds
        .find_map(|kind| if let Kind::Files { files, .. } = kind { Some(files) } else { None });
    files.expect("the files are read")
}

/// What it says of the threads.
fn threads(report: &Report) -> &[ThreadSeen] {
    let mut kinds = report.events.iter().map(|event| &event.kind);
    let threads =
        kinds.find_map(|kind| if let Kind::Threads(all) = kind { Some(all) } else { None });
    threads.expect("the threads are read")
}

/// What it says of the lists.
fn lists(report: &Report) -> impl Iterator<Item = &ListRead> {
    let kinds = report.events.iter().map(|event| &event.kind);
    kinds.filter_map(|kind| if let Kind::ListRead(read) = kind { Some(read) } else { None })
}

fn write(label: &str) -> Step {
    let what = epollscope::lesson::case::Amount::Bytes(1);
    Step::new(Action::Write { fd: FdArg::Named(label.into()), what, who: None })
}

fn is_gone(pid: u32) -> bool {
    !Path::new(&format!("/proc/{pid}")).exists()
}

#[test]
fn every_step_tells_what_happened_in_order_and_everything_as_it_is() {
    let case = built_in("lifo-sleepers");
    let (mut player, first) = start(&case);
    assert_eq!((first.step, threads(&first).len()), (0, 1));
    let opened = first.events.iter().filter(|event| matches!(event.kind, Kind::Open { .. }));
    assert_eq!(opened.count(), files(&first).len());
    let mut steps = 0;
    let mut before = first.t;
    while let Some(report) = player.step().expect("a step") {
        steps += 1;
        assert_eq!(report.step, steps);
        assert_eq!(report.mismatches, [], "step {steps}");
        assert_eq!(report.seen.interest, report.model.interest);
        assert!(report.events.iter().all(|event| event.t >= before && event.t <= report.t));
        assert!(report.events.is_sorted_by_key(|event| event.t));
        before = report.t;
        let last = report.events.last().map(|event| &event.kind);
        assert!(matches!(last, Some(Kind::Compared { diverged: 0, .. })), "{last:?}");
        // Who sleeps stands in the queue of an instance.
        let queued = |read: &ListRead| match &read.list {
            ListEntries::Waiting(lanes) => lanes.len(),
            _ => 0,
        };
        assert_eq!(lists(&report).map(queued).sum::<usize>(), report.seen.asleep.len());
        let mut interest =
            lists(&report).filter(|read| matches!(read.list, ListEntries::Interest(_)));
        assert!(interest.all(|read| read.by == Provenance::Fdinfo));
    }
    assert_eq!(steps as usize, case.steps.len());
    assert_eq!(player.step().expect("nothing"), None, "there is no step after the last");
}

#[test]
fn threads_have_lanes_in_the_order_of_their_names() {
    let case = built_in("thundering-herd");
    let (mut player, _) = start(&case);
    let mut last = None;
    while let Some(report) = player.step().expect("a step") {
        last = Some(report);
    }
    let report = last.expect("steps");
    let names: Vec<_> =
        threads(&report).iter().map(|thread| (thread.lane.0, &*thread.name)).collect();
    assert_eq!(names, [(1, "main"), (2, "w1"), (3, "w2"), (4, "w3")]);
}

#[test]
fn an_action_of_the_learners_own_is_judged_like_any_other() {
    let case = with_steps(
        "[[steps]]\ndo = \"add\"\nep = \"e\"\nfd = \"p.r\"\nmask = \"IN\"\n\
         [[steps]]\ndo = \"wait\"\nep = \"e\"\nthread = \"A\"\n",
    );
    let (mut player, _) = start(&case);
    assert!(player.step().expect("add").is_some());
    assert!(player.step().expect("wait").is_some());
    let report = player.act(&write("p.w")).expect("it is written");
    assert_eq!((report.step, report.ret()), (2, Some(Outcome::Value(1))));
    assert_eq!((report.mismatches.len(), report.seen.woke.len()), (0, 1));
    let mut lanes: Vec<_> = report.events.iter().map(|event| event.lane).collect();
    lanes.dedup();
    assert_eq!(lanes, [LaneId(1), LaneId(2), LaneId::TOOL]);
    let pipe = files(&report).iter().find(|file| &*file.name == "p.r").expect("the pipe");
    assert_eq!((pipe.unread, pipe.poll.has(Mask::IN)), (Some(1), true));
}

#[test]
fn what_cannot_be_done_is_refused_and_the_case_goes_on() {
    let case = with_steps("[[steps]]\ndo = \"wait\"\nep = \"e\"\nthread = \"A\"\n");
    let (mut player, _) = start(&case);
    let wait = case.steps[0].clone();
    let thread = || "A".into();
    let nobody = Step::new(Action::Signal { thread: "B".into() });
    let own = Step::new(Action::Close { fd: FdArg::Number(0), who: None });
    for step in [&nobody, &own] {
        assert!(matches!(player.act(step), Err(PlayError::Refused(_))), "{step:?}");
    }
    let eventfd = ActorKind::Eventfd { value: 0, semaphore: false };
    make(&mut player, "v", eventfd, 1).expect("an eventfd");
    let endless = Step::new(Action::Fill { fd: FdArg::Named("v1".into()), n: 1, who: None });
    assert!(is_refused(&player.act(&endless), "an eventfd takes"));
    player.act(&wait).expect("it sleeps");
    let twice = |first: &Step, then: &Step| {
        let body = vec![first.action.clone(), then.action.clone()];
        Step::new(Action::Repeat { times: 2, body, until: None })
    };
    // Nothing of it was done; what was done before cannot be taken back.
    assert!(is_refused(&player.act(&twice(&wait, &write("p.w"))), "thread A sleeps"));
    assert!(matches!(player.act(&wait), Err(PlayError::Refused(_))), "it sleeps already");
    let report = player.act(&Step::new(Action::Signal { thread: thread() })).expect("a signal");
    assert_eq!(report.seen.woke.len(), 1);
    assert!(player.step().expect("the case's own step").is_some());
}

#[test]
fn who_asks_late_for_a_step_makes_the_timers_late() {
    let case = with_steps(
        "[[steps]]\ndo = \"new\"\nname = \"t\"\nkind = \"timerfd\"\n\
         [[steps]]\ndo = \"arm\"\nfd = \"t\"\nms = 5000\n\
         [[steps]]\ndo = \"sleep\"\nms = 1\n",
    );
    let (mut player, _) = start(&case);
    let late = |player: &mut Player| player.step().expect("a step").expect("a report").late.0;
    late(&mut player);
    late(&mut player);
    std::thread::sleep(Duration::from_millis(100));
    assert!(late(&mut player) > 80_000_000, "the sleep began 100 ms too late");
}

#[test]
fn a_step_that_is_refused_is_passed_over() {
    let case = with_steps(
        "[[steps]]\ndo = \"wait\"\nep = \"e\"\nthread = \"A\"\n\
         [[steps]]\ndo = \"read\"\nfd = \"p.r\"\nthread = \"A\"\n\
         [[steps]]\ndo = \"write\"\nfd = \"p.w\"\nn = 1\n",
    );
    let (mut player, _) = start(&case);
    assert!(player.step().expect("it sleeps").is_some());
    assert_eq!(player.step(), Err(PlayError::Refused("thread A sleeps".to_owned())));
    let report = player.step().expect("it goes on").expect("a third step");
    assert_eq!((report.step, report.ret()), (3, Some(Outcome::Value(1))));
    assert_eq!(player.step(), Ok(None));
}

/// Makes so many more of `kind`. Nothing may differ.
fn make(player: &mut Player, name: &str, kind: ActorKind, count: u16) -> Result<(), PlayError> {
    let actor = Actor { line: 0, name: name.into(), kind, count: Some(count) };
    let report = player.act(&Step::new(Action::New { actor }))?;
    assert_eq!((report.ret(), report.mismatches.len()), (Some(Outcome::Value(0)), 0));
    Ok(())
}

fn is_refused<T: std::fmt::Debug>(result: &Result<T, PlayError>, words: &str) -> bool {
    matches!(result, Err(PlayError::Refused(why)) if why.starts_with(words))
}

#[test]
fn more_than_there_are_numbers_for_is_refused_before_any_is_made() {
    let eventfd = ActorKind::Eventfd { value: 0, semaphore: false };
    let (mut player, _) = start(&with_steps("[[steps]]\ndo = \"note\"\n"));
    let too_many = make(&mut player, "v", eventfd, 3600);
    assert!(is_refused(&too_many, "a case may have "), "{too_many:?}");
    let report = player.act(&write("p.w")).expect("it goes on");
    assert_eq!((report.numbers.len(), report.mismatches.len()), (3, 0));
}

#[test]
fn a_case_has_no_more_epoll_instances_than_the_tool_can_look_into() {
    let (mut player, _) = start(&with_steps("[[steps]]\ndo = \"note\"\n"));
    let too_many = make(&mut player, "a", ActorKind::Epoll, 256);
    assert!(is_refused(&too_many, "a case may have 256 epoll instances"), "{too_many:?}");
    make(&mut player, "a", ActorKind::Epoll, 200).expect("200 are possible");
    let too_many = make(&mut player, "b", ActorKind::Epoll, 56);
    assert!(is_refused(&too_many, "a case may have 256 epoll instances"), "{too_many:?}");
    let close = Action::Close { fd: FdArg::Named("a7".into()), who: None };
    player.act(&Step::new(close)).expect("it is closed");
    make(&mut player, "b", ActorKind::Eventfd { value: 0, semaphore: false }, 56).expect("others");
}

#[test]
fn a_late_answer_ends_the_case_and_a_dropped_player_its_process() {
    let case = with_steps("[[steps]]\ndo = \"sleep\"\nms = 10000\n");
    let (mut player, _) = start(&case);
    let pid = player.pid();
    assert!(!is_gone(pid));
    player.set_deadline(Duration::from_millis(50));
    assert!(matches!(player.step(), Err(PlayError::Late(_))));
    assert!(is_gone(pid), "killed and reaped");
    assert!(matches!(player.step(), Err(error) if error.is_final()));

    let (mut player, _) = start(&case);
    let pid = player.pid();
    player.begin_step().expect("it is asked");
    assert!(player.is_busy());
    assert_eq!(player.poll().expect("nothing yet"), None);
    drop(player);
    assert!(is_gone(pid), "killed and reaped");
}

#[test]
fn a_program_that_is_another_is_no_case() {
    let case = with_steps("[[steps]]\ndo = \"note\"\n");
    for program in ["/bin/true", "/bin/cat", "/no/such/program"] {
        let started = Player::start_as(Path::new(program), &case, Duration::from_secs(10));
        assert!(matches!(started, Err(error) if error.is_final()), "{program}");
    }
}
