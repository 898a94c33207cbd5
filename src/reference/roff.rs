//! Markdown as roff, as far as the pages of the reference use it: headings, paragraphs, tables,
//! lists, fenced text, code and links (man(7), groff_man(7)).

/// The page as sections of a manual page.
pub(super) fn of(markdown: &str) -> String {
    let mut out = String::new();
    let mut fenced = false;
    let mut before = "";
    for line in markdown.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
            out.push_str(if fenced { ".PP\n.RS 4\n.nf\n" } else { ".fi\n.RE\n" });
        } else if fenced {
            push(&mut out, &escaped(line));
        } else {
            block(&mut out, line, before);
        }
        before = line;
    }
    out
}

/// A line that is not fenced, behind the line `before`.
fn block(out: &mut String, line: &str, before: &str) {
    if let Some(title) = line.strip_prefix("# ") {
        push(out, &format!(".SH \"{}\"", inline(&title.to_uppercase())));
    } else if let Some(title) = line.strip_prefix("## ") {
        push(out, &format!(".SS \"{}\"", inline(title)));
    } else if let Some(title) = line.strip_prefix("### ") {
        push(out, &format!(".PP\n\\fI{}\\fR", inline(title)));
    } else if line.starts_with('|') {
        row(out, line, before);
    } else if let Some(item) = line.strip_prefix("- ") {
        push(out, &format!(".IP \\(bu 2\n{}", inline(item)));
    } else if line.is_empty() {
        // What follows a list or a table begins at the margin again.
        out.push_str(".PP\n");
    } else {
        push(out, &inline(line.trim_start()));
    }
}

/// A row of a table: what its first cell names, and what the others say of it. The head of a table
/// says nothing that a reader misses.
fn row(out: &mut String, line: &str, before: &str) {
    if !before.starts_with('|') || line.starts_with("| ---") {
        return;
    }
    // A bar within a cell has a backslash before it.
    let line = line.replace("\\|", "\u{0}");
    let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
    let [name, rest @ ..] = &*cells else { return };
    let said: Vec<_> =
        rest.iter().filter(|cell| !cell.is_empty()).map(|cell| inline(cell)).collect();
    let text = format!(".TP\n{}\n{}", inline(name), said.join(" \\(em "));
    push(out, &text.replace('\0', "|"));
}

/// A line of text, with `code` in bold and of a link its words.
fn inline(text: &str) -> String {
    let mut out = String::new();
    for (n, part) in text.split('`').enumerate() {
        if n % 2 == 1 {
            out.push_str("\\fB");
            out.push_str(escaped(part).trim_start_matches("\\&"));
            out.push_str("\\fR");
        } else {
            out.push_str(&escaped(&words_of_links(part)));
        }
    }
    out
}

/// The text with `[words](target)` as its words.
fn words_of_links(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, words, after)) = link(rest) {
        out.push_str(before);
        out.push_str(words);
        rest = after;
    }
    out.push_str(rest);
    out
}

/// What is before the first link, its words, and what is behind it.
fn link(text: &str) -> Option<(&str, &str, &str)> {
    let (head, target) = text.split_once("](")?;
    let (before, words) = head.rsplit_once('[')?;
    let (_, after) = target.split_once(')')?;
    Some((before, words, after))
}

/// The text as roff shows it: no escape, no request, and hyphens that can be copied.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-").replace('"', "\\(dq");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}

fn push(out: &mut String, line: &str) {
    out.push_str(line);
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_becomes_a_section() {
        let page = "# Keys\n\nSee [the\n\n## A `b`\n\n| key | does |\n| --- | --- |\n\
                    | `a\\|b` | this, `--it`, [here](x.md) | |\n\n- one\n  more\n\n```sh\n.x \\n\n```\n";
        assert_eq!(
            of(page),
            ".SH \"KEYS\"\n.PP\nSee [the\n.PP\n.SS \"A \\fBb\\fR\"\n.PP\n\
             .TP\n\\fBa|b\\fR\nthis, \\fB\\-\\-it\\fR, here\n.PP\n\
             .IP \\(bu 2\none\nmore\n.PP\n.PP\n.RS 4\n.nf\n\\&.x \\en\n.fi\n.RE\n"
        );
    }
}
