//! A table of the file, read key by key: what nobody asked for is an unknown key.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::reader::{ErrorReported, Read, Reader, quoted};
use super::value::{Value, one_of};

/// A table and which of its keys were asked for.
pub(super) struct Table<'t> {
    /// What it is, for errors: `a step that does add`.
    what: String,
    /// Where it begins.
    span: Range<usize>,
    /// In the order of the file.
    entries: Vec<Entry<'t>>,
    /// The keys that were asked for.
    asked: Vec<&'static str>,
    /// Those of them that must be there and are not.
    missing: Vec<&'static str>,
    /// Which keys there may be is not known.
    lost: bool,
}

/// A key with its value.
pub(super) struct Entry<'t> {
    pub(super) key: &'t str,
    pub(super) span: Range<usize>,
    pub(super) value: Value<'t>,
}

impl<'t> Table<'t> {
    pub(super) fn of_file(root: &'t DeTable<'t>) -> Self {
        Self::new("the file", 0..0, root)
    }

    pub(super) fn new(what: impl Into<String>, span: Range<usize>, table: &'t DeTable<'t>) -> Self {
        let mut entries: Vec<_> = table
            .iter()
            .map(|(key, value)| Entry {
                key: key.get_ref(),
                span: key.span(),
                value: Value::new(key.get_ref(), value),
            })
            .collect();
        entries.sort_by_key(|entry| entry.span.start);
        Self {
            what: what.into(),
            span,
            entries,
            asked: Vec::new(),
            missing: Vec::new(),
            lost: false,
        }
    }

    /// Says what it is once that is known.
    pub(super) fn call(&mut self, what: impl Into<String>) {
        self.what = what.into();
    }

    pub(super) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|entry| entry.key == key)
    }

    /// The value of `key`, which may be absent.
    pub(super) fn get(&mut self, key: &'static str) -> Option<Value<'t>> {
        self.asked.push(key);
        self.entries.iter().find(|entry| entry.key == key).map(|entry| entry.value)
    }

    /// The value of `key`, which must be there; [`Table::finish`] says that it is not.
    pub(super) fn need(&mut self, key: &'static str) -> Read<Value<'t>> {
        self.get(key).ok_or_else(|| {
            self.missing.push(key);
            ErrorReported
        })
    }

    /// What `read` makes of the value of `key`, which must be there.
    pub(super) fn take<T>(
        &mut self,
        r: &mut Reader<'_>,
        key: &'static str,
        read: impl FnOnce(&mut Reader<'_>, &Value<'t>) -> Read<T>,
    ) -> Read<T> {
        let value = self.need(key)?;
        read(r, &value)
    }

    /// What `read` makes of the value of `key`, if it is there.
    pub(super) fn option<T>(
        &mut self,
        r: &mut Reader<'_>,
        key: &'static str,
        read: impl FnOnce(&mut Reader<'_>, &Value<'t>) -> Read<T>,
    ) -> Read<Option<T>> {
        self.get(key).map(|value| read(r, &value)).transpose()
    }

    /// All entries, in the order of the file; none of them is unknown.
    pub(super) fn into_entries(self) -> Vec<Entry<'t>> {
        self.entries
    }

    /// Takes every key for known: which ones are is not known.
    pub(super) fn give_up(&mut self) {
        self.lost = true;
    }

    /// Every key that nobody asked for is unknown, and those that were needed are missing.
    pub(super) fn finish(self, r: &mut Reader<'_>) {
        let Self { what, span, entries, asked, missing, lost } = self;
        if !missing.is_empty() {
            let keys = if missing.len() == 1 { "key" } else { "keys" };
            r.wrong(span, format!("missing {keys} `{}` in {what}", missing.join("`, `")));
        }
        if lost {
            return;
        }
        for entry in entries.iter().filter(|entry| !asked.contains(&entry.key)) {
            if r.is_full() {
                return;
            }
            let expected = one_of(entry.key, &asked);
            let key = quoted(entry.key);
            let message = format!("unknown key `{key}` in {what}: expected {expected}");
            r.wrong(entry.span.clone(), message);
        }
    }
}

impl<'t> Value<'t> {
    /// The table that it is.
    pub(super) fn table(&self, r: &mut Reader<'_>, what: impl Into<String>) -> Read<Table<'t>> {
        if let DeValue::Table(table) = self.value.get_ref() {
            return Ok(Table::new(what, self.span(), table));
        }
        Err(self.not(r, "a table"))
    }
}
