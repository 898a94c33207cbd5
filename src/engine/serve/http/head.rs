//! The head of a request: what it asks for, how long its body is, what follows it.

// By hand: httparse has one error for HTTP/1.2, HTTP/2.0 and no version, and would not be shorter.
use super::Fault;

/// How the end of a body is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// It has so many bytes.
    Length(u64),
    /// It comes in chunks.
    Chunked,
}

/// What the server needs to know of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// The method is HEAD: the answer has no body.
    pub(super) bodiless: bool,
    /// HTTP/1.0 or HTTP/1.1.
    pub(super) minor: u8,
    /// More requests may follow.
    pub(super) keep_alive: bool,
    /// The client waits for a word before it sends the body.
    pub(super) expects_continue: bool,
    /// What follows the head.
    pub(super) body: Body,
}

impl Default for Head {
    fn default() -> Self {
        Self {
            bodiless: false,
            minor: 1,
            keep_alive: true,
            expects_continue: false,
            body: Body::Length(0),
        }
    }
}

/// The fields that matter.
#[derive(Default)]
struct Fields {
    hosts: u32,
    length: Option<u64>,
    codings: u32,
    close: bool,
    keep_alive: bool,
    expects_continue: bool,
}

impl Head {
    /// Parses a head with its line ends and the empty line after it.
    pub(super) fn parse(head: &[u8]) -> Result<Self, Fault> {
        let mut lines = head.split_inclusive(|&b| b == b'\n').map(without_end);
        let (bodiless, minor) = request_line(lines.next().unwrap_or_default())?;
        let mut fields = Fields::default();
        for line in lines.take_while(|line| !line.is_empty()) {
            fields.take(line)?;
        }
        if minor > 0 && fields.hosts != 1 || fields.hosts > 1 {
            return Err(Fault::Bad("HTTP/1.1 needs one Host"));
        }
        let body = match (fields.codings, fields.length) {
            (0, length) => Body::Length(length.unwrap_or(0)),
            (1, None) if minor > 0 => Body::Chunked,
            (_, None) => return Err(Fault::Bad("Transfer-Encoding cannot be understood")),
            (_, Some(_)) => return Err(Fault::Bad("both Content-Length and Transfer-Encoding")),
        };
        Ok(Self {
            bodiless,
            minor,
            keep_alive: !fields.close && (minor > 0 || fields.keep_alive),
            expects_continue: fields.expects_continue && minor > 0 && body != Body::Length(0),
            body,
        })
    }
}

/// A line without its end.
pub(super) fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Whether the method is HEAD, and the minor version.
pub(super) fn request_line(line: &[u8]) -> Result<(bool, u8), Fault> {
    let mut words = line.split(|&b| b == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(Fault::Bad("no request line"));
    };
    if !is_token(method) || target.is_empty() || !target.iter().all(u8::is_ascii_graphic) {
        return Err(Fault::Bad("no request line"));
    }
    let minor = match version.strip_prefix(b"HTTP/") {
        Some(b"1.0") => 0,
        Some([b'1', b'.', b'1'..=b'9']) => 1,
        Some([b'0'..=b'9', b'.', b'0'..=b'9']) => return Err(Fault::Version),
        _ => return Err(Fault::Bad("no request line")),
    };
    if method == b"CONNECT" {
        return Err(Fault::Missing("no tunnels"));
    }
    Ok((method == b"HEAD", minor))
}

impl Fields {
    fn take(&mut self, line: &[u8]) -> Result<(), Fault> {
        let Some(colon) = line.iter().position(|&b| b == b':') else {
            return Err(Fault::Bad("a field without a colon"));
        };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if !is_token(name) {
            return Err(Fault::Bad("a field without a name"));
        }
        match name.to_ascii_lowercase().as_slice() {
            b"host" => self.hosts += 1,
            b"content-length" => self.take_length(value)?,
            b"transfer-encoding" => self.take_coding(value)?,
            b"connection" => self.take_connection(value),
            b"expect" => self.expects_continue |= value.eq_ignore_ascii_case(b"100-continue"),
            _ => {}
        }
        Ok(())
    }

    fn take_length(&mut self, value: &[u8]) -> Result<(), Fault> {
        let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
        let length = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
        match (digits, length, self.length) {
            (true, Some(length), None) => self.length = Some(length),
            (true, Some(length), Some(before)) if length == before => {}
            _ => return Err(Fault::Bad("Content-Length is no length")),
        }
        Ok(())
    }

    fn take_coding(&mut self, value: &[u8]) -> Result<(), Fault> {
        if !value.eq_ignore_ascii_case(b"chunked") {
            return Err(Fault::Missing("no transfer coding but chunked"));
        }
        self.codings += 1;
        Ok(())
    }

    fn take_connection(&mut self, value: &[u8]) {
        for option in value.split(|&b| b == b',') {
            let option = option.trim_ascii();
            self.close |= option.eq_ignore_ascii_case(b"close");
            self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
        }
    }
}

/// Whether `word` is a token: the name of a method or a field.
fn is_token(word: &[u8]) -> bool {
    !word.is_empty()
        && word.iter().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b))
}
