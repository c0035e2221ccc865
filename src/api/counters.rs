//! What the door counts. Labels come from closed sets only (actions, statuses, codes): never a room, a call or a customer.

use std::collections::HashMap;
use std::sync::OnceLock;

use metrics::{Counter, counter};

use crate::catalog::CATALOG;
use crate::room::CallStatus;

/// What a name outside the catalog is counted as.
const OTHER: &str = "other";

struct OfAction {
    by_status: Vec<Counter>,
    replayed: Counter,
}

/// Handles, made once: looking a counter up by name and labels on every call would cost more than counting.
fn table() -> &'static HashMap<&'static str, OfAction, ahash::RandomState> {
    static TABLE: OnceLock<HashMap<&'static str, OfAction, ahash::RandomState>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let names = CATALOG.iter().map(|entry| entry.name).chain([OTHER]);
        let of = |name: &'static str| OfAction {
            by_status: CallStatus::ALL
                .iter()
                .map(|status| counter!("bellhop_calls_total", "action" => name, "status" => status.as_str()))
                .collect(),
            replayed: counter!("bellhop_calls_replayed_total", "action" => name),
        };
        names.map(|name| (name, of(name))).collect()
    })
}

/// An answered call.
pub fn call(name: &str, status: CallStatus, replayed: bool) {
    let Some(counters) = table().get(name).or_else(|| table().get(OTHER)) else { return };
    if replayed {
        counters.replayed.increment(1);
    } else if let Some(counter) =
        CallStatus::ALL.iter().position(|known| *known == status).and_then(|at| counters.by_status.get(at))
    {
        counter.increment(1);
    }
}

/// A call the door itself refused; `code` is one of the catalog's own.
pub fn refused_at_door(name: &str, code: &'static str) {
    let action = table().get_key_value(name).map_or(OTHER, |(known, _)| *known);
    counter!("bellhop_call_errors_total", "action" => action, "code" => code).increment(1);
}

/// A request refused as a whole.
pub fn problem(code: &'static str) {
    counter!("bellhop_http_problems_total", "code" => code).increment(1);
}
