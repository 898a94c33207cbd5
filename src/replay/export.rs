//! `epollscope export`: a file of a recording, for others.

use std::io::{self, BufWriter, Write as _};

use super::{open, quietly, title, warning};
use crate::cli::ExportOptions;
use crate::error::Error;
use crate::export::{ExportRange, to_file};
use crate::serve::look;
use crate::source::script::RecordedLesson;
use crate::sys::standard::Stdout;
use crate::tui::export::ExportPlan;

/// Makes the file. Returns the exit status.
///
/// # Errors
/// If there is no recording, or nothing happened in the part that is wanted, or the file is there
/// already or cannot be written.
pub fn run(options: &ExportOptions) -> Result<u8, Error> {
    let (name, recording) = open(&options.file)?;
    let journal = recording.journal();
    let head = recording.head();
    let until = options.at.or(options.until);
    let range = ExportRange::between(&head.header, &journal, options.from, until);
    let range = range.ok_or_else(|| {
        let [begins, ends] = [journal.begins(), journal.until()].map(Option::unwrap_or_default);
        Error::Usage(format!("nothing happened then: {name} goes from {begins} to {ends}"))
    })?;
    let no_lesson = RecordedLesson::read(&recording).err();
    let no_lesson = no_lesson.map(|why| format!("{name}: {why}; its events are exported"));
    for warning in warning(&name, &recording, "exported").into_iter().chain(no_lesson) {
        // A program whose standard error is gone has nobody to tell.
        let _told = writeln!(io::stderr(), "epollscope: {warning}");
    }
    let screen = look(Some(options.theme), options.ascii, false, None);
    let plan = ExportPlan {
        kind: options.kind,
        hidden: options.hidden.clone(),
        size: options.size,
        theme: screen.picture(),
        title: title(&options.file),
    };
    let Some(path) = &options.out else {
        let mut out = BufWriter::with_capacity(1 << 16, Stdout::default());
        return quietly(plan.write(&range, &recording, &mut out).and_then(|()| out.flush()));
    };
    let written = to_file(path, options.kind, |out| plan.write(&range, &recording, out));
    written.map(|_| 0).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Error::Usage(error.to_string()),
        _ => Error::runtime("write the export", &error),
    })
}
