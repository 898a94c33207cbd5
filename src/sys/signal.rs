//! Signals by their numbers: realtime ones, which nix's `Signal` has no names for, and handlers.
#![expect(unsafe_code, reason = "signal sets and handlers of realtime signals")]

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::ptr;

use nix::libc;

use super::descriptor::raw::owned;

/// The signal that a wake-up of a watched file sends (F_SETSIG).
pub fn wakeup_signal() -> i32 {
    libc::SIGRTMIN() + 1
}

/// The signal that brings a thread out of a sleeping call. A realtime one would be refused while
/// the user's queue of signals is full (sigqueue(3), EAGAIN); a standard one never is. Of those,
/// SIGURG would also come from telnet's urgent data (F_SETOWN, fcntl(2)); this one comes from
/// nothing but setitimer(2), which nobody here calls.
const KICK_SIGNAL: i32 = libc::SIGVTALRM;

/// The name of [`kick`]'s signal.
pub const KICK_NAME: &str = "SIGVTALRM";

/// The number of `SIGIO`, which comes in place of the wake-up signal when the queue is full.
pub const OVERFLOW_SIGNAL: i32 = libc::SIGIO;

/// Blocks the wake-up signals in the calling thread and in all that it will start. To be called
/// before any thread is started: the signals are directed to the process, and their default
/// action is to end it.
///
/// # Errors
/// What pthread_sigmask(3) lists.
pub fn block_observer_signals() -> io::Result<()> {
    mask(libc::SIG_BLOCK, &observer_set())
}

/// Blocks one more signal in the calling thread.
///
/// # Errors
/// What pthread_sigmask(3) lists.
pub fn block(signo: i32) -> io::Result<()> {
    mask(libc::SIG_BLOCK, &set_of(&[signo]))
}

fn mask(how: i32, set: &libc::sigset_t) -> io::Result<()> {
    // SAFETY: both pointers may be what they are (pthread_sigmask(3)): a valid set, no old set.
    let done = unsafe { libc::pthread_sigmask(how, set, ptr::null_mut()) };
    if done == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(done)) }
}

/// Whether the calling thread has the wake-up signals blocked.
pub fn observer_signals_blocked() -> bool {
    let mut set = empty_set();
    // SAFETY: with no new set the first argument is ignored and the old one is stored in `set`
    // (pthread_sigmask(3)).
    let done = unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, ptr::null(), &raw mut set) };
    done == 0 && holds(&set, wakeup_signal()) && holds(&set, OVERFLOW_SIGNAL)
}

/// Whether the user's queue has room for a signal of a wake-up at this moment (RLIMIT_SIGPENDING,
/// getrlimit(2)): one is sent to this thread, which must have it blocked, and taken back.
pub fn queue_has_room() -> bool {
    if !send(nix::unistd::gettid().as_raw().unsigned_abs(), wakeup_signal()) {
        return false;
    }
    let set = set_of(&[wakeup_signal()]);
    let at_once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // What is sent to the thread is taken before what is sent to its process (signal(7)).
    // SAFETY: the set and the time are valid, and nothing is to be said of the signal
    // (sigtimedwait(2)).
    let _ = unsafe { libc::sigtimedwait(&raw const set, ptr::null_mut(), &raw const at_once) };
    true
}

/// How many signals may be queued for the user (RLIMIT_SIGPENDING).
pub fn queue_limit() -> Option<u64> {
    use nix::sys::resource::{Resource, getrlimit};
    getrlimit(Resource::RLIMIT_SIGPENDING).ok().map(|(soft, _)| soft)
}

/// Gives the kick signal a handler that does nothing, without SA_RESTART: a sleeping call returns
/// EINTR (signal(7)).
///
/// # Errors
/// What sigaction(2) lists.
pub fn install_kick_handler() -> io::Result<()> {
    install_empty_handler(KICK_SIGNAL)
}

/// Lets kicks reach the calling thread, whatever mask it has from whoever started the program
/// (sigprocmask(2): a mask is inherited across execve).
pub fn allow_kicks() {
    // It fails only for an operation that is none.
    let _ = mask(libc::SIG_UNBLOCK, &set_of(&[KICK_SIGNAL]));
}

/// The same for SIGUSR1, the signal of cases and lessons.
///
/// # Errors
/// What sigaction(2) lists.
pub fn install_user_handler() -> io::Result<()> {
    install_empty_handler(libc::SIGUSR1)
}

/// Ends the process by this signal, whatever its disposition and the mask are (signal(7)).
pub fn die_of(signo: i32) {
    // SAFETY: SIG_DFL installs no handler (signal(2)).
    let _ = unsafe { libc::signal(signo, libc::SIG_DFL) };
    // SAFETY: raise(3) takes a number and touches no memory.
    let _ = unsafe { libc::raise(signo) };
    let _ = mask(libc::SIG_UNBLOCK, &set_of(&[signo]));
}

fn install_empty_handler(signo: i32) -> io::Result<()> {
    extern "C" fn nothing(_: libc::c_int) {}
    let handler: extern "C" fn(libc::c_int) = nothing;
    let action = libc::sigaction {
        sa_sigaction: handler as libc::sighandler_t,
        sa_mask: empty_set(),
        sa_flags: 0,
        sa_restorer: None,
    };
    // SAFETY: `action` is a valid struct sigaction and its handler touches nothing
    // (sigaction(2), signal-safety(7)).
    let done = unsafe { libc::sigaction(signo, &raw const action, ptr::null_mut()) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Brings the task `tid` of this process out of a sleeping call; a task that is gone is nothing.
pub fn kick(tid: u32) {
    let _gone = send(tid, KICK_SIGNAL);
}

/// Sends SIGUSR1 to the task `tid` of this process; a task that is gone is nothing.
pub fn interrupt(tid: u32) {
    let _gone = send(tid, libc::SIGUSR1);
}

/// Whether the kernel took it.
fn send(tid: u32, signo: i32) -> bool {
    let pid = libc::c_long::from(nix::unistd::getpid().as_raw());
    let (tid, signo) = (libc::c_long::from(tid), libc::c_long::from(signo));
    // SAFETY: tgkill(2) takes three numbers and touches no memory; the handler is empty.
    let sent = unsafe { libc::syscall(libc::SYS_tgkill, pid, tid, signo) };
    sent == 0
}

/// Takes a pending wake-up signal, or SIGIO, of this thread or its process: `sigtimedwait(2)` with a
/// timeout of 0, which takes the smaller number first. They must be blocked.
///
/// # Errors
/// EAGAIN if none is pending.
pub fn take_notice() -> Result<SigInfo, nix::errno::Errno> {
    let set = observer_set();
    let at_once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    let mut info = [0_u64; SIGINFO_LEN / 8];
    let into = info.as_mut_ptr().cast();
    // SAFETY: the set and the time are valid, and a struct siginfo has 128 bytes, aligned as a long
    // (sigtimedwait(2)).
    let signo = unsafe { libc::sigtimedwait(&raw const set, into, &raw const at_once) };
    let signo = nix::errno::Errno::result(signo)?;
    let bytes: Vec<u8> = info.iter().flat_map(|word| word.to_ne_bytes()).collect();
    let word = |at: usize| {
        let bytes = bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
        u32::from_ne_bytes(bytes.unwrap_or_default())
    };
    // `si_band` is a long and `si_fd` an int behind the three ints of every siginfo, which on
    // 64-bit systems are padded to 16 bytes (sigaction(2)).
    let band = if size_of::<libc::c_long>() == 8 { 16 } else { 12 };
    let fd = word(band + size_of::<libc::c_long>()).cast_signed();
    let low = if cfg!(target_endian = "big") { band + size_of::<libc::c_long>() - 4 } else { band };
    let code = word(8).cast_signed();
    Ok(SigInfo { signo: signo.unsigned_abs(), code, fd, band: word(low) })
}

/// How many signals of this user are queued, in whatever process (`SigQ`, proc(5)).
pub fn queued() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("SigQ:"))?;
    line.trim().split('/').next()?.parse().ok()
}

/// Lets so many signals be queued for the user by this process (RLIMIT_SIGPENDING); the hard limit
/// stays.
///
/// # Errors
/// What setrlimit(2) lists.
pub fn limit_queue(soft: Option<u64>) -> io::Result<()> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (_, hard) = getrlimit(Resource::RLIMIT_SIGPENDING)?;
    Ok(setrlimit(Resource::RLIMIT_SIGPENDING, soft.map_or(hard, |soft| soft.min(hard)), hard)?)
}

/// A descriptor from which the wake-up signals are read (signalfd(2)).
///
/// # Errors
/// What signalfd(2) lists.
pub fn wakeup_descriptor() -> io::Result<OwnedFd> {
    let set = observer_set();
    let flags = libc::SFD_NONBLOCK | libc::SFD_CLOEXEC;
    // SAFETY: -1 asks for a new descriptor and `set` is a valid set (signalfd(2)).
    let number = unsafe { libc::signalfd(-1, &raw const set, flags) };
    if number < 0 { Err(io::Error::last_os_error()) } else { Ok(owned(number)) }
}

/// Bytes of one `struct signalfd_siginfo`.
pub const SIGINFO_LEN: usize = 128;

/// What one record of a signalfd says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SigInfo {
    /// `ssi_signo`
    pub signo: u32,
    /// `ssi_code`
    pub code: i32,
    /// `ssi_fd`
    pub fd: i32,
    /// `ssi_band`
    pub band: u32,
}

impl SigInfo {
    /// Parses one record; `None` if it is too short.
    pub fn parse(record: &[u8]) -> Option<Self> {
        let word = |at: usize| record.get(at..at + 4)?.try_into().ok();
        Some(Self {
            signo: u32::from_ne_bytes(word(0)?),
            code: i32::from_ne_bytes(word(8)?),
            fd: i32::from_ne_bytes(word(20)?),
            band: u32::from_ne_bytes(word(28)?),
        })
    }

    /// Whether the kernel sent it: of kill(2), tgkill(2) and sigqueue(3) the code is not positive,
    /// and no process may give another one a code that is (`do_rt_sigqueueinfo`).
    pub fn is_kernels(&self) -> bool {
        self.code > 0
    }
}

fn observer_set() -> libc::sigset_t {
    set_of(&[wakeup_signal(), OVERFLOW_SIGNAL])
}

fn set_of(signals: &[i32]) -> libc::sigset_t {
    let mut set = empty_set();
    for signo in signals {
        // SAFETY: `set` is an initialised set (sigsetops(3)).
        let _ = unsafe { libc::sigaddset(&raw mut set, *signo) };
    }
    set
}

fn empty_set() -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: sigemptyset(3) initialises the set that it is given.
    let _ = unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    // SAFETY: sigemptyset(3) has just initialised it.
    unsafe { set.assume_init() }
}

fn holds(set: &libc::sigset_t, signo: i32) -> bool {
    // SAFETY: `set` is an initialised set (sigsetops(3)).
    unsafe { libc::sigismember(set, signo) == 1 }
}

#[cfg(test)]
mod before_main {
    //! The harness starts threads before any test can block a signal; this runs before it.

    extern "C" fn block() {
        let _ = super::block_observer_signals();
    }

    #[used]
    // SAFETY: the loader calls each function of this section once before main (elf(5)).
    #[unsafe(link_section = ".init_array")]
    static BLOCK: extern "C" fn() = block;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn observer_signals_are_blocked_in_threads_started_later() {
        assert!(observer_signals_blocked());
        let inherited = std::thread::spawn(observer_signals_blocked).join();
        assert!(inherited.is_ok_and(|blocked| blocked));
    }

    #[test]
    fn siginfo_is_read_at_its_offsets() {
        let mut record = [0u8; SIGINFO_LEN];
        record[0..4].copy_from_slice(&35u32.to_ne_bytes());
        record[8..12].copy_from_slice(&1i32.to_ne_bytes());
        record[20..24].copy_from_slice(&7i32.to_ne_bytes());
        record[28..32].copy_from_slice(&0x41u32.to_ne_bytes());
        let info = SigInfo { signo: 35, code: 1, fd: 7, band: 0x41 };
        assert_eq!(SigInfo::parse(&record), Some(info));
        assert!(info.is_kernels() && !SigInfo { code: nix::libc::SI_USER, ..info }.is_kernels());
        assert_eq!(SigInfo::parse(&record[..20]), None);
    }
}
