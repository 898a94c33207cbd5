//! The character encoding of the environment, as a terminal's user has set it.

/// Whether the locale of characters is one of UTF-8: the first of LC_ALL, LC_CTYPE and LANG that is
/// not empty names it (setlocale(3)), with the encoding behind a dot (locale(7)). Without any it is
/// `C`, which is ASCII.
pub fn is_utf8() -> bool {
    speaks_utf8(|name| std::env::var(name).ok())
}

fn speaks_utf8(variable: impl Fn(&str) -> Option<String>) -> bool {
    let set = |name: &&str| variable(name).filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(set).unwrap_or_default();
    let encoding = locale.split_once('.').map_or("", |(_, encoding)| encoding);
    let encoding = encoding.split('@').next().unwrap_or_default();
    ["utf-8", "utf8"].iter().any(|name| encoding.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(set: &[(&str, &str)], expected: bool) {
        let value =
            |name: &str| set.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        assert_eq!(speaks_utf8(value), expected, "{set:?}");
    }

    #[test]
    fn the_first_variable_that_is_set_names_the_encoding() {
        check(&[], false);
        check(&[("LANG", "C")], false);
        check(&[("LANG", "POSIX")], false);
        check(&[("LANG", "en_GB.UTF-8")], true);
        check(&[("LANG", "C.utf8")], true);
        check(&[("LANG", "de_DE.UTF-8@euro")], true);
        check(&[("LANG", "de_DE.ISO-8859-1")], false);
        check(&[("LANG", "en_GB.UTF-8"), ("LC_ALL", "C")], false);
        check(&[("LANG", "en_GB.UTF-8"), ("LC_ALL", "")], true);
        check(&[("LANG", "C"), ("LC_CTYPE", "C.UTF-8")], true);
        check(&[("LC_CTYPE", "C.UTF-8"), ("LC_ALL", "POSIX")], false);
    }
}
