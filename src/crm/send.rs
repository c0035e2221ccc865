//! Sends a part, once, and says what that came to. What is sorted as "may have happened" is never sent again from here.

use std::sync::Arc;

use crate::actors::outside::{EffectJob, Part, PartDone, Permit, Sent};
use crate::outbound::{CREDENTIALS_MS, Class, Inner, Outcome as Sorted, backoff_at, sort};
use crate::room::CompanyNo;
use crate::room::tag::fold;

use super::QontakCrm;
use super::answer;
use super::contact::CONTACT;
use super::desk::Session;
use super::envelope::{self, Envelope};
use super::permit::Leave;
use super::record;
use super::refusals;
use super::sheet::Sheet;
use super::wire;
use super::written::{Outcome, Written};

impl QontakCrm {
    pub(super) async fn send_part(&self, job: &EffectJob, part: &Part, permit: Permit) -> Result<Sent, Arc<str>> {
        let company = job.address.company;
        let written = Written::parse(&part.request)?;
        // The permit holds a slot.
        let session = match self.session_at_once(company).await {
            Ok(session) => session,
            Err(stop) => return Ok(stop.unsent()),
        };
        let Ok(mut leave) = permit.0.downcast::<Leave>() else { return Err("this permit is not the CRM's".into()) };
        if let Some(id) = leave.contact {
            return Ok(Sent::Done(PartDone { record: id.to_string(), answer: "{}".into() }));
        }
        let Some(slot) = leave.slot.take_if(|slot| slot.host() == session.api.host) else {
            return Ok(Sent::not_done(0, false, "the company's CRM has moved"));
        };
        let request = self.request(&session, written.method(), &written.path, Some(written.body.get()));
        let reply = self.outbound.send(slot, request).await;
        self.hear_inside(company, &session, Class::Write, &reply, wire::inside(&reply).as_ref());
        let creates = written.record.is_none();
        let sorted = sort(reply, true, |body| complete_write(body, creates));
        if !matches!(sorted, Sorted::Credentials { .. } | Sorted::NotDone { .. }) {
            self.accepted(company);
        }
        Ok(match sorted {
            Sorted::Success { body } => match self.done(job, part, &written, &body) {
                Some(done) => Sent::Done(done),
                None => Sent::Doubtful { why: "the answer does not say which record it is".into() },
            },
            Sorted::Refused { status, body } => self.refused(job, part, status, envelope::message(&body)).await,
            Sorted::NotDone { after_ms, why } => {
                Sent::not_done(after_ms.unwrap_or_else(|| backoff_at(2, self.clock.now())), true, why)
            }
            Sorted::Credentials { status } => self.unauthorized(job, &session, status).await,
            Sorted::Ambiguous { why } => Sent::Doubtful { why: why.into() },
        })
    }

    /// The part's outcome, from the answer of a write that went well.
    fn done(&self, job: &EffectJob, part: &Part, written: &Written, body: &[u8]) -> Option<PartDone> {
        let envelope = Envelope::parse(body)?;
        let read = envelope.identified();
        let id = written.record.or_else(|| record::int_of(read?, "id"))?;
        if part.name == CONTACT {
            self.desk(job.address.company).remember_contact(&job.customer.handle, id, self.clock.now());
            return Some(PartDone { record: id.to_string(), answer: "{}".into() });
        }
        let sheet = Sheet::of(job.plan.kind);
        let outcome = match read {
            Some(read) if written.record.is_none() => answer::judge(sheet, written, read, false),
            // A ticket's PUT shows all of it; a deal's may be an echo (qontak-api.md 3.2, 3.4).
            Some(read) if sheet.is_ticket() => answer::judge(sheet, written, read, true),
            _ => Outcome { view: written.view.clone(), unverified: vec![], unread: true },
        };
        Some(PartDone { record: id.to_string(), answer: serde_json::to_string(&outcome).unwrap_or_default() })
    }

    /// The CRM's "no".
    async fn refused(&self, job: &EffectJob, part: &Part, status: u16, said: Option<String>) -> Sent {
        let company = job.address.company;
        let sheet = Sheet::of(job.plan.kind);
        if part.name == CONTACT {
            // The record matters more than its contact: it is made without one.
            tracing::warn!(event = "crm.contact_refused", company = company.0, status, "the CRM refused a contact");
            return Sent::Done(PartDone { record: String::new(), answer: "{}".into() });
        }
        if !job.plan.creates && matches!(status, 404 | 410) {
            return Sent::refused(&refusals::record_gone(sheet.kind));
        }
        self.distrust_template(company, sheet).await;
        self.desk(company).forget_contact(&job.customer.handle);
        if self.is_about_mark(company, part, said.as_deref()) {
            return Sent::refused(&refusals::mark_refused(sheet.kind));
        }
        // It may be that what the call names is not there any more: then what there is says more than the CRM's own words.
        let changed = self.is_against_template(job).await;
        Sent::refused(&changed.unwrap_or_else(|| refusals::crm_refused(said)))
    }

    /// Whether the CRM's "no" is about our own reference, which no model has given; then others go without it for a while.
    fn is_about_mark(&self, company: CompanyNo, part: &Part, said: Option<&str>) -> bool {
        let desk = self.desk(company);
        let (Some(mark), Some(said), Some(session)) = (&part.reference, said, desk.session()) else { return false };
        let options = &session.access.options;
        let is = speaks_of(said, mark, &options.reference_field);
        if is {
            tracing::warn!(
                event = "crm.mark_refused",
                company = company.0,
                "the CRM refused a record because of the field with our reference"
            );
            desk.goes_unmarked(self.clock.now().plus_ms(options.template_ttl_ms));
        }
        is
    }

    /// 401 and 403: nothing was done. A token that can be refreshed is, once.
    async fn unauthorized(&self, job: &EffectJob, session: &Session, status: u16) -> Sent {
        let why = format!("the CRM refuses the token ({status})");
        if status == 401
            && let Ok(Some(_)) = self.after_refusal(job.address.company, session).await
        {
            return Sent::not_done(0, false, why);
        }
        Sent::not_done(CREDENTIALS_MS, false, why)
    }
}

/// A create must say which record it made; an update may answer with `meta` alone (qontak-api.md 1.3).
fn complete_write(body: &[u8], creates: bool) -> Inner {
    let Some(envelope) = Envelope::parse(body) else { return Inner::Unreadable };
    match envelope.inner_status() {
        Some(status) if status >= 300 => Inner::Status(status),
        _ if envelope.identified().is_some() => Inner::Complete,
        _ if !creates && envelope.is_good() => Inner::Complete,
        _ => Inner::Unreadable,
    }
}

/// Whether the CRM's words are about our reference: by what stands in it, or by the label of its field.
fn speaks_of(said: &str, mark: &str, label: &str) -> bool {
    said.contains(mark) || fold(said).contains(&fold(label))
}

#[cfg(test)]
mod tests {
    use super::speaks_of;

    #[test]
    fn a_no_is_about_our_reference_if_it_names_it_or_its_field() {
        let is = |said: &str| speaks_of(said, "bh-abcdefghijklmnop", "Bellhop reference");
        assert!(is("additional_fields[2].value \"bh-abcdefghijklmnop\" is too long"));
        assert!(is("The field BELLHOP  Reference is not valid"));
        assert!(!is("amount is not a number") && !is("bh-bbbbbbbbbbbbbbbb is taken") && !is(""));
    }
}
