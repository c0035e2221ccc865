//! Resolving: once is enough, never over the customer's head, and a customer who writes again is heard.

use serde_json::{Value, json};

use crate::world::{World, calls, create_tag, resolve};

on_both_databases!(
    resolving_twice_is_success_without_a_change,
    a_customer_who_wrote_meanwhile_is_not_resolved_away,
    a_customer_who_writes_again_reopens_the_room,
    a_reason_nobody_offers_is_answered_with_those_there_are,
);

pub fn resolving_twice_is_success_without_a_change(world: &mut World) {
    let room = world.a_room("web-1");
    let resolving = calls("resolve_conversation", json!({"reason_code": "answered", "note": "all good"}));
    assert_eq!(room.gets(resolving.id("c1")).result()["changed"], true);
    assert_eq!(room.now()["status"], "resolved");
    assert_eq!(room.now()["control"], "nobody");

    assert_eq!(room.gets(resolve("spam").id("c2")).result()["changed"], false);
    let resolved = room.facts("conversation_resolved");
    assert_eq!(resolved.len(), 1);
    assert_eq!((&resolved[0]["reason_code"], &resolved[0]["note"]), (&json!("answered"), &json!("all good")));
    assert_eq!(room.calls_in_journal(), ["c1", "c2"]);
    assert_eq!(room.gets(create_tag(&["late"]).id("c3")).statuses(), ["succeeded"], "a tag is allowed on a resolved room");
    assert_eq!(room.now()["status"], "resolved");
}

pub fn a_customer_who_wrote_meanwhile_is_not_resolved_away(world: &mut World) {
    let room = world.a_room("web-1");
    room.hears("m1", "hello");
    let seen = room.gets(create_tag(&["vip"])).body["room"]["last_inbound_seq"].as_i64().unwrap();
    room.hears("m2", "and one more thing");

    let hasty = room.gets_having_seen(seen, resolve("answered").id("c1"));
    assert_eq!(hasty.only()["status"], "refused", "{hasty:?}");
    assert_ne!(room.now()["status"], "resolved");

    let seen = hasty.body["room"]["last_inbound_seq"].as_i64().unwrap();
    assert_eq!(room.gets_having_seen(seen, resolve("answered").id("c2")).result()["changed"], true);
}

pub fn a_customer_who_writes_again_reopens_the_room(world: &mut World) {
    let room = world.a_room("web-1");
    room.gets(resolve("answered").id("c1")).result();
    room.hears("m1", "it broke again");
    assert_eq!(room.now()["status"], "open");
    assert_eq!(room.facts("room_reopened").len(), 1);
    assert_eq!(room.gets(resolve("answered").id("c2")).result()["changed"], true);
    assert!(room.gets(resolve("answered").id("c1")).replayed(), "the first episode's call stays what it was");
}

pub fn a_reason_nobody_offers_is_answered_with_those_there_are(world: &mut World) {
    let room = world.a_room("web-1");
    let answer = room.gets(resolve("because").id("c1"));
    assert_eq!(answer.only()["status"], "refused");
    let error = &answer.only()["error"];
    assert!(error["allowed"].as_array().is_some_and(|all| all.contains(&json!("answered"))), "{error}");
    assert_eq!(error["next"], "fix_and_retry");
    assert_eq!(room.now()["status"], "open");
    let nothing = room.gets(calls("resolve_conversation", json!({})).id("c2"));
    assert_eq!(nothing.only()["status"], "refused");
    assert_ne!(nothing.only()["error"], Value::Null);
}
