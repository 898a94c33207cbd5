//! The model alone: every case file comes out as it says, and each deliberate error is noticed by a
//! case file or by random sequences.

use std::collections::BTreeMap;

use crate::lesson::case::{Action, Case, Expect, Outcome, Seen};
use crate::lesson::catalog;
use crate::lesson::kernel::Observed;
use crate::sim::{Flaw, KernelModel};

use super::{judge, make, shrink};
use crate::lesson::{parse, to_toml};

/// Random sequences by which errors are to be noticed.
const SEQUENCES: u64 = 1000;

fn cases() -> Vec<Case> {
    catalog::files().map(|file| file.parse().expect("a case file of the program")).collect()
}

/// What a step shows otherwise than its file says; nothing of what only the kernel knows.
fn differs(expect: &Expect, seen: &Observed) -> Option<String> {
    let told = |what: &str, ok: bool| (!ok).then(|| format!("{what}: {seen:?}"));
    let lists = expect.rdl.iter().all(|(ep, list)| seen.rdl.get(ep) == Some(list))
        && expect.ovf.iter().all(|(ep, list)| seen.ovf.get(ep) == Some(list))
        && expect.interest.iter().all(|(ep, list)| seen.interest.get(ep) == Some(list));
    let maybe = |name| expect.woke_maybe.contains_key(name);
    let must: BTreeMap<_, _> = seen.woke.iter().filter(|(name, _)| !maybe(name)).collect();
    let woke = expect.woke.is_empty() || expect.woke.iter().collect::<BTreeMap<_, _>>() == must;
    let events = expect.events.is_none() || expect.events == seen.events;
    told("ret", expect.ret.is_none() || expect.ret == seen.ret)
        .or_else(|| told("events", events))
        .or_else(|| told("lists", lists))
        .or_else(|| told("woke", woke))
        .or_else(|| told("asleep", expect.asleep.as_ref().is_none_or(|all| *all == seen.asleep)))
}

#[test]
fn the_model_alone_shows_what_every_file_says() {
    for case in cases() {
        let seen = judge::on_model(&case, KernelModel::new());
        for (step, seen) in case.steps.iter().zip(&seen) {
            let wrong = differs(&step.expect, seen);
            assert_eq!(wrong, None, "{} line {}", case.id, step.line);
        }
    }
}

/// The first of the cases in which the error shows.
fn noticed(flaw: Flaw, cases: &[(Case, Vec<Observed>)]) -> Option<&str> {
    let shows = |(case, seen): &&(Case, Vec<Observed>)| {
        judge::on_model(case, KernelModel::new().with_flaw(flaw)) != *seen
    };
    cases.iter().find(shows).map(|(case, _)| case.id.as_str())
}

#[test]
fn every_deliberate_error_is_noticed() {
    let played = |case: Case| {
        let seen = judge::on_model(&case, KernelModel::new());
        (case, seen)
    };
    let files: Vec<_> = cases().into_iter().map(played).collect();
    let random = (0..SEQUENCES).map(|seed| make::sequence(seed, seed.is_multiple_of(4)));
    let random: Vec<_> = random.map(played).collect();
    let mut missed = Vec::new();
    for flaw in Flaw::ALL {
        let (by_file, by_chance) = (noticed(flaw, &files), noticed(flaw, &random));
        println!("{flaw:?}: {} | {}", by_file.unwrap_or("-"), by_chance.unwrap_or("-"));
        if by_file.is_none() && by_chance.is_none() {
            missed.push(flaw);
        }
    }
    assert!(missed.is_empty(), "nobody notices {missed:?}");
}

#[test]
fn what_differs_is_shrunk_to_the_steps_that_matter() {
    let differs = |case: &Case| {
        let flawed = KernelModel::new().with_flaw(Flaw::EventfdZeroIsSilent);
        judge::on_model(case, KernelModel::new()) != judge::on_model(case, flawed)
    };
    let long = (0..SEQUENCES).map(|seed| make::sequence(seed, false)).find(|case| differs(case));
    let long = long.expect("one of them notices");
    let short = shrink::shrink(long.clone(), &mut |case| differs(case));
    assert!(differs(&short) && short.steps.len() < long.steps.len());
    // An ADD of the eventfd, perhaps a MOD, what empties the list, and the write.
    assert!(short.steps.len() <= 4, "{short:#?}");
    assert_eq!(short.actors.len(), 2, "{short:#?}");
}

/// What differs is written to a file: that must say the same again.
#[test]
fn every_sequence_is_read_back_from_its_file() {
    for seed in 0..SEQUENCES {
        let case = make::sequence(seed, seed.is_multiple_of(4));
        let printed = to_toml(&case);
        match parse("printed.toml", &printed) {
            Ok(again) => assert_eq!(again.without_lines(), case.without_lines(), "{printed}"),
            Err(errors) => panic!("{errors}\n{printed}"),
        }
    }
}

/// What random sequences come upon: without it they show little.
#[test]
fn random_sequences_come_upon_everything() {
    let mut found: BTreeMap<String, u32> = BTreeMap::new();
    for seed in 0..SEQUENCES {
        let case = make::sequence(seed, seed.is_multiple_of(4));
        for (step, seen) in case.steps.iter().zip(judge::on_model(&case, KernelModel::new())) {
            let word = step.action.word();
            let how = match (&seen.ret, &seen.events) {
                (Some(Outcome::Errno(errno)), _) | (_, Some(Seen::Errno(errno))) => {
                    format!("{word} {errno}")
                }
                (_, Some(Seen::Events(events))) if events.is_empty() => format!("{word} nothing"),
                _ => word.to_owned(),
            };
            *found.entry(how).or_default() += 1;
            let parks =
                step.action.thread().is_some() && !matches!(step.action, Action::Thaw { .. });
            *found.entry("returns".to_owned()).or_default() +=
                u32::try_from(if parks { 0 } else { seen.woke.len() }).expect("few threads");
        }
    }
    println!("{found:#?}");
    for how in [
        "add",
        "add EEXIST",
        "add ELOOP",
        "add EINVAL",
        "add EBADF",
        "mod",
        "mod ENOENT",
        "mod EINVAL",
        "del",
        "del ENOENT",
        "ctl EINVAL",
        "wait",
        "wait nothing",
        "wait EINVAL",
        "poll",
        "select",
        "write",
        "write EAGAIN",
        "write EPIPE",
        "write EINVAL",
        "read",
        "read EAGAIN",
        "read ECONNRESET",
        "drain EAGAIN",
        "fill EAGAIN",
        "close",
        "dup",
        "shutdown",
        "sockopt",
        "new",
        "freeze",
        "thaw",
        "signal",
        "connect",
        "accept",
        "accept EAGAIN",
        "rst",
        "returns",
    ] {
        assert!(found.get(how).is_some_and(|count| *count > 1), "{how} in {found:#?}");
    }
}
