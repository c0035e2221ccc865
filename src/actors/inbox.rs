//! What is heard from companies' channels, as traits and plain data: where webhooks are kept, who believes and understands them, who
//! the people are that they name, what is remembered beside rooms. Names no database and no vendor; who brings them to their rooms is `postman`.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::room::delivery::{Delivery, DeliveryWord};
use crate::room::{By, CallKey, ChannelKind, Command, Company, CompanyNo, RoomAddress, RoomId, Timestamp};

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
    /// What it proves; kept with it.
    pub echo: Option<Echo>,
}

/// A message of ours that the channel spoke of, by the reference it carried: proof that it was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Echo {
    pub effect: CallKey,
    pub part: u32,
    /// The channel's own id of it.
    pub message_id: String,
}

/// A message of the company's own bot as its channel tells of it: without a reference, so that only what it says tells whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overheard {
    /// The channel's own id of it.
    pub message_id: String,
    /// As the part is called that says the same (`Part::shown_name`).
    pub shown_name: String,
    /// Of its file, in bytes, if that is said.
    pub size: Option<u64>,
    /// Parts begun later than this did not say it.
    pub begun_by: Timestamp,
}

/// A file as the channel holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadedMedia {
    pub id: String,
    pub uploaded_at: Timestamp,
}

/// What is remembered of channels beside their rooms.
pub trait ChannelMemory: Send + Sync + 'static {
    /// The channel's id of this part's message, if it ever spoke of it.
    fn echo(&self, company: CompanyNo, effect: CallKey, part: u32) -> OutsideFuture<'_, Option<String>>;
    /// What became of the file with this address when it was last uploaded to this account.
    fn media<'a>(&'a self, company: CompanyNo, account: &'a str, sha256: &'a str) -> OutsideFuture<'a, Option<UploadedMedia>>;
    fn keep_media<'a>(
        &'a self,
        company: CompanyNo,
        account: &'a str,
        sha256: &'a str,
        media: &'a UploadedMedia,
    ) -> OutsideFuture<'a, ()>;
    /// The channel does not know this id any more.
    fn forget_media<'a>(&'a self, company: CompanyNo, account: &'a str, sha256: &'a str, id: &'a str) -> OutsideFuture<'a, ()>;
}

/// A webhook as it is kept.
#[derive(Clone, Debug)]
pub struct InboxRow {
    pub position: i64,
    pub company: CompanyNo,
    pub source: ChannelKind,
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
    /// The room's file that a channel's word is of, as the outbox knows it, however long ago it was sent. `None`: it is none of
    /// this room's.
    fn sent<'a>(&'a self, room: &'a RoomAddress, word: &'a DeliveryWord) -> OutsideFuture<'a, Option<Delivery>>;
    /// What a message of the bot's proves of a file's call whose outcome was given up: a word that names the call. `None`: no such
    /// call could have sent it, or it may be another's.
    fn proven<'a>(&'a self, room: &'a RoomAddress, message: &'a Overheard) -> OutsideFuture<'a, Option<DeliveryWord>>;
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

/// One thing that a webhook tells, of one room; what is kept of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    pub label: Label,
    pub body: String,
    pub echo: Option<Echo>,
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
    /// The message of our own bot that it speaks of.
    pub overheard: Option<Overheard>,
}

/// Understands what a kind of channel tells. Pure: no clock, no I/O.
pub trait Ears: Send + Sync + 'static {
    /// All that a webhook tells; at least one. `None`: it is no webhook of this source.
    fn sheets(&self, source: ChannelKind, company: CompanyNo, believed: &Believed, body: &[u8]) -> Option<Vec<Sheet>>;
    /// Ids there of people whom it names by an id alone.
    fn strangers(&self, row: &InboxRow) -> Vec<String>;
    fn hear(&self, row: &InboxRow, known: Option<&str>, company: &Company) -> Heard;
}

/// What is known of who sent a webhook that is believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Believed {
    /// The company's own account there. One app of a vendor's may tell of several, all under its one signature.
    pub account: Option<String>,
}

/// Believes that a webhook comes from the channel, or not.
pub trait Doorkeeper: Send + Sync + 'static {
    /// `signature`: as the webhook carries it. `None`: it is not believed.
    fn believes<'a>(
        &'a self,
        source: ChannelKind,
        company: CompanyNo,
        body: &'a [u8],
        signature: Option<&'a str>,
    ) -> OutsideFuture<'a, Option<Believed>>;
}

/// Who a channel's people are, as the channel itself says; our directory knows them by e-mail.
pub trait People: Send + Sync + 'static {
    /// `None`: there is nobody of this id, or without an e-mail.
    fn email<'a>(&'a self, company: CompanyNo, id: &'a str) -> OutsideFuture<'a, Option<String>>;
}
