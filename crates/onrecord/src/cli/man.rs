//! `onrecord man` and `onrecord completions`: what the shell and its manual want to know of this program.

use super::{Arguments, Misuse};
use crate::output;
use anyhow::Result;
use clap::{Args, CommandFactory};
use clap_complete::Shell;

/// Print the manual page of the program or of one of its commands, for man(1).
#[derive(Args)]
pub(crate) struct Man {
    /// The command [default: the program itself]
    command: Option<String>,
}

impl Man {
    pub(super) fn run(&self) -> Result<bool> {
        let program = Arguments::command();
        let command = match &self.command {
            None => program,
            Some(name) => {
                let found = program.get_subcommands().find(|command| command.get_name() == name);
                let found =
                    found.ok_or_else(|| Misuse(format!("there is no command `{name}`; see onrecord --help")))?;
                found.clone().display_name(format!("onrecord-{name}")).bin_name(format!("onrecord {name}"))
            }
        };
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page)?;
        output::bytes(&page)?;
        Ok(true)
    }
}

/// Print the completions of a shell, to be put where that shell looks for them.
#[derive(Args)]
pub(crate) struct Completions {
    shell: Shell,
}

impl Completions {
    pub(super) fn run(&self) -> Result<bool> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Arguments::command(), "onrecord", &mut script);
        output::bytes(&script)?;
        Ok(true)
    }
}
