//! What is heard from companies' channels, as traits and plain data: where webhooks are kept, who understands them, who the people
//! are that they name. Names no database and no vendor; who brings them to their rooms is `postman`.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::room::{By, ChannelKind, Command, Company, CompanyNo, RoomAddress, RoomId, Timestamp};

use super::outside::OutsideFuture;

/// A webhook, labelled, before it is kept.
#[derive(Clone, Debug)]
pub struct Letter {
    pub company: CompanyNo,
    pub source: ChannelKind,
    /// Equal for what was told twice.
    pub key: [u8; 16],
    pub room: Option<RoomId>,
    pub body: String,
    pub received_at: Timestamp,
}

/// A webhook as it is kept.
#[derive(Clone, Debug)]
pub struct InboxRow {
    pub position: i64,
    pub company: CompanyNo,
    pub room: Option<RoomId>,
    pub body: Arc<str>,
    pub received_at: Timestamp,
    /// (id there, e-mail) of people it names by an id alone, as far as their channel says who they are.
    pub emails: Vec<(String, String)>,
}

/// That a webhook is done, and what is known of its room's conversation since then.
#[derive(Clone, Debug)]
pub struct Done {
    pub position: i64,
    pub at: Timestamp,
    pub known: Option<(RoomAddress, String)>,
}

/// Where webhooks are kept until their rooms have them.
pub trait Inbox: Send + Sync + 'static {
    /// Durable when the future answers; false: it is known already.
    fn append(&self, letter: Letter) -> OutsideFuture<'_, bool>;
    /// Not done yet, oldest first.
    fn waiting(&self, after: i64, limit: i64) -> OutsideFuture<'_, Vec<InboxRow>>;
    /// What `Ears` knew of this room when its last webhook was done.
    fn known<'a>(&'a self, room: &'a RoomAddress) -> OutsideFuture<'a, Option<String>>;
    /// Queued when this returns, in the order of calls.
    fn done(&self, done: Done) -> OutsideFuture<'_, ()>;
    /// Removes some of what was done before this time; answers how many.
    fn forget(&self, before: Timestamp) -> OutsideFuture<'_, usize>;
    /// Rung when something new is kept.
    fn bell(&self) -> Arc<Notify>;
}

/// What can be seen of a webhook without knowing its room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    pub key: [u8; 16],
    pub room: Option<RoomId>,
}

/// What a webhook comes to.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// One of a fixed list, for the metric.
    pub kind: &'static str,
    /// What the room is to be told, in order.
    pub tells: Vec<(By, Command)>,
    /// What is known of the conversation from now on; `None`: as before.
    pub known: Option<String>,
}

/// Understands what a kind of channel tells. Pure: no clock, no I/O.
pub trait Ears: Send + Sync + 'static {
    /// `None`: it is no webhook of this source.
    fn label(&self, source: ChannelKind, company: CompanyNo, body: &[u8]) -> Option<Label>;
    /// Ids there of people whom it names by an id alone.
    fn strangers(&self, row: &InboxRow) -> Vec<String>;
    fn hear(&self, row: &InboxRow, known: Option<&str>, company: &Company) -> Heard;
}

/// Who a channel's people are, as the channel itself says; our directory knows them by e-mail.
pub trait People: Send + Sync + 'static {
    /// `None`: there is nobody of this id, or without an e-mail.
    fn email<'a>(&'a self, company: CompanyNo, id: &'a str) -> OutsideFuture<'a, Option<String>>;
}
