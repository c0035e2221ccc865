//! Sends a message, once, and says what that came to. What may have happened is never sent again from here. Before the part is
//! marked its file lies ready there, so that between the mark and the answer only the message itself is under way.

use std::sync::Arc;

use crate::actors::inbox::UploadedMedia;
use crate::actors::outside::{EffectJob, Part, PartDone, Permit, Sent};
use crate::outbound::{Ask, Body, CREDENTIALS_MS, Class, Forbidden, Inner, Outcome, Slot, Stop, backoff_at, sort_as};
use crate::room::Refusal;

use super::WhatsappCloud;
use super::envelope::{self, Meaning};
use super::part::Message;
use super::session::Session;

/// Where a company's messages go.
const MESSAGES: &str = "messages";

/// What lies ready before a part is marked.
enum Ready {
    Go {
        slot: Slot,
        media: Option<UploadedMedia>,
    },
    /// What `write` is to say without sending anything.
    No(Refusal),
}

impl WhatsappCloud {
    /// The file's media id and a slot of the company's.
    pub(super) async fn make_ready(&self, job: &EffectJob, attempt: u32) -> Result<Permit, Arc<str>> {
        let company = job.address.company;
        loop {
            let ready = async {
                let session = self.session(company).await?;
                let media = match &job.plan.file {
                    Some(file) if file.is_link() => None,
                    Some(file) => Some(self.media(job, &session, file).await?),
                    None => None,
                };
                let slot = self.outbound.slot_as(company, &session.api.host, Class::Write, Ask::of(attempt)).await;
                Ok((session, slot, media))
            };
            match ready.await {
                Ok((session, slot, media)) => match self.session(company).await {
                    // The wait may have been long.
                    Ok(now) if same(&now, &session) => return Ok(Permit(Box::new(Ready::Go { slot, media }))),
                    Ok(_) | Err(_) => drop(slot),
                },
                Err(Stop::Later { why, .. }) => return Err(why),
                Err(Stop::Refuse(refusal)) => return Ok(Permit(Box::new(Ready::No(refusal)))),
            }
        }
    }

    pub(super) async fn send_part(&self, job: &EffectJob, part: &Part, permit: Permit) -> Result<Sent, Arc<str>> {
        let message = Message::of(part)?;
        let Ok(ready) = permit.0.downcast::<Ready>() else { return Err("this permit is not the channel's".into()) };
        let (slot, media) = match *ready {
            Ready::Go { slot, media } => (slot, media),
            Ready::No(refusal) => return Ok(Sent::refused(&refusal)),
        };
        let session = match self.session(job.address.company).await {
            Ok(session) => session,
            Err(stop) => return Ok(stop.unsent()),
        };
        if slot.host() != session.api.host {
            return Ok(Sent::not_done(0, false, "the company's channel has moved"));
        }
        let body = message.body(media.as_ref().map(|media| media.id.as_str()), part.reference.as_deref());
        let body = Body::Bytes("application/json", body.into_bytes());
        let request = self.request(&session, "POST", &format!("/{}/{MESSAGES}", session.account), Some(body));
        let reply = self.outbound.send(slot, request).await;
        let complete = |body: &[u8]| if envelope::message_id(body).is_some() { Inner::Complete } else { Inner::Unreadable };
        Ok(match sort_as(Forbidden::Body, reply, true, complete) {
            Outcome::Success { body } => match envelope::message_id(&body) {
                Some(record) => Sent::Done(PartDone { record, answer: String::new() }),
                None => Sent::Doubtful { why: "the answer cannot be read".into() },
            },
            Outcome::Refused { status, body } => self.said_no(job, &session, status, &body, media).await,
            Outcome::NotDone { after_ms, why } => {
                Sent::not_done(after_ms.unwrap_or_else(|| backoff_at(2, self.clock.now())), true, why)
            }
            Outcome::Credentials { status } => {
                Sent::not_done(CREDENTIALS_MS, false, format!("the channel refuses the token ({status})"))
            }
            Outcome::Ambiguous { why } => Sent::Doubtful { why: why.into() },
        })
    }

    async fn said_no(&self, job: &EffectJob, session: &Session, status: u16, body: &[u8], media: Option<UploadedMedia>) -> Sent {
        let wrong = envelope::wrong(body);
        tracing::info!(event = "channel.refused", status, code = wrong.code, "the channel refused a message");
        match wrong.meaning() {
            Meaning::Throttled => {
                Sent::not_done(backoff_at(4, self.clock.now()).max(1_000), true, "the channel takes no more messages now")
            }
            Meaning::Credentials => self.refused_token(session, job).unsent(),
            Meaning::UnknownMedia => self.forgets(job, session, media).await,
            Meaning::No(refusal) => Sent::refused(&refusal),
        }
    }

    /// The channel does not know the file any more: it is uploaded once again, and a second "unknown" is believed.
    async fn forgets(&self, job: &EffectJob, session: &Session, media: Option<UploadedMedia>) -> Sent {
        let (Some(media), Some(file)) = (media, &job.plan.file) else { return Sent::refused(&envelope::media_refused()) };
        if media.uploaded_at > job.since {
            return Sent::refused(&envelope::media_refused());
        }
        match self.memory.forget_media(job.address.company, &session.account, &file.sha256, &media.id).await {
            Ok(()) => Sent::not_done(0, true, "the channel does not know the file any more"),
            Err(why) => Sent::not_done(1_000, true, why),
        }
    }
}

fn same(one: &Session, other: &Session) -> bool {
    one.api.host == other.api.host && one.account == other.account
}
