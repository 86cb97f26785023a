//! The `onrecord` program: reads the command line, runs one subcommand, turns its outcome into an exit code
//! (0 fine, 1 the answer is "no" or the work failed, 2 misuse, 3 not all could be checked).

mod api;
mod archive;
mod cli;
mod client;
mod concurrency;
mod config;
mod directory;
mod export;
mod held;
mod http;
mod import;
mod maintenance;
mod metrics;
mod node;
mod output;
mod retention;
mod schedule;
mod sealing;
mod session;
mod settings;
mod storage;
mod target;
mod verify;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    cli::log_to_stderr(&arguments);
    match cli::run(arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            if !output::is_broken_pipe(&error) {
                output::print_error(&error);
            }
            if error.is::<cli::Misuse>() {
                ExitCode::from(2)
            } else if error.is::<cli::Unchecked>() {
                ExitCode::from(3)
            } else {
                ExitCode::from(1)
            }
        }
    }
}
