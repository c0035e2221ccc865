//! What the channel told us by itself, used where it cannot be asked, or does not answer: the echo of a message whose own answer
//! was lost (there is no look-up of messages, qontak-api.md 2.5), and that a conversation was resolved. Only reads what
//! `hearing` keeps.
//! **Invariant:** one echo settles one message: none that another call was told of, and none that another open one may have made.

use std::sync::Arc;

use crate::actors::inbox::Inbox;
use crate::actors::outside::{EffectJob, Found, Outbox, Part};
use crate::channel::hearing::Known;
use crate::room::{RoomAddress, Timestamp};

use super::QontakChannel;
use super::part::{Deed, Left};
use crate::outbound::{Step, Stop};

/// An echo is looked for again after this time …
const LOOK_AGAIN_MS: i64 = 200;
/// … then ever less often, but not more seldom than this.
const LONGEST_LOOK_MS: i64 = 5_000;
/// The channel's clock may be behind ours by this much.
const MOST_BEHIND_MS: i64 = 5_000;

/// Where it is kept what was told, and who was told of which message.
#[derive(Clone)]
pub struct Hearsay {
    pub inbox: Arc<dyn Inbox>,
    pub outbox: Arc<dyn Outbox>,
}

impl QontakChannel {
    /// What the channel told of the conversation so far; nothing where nobody keeps it.
    async fn told(&self, room: &RoomAddress) -> Step<Known> {
        let Some(hearsay) = &self.hearsay else { return Ok(Known::default()) };
        Ok(Known::read(hearsay.inbox.known(room).await.map_err(Stop::store)?.as_deref()))
    }

    /// Whether it told that it resolved what was asked for at `since`.
    pub(super) async fn is_told_resolved(&self, room: &RoomAddress, since: Timestamp) -> Step<bool> {
        Ok(self.told(room).await?.is_resolved_since(since.plus_ms(-MOST_BEHIND_MS)))
    }

    /// Whether it told of this message, started at `started_at`. "Absent" is never said: who tells nothing says nothing.
    pub(super) async fn echoed(&self, job: &EffectJob, part: &Part, deed: &Deed, started_at: Timestamp) -> Step<Found> {
        let message = (job.key, part.no, started_at);
        let found = self.echo_of(job, deed, started_at).await?;
        if let Found::Awaited { why, .. } = &found {
            let now = self.clock.now();
            let waited_ms = now.ms_since(self.first_looks.since(message, now));
            if waited_ms < self.session(job.address.company).await?.access.options.echo_wait_ms {
                let after_ms = (waited_ms / 8).clamp(LOOK_AGAIN_MS, LONGEST_LOOK_MS);
                return Ok(Found::Awaited { after_ms, why: why.clone() });
            }
        }
        self.first_looks.forget(message);
        Ok(match found {
            Found::Awaited { .. } => unprovable("the channel told of no such message, and shows nobody which it took"),
            found => found,
        })
    }

    async fn echo_of(&self, job: &EffectJob, deed: &Deed, started_at: Timestamp) -> Step<Found> {
        let (Some(hearsay), Some(said)) = (&self.hearsay, deed.said()) else {
            return Ok(unprovable("the channel shows nobody which messages it took"));
        };
        let address = &job.address;
        if self.session(address.company).await?.access.webhook_url.is_none() {
            return Ok(unprovable("the channel tells us nothing"));
        }
        let (known, name) = (self.told(address).await?, said.shown_name(&address.room));
        let mut ours = vec![];
        for echo in known.echoes().iter().filter(|echo| echo.fits(&said.content, said.size, started_at)) {
            let claims = hearsay.outbox.claims(address.company, deed.name(), &echo.id, &name, job.key);
            let claims = claims.await.map_err(Stop::store)?;
            if claims.iter().any(|claim| claim.record.is_none()) {
                // Which may know of it soon by its own answer.
                return Ok(awaited("the message may be another call's"));
            }
            if !claims.iter().any(|claim| claim.record.as_deref() == Some(&echo.id)) {
                ours.push(echo);
            }
        }
        Ok(match ours.as_slice() {
            [] => awaited("the channel did not tell of the message yet"),
            [echo] => Found::Done(Left::Said { message: echo.id.clone() }.done_in(&address.room)),
            _ => unprovable("the channel told of several such messages"),
        })
    }
}

fn awaited(why: &str) -> Found {
    Found::Awaited { after_ms: LOOK_AGAIN_MS, why: why.into() }
}

fn unprovable(why: &str) -> Found {
    Found::Unprovable { why: why.into() }
}
