//! Words that are brought to a room again until it was heard to have them: by the clock, a lane or the roster. A room that
//! cannot be read for an hour is not to find one of each for every two seconds of it, before the calls of its customers.

use std::collections::VecDeque;

use crate::room::Command;

use super::messages::Tell;
use super::room_actor::Work;

/// Queues the word, unless the very same waits already: then this one is over when that is. It is judged at its turn, by what is
/// true then.
pub(super) fn push(work: &mut VecDeque<Work>, word: Tell) {
    let same = |work: &Work| matches!(work, Work::Command(waits) if waits.reply.is_none() && waits.command == word.command);
    if word.reply.is_some() || !is_repeated(&word.command) || !work.iter().any(same) {
        work.push_back(Work::Command(word));
    }
}

/// What says how something is, not that something happened once more.
const fn is_repeated(command: &Command) -> bool {
    matches!(
        command,
        Command::EffectSettled { .. }
            | Command::EffectDoubted { .. }
            | Command::Offer { .. }
            | Command::OfferOverdue { .. }
            | Command::Wake
            | Command::BarrierOverdue
            | Command::ApprovalOverdue
            | Command::PersonIdle
            | Command::PersonSilent
            | Command::TypingOver
            | Command::Nudge
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::actors::batch::InFlight;
    use crate::room::{By, Cause, Timestamp};

    #[test]
    fn a_word_waits_once_however_often_it_is_brought() {
        let in_flight = Arc::new(AtomicU32::new(0));
        let word = |command: Command, asked: bool| Tell {
            command: Arc::new(command),
            by: By::System,
            cause: Cause::Timer("test"),
            reply: asked.then(|| tokio::sync::oneshot::channel().0),
            guard: InFlight::one(&in_flight),
            at: Timestamp(1),
            doubtful: false,
        };
        let mut work = VecDeque::new();
        let mut comes = |word: Tell| {
            let before = work.len();
            push(&mut work, word);
            work.len() > before
        };
        let overdue = |assignment| Command::OfferOverdue { assignment };
        assert!(comes(word(overdue(1), false)));
        assert!(comes(word(overdue(2), false)), "another assignment's is another word");
        assert!((0..1_000).all(|_| !comes(word(overdue(1), false))));
        assert_eq!(in_flight.load(Ordering::Acquire), 2, "what is over takes no place from calls");

        assert!(comes(word(overdue(1), true)), "somebody waits for this one's answer");
        let moved = |position| Command::QueuedAt { assignment: 1, position, opens_at: None };
        assert!([3, 2, 3].into_iter().all(|position| comes(word(moved(position), false))), "the last is what holds");
    }
}
