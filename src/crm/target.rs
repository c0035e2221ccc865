//! Which record an update means (qontak-api.md 3.2, 3.4): the room's own, the one that is named, or the customer's only open one.
//! **Invariant:** a record that is not the room's own is only ever touched when the customer's contact is linked to it.

use crate::actors::outside::EffectJob;
use crate::outbound::encoded;
use crate::room::{CompanyNo, RecordKind};

use super::QontakCrm;
use super::desk::Shelved;
use super::record::{self, Record};
use super::refusals;
use super::sheet::Sheet;
use super::template::Template;
use crate::outbound::Step;

/// Pages of the ticket list that are searched for a number or for a customer's tickets.
const TICKET_PAGES: i64 = 10;
/// Pages of one customer's deals that are read.
const DEAL_PAGES: i64 = 3;
/// More open records than this are not told apart.
const MOST_OPEN: usize = 6;

impl QontakCrm {
    /// One record, whole.
    pub(super) async fn record(&self, company: CompanyNo, sheet: &Sheet, id: &str) -> Step<Option<Record>> {
        let path = format!("/{}/{}", sheet.plural, encoded(id));
        let found = self.read(company, &path).await?.found()?;
        Ok(found.and_then(|envelope| envelope.identified().cloned()))
    }

    pub(super) async fn target(&self, job: &EffectJob, sheet: &'static Sheet, shelved: &Shelved) -> Step<Record> {
        let company = job.address.company;
        match &job.plan.target {
            Some(id) if job.plan.linked => {
                self.record(company, sheet, id).await?.ok_or_else(|| refusals::record_gone(sheet.kind).into())
            }
            Some(name) => self.named(job, sheet, name).await?.ok_or_else(|| refusals::not_this_customers(sheet.kind).into()),
            None => self.only_open(job, sheet, shelved).await,
        }
    }

    /// A record that the model named, if it is this customer's.
    async fn named(&self, job: &EffectJob, sheet: &'static Sheet, name: &str) -> Step<Option<Record>> {
        let Some(contact) = self.contact(job).await?.id() else { return Ok(None) };
        let company = job.address.company;
        let theirs = |row: &Record| record::ids(row, "crm_lead_ids").contains(&contact);
        let name = name.trim().trim_start_matches('#');
        if name.parse::<i64>().is_ok_and(|id| id > 0) {
            let found = self.record(company, sheet, name).await?;
            if let Some(found) = found.filter(theirs) {
                return Ok(Some(found));
            }
        }
        if sheet.kind != RecordKind::Ticket {
            return Ok(None);
        }
        let mut id = None;
        let take = |row: &Record| {
            let is_it = record::text_of(row, "unique_ticket_id").is_some_and(|number| number.eq_ignore_ascii_case(name));
            if is_it && theirs(row) {
                id = record::int_of(row, "id");
            }
            !is_it
        };
        let whole = self.scan(company, "/tickets", TICKET_PAGES, take).await?.is_whole()?;
        match id {
            Some(id) => Ok(self.record(company, sheet, &id.to_string()).await?.filter(theirs)),
            None if !whole => Err(refusals::not_found_among_many(sheet.kind).into()),
            None => Ok(None),
        }
    }

    /// The customer's open one; several are a question.
    async fn only_open(&self, job: &EffectJob, sheet: &'static Sheet, shelved: &Shelved) -> Step<Record> {
        let company = job.address.company;
        let Some(contact) = self.contact(job).await?.id() else { return Err(refusals::nothing_to_change(sheet.kind).into()) };
        let mut shelved = shelved.clone();
        let (path, pages) = match sheet.kind {
            RecordKind::Deal => {
                shelved = self.with_all_stages(company, sheet, shelved).await?;
                (format!("/deals?contact_ids={contact}"), DEAL_PAGES)
            }
            // The list has no filter (qontak-api.md 1.4).
            RecordKind::Ticket => ("/tickets".to_owned(), TICKET_PAGES),
        };
        let (mut open, mut unsaid): (Vec<Record>, Vec<i64>) = (vec![], vec![]);
        let take = |row: &Record| {
            if is_open(sheet, &shelved.template, row) {
                // A list need not show whose a record is.
                if !row.contains_key("crm_lead_ids") {
                    unsaid.extend(record::int_of(row, "id"));
                } else if record::ids(row, "crm_lead_ids").contains(&contact) {
                    open.push(row.clone());
                }
            }
            open.len() < MOST_OPEN && unsaid.len() < MOST_OPEN
        };
        let mut whole = self.scan(company, &path, pages, take).await?.is_whole()?;
        whole &= unsaid.len() < MOST_OPEN;
        for id in unsaid {
            let read = self.record(company, sheet, &id.to_string()).await?;
            open.extend(read.filter(|read| record::ids(read, "crm_lead_ids").contains(&contact)));
        }
        match open.as_slice() {
            [] if whole => Err(refusals::nothing_to_change(sheet.kind).into()),
            [] => Err(refusals::not_found_among_many(sheet.kind).into()),
            [row] if whole => {
                let id = record::int_of(row, "id").unwrap_or_default();
                let read = self.record(company, sheet, &id.to_string()).await?;
                read.ok_or_else(|| refusals::nothing_to_change(sheet.kind).into())
            }
            some => Err(refusals::which(sheet.kind, some.iter().map(|row| choice(sheet, row)).collect()).into()),
        }
    }
}

/// Whether something may still come of it; in doubt it may.
fn is_open(sheet: &Sheet, template: &Template, row: &Record) -> bool {
    let Some(stage) = record::int_of(row, sheet.stage.0) else { return true };
    let pipeline = template.pipelines.iter().find_map(|pipeline| Some((pipeline, pipeline.stage(stage)?)));
    pipeline.is_none_or(|(pipeline, stage)| !pipeline.closes(stage, sheet.is_ticket()))
}

/// How a model tells it from the others.
fn choice(sheet: &Sheet, row: &Record) -> (String, String) {
    let id = record::int_of(row, "id").unwrap_or_default().to_string();
    let value = record::text_of(row, "unique_ticket_id").map_or(id, str::to_owned);
    let parts = [record::text_of(row, "name"), record::text_of(row, sheet.stage.1)];
    (value, parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
}
