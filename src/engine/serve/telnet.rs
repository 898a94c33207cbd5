//! The telnet protocol as far as a server needs it that wants nothing from it (RFC 854).
//!
//! The layer is passive: it never starts a negotiation, refuses what it is asked, and hands on the
//! text. It works byte by byte, so that it makes no difference how the stream was cut into reads.
//! It must not know sockets: bytes come in, text, replies and words to show come out.

use std::fmt::Write as _;

const IAC: u8 = 255;
const DONT: u8 = 254;
const DO: u8 = 253;
const WONT: u8 = 252;
const WILL: u8 = 251;
const SB: u8 = 250;
const SE: u8 = 240;

/// The names of the commands, beginning with 236: RFC 1184, RFC 885, RFC 854.
const COMMANDS: [&str; 20] = [
    "EOF", "SUSP", "ABORT", "EOR", "SE", "NOP", "DM", "BRK", "IP", "AO", "AYT", "EC", "EL", "GA",
    "SB", "WILL", "WONT", "DO", "DONT", "IAC",
];

/// The first of them.
const FIRST: u8 = 236;

/// The names of the options of RFC 856 to 860; the others go by their number.
const OPTIONS: [(u8, &str); 5] = [(0, "BINARY"), (1, "ECHO"), (3, "SGA"), (5, "STATUS"), (6, "TM")];

/// What came out of a piece of the stream. The bounds hold until it is emptied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Decoded {
    /// What the client said.
    pub(crate) data: Vec<u8>,
    /// What to answer to the client, at most [`Decoded::MAX_REPLY`] bytes.
    pub(crate) reply: Vec<u8>,
    /// The telnet commands as words: `[IP]`, `[DO TM]`; `[...]` stands for those beyond
    /// [`Decoded::MAX_COMMANDS`].
    pub(crate) commands: Vec<Box<str>>,
}

impl Decoded {
    /// How many bytes of replies are kept; the refusals beyond are not sent.
    pub(crate) const MAX_REPLY: usize = 1024;
    /// How many commands are kept to be shown.
    pub(crate) const MAX_COMMANDS: usize = 32;

    /// Empties all three, keeping their memory.
    pub(crate) fn clear(&mut self) {
        self.data.clear();
        self.reply.clear();
        self.commands.clear();
    }

    fn refuse(&mut self, verb: u8, option: u8) {
        let reply = [IAC, verb, option];
        if self.reply.len() + reply.len() <= Self::MAX_REPLY {
            self.reply.extend(reply);
        }
    }

    fn show(&mut self, command: impl FnOnce() -> String) {
        match self.commands.len() {
            n if n < Self::MAX_COMMANDS => self.commands.push(command().into()),
            Self::MAX_COMMANDS => self.commands.push("[...]".into()),
            _ => {}
        }
    }
}

/// Where the decoder is in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In the text.
    Text,
    /// After a carriage return, which has been handed on.
    Return,
    /// After 0xFF.
    Iac,
    /// After WILL, WONT, DO or DONT.
    Verb(u8),
    /// After SB.
    SubOption,
    /// In a sub-negotiation of that option, so many bytes into it.
    Sub(u8, u16),
    /// After 0xFF in a sub-negotiation.
    SubIac(u8, u16),
}

/// The decoder of one connection.
#[derive(Clone, Debug)]
pub(crate) struct Telnet {
    state: State,
    raw: bool,
}

impl Telnet {
    /// How far the length of a sub-negotiation is counted. Its bytes are not kept.
    pub(crate) const MAX_SUB: u16 = 4096;

    /// A decoder at the beginning of a stream; a `raw` one hands on everything.
    pub(crate) fn new(raw: bool) -> Self {
        Self { state: State::Text, raw }
    }

    /// Decodes the next piece of the stream and appends to `out`.
    pub(crate) fn feed(&mut self, input: &[u8], out: &mut Decoded) {
        if self.raw {
            out.data.extend_from_slice(input);
            return;
        }
        for &byte in input {
            self.state = step(self.state, byte, out);
        }
    }

    /// The stream has ended: what looked like the beginning of a command was text, or is lost.
    pub(crate) fn finish(&mut self, out: &mut Decoded) {
        match std::mem::replace(&mut self.state, State::Text) {
            State::Text | State::Return => {}
            State::Iac => out.data.push(IAC),
            State::Verb(verb) => out.show(|| format!("[{} cut off]", name(verb))),
            State::SubOption => out.show(|| "[SB cut off]".to_owned()),
            State::Sub(option, len) | State::SubIac(option, len) => {
                out.show(|| format!("{} cut off]", sub_text(option, len)));
            }
        }
    }
}

fn step(state: State, byte: u8, out: &mut Decoded) -> State {
    match state {
        State::Return if byte == 0 => State::Text,
        State::Text | State::Return => text(byte, out),
        State::Iac => command(byte, out),
        State::Verb(verb) => {
            out.show(|| format!("[{} {}]", name(verb), option_name(byte)));
            match verb {
                DO => out.refuse(WONT, byte),
                WILL => out.refuse(DONT, byte),
                _ => {}
            }
            State::Text
        }
        State::SubOption => State::Sub(byte, 0),
        State::Sub(option, len) if byte == IAC => State::SubIac(option, len),
        State::SubIac(option, len) if byte == SE => {
            out.show(|| format!("{}]", sub_text(option, len)));
            State::Text
        }
        State::Sub(option, len) | State::SubIac(option, len) => State::Sub(option, longer(len)),
    }
}

fn text(byte: u8, out: &mut Decoded) -> State {
    if byte == IAC {
        return State::Iac;
    }
    out.data.push(byte);
    if byte == b'\r' { State::Return } else { State::Text }
}

/// The byte after 0xFF, which was text unless a command follows.
fn command(byte: u8, out: &mut Decoded) -> State {
    match byte {
        IAC => {
            out.data.push(IAC);
            State::Text
        }
        SB => State::SubOption,
        WILL..=DONT => State::Verb(byte),
        FIRST.. => {
            out.show(|| format!("[{}]", name(byte)));
            State::Text
        }
        _ => {
            out.data.push(IAC);
            text(byte, out)
        }
    }
}

/// One byte more, up to a sign that there were more.
fn longer(len: u16) -> u16 {
    (len + 1).min(Telnet::MAX_SUB + 1)
}

fn name(command: u8) -> &'static str {
    COMMANDS.get(usize::from(command.wrapping_sub(FIRST))).copied().unwrap_or("?")
}

fn option_name(option: u8) -> String {
    let named = OPTIONS.iter().find(|(n, _)| *n == option);
    named.map_or_else(|| option.to_string(), |(_, name)| (*name).to_owned())
}

/// A sub-negotiation in words, without its closing bracket.
fn sub_text(option: u8, len: u16) -> String {
    let mut text = format!("[SB {} ", option_name(option));
    let _infallible = match len {
        0..=Telnet::MAX_SUB => write!(text, "{len} bytes"),
        _ => write!(text, "over {} bytes", Telnet::MAX_SUB),
    };
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode(input: &[u8]) -> Decoded {
        let mut out = Decoded::default();
        Telnet::new(false).feed(input, &mut out);
        out
    }

    #[track_caller]
    fn check(input: &[u8], data: &[u8], reply: &[u8], commands: &[&str]) {
        let out = decode(input);
        assert_eq!(out.data, data, "data");
        assert_eq!(out.reply, reply, "reply");
        assert_eq!(out.commands.iter().map(AsRef::as_ref).collect::<Vec<&str>>(), commands);
    }

    #[test]
    fn a_line_is_handed_on() {
        check(b"hello\r\n", b"hello\r\n", b"", &[]);
        check("grüße\n".as_bytes(), "grüße\n".as_bytes(), b"", &[]);
    }

    #[test]
    fn control_c_is_answered_or_telnet_hides_all_output() {
        check(b"\xff\xf4\xff\xfd\x06", b"", b"\xff\xfc\x06", &["[IP]", "[DO TM]"]);
        check(b"\xff\xed\xff\xfd\x06", b"", b"\xff\xfc\x06", &["[SUSP]", "[DO TM]"]);
        check(b"\xff\xf3\xff\xfd\x06", b"", b"\xff\xfc\x06", &["[BRK]", "[DO TM]"]);
    }

    #[test]
    fn what_is_asked_is_refused_and_refusals_are_not_answered() {
        check(
            b"\xff\xfd\x03\xff\xfd\x01",
            b"",
            b"\xff\xfc\x03\xff\xfc\x01",
            &["[DO SGA]", "[DO ECHO]"],
        );
        check(b"\xff\xfb\x01", b"", b"\xff\xfe\x01", &["[WILL ECHO]"]);
        check(b"\xff\xfc\x01\xff\xfe\x1f", b"", b"", &["[WONT ECHO]", "[DONT 31]"]);
    }

    #[test]
    fn an_escaped_0xff_is_one_byte() {
        check(b"a\xff\xffb", b"a\xffb", b"", &[]);
    }

    #[test]
    fn a_0xff_before_no_command_is_text() {
        check(b"\xffa\xff\xeb", b"\xffa\xff\xeb", b"", &[]);
        check(b"\xff\r\0b", b"\xff\rb", b"", &[]);
    }

    #[test]
    fn enter_in_character_mode_is_a_carriage_return() {
        check(b"a\r\0b\0", b"a\rb\0", b"", &[]);
        check(b"\r\r\0\0", b"\r\r\0", b"", &[]);
    }

    #[test]
    fn a_subnegotiation_is_counted_and_dropped() {
        check(b"a\xff\xfa\x1f\0\x50\0\x18\xff\xf0b", b"ab", b"", &["[SB 31 4 bytes]"]);
        check(b"\xff\xfa\x1f\xff\xff\xff\xf0", b"", b"", &["[SB 31 1 bytes]"]);
        let mut long = b"\xff\xfa\x18".to_vec();
        long.extend([7; 10_000]);
        long.extend(b"\xff\xf0end");
        check(&long, b"end", b"", &["[SB 24 over 4096 bytes]"]);
    }

    #[test]
    fn floods_are_bounded() {
        let out = decode(&b"\xff\xfd\x06".repeat(10_000));
        assert_eq!(out.reply.len(), 1023);
        assert_eq!(out.commands.len(), Decoded::MAX_COMMANDS + 1);
        assert_eq!(out.commands.last().map(AsRef::as_ref), Some("[...]"));
    }

    #[test]
    fn the_end_of_the_stream_gives_back_a_lone_0xff() {
        for (input, data, commands) in [
            (&b"a\xff"[..], &b"a\xff"[..], None),
            (b"a\xff\xfd", b"a", Some("[DO cut off]")),
            (b"\xff\xfa", b"", Some("[SB cut off]")),
            (b"\xff\xfa\x1f\x01", b"", Some("[SB 31 1 bytes cut off]")),
        ] {
            let (mut telnet, mut out) = (Telnet::new(false), Decoded::default());
            telnet.feed(input, &mut out);
            telnet.finish(&mut out);
            telnet.finish(&mut out);
            assert_eq!(out.data, data);
            assert_eq!(out.commands.first().map(AsRef::as_ref), commands);
        }
    }

    #[test]
    fn raw_hands_on_everything() {
        let (mut telnet, mut out) = (Telnet::new(true), Decoded::default());
        telnet.feed(b"\xff\xf4\r\0\xff", &mut out);
        telnet.finish(&mut out);
        assert_eq!(out, Decoded { data: b"\xff\xf4\r\0\xff".to_vec(), ..Decoded::default() });
    }

    fn stream() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..6),
            proptest::collection::vec(236_u8.., 0..6),
            Just(b"\xff\xfd\x06".repeat(40)),
            Just(b"\xff\xfa\x1f\0\x50\0\x18\xff\xf0".to_vec()),
            Just(b"\r\0".to_vec()),
            "[a-z]{0,8}\r\n".prop_map(String::into_bytes),
        ];
        proptest::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn it_makes_no_difference_how_the_stream_is_cut(
            input in stream(),
            cuts in proptest::collection::vec(1_usize..9, 1..20),
        ) {
            let mut whole = decode(&input);
            let (mut telnet, mut out) = (Telnet::new(false), Decoded::default());
            let (mut rest, mut cuts) = (&input[..], cuts.iter().cycle());
            while !rest.is_empty() {
                let (now, later) = rest.split_at(rest.len().min(*cuts.next().unwrap_or(&1)));
                telnet.feed(now, &mut out);
                rest = later;
            }
            prop_assert_eq!(&out, &whole);
            let mut other = Telnet::new(false);
            other.feed(&input, &mut Decoded::default());
            other.finish(&mut whole);
            telnet.finish(&mut out);
            prop_assert_eq!(out, whole);
        }

        #[test]
        fn what_comes_out_is_bounded_by_what_went_in(input in stream()) {
            let out = decode(&input);
            prop_assert!(out.data.len() <= input.len());
            prop_assert!(out.reply.len() <= Decoded::MAX_REPLY);
            prop_assert!(out.commands.len() <= Decoded::MAX_COMMANDS + 1);
            for command in &out.commands {
                prop_assert!(command.len() <= 40 && command.is_ascii(), "{command}");
            }
        }

        #[test]
        fn the_text_is_the_same_however_often_the_output_is_emptied(
            input in stream(),
            cuts in proptest::collection::vec(1_usize..200, 1..20),
        ) {
            let (mut telnet, mut out, mut text) =
                (Telnet::new(false), Decoded::default(), Vec::new());
            let (mut rest, mut cuts) = (&input[..], cuts.iter().cycle());
            while !rest.is_empty() {
                let (now, later) = rest.split_at(rest.len().min(*cuts.next().unwrap_or(&1)));
                telnet.feed(now, &mut out);
                // A 0xFF that turned out to be text can come with the byte after it.
                prop_assert!(out.data.len() <= now.len() + 1);
                text.append(&mut out.data);
                out.clear();
                rest = later;
            }
            prop_assert_eq!(text, decode(&input).data);
        }

        #[test]
        fn what_is_sent_as_telnet_asks_comes_out_as_it_was(
            text in proptest::collection::vec(prop_oneof![any::<u8>(), Just(IAC), Just(b'\r')], 0..80),
        ) {
            let mut wire = Vec::new();
            for byte in &text {
                wire.push(*byte);
                wire.extend(match *byte {
                    IAC => Some(IAC),
                    b'\r' => Some(0),
                    _ => None,
                });
            }
            prop_assert_eq!(decode(&wire), Decoded { data: text, ..Decoded::default() });
        }
    }
}
