//! What one AI agent may do: the tools a builder prepared, and what became of them when they were published. A revision is
//! numbered and never changes: which actions there are, with what fixed and allowed values, and which files, each in the version
//! that stood then. An AI agent with nothing published may call every action. Pure data; what fits an action says `catalog::tools`.
//!
//! One change, start to finish: a builder's draft is put in place of the one before, checked against the catalog; publishing pins
//! its files and makes the next revision of it; every process takes it into its `Company` within a second. From then on the door
//! turns away what is not in it and fills in what is fixed, and a decision looks for files on this AI agent's own shelf.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ids::AiAgentId;
use super::media::FileEntry;
use super::source::SourceEntry;

/// An action in a draft. What is not named there the AI agent may not do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DraftTool {
    /// Of the catalog.
    pub name: String,
    /// What the model is told of it instead of the catalog's own text; 1 to 1,024 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Arguments that are not the model's to choose, by name: it is not shown them, and each call has this value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = Object)]
    pub fixed: BTreeMap<String, Value>,
    /// Arguments of text that may have these values only; 1 to 50 each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub allowed: BTreeMap<String, Vec<String>>,
    /// Of `send_attachment`: keys of what it may send, 1 to 100.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
}

/// An action as one AI agent may call it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tool {
    pub action: String,
    /// The revision in which it last became another.
    pub version: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fixed: BTreeMap<String, Value>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub allowed: BTreeMap<String, Vec<String>>,
    /// What it may send, each as it stood when this was published.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub files: Arc<[FileEntry]>,
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub sources: Arc<[SourceEntry]>,
}

impl Tool {
    /// Whether it is the same but for its version.
    pub fn is_as(&self, other: &Self) -> bool {
        Self { version: other.version, ..self.clone() } == *other
    }
}

/// A revision that is in force.
#[derive(Clone, Debug, PartialEq)]
pub struct Published {
    /// From 1.
    pub revision: i64,
    pub tools: Vec<Tool>,
}

impl Published {
    pub fn tool(&self, action: &str) -> Option<&Tool> {
        self.tools.iter().find(|tool| tool.action == action)
    }
}

/// The revisions in force, by AI agent. Shared: a company's view is copied whenever something in it changes.
pub type AllPublished = Arc<std::collections::HashMap<AiAgentId, Arc<Published>>>;

/// What a caller may send.
#[derive(Clone, Copy, Debug)]
pub struct Shelf<'a> {
    pub files: &'a [FileEntry],
    pub sources: &'a [SourceEntry],
    /// It was published: nothing but what is on it.
    pub closed: bool,
}

impl<'a> Shelf<'a> {
    pub fn file(self, key: &str) -> Option<&'a FileEntry> {
        self.files.iter().find(|file| file.key.as_str() == key)
    }

    pub fn source(self, key: &str) -> Option<&'a SourceEntry> {
        self.sources.iter().find(|source| source.key.as_str() == key)
    }
}
