//! The live actor from outside: paused, asleep, draining; looking never wakes it, and a death changes nothing of it.

use serde_json::json;

use crate::world::{World, assign_to, create_tag, eventually};

on_both_databases!(
    what_waits_behind_a_pause_survives_a_death,
    a_call_that_waits_is_joined_by_its_id,
    looking_at_a_sleeping_room_leaves_it_asleep,
    a_room_that_slept_goes_on_where_it_was,
    a_pause_survives_sleep,
    a_room_that_drains_lets_its_waiting_calls_end,
    a_room_that_drained_while_its_call_waits_is_asleep_and_resumes,
    an_awake_room_shows_its_last_calls,
);

pub fn what_waits_behind_a_pause_survives_a_death(world: &mut World) {
    let room = world.a_room("web-1");
    room.actor_is_told("pause");
    let waiting = room.gets_within(1, create_tag(&["vip"]).id("c1"));
    assert_eq!(waiting.http, 202);
    assert_eq!(waiting.only()["status"], "parked");
    assert_eq!(waiting.headers["location"], "/v1/function-calls/c1");
    assert_eq!(waiting.body["reply"].as_array().unwrap().len(), 1, "the model is told that it still runs");

    world.dies_and_comes_back();
    assert_eq!(room.door.call("c1").body["status"], "parked");
    assert_eq!(room.tags(), Vec::<String>::new());
    assert_eq!(room.gets_within(1, create_tag(&["late"]).id("c2")).http, 202, "the pause survived as well");

    room.actor_is_told("resume");
    for call in ["c1", "c2"] {
        eventually("the waiting call ends", || (room.door.call(call).body["status"] == "succeeded").then_some(()));
    }
    assert_eq!(room.tags(), ["vip", "late"], "in the order of their admission");
    let kinds: Vec<_> = room.timeline().iter().map(|event| event["type"].clone()).collect();
    for kind in ["room_paused", "call_parked", "room_resumed", "call_answered"] {
        assert!(kinds.contains(&json!(kind)), "{kinds:?}");
    }
    assert!(room.gets(create_tag(&["vip"]).id("c1")).replayed());
}

pub fn a_call_that_waits_is_joined_by_its_id(world: &mut World) {
    let room = world.a_room("web-1");
    room.actor_is_told("pause");
    assert_eq!(room.gets_within(1, create_tag(&["vip"]).id("c1")).http, 202);
    let again = room.gets_within(1, create_tag(&["vip"]).id("c1"));
    assert_eq!((again.http, &again.only()["status"]), (202, &json!("parked")));
    let other = room.gets_within(1, create_tag(&["urgent"]).id("c1"));
    assert_eq!((other.http, other.code()), (422, "idempotency_key_reused"));
    room.actor_is_told("resume");
    assert_eq!(room.gets(create_tag(&["vip"]).id("c1")).result()["tags"], json!(["vip"]));
    assert_eq!(room.facts("tags_added").len(), 1);
}

pub fn looking_at_a_sleeping_room_leaves_it_asleep(world: &mut World) {
    let room = world.a_room("web-1");
    room.gets(create_tag(&["vip"]).id("c1")).result();
    room.falls_asleep();
    for _ in 0..3 {
        assert_eq!(room.tags(), ["vip"]);
        assert_eq!(room.calls_in_journal(), ["c1"]);
        assert_eq!(room.door.call("c1").http, 200);
        assert_eq!(room.door.get("/v1/rooms").http, 200);
        assert!(room.is_asleep(), "looking woke it");
    }
    world.dies_and_comes_back();
    assert!(room.is_asleep(), "a start wakes no room without a reason");
}

pub fn a_room_that_slept_goes_on_where_it_was(world: &mut World) {
    let room = world.a_room("web-1");
    for n in 0..10 {
        let answer = room.gets(create_tag(&[&format!("t{n}")]).id(&format!("c{n}")));
        assert_eq!(answer.result()["tags"].as_array().unwrap().len(), n + 1);
        room.falls_asleep();
    }
    assert_eq!(room.calls_in_journal().len(), 10);
    assert!(room.gets(create_tag(&["t0"]).id("c0")).replayed());
}

pub fn a_pause_survives_sleep(world: &mut World) {
    let room = world.a_room("web-1");
    room.actor_is_told("pause");
    room.falls_asleep();
    assert_eq!(room.gets_within(1, create_tag(&["vip"]).id("c1")).http, 202, "the pause survived");
    // Asked for again and again, it keeps nobody awake once its callers have left.
    for _ in 0..3 {
        assert_eq!(room.gets_within(1, create_tag(&["vip"]).id("c1")).http, 202);
    }
    room.falls_asleep();
    assert_eq!(room.door.call("c1").body["status"], "parked");
    assert!(room.is_asleep());
    room.actor_is_told("resume");
    assert!(room.gets(create_tag(&["vip"]).id("c1")).replayed());
    assert_eq!(room.tags(), ["vip"]);
}

pub fn a_room_that_drains_lets_its_waiting_calls_end(world: &mut World) {
    let room = world.a_room("web-1");
    room.actor_is_told("pause");
    let waiting = room.door.begins(room.getting_within(30, &[create_tag(&["vip"]).id("c1")]));
    let other = room.door.begins(room.getting_within(30, &[create_tag(&["late"]).id("c2")]));
    eventually("both wait", || (room.actor()["parked"] == 2).then_some(()));
    room.actor_is_told("drain");
    assert_eq!(room.actor()["state"], "draining");
    let new = room.gets_within(1, create_tag(&["new"]).id("c3"));
    assert_eq!((new.http, new.code()), (503, "room_draining"));
    assert_eq!(room.hears("m1", "hello").code(), "room_draining");
    let cancelled = room.door.send("POST", "/v1/function-calls/c2/cancel", None);
    assert_eq!(cancelled.http, 200, "{cancelled:?}");
    room.actor_is_told("resume");
    assert_eq!(waiting.answer().expect("an answer").result()["tags"], json!(["vip"]));
    assert_eq!(other.answer().expect("an answer").only()["status"], "cancelled");
    eventually("it sleeps, with nobody to ask for it", || room.is_asleep().then_some(()));
    assert_eq!(room.gets(create_tag(&["new"]).id("c3")).result()["tags"], json!(["vip", "new"]), "and wakes as ever");
}

pub fn a_room_that_drained_while_its_call_waits_is_asleep_and_resumes(world: &mut World) {
    let room = world.a_room("web-1");
    room.actor_is_told("pause");
    assert_eq!(room.gets_within(1, create_tag(&["vip"]).id("c1")).http, 202);
    room.actor_is_told("drain");
    eventually("it sleeps", || room.is_asleep().then_some(()));
    room.actor_is_told("resume");
    assert!(room.gets(create_tag(&["vip"]).id("c1")).replayed());
}

pub fn an_awake_room_shows_its_last_calls(world: &mut World) {
    let room = world.a_room("web-1");
    for n in 0..3 {
        room.gets(create_tag(&["vip"]).id(&format!("c{n}"))).result();
    }
    let actor = room.actor();
    assert_ne!(actor["state"], "asleep");
    assert_eq!(actor["queue_depth"], 0);
    assert_eq!(actor["version"], room.version());
    assert_eq!(actor["last_calls"].as_array().unwrap().len(), 3, "{actor}");

    // Those that ended long after they were asked for are among them, and counted by their end.
    room.actor_is_told("pause");
    assert_eq!(room.gets_within(0, create_tag(&["late"]).id("c3")).http, 202);
    room.actor_is_told("resume");
    let ana = world.admin().an_agent("Ana", 1, &[]);
    room.gets(assign_to(&ana).id("c4")).result();
    let last = || room.actor()["last_calls"].as_array().unwrap().iter().map(|call| call["call_id"].clone()).collect::<Vec<_>>();
    eventually("all of them ended", || (last() == ["c4", "c3", "c2", "c1", "c0"]).then_some(()));
    let metrics = world.outside().get("/metrics").body.as_str().unwrap().to_owned();
    for (action, status, many) in [("create_tag", "succeeded", 4), ("assign_agent", "succeeded", 1)] {
        let line = format!("bellhop_calls_total{{action=\"{action}\",status=\"{status}\"}} {many}\n");
        assert!(metrics.contains(&line), "{line} is not in {metrics}");
    }
    assert!(!metrics.contains("status=\"parked\""), "that is no end: {metrics}");
    assert_eq!(world.admin().room("nowhere").door.get("/v1/rooms/nowhere/actor").http, 404);
}
