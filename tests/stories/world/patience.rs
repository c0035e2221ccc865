//! Waiting for a condition, which is the only waiting a story does.

use std::thread;
use std::time::{Duration, Instant};

/// Longest that anything may take on a loaded machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// Asks until there is an answer; panics, naming `what`, after a minute.
pub fn eventually<T>(what: &str, ask: impl FnMut() -> Option<T>) -> T {
    within(DEADLINE, ask).unwrap_or_else(|| panic!("not within {DEADLINE:?}: {what}"))
}

/// Asks until there is an answer or `limit` is over.
pub fn within<T>(limit: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let until = Instant::now() + limit;
    let mut pause = Duration::from_millis(2);
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if Instant::now() >= until {
            return None;
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}
