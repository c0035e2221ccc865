//! What came of an effect, as facts of its room. Pure.

use super::closing;
use super::company::Ground;
use super::effect::{EffectKind, OpenEffect};
use super::event::Fact;
use super::hand_over::{self, Resolving};
use super::ids::CallId;
use super::link::Link;
use super::settlement::{CameAbout, Settlement};
use super::state::{CallStatus, Room};
use super::tag;

pub(super) fn linked(call_id: &CallId, settlement: &Settlement) -> Vec<Fact> {
    let link = settlement.link.iter().map(|link| Link::clone(link));
    link.map(|link| Fact::RecordLinked { call_id: call_id.clone(), link }).collect()
}

/// What came of an effect, as facts of the room.
pub(super) fn settled(room: &Room, effect: &OpenEffect, settlement: &Settlement, ground: &Ground<'_>) -> Vec<Fact> {
    let nothing = matches!(
        settlement.status,
        CallStatus::Refused | CallStatus::Failed | CallStatus::Expired | CallStatus::Cancelled | CallStatus::Dead
    );
    match &settlement.came_about {
        Some(CameAbout::Tagged { tags }) => {
            let held = |shown: &&String| !room.tags.iter().any(|tag| tag.folded == tag::fold(shown));
            hand_over::tags_added(tags.iter().filter(held).cloned().collect(), ground.company)
        }
        // Whoever took the conversation in the meantime keeps it.
        Some(CameAbout::Assigned { agent_id, agent_name, because }) => match room.awaited() {
            Some(wanted) if wanted.there && effect.is_for(wanted.assignment) => vec![Fact::AgentAssigned {
                agent_id: agent_id.clone(),
                agent_name: agent_name.clone(),
                assignment: wanted.assignment,
                because: because.clone(),
            }],
            _ => vec![],
        },
        Some(CameAbout::Sent { file, caption, message_id, result }) => vec![Fact::AttachmentSent {
            call_id: effect.call_id.clone(),
            file: file.clone(),
            caption: caption.clone(),
            message_id: message_id.clone(),
            result: result.clone(),
        }],
        Some(CameAbout::Resolved { closing, .. }) if closing::is_overtaken(room, effect, ground.company) => {
            closing::said(room, effect, closing.as_ref(), ground.company, true).into_iter().collect()
        }
        Some(CameAbout::Resolved { reason_code, note, closing }) => {
            let (note, by_call, outcome) = (note.as_deref(), Some(&effect.call_id), closing.as_ref());
            let how = Resolving { reason_code, note, by_call, closing: outcome };
            let mut facts = hand_over::resolve(room, how, ground.company);
            facts.extend(closing::goes_on(room, effect, ground));
            facts
        }
        // Ours came to nothing, and it is over all the same.
        None if effect.plan.kind == EffectKind::Resolution && room.resolved_there => {
            let how = Resolving { reason_code: hand_over::RESOLVED_THERE, note: None, by_call: None, closing: None };
            hand_over::resolve(room, how, ground.company)
        }
        None => {
            let mut facts = linked(&effect.call_id, settlement);
            let asked = room.awaited().filter(|wanted| wanted.there && nothing && effect.is_for(wanted.assignment));
            if let (EffectKind::Assignment, Some(wanted)) = (effect.plan.kind, asked) {
                facts.push(Fact::AssignmentDropped { assignment: wanted.assignment });
            }
            facts
        }
    }
}
