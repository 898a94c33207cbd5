//! The grammar of commands: parsing and printing are inverse, and no text is too much for it.

use epollscope::event::{Command, GRAMMAR};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::any;

/// Text that is a command, nearly one, or none.
fn text() -> impl Strategy<Value = String> {
    let words: Vec<_> = GRAMMAR.iter().map(|(word, ..)| (*word).to_owned()).collect();
    let arguments = vec![
        "fd=7",
        "fd=-1",
        "fd=",
        "client=1",
        "client=0",
        "client=",
        "all",
        "edge",
        "level",
        "on",
        "off",
        "T1",
        "t8",
        "T9",
        "T01",
        "once",
        "drain",
        "4",
        "+4",
        "0",
        "65536",
        "1s",
        "0s",
        "9ns",
        "1440m",
        "1441m",
        "12.031",
        ".5",
        "5.",
        "1e3",
        "-1",
        "1",
        "mask-zero",
        "calls",
        "é",
        "\u{3000}",
        "\t",
        "\u{85}",
        "=",
        ":",
        "99999999999999999999",
    ];
    let piece = prop_oneof![
        3 => select(words),
        6 => select(arguments).prop_map(str::to_owned),
        1 => any::<String>(),
        1 => "[0-9.a-z=-]{0,24}",
    ];
    let joined = |by: &'static str| vec(piece.clone(), 0..5).prop_map(move |p| p.join(by));
    prop_oneof![4 => joined(" "), 1 => joined("  "), 1 => joined(":"), 1 => any::<String>()]
}

proptest! {
    #[test]
    fn any_command_parses_from_what_it_prints(command in any::command()) {
        let text = command.to_string();
        prop_assert_eq!(Command::parse(&text), Ok(command), "{:?}", text);
    }

    #[test]
    fn any_text_that_is_a_command_prints_as_text_that_is_the_same(text in text()) {
        for parsed in [Command::parse(&text), Command::parse_joined(&text)] {
            match parsed {
                Ok(command) => {
                    let printed = command.to_string();
                    prop_assert_eq!(Command::parse(&printed), Ok(command), "{:?}", printed);
                }
                Err(error) => {
                    let message = error.to_string();
                    prop_assert!(message.contains("expected "), "{message:?}");
                    prop_assert!(!message.chars().any(char::is_control), "{message:?}");
                    prop_assert!(message.len() < 1000, "{message:?}");
                }
            }
        }
    }
}
