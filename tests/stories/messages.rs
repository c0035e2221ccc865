//! What a customer wrote is in the room once, however often it is delivered.

use serde_json::json;

use crate::world::World;

on_both_databases!(the_same_message_is_heard_once, describing_a_room_again_changes_nothing, a_message_makes_its_room);

pub fn the_same_message_is_heard_once(world: &mut World) {
    let room = world.a_room("web-1");
    for _ in 0..3 {
        let answer = room.hears("m1", "hello");
        assert!(matches!(answer.http, 200 | 201), "{answer:?}");
    }
    let version = room.version();
    world.dies_and_comes_back();
    room.hears("m1", "hello");
    assert_eq!(room.version(), version);
    room.hears("m2", "hello");

    let heard = room.facts("message_received");
    let ids: Vec<_> = heard.iter().map(|event| event["message_id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["m1", "m2"]);
    assert_eq!(heard[0]["text"], "hello");
    assert_eq!(heard[0]["by"], "customer");
    assert_eq!((&heard[0]["cause_kind"], &heard[0]["cause"]), (&json!("message"), &json!("m1")));

    let other = world.a_room("web-2");
    other.hears("m1", "hello");
    assert_eq!(other.facts("message_received").len(), 1, "a message id is its room's own");
}

pub fn describing_a_room_again_changes_nothing(world: &mut World) {
    let room = world.a_room("web-1");
    let version = room.version();
    assert_eq!(room.opens().http, 200);
    assert_eq!(room.version(), version);
    let named = json!({"channel": "web_chat", "customer": {"handle": "web-1", "name": "Mia"}});
    assert_eq!(room.door.send("PUT", "/v1/rooms/web-1", Some(&named)).http, 200);
    assert_eq!(room.version(), version + 1);
    assert_eq!(room.facts("room_described").len(), 1);
}

pub fn a_message_makes_its_room(world: &mut World) {
    let room = world.admin().room("new-1");
    assert_eq!(room.door.get("/v1/rooms/new-1").http, 404);
    room.hears("m1", "is anybody there?");
    assert_eq!(room.now()["status"], "open");
    assert_eq!(room.timeline().len(), 2);
}
