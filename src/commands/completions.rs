//! `daoxiao completions`: a script by which a shell completes the command line.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::{Args, Command};
use clap_complete::{Shell, generate};

use super::{CommandError, printed};

pub(super) const HELP: &str = "\
For bash, elvish, fish, powershell and zsh.

Example: daoxiao completions bash > ~/.local/share/bash-completion/completions/daoxiao";

/// Print completions for a shell
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct CompletionsArgs {
    /// The shell: bash, elvish, fish, powershell or zsh
    #[arg(value_name = "SHELL", hide_possible_values = true)]
    shell: Shell,
}

/// Prints the completions of the command line.
pub(crate) fn run(args: &CompletionsArgs, mut cli: Command) -> Result<ExitCode, CommandError> {
    let name = cli.get_name().to_owned();
    let mut script = Vec::new();
    generate(args.shell, &mut cli, name, &mut script);
    printed(io::stdout().write_all(&script))
}
