//! The one task per process that brings webhooks to their rooms: oldest first, of one room in order, of many rooms at once. A
//! webhook is done only when its room's commit is durable; one that was applied before its process died is applied again, which
//! changes nothing.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;

use crate::room::delivery::Step;
use crate::room::{By, Cause, Command, RoomAddress, Timestamp};

use super::inbox::{Done, Ears, Inbox, InboxRow, Overheard, People};
use super::outside::OutsideFuture;
use super::patience::CommandOutcome;
use super::ports::Caller;
use super::router::RoomRouter;
use super::strangers::Strangers;

/// Webhooks read at once.
const AT_ONCE: i64 = 512;
/// Rooms told at once.
const ROOMS_AT_ONCE: usize = 64;
/// After this time a room that could not be told is tried again.
const TRY_AGAIN: Duration = Duration::from_millis(250);
/// So often the inbox is looked at although nothing rang, and old webhooks are removed, however much comes meanwhile.
const LOOK_ANYWAY: Duration = Duration::from_secs(2);
/// So often in a row, a transaction each: the journal waits behind it.
const MOST_AT_A_TIME: usize = 32;
/// A webhook is known as a repetition for so long after it was done: 7 days.
const REMEMBERED_MS: i64 = 7 * 86_400_000;
/// A room that so often neither took a webhook nor said why does without it.
const MOST_TRIES: u32 = 40;

/// Brings every webhook to its room, until the process ends.
pub async fn take_inbox(router: RoomRouter, inbox: Arc<dyn Inbox>, ears: Arc<dyn Ears>, people: Option<Arc<dyn People>>) {
    let bell = inbox.bell();
    let sweeping = sweep(Arc::clone(&inbox), router.clone());
    let postman = Postman { router, inbox, ears, strangers: Strangers::new(people), tries: RefCell::default() };
    let bringing = async {
        loop {
            if postman.round().await {
                let _ = tokio::time::timeout(LOOK_ANYWAY, bell.notified()).await;
            } else {
                let _ = tokio::time::timeout(TRY_AGAIN, postman.strangers.answer()).await;
            }
        }
    };
    futures_util::future::join(bringing, sweeping).await;
}

async fn sweep(inbox: Arc<dyn Inbox>, router: RoomRouter) {
    loop {
        tokio::time::sleep(LOOK_ANYWAY).await;
        forget(&*inbox, router.now()).await;
    }
}

/// All that is old: what comes in a day must also go in a day.
async fn forget(inbox: &dyn Inbox, now: Timestamp) {
    let before = Timestamp(now.0 - REMEMBERED_MS * 1_000);
    for _ in 0..MOST_AT_A_TIME {
        match inbox.forget(before).await {
            Ok(0) => return,
            Ok(_) => {}
            Err(why) => {
                tracing::warn!(%why, "old webhooks cannot be removed");
                return;
            }
        }
    }
}

struct Postman {
    router: RoomRouter,
    inbox: Arc<dyn Inbox>,
    ears: Arc<dyn Ears>,
    strangers: Strangers,
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
        for mut row in rows {
            // Of whom it speaks is being asked, and the room waits for that.
            let Some(emails) = self.strangers.emails(self.ears.strangers(&row), &company) else {
                all = false;
                break;
            };
            row.emails = emails;
            let heard = self.ears.hear(&row, known.as_deref(), &company);
            let told = self.tell(room, row.position, heard.tells).await;
            if !(told && self.tell_proof(room, row.position, heard.overheard).await) {
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
        for (by, mut command) in tells {
            // The room remembers its last files; what became of an older one the customer and the model are to know all the same.
            if let Command::DeliveryTold(word) = &mut command
                && matches!(word.step, Step::Failed(_))
            {
                let sent = self.inbox.sent(room, word).await;
                match sent {
                    Ok(older) => word.older = older.map(Box::new),
                    Err(why) => {
                        tracing::warn!(%why, "what was sent cannot be read");
                        return false;
                    }
                }
            }
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

    /// A message whose call was given up, and which is there after all, ends that call. Of one that is still looked for its lane
    /// reads by itself.
    async fn tell_proof(&self, room: &RoomAddress, position: i64, overheard: Option<Overheard>) -> bool {
        let Some(message) = overheard else { return true };
        match self.inbox.proven(room, &message).await {
            Ok(None) => true,
            Ok(Some(word)) => self.tell(room, position, vec![(By::System, Command::DeliveryTold(Box::new(word)))]).await,
            Err(why) => {
                tracing::warn!(%why, "what a message proves cannot be read");
                false
            }
        }
    }

    fn is_hopeless(&self, position: i64) -> bool {
        let mut tries = self.tries.borrow_mut();
        let tried = tries.entry(position).or_default();
        *tried += 1;
        *tried > MOST_TRIES
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::super::inbox::Letter;
    use super::*;
    use crate::room::delivery::{Delivery, DeliveryWord};
    use tokio::sync::Notify;

    /// One with much that is old.
    struct Full {
        old: Mutex<usize>,
        asked: Mutex<Vec<Timestamp>>,
    }

    impl Inbox for Full {
        fn append(&self, _: Letter) -> OutsideFuture<'_, bool> {
            Box::pin(async { Ok(true) })
        }

        fn waiting(&self, _: i64, _: i64) -> OutsideFuture<'_, Vec<InboxRow>> {
            Box::pin(async { Ok(vec![]) })
        }

        fn known<'a>(&'a self, _: &'a RoomAddress) -> OutsideFuture<'a, Option<String>> {
            Box::pin(async { Ok(None) })
        }

        fn sent<'a>(&'a self, _: &'a RoomAddress, _: &'a DeliveryWord) -> OutsideFuture<'a, Option<Delivery>> {
            Box::pin(async { Ok(None) })
        }

        fn proven<'a>(&'a self, _: &'a RoomAddress, _: &'a Overheard) -> OutsideFuture<'a, Option<DeliveryWord>> {
            Box::pin(async { Ok(None) })
        }

        fn done(&self, _: Done) -> OutsideFuture<'_, ()> {
            Box::pin(async { Ok(()) })
        }

        fn forget(&self, before: Timestamp) -> OutsideFuture<'_, usize> {
            self.asked.lock().unwrap().push(before);
            let mut old = self.old.lock().unwrap();
            let gone = (*old).min(256);
            *old -= gone;
            Box::pin(async move { Ok(gone) })
        }

        fn bell(&self) -> Arc<Notify> {
            Arc::default()
        }
    }

    #[actix_web::test]
    async fn what_is_old_goes_as_fast_as_it_came() {
        let inbox = Full { old: Mutex::new(3_000), asked: Mutex::default() };
        let now = Timestamp(REMEMBERED_MS * 1_000 + 5);
        forget(&inbox, now).await;
        assert_eq!((*inbox.old.lock().unwrap(), inbox.asked.lock().unwrap()[0]), (0, Timestamp(5)));
        // Others come in between.
        *inbox.old.lock().unwrap() = usize::MAX;
        forget(&inbox, now).await;
        assert_eq!(usize::MAX - *inbox.old.lock().unwrap(), MOST_AT_A_TIME * 256);
    }
}
