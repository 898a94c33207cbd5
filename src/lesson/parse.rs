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
mod usage;
mod value;

#[cfg(test)]
mod tests;

use toml::de::DeTable;

pub use error::{Errors, Problem};

use super::case::{Case, Level, Need, Step};
use reader::{Read, Reader};
use scope::Scope;
use table::Table;
use value::Value;

/// The longest file that is read.
pub const MAX_BYTES: usize = 1_000_000;
/// The longest narration, question, answer or paragraph, in characters.
pub(super) const MAX_TEXT: usize = 2000;
/// The longest title, topic, tag or source, in characters.
const MAX_LINE: usize = 200;
/// The longest name of a file, an actor, a thread.
const MAX_NAME: usize = 64;
/// The largest number of steps.
pub(super) const MAX_STEPS: usize = 500;
/// The largest number of tags, and of sources.
const MAX_WORDS: usize = 16;
/// The only version of the format.
const FORMAT: i128 = 1;

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
        let message = first.message().replace('\n', ", ");
        let Some(span) = first.span() else { return Err(Errors::whole(name, &message)) };
        reader.wrong(span, message);
        return Err(reader.into_errors(name));
    }
    let case = file(&mut reader, Table::of_file(root.get_ref()));
    match case {
        Ok(case) if reader.is_clean() => Ok(case),
        _ => Err(reader.into_errors(name)),
    }
}

fn file(r: &mut Reader<'_>, mut table: Table<'_>) -> Read<Case> {
    let version = table.take(r, "format", |r, version| {
        if version.is(FORMAT) {
            return Ok(());
        }
        Err(version.not(r, "1, the only format that this program reads"))
    });
    if table.has("format") {
        // The keys of another format may mean something else.
        version?;
    }
    let id = table.take(r, "id", |r, value| value.name(r, MAX_NAME));
    let title = table.take(r, "title", |r, value| value.line(r, MAX_LINE));
    let about = table.take(r, "about", |r, value| value.text(r, MAX_TEXT));
    let level = table.take(r, "level", |r, value| value.word(r, &Level::ALL));
    let topic = table.option(r, "topic", |r, value| value.line(r, MAX_LINE));
    let minutes = table.option(r, "minutes", |r, value| value.number(r, 1, 15));
    let tags = table.option(r, "tags", lines);
    let sources = table.option(r, "sources", lines);
    let needs = table.option(r, "needs", |r, value| {
        value.each(r, MAX_WORDS, |r, word| word.word(r, &Need::ALL))
    });
    let mut scope = Scope::new(needs.clone().ok().flatten().unwrap_or_default());
    let actors = table.option(r, "actors", |r, value| actor::all(r, &mut scope, value));
    let steps = table.take(r, "steps", |r, value| steps(r, &mut scope, value));
    for key in ["topic", "minutes"] {
        if let Some(ask) = scope.first_ask().filter(|_| !table.has(key)) {
            r.wrong(ask, format!("a file with a question is a lesson and needs the key `{key}`"));
        }
    }
    table.finish(r);
    Ok(Case {
        id: id?,
        title: title?,
        about: about?,
        level: level?,
        tags: tags?.unwrap_or_default(),
        sources: sources?.unwrap_or_default(),
        needs: needs?.unwrap_or_default(),
        topic: topic?,
        minutes: minutes?,
        actors: actors?.unwrap_or_default(),
        steps: steps?,
    })
}

fn lines(r: &mut Reader<'_>, value: &Value<'_>) -> Read<Vec<String>> {
    value.each(r, MAX_WORDS, |r, line| line.line(r, MAX_LINE))
}

fn steps(r: &mut Reader<'_>, scope: &mut Scope, value: &Value<'_>) -> Read<Vec<Step>> {
    let list = value.list(r)?;
    if list.is_empty() || list.len() > MAX_STEPS {
        let message = format!("found {}, expected 1 to {MAX_STEPS}", list.len());
        return Err(value.wrong(r, message));
    }
    let steps: Vec<_> = list.iter().map(|item| step::read(r, scope, item)).collect();
    steps.into_iter().collect()
}
