//! What people tell a room, and what came of it. Must never reach a room of another company: the address carries the key's.

use crate::actors::ports::Caller;
use crate::actors::{CommandOutcome, RoomSummary};
use crate::room::{Cause, Command, CommandAnswer, RoomAddress};

use super::problem::{Kind, Problem};
use super::visit::Visit;

/// Tells the room and waits for the durable outcome.
pub async fn run(
    visit: &Visit,
    room: RoomAddress,
    command: Command,
    caller: Caller,
    cause: Cause,
) -> Result<(CommandAnswer, RoomSummary), Problem> {
    let (kind, detail) = match visit.api.router.command(room, command, caller, cause).await {
        CommandOutcome::Done { answer, room } => return Ok((answer, room)),
        CommandOutcome::Refused(refusal) => return Err(Problem::refused(refusal)),
        CommandOutcome::Busy => (Kind::Busy, "Nothing was done. Ask again later."),
        CommandOutcome::Draining => (Kind::RoomDraining, "Nothing was done. Ask again later."),
        CommandOutcome::Unavailable => (Kind::StorageUnavailable, "Nothing was done. Ask again in a moment."),
        CommandOutcome::OutcomeUnknown => (
            Kind::OutcomeUnknown,
            "It may have been done. Asking again is safe: for a message with the same message_id, for all else as it is.",
        ),
    };
    Err(Problem::new(kind, detail))
}
