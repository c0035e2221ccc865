//! An assistant message goes in exactly as OpenAI Chat Completions made it; `reply` is exactly what is appended next.

use serde_json::{Value, json};

use crate::world::{World, openai_message};

on_both_databases!(the_reply_is_ready_to_append, arguments_that_are_not_json_are_the_models_to_fix);

pub fn the_reply_is_ready_to_append(world: &mut World) {
    let room = world.a_room("web-1");
    let message = openai_message(&[
        ("call_a", "create_tag", json!({"tags": ["vip"]})),
        ("call_b", "calculate", json!({"expression": "1+1"})),
        ("call_c", "resolve_conversation", json!({"reason_code": "answered"})),
    ]);
    let answer = room.gets_message_of_a_model(&message);
    assert_eq!(answer.statuses(), ["succeeded", "refused", "succeeded"]);

    let reply = answer.body["reply"].as_array().unwrap();
    let ids: Vec<_> = reply.iter().map(|item| item["tool_call_id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["call_a", "call_b", "call_c"], "one result per call, in order");
    for item in reply {
        let mut keys: Vec<&String> = item.as_object().unwrap().keys().collect();
        keys.sort();
        assert_eq!(keys, ["content", "role", "tool_call_id"], "nothing a provider would reject");
        assert_eq!(item["role"], "tool");
        let content: Value = serde_json::from_str(item["content"].as_str().unwrap()).expect("a result the model can read");
        assert!(content.is_object());
    }
    assert!(reply[1]["content"].as_str().unwrap().contains("unknown_tool"));

    let again = room.gets_message_of_a_model(&message);
    assert_eq!(again.body["reply"][0], reply[0]);
    assert_eq!(again.body["reply"][2], reply[2]);
    assert_eq!(again.calls()[0]["replayed"], true);
    assert_eq!(again.calls()[2]["replayed"], true);
}

pub fn arguments_that_are_not_json_are_the_models_to_fix(world: &mut World) {
    let room = world.a_room("web-1");
    let version = room.version();
    for arguments in ["{\"tags\": [\"vip\"", "", "\"{}\"", "[1]", "nonsense"] {
        let message = json!({"role": "assistant", "content": null, "tool_calls": [
            {"id": "call_a", "type": "function", "function": {"name": "create_tag", "arguments": arguments}}
        ]});
        let answer = room.gets_message_of_a_model(&message);
        assert_eq!((answer.http, answer.statuses()), (200, vec!["refused"]), "{arguments}");
        assert_eq!(answer.only()["error"]["next"], "fix_and_retry");
        assert_eq!(answer.body["reply"].as_array().unwrap().len(), 1);
    }
    assert_eq!(room.version(), version);
}
