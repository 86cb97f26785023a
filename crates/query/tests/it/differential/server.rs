//! A PostgreSQL server of its own for one test, and `psql` in front of it.

use std::io::Write;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

const PROGRAMS: &str = "/usr/lib/postgresql/15/bin";

/// What `psql` puts between columns, rows and parts of its output, and for null: characters that no value has.
pub(super) const COLUMN: char = '\u{1f}';
pub(super) const ROW: char = '\u{1e}';
pub(super) const PART: char = '\u{1d}';
pub(super) const NULL: &str = "\u{1c}";

/// A server in a temporary folder, reached by a socket in it. It ends with this value, and with the thread that started it.
pub(super) struct Server {
    dir: TempDir,
    postgres: Option<Child>,
}

impl Server {
    /// Makes a database in UTC, collated by code points as onrecord's texts are, and starts a server for it.
    pub(super) fn start() -> Self {
        assert!(
            Path::new(PROGRAMS).join("postgres").exists(),
            "PostgreSQL 15 is not installed: there is nothing to compare with (Debian: postgresql-15)"
        );
        let dir = tempfile::tempdir().unwrap();
        if let Some((user, group)) = user() {
            chown(dir.path(), Some(user), Some(group)).unwrap();
        }
        let mut server = Self { dir, postgres: None };
        let init = ["-U", "onrecord", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8", "-D"];
        let made = as_user("initdb").args(init).arg(server.data()).output().unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let settings = ["-c", "listen_addresses=", "-c", "timezone=UTC", "-c", "fsync=off", "-c", "jit=off"];
        let mut postgres = as_user("postgres");
        postgres.arg("-D").arg(server.data()).arg("-k").arg(server.dir.path()).args(settings);
        server.postgres = Some(postgres.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        for _ in 0..300 {
            if server.psql().args(["-c", "SELECT 1"]).output().unwrap().status.success() {
                return server;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("PostgreSQL did not start within 30 s");
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn psql(&self) -> Command {
        let mut psql = Command::new("psql");
        let separators = [format!("-F{COLUMN}"), format!("-R{ROW}"), format!("-Pnull={NULL}")];
        psql.args(["-X", "-q", "-A", "-P", "footer=off", "-U", "onrecord", "-d", "postgres", "-h"]);
        psql.arg(self.dir.path()).args(separators);
        psql
    }

    /// What `psql` writes for a script; errors of statements do not end it.
    pub(super) fn run(&self, script: &str) -> String {
        let mut psql = self.psql();
        let mut child =
            psql.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("psql is installed");
        let (mut input, script) = (child.stdin.take().unwrap(), script.to_owned());
        let writer = std::thread::spawn(move || input.write_all(script.as_bytes()));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut postgres) = self.postgres.take() {
            // SIGINT is its quick and orderly stop.
            let _ = Command::new("kill").args(["-INT", &postgres.id().to_string()]).status();
            let _ = postgres.wait();
        }
    }
}

/// PostgreSQL does not run as root: the user and group that it runs as instead.
fn user() -> Option<(u32, u32)> {
    let id = |args: &[&str]| -> u32 {
        let out = Command::new("id").args(args).output().unwrap().stdout;
        String::from_utf8(out).unwrap().trim().parse().unwrap()
    };
    (id(&["-u"]) == 0).then(|| (id(&["-u", "postgres"]), id(&["-g", "postgres"])))
}

/// A program of PostgreSQL's that stops when this thread ends, whatever ends it.
fn as_user(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "INT"]);
    if let Some((user, group)) = user() {
        command.args(["--reuid", &user.to_string(), "--regid", &group.to_string(), "--clear-groups"]);
    }
    command.arg(Path::new(PROGRAMS).join(program));
    command.current_dir("/");
    command
}
