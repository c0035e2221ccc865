//! The end of the write lane that everybody else holds: a bounded queue, and one bell. Never blocks who submits.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::url::StoreError;
use super::workers::Task;
use crate::actors::ports::{Job, Journal};

pub(super) enum Work {
    Job(Job),
    Task(Task),
}

#[derive(Default)]
struct Queue {
    work: Vec<Work>,
    sleeping: bool,
    closed: bool,
}

/// The end of the lane that everybody else holds.
pub(super) struct Lane {
    queue: Mutex<Queue>,
    bell: Condvar,
    bound: usize,
    pub owner: i64,
}

impl Lane {
    pub fn new(bound: usize, owner: i64) -> Self {
        Self { queue: Mutex::default(), bell: Condvar::new(), bound: bound.max(1), owner }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The queue, if there is room in it.
    fn place(&self) -> Option<MutexGuard<'_, Queue>> {
        Some(self.queue()).filter(|queue| !queue.closed && queue.work.len() < self.bound)
    }

    fn push(&self, mut queue: MutexGuard<'_, Queue>, work: Work) {
        queue.work.push(work);
        let wake = std::mem::take(&mut queue.sleeping);
        drop(queue);
        if wake {
            self.bell.notify_one();
        }
    }

    /// An administrative write, in order with the journal's own. `Err`: the queue is full or the lane is closed.
    pub fn task(&self, task: Task) -> Result<(), StoreError> {
        let queue = self.place().ok_or_else(|| StoreError::Busy("Too many writes are waiting; try again later.".into()))?;
        self.push(queue, Work::Task(task));
        Ok(())
    }

    pub fn close(&self) {
        self.queue().closed = true;
        self.bell.notify_one();
    }

    /// Everything that gathered: empty when nothing came for `quiet`; `None` when the lane is closed and empty.
    pub fn take(&self, into: &mut Vec<Work>, quiet: Duration) -> Option<()> {
        let mut queue = self.queue();
        while queue.work.is_empty() {
            if queue.closed {
                return None;
            }
            queue.sleeping = true;
            let (woken, late) = self.bell.wait_timeout(queue, quiet).unwrap_or_else(PoisonError::into_inner);
            queue = woken;
            if late.timed_out() {
                break;
            }
        }
        queue.sleeping = false;
        std::mem::swap(&mut queue.work, into);
        Some(())
    }
}

impl Journal for Lane {
    fn submit(&self, job: Job) -> Result<(), Job> {
        match self.place() {
            Some(queue) => {
                self.push(queue, Work::Job(job));
                Ok(())
            }
            None => Err(job),
        }
    }

    fn owner_epoch(&self) -> i64 {
        self.owner
    }
}
