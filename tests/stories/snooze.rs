//! A conversation that nobody has to look at until later: it wakes by itself, also after the process died, or when the customer
//! writes before.

use serde_json::{Value, json};

use crate::world::call::Answer;
use crate::world::{Room, World, create_tag, eventually, resolve};

on_both_databases!(
    a_snoozed_room_wakes_by_itself,
    a_customer_who_writes_wakes_the_room,
    a_snooze_has_an_end_and_a_room_that_is_not_over,
);

fn snoozes(room: &Room, body: &Value) -> Answer {
    room.door.send("POST", &room.path("/snooze"), Some(body))
}

fn is(room: &Room, status: &str) -> bool {
    room.now()["status"] == status
}

pub fn a_snoozed_room_wakes_by_itself(world: &mut World) {
    let operator = world.caller(&world.a_key("acme", "operator").0);
    let (short, long) = (world.a_room("web-1"), world.a_room("web-2"));
    let in_100_days = jiff::Timestamp::from_second(jiff::Timestamp::now().as_second() + 100 * 86_400).unwrap();
    let there = in_100_days.display_with_offset(jiff::tz::offset(7)).to_string();
    assert_eq!(snoozes(&long, &json!({ "until": there })).http, 200, "{there}");
    assert_eq!(long.now()["snoozed_until"], format!("{in_100_days:.3}"));
    assert_eq!(long.now()["snoozed_until"], long.facts("room_snoozed")[0]["until"]);
    assert_eq!(operator.all("/v1/rooms?status=snoozed").len(), 1);
    long.gets(create_tag(&["later"]).id("c1")).result();
    assert!(is(&long, "snoozed"), "a call wakes nobody");
    let snoozed = snoozes(&operator.room("web-1"), &json!({"for_s": 3}));
    assert_eq!((snoozed.http, &snoozed.body["changed"], &snoozed.body["room"]["status"]), (200, &json!(true), &json!("snoozed")));
    // The room leaves memory, the process dies: the time is kept.
    short.falls_asleep();
    world.dies_and_comes_back();
    eventually("its time comes", || is(&short, "open").then_some(()));
    let woken = short.facts("room_woken");
    assert_eq!((woken.len(), &woken[0]["by"], &woken[0]["cause_kind"]), (1, &json!("system"), &json!("timer")), "{woken:?}");
    assert!(woken[0]["at"].as_str() >= short.facts("room_snoozed")[0]["until"].as_str(), "not before");
    assert_eq!(short.now()["snoozed_until"], Value::Null);
    assert!(is(&long, "snoozed"), "the other's has not come");
}

pub fn a_customer_who_writes_wakes_the_room(world: &mut World) {
    let room = world.a_room("web-1");
    assert_eq!(snoozes(&room, &json!({"for_s": 4})).http, 200);
    assert_eq!(snoozes(&room, &json!({"for_s": 3_600})).http, 200, "another time takes the first one's place");
    let mut calls = 0;
    eventually("the first time has passed", || {
        let until = room.facts("room_snoozed")[0]["until"].as_str().unwrap().to_owned();
        calls += 1;
        room.gets(create_tag(&["vip"]).id(&format!("c{calls}")));
        room.now()["last_event_at"].as_str().is_some_and(|now| now > until.as_str()).then_some(())
    });
    assert!(is(&room, "snoozed"));
    assert_eq!(room.hears("m1", "Hello? Is anybody there?").http, 201);
    assert!(is(&room, "open"), "{}", room.now());
    assert_eq!(room.facts("room_woken"), Vec::<Value>::new(), "and no timer is left that would say so");
}

pub fn a_snooze_has_an_end_and_a_room_that_is_not_over(world: &mut World) {
    let room = world.a_room("web-1");
    let version = room.version();
    let in_a_day = jiff::Timestamp::from_second(jiff::Timestamp::now().as_second() + 86_400).unwrap().to_string();
    for body in [
        json!({}),
        json!({"for_s": 60, "until": "9998-01-01T00:00:00Z"}),
        json!({"for_s": 0}),
        json!({"for_s": -5}),
        json!({"for_s": i64::MAX}),
        json!({"until": "2020-01-01T00:00:00Z"}),
        json!({"until": in_a_day.trim_end_matches('Z')}),
        json!({"until": "2026-13-45T00:00:00Z"}),
        json!({"until": "9999-01-01T00:00:00Z"}),
    ] {
        let refused = snoozes(&room, &body);
        assert_eq!((refused.http, refused.code()), (422, "invalid_body"), "{body}: {refused:?}");
    }
    assert_eq!(room.version(), version);
    room.gets(resolve("answered").id("c1")).result();
    let refused = snoozes(&room, &json!({"for_s": 60}));
    assert_eq!((refused.http, refused.code()), (409, "room_resolved"), "{refused:?}");
    let nowhere = snoozes(&world.admin().room("nowhere"), &json!({"for_s": 60}));
    assert_eq!((nowhere.http, nowhere.code()), (404, "unknown_room"), "{nowhere:?}");
}
