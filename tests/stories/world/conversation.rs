//! Recorded conversations: what a file says was written and called, and what a room's journal shows of it. Reads the file by
//! itself, so that it cannot share a mistake with the program's own `replay`.

use std::collections::HashSet;
use std::fs;

use serde_json::Value;

use super::door::Room;

/// One line of the file.
pub struct Conversation {
    pub room_id: String,
    pub messages: Vec<Value>,
}

/// What one message of a conversation leaves in its room, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Left {
    Words { from: String, text: String },
    Call { call_id: String },
}

/// How the calls of a conversation were answered when they were asked again.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct AskedAgain {
    /// Everything the room was told, messages and calls as the file has them one after the other.
    pub left: Vec<Left>,
    pub replayed: usize,
    /// Answered without a room: these leave nothing.
    pub at_the_door: usize,
}

pub fn conversations(file: &str) -> Vec<Conversation> {
    let text = fs::read_to_string(file).unwrap_or_else(|problem| panic!("{file}: {problem}"));
    let lines = text.lines().filter(|line| !line.trim().is_empty()).map(|line| serde_json::from_str::<Value>(line).unwrap());
    let conversations: Vec<Conversation> = lines
        .map(|line| Conversation {
            room_id: line["room_id"].as_str().unwrap().to_owned(),
            messages: line["messages"].as_array().unwrap().clone(),
        })
        .collect();
    let rooms: HashSet<&str> = conversations.iter().map(|one| one.room_id.as_str()).collect();
    assert_eq!(rooms.len(), conversations.len(), "a room that comes twice in the file has other ids the second time");
    conversations
}

impl Conversation {
    /// The tool calls of one message.
    pub fn calls(message: &Value) -> &[Value] {
        message["tool_calls"].as_array().map_or(&[], Vec::as_slice)
    }

    /// Posts every assistant message with calls once more, as `replay` names its turn. Each call must be known already, or
    /// be one that the door answers.
    pub fn asked_again(&self, room: &Room) -> AskedAgain {
        let mut again = AskedAgain::default();
        for (at, message) in self.messages.iter().enumerate() {
            let from = match message["role"].as_str().unwrap() {
                "user" => "customer",
                "assistant" => "ai_agent",
                _ => continue,
            };
            if let Some(text) = message["content"].as_str().filter(|text| !text.is_empty()) {
                again.left.push(Left::Words { from: from.to_owned(), text: text.to_owned() });
            }
            let asked = Self::calls(message);
            if from != "ai_agent" || asked.is_empty() {
                continue;
            }
            let answer = room.gets_envelope(message, &[("turn-id", &format!("t{at:04}"))]).expect("an answer");
            assert_eq!(answer.calls().len(), asked.len(), "one result per call: {answer:?}");
            for (call, asked) in answer.calls().iter().zip(asked) {
                assert_eq!((&call["tool_call_id"], &call["name"]), (&asked["id"], &asked["function"]["name"]));
                if call["replayed"] == true {
                    again.replayed += 1;
                    again.left.push(Left::Call { call_id: call["call_id"].as_str().unwrap().to_owned() });
                } else {
                    assert_eq!(call["status"], "refused", "neither known nor refused at the door: {call}");
                    let known = room.door.call(call["call_id"].as_str().unwrap_or("none"));
                    assert_eq!(known.http, 404, "what the door answers is not kept: {call}");
                    again.at_the_door += 1;
                }
            }
        }
        again
    }
}

/// What a timeline holds of messages and calls, each where it first appears.
pub fn left_in(timeline: &[Value]) -> Vec<Left> {
    let mut seen = HashSet::new();
    let mut left = vec![];
    for event in timeline {
        if event["type"] == "message_received" {
            let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
            left.push(Left::Words { from: text("from"), text: text("text") });
        } else if event["cause_kind"] == "call" {
            let call_id = event["cause"].as_str().unwrap().to_owned();
            if seen.insert(call_id.clone()) {
                left.push(Left::Call { call_id });
            }
        }
    }
    left
}
