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

/// The keys that a table may have, as the parser says when there is one that it may not.
fn keys_of(text: &str) -> Vec<String> {
    let Err(errors) = parse("x.toml", text) else { panic!("`nonsense` is no key of\n{text}") };
    let messages = errors.problems.iter().map(|problem| problem.message.as_str());
    let unknown = messages.filter_map(|message| {
        let (_, expected) =
            message.split_once("unknown key `nonsense`")?.1.split_once("expected ")?;
        Some(expected.split(';').next()?.trim_start_matches("one of ").to_owned())
    });
    let keys: Vec<_> = unknown
        .flat_map(|list| list.split(", ").map(|key| key.replace('`', "")).collect::<Vec<_>>())
        .collect();
    assert!(!keys.is_empty(), "{errors}");
    keys
}

#[test]
fn every_key_of_the_format_is_explained() {
    let mut keys: Vec<String> = keys_of("nonsense = 1\n");
    for word in Action::WORDS {
        // Of what is made depends what can be said of it.
        let made = if word == "new" { "name = \"x\"\nkind = \"pipe\"\n" } else { "" };
        keys.extend(keys_of(&format!("[[steps]]\ndo = \"{word}\"\n{made}nonsense = 1\n")));
    }
    for (_, word) in ActorKind::ALL {
        keys.extend(keys_of(&format!("[actors]\na = {{ kind = \"{word}\", nonsense = 1 }}\n")));
    }
    for table in ["expect", "ask"] {
        keys.extend(keys_of(&format!(
            "[[steps]]\ndo = \"note\"\n[steps.{table}]\ntake = \"ret\"\nnonsense = 1\n"
        )));
    }
    keys.sort();
    keys.dedup();
    assert!(keys.len() > 60, "{keys:?}");
    // As code of its own, or at the head of a table.
    let told = |key: &String| {
        let ends = ["`", "]", ".", " ="];
        let begins = ["`", "[steps.", "[", "[["];
        begins.iter().any(|b| ends.iter().any(|e| README.contains(&format!("{b}{key}{e}"))))
    };
    let untold: Vec<_> = keys.iter().filter(|key| !told(key)).collect();
    assert!(untold.is_empty(), "{untold:?} are not explained");
}
