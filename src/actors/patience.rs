//! The door's side of a call: waits as long as the caller wants, withdraws what was not begun, asks again when an actor died,
//! and never says more than is known.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot::Receiver;
use tokio::sync::oneshot::error::RecvError;
use tokio::time::{Instant, timeout, timeout_at};

use crate::room::{CallId, Cause, Command, CommandAnswer, Refusal, RoomAddress};
use crate::store::Committed;

use super::batch::{Answers, AtDoor, Batch, BatchReply, RoomSummary, Ticket};
use super::messages::CommandReply;
use super::ports::Caller;
use super::router::{NotSent, RoomRouter};

/// How long an answer waits for the store once its calls are in a commit.
const STORE_PATIENCE: Duration = Duration::from_secs(5);
/// Who does not wait for the end of a call waits so long for its beginning: its room may have to be woken first.
const BEGIN_PATIENCE: Duration = Duration::from_secs(5);
/// How often who waits long looks whether the process stops.
const HURRY_LOOK: Duration = Duration::from_millis(500);
/// How long a command waits for its room and the store.
const COMMAND_PATIENCE: Duration = Duration::from_secs(10);
/// How often a batch is sent again to a room whose actor died under it.
const MAX_SENDS: u32 = 5;

/// How a batch went, as far as it is known.
#[derive(Debug)]
pub enum CallOutcome {
    /// Every call is final.
    Answered(Committed<Answers>),
    /// Patience is over; every call is durable, some are still open.
    Accepted(Committed<Answers>),
    /// Nothing was accepted: the room has too much in flight, or too many callers wait for its parked calls.
    Busy,
    /// Nothing was accepted: the room or the process is draining.
    Draining,
    /// Nothing was accepted: patience ended before the room began.
    Withdrawn,
    /// It may have been accepted: ask again with the same ids.
    OutcomeUnknown,
    UnknownRoom,
    /// Nothing was accepted: this id was used before with another meaning.
    KeyReused {
        call_id: CallId,
    },
    /// Nothing was accepted: the store cannot write now.
    Unavailable,
}

/// How a command went, as far as it is known.
#[derive(Debug)]
pub enum CommandOutcome {
    Done {
        answer: CommandAnswer,
        room: RoomSummary,
    },
    Refused(Refusal),
    /// Nothing was done: the room has too much in flight.
    Busy,
    /// Nothing was done: the room or the process is draining.
    Draining,
    /// Nothing was done: the store cannot write now.
    Unavailable,
    /// It may have been done: asking again is safe.
    OutcomeUnknown,
}

/// What comes first.
enum Heard {
    Reply(Result<BatchReply, RecvError>),
    /// The calls are durable, and not all of them final.
    Durable,
    Nothing,
}

async fn first_of(answer: &mut Receiver<BatchReply>, ticket: &Ticket, within: Duration) -> Heard {
    tokio::select! {
        biased;
        reply = timeout(within, answer) => reply.map_or(Heard::Nothing, Heard::Reply),
        () = ticket.is_accepted() => Heard::Durable,
    }
}

impl RoomRouter {
    /// Carries a batch to its room and waits for its answer at most `patience` (and, once its rows are being written, at
    /// most 5 s more). Without any patience it answers as soon as the calls are durable, which may take 5 s to begin.
    pub async fn call(&self, room: RoomAddress, batch: Batch, patience: Duration) -> CallOutcome {
        if self.company(room.company).await.is_err() {
            return CallOutcome::Unavailable;
        }
        let (batch, ticket) = (Arc::new(batch), Arc::new(Ticket::default()));
        let begins_within = if patience.is_zero() { BEGIN_PATIENCE } else { Duration::ZERO };
        let _here = AtDoor(&ticket);
        let end = Instant::now() + patience;
        let mut sends = 0;
        loop {
            sends += 1;
            let mut answer = match self.invoke(&room, batch.clone(), ticket.clone()) {
                Ok(answer) => answer,
                Err(_) if sends > 1 => return ticket.interim().map_or(CallOutcome::OutcomeUnknown, CallOutcome::Accepted),
                Err(NotSent::Busy) => return CallOutcome::Busy,
                Err(NotSent::Draining) => return CallOutcome::Draining,
            };
            let reply = match self.reply_until(end, &mut answer, &ticket).await {
                Some(reply) => reply,
                None => {
                    let mut heard = first_of(&mut answer, &ticket, begins_within).await;
                    if matches!(heard, Heard::Nothing) {
                        if sends == 1 && ticket.withdraw() {
                            return CallOutcome::Withdrawn;
                        }
                        heard = first_of(&mut answer, &ticket, STORE_PATIENCE).await;
                    }
                    match heard {
                        Heard::Reply(reply) => reply,
                        Heard::Durable | Heard::Nothing => {
                            return ticket.interim().map_or(CallOutcome::OutcomeUnknown, CallOutcome::Accepted);
                        }
                    }
                }
            };
            match reply {
                Ok(BatchReply::Final(answers)) => return CallOutcome::Answered(answers),
                Ok(BatchReply::UnknownRoom) => return CallOutcome::UnknownRoom,
                Ok(BatchReply::Full) if sends > 1 || ticket.is_doubtful() => return CallOutcome::OutcomeUnknown,
                Ok(BatchReply::Full) => return CallOutcome::Busy,
                Ok(BatchReply::KeyReused(call_id)) => return CallOutcome::KeyReused { call_id },
                Ok(BatchReply::Unavailable) if sends > 1 || ticket.is_doubtful() => return CallOutcome::OutcomeUnknown,
                Ok(BatchReply::Unavailable) => return CallOutcome::Unavailable,
                // The actor died under it. Its ids are known to the store or were never written, so asking again is safe.
                Err(_) if sends < MAX_SENDS && Instant::now() < end + begins_within => {}
                Err(_) => return ticket.interim().map_or(CallOutcome::OutcomeUnknown, CallOutcome::Accepted),
            }
        }
    }

    /// `None`: patience is over; or the process stops, and what the caller waits for is durable.
    async fn reply_until(
        &self,
        end: Instant,
        answer: &mut Receiver<BatchReply>,
        ticket: &Ticket,
    ) -> Option<Result<BatchReply, RecvError>> {
        loop {
            let look = end.min(Instant::now() + HURRY_LOOK);
            if let Ok(reply) = timeout_at(look, &mut *answer).await {
                return Some(reply);
            }
            if look == end || (self.0.is_hurrying() && ticket.is_durable()) {
                return None;
            }
        }
    }

    /// Tells a room something and waits until it is durable, at most 10 s.
    pub async fn command(&self, room: RoomAddress, command: Command, caller: Caller, cause: Cause) -> CommandOutcome {
        if self.company(room.company).await.is_err() {
            return CommandOutcome::Unavailable;
        }
        let (command, since) = (Arc::new(command), self.now());
        let end = Instant::now() + COMMAND_PATIENCE;
        let mut sends = 0;
        loop {
            sends += 1;
            let answer = match self.tell(&room, command.clone(), caller.by.clone(), cause.clone()) {
                Ok(answer) => answer,
                Err(_) if sends > 1 => return CommandOutcome::OutcomeUnknown,
                Err(NotSent::Busy) => return CommandOutcome::Busy,
                Err(NotSent::Draining) => return CommandOutcome::Draining,
            };
            match timeout_at(end, answer).await {
                Ok(Ok(CommandReply::Done { answer, room })) => return CommandOutcome::Done { answer, room },
                Ok(Ok(CommandReply::Refused { refusal, doubtful: false, .. })) if sends == 1 => {
                    return CommandOutcome::Refused(refusal);
                }
                // It may have landed unheard, and then it is in its own way. Its room's journal knows.
                Ok(Ok(CommandReply::Refused { refusal, room: summary, .. })) => {
                    return match self.0.memory.has_event(room, cause, since).await {
                        Ok(true) => CommandOutcome::Done {
                            answer: CommandAnswer { changed: true, ..CommandAnswer::default() },
                            room: summary,
                        },
                        Ok(false) => CommandOutcome::Refused(refusal),
                        Err(_) => CommandOutcome::OutcomeUnknown,
                    };
                }
                // An actor that died under it may have done it before.
                Ok(Ok(CommandReply::Unavailable)) if sends == 1 => return CommandOutcome::Unavailable,
                Ok(Ok(CommandReply::Unavailable | CommandReply::Unclear)) => return CommandOutcome::OutcomeUnknown,
                // Commands say how things shall be, so telling a room twice is telling it once.
                Ok(Err(_)) if sends < MAX_SENDS && Instant::now() < end => {}
                Ok(Err(_)) | Err(_) => return CommandOutcome::OutcomeUnknown,
            }
        }
    }
}
