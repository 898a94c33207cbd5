//! A call that returned, in full, as `strace -f` prints it: for eyes, grep and diff.

use std::net::SocketAddrV4;

use super::escaped;
use crate::event::{
    CtlOp, Delivery, Domain, Fd, Mask, OpenPath, Output, PollFd, PollSet, Ret, Setup, SocketOption,
    SocketType, Syscall, SyscallRecord, WatchKey,
};
use crate::model::{ScanEntry, ScanSet};

/// Bytes of a buffer, and entries of an array, that strace prints (`-s`, strace(1)).
const SHOWN: usize = 32;
/// Stands for what is not recorded: an address in the caller's memory, the rest of a structure.
const UNKNOWN: &str = "...";

/// The call with its arguments and its result as strace prints them: with the flags that every such
/// call of this program has, under the name of the system call that the C library makes of it, and
/// without the padding before the result. What the record does not hold is `...`, and so is
/// `epoll_event.data` unless `data` says what the registration has there. `set` is what a server
/// passes to its poll(2) or select(2), of which the record itself only has the number.
///
/// ```
/// use epollscope::event::{CtlOp, Errno, Fd, FileId, Mask, Nanos, Output, Ret, Syscall, SyscallRecord};
/// use epollscope::text::strace;
///
/// let call = Syscall::EpollCtl { ep: Fd(3), op: CtlOp::Add, fd: Fd(7), mask: Mask::IN, file: FileId(9) };
/// let record = SyscallRecord {
///     call,
///     ret: Ret::err(Errno::EEXIST),
///     output: Output::None,
///     started: Nanos(0),
/// };
/// assert_eq!(
///     strace::line(&record, |key| Some(key.data()), None),
///     "epoll_ctl(3, EPOLL_CTL_ADD, 7, {events=EPOLLIN, data={u32=9, u64=30064771081}}) = -1 EEXIST \
///      (File exists)"
/// );
/// ```
pub fn line(
    record: &SyscallRecord,
    data: impl Fn(WatchKey) -> Option<u64>,
    set: Option<&ScanSet>,
) -> String {
    let SyscallRecord { call, ret, output, .. } = record;
    let scanned = set;
    let text = match *call {
        Syscall::EpollCreate => "epoll_create1(EPOLL_CLOEXEC)".to_owned(),
        Syscall::EpollCtl { ep, op: CtlOp::Del, fd, .. } => {
            format!("epoll_ctl({ep}, EPOLL_CTL_DEL, {fd}, {UNKNOWN})")
        }
        Syscall::EpollCtl { ep, op, fd, mask, file } => {
            format!(
                "epoll_ctl({ep}, {}, {fd}, {})",
                operation(op),
                event(mask, data(WatchKey { fd, file }))
            )
        }
        Syscall::EpollWait { ep, max, timeout_ms } => {
            format!("epoll_wait({ep}, {}, {max}, {timeout_ms})", reported(*ret, output, data))
        }
        Syscall::Accept { fd } => {
            format!("accept4({fd}, NULL, NULL, SOCK_CLOEXEC|SOCK_NONBLOCK)")
        }
        Syscall::Read { fd, len } => format!("read({fd}, {}, {len})", got(*ret, output)),
        Syscall::Write { fd, len } => format!("write({fd}, {}, {len})", given(*ret, output, len)),
        Syscall::Send { fd, len } => {
            let data = given(*ret, output, len);
            format!("sendto({fd}, {data}, {len}, MSG_NOSIGNAL, NULL, 0)")
        }
        Syscall::Shutdown { fd, how } => format!("shutdown({fd}, {how})"),
        Syscall::Close { fd } => format!("close({fd})"),
        Syscall::Dup { fd } => format!("dup({fd})"),
        Syscall::SetFlags { fd, blocking } => {
            // The other flags are kept as they are.
            let flags = if blocking { "O_RDWR" } else { "O_RDWR|O_NONBLOCK" };
            format!("fcntl({fd}, F_SETFL, {flags}{UNKNOWN})")
        }
        Syscall::Poll { set, timeout_ms } => {
            format!("poll({}, {}, {timeout_ms})", polled(&set, scanned), set.count())
        }
        Syscall::Select { set, timeout_ms } => selected(&set, timeout_ms, scanned),
        Syscall::UringSetup { entries, flags, .. } => {
            format!("io_uring_setup({entries}, {{flags={}, {UNKNOWN}}})", ring_setup(flags))
        }
        Syscall::UringRegister { ring, .. } => {
            format!("io_uring_register({ring}, IORING_REGISTER_PBUF_RING, {UNKNOWN}, 1)")
        }
        Syscall::UringEnter { ring, submit, wait, flags } => {
            let (words, rest) = ring_enter(flags);
            format!("io_uring_enter({ring}, {submit}, {wait}, {words}, {rest})")
        }
        Syscall::Setup(call) => setup(&call, output),
    };
    format!("{text} = {}", result(call, *ret, output))
}

/// The flags of io_uring_setup(2) by their names.
fn ring_setup(flags: u32) -> String {
    let names = [
        (1 << 3, "IORING_SETUP_CQSIZE"),
        (1 << 8, "IORING_SETUP_COOP_TASKRUN"),
        (1 << 9, "IORING_SETUP_TASKRUN_FLAG"),
        // SINGLE_ISSUER has no name in strace before 6.2.
        (1 << 12, UNKNOWN),
    ];
    let known = names.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, name)| *name);
    let words: Vec<_> = known.collect();
    if words.is_empty() { "0".to_owned() } else { words.join("|") }
}

/// The flags of io_uring_enter(2), and what follows them: no signal mask of 8 bytes, or a timeout.
fn ring_enter(flags: u32) -> (&'static str, String) {
    match flags {
        0 => ("0", "NULL, 8".to_owned()),
        1 => ("IORING_ENTER_GETEVENTS", "NULL, 8".to_owned()),
        _ => ("IORING_ENTER_GETEVENTS|IORING_ENTER_EXT_ARG", format!("{UNKNOWN}, 24")),
    }
}

fn operation(op: CtlOp) -> String {
    match op {
        CtlOp::Add | CtlOp::Mod | CtlOp::Del => op.to_string(),
        CtlOp::Invalid(number) => format!("{number:#x} /* EPOLL_CTL_??? */"),
    }
}

fn event(mask: Mask, data: Option<u64>) -> String {
    let events = bits("EPOLL", mask);
    let data = data.map_or_else(
        || UNKNOWN.to_owned(),
        |data| format!("{{u32={}, u64={data}}}", data & 0xffff_ffff),
    );
    format!("{{events={events}, data={data}}}")
}

/// The names of the bits, in the order in which strace has them: those that say how come last, and
/// EXCLUSIVE before WAKEUP before ONESHOT.
fn bits(prefix: &str, mask: Mask) -> String {
    if mask.is_empty() {
        return "0".to_owned();
    }
    // strace's own order (xlat/epollevents.in): the normal and band bits come before ERR and HUP.
    let order = [
        Mask::IN,
        Mask::PRI,
        Mask::OUT,
        Mask::RDNORM,
        Mask::RDBAND,
        Mask::WRNORM,
        Mask::WRBAND,
        Mask::ERR,
        Mask::HUP,
        Mask::RDHUP,
        Mask::EXCLUSIVE,
        Mask::WAKEUP,
        Mask::ONESHOT,
        Mask::ET,
    ];
    let named = order.into_iter().filter(|bit| mask.has(*bit));
    let mut words: Vec<String> = named.clone().map(|bit| format!("{prefix}{bit}")).collect();
    let rest = named.fold(mask, |left, bit| left - bit);
    if !rest.is_empty() {
        words.push(format!("{:#x}", rest.0));
    }
    words.join("|")
}

fn reported(ret: Ret, output: &Output, data: impl Fn(WatchKey) -> Option<u64>) -> String {
    let one = |e: &Delivery| event(e.mask, data(WatchKey { fd: e.fd, file: e.file }));
    match (ret.value(), output) {
        (Some(0), _) => "[]".to_owned(),
        (Some(_), Output::Events { events, .. }) => array(events.iter().map(one), events.len()),
        _ => UNKNOWN.to_owned(),
    }
}

fn array(entries: impl Iterator<Item = String>, count: usize) -> String {
    let mut shown: Vec<_> = entries.take(SHOWN).collect();
    if count > shown.len() {
        shown.push(UNKNOWN.to_owned());
    }
    format!("[{}]", shown.join(", "))
}

/// The buffer of a call that reads.
fn got(ret: Ret, output: &Output) -> String {
    match (ret.count(), output) {
        (Some(0), _) => "\"\"".to_owned(),
        (Some(n), Output::Data(head)) => buffer(head, n),
        _ => UNKNOWN.to_owned(),
    }
}

/// The buffer of a call that writes: what it did not take is not recorded.
fn given(ret: Ret, output: &Output, len: u32) -> String {
    match (ret.count(), output) {
        (Some(n), Output::Data(head)) if n == len || head.len() >= SHOWN => buffer(head, len),
        _ if len == 0 => "\"\"".to_owned(),
        _ => UNKNOWN.to_owned(),
    }
}

/// The beginning of a buffer of that length; `...` if not even that was recorded.
fn buffer(head: &[u8], len: u32) -> String {
    let len = usize::try_from(len).unwrap_or(usize::MAX);
    if head.len() < len.min(SHOWN) {
        return UNKNOWN.to_owned();
    }
    let cut = if len > SHOWN { UNKNOWN } else { "" };
    let shown = &head[..len.min(SHOWN)];
    format!("\"{}\"{cut}", escaped(shown, usize::MAX).0)
}

fn polled(set: &PollSet, scanned: Option<&ScanSet>) -> String {
    let one = |p: PollFd| format!("{{fd={}, events={}}}", p.fd, bits("POLL", p.events));
    let own = |e: &ScanEntry| PollFd { fd: e.key.fd, events: e.events };
    let count = set.count() as usize;
    match scanned.filter(|own| set.is_counted() && own.len() == count) {
        Some(scanned) => array(scanned.iter().map(own).map(one), count),
        None => array(set.first().iter().copied().map(one), count),
    }
}

/// The numbers of a set of select(2).
fn numbers(fds: impl Iterator<Item = Fd>) -> String {
    let mut numbers: Vec<_> = fds.collect();
    numbers.sort_unstable();
    let words: Vec<_> = numbers.iter().map(ToString::to_string).collect();
    format!("[{}]", words.join(" "))
}

/// select(2), which the C library makes by pselect6: a set of numbers for each condition.
fn selected(set: &PollSet, timeout_ms: i32, scanned: Option<&ScanSet>) -> String {
    let all = !set.is_counted() && set.count() as usize <= PollSet::SHOWN;
    let own = scanned.filter(|own| set.is_counted() && own.bits() == set.count() as usize);
    let asked = |bit: Mask| set.first().iter().filter(move |p| p.events.has(bit)).map(|p| p.fd);
    let of = |bit: Mask| match own {
        Some(own) => numbers(own.iter().filter(|e| e.events.has(bit)).map(|e| e.key.fd)),
        None if all && asked(bit).next().is_some() => numbers(asked(bit)),
        // Who is in no set was in one before: what select has left behind is given again.
        None if all && set.first().iter().all(|p| !p.events.is_empty()) => "NULL".to_owned(),
        None => UNKNOWN.to_owned(),
    };
    let end = set.nfds().map_or_else(|| UNKNOWN.to_owned(), |end| end.to_string());
    let timeout = match u32::try_from(timeout_ms) {
        Ok(ms) => timespec(ms),
        Err(_) => "NULL".to_owned(),
    };
    let [read, write, except] = [of(Mask::IN), of(Mask::OUT), of(Mask::PRI)];
    if set.is_counted() {
        // The server has no use for the third set, and the C library's select passes no mask.
        let mask = "{sigmask=NULL, sigsetsize=8}";
        return format!("pselect6({end}, {read}, {write}, NULL, {timeout}, {mask})");
    }
    format!("pselect6({end}, {read}, {write}, {except}, {timeout}, {UNKNOWN})")
}

/// What a poll(2) or select(2) found.
fn answered(call: &Syscall, ready: &[Delivery]) -> String {
    if let Syscall::Select { timeout_ms, .. } = call {
        let of = |bit: Mask| ready.iter().filter(move |d| d.mask.has(bit)).map(|d| d.fd);
        let sets = [("in", Mask::IN), ("out", Mask::OUT)];
        let sets = sets.into_iter().filter(|(_, bit)| of(*bit).next().is_some());
        let mut words: Vec<_> =
            sets.map(|(word, bit)| format!("{word} {}", numbers(of(bit)))).collect();
        if *timeout_ms >= 0 {
            words.push(format!("left {UNKNOWN}"));
        }
        return words.join(", ");
    }
    let one = |d: &Delivery| format!("{{fd={}, revents={}}}", d.fd, bits("POLL", d.mask));
    array(ready.iter().map(one), ready.len())
}

fn timespec(ms: u32) -> String {
    format!("{{tv_sec={}, tv_nsec={}}}", ms / 1000, u64::from(ms % 1000) * 1_000_000)
}

fn setup(call: &Setup, output: &Output) -> String {
    let pair = match output {
        Output::Pair([a, b]) => format!("[{a}, {b}]"),
        _ => UNKNOWN.to_owned(),
    };
    match *call {
        Setup::Socket { domain, kind } => {
            let protocol = match domain {
                Domain::Unix => "0",
                Domain::Inet => "IPPROTO_IP",
            };
            format!("socket({}, {}, {protocol})", family(domain), socket_type(kind))
        }
        Setup::Socketpair { kind } => {
            format!("socketpair(AF_UNIX, {}, 0, {pair})", socket_type(kind))
        }
        Setup::Bind { fd, address } => format!("bind({fd}, {})", sockaddr(address)),
        Setup::Listen { fd, backlog } => format!("listen({fd}, {backlog})"),
        Setup::Connect { fd, address } => format!("connect({fd}, {})", sockaddr(address)),
        Setup::Setsockopt { fd, option } => format!("setsockopt({fd}, {})", self::option(option)),
        Setup::Pipe => format!("pipe2({pair}, O_NONBLOCK|O_CLOEXEC)"),
        Setup::SetPipeSize { fd, bytes } => format!("fcntl({fd}, F_SETPIPE_SZ, {bytes})"),
        Setup::DupFrom { fd, least } => format!("fcntl({fd}, F_DUPFD, {least})"),
        Setup::Eventfd { initval, semaphore: false } => {
            format!("eventfd2({initval}, EFD_CLOEXEC|EFD_NONBLOCK)")
        }
        Setup::Eventfd { initval, semaphore: true } => {
            format!("eventfd2({initval}, EFD_SEMAPHORE|EFD_CLOEXEC|EFD_NONBLOCK)")
        }
        Setup::TimerfdCreate => {
            "timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC|TFD_NONBLOCK)".to_owned()
        }
        Setup::TimerfdSettime { fd, first_ms, interval_ms } => {
            let [interval, first] = [timespec(interval_ms), timespec(first_ms)];
            format!("timerfd_settime({fd}, 0, {{it_interval={interval}, it_value={first}}}, NULL)")
        }
        Setup::SetOwner { fd, pid } => format!("fcntl({fd}, F_SETOWN, {pid})"),
        Setup::SetSignal { fd, signo } => format!("fcntl({fd}, F_SETSIG, {})", signal(signo)),
        Setup::SetFlags { fd, blocking, signals } => {
            let nonblock = if blocking { "" } else { "|O_NONBLOCK" };
            let signals = if signals { "|O_ASYNC" } else { "" };
            format!("fcntl({fd}, F_SETFL, O_RDONLY{nonblock}{signals})")
        }
        Setup::Sigtimedwait => format!("rt_sigtimedwait([IO RT_3], {UNKNOWN}, {UNKNOWN}, 8)"),
        Setup::SetrlimitSignals { soft } => {
            let soft = soft.map_or_else(|| UNKNOWN.to_owned(), |soft| soft.to_string());
            format!("prlimit64(0, RLIMIT_SIGPENDING, {{rlim_cur={soft}, {UNKNOWN}}}, NULL)")
        }
        Setup::MemfdCreate => "memfd_create(\"file\", MFD_CLOEXEC)".to_owned(),
        Setup::Open { path } => {
            let mode = match path {
                OpenPath::Root => "O_RDONLY|O_NONBLOCK|O_DIRECTORY|O_CLOEXEC",
                OpenPath::DevNull => "O_RDWR|O_NONBLOCK|O_CLOEXEC",
            };
            format!("openat(AT_FDCWD, \"{}\", {mode})", path.path())
        }
        Setup::Tgkill { tid } => format!("tgkill({UNKNOWN}, {tid}, SIGUSR1)"),
        Setup::Setrlimit { soft: Some(soft) } => {
            format!("prlimit64(0, RLIMIT_NOFILE, {{rlim_cur={soft}, {UNKNOWN}}}, NULL)")
        }
        Setup::Setrlimit { soft: None } => format!("prlimit64(0, RLIMIT_NOFILE, {UNKNOWN}, NULL)"),
    }
}

/// A realtime signal by its distance from the kernel's first one.
fn signal(signo: u32) -> String {
    format!("SIGRT_{}", signo.saturating_sub(32))
}

fn family(domain: Domain) -> &'static str {
    match domain {
        Domain::Inet => "AF_INET",
        Domain::Unix => "AF_UNIX",
    }
}

fn socket_type(kind: SocketType) -> &'static str {
    match kind {
        SocketType::Stream => "SOCK_STREAM|SOCK_CLOEXEC|SOCK_NONBLOCK",
        SocketType::Dgram => "SOCK_DGRAM|SOCK_CLOEXEC|SOCK_NONBLOCK",
    }
}

/// An address and its length.
fn sockaddr(address: SocketAddrV4) -> String {
    format!(
        "{{sa_family=AF_INET, sin_port=htons({}), sin_addr=inet_addr(\"{}\")}}, 16",
        address.port(),
        address.ip()
    )
}

/// Level, name, value and length of an option.
fn option(option: SocketOption) -> String {
    match option {
        SocketOption::RcvLowat(value) => format!("SOL_SOCKET, SO_RCVLOWAT, [{value}], 4"),
        SocketOption::SndBuf(value) => format!("SOL_SOCKET, SO_SNDBUF, [{value}], 4"),
        SocketOption::RcvBuf(value) => format!("SOL_SOCKET, SO_RCVBUF, [{value}], 4"),
        SocketOption::Linger(seconds) => {
            format!("SOL_SOCKET, SO_LINGER, {{l_onoff=1, l_linger={seconds}}}, 8")
        }
        SocketOption::NoDelay(on) => format!("SOL_TCP, TCP_NODELAY, [{}], 4", u8::from(on)),
    }
}

fn result(call: &Syscall, ret: Ret, output: &Output) -> String {
    let asks_many = matches!(call, Syscall::Poll { .. } | Syscall::Select { .. });
    if let (Some(found @ 1..), Output::Scan { ready, .. }) = (ret.value(), output) {
        return format!("{found} ({})", answered(call, ready));
    }
    match (ret.errno(), ret.raw()) {
        (Some(errno), _) => {
            let text = errno.description().unwrap_or("Unknown error");
            format!("-1 {errno} ({text})")
        }
        (None, 0) if asks_many => "0 (Timeout)".to_owned(),
        (None, found) if asks_many => format!("{found} ({UNKNOWN})"),
        (None, value) => value.to_string(),
    }
}
