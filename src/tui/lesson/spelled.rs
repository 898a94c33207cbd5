//! The call of a step as the learner reads it: without what a prediction is about, and without the
//! signs that only files need.

use crate::event::visible;
use crate::lesson::case::{Action, Step};
use crate::lesson::line;

/// Columns of a call at the most.
const LONG: usize = 200;

/// The call of a step, in strace's manner; empty if it makes none. Before it is made, a repeat does
/// not tell who makes its calls: that may be just what is to be predicted.
pub(super) fn call(step: &Step, made: bool) -> String {
    let text = match &step.action {
        Action::Repeat { times, body, until } => {
            let body: Vec<_> = body.iter().map(|one| in_body(one, step, made)).collect();
            let body = rounds(&body.join(", "), *times);
            match (times, until) {
                (1, None) => body,
                (_, None) => format!("{times} times: {body}"),
                (_, Some(_)) => format!("at most {times} times: {body}"),
            }
        }
        action @ Action::Many { count, .. } => rounds(&line::call(action), *count),
        action => line::call(action),
    };
    visible(text.as_bytes(), LONG)
}

/// A call of a repeat.
fn in_body(action: &Action, step: &Step, made: bool) -> String {
    match action {
        // On an instance of a thread's own, the instance is who.
        Action::Wait(wait) if !made && step.ask.is_some() && wait.thread.is_some() => {
            "epoll_wait".to_owned()
        }
        _ if made => line::call(action),
        _ => line::call_alone(action),
    }
}

/// A text with the numbers of the rounds for each `#`.
fn rounds(text: &str, times: u32) -> String {
    let numbers = if times == 1 { "1".to_owned() } else { format!("1..{times}") };
    text.replace('#', &numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(text: &str) -> Vec<Step> {
        let head = "format = 1\nid = \"x\"\ntitle = \"x\"\nabout = \"x\"\nlevel = \"intro\"\n[actors]\n\
                    e = { kind = \"epoll\", count = 2 }\nL = { kind = \"listener\" }\n\
                    c = { kind = \"client\", count = 20 }\n";
        let case = crate::lesson::parse("x.toml", format!("{head}{text}"));
        case.unwrap_or_else(|errors| panic!("{errors}")).steps
    }

    #[test]
    fn who_makes_the_calls_of_a_repeat_is_told_afterwards() {
        let steps = steps(
            "[[steps]]\ndo = \"wait\"\nep = \"e1\"\nthread = \"w1\"\n\
             [[steps]]\ndo = \"repeat\"\ntimes = 20\nsteps = [\n\
             { do = \"connect\", fd = \"c#\", to = \"L\" },\n\
             { do = \"accept\", fd = \"L\", as = \"s#\", thread = \"@woken\" },\n\
             { do = \"wait\", ep = \"e1\", thread = \"w1\" },\n]\n",
        );
        let mut step = steps[1].clone();
        let bare = "20 times: connect(c1..20, L), s1..20 = accept(L), epoll_wait(e1)";
        assert_eq!(call(&step, false), bare);
        let made = "20 times: connect(c1..20, L), s1..20 = accept(L) by whoever woke, \
                    epoll_wait(e1) by w1";
        assert_eq!(call(&step, true), made);
        let answer = crate::lesson::case::Answer::Choice(Vec::new());
        step.ask = Some(crate::lesson::case::Ask { text: "who?".to_owned(), answer });
        let asked = "20 times: connect(c1..20, L), s1..20 = accept(L), epoll_wait";
        assert_eq!(call(&step, false), asked);
    }

    #[test]
    fn rounds_are_numbers() {
        let steps = steps(
            "[[steps]]\ndo = \"repeat\"\ntimes = 1\n\
             steps = [{ do = \"connect\", fd = \"c#\", to = \"L\" }]\n\
             [[steps]]\ndo = \"repeat\"\ntimes = 3\nuntil = { ret = \"EAGAIN\" }\n\
             steps = [{ do = \"accept\", fd = \"L\", as = \"s#\" }]\n\
             [[steps]]\ndo = \"many\"\nep = \"e1\"\nfd = \"c#\"\nmask = \"IN\"\ncount = 20\n",
        );
        let calls: Vec<_> = steps.iter().map(|step| call(step, true)).collect();
        assert_eq!(
            calls,
            [
                "connect(c1, L)",
                "at most 3 times: s1..3 = accept(L)",
                "20 times epoll_ctl(e1, ADD, c1..20, IN)",
            ]
        );
    }
}
