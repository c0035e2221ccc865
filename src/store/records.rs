//! What the store's reads answer with, as plain data. No query is here.

use std::str::FromStr;

use super::url::StoreError;
use crate::actors::outside::{ChannelOptions, CrmDialect, CrmOptions};
use crate::room::{AgentId, AiAgentId, CallStatus, ChannelKind, CompanyNo, RoomId, RoomKey, Timestamp};

/// What a key may do (design.md section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    Agent,
    Operator,
    Builder,
    Admin,
}

impl Role {
    pub const ALL: [Self; 4] = [Self::Agent, Self::Operator, Self::Builder, Self::Admin];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Operator => "operator",
            Self::Builder => "builder",
            Self::Admin => "admin",
        }
    }
}

impl FromStr for Role {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let found = Self::ALL.into_iter().find(|role| role.as_str() == text);
        found.ok_or_else(|| StoreError::Invalid("A role is agent, operator, builder or admin.".into()))
    }
}

#[derive(Clone, Debug)]
pub struct RoomRow {
    pub key: RoomKey,
    pub id: RoomId,
    pub version: i64,
    pub epoch: i64,
    pub status: String,
    pub control: String,
    pub assignee: Option<AgentId>,
    pub paused: bool,
    /// JSON of `room::Room`.
    pub snapshot: Vec<u8>,
    pub created_at: Timestamp,
}

/// What is `None` is not asked for.
#[derive(Clone, Debug, Default)]
pub struct RoomFilter {
    pub status: Option<String>,
    pub control: Option<String>,
    pub assignee: Option<String>,
}

/// What is `None` is not asked for.
#[derive(Clone, Debug, Default)]
pub struct CallFilter {
    pub room_id: Option<RoomId>,
    pub status: Option<CallStatus>,
    pub ai_agent: Option<AiAgentId>,
}

/// Where a page of calls ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallPlace {
    /// Of the last call that was shown.
    pub position: i64,
    /// In the list of one room: its calls before that one were admitted with events up to this number. Else not looked at.
    pub seq: i64,
}

/// One line of the journal as it is stored.
#[derive(Clone, Debug)]
pub struct StoredEvent {
    pub position: i64,
    pub room: RoomId,
    pub seq: i64,
    pub at: Timestamp,
    /// The fact's type.
    pub kind: String,
    pub by: String,
    pub cause_kind: String,
    pub cause: String,
    /// JSON object of the fact, its `type` included.
    pub payload: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompanyRow {
    pub no: CompanyNo,
    pub id: String,
    pub name: String,
    pub created_at: Timestamp,
}

#[derive(Clone, Debug)]
pub struct KeyRow {
    pub id: String,
    pub company: CompanyNo,
    pub role: Role,
    pub ai_agent: Option<AiAgentId>,
    pub created_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
}

#[derive(Clone, Debug)]
pub struct AuditRow {
    pub position: i64,
    pub at: Timestamp,
    pub by: String,
    pub what: String,
}

/// How a company's CRM is set; holds no secret.
#[derive(Clone, Debug, PartialEq)]
pub struct CrmRow {
    pub base_url: String,
    pub dialect: CrmDialect,
    pub options: CrmOptions,
    /// Raised by every change, also by a refreshed token.
    pub version: i64,
    pub updated_at: Timestamp,
    /// Effects of this company that have not ended, of those anything was written about.
    pub effects_open: i64,
    pub effects_settled: i64,
}

/// How a company's channel is set; holds no secret.
#[derive(Clone, Debug, PartialEq)]
pub struct ChannelRow {
    pub kind: ChannelKind,
    pub base_url: String,
    pub dialect: CrmDialect,
    pub options: ChannelOptions,
    /// Where we are reached from there, without the webhook's path.
    pub public_url: String,
    pub version: i64,
    pub updated_at: Timestamp,
    /// Webhooks that came and are not applied yet.
    pub waiting: i64,
}

/// Whose webhooks come under a path; `key`: what `hash_webhook` makes of its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookRow {
    pub key: Vec<u8>,
    pub company: CompanyNo,
    pub source: ChannelKind,
}

/// For metrics. Counting rooms reads an index of them: ask every few seconds, not more often.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreCounts {
    pub rooms: i64,
    pub calls_open: i64,
    /// Dead letters: `dead` and `unresolved`.
    pub calls_dead: i64,
    pub last_position: i64,
    pub companies: i64,
}
