//! Questions whose marked answer is not the kernel's.

use std::path::Path;

use super::{check, lines};
use crate::harness::write;

/// The lesson with its last question's mark, of those that the kernel decides, at another answer.
fn mismarked(text: &str) -> Option<String> {
    let mut all: Vec<_> = text.lines().map(str::to_owned).collect();
    let judged = |line: &String| line.trim_start().starts_with("{ text") && line.contains("when =");
    let marked = |line: &String| judged(line) && line.contains(", right = true }");
    let at = all.iter().rposition(marked)?;
    let other =
        [at.wrapping_sub(1), at + 1].into_iter().find(|n| all.get(*n).is_some_and(judged))?;
    all[at] = all[at].replace(", right = true }", " }");
    let end = all[other].rfind(" }")?;
    all[other].insert_str(end, ", right = true");
    Some(all.join("\n"))
}

#[test]
fn a_mark_at_the_wrong_answer_is_noticed_in_every_lesson() {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mismarked");
    std::fs::create_dir_all(&dir).unwrap();
    let lessons = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/lessons");
    let mut made = 0;
    for entry in std::fs::read_dir(lessons).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let lesson = path.extension().is_some_and(|e| e == "toml");
        if let Some(wrong) = lesson.then(|| mismarked(&text)).flatten() {
            write(&dir.join(path.file_name().unwrap()), wrong);
            made += 1;
        }
    }
    assert!(made >= 30, "{made}");
    let (lines, _, output) = lines(&mut check(&[&dir]));
    assert_eq!((lines.len(), output.status.code()), (made, Some(4)));
    for line in lines {
        assert_eq!(line["result"], "fail", "{line:#}");
        let wrong = &line["mismatches"][0];
        assert_eq!(wrong["what"], "the marked answer", "{line:#}");
        // A ready list is told by the model only.
        let (by, silent) = match wrong["between"].as_str() {
            Some("file and model") => ("model", "kernel"),
            _ => ("kernel", "model"),
        };
        assert!(wrong[by].is_string() && wrong[silent].is_null(), "{line:#}");
    }
}
