//! The end of the write lane that everybody else holds: a bounded queue, and one bell. Never blocks who submits.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::url::StoreError;
use super::workers::Task;
use crate::actors::ports::{Job, Journal};

/// Groups of few begin no closer together while those who were answered ask again: closer ones are so many that, at half load, they
/// keep the cores busy, and threads wait for one another (README, Numbers).
const APART: Duration = Duration::from_millis(1);
/// So many wait for no more: what a group costs by itself is little beside what they cost.
const ENOUGH: usize = 16;

pub(super) enum Work {
    Job(Job),
    Task(Task),
}

#[derive(Default)]
struct Queue {
    work: Vec<Work>,
    /// So much must wait before the bell is rung; `None`: nobody listens.
    awaited: Option<usize>,
    closed: bool,
    /// When the last group was taken, and how many were in it.
    last: Option<(Instant, usize)>,
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
        let count = queue.work.len();
        let wake = queue.awaited.take_if(|awaited| count >= *awaited).is_some();
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

    /// Waits, until `until` at the longest, for as many more as were just answered, or for `ENOUGH` in all: whoever had an answer is
    /// likely to ask again, and one commit for all of them is cheaper for everybody than one for each.
    pub fn gather(&self, answered: usize, until: Instant) {
        let mut queue = self.queue();
        // No more than there is room for will come.
        let enough = (queue.work.len() + answered).min(self.bound).min(ENOUGH);
        while queue.work.len() < enough && !queue.closed {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            queue.awaited = Some(enough);
            queue = self.bell.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        queue.awaited = None;
    }

    /// Everything that gathered: empty when nothing came for `quiet`; `None` when the lane is closed and empty.
    pub fn take(&self, into: &mut Vec<Work>, quiet: Duration) -> Option<()> {
        let last = self.queue().last;
        if let Some((begun, answered)) = last {
            self.gather(answered, begun + APART);
        }
        let mut queue = self.queue();
        while queue.work.is_empty() {
            if queue.closed {
                return None;
            }
            queue.awaited = Some(1);
            let (woken, late) = self.bell.wait_timeout(queue, quiet).unwrap_or_else(PoisonError::into_inner);
            queue = woken;
            if late.timed_out() {
                break;
            }
        }
        queue.awaited = None;
        std::mem::swap(&mut queue.work, into);
        queue.last = Some((Instant::now(), into.len()));
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
