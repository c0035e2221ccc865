//! One admitted request: whose, for which room, what it means. Its arguments were already checked by the door.

use std::sync::Arc;

use super::ids::{AiAgentId, CallId, CallKey, Meaning};

/// What the model had seen when it called; what is `None` is not checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Control epoch.
    pub epoch: Option<i64>,
    /// Sequence number of the last message the model was shown (`last_inbound_seq`).
    pub seq: Option<i64>,
}

/// One request, as it stands in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionCall {
    pub key: CallKey,
    pub call_id: CallId,
    /// The provider's own id of the call, if it has one: echoed, never an identity.
    pub tool_call_id: Option<Arc<str>>,
    pub ai_agent: Option<AiAgentId>,
    /// The key's id, when a person called.
    pub key_id: Arc<str>,
    /// The action's name.
    pub name: &'static str,
    /// Canonical JSON of the arguments.
    pub arguments: Arc<str>,
    pub meaning: Meaning,
    pub seen: Seen,
    /// The revision of its AI agent's tools that it was let in under. `None`: a person's, or nothing was published.
    pub revision: Option<i64>,
}
