//! Whether a thread of this process sleeps, and in which call: `/proc/self/task/TID/syscall` and
//! `status` (proc(5)).

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;

use nix::libc;

/// The files of one thread. They stay open and are read from their beginning each time.
#[derive(Debug)]
pub struct Task {
    /// Some systems hide it.
    syscall: Option<File>,
    status: File,
}

/// What a look at a thread says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskLook {
    /// It sleeps and a signal would wake it (`S`).
    pub interruptible: bool,
    /// It sleeps at all: not even a signal may wake it (`S` or `D`).
    pub asleep: bool,
    /// The number of the system call in which it is off the processor; `None` while it runs, or
    /// where the system does not tell.
    pub call: Option<i64>,
    /// How often it has gone to sleep (`voluntary_ctxt_switches`).
    pub sleeps: u64,
}

/// The numbers under which the C library may wait for many files at once.
const WAITS: &[i64] = &[
    #[cfg(target_arch = "x86_64")]
    libc::SYS_epoll_wait,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
    libc::SYS_ppoll,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_select,
    libc::SYS_pselect6,
    libc::SYS_io_uring_enter,
];

impl TaskLook {
    /// Whether it sleeps in `epoll_wait`, `poll` or `select`; `None` where the system does not tell
    /// in which call it sleeps.
    pub fn sleeps_in_wait(&self, tells_call: bool) -> Option<bool> {
        if !self.interruptible {
            return Some(false);
        }
        tells_call.then(|| self.call.is_some_and(|call| WAITS.contains(&call)))
    }
}

impl Task {
    /// Opens the files of thread `tid` of this process; `keep` may move their descriptors.
    ///
    /// # Errors
    /// What open(2) lists; `NotFound` if the thread is gone.
    pub fn open(tid: u32, keep: impl Fn(OwnedFd) -> OwnedFd) -> io::Result<Self> {
        let open = |name: &str| File::open(format!("/proc/self/task/{tid}/{name}"));
        let kept = |file: File| File::from(keep(file.into()));
        Ok(Self { syscall: open("syscall").ok().map(kept), status: kept(open("status")?) })
    }

    /// Whether the system tells the call in which a thread sleeps.
    pub fn tells_call(&self) -> bool {
        self.syscall.is_some()
    }

    /// Looks at the thread. The call is asked first: a thread that the kernel finds off the
    /// processor in a call, and that has gone to sleep as often at a second look, has slept from
    /// the end of the first look to the beginning of the second.
    ///
    /// # Errors
    /// What read(2) lists; ESRCH if the thread is gone.
    pub fn look(&self) -> io::Result<TaskLook> {
        let mut room = [0; 8192];
        let call = match &self.syscall {
            Some(file) => {
                let len = file.read_at(&mut room, 0)?;
                parse_call(&String::from_utf8_lossy(&room[..len]))
            }
            None => None,
        };
        let len = self.status.read_at(&mut room, 0)?;
        Ok(parse_status(&String::from_utf8_lossy(&room[..len]), call))
    }
}

/// `232 0x4 0x7ffd... ...`, `running`, or `-1 ...` for a thread that sleeps outside a call.
fn parse_call(text: &str) -> Option<i64> {
    text.split_whitespace().next()?.parse().ok()
}

fn parse_status(text: &str, call: Option<i64>) -> TaskLook {
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
    let state = field("State:").and_then(|state| state.trim_start().chars().next());
    let sleeps = field("voluntary_ctxt_switches:").and_then(|count| count.trim().parse().ok());
    TaskLook {
        interruptible: state == Some('S'),
        asleep: matches!(state, Some('S' | 'D')),
        call,
        sleeps: sleeps.unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn the_lines_of_both_files_are_understood() {
        let text = "Name:\tepollscope\nState:\tS (sleeping)\nTgid:\t1\n\
            voluntary_ctxt_switches:\t17\nnonvoluntary_ctxt_switches:\t2\n";
        let expected = TaskLook { interruptible: true, asleep: true, call: Some(232), sleeps: 17 };
        assert_eq!(parse_status(text, parse_call("232 0x4 0x7f 0x40 0x0")), expected);
        assert_eq!(parse_call("running\n"), None);
        assert_eq!(parse_call("-1 0x7ffc 0x7f\n"), Some(-1));
        let waits = parse_status("State:\tD (disk sleep)\n", None);
        assert_eq!((waits.interruptible, waits.asleep), (false, true));
        assert!(!parse_status("State:\tR (running)\n", None).asleep);
    }

    #[test]
    fn a_thread_that_waits_is_seen_asleep_in_its_call() {
        let (tell, told) = mpsc::channel();
        let (r, w) = nix::unistd::pipe().expect("pipe");
        let reader = std::thread::spawn(move || {
            tell.send(nix::unistd::gettid().as_raw()).expect("somebody listens");
            nix::unistd::read(&r, &mut [0])
        });
        let tid = u32::try_from(told.recv().expect("a number")).expect("positive");
        let task = Task::open(tid, |fd| fd).expect("proc");
        let in_read = |look: TaskLook| look.interruptible && look.call == Some(nix::libc::SYS_read);
        while !in_read(task.look().expect("look")) {
            std::thread::yield_now();
        }
        let first = task.look().expect("look");
        assert_eq!(task.look().expect("look").sleeps, first.sleeps);
        assert_eq!(nix::unistd::write(&w, b"x"), Ok(1));
        assert_eq!(reader.join().expect("thread"), Ok(1));
    }
}
