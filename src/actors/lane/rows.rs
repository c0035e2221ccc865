//! What a lane knows of its effect's parts, in memory and in the outbox: first written down, then believed.

use std::sync::Arc;
use std::time::Duration;

use crate::room::Timestamp;
use crate::room::outbox::Came;

use super::super::outside::{Part, PartDone, PartRow, Started};
use super::Lane;

/// The store could not write; it is asked again after this time.
const STORE_AGAIN: Duration = Duration::from_millis(200);

impl<B> Lane<'_, B> {
    pub(super) fn open_row(&self) -> Option<&PartRow> {
        self.parts.iter().find(|row| row.done.is_none())
    }

    pub(super) fn row_started(&mut self, part: &Part, at: Timestamp) {
        match self.parts.iter_mut().find(|row| row.part.no == part.no) {
            Some(row) => {
                (row.part, row.started_at, row.idle) = (part.clone(), at, false);
                row.attempts += 1;
            }
            None => self.parts.push(PartRow { part: part.clone(), started_at: at, attempts: 1, done: None, idle: false }),
        }
    }

    pub(super) async fn done(&mut self, done: PartDone) -> Option<Came> {
        let Some(no) = self.open_row().map(|row| row.part.no) else { return Some(Came::Done) };
        self.ours(|| self.ports.outbox.finish(self.job.key, no, Some(&done), self.clock.now())).await?;
        if let Some(row) = self.parts.iter_mut().find(|row| row.part.no == no) {
            row.done = Some(done);
        }
        self.sends_again = false;
        Some(Came::Done)
    }

    pub(super) async fn idle(&mut self) -> Option<()> {
        let Some(no) = self.open_row().map(|row| row.part.no) else { return Some(()) };
        self.ours(|| self.ports.outbox.finish(self.job.key, no, None, self.clock.now())).await?;
        if let Some(row) = self.parts.iter_mut().find(|row| row.part.no == no) {
            row.idle = true;
        }
        Some(())
    }

    /// As `ask`, for a write. `None`: another process owns the effect, and asking again would never end.
    pub(super) async fn ours<'f, F>(&self, write: impl FnMut() -> F) -> Option<()>
    where
        F: Future<Output = Result<Started, Arc<str>>> + 'f,
    {
        (self.ask(write).await == Started::Yes).then_some(())
    }

    /// Asks the store until it answers: nothing may go on before it has.
    pub(super) async fn ask<'f, T, F>(&self, mut question: impl FnMut() -> F) -> T
    where
        F: Future<Output = Result<T, Arc<str>>> + 'f,
    {
        loop {
            match question().await {
                Ok(answer) => return answer,
                Err(why) => tracing::warn!(%why, "the store cannot be reached"),
            }
            tokio::time::sleep(STORE_AGAIN).await;
        }
    }
}
