//! Questions to those who watch, and what they answer.

use std::collections::HashMap;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::bucket::Bucket;

/// Answers a second that are taken of one viewer.
const RATE: u32 = 2;
/// Viewers whose answers are counted.
const VOICES: usize = 300;
/// Characters of a typed answer.
const TYPED: usize = 40;
/// Typed answers that are counted each for itself.
const DIFFERENT: usize = 24;
/// Bytes of an answer as it is sent.
pub(super) const LONGEST: usize = 256;

/// How a question is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClassForm {
    /// By one of these.
    Choices(Vec<String>),
    /// By typing, and that is how it looks.
    Field(String),
}

/// A question to those who watch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassQuestion {
    /// Its number: no other one of the session has it.
    pub number: u32,
    /// What is asked.
    pub text: String,
    /// How it is answered.
    pub form: ClassForm,
}

/// What was right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClassTruth {
    /// The choice at this place, from 0.
    Choice(u32),
    /// Any of these that were typed; it is spelled so.
    Typed(Vec<String>, String),
    /// There is no right and wrong in it.
    None,
}

/// What the answers come to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassTally {
    /// Of which question.
    pub number: u32,
    /// How many have answered.
    pub answered: u32,
    /// Of how many.
    pub of: u32,
    /// No more can.
    pub closed: bool,
    /// How many have chosen each of the choices.
    pub choices: Vec<u32>,
    /// How many have typed each of these; what many did first.
    pub typed: Vec<(String, u32)>,
}

/// Which viewer: random bits that only its page knows.
pub(super) type Token = u128;

/// Reads 32 digits.
pub(super) fn token(text: &str) -> Option<Token> {
    let is_plain = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_plain.then(|| Token::from_str_radix(text, 16).ok()).flatten()
}

/// An answer as it is sent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent<'a> {
    question: u32,
    token: &'a str,
    answer: Said,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(untagged)]
enum Said {
    Choice(u32),
    Typed(String),
}

/// A question that has been asked.
pub(super) struct ClassPoll {
    question: ClassQuestion,
    closed: bool,
    truth: Option<ClassTruth>,
    answers: HashMap<Token, (Said, Bucket)>,
    /// Something has been answered since it was told last.
    changed: bool,
}

impl ClassPoll {
    pub(super) fn new(question: ClassQuestion) -> Self {
        Self { question, closed: false, truth: None, answers: HashMap::new(), changed: true }
    }

    /// Whether it is that question.
    pub(super) fn is(&self, number: u32) -> bool {
        self.question.number == number
    }

    /// Takes an answer, if it is one of a viewer to the open question.
    pub(super) fn take(
        &mut self,
        body: &[u8],
        watches: impl Fn(Token) -> bool,
        now: Instant,
    ) -> bool {
        let Ok(sent) = serde_json::from_slice::<Sent<'_>>(body) else { return false };
        let Some(token) = token(sent.token) else { return false };
        if self.closed || !self.is(sent.question) || !watches(token) || !self.fits(&sent.answer) {
            return false;
        }
        let known = self.answers.contains_key(&token);
        if !known && self.answers.len() >= VOICES {
            // Those of pages that are gone make way.
            self.answers.retain(|token, _| watches(*token));
            if self.answers.len() >= VOICES {
                return false;
            }
        }
        let new = || (sent.answer.clone(), Bucket::new(RATE, now));
        let (answer, rate) = self.answers.entry(token).or_insert_with(new);
        if !rate.take(1, now) {
            return false;
        }
        *answer = sent.answer;
        self.changed = true;
        true
    }

    fn fits(&self, said: &Said) -> bool {
        match (said, &self.question.form) {
            (Said::Choice(at), ClassForm::Choices(choices)) => (*at as usize) < choices.len(),
            (Said::Typed(text), ClassForm::Field(_)) => {
                let plain = text.chars().all(|c| c.is_ascii_graphic() || c == ' ');
                plain && !text.trim().is_empty() && text.len() <= TYPED
            }
            (Said::Choice(_), ClassForm::Field(_)) | (Said::Typed(_), ClassForm::Choices(_)) => {
                false
            }
        }
    }

    /// No more answers are taken: those count whose pages are there now.
    pub(super) fn close(&mut self, watches: impl Fn(Token) -> bool) {
        if !self.closed {
            self.answers.retain(|token, _| watches(*token));
            (self.closed, self.changed) = (true, true);
        }
    }

    /// Somebody came or went.
    pub(super) fn recount(&mut self) {
        self.changed |= !self.closed;
    }

    /// Whether that is so.
    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// That was right.
    pub(super) fn solve(&mut self, truth: ClassTruth, watches: impl Fn(Token) -> bool) {
        self.close(watches);
        self.truth = Some(truth);
    }

    /// Whether what the answers come to has changed since it was told last.
    pub(super) fn has_news(&self) -> bool {
        self.changed
    }

    /// What the answers come to, if that has changed since it was told last; among so many viewers.
    /// While it is open, those of pages that are gone do not count: a page that is loaded again is
    /// another viewer.
    pub(super) fn news(
        &mut self,
        viewers: usize,
        watches: impl Fn(Token) -> bool,
    ) -> Option<ClassTally> {
        let counts = |token: Token| self.closed || watches(token);
        std::mem::take(&mut self.changed).then(|| self.tally(viewers, counts))
    }

    fn tally(&self, viewers: usize, counts: impl Fn(Token) -> bool) -> ClassTally {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let mut choices = match &self.question.form {
            ClassForm::Choices(choices) => vec![0; choices.len()],
            ClassForm::Field(_) => Vec::new(),
        };
        let mut typed = HashMap::<&str, u32>::new();
        let mut answered = 0;
        for (_, (said, _)) in self.answers.iter().filter(|(token, _)| counts(**token)) {
            answered += 1;
            match said {
                Said::Choice(at) => {
                    if let Some(count) = choices.get_mut(*at as usize) {
                        *count += 1;
                    }
                }
                Said::Typed(text) => *typed.entry(text.trim()).or_default() += 1,
            }
        }
        let mut typed: Vec<_> =
            typed.into_iter().map(|(text, count)| (text.to_owned(), count)).collect();
        typed.sort_by(|(a, n), (b, m)| m.cmp(n).then_with(|| a.cmp(b)));
        typed.truncate(DIFFERENT);
        ClassTally {
            number: self.question.number,
            answered: count(answered),
            // Who had answered when it was closed, and left, has answered.
            of: count(viewers.max(answered)),
            closed: self.closed,
            choices,
            typed,
        }
    }

    /// How it is, for the page.
    pub(super) fn json(&self) -> String {
        #[derive(Serialize)]
        struct Shown<'a> {
            number: u32,
            text: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            answers: Option<&'a [String]>,
            #[serde(skip_serializing_if = "Option::is_none")]
            field: Option<&'a str>,
            closed: bool,
            #[serde(skip_serializing_if = "Option::is_none")]
            solved: Option<Solved<'a>>,
        }
        #[derive(Serialize)]
        struct Solved<'a> {
            /// The place of the right choice, or all that was typed and is right; none is judged.
            right: Option<Right<'a>>,
            spelled: Option<&'a str>,
        }
        #[derive(Serialize)]
        #[serde(untagged)]
        enum Right<'a> {
            Choice(u32),
            Typed(&'a [String]),
        }
        let ClassQuestion { number, text, form } = &self.question;
        let (answers, field) = match form {
            ClassForm::Choices(choices) => (Some(choices.as_slice()), None),
            ClassForm::Field(looks) => (None, Some(looks.as_str())),
        };
        let solved = self.truth.as_ref().map(|truth| match truth {
            ClassTruth::Choice(at) => Solved { right: Some(Right::Choice(*at)), spelled: None },
            ClassTruth::Typed(texts, spelled) => {
                Solved { right: Some(Right::Typed(texts)), spelled: Some(spelled) }
            }
            ClassTruth::None => Solved { right: None, spelled: None },
        });
        let (number, closed) = (*number, self.closed);
        let shown = Shown { number, text, answers, field, closed, solved };
        // All its types are plain data.
        serde_json::to_string(&shown).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn choices() -> ClassPoll {
        let form = ClassForm::Choices(vec!["yes".to_owned(), "no".to_owned()]);
        ClassPoll::new(ClassQuestion { number: 3, text: "Is it?".to_owned(), form })
    }

    fn sent(question: u32, token: u32, answer: &str) -> String {
        format!(r#"{{"question":{question},"token":"{token:032x}","answer":{answer}}}"#)
    }

    #[test]
    fn each_viewer_has_one_answer_and_may_change_it_until_it_is_closed() {
        let (mut poll, begun) = (choices(), Instant::now());
        let at = |seconds| begun + Duration::from_secs(seconds);
        let mut take = |token, answer, seconds| {
            poll.take(sent(3, token, answer).as_bytes(), |_| true, at(seconds))
        };
        assert!(take(1, "0", 0) && take(2, "0", 0) && take(3, "1", 0));
        assert!(take(1, "1", 0), "it is changed");
        assert!(!take(1, "0", 0), "that was too often");
        assert!(take(1, "1", 1));
        assert!(!take(4, "2", 0) && !take(4, "\"yes\"", 0) && !take(4, "-1", 0));
        let tally = poll.news(9, |_| true).expect("it is new");
        assert_eq!((tally.answered, tally.of, tally.choices), (3, 9, vec![1, 2]));
        assert_eq!(poll.news(9, |_| true), None);
        // Who is gone does not count, and does when it is there again.
        poll.recount();
        let tally = poll.news(8, |token| token != 2).expect("it is new");
        assert_eq!((tally.answered, tally.of, tally.choices), (2, 8, vec![0, 2]));
        poll.close(|_| true);
        assert!(!poll.take(sent(3, 5, "0").as_bytes(), |_| true, at(5)));
        let tally = poll.news(2, |_| false).expect("it is closed");
        assert!(tally.closed && (tally.answered, tally.of) == (3, 3));
        poll.recount();
        assert_eq!(poll.news(1, |_| true), None, "nothing changes any more");
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        let (mut poll, now) = (choices(), Instant::now());
        for body in [
            sent(2, 1, "0"),
            sent(3, 1, "0").replace("\"question\":3,", ""),
            sent(3, 1, "0").replace('}', ",\"name\":\"me\"}"),
            sent(3, 1, "0").replace("000001", "1"),
            sent(3, 1, "0").replace("000001", "00000g"),
            sent(3, 1, "[0]"),
            String::new(),
        ] {
            assert!(!poll.take(body.as_bytes(), |_| true, now), "{body}");
        }
        assert!(!poll.take(sent(3, 1, "0").as_bytes(), |_| false, now), "who does not watch");
        for voice in 0..u32::try_from(VOICES).expect("few") {
            assert!(poll.take(sent(3, voice, "0").as_bytes(), |_| true, now));
        }
        assert!(!poll.take(sent(3, 999_999, "0").as_bytes(), |_| true, now));
    }

    #[test]
    fn what_is_typed_is_counted_as_it_stands() {
        let form = ClassForm::Field("a number".to_owned());
        let mut poll = ClassPoll::new(ClassQuestion { number: 3, text: String::new(), form });
        let now = Instant::now();
        for (token, answer) in [(1, "\" 4\""), (2, "\"4\""), (3, "\"EAGAIN\"")] {
            assert!(poll.take(sent(3, token, answer).as_bytes(), |_| true, now));
        }
        for answer in ["\"\"", "\" \"", "\"\\u001b[2J\"", "0", &format!("\"{}\"", "x".repeat(41))] {
            assert!(!poll.take(sent(3, 4, answer).as_bytes(), |_| true, now), "{answer}");
        }
        let tally = poll.news(3, |_| true).expect("it is new");
        assert_eq!(tally.typed, [("4".to_owned(), 2), ("EAGAIN".to_owned(), 1)]);
        poll.solve(ClassTruth::Typed(vec!["4".to_owned()], "4".to_owned()), |_| true);
        assert!(poll.json().ends_with(r#""solved":{"right":["4"],"spelled":"4"}}"#));
    }
}
