//! A store that is S3, for what the client has no call for: such requests are made here and signed by the client's own
//! signer.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use futures::TryStreamExt;
use http::{Method, Request, StatusCode};
use md5::{Digest, Md5};
use object_store::aws::{AmazonS3, AwsAuthorizer};
use object_store::client::{HttpClient, HttpRequestBody};
use object_store::path::Path as Key;
use object_store::signer::Signer;
use std::io;
use std::time::Duration;
use url::Url;

/// How long the signature of a request holds.
const SIGNED: Duration = Duration::from_secs(60);

/// The store, and what its requests need.
pub(super) struct S3 {
    pub(super) store: AmazonS3,
    pub(super) region: String,
    pub(super) client: HttpClient,
}

/// What a server answers.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
}

impl Answer {
    /// The code of an error.
    pub(super) fn code(&self) -> String {
        code_of(&String::from_utf8_lossy(&self.body))
    }
}

impl S3 {
    /// The address of an object, without a query.
    pub(super) async fn url_of(&self, key: &Key) -> io::Result<Url> {
        // Where the object is, the client knows: its own signature of that address is not used.
        let mut url = self.store.signed_url(Method::GET, key, SIGNED).await.map_err(|error| other(&error))?;
        url.set_query(None);
        Ok(url)
    }

    /// Sends a request, and waits for the whole answer, whatever its status is.
    ///
    /// # Errors
    /// That there is no answer.
    pub(super) async fn send(&self, method: Method, url: &Url, body: String) -> io::Result<Answer> {
        let request = Request::builder()
            .method(method)
            .uri(url.as_str())
            .header("content-md5", BASE64_STANDARD.encode(Md5::digest(body.as_bytes())))
            .body(HttpRequestBody::from(body));
        let mut request = request.map_err(|error| other(&error))?;
        let credential = self.store.credentials().get_credential().await.map_err(|error| other(&error))?;
        AwsAuthorizer::new(&credential, "s3", &self.region).authorize(&mut request, None);
        let response = self.client.execute(request).await.map_err(|error| other(&error))?;
        let status = response.status();
        let body: Vec<Bytes> =
            response.into_body().bytes_stream().try_collect().await.map_err(|error| other(&error))?;
        Ok(Answer { status, body: body.concat().into() })
    }
}

fn other(error: &dyn std::error::Error) -> io::Error {
    io::Error::other(error.to_string())
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
