//! Tags on the conversation there: one request per tag, and one tag that is refused does not keep the others off
//! (qontak-api.md 3.7). The same name in another case is the same tag.

use crate::actors::outside::{EffectJob, PartRow, Planned};
use crate::catalog::create_tag::WantedTag;

use super::QontakChannel;
use super::answer;
use super::part::{Deed, Left};
use super::plan::write;
use super::refusals;
use super::rooms::There;
use crate::outbound::Step;

impl QontakChannel {
    pub(super) async fn next_of_tags(
        &self,
        job: &EffectJob,
        wanted: &[WantedTag],
        ended: &[PartRow],
        done: &[(Deed, Left)],
    ) -> Step<Planned> {
        let company = job.address.company;
        let there = match self.room(company, &job.address.room).await? {
            Some(there) => there,
            None if done.is_empty() => return Err(refusals::room_not_in_channel().into()),
            // It went while it was being tagged: what was done was done.
            None => There::default(),
        };
        let tried = |tag: &&WantedTag| done.iter().any(|(deed, _)| is_of(deed, tag));
        if let Some(tag) = wanted.iter().find(|tag| there.tag(&tag.folded).is_none() && !tried(tag)) {
            // As the company spells it.
            let known = self.directory(company).await?.tags;
            let shown = known.get(tag.folded.as_str()).map_or_else(|| tag.shown.clone(), |shown| shown.to_string());
            return write(job, &Deed::Tag { folded: tag.folded.clone(), shown }, ended);
        }
        Ok(Planned::End(answer::tagged(wanted, &there, done)))
    }
}

/// Whether this part was about this tag.
pub fn is_of(deed: &Deed, tag: &WantedTag) -> bool {
    matches!(deed, Deed::Tag { folded, .. } if *folded == tag.folded)
}
