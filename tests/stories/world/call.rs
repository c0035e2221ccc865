//! What an AI agent asks for, and what it is answered. The wire shapes of design.md section 5 and nothing else.

use reqwest::header::HeaderMap;
use serde_json::{Value, json};

/// One call as an AI agent writes it.
#[derive(Clone, Debug)]
pub struct Call(Value);

/// Any action with any arguments.
pub fn calls(name: &str, arguments: Value) -> Call {
    Call(json!({"name": name, "arguments": arguments}))
}

pub fn create_tag(tags: &[&str]) -> Call {
    calls("create_tag", json!({"tags": tags}))
}

pub fn resolve(reason_code: &str) -> Call {
    calls("resolve_conversation", json!({"reason_code": reason_code}))
}

pub fn assign_to_anyone() -> Call {
    calls("assign_agent", json!({"mode": "auto"}))
}

pub fn assign_to_division(division: &str) -> Call {
    calls("assign_agent", json!({"mode": "division", "division": division}))
}

pub fn assign_to(agent: &str) -> Call {
    calls("assign_agent", json!({"mode": "agent", "agent": agent}))
}

impl Call {
    /// The caller's own id of it.
    pub fn id(mut self, call_id: &str) -> Self {
        self.0["call_id"] = json!(call_id);
        self
    }

    pub(super) fn envelope(calls: &[Self]) -> Value {
        json!({"calls": calls.iter().map(|call| &call.0).collect::<Vec<_>>()})
    }
}

/// An assistant message as OpenAI Chat Completions writes it: (tool-call id, name, arguments) each.
pub fn openai_message(tool_calls: &[(&str, &str, Value)]) -> Value {
    let tool_calls: Vec<Value> = tool_calls
        .iter()
        .map(|(id, name, arguments)| {
            json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments.to_string()}})
        })
        .collect();
    json!({"role": "assistant", "content": null, "tool_calls": tool_calls})
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub http: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    /// The calls in a 200 or 202.
    pub fn calls(&self) -> &[Value] {
        assert!(matches!(self.http, 200 | 202), "{self:?}");
        self.body["calls"].as_array().unwrap_or_else(|| panic!("no calls: {self:?}"))
    }

    /// The one call in it.
    pub fn only(&self) -> &Value {
        let [call] = self.calls() else { panic!("not one call: {self:?}") };
        call
    }

    pub fn statuses(&self) -> Vec<&str> {
        self.calls().iter().map(|call| call["status"].as_str().unwrap_or_default()).collect()
    }

    pub fn replayed(&self) -> bool {
        self.calls().iter().all(|call| call["replayed"] == true)
    }

    /// The only call's result, which must have succeeded.
    pub fn result(&self) -> &Value {
        assert_eq!(self.only()["status"], "succeeded", "{self:?}");
        &self.only()["result"]
    }

    /// The only call's error code, which must have been refused; the problem's own code for a 4xx or 5xx.
    pub fn code(&self) -> &str {
        let code = match self.http {
            200 | 202 => {
                assert_eq!(self.only()["status"], "refused", "{self:?}");
                &self.only()["error"]["code"]
            }
            _ => &self.body["code"],
        };
        code.as_str().unwrap_or_else(|| panic!("no code: {self:?}"))
    }
}
