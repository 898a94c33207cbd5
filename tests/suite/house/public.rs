//! Which public items are used by whom: read from the text of the product and its tests, by names.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// A public item of a room.
struct Item {
    room: String,
    path: String,
    name: String,
    /// A function or a constant: it can be hidden without any other item noticing.
    is_value: bool,
    /// What is visible of it: parameters and result, public fields, variants, a trait's methods.
    signature: String,
}

/// The public items of a file.
fn items(room: &str, path: &str, code: &str) -> Vec<Item> {
    let lines: Vec<_> = code.lines().collect();
    let item = |(at, line): (usize, &&str)| {
        let mut words = words(line.trim_start().strip_prefix("pub ")?);
        let kind = words.find(|word| !["async", "unsafe"].contains(word))?;
        let (kind, name) = match (kind, words.next()?) {
            ("const", "fn") => ("fn", words.next()?),
            other => other,
        };
        let kinds = ["fn", "const", "static", "struct", "enum", "trait", "type"];
        kinds.contains(&kind).then(|| Item {
            room: room.to_owned(),
            path: path.to_owned(),
            name: name.to_owned(),
            is_value: ["fn", "const", "static"].contains(&kind),
            signature: signature(kind, &lines[at..]),
        })
    };
    lines.iter().enumerate().filter_map(item).collect()
}

/// What others see of the item that begins with these lines.
fn signature(kind: &str, lines: &[&str]) -> String {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let begin = indent(lines[0]);
    let ends = |line: &&&str| indent(line) == begin && line.ends_with(['}', ';']);
    let head_ends = |line: &&&str| line.ends_with(['{', ';', '}']) && indent(line) == begin;
    let all = 1 + lines.iter().position(|line| ends(&line)).unwrap_or_default();
    let head = 1 + lines.iter().position(|line| head_ends(&line)).unwrap_or_default();
    match kind {
        "struct" => {
            let fields = lines[1..all.max(1)].iter().filter(|line| line.contains("pub "));
            fields.fold(lines[0].to_owned(), |text, line| text + line)
        }
        "enum" | "trait" => lines[..all].concat(),
        _ => lines[..head].concat(),
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty())
}

/// Which rooms say which word; what tests and the documentation's front page say is of rooms of
/// their own.
fn users() -> BTreeMap<String, BTreeSet<String>> {
    let mut users = BTreeMap::<String, BTreeSet<String>>::new();
    let mut read = |room: &str, text: &str| {
        for word in words(text) {
            users.entry(word.to_owned()).or_default().insert(room.to_owned());
        }
    };
    super::every_file(|room, _, code| read(room, code));
    let mut tests = Vec::new();
    super::sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests"), &mut tests);
    for path in tests {
        read("tests", &fs::read_to_string(path).unwrap());
    }
    users
}

/// The public items that nothing outside of their room names, and that no public item which is
/// used there shows.
pub(super) fn unused() -> Vec<String> {
    let users = users();
    let mut open = Vec::new();
    super::every_file(|room, path, code| {
        if room != "main" && room != "lib" {
            open.extend(items(room, path, code));
        }
    });
    assert!(open.len() > 700, "the public items were not found");
    let outside = |item: &Item| users[&item.name].iter().any(|user| *user != item.room);
    let (mut used, mut open): (Vec<_>, Vec<_>) = open.into_iter().partition(outside);
    // What is shown by something that is used can be reached, and shows what it is made of.
    while !used.is_empty() {
        let shown: BTreeSet<_> = used.iter().flat_map(|item| words(&item.signature)).collect();
        let reached = |item: &Item| !item.is_value && shown.contains(item.name.as_str());
        let next = open.iter().map(reached).collect::<Vec<_>>();
        let mut next = next.into_iter();
        (used, open) = open.into_iter().partition(|_| next.next() == Some(true));
    }
    open.into_iter().map(|item| format!("{}: {}", item.path, item.name)).collect()
}
