//! Calls that wait: what for, since when, and what is remembered of how the conversation stood when they were asked for.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::ids::{CallId, Timestamp};
use super::state::CallStatus;

/// What a parked call waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParkedOn {
    /// The room is paused.
    Pause,
    /// The roster's answer to an assignment.
    Offer,
    /// Its own effect, on its way to the CRM: the call is `running`.
    Effect,
    /// The room's deal, or its ticket, that another call is still making.
    Deal,
    Ticket,
    /// The sends and assignments of its own request: a resolve.
    Barrier,
    /// A person's yes.
    Approval,
    /// The same file, on its way by another call.
    Attachment,
    /// A person who types: what the AI agent would send.
    Typing,
    /// Its own arguments, to be read again: a person has it tried again.
    Retry,
}

impl ParkedOn {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Offer => "offer",
            Self::Effect => "effect",
            Self::Deal => "deal",
            Self::Ticket => "ticket",
            Self::Barrier => "barrier",
            Self::Approval => "approval",
            Self::Attachment => "attachment",
            Self::Typing => "typing",
            Self::Retry => "retry",
        }
    }

    /// How a call that waits for this is shown.
    pub const fn status(self) -> CallStatus {
        match self {
            Self::Effect => CallStatus::Running,
            _ => CallStatus::Parked,
        }
    }
}

/// A call that waits; its arguments are in its own row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParkedCall {
    pub call_id: CallId,
    pub on: ParkedOn,
    /// A person said yes to it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub approved: bool,
    /// What that person changed its arguments to; they count instead of those in its row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited: Option<Arc<str>>,
    /// Since when it waits for this.
    #[serde(default)]
    pub since: Timestamp,
    /// Of a hand-over, the sends of its own request; of a resolve, the calls it is decided after.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<CallId>,
    /// Of a call that came during a pause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stood: Option<Stood>,
    /// Of a call that needs a yes: a yes is for this tool and no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Box<ToolMark>>,
}

/// The tool that a person is asked a yes for, as it was then: told by hashes of what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolMark {
    pub tool: String,
    /// The file the call names, in its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

/// How the conversation stood when a call came that could not be decided then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stood {
    /// The customer's last message by then: a later one refuses a resolve.
    pub last_inbound_seq: i64,
    /// Control epoch by then: so does a later one.
    pub epoch: i64,
}

/// A resolve that waits for the other calls of its request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Barrier {
    pub call_id: CallId,
    pub waits_for: Vec<CallId>,
    /// It waits no longer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lifted: bool,
    pub until: Timestamp,
    /// The customer's last message when it was raised: a later one refuses the resolve.
    pub last_inbound_seq: i64,
    /// Control epoch when it was raised: so does a later one.
    pub epoch: i64,
}
