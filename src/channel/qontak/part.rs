//! The parts of the channel's effects, as the outbox remembers them: what is sent, whom it is about, and what it left behind.
//! Pure; holds no token.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::actors::outside::{Part, PartDone, PartRow};
use crate::room::outbox::Rule;
use crate::room::{AgentId, Because, RoomId, SentFile};

use super::attach::MESSAGES;
use super::rooms;
use crate::channel::echo;
use crate::outbound::{Class, encoded, told_name};

/// A person as they stand there, and who they are in our own directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entrant {
    /// Id there.
    pub user: String,
    /// Id here.
    pub agent_id: AgentId,
    pub name: String,
    pub online: bool,
}

/// An assignment as it was planned: after a restart it goes on to the same end, whoever would be chosen by then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub entrant: Entrant,
    /// Ids there of those who were in the room before and are to leave it.
    pub formers: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<Because>,
    /// They were in it already.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub there_before: bool,
}

/// What a part does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Deed {
    Tag {
        folded: String,
        shown: String,
    },
    Enter(Entry),
    /// The channel's own allocator chooses.
    RoundRobin,
    /// One of `formers` leaves.
    Leave {
        user: String,
        entry: Entry,
    },
    /// Whoever has it leaves, and nobody comes: it is the AI agent's again.
    Dismiss {
        user: String,
    },
    Resolve,
    /// A text of the bot's.
    Say {
        text: String,
    },
    File {
        file: SentFile,
    },
    /// A text with the address of what is too large to be sent.
    Link {
        text: String,
    },
}

/// What a part left behind (`PartDone::answer`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "came", rename_all = "snake_case")]
pub enum Left {
    Done,
    /// The channel said no to this part alone; the others go on.
    Failed {
        why: String,
    },
    /// The allocator gave it to this person.
    Given {
        user: String,
    },
    /// The allocator is switched off.
    Inactive,
    /// Somebody had it before the allocator could choose.
    Taken,
    /// The channel took this message.
    Said {
        message: String,
    },
}

impl Left {
    /// The message it is, else the room it was done to.
    pub fn done_in(self, room: &RoomId) -> PartDone {
        let record = if let Self::Said { message } = &self { message.clone() } else { room.as_str().to_owned() };
        self.done(&record)
    }

    pub fn done(self, record: &str) -> PartDone {
        PartDone { record: record.to_owned(), answer: serde_json::to_string(&self).unwrap_or_default() }
    }

    pub fn of(row: &PartRow) -> Option<Self> {
        let done = row.done.as_ref()?;
        Some(serde_json::from_str(&done.answer).unwrap_or(Self::Done))
    }
}

impl Deed {
    pub fn of(part: &Part) -> Result<Self, Arc<str>> {
        serde_json::from_str(&part.request).map_err(|error| format!("a part of the outbox cannot be read: {error}").into())
    }

    pub const fn name(&self) -> &'static str {
        match self {
            Self::Tag { .. } => "tag",
            Self::Enter(_) => "enter",
            Self::RoundRobin => "round_robin",
            Self::Leave { .. } => "leave",
            Self::Dismiss { .. } => "dismiss",
            Self::Resolve => "resolve",
            Self::Say { .. } => "say",
            Self::File { .. } => "file",
            Self::Link { .. } => "link",
        }
    }

    /// Of the request that does it.
    pub const fn class(&self) -> Class {
        if matches!(self, Self::File { .. }) { Class::Upload } else { Class::Write }
    }

    /// Said twice it stands there twice.
    pub const fn is_message(&self) -> bool {
        matches!(self, Self::Say { .. } | Self::File { .. } | Self::Link { .. })
    }

    /// How it is known again among what the channel tells.
    pub fn said(&self) -> Option<Said> {
        match self {
            Self::Say { text } | Self::Link { text } => Some(Said { content: echo::content("text", text), size: None }),
            Self::File { file } => {
                let content = echo::content(&file.kind, &told_name(&file.filename));
                Some(Said { content, size: Some(file.size) })
            }
            _ => None,
        }
    }

    /// The part behind those that were started.
    pub fn part(&self, room: &RoomId, ended: &[PartRow]) -> Result<Part, Arc<str>> {
        let hands_to = match self {
            Self::Enter(entry) | Self::Leave { entry, .. } => Some(entry.entrant.agent_id.clone()),
            _ => None,
        };
        Ok(Part {
            no: ended.last().map_or(0, |row| row.part.no + 1),
            name: self.name().into(),
            rule: if self.is_message() { Rule::Once } else { Rule::Absolute },
            request: serde_json::to_string(self).map_err(|error| -> Arc<str> { error.to_string().into() })?,
            reference: None,
            shown_name: self.said().map(|said| said.shown_name(room)),
            hands_to,
        })
    }

    /// Method, path from the mount on, and body (qontak-api.md 2.3).
    pub fn request(&self, id: &RoomId) -> (&'static str, String, Option<String>) {
        let room = rooms::path(id);
        match self {
            Self::Tag { shown, .. } => ("POST", format!("{room}/tags"), Some(serde_json::json!({ "tag": shown }).to_string())),
            Self::Enter(entry) => ("POST", format!("{room}/agents/{}", encoded(&entry.entrant.user)), None),
            Self::RoundRobin => ("POST", format!("{room}/assign_round_robin"), None),
            Self::Leave { user, .. } | Self::Dismiss { user } => ("DELETE", format!("{room}/agents/{}", encoded(user)), None),
            Self::Resolve => ("PUT", format!("{room}/resolve"), None),
            Self::Say { text } | Self::Link { text } => {
                let body = serde_json::json!({ "room_id": id.as_str(), "type": "text", "text": text });
                ("POST", MESSAGES.to_owned(), Some(body.to_string()))
            }
            Self::File { .. } => ("POST", MESSAGES.to_owned(), None),
        }
    }
}

/// A message by what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    pub content: String,
    /// Of its file, in bytes.
    pub size: Option<u64>,
}

impl Said {
    /// Equal for messages of one conversation that say the same.
    pub fn shown_name(&self, room: &RoomId) -> String {
        echo::shown_name(&self.content, room)
    }
}

/// The deeds that are done, with what they left behind, in order.
pub fn deeds(parts: &[PartRow]) -> Result<Vec<(Deed, Left)>, Arc<str>> {
    let done = parts.iter().filter_map(|row| Some((row, Left::of(row)?)));
    done.map(|(row, left)| Ok((Deed::of(&row.part)?, left))).collect()
}
