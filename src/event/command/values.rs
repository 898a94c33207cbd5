//! What the words mean that can follow a command.

/// A command, a word that can follow it, and what that asks for; first those that the grammar names,
/// then examples where it asks for a number or a time. What is common to all commands and what is a
/// mistake's name is not here.
pub const VALUES: [(&str, &str, &str); 84] = [
    ("delay", "0", "full speed"),
    ("delay", "200", "slow enough for the eye"),
    ("delay", "1000", "a call a second"),
    ("trigger", "all", "all listeners and connections, and those to come"),
    ("trigger", "level", "reported by every wait while there is something to read"),
    ("trigger", "edge", "reported once each time something comes; the rest stays silent"),
    ("read", "drain", "until EAGAIN, within the bound of a turn"),
    ("read", "once", "one read; what is left stays in the socket"),
    ("read", "1", "one byte"),
    ("read", "4", "four bytes: most lines leave something"),
    ("read", "16", "sixteen bytes"),
    ("read", "4096", "what a read takes if nothing else is said"),
    ("accept", "drain", "until EAGAIN: every connection that waits"),
    ("accept", "once", "one connection; the others wait in the backlog"),
    ("max-events", "1", "one event a wait: the order of the list can be watched"),
    ("max-events", "2", "two events a wait"),
    ("max-events", "64", "as many as there mostly are"),
    ("oneshot", "on", "after an event it is disarmed until a MOD"),
    ("oneshot", "off", "it stays armed"),
    ("exclusive", "on", "of several epoll instances not all are woken"),
    ("exclusive", "off", "every epoll instance that watches it is woken"),
    ("watch", "on", "OUT is reported while there is room to write"),
    ("watch", "off", "OUT is watched only while something waits to be sent"),
    ("mistake", "on", "the protection is off"),
    ("mistake", "off", "the server is correct again"),
    ("threads", "1", "one thread: no two are ever woken for one event"),
    ("threads", "2", "two threads share the ready list"),
    ("threads", "4", "four threads"),
    ("threads", "8", "as many as there may be"),
    ("backend", "epoll", "epoll(7): the kernel keeps the set, and a list of what is ready"),
    ("backend", "poll", "poll(2): an array is passed in, and each file in it is asked"),
    ("backend", "select", "select(2): the same with bitmaps, which the call overwrites"),
    ("backend", "io_uring", "io_uring(7): operations are submitted, their ends are told"),
    ("backend", "goroutine", "a coroutine a client, parked on the way to epoll as in Go"),
    ("backend", "threads", "a thread a client, asleep in read(2)"),
    ("netpoll", "shared", "any thread that has nothing to run waits, as in Go"),
    ("netpoll", "thread", "a thread that does nothing else waits"),
    ("zoom", "500us", "single calls"),
    ("zoom", "20ms", "a few turns"),
    ("zoom", "1s", "a second"),
    ("zoom", "2m", "two minutes"),
    ("seek", "-1", "one event back"),
    ("seek", "1", "one event forward"),
    ("call", "-1", "its call before"),
    ("call", "1", "its next call"),
    ("wait", "-1", "where it waited before"),
    ("wait", "1", "where it waits next"),
    ("speed", "1/4", "a second takes four"),
    ("speed", "1/2", "a second takes two"),
    ("speed", "1", "as it was"),
    ("speed", "2", "two seconds in one"),
    ("speed", "4", "four seconds in one"),
    ("speed", "8", "eight seconds in one"),
    ("follow", "on", "the teacher's view is one's own"),
    ("follow", "off", "the view is one's own"),
    ("filter", "fd=7", "what is about descriptor 7"),
    ("filter", "127.0.0.1", "peers of that address"),
    ("filter", "client", "connections"),
    ("filter", "listener", "listeners"),
    ("filter", "read", "reads, among the calls"),
    ("sort", "number", "by the number of the descriptor"),
    ("sort", "unread", "what has most to be read first"),
    ("sort", "state", "what is stuck, in hand or ready first"),
    ("sort", "activity", "what was served or woken last first"),
    ("still", "on", "the view stands, the server goes on"),
    ("still", "off", "the newest event is followed again"),
    ("record", "off", "the recording ends; its file is whole"),
    ("export", "page", "the screens in one file that any browser opens"),
    ("export", "recording", "everything, for epollscope replay"),
    ("export", "picture", "this screen as SVG"),
    ("export", "text", "this screen, for a mail or a ticket"),
    ("export", "cast", "the screens, for asciinema play"),
    ("export", "trace", "tracks for ui.perfetto.dev"),
    ("export", "strace", "the calls as strace prints them"),
    ("export", "lines", "the lines that --headless prints"),
    ("export", "spans", "the timeline's spans, for a spreadsheet"),
    ("share", "off", "nobody watches any more"),
    ("ask", "off", "no more answers are taken, and they are shown"),
    ("view", "overview", "everything at once"),
    ("view", "timeline", "a track a thread and a descriptor, over time"),
    ("view", "calls", "every system call"),
    ("view", "findings", "what would be a bug in a real server"),
    ("view", "path", "the way of one event through the kernel"),
    ("at", "12.031", "that many seconds after the start"),
];

#[cfg(test)]
mod tests {
    use super::super::{Command, GRAMMAR};
    use super::*;

    /// The words of a usage that are typed as they stand.
    fn literal(usage: &str) -> impl Iterator<Item = &str> {
        let words = usage.split([' ', '|']).map(|word| word.trim_matches(['[', ']']));
        words.filter(|word| !word.is_empty() && word.chars().all(|c| !c.is_ascii_uppercase()))
    }

    #[test]
    fn every_word_of_the_grammar_says_what_it_asks_for() {
        for (command, usage, _) in GRAMMAR {
            for word in literal(usage) {
                let known = VALUES.iter().any(|(of, value, _)| (*of, *value) == (command, word));
                assert!(known, "{command} {word}");
            }
        }
    }

    #[test]
    fn every_value_can_be_typed() {
        for (command, value, about) in VALUES {
            let before = match command {
                "mistake" => " ignore-eof",
                "read" if value.parse::<u32>().is_ok() => " once",
                _ => "",
            };
            let line = format!("{command}{before} {value}");
            assert!(Command::parse(&line).is_ok(), "{line}");
            assert!(!about.is_empty() && !about.ends_with('.'), "{line}: {about}");
        }
    }
}
