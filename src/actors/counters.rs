//! Counts what rooms did. A counter is looked up once per thread and kept: the registry's own look-up builds and hashes a
//! key, which is too dear for every call.

use std::cell::RefCell;

use metrics::Counter;

use crate::room::hand_over::NOBODY_ANSWERED;
use crate::room::{CallStatus, Fact, RoomEvent};
use crate::telemetry;

use super::batch::Answers;

/// `None`: replayed, whatever the status.
type Counted = (&'static str, Option<CallStatus>);

thread_local! {
    static COUNTERS: RefCell<Vec<(Counted, Counter)>> = const { RefCell::new(Vec::new()) };
}

/// One more call ended: in its own request, or long after.
pub fn ended(action: &'static str, status: CallStatus) {
    count((action, Some(status)));
}

/// Those that were answered from the store.
pub fn replayed(answers: &Answers) {
    answers.calls.iter().filter(|answer| answer.replayed).for_each(|answer| count((answer.name, None)));
}

fn count(counted: Counted) {
    COUNTERS.with_borrow_mut(|counters| match counters.iter().find(|(known, _)| *known == counted) {
        Some((_, counter)) => counter.increment(1),
        None => {
            let counter = match counted {
                (action, None) => metrics::counter!(telemetry::CALLS_REPLAYED, "action" => action),
                (action, Some(status)) => metrics::counter!(telemetry::CALLS, "action" => action, "status" => status.as_str()),
            };
            counter.increment(1);
            counters.push((counted, counter));
        }
    });
}

/// Rooms that nobody answered, one after the other: operators are to be woken.
pub fn nobody_answered(events: &[RoomEvent]) {
    let alarming =
        |event: &&RoomEvent| matches!(&event.fact, Fact::RoomQueued { reason, .. } if reason.as_deref() == Some(NOBODY_ANSWERED));
    let rooms = events.iter().filter(alarming).count();
    if rooms > 0 {
        metrics::counter!(telemetry::NOBODY_ANSWERED).increment(u64::try_from(rooms).unwrap_or(0));
    }
}
