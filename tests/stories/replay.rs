//! Real traffic, told twice: the second time changes nothing, and every room holds what the file says in the file's order. The
//! conversations are this repository's own, in the shape of what a real model produced: tool-call ids used again with other
//! arguments, and tools that nobody offers. `BELLHOP_REPLAY_FILE` names another file.

use serde_json::Value;

use crate::world::World;
use crate::world::conversation::{Conversation, conversations, left_in};

on_both_databases!(the_second_replay_changes_nothing);

const OWN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/conversations.jsonl");

pub fn the_second_replay_changes_nothing(world: &mut World) {
    let file = std::env::var("BELLHOP_REPLAY_FILE").unwrap_or_else(|_| OWN.into());
    let conversations = conversations(&file);
    let first_time = replays(world, &file, &["--set-up"]);
    assert_eq!(first_time["replayed"], 0, "{first_time}");
    let first: Vec<_> = conversations.iter().map(|one| seen(world, one)).collect();

    world.dies_and_comes_back();
    let second_time = replays(world, &file, &[]);
    for same in ["conversations", "messages", "calls", "results", "results_by_status", "results_by_code", "results_by_action"] {
        assert_eq!(first_time[same], second_time[same], "{same}");
    }
    let second: Vec<_> = conversations.iter().map(|one| seen(world, one)).collect();
    assert_eq!(first, second, "no version moves, no timeline grows");

    let (mut messages, mut replayed, mut at_the_door, mut events) = (0, 0, 0, 0);
    for (conversation, (version, timeline)) in conversations.iter().zip(&first) {
        let again = conversation.asked_again(&world.admin().room(&conversation.room_id));
        assert_eq!(left_in(timeline), again.left, "in the file's order: {}", conversation.room_id);
        assert_eq!(*version, timeline.len() as i64, "a version is its last event's number");
        tags_were_added(timeline, conversation);
        messages += again.left.len() - again.replayed;
        replayed += again.replayed;
        at_the_door += again.at_the_door;
        events += timeline.len();
    }
    assert_eq!(second_time["replayed"], replayed, "every call that reached its room says so: {second_time}");
    assert_eq!(second_time["calls"], replayed + at_the_door, "{second_time}");
    assert_eq!(second_time["messages"], messages, "{second_time}");
    let third: Vec<_> = conversations.iter().map(|one| seen(world, one)).collect();
    assert_eq!(first, third, "asking again changes nothing either");
    eprintln!(
        "{} rooms, {messages} messages, {replayed} calls in their rooms, {at_the_door} at the door, {events} events",
        first.len()
    );
}

/// What `replay` counted.
fn replays(world: &World, file: &str, more: &[&str]) -> Value {
    let url = format!("http://127.0.0.1:{}", world.port);
    let ended = world.runs(&[&["replay", file, "--url", &url, "--key", &world.admin_key, "--json"], more].concat());
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let tally = ended.json();
    assert_eq!((&tally["calls"], &tally["missing_results"]), (&tally["results"], &0.into()), "one result each: {tally}");
    tally
}

/// Version and timeline of a conversation's room.
fn seen(world: &World, conversation: &Conversation) -> (i64, Vec<Value>) {
    let room = world.admin().room(&conversation.room_id);
    (room.version(), room.timeline())
}

/// The timeline has the tags the model set, each where it was first named.
fn tags_were_added(timeline: &[Value], conversation: &Conversation) {
    let mut wanted: Vec<String> = vec![];
    for call in conversation.messages.iter().flat_map(Conversation::calls) {
        if call["function"]["name"] != "create_tag" {
            continue;
        }
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
    assert_eq!(added, wanted, "{}", conversation.room_id);
}
