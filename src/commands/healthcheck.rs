//! `daoxiao healthcheck`: asks the bot beside it whether it is there, as containers do.

use std::{net::SocketAddr, process::ExitCode};

use clap::Args;

use super::{CommandError, args::address};
use crate::{
    language::localized_errors,
    server::HEALTH_PATH,
    simulator::{
        SignedRequest,
        http::{Client, send},
        url::BotUrl,
    },
};

const HELP: &str = "\
It asks for /healthz, and needs no Token. Exit code: 0 the bot answers, 1 it does not.

Example: HEALTHCHECK CMD [\"/daoxiao\", \"healthcheck\"]";

/// Ask the bot on this machine whether it is well, as a container's HEALTHCHECK
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct HealthcheckArgs {
    /// Port, or address and port, that the bot listens on
    #[arg(long, env = "DAOXIAO_LISTEN", value_name = "ADDR", default_value = "0.0.0.0:8080", value_parser = localized_errors(address))]
    listen: SocketAddr,
}

/// The bot answers with another status than 200.
#[derive(Debug, thiserror::Error)]
#[error("the health check got status {0}, where 200 is right")]
pub(crate) struct HealthError(pub(crate) u16);

/// Asks, and says why the bot is not well if it isn't.
pub(crate) fn run(args: &HealthcheckArgs) -> Result<ExitCode, CommandError> {
    // Who calls 0.0.0.0 reaches this machine.
    let url = format!("http://{}{HEALTH_PATH}", args.listen).parse::<BotUrl>();
    let (client, request) = (Client::WeChat, SignedRequest::default());
    let answer = send(client, &url.map_err(CommandError::usage)?, &request);
    let answer = answer.map_err(CommandError::failure)?;
    match answer.status {
        200 => Ok(ExitCode::SUCCESS),
        status => Err(CommandError::failure(HealthError(status))),
    }
}
