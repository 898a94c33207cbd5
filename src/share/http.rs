//! HTTP/1.1, as little of it as is needed: paths are parsed, and nothing else that a viewer sends.

use std::cell::RefCell;
use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::channel::{Channel, Sender};
use http_body_util::{BodyExt as _, Collected, Either, Full, Limited};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::ext::ReasonPhrase;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::spawn_local;
use tokio::time::{sleep, timeout};

use super::FilmSize;
use super::ask::{LONGEST, Token, token};
use super::bucket::Bucket;
use super::hub::{Hub, Next, Seat, Watching};
use super::progress::Progress;
use super::wire::ShareBlocks;

/// Connections at the most, those that watch among them.
const CONNECTIONS: usize = 400;
/// Bytes of a request.
const HEAD: usize = 8 << 10;
/// Header lines of a request.
const LINES: usize = 64;
/// How long a request may take to come.
const READ: Duration = Duration::from_secs(3);
/// What is asked for to have the recordings that follow one, too.
const FOLLOWING: &str = "following";
/// How often it is looked whether a viewer is stuck, in the time that it may be.
const LOOKS: u32 = 20;
/// A stream on which nothing happens says so that often.
const QUIET: Duration = Duration::from_secs(15);
/// How long whoever does not know the code waits for an answer.
const WRONG: Duration = Duration::from_secs(1);
/// How many from one address are answered that at a time.
const WRONG_AT_A_TIME: usize = 5;
/// How long the others wait for their turn.
const TURN: Duration = Duration::from_secs(3);

type Answer = Either<Full<Bytes>, Channel<Bytes>>;

/// How much is taken of viewers.
#[derive(Clone, Copy, Debug)]
pub(super) struct DoorLimits {
    /// Connections that are accepted a second; the others wait in the listener's queue.
    pub(super) accepts: u32,
    /// A viewer to whom nothing can be written for so long is gone.
    pub(super) stuck: Duration,
}

impl Default for DoorLimits {
    fn default() -> Self {
        Self { accepts: 50, stuck: Duration::from_secs(20) }
    }
}

/// What all connections know.
pub(super) struct Door {
    hub: Rc<RefCell<Hub>>,
    limits: DoorLimits,
    /// Who guesses, by address.
    guesses: RefCell<HashMap<IpAddr, Rc<Semaphore>>>,
}

impl Door {
    /// The door of a hub.
    pub(super) fn new(hub: Rc<RefCell<Hub>>, limits: DoorLimits) -> Rc<Self> {
        Rc::new(Self { hub, limits, guesses: RefCell::default() })
    }

    fn refuse(&self) {
        self.hub.borrow_mut().refuse();
    }
}

/// Accepts connections for ever.
pub(super) async fn accept(listener: TcpListener, door: Rc<Door>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let mut rate = Bucket::new(door.limits.accepts, Instant::now());
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
        while !rate.take(1, Instant::now()) {
            sleep(rate.wait()).await;
        }
        match listener.accept().await {
            Ok((stream, peer)) => {
                let door = Rc::clone(&door);
                spawn_local(async move {
                    serve(stream, peer, door).await;
                    drop(permit);
                });
            }
            // No more descriptors, or a connection that is gone already (accept(2)).
            Err(_) => sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn serve(stream: TcpStream, peer: SocketAddr, door: Rc<Door>) {
    // Frames are small, and are to be seen when they are made.
    let _as_it_is = stream.set_nodelay(true);
    let stream = Progress::new(stream);
    let (stalled, stuck) = (stream.stalled(), door.limits.stuck);
    let service = service_fn(|request| {
        let door = Rc::clone(&door);
        async move { Ok::<_, Infallible>(answer(request, peer.ip(), &door).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(READ)
        .max_buf_size(HEAD)
        .max_headers(LINES)
        .writev(false)
        .auto_date_header(false)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    loop {
        tokio::select! {
            done = &mut connection => {
                if done.is_err_and(|error| error.is_parse() || error.is_timeout()) {
                    door.refuse();
                }
                return;
            }
            () = sleep(stuck / LOOKS) => if stalled.time() > stuck {
                door.refuse();
                return;
            },
        }
    }
}

async fn answer(request: Request<Incoming>, from: IpAddr, door: &Rc<Door>) -> Response<Answer> {
    let name = door.hub.borrow().name.clone();
    let answers = request.method() == Method::POST;
    let plain = request.method() == Method::GET && request.body().is_end_stream();
    let known = request.uri().authority().is_none() && is_for(&request, name.as_deref());
    if !known || !(plain || answers) {
        door.refuse();
        return not_found();
    }
    let path = request.uri().path().strip_prefix('/').unwrap_or_default();
    let (code, what) = path.split_once('/').unwrap_or((path, ""));
    // Browsers ask for it by themselves.
    if path == "favicon.ico" {
        return not_found();
    }
    if !door.hub.borrow().code.is(code) {
        door.refuse();
        return guessed(from, door).await;
    }
    let page = !path.contains('/');
    match (what, watched(&request)) {
        ("answer", _) if answers => return answered(request, door).await,
        ("", _) if page && plain => whole(&door.hub.borrow()),
        ("film", Some((size, token))) if plain => stream(door, Watching::Film(size), token),
        ("blocks", _) if plain => match request.uri().query() {
            Some(FOLLOWING) => blocks(door, Watching::Recordings),
            _ => blocks(door, Watching::Blocks),
        },
        _ => {
            door.refuse();
            not_found()
        }
    }
}

/// The film that is asked for, and by which viewer, if it says so.
fn watched(request: &Request<Incoming>) -> Option<(FilmSize, Option<Token>)> {
    let query = request.uri().query()?.strip_prefix("size=")?;
    match query.split_once("&viewer=") {
        None => Some((FilmSize::parse(query)?, None)),
        Some((size, viewer)) => Some((FilmSize::parse(size)?, Some(token(viewer)?))),
    }
}

/// An answer of a viewer to an open question: the only thing that is taken from anybody.
async fn answered(request: Request<Incoming>, door: &Door) -> Response<Answer> {
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    let body = match length {
        Some(1..=LONGEST) => {
            let body = Limited::new(request.into_body(), LONGEST).collect();
            timeout(READ, body).await.ok().and_then(Result::ok).map(Collected::to_bytes)
        }
        _ => None,
    };
    if !body.is_some_and(|body| door.hub.borrow_mut().answer(&body)) {
        door.refuse();
        return not_found();
    }
    with_headers(StatusCode::NO_CONTENT, Either::Left(Full::default()), &[])
}

/// Whether it is this machine that is asked, by an address or a name that it has: a page of somebody
/// else whose name leads here (DNS rebinding) learns nothing.
fn is_for(request: &Request<Incoming>, name: Option<&str>) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let Ok(host) = host.to_str() else { return false };
    let digits = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let host = match host.rsplit_once(':') {
        Some((host, port)) if digits(port) => host,
        _ => host,
    };
    let address = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(host) => host.parse::<std::net::Ipv6Addr>().is_ok(),
        None => host.parse::<std::net::Ipv4Addr>().is_ok(),
    };
    let is = |name: &str| host.eq_ignore_ascii_case(name);
    address || is("localhost") || name.is_some_and(is)
}

/// The answer for whoever does not know the code, after a while.
async fn guessed(from: IpAddr, door: &Door) -> Response<Answer> {
    let turns = {
        let mut guesses = door.guesses.borrow_mut();
        // Those that nobody waits for are only in the list.
        guesses.retain(|_, turns| Rc::strong_count(turns) > 1);
        let turns = guesses.entry(from).or_insert_with(|| Rc::new(Semaphore::new(WRONG_AT_A_TIME)));
        Rc::clone(turns)
    };
    let turn = timeout(TURN, turns.acquire()).await;
    if matches!(turn, Ok(Ok(_))) {
        sleep(WRONG).await;
    }
    not_found()
}

fn with_headers(
    status: StatusCode,
    body: Answer,
    headers: &[(HeaderName, &str)],
) -> Response<Answer> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let always = [
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    for (name, value) in always.iter().chain(headers) {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

/// What no page of others may show in a frame.
const NO_FRAME: &str = "default-src 'none'; frame-ancestors 'none'";

fn text(status: StatusCode, text: &'static str) -> Response<Answer> {
    let body = Either::Left(Full::new(Bytes::from_static(text.as_bytes())));
    let kind = (header::CONTENT_TYPE, "text/plain; charset=utf-8");
    with_headers(status, body, &[kind, (header::CONTENT_SECURITY_POLICY, NO_FRAME)])
}

fn not_found() -> Response<Answer> {
    text(StatusCode::NOT_FOUND, "not found\n")
}

/// The blocks, or why there are none.
fn blocks(door: &Rc<Door>, what: Watching) -> Response<Answer> {
    let why = match &door.hub.borrow().offered {
        ShareBlocks::None(why) => Some(why.clone()),
        ShareBlocks::Passing | ShareBlocks::Whole => None,
    };
    let Some(why) = why else { return stream(door, what, None) };
    door.refuse();
    let mut response = not_found();
    *response.body_mut() = Either::Left(Full::new(format!("not found: {why}\n").into()));
    // Whoever looks on reads no further than the first line.
    if let Ok(why) = ReasonPhrase::try_from(why) {
        response.extensions_mut().insert(why);
    }
    response
}

/// The page.
fn whole(hub: &Hub) -> Response<Answer> {
    let body = Either::Left(Full::new(hub.page.clone()));
    let kind = (header::CONTENT_TYPE, "text/html; charset=utf-8");
    let policy = format!("{}; frame-ancestors 'none'", hub.policy);
    let policy = (header::CONTENT_SECURITY_POLICY, policy.as_str());
    with_headers(StatusCode::OK, body, &[kind, policy])
}

/// A stream, for as long as it is read.
fn stream(door: &Rc<Door>, what: Watching, token: Option<Token>) -> Response<Answer> {
    let Some(seat) = Seat::take(&door.hub, what, token) else {
        door.refuse();
        return text(
            StatusCode::SERVICE_UNAVAILABLE,
            "there are as many viewers as there can be\n",
        );
    };
    let (sender, body) = Channel::new(1);
    let news = door.hub.borrow().news();
    spawn_local(show(seat, what, news, sender));
    let kind = match what {
        Watching::Film(_) => "text/event-stream; charset=utf-8",
        Watching::Blocks | Watching::Recordings => "application/octet-stream",
    };
    let policy = (header::CONTENT_SECURITY_POLICY, NO_FRAME);
    with_headers(StatusCode::OK, Either::Right(body), &[(header::CONTENT_TYPE, kind), policy])
}

/// Passes on what there is, at the pace of the viewer, until nobody reads it.
async fn show(
    seat: Seat,
    what: Watching,
    mut news: tokio::sync::watch::Receiver<u64>,
    mut sender: Sender<Bytes>,
) {
    loop {
        news.mark_unchanged();
        let bytes = match seat.next() {
            Next::Bytes(bytes) => bytes,
            Next::End => return,
            Next::Wait => match timeout(QUIET, news.changed()).await {
                Ok(Ok(())) => continue,
                Ok(Err(_)) => return,
                // A recording has nothing that means nothing; a film has comments.
                Err(_) if what.is_blocks() => continue,
                Err(_) => Bytes::from_static(b":\n\n"),
            },
        };
        if sender.send_data(bytes).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
