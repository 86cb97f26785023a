//! `onrecord-load generate`: a set of decisions as a file.

use crate::decision::Set;
use anyhow::{Context, Result};
use clap::Args;
use jiff::Timestamp;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

/// Write decisions of the seed's full shape as JSON lines, some 1,046 bytes each. The same arguments give the same bytes.
#[derive(Args)]
pub(crate) struct Generate {
    /// How many
    #[arg(value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    records: u64,
    /// Another seed gives other decisions
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// The index of the first: sets whose indexes do not overlap share no decision
    #[arg(long, default_value_t = 0, value_name = "INDEX")]
    first: u64,
    /// How many users they are about [default: a tenth of the decisions]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    users: Option<u64>,
    /// When the last was made (RFC 3339); the others lie in the 30 days before [default: now]
    #[arg(long, value_name = "TIME")]
    end_time: Option<Timestamp>,
    /// Give each an event id, a UUID of version 7 from its time and the seed; else it carries a trace id
    #[arg(long)]
    with_event_id: bool,
    /// Where to
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
}

impl Generate {
    pub(crate) fn run(self) -> Result<()> {
        let Self { records, seed, first, with_event_id, .. } = self;
        let users = self.users.unwrap_or(records / 10).max(1);
        let end = self.end_time.unwrap_or_else(Timestamp::now);
        let set = Set { seed, first, records, users, end, with_event_id };
        let failed = || format!("cannot write {}", self.output.display());
        let mut file = BufWriter::with_capacity(1 << 20, File::create(&self.output).with_context(failed)?);
        let mut line = String::new();
        for place in 0..records {
            line.clear();
            set.write(place, &mut line).context("the end time is out of range")?;
            file.write_all(line.as_bytes()).with_context(failed)?;
        }
        file.flush().with_context(failed)
    }
}
