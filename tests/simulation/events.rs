//! What the events of one step must be, whatever the step: gapless, with who and why, and nothing that an AI agent may not do. Names
//! of invariants are those of room-ops.md section 1.4; a number alone is design.md's.

use bellhop::actors::ports::NewCall;
use bellhop::catalog::Admitted;
use bellhop::room::{
    AssignTarget, CallId, CallStatus, Cause, Company, Control, Fact, Goodbye, Lifecycle, Presence, Room, RoomEvent, Seen, Wanted,
};

/// What the caller of this event's call had seen.
fn seen_by(cause: &Cause, calls: &[&Admitted]) -> Option<Seen> {
    let Cause::Call(call_id) = cause else { return None };
    calls.iter().find(|admitted| admitted.call.call_id == *call_id).map(|admitted| admitted.call.seen)
}

fn resolves(event: &RoomEvent) -> bool {
    matches!(event.fact, Fact::ConversationResolved { .. })
}

/// I6: whatever an AI agent moves or sends, it does in the control epoch it looked at and while nobody else has control; but for
/// one last word of the request that handed over.
fn is_fenced(room: &Room, event: &RoomEvent, calls: &[&Admitted]) {
    let Some(seen) = seen_by(&event.cause, calls) else { return };
    let looked = seen.epoch.is_none_or(|seen| seen >= room.epoch);
    match &event.fact {
        Fact::RoomQueued { .. } | Fact::ConversationResolved { .. } => {
            assert!(looked, "I6: begun under an earlier control epoch: {event:?}");
            assert!(!matches!(room.control, Control::Person { .. }), "I6: moved while a person had it: {event:?}");
            assert!(
                !resolves(event) || room.control == Control::Bot,
                "I6: closed while the customer waits for a person: {event:?}"
            );
            assert!(seen.seq.is_none_or(|seen| seen >= room.last_inbound_seq) || !resolves(event), "unseen words were closed");
        }
        Fact::AttachmentSent { call_id, .. } => {
            let own = |goodbye: &Goodbye| goodbye.call_id == *call_id && event.at <= goodbye.leave.until;
            let last_word = room.goodbye.as_deref().is_some_and(own);
            assert!(last_word || (looked && room.control == Control::Bot), "I6: people have it: {event:?}");
            assert!(room.typing_until.is_none_or(|until| until <= event.at), "I6: a person types: {event:?}");
        }
        _ => {}
    }
}

/// I4, I3: whoever the roster gives a room is, at its commit, among those who were asked for, there, and may hold as many as they
/// were chosen for.
fn is_eligible(wanted: Option<&Wanted>, event: &RoomEvent, company: &Company) {
    let Fact::AgentAssigned { agent_id, assignment, because, .. } = &event.fact else { return };
    let wanted = wanted.filter(|wanted| wanted.assignment == *assignment).expect("I4: an assignment that somebody asked for");
    let agent = company.agent(agent_id).expect("I4: somebody of this company");
    match &wanted.target {
        AssignTarget::Agent { agent } => assert_eq!(agent, agent_id, "I4: who was asked for"),
        AssignTarget::Division { division } => assert!(agent.divisions.contains(division), "I4: of that division: {event:?}"),
        AssignTarget::Auto => {}
    }
    assert_eq!(agent.status, Presence::Online, "I4: available at the commit: {event:?}");
    let chosen = because.as_ref().and_then(|because| because.candidates.first()).expect("the roster says why");
    assert!(chosen.load < agent.capacity, "I3: as many as they may hold at the commit: {event:?}");
}

/// I12: a change is done by somebody and for something, and this is one of the calls or commands that were there: its own
/// call's, if it is a call's.
fn is_somebodys(event: &RoomEvent, (causes, calls): (&[Cause], &[&Admitted])) {
    assert!(!event.by.to_text().is_empty() && !event.cause.id().is_empty(), "I12: who and why: {event:?}");
    let own = |admitted: &&Admitted| Cause::Call(admitted.call.call_id.clone()) == event.cause;
    let call = calls.iter().find(|admitted| own(admitted));
    assert!(call.is_some() || causes.contains(&event.cause), "I12: done for nothing that was asked: {event:?}");
    let of = match &event.fact {
        Fact::CallAnswered { call_id, .. } | Fact::CallParked { call_id, .. } => Some(call_id),
        _ => None,
    };
    let ended = matches!(event.fact, Fact::CallAnswered { .. }) && causes.contains(&event.cause);
    let names_itself = of.is_none_or(|call_id| Cause::Call(call_id.clone()) == event.cause);
    assert!(names_itself || ended, "I12: the doing of another call: {event:?}");
}

/// I7: a resolved room takes notes and hears its customer; nothing else happens in it.
fn is_over(room: &Room, event: &RoomEvent) {
    let moves = matches!(
        event.fact,
        Fact::RoomQueued { .. }
            | Fact::AgentAssigned { .. }
            | Fact::RoomTaken { .. }
            | Fact::RoomReturned { .. }
            | Fact::AttachmentSent { .. }
            | Fact::GoodbyeGranted { .. }
            | Fact::PersonTyping { .. }
            | Fact::BarrierRaised { .. }
            | Fact::ConversationResolved { .. }
    );
    assert!(!moves || !matches!(room.lifecycle, Lifecycle::Resolved { .. }), "I7: in a resolved room: {event:?}");
}

/// I1: one of AI agent, queue and person; only who has it can be waiting for a successor, and a room that is over is nobody's.
fn is_one_owners(room: &Room) {
    let held = matches!(room.control, Control::Person { .. });
    assert!(held || room.reassigning.is_none(), "I1: somebody else is looked for, and nobody has it: {room:?}");
    let over = matches!(room.lifecycle, Lifecycle::Resolved { .. });
    assert_eq!(over, room.control == Control::Nobody, "I1: a resolved room is nobody's, and only such a room: {room:?}");
}

pub fn check_events(
    before: &Room,
    after: &Room,
    (events, causes): (&[RoomEvent], &[Cause]),
    new_calls: &[NewCall],
    calls: &[&Admitted],
    company: &Company,
) {
    let mut folded = before.clone();
    for (n, event) in events.iter().enumerate() {
        assert_eq!(event.seq, before.version + 1 + n as i64, "I5: the journal has no gap");
        assert!(event.at >= folded.last_event_at, "I5: time does not go back in a room");
        is_somebodys(event, (causes, calls));
        let (epoch, control, assignment) = (folded.epoch, folded.control.clone(), folded.assignment);
        is_fenced(&folded, event, calls);
        is_over(&folded, event);
        is_eligible(folded.wanted(), event, company);
        folded.apply(event);
        let moved = i64::from(folded.control != control);
        assert_eq!(folded.epoch, epoch + moved, "I5: the epoch rises when control moves, and only then: {event:?}");
        assert!(folded.assignment >= assignment, "I5: numbers of assignments do not go back: {event:?}");
        assert!(folded.tags.len() <= 8, "the limit of tags holds");
        is_one_owners(&folded);
    }
    assert_eq!(folded, *after, "the draft is its events");
    for NewCall { call, answer, .. } in new_calls {
        let own = events.iter().filter(|event| event.cause == Cause::Call(call.call_id.clone())).count();
        assert!(own >= 1, "I12: every admitted call leaves an event");
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

/// What all of a room's events must come to together.
pub fn check_journal(room: &Room, journal: &[RoomEvent]) {
    // The names of tags are short and alike but for their case here.
    let (mut tags, mut sent): (Vec<String>, Vec<&CallId>) = (vec![], vec![]);
    for event in journal {
        match &event.fact {
            Fact::TagsAdded { tags: added, .. } => {
                for folded in added.iter().map(|tag| tag.to_lowercase()) {
                    assert!(!tags.contains(&folded), "I9: a tag that is there is not added: {event:?}");
                    tags.push(folded);
                }
            }
            Fact::TagsRemoved { tags: removed } => {
                tags.retain(|tag| !removed.iter().any(|gone| gone.to_lowercase() == *tag));
            }
            Fact::RoomReopened { anew: true, keeps_tags: false, .. } => tags.clear(),
            Fact::AttachmentSent { call_id, .. } => {
                assert!(!sent.contains(&call_id), "I10: a call sends once: {event:?}");
                sent.push(call_id);
            }
            Fact::RoomCreated { .. } => assert_eq!(event.seq, 1, "I11: a room is made once"),
            _ => {}
        }
    }
    let held: Vec<&str> = room.tags.iter().map(|tag| tag.folded.as_str()).collect();
    assert_eq!(held, tags, "I9: the tags are what was added and not removed, in order");
}
