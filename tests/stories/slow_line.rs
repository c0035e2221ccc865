//! A company's own line is slow: a larger file takes longer to be sent, and has the time it takes.

use serde_json::json;

use crate::attachments::ROOM;
use crate::world::file::{pdf, sha256};
use crate::world::{World, calls, create_tag, eventually, slow_line};

on_sqlite_alone!(a_larger_file_has_the_time_that_a_slow_line_takes);

/// What is sent, and how much of it the line brings in a second: about three, where an answer is waited for no more than one.
const BYTES: usize = 2_000_000;
const BYTES_A_SECOND: u64 = 700_000;

pub fn a_larger_file_has_the_time_that_a_slow_line_takes(world: &mut World) {
    world.has_a_crm();
    let line = format!("http://127.0.0.1:{}", slow_line::to(world.crm().port, BYTES_A_SECOND));
    // Shorter than usual, so that the story is: whatever it is, the file's own time comes on top.
    let path = world.is_told_the_channel("acme", &["--base-url", &line, "--attempt-timeout-ms", "1000"]);
    world.is_told_of_the_channel(&path);
    let film = pdf(BYTES, 1);
    assert_eq!(world.admin().adds_file("film", "film.pdf", &film).http, 201);
    let room = world.a_customer_writes(ROOM, "6281200000009", "the film, please");
    let robot = world.ai_agent().room(ROOM);
    let nothing = || calls("send_attachment", json!({"attachment": "nothing"}));
    eventually("the library is known", || (robot.gets(nothing()).code() == "unknown_attachment").then_some(()));

    let sent = robot.gets_within(25, calls("send_attachment", json!({"attachment": "film"})).id("s1"));
    assert_eq!(sent.result()["status"], "accepted", "{sent:?}");
    assert_eq!(room.facts("effect_doubted").len(), 0, "its answer was waited for");
    let there = world.crm().records("messages").into_iter().find(|message| message["file"].is_object()).unwrap();
    assert_eq!(there["file"]["sha256"], json!(sha256(&film)));
    // And what is lost on it holds nothing else up.
    let circuits = world.admin().get("/v1/channel").body["circuits"].clone();
    let classes: Vec<&str> = circuits.as_array().unwrap().iter().map(|circuit| circuit["class"].as_str().unwrap()).collect();
    assert!(classes.contains(&"upload"), "uploads have a circuit of their own: {circuits}");
    assert_eq!(robot.gets(create_tag(&["vip"]).id("t1")).statuses(), ["succeeded"]);
}
