//! Templates, read from the CRM and kept for a while (qontak-api.md section 3: cached per company, read again once on an
//! unknown option). Rooms that ask together read once.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::Mutex;

use crate::room::{CompanyNo, Timestamp};

use super::QontakCrm;
use super::desk::{Desk, Session, Shelved};
use super::sheet::Sheet;
use super::template::{self, Template};
use crate::outbound::{Step, Stop};

/// Most pipelines whose stages are read to say where a stage belongs.
const MOST_PIPELINES: usize = 20;
/// Pages of the list of pipelines that are read.
const PIPELINE_PAGES: i64 = 3;

fn shelf<'a>(desk: &'a Desk, sheet: &Sheet) -> &'a Mutex<Option<Shelved>> {
    if sheet.is_ticket() { &desk.tickets } else { &desk.deals }
}

impl QontakCrm {
    /// The template of one kind, read at `not_before` or later. Of deals without stages.
    pub(super) async fn template(
        &self,
        company: CompanyNo,
        sheet: &'static Sheet,
        session: &Session,
        not_before: Option<Timestamp>,
    ) -> Step<Shelved> {
        let desk = self.desk(company);
        let mut shelf = shelf(&desk, sheet).lock().await;
        let (now, ttl_ms) = (self.clock.now(), session.access.options.template_ttl_ms);
        let era = desk.era();
        let holds = |shelved: &&Shelved| {
            shelved.era == era && not_before.is_none_or(|at| shelved.at >= at) && now.ms_since(shelved.at) < ttl_ms
        };
        if let Some(shelved) = shelf.as_ref().filter(holds) {
            return Ok(shelved.clone());
        }
        let fields = self.rows(company, &format!("/{}/info", sheet.plural)).await?;
        let pipelines = if sheet.is_ticket() {
            self.rows(company, "/tickets/ticket_pipelines").await?
        } else {
            let mut rows = vec![];
            let take = |row: &super::record::Record| {
                rows.push(Value::Object(row.clone()));
                true
            };
            self.scan(company, "/pipelines", PIPELINE_PAGES, take).await?.is_whole()?;
            rows
        };
        let template = Template { fields: template::fields(&fields), pipelines: template::pipelines(&pipelines) };
        let shelved = Shelved { template: Arc::new(template), at: now, era };
        *shelf = Some(shelved.clone());
        Ok(shelved)
    }

    /// When the shelved template was read.
    pub(super) async fn template_at(&self, company: CompanyNo, sheet: &'static Sheet) -> Option<Timestamp> {
        shelf(&self.desk(company), sheet).lock().await.as_ref().map(|shelved| shelved.at)
    }

    /// The CRM did not take what the template allowed: it may have changed.
    pub(super) async fn distrust_template(&self, company: CompanyNo, sheet: &'static Sheet) {
        *shelf(&self.desk(company), sheet).lock().await = None;
    }

    /// The template with the stages of one pipeline.
    pub(super) async fn with_stages(
        &self,
        company: CompanyNo,
        sheet: &'static Sheet,
        shelved: Shelved,
        pipeline: i64,
    ) -> Step<Shelved> {
        let lacks = |shelved: &Shelved| shelved.template.pipeline(pipeline).is_some_and(|pipeline| pipeline.stages.is_empty());
        if sheet.is_ticket() || !lacks(&shelved) {
            return Ok(shelved);
        }
        let desk = self.desk(company);
        let mut shelf = shelf(&desk, sheet).lock().await;
        // Somebody else may have read them while we waited.
        let mut newest = shelf.clone().filter(|other| other.era == shelved.era && other.at >= shelved.at).unwrap_or(shelved);
        if !lacks(&newest) {
            return Ok(newest);
        }
        let rows = self.rows(company, &format!("/pipelines/{pipeline}/stages?per_page=100")).await?;
        let mut template = Template::clone(&newest.template);
        let stages = template::stages(&rows);
        template.pipelines.iter_mut().filter(|one| one.id == pipeline).for_each(|one| one.stages.clone_from(&stages));
        newest.template = Arc::new(template);
        *shelf = Some(newest.clone());
        Ok(newest)
    }

    /// The template with the stages of all pipelines, as far as there are not too many.
    pub(super) async fn with_all_stages(&self, company: CompanyNo, sheet: &'static Sheet, mut shelved: Shelved) -> Step<Shelved> {
        let ids: Vec<i64> = shelved.template.pipelines.iter().take(MOST_PIPELINES).map(|pipeline| pipeline.id).collect();
        for id in ids {
            shelved = self.with_stages(company, sheet, shelved, id).await?;
        }
        Ok(shelved)
    }

    /// The rows of an answer that is a list.
    async fn rows(&self, company: CompanyNo, path: &str) -> Step<Vec<Value>> {
        let envelope = self.read(company, path).await?.found()?;
        let rows = envelope.as_ref().and_then(|envelope| envelope.rows().cloned());
        rows.ok_or_else(|| Stop::later(2_000, "the CRM's template cannot be read"))
    }
}
