//! What the kernel says of another process: how long its threads ran, how often they slept, how much
//! memory it has (proc(5)).

use std::fs;
use std::io;

/// What the threads of a process have done, all but its first one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Usage {
    /// Nanoseconds on a processor (`schedstat`).
    pub(super) cpu_ns: u64,
    /// How often they went to sleep by themselves (`voluntary_ctxt_switches` of `status`).
    pub(super) sleeps: u64,
}

/// AskRule for each thread of the process; the first one, which only answers, is left out. A thread
/// that ends meanwhile is left out, too. The kernel's own threads for io_uring (`iou-wrk`) are
/// threads of the process.
///
/// # Errors
/// If there is no such process, or /proc is not mounted.
pub(super) fn usage(pid: u32) -> io::Result<Usage> {
    let mut usage = Usage::default();
    let first = pid.to_string();
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let task = task?;
        if task.file_name().to_str() == Some(&first) {
            continue;
        }
        let read = |name: &str| fs::read_to_string(task.path().join(name)).unwrap_or_default();
        usage.cpu_ns += run_ns(&read("schedstat"));
        usage.sleeps += field(&read("status"), "voluntary_ctxt_switches:");
    }
    Ok(usage)
}

/// KiB that the process has in memory (`VmRSS` of `status`); the kernel's own for it, such as the
/// stacks of its threads, are not among them.
///
/// # Errors
/// As [`usage`].
pub(super) fn resident_kib(pid: u32) -> io::Result<u64> {
    Ok(field(&fs::read_to_string(format!("/proc/{pid}/status"))?, "VmRSS:"))
}

/// The first number of `schedstat`: nanoseconds on a processor.
fn run_ns(text: &str) -> u64 {
    text.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(0)
}

/// The number behind a name at the beginning of a line.
fn field(text: &str, name: &str) -> u64 {
    let rest = text.lines().find_map(|line| line.strip_prefix(name));
    let word = rest.and_then(|rest| rest.split_whitespace().next());
    word.and_then(|word| word.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_proc_are_understood() {
        assert_eq!(run_ns("123456 789 12\n"), 123_456);
        let status = "Name:\tT1\nVmRSS:\t    3120 kB\nvoluntary_ctxt_switches:\t17\n\
            nonvoluntary_ctxt_switches:\t2\n";
        assert_eq!(field(status, "voluntary_ctxt_switches:"), 17);
        assert_eq!(field(status, "VmRSS:"), 3120);
        assert_eq!((run_ns(""), field("", "VmRSS:")), (0, 0));
    }

    #[test]
    fn a_process_has_memory_and_one_that_is_gone_has_nothing() {
        assert!(resident_kib(std::process::id()).expect("proc") > 100);
        // No process has the number 0.
        assert!(usage(0).is_err() && resident_kib(0).is_err());
    }
}
