//! The command line: what the arguments mean, and which file runs which subcommand. Each subcommand gives `true` for
//! "fine", `false` for "the answer is no".

mod access;
mod archive;
mod decisions;
mod demo;
mod download;
mod evidence;
mod explain;
mod history;
mod hold;
mod incident;
mod init;
mod log;
mod man;
mod outcome;
mod report;
mod retention;
mod review;
mod schema;
mod serve;
mod sql;
mod subject;
mod token;
mod verify;

use crate::client::Client;
use crate::import;
use crate::node::Purpose;
use crate::output::Format;
use crate::target::Target;
use anyhow::Result;
use clap::{Parser, Subcommand};

/// Version, commit and build profile.
const VERSION: &str =
    concat!(env!("CARGO_PKG_VERSION"), " (commit ", env!("ONRECORD_COMMIT"), ", ", env!("ONRECORD_PROFILE"), " build)");

/// AI decisions, on the record: an append-only, tamper-evident ledger for the decisions of AI systems.
#[derive(Parser)]
#[command(name = "onrecord", version = VERSION, propagate_version = true, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a data directory: keys, policy, and a first admin token
    Init(init::Init),
    /// Serve a data directory over HTTP
    Serve(serve::Serve),
    /// Load 1,000 real credit decisions into a fresh directory and serve it; one from an earlier demo is served as it is
    Demo(demo::Demo),
    /// Log one decision from a JSON file or standard input
    Log(log::Log),
    /// Log what a person made of a decision
    Review(review::Review),
    /// Log what turned out to be true about a decision
    Outcome(outcome::Outcome),
    /// Import decisions from JSONL, CSV or Parquet files
    Import(import::Import),
    /// Find decisions, newest first
    Decisions(decisions::Decisions),
    /// Show all decisions about a person
    History(history::History),
    /// Show who read about a decision or a person
    Access(access::Access),
    /// A person's rights: history, export, statements, erasure
    Subject(subject::Subject),
    /// How long records are kept: what is due, and its removal
    Retention(retention::Retention),
    /// Legal holds: what must stay
    Hold(hold::Hold),
    /// Old segments in an object store, where they can be asked as before
    Archive(archive::Archive),
    /// Incidents: hold what a model decided, and write its evidence into a file
    Incident(incident::Incident),
    /// Report on the decisions of a model
    Report(report::Report),
    /// Explain a decision to the person whom it is about
    Explain(explain::Explain),
    /// Ask in SQL (PostgreSQL dialect)
    Sql(sql::Sql),
    /// Write the evidence for one decision, for a third party to check offline
    Evidence(evidence::Evidence),
    /// Re-read and re-hash everything, and check it against the signed checkpoint
    Verify(verify::Verify),
    /// Print the JSON Schema of a decision
    Schema,
    /// Make, list and revoke API tokens
    Token(token::Token),
    /// Print a manual page
    Man(man::Man),
    /// Print shell completions
    Completions(man::Completions),
}

/// Runs the subcommand.
pub(crate) fn run(arguments: Arguments) -> Result<bool> {
    let Arguments { target, command } = arguments;
    if target.format == Some(Format::Html) && !matches!(command, Command::Explain(_) | Command::Report(_)) {
        return Err(Misuse("this command has no html; json, jsonl, csv and table are there".to_owned()).into());
    }
    // The server's tasks are short; SQL and batches have threads of their own.
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match command {
            Command::Init(command) => command.run(&target).await,
            Command::Serve(command) => command.run(&target).await,
            Command::Demo(command) => command.run(&target.data_or("onrecord-demo")).await,
            Command::Log(command) => {
                with_client(&target, Purpose::Command, async |client| command.run(client).await).await
            }
            Command::Review(command) => {
                with_client(&target, Purpose::Command, async |client| command.run(client).await).await
            }
            Command::Outcome(command) => {
                with_client(&target, Purpose::Command, async |client| command.run(client).await).await
            }
            Command::Import(command) => {
                with_client(&target, Purpose::Bulk, async |client| command.run(&target, client).await).await
            }
            Command::Decisions(command) => {
                with_client(&target, Purpose::Command, async |client| command.run(&target, client).await).await
            }
            Command::History(command) => {
                with_client(&target, Purpose::Command, async |client| command.run(&target, client).await).await
            }
            Command::Access(command) => {
                with_client(&target, Purpose::Command, async |client| command.run(&target, client).await).await
            }
            Command::Subject(command) => {
                with_client(&target, Purpose::Command, async |client| command.run(&target, client).await).await
            }
            Command::Retention(command) => {
                with_client(&target, Purpose::Command, async |client| command.run(&target, client).await).await
            }
            Command::Hold(command) => {
                with_client(&target, Purpose::Command, async |client| command.run(&target, client).await).await
            }
            Command::Archive(command) => {
                with_client(&target, Purpose::Command, async |client| command.run(&target, client).await).await
            }
            Command::Incident(command) => {
                with_client(&target, Purpose::Command, async |client| command.run(&target, client).await).await
            }
            Command::Report(command) => {
                with_client(&target, Purpose::Command, async |client| command.run(&target, client).await).await
            }
            Command::Explain(command) => {
                with_client(&target, Purpose::Command, async |client| command.run(&target, client).await).await
            }
            Command::Sql(command) => {
                with_client(&target, Purpose::Command, async |client| command.run(&target, client).await).await
            }
            Command::Evidence(command) => {
                with_client(&target, Purpose::Command, async |client| command.run(client).await).await
            }
            Command::Verify(command) => command.run(&target).await,
            Command::Token(command) => {
                with_client(&target, Purpose::Command, async |client| command.run(&target, client).await).await
            }
            Command::Schema => schema::run(),
            Command::Man(command) => command.run(),
            Command::Completions(command) => command.run(),
        }
    })
}

/// The arguments contradict each other: exit code 2, as for arguments that cannot be read.
#[derive(Debug)]
pub(crate) struct Misuse(pub(crate) String);

impl std::error::Error for Misuse {}

impl std::fmt::Display for Misuse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Nothing is wrong, and something could not be looked at: exit code 3.
#[derive(Debug)]
pub(crate) struct Unchecked;

impl std::error::Error for Unchecked {}

impl std::fmt::Display for Unchecked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("nothing is wrong in what was checked, but not all could be; `unchecked` says what, and why")
    }
}

/// Refuses `--url` for what works on a directory of this machine.
fn must_be_local(target: &Target, what: &str) -> Result<()> {
    match target.url {
        None => Ok(()),
        Some(_) => Err(Misuse(format!("{what} works on a directory of this machine; leave out --url")).into()),
    }
}

/// Runs `work` with a client for `target`, and closes it whatever came of the work.
async fn with_client(
    target: &Target,
    purpose: Purpose,
    work: impl AsyncFnOnce(&Client) -> Result<bool>,
) -> Result<bool> {
    let client = Client::connect(target, purpose).await?;
    let outcome = work(&client).await;
    let closed = client.close().await;
    let outcome = outcome?;
    closed?;
    Ok(outcome)
}

/// Sends the program's own log lines to standard error: warnings by default, `ONRECORD_LOG` for more. A server also
/// says what it does.
pub(crate) fn log_to_stderr(arguments: &Arguments) {
    let default = if matches!(arguments.command, Command::Serve(_)) { "info" } else { "warn" };
    let filter = tracing_subscriber::EnvFilter::try_from_env("ONRECORD_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(default));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false).init();
}

/// An argument that is JSON.
fn json(text: &str) -> Result<Box<serde_json::value::RawValue>, String> {
    serde_json::from_str(text).map_err(|error| {
        format!("not JSON at column {}; a text stands in double quotes: '\"approved\"'", error.column())
    })
}
