//! The command `export`: its options, and what they ask for.

use std::path::PathBuf;

use clap::Args;

use super::ThemeChoice;
use super::values;
use crate::error::Error;
use crate::event::{ExportKind, Nanos, visible};
use crate::record::Hidden;

/// The options of `export`.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(super) struct ExportArgs {
    /// The recording
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
    /// The file that is made, whose ending says what is written; - is standard output
    #[arg(value_name = "OUT", value_hint = clap::ValueHint::FilePath)]
    out: PathBuf,
    /// What is written [default: what the ending of OUT says]
    #[arg(long = "as", value_name = "KIND", value_parser = values::export_kind())]
    kind: Option<ExportKind>,
    /// Leave out what happened before this second of it, such as 12.031
    #[arg(long, value_name = "SECONDS", value_parser = values::seconds)]
    from: Option<Nanos>,
    /// Leave out what happened after this second of it
    #[arg(long, value_name = "SECONDS", value_parser = values::seconds)]
    until: Option<Nanos>,
    /// The second that a picture or a text shows [default: the end]
    #[arg(long, value_name = "SECONDS", value_parser = values::seconds)]
    at: Option<Nanos>,
    /// Columns and rows of the screen [default: 120x40]
    #[arg(long, value_name = "COLUMNSxROWS", value_parser = values::screen_size)]
    size: Option<(u16, u16)>,
    /// Colours of the screen [default: dark]
    #[arg(long, value_enum)]
    theme: Option<ThemeChoice>,
    /// Draw the screen with ASCII characters only
    #[arg(long)]
    ascii: bool,
    /// Leave out what was sent, or by whom; several are separated by commas
    #[arg(long, value_name = "WHAT", value_delimiter = ',', value_parser = values::hidden())]
    hide: Vec<Hidden>,
}

/// Which recording, what is made of it, and of which part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportOptions {
    /// The recording.
    pub file: PathBuf,
    /// The file that is made; `None` is standard output.
    pub out: Option<PathBuf>,
    /// What is written.
    pub kind: ExportKind,
    /// The first time that is of interest.
    pub from: Option<Nanos>,
    /// The last one.
    pub until: Option<Nanos>,
    /// When the screen that is shown was so.
    pub at: Option<Nanos>,
    /// Columns and rows of the screen.
    pub size: (u16, u16),
    /// Its colours.
    pub theme: ThemeChoice,
    /// Draw it with ASCII characters only.
    pub ascii: bool,
    /// What is left out.
    pub hidden: Vec<Hidden>,
}

impl ExportArgs {
    /// What is to be done.
    pub(super) fn resolve(self) -> Result<ExportOptions, Error> {
        let usage = |text: String| Err(Error::Usage(text));
        let out = Some(self.out).filter(|out| out.as_os_str() != "-");
        let ending = out.as_deref().and_then(ExportKind::of);
        let Some(kind) = self.kind.or(ending) else {
            return usage(match out {
                None => {
                    "standard output has no ending: say what is written, --as strace".to_owned()
                }
                Some(out) => {
                    let name = visible(out.to_string_lossy().as_bytes(), 200);
                    let endings = ExportKind::ALL.map(|kind| format!(".{}", kind.ending()));
                    format!(
                        "the ending of {name} does not say what is written: give it one of {}, or \
                         --as KIND",
                        endings.join(" ")
                    )
                }
            });
        };
        if self.at.is_some() && !kind.is_one_screen() {
            return usage(format!("--at means nothing to {kind}, which shows no one moment"));
        }
        if !kind.shows() && (self.size.is_some() || self.theme.is_some() || self.ascii) {
            let options = "--size, --theme and --ascii";
            return usage(format!("{options} mean nothing to {kind}, which shows no screen"));
        }
        Ok(ExportOptions {
            file: self.file,
            out,
            kind,
            from: self.from,
            until: self.until,
            at: self.at,
            size: self.size.unwrap_or((120, 40)),
            theme: self.theme.unwrap_or(ThemeChoice::Dark),
            ascii: self.ascii,
            hidden: self.hide,
        })
    }
}
