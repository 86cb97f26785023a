//! An object store as blocking callers see it.
//!
//! The client is asynchronous and runs on two threads of its own, which start when the first object is asked for; callers
//! wait for its answer. Connections are kept for the whole process, by URL. Credentials and addresses come from the usual
//! variables of the environment (`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL` and so on).

use super::hash::hex;
use super::lock::{self, ObjectLock};
use super::s3::S3;
use super::versions;
use crate::error::{Error, Result};
use bytes::Bytes;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::client::{HttpConnector, ReqwestConnector};
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{
    Attribute, AttributeValue, Attributes, BackoffConfig, ClientConfigKey, ClientOptions, ObjectStore, ObjectStoreExt,
    PutMode, PutMultipartOptions, PutOptions, PutPayload, RetryConfig, WriteMultipart,
};
use onrecord_ledger::disk::DiskFile;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::Runtime;
use url::Url;

/// Bytes of a part of a large object; smaller objects are put at once, under the condition that there is none yet.
const PART_BYTES: u64 = 16 << 20;

/// Parts that are on their way at once.
const PARTS_AT_ONCE: usize = 2;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(5);

/// How long one request may take.
const REQUEST: Duration = Duration::from_secs(60);

/// How long a request is tried again.
const RETRY: Duration = Duration::from_secs(20);

static RUNTIME: LazyLock<io::Result<Runtime>> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).thread_name("archive").enable_all().build()
});

static OPEN: LazyLock<Mutex<HashMap<String, Storage>>> = LazyLock::new(Mutex::default);

/// A place for objects: a bucket, or a directory, and what their names begin with.
#[derive(Clone)]
pub struct Storage {
    url: Arc<str>,
    store: Arc<dyn ObjectStore>,
    prefix: Key,
    /// The same store, where it is S3.
    s3: Option<Arc<S3>>,
    /// The directory, where it is one.
    directory: Option<PathBuf>,
}

/// How objects are put.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PutSettings {
    /// The storage class, as the server calls it: `GLACIER_IR`.
    pub storage_class: Option<String>,
    /// How long the server must refuse to delete them.
    pub lock: Option<ObjectLock>,
}

/// An object that is read in pieces.
#[derive(Clone)]
pub(crate) struct ObjectReader {
    storage: Storage,
    name: String,
}

impl Storage {
    /// The place that a URL names: `s3://BUCKET/PREFIX` or `file:///DIRECTORY`. Nothing is asked of it yet.
    ///
    /// # Errors
    /// [`Error::Archive`] if it is no such URL, or if the settings of the environment make no sense.
    pub fn open(url: &str) -> Result<Self> {
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(storage) = open.get(url) {
            return Ok(storage.clone());
        }
        let storage = Self::connect(url).map_err(|problem| Error::Archive {
            url: url.to_owned(),
            source: io::Error::new(ErrorKind::InvalidInput, problem),
        })?;
        open.insert(url.to_owned(), storage.clone());
        Ok(storage)
    }

    fn connect(url: &str) -> std::result::Result<Self, String> {
        let parsed = Url::parse(url).map_err(|_| WRONG_URL.to_owned())?;
        let url: Arc<str> = url.trim_end_matches('/').into();
        match parsed.scheme() {
            "s3" if parsed.host_str().is_some() => {
                let builder = AmazonS3Builder::from_env();
                let endpoint = builder.get_config_value(&AmazonS3ConfigKey::S3Endpoint);
                let endpoint = endpoint.or_else(|| builder.get_config_value(&AmazonS3ConfigKey::Endpoint));
                // Whoever names such an address wants it; what is signed and sealed travels readable.
                let is_plain = endpoint.is_some_and(|endpoint| endpoint.starts_with("http://"));
                let allowed = builder.get_config_value(&AmazonS3ConfigKey::Client(ClientConfigKey::AllowHttp));
                let is_plain = is_plain || allowed.is_some_and(|allowed| allowed == "true");
                let options =
                    ClientOptions::new().with_connect_timeout(CONNECT).with_timeout(REQUEST).with_allow_http(is_plain);
                let bucket = parsed.host_str().unwrap_or_default();
                let backoff = BackoffConfig { max_backoff: Duration::from_secs(3), ..BackoffConfig::default() };
                let retry = RetryConfig { backoff, max_retries: 5, retry_timeout: RETRY };
                let region = builder.get_config_value(&AmazonS3ConfigKey::Region);
                let region = region.unwrap_or_else(|| DEFAULT_REGION.to_owned());
                let client = ReqwestConnector::default().connect(&options).map_err(|error| error.to_string())?;
                let built = builder.with_bucket_name(bucket).with_client_options(options).with_retry(retry).build();
                let store = built.map_err(|error| error.to_string())?;
                let prefix = Key::from_url_path(parsed.path()).map_err(|error| error.to_string())?;
                let s3 = Arc::new(S3 { store: store.clone(), region, client });
                Ok(Self { url, store: Arc::new(store), prefix, s3: Some(s3), directory: None })
            }
            "file" => {
                let directory = parsed.to_file_path().map_err(|()| WRONG_URL.to_owned())?;
                let made = std::fs::create_dir_all(&directory).and_then(|()| directory.canonicalize());
                let directory = made.map_err(|error| format!("{}: {error}", directory.display()))?;
                let store = LocalFileSystem::new_with_prefix(&directory).map_err(|error| error.to_string())?;
                let store = Arc::new(store.with_automatic_cleanup(false));
                Ok(Self { url, store, prefix: Key::default(), s3: None, directory: Some(directory) })
            }
            _ => Err(WRONG_URL.to_owned()),
        }
    }

    /// The URL that names it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether it is a directory that is, or is in, that one.
    pub fn is_in(&self, dir: &Path) -> bool {
        let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
        self.directory.as_ref().is_some_and(|directory| directory.starts_with(dir))
    }

    /// The URL of an object.
    pub(crate) fn url_of(&self, name: &str) -> String {
        format!("{}/{name}", self.url)
    }

    fn key(&self, name: &str) -> Key {
        self.prefix.clone().join(name)
    }

    /// Puts a small object, unless there is one. Returns whether there was none.
    ///
    /// # Errors
    /// [`Error::Archive`].
    pub(crate) fn put_new(&self, name: &str, bytes: impl Into<Bytes>, settings: &PutSettings) -> Result<bool> {
        let payload = PutPayload::from_bytes(bytes.into());
        let options = PutOptions { mode: PutMode::Create, attributes: attributes(settings), ..PutOptions::default() };
        let (store, key) = (self.store.clone(), self.key(name));
        match run(async move { store.put_opts(&key, payload, options).await }) {
            Ok(_) => self.make_durable(name).map(|()| true),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(self.failed(name, error)),
        }
    }

    /// Puts a file, unless there is such an object. Returns whether there was none.
    ///
    /// # Errors
    /// [`Error::Archive`]; [`Error::Io`] if the file cannot be read.
    pub(crate) fn put_file(&self, name: &str, file: &dyn DiskFile, settings: &PutSettings) -> Result<bool> {
        let bytes = file.bytes().map_err(|error| self.failed(name, error))?;
        let read = |at: u64| {
            let mut part = vec![0; (bytes - at).min(PART_BYTES) as usize];
            file.read_at(&mut part, at).map(|()| Bytes::from(part)).map_err(|error| self.failed(name, error))
        };
        if bytes <= PART_BYTES {
            return self.put_new(name, read(0)?, settings);
        }
        if self.size(name)?.is_some() {
            return Ok(false);
        }
        let (store, key) = (self.store.clone(), self.key(name));
        let options = PutMultipartOptions { attributes: attributes(settings), ..PutMultipartOptions::default() };
        let upload = run(async move { store.put_multipart_opts(&key, options).await });
        let mut upload =
            WriteMultipart::new_with_chunk_size(upload.map_err(|error| self.failed(name, error))?, PART_BYTES as usize);
        let mut at = 0;
        while at < bytes {
            let part = match read(at) {
                Ok(part) => part,
                Err(error) => {
                    let _ = run(upload.abort());
                    return Err(error);
                }
            };
            at += part.len() as u64;
            upload = run(async move {
                upload.wait_for_capacity(PARTS_AT_ONCE).await?;
                upload.put(part);
                Ok(upload)
            })
            .map_err(|error| self.failed(name, error))?;
        }
        // What fails here is taken back by the client.
        run(upload.finish()).map_err(|error| self.failed(name, error))?;
        self.make_durable(name).map(|()| true)
    }

    /// Asks the server to refuse the deletion of an object for a while, if that is set.
    ///
    /// # Errors
    /// [`Error::Archive`] if it does not: it may be that the bucket was made without Object Lock.
    pub(crate) fn lock(&self, name: &str, settings: &PutSettings) -> Result<()> {
        let Some(lock) = settings.lock.clone() else { return Ok(()) };
        let Some(s3) = self.s3.clone() else {
            return Err(self.failed(name, io::Error::new(ErrorKind::Unsupported, "a directory cannot lock files")));
        };
        let key = self.key(name);
        run_io(async move { lock::retain(&s3, &key, &lock).await }).map_err(|error| self.failed(name, error))
    }

    /// The bytes of an object; `None` if there is none.
    ///
    /// # Errors
    /// [`Error::Archive`].
    pub(crate) fn size(&self, name: &str) -> Result<Option<u64>> {
        let (store, key) = (self.store.clone(), self.key(name));
        match run(async move { store.head(&key).await }) {
            Ok(meta) => Ok(Some(meta.size)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed(name, error)),
        }
    }

    /// A whole small object; `None` if there is none.
    ///
    /// # Errors
    /// [`Error::Archive`].
    pub(crate) fn get(&self, name: &str) -> Result<Option<Bytes>> {
        let (store, key) = (self.store.clone(), self.key(name));
        match run(async move { store.get(&key).await?.bytes().await }) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed(name, error)),
        }
    }

    /// Reads an object from its beginning to its end.
    ///
    /// # Errors
    /// [`Error::Archive`], and what `visit` returns.
    pub(crate) fn each_part(&self, name: &str, visit: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let Some(bytes) = self.size(name)? else { return Err(self.failed(name, no_such_object())) };
        let (store, key) = (self.store.clone(), self.key(name));
        let (sender, parts) = sync_channel(PARTS_AT_ONCE);
        spawn(async move {
            let got = async {
                // A request each, so that a large object may take longer than one request.
                for at in (0..bytes).step_by(PART_BYTES as usize) {
                    let part = store.get_range(&key, at..(at + PART_BYTES).min(bytes)).await?;
                    // After an error of its own nobody listens any more.
                    if sender.send(Part::Bytes(part)).is_err() {
                        break;
                    }
                }
                Ok(())
            };
            let _ = sender.send(Part::End(got.await.map_err(as_io)));
        })
        .map_err(|error| self.failed(name, error))?;
        for part in parts {
            match part {
                Part::Bytes(bytes) => visit(&bytes)?,
                Part::End(end) => return end.map_err(|error| self.failed(name, error)),
            }
        }
        Err(self.failed(name, io::Error::new(ErrorKind::ConnectionAborted, "its client stopped")))
    }

    /// The length of an object and its SHA-256, in hex; `None` if there is none. All of it is read.
    ///
    /// # Errors
    /// [`Error::Archive`].
    pub(crate) fn read_back(&self, name: &str) -> Result<Option<(u64, String)>> {
        let (mut bytes, mut hash) = (0, Sha256::new());
        let read = self.each_part(name, &mut |part| {
            bytes += part.len() as u64;
            hash.update(part);
            Ok(())
        });
        match read {
            Ok(()) => Ok(Some((bytes, hex(hash)))),
            Err(Error::Archive { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Deletes an object, and all versions of it that its bucket keeps; fine if there is none.
    ///
    /// # Errors
    /// [`Error::Archive`].
    pub(crate) fn delete(&self, name: &str) -> Result<()> {
        let (store, key) = (self.store.clone(), self.key(name));
        if let Some(s3) = self.s3.clone() {
            let key = key.clone();
            let are_deleted = run_io(async move { versions::delete_all(&s3, &key).await });
            if are_deleted.map_err(|error| self.failed(name, error))? {
                return Ok(());
            }
        }
        match run(async move { store.delete(&key).await }) {
            Ok(()) => self.make_durable(name),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(self.failed(name, error)),
        }
    }

    /// Syncs an object and its name, where that is ours to do.
    fn make_durable(&self, name: &str) -> Result<()> {
        let Some(directory) = &self.directory else { return Ok(()) };
        let synced = match std::fs::File::open(directory.join(name)) {
            Ok(file) => file.sync_all(),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        };
        let synced = synced.and_then(|()| std::fs::File::open(directory)?.sync_all());
        synced.map_err(|error| self.failed(name, error))
    }

    /// What an error of an object is.
    pub(crate) fn failed(&self, name: &str, source: io::Error) -> Error {
        Error::Archive { url: self.url_of(name), source }
    }
}

impl ObjectReader {
    pub(crate) fn new(storage: Storage, name: String) -> Self {
        Self { storage, name }
    }

    /// The bytes of some ranges, in their order; neighbours are fetched together, others at once.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such object; else that it could not be read.
    pub(crate) fn read(&self, ranges: Vec<Range<u64>>) -> io::Result<Vec<Bytes>> {
        let (store, key) = (self.storage.store.clone(), self.storage.key(&self.name));
        let read = run(async move {
            // What lies close together is not fetched together: each of these is large enough.
            let fetch = |range| store.get_range(&key, range);
            object_store::coalesce_ranges(&ranges, fetch, 0).await
        });
        read.map_err(|error| match error.kind() {
            ErrorKind::NotFound => {
                io::Error::new(ErrorKind::NotFound, "there is no such object in the archive any more")
            }
            _ => error,
        })
    }

    /// Its bytes; `None` if there is no such object.
    ///
    /// # Errors
    /// [`Error::Archive`].
    pub(crate) fn size(&self) -> Result<Option<u64>> {
        self.storage.size(&self.name)
    }

    /// Its whole content, in order.
    ///
    /// # Errors
    /// [`Error::Archive`], and what `visit` returns.
    pub(crate) fn each_part(&self, visit: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        self.storage.each_part(&self.name, visit)
    }
}

/// What comes of an object that is read as a whole.
enum Part {
    Bytes(Bytes),
    End(io::Result<()>),
}

/// As the client's own.
const DEFAULT_REGION: &str = "us-east-1";

const WRONG_URL: &str = "an archive is s3://BUCKET/PREFIX or file:///DIRECTORY";

fn attributes(settings: &PutSettings) -> Attributes {
    let class = settings.storage_class.clone();
    class.into_iter().map(|class| (Attribute::StorageClass, AttributeValue::from(class))).collect()
}

/// Waits for the client.
fn run<T: Send + 'static>(work: impl Future<Output = object_store::Result<T>> + Send + 'static) -> io::Result<T> {
    run_io(async move { work.await.map_err(as_io) })
}

fn run_io<T: Send + 'static>(work: impl Future<Output = io::Result<T>> + Send + 'static) -> io::Result<T> {
    let (sender, receiver) = sync_channel(1);
    spawn(async move {
        let _ = sender.send(work.await);
    })?;
    let stopped = |_| io::Error::new(ErrorKind::ConnectionAborted, "the client of the object store stopped");
    receiver.recv().map_err(stopped)?
}

fn spawn(work: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
    match &*RUNTIME {
        Ok(runtime) => {
            drop(runtime.spawn(work));
            Ok(())
        }
        Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
    }
}

fn no_such_object() -> io::Error {
    io::Error::new(ErrorKind::NotFound, "there is no such object")
}

/// What an error of the client is, by what can be done about it.
fn as_io(error: object_store::Error) -> io::Error {
    use object_store::Error as Client;
    let kind = match &error {
        Client::NotFound { .. } => ErrorKind::NotFound,
        Client::AlreadyExists { .. } => ErrorKind::AlreadyExists,
        Client::Precondition { .. } | Client::NotModified { .. } => ErrorKind::InvalidData,
        Client::PermissionDenied { .. } | Client::Unauthenticated { .. } => ErrorKind::PermissionDenied,
        Client::NotSupported { .. } | Client::NotImplemented { .. } => ErrorKind::Unsupported,
        _ => ErrorKind::Other,
    };
    let said = match kind {
        ErrorKind::NotFound => no_such_object().to_string(),
        ErrorKind::AlreadyExists => "there is such an object already".to_owned(),
        ErrorKind::InvalidData => "it is another object than before".to_owned(),
        ErrorKind::PermissionDenied => {
            format!("the server refused, check the credentials and their rights ({})", causes(&error))
        }
        _ => causes(&error),
    };
    io::Error::new(kind, said)
}

/// The innermost causes of an error: what lies above them says the same in more words.
fn causes(error: &dyn std::error::Error) -> String {
    const TEXT_MAX: usize = 300;
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string().chars().map(|char| if char.is_control() { ' ' } else { char }).take(TEXT_MAX).collect()
}
