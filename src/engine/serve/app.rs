//! What the server does with the bytes of a connection: echo, chat, discard, HTTP. It touches no
//! socket.

use super::http::{Http, HttpState};
use super::telnet::{Decoded, Telnet};
use crate::event::{Application, Settings};

/// A chat line longer than this is passed on in pieces.
const LINE_MAX: usize = 4096;

/// The application's state for one connection.
#[derive(Debug, Default)]
pub(crate) struct App {
    telnet: Option<Telnet>,
    serve: Serve,
    decoded: Decoded,
}

#[derive(Debug, Default)]
enum Serve {
    #[default]
    Echo,
    Discard,
    Chat(Vec<u8>),
    Http(Http),
}

/// What input came to, beside what was put on the connection's own queue.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Served {
    /// Complete lines for the other clients.
    pub(crate) lines: Vec<u8>,
    /// Telnet commands as words.
    pub(crate) commands: Vec<Box<str>>,
    /// The connection is to be closed once its queue is empty.
    pub(crate) close: bool,
}

impl App {
    pub(crate) fn new(settings: &Settings) -> Self {
        let telnet = telnet_layer(settings).then(|| Telnet::new(false));
        let serve = match settings.app {
            Application::Echo => Serve::Echo,
            Application::Discard => Serve::Discard,
            Application::Chat => Serve::Chat(Vec::new()),
            Application::Http => Serve::Http(Http::new()),
        };
        Self { telnet, serve, decoded: Decoded::default() }
    }

    /// The input has ended: what was kept back because more might follow is served.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) -> Served {
        let mut served = Served::default();
        if let Some(telnet) = &mut self.telnet {
            self.decoded.clear();
            telnet.finish(&mut self.decoded);
            served.commands = std::mem::take(&mut self.decoded.commands);
            self.serve.feed(&self.decoded.data, out, &mut served);
        }
        if let Serve::Chat(line) = &mut self.serve {
            served.lines.append(line);
        }
        served
    }

    /// Serves `input`; what the client is to get goes to the end of `out`.
    pub(crate) fn serve(&mut self, input: &[u8], out: &mut Vec<u8>) -> Served {
        let mut served = Served::default();
        let Some(telnet) = &mut self.telnet else {
            self.serve.feed(input, out, &mut served);
            return served;
        };
        self.decoded.clear();
        telnet.feed(input, &mut self.decoded);
        out.extend_from_slice(&self.decoded.reply);
        served.commands = std::mem::take(&mut self.decoded.commands);
        self.serve.feed(&self.decoded.data, out, &mut served);
        served
    }
}

/// Whether the telnet layer is on.
pub(crate) fn telnet_layer(settings: &Settings) -> bool {
    !settings.raw && settings.app != Application::Http
}

impl Serve {
    fn feed(&mut self, data: &[u8], out: &mut Vec<u8>, served: &mut Served) {
        match self {
            Self::Echo => out.extend_from_slice(data),
            Self::Discard => {}
            Self::Http(http) => {
                served.close = http.feed(data, out) == HttpState::CloseAfterFlush;
            }
            Self::Chat(line) => {
                line.extend_from_slice(data);
                let whole = line.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
                let pass = if line.len() - whole >= LINE_MAX { line.len() } else { whole };
                served.lines.extend(line.drain(..pass));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(app: Application) -> App {
        App::new(&Settings { app, ..Settings::default() })
    }

    #[test]
    fn echo_returns_what_came() {
        let mut out = Vec::new();
        assert_eq!(app(Application::Echo).serve(b"hi\r\n", &mut out), Served::default());
        assert_eq!(out, b"hi\r\n");
    }

    #[test]
    fn end_of_input_lets_go_what_was_kept_back() {
        let (mut echo, mut out) = (app(Application::Echo), Vec::new());
        assert_eq!(echo.serve(b"a\xff", &mut out), Served::default());
        assert_eq!(echo.finish(&mut out), Served::default());
        assert_eq!(out, b"a\xff");
        let mut chat = app(Application::Chat);
        assert_eq!(chat.serve(b"no newline", &mut out).lines, b"");
        assert_eq!(chat.finish(&mut out).lines, b"no newline");
        assert_eq!(chat.finish(&mut out), Served::default());
        assert_eq!(out, b"a\xff");
    }

    #[test]
    fn discard_answers_nothing() {
        let mut out = Vec::new();
        app(Application::Discard).serve(b"hi\r\n", &mut out);
        assert_eq!(out, b"");
    }

    #[test]
    fn chat_passes_whole_lines_on() {
        let (mut app, mut out) = (app(Application::Chat), Vec::new());
        assert_eq!(app.serve(b"a\nb", &mut out).lines, b"a\n");
        assert_eq!(app.serve(b"c\n", &mut out).lines, b"bc\n");
        assert_eq!(app.serve(&[b'x'; LINE_MAX], &mut out).lines.len(), LINE_MAX);
        assert_eq!(out, b"");
    }
}
