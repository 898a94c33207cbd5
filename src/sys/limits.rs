//! Resource limits.

#![expect(unsafe_code, reason = "mallopt(3) and nice(2) are not in nix")]

use std::io;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Raises the soft limit of open descriptors to the hard one. Returns the soft limit as it was,
/// and the hard limit.
///
/// # Errors
/// What getrlimit(2) or setrlimit(2) returned.
pub fn raise_descriptor_limit() -> io::Result<(u64, u64)> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if soft < hard {
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    }
    Ok((soft, hard))
}

/// Sets the soft limit of open descriptors; the hard one stays.
///
/// # Errors
/// What setrlimit(2) lists: EINVAL for a limit above the hard one.
pub fn set_descriptor_limit(soft: u64) -> io::Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    Ok(setrlimit(Resource::RLIMIT_NOFILE, soft, hard)?)
}

/// Lets the other processes of the machine go first where there is not enough for all: raises the
/// nice value of this one by so many (nice(2)), which is always allowed.
pub fn let_others_go_first(by: u8) {
    // SAFETY: nice(2) takes a number.
    let _the_new_value = unsafe { nix::libc::nice(by.into()) };
}

/// Fixes how many arenas the allocator may have. glibc otherwise counts the processors when it
/// first wants more than eight, by reading a file, in whatever thread that is (mallopt(3),
/// M_ARENA_MAX), and reads another one when it first gives memory back: an observed thread would
/// make calls that are not its own.
pub fn settle_allocator() {
    #[cfg(target_env = "gnu")]
    {
        // SAFETY: mallopt(3) takes two numbers and locks the allocator by itself.
        let _ = unsafe { nix::libc::mallopt(nix::libc::M_ARENA_MAX, ARENAS) };
        // Before glibc first gives back a part of a thread's heap, it reads the rule of
        // overcommitment (proc(5), /proc/sys/vm/overcommit_memory): this thread makes it do so now.
        let give_back = || {
            let blocks: [Vec<u8>; 8] = std::array::from_fn(|_| Vec::with_capacity(100_000));
            drop(std::hint::black_box(blocks));
        };
        // Without that thread a call too many is seen, which is no reason not to go on.
        let _ = super::thread::spawn("allocator", give_back).map(std::thread::JoinHandle::join);
    }
}

/// Enough for every thread of the server and the tool's own.
#[cfg(target_env = "gnu")]
const ARENAS: nix::libc::c_int = 16;
