//! The `epollscope` program.

fn main() {}
