//! Tests of the whole: the model against the kernel, the program against real clients.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on may stop")]

mod differential;
mod house;
