//! Whether a part that was started was done: the room is read, and shows it or not. Every part but a message is absolute, and a
//! message is only known by its echo (`echoed`). **Invariant:** "absent" is only said of a room that was read.

use std::sync::Arc;

use crate::actors::outside::{EffectJob, Found, Part};
use crate::room::Timestamp;

use super::QontakChannel;
use super::part::{Deed, Left};
use super::resolve::look_again_ms;
use super::rooms::There;
use crate::outbound::{Step, Stop};

/// So long a resolve that was perhaps accepted is looked for often.
const RESOLVES_WITHIN_MS: i64 = 8_000;

impl QontakChannel {
    pub(super) async fn find(&self, job: &EffectJob, part: &Part, started_at: Timestamp) -> Result<Found, Arc<str>> {
        let deed = Deed::of(part)?;
        Ok(match self.shown(job, part, &deed, started_at).await {
            Ok(found) => found,
            Err(Stop::Later { after_ms, why }) => Found::Later { after_ms, why },
            Err(Stop::Refuse(_)) => Found::Unprovable { why: "the company has no channel any more".into() },
        })
    }

    async fn shown(&self, job: &EffectJob, part: &Part, deed: &Deed, started_at: Timestamp) -> Step<Found> {
        if deed.is_message() {
            return self.echoed(job, part, deed, started_at).await;
        }
        if *deed == Deed::Resolve && self.is_told_resolved(&job.address, started_at).await? {
            return Ok(Found::Done(Left::Done.done_in(&job.address.room)));
        }
        let there = self.room(job.address.company, &job.address.room).await?;
        if let Some(left) = shows(deed, there.as_ref()) {
            return Ok(Found::Done(left.done_in(&job.address.room)));
        }
        let since_ms = self.clock.now().ms_since(started_at);
        Ok(match deed {
            Deed::Resolve if there.is_some() && since_ms < RESOLVES_WITHIN_MS => {
                Found::Later { after_ms: look_again_ms(since_ms), why: "the channel may be resolving it".into() }
            }
            _ => Found::Absent,
        })
    }
}

/// What the room says of a deed; `None`: it was not done.
pub fn shows(deed: &Deed, there: Option<&There>) -> Option<Left> {
    let Some(there) = there else {
        // Whoever is to leave a room that is gone has left.
        return matches!(deed, Deed::Leave { .. } | Deed::Dismiss { .. }).then_some(Left::Done);
    };
    match deed {
        Deed::Tag { folded, .. } => there.tag(folded).map(|_| Left::Done),
        Deed::Enter(entry) => there.has(&entry.entrant.user).then_some(Left::Done),
        // It was only asked for while nobody was in the room.
        Deed::RoundRobin => there.agent_ids.first().map(|user| Left::Given { user: user.clone() }),
        Deed::Leave { user, .. } | Deed::Dismiss { user } => (!there.has(user)).then_some(Left::Done),
        Deed::Resolve => there.resolved.then_some(Left::Done),
        Deed::Say { .. } | Deed::File { .. } | Deed::Link { .. } => None,
    }
}
