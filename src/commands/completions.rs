//! `daoxiao completions`: a script by which a shell completes the command line.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::{Arg, Args, Command};
use clap_complete::{Shell, generate};

use super::{CommandError, printed};

const HELP: &str = "\
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
pub(crate) fn run(args: &CompletionsArgs, cli: Command) -> Result<ExitCode, CommandError> {
    let name = cli.get_name().to_owned();
    let mut script = Vec::new();
    generate(args.shell, &mut completed(cli), name, &mut script);
    printed(io::stdout().write_all(&script))
}

/// The command line as shells complete it: with the flags of `serve`, which needs no command, and
/// with the values that some flags take.
fn completed(cli: Command) -> Command {
    let serve = cli.find_subcommand("serve").into_iter();
    let flags = serve.flat_map(Command::get_arguments);
    // The top level has these two.
    let flags = flags.filter(|arg| arg.get_id() != "help" && arg.get_id() != "lang");
    let flags: Vec<Arg> = flags.cloned().collect();
    let cli = cli.args(flags).mut_args(with_values);
    cli.mut_subcommands(|command| command.mut_args(with_values))
}

fn with_values(arg: Arg) -> Arg {
    match arg.get_id().as_str() {
        "lang" => arg.value_parser(["zh", "en"]),
        "log" => arg.value_parser(["off", "error", "warn", "info", "debug", "trace"]),
        _ => arg,
    }
}
