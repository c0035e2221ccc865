//! Files on their way to Meta: streamed from the library, once for all rooms that wait for the same one, and remembered by the id
//! they got. Meta keeps media for 30 days; an id is used for 25.

use std::sync::Arc;

use crate::actors::inbox::UploadedMedia;
use crate::actors::outside::EffectJob;
use crate::outbound::{Body, CREDENTIALS_MS, Class, Forbidden, Inner, Outcome, Step, Stop, backoff_at, form_of, sort_as};
use crate::room::{Next, Refusal, SentFile};

use super::WhatsappCloud;
use super::envelope::{self, Meaning};
use super::session::Session;

/// An id older than this is not used any more: 25 days.
const GOOD_FOR_MS: i64 = 25 * 86_400_000;

/// Held by whoever uploads a file; others wait here.
pub type Gate = Arc<tokio::sync::Mutex<()>>;

impl WhatsappCloud {
    /// The file's id there: the one that is remembered, or of an upload now.
    pub(super) async fn media(&self, job: &EffectJob, session: &Session, file: &SentFile) -> Step<UploadedMedia> {
        let place = (job.address.company, file.sha256.clone());
        let gate = Arc::clone(&self.uploads.entry(place.clone()).or_default());
        let found = {
            let _alone = gate.lock().await;
            self.found_or_uploaded(job, session, file).await
        };
        drop(gate);
        // Nobody else waits at it: two are the map's and the one of whoever is just coming.
        self.uploads.remove_if(&place, |_, gate| Arc::strong_count(gate) == 1);
        found
    }

    async fn found_or_uploaded(&self, job: &EffectJob, session: &Session, file: &SentFile) -> Step<UploadedMedia> {
        let company = job.address.company;
        let known = self.memory.media(company, &session.account, &file.sha256).await.map_err(Stop::store)?;
        if let Some(media) = known.filter(|media| self.clock.now().ms_since(media.uploaded_at) < GOOD_FOR_MS) {
            return Ok(media);
        }
        let media = UploadedMedia { id: self.uploaded(job, session, file).await?, uploaded_at: self.clock.now() };
        self.memory.keep_media(company, &session.account, &file.sha256, &media).await.map_err(Stop::store)?;
        Ok(media)
    }

    async fn uploaded(&self, job: &EffectJob, session: &Session, file: &SentFile) -> Step<String> {
        let company = job.address.company;
        let slot = self.outbound.slot(company, &session.api.host, Class::Upload).await;
        let path = format!("/{}/media", session.account);
        let request = self.request(session, "POST", &path, Some(self.form(job, file).await?));
        let reply = self.outbound.send(slot, request).await;
        let complete = |body: &[u8]| if envelope::media_id(body).is_some() { Inner::Complete } else { Inner::Unreadable };
        // It reaches nobody: what may have been uploaded is uploaded again.
        match sort_as(Forbidden::Body, reply, false, complete) {
            Outcome::Success { body } => {
                metrics::counter!(crate::telemetry::MEDIA_UPLOADS).increment(1);
                envelope::media_id(&body).ok_or_else(|| Stop::later(1_000, "an upload's answer cannot be read"))
            }
            Outcome::Refused { body, .. } => Err(match envelope::wrong(&body).meaning() {
                Meaning::Throttled => {
                    Stop::later(backoff_at(4, self.clock.now()).max(1_000), "the channel takes no more uploads now")
                }
                Meaning::Credentials => self.refused_token(session, job),
                Meaning::UnknownMedia => envelope::media_refused().into(),
                Meaning::No(refusal) => refusal.into(),
            }),
            Outcome::Credentials { .. } => Err(Stop::later(CREDENTIALS_MS, "the channel refuses the token")),
            Outcome::NotDone { after_ms, why } => {
                Err(Stop::later(after_ms.unwrap_or_else(|| backoff_at(2, self.clock.now())), why))
            }
            Outcome::Ambiguous { why } => Err(Stop::later(backoff_at(2, self.clock.now()), why)),
        }
    }

    /// Meta says so in a 400 as well, which the way out cannot see.
    pub(super) fn refused_token(&self, session: &Session, job: &EffectJob) -> Stop {
        self.outbound.credentials_refused(job.address.company, &session.api.host);
        Stop::later(CREDENTIALS_MS, "the channel refuses the token")
    }

    /// The form with the file's own bytes. Only its head is in memory.
    async fn form(&self, job: &EffectJob, file: &SentFile) -> Step<Body> {
        let files = self.files.as_ref().ok_or_else(gone)?;
        let pieces = files.open(job.address.company, &file.sha256, file.size).await.map_err(Stop::store)?.ok_or_else(gone)?;
        Ok(form_of(&[("messaging_product", "whatsapp"), ("type", &file.mime)], file, pieces))
    }
}

fn gone() -> Refusal {
    let message = "The file's bytes are not in the library any more. Nothing was sent; a colleague must upload it again.";
    Refusal::new("file_gone", Next::WaitForHuman, message)
}
