//! The log: never a key, never what a customer wrote.

use std::time::Duration;

use serde_json::json;

use crate::world::{World, calls, create_tag};

on_both_databases!(no_key_and_no_text_is_in_the_log, asked_to_end_it_ends);
on_sqlite_alone!(a_log_that_cannot_be_written_costs_only_the_log, what_is_no_request_is_not_in_the_log);

pub fn no_key_and_no_text_is_in_the_log(world: &mut World) {
    let room = world.a_room("web-1");
    room.hears("m1", "my-card-is-4111-1111");
    room.gets(create_tag(&["vip"]).id("c1")).result();
    room.gets(calls("resolve_conversation", json!({"reason_code": "answered", "note": "note-nobody-else-reads"})).id("c2"))
        .result();
    room.gets(calls("create_tag", json!({"tags": 5, "wrong-argument": "text-in-a-wrong-place"})).id("c3"));
    let wrong = world.caller("bh_live_wrong_key_that_is_secret_all_the_same");
    assert_eq!(wrong.get("/v1/rooms").http, 401);
    assert_eq!(world.admin().get(&format!("/v1/rooms?key={}", world.agent_key)).http / 100, 4, "a key in the query is no key");
    world.server().is_asked_to_end(Duration::from_secs(60)).expect("it ends");

    let log = world.log();
    let secrets = ["my-card-is", "note-nobody-else-reads", "text-in-a-wrong-place", "wrong_key_that_is_secret"];
    for secret in secrets.into_iter().chain([world.admin_key.as_str(), world.agent_key.as_str()]) {
        assert!(!log.contains(secret), "{secret:?} is in the log");
    }
}

/// Its disk is full, or nobody reads it any more.
pub fn a_log_that_cannot_be_written_costs_only_the_log(world: &mut World) {
    let room = world.a_room("web-1");
    for to in ["2>/dev/full", "2> >(exec true)"] {
        world.dies();
        world.starts_with(&["/bin/bash", "-c", &format!("exec \"$0\" \"$@\" {to}")], &["--log", "debug"]);
        for _ in 0..3 {
            let mut wire = world.wire();
            wire.send(b"GARBAGE\r\n\r\n").unwrap();
            assert_eq!(wire.receive().unwrap().status, 400);
        }
        room.gets(create_tag(&["vip"])).result();
        assert!(world.still_runs());
        let ended = world.server().is_asked_to_end(Duration::from_secs(60)).expect("it ends");
        assert!(ended.success(), "{ended}");
    }
}

/// Anybody may send bytes that are no request, as many as they like.
pub fn what_is_no_request_is_not_in_the_log(world: &mut World) {
    let mut wire = world.wire();
    wire.send(b"GARBAGE\r\n\r\n").unwrap();
    assert_eq!(wire.receive().unwrap().status, 400);
    world.server().is_asked_to_end(Duration::from_secs(60)).expect("it ends");
    let log = world.log();
    assert!(!log.contains("parse error") && !log.contains("actix_http"), "{log}");
}

pub fn asked_to_end_it_ends(world: &mut World) {
    let room = world.a_room("web-1");
    room.gets(create_tag(&["vip"]).id("c1")).result();
    let ended = world.server().is_asked_to_end(Duration::from_secs(60)).expect("it ends");
    assert!(ended.success(), "{ended}");
    world.dies_and_comes_back();
    assert!(room.gets(create_tag(&["vip"]).id("c1")).replayed());
}
