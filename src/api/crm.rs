//! How the company's CRM stands. Read from the store and from what the lanes publish; asks no actor and no CRM.

use serde::Serialize;
use utoipa::ToSchema;

use crate::actors::outside::CrmDialect;

use super::line::{self, LineShape};
use super::visit::{Answer, Visit};
use super::{answer, problem};

/// The company's CRM.
#[derive(Serialize, ToSchema)]
pub struct CrmShape {
    connected: bool,
    base_url: Option<String>,
    /// `bearer` or `gateway`.
    dialect: Option<CrmDialect>,
    /// Requests a second and a minute, at most.
    per_second: Option<f64>,
    per_minute: Option<f64>,
    /// Effects of which something was sent and whose end is not known yet.
    effects_open: i64,
    #[serde(flatten)]
    line: LineShape,
}

pub async fn get(visit: Visit) -> Answer {
    let company = visit.key.company;
    let access = visit.api.queries.crm(company).await?;
    let shape = CrmShape {
        connected: access.is_some(),
        dialect: access.as_ref().map(|access| access.dialect),
        per_second: access.as_ref().map(|access| access.options.per_second),
        per_minute: access.as_ref().map(|access| access.options.per_minute),
        effects_open: access.as_ref().map_or(0, |access| access.effects_open),
        base_url: access.map(|access| access.base_url),
        line: line::shown(visit.api.router.crm(company)),
    };
    Ok(answer::json(problem::OK, &shape))
}
