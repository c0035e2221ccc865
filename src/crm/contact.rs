//! The customer's contact in the CRM, found by the room's handle (qontak-api.md 1.8, 3.1). Two contacts with one handle are
//! nobody: it is never guessed who is meant, and nobody's data is told. A handle that is neither telephone nor e-mail (a visitor
//! of a web chat) names only the contact that was made for it, by the name that only such a one has.

use serde_json::json;

use crate::actors::outside::{EffectJob, Part};
use crate::catalog::nearest::shown_within;
use crate::outbound::encoded;
use crate::room::outbox::Rule;
use crate::room::tag::fold;

use super::QontakCrm;
use super::desk::Session;
use super::handle::Handle;
use super::record::{self, Record};
use super::written::{self, Written};
use crate::outbound::{Step, Stop};

/// Name of the part that makes one.
pub const CONTACT: &str = "contact";
/// How the first name of a contact begins that was made for a handle that is neither telephone nor e-mail; the handle follows.
/// All in one field, because the vendor does not say which of them its search by name looks at (qontak-api.md 3.1).
const VISITOR: &str = "Customer";
/// So long a contact that was found is taken to be still the only one.
const REMEMBERED_MS: i64 = 120_000;
/// Pages of contacts with one telephone that are read.
const PAGES: i64 = 2;
/// More rows than this that do not show what they were asked for by are not read one by one.
const MOST_UNSAID: usize = 4;

/// Who the customer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contact {
    One(i64),
    Nobody,
    /// More than one may be it, also where that could not be seen to the end.
    Several,
}

impl Contact {
    pub fn id(self) -> Option<i64> {
        match self {
            Self::One(id) => Some(id),
            Self::Nobody | Self::Several => None,
        }
    }

    /// What the model is told when there is no link.
    pub fn warning(self, kind: &str) -> Option<String> {
        match self {
            Self::One(_) => None,
            Self::Nobody => Some(format!("The customer has no contact in the CRM, so the {kind} is not linked to one.")),
            Self::Several => {
                Some(format!("More than one contact in the CRM may be this customer, so the {kind} is not linked to one."))
            }
        }
    }
}

impl QontakCrm {
    pub(super) async fn contact(&self, job: &EffectJob) -> Step<Contact> {
        let (company, handle) = (job.address.company, job.customer.handle.as_str());
        let (desk, now) = (self.desk(company), self.clock.now());
        if let Some(id) = desk.contact(handle, now, REMEMBERED_MS) {
            return Ok(Contact::One(id));
        }
        let wanted = Handle::read(handle);
        let queries: Vec<String> = match &wanted {
            Handle::Phone { forms, .. } => forms.iter().map(|form| format!("/contacts?phone={}", encoded(form))).collect(),
            Handle::Email(email) => vec![format!("/contacts?email={}", encoded(email))],
            Handle::Neither if is_visitor(handle) && self.session(company).await?.access.options.create_contacts => {
                vec![visitors(handle)]
            }
            Handle::Neither => return Ok(Contact::Nobody),
        };
        let (mut found, mut unsaid): (Vec<i64>, Vec<i64>) = (vec![], vec![]);
        let mut whole = true;
        for query in queries {
            let take = |row: &Record| {
                let Some(id) = record::int_of(row, "id") else { return true };
                match if wanted == Handle::Neither { is_made_for(handle, row) } else { is(&wanted, row) } {
                    Some(true) if !found.contains(&id) => found.push(id),
                    None if !unsaid.contains(&id) => unsaid.push(id),
                    _ => {}
                }
                found.len() < 2 && unsaid.len() <= MOST_UNSAID
            };
            whole &= self.scan(company, &query, PAGES, take).await?.is_whole()?;
        }
        whole &= unsaid.len() <= MOST_UNSAID;
        // A list need not show all of a contact; the contact itself does.
        for id in unsaid.into_iter().take(MOST_UNSAID) {
            let read = self.read(company, &format!("/contacts/{id}")).await?.found()?;
            match read.as_ref().and_then(|read| is(&wanted, read.identified()?)) {
                Some(true) if !found.contains(&id) => found.push(id),
                Some(_) => {}
                None => whole = false,
            }
        }
        Ok(match found.as_slice() {
            [] if whole => Contact::Nobody,
            [id] if whole => {
                desk.remember_contact(handle, *id, now);
                Contact::One(*id)
            }
            // Also where it was not seen that there is no other.
            _ => Contact::Several,
        })
    }

    /// The part that makes a contact; `None`: the handle is nothing a contact could be found by later.
    pub(super) fn contact_part(&self, job: &EffectJob, session: &Session, no: u32) -> Step<Option<Part>> {
        if !session.access.options.create_contacts {
            return Ok(None);
        }
        let given = job.customer.name.as_deref().map(str::trim).filter(|name| !name.is_empty());
        let (handle, wanted) = (job.customer.handle.trim(), Handle::read(&job.customer.handle));
        let name = match &wanted {
            Handle::Neither => visitor(handle),
            _ => shown_within(given.unwrap_or(VISITOR), 255),
        };
        let mut body = Record::from_iter([("first_name".to_owned(), json!(name)), ("additional_fields".to_owned(), json!([]))]);
        match wanted {
            // As contacts keep them: the local form first (qontak-api.md 1.8).
            Handle::Phone { forms, .. } => drop(body.insert("telephone".into(), json!(forms.first()))),
            Handle::Email(email) => drop(body.insert("email".into(), json!(email))),
            Handle::Neither if is_visitor(handle) => {}
            Handle::Neither => return Ok(None),
        }
        let written = Written {
            method: "POST".into(),
            path: "/contacts".into(),
            body: written::body(&body).map_err(Stop::store)?,
            record: None,
            updated_at: None,
            changes: vec![],
            view: Record::new(),
            warnings: vec![],
            also: vec![],
            contact: None,
        };
        Ok(Some(Part {
            no,
            name: CONTACT.into(),
            rule: Rule::Once,
            request: written.to_text().map_err(Stop::store)?,
            reference: None,
            shown_name: Some(fold(&name)),
            hands_to: None,
        }))
    }
}

/// Whether a contact can bear this handle as its name.
fn is_visitor(handle: &str) -> bool {
    let handle = handle.trim();
    !handle.is_empty() && handle.chars().count() < 255 - VISITOR.len()
}

fn visitor(handle: &str) -> String {
    format!("{VISITOR} {}", handle.trim())
}

/// Where a visitor's contact is among few others.
pub fn visitors(handle: &str) -> String {
    format!("/contacts?name={}", encoded(&visitor(handle)))
}

/// Whether it was made for this visitor.
fn is_made_for(handle: &str, row: &Record) -> Option<bool> {
    Some(record::text_of(row, "first_name") == Some(&visitor(handle)))
}

/// Whether a row is the one that was asked for. `None`: it does not show what it is asked for by; that the CRM gave it as an
/// answer is no proof, because a filter that it does not know would be passed over.
fn is(wanted: &Handle, row: &Record) -> Option<bool> {
    let keys: &[&str] = match wanted {
        Handle::Phone { .. } => &["telephone", "phone", "mobile", "mobile_phone"],
        _ => &["email"],
    };
    if !keys.iter().any(|key| row.contains_key(*key)) {
        return None;
    }
    Some(keys.iter().filter_map(|key| record::text_of(row, key)).any(|kept| wanted.is(kept)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_shows_nothing_proves_nothing() {
        let (phone, email) = (Handle::read("6281200000001"), Handle::read("laras@customers.example"));
        for (row, by_phone, by_email) in [
            (json!({"id": 1}), None, None),
            (json!({"id": 1, "telephone": null, "email": ""}), Some(false), Some(false)),
            (json!({"id": 1, "telephone": "081200000001", "email": "laras@customers.example"}), Some(true), Some(true)),
            (json!({"id": 1, "telephone": "081200000002", "mobile": "+6281200000001"}), Some(true), None),
            (json!({"id": 1, "email": "other@customers.example"}), None, Some(false)),
        ] {
            let row_of = row.as_object().unwrap();
            assert_eq!((is(&phone, row_of), is(&email, row_of)), (by_phone, by_email), "{row}");
        }
    }
}
