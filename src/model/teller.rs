//! Tellings for tests, changed bit by bit: `epoll`, `pipe`, then what is watched, ready and unread.

use crate::event::{
    Fd, FileId, FileKind, FileRead, Kind, LaneId, ListEntries, ListRead, Mask, Provenance, Reason,
    ThreadSeen, WatchKey, WatchRead,
};

/// An epoll instance of a telling.
#[derive(Clone, Debug)]
struct Instance {
    fd: Fd,
    name: Box<str>,
    interest: Vec<WatchRead>,
    ready: Vec<(WatchKey, Reason)>,
    overflow: Option<Box<[WatchKey]>>,
    asleep: Box<[LaneId]>,
}

/// What the next telling says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Teller {
    instances: Vec<Instance>,
    files: Vec<FileRead>,
    threads: Vec<ThreadSeen>,
    agreed: u64,
}

impl Teller {
    /// One main thread, nothing else.
    pub(crate) fn new() -> Self {
        let mut teller = Self::default();
        teller.thread(1, "main");
        teller
    }

    pub(crate) fn thread(&mut self, lane: u16, name: &str) -> &mut Self {
        let lane = LaneId(lane);
        self.threads.push(ThreadSeen { lane, name: name.into(), tid: 100, asleep_in: None });
        self
    }

    pub(crate) fn file(&mut self, fd: i32, name: &str, what: FileKind) -> &mut Self {
        self.files.push(FileRead {
            id: FileId(100 + fd.unsigned_abs()),
            what,
            name: name.into(),
            fds: [Fd(fd)].into(),
            poll: Mask::EMPTY,
            unread: (what != FileKind::PipeWriter).then_some(0),
            unsent: None,
        });
        self
    }

    /// A pipe with its two ends.
    pub(crate) fn pipe(&mut self, name: &str, read: i32) -> &mut Self {
        self.file(read, &format!("{name}.r"), FileKind::Pipe);
        self.file(read + 1, &format!("{name}.w"), FileKind::PipeWriter);
        self.poll(read + 1, Mask::OUT)
    }

    pub(crate) fn epoll(&mut self, fd: i32, name: &str) -> &mut Self {
        self.file(fd, name, FileKind::Epoll);
        self.instances.push(Instance {
            fd: Fd(fd),
            name: name.into(),
            interest: Vec::new(),
            ready: Vec::new(),
            overflow: None,
            asleep: Box::default(),
        });
        self
    }

    fn named(&mut self, fd: i32) -> &mut FileRead {
        self.files
            .iter_mut()
            .find(|file| file.fds.contains(&Fd(fd)))
            .expect("a file of the telling")
    }

    /// The registration key of a number.
    pub(crate) fn key(fd: i32) -> WatchKey {
        WatchKey { fd: Fd(fd), file: FileId(100 + fd.unsigned_abs()) }
    }

    fn instance(&mut self, fd: i32) -> &mut Instance {
        self.instances.iter_mut().find(|i| i.fd == Fd(fd)).expect("an instance of the telling")
    }

    pub(crate) fn poll(&mut self, fd: i32, mask: Mask) -> &mut Self {
        self.named(fd).poll = mask;
        self
    }

    /// So much is to be read there.
    pub(crate) fn unread(&mut self, fd: i32, n: u64) -> &mut Self {
        let file = self.named(fd);
        file.unread = Some(n);
        file.poll = file.poll.with(Mask::IN, n > 0);
        self
    }

    pub(crate) fn watch(&mut self, ep: i32, fd: i32, mask: Mask) -> &mut Self {
        let name = self.named(fd).name.clone();
        let key = Self::key(fd);
        let instance = self.instance(ep);
        instance.interest.retain(|watch| watch.key != key);
        instance.interest.push(WatchRead { key, mask: mask | Mask::ALWAYS, name });
        self
    }

    pub(crate) fn disarm(&mut self, ep: i32, fd: i32) -> &mut Self {
        for watch in &mut self.instance(ep).interest {
            if watch.key == Self::key(fd) {
                watch.mask = watch.mask & Mask::PRIVATE;
            }
        }
        self
    }

    /// The last descriptor of a file is closed.
    pub(crate) fn close(&mut self, fd: i32) -> &mut Self {
        self.files.retain(|file| !file.fds.contains(&Fd(fd)));
        for instance in &mut self.instances {
            instance.interest.retain(|watch| watch.key.fd != Fd(fd));
            instance.ready.retain(|(key, _)| key.fd != Fd(fd));
        }
        self
    }

    pub(crate) fn ready(&mut self, ep: i32, list: &[(i32, Reason)]) -> &mut Self {
        self.instance(ep).ready = list.iter().map(|(fd, why)| (Self::key(*fd), *why)).collect();
        self
    }

    pub(crate) fn overflow(&mut self, ep: i32, list: Option<&[i32]>) -> &mut Self {
        let keys = |list: &[i32]| list.iter().map(|fd| Self::key(*fd)).collect();
        self.instance(ep).overflow = list.map(keys);
        self
    }

    pub(crate) fn asleep(&mut self, ep: i32, lanes: &[u16]) -> &mut Self {
        self.instance(ep).asleep = lanes.iter().map(|lane| LaneId(*lane)).collect();
        self
    }

    /// The telling as it stands.
    pub(crate) fn tell(&mut self) -> Vec<Kind> {
        self.agreed += 1;
        let mut look =
            vec![Kind::Files { by: Provenance::Model, files: self.files.clone().into() }];
        for instance in self.instances.clone() {
            let Instance { fd, name, interest, ready, overflow, asleep } = instance;
            let poller = Self::key(fd.0).file;
            look.push(Kind::Poller { file: poller, fd, name });
            for (by, list) in [
                (Provenance::Fdinfo, ListEntries::Interest(interest.into())),
                (Provenance::Model, ListEntries::Overflow(overflow)),
                (Provenance::Model, ListEntries::Ready(ready.into())),
                (Provenance::Model, ListEntries::Waiting(asleep)),
            ] {
                look.push(Kind::ListRead(ListRead { poller, by, list }));
            }
        }
        look.push(Kind::Threads(self.threads.clone().into()));
        look.push(Kind::Compared { agreed: self.agreed, diverged: 0 });
        look
    }
}
