//! What teachers are told about the format holds.

use super::super::parse;
use crate::lesson::case::{Action, ActorKind, Counter, Level, Look, Need, SockOpt};

const README: &str = include_str!("../../../../assets/lessons/README.md");

/// The examples: what stands between the fences.
fn examples() -> Vec<&'static str> {
    let fenced = README.split("```toml\n").skip(1);
    fenced.map(|rest| rest.split("```").next().unwrap_or_default()).collect()
}

#[test]
fn every_example_is_right() {
    let examples = examples();
    assert!(examples.len() > 8, "the examples were not found");
    let actors = examples.iter().find(|text| text.starts_with("[actors]"));
    let actors = actors.expect("the examples share their actors");
    for example in &examples {
        let head = "format = 1\nid = \"x\"\ntitle = \"T\"\nabout = \"A\"\nlevel = \"core\"\n\
                    topic = \"X\"\nminutes = 1\n";
        let text = if example.starts_with("format") {
            (*example).to_owned()
        } else if example == actors {
            format!("{head}{example}[[steps]]\ndo = \"note\"\n")
        } else {
            format!("{head}{actors}{example}")
        };
        if let Err(errors) = parse("README.md", &text) {
            panic!("{errors}");
        }
    }
}

#[test]
fn every_word_of_the_format_is_explained() {
    let mut words: Vec<String> = Vec::new();
    words.extend(Action::WORDS.map(str::to_owned));
    words.extend(ActorKind::ALL.map(|(_, word)| word.to_owned()));
    words.extend(Level::ALL.map(|(_, word)| word.to_owned()));
    words.extend(SockOpt::ALL.map(|(_, word)| word.to_owned()));
    words.extend(Counter::PLAIN.map(|(_, word)| word.to_owned()));
    for word in words {
        assert!(README.contains(&format!("`{word}`")), "`{word}` is not explained");
    }
    for (_, word) in Look::PANES {
        assert!(README.contains(&format!("`\"{word}\"`")), "{word} is not explained");
    }
    assert!(Need::ALL.iter().all(|(_, word)| README.contains(word)));
    for key in
        ["ret", "events", "cqes", "woke.A", "woke_maybe.A", "asleep", "rdl.e", "ovf.e", "same"]
    {
        assert!(README.contains(&format!("| `{key}` |")), "`{key}` is not explained");
    }
}
