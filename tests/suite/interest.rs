//! The interest list, folded from the program's lines, against `/proc/PID/fdinfo`, whenever nothing
//! happens.

use std::collections::BTreeMap;

use epollscope::event::Mask;
use serde_json::Value;

use crate::harness::{Client, Server};
use epollscope::lesson::random::Rng;

/// Registrations by their numbers. No number is watched twice: the server keeps no copies here.
type List = BTreeMap<i64, Mask>;

/// The interest list as the kernel has it.
fn fdinfo(server: &Server) -> List {
    let path = format!("/proc/{}/fdinfo/{}", server.pid(), server.epoll());
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text.lines().filter(|line| line.starts_with("tfd:"));
    let entry = |line: &str| {
        let words: Vec<_> = line.split_whitespace().collect();
        (words[1].parse().unwrap(), Mask(u32::from_str_radix(words[3], 16).unwrap()))
    };
    lines.map(entry).collect()
}

fn mask(value: &Value) -> Mask {
    value.as_str().and_then(Mask::parse).unwrap_or_else(|| panic!("no mask: {value}"))
}

/// Pairs of `fd` and `events`, as a list of them stands in a line.
fn pairs(list: &Value) -> impl Iterator<Item = (i64, Mask)> {
    let list = list.as_array().into_iter().flatten();
    list.map(|pair| (pair["fd"].as_i64().unwrap(), mask(&pair["events"])))
}

/// The interest list as the program's own calls imply it, folded by this test anew.
fn folded(lines: &[Value]) -> List {
    let mut list = List::new();
    for line in lines.iter().filter(|l| l["kind"] == "call" && l["errno"].is_null()) {
        let fd = line["fd"].as_i64();
        match (line["call"].as_str().unwrap(), line["op"].as_str()) {
            ("epoll_ctl", Some("EPOLL_CTL_ADD" | "EPOLL_CTL_MOD")) => {
                list.insert(fd.unwrap(), mask(&line["events"]) | Mask::ALWAYS);
            }
            ("epoll_ctl", Some("EPOLL_CTL_DEL")) | ("close", _) => {
                list.remove(&fd.unwrap());
            }
            ("epoll_wait", _) => pairs(&line["events"]).for_each(|(fd, _)| disarm(&mut list, fd)),
            _ => {}
        }
    }
    list
}

/// A one-shot registration is reported once and keeps no condition (`ep_send_events`).
fn disarm(list: &mut List, fd: i64) {
    if let Some(mask) = list.get_mut(&fd).filter(|mask| mask.has(Mask::ONESHOT)) {
        *mask = *mask & Mask::PRIVATE;
    }
}

/// Whether a line may be of a call that changed the list.
fn changes(line: &Value) -> bool {
    line["kind"] == "call"
        && line["errno"].is_null()
        && ["epoll_ctl", "close"].iter().any(|call| line["call"] == *call)
}

/// How the server comes to rest.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Rest {
    /// Its threads are held.
    Held,
    /// It has nothing to do.
    Idle,
}

/// What the test does to the server.
struct Run {
    server: Server,
    clients: Vec<(Client, i64)>,
    rng: Rng,
    threads: usize,
    rest: Rest,
}

impl Run {
    fn act(&mut self) {
        let which = self.rng.roll(self.clients.len().max(1));
        match self.rng.roll(12) {
            0..=2 if self.clients.len() < 12 => self.clients.push(self.server.client()),
            3 if !self.clients.is_empty() => drop(self.clients.swap_remove(which)),
            4 if !self.clients.is_empty() => self.clients.swap_remove(which).0.reset(),
            5 if !self.clients.is_empty() => self.clients[which].0.send("some text\n"),
            6 => {
                self.server.command("trigger all");
            }
            n if !self.clients.is_empty() => self.change(which, n),
            _ => {}
        }
    }

    /// Changes a registration, or has it closed.
    fn change(&mut self, which: usize, n: usize) {
        let fd = self.clients[which].1;
        // Watching OUT on an idle level-triggered client spins, as it should: who spins has to be
        // held to come to rest.
        let words = ["trigger", "oneshot", "exclusive", "rearm", "drop", "watch"];
        let words = if self.rest == Rest::Held { &words } else { &words[..5] };
        let word = words[(n + self.rng.roll(6)) % words.len()];
        self.server.command(&format!("{word} fd={fd}"));
        if word == "drop" {
            self.clients.swap_remove(which);
        }
    }

    /// Waits until nothing happens, and compares.
    fn rests(&mut self, what: &str) {
        // Its end comes after all that has been done so far.
        self.server.command(if self.rest == Rest::Held { "pause" } else { "run" });
        loop {
            let quiet = self.server.wait(what, |l| l["kind"] == "quiet");
            let kernel = fdinfo(&self.server);
            let lines = self.server.lines();
            let at = lines.iter().position(|l| l["seq"] == quiet["seq"]).unwrap();
            // The kernel was asked later: a thread that was kept from running for a second may have
            // gone on meanwhile. One that is held does not.
            if self.rest == Rest::Idle && lines[at..].iter().any(|l| l["kind"] == "call") {
                continue;
            }
            self.compare_calls(what, &lines[..at], &kernel);
            self.compare_told(what, &lines, &kernel);
            break;
        }
        if self.rest == Rest::Held {
            self.server.command("run");
        }
    }

    /// The calls say the same. Of two threads one may change what the other has just been told of,
    /// and return first: which came first is not to be seen, and the masks are not judged.
    fn compare_calls(&self, what: &str, lines: &[Value], kernel: &List) {
        let calls = folded(lines);
        assert!(calls.keys().eq(kernel.keys()), "{what}: {calls:?} by the calls, {kernel:?}");
        assert!(self.threads > 1 || calls == *kernel, "{what}: {calls:?} by the calls, {kernel:?}");
    }

    /// The last list that the program read is this one; a costly read may be followed by a longer
    /// rest than a second.
    fn compare_told(&mut self, what: &str, lines: &[Value], kernel: &List) {
        let changed = lines.iter().rposition(changes);
        let told = lines.iter().rposition(|l| l["kind"] == "interest");
        let told = match told.filter(|told| Some(*told) > changed) {
            Some(told) => lines[told].clone(),
            None => self.server.wait(what, |l| l["kind"] == "interest"),
        };
        assert_eq!(pairs(&told["list"]).collect::<List>(), *kernel, "{what}: told and fdinfo");
    }
}

fn compare(seed: u64, threads: usize, rest: Rest) {
    let server = Server::start(&["--threads", &threads.to_string(), "--delay", "1"]);
    // Who is held before the first change has no list that anybody would read.
    server.ever("a list", |line| line["kind"] == "interest");
    let (clients, rng) = (Vec::new(), Rng::new(seed));
    let mut run = Run { server, clients, rng, threads, rest };
    for point in 0..6 {
        run.rests(&format!("seed {seed}, {rest:?}, quiet point {point}"));
        for _ in 0..16 {
            run.act();
        }
    }
    run.rests(&format!("seed {seed}, {rest:?}, at the end"));
    let lines = run.server.lines();
    let differ: Vec<_> =
        lines.iter().filter(|l| l["kind"] == "divergence" && l["what"] == "interest").collect();
    assert!(differ.is_empty(), "seed {seed}: {differ:?}");
}

#[test]
fn the_interest_list_equals_fdinfo_whenever_the_server_is_held() {
    compare(0, 1, Rest::Held);
    compare(1, 1, Rest::Held);
    compare(2, 2, Rest::Held);
}

#[test]
fn the_interest_list_equals_fdinfo_whenever_the_server_is_idle() {
    compare(3, 1, Rest::Idle);
    compare(4, 2, Rest::Idle);
}
