//! Calls and bytes as strace writes them: [`call`] and what is made of it short, for the screen;
//! [`line()`] in full.

mod line;

use std::fmt::{self, Write as _};

use crate::event::{
    Argument, CtlOp, Fd, GateStep, Output, PollFd, PollSet, Seq, Setup, Syscall, SyscallRecord,
};
use crate::model::World;

pub use line::line;

/// The call in strace's manner, shortened: `epoll_wait(3, max 64, -1)`, `read(7, 4096)`. Each
/// descriptor is as `name` writes it: as `strace -y` does if that adds what the number stands for,
/// `read(5<p.r>, 4096)`. `output` is what the call handed over, once it has returned.
pub fn call<N: fmt::Display>(
    call: &Syscall,
    output: Option<&Output>,
    name: impl Fn(Fd) -> N,
) -> String {
    if let Syscall::Select { set, timeout_ms } = call
        && set.is_counted()
    {
        return counted(set, *timeout_ms);
    }
    let mut text = format!("{}(", call.name());
    let mut first = true;
    for (_, argument) in call.arguments() {
        if matches!(argument, Argument::Implied(_)) {
            continue;
        }
        if !std::mem::take(&mut first) {
            text.push_str(", ");
        }
        text.push_str(&written(argument, output, &name));
    }
    text.push(')');
    text
}

fn written<N: fmt::Display>(
    argument: Argument,
    output: Option<&Output>,
    name: &impl Fn(Fd) -> N,
) -> String {
    match argument {
        Argument::Fds(fd) => name(fd).to_string(),
        Argument::NewFds => match output {
            Some(Output::Pair([a, b])) => format!("[{}, {}]", name(*a), name(*b)),
            _ => "[]".to_owned(),
        },
        Argument::Number(number) => number.to_string(),
        Argument::Max(max) => format!("max {max}"),
        Argument::Counted(word, count) => format!("{word} {count}"),
        Argument::Ctl(CtlOp::Add) => "ADD".to_owned(),
        Argument::Ctl(CtlOp::Mod) => "MOD".to_owned(),
        Argument::Ctl(CtlOp::Del) => "DEL".to_owned(),
        Argument::Ctl(CtlOp::Invalid(number)) => number.to_string(),
        Argument::Events(mask) => mask.to_string(),
        Argument::Flags(words) | Argument::Implied(words) => words.to_owned(),
        Argument::How(how) => how.to_string(),
        Argument::Address(address) => address.to_string(),
        Argument::Option(option) => option.to_string(),
        Argument::Set(set) | Argument::Bits(set) => asked(&set, name),
        Argument::Timer { first_ms, interval_ms } => {
            format!("{first_ms} ms, every {interval_ms} ms")
        }
        Argument::Limit(Some(number)) => number.to_string(),
        Argument::Limit(None) => "the hard limit".to_owned(),
    }
}

/// The call in an event at `seq` of that world, its descriptors as they were called then.
pub fn entered(world: &World, call: &Syscall, seq: Seq) -> String {
    self::call(call, None, |fd| named(fd, world.label_at(fd, seq)))
}

/// What a thread is held before at `seq` of that world, a call as [`entered`] has it.
pub fn before(world: &World, next: &GateStep, seq: Seq) -> String {
    match next {
        GateStep::Call(call) => entered(world, call, seq),
        GateStep::Push { .. } | GateStep::Reap { .. } | GateStep::Run(_) => next.to_string(),
    }
}

/// The call that returned at `seq`, with its result: `accept4(4) = 7`.
pub fn returned(world: &World, record: &SyscallRecord, seq: Seq) -> String {
    let made = |fd: Fd| named(fd, world.label_after(fd, seq));
    let known = |fd: Fd| named(fd, world.label_at(fd, seq));
    let pair = matches!(record.output, Output::Pair(_));
    let text =
        self::call(
            &record.call,
            Some(&record.output),
            |fd| {
                if pair { made(fd) } else { known(fd) }
            },
        );
    let makes = matches!(
        record.call,
        Syscall::Accept { .. } | Syscall::Dup { .. } | Syscall::Setup(Setup::DupFrom { .. })
    );
    match record.ret.fd().filter(|_| makes) {
        Some(fd) => format!("{text} = {}", made(fd)),
        None => format!("{text} = {}", record.ret),
    }
}

/// A descriptor in the manner of `strace -y`: `5<p.r>`; the number alone if nothing is known of it.
fn named(fd: Fd, label: Option<&str>) -> String {
    label.map_or_else(|| fd.to_string(), |label| format!("{fd}<{label}>"))
}

/// `[3 IN, 5 IN, and 10 more]`, `[57 descriptors]`
fn asked<N: fmt::Display>(set: &PollSet, name: &impl Fn(Fd) -> N) -> String {
    if set.is_counted() {
        let noun = if set.count() == 1 { "descriptor" } else { "descriptors" };
        return format!("[{} {noun}]", set.count());
    }
    let entry = |one: &PollFd| format!("{} {}", name(one.fd), one.events);
    let mut all: Vec<_> = set.first().iter().map(entry).collect();
    match set.count() as usize - all.len() {
        0 => {}
        more => all.push(format!("and {more} more")),
    }
    format!("[{}]", all.join(", "))
}

/// `select(1004, [in 57], [out 1], NULL, NULL)`: a call of which only numbers are kept.
fn counted(set: &PollSet, timeout_ms: i32) -> String {
    let (nfds, [read, write, _]) = (set.nfds().unwrap_or(0), set.sets().unwrap_or_default());
    let timeout = match timeout_ms {
        0.. => format!("{timeout_ms} ms"),
        _ => "NULL".to_owned(),
    };
    format!("select({nfds}, [in {read}], [out {write}], NULL, {timeout})")
}

impl fmt::Display for Syscall {
    /// As [`call`] writes it before it has returned, each descriptor as its number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&call(self, None, |fd| fd))
    }
}

/// The beginning of `bytes` in at most `max` columns, as strace writes it between quotes, and whether
/// that is all of it: `\n`, `\r`, `\t`, `\v` and `\f`, `\"` and `\\`, and whatever is no printable
/// ASCII as its octal number, in three digits where the next byte is a digit (`string_quote` in
/// strace's util.c). An escape stays whole.
///
/// No terminal takes any of it for a control sequence.
///
/// ```
/// use epollscope::text::strace::escaped;
///
/// // A digit after an octal number would be read as part of a shorter one.
/// assert_eq!(escaped(b"\x1b[2J\x019\r\n", 64), (r"\33[2J\19\r\n".to_owned(), true));
/// assert_eq!(escaped(b"\x011", 64), (r"\0011".to_owned(), true));
/// // Four columns have no room for the whole escape.
/// assert_eq!(escaped(b"ab\x1b", 4), ("ab".to_owned(), false));
/// ```
pub fn escaped(bytes: &[u8], max: usize) -> (String, bool) {
    let mut text = String::with_capacity(bytes.len().min(max));
    for (place, byte) in bytes.iter().enumerate() {
        let before = text.len();
        let digit_follows = bytes.get(place + 1).is_some_and(|next| matches!(next, b'0'..=b'7'));
        push(&mut text, *byte, digit_follows);
        if text.len() > max {
            text.truncate(before);
            return (text, false);
        }
    }
    (text, true)
}

fn push(text: &mut String, byte: u8, digit_follows: bool) {
    match byte {
        b'\n' => text.push_str("\\n"),
        b'\r' => text.push_str("\\r"),
        b'\t' => text.push_str("\\t"),
        b'\x0b' => text.push_str("\\v"),
        b'\x0c' => text.push_str("\\f"),
        b'"' | b'\\' => {
            text.push('\\');
            text.push(char::from(byte));
        }
        b' '..=b'~' => text.push(char::from(byte)),
        // Writing to a String does not fail.
        _ if digit_follows => drop(write!(text, "\\{byte:03o}")),
        _ => drop(write!(text, "\\{byte:o}")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What strace 6.1 printed of a write of these bytes.
    #[test]
    fn bytes_are_written_as_strace_writes_them() {
        let bytes = b"a\x011\0\x1b9\x1b[\x07\x08\t\n\x0b\x0c\r\"\\\x7f\x80\xc3\xb6z\xff7?\x018";
        let shown = r#"a\0011\0\339\33[\7\10\t\n\v\f\r\"\\\177\200\303\266z\3777?\18"#;
        assert_eq!(escaped(bytes, 200), (shown.to_owned(), true));
    }

    #[test]
    fn an_escape_that_does_not_fit_is_left_out_whole() {
        assert_eq!(escaped(b"ab\x1b", 4), ("ab".to_owned(), false));
        assert_eq!(escaped(b"ab\x1b", 5), (r"ab\33".to_owned(), true));
        assert_eq!(escaped(b"", 0), (String::new(), true));
    }

    /// The bytes that a text of [`escaped`] stands for.
    fn read_back(text: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut rest = text.as_bytes();
        while let [first, after @ ..] = rest {
            rest = after;
            let (byte, used) = match (first, after) {
                (b'\\', [b'0'..=b'7', ..]) => {
                    let digits = after.iter().take(3).take_while(|b| matches!(b, b'0'..=b'7'));
                    let number = digits.clone().fold(0_u32, |n, b| n * 8 + u32::from(b - b'0'));
                    (u8::try_from(number).expect("a byte"), digits.count())
                }
                (b'\\', [b'n', ..]) => (b'\n', 1),
                (b'\\', [b'r', ..]) => (b'\r', 1),
                (b'\\', [b't', ..]) => (b'\t', 1),
                (b'\\', [b'v', ..]) => (0x0b, 1),
                (b'\\', [b'f', ..]) => (0x0c, 1),
                (b'\\', [other, ..]) => (*other, 1),
                _ => (*first, 0),
            };
            bytes.push(byte);
            rest = &rest[used..];
        }
        bytes
    }

    proptest! {
        #[test]
        fn any_bytes_are_plain_ascii_and_can_be_read_back(
            bytes in proptest::collection::vec(any::<u8>(), 0..80),
            max in 0_usize..400,
        ) {
            let (text, all) = escaped(&bytes, max);
            prop_assert!(text.bytes().all(|b| (0x20..0x7f).contains(&b)), "{text:?}");
            prop_assert!(text.len() <= max);
            let back = read_back(&text);
            prop_assert!(bytes.starts_with(&back), "{text:?}");
            prop_assert_eq!(back.len() == bytes.len(), all);
        }
    }
}
