//! What comes next in an effect: the file is uploaded, then a text where the file's kind carries no caption, then the file's
//! message. An upload reaches nobody, so it may be repeated; only messages are parts. Of a resolve it is the closing message alone.

use std::sync::Arc;

use crate::actors::outside::{EffectJob, PartRow, Planned};
use crate::catalog::Request;
use crate::catalog::resolve_conversation::ResolveConversation;
use crate::catalog::send_attachment::{self, SendAttachment};
use crate::channel::closing;
use crate::channel::qontak::resolved;
use crate::outbound::{Step, Stop};
use crate::room::channel_limits::{Caption, Channel, fits};
use crate::room::{CameAbout, ClosingOutcome, Format, Settlement};

use super::WhatsappCloud;
use super::envelope::recipient_unreachable;
use super::part::{Message, number};
use crate::channel::sourced::with_words;

impl WhatsappCloud {
    pub(super) async fn next(&self, job: &EffectJob, ended: &[PartRow]) -> Result<Planned, Arc<str>> {
        let planned = match &job.request {
            Request::SendAttachment(asked) => self.next_of_attachment(job, asked, ended).await,
            Request::ResolveConversation(asked) => self.next_of_resolution(job, asked, ended),
            _ => return Err("this call is not the channel's".into()),
        };
        Ok(planned.unwrap_or_else(Stop::planned))
    }

    /// The closing message; the conversation itself ends here.
    fn next_of_resolution(&self, job: &EffectJob, asked: &ResolveConversation, ended: &[PartRow]) -> Step<Planned> {
        let closing = match (closing::outcome(job, ended), &job.plan.closing, number(&job.customer.handle)) {
            (None, Some(text), Some(to)) => {
                let message = Message::Text { to, text: text.to_string() };
                return message.part(job, ended).map(Planned::Write).map_err(Stop::store);
            }
            (None, Some(_), None) => Some(ClosingOutcome::not_sent(recipient_unreachable().code)),
            (known, _, _) => known,
        };
        Ok(Planned::End(resolved(asked, true, self.clock.now(), closing)))
    }

    async fn next_of_attachment(&self, job: &EffectJob, asked: &SendAttachment, ended: &[PartRow]) -> Step<Planned> {
        let Some(file) = job.plan.file.clone() else { return Err(Stop::later(60_000, "a file's effect names no file")) };
        let said: Vec<Message> = ended.iter().map(|row| Message::of(&row.part)).collect::<Result<_, _>>().map_err(Stop::store)?;
        let caption = asked.caption.clone();
        if let Some((row, _)) = ended.iter().zip(&said).find(|(_, message)| message.is_file()) {
            let message_id = row.done.as_ref().map(|done| done.record.clone()).filter(|id| !id.is_empty());
            let result = send_attachment::accepted(&file, caption.as_deref(), self.clock.now().to_text());
            let sent = CameAbout::Sent { file, caption, message_id, result: result.0.as_str().into() };
            return Ok(Planned::End(Settlement::done(&result, sent)));
        }
        let Some(to) = number(&job.customer.handle) else { return Err(recipient_unreachable().into()) };
        let session = self.session(job.address.company).await?;
        if let Some(link) = &job.link {
            return Message::Link { to, text: with_words(&file, caption.as_deref(), link) }
                .part(job, ended)
                .map(Planned::Write)
                .map_err(Stop::store);
        }
        // Before the first word reaches the customer: a text about a file that cannot come would be worse than none.
        self.media(job, &session, &file).await?;
        let message = match &caption {
            Some(text) if said.is_empty() && !carries_caption(&file.mime, file.size) => Message::Text { to, text: text.clone() },
            caption => {
                let caption = if said.is_empty() { caption.clone() } else { None };
                Message::File { to, file: (*file).clone(), caption }
            }
        };
        message.part(job, ended).map(Planned::Write).map_err(Stop::store)
    }
}

/// Whether the words beside this file stand in its own message.
fn carries_caption(mime: &str, size: u64) -> bool {
    let takes = Format::of_mime(mime).and_then(|format| fits(Channel::WhatsappCloud, format, size).ok());
    takes.is_some_and(|takes| matches!(takes.caption, Caption::Field(_)))
}
