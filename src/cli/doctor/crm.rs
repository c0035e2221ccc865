//! The doctor's look at every company's CRM: a harmless read each, some at once, so that one that is dark does not hold up the
//! others.

use futures_util::stream::{self, StreamExt};

use super::{Check, Level, check};
use crate::cli::company::crm::check as look;
use crate::crm::QontakCrm;
use crate::outbound::CheckProblem;
use crate::store::{CompanyRow, Store};

const AT_ONCE: usize = 8;

/// One line per company that has a CRM, in the companies' order.
pub async fn checks(store: &Store, companies: &[CompanyRow]) -> Vec<Check> {
    let mut connected = vec![];
    for company in companies {
        match store.queries().crm(company.no).await {
            Ok(Some(_)) => connected.push(company),
            Ok(None) => {}
            Err(error) => return vec![check("crm", Level::Fail, format!("{}: {error}", company.name), Some("bellhop migrate"))],
        }
    }
    if connected.is_empty() {
        return vec![];
    }
    let crm = match look::looker(store) {
        Ok(crm) => crm,
        Err(failure) => return vec![check("crm", Level::Fail, failure.sentence, None)],
    };
    stream::iter(connected).map(|company| one(&crm, company)).buffered(AT_ONCE).collect().await
}

async fn one(crm: &QontakCrm, company: &CompanyRow) -> Check {
    let name = &company.name;
    match crm.check(company.no).await {
        Ok(report) => {
            let host = &report.host;
            match look::warnings(&report).first() {
                None => check("crm", Level::Ok, format!("{name}: {host} answers and takes the token"), None),
                Some(warning) => {
                    let next = format!("bellhop company crm check {name}");
                    check("crm", Level::Warn, format!("{name}: {host} answers, but {warning}"), Some(&next))
                }
            }
        }
        Err(problem) => {
            let next = match problem {
                CheckProblem::TokenRefused { .. } => format!("bellhop company crm set {name} --base-url URL --token-file FILE"),
                _ => format!("bellhop company crm show {name}"),
            };
            check("crm", Level::Fail, format!("{name}: {problem}"), Some(&next))
        }
    }
}
