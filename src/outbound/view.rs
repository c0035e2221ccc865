//! How one company's lanes stand, for operators. Looks, changes nothing.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::actors::outside::{CircuitView, LineView};
use crate::room::Timestamp;

use super::slot::Lane;
use super::wire::{Budget, Class};

/// Counts are sums. Bucket, circuits and token are those of the host that was asked last: a host that the company left may have
/// gone with an open circuit, and nobody waits for that one.
pub fn of(lanes: &[Arc<Lane>]) -> LineView {
    let mut view = LineView { bucket_capacity: Budget::default().burst, token: "untried", ..LineView::default() };
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as i64);
    let mut latest: [Option<(i64, CircuitView)>; Class::COUNT] = Default::default();
    let mut in_use = None;
    for lane in lanes {
        let now = lane.now();
        let mut line = lane.line();
        view.waiting += line.waiting() as u64;
        let oldest_us = line.oldest().map_or(0, |since| now - since);
        view.oldest_waiting_ms = view.oldest_waiting_ms.max(oldest_us / 1_000);
        view.throttled += line.throttled;
        for (outcome, count) in &line.attempts {
            *view.attempts.entry(outcome).or_default() += count;
        }
        // Lanes count time from their own beginnings; the wall's time is common to all.
        let common = |at: i64| wall.saturating_add(at.saturating_sub(now));
        for class in Class::ALL {
            let asked_at = line.asked_at[class as usize];
            let circuit = line.circuit(class);
            let probe_at = circuit.probe_at().map(|at| Timestamp(common(at)));
            let shown = CircuitView { class: class.as_str(), state: circuit.state(), probe_at };
            let known = &mut latest[class as usize];
            if asked_at > i64::MIN && known.as_ref().is_none_or(|(at, _)| *at <= common(asked_at)) {
                *known = Some((common(asked_at), shown));
            }
        }
        let asked = [Class::Read, Class::Write, Class::Upload].map(|class| line.asked_at[class as usize]);
        let asked_at = asked.into_iter().max().unwrap_or(i64::MIN);
        if in_use.is_none_or(|at| at <= common(asked_at)) {
            in_use = Some(common(asked_at));
            view.bucket_level = line.bucket.level(now);
            view.bucket_capacity = line.bucket.burst();
            view.token = line.gates.trust();
            view.refused = line.gates.refused();
        }
    }
    view.circuits = latest.into_iter().flatten().map(|(_, circuit)| circuit).collect();
    view
}
