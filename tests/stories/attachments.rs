//! The customer gets the very file that a builder put into the library: once, in the conversation's own channel, and nothing
//! that the channel does not take.

use serde_json::{Value, json};

use crate::world::call::Answer;
use crate::world::file::{pdf, png, sha256};
use crate::world::{Call, Room, World, calls, eventually};

on_both_databases!(the_very_file_arrives_once, a_lost_answer_is_not_sent_again, what_cannot_be_sent_is_said);

on_sqlite_alone!(a_room_that_lives_here_shows_the_file);

const ROOM: &str = "7b000000-0000-4000-8000-0000000000aa";

fn sends(file: &str) -> Call {
    calls("send_attachment", json!({ "attachment": file }))
}

/// A conversation there and here, in whose company two files lie.
fn a_conversation(world: &mut World) -> Room {
    world.has_a_channel();
    assert!(world.admin().adds_file("brochure", "brochure.pdf", &pdf(40_000, 1)).http < 300);
    assert!(world.admin().adds_file("map", "map.png", &png(7)).http < 300);
    world.crm().conversation(ROOM, "6281200000009");
    world.crm().customer_says(ROOM, "can I have the brochure?");
    let room = world.admin().room(ROOM);
    eventually("the room is made", || (room.door.get(&room.path("")).http == 200).then_some(()));
    // The library is the company's, and a running server follows within a second.
    let robot = world.ai_agent().room(ROOM);
    eventually("the library is known", || (robot.gets(sends("nothing")).code() == "unknown_attachment").then_some(()));
    robot
}

/// Files that were sent there, in order.
fn arrived(world: &World) -> Vec<Value> {
    let messages = world.crm().records("messages");
    messages.into_iter().filter(|message| message["room_id"] == ROOM && message["file"].is_object()).collect()
}

fn ends(room: &Room, call_id: &str) -> Answer {
    eventually("the call ends", || {
        let call = room.door.call(call_id);
        let open = ["accepted", "running", "parked", "scheduled", "unknown"];
        (!open.contains(&call.body["status"].as_str().unwrap_or("accepted"))).then_some(call)
    })
}

pub fn the_very_file_arrives_once(world: &mut World) {
    let robot = a_conversation(world);
    let sent = robot.gets(calls("send_attachment", json!({"attachment": "brochure", "caption": "Here it is"})).id("s1"));
    assert_eq!(sent.result()["status"], "accepted", "{sent:?}");
    let files = arrived(world);
    assert_eq!(files.len(), 1);
    let bytes = pdf(40_000, 1);
    assert_eq!(files[0]["file"]["sha256"], json!(sha256(&bytes)));
    assert_eq!((&files[0]["file"]["filename"], &files[0]["type"]), (&json!("brochure.pdf"), &json!("document")));
    let texts: Vec<Value> = world.crm().records("messages").into_iter().map(|message| message["text"].clone()).collect();
    assert!(texts.contains(&json!("Here it is")), "{texts:?}");
    world.crm().knew_every_key();

    // The same wish under another id, with nothing said in between.
    let again = robot.gets(sends("brochure").id("s2"));
    assert_eq!(again.result()["already_existed"], true, "{again:?}");
    let wanted = robot.gets(calls("send_attachment", json!({"attachment": "brochure", "repeat": true})).id("s3"));
    assert_eq!(wanted.result()["status"], "accepted");
    assert_eq!(robot.gets(sends("map").id("s4")).result()["kind"], "image");
    let names: Vec<Value> = arrived(world).iter().map(|message| message["file"]["filename"].clone()).collect();
    assert_eq!(names, ["brochure.pdf", "brochure.pdf", "map.png"]);
    assert_eq!(world.admin().room(ROOM).facts("attachment_sent").len(), 3);
}

pub fn a_lost_answer_is_not_sent_again(world: &mut World) {
    let robot = a_conversation(world);
    world.crm().has_once("POST /api/open/v1/messages/whatsapp/bot", "lose_answer");
    let _ = robot.gets_within(2, sends("map").id("s1"));
    let end = ends(&world.admin().room(ROOM), "s1");
    assert_eq!(end.body["status"], "unresolved", "{end:?}");
    assert_eq!(end.body["result"]["code"], "outcome_unknown", "told as a result: {end:?}");
    assert_eq!(arrived(world).len(), 1);
    // Another call for the same file waits for a person too, and nothing is sent.
    assert_eq!(robot.gets(sends("map").id("s2")).code(), "waits_for_colleague");
    assert_eq!(arrived(world).len(), 1);
}

pub fn what_cannot_be_sent_is_said(world: &mut World) {
    let robot = a_conversation(world);
    let unknown = robot.gets(sends("brochur").id("s1"));
    assert_eq!(unknown.code(), "unknown_attachment");
    assert_eq!(unknown.only()["error"]["candidates"][0]["value"], "brochure", "{unknown:?}");
    // A person has it: the customer hears nothing from the AI agent.
    let ana = world.admin().an_agent("Ana", 1, &[]);
    let room = world.admin().room(ROOM);
    assert_eq!(room.door.send("POST", &room.path("/takeover"), Some(&json!({"agent_id": ana}))).http, 200);
    assert_eq!(robot.gets(sends("brochure").id("s2")).code(), "human_in_control");
    assert_eq!(arrived(world), Vec::<Value>::new());
}

pub fn a_room_that_lives_here_shows_the_file(world: &mut World) {
    assert!(world.admin().adds_file("map", "map.png", &png(7)).http < 300);
    let room = world.a_room("web-1");
    let robot = world.ai_agent().room("web-1");
    let sent = eventually("the library is known", || {
        let answer = robot.gets(sends("map"));
        (answer.statuses() == ["succeeded"]).then_some(answer)
    });
    assert_eq!(sent.result()["filename"], "map.png");
    assert_eq!(room.facts("attachment_sent")[0]["sha256"], json!(sha256(&png(7))));
}
