//! What a 202 leaves open: a call that still runs is asked after, by its id, until it has ended. A model goes on only with the
//! result, and so does a replay. It never posts a call again: that would be another question.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::Replay;
use crate::cli::Failure;
use crate::cli::http::Request;

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// The id of a call that ends by itself, only not yet. One that waits for a person may wait for ever, and what it says now is its
/// result.
fn goes_on(call: &Value) -> Option<String> {
    let by_itself = match call["status"].as_str()? {
        "accepted" | "running" | "scheduled" | "unknown" => true,
        "parked" => matches!(call["parked_on"].as_str(), Some("effect" | "deal" | "ticket" | "offer")),
        _ => false,
    };
    call["call_id"].as_str().filter(|_| by_itself).map(str::to_owned)
}

impl Replay {
    /// The answer as it would have been, had it waited for all its calls.
    pub(super) async fn to_its_end(&self, room: &str, mut body: Value) -> Result<Value, Failure> {
        for call in body["calls"].as_array_mut().into_iter().flatten() {
            if let Some(id) = goes_on(call) {
                self.tally.borrow_mut().waited_for += 1;
                match self.end_of(room, &id).await? {
                    Some(ended) => put(call, ended),
                    None => self.tally.borrow_mut().unfinished += 1,
                }
            }
        }
        Ok(body)
    }

    /// `None`: not within everybody's patience.
    async fn end_of(&self, room: &str, call_id: &str) -> Result<Option<Value>, Failure> {
        let until = Instant::now() + self.patience;
        let mut pause = FIRST_PAUSE;
        while Instant::now() < until {
            let Some(call) = self.say(room, &Request::get(&["v1", "function-calls", call_id])).await? else { return Ok(None) };
            if goes_on(&call).is_none() {
                return Ok(Some(call));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        Ok(None)
    }
}

/// How it ended, in place of how it stood. Whether it was a repeat only the first answer knows.
fn put(call: &mut Value, mut ended: Value) {
    for key in ["status", "result", "error"] {
        let now = ended[key].take();
        if let Some(fields) = call.as_object_mut() {
            if now.is_null() {
                fields.remove(key);
            } else {
                fields.insert(key.to_owned(), now);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_ends_by_itself_is_waited_for() {
        for (status, on, waits) in [
            ("running", None, true),
            ("unknown", Some("look_up"), true),
            ("parked", Some("deal"), true),
            ("parked", Some("pause"), false),
            ("parked", Some("offer"), true),
            ("succeeded", None, false),
            ("unresolved", None, false),
        ] {
            let call = json!({"call_id": "c", "status": status, "parked_on": on});
            assert_eq!(goes_on(&call).is_some(), waits, "{call}");
        }
    }

    #[test]
    fn an_end_takes_the_place_of_what_was_said_first() {
        let mut call = json!({"call_id": "c", "tool_call_id": "t", "name": "n", "status": "running", "replayed": true});
        put(&mut call, json!({"call_id": "c", "status": "succeeded", "replayed": false, "result": {"a": 1}}));
        assert_eq!((&call["status"], &call["result"]["a"], &call["replayed"]), (&json!("succeeded"), &json!(1), &json!(true)));
        assert_eq!((&call["call_id"], &call["tool_call_id"], &call["name"]), (&json!("c"), &json!("t"), &json!("n")));
    }
}
