//! A browser that tests drive: Chromium by chromedriver, over WebDriver (w3.org/TR/webdriver2),
//! which is HTTP with JSON.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use serde_json::{Value, json};

use crate::harness::PATIENCE;

/// A browser with a window of its own.
pub(crate) struct Browser {
    driver: Child,
    port: u16,
    session: String,
    profile: PathBuf,
}

/// The path of a program, if it is installed.
pub(crate) fn installed(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|path| path.is_file())
}

/// How often a driver is started: the port that it chooses may be taken for IPv6, and then it ends.
const DRIVERS: usize = 5;

/// A driver, and where it listens.
fn start(driver: &Path) -> Option<(Child, u16)> {
    let mut driver = Command::new(driver)
        .arg("--port=0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        // The browser is in it, too, and ends with it.
        .process_group(0)
        .spawn()
        .unwrap();
    let mut said = BufReader::new(driver.stdout.take().unwrap()).lines();
    let port = said.find_map(|line| {
        let line = line.unwrap();
        line.split("started successfully on port ").nth(1)?.trim_end_matches('.').parse().ok()
    });
    if port.is_none() {
        driver.kill().ok();
        driver.wait().unwrap();
    }
    Some((driver, port?))
}

impl Browser {
    /// Opens one with a window of that size; `None`, and a word, where there is none. What it is
    /// told to prefer is `dark` or `light`.
    pub(crate) fn open(test: &str, size: (u32, u32), scheme: &str) -> Option<Self> {
        let found = (installed("chromium"), installed("chromedriver"));
        let (Some(chromium), Some(driver)) = found else {
            eprintln!("SKIPPED {test}: no chromium");
            return None;
        };
        let (driver, port) = (0..DRIVERS).find_map(|_| start(&driver)).expect("a driver");
        let profile = format!("epollscope-browser-{}-{test}", std::process::id());
        let profile = std::env::temp_dir().join(profile);
        let mut browser = Self { driver, port, session: String::new(), profile };
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
            &format!("--user-data-dir={}", browser.profile.display()),
            &format!("--window-size={},{}", size.0, size.1),
            // 0 is dark, 1 light.
            &format!("--blink-settings=preferredColorScheme={}", u8::from(scheme == "light")),
        ];
        let mut options = json!({"binary": chromium, "args": arguments});
        // No window is as narrow as a phone.
        if size.0 < 500 {
            let phone = json!({"width": size.0, "height": size.1, "pixelRatio": 3, "touch": true});
            options["mobileEmulation"] = json!({"deviceMetrics": phone});
        }
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }}});
        let made = browser.ask("POST", "/session", Some(&wanted));
        let session = made["sessionId"].as_str().expect("a session");
        session.clone_into(&mut browser.session);
        Some(browser)
    }

    /// Asks the driver; what it answers.
    #[track_caller]
    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Length: {length}\r\n\
             Content-Type: application/json\r\nConnection: close\r\n\r\n{body}",
            self.port
        )
        .unwrap();
        let mut answer = Vec::new();
        let mut answered = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            answered.read_line(&mut line).unwrap();
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().unwrap();
            }
            if line.trim().is_empty() {
                break;
            }
        }
        answered.take(length).read_to_end(&mut answer).unwrap();
        let mut answer: Value = serde_json::from_slice(&answer).unwrap();
        let value = answer["value"].take();
        assert!(value["error"].is_null(), "{path}: {value}");
        value
    }

    #[track_caller]
    fn of_session(&self, path: &str, body: &Value) -> Value {
        self.ask("POST", &format!("/session/{}/{path}", self.session), Some(body))
    }

    /// Opens an address.
    pub(crate) fn go(&self, url: &str) {
        self.of_session("url", &json!({"url": url}));
    }

    /// Opens a file.
    pub(crate) fn file(&self, path: &Path) {
        self.go(&format!("file://{}", path.display()));
    }

    /// What a function with that body returns in the page.
    #[track_caller]
    pub(crate) fn run(&self, script: &str, arguments: &[Value]) -> Value {
        self.of_session("execute/sync", &json!({"script": script, "args": arguments}))
    }

    /// What comes of it as soon as it is true.
    #[track_caller]
    pub(crate) fn until(&self, script: &str) -> Value {
        let begun = Instant::now();
        loop {
            let value = self.run(script, &[]);
            if !(value.is_null() || value == json!(false)) {
                return value;
            }
            assert!(begun.elapsed() < PATIENCE, "it never holds: {script}");
        }
    }

    /// Presses keys, one after the other, where the focus is.
    pub(crate) fn keys(&self, keys: &[&str]) {
        let press = |key: &&str| {
            [json!({"type": "keyDown", "value": key}), json!({"type": "keyUp", "value": key})]
        };
        let actions: Vec<_> = keys.iter().flat_map(press).collect();
        let keyboard = json!({"type": "key", "id": "keyboard", "actions": actions});
        self.of_session("actions", &json!({"actions": [keyboard]}));
    }

    /// Moves a finger (or a mouse) from a point to another with its button down.
    pub(crate) fn drag(&self, pointer: &str, from: (f64, f64), to: (f64, f64)) {
        let at = |(x, y): (f64, f64)| json!({"type": "pointerMove", "duration": 0, "x": x.round(), "y": y.round()});
        let actions = json!([
            at(from), {"type": "pointerDown", "button": 0}, at(to), {"type": "pointerUp", "button": 0}
        ]);
        let finger = json!({
            "type": "pointer", "id": pointer,
            "parameters": {"pointerType": pointer}, "actions": actions
        });
        self.of_session("actions", &json!({"actions": [finger]}));
    }

    /// A click.
    pub(crate) fn click(&self, at: (f64, f64)) {
        self.drag("mouse", at, at);
    }

    /// A picture of the window: PNG in base64.
    pub(crate) fn picture(&self) -> String {
        let path = format!("/session/{}/screenshot", self.session);
        self.ask("GET", &path, None).as_str().expect("base64").to_owned()
    }

    /// What the page complained of, and every address that was asked for.
    pub(crate) fn complaints_and_requests(&self) -> (Vec<String>, Vec<String>) {
        let log = |kind| self.of_session("se/log", &json!({"type": kind}));
        let text = |entry: &Value| entry["message"].as_str().unwrap_or_default().to_owned();
        let entries = |log: Value| log.as_array().cloned().unwrap_or_default();
        let complaints = entries(log("browser")).iter().map(text).collect();
        let events = entries(log("performance")).into_iter().filter_map(|entry| {
            let event: Value = serde_json::from_str(&text(&entry)).ok()?;
            let event = &event["message"];
            let sent = event["method"] == "Network.requestWillBeSent";
            sent.then(|| event["params"]["request"]["url"].as_str().unwrap_or("").to_owned())
        });
        (complaints, events.collect())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() && !std::thread::panicking() {
            self.ask("DELETE", &format!("/session/{}", self.session), None);
        }
        // A browser that nobody has ended does not end with the driver.
        let group = nix::unistd::Pid::from_raw(self.driver.id().cast_signed());
        let _gone = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL);
        let _ended = self.driver.wait();
        let _gone = std::fs::remove_dir_all(&self.profile);
    }
}
