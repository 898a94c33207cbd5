//! The rules of the house: who may import whom, and what each part may not name.

mod imports;
mod public;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Each room with the rooms it may import.
const TABLE: [(&str, &[&str]); 28] = [
    ("event", &[]),
    ("sim", &["event"]),
    ("model", &["event", "sim"]),
    ("text", &["event", "sim", "model"]),
    ("film", &["event", "model", "text"]),
    ("journal", &["event", "model"]),
    ("record", &["event", "model", "journal", "sys"]),
    ("share", &["event", "record", "film", "sys", "error"]),
    ("sys", &[]),
    ("error", &[]),
    ("kernel", &["event", "sys"]),
    ("lesson", &["event", "sim", "model", "text", "sink", "sys", "kernel", "error"]),
    ("engine", &["event", "sys", "kernel"]),
    ("sink", &["event", "model", "text", "record", "share", "sys"]),
    ("history", &["event", "model", "journal", "sink"]),
    ("export", &["event", "model", "text", "film", "journal", "record", "sink", "history"]),
    (
        "source",
        &["event", "model", "text", "kernel", "engine", "lesson", "history", "record", "sys"],
    ),
    ("session", &["event", "model", "journal", "record", "sink", "history", "source"]),
    ("compare", &["event", "engine", "text", "error", "sys"]),
    ("cli", &["event", "error", "journal", "lesson", "compare", "record", "share"]),
    ("headless", &["event", "sink", "source", "session", "error", "sys"]),
    (
        "tui",
        &[
            "event", "model", "text", "film", "journal", "record", "share", "sink", "history",
            "export", "lesson", "compare", "source", "session", "error", "sys",
        ],
    ),
    ("reference", &["event", "model", "text", "lesson", "cli", "error", "tui"]),
    ("teach", &["event", "cli", "error", "kernel", "lesson", "serve", "share", "sys", "tui"]),
    (
        "serve",
        &[
            "event", "cli", "error", "journal", "engine", "source", "session", "sys", "headless",
            "compare", "kernel", "share", "export", "tui",
        ],
    ),
    (
        "replay",
        &[
            "event", "cli", "error", "lesson", "record", "export", "serve", "session", "share",
            "sink", "source", "sys", "tui",
        ],
    ),
    ("watch", &["event", "cli", "error", "journal", "serve", "session", "share", "source", "tui"]),
    ("measure", &["event", "cli", "compare", "error", "kernel", "serve", "sys", "tui"]),
];

/// The engine's inner rooms with the parts of the engine that each may import. What they serve, call
/// and wait by comes before who does it.
const ENGINE: [(&str, &[&str]); 3] = [
    ("serve", &[]),
    ("door", &["gate", "lock", "peer", "shared", "table", "tally", "tap"]),
    ("backend", &["door", "lock", "shared", "table", "worker"]),
];

/// Words that a room may not name, because they would make it impure.
const IMPURE: [&str; 8] =
    ["std::time", "std::fs", "std::thread", "std::io", "nix::", "ratatui", "crossterm", "tokio"];

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

fn room(path: &Path, src: &Path) -> String {
    let inside = path.strip_prefix(src).unwrap();
    let first = inside.components().next().unwrap().as_os_str().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

/// The product's code of a file: without its tests, which stand last, and comments.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let mut tests = text.match_indices("#[cfg(test)]\nmod ");
    // A file of tests is named where the other files are.
    let inline = tests.find(|(at, _)| text[*at..].lines().nth(1).is_some_and(|l| l.ends_with('{')));
    let code = &text[..inline.map_or(text.len(), |(at, _)| at)];
    code.lines().filter(|l| !l.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn every_file(mut check: impl FnMut(&str, &str, &str)) {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    sources(&src, &mut found);
    assert!(found.len() > 20, "the sources were not found");
    for path in found {
        let room = room(&path, &src);
        check(&room, &path.display().to_string(), &code(&path));
    }
}

#[test]
fn rooms_import_only_what_lies_below_them() {
    every_file(|room, path, code| {
        if room == "main" || room == "lib" {
            return;
        }
        let (_, below) = TABLE
            .iter()
            .find(|(name, _)| *name == room)
            .unwrap_or_else(|| panic!("{path}: the room `{room}` is not in the table"));
        for (at, _) in code.match_indices("crate::") {
            let rest = &code[at + "crate::".len()..];
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            let target = &rest[..end];
            assert!(
                target == room || below.contains(&target),
                "{path}: `{room}` may not import `{target}`"
            );
        }
    });
}

#[test]
fn inner_rooms_of_the_engine_import_only_what_lies_below_them() {
    every_file(|_, path, code| {
        let Some((_, inside)) = path.split_once("/src/engine/") else { return };
        let here = inside.split(['/', '.']).next().unwrap_or_default();
        let Some((_, below)) = ENGINE.iter().find(|(name, _)| *name == here) else { return };
        let up = if inside.contains('/') { "super::super" } else { "super::" };
        assert!(!code.contains(up), "{path}: what is above goes by `crate::engine`");
        for (at, _) in code.match_indices("crate::engine::") {
            let rest = &code[at + "crate::engine::".len()..];
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            let target = &rest[..end];
            assert!(
                target == here || below.contains(&target),
                "{path}: the engine's `{here}` may not import its `{target}`"
            );
        }
    });
}

#[test]
fn pure_rooms_name_nothing_impure() {
    every_file(|room, path, code| {
        if ["event", "sim", "model", "text", "journal"].contains(&room) {
            for word in IMPURE {
                assert!(!code.contains(word), "{path} names `{word}`");
            }
        }
    });
}

#[test]
fn only_the_tui_names_the_terminal_libraries() {
    every_file(|room, path, code| {
        for word in ["ratatui", "crossterm"] {
            assert!(room == "tui" || !code.contains(word), "{path} names `{word}`");
        }
    });
}

#[test]
fn only_sys_is_unsafe() {
    every_file(|room, path, code| {
        assert!(room == "sys" || !code.contains("unsafe "), "{path} is unsafe");
    });
}

/// The drawing on the front page has a row for each room: `shows │ tui │ session  lesson ...`.
#[test]
fn the_front_page_has_the_table_of_rooms() {
    // Whatever imports them is not drawn.
    let plain = ["event", "sys", "error"];
    let rows = include_str!("../../src/lib.rs").lines().map(|line| line.split('│'));
    let rows = rows.map(|row| row.map(str::trim).collect::<Vec<_>>()).filter(|row| row.len() == 3);
    // Another drawing has a frame.
    let named = |name: &str| !name.is_empty() && name.chars().all(char::is_alphabetic);
    let rows = rows.filter(|row| named(row[1]));
    let mut drawn: Vec<_> = rows
        .map(|row| {
            let imports = row[2].split('(').next().unwrap_or_default();
            let mut imports: Vec<_> = imports.split_whitespace().collect();
            imports.sort_unstable();
            (row[1], imports)
        })
        .collect();
    let listed = TABLE.iter().filter(|(room, _)| !["sys", "error"].contains(room));
    let mut listed: Vec<_> = listed
        .map(|(room, below)| {
            let below = below.iter().copied().filter(|name| !plain.contains(name));
            let mut below: Vec<_> = below.collect();
            below.sort_unstable();
            (*room, below)
        })
        .collect();
    drawn.sort_unstable();
    listed.sort_unstable();
    assert_eq!(drawn, listed);
}

/// Files of one room that take names from each other, and why they do.
const CIRCLES: [(&[&str], &str); 1] = [(
    &[
        "engine/backend",
        "engine/backend/batch",
        "engine/backend/goroutine",
        "engine/backend/poll",
        "engine/backend/scan",
        "engine/backend/select",
        "engine/backend/threads",
        "engine/backend/uring",
        "engine/worker",
        "engine/worker/accept",
        "engine/worker/conn",
        "engine/worker/step",
    ],
    "a thread's work calls its loop, and the loop calls it back: a held thread carries out commands",
)];

#[test]
fn files_of_a_room_do_not_import_each_other_in_circles() {
    let found = imports::Imports::read().circles();
    let known: Vec<Vec<String>> =
        CIRCLES.iter().map(|(files, _)| files.iter().map(ToString::to_string).collect()).collect();
    assert_eq!(found, known);
}

/// Names that several public types have, and why that is right.
const SHARED_NAMES: [(&str, &str); 0] = [];

/// The names of types that are visible outside of their file, with the files.
fn public_types() -> BTreeMap<String, Vec<String>> {
    let mut types = BTreeMap::<String, Vec<String>>::new();
    every_file(|_, path, code| {
        for line in code.lines().map(str::trim_start) {
            let mut words = line.split(|c: char| !(c.is_alphanumeric() || c == '_'));
            let is_type = |word: &str| ["enum", "struct", "trait", "type"].contains(&word);
            if line.starts_with("pub ") && words.nth(1).is_some_and(is_type) {
                let name = words.next().unwrap_or_default().to_owned();
                types.entry(name).or_default().push(path.to_owned());
            }
        }
    });
    types
}

#[test]
fn no_two_public_types_share_a_name() {
    let types = public_types();
    assert!(types.len() > 200, "the types were not found");
    let shared = types.iter().filter(|(_, files)| files.len() > 1);
    let known = |name: &str| SHARED_NAMES.iter().any(|(known, _)| *known == name);
    let strange: Vec<_> = shared.filter(|(name, _)| !known(name)).collect();
    assert!(strange.is_empty(), "{strange:#?}");
    assert!(SHARED_NAMES.len() * 100 < types.len() * 8);
}

#[test]
fn what_is_public_is_used_outside_of_its_room() {
    let unused = public::unused();
    assert!(unused.is_empty(), "`pub(crate)` would do for {unused:#?}");
}
