//! The tool's own failures. An error of a traced call is data and never one of these.

/// The status of a program whose reader went away: as if SIGPIPE had ended it.
pub const NO_READER: u8 = 128 + 13;
/// The status of a run in which a case failed, or a random sequence came out otherwise.
pub(crate) const CASE_FAILED: u8 = 4;

/// The statuses with which the program ends.
pub(crate) const STATUSES: [(&str, &str); 8] = [
    ("0", "it did what was asked for"),
    (
        "1",
        "the system refused something while it ran, a lesson could not go on, the server ended with \
         a thread lost, or nobody shares a session there",
    ),
    ("2", "the command line or a file asks for what cannot be, or there is no terminal"),
    ("3", "an address cannot be listened on"),
    ("4", "a case failed, or a random sequence came out otherwise"),
    ("101", "a panic, which is a mistake of the program"),
    ("141", "its reader went away while it printed"),
    ("128+n", "signal n ended it"),
];

/// Why the program cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The command line or the configuration file asks for something that cannot be.
    #[error("{0}")]
    Usage(String),
    /// There is nobody to look at the screen.
    #[error("standard input is no terminal, or TERM is dumb: use --headless for events as text")]
    NoTerminal,
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {reason}")]
    Bind {
        /// The address or path.
        address: String,
        /// The error number in words.
        reason: String,
    },
    /// A session elsewhere cannot be looked at.
    #[error("{0}")]
    Remote(String),
    /// Something that the tool needs was refused while it ran.
    #[error("{operation}: {reason}")]
    Runtime {
        /// What was tried, with its object: `epoll_create1`, `write to standard output`.
        operation: String,
        /// The error number in words.
        reason: String,
    },
}

impl Error {
    /// A failure of `operation`.
    pub fn runtime(operation: impl Into<String>, reason: &dyn std::fmt::Display) -> Self {
        Self::Runtime { operation: operation.into(), reason: reason.to_string() }
    }

    /// The status with which the program ends.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Runtime { .. } | Self::Remote(_) => 1,
            Self::Usage(_) | Self::NoTerminal => 2,
            Self::Bind { .. } => 3,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_has_its_line_and_its_status() {
        let bind = Error::Bind { address: "[::1]:80".into(), reason: "permission denied".into() };
        for (error, line, code) in [
            (Error::runtime("epoll_create1", &"EMFILE"), "epoll_create1: EMFILE", 1),
            (Error::Usage("no".into()), "no", 2),
            (bind, "cannot listen on [::1]:80: permission denied", 3),
        ] {
            assert_eq!((error.to_string().as_str(), error.exit_code()), (line, code));
        }
        assert_eq!(Error::NoTerminal.exit_code(), 2);
        for code in [Error::NoTerminal.exit_code(), CASE_FAILED, NO_READER] {
            assert!(STATUSES.iter().any(|(status, _)| *status == code.to_string()), "{code}");
        }
    }
}
