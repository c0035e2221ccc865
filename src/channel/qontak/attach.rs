//! A file on its way into the conversation: a text before it where the model wrote one, then the file itself, from the library
//! to the wire a piece at a time (qontak-api.md 2.5, 3.8). The channel has no look-up of messages, so what may have been sent is
//! never sent again from here; what the channel tells of it by itself may still prove it (`echoed`).

use jiff::{SignedDuration, Timestamp as Instant};

use crate::actors::outside::{EffectJob, PartRow, Planned};
use crate::catalog::send_attachment::{self, SendAttachment};
use crate::outbound::{Request, form_of};
use crate::room::{CameAbout, Next, Refusal, SentFile, Settlement};

use super::QontakChannel;
use super::part::{Deed, Left};
use super::plan::write;
use super::refusals;
use super::rooms::There;
use super::session::Session;
use crate::channel::sourced::with_words;
use crate::outbound::{Step, Stop};

/// Messages may be written so long after the customer's last one; a minute is left for the way.
const WINDOW: SignedDuration = SignedDuration::from_secs(24 * 3_600 - 60);
/// Where a bot's messages go (qontak-api.md 2.5).
pub const MESSAGES: &str = "/messages/whatsapp/bot";

impl QontakChannel {
    pub(super) async fn next_of_attachment(
        &self,
        job: &EffectJob,
        asked: &SendAttachment,
        ended: &[PartRow],
        done: &[(Deed, Left)],
    ) -> Step<Planned> {
        let Some(file) = job.plan.file.clone() else { return Err(Stop::later(60_000, "a file's effect names no file")) };
        if let Some((_, left)) = done.iter().find(|(deed, _)| matches!(deed, Deed::File { .. } | Deed::Link { .. })) {
            let message_id = if let Left::Said { message } = left { Some(message.clone()) } else { None };
            let caption = asked.caption.clone();
            let result = send_attachment::accepted(&file, caption.as_deref(), self.clock.now().to_text());
            let sent = CameAbout::Sent { file, caption, message_id, result: result.0.as_str().into() };
            return Ok(Planned::End(Settlement::done(&result, sent)));
        }
        if done.is_empty() {
            let there = self.room(job.address.company, &job.address.room).await?;
            may_be_written_to(there.as_ref(), self.clock.now().0)?;
            if let Some(link) = &job.link {
                return write(job, &Deed::Link { text: with_words(&file, asked.caption.as_deref(), link) }, ended);
            }
            if let Some(text) = &asked.caption {
                return write(job, &Deed::Say { text: text.clone() }, ended);
            }
        }
        write(job, &Deed::File { file: SentFile::clone(&file) }, ended)
    }

    /// The request with the file's own bytes. Only its head is in memory.
    pub(super) async fn upload(&self, job: &EffectJob, session: &Session, file: &SentFile) -> Step<Request> {
        let company = job.address.company;
        let files = self.files.as_ref().ok_or_else(gone)?;
        let pieces = files.open(company, &file.sha256, file.size).await.map_err(Stop::store)?;
        let Some(pieces) = pieces else { return Err(gone().into()) };
        let who = session.bot.as_ref().ok_or_else(no_bot_token)?;
        let mut request = self.request(session, who, "POST", MESSAGES, None);
        let fields = [("room_id", job.address.room.as_str()), ("type", &file.kind)];
        request.body = Some(form_of(&fields, file, pieces));
        Ok(request)
    }
}

/// Whether a message can be sent into the room as it is there.
pub fn may_be_written_to(there: Option<&There>, now_us: i64) -> Step<()> {
    let Some(there) = there else { return Err(refusals::room_not_in_channel().into()) };
    if there.resolved {
        let message = "The conversation is resolved in the channel, so nothing was sent.";
        return Err(Refusal::new("room_resolved", Next::DoNotRetry, message).into());
    }
    if !there.channel.is_empty() && !matches!(there.channel.as_str(), "wa" | "wa_cloud") {
        let message = "Files cannot be sent in this customer's channel. Nothing was sent; tell the customer another way.";
        return Err(Refusal::new("channel_unsupported", Next::DoNotRetry, message).into());
    }
    let began = there.session_at.as_deref().and_then(|text| text.parse::<Instant>().ok());
    let now = Instant::from_microsecond(now_us).ok();
    if let (Some(began), Some(now)) = (began, now)
        && now.duration_since(began) > WINDOW
    {
        return Err(window_closed().into());
    }
    Ok(())
}

pub fn window_closed() -> Refusal {
    let message = "The customer last wrote more than 24 hours ago, so the channel takes no file now. Nothing was sent; hand the \
        conversation to a human agent, or wait until the customer writes.";
    Refusal::new("window_closed", Next::WaitForHuman, message)
}

fn gone() -> Refusal {
    let message = "The file's bytes are not in the library any more. Nothing was sent; a colleague must upload it again.";
    Refusal::new("file_gone", Next::WaitForHuman, message)
}

pub fn no_bot_token() -> Refusal {
    let message = "The channel is not set up for sending, so nothing was sent. Do not try again.";
    Refusal::new("not_connected", Next::DoNotRetry, message)
}
