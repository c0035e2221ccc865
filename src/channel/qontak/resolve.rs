//! That the conversation is over there. The channel accepts a resolve at once and does it a little later (qontak-api.md section 5,
//! 20): it counts only when the room shows it or the channel says so by itself, and until then the call runs. The company's
//! closing message goes before (3.6), where the channel takes it.

use crate::actors::outside::{EffectJob, PartRow, Planned};
use crate::catalog::fence;
use crate::catalog::resolve_conversation::ResolveConversation;
use crate::channel::closing;
use crate::room::outbox::Patience;
use crate::room::{CallStatus, ClosingOutcome};

use super::QontakChannel;
use super::answer;
use super::attach::may_be_written_to;
use super::part::Deed;
use super::plan::write;
use super::refusals;
use super::rooms::There;
use crate::outbound::{Step, Stop};

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
        let closing = closing::outcome(job, ended);
        let accepted = ended.iter().rfind(|row| row.done.is_some() && !closing::is_closing(job, &row.part));
        let since_ms = accepted.map(|row| self.clock.now().ms_since(row.started_at));
        if let Some(since_ms @ ..FIRST_LOOK_MS) = since_ms {
            return Ok(Planned::Later { after_ms: FIRST_LOOK_MS - since_ms, why: "the channel is resolving it".into() });
        }
        // Why a closing message was left out stands in the room there.
        if let Some(row) = accepted
            && (closing.is_some() || job.plan.closing.is_none())
            && self.is_told_resolved(&job.address, row.started_at).await?
        {
            return Ok(Planned::End(answer::resolved(asked, true, self.clock.now(), closing)));
        }
        let there = self.room(job.address.company, &job.address.room).await?;
        Ok(match (there, since_ms) {
            (Some(there), _) if there.resolved => {
                let closing = closing.or_else(|| self.why_not(job, &there));
                Planned::End(answer::resolved(asked, accepted.is_some(), self.clock.now(), closing))
            }
            // Their own inbox gave it to somebody, and that is not heard here yet, or never will be (3.6).
            (Some(there), None) if job.plan.unheld && closing.is_none() && !there.agent_ids.is_empty() => {
                return Err(fence::human_in_control().into());
            }
            (Some(there), None) => match &job.plan.closing {
                Some(text) if closing.is_none() && self.why_not(job, &there).is_none() => {
                    return write(job, &Deed::Say { text: text.to_string() }, ended);
                }
                _ => return write(job, &Deed::Resolve, ended),
            },
            (None, None) => return Err(refusals::room_not_in_channel().into()),
            (Some(_), Some(since_ms)) if since_ms < Patience::default().reconcile_ms => {
                Planned::Later { after_ms: look_again_ms(since_ms), why: "the channel is still resolving it".into() }
            }
            // It took it and never did it, or it is gone: a person looks.
            (_, Some(_)) => Planned::End(answer::unsaid(job, CallStatus::Unresolved)),
        })
    }

    /// Why no closing message can be sent there, if one is wanted.
    fn why_not(&self, job: &EffectJob, there: &There) -> Option<ClosingOutcome> {
        job.plan.closing.as_ref()?;
        let open = There { resolved: false, ..there.clone() };
        match may_be_written_to(Some(&open), self.clock.now().0) {
            Err(Stop::Refuse(refusal)) => Some(ClosingOutcome::not_sent(refusal.code)),
            _ => None,
        }
    }
}
