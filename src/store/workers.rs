//! Threads that own a connection each and run tasks one after the other: the readers, and the writer of commands that work
//! beside a running `serve`. A full queue is an answer, never a wait; a dropped future never interrupts a transaction.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use super::conn::{Conn, Purpose};
use super::url::{StoreError, StoreUrl};

/// Gets the connection or why there is none; answers whether the connection should be opened again.
pub(super) type Task = Box<dyn FnOnce(Result<&mut Conn, StoreError>) -> bool + Send>;

/// Wraps `work` as a task; its outcome comes over the channel.
pub(super) fn task<T: Send + 'static>(
    work: impl FnOnce(&mut Conn) -> Result<T, StoreError> + Send + 'static,
) -> (Task, oneshot::Receiver<Result<T, StoreError>>) {
    let (sender, receiver) = oneshot::channel();
    let task: Task = Box::new(move |conn| {
        let outcome = conn.and_then(work);
        let broken = matches!(outcome, Err(StoreError::Unavailable(_)));
        // Nobody waiting any more is all right.
        let _ = sender.send(outcome);
        broken
    });
    (task, receiver)
}

pub(super) fn gone() -> StoreError {
    StoreError::Unavailable("the store is closing, or the query failed inside".into())
}

pub(super) struct Workers {
    sender: Mutex<Option<SyncSender<Task>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Workers {
    /// `count` threads (at least one) and room for `bound` waiting tasks. Connections are opened at first use.
    pub fn start(name: &str, count: usize, bound: usize, url: &StoreUrl, purpose: Purpose) -> Result<Self, StoreError> {
        let (sender, receiver) = sync_channel(bound.max(1));
        let receiver = Arc::new(Mutex::new(receiver));
        let threads = (0..count.max(1))
            .map(|i| {
                let (receiver, url) = (Arc::clone(&receiver), url.clone());
                std::thread::Builder::new().name(format!("{name}-{i}")).spawn(move || work(&receiver, &url, purpose))
            })
            .collect::<Result<_, _>>()
            .map_err(|source| StoreError::Io { what: "A thread of the store cannot be started.".into(), source })?;
        Ok(Self { sender: Mutex::new(Some(sender)), threads: Mutex::new(threads) })
    }

    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Conn) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (task, outcome) = task(work);
        self.push(task)?;
        outcome.await.unwrap_or_else(|_| Err(gone()))
    }

    pub fn push(&self, task: Task) -> Result<(), StoreError> {
        match self.sender.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            None => Err(gone()),
            Some(sender) => sender.try_send(task).map_err(|error| match error {
                TrySendError::Full(_) => StoreError::Busy("Too many queries are waiting; try again later.".into()),
                TrySendError::Disconnected(_) => gone(),
            }),
        }
    }

    /// Finishes what waits and ends the threads.
    pub fn close(&self) {
        self.sender.lock().unwrap_or_else(PoisonError::into_inner).take();
        for thread in std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner)) {
            if thread.thread().id() != std::thread::current().id() {
                let _ = thread.join();
            }
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.close();
    }
}

fn work(receiver: &Mutex<Receiver<Task>>, url: &StoreUrl, purpose: Purpose) {
    let mut conn: Option<Conn> = None;
    loop {
        let turn = receiver.lock().unwrap_or_else(PoisonError::into_inner);
        let Ok(task) = turn.recv() else {
            // In turn: of connections that close at once none is SQLite's last, and its log would stay beside the file.
            drop(conn);
            return;
        };
        drop(turn);
        let opened = match conn.take() {
            Some(conn) => Ok(conn),
            None => Conn::open(url, purpose),
        };
        match opened {
            Err(error) => {
                task(Err(error));
            }
            // A connection that saw a panic or lost its server is not used again.
            Ok(mut open) => {
                if let Ok(false) = catch_unwind(AssertUnwindSafe(|| task(Ok(&mut open)))) {
                    conn = Some(open);
                }
            }
        }
    }
}
