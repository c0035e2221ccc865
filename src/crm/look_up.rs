//! Whether a part that was started was done (reliability-security.md 2.7). A create is found by our own reference, else by name,
//! contact and time, and then it counts only if no other call of ours can have made it; where our reference should stand on it and
//! does not, nobody can tell. An update is read back. **Invariant:** "absent" is only said when all that could be it was seen.

use std::sync::Arc;

use crate::actors::outside::{EffectJob, Found, Part, PartDone};
use crate::outbound::encoded;
use crate::room::tag::fold;
use crate::room::{CompanyNo, Timestamp};

use super::QontakCrm;
use super::answer;
use super::contact::{CONTACT, Contact, visitors};
use super::dates;
use super::desk::MOST_PER_PAGE;
use super::handle::Handle;
use super::order::{DISORDER_US, Order};
use super::record::{self, Record};
use super::reference;
use super::sheet::Sheet;
use super::written::{Outcome, Written};
use crate::outbound::{Step, Stop};

/// A record this much older than the start, by the CRM's own clock, cannot be ours: its servers differ.
const CLOCKS_DIFFER_MS: i64 = 60_000;
/// A record that may bear our reference is looked for so much further back: no clock is to be believed more than the mark.
const MARKED_US: i64 = 3_600_000_000;
/// Full pages that are read before it is given up …
const PAGES: i64 = 30;
/// … and of a list that has its newest first, where an end is in sight.
const PAGES_IN_ORDER: i64 = 100;
/// More records than this that look alike are not told apart.
const MOST_ALIKE: usize = 8;

/// What to look for, and what was found.
struct Search<'a> {
    part: &'a Part,
    contact: Option<i64>,
    /// Of what was made before nothing without our reference can be ours. Microseconds by the CRM's clock.
    since: i64,
    /// Behind a record made before this nothing is looked at, if the newest come first. `None`: we do not know the CRM's clock.
    last: Option<i64>,
    order: Order,
    /// With our reference on them.
    hits: Vec<Record>,
    /// With our name and contact, new enough, and without anybody's reference.
    alike: Vec<Record>,
    /// Rows that do not show what would tell: each must be read by itself.
    unclear: Vec<i64>,
}

impl Search<'_> {
    /// Whether so many rows of one list are worth looking at.
    fn goes_on(&self, rows: i64) -> bool {
        rows <= PAGES * MOST_PER_PAGE || self.order.newest_first()
    }

    /// Looks at one row of a list. `false`: nothing after it can be ours.
    fn look_at(&mut self, row: &Record) -> bool {
        let created = created(row);
        if let Some(at) = created {
            self.order.see(at);
            if self.last.is_some_and(|last| at < last - DISORDER_US) && self.order.newest_first() {
                return false;
            }
        }
        let hides_marks = self.part.reference.is_some() && record::custom_fields(row).next().is_none();
        let hides_contacts = !row.contains_key("crm_lead_ids");
        if !(hides_marks || hides_contacts) || self.bears(row) {
            self.judge(row);
        } else {
            // A list that leaves something out, or empty, says nothing of it.
            let may_be = self.name_is(row) && (hides_contacts || self.contact_is(row));
            let oldest = if self.part.reference.is_some() { self.last } else { Some(self.since) };
            let old = created.zip(oldest).is_some_and(|(at, oldest)| at < oldest);
            let id = record::int_of(row, "id").filter(|id| !self.unclear.contains(id));
            self.unclear.extend(id.filter(|_| may_be && !old));
        }
        let beside = if self.part.reference.is_some() { 0 } else { self.alike.len() };
        self.hits.len() + beside + self.unclear.len() <= MOST_ALIKE
    }

    /// Looks at a record that shows all it has. Our reference counts whatever the time: no clock is above it.
    fn judge(&mut self, row: &Record) {
        if self.bears(row) {
            self.hits.push(row.clone());
            return;
        }
        // With another's on it it is another call's.
        let anothers = self.part.reference.is_some() && marks(row).next().is_some();
        let old = created(row).is_some_and(|at| at < self.since);
        if !anothers && !old && self.name_is(row) && self.contact_is(row) && self.alike.len() <= MOST_ALIKE {
            self.alike.push(row.clone());
        }
    }

    fn bears(&self, row: &Record) -> bool {
        self.part.reference.as_deref().is_some_and(|reference| marks(row).any(|mark| mark == reference))
    }

    fn name_is(&self, row: &Record) -> bool {
        record::text_of(row, "name").map(fold) == self.part.shown_name
    }

    fn contact_is(&self, row: &Record) -> bool {
        let contacts = record::ids(row, "crm_lead_ids");
        self.contact.map_or(contacts.is_empty(), |contact| contacts.contains(&contact))
    }
}

fn created(row: &Record) -> Option<i64> {
    record::text_of(row, "created_at").and_then(dates::moment_of)
}

/// References of calls of ours, whichever, that its custom fields hold.
fn marks(row: &Record) -> impl Iterator<Item = &str> {
    let values = record::custom_fields(row).filter_map(|field| field.get("value")?.as_str());
    values.filter(|value| reference::is_one(value))
}

impl QontakCrm {
    pub(super) async fn find(&self, job: &EffectJob, part: &Part, started_at: Timestamp) -> Result<Found, Arc<str>> {
        let written = Written::parse(&part.request)?;
        let found = match written.record {
            Some(id) => self.read_back(job, &written, id).await,
            None if part.name == CONTACT => self.find_contact(job, part, started_at).await,
            None => self.find_record(job, part, &written, started_at).await,
        };
        Ok(match found {
            Ok(found) => found,
            Err(Stop::Later { after_ms, why }) => Found::Later { after_ms, why },
            Err(Stop::Refuse(_)) => Found::Unprovable { why: "the company has no CRM any more".into() },
        })
    }

    /// Whether an update shows. A record that is gone has not been changed.
    async fn read_back(&self, job: &EffectJob, written: &Written, id: i64) -> Step<Found> {
        let sheet = Sheet::of(job.plan.kind);
        let Some(read) = self.record(job.address.company, sheet, &id.to_string()).await? else { return Ok(Found::Absent) };
        let outcome = answer::judge(sheet, written, &read, true);
        Ok(if outcome.unverified.is_empty() { Found::Done(done(id, &outcome)) } else { Found::Absent })
    }

    /// From when on what was started then can have been made, by the CRM's clock as far as we know it; and whether we do.
    fn since(&self, company: CompanyNo, started_at: Timestamp) -> (i64, bool) {
        let ahead = self.desk(company).their_clock_is_ahead_us().filter(|_| started_at <= self.clock.now());
        (started_at.plus_ms(-CLOCKS_DIFFER_MS).0 + ahead.unwrap_or_default().min(0), ahead.is_some())
    }

    async fn find_record(&self, job: &EffectJob, part: &Part, written: &Written, started_at: Timestamp) -> Step<Found> {
        let company = job.address.company;
        let sheet = Sheet::of(job.plan.kind);
        let (order, hits, alike, unclear) = (Order::default(), vec![], vec![], vec![]);
        let (contact, since) = (written.contact, i64::MAX);
        let mut search = Search { part, contact, since, last: None, order, hits, alike, unclear };
        let path = match contact.filter(|_| !sheet.is_ticket()) {
            Some(contact) => format!("/deals?contact_ids={contact}"),
            None => format!("/{}", sheet.plural),
        };
        let mut whole = self.look_through(company, &path, &mut search, started_at).await?;
        if let (false, false, Some(name)) = (whole, sheet.is_ticket(), written.view.get("name").and_then(|name| name.as_str())) {
            // Too many to see them all: a filter by name is the narrowest there is.
            let joint = if path.contains('?') { '&' } else { '?' };
            let path = format!("{path}{joint}name={}", encoded(name));
            whole = self.look_through(company, &path, &mut search, started_at).await?;
        }
        if search.hits.len() + search.unclear.len() > MOST_ALIKE {
            return Ok(unprovable("too many records look like it"));
        }
        for id in std::mem::take(&mut search.unclear) {
            if let Some(read) = self.record(company, sheet, &id.to_string()).await? {
                search.judge(&read);
            }
        }
        let Search { hits, alike, .. } = search;
        let judged = |hit: &Record| Some(answer::judge(sheet, written, hit, false));
        match distinct(hits).as_slice() {
            [hit] => Ok(match record::int_of(hit, "id") {
                Some(id) => Found::Done(done(id, &answer::judge(sheet, written, hit, false))),
                None => unprovable("what was found has no id"),
            }),
            [] if alike.len() > MOST_ALIKE => Ok(unprovable("too many records look like it")),
            [] => self.unclaimed(job, part, &distinct(alike), whole, judged).await,
            _ => Ok(unprovable("more than one record bears our reference")),
        }
    }

    /// Whether all of this list that could be ours was seen.
    async fn look_through(&self, company: CompanyNo, path: &str, search: &mut Search<'_>, started_at: Timestamp) -> Step<bool> {
        let (mut rows, mut endless) = (0, false);
        let take = |row: &Record| {
            // Each page's answer has told the CRM's time by then.
            let (since, known) = self.since(company, started_at);
            search.since = since;
            search.last = if search.part.reference.is_some() { known.then_some(since - MARKED_US) } else { Some(since) };
            rows += 1;
            endless = !search.goes_on(rows);
            !endless && search.look_at(row)
        };
        let whole = self.scan(company, path, PAGES_IN_ORDER, take).await?.is_whole()?;
        Ok(whole && !endless)
    }

    async fn find_contact(&self, job: &EffectJob, part: &Part, started_at: Timestamp) -> Step<Found> {
        // Whoever made it: the customer has one, and that is all that was wanted.
        if let Contact::One(id) = self.contact(job).await? {
            return Ok(Found::Done(PartDone { record: id.to_string(), answer: "{}".into() }));
        }
        let query = match Handle::read(&job.customer.handle) {
            Handle::Phone { forms, .. } => format!("/contacts?phone={}", encoded(forms.first().map_or("", String::as_str))),
            Handle::Email(email) => format!("/contacts?email={}", encoded(&email)),
            Handle::Neither => visitors(&job.customer.handle),
        };
        let mut hits: Vec<Record> = vec![];
        let company = job.address.company;
        let take = |row: &Record| {
            let (since, _) = self.since(company, started_at);
            let names = [record::text_of(row, "first_name"), record::text_of(row, "last_name")];
            let name = fold(&names.into_iter().flatten().collect::<Vec<_>>().join(" "));
            if created(row).is_none_or(|at| at >= since) && Some(name) == part.shown_name {
                hits.push(row.clone());
            }
            hits.len() <= MOST_ALIKE
        };
        let whole = self.scan(company, &query, PAGES, take).await?.is_whole()?;
        if hits.len() > MOST_ALIKE {
            return Ok(unprovable("too many contacts look like it"));
        }
        self.unclaimed(job, part, &hits, whole, |_| None).await
    }

    /// A record without our reference is ours only if nobody else of us can have made it.
    async fn unclaimed(
        &self,
        job: &EffectJob,
        part: &Part,
        hits: &[Record],
        whole: bool,
        outcome: impl Fn(&Record) -> Option<Outcome>,
    ) -> Step<Found> {
        let mut free: Vec<(i64, &Record)> = vec![];
        let mut contested = false;
        for hit in hits.iter().take(MOST_ALIKE) {
            let Some(id) = record::int_of(hit, "id") else { continue };
            let (made, rivals) = self.claimed(job, part, id).await?;
            contested |= rivals;
            if !made {
                free.push((id, hit));
            }
        }
        Ok(match free.as_slice() {
            [] if whole => Found::Absent,
            [] => unprovable("the CRM has too many newer records"),
            // Somebody else may have made it, or the CRM has let the reference go.
            _ if part.reference.is_some() => unprovable("a record like it does not bear our reference"),
            [_] if contested => unprovable("another call may have made what was found"),
            [(id, hit)] => match outcome(hit) {
                Some(outcome) => Found::Done(done(*id, &outcome)),
                None => Found::Done(PartDone { record: id.to_string(), answer: "{}".into() }),
            },
            _ => unprovable("more than one record looks like it"),
        })
    }

    /// Whether another call made this record, and whether one whose outcome is unknown may have.
    async fn claimed(&self, job: &EffectJob, part: &Part, id: i64) -> Step<(bool, bool)> {
        let company: CompanyNo = job.address.company;
        let shown_name = part.shown_name.as_deref().unwrap_or_default();
        let id = id.to_string();
        let claims = self.outbox.claims(company, &part.name, &id, shown_name, job.key).await.map_err(Stop::store)?;
        let others = || claims.iter().filter(|claim| claim.effect != job.key);
        Ok((others().any(|claim| claim.record.as_ref() == Some(&id)), others().any(|claim| claim.record.is_none())))
    }
}

/// The same record may stand on two pages.
fn distinct(mut rows: Vec<Record>) -> Vec<Record> {
    rows.sort_by_key(|row| record::int_of(row, "id"));
    rows.dedup_by_key(|row| record::int_of(row, "id"));
    rows
}

fn done(id: i64, outcome: &Outcome) -> PartDone {
    PartDone { record: id.to_string(), answer: serde_json::to_string(outcome).unwrap_or_default() }
}

fn unprovable(why: &str) -> Found {
    Found::Unprovable { why: why.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::outbox::Rule;

    fn part() -> Part {
        let (request, shown_name) = (String::new(), Some("twin".to_owned()));
        Part { no: 0, name: "deal".into(), rule: Rule::Once, request, reference: None, shown_name, hands_to: None }
    }

    fn search(part: &Part) -> Search<'_> {
        let (order, hits, alike, unclear) = (Order::default(), vec![], vec![], vec![]);
        Search { part, contact: None, since: 0, last: None, order, hits, alike, unclear }
    }

    /// How many rows, created at these seconds, are looked at by a search for what was made at 100 or later.
    fn looked_at(part: &Part, created: &[i64]) -> usize {
        let mut search = Search { since: 100_000_000, last: Some(100_000_000), ..search(part) };
        let row = |second: &i64| {
            let at = jiff::Timestamp::from_second(*second).unwrap().to_string();
            Record::from_iter([("created_at".to_owned(), serde_json::json!(at))])
        };
        created.iter().map(row).take_while(|row| search.look_at(row)).count()
    }

    #[test]
    fn a_list_is_left_at_the_first_old_row_only_if_it_has_its_newest_first() {
        assert_eq!(looked_at(&part(), &[120, 110, 90, 80, 70]), 3);
        assert_eq!(looked_at(&part(), &[120, 123, 118, 121, 85, 80]), 4, "made at once, listed as it came");
        assert_eq!(looked_at(&part(), &[90, 80, 70]), 1, "a fall must have been seen");
        assert_eq!(looked_at(&part(), &[10, 20, 90, 110, 120]), 5, "oldest first: all of it");
        assert_eq!(looked_at(&part(), &[110, 85, 85, 130]), 1);
        assert_eq!(looked_at(&part(), &[90, 120, 80, 110]), 4, "no order at all");
    }

    #[test]
    fn a_long_list_is_looked_through_only_if_it_has_its_newest_first() {
        let long = PAGES * MOST_PER_PAGE + 1;
        for (created, goes_on) in
            [(&[120, 110, 100][..], true), (&[100, 110, 120], false), (&[120, 100, 120], false), (&[], false)]
        {
            let part = part();
            let mut search = search(&part);
            created.iter().for_each(|second| search.order.see(second * 1_000_000));
            assert_eq!((search.goes_on(long - 1), search.goes_on(long)), (true, goes_on), "{created:?}");
        }
    }

    #[test]
    fn a_row_that_hides_its_custom_fields_is_read_by_itself() {
        let marked = Part { reference: Some("bh-abcdefghijklmnop".into()), ..part() };
        let row = |extra: serde_json::Value| {
            let mut row = serde_json::json!({"id": 1, "name": "Twin", "crm_lead_ids": []});
            row["additional_fields"] = extra;
            row.as_object().unwrap().clone()
        };
        for (fields, hits, alike, unclear) in [
            (serde_json::json!([{"id": 8, "value": "bh-abcdefghijklmnop"}]), 1, 0, 0),
            (serde_json::json!([{"id": 8, "value": "bh-bbbbbbbbbbbbbbbb"}]), 0, 0, 0),
            (serde_json::json!([{"id": 8, "value": ""}]), 0, 1, 0),
            (serde_json::json!([]), 0, 0, 1),
            (serde_json::json!(null), 0, 0, 1),
        ] {
            let mut search = search(&marked);
            search.look_at(&row(fields));
            assert_eq!((search.hits.len(), search.alike.len(), search.unclear.len()), (hits, alike, unclear));
        }
    }

    #[test]
    fn our_mark_counts_whatever_the_time_and_ends_no_list_while_the_clocks_are_unknown() {
        let marked = Part { reference: Some("bh-abcdefghijklmnop".into()), ..part() };
        let row = |second: i64, mark: &str| {
            let at = jiff::Timestamp::from_second(second).unwrap().to_string();
            let row = serde_json::json!({"id": second, "name": "Twin", "crm_lead_ids": [], "created_at": at,
                "additional_fields": [{"id": 8, "value": mark}]});
            row.as_object().unwrap().clone()
        };
        let mut search = Search { since: 100_000_000, ..search(&marked) };
        assert!(search.look_at(&row(120, "")) && search.look_at(&row(50, "")) && search.look_at(&row(20, "bh-abcdefghijklmnop")));
        assert_eq!((search.hits.len(), search.alike.len()), (1, 1));
        search.last = Some(30_000_000);
        assert!(!search.look_at(&row(10, "")));
    }
}
