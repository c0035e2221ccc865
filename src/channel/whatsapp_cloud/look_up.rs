//! Whether a message that was started reached the channel. Nobody can be asked; but each of its statuses brings our reference
//! back, and one status is proof. **Invariant:** silence is no proof of anything: it is waited for, and then left to people.

use std::sync::Arc;

use super::WhatsappCloud;
use crate::actors::outside::{EffectJob, Found, Part, PartDone};
use crate::room::Timestamp;

/// A status that was just kept is seen after this time.
const LOOK_AGAIN_MS: i64 = 250;

impl WhatsappCloud {
    pub(super) async fn find(&self, job: &EffectJob, part: &Part, started_at: Timestamp) -> Result<Found, Arc<str>> {
        let (company, message) = (job.address.company, (job.key, part.no, started_at));
        if let Some(record) = self.memory.echo(company, job.key, part.no).await? {
            self.first_looks.forget(message);
            return Ok(Found::Done(PartDone { record, answer: String::new() }));
        }
        let options = self.vault.channel(company).await?.map(|access| access.options).unwrap_or_default();
        let now = self.clock.now();
        if now.ms_since(self.first_looks.since(message, now)) < options.status_wait_ms {
            return Ok(Found::Awaited { after_ms: LOOK_AGAIN_MS, why: "the channel may still speak of it".into() });
        }
        self.first_looks.forget(message);
        Ok(Found::Unprovable { why: "the channel never spoke of it".into() })
    }
}
