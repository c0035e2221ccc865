//! What people and timers do with control of a conversation: taking it, giving it back, passing it on when somebody is silent or
//! gone, tagging and resolving by hand. Pure: facts, or a refusal.

use super::closing::{self, ClosingOutcome};
use super::company::{Agent, Company, Ground, Presence};
use super::effect::OpenEffect;
use super::event::{AssignTarget, Fact, TakenBy};
use super::ids::{AgentId, CallId, Timestamp};
use super::policy::{OfflinePolicy, Reopen, ReopenControl};
use super::refusal::{Next, Refusal};
use super::state::{Begun, Control, Lifecycle, Room};
use super::tag;

/// After so many people did not answer, the room waits in the queue and operators are told.
pub const MOST_IDLE_MOVES: u32 = 3;
/// Why a room waits after so many: an alarm.
pub const NOBODY_ANSWERED: &str = "nobody_answered";

/// Reason of a conversation that was resolved in the channel's own inbox.
pub const RESOLVED_THERE: &str = "resolved_in_channel";

/// Whether "this person was assigned there" tells only what this room has asked for itself: the effect's own end will say it, and
/// the room does not move twice.
/// **Invariant:** a person whom somebody else chose there takes the conversation even while another was asked for.
pub(super) fn is_our_own_doing(room: &Room, agent: &AgentId) -> bool {
    let Some(wanted) = room.awaited().filter(|wanted| wanted.there) else { return false };
    match (&wanted.target, &wanted.begun) {
        (AssignTarget::Agent { agent: asked }, _) if asked == agent => true,
        (_, Some(Begun { agent: Some(asked) })) if asked == agent => true,
        // It chooses by itself, and by that somebody comes.
        (_, Some(Begun { agent: None })) => true,
        _ => room.assignee() == Some(agent),
    }
}

/// The channel is about to be told: who comes from now on may have come by that. Nobody is sent in, or out, for an assignment that
/// something later decided, where no mark of the store sees to that.
pub(super) fn begun(room: &Room, effect: &OpenEffect, agent: Option<&AgentId>) -> Result<Vec<Fact>, Refusal> {
    let Some(wanted) = room.awaited().filter(|wanted| wanted.there && effect.is_for(wanted.assignment)) else {
        let theirs = agent.is_some() && room.assignee() == agent;
        return if effect.plan.fenced || theirs { Ok(vec![]) } else { Err(overtaken()) };
    };
    let begun = Some(Begun { agent: agent.cloned() });
    if wanted.begun == begun {
        return Ok(vec![]);
    }
    Ok(vec![Fact::AssignmentBegun { assignment: wanted.assignment, agent: agent.cloned() }])
}

fn overtaken() -> Refusal {
    let message = "Something later decided who has this conversation, so this was dropped.";
    Refusal::new("superseded", Next::DoNotRetry, message)
}

/// A sign that somebody types is written down again once a third of its time is over, not for every key.
const THIRDS: i64 = 3;

/// Somebody types: what the AI agent would send waits a little.
pub(super) fn typing(room: &Room, agent: Option<&AgentId>, ground: &Ground<'_>) -> Vec<Fact> {
    let hold_ms = i64::from(ground.company.settings.people.typing_hold_s) * 1_000;
    let left_ms = room.typing_until.map_or(0, |until| until.ms_since(ground.now));
    let enough = left_ms > hold_ms / THIRDS * 2;
    if hold_ms == 0 || enough || matches!(room.lifecycle, Lifecycle::Resolved { .. }) {
        return vec![];
    }
    vec![Fact::PersonTyping { agent_id: agent.cloned(), until: ground.now.plus_ms(hold_ms) }]
}

fn resolved() -> Refusal {
    Refusal::new("room_resolved", Next::DoNotRetry, "The conversation is resolved.")
}

pub(super) fn take_over(room: &Room, agent: &AgentId, agent_name: &str, how: TakenBy) -> Result<Vec<Fact>, Refusal> {
    if matches!(room.lifecycle, Lifecycle::Resolved { .. }) {
        return Err(resolved());
    }
    // Told again, an assignment is no news, also while somebody else is looked for; a button means it. Where it was not so in the
    // channel it is, and a button tells the channel once more.
    let is_new = room.not_there().is_some() || room.reassigning.is_some() && how != TakenBy::Assignment;
    if room.assignee() == Some(agent) && !is_new {
        return Ok(vec![]);
    }
    let taken =
        Fact::RoomTaken { agent_id: agent.clone(), agent_name: agent_name.to_owned(), assignment: room.assignment + 1, how };
    Ok(vec![taken])
}

/// `of`: only if this person has it.
pub(super) fn give_back(
    room: &Room,
    of: Option<&AgentId>,
    reason: Option<&str>,
    company: &Company,
) -> Result<Vec<Fact>, Refusal> {
    if matches!(room.lifecycle, Lifecycle::Resolved { .. }) {
        return Err(resolved());
    }
    let other = of.is_some_and(|agent| room.assignee() != Some(agent));
    if other || matches!(room.control, Control::Bot) {
        return Ok(vec![]);
    }
    // That nobody has it any more in the channel is so, whatever we think of it.
    if of.is_none() && stays_with_people(room, company) {
        let message = "The AI agent has handed this conversation over as often as the company lets it. It stays with people until \
            it is resolved.";
        return Err(Refusal::new("hand_over_loop", Next::WaitForHuman, message));
    }
    Ok(vec![Fact::RoomReturned { reason: reason.map(str::to_owned) }])
}

/// The AI agent handed it over again and again: giving it back would only go on so.
pub fn stays_with_people(room: &Room, company: &Company) -> bool {
    let most = company.settings.people.most_hand_overs;
    most > 0 && room.hand_overs >= most
}

/// Whether a conversation that was resolved then is another one when its customer writes now.
pub(super) fn begins_anew(resolved_at: Timestamp, ground: &Ground<'_>) -> bool {
    let people = &ground.company.settings.people;
    match people.reopen {
        Reopen::AlwaysSame => false,
        Reopen::AlwaysNew => true,
        Reopen::SameRoom => ground.now.ms_since(resolved_at) >= i64::from(people.reopen_window_h) * 3_600_000,
    }
}

/// Whom a conversation that goes on is given to, if not to the AI agent. In the channel's inbox that is the channel's to say.
pub(super) fn goes_on_with(room: &Room, anew: bool, ground: &Ground<'_>) -> Option<Fact> {
    let (company, control) = (ground.company, ground.company.settings.people.reopen_control);
    if anew || control == ReopenControl::Bot || company.tells_channel(room) {
        return None;
    }
    let last = room.resolution.as_ref().and_then(|resolution| resolution.handled_by.as_ref());
    let last = last.or(room.staffed.as_ref().and_then(|staffed| staffed.last_agent.as_ref()));
    let last = last.and_then(|id| company.agent(id));
    let online = |agent: &&Agent| control == ReopenControl::LastAgent && agent.status == Presence::Online;
    let target = match last.filter(online) {
        Some(agent) => AssignTarget::Agent { agent: agent.id.clone() },
        None => last.map_or(AssignTarget::Auto, of_same_division),
    };
    let (assignment, reason) = (room.assignment + 1, Some("reopened".to_owned()));
    Some(Fact::RoomQueued { target, assignment, reason, leaves: true, but: None, there: false })
}

fn of_same_division(agent: &Agent) -> AssignTarget {
    let division = agent.divisions.first().cloned();
    division.map_or(AssignTarget::Auto, |division| AssignTarget::Division { division })
}

/// The person is gone: whoever else can is looked for, and the room waits in the queue until then. Also for a room that waits
/// for that very person, once the company has them no more. Who is there in the channel's own inbox, and what becomes of the
/// conversations of whoever is not, is the channel's to say.
pub(super) fn requeue(room: &Room, agent: &AgentId, why: &str, company: &Company) -> Vec<Fact> {
    if company.tells_channel(room) {
        return vec![];
    }
    let only_them = AssignTarget::Agent { agent: agent.clone() };
    let waits_in_vain = room.wanted().is_some_and(|wanted| wanted.target == only_them) && company.agent(agent).is_none();
    if room.assignee() == Some(agent) {
        vec![queued(room, agent, why, true, None, company)]
    } else if waits_in_vain {
        vec![queued(room, agent, why, false, None, company)]
    } else {
        vec![]
    }
}

/// The customer wrote to somebody who is not there: by policy the room goes to whoever is. A person who showed a sign of life
/// within the grace is there, whatever their status says; one whom our directory does not know is the channel's to judge.
pub(super) fn left_alone(room: &Room, ground: &Ground<'_>) -> Vec<Fact> {
    let people = &ground.company.settings.people;
    let (Some(agent), Some(staffed)) = (room.assignee(), &room.staffed) else { return vec![] };
    let away = ground.company.agent(agent).is_some_and(|agent| agent.status != Presence::Online);
    let silent = ground.now.ms_since(staffed.active_at) >= i64::from(people.offline_grace_s) * 1_000;
    if people.on_offline != OfflinePolicy::RequeueOnNextMessage || !away || !silent {
        return vec![];
    }
    requeue(room, agent, "offline", ground.company)
}

/// Nobody answered the customer in time: the next person is looked for, at most three times, then the queue. The channel's own
/// inbox has a rule of its own for that.
pub(super) fn person_idle(room: &Room, ground: &Ground<'_>) -> Vec<Fact> {
    let bound = i64::from(ground.company.settings.people.idle_reassign_s) * 1_000;
    let (Some(agent), Some(staffed)) = (room.assignee(), &room.staffed) else { return vec![] };
    let late = staffed.awaited_since.is_some_and(|since| ground.now.ms_since(since) >= bound);
    if bound == 0 || !late || room.reassigning.is_some() || ground.company.tells_channel(room) {
        return vec![];
    }
    let gives_up = staffed.idle_moves >= MOST_IDLE_MOVES;
    let why = if gives_up { NOBODY_ANSWERED } else { "no_answer" };
    vec![queued(room, agent, why, gives_up, Some(agent.clone()), ground.company)]
}

/// The person was silent for so long that the AI agent goes on.
pub(super) fn person_silent(room: &Room, ground: &Ground<'_>) -> Vec<Fact> {
    let bound = i64::from(ground.company.settings.people.return_to_bot_after_s) * 1_000;
    let (Some(_), Some(staffed)) = (room.assignee(), &room.staffed) else { return vec![] };
    if bound == 0 || ground.now.ms_since(staffed.active_at) < bound || stays_with_people(room, ground.company) {
        return vec![];
    }
    vec![Fact::RoomReturned { reason: Some("silence".into()) }]
}

fn queued(room: &Room, agent: &AgentId, why: &str, leaves: bool, but: Option<AgentId>, company: &Company) -> Fact {
    let only_them = AssignTarget::Agent { agent: agent.clone() };
    let asked = room.wanted().map(|wanted| wanted.target.clone()).filter(|target| *target != only_them);
    // Whom the room was already being given to; else somebody of the same division.
    let target = asked.unwrap_or_else(|| company.agent(agent).map_or(AssignTarget::Auto, of_same_division));
    let (assignment, reason) = (room.assignment + 1, Some(why.to_owned()));
    Fact::RoomQueued { target, assignment, reason, leaves, but, there: false }
}

/// Tags as somebody outside the AI agent put them; names that cannot be tags are refused.
pub(super) fn tag_by_hand(room: &Room, tags: &[String], company: &Company) -> Result<Vec<Fact>, Refusal> {
    let mut added: Vec<String> = vec![];
    for name in tags {
        let shown = tag::clean(name)
            .map_err(|why| Refusal::new("argument_invalid", Next::FixAndRetry, format!("A name is no tag: it {why}.")))?;
        let folded = tag::fold(&shown);
        let known = |held: &str| held == folded;
        if !room.tags.iter().any(|tag| known(&tag.folded)) && !added.iter().any(|other| known(&tag::fold(other))) {
            added.push(shown);
        }
    }
    Ok(tags_added(added, company))
}

pub(super) fn tags_added(tags: Vec<String>, company: &Company) -> Vec<Fact> {
    if tags.is_empty() {
        return vec![];
    }
    let is_new = |shown: &&String| !company.tags.contains_key(tag::fold(shown).as_str());
    let created = tags.iter().filter(is_new).cloned().collect();
    vec![Fact::TagsAdded { tags, created }]
}

pub(super) fn untag(room: &Room, tags: &[String]) -> Vec<Fact> {
    let wanted: Vec<String> = tags.iter().map(|name| tag::fold(name)).collect();
    let there = room.tags.iter().filter(|tag| wanted.contains(&tag.folded));
    let gone: Vec<String> = there.map(|tag| tag.shown.clone()).collect();
    if gone.is_empty() { vec![] } else { vec![Fact::TagsRemoved { tags: gone }] }
}

/// How a conversation ends.
#[derive(Clone, Copy, Debug)]
pub struct Resolving<'a> {
    pub reason_code: &'a str,
    pub note: Option<&'a str>,
    /// The call that resolves it, if one does.
    pub by_call: Option<&'a CallId>,
    /// What became of the closing message that its channel was told.
    pub closing: Option<&'a ClosingOutcome>,
}

/// What ends it, in order; nothing if it has ended. The company's closing message goes before, where it was said or is said here.
pub fn resolve(room: &Room, how: Resolving<'_>, company: &Company) -> Vec<Fact> {
    if matches!(room.lifecycle, Lifecycle::Resolved { .. }) {
        return vec![];
    }
    let here = company.settings.people.closing_message.as_ref().filter(|_| company.sends_through(room).is_none());
    let here = here.map(|text| closing::line(format!("closing-{}", room.version + 1), text, false));
    let effect = how.by_call.and_then(|call_id| room.effect(call_id));
    let said = here.or_else(|| closing::said(room, effect?, how.closing, company, false));
    let resolved = Fact::ConversationResolved {
        reason_code: how.reason_code.to_owned(),
        note: how.note.map(str::to_owned),
        handled_by: room.assignee().cloned(),
        pending_effects: how.by_call.map_or_else(Vec::new, |call_id| room.pending_effects(call_id)),
        closing_message: how.closing.cloned(),
    };
    said.into_iter().chain([resolved]).collect()
}
