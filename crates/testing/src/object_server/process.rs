//! The server's process: its program, its port, and that it answers.

use super::Kind;
use std::ffi::OsString;
use std::fs::File;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take until it answers.
const PATIENCE: Duration = Duration::from_secs(60);

/// The variables that name the programs.
const S3S_FS: &str = "ONRECORD_S3S_FS";
pub(super) const PYTHON: &str = "ONRECORD_OBJECT_PYTHON";

/// What a server is started with.
pub(super) struct Setting {
    pub(super) kind: Kind,
    /// The size of the file system that its data are in, if it is to have one of its own.
    pub(super) size_bytes: Option<u64>,
    pub(super) data: PathBuf,
    pub(super) log: PathBuf,
    pub(super) access_key: String,
    pub(super) secret_key: String,
}

pub(super) struct Process {
    pub(super) address: SocketAddr,
    child: Child,
}

impl Process {
    /// Starts it on a free port. That may be taken between our look and the server's; then another is.
    pub(super) fn start(setting: &Setting) -> Self {
        for _ in 0..5 {
            let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
            let mut child = spawn(setting, address);
            if answers(&mut child, address) {
                return Self { address, child };
            }
        }
        panic!("{:?} does not start: {}", setting.kind, setting.said());
    }

    pub(super) fn start_again(&mut self, setting: &Setting) {
        self.child = spawn(setting, self.address);
        assert!(answers(&mut self.child, self.address), "{:?} does not start: {}", setting.kind, setting.said());
    }

    pub(super) fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Setting {
    fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    fn command(&self, address: SocketAddr) -> Command {
        let (host, port) = (address.ip().to_string(), address.port().to_string());
        if self.kind != Kind::S3sFs {
            let mut command = Command::new(program(PYTHON, "a Python with moto"));
            command.args(["-m", "moto.server", "-H", &host, "-p", &port]);
            return command;
        }
        let server = program(S3S_FS, "the program s3s-fs");
        let mut command = match self.size_bytes {
            None => Command::new(server),
            Some(bytes) => {
                // One process after the other with the same id: to kill it is to kill the server, and the mount goes too.
                let script = format!("mount -t tmpfs -o size={bytes} tmpfs \"$0\" && exec \"$@\"");
                let mut command = Command::new("unshare");
                command.args(["--map-root-user", "--mount", "bash", "-c", &script]).arg(&self.data).arg(server);
                command
            }
        };
        command.args(["--host", &host, "--port", &port]);
        command.args(["--access-key", &self.access_key, "--secret-key", &self.secret_key]).arg(&self.data);
        command
    }
}

fn spawn(setting: &Setting, address: SocketAddr) -> Child {
    let log = File::options().create(true).append(true).open(&setting.log).unwrap();
    let errors = log.try_clone().unwrap();
    setting.command(address).stdin(Stdio::null()).stdout(log).stderr(errors).spawn().unwrap()
}

/// The program that a variable names.
pub(super) fn program(variable: &str, what: &str) -> OsString {
    std::env::var_os(variable).unwrap_or_else(|| panic!("{variable} is to name {what}; ./test sets it up"))
}

/// Waits until it takes connections; false if it ends before.
fn answers(child: &mut Child, address: SocketAddr) -> bool {
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        // On a port that nobody listens on yet, a connection may be one to itself.
        let is_other = |connection: TcpStream| connection.local_addr().is_ok_and(|own| own != address);
        let connected = TcpStream::connect(address).is_ok_and(is_other);
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        if connected {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let _ = child.kill();
    let _ = child.wait();
    false
}
