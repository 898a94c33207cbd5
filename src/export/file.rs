//! The file that an export is written to: never one that is there already, and never half of one.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::event::{ExportKind, visible};

/// Makes a file of what `write` writes; how many bytes that are. A file that cannot be finished is
/// removed again.
///
/// # Errors
/// If it is there already, or cannot be made or written, with its name.
pub fn to_file(
    path: &Path,
    kind: ExportKind,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<u64> {
    let name = visible(path.to_string_lossy().as_bytes(), 200);
    let told = |error: io::Error| {
        let why = match error.kind() {
            io::ErrorKind::AlreadyExists => format!("{name} exists: give another name"),
            _ => format!("{name}: {}", reason(&error)),
        };
        io::Error::new(error.kind(), why)
    };
    let mut options = OpenOptions::new();
    // Everything that was sent is in a recording; the others are made to be given away.
    let mode = if kind == ExportKind::Recording { 0o600 } else { 0o666 };
    let file = options.write(true).create_new(true).mode(mode).open(path).map_err(told)?;
    let written = into(file, write);
    if written.is_err() {
        let _gone = std::fs::remove_file(path);
    }
    written.map_err(told)
}

fn into(file: File, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<u64> {
    let mut out = BufWriter::with_capacity(1 << 16, file);
    write(&mut out)?;
    let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    Ok(file.metadata()?.len())
}

/// The error number in words, without its number.
fn reason(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(number) => nix::errno::Errno::from_raw(number).desc().to_lowercase(),
        None => error.to_string(),
    }
}
