//! What the door counts by itself (rooms count the calls they answer). Labels come from closed sets only (actions, codes):
//! never a room, a call, a customer or a name that somebody sent.

use metrics::counter;

use crate::catalog::entry;
use crate::room::CallStatus;
use crate::telemetry::{CALL_ERRORS, CALLS, HTTP_PROBLEMS};

/// What a name outside the catalog is counted as.
const OTHER: &str = "other";

/// A call the door itself refused; `code` is one of the catalog's own.
pub fn refused_at_door(name: &str, code: &'static str) {
    let action = entry(name).map_or(OTHER, |entry| entry.name);
    counter!(CALLS, "action" => action, "status" => CallStatus::Refused.as_str()).increment(1);
    counter!(CALL_ERRORS, "action" => action, "code" => code).increment(1);
}

/// A request refused as a whole.
pub fn problem(code: &'static str) {
    counter!(HTTP_PROBLEMS, "code" => code).increment(1);
}
