//! The configuration file: a TOML table whose keys are the long names of the options.
//!
//! Each entry is turned into the argument it stands for and parsed by the definition of that
//! option; so the file knows the same words, and the place of an error is known.

use std::fs::File;
use std::io::Read as _;
use std::ops::Range;
use std::path::Path;

use clap::error::{ContextKind, ContextValue};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::options::Options;
use super::{definitions, parse_one};
use crate::error::Error;
use crate::event::visible;

/// The longest file that is read.
const MAX_BYTES: u64 = 1 << 20;

/// Something wrong in the text, and where.
struct Wrong {
    span: Range<usize>,
    message: String,
}

/// Reads the options of the file at `path`.
pub(super) fn read(path: &Path) -> Result<Options, Error> {
    let name = visible(path.to_string_lossy().as_bytes(), 200);
    let content = content_of(path).map_err(|reason| {
        Error::Usage(format!("cannot read the configuration {name}: {reason}"))
    })?;
    parse(&name, &content)
}

fn content_of(path: &Path) -> Result<Vec<u8>, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut content = Vec::new();
    match file.take(MAX_BYTES + 1).read_to_end(&mut content) {
        Ok(count) if count as u64 > MAX_BYTES => Err("it is longer than 1 MiB".to_owned()),
        Ok(_) => Ok(content),
        Err(error) => Err(error.to_string()),
    }
}

/// The options in `content`, which is that of the file called `name`.
pub(super) fn parse(name: &str, content: impl AsRef<[u8]>) -> Result<Options, Error> {
    let content = content.as_ref();
    let text = std::str::from_utf8(content).map_err(|error| {
        let at = error.valid_up_to();
        Wrong { span: at..at, message: "expected UTF-8".to_owned() }
    });
    text.and_then(options).map_err(|wrong| {
        let (line, column) = place(content, wrong.span.start);
        Error::Usage(format!("{name}:{line}:{column}: {}", wrong.message))
    })
}

/// The line and the column, both from 1, of a place in `text`.
fn place(text: &[u8], at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.iter().rposition(|&b| b == b'\n').map_or(0, |newline| newline + 1);
    let line = before.split(|&b| b == b'\n').count();
    (line, String::from_utf8_lossy(&before[line_start..]).chars().count() + 1)
}

fn options(text: &str) -> Result<Options, Wrong> {
    let table = DeTable::parse(text).map_err(|error| Wrong {
        span: error.span().unwrap_or_default(),
        message: error.message().replace('\n', ", "),
    })?;
    // In the order of the file, so that the first error is the one that is told.
    let mut entries: Vec<_> = table.get_ref().iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries.into_iter().try_fold(Options::default(), |options, (key, value)| {
        let takes_value = kind_of(key.get_ref(), key.span())?;
        entry(options, key.get_ref(), takes_value, value)
    })
}

/// Whether the option called `key` takes a value; the others are on or off.
fn kind_of(key: &str, span: Range<usize>) -> Result<bool, Wrong> {
    let definitions = definitions();
    let known = || definitions.get_arguments().filter(|arg| arg.get_id() != "config");
    if let Some(arg) = known().find(|arg| arg.get_long() == Some(key)) {
        return Ok(arg.get_action().takes_values());
    }
    let mut names: Vec<_> = known().filter_map(clap::Arg::get_long).collect();
    names.sort_unstable();
    let key = visible(key.as_bytes(), 40);
    let message = format!("unknown key `{key}`: expected one of {}", names.join(", "));
    Err(Wrong { span, message })
}

/// Adds one entry to the options before it.
fn entry(
    options: Options,
    key: &str,
    takes_value: bool,
    value: &Spanned<DeValue<'_>>,
) -> Result<Options, Wrong> {
    let span = value.span();
    let wrong =
        |message: &str| Wrong { span: span.clone(), message: format!("`{key}`: {message}") };
    match (takes_value, value.get_ref()) {
        (false, DeValue::Boolean(false)) => Ok(options),
        (false, DeValue::Boolean(true)) => given(options, key, None, &span),
        (false, _) => Err(wrong("expected true or false")),
        (true, DeValue::String(text)) => given(options, key, Some(text), &span),
        (true, DeValue::Integer(number)) if number.radix() == 10 => {
            given(options, key, Some(number.as_str()), &span)
        }
        (true, DeValue::Array(items)) if is_repeatable(key) => {
            items.iter().try_fold(options, |options, item| match item.get_ref() {
                DeValue::Array(_) => {
                    Err(Wrong { span: item.span(), message: format!("`{key}`: expected a string") })
                }
                _ => entry(options, key, takes_value, item),
            })
        }
        (true, DeValue::Array(_)) => Err(wrong("expected one value")),
        (true, _) => Err(wrong("expected a string or a decimal number")),
    }
}

fn is_repeatable(key: &str) -> bool {
    let definitions = definitions();
    definitions
        .get_arguments()
        .find(|arg| arg.get_long() == Some(key))
        .is_some_and(|arg| matches!(arg.get_action(), clap::ArgAction::Append))
}

/// Adds what the argument `--key=value` gives.
fn given(
    options: Options,
    key: &str,
    value: Option<&str>,
    span: &Range<usize>,
) -> Result<Options, Wrong> {
    let argument = value.map_or_else(|| format!("--{key}"), |value| format!("--{key}={value}"));
    match parse_one(argument) {
        Ok(more) => Ok(more.with(options)),
        Err(error) => {
            let found = visible(value.unwrap_or_default().as_bytes(), 40);
            let message = format!("`{key}`: found `{found}`, {}", expected(&error));
            Err(Wrong { span: span.clone(), message })
        }
    }
}

/// What would have been right, from what clap knows of its error.
fn expected(error: &clap::Error) -> String {
    if let Some(source) = std::error::Error::source(error) {
        return source.to_string();
    }
    match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(words)) if !words.is_empty() => {
            format!("expected one of {}", words.join(", "))
        }
        _ => "expected another value".to_owned(),
    }
}
