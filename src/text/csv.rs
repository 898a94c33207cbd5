//! Comma-separated values (RFC 4180).

use std::borrow::Cow;

/// A text as one field: in quotes if it would not be one without.
pub fn csv_field(text: &str) -> Cow<'_, str> {
    if text.contains(['"', ',', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\"")).into()
    } else {
        text.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_two_fields_or_lines_is_quoted() {
        for (text, field) in
            [("T1", "T1"), ("a,b", "\"a,b\""), ("a\"b", "\"a\"\"b\""), ("a\r\nb", "\"a\r\nb\"")]
        {
            assert_eq!(csv_field(text), field);
        }
    }
}
