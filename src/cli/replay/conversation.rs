//! One recorded conversation, a line of the file, as the requests it becomes. Pure: ids come from positions alone, so the same
//! file always says the same.

use serde::Deserialize;
use serde_json::Value;

#[derive(Debug, Deserialize)]
pub struct Conversation {
    pub room_id: String,
    pub channel: String,
    pub customer: Value,
    pub messages: Vec<Message>,
}

/// One message, as OpenAI Chat Completions shapes it; kept as it is, to be posted as it is.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub struct Message(Value);

/// A request to make.
#[derive(Debug, PartialEq)]
pub enum Step {
    Message { from: &'static str, text: String, message_id: String },
    Calls { turn_id: String, message: Value, tool_call_ids: Vec<Option<String>> },
}

impl Conversation {
    /// Reads a line; the error says what is wrong with it.
    pub fn read(line: &str) -> Result<Self, String> {
        let conversation: Self = serde_json::from_str(line).map_err(|error| error.to_string())?;
        if let Some(at) = conversation.messages.iter().position(|message| message.0["role"].as_str().is_none()) {
            return Err(format!("message {} has no role", at + 1));
        }
        Ok(conversation)
    }

    /// The requests of this conversation, in order. `again` is how often the room was already in this file: a second
    /// conversation of one room must not reuse the ids of the first.
    pub fn steps(&self, again: u32) -> Vec<Step> {
        let mut steps = vec![];
        let part = if again == 0 { String::new() } else { format!("{}-", again + 1) };
        for (at, Message(message)) in self.messages.iter().enumerate() {
            let from = match message["role"].as_str() {
                Some("user") => "customer",
                Some("assistant") => "ai_agent",
                // What a tool answered then is not what it answers now.
                _ => continue,
            };
            if let Some(text) = message["content"].as_str().filter(|text| !text.is_empty()) {
                let message_id = format!("{}-{part}m{at:04}", self.room_id);
                steps.push(Step::Message { from, text: text.to_owned(), message_id });
            }
            let calls = message["tool_calls"].as_array().map(Vec::as_slice).unwrap_or_default();
            if from == "ai_agent" && !calls.is_empty() {
                let tool_call_ids = calls.iter().map(|call| call["id"].as_str().map(str::to_owned)).collect();
                // Without the room's name: a header is ASCII, a room's name need not be, and the id is hashed with it anyway.
                steps.push(Step::Calls { turn_id: format!("{part}t{at:04}"), message: message.clone(), tool_call_ids });
            }
        }
        steps
    }

    /// Divisions that its calls assign to.
    pub fn divisions(&self) -> Vec<String> {
        self.named("assign_agent", "division")
    }

    /// Keys of the files that its calls send.
    pub fn files(&self) -> Vec<String> {
        self.named("send_attachment", "attachment")
    }

    fn named(&self, action: &str, argument: &str) -> Vec<String> {
        let calls = self.messages.iter().filter_map(|Message(message)| message["tool_calls"].as_array()).flatten();
        let calls = calls.map(|call| &call["function"]).filter(|function| function["name"] == action);
        let arguments = calls.filter_map(|function| match &function["arguments"] {
            Value::String(text) => serde_json::from_str(text).ok(),
            other => Some(other.clone()),
        });
        arguments.filter_map(|arguments: Value| arguments[argument].as_str().map(str::to_owned)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"room_id":"web-1","channel":"web_chat","customer":{"handle":"c"},"messages":[
        {"role":"user","content":"hi"},
        {"role":"assistant","content":"wait","tool_calls":[{"id":"a","type":"function","function":{"name":"assign_agent","arguments":"{\"mode\":\"division\",\"division\":\"Sales\"}"}}]},
        {"role":"tool","content":"{}"}]}"#;

    #[test]
    fn a_message_with_text_and_calls_is_both_in_order() {
        let conversation = Conversation::read(LINE).unwrap();
        let steps = conversation.steps(0);
        assert_eq!(steps.len(), 3);
        assert_eq!(steps[0], Step::Message { from: "customer", text: "hi".into(), message_id: "web-1-m0000".into() });
        assert_eq!(steps[1], Step::Message { from: "ai_agent", text: "wait".into(), message_id: "web-1-m0001".into() });
        assert!(matches!(&steps[2], Step::Calls { turn_id, .. } if turn_id == "t0001"));
        assert_eq!(conversation.divisions(), ["Sales"]);
    }

    #[test]
    fn the_same_room_later_in_the_file_has_other_ids() {
        let conversation = Conversation::read(LINE).unwrap();
        assert!(matches!(&conversation.steps(1)[2], Step::Calls { turn_id, .. } if turn_id == "2-t0001"));
        assert!(Conversation::read(r#"{"room_id":"x"}"#).unwrap_err().contains("channel"));
    }
}
