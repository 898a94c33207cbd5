//! Scripts: one call a line, with what it must give behind ` = `.

use std::collections::HashMap;

use crate::event::{CtlOp, Errno, Fd, FileId, How, LaneId, Mask, Nanos};
use crate::sim::{Flow, KernelModel, Over, Place, WatchView, Way, Woke};

/// A machine whose descriptors have labels.
pub(super) struct Script {
    pub(super) machine: KernelModel,
    fds: HashMap<String, Fd>,
    files: HashMap<u64, String>,
    last: i32,
}

/// Runs a script from nothing.
#[track_caller]
pub(super) fn run(text: &str) -> Script {
    let mut script = Script::new(KernelModel::new());
    script.run(text);
    script
}

impl Script {
    pub(super) fn new(machine: KernelModel) -> Self {
        Self { machine, fds: HashMap::new(), files: HashMap::new(), last: 2 }
    }

    /// Runs lines; each that says what it must give is checked, and each that does not must work.
    #[track_caller]
    pub(super) fn run(&mut self, text: &str) {
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (call, expected) = line.split_once(" = ").unwrap_or((line, ""));
            let (call, looks) = match call.strip_suffix(" =") {
                Some(call) => (call, true),
                None => (call, line.contains(" = ")),
            };
            let words: Vec<_> = call.split_whitespace().collect();
            let got = self.call(&words);
            let fine = !looks && got.parse::<u64>().is_ok();
            assert!(fine || got == expected, "`{line}` gave `{got}`");
        }
    }

    fn place(&mut self, label: &str) -> Place {
        self.last += 1;
        let file = FileId(u32::try_from(self.last).expect("few files"));
        let fd = Fd(self.last);
        self.fds.insert(label.to_owned(), fd);
        Place { fd, file }
    }

    fn ends(&mut self, label: &str, a: &str, b: &str) -> (Place, Place) {
        (self.place(&format!("{label}.{a}")), self.place(&format!("{label}.{b}")))
    }

    /// The number under that label; one that is not open, if there is none.
    pub(super) fn fd_of(&self, label: &str) -> Fd {
        self.fds.get(label).copied().unwrap_or(Fd(999))
    }

    /// Makes one call; a value, or an error's name.
    pub(super) fn call(&mut self, words: &[&str]) -> String {
        let word = |at: usize| words.get(at).copied().unwrap_or_default();
        let number = |at: usize, other: u64| word(at).parse().unwrap_or(other);
        let size = |at: usize, other: u32| word(at).parse().unwrap_or(other);
        let (name, fd) = (word(1), self.fd_of(word(1)));
        match words[0] {
            "epoll" | "timerfd" | "tcp" | "plain" | "dir" | "eventfd" | "listener" => {
                let at = self.place(name);
                match words[0] {
                    "epoll" => self.machine.epoll(at),
                    "timerfd" => self.machine.timerfd(at),
                    "tcp" => self.machine.tcp(at),
                    "listener" => self.machine.listener(at, size(2, 64)),
                    "plain" => self.machine.plain(at),
                    "dir" => self.machine.directory(at),
                    _ => self.machine.eventfd(at, number(2, 0), word(3) == "semaphore"),
                }
                "0".to_owned()
            }
            "pipe" | "pair" | "dgram" | "udp" => self.pair(words[0], name, size(2, 0)),
            "add" | "mod" | "del" | "ctl" => self.control(words),
            "wait" => match self.machine.wait(fd, size(2, 64).cast_signed()) {
                Ok(events) => self.show_woke(&Woke::Events(events)),
                Err(errno) => errno.to_string(),
            },
            "write" => value(self.machine.write(fd, number(2, 1))),
            "read" => value(self.machine.read(fd, number(2, 65536))),
            "fill" => {
                while self.machine.write(fd, number(2, 4096)).is_ok() {}
                "0".to_owned()
            }
            "full" => {
                self.machine.fill(fd);
                "0".to_owned()
            }
            "follow" | "flows" | "came" | "room" | "noroom" | "shows" => self.flow(fd, words),
            "close" => done(self.machine.close(fd)),
            "reset" => done(self.machine.linger(fd).and_then(|()| self.machine.close(fd))),
            "dup" => {
                let copy = self.place(word(2));
                done(self.machine.dup(fd, copy.fd))
            }
            "shutdown" => done(self.machine.shutdown(fd, how(word(2)))),
            "connect" if word(2) == "nobody" => done(self.machine.connect(fd, None)),
            "connect" => done(self.machine.connect(fd, Some(self.fd_of(word(2))))),
            "accept" => {
                let at = self.place(word(2));
                done(self.machine.accept(fd, at))
            }
            "arm" => {
                let ms = |at| Nanos(number(at, 0) * 1_000_000);
                done(self.machine.arm(fd, ms(2), ms(3)))
            }
            "lowat" => done(self.machine.rcvlowat(fd, size(2, 1))),
            "sndbuf" => done(self.machine.sndbuf(fd, size(2, 1))),
            "poll" => {
                let found = self.machine.poll(&self.pairs(&words[1..]));
                self.show_woke(&Woke::Polled(found))
            }
            "select" => match self.machine.select(&self.pairs(&words[1..])) {
                Ok(found) => self.show_woke(&Woke::Polled(found)),
                Err(errno) => errno.to_string(),
            },
            _ => self.call_of_thread(words),
        }
    }

    /// What is told of a connection that is followed: how far the stream to it came, and words.
    fn flow(&mut self, fd: Fd, words: &[&str]) -> String {
        let received = words.get(2).and_then(|word| word.parse().ok()).unwrap_or(0);
        let says = |word| words.contains(&word);
        let flow = Flow {
            received,
            over: if says("closed") { Over::Closed } else { Over::No },
            pressed: says("pressed"),
            writable: true,
        };
        match words[0] {
            "follow" => self.machine.follow(fd),
            "flows" => self.machine.flows(fd, flow),
            "came" => self.machine.came(fd, received),
            "shows" => {
                let read = words.get(3).and_then(|word| word.parse().ok()).unwrap_or(0);
                return u8::from(self.machine.came_before_read(fd, read, flow)).to_string();
            }
            _ => self.machine.has_room(fd, words[0] == "room"),
        }
        "0".to_owned()
    }

    fn pair(&mut self, kind: &str, name: &str, size: u32) -> String {
        let or = |other| if size == 0 { other } else { size };
        let (a, b) = if kind == "pipe" { ("r", "w") } else { ("a", "b") };
        let (a, b) = self.ends(name, a, b);
        match kind {
            "pipe" => self.machine.pipe(a, b, or(65536)),
            "pair" => self.machine.unix_pair(a, b, or(212_992)),
            "dgram" => self.machine.datagram_pair(a, b, or(212_992)),
            _ => self.machine.udp_pair(a, b),
        }
        "0".to_owned()
    }

    /// The data of a registration stands for the label under which it was made.
    fn control(&mut self, words: &[&str]) -> String {
        let (ep, fd) = (self.fd_of(words[1]), self.fd_of(words[2]));
        let mask = words.get(3).map_or(Mask::EMPTY, |text| Mask::parse(text).expect("a mask"));
        let op = match words[0] {
            "add" => CtlOp::Add,
            "mod" => CtlOp::Mod,
            "del" => CtlOp::Del,
            _ => CtlOp::Invalid(42),
        };
        let data = u64::try_from(self.files.len()).expect("few calls");
        self.files.insert(data, words[2].to_owned());
        done(self.machine.ctl(ep, op, fd, mask, data))
    }

    /// What threads do, and what can be looked at.
    fn call_of_thread(&mut self, words: &[&str]) -> String {
        let word = |at: usize| words.get(at).copied().unwrap_or_default();
        let thread = || LaneId(u16::from(word(1).bytes().next().unwrap_or(b'A') - b'A' + 2));
        let size = |at: usize, other: u32| word(at).parse().unwrap_or(other);
        match words[0] {
            "sleep" => {
                let ep = self.fd_of(word(2));
                done(self.machine.park_wait(thread(), ep, size(3, 64).cast_signed()))
            }
            "polls" | "selects" => {
                let way = if words[0] == "polls" { Way::Poll } else { Way::Select };
                done(self.machine.park_poll(thread(), &self.pairs(&words[2..]), way, true))
            }
            "freeze" => {
                let max = size(3, 64).cast_signed();
                done(self.machine.freeze(thread(), self.fd_of(word(2)), max, size(4, 1)))
            }
            "thaw" | "signal" | "expire" => {
                match words[0] {
                    "thaw" => self.machine.thaw(thread()),
                    "signal" => self.machine.interrupt(thread()),
                    _ => self.machine.expire(thread()),
                }
                "0".to_owned()
            }
            "pass" => {
                self.machine.advance(Nanos(word(1).parse::<u64>().expect("ms") * 1_000_000));
                "0".to_owned()
            }
            "woke" => {
                let woken = self.machine.take_woken();
                let show = |(lane, woke): &(LaneId, Woke)| {
                    format!("{}: {}", letter(*lane), self.show_woke(woke))
                };
                woken.iter().map(show).collect::<Vec<_>>().join("; ")
            }
            "asleep" => {
                let letters = self.machine.asleep().into_iter().map(letter);
                letters.map(String::from).collect::<Vec<_>>().join(" ")
            }
            "ready" | "interest" | "overflow" | "queue" => self.look(words[0], word(1)),
            "bits" => {
                let id = self.machine.file_under(self.fd_of(word(1))).expect("open");
                self.machine.file(id).expect("open").poll.to_string()
            }
            other => panic!("no such line: {other}"),
        }
    }

    fn look(&self, what: &str, ep: &str) -> String {
        let fd = self.fd_of(ep);
        let view = self.machine.instances().find(|view| view.fd == fd).expect("an epoll");
        let labels = |watches: &[WatchView]| {
            let labels: Vec<_> = watches.iter().map(|watch| self.label(watch.data)).collect();
            labels.join(" ")
        };
        match what {
            "ready" => labels(&view.ready),
            "overflow" => labels(&view.overflow.expect("a harvest is held")),
            "queue" => view.asleep.iter().map(|lane| letter(*lane)).collect(),
            _ => {
                let line = |watch: &WatchView| format!("{} {}", self.label(watch.data), watch.mask);
                view.interest.iter().map(line).collect::<Vec<_>>().join(", ")
            }
        }
    }

    fn label(&self, data: u64) -> &str {
        self.files.get(&data).map_or("?", String::as_str)
    }

    fn pairs(&self, words: &[&str]) -> Vec<(Fd, Mask)> {
        let pair =
            |pair: &[&str]| (self.fd_of(pair[0]), Mask::parse(pair[1]).expect("label and mask"));
        words.chunks(2).map(pair).collect()
    }

    fn show_woke(&self, woke: &Woke) -> String {
        match woke {
            Woke::Events(events) => {
                let show = |event: &crate::sim::Reported| {
                    format!("{} {}", self.label(event.data), event.mask)
                };
                events.iter().map(show).collect::<Vec<_>>().join(", ")
            }
            Woke::Polled(found) => {
                let name = |fd: Fd| {
                    self.fds.iter().find(|(_, other)| **other == fd).map_or("?", |(name, _)| name)
                };
                let show = |(fd, mask): &(Fd, Mask)| format!("{} {mask}", name(*fd));
                found.iter().map(show).collect::<Vec<_>>().join(", ")
            }
            Woke::Number(result) => format!("{result:?}"),
            Woke::Interrupted => "EINTR".to_owned(),
            Woke::TimedOut => "0".to_owned(),
        }
    }
}

fn letter(lane: LaneId) -> char {
    char::from(b'A' + u8::try_from(lane.0).expect("a letter") - 2)
}

fn value(result: Result<u64, Errno>) -> String {
    result.map_or_else(|errno| errno.to_string(), |n| n.to_string())
}

fn done(result: Result<(), Errno>) -> String {
    value(result.map(|()| 0))
}

fn how(word: &str) -> How {
    match word {
        "rd" => How::Rd,
        "wr" => How::Wr,
        _ => How::RdWr,
    }
}
