//! Where people did something with a conversation that did not come about in its channel's own inbox: here a person has it, or the
//! AI agent again, and whoever looks there sees something else. What people said stands; this is kept, for them, as long as it is so.

use serde::{Deserialize, Serialize};

use super::effect::EffectKind;
use super::ids::CallId;
use super::state::{CallStatus, Control, Room};

/// Name of the call that gives a conversation back there.
const RETURN: &str = "return_conversation";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotThere {
    /// The call by which the channel was told.
    pub call_id: CallId,
    /// How that ended; never `succeeded`.
    pub status: CallStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The assignment it was about.
    assignment: u64,
    /// It was to go back to the AI agent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    gave_back: bool,
}

impl Room {
    /// What differs there, as far as it still matters who has it here.
    pub fn not_there(&self) -> Option<&NotThere> {
        self.not_there.as_deref().filter(|told| match &self.control {
            Control::Person { assignment, .. } => !told.gave_back && *assignment == told.assignment,
            Control::Bot => told.gave_back && self.assignment == told.assignment,
            _ => false,
        })
    }

    /// A call ended: whether the channel was told by it who has the conversation. To be called before its effect is forgotten.
    pub(super) fn is_told_there(&mut self, call_id: &CallId, status: CallStatus, code: Option<&str>) {
        let Some(effect) = self.effect(call_id).filter(|effect| effect.plan.kind == EffectKind::Assignment) else { return };
        let (gave_back, assignment) = match &self.control {
            Control::Person { assignment, .. } => (false, *assignment),
            Control::Bot => (true, self.assignment),
            _ => return,
        };
        // An AI agent's assignment that came to nothing left everything as it was.
        if (effect.name == RETURN) != gave_back || !effect.is_for(assignment) {
            return;
        }
        let (call_id, code) = (call_id.clone(), code.map(str::to_owned));
        let told = NotThere { call_id, status, code, assignment, gave_back };
        self.not_there = (status != CallStatus::Succeeded).then(|| Box::new(told));
    }
}
