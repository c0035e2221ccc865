//! The doctor's look at every company's channel: a harmless read each, some at once, so that one that is dark does not hold up the
//! others.

use std::sync::Arc;

use futures_util::stream::{self, StreamExt};

use super::{Check, Level, check};
use crate::actors::SystemClock;
use crate::actors::ports::Clock;
use crate::app::build_outside;
use crate::channel::Channels;
use crate::outbound::{CheckProblem, Outbound};
use crate::store::{CompanyRow, Store};

const AT_ONCE: usize = 8;

/// One line per company whose rooms live elsewhere, in the companies' order.
pub async fn checks(store: &Store, companies: &[CompanyRow]) -> Vec<Check> {
    let elsewhere = match store.queries().webhooks().await {
        Ok(rows) => rows,
        Err(error) => return vec![check("channel", Level::Fail, error.to_string(), Some("bellhop migrate"))],
    };
    let connected: Vec<&CompanyRow> =
        companies.iter().filter(|company| elsewhere.iter().any(|row| row.company == company.no)).collect();
    if connected.is_empty() {
        return vec![];
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let channel = match Outbound::new() {
        Ok(outbound) => build_outside(store, &clock, outbound, None).1,
        Err(why) => return vec![check("channel", Level::Fail, why, None)],
    };
    stream::iter(connected).map(|company| one(&channel, company)).buffered(AT_ONCE).collect().await
}

async fn one(channel: &Channels, company: &CompanyRow) -> Check {
    let name = &company.name;
    match channel.check(company.no).await {
        Ok(report) => {
            let host = &report.host;
            let warning = match report.bot_token {
                Some(false) => Some("refuses the bot token"),
                _ if !report.webhook => Some("has no address to tell us things at"),
                _ => None,
            };
            match warning {
                None => check("channel", Level::Ok, format!("{name}: {host} answers and takes the tokens"), None),
                Some(warning) => {
                    let next = format!("bellhop company channel set {name}");
                    check("channel", Level::Warn, format!("{name}: {host} answers, but {warning}"), Some(&next))
                }
            }
        }
        Err(problem) => {
            let next = match problem {
                CheckProblem::TokenRefused { .. } => {
                    format!("bellhop company channel set {name} --kind KIND --token-file FILE --public-url URL")
                }
                _ => format!("bellhop company channel show {name}"),
            };
            check("channel", Level::Fail, format!("{name}: {problem}"), Some(&next))
        }
    }
}
