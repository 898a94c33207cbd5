//! Values of the file: texts, numbers, words, lists.

use std::fmt::Display;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeInteger, DeValue};

use super::near::meant;
use super::reader::{ErrorReported, Read, Reader, quoted};

/// A value and the key that it stands under.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value<'t> {
    key: &'t str,
    pub(super) value: &'t Spanned<DeValue<'t>>,
}

impl<'t> Value<'t> {
    pub(super) fn new(key: &'t str, value: &'t Spanned<DeValue<'t>>) -> Self {
        Self { key, value }
    }

    pub(super) fn span(&self) -> Range<usize> {
        self.value.span()
    }

    /// Notes that this is not what was `expected`.
    pub(super) fn not(&self, r: &mut Reader<'_>, expected: impl Display) -> ErrorReported {
        let message = format!(
            "`{}`: found {}, expected {expected}",
            quoted(self.key),
            found(self.value.get_ref())
        );
        r.wrong(self.span(), message);
        ErrorReported
    }

    /// Notes that something else is wrong with it.
    pub(super) fn wrong(&self, r: &mut Reader<'_>, message: impl Display) -> ErrorReported {
        r.wrong(self.span(), format!("`{}`: {message}", quoted(self.key)));
        ErrorReported
    }

    /// The string, if it is one.
    pub(super) fn as_str(&self) -> Option<&'t str> {
        self.value.get_ref().as_str()
    }

    pub(super) fn is_number(&self) -> bool {
        self.value.get_ref().is_integer()
    }

    /// Whether it is this number.
    pub(super) fn is(&self, number: i128) -> bool {
        self.value.get_ref().as_integer().and_then(whole) == Some(number)
    }

    pub(super) fn is_list(&self) -> bool {
        self.value.get_ref().is_array()
    }

    pub(super) fn is_table(&self) -> bool {
        self.value.get_ref().is_table()
    }

    /// Whether it is a table with this key.
    pub(super) fn has(&self, key: &str) -> bool {
        self.value.get_ref().as_table().is_some_and(|table| table.contains_key(key))
    }

    /// All of a string, to be read piece by piece.
    pub(super) fn part(&self, r: &mut Reader<'_>) -> Read<Part<'t>> {
        let text = self.string(r)?;
        Ok(Part { value: *self, whole: text, at: 0..text.len() })
    }

    pub(super) fn string(&self, r: &mut Reader<'_>) -> Read<&'t str> {
        let text = self.as_str();
        text.ok_or_else(|| self.not(r, "a text in quotes"))
    }

    /// A text of 1 to `most` characters, which may have several lines.
    pub(super) fn text(&self, r: &mut Reader<'_>, most: usize) -> Read<String> {
        let text = self.string(r)?;
        let count = text.chars().count();
        if text.trim().is_empty() || count > most {
            return Err(self.wrong(r, format!("found {count} characters, expected 1 to {most}")));
        }
        let ends_line = |at| text.get(at..).is_some_and(|rest| rest.starts_with("\r\n"));
        let strange = |&(at, c): &(usize, char)| c.is_control() && c != '\n' && !ends_line(at);
        if let Some((at, c)) = text.char_indices().find(strange) {
            let span = r.inside(&self.span(), text, at..at + c.len_utf8());
            let shown = quoted(c.encode_utf8(&mut [0; 4]));
            r.wrong(span, format!("`{}`: found the control character {shown}", quoted(self.key)));
            return Err(ErrorReported);
        }
        Ok(text.replace("\r\n", "\n"))
    }

    /// A text of one line.
    pub(super) fn line(&self, r: &mut Reader<'_>, most: usize) -> Read<String> {
        let text = self.text(r, most)?;
        if text.contains('\n') {
            return Err(self.not(r, "a text of one line"));
        }
        Ok(text)
    }

    /// The name of a case: small letters, digits, `-`.
    pub(super) fn name(&self, r: &mut Reader<'_>, most: usize) -> Read<String> {
        let text = self.string(r)?;
        let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if text.is_empty() || text.len() > most || !text.chars().all(good) {
            return Err(self.not(r, format!("a name of 1 to {most} characters: a-z, 0-9, -")));
        }
        Ok(text.to_owned())
    }

    /// A whole number from `low` to `high`.
    pub(super) fn number<T>(&self, r: &mut Reader<'_>, low: T, high: T) -> Read<T>
    where
        T: Copy + Display + Into<i128> + TryFrom<i128>,
    {
        let number = self.value.get_ref().as_integer().and_then(whole);
        let inside = number.filter(|n| (low.into()..=high.into()).contains(n));
        let number = inside.and_then(|n| T::try_from(n).ok());
        number.ok_or_else(|| self.not(r, format!("a whole number from {low} to {high}")))
    }

    /// A whole number that is not negative.
    pub(super) fn natural(&self, r: &mut Reader<'_>) -> Read<u64> {
        let number = self.value.get_ref().as_integer().and_then(whole);
        let natural = number.and_then(|n| i64::try_from(n).ok()).and_then(|n| n.try_into().ok());
        natural.ok_or_else(|| self.not(r, "a whole number, 0 or more"))
    }

    pub(super) fn switch(&self, r: &mut Reader<'_>) -> Read<bool> {
        let on = self.value.get_ref().as_bool();
        on.ok_or_else(|| self.not(r, "true or false"))
    }

    /// One of the words of `table`.
    pub(super) fn word<T: Clone>(&self, r: &mut Reader<'_>, table: &[(T, &str)]) -> Read<T> {
        let found = self.as_str();
        let known = table.iter().find(|(_, word)| Some(*word) == found);
        known.map(|(value, _)| value.clone()).ok_or_else(|| {
            let words: Vec<_> = table.iter().map(|(_, word)| *word).collect();
            self.not(r, one_of(found.unwrap_or_default(), &words))
        })
    }

    pub(super) fn list(&self, r: &mut Reader<'_>) -> Read<Vec<Self>> {
        match self.value.get_ref() {
            DeValue::Array(items) => {
                Ok(items.iter().map(|item| Self { key: self.key, value: item }).collect())
            }
            _ => Err(self.not(r, "a list")),
        }
    }

    /// Each item of a list of at most `most`.
    pub(super) fn each<T>(
        &self,
        r: &mut Reader<'_>,
        most: usize,
        mut read: impl FnMut(&mut Reader<'_>, Self) -> Read<T>,
    ) -> Read<Vec<T>> {
        let list = self.list(r)?;
        if list.len() > most {
            return Err(self.wrong(r, format!("found {}, expected at most {most}", list.len())));
        }
        // All are read, so that every error is told.
        let items: Vec<_> = list.into_iter().map(|item| read(r, item)).collect();
        items.into_iter().collect()
    }
}

/// A piece of a string.
#[derive(Clone, Debug)]
pub(super) struct Part<'t> {
    value: Value<'t>,
    /// The string.
    whole: &'t str,
    /// Which bytes of it.
    at: Range<usize>,
}

impl<'t> Part<'t> {
    pub(super) fn text(&self) -> &'t str {
        self.whole.get(self.at.clone()).unwrap_or_default()
    }

    /// Where it stands in the file.
    pub(super) fn span(&self, r: &Reader<'_>) -> Range<usize> {
        r.inside(&self.value.span(), self.whole, self.at.clone())
    }

    /// The pieces before and after the first `gap`.
    pub(super) fn split(&self, gap: char) -> Option<(Self, Self)> {
        let middle = self.at.start + self.text().find(gap)?;
        let with = |at| Self { at, ..self.clone() };
        Some((with(self.at.start..middle), with(middle + gap.len_utf8()..self.at.end)))
    }

    /// Notes that this is not what was `expected`.
    pub(super) fn not(&self, r: &mut Reader<'_>, expected: impl Display) -> ErrorReported {
        let (key, word) = (quoted(self.value.key), quoted(self.text()));
        r.wrong(self.span(r), format!("`{key}`: found `{word}`, expected {expected}"));
        ErrorReported
    }
}

/// The number, unless it is larger than any that is used.
fn whole(number: &DeInteger<'_>) -> Option<i128> {
    i128::from_str_radix(number.as_str(), number.radix()).ok()
}

/// What stands there, for an error.
fn found(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("\"{}\"", quoted(text)),
        DeValue::Integer(number) => quoted(&number.to_string()),
        DeValue::Float(number) => quoted(&number.to_string()),
        DeValue::Boolean(on) => on.to_string(),
        DeValue::Datetime(_) => "a date".to_owned(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

/// `one of a, b, c`, and which of them was meant.
pub(super) fn one_of(found: &str, words: &[&str]) -> String {
    let hint = meant(found, words);
    match words {
        [only] => format!("`{only}`{hint}"),
        _ => format!("one of {}{hint}", words.join(", ")),
    }
}
