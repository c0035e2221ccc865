//! A message of which nobody knows whether it arrived, and what goes on meanwhile: others of its room pass it once it cannot land
//! any more, and a person may have it sent again. **Invariant:** it is sent again only in a try that a person asked for so, once.

use crate::room::Timestamp;
use crate::room::outbox::{Came, Rule};

use super::super::outside::PartRow;
use super::{ASK_AGAIN_MS, Beside, LONGEST_NAP, Lane};

impl<B: Beside> Lane<'_, B> {
    /// What comes behind it in its room begins; it only waits to be told.
    pub(super) fn steps_aside(&mut self) {
        if !self.is_aside {
            self.beside.lets_pass();
            self.is_aside = true;
        }
    }

    /// It is known by now, and has more to send: in its turn again.
    pub(super) async fn takes_its_turn(&mut self) {
        if self.beside.comes_back().await {
            self.is_aside = false;
        } else {
            tokio::time::sleep(LONGEST_NAP).await;
        }
    }

    /// Whether this part, begun before a person decided, may be sent once more.
    pub(super) fn may_go_again(&self, row: &PartRow) -> bool {
        self.job.send_again && row.part.rule == Rule::Once && row.started_at < self.job.since
    }

    /// Not before the earlier request cannot land any more. Planned anew, so that it is this try's message, and judged as any.
    pub(super) fn again(&mut self, row: &PartRow, asked_at: Timestamp) -> Came {
        let age_ms = asked_at.ms_since(row.started_at);
        if age_ms < self.lands_within_ms {
            return Came::NotDone { after_ms: (self.lands_within_ms - age_ms).min(ASK_AGAIN_MS), counts: false };
        }
        tracing::warn!("a person has it sent again");
        self.outdated = true;
        Came::Again
    }

    /// The last attempt certainly did nothing; of the one before a second sending nobody knows.
    pub(super) async fn took_nothing(&mut self) -> Option<()> {
        if self.sends_again { Some(()) } else { self.idle().await }
    }
}
