//! A conversation there, as the vendor shows it.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::super::dates;
use super::ORGANISATION;

/// Free-form sending ends so long after the customer's last message.
const WINDOW: SignedDuration = SignedDuration::from_hours(24);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoomStatus {
    Unassigned,
    Assigned,
    Resolved,
}

impl RoomStatus {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unassigned => "unassigned",
            Self::Assigned => "assigned",
            Self::Resolved => "resolved",
        }
    }
}

#[derive(Clone, Debug)]
pub struct Room {
    pub id: String,
    pub name: String,
    pub channel: String,
    /// The customer's handle on the channel, "62…" on WhatsApp.
    pub customer: String,
    pub status: RoomStatus,
    pub tags: Vec<String>,
    pub agent_ids: Vec<String>,
    /// The customer's last message.
    pub session_at: Timestamp,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub last_message: Option<Value>,
    pub unread: u32,
    pub resolved: Option<(Timestamp, String)>,
    pub not_resolved_by_itself: bool,
}

impl Room {
    pub fn new(id: String, channel: String, customer: String, now: Timestamp) -> Self {
        Self {
            name: format!("Customer {customer}"),
            id,
            channel,
            customer,
            status: RoomStatus::Unassigned,
            tags: vec![],
            agent_ids: vec![],
            session_at: now,
            created_at: now,
            updated_at: now,
            last_message: None,
            unread: 0,
            resolved: None,
            not_resolved_by_itself: false,
        }
    }

    pub fn window_is_open(&self, now: Timestamp) -> bool {
        now.duration_since(self.session_at) < WINDOW
    }

    pub fn is_whatsapp(&self) -> bool {
        matches!(self.channel.as_str(), "wa" | "wa_cloud")
    }

    pub fn shown(&self) -> Value {
        let at = |at: Timestamp| dates::with_z(at);
        json!({
            "id": self.id,
            "name": self.name,
            "description": null,
            "status": self.status.word(),
            "type": "Room::CustomerService",
            "tags": self.tags,
            "channel": self.channel,
            "channel_account": "Stand-in",
            "organization_id": ORGANISATION,
            "account_uniq_id": self.customer,
            "channel_integration_id": "1f000000-0000-4000-8000-000000000001",
            "session_at": at(self.session_at),
            "unread_count": self.unread,
            "created_at": at(self.created_at),
            "last_message_at": at(self.updated_at),
            "last_activity_at": at(self.updated_at),
            "updated_at": at(self.updated_at),
            "avatar": {"url": null},
            "resolved_at": self.resolved.as_ref().map(|(when, _)| at(*when)),
            "resolved_by_id": self.resolved.as_ref().map(|(_, who)| who),
            "resolved_by_type": self.resolved.as_ref().map(|_| "Models::User"),
            "external_id": null,
            "note": null,
            "extra": {"is_participant_online": false},
            "last_message": self.last_message,
            "is_blocked": false,
            "agent_ids": self.agent_ids,
            "email_cc": [],
            "is_unresponded": self.unread > 0,
        })
    }

    /// What the single room shows more.
    pub fn shown_in_detail(&self) -> Value {
        let mut shown = self.shown();
        shown["channel_uniq_id"] = json!("620000000000");
        shown["is_dont_auto_resolve"] = json!(self.not_resolved_by_itself);
        shown["is_manual_survey"] = json!(false);
        shown
    }
}
