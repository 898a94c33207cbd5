//! Sockets: `accept4`, `TCP_INFO`, and the signal that each wake-up of a socket sends.
#![expect(unsafe_code, reason = "getsockopt(2) and fcntl(2) in forms that nix lacks")]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{SockFlag, accept4};

use super::descriptor::raw::owned;

/// Accepts a connection, non-blocking and close-on-exec.
///
/// # Errors
/// What accept(2) lists.
pub fn accept(listener: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    accept4(listener.as_raw_fd(), flags).map(owned)
}

/// The part of `struct tcp_info` that is of use here. What an old kernel does not tell is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpInfo {
    /// `tcpi_state`, one of the `TCP_*` states of `<netinet/tcp.h>`.
    pub state: u8,
    /// `tcpi_unacked`; for a listener, connections waiting to be accepted.
    pub unacked: u32,
    /// `tcpi_sacked`; for a listener, the limit of its queue.
    pub sacked: u32,
    /// `tcpi_bytes_received`: bytes that came in order; the end of the stream counts as one.
    pub received: u64,
    /// `tcpi_notsent_bytes`: bytes written that have not been sent at all yet.
    pub unsent: u32,
    /// `tcpi_snd_wnd`: bytes that the other end had room for when it acknowledged last.
    pub window: u32,
    /// `tcpi_rcv_mss`: bytes of a segment that it receives, more or less.
    pub segment: u32,
    /// `tcpi_rcv_wnd`: bytes that it said it has room for itself; none on Linux before 6.2.
    pub own_window: Option<u32>,
}

/// Where `tcpi_rcv_mss` is in `struct tcp_info`.
const SEGMENT: usize = 20;
/// Where `tcpi_unacked` is in `struct tcp_info`; `tcpi_sacked` follows it.
const UNACKED: usize = 24;
/// Where `tcpi_bytes_received` is.
const RECEIVED: usize = 128;
/// Where `tcpi_notsent_bytes` is.
const NOTSENT: usize = 144;
/// Where `tcpi_snd_wnd` is.
const WINDOW: usize = 228;
/// Where `tcpi_rcv_wnd` is.
const OWN_WINDOW: usize = 232;
/// Up to the end of `tcpi_rcv_wnd`.
const INFO_LEN: usize = 236;

/// What `TCP_INFO` says of descriptor number `fd`.
///
/// # Errors
/// What getsockopt(2) lists: EOPNOTSUPP for a socket that is not TCP, EBADF if the number is gone.
pub fn tcp_info(fd: i32) -> io::Result<TcpInfo> {
    let mut info = [0u8; INFO_LEN];
    let mut len = libc::socklen_t::try_from(INFO_LEN).unwrap_or(0);
    // SAFETY: getsockopt(2) writes at most `len` bytes, which `info` has; the kernel checks the
    // number.
    let done = unsafe {
        libc::getsockopt(
            fd,
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            info.as_mut_ptr().cast(),
            &raw mut len,
        )
    };
    if done < 0 {
        return Err(io::Error::last_os_error());
    }
    let word = |at: usize| u32::from_ne_bytes([info[at], info[at + 1], info[at + 2], info[at + 3]]);
    let received = info[RECEIVED..].first_chunk().map_or(0, |bytes| u64::from_ne_bytes(*bytes));
    Ok(TcpInfo {
        state: info[0],
        unacked: word(UNACKED),
        sacked: word(UNACKED + 4),
        received,
        unsent: word(NOTSENT),
        window: word(WINDOW),
        segment: word(SEGMENT),
        own_window: (len as usize >= INFO_LEN).then(|| word(OWN_WINDOW)),
    })
}

/// What a socket's memory is used for (SO_MEMINFO, socket(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Bytes that what was written and not acknowledged takes (SK_MEMINFO_WMEM_QUEUED).
    pub queued: u32,
    /// Bytes that it may take (SK_MEMINFO_SNDBUF).
    pub limit: u32,
    /// Bytes that what came and was not read takes (SK_MEMINFO_RMEM_ALLOC).
    pub received: u32,
    /// Bytes that it may take (SK_MEMINFO_RCVBUF).
    pub room: u32,
}

impl Memory {
    /// Whether poll calls a TCP socket writable that uses so much: a third of what it may send is
    /// free (`sk_stream_is_writeable`).
    pub fn is_writable(self) -> bool {
        self.queued < self.limit && self.limit - self.queued >= self.queued / 2
    }
}

/// What SO_MEMINFO says of descriptor number `fd`.
///
/// # Errors
/// What getsockopt(2) lists.
pub fn memory(fd: i32) -> io::Result<Memory> {
    // SK_MEMINFO_VARS of <linux/sock_diag.h>
    let mut words = [0u32; 9];
    let mut len = libc::socklen_t::try_from(size_of_val(&words)).unwrap_or(0);
    // SAFETY: getsockopt(2) writes at most `len` bytes, which `words` has; the kernel checks the
    // number.
    let done = unsafe {
        libc::getsockopt(
            fd,
            libc::SOL_SOCKET,
            libc::SO_MEMINFO,
            words.as_mut_ptr().cast(),
            &raw mut len,
        )
    };
    if done < 0 {
        return Err(io::Error::last_os_error());
    }
    let [received, room, _, limit, _, queued, ..] = words;
    Ok(Memory { queued, limit, received, room })
}

/// Asks for an acknowledgement that TCP holds back to go with data (TCP_QUICKACK, tcp(7)).
///
/// # Errors
/// What setsockopt(2) lists.
pub fn acknowledge(fd: i32) -> Result<(), Errno> {
    set(fd, libc::IPPROTO_TCP, libc::TCP_QUICKACK, &1)
}

/// Sets the option `option` of the level `SOL_SOCKET` to `value`.
///
/// # Errors
/// What setsockopt(2) lists.
pub fn set_option(fd: i32, option: i32, value: i32) -> Result<(), Errno> {
    set(fd, libc::SOL_SOCKET, option, &value)
}

/// `SO_LINGER` with so many seconds: with 0 the last close resets the connection (socket(7)).
///
/// # Errors
/// What setsockopt(2) lists.
pub fn set_linger(fd: i32, seconds: i32) -> Result<(), Errno> {
    set(fd, libc::SOL_SOCKET, libc::SO_LINGER, &libc::linger { l_onoff: 1, l_linger: seconds })
}

/// `TCP_NODELAY` (tcp(7)).
///
/// # Errors
/// What setsockopt(2) lists.
pub fn set_no_delay(fd: i32, on: bool) -> Result<(), Errno> {
    set(fd, libc::IPPROTO_TCP, libc::TCP_NODELAY, &libc::c_int::from(on))
}

fn set<T: Copy>(fd: i32, level: i32, option: i32, value: &T) -> Result<(), Errno> {
    let len = libc::socklen_t::try_from(size_of::<T>()).map_err(|_| Errno::EINVAL)?;
    let value = std::ptr::from_ref(value).cast();
    // SAFETY: the kernel reads `len` bytes, which the value has (setsockopt(2)).
    let done = unsafe { libc::setsockopt(fd, level, option, value, len) };
    Errno::result(done).map(drop)
}

/// The option `option` of the level `SOL_SOCKET`.
///
/// # Errors
/// What getsockopt(2) lists.
pub fn option(fd: i32, option: i32) -> Result<i32, Errno> {
    let mut value: libc::c_int = 0;
    let mut len = libc::socklen_t::try_from(size_of::<libc::c_int>()).unwrap_or(0);
    let into = (&raw mut value).cast();
    // SAFETY: the kernel writes at most `len` bytes, which `value` has (getsockopt(2)).
    let done = unsafe { libc::getsockopt(fd, libc::SOL_SOCKET, option, into, &raw mut len) };
    Errno::result(done).map(|_| value)
}

/// `F_SETSIG` of `<asm-generic/fcntl.h>`, the same on every architecture.
const F_SETSIG: i32 = 10;

/// Makes each wake-up of `fd` send signal number `signo` to the process.
///
/// # Errors
/// What fcntl(2) lists; EINVAL for a bad signal number.
pub fn signal_wakeups(fd: BorrowedFd<'_>, signo: i32) -> io::Result<()> {
    let pid = nix::unistd::getpid().as_raw();
    control(fd, libc::F_SETOWN, pid)?;
    control(fd, F_SETSIG, signo)?;
    let flags = control(fd, libc::F_GETFL, 0)?;
    control(fd, libc::F_SETFL, flags | libc::O_ASYNC).map(drop)
}

/// Wake-ups of `fd` send no signal any more.
///
/// # Errors
/// What fcntl(2) lists.
pub fn silence_wakeups(fd: BorrowedFd<'_>) -> io::Result<()> {
    let flags = control(fd, libc::F_GETFL, 0)?;
    control(fd, libc::F_SETFL, flags & !libc::O_ASYNC).map(drop)
}

/// `F_SETOWN`: signals of `fd` go to process `pid`.
///
/// # Errors
/// What fcntl(2) lists.
pub fn set_owner(fd: i32, pid: i32) -> Result<(), Errno> {
    number(fd, libc::F_SETOWN, pid)
}

/// `F_SETSIG`: they have this number.
///
/// # Errors
/// What fcntl(2) lists.
pub fn set_signal(fd: i32, signo: i32) -> Result<(), Errno> {
    number(fd, F_SETSIG, signo)
}

/// `F_SETFL`: the status flags are these alone. The bits that say how the file was opened do not
/// count.
///
/// # Errors
/// What fcntl(2) lists.
pub fn set_flags(fd: i32, blocking: bool, signals: bool) -> Result<(), Errno> {
    let nonblock = if blocking { 0 } else { libc::O_NONBLOCK };
    number(fd, libc::F_SETFL, nonblock | if signals { libc::O_ASYNC } else { 0 })
}

fn number(fd: i32, command: i32, argument: i32) -> Result<(), Errno> {
    // SAFETY: F_SETOWN, F_SETSIG and F_SETFL take an int and touch no memory (fcntl(2)).
    let done = unsafe { libc::fcntl(fd, command, argument) };
    Errno::result(done).map(drop)
}

fn control(fd: BorrowedFd<'_>, command: i32, argument: i32) -> io::Result<i32> {
    // SAFETY: F_SETOWN, F_SETSIG, F_GETFL and F_SETFL take an int and touch no memory (fcntl(2)).
    let value = unsafe { libc::fcntl(fd.as_raw_fd(), command, argument) };
    if value < 0 { Err(io::Error::last_os_error()) } else { Ok(value) }
}
