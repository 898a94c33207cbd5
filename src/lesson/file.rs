//! Case files that are not the program's own.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use super::MAX_BYTES;
use crate::event::visible;

/// A path as it is shown.
pub(super) fn shown_path(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt as _;
    visible(path.as_os_str().as_bytes(), 400)
}

/// What the file at `path` holds, for [`parse`](super::parse()): at most a little more than a case
/// may have, so that the parser sees that it is too much.
///
/// # Errors
/// What open(2) and read(2) list; if it is no regular file.
pub fn content(path: &Path) -> io::Result<Vec<u8>> {
    // Opening something else, such as a named pipe, could take for ever.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut content = Vec::new();
    File::open(path)?.take(MAX_BYTES as u64 + 1).read_to_end(&mut content)?;
    Ok(content)
}
