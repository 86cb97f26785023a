//! The real program on a real directory, as a user runs it.

use crate::wire::Caller;
use onrecord_evidence::Verifier;
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_onrecord");

/// A data directory of its own.
pub(crate) struct Directory {
    root: TempDir,
    pub(crate) token: String,
    pub(crate) public_key: String,
}

impl Directory {
    /// Made by `onrecord init`.
    pub(crate) fn init() -> Self {
        let mut directory = Self::absent();
        let made = directory.json(&["init", "--origin", "test.example/ledger", "--format", "json"]);
        directory.token = made["admin_token"].as_str().unwrap().to_owned();
        directory.public_key = made["public_key"].as_str().unwrap().to_owned();
        directory
    }

    /// Made by `onrecord demo`.
    pub(crate) fn demo() -> Self {
        let mut directory = Self::absent();
        directory.ok(&["demo", "--load-only"]);
        directory.public_key =
            std::fs::read_to_string(directory.path().join("keys/ledger.vkey")).unwrap().trim().to_owned();
        directory.token = directory.make_token("everything", "write,read,reveal,admin");
        directory
    }

    /// A place for one.
    pub(crate) fn absent() -> Self {
        Self { root: tempfile::tempdir().unwrap(), token: String::new(), public_key: String::new() }
    }

    /// Moves everything that is on the record into a segment.
    #[track_caller]
    pub(crate) fn seal(&self) {
        let server = self.serve();
        let answer = server.post("/v1/seal", "");
        assert_eq!(answer.status, 204, "{}", answer.text());
        assert_eq!(server.stop().0, Some(0));
    }

    /// A copy of it as it lies there now.
    pub(crate) fn copy(&self) -> Self {
        let copy = Self { token: self.token.clone(), public_key: self.public_key.clone(), ..Self::absent() };
        copy_files(&self.path(), &copy.path());
        copy
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.root.path().join("data")
    }

    /// A file beside the data directory.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Writes a file beside the data directory, and gives its path as an argument.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.beside(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Every file of the data directory, by its path within, in order.
    pub(crate) fn files(&self) -> Vec<String> {
        let root = self.path();
        files(&root).iter().map(|path| path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned()).collect()
    }

    /// Bytes of all its files.
    pub(crate) fn size_bytes(&self) -> u64 {
        // A file may go while it is looked at.
        files(&self.path()).iter().filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum()
    }

    pub(crate) fn key(&self) -> Verifier {
        Verifier::parse(&self.public_key).unwrap()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        for name in ["ONRECORD_URL", "ONRECORD_TOKEN", "ONRECORD_LISTEN", "ONRECORD_LOG"] {
            command.env_remove(name);
        }
        command.env("ONRECORD_DATA", self.path()).args(arguments).stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs what must succeed, and gives its standard output.
    #[track_caller]
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}{}", text(&output.stdout), text(&output.stderr));
        text(&output.stdout)
    }

    /// Verifies what was not closed cleanly, or is open: nothing may be wrong. Gives the exit code, 3 where something
    /// could not be checked, and the report.
    #[track_caller]
    pub(crate) fn verified(&self, arguments: &[&str]) -> (i32, Value) {
        let output = self.run(&[arguments, &["--format", "json"]].concat());
        let code = output.status.code().unwrap();
        assert!(code == 0 || code == 3, "{arguments:?}: {}{}", text(&output.stdout), text(&output.stderr));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["faults"], Value::Array(Vec::new()));
        assert_eq!(code == 3, report.get("unchecked").is_some(), "{report}");
        (code, report)
    }

    /// Runs what must fail with exit code 1, and gives everything it printed.
    #[track_caller]
    pub(crate) fn fails(&self, arguments: &[&str]) -> String {
        failed(&self.run(arguments), &format!("{arguments:?}"))
    }

    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.ok(arguments)).unwrap()
    }

    /// The rows of a query.
    #[track_caller]
    pub(crate) fn rows(&self, sql: &str) -> Vec<Value> {
        self.ok(&["sql", sql, "--format", "jsonl"]).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The one number that a query gives.
    #[track_caller]
    pub(crate) fn count(&self, sql: &str) -> u64 {
        let rows = self.rows(sql);
        rows[0].as_object().unwrap().values().next().unwrap().as_u64().unwrap_or_else(|| panic!("{rows:?}"))
    }

    /// Logs one decision through standard input.
    pub(crate) fn log(&self, body: impl AsRef<[u8]>) -> Output {
        let mut command = self.command(&["log"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // A body that is refused half way is no failure of the test.
        let _ = child.stdin.take().unwrap().write_all(body.as_ref());
        child.wait_with_output().unwrap()
    }

    /// Makes a token with the roles, a comma between them.
    #[track_caller]
    pub(crate) fn make_token(&self, name: &str, roles: &str) -> String {
        let made = self.json(&["token", "create", name, "--role", roles, "--format", "json"]);
        made["token"].as_str().unwrap().to_owned()
    }

    /// A server on this directory.
    pub(crate) fn serve(&self) -> Server {
        self.serve_with(&[], &[])
    }

    /// A server with further arguments and environment variables.
    pub(crate) fn serve_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Server {
        let mut command = self.command(&["serve", "--listen", "127.0.0.1:0"]);
        Server::start(command.args(arguments).envs(environment.iter().copied()), &self.token)
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Checks that a command ended with exit code 1, without a panic, and gives everything that it printed.
#[track_caller]
pub(crate) fn failed(output: &Output, what: &str) -> String {
    let printed = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{what}: {printed}");
    assert!(!printed.contains("panicked"), "{what}: {printed}");
    printed
}

/// Every file below `root`.
pub(crate) fn files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.is_file() {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn copy_files(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_files(&path, &to);
        } else if path.is_file() {
            std::fs::copy(&path, to).unwrap();
        }
    }
}

/// The directory of this repository.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The third party's program, built from the evidence crate beside the program under test.
pub(crate) fn verifier_program() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let beside = Path::new(PROGRAM).parent().unwrap();
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["build", "--quiet", "--offline", "--package", "onrecord-evidence", "--bin", "onrecord-verify"]);
        cargo.arg("--target-dir").arg(beside.parent().unwrap()).current_dir(repository());
        if beside.ends_with("release") {
            cargo.arg("--release");
        }
        assert!(cargo.status().unwrap().success());
        beside.join("onrecord-verify")
    })
}

/// A running `onrecord serve`; killed when dropped. Everything that a [`Caller`] does, it does with the admin token.
pub(crate) struct Server {
    child: Child,
    caller: Caller,
    log: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Deref for Server {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.caller
    }
}

impl Server {
    /// Starts it, and waits until it says where it listens.
    pub(crate) fn start(command: &mut Command, token: &str) -> Self {
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut seen = String::new();
        let address = loop {
            let line = lines.next().unwrap_or_else(|| panic!("the server ended: {seen}")).unwrap();
            seen.push_str(&line);
            seen.push('\n');
            if let Some((_, rest)) = line.split_once("http://").or_else(|| line.split_once("https://")) {
                let end = rest.find(|char: char| !(char.is_ascii_digit() || ".:".contains(char))).unwrap_or(rest.len());
                break rest[..end].to_owned();
            }
        };
        let log = Arc::new(Mutex::new(seen));
        let kept = log.clone();
        let reader = std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                *kept.lock().unwrap() += &(line + "\n");
            }
        });
        Self { child, caller: Caller { address, token: Some(token.to_owned()) }, log, reader: Some(reader) }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it wrote to standard error so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// The most memory that it had at once.
    pub(crate) fn peak_memory_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }

    /// Its process id.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal, by its name.
    pub(crate) fn signal(&self, name: &str) {
        let process = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &process]).status().unwrap().success());
    }

    /// `kill -9`, and waits for the end.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and waits for the end; gives the exit code and what it had written to standard error.
    pub(crate) fn stop(mut self) -> (Option<i32>, String) {
        // It may have been told already.
        if self.child.try_wait().unwrap().is_none() {
            self.signal("TERM");
        }
        let code = self.child.wait().unwrap().code();
        self.reader.take().unwrap().join().unwrap();
        (code, self.log())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks `ready` until it says yes, or fails after a while.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut ready: impl FnMut() -> bool) {
    let started = Instant::now();
    while !ready() {
        assert!(started.elapsed() < Duration::from_secs(30), "waited for: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A decision with what every decision must have, and `extra` members (`,"a":1`).
pub(crate) fn decision(extra: &str) -> String {
    format!(
        r#"{{"modelId":"loan_approval_model","modelVersion":"1","modelType":"classification","inputFeatures":{{"income":4200,"gender":"female"}},"prediction":{{"approved":true}},"confidence":0.91,"systemActor":"test","requestId":"r-1"{extra}}}"#
    )
}
