//! Messages that wait for a joke, so that the loop need not.

use std::time::{Duration, Instant};

use tiny_http::Request;

use super::request::Call;
use crate::wechat::message::Message;

/// So many may wait; more get a joke of the bot's own at once.
const MAX_WAITING: usize = 256;

/// All wait for the same fetch, and so until the same moment.
#[derive(Default)]
pub(super) struct Askers {
    pub(super) waiting: Vec<(Call, Message)>,
    /// Later requests on their connections: answers keep their order, so these wait, too.
    pub(super) behind: Vec<Request>,
    deadline: Option<Instant>,
}

impl Askers {
    pub(super) fn add(&mut self, call: Call, message: Message, budget: Duration) {
        self.deadline.get_or_insert_with(|| Instant::now() + budget);
        self.waiting.push((call, message));
    }

    pub(super) fn have_room(&self) -> bool {
        self.waiting.len() < MAX_WAITING
    }

    /// Whether somebody waits on this request's connection.
    pub(super) fn are_before(&self, request: &Request) -> bool {
        let peer = request.remote_addr();
        let mut peers = self
            .waiting
            .iter()
            .map(|(call, _)| call.request.remote_addr());
        peers.any(|it| it == peer)
    }

    /// How long they wait still, if there are any.
    pub(super) fn time_left(&self) -> Option<Duration> {
        let deadline = self.deadline?;
        Some(deadline.saturating_duration_since(Instant::now()))
    }
}
