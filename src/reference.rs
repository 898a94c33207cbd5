//! The reference: pages for people, and the manual page, made from the tables of the program.
//!
//! A page is a text of `reference/pages` in which a line `{{name}}` stands for a table that is made
//! from the code (`tables`). The pages as people read them are in `assets/reference`; a test holds
//! them, and writes them anew with
//!
//! ```sh
//! REFERENCE=update cargo test --lib reference
//! ```

mod roff;
mod tables;

#[cfg(test)]
mod tests;

use crate::cli;

/// The pages by their names.
macro_rules! pages {
    ($($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!("reference/pages/", $name, ".md")))),+]
    };
}

/// The pages in the order of the manual page: the name of the file without `.md`, and the text as it
/// is written by hand.
static PAGES: [(&str, &str); 11] = pages![
    "options",
    "keys",
    "commands",
    "lessons",
    "loops",
    "recordings",
    "mistakes",
    "json",
    "compare",
    "check",
    "cost",
];

/// The text of a page with its tables.
fn filled(template: &str) -> String {
    let mut text = String::new();
    for line in template.lines() {
        let name = line.strip_prefix("{{").and_then(|line| line.strip_suffix("}}"));
        // A line that names a table which is not there stays, and a test fails.
        let table = name.and_then(tables::named);
        text.push_str(table.as_deref().map_or(line, str::trim_end));
        text.push('\n');
    }
    text
}

/// The manual page, in roff: the command line, and every page of the reference.
pub fn manual() -> String {
    let mut text = Vec::new();
    let man = clap_mangen::Man::new(cli::command());
    // Writing to memory cannot fail.
    let _ = man.render_title(&mut text);
    let _ = man.render_name_section(&mut text);
    let _ = man.render_synopsis_section(&mut text);
    let _ = man.render_description_section(&mut text);
    let _ = man.render_subcommands_section(&mut text);
    let _ = man.render_extra_section(&mut text);
    for (_, template) in PAGES {
        text.extend_from_slice(roff::of(&filled(template)).as_bytes());
    }
    let _ = man.render_version_section(&mut text);
    let _ = man.render_authors_section(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}
