//! A real browser: chromium, told what to do through chromedriver, by plain HTTP.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{LIMIT, parse_reply, poll};
use crate::tools::{Daemon, directory, find, free_address};

/// A browser takes some seconds to start where the tests keep all processors busy.
const PATIENCE: Duration = Duration::from_secs(90);

/// The name of an element in the driver's JSON.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser with one page, closed when it is dropped.
pub struct Browser {
    driver: SocketAddr,
    session: String,
    _daemon: Daemon,
}

/// How a page is looked at.
#[derive(Clone, Copy, Debug)]
pub struct View {
    pub width: u32,
    pub height: u32,
    pub dark: bool,
    pub language: &'static str,
}

pub const DESKTOP: View = View {
    width: 1280,
    height: 800,
    dark: false,
    language: "zh-CN",
};

pub const PHONE: View = View {
    width: 390,
    height: 844,
    dark: false,
    language: "zh-CN",
};

impl Browser {
    /// Starts the browser with a profile of this name, unless it is not installed.
    pub fn start(name: &str) -> Option<Self> {
        let (chromium, driver) = (find("chromium")?, find("chromedriver")?);
        let address = free_address();
        let profile = directory(name);
        let mut command = Command::new(driver);
        command
            .arg(format!("--port={}", address.port()))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut browser = Self {
            _daemon: Daemon::start(command, address),
            driver: address,
            session: String::new(),
        };
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            &format!("--user-data-dir={}", profile.display()),
        ];
        let capabilities = json!({"alwaysMatch": {
            "goog:chromeOptions": {"binary": chromium, "args": arguments},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }});
        let session = browser.ask("POST", "", &json!({"capabilities": capabilities}));
        browser.session = format!("/{}", session["sessionId"].as_str().unwrap());
        Some(browser)
    }

    /// Opens a page, seen so.
    pub fn open(&self, url: &str, view: View) {
        let user_agent = self.run("return navigator.userAgent");
        self.command(
            "Emulation.setUserAgentOverride",
            &json!({"userAgent": user_agent, "acceptLanguage": view.language}),
        );
        self.look(view);
        // What the page for a new tab is made of is nobody's business.
        self.ask("POST", "/url", &json!({"url": "about:blank"}));
        self.requested();
        self.ask("POST", "/url", &json!({"url": url}));
    }

    /// Looks at the page with other eyes; its language stays.
    pub fn look(&self, view: View) {
        let scheme = if view.dark { "dark" } else { "light" };
        self.command(
            "Emulation.setEmulatedMedia",
            &json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]}),
        );
        self.command(
            "Emulation.setDeviceMetricsOverride",
            &json!({"width": view.width, "height": view.height, "deviceScaleFactor": 1, "mobile": false}),
        );
    }

    /// Runs a script in the page, and gives what it returns.
    pub fn run(&self, script: &str) -> Value {
        self.ask(
            "POST",
            "/execute/sync",
            &json!({"script": script, "args": []}),
        )
    }

    /// Waits until an expression is true in the page.
    #[track_caller]
    pub fn wait(&self, expression: &str) {
        let script = format!("return Boolean({expression})");
        let is_true = || (self.run(&script) == true).then_some(());
        let seen = poll(Instant::now() + LIMIT, is_true);
        assert!(
            seen.is_some(),
            "never true: {expression}\n{}",
            self.text("body")
        );
    }

    /// What a person reads in the first element of this selector.
    pub fn text(&self, selector: &str) -> String {
        let text = self.run(&format!(
            "return document.querySelector({}).innerText",
            json!(selector)
        ));
        text.as_str().unwrap().to_owned()
    }

    /// Clicks on the first element of this selector, where a mouse would.
    pub fn click(&self, selector: &str) {
        self.act(selector, "click", &json!({}));
    }

    /// Types into the first element of this selector; `\u{e007}` is the Enter key.
    pub fn type_into(&self, selector: &str, text: &str) {
        self.act(selector, "value", &json!({"text": text}));
    }

    /// Presses keys one after the other, whatever has the focus.
    pub fn press(&self, keys: &str) {
        let presses: Vec<Value> = keys
            .chars()
            .flat_map(|key| ["keyDown", "keyUp"].map(|kind| json!({"type": kind, "value": key})))
            .collect();
        let keyboard = json!({"type": "key", "id": "keyboard", "actions": presses});
        self.ask("POST", "/actions", &json!({"actions": [keyboard]}));
    }

    /// The page as a PNG.
    pub fn screenshot(&self) -> Vec<u8> {
        let image = self.ask("GET", "/screenshot", &Value::Null);
        STANDARD.decode(image.as_str().unwrap()).unwrap()
    }

    /// What stands in the console since it was last read.
    pub fn console(&self) -> Vec<Value> {
        let log = self.ask("POST", "/se/log", &json!({"type": "browser"}));
        log.as_array().unwrap().clone()
    }

    /// The URLs of all requests since they were last read.
    pub fn requested(&self) -> Vec<String> {
        let log = self.ask("POST", "/se/log", &json!({"type": "performance"}));
        let events = log.as_array().unwrap().iter().map(|entry| {
            let event: Value = serde_json::from_str(entry["message"].as_str().unwrap()).unwrap();
            event["message"].clone()
        });
        events
            .filter(|event| event["method"] == "Network.requestWillBeSent")
            .map(|event| {
                event["params"]["request"]["url"]
                    .as_str()
                    .unwrap()
                    .to_owned()
            })
            .collect()
    }

    fn act(&self, selector: &str, action: &str, details: &Value) {
        let found = self.ask(
            "POST",
            "/element",
            &json!({"using": "css selector", "value": selector}),
        );
        let element = found[ELEMENT].as_str().unwrap();
        self.ask("POST", &format!("/element/{element}/{action}"), details);
    }

    fn command(&self, name: &str, parameters: &Value) {
        self.ask(
            "POST",
            "/goog/cdp/execute",
            &json!({"cmd": name, "params": parameters}),
        );
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = self
            .try_ask(method, path, body)
            .expect("chromedriver fails");
        let value = answer["value"].clone();
        assert!(value["error"].is_null(), "{method} {path} {body}: {value}");
        value
    }

    fn try_ask(&self, method: &str, path: &str, body: &Value) -> std::io::Result<Value> {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let mut stream = TcpStream::connect(self.driver)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(
            stream,
            "{method} /session{}{path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.session,
            self.driver,
            body.len(),
        )?;
        // The driver keeps the connection.
        let mut answer = Vec::new();
        let mut some = [0; 8 * 1024];
        loop {
            if let Some(reply) = parse_reply(&answer) {
                return Ok(serde_json::from_slice(&reply.body)?);
            }
            match stream.read(&mut some)? {
                0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
                read => answer.extend_from_slice(&some[..read]),
            }
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver would leave the browser running.
        if !self.session.is_empty() {
            let _ = self.try_ask("DELETE", "", &Value::Null);
        }
    }
}
