//! Which lessons were gone through, kept from run to run in the folder for a user's state
//! (XDG base directory specification, `$XDG_STATE_HOME`).
//!
//! A line a lesson that came out better than before: the version of the line, the lesson's name, and
//! how many questions it asked, how many were answered and how many rightly. Lines are only added,
//! each in one write(2) with O_APPEND, so that programs that run at the same time lose nothing of each
//! other's; of several lines the best one counts. What cannot be read or written is done without.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use super::course::Score;

/// The version of the lines that are written; others are left alone.
const VERSION: &str = "1";

/// As much of the file as is read: the lessons of the program many times over.
const MOST: u64 = 256 << 10;

/// The file, and what is known to be in it.
pub struct LessonProgress {
    path: PathBuf,
    known: RefCell<BTreeMap<String, Score>>,
}

impl LessonProgress {
    /// That of the user who runs the program, if there is a place for it.
    pub fn of_user() -> Option<Self> {
        let folder = |name: &str| std::env::var_os(name).map(PathBuf::from);
        let state = state_folder(folder("XDG_STATE_HOME"), folder("HOME"))?;
        Some(Self::at(state.join("epollscope/lessons")))
    }

    fn at(path: PathBuf) -> Self {
        let known = RefCell::new(read(&path));
        Self { path, known }
    }

    /// How each lesson came out at its best.
    pub fn known(&self) -> BTreeMap<String, Score> {
        self.known.borrow().clone()
    }

    /// A lesson was gone through.
    pub fn note(&self, id: &str, score: Score) {
        let mut known = self.known.borrow_mut();
        if known.get(id).is_some_and(|best| !score.is_better_than(*best)) {
            return;
        }
        known.insert(id.to_owned(), score);
        let Score { asked, answered, right } = score;
        // It is a comfort: a lesson goes on without.
        let _ = append(&self.path, &format!("{VERSION} {id} {asked} {answered} {right}\n"));
    }
}

/// The folder for what programs remember. A relative path is to be ignored.
fn state_folder(state: Option<PathBuf>, home: Option<PathBuf>) -> Option<PathBuf> {
    let absolute = |path: Option<PathBuf>| path.filter(|path| path.is_absolute());
    absolute(state).or_else(|| absolute(home).map(|home| home.join(".local/state")))
}

fn read(path: &Path) -> BTreeMap<String, Score> {
    let mut text = Vec::new();
    // Opening something else, such as a named pipe, could take for ever.
    if fs::metadata(path).is_ok_and(|about| about.is_file()) {
        let _ = File::open(path).and_then(|file| file.take(MOST).read_to_end(&mut text));
    }
    let mut best = BTreeMap::<String, Score>::new();
    for (id, score) in String::from_utf8_lossy(&text).lines().filter_map(line) {
        let better = best.get(&id).is_none_or(|known| score.is_better_than(*known));
        if better {
            best.insert(id, score);
        }
    }
    best
}

/// What a line says, if it is of this version and whole.
fn line(text: &str) -> Option<(String, Score)> {
    let mut words = text.split(' ');
    let id = words.next().filter(|version| *version == VERSION).and_then(|_| words.next())?;
    let mut number = || words.next()?.parse::<u64>().ok();
    let (asked, answered, right) = (number()?, number()?, number()?);
    let whole = words.next().is_none() && right <= answered && answered <= asked;
    whole.then(|| (id.to_owned(), Score { asked, answered, right }))
}

fn append(path: &Path, line: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    if fs::metadata(path).is_ok_and(|about| !about.is_file()) {
        return Ok(());
    }
    OpenOptions::new().append(true).create(true).open(path)?.write_all(line.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(asked: u64, right: u64) -> Score {
        Score { asked, answered: asked, right }
    }

    fn scratch(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("epollscope-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        folder
    }

    #[test]
    fn the_best_of_each_lesson_is_kept() {
        let folder = scratch("best");
        let path = folder.join("state/lessons");
        let progress = LessonProgress::at(path.clone());
        assert!(progress.known().is_empty());
        progress.note("read-once", score(3, 1));
        progress.note("read-once", score(3, 3));
        progress.note("read-once", score(3, 2));
        progress.note("fd-1100", score(0, 0));
        let text = fs::read_to_string(&path).expect("it was written");
        assert_eq!(text, "1 read-once 3 3 1\n1 read-once 3 3 3\n1 fd-1100 0 0 0\n");
        let known = LessonProgress::at(path).known();
        assert_eq!(known.get("read-once"), Some(&score(3, 3)));
        assert_eq!(known.len(), 2);
        fs::remove_dir_all(folder).expect("the folder goes");
    }

    #[test]
    fn programs_that_run_at_the_same_time_keep_each_others() {
        let folder = scratch("both");
        let path = folder.join("lessons");
        let (one, other) = (LessonProgress::at(path.clone()), LessonProgress::at(path.clone()));
        one.note("a", score(1, 1));
        other.note("b", score(2, 1));
        other.note("a", score(1, 0));
        let known = LessonProgress::at(path).known();
        assert_eq!(known.get("a"), Some(&score(1, 1)));
        assert_eq!(known.get("b"), Some(&score(2, 1)));
        fs::remove_dir_all(folder).expect("the folder goes");
    }

    #[test]
    fn what_is_wrong_or_of_another_version_is_left_alone() {
        let folder = scratch("wrong");
        fs::create_dir_all(&folder).expect("a folder");
        let path = folder.join("lessons");
        let text = b"2 a 1 1 1\n1 b 1 1\n1 c 1 1 2\n1 d 1 1 1 1\n\xff\n1 e 2 2 1\n1 f 1 1";
        fs::write(&path, text).expect("a file");
        assert_eq!(LessonProgress::at(path).known().keys().collect::<Vec<_>>(), ["e"]);
        // A folder where the file should be, and no place for it.
        let progress = LessonProgress::at(folder.clone());
        progress.note("a", score(1, 1));
        assert_eq!(progress.known().len(), 1);
        LessonProgress::at("/dev/null/lessons".into()).note("a", score(1, 1));
        fs::remove_dir_all(folder).expect("the folder goes");
    }

    #[test]
    fn the_folder_is_the_one_for_state_if_it_is_absolute() {
        let path = |text: &str| Some(PathBuf::from(text));
        assert_eq!(state_folder(path("/s"), path("/home/a")), path("/s"));
        assert_eq!(state_folder(path("s"), path("/home/a")), path("/home/a/.local/state"));
        assert_eq!(state_folder(None, path("/home/a")), path("/home/a/.local/state"));
        assert_eq!(state_folder(path(""), path("home")), None);
    }
}
