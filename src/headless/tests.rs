//! What standard input may hold: anything.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

/// An input that comes in pieces; an empty one is an interrupted read.
struct Pieces(VecDeque<Vec<u8>>);

impl io::Read for Pieces {
    fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl BufRead for Pieces {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.0.front().is_some_and(Vec::is_empty) {
            self.0.pop_front();
            return Err(io::ErrorKind::Interrupted.into());
        }
        Ok(self.0.front().map_or(&[], Vec::as_slice))
    }

    fn consume(&mut self, amount: usize) {
        if let Some(front) = self.0.front_mut() {
            front.drain(..amount);
            if front.is_empty() {
                self.0.pop_front();
            }
        }
    }
}

fn lines_of(pieces: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut input = Pieces(pieces.iter().cloned().collect());
    std::iter::from_fn(|| read_line(&mut input).expect("no error but an interruption")).collect()
}

/// The lines by their definition.
fn lines_expected(input: &[u8]) -> Vec<Vec<u8>> {
    let mut lines: Vec<_> = input.split(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
    lines.pop_if(|last| last.is_empty());
    for line in &mut lines {
        line.truncate(LONGEST);
    }
    lines
}

#[track_caller]
fn check_refused(line: &[u8], expected: &str) {
    assert_eq!(understand(line).expect_err("no command").expected, expected);
}

#[test]
fn a_line_that_was_cut_is_refused_wherever_the_cut_fell() {
    let command_after_blanks = [&[b' '; LONGEST + 9][..], b"pause\n"].concat();
    let within_a_character = [b"a", "é".repeat(LONGEST).as_bytes()].concat();
    for input in [command_after_blanks, within_a_character] {
        let lines = lines_of(&[input]);
        assert_eq!(lines.len(), 1);
        check_refused(&lines[0], "a shorter line");
    }
}

#[test]
fn a_line_says_why_it_is_no_command() {
    check_refused(b"pause\xff", "a line of UTF-8");
    check_refused(b"help", "a command for the server: there is no screen");
    assert_eq!(understand(b" \t\r"), Ok(None));
    assert_eq!(understand(b" pause\r"), Ok(Some(Command::Pause)));
}

fn piece() -> impl Strategy<Value = Vec<u8>> {
    let words = vec![
        "pause",
        "quit\n",
        "send fd=7 ",
        "\n",
        "\r\n",
        " ",
        "trigger all edge\n",
        "é",
        "step T1\n",
        "filter x\n",
        "\u{202e}",
        "\x1b[2J",
    ];
    prop_oneof![
        4 => prop::sample::select(words).prop_map(|text| text.as_bytes().to_vec()),
        4 => proptest::collection::vec(any::<u8>(), 0..40),
        1 => (any::<u8>(), 0..3 * LONGEST).prop_map(|(byte, count)| vec![byte; count]),
        1 => (1..3 * LONGEST).prop_map(|count| "日".repeat(count).into_bytes()),
    ]
}

proptest! {
    #[test]
    fn any_input_is_cut_into_its_lines_and_no_line_is_kept_beyond_its_bound(
        pieces in proptest::collection::vec(piece(), 0..12),
    ) {
        let lines = lines_of(&pieces);
        prop_assert!(lines.iter().all(|line| line.capacity() <= 2 * LONGEST));
        prop_assert_eq!(lines, lines_expected(&pieces.concat()));
    }

    #[test]
    fn any_line_is_blank_a_command_or_answered_by_a_plain_line_of_json(
        pieces in proptest::collection::vec(piece(), 0..12),
    ) {
        for line in lines_of(&pieces) {
            match understand(&line) {
                Ok(None) => prop_assert!(
                    line.len() < LONGEST && String::from_utf8_lossy(&line).trim().is_empty()
                ),
                Ok(Some(command)) => {
                    prop_assert!(command.is_for_server());
                    prop_assert_eq!(Command::parse(&command.to_string()), Ok(command));
                }
                Err(error) => {
                    let message = error.to_string();
                    let answer = JsonLine::Error { message: &message, input: &visible(&line, 200) };
                    let text = serde_json::to_string(&answer).expect("a line");
                    prop_assert!(!text.chars().any(char::is_control), "{text:?}");
                    prop_assert!(text.len() < 8192, "{} bytes", text.len());
                    let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
                    prop_assert_eq!(&value["kind"], "error");
                    prop_assert!(value["message"].is_string() && value["input"].is_string());
                }
            }
        }
    }
}
