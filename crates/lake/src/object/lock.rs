//! Object Lock: the server refuses to delete an object before a time, whoever asks.
//!
//! The client has no call for it, so that `PutObjectRetention` is made here and signed by the client's own signer
//! (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectRetention.html>).

use super::store::S3;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures::TryStreamExt;
use http::{Method, Request};
use md5::{Digest, Md5};
use object_store::aws::AwsAuthorizer;
use object_store::client::HttpRequestBody;
use object_store::path::Path as Key;
use object_store::signer::Signer;
use std::io::{self, ErrorKind};
use std::time::Duration;

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

/// How long the signature of a request holds.
const SIGNED: Duration = Duration::from_secs(60);

/// Asks the server to keep an object.
pub(super) async fn retain(s3: &S3, key: &Key, lock: &ObjectLock) -> io::Result<()> {
    let other = |error: &dyn std::error::Error| io::Error::other(error.to_string());
    // Where the object is, the client knows: its own signature of that address is not used.
    let mut url = s3.store.signed_url(Method::PUT, key, SIGNED).await.map_err(|error| other(&error))?;
    url.set_query(Some("retention="));
    let body = format!(
        "<Retention xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Mode>{}</Mode><RetainUntilDate>{}</RetainUntilDate></Retention>",
        lock.mode.as_str(),
        lock.until
    );
    let request = Request::builder()
        .method(Method::PUT)
        .uri(url.as_str())
        .header("content-md5", BASE64_STANDARD.encode(Md5::digest(body.as_bytes())))
        .body(HttpRequestBody::from(body));
    let mut request = request.map_err(|error| other(&error))?;
    let credential = s3.store.credentials().get_credential().await.map_err(|error| other(&error))?;
    AwsAuthorizer::new(&credential, "s3", &s3.region).authorize(&mut request, None);
    let response = s3.client.execute(request).await.map_err(|error| other(&error))?;
    if response.status().is_success() {
        return Ok(());
    }
    let status = response.status();
    // What it says is for people: the bucket may have been made without Object Lock.
    let said: Vec<_> = response.into_body().bytes_stream().try_collect().await.unwrap_or_default();
    let code = code_of(&String::from_utf8_lossy(&said.concat()));
    Err(io::Error::new(ErrorKind::Unsupported, format!("the server does not lock it: {status} {code}")))
}

/// The code in an answer of S3, which is XML.
fn code_of(answer: &str) -> String {
    let code = answer.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
    code.map_or(String::new(), |(code, _)| code.chars().filter(char::is_ascii_alphanumeric).take(64).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_of_an_answer_is_found() {
        let answer = "<?xml version=\"1.0\"?><Error><Code>InvalidRequest</Code><Message>no lock</Message></Error>";
        assert_eq!(code_of(answer), "InvalidRequest");
        assert_eq!(code_of("not xml"), "");
    }
}
