//! Whether a room takes the person whom the roster offers. The roster chose by what it knew a moment ago; whoever has gone
//! offline, was removed, left the division or may hold less since then is given no conversation any more. Pure.
//! **Invariant:** at its commit an assignment by the roster names somebody who is there and was asked for (room-ops I4).

use super::because::Because;
use super::company::{Company, Presence};
use super::event::{AssignTarget, Fact};
use super::ids::AgentId;
use super::state::{Room, Wanted};

/// The roster's offer of one person for the assignment of this number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Offered<'a> {
    pub agent: &'a AgentId,
    pub agent_name: &'a str,
    pub assignment: u64,
    pub because: Option<&'a Because>,
}

/// The assignment; nothing, if the room does not want that one any more, or cannot have that person. Then it waits on, and tells
/// the roster so.
pub(super) fn taken(room: &Room, offered: Offered<'_>, company: &Company) -> Vec<Fact> {
    let wanted = room.wanted().filter(|wanted| wanted.assignment == offered.assignment);
    if !wanted.is_some_and(|wanted| may_have(room, wanted, offered, company)) {
        return vec![];
    }
    let (agent_id, agent_name) = (offered.agent.clone(), offered.agent_name.to_owned());
    vec![Fact::AgentAssigned { agent_id, agent_name, assignment: offered.assignment, because: offered.because.cloned() }]
}

fn may_have(room: &Room, wanted: &Wanted, offered: Offered<'_>, company: &Company) -> bool {
    let Some(agent) = company.agent(offered.agent) else { return false };
    let people = &company.settings.people;
    let is_asked_for = match wanted.target.among(&company.divisions) {
        AssignTarget::Agent { agent } => agent == offered.agent,
        AssignTarget::Division { division } => {
            people.fallback_divisions.iter().chain([division]).any(|division| agent.divisions.contains(division))
        }
        AssignTarget::Auto => true,
    };
    // The place itself is held for this room since it was offered; only how many there are may have changed.
    let chosen = offered.because.and_then(|because| because.candidates.iter().find(|one| one.agent_id == *offered.agent));
    let fits = chosen.is_none_or(|chosen| chosen.load.saturating_add(people.weight(&room.channel)) <= agent.capacity);
    agent.status == Presence::Online && is_asked_for && fits
}
