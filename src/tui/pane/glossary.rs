//! The words of the screen: every term that a title, a column or a state has, with the manual page
//! that tells more. The help lists them.

/// Terms under a heading.
pub(super) struct Topic {
    pub(super) title: &'static str,
    /// Each with what it means.
    pub(super) terms: &'static [(&'static str, &'static str)],
}

/// All of them. The kernel's names are those of fs/eventpoll.c.
pub(super) const GLOSSARY: [Topic; 4] = [
    Topic {
        title: "Words: the lists",
        terms: &[
            (
                "interest list, rbr",
                "what epoll_ctl(2) registered, each a number with its open file: a red-black tree \
                 (rbr). epoll(7) calls it the interest list",
            ),
            (
                "ready list, rdllist",
                "candidates in the order in which they were listed, no events: epoll_wait(2) asks \
                 each file and reports what holds. epoll(7)",
            ),
            (
                "ovflist",
                "the overflow list: what is woken while epoll_wait(2) copies its events out; it \
                 joins the ready list afterwards",
            ),
            (
                "wq",
                "the wait queue of the epoll instance: threads asleep in epoll_wait(2), of which \
                 the last to come is woken first",
            ),
            (
                "events[]",
                "the array that epoll_wait(2) fills, at most maxevents: the batch that a thread \
                 has in hand and goes through",
            ),
            (
                "open file",
                "an open file description, which several numbers may name (dup(2)). It is what is \
                 registered, and it is gone when the last number is closed. open(2), epoll(7)",
            ),
            ("struct pollfd[]", "the array that a program passes with each call. poll(2)"),
            ("fd_set", "three sets of bits, up to number 1023, passed with each call. select(2)"),
            (
                "SQ, CQ",
                "submission queue and completion queue, shared with the kernel. io_uring(7)",
            ),
            ("rg, wg", "who reads and who writes a file: nil, ready, or a goroutine that waits"),
            ("control", "an eventfd(2) by which the tool wakes its threads: no part of a server"),
            ("built-in", "a client that c connected, which i, K and X act on; client: any other"),
        ],
    },
    Topic {
        title: "Words: how it is watched",
        terms: &[
            ("level", "level-triggered: reported by each epoll_wait(2) while it holds. epoll(7)"),
            (
                "EDGE",
                "edge-triggered (EPOLLET): reported once for each time that something comes, \
                 wherefore one reads until EAGAIN. epoll(7)",
            ),
            ("1SHOT", "EPOLLONESHOT: reported once, then disarmed until a MOD. epoll_ctl(2)"),
            ("EXCL", "EPOLLEXCLUSIVE: wakes one of several epoll instances. epoll_ctl(2)"),
            ("IN OUT PRI", "to be read, room to write, urgent data. epoll_ctl(2)"),
            ("RDHUP HUP ERR", "the peer has sent its end, both ends have, an error. epoll_ctl(2)"),
            (
                "unread, unsent",
                "bytes to read (FIONREAD) and bytes that the peer has not acknowledged (SIOCOUTQ, \
                 tcp(7)); of a listener: connections to accept, and their limit (listen(2))",
            ),
        ],
    },
    Topic {
        title: "Words: the states",
        terms: &[
            ("ready", "on the ready list, and what it is watched for holds"),
            ("listed", "on the ready list; the next epoll_wait drops it if nothing holds"),
            ("in batch", "reported by epoll_wait; its turn in the batch has not come"),
            ("handled", "a thread is at it now"),
            ("in hand", "taken off the ready list by a scan that is held half-way"),
            ("disarmed", "one-shot, and reported: silent until a MOD (press m)"),
            ("silent", "something holds, and it is not listed: edge-triggered, told before"),
            ("stuck", "bytes wait and nothing will tell the server of them"),
            ("spins", "reported again and again, and nothing is done about it"),
            ("ghost", "its number is closed and its open file lives on. epoll(7), Q6"),
            ("carried", "the bound of a turn was reached: the server reads on next turn"),
            ("back-pressure", "the server's own queue for it is full: it is not read meanwhile"),
            ("flushing", "its end has come; what is queued for it is still written"),
            ("ended", "its end has come, and has been read"),
        ],
    },
    Topic {
        title: "Words: the rest",
        terms: &[
            ("turn", "what a thread does from one return of epoll_wait to its next call"),
            ("held", "stopped before a call, which . makes and > goes on from"),
            ("lost", "records that found no room: what was not seen is not guessed"),
            ("ev/s", "events of this program in the last second, not those of epoll"),
            ("EAGAIN", "nothing is left to read, accept or write just now. read(2)"),
        ],
    },
];

/// Whether a term is explained.
#[cfg(test)]
pub(crate) fn explains(term: &str) -> bool {
    let terms = GLOSSARY.iter().flat_map(|topic| topic.terms);
    let mut words = terms.flat_map(|(name, _)| name.split(", "));
    words.any(|name| name == term)
}
