//! `Outbox` over the database. Writes that come while one is under way share the next transaction, so that many lanes cost the
//! journal no more turns than one; each is answered only after that transaction is durable.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::conn::Conn;
use super::directory::Writer;
use super::outbox_rows::{self, Told, Write};
use super::url::{StoreError, describe};
use super::workers::{Task, Workers};
use crate::actors::outside::{Claim, EffectJob, Outbox, OutsideFuture, Part, PartDone, Recalled, Started};
use crate::room::{CallKey, CompanyNo, Settlement, Timestamp};

/// Writes that may wait; lanes have few under way each, so only a store that stands still comes here.
const WAITING_WRITES: usize = 8_192;
/// Writes in one transaction: the journal waits behind it.
const WRITES_PER_GROUP: usize = 128;

type Answer = Result<Started, Arc<str>>;

struct Waiting {
    write: Write,
    answer: oneshot::Sender<Answer>,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<Waiting>,
    /// A task that will take what waits is on its way.
    rung: bool,
}

/// Where writes gather.
struct Desk {
    writer: Arc<Writer>,
    owner: Option<i64>,
    queue: Mutex<Queue>,
}

pub(super) struct StoredOutbox {
    desk: Arc<Desk>,
    readers: Arc<Workers>,
}

impl StoredOutbox {
    /// `owner`: this process's epoch; without one (a store that does not serve) every write is `NotOurs`.
    pub fn new(writer: Arc<Writer>, readers: Arc<Workers>, owner: Option<i64>) -> Self {
        Self { desk: Arc::new(Desk { writer, owner, queue: Mutex::default() }), readers }
    }
}

impl Desk {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn put(self: &Arc<Self>, write: Write) -> Answer {
        let (answer, outcome) = oneshot::channel();
        let ring = {
            let mut queue = self.queue();
            if queue.waiting.len() >= WAITING_WRITES {
                return Err("too many writes of the outbox are waiting".into());
            }
            queue.waiting.push(Waiting { write, answer });
            !std::mem::replace(&mut queue.rung, true)
        };
        if ring {
            self.ring();
        }
        outcome.await.unwrap_or_else(|_| Err("the store is closing, or the write failed inside".into()))
    }

    fn ring(self: &Arc<Self>) {
        let mut bell = Bell(Some(Arc::clone(self)));
        let task: Task = Box::new(move |conn| bell.0.take().is_some_and(|desk| desk.serve(conn)));
        // A task that is refused is dropped, and its bell says why to all who wait.
        let _ = self.writer.submit(task);
    }

    /// Writes what waits. True: the connection is not to be used again.
    fn serve(self: &Arc<Self>, conn: Result<&mut Conn, StoreError>) -> bool {
        let (group, more): (Vec<Waiting>, bool) = {
            let mut queue = self.queue();
            let many = queue.waiting.len().min(WRITES_PER_GROUP);
            let group = queue.waiting.drain(..many).collect();
            queue.rung = !queue.waiting.is_empty();
            (group, queue.rung)
        };
        // Before the write, which may fail inside.
        if more {
            self.ring();
        }
        match conn {
            Ok(conn) => self.write(conn, group),
            Err(error) => {
                let why: Arc<str> = describe(&error).into();
                group.into_iter().for_each(|one| answer(one, Err(Arc::clone(&why))));
                false
            }
        }
    }

    fn write(&self, conn: &mut Conn, group: Vec<Waiting>) -> bool {
        let (writes, answers): (Vec<Write>, Vec<_>) = group.into_iter().map(|one| (one.write, one.answer)).unzip();
        let mut told = outbox_rows::write(conn, self.owner, &writes);
        if writes.len() > 1 && matches!(told, Err(StoreError::Failed { .. })) {
            // One of them is at fault and the transaction is undone; alone, only that one stays out.
            let alone = writes.iter().map(|write| outbox_rows::write(conn, self.owner, std::slice::from_ref(write)));
            told = Ok(alone.map(|one| one.map_or_else(|error| Told::Wrong(describe(&error)), first)).collect());
        }
        let lost = matches!(told, Err(StoreError::Unavailable(_)));
        let answers_of_all = |why: &StoreError| -> Vec<Told> { vec![Told::Wrong(describe(why)); writes.len()] };
        for (sender, told) in answers.into_iter().zip(told.unwrap_or_else(|error| answers_of_all(&error))) {
            // Nobody waiting any more is all right.
            let _ = sender.send(match told {
                Told::Done => Ok(Started::Yes),
                Told::NotOurs => Ok(Started::NotOurs),
                Told::Void => Ok(Started::Void),
                Told::Wrong(why) => Err(why.into()),
            });
        }
        lost
    }

    fn give_up(&self) {
        let group = {
            let mut queue = self.queue();
            queue.rung = false;
            std::mem::take(&mut queue.waiting)
        };
        let why: Arc<str> = "the store takes no writes now".into();
        group.into_iter().for_each(|one| answer(one, Err(Arc::clone(&why))));
    }
}

fn first(told: Vec<Told>) -> Told {
    told.into_iter().next().unwrap_or_else(|| Told::Wrong("the write has no outcome".into()))
}

fn answer(one: Waiting, answer: Answer) {
    let _ = one.answer.send(answer);
}

/// Held by the task: nobody waits for one that never ran.
struct Bell(Option<Arc<Desk>>);

impl Drop for Bell {
    fn drop(&mut self) {
        if let Some(desk) = self.0.take() {
            desk.give_up();
        }
    }
}

fn told(error: StoreError) -> Arc<str> {
    describe(&error).into()
}

impl Outbox for StoredOutbox {
    fn recall(&self, effect: CallKey) -> OutsideFuture<'_, Recalled> {
        Box::pin(async move { self.readers.run(move |conn| outbox_rows::recall(conn, effect)).await.map_err(told) })
    }

    fn start<'a>(&'a self, job: &'a EffectJob, part: &'a Part, at: Timestamp) -> OutsideFuture<'a, Started> {
        Box::pin(async move { self.desk.put(Write::start(job, part, at)?).await })
    }

    fn finish<'a>(&'a self, effect: CallKey, part: u32, done: Option<&'a PartDone>, at: Timestamp) -> OutsideFuture<'a, Started> {
        Box::pin(self.desk.put(Write::Finish { effect, no: part, done: done.cloned(), at }))
    }

    fn settle<'a>(&'a self, job: &'a EffectJob, settlement: &'a Settlement, at: Timestamp) -> OutsideFuture<'a, Started> {
        Box::pin(async move { self.desk.put(Write::settle(job, settlement, at)?).await })
    }

    fn claims<'a>(
        &'a self,
        company: CompanyNo,
        name: &'a str,
        record: &'a str,
        shown_name: &'a str,
        but: CallKey,
    ) -> OutsideFuture<'a, Vec<Claim>> {
        let [name, record, shown_name] = [name, record, shown_name].map(str::to_owned);
        Box::pin(async move {
            let read = self.readers.run(move |conn| outbox_rows::claims(conn, company, &name, &record, &shown_name, but));
            read.await.map_err(told)
        })
    }
}
