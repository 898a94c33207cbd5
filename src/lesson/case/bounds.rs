//! What a case can say at most. A file, a line that is typed, and whoever runs either keep to it.

/// The longest sleep, timeout or period, in milliseconds.
pub(crate) const MAX_MS: u32 = 10_000;
/// The largest read, write or buffer, in bytes.
pub(crate) const MAX_IO: u32 = 16 << 20;
/// The largest `maxevents` that is obeyed.
pub const MAX_EVENTS: i32 = 4096;
/// The largest `maxevents` of a harvest that is held.
pub(crate) const MAX_HELD: u32 = 64;
/// The largest number of epoll instances that are open at a time: of each the tool keeps a file open
/// in which its interest list stands.
pub(crate) const MAX_EPOLLS: usize = 256;
/// The largest number that a duplicate may be asked to have: above it are the tool's own.
pub(crate) const MAX_NUMBER: u32 = 3583;
/// The largest number of threads beside the main one.
pub(crate) const MAX_THREADS: usize = 16;
