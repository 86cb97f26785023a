//! Listening: TCP, TLS and the directory's own Unix socket, all in front of one router.
//!
//! A connection that sends its head too slowly is closed, the number of connections is bounded, and at shutdown the
//! requests under way are finished within a bound. What is asked, and by whom, is the router's matter.

use super::auth::ThroughSocket;
use anyhow::{Context, Result};
use axum::extract::Request;
use axum::{Extension, Router};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

/// How long a connection may take until it is a TLS one, and a peer of HTTP/2 until it answers a ping.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long HTTP/1 waits for the whole head of the next request: a connection that is kept for later ones may be idle
/// so long. Clients and load balancers expect a minute, and give up first.
const HEAD_TIMEOUT: Duration = Duration::from_secs(75);
const FINISH_TIMEOUT: Duration = Duration::from_secs(30);
const CONNECTIONS_MAX: usize = 4096;
/// `sun_path` of unix(7), less its final zero.
const SOCKET_PATH_BYTES_MAX: usize = 107;

/// Where requests come in.
pub(crate) enum Listener {
    /// Plain or TLS over TCP.
    Tcp { listener: TcpListener, tls: Option<TlsAcceptor> },
    /// The socket inside the data directory: whoever may open it owns the directory.
    Unix(UnixListener),
}

impl Listener {
    /// The address that TCP listens on.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp { listener, .. } => listener.local_addr().ok(),
            Self::Unix(_) => None,
        }
    }
}

/// Serves `router` on `listener` until `stop` turns true, then finishes the requests under way.
pub(crate) async fn serve(listener: Listener, router: Router, mut stop: watch::Receiver<bool>) {
    let graceful = GracefulShutdown::new();
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &permits) => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        match accepted {
            Ok((connection, permit)) => {
                let serving = connection.serve(router.clone(), graceful.watcher());
                tokio::spawn(async move {
                    serving.await;
                    drop(permit);
                });
            }
            Err(error) => {
                // Out of file descriptors, most likely: pause, so that connections under way can end.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(FINISH_TIMEOUT, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests still under way after {FINISH_TIMEOUT:?} were cut off");
    }
}

enum Connection {
    Tcp(TcpStream),
    Tls(TcpStream, TlsAcceptor),
    Unix(UnixStream),
}

/// Waits for a permit, then for a connection.
async fn accept(listener: &Listener, permits: &Arc<Semaphore>) -> io::Result<(Connection, OwnedSemaphorePermit)> {
    let permit = permits.clone().acquire_owned().await.map_err(io::Error::other)?;
    let connection = match listener {
        Listener::Tcp { listener, tls } => {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            match tls {
                Some(tls) => Connection::Tls(stream, tls.clone()),
                None => Connection::Tcp(stream),
            }
        }
        Listener::Unix(listener) => Connection::Unix(listener.accept().await?.0),
    };
    Ok((connection, permit))
}

impl Connection {
    async fn serve(self, router: Router, watcher: Watcher) {
        match self {
            Self::Tcp(stream) => converse(stream, router, watcher).await,
            Self::Unix(stream) => converse(stream, router.layer(Extension(ThroughSocket)), watcher).await,
            Self::Tls(stream, tls) => {
                if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)).await {
                    converse(stream, router, watcher).await;
                }
            }
        }
    }
}

async fn converse(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, router: Router, watcher: Watcher) {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(HANDSHAKE_TIMEOUT).max_concurrent_streams(256);
    let service = hyper::service::service_fn(move |request: Request<Incoming>| router.clone().oneshot(request));
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(connection.into_owned()).await {
        tracing::debug!(error = %error, "a connection ended early");
    }
}

/// Binds `address` for TCP; with `tls`, for TLS.
pub(crate) async fn bind_tcp(address: SocketAddr, tls: Option<TlsAcceptor>) -> Result<Listener> {
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address}; --listen or ONRECORD_LISTEN names another address or port")
    })?;
    Ok(Listener::Tcp { listener, tls })
}

/// Binds the socket of the data directory at `path`, replacing one that a dead process left behind. The caller holds
/// the directory's lock, so no living process can own the old one.
/// `None` when the path is longer than the operating system takes for a socket.
pub(crate) fn bind_unix(path: &Path) -> Result<Option<Listener>> {
    if path.as_os_str().len() > SOCKET_PATH_BYTES_MAX {
        tracing::warn!(
            "the data directory's path is too long for a socket in it: commands reach this server with --url only"
        );
        return Ok(None);
    }
    if path.symlink_metadata().is_ok() {
        std::fs::remove_file(path).with_context(|| format!("cannot replace {}", path.display()))?;
    }
    let listener = UnixListener::bind(path).with_context(|| format!("cannot listen on {}", path.display()))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(Some(Listener::Unix(listener)))
}

/// Reads a PEM certificate chain and private key.
pub(crate) fn tls(certificates: &Path, key: &Path) -> Result<TlsAcceptor> {
    let chain = CertificateDer::pem_file_iter(certificates)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("cannot read the certificates in {}", certificates.display()))?;
    let key = PrivateKeyDer::from_pem_file(key).with_context(|| format!("cannot read the key in {}", key.display()))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .context("the certificate and the key do not fit each other")?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
