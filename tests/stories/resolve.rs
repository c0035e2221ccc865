//! Resolving: once is enough, never over the customer's head, and a customer who writes again is heard.

use serde_json::{Value, json};

use crate::world::{World, calls, create_tag, resolve};

on_both_databases!(
    resolving_twice_is_success_without_a_change,
    a_customer_who_wrote_meanwhile_is_not_resolved_away,
    a_customer_who_writes_again_reopens_the_room,
    a_reason_nobody_offers_is_answered_with_those_there_are,
    the_company_says_how_it_ends_and_begins_again,
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

pub fn the_company_says_how_it_ends_and_begins_again(world: &mut World) {
    let admin = world.admin();
    let ana = admin.an_agent("Ana", 5, &[]);
    let people = |more: Value| json!({ "people": more });
    admin.set(&people(json!({"closing_message": "Thank you for writing.", "reopen_control": "last_agent"})));
    let (room, robot) = (world.a_room("web-1"), world.ai_agent().room("web-1"));
    room.hears("m1", "hello");
    robot.gets(crate::world::assign_to("Ana").id("a1")).result();
    let has_it = || crate::world::eventually("she has it", || (room.now()["assignee"] == json!(ana)).then_some(()));
    has_it();
    assert_eq!(admin.send("POST", &room.path("/resolve"), Some(&json!({"reason_code": "answered"}))).http, 200);
    let said = room.facts("message_received");
    assert_eq!((said.len(), &said[1]["from"], &said[1]["text"]), (2, &json!("ai_agent"), &json!("Thank you for writing.")));
    // A thank-you opens nothing; a question goes to who had it.
    room.hears("m2", "thanks!");
    assert_eq!(room.now()["status"], "resolved");
    room.hears("m3", "it broke again");
    has_it();
    assert_eq!(robot.gets(resolve("answered").id("r1")).code(), "human_in_control");
    // Another conversation is nobody's but the AI agent's, and begins without the tags of the last.
    assert_eq!(robot.gets(create_tag(&["vip"]).id("t1")).statuses(), ["succeeded"]);
    admin.set(&people(json!({"reopen": "always_new", "reopen_control": "queue"})));
    assert_eq!(admin.send("POST", &room.path("/resolve"), Some(&json!({"reason_code": "answered"}))).http, 200);
    room.hears("m4", "something else");
    assert_eq!((&room.now()["control"], room.tags().len()), (&json!("bot"), 0));
    assert_eq!(room.facts("room_reopened")[1]["anew"], true);
    // Handed over for the third time, it stays with people.
    for time in 1..=3 {
        robot.gets(crate::world::assign_to("Ana").id(&format!("h{time}"))).result();
        has_it();
        let back = admin.send("POST", &room.path("/return"), None);
        let told = if time < 3 { (200, &json!(null)) } else { (409, &json!("hand_over_loop")) };
        assert_eq!((back.http, &back.body["code"]), told, "{back:?}");
    }
    assert_eq!(room.now()["assignee"], json!(ana));
    for wrong in [json!({"reopen_window_h": 0}), json!({"closing_message": ""}), json!({"reopen": "never"})] {
        let mut settings = admin.get("/v1/settings").body;
        settings["people"] = wrong.clone();
        assert_eq!(admin.send("PUT", "/v1/settings", Some(&settings)).http, 422, "{wrong}");
    }
}
