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

/// An echo comes so long after its message, at most …
const LATEST_ECHO_MS: i64 = 5_000;
/// … and is looked for so often.
const LOOK_AGAIN_MS: i64 = 200;
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
        let message = (job.key, part.no);
        let found = self.echo_of(job, deed, started_at).await?;
        if let Found::Later { .. } = &found {
            let now = self.clock.now();
            let since = self.first_looks.since(message, now);
            let grace_ms = self.session(job.address.company).await?.access.options.grace_ms;
            if now.ms_since(since) < grace_ms.saturating_add(LATEST_ECHO_MS) {
                return Ok(found);
            }
        }
        self.first_looks.forget(message);
        Ok(match found {
            Found::Later { .. } => unprovable("the channel told of no such message, and shows nobody which it took"),
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
                return Ok(unprovable("the message may be another call's"));
            }
            if !claims.iter().any(|claim| claim.record.as_deref() == Some(&echo.id)) {
                ours.push(echo);
            }
        }
        Ok(match ours.as_slice() {
            [] => Found::Later { after_ms: LOOK_AGAIN_MS, why: "the channel did not tell of the message yet".into() },
            [echo] => Found::Done(Left::Said { message: echo.id.clone() }.done_in(&address.room)),
            _ => unprovable("the channel told of several such messages"),
        })
    }
}

fn unprovable(why: &str) -> Found {
    Found::Unprovable { why: why.into() }
}
