//! Typed wrappers for the system calls that nix has no safe form of: the only unsafe code.
//!
//! It knows nothing of the rest of the program.

pub mod clock;
pub(crate) mod coroutine;
pub mod descriptor;
pub mod fault;
pub mod fdset;
pub(crate) mod futex;
pub mod limits;
pub mod locale;
pub mod message;
pub mod number;
pub mod ring;
pub mod signal;
pub mod socket;
pub mod standard;
pub mod thread;
pub mod timer;
