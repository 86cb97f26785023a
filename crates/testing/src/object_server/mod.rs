//! Servers that speak S3, started by a test on a free loopback port with a bucket in them.
//!
//! `./test` installs them and says where they are; a test that needs one is ignored elsewhere. What each of them does and
//! does not do stands in `docs/decisions/0018-archive-servers.md`, and `tests/it/object_server.rs` shows it.

mod process;
mod request;

use object_store::aws::{AmazonS3, AmazonS3Builder};
use process::{PYTHON, Process, Setting, program};
pub use request::Response;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

const REGION: &str = "us-east-1";
const BUCKET: &str = "archive";

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// s3s-fs: an object is a file, and outlives the server. Ignores headers about encryption; knows no storage classes,
    /// versions, locks or policies.
    S3sFs,
    /// moto, which has all of those, in memory: what it holds ends with the process.
    Moto,
    /// moto, with a bucket that was made with Object Lock, and so with versions.
    MotoObjectLock,
}

/// A running server; killed when dropped.
pub struct ObjectServer {
    process: Process,
    setting: Setting,
    /// Holds data and log.
    _directory: TempDir,
}

impl ObjectServer {
    /// Starts it with its data in a temporary directory, and makes the bucket.
    pub fn start(kind: Kind) -> Self {
        Self::start_in(kind, None)
    }

    /// Starts s3s-fs with its data in a file system of that many bytes, in memory: a store that fills up.
    pub fn start_small(bytes: u64) -> Self {
        Self::start_in(Kind::S3sFs, Some(bytes))
    }

    fn start_in(kind: Kind, size_bytes: Option<u64>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data");
        std::fs::create_dir(&data).unwrap();
        let access_key = format!("AK{:X}", uuid::Uuid::now_v7().as_u128());
        let secret_key = format!("SK{:X}", uuid::Uuid::now_v7().as_u128());
        let log = directory.path().join("server.log");
        let setting = Setting { kind, size_bytes, data, log, access_key, secret_key };
        let process = Process::start(&setting);
        let mut server = Self { process, setting, _directory: directory };
        server.prepare();
        server
    }

    /// Makes the bucket, and what moto needs in order to refuse whom it does not know.
    fn prepare(&mut self) {
        if self.setting.kind != Kind::S3sFs {
            (self.setting.access_key, self.setting.secret_key) = request::require_signatures_of_moto(self.address());
        }
        let locks = [("x-amz-bucket-object-lock-enabled", "true")];
        let headers = if self.setting.kind == Kind::MotoObjectLock { &locks[..] } else { &[] };
        let made = self.request("PUT", "", headers, b"");
        assert!(made.status == 200 || made.status == 409, "the bucket was not made: {}", made.text());
    }

    /// Ends the process at once, as a power cut would; what it stored as files stays.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again after `kill`, on the same port. s3s-fs has its data and keys as before; moto has an empty bucket and
    /// new keys.
    pub fn restart(&mut self) {
        self.process.kill();
        self.process.start_again(&self.setting);
        self.prepare();
    }

    /// Where it listens; for [`FaultProxy::start`](crate::FaultProxy::start).
    pub fn address(&self) -> SocketAddr {
        self.process.address
    }

    /// Where a client finds it: `http://127.0.0.1:port`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address())
    }

    /// The name of its bucket.
    pub fn bucket(&self) -> &'static str {
        BUCKET
    }

    /// The id of the only key that it accepts.
    pub fn access_key(&self) -> &str {
        &self.setting.access_key
    }

    /// That key's secret.
    pub fn secret_key(&self) -> &str {
        &self.setting.secret_key
    }

    /// The usual environment variables of an S3 client, for a client at that endpoint: this server's or a proxy's.
    pub fn env(&self, endpoint: &str) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ACCESS_KEY_ID", self.setting.access_key.clone()),
            ("AWS_SECRET_ACCESS_KEY", self.setting.secret_key.clone()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_ENDPOINT_URL", endpoint.to_owned()),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
        ]
    }

    /// A client of its bucket at that endpoint, to be changed as a test needs.
    pub fn builder(&self, endpoint: &str) -> AmazonS3Builder {
        AmazonS3Builder::new()
            .with_bucket_name(BUCKET)
            .with_region(REGION)
            .with_endpoint(endpoint)
            .with_allow_http(true)
            .with_access_key_id(&self.setting.access_key)
            .with_secret_access_key(&self.setting.secret_key)
    }

    /// A client of its bucket, without a proxy between.
    pub fn store(&self) -> AmazonS3 {
        self.builder(&self.endpoint()).build().unwrap()
    }

    /// The directory whose files are the bucket's objects, at paths that are their keys; only s3s-fs has one.
    pub fn data_dir(&self) -> PathBuf {
        assert!(
            self.setting.kind == Kind::S3sFs && self.setting.size_bytes.is_none(),
            "what this server holds is in memory"
        );
        self.setting.data.join(BUCKET)
    }

    /// A signed request about the bucket: the target is what follows its name, such as `/key?versionId=1` or `?policy`.
    pub fn request(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        request::signed(self, method, &format!("/{BUCKET}{target}"), headers, body)
    }

    /// Stores an object, over one of the same key, behind the back of whoever else uses the bucket.
    pub fn put(&self, key: &str, body: &[u8]) {
        let put = self.request("PUT", &format!("/{key}"), &[], body);
        assert_eq!(put.status, 200, "{}", put.text());
    }

    /// The bytes of an object, if there is one.
    pub fn get(&self, key: &str) -> Option<Vec<u8>> {
        let got = self.request("GET", &format!("/{key}"), &[], b"");
        match got.status {
            200 => Some(got.body),
            404 => None,
            _ => panic!("{}", got.text()),
        }
    }

    /// Deletes an object, if there is one.
    pub fn delete(&self, key: &str) {
        let deleted = self.request("DELETE", &format!("/{key}"), &[], b"");
        assert!(matches!(deleted.status, 200 | 204), "{}", deleted.text());
    }

    /// Takes the right to store and delete from everybody: a bucket that is only to be read. moto alone knows policies.
    pub fn read_only(&self) {
        let policy = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Deny","Principal":"*","Action":["s3:PutObject","s3:DeleteObject"],"Resource":"arn:aws:s3:::{BUCKET}/*"}}]}}"#
        );
        let answer = self.request("PUT", "?policy", &[], policy.as_bytes());
        assert!(matches!(answer.status, 200 | 204), "{}", answer.text());
    }
    /// Runs SQL in DuckDB, which reaches the bucket as `s3://archive/` through its own S3 client; the rows as a JSON array of
    /// objects.
    pub fn duckdb(&self, sql: &str) -> String {
        let mut command = Command::new(program(PYTHON, "a Python with duckdb and its extension httpfs"));
        command.args(["-c", include_str!("duckdb.py"), sql]).envs(self.env(&self.endpoint()));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}
