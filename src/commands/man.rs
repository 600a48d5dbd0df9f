//! `daoxiao man`: the man page.

use std::{
    io::{self, Write},
    iter,
    process::ExitCode,
};

use clap::{Args, Command};
use clap_mangen::Man;

use super::{CommandError, printed};

const HELP: &str = "\
A page for the program, and then one for each of its commands.

Example: daoxiao man | man -l -";

/// Print the man page
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct ManArgs {}

/// Prints the man page of the program, then that of each command, in the language of `localize`.
pub(crate) fn run(
    _: &ManArgs,
    mut cli: Command,
    localize: fn(&str) -> String,
) -> Result<ExitCode, CommandError> {
    cli.build();
    let cli = cli.mut_subcommand("help", |command| command.hide(true));
    let commands = cli.get_subcommands().filter(|page| !page.is_hide_set());
    let mut all = iter::once(&cli).chain(commands);
    let mut pages = Vec::new();
    let written = all.try_for_each(|page| Man::new(page.clone()).render(&mut pages));
    let pages = localize(&String::from_utf8_lossy(&pages));
    printed(written.and_then(|()| io::stdout().write_all(pages.as_bytes())))
}
