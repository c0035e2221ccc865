//! The last word of an AI agent that handed the conversation over itself: one send of the very request that did so may still
//! reach the customer, so that they are not left in silence. A person who takes over, or writes, ends that leave.

use serde::{Deserialize, Serialize};

use super::event::{Fact, TakenBy};
use super::ids::{CallId, Timestamp};
use super::state::Room;

/// So long after the hand-over the last word may still be begun.
pub const LEAVE_MS: i64 = 60_000;

/// Leave to be sent although control has moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leave {
    /// The assignment that its own request asked for. Whoever takes the conversation by themselves, and every later
    /// assignment, has a higher number: the leave is over then.
    pub assignment: u64,
    pub until: Timestamp,
}

/// Which call has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Goodbye {
    pub call_id: CallId,
    #[serde(flatten)]
    pub leave: Leave,
}

impl Goodbye {
    pub fn new(call_id: CallId, assignment: u64, now: Timestamp) -> Self {
        Self { call_id, leave: Leave { assignment, until: now.plus_ms(LEAVE_MS) } }
    }

    pub fn granted(&self) -> Fact {
        let Leave { assignment, until } = self.leave;
        Fact::GoodbyeGranted { call_id: self.call_id.clone(), assignment, until }
    }
}

impl Room {
    /// Whether this call is the last word that its AI agent may still say.
    pub fn may_say_goodbye(&self, call_id: &CallId, now: Timestamp) -> bool {
        self.goodbye.as_ref().is_some_and(|goodbye| goodbye.call_id == *call_id && now <= goodbye.leave.until)
    }

    /// Number of the assignment whose request may still say goodbye; `None`: no request may. What the store compares before a
    /// fenced part starts.
    pub fn leave(&self) -> Option<u64> {
        let effects = self.outside.iter().flat_map(|outside| &outside.effects);
        let leaves = effects.filter_map(|effect| effect.plan.leave.as_ref()).chain(self.goodbye.iter().map(|it| &it.leave));
        leaves.map(|leave| leave.assignment).find(|assignment| *assignment == self.assignment)
    }

    /// Leave ends with the assignment it was for, and with the conversation: one that opens again gives it back to nobody.
    pub(super) fn keep_leave(&mut self) {
        let (assignment, over) = (self.assignment, matches!(self.control, super::state::Control::Nobody));
        self.end_leave(|leave| over || leave.assignment != assignment);
    }

    /// Also of what is on its way: whoever asks the store before it starts finds none.
    pub(super) fn end_leave(&mut self, ends: impl Fn(&Leave) -> bool) {
        self.goodbye.take_if(|goodbye| ends(&goodbye.leave));
        for effect in self.outside.iter_mut().flat_map(|outside| &mut outside.effects) {
            effect.plan.leave.take_if(|leave| ends(leave));
        }
    }
}

/// The person who was given the conversation writes while the AI agent has leave to say one more thing: from here on it is
/// theirs by their own doing, and what was not begun stays unsaid. While nobody has been given it, the words alone end the leave
/// (`Room::apply`).
pub(super) fn ended_by_words(room: &Room, name: impl Fn(&super::ids::AgentId) -> String) -> Option<Fact> {
    room.goodbye.as_ref()?;
    let agent = room.assignee()?;
    let (agent_id, agent_name) = (agent.clone(), room.assignee_name().map_or_else(|| name(agent), str::to_owned));
    Some(Fact::RoomTaken { agent_id, agent_name, assignment: room.assignment + 1, how: TakenBy::Reply })
}
