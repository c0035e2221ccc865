//! The records a room has in the CRM: which they are, and what was wished for when they were made. Pure.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::effect::{Outside, RecordKind};
use super::ids::Timestamp;

/// A record in the CRM that belongs to this room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    pub kind: RecordKind,
    /// The record's id there. Empty: it was made, as a person says, who did not say which it is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// The short code a customer may be told (tickets).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    pub name: String,
    /// What its creation meant (`Intent`); absent for a record that was only found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<String>,
    /// Other intents that would have made the same: the CRM's usual pipeline, named or not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
    #[serde(default)]
    pub episode: u32,
    /// When the room was told of it last; the room's own word, not its teller's.
    #[serde(default, skip_serializing_if = "is_unset")]
    pub at: Timestamp,
    /// The creating call's result, one JSON object: what an equal intent is answered with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Arc<str>>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_unset(at: &Timestamp) -> bool {
    at.0 == 0
}

impl Outside {
    /// The room's own record of this kind: the one linked last.
    pub fn linked(&self, kind: RecordKind) -> Option<&Link> {
        self.links.iter().rev().find(|link| link.kind == kind && !link.id.is_empty())
    }

    /// The room's record of this kind with this id or number.
    pub fn known_as(&self, kind: RecordKind, name: &str) -> Option<&Link> {
        // No name is empty.
        let is = |link: &&Link| link.id == name || link.number.as_ref().is_some_and(|number| number.eq_ignore_ascii_case(name));
        self.links.iter().rev().find(|link| link.kind == kind && is(link))
    }

    /// A record linked again keeps what its creation meant: an equal intent must find it also after it was changed.
    pub(super) fn link(&mut self, mut link: Link) {
        let is = (link.kind, link.id.clone());
        let same = |known: &Link| !known.id.is_empty() && (known.kind, &known.id) == (is.0, &is.1);
        if let (None, Some(known)) = (&link.intent, self.links.iter().find(|known| same(known))) {
            link.intent.clone_from(&known.intent);
            link.also.clone_from(&known.also);
            link.result.clone_from(&known.result);
            link.episode = known.episode;
        }
        self.links.retain(|known| !same(known));
        self.links.push(link);
        let surplus = self.links.len().saturating_sub(Self::MOST_LINKS);
        self.links.drain(..surplus);
    }
}
