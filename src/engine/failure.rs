//! The engine's own failures. An error that the observed server meets is data, never one of these.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use thiserror::Error;

/// Why the engine could not start or answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The address cannot be listened on.
    #[error("cannot bind {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The path cannot be listened on.
    #[error("cannot bind {path}: {source}", path = path.display())]
    BindPath {
        /// The path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The address can be reached by others, which has to be asked for.
    #[error("{0} is not a loopback address: --lan opens it to the network")]
    NotLoopback(SocketAddr),
    /// There is nothing to listen on.
    #[error("no address to listen on")]
    NoAddress,
    /// The calling thread has not blocked the wake-up signals.
    #[error("the wake-up signals are not blocked")]
    SignalsNotBlocked,
    /// The way of waiting that was asked for cannot be had.
    #[error("{0}")]
    Backend(String),
    /// A call of the tool itself failed.
    #[error("{operation}: {source}")]
    Call {
        /// The call.
        operation: &'static str,
        /// Why.
        source: io::Error,
    },
}

impl EngineError {
    /// Whether an address or path could not be bound.
    #[cfg(test)]
    pub(crate) fn is_bind(&self) -> bool {
        matches!(self, Self::Bind { .. } | Self::BindPath { .. } | Self::NotLoopback(_))
    }

    pub(super) fn call<E: Into<io::Error>>(operation: &'static str) -> impl FnOnce(E) -> Self {
        move |source| Self::Call { operation, source: source.into() }
    }
}
