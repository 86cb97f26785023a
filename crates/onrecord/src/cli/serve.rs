//! `onrecord serve`: a data directory over HTTP, until it is told to stop.

use super::{Misuse, must_be_local};
use crate::directory;
use crate::http::{self, server};
use crate::node::{Node, Purpose};
use crate::output;
use crate::target::Target;
use anyhow::{Context, Result};
use clap::Args;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Serve a data directory over HTTP. SIGTERM or Ctrl-C finishes the requests under way, makes everything durable, and
/// ends.
#[derive(Args)]
#[command(after_help = "Environment:
  ONRECORD_RECORD_MB         size of one record as it is sent, in MB, at most 64 [default: 16]
  ONRECORD_QUERY_MEMORY_MB   memory that each of at most 4 queries at a time may take, in MB [default: 1024]
  ONRECORD_COLUMN_MEMORY_MB  memory for decoded columns, which filters and reports read from it, in MB [default: 256]
  ONRECORD_STATEMENT_TIMEOUT_SECONDS
                             seconds after which a query is stopped [default: 60]
  ONRECORD_KEK_FILE          where the key-encryption key is kept, if not in the data directory")]
pub(crate) struct Serve {
    /// Address and port to listen on
    #[arg(long, env = "ONRECORD_LISTEN", default_value = "127.0.0.1:7117", value_name = "ADDRESS")]
    pub(super) listen: SocketAddr,
    /// The TLS certificate chain (PEM)
    #[arg(long, env = "ONRECORD_TLS_CERT", requires = "tls_key", value_name = "FILE")]
    pub(super) tls_cert: Option<PathBuf>,
    /// The certificate's private key (PEM)
    #[arg(long, env = "ONRECORD_TLS_KEY", requires = "tls_cert", value_name = "FILE")]
    pub(super) tls_key: Option<PathBuf>,
    /// Listen without TLS on an address that is not loopback: tokens and personal data then cross the network in plain
    #[arg(long)]
    pub(super) plaintext: bool,
}

impl Serve {
    pub(super) async fn run(self, target: &Target) -> Result<bool> {
        must_be_local(target, "serve")?;
        self.check()?;
        let node = Node::open(target.data(), Purpose::Serve).await?;
        self.serve(node, target, |_| ()).await
    }

    /// Refuses what would put tokens and personal data on a network in plain, unless asked for by name.
    pub(super) fn check(&self) -> Result<()> {
        if self.tls_cert.is_none() && !self.plaintext && !self.listen.ip().is_loopback() {
            let problem = format!(
                "{} is not a loopback address, and there is no TLS: give --tls-cert and --tls-key, or ask for it with --plaintext",
                self.listen
            );
            return Err(Misuse(problem).into());
        }
        Ok(())
    }

    /// Serves `node`; `ready` is told the base URL once requests are taken.
    pub(super) async fn serve(self, node: Arc<Node>, target: &Target, ready: impl FnOnce(&str)) -> Result<bool> {
        let tls = match (&self.tls_cert, &self.tls_key) {
            (Some(certificates), Some(key)) => Some(server::tls(certificates, key)?),
            _ => None,
        };
        // Asked for before anybody is told that requests are taken, so that no signal ends the process unheeded.
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let tcp = server::bind_tcp(self.listen, tls).await?;
        let unix = server::bind_unix(&directory::socket_path(target.data()))?;
        let url = format!("{scheme}://{}", tcp.address().context("the listener has no address")?);
        let (stop, stopped) = watch::channel(false);
        let router = http::router(node.clone());
        let serving: Vec<_> = [Some(tcp), unix]
            .into_iter()
            .flatten()
            .map(|listener| tokio::spawn(server::serve(listener, router.clone(), stopped.clone())))
            .collect();
        let schedule = crate::schedule::start(node.clone());
        tracing::info!(%url, data = %target.data().display(), "serving");
        ready(&url);
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            tracing::info!("stopping: requests under way are finished, new ones refused");
            let _ = stop.send(true);
        });
        for listener in serving {
            listener.await?;
        }
        schedule.abort();
        let _ = std::fs::remove_file(directory::socket_path(target.data()));
        node.close().await?;
        output::note("stopped; everything acknowledged is durable");
        Ok(true)
    }
}
