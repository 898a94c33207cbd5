use serde_json::Value;

use super::*;
use crate::lesson::parse;

/// Whose steps all return 0.
struct Zero;

impl Play for Zero {
    fn next(&mut self) -> Result<Option<Report>, PlayError> {
        Ok(Some(Report::default()))
    }
}

/// A lesson with so many questions, each with two answers.
fn questions(count: usize) -> Case {
    let head = "format = 1\nid = \"x\"\ntitle = \"t\"\nabout = \"a\"\nlevel = \"core\"\n\
                topic = \"t\"\nminutes = 1\n[actors]\ne = { kind = \"epoll\" }\n";
    let step = "[[steps]]\ndo = \"note\"\n[steps.ask]\ntext = \"q\"\n\
                answers = [{ text = \"a\", right = true }, { text = \"b\" }]\n";
    parse("x", format!("{head}{}", step.repeat(count))).unwrap_or_else(|e| panic!("{e}"))
}

/// Its `answer` lines: what was taken as the answer, and what was wrong with it.
fn answers(count: usize, mut input: &[u8]) -> Vec<(Option<String>, Option<String>)> {
    let mut out = Vec::new();
    let ended =
        run(&questions(count), "Linux", Ok((Zero, Report::default())), false, &mut input, &mut out);
    assert_eq!(ended.expect("it is written"), Ended::Well);
    let text = String::from_utf8(out).expect("UTF-8");
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let field = |line: &Value, key: &str| line[key].as_str().map(str::to_owned);
    let answers = lines.filter(|line| line["kind"] == "answer");
    answers.map(|line| (field(&line, "answer"), field(&line, "error"))).collect()
}

fn given(text: &str) -> (Option<String>, Option<String>) {
    (Some(text.to_owned()), None)
}

#[test]
fn an_answer_that_is_no_text_is_one_that_cannot_be_read() {
    let said = answers(3, b"1\n\xff2\n 2 \n");
    let wrong = (Some("\\xFF2".to_owned()), Some("it is not UTF-8".to_owned()));
    assert_eq!(said, [given("1"), wrong, given("2")]);
}

#[test]
fn the_rest_of_a_long_answer_is_no_other_answer() {
    let long = "1".repeat(2001);
    let input = format!("{long}\n{long}{}\n2\n", "1\r".repeat(5000));
    let said = answers(4, input.as_bytes());
    for (text, error) in &said[..2] {
        assert_eq!(error.as_deref(), Some("an answer of at most 2000 bytes"));
        assert!(text.as_ref().is_some_and(|text| text.starts_with("111")));
    }
    assert_eq!(said[2..], [given("2"), (None, None)]);
    let just = format!("2{}\n1\n", " ".repeat(1999));
    assert_eq!(answers(2, just.as_bytes()), [given("2"), given("1")]);
}

/// One that can never be read.
struct Broken;

impl io::Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("broken"))
    }
}

#[test]
fn a_lesson_goes_on_without_the_answers_that_cannot_be_read() {
    let mut out = Vec::new();
    let mut input = io::BufReader::new(Broken);
    let ended =
        run(&questions(2), "Linux", Ok((Zero, Report::default())), false, &mut input, &mut out);
    assert_eq!(ended.expect("it is written"), Ended::Well);
    let text = String::from_utf8(out).expect("UTF-8");
    assert_eq!(text.matches("it cannot be read: broken").count(), 2, "{text}");
}
