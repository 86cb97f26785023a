//! Object Lock: the server refuses to delete an object before a time, whoever asks.
//!
//! The client has no call for it, so that `PutObjectRetention` is made here
//! (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectRetention.html>).

use super::s3::S3;
use http::Method;
use object_store::path::Path as Key;
use std::io::{self, ErrorKind};

/// How long the server must keep an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectLock {
    /// Who can shorten that.
    pub mode: LockMode,
    /// Until when (RFC 3339).
    pub until: String,
}

/// Who can delete a locked object before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockMode {
    /// Whoever has a right of its own for that.
    Governance,
    /// Nobody.
    Compliance,
}

impl LockMode {
    fn as_str(self) -> &'static str {
        match self {
            Self::Governance => "GOVERNANCE",
            Self::Compliance => "COMPLIANCE",
        }
    }
}

/// Asks the server to keep an object.
pub(super) async fn retain(s3: &S3, key: &Key, lock: &ObjectLock) -> io::Result<()> {
    let mut url = s3.url_of(key).await?;
    url.set_query(Some("retention="));
    let body = format!(
        "<Retention xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Mode>{}</Mode><RetainUntilDate>{}</RetainUntilDate></Retention>",
        lock.mode.as_str(),
        lock.until
    );
    let answer = s3.send(Method::PUT, &url, body).await?;
    if answer.status.is_success() {
        return Ok(());
    }
    // What it says is for people: the bucket may have been made without Object Lock.
    let problem = format!("the server does not lock it: {} {}", answer.status, answer.code());
    Err(io::Error::new(ErrorKind::Unsupported, problem))
}
