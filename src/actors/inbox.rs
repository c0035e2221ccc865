//! What is heard from companies' channels, and the one task per process that brings it to the rooms: oldest first, of one room
//! in order, of many rooms at once. A webhook is done only when its room's commit is durable; one that was applied before its
//! process died is applied again, which changes nothing.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::Notify;

use crate::room::{By, Cause, ChannelKind, Command, Company, CompanyNo, RoomAddress, RoomId, Timestamp};

use super::outside::OutsideFuture;
use super::patience::CommandOutcome;
use super::ports::Caller;
use super::router::RoomRouter;

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
    fn hear(&self, row: &InboxRow, known: Option<&str>, company: &Company) -> Heard;
}

/// Webhooks read at once.
const AT_ONCE: i64 = 512;
/// Rooms told at once.
const ROOMS_AT_ONCE: usize = 64;
/// After this time a room that could not be told is tried again.
const TRY_AGAIN: Duration = Duration::from_millis(250);
/// So often the inbox is looked at although nothing rang, and old webhooks are removed.
const LOOK_ANYWAY: Duration = Duration::from_secs(2);
/// A webhook is known as a repetition for so long after it was done: 7 days.
const REMEMBERED_MS: i64 = 7 * 86_400_000;
/// A room that so often neither took a webhook nor said why does without it.
const MOST_TRIES: u32 = 40;

/// Brings every webhook to its room, until the process ends.
pub async fn take_inbox(router: RoomRouter, inbox: Arc<dyn Inbox>, ears: Arc<dyn Ears>) {
    let bell = inbox.bell();
    let postman = Postman { router, inbox, ears, tries: RefCell::default() };
    loop {
        if postman.round().await {
            tokio::select! {
                () = bell.notified() => {}
                () = tokio::time::sleep(LOOK_ANYWAY) => postman.forget().await,
            }
        } else {
            tokio::time::sleep(TRY_AGAIN).await;
        }
    }
}

struct Postman {
    router: RoomRouter,
    inbox: Arc<dyn Inbox>,
    ears: Arc<dyn Ears>,
    /// How often a room did not say what came of a webhook.
    tries: RefCell<HashMap<i64, u32>>,
}

impl Postman {
    /// From the oldest to the newest. False: something is left over.
    async fn round(&self) -> bool {
        let held: RefCell<HashSet<RoomAddress>> = RefCell::default();
        let mut after = 0;
        loop {
            let rows = match self.inbox.waiting(after, AT_ONCE).await {
                Ok(rows) => rows,
                Err(why) => {
                    tracing::warn!(%why, "the inbox cannot be read");
                    return false;
                }
            };
            let Some(last) = rows.last() else { return held.borrow().is_empty() };
            after = last.position;
            let groups = by_room(rows, &held.borrow());
            futures_util::stream::iter(groups)
                .for_each_concurrent(ROOMS_AT_ONCE, async |(room, rows)| {
                    let taken = match &room {
                        Some(room) => self.take(room, rows).await,
                        None => self.pass_over(rows).await,
                    };
                    if let (false, Some(room)) = (taken, room) {
                        held.borrow_mut().insert(room);
                    }
                })
                .await;
        }
    }

    /// Of one room, in order. False: the first that could not be brought and those after it stay.
    async fn take(&self, room: &RoomAddress, rows: Vec<InboxRow>) -> bool {
        let Ok(company) = self.router.company(room.company).await else { return false };
        let Ok(mut known) = self.inbox.known(room).await else { return false };
        let (mut marks, mut all) = (vec![], true);
        for row in rows {
            let heard = self.ears.hear(&row, known.as_deref(), &company);
            if !self.tell(room, row.position, heard.tells).await {
                all = false;
                break;
            }
            metrics::counter!(crate::telemetry::WEBHOOKS, "kind" => heard.kind).increment(1);
            if heard.known.is_some() {
                known.clone_from(&heard.known);
            }
            let known = heard.known.map(|known| (room.clone(), known));
            marks.push(self.inbox.done(Done { position: row.position, at: self.router.now(), known }));
        }
        self.marked(marks).await && all
    }

    /// What is about no room is only counted.
    async fn pass_over(&self, rows: Vec<InboxRow>) -> bool {
        let mut marks = vec![];
        for row in rows {
            metrics::counter!(crate::telemetry::WEBHOOKS, "kind" => "about_no_room").increment(1);
            marks.push(self.inbox.done(Done { position: row.position, at: self.router.now(), known: None }));
        }
        self.marked(marks).await
    }

    async fn marked(&self, marks: Vec<OutsideFuture<'_, ()>>) -> bool {
        let outcomes = futures_util::future::join_all(marks).await;
        let failed = outcomes.into_iter().find_map(Result::err);
        failed.inspect(|why| tracing::warn!(%why, "a webhook cannot be marked done")).is_none()
    }

    /// False: not all of it is durable, or nobody can say.
    async fn tell(&self, room: &RoomAddress, position: i64, tells: Vec<(By, Command)>) -> bool {
        for (by, command) in tells {
            let caller = Caller { company: room.company, by, key_id: Arc::from("webhook") };
            match self.router.command(room.clone(), command, caller, Cause::Webhook(position)).await {
                CommandOutcome::Done { .. } => {}
                CommandOutcome::Refused(refusal) => {
                    metrics::counter!(crate::telemetry::WEBHOOKS_REFUSED, "code" => refusal.code).increment(1);
                }
                CommandOutcome::Busy | CommandOutcome::Draining | CommandOutcome::Unavailable => return false,
                CommandOutcome::OutcomeUnknown if self.is_hopeless(position) => {
                    tracing::error!(position, room = %room.room, "a webhook was given up: its room never said what came of it");
                    metrics::counter!(crate::telemetry::WEBHOOKS_REFUSED, "code" => "given_up").increment(1);
                }
                CommandOutcome::OutcomeUnknown => return false,
            }
        }
        self.tries.borrow_mut().remove(&position);
        true
    }

    fn is_hopeless(&self, position: i64) -> bool {
        let mut tries = self.tries.borrow_mut();
        let tried = tries.entry(position).or_default();
        *tried += 1;
        *tried > MOST_TRIES
    }

    async fn forget(&self) {
        let before = Timestamp(self.router.now().0 - REMEMBERED_MS * 1_000);
        if let Err(why) = self.inbox.forget(before).await {
            tracing::warn!(%why, "old webhooks cannot be removed");
        }
    }
}

/// In the order of each room's first; those of rooms in `held` left out.
fn by_room(rows: Vec<InboxRow>, held: &HashSet<RoomAddress>) -> Vec<(Option<RoomAddress>, Vec<InboxRow>)> {
    let mut groups: Vec<(Option<RoomAddress>, Vec<InboxRow>)> = vec![];
    let mut places: HashMap<Option<RoomAddress>, usize> = HashMap::new();
    for row in rows {
        let room = row.room.clone().map(|room| RoomAddress { company: row.company, room });
        if room.as_ref().is_some_and(|room| held.contains(room)) {
            continue;
        }
        let place = *places.entry(room.clone()).or_insert_with(|| {
            groups.push((room, vec![]));
            groups.len() - 1
        });
        groups[place].1.push(row);
    }
    groups
}
