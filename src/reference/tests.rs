//! The pages are as the program makes them, and what they say can be reached.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Once;

use super::*;

/// Where the pages are as people read them.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/reference")
}

/// Writes the pages anew, if that was asked for; no test looks at them before.
fn fresh() {
    static WRITTEN: Once = Once::new();
    WRITTEN.call_once(|| {
        if std::env::var_os("REFERENCE").is_some_and(|value| value == "update") {
            for (name, template) in PAGES {
                let path = folder().join(name).with_extension("md");
                fs::write(path, filled(template)).expect("the page can be written");
            }
        }
    });
}

#[test]
fn every_page_is_as_the_program_makes_it() {
    fresh();
    for (name, template) in PAGES {
        let path = folder().join(name).with_extension("md");
        let made = filled(template);
        assert!(!made.contains("{{"), "{name}.md names a table that is not there");
        let is = fs::read_to_string(&path).unwrap_or_default();
        let first = made.lines().zip(is.lines().chain(std::iter::repeat(""))).find(|(a, b)| a != b);
        assert!(
            is == made,
            "{name}.md is not as the program makes it; first other line: {first:?}\n\
             `REFERENCE=update cargo test --lib reference` writes the pages anew"
        );
    }
}

#[test]
fn there_are_no_other_pages() {
    fresh();
    let files = fs::read_dir(folder()).expect("the folder is there");
    let names = files.map(|file| file.expect("a file").file_name().to_string_lossy().into_owned());
    let pages = PAGES.iter().map(|(name, _)| format!("{name}.md"));
    assert_eq!(names.collect::<BTreeSet<_>>(), pages.collect::<BTreeSet<_>>());
}

#[test]
fn the_manual_page_has_every_option_key_and_command() {
    let manual = manual().replace("\\-", "-");
    assert!(manual.starts_with(".ie") || manual.starts_with(".TH"), "{manual}");
    for name in ["--listen", "--strace-text", "--random", "--mirror", "--print"] {
        assert!(manual.contains(name), "{name}");
    }
    for (word, ..) in crate::event::GRAMMAR {
        assert!(manual.contains(&format!(".TP\n\\fB{word}")), "{word}");
    }
    for section in ["OPTIONS", "KEYS", "COMMANDS", "LINES OF JSON", "MISTAKES AND FINDINGS"] {
        assert!(manual.contains(&format!(".SH \"{section}\"")), "{section}");
    }
}

/// The words by which a heading of a page is reached.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// The targets of the links in a text.
fn targets(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split(')').next())
}

#[test]
fn every_link_has_its_page_and_its_heading() {
    fresh();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = vec![root.join("README.md"), root.join("assets/lessons/README.md")];
    files.extend(PAGES.iter().map(|(name, _)| folder().join(name).with_extension("md")));
    let mut links = 0;
    for file in files {
        let text = fs::read_to_string(&file).expect("the file is there");
        for target in targets(&text).filter(|target| !target.contains("://")) {
            let (path, heading) = target.split_once('#').unwrap_or((target, ""));
            let there = match path {
                "" => file.clone(),
                path => file.parent().expect("a folder").join(path),
            };
            let page = fs::read_to_string(&there)
                .unwrap_or_else(|error| panic!("{}: {target}: {error}", file.display()));
            let mut headings = page.lines().filter(|line| line.starts_with('#'));
            let found = headings.any(|line| anchor(line.trim_start_matches('#').trim()) == heading);
            assert!(heading.is_empty() || found, "{}: {target}", file.display());
            links += 1;
        }
    }
    assert!(links > 15, "the links were not found");
}

#[test]
fn the_readme_names_every_page_and_is_short() {
    let readme = include_str!("../../README.md");
    assert!(readme.lines().count() < 250, "what people look up belongs into the reference");
    for (name, _) in PAGES {
        assert!(readme.contains(&format!("(assets/reference/{name}.md)")), "{name}");
    }
}
