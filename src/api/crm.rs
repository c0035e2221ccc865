//! How the company's CRM stands: budget, circuits, what waits. Read from the store and from what the lanes publish; asks no actor
//! and no CRM.

use serde::Serialize;
use utoipa::ToSchema;

use crate::actors::outside::{CircuitView, CrmDialect, LineView};

use super::view::iso;
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
    /// Requests that could leave at once.
    bucket_level: f64,
    bucket_capacity: u32,
    circuits: Vec<CircuitShape>,
    /// Requests waiting for circuit or bucket.
    waiting: u64,
    oldest_waiting_ms: i64,
    /// Answers 429 since the start.
    throttled: u64,
    /// Attempts since the start, by how they came out.
    attempts: std::collections::BTreeMap<&'static str, u64>,
    /// `valid`, `refused` or `untried`.
    token: &'static str,
}

/// One class of endpoints.
#[derive(Serialize, ToSchema)]
pub struct CircuitShape {
    class: &'static str,
    /// `closed`, `open` or `half_open`.
    state: &'static str,
    /// When an open circuit lets a probe through.
    probe_at: Option<String>,
}

fn circuit(view: CircuitView) -> CircuitShape {
    CircuitShape { class: view.class, state: view.state, probe_at: view.probe_at.map(iso) }
}

pub async fn get(visit: Visit) -> Answer {
    let company = visit.key.company;
    let access = visit.api.queries.crm(company).await?;
    let LineView { bucket_level, bucket_capacity, circuits, waiting, oldest_waiting_ms, throttled, attempts, token } =
        visit.api.router.crm(company).unwrap_or_default();
    let shape = CrmShape {
        connected: access.is_some(),
        dialect: access.as_ref().map(|access| access.dialect),
        per_second: access.as_ref().map(|access| access.options.per_second),
        per_minute: access.as_ref().map(|access| access.options.per_minute),
        effects_open: access.as_ref().map_or(0, |access| access.effects_open),
        base_url: access.map(|access| access.base_url),
        bucket_level,
        bucket_capacity,
        circuits: circuits.into_iter().map(circuit).collect(),
        waiting,
        oldest_waiting_ms,
        throttled,
        attempts,
        token: if token.is_empty() { "untried" } else { token },
    };
    Ok(answer::json(problem::OK, &shape))
}
