//! What a replay came to, counted. It decides what "every call got exactly one result" means; it sends nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::beside::Arrived;

/// How many bad lines and failed requests are named; all are counted.
const NAMED: usize = 100;

#[derive(Debug, Default, Serialize)]
pub struct Tally {
    pub conversations: u64,
    pub messages: u64,
    /// Tool calls posted, each counted once however often it was said.
    pub calls: u64,
    pub results: u64,
    pub results_by_status: BTreeMap<String, u64>,
    pub results_by_code: BTreeMap<String, u64>,
    pub results_by_action: BTreeMap<String, u64>,
    pub replayed: u64,
    /// Calls whose first answer said that they still run.
    pub waited_for: u64,
    /// Of these, those that had not ended when patience did; must be 0.
    pub unfinished: u64,
    pub unknown_tools: BTreeMap<String, u64>,
    /// Calls without a result; must be 0.
    pub missing_results: u64,
    /// Results nobody asked for; must be 0.
    pub surplus_results: u64,
    /// Requests said again after 429, 503 or a broken connection.
    pub retries: u64,
    pub failed_requests: u64,
    pub failures: Vec<String>,
    pub bad_lines: u64,
    pub bad_line_numbers: Vec<BadLine>,
    pub divisions_made: u64,
    pub agents_made: u64,
    pub files_made: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_the_standin: Option<Arrived>,
    pub duration_ms: u128,
}

#[derive(Debug, Serialize)]
pub struct BadLine {
    pub line: u64,
    pub why: String,
}

impl Tally {
    pub fn bad_line(&mut self, line: u64, why: String) {
        self.bad_lines += 1;
        if self.bad_line_numbers.len() < NAMED {
            self.bad_line_numbers.push(BadLine { line, why });
        }
    }

    pub fn failed(&mut self, what: String) {
        self.failed_requests += 1;
        if self.failures.len() < NAMED {
            self.failures.push(what);
        }
    }

    /// Compares an answer with the calls that were posted: the n-th result is the n-th call's, in `calls` and in `reply`.
    pub fn answered(&mut self, sent: &[Option<String>], body: &Value) {
        let calls = body["calls"].as_array().map(Vec::as_slice).unwrap_or_default();
        let reply = body["reply"].as_array().map(Vec::as_slice).unwrap_or_default();
        self.surplus_results += (calls.len().max(reply.len()) as u64).saturating_sub(sent.len() as u64);
        for (at, wanted) in sent.iter().enumerate() {
            let (Some(call), Some(said)) = (calls.get(at), reply.get(at)) else {
                self.missing_results += 1;
                continue;
            };
            let same = |found: &Value| wanted.is_none() || found["tool_call_id"].as_str() == wanted.as_deref();
            if !same(call) || !same(said) {
                self.missing_results += 1;
                self.surplus_results += 1;
                continue;
            }
            self.result(call);
        }
    }

    fn result(&mut self, call: &Value) {
        let text = |value: &Value, otherwise: &str| value.as_str().unwrap_or(otherwise).to_owned();
        self.results += 1;
        *self.results_by_status.entry(text(&call["status"], "none")).or_default() += 1;
        let name = text(&call["name"], "none");
        if let Some(code) = call["error"]["code"].as_str() {
            *self.results_by_code.entry(code.to_owned()).or_default() += 1;
            if code == "unknown_tool" {
                *self.unknown_tools.entry(name.clone()).or_default() += 1;
            }
        }
        *self.results_by_action.entry(name).or_default() += 1;
        self.replayed += u64::from(call["replayed"] == Value::Bool(true));
    }

    /// Every call got exactly one result.
    pub fn complete(&self) -> bool {
        self.missing_results == 0 && self.surplus_results == 0 && self.results == self.calls
    }

    pub fn text(&self) -> String {
        let list = |counts: &BTreeMap<String, u64>| match counts.len() {
            0 => "-".to_owned(),
            _ => counts.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(" · "),
        };
        let seconds = Duration::from_millis(u64::try_from(self.duration_ms).unwrap_or(u64::MAX)).as_secs_f64();
        let mut lines = vec![
            format!("conversations  {} in {seconds:.1} s", self.conversations),
            format!("messages       {}", self.messages),
            format!(
                "calls          {} sent, {} results, {} replayed, {} retries, {} waited for",
                self.calls, self.results, self.replayed, self.retries, self.waited_for
            ),
            format!("by status      {}", list(&self.results_by_status)),
            format!("by code        {}", list(&self.results_by_code)),
            format!("unknown tools  {}", list(&self.unknown_tools)),
            format!("missing        {}", self.missing_results),
        ];
        if self.surplus_results > 0 {
            lines.push(format!("surplus        {}", self.surplus_results));
        }
        lines.extend(self.failures.iter().map(|failure| format!("failed         {failure}")));
        lines.extend(self.bad_line_numbers.iter().map(|bad| format!("bad line       {}: {}", bad.line, bad.why)));
        if let Some(there) = &self.at_the_standin {
            lines.push(format!(
                "in the channel {} tags, {} assignments, {} resolutions in {} rooms, {} of these not as told",
                there.tags,
                there.assignments,
                there.resolutions,
                there.rooms,
                there.out_of_order.len()
            ));
            lines.push(format!(
                "in the CRM     {} deals, {} tickets, {} of these without the customer",
                there.deals, there.tickets, there.unlinked
            ));
            if there.not_compared > 0 {
                lines.push(format!(
                    "not compared   {} rooms: the stand-in's journal has dropped {} requests",
                    there.not_compared, there.journal_dropped
                ));
            }
            lines.extend(there.out_of_order.iter().take(NAMED).map(|room| format!("not as told    {room}")));
        }
        lines.push("next: bellhop room list".into());
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sent(ids: &[&str]) -> Vec<Option<String>> {
        ids.iter().map(|id| Some((*id).to_owned())).collect()
    }

    #[test]
    fn one_result_per_call_or_it_is_told() {
        let call =
            |id: &str| json!({"tool_call_id": id, "name": "think", "status": "refused", "error": {"code": "unknown_tool"}});
        let reply = |id: &str| json!({"role": "tool", "tool_call_id": id});
        let mut tally = Tally { calls: 2, ..Tally::default() };
        tally.answered(&sent(&["a", "b"]), &json!({"calls": [call("a"), call("b")], "reply": [reply("a"), reply("b")]}));
        assert!(tally.complete());
        assert_eq!(tally.unknown_tools["think"], 2);
        tally.calls += 1;
        tally.answered(&sent(&["c"]), &json!({"calls": [call("c")], "reply": []}));
        assert_eq!((tally.complete(), tally.missing_results), (false, 1));
        tally.calls += 1;
        tally.answered(&sent(&["d"]), &json!({"calls": [call("x")], "reply": [reply("x")]}));
        assert_eq!((tally.missing_results, tally.surplus_results), (2, 1));
    }
}
