//! What one wait costs by how many descriptors are watched: measured here and now, with eventfds of
//! this process, in nanoseconds of this thread's CPU.

use std::os::fd::{AsFd, AsRawFd};

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::resource::{Resource, getrlimit};
use nix::time::{ClockId, clock_gettime};
use tokio_util::sync::CancellationToken;

use super::update::{ComparePhase, CompareUpdate, CurvePoint, ReadyPlace};
use crate::event::Backend;
use crate::sys::number::{EventRoom, RawPollSet, SelectSet};
use crate::sys::ring::{GETEVENTS, Operation, Ring};

/// So many descriptors are watched, as far as there are so many.
const WATCHED: [u32; 10] = [10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000];
/// Descriptors that are left to the rest of the program.
const LEFT: u64 = 64;
/// A batch of calls takes about so long, in nanoseconds.
const BATCH_NS: f64 = 100_000.0;
/// Batches, of which the median counts.
const BATCHES: usize = 7;
/// Measures point after point, until it is done or the token is cancelled.
pub(super) fn measure(stop: &CancellationToken, tell: &mut dyn FnMut(CompareUpdate)) {
    let files = descriptors();
    let most = u32::try_from(files.len()).unwrap_or(u32::MAX);
    let mut watched: Vec<u32> = WATCHED.into_iter().filter(|n| *n <= most).collect();
    // The end of what can be had is a point, too, if it is not beside another one.
    if watched.last().is_some_and(|last| most > last + last / 4) {
        watched.push(most);
    }
    for count in watched {
        tell(CompareUpdate::Phase(ComparePhase::Curve(count)));
        let files = &files[..usize::try_from(count).unwrap_or(0)];
        for ready in [ReadyPlace::First, ReadyPlace::Middle, ReadyPlace::Last, ReadyPlace::All] {
            let marked = marked(files, ready);
            mark(marked);
            for (word, call) in calls(files, ready) {
                if stop.is_cancelled() {
                    return;
                }
                let name = Backend::parse(word);
                if let (Some(name), Ok(ns)) = (name, call) {
                    tell(CompareUpdate::Point(CurvePoint { name, watched: count, ready, ns }));
                }
            }
            unmark(marked);
        }
    }
}

/// As many eventfds as there is room for, up to the largest number that is measured.
fn descriptors() -> Vec<EventFd> {
    let limit = getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(soft, _)| soft);
    let open = std::fs::read_dir("/proc/self/fd").map_or(0, |names| names.count() as u64);
    let room = limit.saturating_sub(open + LEFT);
    let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
    let made = (0..room.min(10_000)).map_while(|_| EventFd::from_flags(flags).ok());
    made.collect()
}

/// Those that are to be ready.
fn marked(files: &[EventFd], ready: ReadyPlace) -> &[EventFd] {
    let at = match ready {
        ReadyPlace::First => 0,
        ReadyPlace::Middle => files.len() / 2,
        ReadyPlace::Last => files.len() - 1,
        ReadyPlace::All => return files,
    };
    &files[at..=at]
}

/// Makes them ready. An eventfd that was empty has room.
fn mark(files: &[EventFd]) {
    for file in files {
        let _ = file.write(1);
    }
}

/// Takes that back.
fn unmark(files: &[EventFd]) {
    for file in files {
        let _ = file.read();
    }
}

/// What each loop's call costs now. Where the ready one stands is nothing to epoll.
fn calls(
    files: &[EventFd],
    ready: ReadyPlace,
) -> impl Iterator<Item = (&'static str, Result<f64, Errno>)> {
    let epoll = matches!(ready, ReadyPlace::Middle | ReadyPlace::All);
    epoll
        .then(|| ("epoll", epoll_ns(files)))
        .into_iter()
        .chain([("poll", poll_ns(files)), ("select", select_ns(files))])
        .chain(epoll.then(|| ("io_uring", ring_ns(files))))
}

fn epoll_ns(files: &[EventFd]) -> Result<f64, Errno> {
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    for file in files {
        epoll.add(file, EpollEvent::new(EpollFlags::EPOLLIN, 0))?;
    }
    let mut room = EventRoom::new(i32::try_from(files.len()).unwrap_or(i32::MAX))?;
    let number = epoll.0.as_raw_fd();
    time(|| room.call(number, -1))
}

fn poll_ns(files: &[EventFd]) -> Result<f64, Errno> {
    let asked = u32::from(nix::libc::POLLIN.cast_unsigned());
    let fds: Vec<_> = files.iter().map(|file| (file.as_fd().as_raw_fd(), asked)).collect();
    let mut set = RawPollSet::new(&fds);
    time(|| set.call(-1))
}

/// The sets are made anew for each call, as whoever uses select has to.
fn select_ns(files: &[EventFd]) -> Result<f64, Errno> {
    let readable = 1;
    let fds: Vec<_> = files.iter().map(|file| (file.as_fd().as_raw_fd(), readable)).collect();
    let mut set = SelectSet::new(&fds, 1)?;
    time(|| set.call(-1))
}

/// One poll for each file waits in a ring; each call arms those again that have completed.
fn ring_ns(files: &[EventFd]) -> Result<f64, Errno> {
    let entries = u32::try_from(files.len()).unwrap_or(u32::MAX);
    let mut ring: Ring<()> =
        Ring::plain(entries).map_err(|denied| Errno::from_raw(denied.errno()))?;
    let numbers: Vec<i32> = files.iter().map(|file| file.as_fd().as_raw_fd()).collect();
    let mask = u32::from(nix::libc::POLLIN.cast_unsigned());
    let mut due: Vec<u64> = (0..entries.into()).collect();
    time(|| {
        for id in due.drain(..) {
            let fd = usize::try_from(id).ok().and_then(|at| numbers.get(at)).copied();
            let poll = Operation::Poll { fd: fd.unwrap_or(-1), mask, multi: false };
            ring.write(id, poll, ()).map_err(|_| Errno::EBUSY)?;
        }
        let heads = ring.heads();
        ring.enter(heads.sq_tail.wrapping_sub(heads.sq_head), 1, GETEVENTS, None)?;
        due.extend(std::iter::from_fn(|| ring.take()).map(|done| done.id));
        Ok(due.len())
    })
}

/// Nanoseconds of CPU of one call: the median of some batches.
fn time(mut call: impl FnMut() -> Result<usize, Errno>) -> Result<f64, Errno> {
    let mut batch = |calls: u32| -> Result<f64, Errno> {
        let begun = cpu_ns()?;
        for _ in 0..calls {
            // Without an event it would sleep for ever: one is always ready.
            call()?;
        }
        Ok((cpu_ns()? - begun) / f64::from(calls))
    };
    batch(1)?;
    let once = batch(1)?.max(1.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is clamped to a few hundred"
    )]
    let calls = (BATCH_NS / once).clamp(1.0, 500.0) as u32;
    let mut times = Vec::with_capacity(BATCHES);
    for _ in 0..BATCHES {
        times.push(batch(calls)?);
    }
    times.sort_unstable_by(f64::total_cmp);
    Ok(times[BATCHES / 2])
}

/// What this thread has run (CLOCK_THREAD_CPUTIME_ID, clock_gettime(2)).
#[expect(clippy::cast_precision_loss, reason = "nanoseconds of a thread's life")]
fn cpu_ns() -> Result<f64, Errno> {
    let now = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?;
    Ok(now.tv_sec() as f64 * 1e9 + now.tv_nsec() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_finds_what_is_ready() {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let files: Vec<_> = (0..10).filter_map(|_| EventFd::from_flags(flags).ok()).collect();
        for ready in [ReadyPlace::First, ReadyPlace::Middle, ReadyPlace::Last, ReadyPlace::All] {
            let marked = marked(&files, ready);
            assert_eq!(marked.len(), if ready == ReadyPlace::All { 10 } else { 1 });
            mark(marked);
            for (name, ns) in calls(&files, ready) {
                if name == "io_uring" && Ring::<()>::plain(2).is_err() {
                    continue;
                }
                assert!(ns.is_ok_and(|ns| ns > 0.0), "{name}");
            }
            unmark(marked);
        }
    }
}
