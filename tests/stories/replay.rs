//! Real traffic, told twice: the second time changes nothing. The conversations are this repository's own, in the shape of
//! what a real model produced: tool-call ids used again with other arguments, and tools that nobody offers.

use std::fs;

use serde_json::Value;

use crate::world::World;

on_both_databases!(the_second_replay_changes_nothing);

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/conversations.jsonl");

pub fn the_second_replay_changes_nothing(world: &mut World) {
    let conversations: Vec<Value> =
        fs::read_to_string(FILE).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    replays(world, &["--set-up"]);
    let first: Vec<_> = conversations.iter().map(|one| seen(world, one)).collect();
    for (conversation, (_, timeline)) in conversations.iter().zip(&first) {
        holds(timeline, conversation);
    }

    world.dies_and_comes_back();
    replays(world, &[]);
    let second: Vec<_> = conversations.iter().map(|one| seen(world, one)).collect();
    assert_eq!(first, second);
}

fn replays(world: &World, more: &[&str]) {
    let url = format!("http://127.0.0.1:{}", world.port);
    let ended = world.runs(&[&["replay", FILE, "--url", &url, "--key", &world.admin_key, "--json"], more].concat());
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

/// Version and timeline of a conversation's room.
fn seen(world: &World, conversation: &Value) -> (i64, Vec<Value>) {
    let room = world.admin().room(conversation["room_id"].as_str().unwrap());
    (room.version(), room.timeline())
}

/// The timeline has what the customer wrote and the tags the model set, in the file's order.
fn holds(timeline: &[Value], conversation: &Value) {
    let messages = conversation["messages"].as_array().unwrap();
    let of = |role: &'static str| messages.iter().filter(move |message| message["role"] == role);
    let wrote: Vec<&Value> = of("user").map(|message| &message["content"]).collect();
    let heard: Vec<&Value> = timeline
        .iter()
        .filter(|event| event["type"] == "message_received" && event["from"] == "customer")
        .map(|event| &event["text"])
        .collect();
    assert_eq!(heard, wrote, "{}", conversation["room_id"]);

    let calls = of("assistant").filter_map(|message| message["tool_calls"].as_array()).flatten();
    let mut wanted: Vec<String> = vec![];
    for call in calls.filter(|call| call["function"]["name"] == "create_tag") {
        let arguments: Value = serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).unwrap();
        for tag in arguments["tags"].as_array().unwrap() {
            if !wanted.iter().any(|known| known == tag) {
                wanted.push(tag.as_str().unwrap().to_owned());
            }
        }
    }
    let added: Vec<&str> = timeline
        .iter()
        .filter(|event| event["type"] == "tags_added")
        .flat_map(|event| event["tags"].as_array().unwrap().iter().filter_map(Value::as_str))
        .collect();
    assert_eq!(added, wanted, "{}", conversation["room_id"]);
}
