//! The passive telnet layer.

/// What a piece of input came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decoded {
    /// Bytes for the application.
    pub data: Vec<u8>,
    /// Bytes to be sent back to the client.
    pub reply: Vec<u8>,
    /// Commands as words.
    pub commands: Vec<Box<str>>,
}

/// The decoder's state.
#[derive(Clone, Debug, Default)]
pub struct Telnet;

impl Telnet {
    /// A decoder; `raw` passes everything through.
    pub fn new(_raw: bool) -> Self {
        Self
    }

    /// Decodes a piece of input.
    pub fn feed(&mut self, input: &[u8], out: &mut Decoded) {
        out.data.extend_from_slice(input);
    }
}
