//! What comes next in an effect: the parts of a create (a contact where there is none and one is wanted, then the record), the
//! one part of an update, or the end. Only reads; asked anew after every part and every restart.

use std::sync::Arc;

use serde_json::json;

use crate::actors::outside::{EffectJob, Part, PartRow, Planned};
use crate::catalog;
use crate::outbound::encoded;
use crate::room::Refusal;
use crate::room::outbox::Rule;
use crate::room::tag::fold;

use super::QontakCrm;
use super::answer;
use super::choose;
use super::contact::{CONTACT, Contact};
use super::desk::{Session, Shelved};
use super::draft::{Draft, Ground};
use super::record::{self, Record};
use super::reference::reference;
use super::refusals;
use super::required::{self, Filled};
use super::sheet::{Sheet, Wishes};
use super::template::{Pipeline, Stage};
use super::wire::Scanned;
use super::written::{self, Outcome, Written};
use crate::outbound::{Step, Stop};

/// Where a record stands after the write.
struct Place {
    shelved: Shelved,
    pipeline: Pipeline,
    stage: Stage,
}

impl Place {
    /// Whether all that the CRM asks for here is there.
    fn requires(&self, sheet: &Sheet, body: &Record, before: Option<&Record>) -> Result<(), Refusal> {
        required::check(sheet, &self.shelved.template, &self.pipeline, &self.stage, &Filled { body, before })
    }
}

impl QontakCrm {
    pub(super) async fn next(&self, job: &EffectJob, ended: &[PartRow]) -> Result<Planned, Arc<str>> {
        let Some(wishes) = Wishes::of(&job.request) else { return Err("this call is not the CRM's".into()) };
        let sheet = Sheet::of(job.plan.kind);
        if let Some(row) = ended.iter().rfind(|row| row.part.name == sheet.kind.as_str()) {
            return Ok(self.finish(job, sheet, row).await.unwrap_or_else(Stop::planned));
        }
        let begun = self.clock.now();
        let mut came = self.part(job, sheet, &wishes, ended, None).await;
        // A "no" may be the fault of a template that changed since: it is read again, once.
        if came.as_ref().is_err_and(is_about_template)
            && self.template_at(job.address.company, sheet).await.is_some_and(|at| at < begun)
        {
            came = self.part(job, sheet, &wishes, ended, Some(begun)).await;
        }
        Ok(came.unwrap_or_else(Stop::planned))
    }

    /// What the template, read anew, has against a call that the CRM refused; `None`: nothing, or it cannot be read now.
    pub(super) async fn is_against_template(&self, job: &EffectJob) -> Option<Refusal> {
        let (wishes, sheet) = (Wishes::of(&job.request)?, Sheet::of(job.plan.kind));
        match self.part(job, sheet, &wishes, &[], Some(self.clock.now())).await {
            Err(stop) if is_about_template(&stop) => stop.refusal(),
            _ => None,
        }
    }

    async fn part(
        &self,
        job: &EffectJob,
        sheet: &'static Sheet,
        wishes: &Wishes,
        ended: &[PartRow],
        not_before: Option<crate::room::Timestamp>,
    ) -> Step<Planned> {
        let session = self.fresh(job.address.company).await?;
        let shelved = self.template(job.address.company, sheet, &session, not_before).await?;
        if job.plan.creates {
            self.create(job, sheet, wishes, ended, &session, shelved).await
        } else {
            self.update(job, sheet, wishes, ended, &session, shelved).await
        }
    }

    async fn create(
        &self,
        job: &EffectJob,
        sheet: &'static Sheet,
        wishes: &Wishes,
        ended: &[PartRow],
        session: &Session,
        shelved: Shelved,
    ) -> Step<Planned> {
        let company = job.address.company;
        let options = &session.access.options;
        let usual = if sheet.is_ticket() { options.ticket_pipeline.as_deref() } else { options.deal_pipeline.as_deref() };
        let pipelines = &shelved.template.pipelines;
        // A usual pipeline that is gone must not stop every create.
        let usual = usual.and_then(|usual| choose::pipeline(usual, pipelines).ok()).or(pipelines.first()).map_or(0, |one| one.id);
        let pipeline = match &wishes.pipeline {
            Some(given) => choose::pipeline(given, pipelines)?.id,
            None => usual,
        };
        let place = self.place(company, sheet, shelved, pipeline, wishes, None).await?;
        let found = self.company_of(company, wishes).await?;
        let mut draft = Draft::create();
        draft.fill(&ground(sheet, &place, found, session), wishes)?;
        let contact = self.contact_for(job, ended).await?;
        let mut with_contact = draft.body.clone();
        if contact != Contact::Several {
            with_contact.insert("crm_lead_ids".into(), json!([contact.id().unwrap_or_default()]));
        }
        let no = ended.last().map_or(0, |row| row.part.no + 1);
        if contact == Contact::Nobody
            && !ended.iter().any(|row| row.part.name == CONTACT)
            && let Some(part) = self.contact_part(job, session, no)?
        {
            // Nobody is made for a record that would then be refused.
            place.requires(sheet, &with_contact, None)?;
            return Ok(Planned::Write(part));
        }
        if let Some(id) = contact.id() {
            draft.body.insert("crm_lead_ids".into(), json!([id]));
        }
        place.requires(sheet, &draft.body, None)?;
        let mark = reference(&self.reference_key, job.key);
        let marks = !self.desk(company).is_unmarked(self.clock.now());
        let refers = marks && draft.refer(&place.shelved.template, &options.reference_field, &mark);
        let mut view = answer::expected(sheet, &draft.changes);
        view.entry("pipeline").or_insert_with(|| json!(place.pipeline.name));
        let written = Written {
            method: "POST".into(),
            path: format!("/{}", sheet.plural),
            body: written::body(&draft.body).map_err(Stop::store)?,
            record: None,
            updated_at: None,
            changes: draft.changes,
            view,
            warnings: contact.warning(sheet.kind.as_str()).into_iter().collect(),
            also: wishes.name().map(|name| intents(name, &place.pipeline, place.pipeline.id == usual)).unwrap_or_default(),
            contact: contact.id(),
        };
        Ok(Planned::Write(Part {
            no,
            name: sheet.kind.as_str().into(),
            rule: Rule::Once,
            request: written.to_text().map_err(Stop::store)?,
            reference: refers.then_some(mark),
            shown_name: wishes.name().map(fold),
            hands_to: None,
        }))
    }

    async fn update(
        &self,
        job: &EffectJob,
        sheet: &'static Sheet,
        wishes: &Wishes,
        ended: &[PartRow],
        session: &Session,
        shelved: Shelved,
    ) -> Step<Planned> {
        let company = job.address.company;
        let read = self.target(job, sheet, &shelved).await?;
        let id = record::int_of(&read, "id").unwrap_or_default();
        let now_in = current_pipeline(sheet, &shelved, &read);
        let pipeline = match &wishes.pipeline {
            Some(given) => choose::pipeline(given, &shelved.template.pipelines)?.id,
            None => now_in,
        };
        let stays = (pipeline == now_in).then_some(&read);
        let place = self.place(company, sheet, shelved, pipeline, wishes, stays).await?;
        let found = self.company_of(company, wishes).await?;
        let mut draft = Draft::update(sheet, &read, &place.shelved.template);
        draft.fill(&ground(sheet, &place, found, session), wishes)?;
        if draft.changes.is_empty() {
            let outcome = Outcome { view: answer::view(sheet, &read), ..Outcome::default() };
            return Ok(Planned::End(answer::succeeded(job, &id.to_string(), &outcome, None, vec![])));
        }
        place.requires(sheet, &draft.body, Some(&read))?;
        let view = answer::laid_over(&answer::view(sheet, &read), &answer::expected(sheet, &draft.changes));
        let written = Written {
            method: "PUT".into(),
            path: format!("/{}/{}", sheet.plural, encoded(&id.to_string())),
            body: written::body(&draft.body).map_err(Stop::store)?,
            record: Some(id),
            updated_at: record::text_of(&read, "updated_at").map(str::to_owned),
            changes: draft.changes,
            view,
            warnings: vec![],
            also: vec![],
            contact: None,
        };
        Ok(Planned::Write(Part {
            no: ended.last().map_or(0, |row| row.part.no + 1),
            name: sheet.kind.as_str().into(),
            rule: Rule::Absolute,
            request: written.to_text().map_err(Stop::store)?,
            reference: None,
            shown_name: None,
            hands_to: None,
        }))
    }

    /// Pipeline and stage after the write. `stays`: the record, when it does not leave its pipeline.
    async fn place(
        &self,
        company: crate::room::CompanyNo,
        sheet: &'static Sheet,
        shelved: Shelved,
        pipeline: i64,
        wishes: &Wishes,
        stays: Option<&Record>,
    ) -> Step<Place> {
        let mut shelved = self.with_stages(company, sheet, shelved, pipeline).await?;
        let known = shelved.template.pipeline(pipeline).cloned();
        // A record may stand in a pipeline that is no longer offered.
        let here = || {
            let name = record::text_of(stays?, sheet.pipeline.1).unwrap_or_default().to_owned();
            Some(Pipeline { id: pipeline, name, stages: vec![] })
        };
        let Some(pipeline) = known.or_else(here) else { return Err(refusals::needs_a_person("a pipeline").into()) };
        let current = stays.and_then(|read| {
            let id = record::int_of(read, sheet.stage.0)?;
            let name = record::text_of(read, sheet.stage.1).unwrap_or_default().to_owned();
            let unknown = Stage { id, name, order: 0, win_probability: None };
            Some(pipeline.stage(id).cloned().unwrap_or(unknown))
        });
        let stage = match (&wishes.stage, current) {
            (Some(given), _) => {
                if choose::stage(given, &pipeline, &[]).is_err() {
                    shelved = self.with_all_stages(company, sheet, shelved).await?;
                }
                choose::stage(given, &pipeline, &shelved.template.pipelines)?.clone()
            }
            (None, Some(current)) => current,
            (None, None) => {
                let first = pipeline.stages.first().cloned();
                first.ok_or_else(|| refusals::needs_a_person("a stage in this pipeline"))?
            }
        };
        Ok(Place { shelved, pipeline, stage })
    }

    /// The contact to link: the one an earlier part made, else the one the customer has.
    async fn contact_for(&self, job: &EffectJob, ended: &[PartRow]) -> Step<Contact> {
        let made = ended.iter().rfind(|row| row.part.name == CONTACT).and_then(|row| row.done.as_ref());
        match made.map(|done| done.record.parse()) {
            Some(Ok(id)) => Ok(Contact::One(id)),
            // The CRM would not have it made.
            Some(Err(_)) => Ok(Contact::Nobody),
            None => self.contact(job).await,
        }
    }

    /// The company that the call names. Others' names are not told: they are the company's customers.
    async fn company_of(&self, company: crate::room::CompanyNo, wishes: &Wishes) -> Step<Option<(i64, String)>> {
        let Some(given) = &wishes.company else { return Ok(None) };
        let wanted = fold(given);
        let mut found: Vec<(i64, String)> = vec![];
        let take = |row: &Record| {
            let name = record::text_of(row, "name").unwrap_or_default();
            if let (true, Some(id)) = (fold(name) == wanted, record::int_of(row, "id")) {
                found.push((id, name.to_owned()));
            }
            found.len() < 2
        };
        // The vendor documents no such list: where there is none, there is no company to be named.
        let seen = self.scan(company, &format!("/companies?name={}", encoded(given)), 3, take).await?;
        match found.len() {
            // Two of a name may be told apart by nobody; that there is only one was not seen where the list goes on.
            1 if seen == Scanned::Whole => Ok(found.pop()),
            0 => Err(no_company(given, 0).into()),
            _ => Err(no_company(given, 2).into()),
        }
    }

    /// After the writing part: verified by a read where the answer did not show the record.
    async fn finish(&self, job: &EffectJob, sheet: &'static Sheet, row: &PartRow) -> Step<Planned> {
        let written = Written::parse(&row.part.request).map_err(Stop::store)?;
        let Some(done) = &row.done else { return Err(Stop::later(1_000, "a part that is done has no outcome on record")) };
        let mut outcome: Outcome = serde_json::from_str(&done.answer).unwrap_or_default();
        let mut warnings = vec![];
        if outcome.unread {
            let read = self.record(job.address.company, sheet, &done.record).await;
            outcome = match read {
                Ok(Some(read)) => answer::judge(sheet, &written, &read, true),
                // It was done; that it cannot be looked at now must not make it undone.
                Ok(None) | Err(_) => {
                    warnings.push("The change was sent and accepted; the CRM could not be asked to show it again.".to_owned());
                    Outcome { view: written.view.clone(), ..Outcome::default() }
                }
            };
        }
        Ok(Planned::End(answer::succeeded(job, &done.record, &outcome, Some(&written), warnings)))
    }
}

/// What whoever wants this very record may have said.
fn intents(name: &str, pipeline: &Pipeline, is_usual: bool) -> Vec<String> {
    let named = catalog::record::intent(name, Some(&pipeline.name));
    let unnamed = is_usual.then(|| catalog::record::intent(name, None));
    [named].into_iter().chain(unnamed).collect()
}

fn ground<'a>(sheet: &'static Sheet, place: &'a Place, company: Option<(i64, String)>, session: &'a Session) -> Ground<'a> {
    Ground {
        sheet,
        template: &place.shelved.template,
        pipeline: &place.pipeline,
        stage: &place.stage,
        company,
        reference_field: &session.access.options.reference_field,
        sends_pipeline: sheet.sends_pipeline || session.access.options.send_ticket_pipeline,
    }
}

/// Where the record stands. Of tickets the pipeline that holds its stage: nesting is trusted (qontak-api.md 1.7).
fn current_pipeline(sheet: &Sheet, shelved: &Shelved, read: &Record) -> i64 {
    let stage = record::int_of(read, sheet.stage.0);
    let holds = |pipeline: &&Pipeline| stage.is_some_and(|stage| pipeline.stage(stage).is_some());
    let by_stage = shelved.template.pipelines.iter().find(holds).map(|pipeline| pipeline.id);
    by_stage.filter(|_| sheet.is_ticket()).or_else(|| record::int_of(read, sheet.pipeline.0)).or(by_stage).unwrap_or_default()
}

fn no_company(given: &str, count: usize) -> Refusal {
    let given = crate::catalog::nearest::shown(given);
    let message = if count == 0 {
        format!("The CRM has no company called `{given}`. Leave `company` out.")
    } else {
        format!("The CRM has more than one company called `{given}`. Leave `company` out.")
    };
    let code = if count == 0 { "unknown_company" } else { "ambiguous_company" };
    Refusal::new(code, crate::room::Next::FixAndRetry, message)
}

/// Whether another template might have said yes.
fn is_about_template(stop: &Stop) -> bool {
    matches!(stop, Stop::Refuse(refusal) if (refusal.code.starts_with("unknown_") && refusal.code != "unknown_company")
        || matches!(refusal.code, "missing_fields" | "needs_a_person" | "field_not_settable"))
}
