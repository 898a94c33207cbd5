//! From the text of a case file to a [`Case`], or to all that is wrong in it.
//!
//! A pure function: it touches no file and no descriptor. First each table is read key by key
//! ([`table`], [`value`]), then what a step names is held against what exists at that step
//! ([`scope`]), so that a case which is accepted can be run.

mod action;
mod actor;
mod ask;
mod error;
mod expect;
mod fd;
mod near;
mod reader;
mod scope;
mod step;
mod table;
mod value;

#[cfg(test)]
mod tests;

use toml::de::DeTable;

pub use error::{Errors, Problem};

use super::case::{Case, Level, Need, Step};
use reader::Reader;
use scope::Scope;
use table::Table;

/// The longest file that is read.
pub const MAX_BYTES: usize = 1_000_000;
/// The longest narration, question, answer or paragraph, in characters.
pub const MAX_TEXT: usize = 2000;
/// The longest title, topic, tag or source, in characters.
const MAX_LINE: usize = 200;
/// The longest name of a file, an actor, a thread.
const MAX_NAME: usize = 64;
/// The largest number of steps.
pub const MAX_STEPS: usize = 500;
/// The largest number of tags, and of sources.
const MAX_WORDS: usize = 16;
/// The only version of the format.
const FORMAT: i64 = 1;

/// Reads the case in `content`, which is that of the file called `name`.
///
/// # Errors
///
/// Everything that is wrong in it, each with its place.
pub fn parse(name: &str, content: impl AsRef<[u8]>) -> Result<Case, Errors> {
    let content = content.as_ref();
    if content.len() > MAX_BYTES {
        return Err(Errors::whole(name, "the file is longer than 1 MB, which is the most"));
    }
    let text = match std::str::from_utf8(content) {
        Ok(text) => text,
        Err(error) => return Err(Errors::not_utf8(name, content, error.valid_up_to())),
    };
    let (root, syntax) = DeTable::parse_recoverable(text);
    let mut reader = Reader::new(text);
    // After the first error of syntax the rest is guessed.
    if let Some(first) = syntax.iter().min_by_key(|error| error.span().map_or(0, |span| span.start))
    {
        reader.wrong(first.span().unwrap_or_default(), first.message().replace('\n', ", "));
        return Err(reader.into_errors(name));
    }
    let case = file(&mut reader, Table::of_file(root.get_ref()));
    match case {
        Some(case) if reader.is_clean() => Ok(case),
        _ => Err(reader.into_errors(name)),
    }
}

fn file<'t>(r: &mut Reader<'_>, mut table: Table<'t>) -> Option<Case> {
    let version = table.need(r, "format");
    if let Some(version) = version
        && version.number(r, 0, i64::MAX)? != FORMAT
    {
        r.wrong(version.span(), "`format`: this program reads format 1 only");
        return None;
    }
    let id = table.need(r, "id").and_then(|value| value.name(r, MAX_NAME));
    let title = table.need(r, "title").and_then(|value| value.line(r, MAX_LINE));
    let about = table.need(r, "about").and_then(|value| value.text(r, MAX_TEXT));
    let level = table.need(r, "level").and_then(|value| value.word(r, &Level::ALL));
    let tags = lines(r, &mut table, "tags");
    let sources = lines(r, &mut table, "sources");
    let needs = table.get("needs").map_or(Some(Vec::new()), |value| {
        value.each(r, MAX_WORDS, |r, word| word.word(r, &Need::ALL))
    });
    let topic = table.get("topic").map(|value| value.line(r, MAX_LINE));
    let minutes = table.get("minutes").map(|value| value.number(r, 1, 15));
    let mut scope = Scope::new(needs.clone().unwrap_or_default());
    let actors = actor::all(r, &mut scope, table.get("actors"));
    let steps = steps(r, &mut scope, &mut table);
    for (key, given) in [("topic", topic.is_some()), ("minutes", minutes.is_some())] {
        if let Some(ask) = scope.first_ask().filter(|_| !given) {
            r.wrong(ask, format!("a file with a question is a lesson and needs the key `{key}`"));
        }
    }
    table.finish(r);
    Some(Case {
        id: id?,
        title: title?,
        about: about?,
        level: level?,
        tags: tags?,
        sources: sources?,
        needs: needs?,
        topic: topic.unwrap_or_default(),
        minutes: minutes.unwrap_or_default(),
        actors: actors?,
        steps: steps?,
    })
}

fn lines<'t>(r: &mut Reader<'_>, table: &mut Table<'t>, key: &'static str) -> Option<Vec<String>> {
    table.get(key).map_or(Some(Vec::new()), |value| {
        value.each(r, MAX_WORDS, |r, line| line.line(r, MAX_LINE))
    })
}

fn steps<'t>(r: &mut Reader<'_>, scope: &mut Scope, table: &mut Table<'t>) -> Option<Vec<Step>> {
    let value = table.need(r, "steps")?;
    let list = value.list(r)?;
    if list.is_empty() || list.len() > MAX_STEPS {
        let found = list.len();
        r.wrong(value.span(), format!("`steps`: found {found} steps, expected 1 to {MAX_STEPS}"));
        return None;
    }
    let steps: Vec<_> = list.into_iter().map(|value| step::read(r, scope, value)).collect();
    steps.into_iter().collect()
}
