//! What the kernel itself says of an epoll instance and its files, without privilege.
//!
//! Nothing here changes what it looks at: no `poll(2)` on a watched file, no second
//! `epoll_wait(2)`.

pub mod fdinfo;
pub mod port;
pub mod queues;
pub mod release;
pub mod ring;
pub mod task;
pub mod wakeup_log;
