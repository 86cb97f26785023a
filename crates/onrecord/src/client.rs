//! Where a command runs. Every command speaks the HTTP contract: to a server at a URL, to the server that has the data
//! directory open (through the directory's socket), or, when none has, to a router inside this very process. So a
//! command has one way of doing its work, and does the same wherever it runs.

use crate::api::problem::Problem;
use crate::directory;
use crate::http::auth::{PURPOSE, ThroughSocket};
use crate::node::{Node, Purpose};
use crate::target::Target;
use anyhow::{Context, Result, anyhow, bail};
use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt, TryStreamExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use tower::ServiceExt;

/// Speaks the HTTP contract to wherever the data is.
pub(crate) struct Client {
    way: Way,
    /// What is read is read for this.
    purpose: Option<String>,
}

enum Way {
    /// To a server: at a URL with a token, or through a data directory's socket.
    Remote { http: reqwest::Client, base: String, token: Option<String> },
    /// Inside this process.
    Local { node: Arc<Node>, router: Router },
}

/// What is asked.
pub(crate) struct Ask<'a> {
    pub(crate) method: Method,
    pub(crate) path: &'a str,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Bytes,
}

/// An answer whose body is still to be read.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    body: BoxStream<'static, Result<Bytes>>,
}

impl Client {
    /// Finds where `target` is: a URL, a running server's socket, or the directory itself, which is then opened.
    pub(crate) async fn connect(target: &Target, purpose: Purpose) -> Result<Self> {
        let way = if let Some(url) = &target.url {
            if !url.starts_with("http://") && !url.starts_with("https://") {
                return Err(anyhow!("--url begins with http:// or https://, as http://{url}"));
            }
            let http = http_client().build()?;
            Way::Remote { http, base: url.trim_end_matches('/').to_owned(), token: target.token.clone() }
        } else if directory::is_served(target.data()) {
            let socket = directory::socket_path(target.data());
            let http = http_client().unix_socket(socket).build()?;
            Way::Remote { http, base: "http://directory".to_owned(), token: None }
        } else {
            let node = Node::open(target.data(), purpose).await?;
            let router = crate::http::router(node.clone());
            Way::Local { node, router }
        };
        Ok(Self { way, purpose: target.purpose.clone() })
    }

    /// A client of a node that this process has open already.
    pub(crate) fn local(node: Arc<Node>) -> Self {
        let router = crate::http::router(node.clone());
        Self { way: Way::Local { node, router }, purpose: None }
    }

    /// Asks, and gives the answer whatever its status.
    pub(crate) async fn send(&self, mut ask: Ask<'_>) -> Result<Answer> {
        ask.headers.extend(self.purpose.clone().map(|purpose| (PURPOSE, purpose)));
        match &self.way {
            Way::Remote { http, base, token } => {
                let mut request = http.request(ask.method, format!("{base}{}", ask.path)).body(ask.body);
                if let Some(token) = token {
                    request = request.bearer_auth(token);
                }
                for (name, value) in ask.headers {
                    request = request.header(name, value);
                }
                let response = request.send().await.map_err(|error| {
                    anyhow!("{}", describe(&error)).context(format!("the server at {base} cannot be reached"))
                })?;
                let status = response.status();
                let body = response.bytes_stream().map_err(|error| anyhow!("{}", describe(&error))).boxed();
                Ok(Answer { status, body })
            }
            Way::Local { router, .. } => {
                let mut request = Request::builder().method(ask.method).uri(ask.path).extension(ThroughSocket);
                for (name, value) in ask.headers {
                    request = request.header(name, value);
                }
                let response = router.clone().oneshot(request.body(Body::from(ask.body))?).await?;
                let status = response.status();
                let body = response.into_body().into_data_stream().map_err(anyhow::Error::from).boxed();
                Ok(Answer { status, body })
            }
        }
    }

    /// Asks for something without a body.
    pub(crate) async fn fetch(&self, path: &str) -> Result<Answer> {
        self.send(Ask { method: Method::GET, path, headers: Vec::new(), body: Bytes::new() }).await?.checked().await
    }

    /// Sends a JSON body.
    pub(crate) async fn post_json(&self, path: &str, accept: &str, body: &impl Serialize) -> Result<Answer> {
        let headers = vec![
            (header::CONTENT_TYPE.as_str(), "application/json".to_owned()),
            (header::ACCEPT.as_str(), accept.to_owned()),
        ];
        let body = Bytes::from(serde_json::to_vec(body)?);
        self.send(Ask { method: Method::POST, path, headers, body }).await?.checked().await
    }

    /// After much was written: seals it, if the directory is this process's own. A server does that in its own time.
    pub(crate) async fn settle(&self) -> Result<()> {
        match &self.way {
            Way::Remote { .. } => Ok(()),
            Way::Local { node, .. } => {
                let node = node.clone();
                Ok(tokio::task::spawn_blocking(move || node.sealing.seal()).await??)
            }
        }
    }

    /// Ends the work: a directory opened by this process is closed, what it holds made durable.
    pub(crate) async fn close(self) -> Result<()> {
        match self.way {
            Way::Remote { .. } => Ok(()),
            Way::Local { node, router } => {
                drop(router);
                node.close().await
            }
        }
    }
}

impl Answer {
    /// The answer if it is a success; else its problem as an error.
    pub(crate) async fn checked(self) -> Result<Self> {
        if self.status.is_success() {
            return Ok(self);
        }
        Err(self.problem().await?.into())
    }

    /// Reads the answer as problem details.
    pub(crate) async fn problem(self) -> Result<Refused> {
        let status = self.status;
        let body = self.bytes().await?;
        match serde_json::from_slice::<Problem>(&body) {
            Ok(problem) => Ok(Refused(problem)),
            Err(_) => bail!("the server answered {status} without saying why"),
        }
    }

    /// The whole body.
    pub(crate) async fn bytes(self) -> Result<Vec<u8>> {
        let mut read = Vec::new();
        let mut body = self.body;
        while let Some(chunk) = body.next().await {
            read.extend_from_slice(&chunk.context("the answer broke off")?);
        }
        Ok(read)
    }

    /// The whole body as JSON.
    pub(crate) async fn json<T: DeserializeOwned>(self) -> Result<T> {
        let body = self.bytes().await?;
        serde_json::from_slice(&body)
            .context("the answer is not what this version expects; is the server another version?")
    }

    /// The body as it comes.
    pub(crate) fn stream(self) -> BoxStream<'static, Result<Bytes>> {
        self.body
    }
}

/// A request that was refused, with the server's reasons.
#[derive(Debug)]
pub(crate) struct Refused(pub(crate) Problem);

impl std::error::Error for Refused {}

impl std::fmt::Display for Refused {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let problem = &self.0;
        write!(formatter, "{}", problem.title)?;
        if !problem.detail.is_empty() {
            write!(formatter, ": {}", problem.detail)?;
        }
        for fault in &problem.errors {
            write!(formatter, "\n  ")?;
            if let Some(line) = fault.line {
                write!(formatter, "line {line}: ")?;
            }
            let pointer = if fault.pointer.is_empty() { "the record" } else { &fault.pointer };
            write!(formatter, "{pointer}: {}", fault.detail)?;
        }
        match problem.faulty_lines {
            Some(lines) if lines > problem.errors.len() as u64 => {
                write!(formatter, "\n  … {lines} faulty lines in all")
            }
            _ => Ok(()),
        }
    }
}

/// A builder of HTTP clients: no proxy, no redirect (a token goes where it was meant to go, or nowhere).
fn http_client() -> reqwest::ClientBuilder {
    // Fails only when a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none())
}

/// The innermost cause, which is the one a person can act on; never the URL, whose query may name a person.
fn describe(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
