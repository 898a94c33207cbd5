//! The cases that are asked for: all of them are read before any is run.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::lesson::case::Case;
use crate::lesson::file::{self, shown_path};
use crate::lesson::{catalog, fd_budget, parse};

/// No more files are read.
const MOST_FILES: usize = 10_000;
/// Folders in folders are entered so deep.
const DEEPEST: usize = 16;

/// A case with where it comes from.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// The file; `None` for one of the program's own.
    pub(super) path: Option<PathBuf>,
    pub(super) case: Case,
}

/// The cases of these files and folders; without any, the program's own.
///
/// # Errors
/// Everything that is wrong with any of them, in words.
pub(super) fn all(paths: &[PathBuf]) -> Result<Vec<Found>, String> {
    let mut found = Vec::new();
    let mut wrong = Vec::new();
    let mut take = |path: Option<PathBuf>, read: Result<Case, String>| match read {
        Ok(case) => found.push(Found { path, case }),
        Err(error) => wrong.push(error),
    };
    if paths.is_empty() {
        for file in catalog::files() {
            take(None, file.parse().map_err(|errors| errors.to_string()));
        }
    }
    for path in files_of(paths)? {
        let read = read(&path);
        take(Some(path), read);
    }
    if wrong.is_empty() { Ok(found) } else { Err(wrong.join("\n")) }
}

/// The files that are named, and those of the folders that are named.
fn files_of(paths: &[PathBuf]) -> Result<Vec<PathBuf>, String> {
    let mut files = Vec::new();
    for path in paths {
        if fs::metadata(path).map_err(|e| failed(path, &e))?.is_dir() {
            let before = files.len();
            walk(path, DEEPEST, &mut files)?;
            if files.len() == before {
                return Err(format!("{}: no file here ends with .toml", shown_path(path)));
            }
        } else {
            files.push(path.clone());
        }
    }
    if files.len() > MOST_FILES {
        return Err(format!("more than {MOST_FILES} files"));
    }
    Ok(files)
}

/// Every file of a folder that ends with `.toml`, sorted; folders that are links are not entered.
///
/// # Errors
/// Which folder cannot be read, or lies too deep: what is in it would be left out.
fn walk(dir: &Path, deep: usize, files: &mut Vec<PathBuf>) -> Result<(), String> {
    let entries = fs::read_dir(dir).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let mut entries = entries.map_err(|e| failed(dir, &e))?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let kind = entry.file_type().map_err(|e| failed(&path, &e))?;
        if kind.is_dir() && deep == 0 {
            let name = shown_path(&path);
            return Err(format!("{name}: folders are not entered more than {DEEPEST} deep"));
        }
        if kind.is_dir() {
            walk(&path, deep - 1, files)?;
        } else if path.extension().is_some_and(|end| end == "toml") {
            files.push(path);
        }
        if files.len() > MOST_FILES {
            break;
        }
    }
    Ok(())
}

fn failed(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", shown_path(path))
}

fn read(path: &Path) -> Result<Case, String> {
    let name = shown_path(path);
    let content = file::content(path).map_err(|error| format!("{name}: {error}"))?;
    let case = parse(&name, content).map_err(|errors| errors.to_string())?;
    fd_budget::fits(&case).map_err(|why| format!("{name}: {why}"))?;
    Ok(case)
}

#[cfg(test)]
mod tests {
    use std::slice;

    use nix::fcntl::{OFlag, open, openat};
    use nix::sys::stat::{Mode, mkdirat};

    use super::*;

    fn folder(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("epollscope-{}-{name}", std::process::id()));
        fs::create_dir_all(&dir).expect("a folder");
        dir
    }

    #[test]
    fn a_folder_that_lies_too_deep_is_an_error() {
        let top = folder("deep");
        let at = |depth: usize| (0..depth).fold(top.clone(), |path, _| path.join("x"));
        fs::create_dir_all(at(16)).expect("folders");
        fs::write(at(16).join("last.toml"), "").expect("a file");
        assert_eq!(files_of(slice::from_ref(&top)), Ok(vec![at(16).join("last.toml")]));
        fs::create_dir(at(17)).expect("a folder");
        let error = files_of(slice::from_ref(&top)).expect_err("too deep");
        fs::remove_dir_all(&top).expect("removed");
        assert_eq!(
            error,
            format!("{}: folders are not entered more than 16 deep", shown_path(&at(17)))
        );
    }

    /// With a path that is longer than any may be (path_resolution(7)) not even root can read it.
    #[test]
    fn a_folder_that_cannot_be_read_is_named() {
        let (top, name) = (folder("unreadable"), "n".repeat(255));
        let mut inner = open(&top, OFlag::O_DIRECTORY, Mode::empty()).expect("open");
        for _ in 0..16 {
            mkdirat(&inner, &*name, Mode::S_IRWXU).expect("a folder");
            inner = openat(&inner, &*name, OFlag::O_DIRECTORY, Mode::empty()).expect("open");
        }
        let error = files_of(slice::from_ref(&top)).expect_err("it cannot be read");
        fs::remove_dir_all(&top).expect("removed");
        let named = format!("{}/nnn", top.display());
        assert!(error.starts_with(&named) && error.ends_with("(os error 36)"), "{error}");
    }
}
