//! `onrecord-load`: the decisions that `bench/run` measures with, and the load generator for single writes.
//!
//! It knows the HTTP contract and the proofs, nothing of the program that it measures, so that a release build of it
//! takes seconds. It talks to loopback only: a load generator that reaches further is a weapon.

mod decision;
mod generate;
mod pace;
mod random;
mod receipt;
mod socket;
mod write;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "onrecord-load", version, about, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write decisions of the seed's full shape as JSON lines
    Generate(generate::Generate),
    /// Send single decisions over HTTP, and measure until each receipt
    Write(write::Write),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Generate(command) => command.run().map(|()| true),
        Command::Write(command) => command.run(),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("onrecord-load: {error:#}");
            ExitCode::from(1)
        }
    }
}
