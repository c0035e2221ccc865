//! A person who types is not interrupted: what the AI agent would send waits, also over a kill, and is sent or refused.

use serde_json::json;

use crate::world::call::Answer;
use crate::world::file::png;
use crate::world::{Room, World, calls, create_tag, eventually};

on_both_databases!(what_the_ai_agent_sends_waits_for_who_types);

fn types(room: &Room, body: &serde_json::Value) -> Answer {
    room.door.send("POST", &room.path("/typing"), Some(body))
}

pub fn what_the_ai_agent_sends_waits_for_who_types(world: &mut World) {
    let (room, robot) = (world.a_room("web-1"), world.ai_agent().room("web-1"));
    let ana = world.admin().an_agent("Ana", 5, &[]);
    world.admin().adds_file("map", "map.png", &png(7));
    let sends = || calls("send_attachment", json!({"attachment": "map", "repeat": true}));
    eventually("the library is known", || (robot.gets(sends()).statuses() == ["succeeded"]).then_some(()));
    let sent = room.facts("attachment_sent").len();

    // Longer than a new start takes.
    world.admin().set(&json!({"people": {"typing_hold_s": 60}}));
    assert_eq!(types(&room, &json!({"agent_id": ana})).body["changed"], true);
    assert_eq!(types(&room, &json!({})).body["changed"], false, "not an event for every key");
    assert_eq!(robot.gets(create_tag(&["vip"]).id("t1")).statuses(), ["succeeded"], "tags go on");
    let waits = robot.gets_within(1, sends().id("s1"));
    assert_eq!((waits.http, &waits.only()["status"], &waits.only()["parked_on"]), (202, &json!("parked"), &json!("typing")));
    world.dies_and_comes_back();
    let said = json!({"from": "agent", "agent_id": ana, "text": "I am here", "message_id": "m1"});
    assert!(world.admin().send("POST", &room.path("/messages"), Some(&said)).http < 300);
    let ends = || Some(world.admin().call("s1")).filter(|call| call.body["status"] == "refused");
    let refused = eventually("what waited is refused", ends);
    assert_eq!(refused.body["error"]["code"], "human_in_control", "she took over");

    // Who stops typing without a word lets it go on.
    assert_eq!(room.door.send("POST", &room.path("/return"), None).http, 200);
    world.admin().set(&json!({"people": {"typing_hold_s": 2}}));
    assert_eq!(types(&room, &json!({"agent_id": ana})).body["changed"], true);
    let goes_on = robot.gets(sends().id("s2"));
    assert_eq!(goes_on.statuses(), ["succeeded"], "{goes_on:?}");
    assert_eq!(room.facts("attachment_sent").len(), sent + 1);
    for (body, http) in [(json!({"agent_id": "nobody"}), 422), (json!({"agent": ana}), 422)] {
        assert_eq!(types(&room, &body).http, http, "{body}");
    }
    assert_eq!(types(&world.admin().room("none"), &json!({})).http, 404);
}
