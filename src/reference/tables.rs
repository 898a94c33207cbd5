//! The tables of the reference, each made from the one that the program works by.

use std::fmt::Write as _;

use clap::{Arg, Command};

use crate::cli;
use crate::error::STATUSES;
use crate::event::{GRAMMAR, Mistake};
use crate::lesson::line;
use crate::model::FindingKind;
use crate::text::about_finding;
use crate::tui::keymap::{Binding, Group, for_command, keys, rows};

/// The table that a page calls `name`.
pub(super) fn named(name: &str) -> Option<String> {
    Some(match name {
        "options.serve" => options(&cli::command()),
        "options.lesson" => options_of("lesson"),
        "options.compare" => options_of("compare"),
        "options.check" => options_of("check"),
        "options.replay" => options_of("replay"),
        "options.export" => options_of("export"),
        "options.watch" => options_of("watch"),
        "statuses" => table(&["status", "when"], STATUSES.map(|(n, when)| [code(n), when.into()])),
        "keys.live" => groups(&Group::ALL),
        "keys.lesson" => groups(&[Group::Lesson, Group::LessonLook, Group::Retold, Group::Menu]),
        "keys.compare" => keys_of(&[Group::Compare]),
        "keys.replay" => keys_of(&[Group::Replay, Group::Recorded]),
        "keys.watch" => keys_of(&[Group::Watch, Group::Recorded]),
        "commands" => commands(),
        "lesson.lines" => lines(),
        "mistakes" => mistakes(),
        "findings" => findings(),
        _ => return None,
    })
}

/// A table of Markdown.
fn table<R, const N: usize>(head: &[&str; N], rows: R) -> String
where
    R: IntoIterator<Item = [String; N]>,
{
    let mut text = format!("| {} |\n|{}\n", head.join(" | "), " --- |".repeat(N));
    for row in rows {
        let cells = row.map(|cell| cell.replace('|', "\\|"));
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    text
}

fn code(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("`{text}`") }
}

/// Each of these words as code.
fn codes<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.map(code).collect::<Vec<_>>().join(" ")
}

/// Tables of keys, each under its heading.
fn groups(groups: &[Group]) -> String {
    let parts =
        groups.iter().map(|group| format!("### {}\n\n{}", group.title(), keys_of(&[*group])));
    parts.collect::<Vec<_>>().join("\n")
}

/// The keys of groups; a column of commands only where there are any.
fn keys_of(groups: &[Group]) -> String {
    let rows = || groups.iter().flat_map(|group| rows(*group));
    let names = |binding: &Binding| codes(keys(binding).split(' '));
    if rows().all(|binding| binding.palette.is_empty()) {
        let rows = rows().map(|binding| [names(binding), binding.help.to_owned()]);
        return table(&["key", "does"], rows);
    }
    let rows = rows().map(|binding| {
        [names(binding), binding.help.to_owned(), codes(binding.palette.split(", "))]
    });
    table(&["key", "does", "command"], rows)
}

fn commands() -> String {
    let rows = GRAMMAR.map(|(word, arguments, help)| {
        let named = for_command(word).map(keys).collect::<Vec<_>>().join(" ");
        let mut keys: Vec<&str> = Vec::new();
        for key in named.split(' ').filter(|key| !key.is_empty()) {
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        [code(format!("{word} {arguments}").trim_end()), help.to_owned(), codes(keys.into_iter())]
    });
    table(&["command", "does", "keys"], rows)
}

fn lines() -> String {
    let rows = line::GRAMMAR.map(|(word, arguments, help)| {
        [code(format!("{word} {arguments}").trim_end()), help.to_owned()]
    });
    table(&["line", "does"], rows)
}

/// The mistakes that bring a finding about; some findings need none.
fn causes(finding: FindingKind) -> &'static [Mistake] {
    match finding {
        FindingKind::EdgeStranded => &[Mistake::AcceptOnce],
        FindingKind::OutSpin => &[Mistake::OutAlways],
        FindingKind::EofSpin => &[Mistake::IgnoreEof],
        FindingKind::MaskZeroSpin => &[Mistake::MaskZero],
        FindingKind::EmfileSpin | FindingKind::EmfileStranded => &[Mistake::NoEmfileGuard],
        FindingKind::OneshotDisarmed | FindingKind::MultishotEnded => &[Mistake::NoRearm],
        FindingKind::Ghost => &[Mistake::CloseKeepsDup],
        FindingKind::StaleEvent => &[Mistake::TrustBatch],
        FindingKind::Starving => &[Mistake::NoReadBound],
        FindingKind::TimeoutZeroSpin => &[Mistake::TimeoutZero],
        FindingKind::CqOverflow => &[Mistake::SmallCq],
        FindingKind::NoBuffers => &[Mistake::NoBuffers],
        FindingKind::RingGhost => &[Mistake::NoCancel],
        FindingKind::GoroutineLeak => &[Mistake::LeakGoroutine],
        FindingKind::ThunderingHerd
        | FindingKind::SelectFdLimit
        | FindingKind::ScanCost
        | FindingKind::ThreadLimit => &[],
    }
}

fn mistakes() -> String {
    let rows = Mistake::ALL.map(|mistake| {
        let found = FindingKind::ALL.into_iter().filter(|kind| causes(*kind).contains(&mistake));
        let found = codes(found.map(FindingKind::word));
        [code(mistake.word()), mistake.about().to_owned(), found]
    });
    table(&["mistake", "what is then wrong", "findings"], rows)
}

fn findings() -> String {
    let rows = FindingKind::ALL.map(|kind| {
        let mistakes = codes(causes(kind).iter().map(|mistake| mistake.word()));
        [code(kind.word()), about_finding(kind).to_owned(), mistakes]
    });
    table(&["finding", "what it is", "mistake"], rows)
}

/// The options of the word `name`.
fn options_of(name: &str) -> String {
    let command = cli::command();
    command.find_subcommand(name).map(options).unwrap_or_default()
}

/// The options of a command, those under a heading of the help together.
fn options(command: &Command) -> String {
    let shown: Vec<_> = command.get_arguments().filter(|arg| !arg.is_hide_set()).collect();
    let mut headings: Vec<_> = shown.iter().map(|arg| arg.get_help_heading()).collect();
    headings.dedup();
    let part = |heading: Option<&str>| {
        let rows = shown.iter().filter(|arg| arg.get_help_heading() == heading);
        let rows = table(&["option", "does"], rows.map(|arg| [usage(arg), meaning(arg)]));
        heading.map_or_else(|| rows.clone(), |heading| format!("### {heading}\n\n{rows}"))
    };
    headings.into_iter().map(part).collect::<Vec<_>>().join("\n")
}

/// An option as it is written, with the name of its value.
fn usage(arg: &Arg) -> String {
    let takes_value = arg.get_action().takes_values();
    let names = arg.get_value_names().unwrap_or_default().iter().map(clap::builder::Str::as_str);
    let value = names.filter(|_| takes_value).collect::<Vec<_>>().join(" ");
    let long = arg.get_long().map(|long| format!("--{long}")).unwrap_or_default();
    code(format!("{long} {value}").trim())
}

/// What an option does, the words that it takes, and what holds without it.
fn meaning(arg: &Arg) -> String {
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let (does, default) = help.split_once(" [default: ").unwrap_or((&help, ""));
    let mut text = does.to_owned();
    if !arg.get_action().takes_values() {
        return text;
    }
    let words = arg.get_possible_values();
    if !words.is_empty() {
        text.push_str(": ");
        text.push_str(&codes(words.iter().map(clap::builder::PossibleValue::get_name)));
    }
    let otherwise = arg.get_default_values().first().map(|value| value.to_string_lossy());
    let default = otherwise.as_deref().unwrap_or(default.trim_end_matches(']'));
    if !default.is_empty() {
        // Writing to a string cannot fail.
        let _ = write!(text, " [default: {default}]");
    }
    text
}
