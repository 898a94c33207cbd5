//! What the file expects against what was seen, and what the model says against what the kernel
//! did.

use std::collections::BTreeMap;

use crate::lesson::case::{CqeEntry, Entry, Expect, Label, Outcome, Range, Seen};

use crate::lesson::print::entry;

use crate::lesson::kernel::Observed;

use super::report::{Between, Mismatch, Report, cqes_text, list_text, outcome_text, seen_text};

/// Collects disagreements, and counts what agreed.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    pub(crate) mismatches: Vec<Mismatch>,
    pub(crate) agreed: u64,
    /// How many threads had returned when that was compared last.
    returned: usize,
}

impl Comparison {
    /// Holds the model's side against the kernel's.
    pub(crate) fn both<T: PartialEq>(
        &mut self,
        what: impl FnOnce() -> String,
        kernel: &T,
        model: &T,
        text: impl Fn(&T) -> String,
    ) {
        if kernel == model {
            self.agreed += 1;
            return;
        }
        self.mismatches.push(Mismatch {
            between: Between::ModelAndKernel,
            what: what(),
            expected: None,
            kernel: Some(text(kernel)),
            model: Some(text(model)),
        });
    }

    /// Holds what a call returned, and who woke, against each other, as far as either says so.
    pub(crate) fn results(&mut self, kernel: &Observed, model: &Observed, when: &str) {
        let optional = |seen: &Option<Seen>| seen.as_ref().map_or_else(nothing, seen_text);
        let returned = |ret: &Option<_>| ret.map_or_else(nothing, outcome_text);
        let what = |what: &str| format!("{what}{when}");
        let handed = [&kernel.events, &model.events];
        // The events tell their number. Of what it does not know the model says no result.
        if model.ret.is_some() && handed.contains(&&None) {
            self.both(|| what("the result"), &kernel.ret, &model.ret, returned);
        }
        if handed != [&None, &None] {
            self.both(|| what("the events"), &kernel.events, &model.events, optional);
        }
        let taken = [&kernel.cqes, &model.cqes];
        if taken != [&None, &None] {
            let text =
                |cqes: &Option<Vec<CqeEntry>>| cqes.as_deref().map_or_else(nothing, cqes_text);
            self.both(|| what("the completions"), &kernel.cqes, &model.cqes, text);
        }
        // In a repeat the rounds before were compared.
        let known = std::mem::replace(&mut self.returned, kernel.woke.len());
        if kernel.woke != model.woke || kernel.woke.len() > known {
            self.both(|| what("who returned"), &kernel.woke, &model.woke, woke_text);
        }
    }

    /// Holds everything that both tell after a step against each other.
    pub(crate) fn after_step(&mut self, kernel: &Observed, model: &Observed) {
        self.results(kernel, model, "");
        let names = |names: &Vec<Label>| labels_text(names);
        if !kernel.asleep.is_empty() || !model.asleep.is_empty() {
            self.both(|| "who sleeps".to_owned(), &kernel.asleep, &model.asleep, names);
        }
        for (label, state) in &kernel.rings {
            let said = model.rings.get(label).cloned().unwrap_or_default();
            self.both(|| format!("the ring {label}"), state, &said, |state| format!("{state:?}"));
        }
        for (label, list) in &kernel.interest {
            let said = model.interest.get(label).cloned().unwrap_or_default();
            let what = || format!("the interest list of {label}");
            self.both(what, list, &said, |list| entries_text(list));
        }
        for (label, list) in &kernel.rdl {
            let said = model.rdl.get(label).cloned().unwrap_or_default();
            self.both(|| format!("the ready list of {label}"), list, &said, names);
        }
        for (label, list) in &kernel.ovf {
            let said = model.ovf.get(label).cloned().unwrap_or_default();
            self.both(|| format!("the overflow list of {label}"), list, &said, names);
        }
    }
}

/// What the file expects of a step against what was seen.
pub(crate) fn with_file(expect: &Expect, report: &Report) -> Comparison {
    let mut file = File { report, found: Comparison::default() };
    let (seen, model) = (&report.seen, &report.model);
    if let Some(ret) = expect.ret {
        let said = model.ret.map(outcome_text);
        let returned = |ret: &Option<Outcome>| ret.map_or_else(nothing, outcome_text);
        file.hold("the result".to_owned(), &Some(ret), &seen.ret, said, returned);
    }
    if let Some(events) = &expect.events {
        let said = model.events.as_ref().map(seen_text);
        let handed = |seen: &Option<Seen>| seen.as_ref().map_or_else(nothing, seen_text);
        let expected = Some(events.clone());
        file.hold("the events".to_owned(), &expected, &seen.events, said, handed);
    }
    if let Some(cqes) = &expect.cqes {
        let said = model.cqes.as_deref().map(cqes_text);
        let text = |cqes: &Option<Vec<CqeEntry>>| cqes.as_deref().map_or_else(nothing, cqes_text);
        file.hold("the completions".to_owned(), &Some(cqes.clone()), &seen.cqes, said, text);
    }
    file.lists(expect);
    file.threads(expect);
    file.counters(expect);
    file.found
}

impl Report {
    /// Whether everything that `expect` names was so.
    pub(crate) fn agrees_with(&self, expect: &Expect) -> bool {
        with_file(expect, self).mismatches.is_empty()
    }
}

/// A comparison of the file with a report.
struct File<'r> {
    report: &'r Report,
    found: Comparison,
}

impl File<'_> {
    fn hold<T: PartialEq>(
        &mut self,
        what: String,
        expected: &T,
        kernel: &T,
        model: Option<String>,
        text: impl Fn(&T) -> String,
    ) {
        if expected == kernel {
            self.found.agreed += 1;
            return;
        }
        self.found.mismatches.push(Mismatch {
            between: Between::FileAndKernel,
            what,
            expected: Some(text(expected)),
            kernel: Some(text(kernel)),
            model,
        });
    }

    fn lists(&mut self, expect: &Expect) {
        let (seen, model) = (&self.report.seen, &self.report.model);
        for (ep, list) in &expect.interest {
            let name = self.report.instance(ep);
            let what = format!("the interest list of {ep}");
            let Some(read) = seen.interest.get(name) else {
                self.missing(Between::FileAndKernel, what, entries_text(list), self.unread(name));
                continue;
            };
            let said = model.interest.get(name).map(|list| entries_text(list));
            self.hold(what, list, read, said, |list| entries_text(list));
        }
        for (ep, list) in &expect.rdl {
            let name = self.report.instance(ep);
            let told = (seen.rdl.get(name), model.rdl.get(name));
            self.listed(format!("the ready list of {ep}"), list, told, NO_INSTANCE);
        }
        for (ep, list) in &expect.ovf {
            let name = self.report.instance(ep);
            let told = (seen.ovf.get(name), model.ovf.get(name));
            let why = if model.rdl.contains_key(name) { NO_HARVEST } else { NO_INSTANCE };
            self.listed(format!("the overflow list of {ep}"), list, told, why);
        }
    }

    /// A list that is the model's unless the kernel's can be read, and why there may be none.
    fn listed(
        &mut self,
        what: String,
        expected: &Vec<Label>,
        (kernel, model): (Option<&Vec<Label>>, Option<&Vec<Label>>),
        why: &str,
    ) {
        let text = |list: &Vec<Label>| labels_text(list);
        match (kernel, model) {
            (Some(kernel), model) => self.hold(what, expected, kernel, model.map(text), text),
            (None, Some(model)) if expected == model => self.found.agreed += 1,
            (None, model) => {
                let said = model.map_or_else(|| why.to_owned(), text);
                self.missing(Between::FileAndModel, what, text(expected), said);
            }
        }
    }

    /// The file expects what the one that it was held against does not say.
    fn missing(&mut self, between: Between, what: String, expected: String, said: String) {
        let (kernel, model) = match between {
            Between::FileAndModel => (None, Some(said)),
            Between::FileAndKernel | Between::ModelAndKernel => (Some(said), None),
        };
        let wrong = Mismatch { between, what, expected: Some(expected), kernel, model };
        self.found.mismatches.push(wrong);
    }

    /// Why the interest list of that instance was not read.
    fn unread(&self, name: &Label) -> String {
        let model = &self.report.model;
        let why = if model.ovf.contains_key(name) {
            "a harvest of it is held"
        } else if model.rdl.contains_key(name) {
            "no descriptor of it is open"
        } else {
            NO_INSTANCE
        };
        format!("not read: {why}")
    }

    fn threads(&mut self, expect: &Expect) {
        let (seen, model) = (&self.report.seen, &self.report.model);
        if !expect.woke.is_empty() || !expect.woke_maybe.is_empty() {
            let mut expected = expect.woke.clone();
            let maybe = expect.woke_maybe.iter();
            let back = maybe.filter(|(thread, _)| seen.woke.contains_key(thread));
            expected.extend(back.map(|(thread, seen)| (thread.clone(), seen.clone())));
            let said = Some(woke_text(&model.woke));
            self.hold("who returned".to_owned(), &expected, &seen.woke, said, woke_text);
        }
        if let Some(asleep) = &expect.asleep {
            let said = Some(labels_text(&model.asleep));
            self.hold("who sleeps".to_owned(), asleep, &seen.asleep, said, |names| {
                labels_text(names)
            });
        }
    }

    fn counters(&mut self, expect: &Expect) {
        let report = self.report;
        let mut judge = |what: String, agrees: bool, expected: String, kernel: String| {
            if agrees {
                self.found.agreed += 1;
                return;
            }
            let (expected, kernel) = (Some(expected), Some(kernel));
            let between = Between::FileAndKernel;
            let wrong = Mismatch { between, what, expected, kernel, model: None };
            self.found.mismatches.push(wrong);
        };
        for (counter, range) in &expect.count {
            let value = report.counter(counter);
            let what = format!("the counter {counter}");
            judge(what, range.contains(value), range_text(*range), value.to_string());
        }
        if let Some([less, more]) = &expect.less {
            let (a, b) = (report.counter(less), report.counter(more));
            let what = format!("the counters {less} and {more}");
            judge(what, a < b, "the first is less".to_owned(), format!("{a} and {b}"));
        }
        if let Some([one, other]) = &expect.same {
            let number = |label: &Label| report.numbers.get(label).copied();
            let (a, b) = (number(one), number(other));
            let got = [a, b].map(|fd| fd.map_or_else(nothing, |fd| fd.to_string())).join(" and ");
            let what = format!("the numbers of {one} and {other}");
            judge(what, a.is_some() && a == b, "the same".to_owned(), got);
        }
    }
}

/// Why something has no lists.
const NO_INSTANCE: &str = "no such epoll instance is open";
/// Why there is no overflow list.
const NO_HARVEST: &str = "not in use: no harvest of it is held";

fn nothing() -> String {
    "nothing".to_owned()
}

fn labels_text(labels: &[Label]) -> String {
    list_text(labels.iter().map(ToString::to_string))
}

fn entries_text(entries: &[Entry]) -> String {
    list_text(entries.iter().map(entry))
}

/// `nobody`, or `A: [p.r IN]; B: EINTR`.
fn woke_text(woke: &BTreeMap<Label, Seen>) -> String {
    if woke.is_empty() {
        return "nobody".to_owned();
    }
    let one = |(thread, seen): (&Label, &Seen)| format!("{thread}: {}", seen_text(seen));
    woke.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// `3`, `3 or more`, `3 to 5`.
fn range_text(range: Range) -> String {
    match range.max {
        Some(max) if max == range.min => max.to_string(),
        Some(max) => format!("{} to {max}", range.min),
        None => format!("{} or more", range.min),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Errno, Fd, Mask};
    use crate::lesson::case::Counter;

    fn events(label: &str) -> Seen {
        Seen::Events(vec![Entry { label: label.into(), mask: Mask::IN }])
    }

    fn report() -> Report {
        let mut report = Report::default();
        report.seen.woke.insert("A".into(), events("p.r"));
        report.seen.asleep = vec!["B".into()];
        report.model.rdl.insert("e".into(), vec!["p.r".into()]);
        report.model.rdl.insert("f".into(), vec![]);
        report.seen.interest.insert("f".into(), vec![]);
        report.model.ovf.insert("e".into(), vec![]);
        report.duplicates.insert("e2".into(), "e".into());
        report.counters.insert(Counter::Calls, 3);
        report.numbers = [("x".into(), Fd(4)), ("y".into(), Fd(4))].into();
        report
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut Expect), wrong: &[&str]) {
        let mut expect = Expect::default();
        change(&mut expect);
        let found = with_file(&expect, &report());
        let what: Vec<_> = found.mismatches.iter().map(|one| one.what.as_str()).collect();
        assert_eq!(what, wrong);
        let judged = found.agreed > 0 || !wrong.is_empty();
        assert_eq!(judged, !expect.is_empty(), "what is named is judged");
    }

    #[test]
    fn what_is_not_named_is_not_judged() {
        check(|_| {}, &[]);
    }

    #[test]
    fn who_returned_is_just_who_is_named() {
        check(|e| drop(e.woke.insert("A".into(), events("p.r"))), &[]);
        check(|e| drop(e.woke.insert("A".into(), events("q.r"))), &["who returned"]);
        check(|e| drop(e.woke.insert("B".into(), events("p.r"))), &["who returned"]);
        let both = |e: &mut Expect| {
            for name in ["A", "B"] {
                e.woke.insert(name.into(), events("p.r"));
            }
        };
        check(both, &["who returned"]);
    }

    #[test]
    fn who_may_return_is_judged_only_if_it_did() {
        check(|e| drop(e.woke_maybe.insert("A".into(), events("p.r"))), &[]);
        check(
            |e| drop(e.woke_maybe.insert("A".into(), Seen::Errno(Errno::EINTR))),
            &["who returned"],
        );
        // It did not return, and nobody else was to.
        check(|e| drop(e.woke_maybe.insert("B".into(), events("p.r"))), &["who returned"]);
        let allowed = |e: &mut Expect| {
            e.woke.insert("A".into(), events("p.r"));
            e.woke_maybe.insert("B".into(), events("p.r"));
        };
        check(allowed, &[]);
    }

    #[test]
    fn lists_counters_and_numbers_are_judged_by_value() {
        check(|e| e.ret = Some(Outcome::Value(0)), &["the result"]);
        check(|e| e.events = Some(Seen::Events(vec![])), &["the events"]);
        check(|e| e.asleep = Some(vec!["B".into()]), &[]);
        check(|e| e.asleep = Some(vec![]), &["who sleeps"]);
        check(|e| drop(e.rdl.insert("e".into(), vec!["p.r".into()])), &[]);
        check(|e| drop(e.rdl.insert("e".into(), vec![])), &["the ready list of e"]);
        check(|e| drop(e.rdl.insert("f".into(), vec![])), &[]);
        check(|e| drop(e.ovf.insert("e".into(), vec![])), &[]);
        check(|e| drop(e.ovf.insert("e".into(), vec!["p.r".into()])), &["the overflow list of e"]);
        check(|e| drop(e.interest.insert("f".into(), vec![])), &[]);
        check(|e| e.count = [(Counter::Calls, Range::exactly(3))].into(), &[]);
        check(|e| e.count = [(Counter::Reads, Range::exactly(1))].into(), &["the counter reads"]);
        check(|e| e.same = Some(["x".into(), "y".into()]), &[]);
        check(|e| e.same = Some(["x".into(), "z".into()]), &["the numbers of x and z"]);
        check(|e| e.less = Some([Counter::Reads, Counter::Calls]), &[]);
        let not_less = ["the counters calls and reads"];
        check(|e| e.less = Some([Counter::Calls, Counter::Reads]), &not_less);
    }

    /// Between whom, and what each says.
    fn told(change: impl FnOnce(&mut Expect)) -> Vec<(Between, Option<String>, Option<String>)> {
        let mut expect = Expect::default();
        change(&mut expect);
        let all = with_file(&expect, &report()).mismatches.into_iter();
        all.map(|one| (one.between, one.kernel, one.model)).collect()
    }

    #[test]
    fn of_a_list_that_only_the_model_tells_the_kernel_is_not_quoted() {
        let model = |text: &str| vec![(Between::FileAndModel, None, Some(text.to_owned()))];
        assert_eq!(told(|e| drop(e.rdl.insert("e".into(), vec![]))), model("[p.r]"));
        assert_eq!(told(|e| drop(e.ovf.insert("e".into(), vec!["x".into()]))), model("[]"));
        let mut report = report();
        report.seen.rdl.insert("e".into(), vec!["q.r".into()]);
        let expect = Expect { rdl: [("e".into(), vec!["p.r".into()])].into(), ..Expect::default() };
        let wrong = with_file(&expect, &report).mismatches.remove(0);
        assert_eq!(wrong.between, Between::FileAndKernel);
        assert_eq!(
            (wrong.kernel.as_deref(), wrong.model.as_deref()),
            (Some("[q.r]"), Some("[p.r]"))
        );
    }

    #[test]
    fn a_list_that_was_not_read_is_not_empty() {
        let kernel = |text: &str| vec![(Between::FileAndKernel, Some(text.to_owned()), None)];
        let model = |text: &str| vec![(Between::FileAndModel, None, Some(text.to_owned()))];
        let interest = |ep: &'static str| told(move |e| drop(e.interest.insert(ep.into(), vec![])));
        assert_eq!(interest("e"), kernel("not read: a harvest of it is held"));
        assert_eq!(interest("x"), kernel("not read: no such epoll instance is open"));
        assert_eq!(told(|e| drop(e.rdl.insert("x".into(), vec![]))), model(NO_INSTANCE));
        assert_eq!(told(|e| drop(e.ovf.insert("x".into(), vec![]))), model(NO_INSTANCE));
        assert_eq!(told(|e| drop(e.ovf.insert("f".into(), vec![]))), model(NO_HARVEST));
    }

    #[test]
    fn the_lists_of_an_instance_go_by_any_of_its_labels() {
        check(|e| drop(e.rdl.insert("e2".into(), vec!["p.r".into()])), &[]);
        check(|e| drop(e.rdl.insert("e2".into(), vec![])), &["the ready list of e2"]);
        check(|e| drop(e.ovf.insert("e2".into(), vec![])), &[]);
    }

    #[test]
    fn what_nobody_says_does_not_agree() {
        let (kernel, mut model) = (Observed::default(), Observed::default());
        model.rdl.insert("e".into(), vec!["p.r".into()]);
        model.ovf.insert("e".into(), vec![]);
        let mut found = Comparison::default();
        found.after_step(&kernel, &model);
        assert_eq!((found.mismatches.len(), found.agreed), (0, 0));
    }

    #[test]
    fn who_returned_in_a_round_is_compared_once() {
        let mut seen = Observed::default();
        seen.woke.insert("A".into(), events("p.r"));
        let mut found = Comparison::default();
        for _round in 0..3 {
            found.results(&seen, &seen.clone(), "");
        }
        assert_eq!(found.agreed, 1);
        found.results(&seen, &Observed::default(), "");
        assert_eq!(found.mismatches.len(), 1);
    }

    #[test]
    fn long_lists_are_compared_as_a_whole_and_shown_in_part() {
        let long = |last: &str| -> Vec<Label> {
            (0..100).map(|n| format!("p{n}").as_str().into()).chain([last.into()]).collect()
        };
        let mut found = Comparison::default();
        let (mut kernel, mut model) = (Observed::default(), Observed::default());
        kernel.rdl.insert("e".into(), long("x"));
        model.rdl.insert("e".into(), long("x"));
        found.after_step(&kernel, &model);
        assert!(found.mismatches.is_empty());
        model.rdl.insert("e".into(), long("y"));
        found.after_step(&kernel, &model);
        let [wrong] = &found.mismatches[..] else { panic!("{:?}", found.mismatches) };
        assert!(wrong.kernel.as_deref().is_some_and(|text| text.ends_with("p23, and 77 more]")));
        assert_eq!(wrong.to_string().matches("the ready list of e").count(), 1);
    }
}
