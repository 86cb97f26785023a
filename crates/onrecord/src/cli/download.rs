//! A file that is written while it is fetched: whole under its name, or not there.

use crate::client::Client;
use anyhow::{Context, Result, bail};
use futures::StreamExt;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use tokio::signal::unix::{SignalKind, signal};

/// A new file, which is there under its own name only once it is whole. Dropping it before that removes what was written.
pub(super) struct Download {
    path: PathBuf,
    /// Where it is written meanwhile: beside it.
    part: PathBuf,
    file: File,
}

impl Download {
    /// Begins a file that must not exist. What will be in it may be personal: nobody else may read it.
    pub(super) fn begin(path: &Path) -> Result<Self> {
        let shown = path.display();
        if path.symlink_metadata().is_ok() {
            bail!("cannot make {shown}: it exists already, and nothing is overwritten");
        }
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        let mut options = File::options();
        let file = options.write(true).create_new(true).mode(0o600).open(&part);
        let file = file.with_context(|| format!("cannot make {shown}: cannot make {}", part.display()))?;
        Ok(Self { path: path.to_owned(), part, file })
    }

    /// Fetches it. Being interrupted or told to end leaves nothing behind.
    pub(super) async fn fetch(mut self, client: &Client, path: &str) -> Result<()> {
        let (mut interrupted, mut told) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        tokio::select! {
            fetched = self.fill(client, path) => fetched?,
            _ = interrupted.recv() => bail!("interrupted; nothing was left behind"),
            _ = told.recv() => bail!("told to end; nothing was left behind"),
        }
        self.publish()
    }

    async fn fill(&mut self, client: &Client, path: &str) -> Result<()> {
        let mut body = client.fetch(path).await?.stream();
        while let Some(piece) = body.next().await {
            let piece = piece.context("the answer broke off")?;
            self.file.write_all(&piece).with_context(|| format!("cannot write {}", self.part.display()))?;
        }
        self.file.sync_all().with_context(|| format!("cannot write {}", self.part.display()))
    }

    /// Gives it its name, if nothing else has got that meanwhile.
    fn publish(&self) -> Result<()> {
        let named = match std::fs::hard_link(&self.part, &self.path) {
            // A file system without links.
            Err(error)
                if error.kind() != std::io::ErrorKind::AlreadyExists && self.path.symlink_metadata().is_err() =>
            {
                std::fs::rename(&self.part, &self.path)
            }
            linked => linked,
        };
        named.with_context(|| format!("cannot make {}", self.path.display()))
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        // Half a file is of no use, and may have personal data in it.
        let _ = std::fs::remove_file(&self.part);
    }
}
