//! That the conversation is over there. The channel accepts a resolve at once and does it a little later (qontak-api.md section 5,
//! 20): it counts only when the room shows it or the channel says so by itself, and until then the call runs.

use crate::actors::outside::{EffectJob, PartRow, Planned};
use crate::catalog::resolve_conversation::ResolveConversation;
use crate::room::CallStatus;
use crate::room::outbox::Patience;

use super::QontakChannel;
use super::answer;
use super::part::Deed;
use super::plan::write;
use super::refusals;
use crate::outbound::Step;

/// The first look comes after this time; then as long again as it has taken so far …
pub const FIRST_LOOK_MS: i64 = 250;
/// … but not longer than this.
const LONGEST_LOOK_MS: i64 = 15_000;

/// When to look again at something that was asked for so long ago.
pub fn look_again_ms(since_ms: i64) -> i64 {
    since_ms.clamp(FIRST_LOOK_MS, LONGEST_LOOK_MS)
}

impl QontakChannel {
    pub(super) async fn next_of_resolution(
        &self,
        job: &EffectJob,
        asked: &ResolveConversation,
        ended: &[PartRow],
    ) -> Step<Planned> {
        let accepted = ended.iter().rfind(|row| row.done.is_some());
        let since_ms = accepted.map(|row| self.clock.now().ms_since(row.started_at));
        if let Some(since_ms @ ..FIRST_LOOK_MS) = since_ms {
            return Ok(Planned::Later { after_ms: FIRST_LOOK_MS - since_ms, why: "the channel is resolving it".into() });
        }
        if let Some(row) = accepted
            && self.is_told_resolved(&job.address, row.started_at).await?
        {
            return Ok(Planned::End(answer::resolved(asked, true, self.clock.now())));
        }
        let there = self.room(job.address.company, &job.address.room).await?;
        Ok(match (there, since_ms) {
            (Some(there), _) if there.resolved => Planned::End(answer::resolved(asked, accepted.is_some(), self.clock.now())),
            (Some(_), None) => return write(job, &Deed::Resolve, ended),
            (None, None) => return Err(refusals::room_not_in_channel().into()),
            (Some(_), Some(since_ms)) if since_ms < Patience::default().reconcile_ms => {
                Planned::Later { after_ms: look_again_ms(since_ms), why: "the channel is still resolving it".into() }
            }
            // It took it and never did it, or it is gone: a person looks.
            (_, Some(_)) => Planned::End(answer::unsaid(job, CallStatus::Unresolved)),
        })
    }
}
