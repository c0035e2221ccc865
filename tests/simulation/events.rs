//! What the events of one step must be, whatever the step: gapless, with who and why, and nothing that an AI agent may not do.

use bellhop::actors::ports::NewCall;
use bellhop::catalog::Admitted;
use bellhop::room::{CallStatus, Cause, Control, Fact, Room, RoomEvent, Seen};

/// What the caller of this event's call had seen.
fn seen_by(cause: &Cause, calls: &[&Admitted]) -> Option<Seen> {
    let Cause::Call(call_id) = cause else { return None };
    calls.iter().find(|admitted| admitted.call.call_id == *call_id).map(|admitted| admitted.call.seen)
}

fn resolves(event: &RoomEvent) -> bool {
    matches!(event.fact, Fact::ConversationResolved { .. })
}

pub fn check_events(before: &Room, after: &Room, events: &[RoomEvent], new_calls: &[NewCall], calls: &[&Admitted]) {
    let mut folded = before.clone();
    for (n, event) in events.iter().enumerate() {
        assert_eq!(event.seq, before.version + 1 + n as i64, "the journal has no gap");
        assert!(event.at >= folded.last_event_at, "time does not go back in a room");
        assert!(!event.by.to_text().is_empty() && !event.cause.id().is_empty(), "invariant 12: who and why");
        let (epoch, control) = (folded.epoch, folded.control.clone());
        if let Some(seen) = seen_by(&event.cause, calls)
            && matches!(event.fact, Fact::RoomQueued { .. } | Fact::ConversationResolved { .. })
        {
            assert!(seen.epoch.is_none_or(|seen| seen >= epoch), "invariant 7: begun under an earlier control epoch: {event:?}");
            assert!(!matches!(control, Control::Person { .. }), "invariant 7: moved while a person had it: {event:?}");
            assert!(seen.seq.is_none_or(|seen| seen >= folded.last_inbound_seq) || !resolves(event), "unseen words were closed");
        }
        folded.apply(event);
        assert_eq!(
            folded.epoch,
            epoch + i64::from(folded.control != control),
            "the epoch rises when control moves, and only then"
        );
        assert!(folded.tags.len() <= 8, "the limit of tags holds");
        if matches!(folded.lifecycle, bellhop::room::Lifecycle::Resolved { .. }) {
            assert_eq!(folded.control, Control::Nobody, "a resolved room is nobody's");
        }
    }
    assert_eq!(folded, *after, "the draft is its events");
    for NewCall { call, answer, .. } in new_calls {
        let own = events.iter().filter(|event| event.cause == Cause::Call(call.call_id.clone())).count();
        assert!(own >= 1, "every admitted call leaves an event");
        let changed = events.iter().any(|event| {
            event.cause == Cause::Call(call.call_id.clone())
                && !matches!(event.fact, Fact::CallAnswered { .. } | Fact::CallParked { .. })
        });
        if answer.status == CallStatus::Refused {
            let parked =
                events.iter().any(|event| matches!(&event.fact, Fact::CallParked { call_id, .. } if *call_id == call.call_id));
            assert!(!changed || parked, "a refused call changed nothing");
        }
    }
}
