//! `bellhop company crm check`: whether a company's CRM can be used now, by a harmless read past every cache, straight from the
//! database: no server need run. Writes nothing there and shows no secret. `doctor` asks the same way.

use std::sync::Arc;

use crate::actors::SystemClock;
use crate::actors::ports::Clock;
use crate::app::build_outside;
use crate::cli::{Context, Exit, Failure, Outcome};
use crate::crm::{CheckReport, CheckedKind, QontakCrm};
use crate::outbound::{CheckProblem, Outbound};
use crate::store::{Store, StoreError};

use super::super::find;

/// A look at any company's CRM, with a way out of its own.
pub fn looker(store: &Store) -> Result<QontakCrm, Failure> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let outbound = Outbound::new().map_err(StoreError::Invalid)?;
    Ok(build_outside(store, &clock, outbound, None).0)
}

pub async fn run(context: &Context, store: &Store, company: &str) -> Outcome {
    let row = find(store, company).await?;
    let waiting = context.output.waits_for("asking the CRM");
    let report = looker(store)?.check(row.no).await.map_err(|problem| failure(&row.name, &problem))?;
    drop(waiting);
    let warnings = warnings(&report);
    let document = serde_json::json!({ "company": row.name, "usable": true, "crm": report, "warnings": warnings });
    context.output.result(&document, || {
        let mut lines = vec![format!("{} can use its CRM at {} (credentials: {})", row.name, report.host, report.credentials)];
        lines.push(sentence("deals", &report.deals));
        lines.push(sentence("tickets", &report.tickets));
        lines.extend(warnings.iter().map(|warning| format!("but {warning}")));
        lines.join("\n")
    });
    Ok(Exit::Ok)
}

fn failure(company: &str, problem: &CheckProblem) -> Failure {
    let exit = match problem {
        CheckProblem::NotConnected(_) => return super::not_set(company),
        CheckProblem::TokenRefused { .. } => Exit::Auth,
        CheckProblem::NoAnswer { .. } => Exit::Unreachable,
        CheckProblem::Unusable { .. } => Exit::CheckFailed,
    };
    Failure::new(exit, format!("{company}: {problem}"))
}

fn sentence(kind: &str, found: &CheckedKind) -> String {
    format!(
        "{kind}: {} pipelines ({}), {} owners, {} custom fields",
        found.pipelines.len(),
        found.pipelines.join(", "),
        found.owners,
        found.custom_fields
    )
}

/// What works, but less well than it could.
pub fn warnings(report: &CheckReport) -> Vec<String> {
    let kinds = [("deals", &report.deals), ("tickets", &report.tickets)];
    let without = kinds.iter().filter(|(_, found)| !found.reference_field).map(|(kind, _)| *kind).collect::<Vec<_>>();
    if without.is_empty() {
        return vec![];
    }
    let kinds = without.join(" and ");
    vec![format!("{kinds} have no field for our reference, so a lost answer is harder to look up")]
}
