//! Messages that wait for a joke, so that the loop need not.

use std::time::{Duration, Instant};

use tiny_http::Request;

use super::request::Incoming;
use crate::wechat::message::Message;

/// So many may wait; more get a joke that is at hand, at once.
const MAX_WAITING: usize = 256;

/// All wait for the same fetch, and so until the same moment.
#[derive(Default)]
pub(super) struct JokeQueue {
    pub(super) waiting: Vec<(Incoming, Message)>,
    /// Later requests on the connections of those who wait: answers keep their order.
    pub(super) held_back: Vec<Request>,
    deadline: Option<Instant>,
}

impl JokeQueue {
    pub(super) fn add(&mut self, incoming: Incoming, message: Message, budget: Duration) {
        self.deadline.get_or_insert_with(|| Instant::now() + budget);
        self.waiting.push((incoming, message));
    }

    pub(super) fn has_room(&self) -> bool {
        self.waiting.len() < MAX_WAITING
    }

    pub(super) fn has_waiter_on_connection_of(&self, request: &Request) -> bool {
        let peer = request.remote_addr();
        let mut waiting = self.waiting.iter();
        waiting.any(|(incoming, _)| incoming.request.remote_addr() == peer)
    }

    /// How long they still wait, if there are any.
    pub(super) fn time_left(&self) -> Option<Duration> {
        let deadline = self.deadline?;
        Some(deadline.saturating_duration_since(Instant::now()))
    }
}
