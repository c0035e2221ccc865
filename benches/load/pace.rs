//! Calls at a rate: each is let go when it is due, to the tenth of a millisecond. tokio's own timer counts in milliseconds: calls
//! would leave in bundles, on average half a millisecond late, and the server would be blamed for both.

use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedSender;

/// Tells the connections in turn when a call is due, evenly and until `end`, each at that moment, from a thread of its own.
pub fn let_go(rate: f64, connections: Vec<UnboundedSender<Instant>>, end: Instant) {
    let begin = Instant::now();
    thread::spawn(move || {
        for (n, connection) in connections.iter().cycle().enumerate() {
            let due = begin + Duration::from_secs_f64(n as f64 / rate);
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if due >= end || connection.send(due).is_err() {
                break;
            }
        }
    });
}
