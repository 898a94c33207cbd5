//! What holds for any event and any command.

mod any;
mod grammar;
mod look;
mod wire;
