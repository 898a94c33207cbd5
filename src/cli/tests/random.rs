//! Any options, written as a file and as a command line; any file.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::event::{Backend, LaneId, Mistakes, Nanos, NetpollMode, print_duration};

fn address(lan: bool) -> BoxedStrategy<SocketAddr> {
    let ip: BoxedStrategy<IpAddr> = if lan {
        prop_oneof![
            any::<u32>().prop_map(|bits| Ipv4Addr::from(bits).into()),
            any::<u128>().prop_map(|bits| Ipv6Addr::from(bits).into()),
        ]
        .boxed()
    } else {
        prop_oneof![
            any::<[u8; 3]>().prop_map(|[b, c, d]| Ipv4Addr::new(127, b, c, d).into()),
            Just(IpAddr::from(Ipv6Addr::LOCALHOST)),
        ]
        .boxed()
    };
    (ip, any::<u16>()).prop_map(SocketAddr::from).boxed()
}

type Sockets = (Vec<SocketAddr>, Vec<PathBuf>, bool, Option<u32>);

fn sockets() -> impl Strategy<Value = Sockets> {
    let path = "[ -~é日\n\t\u{202e}]{1,30}".prop_map(PathBuf::from);
    let lists = any::<bool>().prop_flat_map(|lan| (vec(address(lan), 0..4), Just(lan)));
    let bytes = option::of(4096_u32..=64 << 20);
    (lists, vec(path, 0..3), bytes).prop_map(|((mut listen, lan), unix, buffers)| {
        if listen.is_empty() && unix.is_empty() {
            listen = defaults().listen;
        }
        (listen, unix, lan, buffers)
    })
}

fn settings() -> impl Strategy<Value = Settings> {
    let read = prop_oneof![
        Just(ReadPolicy::Drain),
        (1..=ReadPolicy::MAX_BYTES).prop_map(ReadPolicy::Once),
    ];
    (
        (select(&Application::ALL[..]), any::<bool>(), read, any::<bool>()),
        (1..=Settings::MAX_EVENTS, 0..=Settings::MAX_DELAY_MS, 1..=LaneId::MAX_WORKERS),
        (any::<u16>(), any::<bool>(), any::<bool>()),
    )
        .prop_map(|((app, edge, read, once), (max_events, delay_ms, threads), last)| {
            let (mistakes, raw, paused) = last;
            Settings {
                backend: Backend::Epoll,
                netpoll: NetpollMode::Shared,
                app,
                trigger: if edge { Trigger::Edge } else { Trigger::Level },
                read,
                accept: if once { AcceptPolicy::Once } else { AcceptPolicy::Drain },
                max_events,
                delay_ms,
                threads,
                mistakes: Mistakes::from_bits(mistakes),
                raw,
                paused,
            }
        })
}

fn any_options() -> impl Strategy<Value = ServeOptions> {
    let themes =
        vec![ThemeChoice::Dark, ThemeChoice::Light, ThemeChoice::Projector, ThemeChoice::Mono];
    let screen = (any::<bool>(), option::of(select(themes)), any::<bool>());
    let history = (1000_usize..=1_000_000_000, 1_usize << 20..=64 << 30);
    let run = (any::<bool>(), any::<bool>(), any::<[bool; 2]>(), select(&WakeupLogMode::ALL[..]));
    // Of few digits, as people give it, or of many.
    let time =
        prop_oneof![1..86_400_000_000_000_u64, (1..86_400_u64).prop_map(|s| s * 1_000_000_000)];
    let run = (run, option::of(time));
    (sockets(), settings(), screen, history, run).prop_map(
        |(sockets, settings, (ascii, theme, mouse), (events, bytes), (run, time))| ServeOptions {
            listen: sockets.0,
            unix: sockets.1,
            lan: sockets.2,
            share: SharePlan {
                options: ShareOptions { lan: sockets.2, ..ShareOptions::default() },
                now: false,
            },
            buffers: sockets.3,
            settings,
            ascii,
            theme,
            mouse,
            history: HistoryLimits { events, bytes },
            headless: run.0,
            remember: true,
            output: if run.1 { OutputFormat::None } else { OutputFormat::Json },
            unobserved: run.2[0],
            child_of: None,
            strace_text: run.2[1],
            edge_log: run.3,
            record: None,
            recording: RecordingOptions::default(),
            run_for: time.map(Duration::from_nanos),
        },
    )
}

/// The options as keys and values; what has the value `on` takes none on the command line.
fn entries(o: &ServeOptions) -> Vec<(&'static str, String)> {
    let mut list: Vec<(&'static str, String)> = Vec::new();
    list.extend(o.listen.iter().map(|address| ("listen", address.to_string())));
    list.extend(o.unix.iter().map(|path| ("unix", path.display().to_string())));
    list.extend(o.settings.mistakes.iter().map(|m| ("mistake", m.word().to_owned())));
    let on = [
        ("lan", o.lan),
        ("paused", o.settings.paused),
        ("raw", o.settings.raw),
        ("ascii", o.ascii),
        ("mouse", o.mouse),
        ("headless", o.headless),
        ("unobserved", o.unobserved),
        ("strace-text", o.strace_text),
    ];
    list.extend(on.iter().filter(|(_, on)| *on).map(|(key, _)| (*key, "on".to_owned())));
    list.extend(o.buffers.map(|bytes| ("buffers", bytes.to_string())));
    list.extend(o.theme.map(|theme| ("theme", format!("{theme:?}").to_lowercase())));
    let nanos = |time: Duration| u64::try_from(time.as_nanos()).expect("within a day");
    list.extend(o.run_for.map(|time| ("for", print_duration(Nanos(nanos(time))))));
    list.extend([
        ("app", o.settings.app.word().to_owned()),
        ("trigger", o.settings.trigger.to_string()),
        ("read", o.settings.read.to_string().replace(' ', ":")),
        ("accept", o.settings.accept.to_string()),
        ("max-events", o.settings.max_events.to_string()),
        ("threads", o.settings.threads.to_string()),
        ("delay", o.settings.delay_ms.to_string()),
        ("history-events", o.history.events.to_string()),
        ("history-bytes", o.history.bytes.to_string()),
        ("output", format!("{:?}", o.output).to_lowercase()),
        ("edge-log", o.edge_log.word().to_owned()),
    ]);
    list
}

/// The options as a file; `bare` writes numbers without quotes.
fn file_of(options: &ServeOptions, bare: bool) -> String {
    const LISTS: [&str; 3] = ["listen", "unix", "mistake"];
    let mut text = String::new();
    let entries = entries(options);
    for key in LISTS {
        let values = entries.iter().filter(|(k, _)| *k == key);
        let list: Vec<_> = values.map(|(_, value)| toml::Value::from(value.as_str())).collect();
        let _infallible = writeln!(text, "{key} = {}", toml::Value::from(list));
    }
    for (key, value) in entries.into_iter().filter(|(key, _)| !LISTS.contains(key)) {
        let value = match value.parse::<i64>().ok().filter(|_| bare) {
            Some(number) => number.to_string(),
            None if value == "on" && key != "edge-log" => "true".to_owned(),
            None => toml::Value::from(value).to_string(),
        };
        let _infallible = writeln!(text, "{key} = {value}");
    }
    text
}

fn line_of(options: &ServeOptions) -> Vec<String> {
    let argument = |(key, value): (&str, String)| match (key, value.as_str()) {
        ("edge-log", _) => format!("--{key}={value}"),
        (_, "on") => format!("--{key}"),
        _ => format!("--{key}={value}"),
    };
    let words = entries(options).into_iter().map(argument);
    std::iter::once("epollscope".to_owned()).chain(words).collect()
}

/// Whether `message` names a line and a column that `text` has, in one plain line.
fn has_place(message: &str, text: &[u8]) -> bool {
    let mut parts = message.splitn(4, ':');
    let (name, line, column) = (parts.next(), parts.next(), parts.next());
    let number = |part: Option<&str>| part.and_then(|p| p.parse::<usize>().ok()).unwrap_or(0);
    let line = text.split(|b| *b == b'\n').nth(number(line).wrapping_sub(1));
    let longest = line.map(|line| String::from_utf8_lossy(line).chars().count() + 1);
    name == Some("f")
        && longest.is_some_and(|longest| (1..=longest).contains(&number(column)))
        && parts.next().is_some_and(|why| why.len() > 3)
        && !message.chars().any(char::is_control)
}

/// A change of a text: at a place, so many bytes go and these come.
type Edit = (prop::sample::Index, usize, Vec<u8>);

fn edit() -> impl Strategy<Value = Edit> {
    const PIECES: [&str; 24] = [
        "'",
        "\"",
        "\n",
        "=",
        "[",
        "]",
        ".",
        "#",
        "{",
        "}",
        "é",
        "\\u0000",
        "app",
        "true",
        "0x",
        "1e5",
        "-",
        "'''",
        "\r",
        "\u{2028}",
        "config = 'f'\n",
        "help = true\n",
        "1979-05-27",
        "\u{1b}",
    ];
    let bytes = prop_oneof![
        3 => select(&PIECES[..]).prop_map(|text| text.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..4),
    ];
    (any::<prop::sample::Index>(), 0_usize..12, bytes)
}

#[track_caller]
fn check_read_or_refused(bytes: &[u8]) {
    if let Err(error) = config::parse("f", bytes) {
        let message = error.to_string();
        assert!(has_place(&message, bytes), "{message:?} of {:?}", String::from_utf8_lossy(bytes));
    }
}

proptest! {
    #[test]
    fn any_options_written_to_a_file_are_read_back(options in any_options(), bare: bool) {
        let text = file_of(&options, bare);
        let read = config::parse("f", &text).and_then(Options::resolve);
        prop_assert_eq!(read.map_err(|e| format!("{e} in\n{text}")), Ok(options));
    }

    #[test]
    fn any_options_given_on_the_command_line_are_understood(options in any_options()) {
        let line = line_of(&options);
        let wanted = CliRequest::Serve(Box::new(options));
        prop_assert_eq!(parse(&line).map_err(|e| format!("{e}: {line:?}")), Ok(wanted));
    }

    #[test]
    fn a_damaged_file_is_read_or_refused_with_a_place(
        options in any_options(),
        edits in vec(edit(), 1..6),
    ) {
        let mut bytes = file_of(&options, true).into_bytes();
        for (place, gone, new) in edits {
            let at = place.index(bytes.len() + 1);
            bytes.splice(at..(at + gone).min(bytes.len()), new);
        }
        check_read_or_refused(&bytes);
    }

    #[test]
    fn any_bytes_are_read_or_refused_with_a_place(bytes in vec(any::<u8>(), 0..200)) {
        check_read_or_refused(&bytes);
    }

    #[test]
    fn any_text_is_read_or_refused_with_a_place(text: String) {
        check_read_or_refused(text.as_bytes());
    }

    #[test]
    fn any_line_is_parsed_or_refused(words in vec("[-a-z:0-9=]{0,12}", 0..5)) {
        let line = std::iter::once("epollscope".to_owned()).chain(words);
        if let Err(error) = parse(line) {
            prop_assert_eq!(error.exit_code(), 2);
        }
    }
}
