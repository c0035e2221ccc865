//! `return_conversation`: the conversation is the AI agent's again, so whoever has it in its channel's own inbox leaves it there.
//! People and timers have it done; no AI agent is offered it, and none gives itself a conversation.

use crate::room::{Next, Refusal};

use super::Needs;
use super::arguments::{Checked, Field, Kind, optional};
use super::fence::Class;

pub const DESCRIPTION: &str = "Give this conversation back to the AI agent.";
pub const NEEDS: Needs = Needs::Nothing;
pub const CLASS: Class = Class::Room;
pub const FIELDS: &[Field] = &[optional("reason", Kind::Text(1_000), "Why; people read it. At most 1,000 characters.")];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnConversation {
    pub reason: Option<String>,
}

pub fn read(arguments: Checked<'_>) -> Result<ReturnConversation, Refusal> {
    Ok(ReturnConversation { reason: arguments.owned("reason") })
}

/// It is begun where control moves, and never decided like an AI agent's call.
pub fn only_by_people() -> Refusal {
    Refusal::new("only_by_people", Next::DoNotRetry, "Only a person gives a conversation back. Nothing was done.")
}
