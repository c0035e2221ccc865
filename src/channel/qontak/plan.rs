//! What comes next in an effect: the next writing part, or the end. Only reads; asked anew after every part and every restart.

use std::sync::Arc;

use crate::actors::outside::{EffectJob, PartRow, Planned};
use crate::catalog::Request;

use super::QontakChannel;
use super::part::{Deed, deeds};
use crate::outbound::Stop;

impl QontakChannel {
    pub(super) async fn next(&self, job: &EffectJob, ended: &[PartRow]) -> Result<Planned, Arc<str>> {
        let done = deeds(ended)?;
        if done.is_empty()
            && let Err(stop) = self.may_begin(job.address.company, job.plan.kind).await
        {
            return Ok(stop.planned());
        }
        let planned = match &job.request {
            Request::AssignAgent(asked) => self.next_of_assignment(job, &asked.wanted, ended, &done).await,
            Request::ReturnConversation(_) => self.next_of_return(job, ended, &done).await,
            Request::CreateTag(asked) => self.next_of_tags(job, &asked.tags, ended, &done).await,
            Request::ResolveConversation(asked) => self.next_of_resolution(job, asked, ended).await,
            Request::SendAttachment(asked) => self.next_of_attachment(job, asked, ended, &done).await,
            _ => return Err("this call is not the channel's".into()),
        };
        Ok(planned.unwrap_or_else(Stop::planned))
    }
}

/// The deed as the next part.
pub fn write(job: &EffectJob, deed: &Deed, ended: &[PartRow]) -> Result<Planned, Stop> {
    deed.part(&job.address.room, ended).map(Planned::Write).map_err(Stop::store)
}
