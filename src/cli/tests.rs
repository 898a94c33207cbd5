//! Each option on the command line and in a file, their precedence, and what is said when wrong.

use std::path::PathBuf;

use super::*;
use crate::compare::ComparePlan;
use crate::event::{
    AcceptPolicy, Application, Backend, Mistake, NetpollMode, ReadPolicy, Trigger, WakeupLogMode,
};
use crate::record::{Hidden, RecordingOptions};
use crate::share::{ShareCode, ShareOptions};

mod random;

#[track_caller]
fn serve(line: &str) -> ServeOptions {
    let args = std::iter::once("epollscope").chain(line.split_whitespace());
    match parse(args) {
        Ok(CliRequest::Serve(options)) => *options,
        other => panic!("{line}: {other:?}"),
    }
}

#[track_caller]
fn refused(line: &str) -> String {
    let args = std::iter::once("epollscope").chain(line.split_whitespace());
    match parse(args) {
        Err(error @ Error::Usage(_)) => error.to_string(),
        other => panic!("{line}: {other:?}"),
    }
}

#[track_caller]
fn printed(line: &str) -> String {
    match parse(std::iter::once("epollscope").chain(line.split_whitespace())) {
        Ok(CliRequest::Print(text)) => text,
        other => panic!("{line}: {other:?}"),
    }
}

#[track_caller]
fn from_file(text: &str) -> ServeOptions {
    match config::parse("f.toml", text).and_then(Options::resolve) {
        Ok(options) => options,
        Err(error) => panic!("{text}: {error}"),
    }
}

#[track_caller]
fn check_wrong_file(text: impl AsRef<[u8]> + std::fmt::Debug, message: &str) {
    let error = config::parse("f.toml", &text).expect_err("a wrong file").to_string();
    assert!(error.contains(message), "{text:?} gives\n{error}\ninstead of\n{message}");
}

fn defaults() -> ServeOptions {
    serve("")
}

/// One row an option: on the command line, in a file, and what it changes.
type Row = (&'static str, &'static str, fn(&mut ServeOptions));

const ROWS: [Row; 33] = [
    ("--listen [::1]:0", "listen = '[::1]:0'", |o| {
        o.listen = vec![([0, 0, 0, 0, 0, 0, 0, 1], 0).into()];
    }),
    ("--unix /tmp/s", "unix = '/tmp/s'", |o| {
        o.unix = vec![PathBuf::from("/tmp/s")];
        o.listen.clear();
    }),
    ("--lan", "lan = true", |o| (o.lan, o.share.options.lan) = (true, true)),
    ("--buffers 4K", "buffers = 4096", |o| o.buffers = Some(4096)),
    ("--app http", "app = 'http'", |o| o.settings.app = Application::Http),
    ("--backend poll", "backend = 'poll'", |o| o.settings.backend = Backend::Poll),
    ("--netpoll thread", "netpoll = 'thread'", |o| o.settings.netpoll = NetpollMode::Thread),
    ("--trigger edge", "trigger = 'edge'", |o| o.settings.trigger = Trigger::Edge),
    ("--read once:4", "read = 'once:4'", |o| o.settings.read = ReadPolicy::Once(4)),
    ("--accept once", "accept = 'once'", |o| o.settings.accept = AcceptPolicy::Once),
    ("--max-events 2", "max-events = 2", |o| o.settings.max_events = 2),
    ("--threads 8", "threads = 8", |o| o.settings.threads = 8),
    ("--paused", "paused = true", |o| o.settings.paused = true),
    ("--delay 200", "delay = 200", |o| o.settings.delay_ms = 200),
    ("--mistake ignore-eof", "mistake = ['ignore-eof']", |o| {
        o.settings.mistakes.set(Mistake::IgnoreEof, true);
    }),
    ("--raw", "raw = true", |o| o.settings.raw = true),
    ("--ascii", "ascii = true", |o| o.ascii = true),
    ("--theme projector", "theme = 'projector'", |o| o.theme = Some(ThemeChoice::Projector)),
    ("--mouse", "mouse = true", |o| o.mouse = true),
    ("--share 127.0.0.1:9", "share = '127.0.0.1:9'", |o| {
        o.share.options.address.set_port(9);
        o.share.now = true;
    }),
    ("--code k7qm4x", "code = 'K7QM4X'", |o| o.share.options.code = ShareCode::parse("K7QM4X")),
    ("--share-name a.test", "share-name = 'a.test'", |o| {
        o.share.options.name = Some("a.test".to_owned());
    }),
    ("--history-events 5000", "history-events = 5_000", |o| o.history.events = 5000),
    ("--history-bytes 2MiB", "history-bytes = '2M'", |o| o.history.bytes = 2 << 20),
    ("--output none", "output = 'none'", |o| o.output = OutputFormat::None),
    ("--strace-text", "strace-text = true", |o| o.strace_text = true),
    ("--unobserved", "unobserved = true", |o| o.unobserved = true),
    ("--edge-log off", "edge-log = 'off'", |o| o.edge_log = WakeupLogMode::Off),
    ("--record a.rec", "record = 'a.rec'", |o| o.record = Some("a.rec".into())),
    ("--record-limit 100M", "record-limit = '100M'", |o| o.recording.limit = 100 << 20),
    ("--hide peers", "hide = ['peers']", |o| o.recording.hidden = vec![Hidden::Peers]),
    ("--no-state", "no-state = true", |o| o.remember = false),
    ("--for 500ms", "for = '500ms'", |o| o.run_for = Some(Duration::from_millis(500))),
];

#[test]
fn every_option_works_with_and_without_the_word_serve_and_in_a_file() {
    for (line, file, change) in ROWS {
        let mut expected = defaults();
        change(&mut expected);
        assert_ne!(expected, defaults(), "{line}");
        assert_eq!(serve(line), expected, "{line}");
        assert_eq!(serve(&format!("serve {line}")), expected, "serve {line}");
        assert_eq!(serve(&format!("{line} serve")), expected, "{line} serve");
        assert_eq!(from_file(file), expected, "{file}");
    }
}

#[test]
fn the_rows_above_are_all_options() {
    for arg in definitions().get_arguments().filter_map(clap::Arg::get_long) {
        let known = ["config", "headless"].contains(&arg)
            || ROWS
                .iter()
                .any(|(line, ..)| line.trim_start_matches('-').split(' ').next() == Some(arg));
        assert!(known, "--{arg} has no row");
    }
    assert!(serve("--headless").headless);
    let usual = serve("--share").share;
    assert!(usual.now && usual.options.address == ShareOptions::ADDRESS);
    assert!(from_file("headless = true").headless);
}

#[test]
fn nothing_given_is_the_default() {
    let options = defaults();
    assert_eq!(options.listen, ["127.0.0.1:8000".parse().expect("an address")]);
    assert_eq!(options.settings, Settings::default());
    assert_eq!(options, serve("serve"));
    assert_eq!(options, from_file(""));
    assert_eq!(options.history, HistoryLimits { events: 1_000_000, bytes: 64 << 20 });
}

#[test]
fn listeners_and_mistakes_add_up() {
    let options = serve("--listen 127.0.0.1:1 --unix a serve --listen [::1]:2 --mistake no-rearm");
    assert_eq!(options.listen.len(), 2);
    assert_eq!(options.listen[0].port(), 1);
    assert_eq!(options.unix, [PathBuf::from("a")]);
    let file =
        from_file("mistake = ['no-rearm', 'mask-zero']\nlisten = ['[::1]:1', '127.0.0.1:2']");
    assert_eq!(file.settings.mistakes.iter().count(), 2);
    assert_eq!(file.listen.iter().map(SocketAddr::port).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn the_last_value_wins_after_the_word_serve() {
    assert_eq!(serve("--threads 2 serve --threads 3").settings.threads, 3);
}

#[test]
fn other_machines_need_a_word() {
    for line in ["--listen 0.0.0.0:1", "--listen [::]:1", "--listen 192.168.1.2:80"] {
        let message = refused(line);
        assert!(message.contains("--lan"), "{message}");
        assert_eq!(serve(&format!("{line} --lan")).listen.len(), 1);
    }
    serve("--listen 127.9.9.9:1 --listen [::ffff:127.0.0.1]:1");
}

#[test]
fn a_wrong_value_says_what_was_expected() {
    for (line, message) in [
        ("--listen 8000", "expected an address and a port"),
        ("--listen localhost:8000", "expected an address and a port"),
        ("--app ftp", "[possible values: echo, chat, discard, http]"),
        ("--trigger both", "[possible values: level, edge]"),
        ("--read once:0", "expected bytes, 1 to 65536"),
        ("--read twice", "expected drain or once"),
        ("--read drain:4", "expected nothing more"),
        ("--max-events 1025", "expected events, 1 to 1024"),
        ("--threads 9", "expected threads, 1 to 8"),
        ("--delay 60001", "expected milliseconds, 0 to 60000"),
        ("--mistake typo", "ignore-eof"),
        ("--buffers 1K", "expected bytes, 4K to 64M"),
        ("--history-bytes 64MB", "expected bytes, 1M to 64G"),
        ("--history-events 3", "expected events, 1000 to 1000000000"),
        ("--for soon", "expected a time such as"),
        ("--theme pink", "[possible values: dark, light, projector, mono]"),
        ("--nonsense", "unexpected argument '--nonsense' found"),
        ("look", "unrecognized subcommand 'look' (see --help)"),
        ("--lisen x", "found; tip: a similar argument exists: '--listen' (see --help)"),
        ("a\u{202e}b", "unrecognized subcommand 'a<U+202E>b'"),
        ("--app echo man", "mean nothing"),
        ("--app echo --app http", "cannot be used multiple times"),
        ("--config /nonexistent/x", "cannot read the configuration /nonexistent/x: No such file"),
        ("completions", "were not provided: <SHELL> (see --help)"),
    ] {
        let text = refused(line);
        assert!(text.contains(message), "{line} gives\n{text}");
        assert!(!text.starts_with("error") && !text.contains('\n'), "{text}");
    }
    assert!(refused(&format!("--unix {}", "x".repeat(108))).contains("1 to 107 bytes"));
}

#[test]
fn a_wrong_file_says_where_and_what_was_expected() {
    for (text, message) in [
        ("\n  tigger = 'edge'", "f.toml:2:3: unknown key `tigger`: expected one of accept, app, "),
        ("config = 'x'", "f.toml:1:1: unknown key `config`"),
        ("help = true", "f.toml:1:1: unknown key `help`"),
        ("trigger = 'both'", "f.toml:1:11: `trigger`: found `both`, expected one of level, edge"),
        ("threads = 9", "f.toml:1:11: `threads`: found `9`, expected threads, 1 to 8"),
        ("paused = 'yes'", "f.toml:1:10: `paused`: expected true or false"),
        ("delay = true", "f.toml:1:9: `delay`: expected a string or a decimal number"),
        ("delay = 1.5", "f.toml:1:9: `delay`: expected a string or a decimal number"),
        ("app = ['echo']", "f.toml:1:7: `app`: expected one value"),
        ("mistake = ['no-rearm',\n 'x']", "f.toml:2:2: `mistake`: found `x`, expected one of "),
        ("listen = [['x']]", "f.toml:1:11: `listen`: expected a string"),
        ("listen = 'x'", "f.toml:1:10: `listen`: found `x`, expected an address and a port"),
        ("[server]\napp = 'echo'", "f.toml:1:2: unknown key `server`"),
        ("raw = true\nraw = true", "f.toml:2:1: duplicate key"),
        ("\n\u{e9} = 1", "f.toml:2:1: "),
        ("app = ", "f.toml:1:"),
        ("\"a\\u001bb\" = 1", "unknown key `a^[b`"),
    ] {
        check_wrong_file(text, message);
    }
    check_wrong_file(b"raw = true\n# \xff\xfe", "f.toml:2:3: expected UTF-8");
}

#[test]
fn the_command_line_wins_over_the_file() {
    let path = std::env::temp_dir().join(format!("epollscope-cli-{}.toml", std::process::id()));
    let text = "app = 'chat'\nthreads = 4\nunix = 'u'\nmistake = 'no-rearm'\nascii = true\n";
    std::fs::write(&path, text).expect("a file in the temporary directory");
    let file = path.display();
    let plain = serve(&format!("--config {file}"));
    assert_eq!(plain, from_file(text));
    let options = serve(&format!("serve --config {file} --threads 2 --listen [::1]:1"));
    assert_eq!((options.settings.app, options.settings.threads), (Application::Chat, 2));
    assert_eq!((options.listen.len(), options.unix.len()), (1, 0));
    assert!(options.ascii);
    let options = serve(&format!("--mistake mask-zero serve --config {file}"));
    assert_eq!(options.settings.mistakes.iter().collect::<Vec<_>>(), [Mistake::MaskZero]);
    let _gone = std::fs::remove_file(&path);
}

#[test]
fn help_and_completions_have_every_option() {
    let bash = printed("completions bash");
    let zsh = printed("completions zsh");
    let fish = printed("completions fish");
    let help = printed("--help");
    let serve_help = printed("serve --help");
    for name in definitions().get_arguments().filter_map(clap::Arg::get_long) {
        let long = format!("--{name}");
        for text in [&bash, &zsh, &help, &serve_help] {
            assert!(text.contains(&long), "{long} is not in\n{text}");
        }
        assert!(fish.contains(&format!("-l {name}")), "{name}");
    }
    assert!(bash.contains("no-emfile-guard"));
    assert_eq!(parse(["epollscope", "man"]), Ok(CliRequest::Manual));
}

#[test]
fn help_is_plain_text_with_headings_and_examples() {
    let help = printed("--help");
    for part in ["Sockets:", "Server:", "Screen:", "Run:", "Examples:", "telnet 127.0.0.1 8000"] {
        assert!(help.contains(part), "{part} is not in\n{help}");
    }
    assert!(!help.contains('\x1b'));
    assert!(printed("-h").contains("--listen"));
    assert_eq!(printed("--version").trim(), concat!("epollscope ", env!("CARGO_PKG_VERSION")));
}

#[test]
fn the_definitions_are_sound() {
    Line::command().debug_assert();
}

#[track_caller]
fn lesson(line: &str) -> LessonOptions {
    let args = std::iter::once("epollscope").chain(line.split_whitespace());
    match parse(args) {
        Ok(CliRequest::Lesson(options)) => *options,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn lessons_are_shown_listed_printed_and_run() {
    let menu = lesson("lesson");
    assert_eq!((menu.what, menu.name), (Teach::Show, None));
    let shown = lesson("lesson read-once --theme projector --ascii --for 2s");
    assert_eq!((shown.what, shown.name.as_deref()), (Teach::Show, Some("read-once")));
    assert_eq!((shown.theme, shown.ascii), (Some(ThemeChoice::Projector), true));
    assert_eq!(shown.run_for, Some(Duration::from_secs(2)));
    assert_eq!(lesson("lesson --list").what, Teach::List);
    assert_eq!(lesson("lesson --print read-once").what, Teach::Print);
    assert_eq!(lesson("lesson read-once --json").what, Teach::Json);
    assert_eq!(lesson("lesson --guide").what, Teach::Guide);
    let new = lesson("lesson --new mine.toml");
    assert_eq!((new.what, new.name.as_deref()), (Teach::New, Some("mine.toml")));
    assert!(lesson("lesson").remember && !lesson("lesson --no-state").remember);
}

#[test]
fn what_lessons_cannot_do_is_refused() {
    for (line, words) in [
        ("lesson --print", "NAME|FILE"),
        ("lesson --json", "NAME|FILE"),
        ("lesson a --json --print", "--json"),
        ("lesson a --list", "--list"),
        ("lesson a --new b", "--new"),
        ("lesson --new", "--new"),
        ("lesson --guide --list", "--guide"),
        ("lesson a b", "unexpected"),
        ("lesson --trigger edge", "--trigger"),
        ("--paused lesson", "the options of serve"),
    ] {
        let error = refused(line);
        assert!(error.contains(words), "{line}: {error}");
    }
}

#[track_caller]
fn compared(line: &str) -> CompareOptions {
    let args = std::iter::once("epollscope").chain(line.split_whitespace());
    match parse(args) {
        Ok(CliRequest::Compare(options)) => *options,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn loops_are_compared_on_a_screen_as_lines_or_as_values() {
    let plain = compared("compare");
    assert_eq!(plain.plan.loops, crate::compare::AT_HAND);
    assert_eq!((plain.plan.clients, plain.plan.active, plain.plan.size), (100, 100, 64));
    assert_eq!((plain.output, plain.mirror), (CompareOutput::Screen, None));
    let given = compared(
        "compare --loops epoll,poll,epoll --clients 1000 --active 10 --size 512 --rounds 3 --curve \
         --json --for 2s",
    );
    let loops: Vec<_> = given.plan.loops.iter().map(|name| name.word()).collect();
    assert_eq!(loops, ["epoll", "poll", "epoll"]);
    assert_eq!((given.plan.clients, given.plan.active, given.plan.size), (1000, 10, 512));
    assert_eq!((given.plan.rounds, given.plan.curve), (3, true));
    assert_eq!(given.run_for, Some(Duration::from_secs(2)));
    assert_eq!(compared("compare --csv --active 3").output, CompareOutput::Csv);
    let mirror = compared("compare --mirror 127.0.0.1:8000 --theme mono").mirror;
    assert_eq!(mirror, Some(([127, 0, 0, 1], 8000).into()));
}

#[test]
fn what_cannot_be_compared_is_refused() {
    for (line, words) in [
        (
            "compare --loops kqueue",
            "expected one of epoll, poll, select, io_uring, goroutine, threads",
        ),
        ("compare --loops epoll,,poll", "expected one of epoll"),
        ("compare --clients 0", "expected a number of clients, 1 to 10000"),
        ("compare --clients 10001", "expected a number of clients, 1 to 10000"),
        ("compare --active 0", "1 to 10000"),
        ("compare --clients 10 --active 11", "--active 11 of --clients 10: at most all"),
        ("compare --size 16385", "expected bytes, 1 to 16384"),
        ("compare --rounds many", "expected a number of rounds, 1 to 10000"),
        ("compare --rounds 0", "expected a number of rounds, 1 to 10000"),
        ("compare --json --csv", "cannot be used with"),
        ("compare --csv --mirror 127.0.0.1:1", "cannot be used with"),
        ("compare --mirror 8000", "expected an address and a port"),
        ("compare --mirror 0.0.0.0:8000", "other machines could reach 0.0.0.0:8000"),
        ("compare --trigger edge", "unexpected"),
        ("--paused compare", "the options of serve"),
    ] {
        let error = refused(line);
        assert!(error.contains(words), "{line}: {error}");
    }
    let many = vec!["epoll"; ComparePlan::MAX_LOOPS + 1].join(",");
    assert!(refused(&format!("compare --loops {many}")).contains("12 at most"));
}

#[test]
fn the_process_of_a_loop_is_a_server_that_knows_who_asked() {
    let own = serve("loop-process 42 --headless --unobserved");
    assert_eq!(own, ServeOptions { child_of: Some(42), ..serve("--headless --unobserved") });
    assert!(refused("loop-process x").contains("unrecognized subcommand"));
}

#[test]
fn an_export_is_what_the_ending_of_its_file_says() {
    use crate::event::{ExportKind, Nanos};
    let asked = |args: &str| {
        let args = format!("epollscope export {args}");
        match parse(args.split(' ').map(OsString::from)) {
            Ok(CliRequest::Export(options)) => Ok(*options),
            Ok(other) => panic!("{args}: {other:?}"),
            Err(error) => Err(error.to_string()),
        }
    };
    for kind in ExportKind::ALL {
        let options = asked(&format!("a.rec b.{}", kind.ending())).expect("an ending is enough");
        assert_eq!((options.kind, options.size), (kind, (120, 40)));
        let options = asked(&format!("a.rec - --as {kind}")).expect("a word is enough");
        assert_eq!((options.kind, options.out), (kind, None));
    }
    let options = asked("a.rec b.svg --as text --at 1.5 --size 80x24 --hide payload,peers")
        .expect("a word wins");
    assert_eq!((options.kind, options.size), (ExportKind::Text, (80, 24)));
    assert_eq!((options.at, options.hidden.len()), (Some(Nanos(1_500_000_000)), 2));
    for (args, said) in [
        ("a.rec b.doc", "the ending of b.doc does not say what is written"),
        ("a.rec -", "standard output has no ending: say what is written"),
        ("a.rec b.json --at 3", "--at means nothing to trace"),
        ("a.rec b.jsonl --size 80x24", "mean nothing to lines, which shows no screen"),
        ("a.rec b.csv --ascii", "mean nothing to spans, which shows no screen"),
        ("a.rec b.svg --size 10x10", "expected columns and rows such as 120x40"),
        ("a.rec b.svg --size 120", "expected columns and rows such as 120x40"),
        ("a.rec b.svg --hide all", "possible values"),
        ("a.rec b.svg --as film", "possible values"),
    ] {
        let error = asked(args).expect_err(args);
        assert!(error.contains(said), "{args}: {error}");
    }
}
