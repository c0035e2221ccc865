//! A harmless look whether a company's CRM can be used, for `company crm check` and `doctor`: reads the templates and says what
//! it found. Writes nothing and shows no secret.

use std::time::Duration;

use serde::Serialize;

use crate::actors::outside::{Counterpart, CrmDialect};
use crate::room::CompanyNo;

use super::QontakCrm;
use super::custom_fields;
use super::sheet::{DEAL, Sheet, TICKET};
use super::template::Template;
use crate::outbound::{CheckProblem, Step, System, look_at};

/// Longer than this nobody waits at a terminal.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a usable CRM looks like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    pub dialect: CrmDialect,
    /// `https://host:port`
    pub host: String,
    /// `static`, `refreshable` or `hmac`.
    pub credentials: &'static str,
    pub deals: CheckedKind,
    pub tickets: CheckedKind,
}

/// One kind of record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckedKind {
    pub pipelines: Vec<String>,
    /// People it can be given to.
    pub owners: usize,
    pub custom_fields: usize,
    /// Whether the field with our reference is there: without it a lost answer is harder to look up.
    pub reference_field: bool,
}

impl QontakCrm {
    /// Reads the company's templates, past every cache.
    pub async fn check(&self, company: CompanyNo) -> Result<CheckReport, CheckProblem> {
        let seen = || Some((self.desk(company).session()?.api.host.clone(), self.view(company)));
        let looked = look_at(System::Crm, PATIENCE, self.look(company), seen).await;
        // Whoever looks ends with this: a pair that is on its way must be stored before.
        self.refreshes_end(PATIENCE / 4).await;
        looked
    }

    async fn look(&self, company: CompanyNo) -> Step<CheckReport> {
        let session = self.fresh(company).await?;
        let begun = Some(self.clock.now());
        let deals = self.template(company, &DEAL, &session, begun).await?;
        let tickets = self.template(company, &TICKET, &session, begun).await?;
        let reference_field = session.access.options.reference_field.as_str();
        Ok(CheckReport {
            dialect: session.access.dialect,
            host: session.api.host.clone(),
            credentials: session.credentials.form(),
            deals: checked(&DEAL, &deals.template, reference_field),
            tickets: checked(&TICKET, &tickets.template, reference_field),
        })
    }
}

fn checked(sheet: &Sheet, template: &Template, reference_field: &str) -> CheckedKind {
    CheckedKind {
        pipelines: template.pipelines.iter().map(|pipeline| pipeline.name.clone()).collect(),
        owners: template.choices(sheet.owner.0).len(),
        custom_fields: template.fields.iter().filter(|row| row.custom).count(),
        reference_field: template.custom(reference_field).is_some_and(custom_fields::takes_reference),
    }
}
