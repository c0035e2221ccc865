//! A call happens once and is answered; its identity decides what "once" means.

use std::time::Duration;

use serde_json::json;

use crate::world::{Room, World, calls, create_tag, eventually, openai_message, within};

on_both_databases!(
    a_call_happens_once_and_is_answered,
    the_same_id_again_is_answered_from_memory,
    the_same_id_after_a_death_is_answered_from_the_store,
    the_same_id_with_other_arguments_is_refused_whole,
    one_id_twice_in_a_batch_is_refused_whole,
    a_header_can_name_the_calls,
    other_arguments_under_a_models_reused_id_are_another_call,
    a_tool_nobody_offers_is_answered_to_the_model,
    an_action_not_connected_yet_changes_nothing,
    who_does_not_wait_is_answered_once_it_is_durable,
);

pub fn a_call_happens_once_and_is_answered(world: &mut World) {
    world.a_room("web-1");
    let room = world.ai_agent().room("web-1");
    let answer = room.gets(create_tag(&["vip"]).id("c1"));

    assert_eq!(answer.http, 200);
    assert_eq!(answer.only()["call_id"], "c1");
    assert_eq!(answer.only()["name"], "create_tag");
    assert_eq!(answer.only()["replayed"], false);
    assert_eq!(answer.only()["tool_call_id"], json!(null));
    for (field, tags) in [("tags", json!(["vip"])), ("added", json!(["vip"])), ("already_present", json!([]))] {
        assert_eq!(answer.result()[field], tags);
    }
    assert_eq!(answer.body["room"]["id"], "web-1");
    assert_eq!(answer.body["room"]["version"], 2);
    assert_eq!(answer.body["reply"][0]["call_id"], "c1");

    let person = world.admin().room("web-1");
    assert_eq!(person.tags(), ["vip"]);
    let tagged = person.facts("tags_added");
    assert_eq!(tagged.len(), 1);
    assert_eq!(tagged[0]["cause"], "c1");
    assert_eq!(tagged[0]["by"], "ai_agent:sales");
    assert_eq!(world.ai_agent().call("c1").body["status"], "succeeded");
}

pub fn the_same_id_again_is_answered_from_memory(world: &mut World) {
    let room = world.a_room("web-1");
    let first = room.gets(create_tag(&["vip"]).id("c1"));
    let version = room.version();
    let again = room.gets(create_tag(&["vip"]).id("c1"));

    assert!(again.replayed(), "{again:?}");
    assert_eq!(again.result(), first.result());
    assert_eq!(room.version(), version);
    assert_eq!(room.calls_in_journal(), ["c1"]);
}

pub fn the_same_id_after_a_death_is_answered_from_the_store(world: &mut World) {
    let room = world.a_room("web-1");
    let first = room.gets(create_tag(&["vip"]).id("c1"));
    world.dies_and_comes_back();
    let again = room.gets(create_tag(&["vip"]).id("c1"));

    assert!(again.replayed(), "{again:?}");
    assert_eq!(again.result(), first.result());
    assert_eq!(room.calls_in_journal(), ["c1"]);
    let new = room.gets(create_tag(&["vip"]).id("c2"));
    assert_eq!((&new.result()["added"], &new.result()["already_present"]), (&json!([]), &json!(["vip"])));
}

pub fn the_same_id_with_other_arguments_is_refused_whole(world: &mut World) {
    let room = world.a_room("web-1");
    room.gets(create_tag(&["vip"]).id("c1")).result();
    let version = room.version();

    for other in [create_tag(&["urgent"]).id("c1"), calls("resolve_conversation", json!({"reason_code": "answered"})).id("c1")] {
        let batch = room.gets_all(&[create_tag(&["new"]).id("c2"), other]);
        assert_eq!((batch.http, batch.code()), (422, "idempotency_key_reused"));
    }
    let elsewhere = world.a_room("web-2").gets(create_tag(&["vip"]).id("c1"));
    assert_eq!((elsewhere.http, elsewhere.code()), (422, "idempotency_key_reused"));

    assert_eq!(room.version(), version);
    assert_eq!(room.tags(), ["vip"]);
    assert_eq!(room.door.call("c2").http, 404, "a batch is admitted whole or not at all");
}

pub fn one_id_twice_in_a_batch_is_refused_whole(world: &mut World) {
    let room = world.a_room("web-1");
    let version = room.version();
    let answer = room.gets_all(&[create_tag(&["a"]).id("c1"), create_tag(&["b"]).id("c1")]);
    assert_eq!((answer.http, answer.code()), (422, "duplicate_call_id"));
    assert_eq!(room.version(), version);
}

pub fn a_header_can_name_the_calls(world: &mut World) {
    let room = world.a_room("web-1");
    let batch = json!({"calls": [
        {"name": "create_tag", "arguments": {"tags": ["a"]}},
        {"name": "create_tag", "arguments": {"tags": ["b"]}},
    ]});
    let named = room.gets_envelope(&batch, &[("idempotency-key", "order-7")]).unwrap();
    assert_eq!(named.statuses(), ["succeeded", "succeeded"]);
    assert_eq!(room.calls_in_journal(), ["order-7:0", "order-7:1"]);
    assert!(room.gets_envelope(&batch, &[("idempotency-key", "order-7")]).unwrap().replayed());
    assert_eq!(room.calls_in_journal().len(), 2);
}

pub fn other_arguments_under_a_models_reused_id_are_another_call(world: &mut World) {
    let room = world.a_room("web-1");
    let first = openai_message(&[("call_x", "create_tag", json!({"tags": ["vip"]}))]);
    let second = openai_message(&[("call_x", "create_tag", json!({"tags": ["urgent"]}))]);
    for message in [&first, &second] {
        let answer = room.gets_message_of_a_model(message);
        assert_eq!(answer.statuses(), ["succeeded"]);
        assert_eq!(answer.only()["tool_call_id"], "call_x");
        assert!(!answer.replayed());
    }
    assert_eq!(room.tags(), ["vip", "urgent"]);
    for message in [&first, &second] {
        assert!(room.gets_message_of_a_model(message).replayed());
    }
    let calls = room.calls_in_journal();
    assert_eq!(calls.len(), 2);
    assert_ne!(calls[0], calls[1]);
}

pub fn a_tool_nobody_offers_is_answered_to_the_model(world: &mut World) {
    let room = world.a_room("web-1");
    let answer = room.gets_all(&[
        calls("think", json!({"thought": "hm"})).id("c1"),
        create_tag(&["vip"]).id("c2"),
        create_tag(&[]).id("c3"),
    ]);
    assert_eq!(answer.http, 200);
    assert_eq!(answer.statuses(), ["refused", "succeeded", "refused"]);
    assert_eq!(answer.calls()[0]["error"]["code"], "unknown_tool");
    assert_eq!(answer.calls()[0]["error"]["next"], "use_other_tool");
    assert_eq!(answer.body["reply"].as_array().unwrap().len(), 3, "one result per call, always");
    assert_eq!(room.calls_in_journal(), ["c2"], "what ends at the door is not stored");
}

pub fn an_action_not_connected_yet_changes_nothing(world: &mut World) {
    let room = world.a_room("web-1");
    let version = room.version();
    for (name, arguments) in [
        ("create_deal", json!({"name": "Roof", "amount": 1200})),
        ("update_deal", json!({"amount": 1300})),
        ("create_ticket", json!({"name": "Leak"})),
        ("update_ticket", json!({"description": "worse"})),
        ("send_attachment", json!({"attachment": "leaflet"})),
    ] {
        let answer = room.gets(calls(name, arguments).id("c1"));
        assert_eq!((answer.http, answer.code()), (200, "not_connected"), "{name}");
    }
    assert_eq!(room.version(), version);
    assert_eq!(room.gets(create_tag(&["vip"]).id("c1")).statuses(), ["succeeded"], "the id was not used up");
}

pub fn who_does_not_wait_is_answered_once_it_is_durable(world: &mut World) {
    let rooms: Vec<Room> = (0..30).map(|n| world.a_room(&format!("web-{n}"))).collect();
    rooms[0].actor_is_told("pause");
    world.dies_and_comes_back();
    // All of them sleep.
    let posts = rooms.iter().map(|room| room.getting_within(0, &[create_tag(&["vip"]).id(&format!("c-{}", room.id))])).collect();
    for (n, answer) in rooms[0].door.at_once(posts).into_iter().enumerate() {
        let answer = answer.expect("an answer");
        let told = if n == 0 { (202, "parked") } else { (200, "succeeded") };
        assert_eq!((answer.http, answer.statuses()[0]), told, "{answer:?}");
    }
    let waits = world.admin().call(&format!("c-{}", rooms[0].id));
    assert_eq!((waits.http, &waits.body["status"]), (200, &json!("parked")), "what was answered is on disk");
    // Not before. A writer waits for some seconds only: another one, if these were too few to look.
    let mut times = 0;
    eventually("one is seen that waits", || {
        times += 1;
        let id = format!("held-{times}");
        let held = world.database().holds_its_writers();
        let post = rooms[1].door.begins(rooms[1].getting_within(0, &[create_tag(&["late"]).id(&id)]));
        let begun = within(Duration::from_secs(3), || (rooms[1].actor()["current_call"] == id.as_str()).then_some(()));
        let early = post.is_answered();
        drop(held);
        let answer = post.answer().expect("an answer");
        assert!(answer.http == 503 || (!early && answer.statuses() == ["succeeded"]), "{early} {answer:?}");
        begun.filter(|()| answer.http == 200)
    });
}
