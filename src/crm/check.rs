//! A harmless look whether a company's CRM can be used, for `company crm check` and `doctor`: reads the templates and says what
//! it found. Writes nothing and shows no secret.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::actors::outside::{Counterpart, CrmDialect};
use crate::room::CompanyNo;

use super::QontakCrm;
use super::custom_fields;
use super::sheet::{DEAL, Sheet, TICKET};
use super::template::Template;
use crate::outbound::{Step, Stop};

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

/// Why it cannot be used. Each sentence is for the person at the terminal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckProblem {
    #[error("the company has no CRM: set one with `bellhop company crm set`")]
    NotConnected,
    /// Somebody is there and does not take our token.
    #[error("{host} refuses the token; give a new one with `bellhop company crm set`")]
    TokenRefused { host: String },
    #[error("no usable answer came from {host}: {why}")]
    NoAnswer { host: String, why: Arc<str> },
    #[error("the CRM cannot be used: {0}")]
    Unusable(Arc<str>),
}

impl QontakCrm {
    /// Reads the company's templates, past every cache.
    pub async fn check(&self, company: CompanyNo) -> Result<CheckReport, CheckProblem> {
        let too_long = || Stop::later(0, format!("nothing within {} s", PATIENCE.as_secs()));
        let looked = tokio::time::timeout(PATIENCE, self.look(company)).await.unwrap_or_else(|_| Err(too_long()));
        self.refreshes_end(PATIENCE / 4).await;
        looked.map_err(|stop| match stop {
            Stop::Refuse(_) => CheckProblem::NotConnected,
            Stop::Later { why, .. } => self.problem(company, why),
        })
    }

    /// What the way out has seen tells a refusal from silence.
    fn problem(&self, company: CompanyNo, why: Arc<str>) -> CheckProblem {
        let Some(session) = self.desk(company).session() else { return CheckProblem::Unusable(why) };
        let (host, seen) = (session.api.host.clone(), self.view(company));
        let came = |outcome: &str| seen.attempts.get(outcome).copied().unwrap_or_default() > 0;
        if seen.token == "refused" {
            CheckProblem::TokenRefused { host }
        } else if seen.throttled > 0 || came("success") || came("refused") || seen.attempts.is_empty() {
            CheckProblem::Unusable(why)
        } else {
            CheckProblem::NoAnswer { host, why }
        }
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
