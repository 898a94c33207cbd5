//! The cases that are asked for: all of them are read before any is run.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use nix::sys::resource::{Resource, getrlimit};

use crate::lesson::case::Case;
use crate::lesson::stage::own;
use crate::lesson::{MAX_BYTES, catalog, parse};

use super::shown;

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
        let failed = |e: io::Error| format!("{}: {e}", shown(path));
        if fs::metadata(path).map_err(failed)?.is_dir() {
            let before = files.len();
            walk(path, DEEPEST, &mut files).map_err(failed)?;
            if files.len() == before {
                return Err(format!("{}: no file here ends with .toml", shown(path)));
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
fn walk(dir: &Path, deep: usize, files: &mut Vec<PathBuf>) -> io::Result<()> {
    let mut entries = fs::read_dir(dir)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (path, kind) = (entry.path(), entry.file_type()?);
        if kind.is_dir() && deep > 0 {
            walk(&path, deep - 1, files)?;
        } else if !kind.is_dir() && path.extension().is_some_and(|end| end == "toml") {
            files.push(path);
        }
        if files.len() > MOST_FILES {
            break;
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<Case, String> {
    let name = shown(path);
    let content = content(path).map_err(|error| format!("{name}: {error}"))?;
    let case = parse(&name, content).map_err(|errors| errors.to_string())?;
    fits(&name, &case)?;
    Ok(case)
}

/// A little more than a case may have, so that the parser sees that it is too much.
fn content(path: &Path) -> io::Result<Vec<u8>> {
    // Opening something else, such as a named pipe, could take for ever.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut content = Vec::new();
    File::open(path)?.take(MAX_BYTES as u64 + 1).read_to_end(&mut content)?;
    Ok(content)
}

/// Whether the process may have as many descriptors as the case begins with.
fn fits(name: &str, case: &Case) -> Result<(), String> {
    let wanted: usize = case.actors.iter().map(|actor| actor.labels().len()).sum();
    let hard = getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(_, hard)| hard);
    let room = own::room(hard);
    if wanted > room {
        return Err(format!(
            "{name}: the actors take {wanted} descriptors, this process may have {room} for them \
             (RLIMIT_NOFILE is {hard})"
        ));
    }
    Ok(())
}
