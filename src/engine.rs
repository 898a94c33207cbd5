//! The live server.

pub mod http;
pub mod telnet;
