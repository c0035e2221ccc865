//! What a room's actor is sent. No message carries a secret.

use std::sync::Arc;

use actix::Message;
use tokio::sync::oneshot;

use crate::room::{By, Cause, Command, CommandAnswer, Refusal, Timestamp};

use super::batch::{InFlight, RoomSummary, Waiter};
use super::ports::Finished;

/// Calls of one request.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Invoke {
    pub waiter: Waiter,
    pub guard: InFlight,
    pub at: Timestamp,
}

/// What a command came to.
#[derive(Debug)]
pub enum CommandReply {
    Done {
        answer: CommandAnswer,
        room: RoomSummary,
    },
    /// The room as it is. `doubtful`: what stands in its way may be what an earlier try of it did.
    Refused {
        refusal: Refusal,
        room: RoomSummary,
        doubtful: bool,
    },
    /// The store cannot write now; nothing was done.
    Unavailable,
    /// The store cannot say whether it was done.
    Unclear,
}

/// A person, a customer, a timer or the roster tells the room something.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Tell {
    pub command: Arc<Command>,
    pub by: By,
    pub cause: Cause,
    pub reply: Option<oneshot::Sender<CommandReply>>,
    pub guard: InFlight,
    pub at: Timestamp,
    /// A commit with this in it may have landed: from now on nobody may say that nothing was done.
    pub doubtful: bool,
}

/// The journal finished something for this room.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Settle(pub Finished);

/// End. Sent only by the router, and only after the room is out of its map.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Sleep;

/// Panic here and now: how the demo and the tests kill an actor.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Die;
