//! How a company's way to one outside system stands: budget, circuits, what waits. The same shape for every system.

use serde::Serialize;
use utoipa::ToSchema;

use crate::actors::outside::{BacklogView, CircuitView, LineView};

use super::view::iso;

/// Since the start of this process.
#[derive(Serialize, ToSchema)]
pub struct LineShape {
    /// Requests that could leave at once.
    bucket_level: f64,
    bucket_capacity: u32,
    circuits: Vec<CircuitShape>,
    effects: EffectsShape,
    /// Requests waiting for credentials, circuit, bucket or a place on the wire.
    waiting: u64,
    oldest_waiting_ms: i64,
    /// Answers 429 since the start.
    throttled: u64,
    /// Attempts since the start, by how they came out.
    attempts: std::collections::BTreeMap<&'static str, u64>,
    /// `valid`, `refused` or `untried`.
    token: &'static str,
    /// What is refused: a kind of token (`user`, `bot`), or what its role may not do (`assign`, `tag`, `resolve`, …).
    refused: Vec<&'static str>,
}

/// What calls have asked for and has not ended, wherever it waits.
#[derive(Serialize, ToSchema)]
pub struct EffectsShape {
    open: u64,
    /// Of these, behind another one of their room.
    behind: u64,
    /// A request is made for it, or waits for its turn.
    at_work: u64,
    /// Until it is tried again.
    resting: u64,
    /// Since the oldest was asked for.
    oldest_ms: i64,
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

/// `None`: this process speaks to no such system.
pub fn shown(view: Option<LineView>) -> LineShape {
    let view = view.unwrap_or_default();
    let LineView {
        bucket_level,
        bucket_capacity,
        circuits,
        effects,
        waiting,
        oldest_waiting_ms,
        throttled,
        attempts,
        token,
        refused,
    } = view;
    let BacklogView { open, behind, at_work, resting, oldest_ms } = effects;
    let effects = EffectsShape { open, behind, at_work, resting, oldest_ms };
    let circuits = circuits.into_iter().map(circuit).collect();
    let token = if token.is_empty() { "untried" } else { token };
    LineShape {
        bucket_level,
        bucket_capacity,
        circuits,
        effects,
        waiting,
        oldest_waiting_ms,
        throttled,
        attempts,
        token,
        refused,
    }
}
