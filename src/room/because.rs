//! Why the roster, or a channel, chose the person it chose.

use serde::{Deserialize, Serialize};

use super::ids::{AgentId, DivisionId};

/// A person who could have been chosen, and how busy they were.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidacy {
    pub agent_id: AgentId,
    pub load: u32,
    pub capacity: u32,
}

/// How the roster chose a person: for operators who ask why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Because {
    /// Name of the strategy, as in the settings.
    pub strategy: String,
    /// Those who had room, the chosen one first, at most 10.
    pub candidates: Vec<Candidacy>,
    /// The division it came to in the end, where that was not the one asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fell_back_to: Option<DivisionId>,
}
