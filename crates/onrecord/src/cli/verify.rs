//! `onrecord verify`: is everything as it was recorded? A server that has the directory open does the reading itself.

use crate::api::verification::{Event, Verification, VerifyRequest};
use crate::client::Client;
use crate::directory;
use crate::node::Purpose;
use crate::output::{self, Format};
use crate::target::Target;
use crate::verify;
use anyhow::{Context, Result, bail};
use clap::Args;
use futures::StreamExt;
use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::path::PathBuf;

/// Re-read and re-hash everything, rebuild the tree, and check it against the signed checkpoint. Exit code 1 says that
/// something is wrong, and the output says at which leaf, in which file; 3 that nothing is, but not all could be checked.
#[derive(Args)]
pub(crate) struct Verify {
    /// An earlier checkpoint, kept by you or a third party: also proves that nothing up to it was changed or cut off
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
}

impl Verify {
    pub(super) async fn run(self, target: &Target) -> Result<bool> {
        let checkpoint = match &self.checkpoint {
            Some(file) => {
                Some(std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?)
            }
            None => None,
        };
        let request = VerifyRequest { checkpoint };
        let bar = Progress::new()?;
        let report = if target.url.is_some() || directory::is_served(target.data()) {
            let client = Client::connect(target, Purpose::Command).await?;
            remote(&client, &request, &bar).await?
        } else {
            tokio::task::block_in_place(|| verify::closed(target.data(), &request, &|event| bar.show(event)))?
        };
        bar.bar.finish_and_clear();
        print(target, &report)?;
        if report.faults.is_empty() && !report.unchecked.is_empty() {
            return Err(super::Unchecked.into());
        }
        Ok(report.faults.is_empty())
    }
}

async fn remote(client: &Client, request: &VerifyRequest, bar: &Progress) -> Result<Verification> {
    let mut body = client.post_json("/v1/verify", "application/x-ndjson", request).await?.stream();
    let mut pending = Vec::new();
    while let Some(chunk) = body.next().await {
        pending.extend_from_slice(&chunk?);
        while let Some(end) = pending.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = pending.drain(..=end).collect();
            match serde_json::from_slice(&line).context("the server's answer is not what this version expects")? {
                Event::Report(report) => return Ok(report),
                Event::Failed(why) => bail!("the verification could not be done: {why}"),
                event => bar.show(event),
            }
        }
    }
    bail!("the server ended before it came to a result")
}

fn print(target: &Target, report: &Verification) -> Result<()> {
    if Format::or_default(target.format) != Format::Table {
        return output::line(&serde_json::to_string_pretty(report)?);
    }
    for left_out in &report.unchecked {
        output::note(&format!("not checked: {left_out}"));
    }
    for fault in &report.faults {
        output::line(&format!("WRONG  {fault}"))?;
    }
    let rate = report.entries as f64 / report.seconds.max(1e-9);
    let read = format!("{} entries re-hashed in {:.1} s ({rate:.0}/s)", report.entries, report.seconds);
    if report.faults.is_empty() {
        output::line(&format!(
            "OK     {read}; the tree of size {} has the signed root {}",
            report.tree_size, report.root
        ))?;
        if let Some(size) = report.earlier_size {
            output::line(&format!(
                "OK     nothing up to the earlier checkpoint of size {size} was changed or cut off"
            ))?;
        }
        Ok(())
    } else {
        let unnamed = report.faults_total.saturating_sub(report.faults.len() as u64);
        if unnamed > 0 {
            output::line(&format!("WRONG  {unnamed} more"))?;
        }
        output::line(&format!("{read}; {} fault(s)", report.faults_total))
    }
}

struct Progress {
    bar: ProgressBar,
}

impl Progress {
    fn new() -> Result<Self> {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        bar.set_style(
            ProgressStyle::with_template("verifying {bar:30} {pos}/{len} entries  {rate}  {eta} left")?.with_key(
                "rate",
                |state: &ProgressState, out: &mut dyn std::fmt::Write| {
                    let _ = write!(out, "{}/s", HumanCount(state.per_sec() as u64));
                },
            ),
        );
        Ok(Self { bar })
    }

    fn show(&self, event: Event) {
        if let Event::Progress { entries, total } = event {
            self.bar.set_length(total);
            self.bar.set_position(entries);
        }
    }
}
