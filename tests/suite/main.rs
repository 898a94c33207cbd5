//! Tests of the whole: the model against the kernel, the program against real clients.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on may stop")]

mod backends;
mod browser;
mod cases;
mod compare;
mod divergences;
mod exports;
mod faults;
mod film;
mod findings;
mod gaps;
mod harness;
mod headless;
mod house;
mod interest;
mod lessons;
mod pty;
mod random;
mod recordings;
mod rings;
mod share;
mod sieve;
mod switches;
mod terminal;
mod traced;
mod truth;
