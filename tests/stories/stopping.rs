//! Being told to stop: nothing new is taken, what is under way is finished, and who cannot wait says so twice.

use std::time::Duration;

use crate::world::wire::Wire;
use crate::world::{World, create_tag, eventually};

on_sqlite_alone!(
    who_comes_while_it_stops_is_told_so,
    a_second_signal_ends_it_at_once,
    who_waits_for_a_call_that_waits_is_told_where_it_stands,
);

const CALL: &[u8] = br#"{"calls":[{"call_id":"c1","name":"create_tag","arguments":{"tags":["vip"]}}]}"#;

/// A request whose end is still to come, so that the server has something to wait for; and it knows of it.
fn half_sent(world: &World) -> Wire {
    let mut wire = world.wire();
    let request = world.posted("web-1", "Expect: 100-continue\r\n", CALL);
    wire.send(&request[..request.len() - 1]).unwrap();
    assert_eq!(wire.receive().unwrap().status, 100);
    wire
}

/// Told to stop, with somebody half way and somebody else connected: the latter's answer once nothing new is taken.
fn stops(world: &mut World) -> (Wire, crate::world::wire::WireAnswer) {
    world.a_room("web-1");
    let slow = half_sent(world);
    let mut other = world.wire();
    other.send(&world.posted("web-1", "", CALL)).unwrap();
    assert_eq!(other.receive().unwrap().status, 200);
    assert!(world.server().is_asked_to_end(Duration::ZERO).is_none(), "somebody is half way");
    let turned_away = eventually("nothing new is taken", || {
        other.send(&world.posted("web-1", "X-Request-Id: mine\r\n", CALL)).unwrap();
        Some(other.receive().unwrap()).filter(|answer| answer.status != 200)
    });
    (slow, turned_away)
}

pub fn who_comes_while_it_stops_is_told_so(world: &mut World) {
    let (mut slow, turned_away) = stops(world);
    let told = turned_away.json();
    assert_eq!((turned_away.status, &told["code"]), (503, &"shutting_down".into()), "{turned_away:?}");
    assert_eq!((turned_away.header("x-request-id"), &told["request_id"]), (Some("mine"), &"mine".into()));
    assert_eq!(turned_away.header("content-type"), Some("application/problem+json"));
    assert!(turned_away.header("retry-after").is_some() && !turned_away.keeps_connection(), "{turned_away:?}");
    slow.send(&CALL[CALL.len() - 1..]).unwrap();
    assert_eq!(slow.receive().unwrap().status, 200, "who was half way is answered");
    let ended = world.server().ends_by_itself(Duration::from_secs(60)).expect("it ends");
    assert!(ended.success(), "{ended}");

    world.starts();
    let document = world.admin().get("/openapi.json").body;
    let told = &document["paths"]["/v1/rooms/{room_id}/function-calls"]["post"]["responses"]["503"]["description"];
    assert!(told.as_str().unwrap().split(", ").any(|code| code == "shutting_down"), "{told}");
    assert!(world.admin().room("web-1").gets(create_tag(&["vip"]).id("c1")).replayed());
}

pub fn who_waits_for_a_call_that_waits_is_told_where_it_stands(world: &mut World) {
    let room = world.a_room("web-1");
    room.actor_is_told("pause");
    let waits = |n: usize| room.getting_within(30, &[create_tag(&["vip"]).id(&format!("c{n}"))]);
    let asked: Vec<_> = (0..64).map(|n| room.door.begins(waits(n))).collect();
    eventually("all of them wait", || (room.actor()["parked"] == 64).then_some(()));
    let ended = world.server().is_asked_to_end(Duration::from_secs(60)).expect("it ends");
    assert!(ended.success(), "{ended}");
    for answer in asked.into_iter().map(|asked| asked.answer().expect("an answer")) {
        assert_eq!((answer.http, &answer.only()["status"]), (202, &"parked".into()), "{answer:?}");
    }
    world.starts();
    room.actor_is_told("resume");
    eventually("they go on", || (room.door.call("c63").body["status"] == "succeeded").then_some(()));
}

pub fn a_second_signal_ends_it_at_once(world: &mut World) {
    let (slow, _) = stops(world);
    let ended = world.server().is_asked_to_end(Duration::from_secs(60)).expect("it ends");
    assert_eq!(ended.code(), Some(130), "{ended}");
    let told: Vec<String> = world.log().lines().filter(|line| line.starts_with("bellhop: ")).map(str::to_owned).collect();
    assert_eq!(told.last().map(String::as_str), Some("bellhop: stopped at once by a second signal"), "{told:?}");
    drop(slow);
    world.starts();
    assert_eq!(world.admin().room("web-1").calls_in_journal(), ["c1"]);
}
