//! What a command works on: a directory of this machine or a server, as the arguments and the environment name it.

use crate::output::Format;
use clap::Args;
use std::path::{Path, PathBuf};

/// Where the data is.
#[derive(Args, Clone)]
pub(crate) struct Target {
    /// The data directory; a server that has it open is used by itself [default: onrecord-data; of demo, onrecord-demo]
    #[arg(long, global = true, env = "ONRECORD_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
    /// A server's address, instead of a directory
    #[arg(long, global = true, env = "ONRECORD_URL", value_name = "URL")]
    pub(crate) url: Option<String>,
    /// The token for that server
    #[arg(long, global = true, env = "ONRECORD_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// What is read for: goes on the record with each reading
    #[arg(long, global = true, env = "ONRECORD_PURPOSE", value_name = "TEXT")]
    pub(crate) purpose: Option<String>,
    /// How results are printed [default: table on a terminal, else json]
    #[arg(long, global = true, value_enum)]
    pub(crate) format: Option<Format>,
}

impl Target {
    /// The data directory.
    pub(crate) fn data(&self) -> &Path {
        self.data.as_deref().unwrap_or(Path::new("onrecord-data"))
    }

    /// The data directory asked for, else `default`.
    pub(crate) fn data_or(mut self, default: &str) -> Self {
        self.data.get_or_insert_with(|| PathBuf::from(default));
        self
    }
}
