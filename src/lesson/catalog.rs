//! The lessons and cases that are part of the program: the files of `assets/lessons` and
//! `assets/cases`, found by name and listed by topic.

use include_dir::{Dir, include_dir};

use super::case::Case;
use super::parse::{Errors, parse};

static CASES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/assets/cases");
static LESSONS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/assets/lessons");

/// The name of the lesson that shows how one is written; it is in no topic.
pub(crate) const TEMPLATE: &str = "template";

/// A case file in the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct File {
    /// Its name without `.toml`, which is the `id` of the case.
    pub name: &'static str,
    /// What it holds.
    pub text: &'static str,
}

impl File {
    /// The case that it holds.
    ///
    /// # Errors
    ///
    /// What is wrong in it; the files of the program are tested to be right.
    pub fn parse(self) -> Result<Case, Errors> {
        parse(&format!("{}.toml", self.name), self.text)
    }
}

/// Lessons that belong together.
#[derive(Clone, Debug, PartialEq)]
pub struct LessonTopic {
    /// What they are about.
    pub name: String,
    /// In the order in which they are taught.
    pub lessons: Vec<Case>,
}

/// The case files, sorted by name.
pub fn cases() -> Vec<File> {
    files_of(&CASES)
}

/// The lesson files, sorted by name; the template is not among them.
pub fn lessons() -> Vec<File> {
    files_of(&LESSONS).into_iter().filter(|file| file.name != TEMPLATE).collect()
}

/// All files, the lessons first; the template is the last.
pub fn files() -> impl Iterator<Item = File> {
    lessons().into_iter().chain(cases()).chain(find(TEMPLATE))
}

/// The file called `name`, with `.toml` or without. A lesson is found before a case.
pub fn find(name: &str) -> Option<File> {
    let name = name.strip_suffix(".toml").unwrap_or(name);
    files_of(&LESSONS).into_iter().chain(cases()).find(|file| file.name == name)
}

/// How a lesson is written.
pub fn guide() -> &'static str {
    let file = LESSONS.get_file("README.md").and_then(|file| file.contents_utf8());
    file.unwrap_or_default()
}

/// A lesson to start from, called `id`.
pub fn template(id: &str) -> String {
    let text = find(TEMPLATE).map_or("", |file| file.text);
    text.replacen(&format!("id = \"{TEMPLATE}\""), &format!("id = \"{id}\""), 1)
}

/// The names of the lessons in the order in which they are taught.
fn order() -> impl Iterator<Item = &'static str> {
    let file = LESSONS.get_file("order.txt").and_then(|file| file.contents_utf8());
    file.unwrap_or_default().lines()
}

/// The lessons by topic, in the order in which they are taught; those that have no place in it
/// come last.
pub fn topics() -> Vec<LessonTopic> {
    let mut lessons: Vec<_> = lessons().into_iter().filter_map(|file| file.parse().ok()).collect();
    let place = |lesson: &Case| order().position(|name| name == lesson.id).unwrap_or(usize::MAX);
    lessons.sort_by_key(place);
    let mut topics: Vec<LessonTopic> = Vec::new();
    for lesson in lessons {
        let name = lesson.topic.clone().unwrap_or_default();
        match topics.iter_mut().find(|topic| topic.name == name) {
            Some(topic) => topic.lessons.push(lesson),
            None => topics.push(LessonTopic { name, lessons: vec![lesson] }),
        }
    }
    topics
}

fn files_of(dir: &'static Dir<'static>) -> Vec<File> {
    let mut files: Vec<_> = dir
        .files()
        .filter_map(|file| {
            let name = file.path().to_str()?.strip_suffix(".toml")?;
            Some(File { name, text: file.contents_utf8()? })
        })
        .collect();
    files.sort_by_key(|file| file.name);
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which files are embedded is found out when this module is compiled.
    #[test]
    fn every_file_of_the_folders_is_in_the_program() {
        for (dir, embedded) in [("cases", cases()), ("lessons", files_of(&LESSONS))] {
            let path = format!("{}/assets/{dir}", env!("CARGO_MANIFEST_DIR"));
            let mut names: Vec<_> = std::fs::read_dir(path)
                .expect("the folder is there")
                .filter_map(|entry| {
                    let name = entry.expect("the folder can be read").file_name();
                    name.to_str()?.strip_suffix(".toml").map(str::to_owned)
                })
                .collect();
            names.sort();
            let embedded: Vec<_> = embedded.iter().map(|file| file.name).collect();
            assert_eq!(embedded, names, "{dir}: compile this module again (touch {})", file!());
        }
    }

    #[test]
    fn every_file_is_right_and_its_id_is_its_name() {
        for file in files() {
            match file.parse() {
                Ok(case) => assert_eq!(case.id, file.name),
                Err(errors) => panic!("{errors}"),
            }
        }
    }

    #[test]
    fn lessons_ask_and_names_are_found_once() {
        for file in lessons() {
            let case = file.parse().expect("the lesson is right");
            assert!(case.is_lesson(), "{} asks nothing", file.name);
        }
        let mut names: Vec<_> = files().map(|file| file.name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count, "a name is there twice");
        assert_eq!(find("lt-basic.toml"), find("lt-basic"));
        assert_eq!(find("no-such-case"), None);
    }

    #[test]
    fn every_lesson_has_one_place_in_the_order() {
        let mut taught: Vec<_> = order().collect();
        taught.sort_unstable();
        let names: Vec<_> = lessons().iter().map(|file| file.name).collect();
        assert_eq!(taught, names);
    }

    #[test]
    fn the_template_takes_a_name_and_is_right() {
        let case = parse("mine.toml", template("mine")).expect("the template is right");
        assert_eq!(case.id, "mine");
        assert!(case.is_lesson() && guide().starts_with("# Writing a lesson"));
    }

    #[test]
    fn every_lesson_is_in_one_topic() {
        let listed: usize = topics().iter().map(|topic| topic.lessons.len()).sum();
        assert_eq!(listed, lessons().len());
    }
}
