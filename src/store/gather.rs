//! Small writes that come while one is under way share the next transaction, so that many cost the journal no more turns than
//! one; each is answered only after that transaction is durable. Knows no table.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::conn::Conn;
use super::directory::Writer;
use super::url::{StoreError, describe};
use super::workers::Task;

type Answer<A> = Result<A, Arc<str>>;
type Work<W, A> = Box<dyn Fn(&mut Conn, &[W]) -> Result<Vec<A>, StoreError> + Send + Sync>;

struct Waiting<W, A> {
    write: W,
    answer: oneshot::Sender<Answer<A>>,
}

struct Queue<W, A> {
    waiting: Vec<Waiting<W, A>>,
    /// A task that will take what waits is on its way.
    rung: bool,
}

/// How much may wait, and how much of it goes into one transaction.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    pub waiting: usize,
    pub per_group: usize,
}

/// Where writes gather. `work` writes all of them in one transaction or nothing, and answers in their order.
pub(super) struct Desk<W, A> {
    writer: Arc<Writer>,
    bounds: Bounds,
    work: Work<W, A>,
    queue: Mutex<Queue<W, A>>,
}

impl<W: Send + 'static, A: Send + 'static> Desk<W, A> {
    pub fn new(
        writer: Arc<Writer>,
        bounds: Bounds,
        work: impl Fn(&mut Conn, &[W]) -> Result<Vec<A>, StoreError> + Send + Sync + 'static,
    ) -> Self {
        Self { writer, bounds, work: Box::new(work), queue: Mutex::new(Queue { waiting: vec![], rung: false }) }
    }

    fn queue(&self) -> MutexGuard<'_, Queue<W, A>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queued when this returns, durable when the future answers; in the order of calls.
    pub fn put(self: &Arc<Self>, write: W) -> impl Future<Output = Answer<A>> + Send + use<W, A> {
        let (answer, outcome) = oneshot::channel();
        let ring = {
            let mut queue = self.queue();
            if queue.waiting.len() >= self.bounds.waiting {
                let _ = answer.send(Err("too many writes are waiting".into()));
                false
            } else {
                queue.waiting.push(Waiting { write, answer });
                !std::mem::replace(&mut queue.rung, true)
            }
        };
        if ring {
            self.ring();
        }
        async { outcome.await.unwrap_or_else(|_| Err("the store is closing, or the write failed inside".into())) }
    }

    fn ring(self: &Arc<Self>) {
        let mut bell = Bell(Some(Arc::clone(self)));
        let task: Task = Box::new(move |conn| bell.0.take().is_some_and(|desk| desk.serve(conn)));
        // A task that is refused is dropped, and its bell says why to all who wait.
        let _ = self.writer.submit(task);
    }

    /// Writes what waits. True: the connection is not to be used again.
    fn serve(self: &Arc<Self>, conn: Result<&mut Conn, StoreError>) -> bool {
        let (group, more): (Vec<Waiting<W, A>>, bool) = {
            let mut queue = self.queue();
            let many = queue.waiting.len().min(self.bounds.per_group);
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
                group.into_iter().for_each(|one| tell(one.answer, Err(Arc::clone(&why))));
                false
            }
        }
    }

    fn write(&self, conn: &mut Conn, group: Vec<Waiting<W, A>>) -> bool {
        let (writes, answers): (Vec<W>, Vec<_>) = group.into_iter().map(|one| (one.write, one.answer)).unzip();
        let outcome = (self.work)(conn, &writes);
        let lost = matches!(outcome, Err(StoreError::Unavailable(_)));
        match outcome {
            Ok(told) => answers.into_iter().zip(told).for_each(|(answer, told)| tell(answer, Ok(told))),
            Err(StoreError::Failed { .. }) if writes.len() > 1 => {
                // One of them is at fault and the transaction is undone; alone, only that one stays out.
                for (answer, write) in answers.into_iter().zip(&writes) {
                    let alone = (self.work)(conn, std::slice::from_ref(write));
                    let told = alone.map_err(|error| Arc::from(describe(&error)));
                    let first = |told: Vec<A>| told.into_iter().next().ok_or_else(|| Arc::from("the write has no outcome"));
                    tell(answer, told.and_then(first));
                }
            }
            Err(error) => {
                let why: Arc<str> = describe(&error).into();
                answers.into_iter().for_each(|answer| tell(answer, Err(Arc::clone(&why))));
            }
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
        group.into_iter().for_each(|one| tell(one.answer, Err(Arc::clone(&why))));
    }
}

/// Nobody waiting any more is all right.
fn tell<A>(to: oneshot::Sender<Answer<A>>, answer: Answer<A>) {
    let _ = to.send(answer);
}

/// Held by the task: nobody waits for one that never ran.
struct Bell<W: Send + 'static, A: Send + 'static>(Option<Arc<Desk<W, A>>>);

impl<W: Send + 'static, A: Send + 'static> Drop for Bell<W, A> {
    fn drop(&mut self) {
        if let Some(desk) = self.0.take() {
            desk.give_up();
        }
    }
}
