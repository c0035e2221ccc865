//! The last look before a write leaves: its turn at the way out, and, for a change, whether the record is still the one that was
//! read. The vendor has no conditional write, and a PUT may replace all of the record (qontak-api.md 1.5), so what somebody else
//! changed in between would be undone by it. Sends nothing itself but reads.

use std::sync::Arc;
use std::time::Duration;

use crate::actors::outside::{EffectJob, Part, Permit, Permitted};
use crate::outbound::{Ask, Class, Slot, Step, Stop};
use crate::room::CompanyNo;

use super::QontakCrm;
use super::contact::{CONTACT, Contact};
use super::desk::Session;
use super::record;
use super::sheet::Sheet;
use super::written::Written;

/// A look is taken again if the write's turn came later than this (2 s, and what two requests' places take) after it.
const FRESH_MS: i64 = 2_000;
/// So long a slot is held while the vault is asked: whoever has to wait longer waits for others who may wait for this slot.
const ASK_WITHIN: Duration = Duration::from_secs(1);
/// Looks before one write: the last one counts, however long its turn took.
const LOOKS: u32 = 2;

/// What the CRM's permits hold.
pub(super) struct Leave {
    /// `None`: nothing is to be sent.
    pub slot: Option<Slot>,
    /// The contact that was to be made and is there already.
    pub contact: Option<i64>,
    /// Rooms of one customer make one contact: held until the write is over.
    _turn: Option<tokio::sync::OwnedMutexGuard<()>>,
}

impl Leave {
    fn of(slot: Option<Slot>) -> Permitted {
        Self { slot, contact: None, _turn: None }.given()
    }

    fn given(self) -> Permitted {
        Permitted::Go(Permit(Box::new(self)))
    }
}

impl QontakCrm {
    pub(super) async fn permitted(&self, job: &EffectJob, part: &Part, attempt: u32) -> Result<Permitted, Arc<str>> {
        let written = Written::parse(&part.request)?;
        if part.name == CONTACT {
            return self.permitted_contact(job, attempt).await;
        }
        let (Some(id), Some(seen)) = (written.record, &written.updated_at) else {
            return Ok(Leave::of(self.slot_for(job, Ask::of(attempt)).await?));
        };
        let mut looks = 0;
        loop {
            let read = match self.record(job.address.company, Sheet::of(job.plan.kind), &id.to_string()).await {
                Ok(read) => read,
                Err(Stop::Later { why, .. }) => return Err(why),
                // Without a CRM nothing will be sent.
                Err(Stop::Refuse(_)) => return Ok(Leave::of(None)),
            };
            // One that is gone is the write's to find; one that does not say when it changed cannot be compared.
            let now = read.as_ref().and_then(|read| record::text_of(read, "updated_at"));
            if now.is_some_and(|now| now != seen) {
                return Ok(Permitted::Changed);
            }
            let looked_at = self.clock.now();
            // The read has waited in the queue; the write that belongs to it must not wait once more.
            let slot = self.slot_for(job, Ask::Ahead).await?;
            looks += 1;
            let fresh_ms = self.desk(job.address.company).session().map_or(FRESH_MS, |session| fresh_ms(&session));
            if looks == LOOKS || self.clock.now().ms_since(looked_at) <= fresh_ms {
                return Ok(Leave::of(slot));
            }
        }
    }

    /// Another room of the customer may have been quicker: that is looked at before there is a slot, for whoever holds one must
    /// not wait for another.
    async fn permitted_contact(&self, job: &EffectJob, attempt: u32) -> Result<Permitted, Arc<str>> {
        let turn = Some(self.desk(job.address.company).making(&job.customer.handle).lock_owned().await);
        let contact = match self.contact(job).await {
            Ok(Contact::One(id)) => Some(id),
            Ok(Contact::Nobody | Contact::Several) | Err(Stop::Refuse(_)) => None,
            Err(Stop::Later { why, .. }) => return Err(why),
        };
        let slot = if contact.is_some() { None } else { self.slot_for(job, Ask::of(attempt)).await? };
        Ok(Leave { slot, contact, _turn: turn }.given())
    }

    /// A slot of the company's; without a CRM none is needed, because nothing will be sent.
    async fn slot_for(&self, job: &EffectJob, ask: Ask) -> Result<Option<Slot>, Arc<str>> {
        let company = job.address.company;
        loop {
            let session = match self.fresh(company).await {
                Ok(session) => session,
                Err(Stop::Later { why, .. }) => return Err(why),
                Err(Stop::Refuse(_)) => return Ok(None),
            };
            let slot = self.outbound.slot_as(company, &session.api.host, Class::Write, ask).await;
            if slot.is_void() {
                return Err("its time was over before its turn came".into());
            }
            // The wait may have been long: a token that ends while the request is under way is worse than waiting again.
            match self.session_at_once(company).await {
                Ok(now) if now.api.host == session.api.host && !now.credentials.is_stale(self.clock.now()) => {
                    return Ok(Some(slot));
                }
                Ok(now) if now.api.host == session.api.host && now.access.version == session.access.version => {
                    return Ok(Some(slot));
                }
                Ok(_) | Err(_) => drop(slot),
            }
        }
    }

    /// The company's access, for one who holds a slot. A new access is taken in behind those who read templates with the former
    /// one, and they may wait for just this slot.
    pub(super) async fn session_at_once(&self, company: CompanyNo) -> Step<Arc<Session>> {
        let later = |_| Err(Stop::later(1_000, "the company's access took too long to be had"));
        tokio::time::timeout(ASK_WITHIN, self.session(company)).await.unwrap_or_else(later)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a rate is at least one in some minutes")]
fn fresh_ms(session: &Session) -> i64 {
    let options = &session.access.options;
    let place_ms = (60_000.0 / options.per_minute.max(0.01)).max(1_000.0 / options.per_second.max(0.01));
    FRESH_MS.saturating_add(2 * place_ms as i64)
}
