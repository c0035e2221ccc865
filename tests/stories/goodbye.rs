//! An AI agent that hands the conversation over may say goodbye once, in the very request that does so; the customer hears that,
//! and then people.

use serde_json::{Value, json};

use crate::world::channel::RAKA;
use crate::world::file::{pdf, png};
use crate::world::{Call, Room, World, assign_to, assign_to_anyone, calls, eventually, resolve};

on_both_databases!(
    one_more_thing_and_then_people,
    the_goodbye_reaches_the_channel,
    a_person_who_comes_first_is_not_talked_over,
    a_resolve_waits_for_what_its_request_says,
    a_hand_over_that_had_to_wait_says_goodbye_too,
);

const ROOM: &str = "7b000000-0000-4000-8000-0000000000bb";

fn sends(file: &str) -> Call {
    calls("send_attachment", json!({ "attachment": file }))
}

/// Two files that the company's AI agents may send, known to a running server.
fn files(world: &World, robot: &Room) {
    assert!(world.admin().adds_file("brochure", "brochure.pdf", &pdf(4_000, 1)).http < 300);
    assert!(world.admin().adds_file("map", "map.png", &png(7)).http < 300);
    eventually("the library is known", || (robot.gets(sends("nothing")).code() == "unknown_attachment").then_some(()));
}

fn a_conversation(world: &mut World) -> (Room, Room) {
    world.has_a_channel();
    let room = world.a_customer_writes(ROOM, "6281200000010", "I want to talk to somebody");
    let robot = world.ai_agent().room(ROOM);
    files(world, &robot);
    (room, robot)
}

fn arrived(world: &World) -> Vec<Value> {
    let messages = world.crm().records("messages").into_iter();
    messages
        .filter(|message| message["room_id"] == ROOM && message["file"].is_object())
        .map(|it| it["file"]["filename"].clone())
        .collect()
}

pub fn one_more_thing_and_then_people(world: &mut World) {
    let (room, robot) = (world.a_room("web-1"), world.ai_agent().room("web-1"));
    files(world, &robot);
    world.admin().an_agent("Ana", 5, &[]);
    let both = [assign_to_anyone().id("a1"), sends("brochure").id("s1"), sends("map").id("s2")];
    let answer = robot.gets_all(&both);
    assert_eq!(answer.statuses(), ["succeeded", "succeeded", "refused"], "{answer:?}");
    assert_eq!(answer.calls()[2]["error"]["code"], "human_in_control");
    assert_eq!(room.facts("goodbye_granted").len(), 1);
    assert_eq!(robot.gets(sends("map").id("s3")).code(), "human_in_control", "not from a later request");
    // Asked again by their ids, all of them are what they were.
    let again = robot.gets_all(&both);
    assert_eq!((again.statuses(), again.replayed()), (answer.statuses(), true));
    assert_eq!(room.facts("attachment_sent").len(), 1);

    // Nobody is free: the customer waits for somebody, and hears nothing from the AI agent but its goodbye.
    let (room, robot) = (world.a_room("web-2"), world.ai_agent().room("web-2"));
    let answer = robot.gets_all(&[assign_to("nobody").id("b0"), sends("map").id("t0")]);
    assert_eq!(answer.statuses(), ["refused", "succeeded"], "nothing was handed over: {answer:?}");
    world.admin().an_agent("Budi", 0, &[]);
    let answer = robot.gets_all(&[assign_to("Budi").id("b1"), sends("brochure").id("t1")]);
    assert_eq!(answer.statuses(), ["succeeded", "succeeded"], "{answer:?}");
    assert_eq!(room.now()["control"], "queue");
    let waits = robot.gets(calls("send_attachment", json!({"attachment": "brochure", "repeat": true})).id("t2"));
    assert_eq!(waits.code(), "human_in_control");
}

pub fn the_goodbye_reaches_the_channel(world: &mut World) {
    let (room, robot) = a_conversation(world);
    // Whatever their order: when the first of them reaches the channel, control has moved already.
    let answer = robot.gets_all(&[sends("map").id("s1"), assign_to("Raka Umpama").id("a1"), sends("brochure").id("s2")]);
    assert_eq!(answer.statuses(), ["succeeded", "succeeded", "refused"], "{answer:?}");
    assert_eq!(answer.calls()[2]["error"]["code"], "human_in_control");
    assert_eq!((arrived(world), &room.now()["assignee"]), (vec![json!("map.png")], &json!(RAKA)));
    // Heard only after the return, that he was let in would be somebody's doing.
    world.has_heard_all();
    assert_eq!(room.door.send("POST", &room.path("/return"), Some(&json!({}))).http, 200);
    let answer = robot.gets_all(&[assign_to("Tari Rekaan").id("a2"), sends("brochure").id("s3")]);
    assert_eq!(answer.statuses(), ["succeeded", "succeeded"], "{answer:?}");
    assert_eq!(arrived(world), [json!("map.png"), json!("brochure.pdf")]);
    room.timeline();
}

pub fn a_person_who_comes_first_is_not_talked_over(world: &mut World) {
    let (room, robot) = a_conversation(world);
    let ana = world.admin().an_agent("Ana", 5, &[]);
    // Between the request and its goodbye lies this write.
    world.crm().holds("POST /api/open/v1/rooms/{id}/agents/{user}");
    let asked = robot.getting(&[assign_to("Raka Umpama").id("a1"), sends("map").id("s1")]);
    let under_way = robot.door.begins(asked);
    world.crm().is_at_it();
    assert_eq!(room.door.send("POST", &room.path("/takeover"), Some(&json!({"agent_id": ana}))).http, 200);
    world.crm().lets_go();
    let answer = under_way.answer().expect("an answer");
    let send = &answer.calls()[1];
    assert_eq!((&send["status"], &send["error"]["code"]), (&json!("refused"), &json!("human_in_control")), "{answer:?}");
    assert_eq!((arrived(world).len(), &room.now()["control"]), (0, &json!("person")), "whoever has it is a person");
}

pub fn a_resolve_waits_for_what_its_request_says(world: &mut World) {
    let (room, robot) = a_conversation(world);
    world.crm().holds("POST /api/open/v1/messages/whatsapp/bot");
    let under_way = robot.door.begins(robot.getting(&[resolve("answered").id("r1"), sends("map").id("s1")]));
    world.crm().is_at_it();
    let waits = world.admin().call("r1").body;
    assert_eq!((&waits["status"], &waits["parked_on"]), (&json!("parked"), &json!("barrier")), "{waits}");
    assert_eq!(robot.gets(assign_to("Raka Umpama").id("a1")).code(), "resolving");
    world.crm().customer_says(ROOM, "and where is the entrance?");
    eventually("it is heard", || (room.facts("message_received").len() == 2).then_some(()));
    world.crm().lets_go();
    let answer = under_way.answer().expect("an answer");
    assert_eq!(answer.statuses(), ["refused", "succeeded"], "{answer:?}");
    let error = &answer.calls()[0]["error"];
    assert_eq!(error["code"], "new_customer_message");
    assert!(error["message"].as_str().unwrap().contains("and where is the entrance?"), "{error}");
    assert_eq!((&room.now()["status"] != "resolved", arrived(world)), (true, vec![json!("map.png")]));
    // Nobody says anything: what it says last is there before the end.
    let answer = robot.gets_all(&[resolve("answered").id("r2"), sends("brochure").id("s2")]);
    assert_eq!(answer.statuses(), ["succeeded", "succeeded"], "{answer:?}");
    assert_eq!((&room.now()["status"], arrived(world).len()), (&json!("resolved"), 2));
    let order: Vec<_> = room.timeline().iter().filter_map(|event| event["type"].as_str().map(str::to_owned)).collect();
    let at = |kind: &str| order.iter().rposition(|one| one == kind).expect(kind);
    assert!(at("attachment_sent") < at("conversation_resolved"), "{order:?}");
}

pub fn a_hand_over_that_had_to_wait_says_goodbye_too(world: &mut World) {
    let (room, robot) = (world.a_room("web-1"), world.ai_agent().room("web-1"));
    files(world, &robot);
    world.admin().an_agent("Ana", 5, &[]);
    // For the room, also over a kill.
    room.actor_is_told("pause");
    let calls = [assign_to_anyone().id("a1"), sends("brochure").id("s1"), sends("map").id("s2"), resolve("answered").id("r1")];
    assert_eq!(robot.gets_all_within(1, &calls).statuses(), ["parked"; 4]);
    world.dies_and_comes_back();
    room.actor_is_told("resume");
    let status = |id: &str| {
        let call = room.door.call(id).body;
        (call["status"].as_str().unwrap().to_owned(), call["error"]["code"].clone())
    };
    let ends = |id: &str| eventually("it ends", || Some(status(id)).filter(|(status, _)| status != "parked"));
    let said_no = ("refused".to_owned(), json!("human_in_control"));
    assert_eq!((ends("a1").0.as_str(), ends("s1").0.as_str()), ("succeeded", "succeeded"));
    assert_eq!((ends("s2"), ends("r1")), (said_no.clone(), said_no.clone()), "one goodbye, and no end of what was handed over");
    assert_eq!((room.facts("goodbye_granted").len(), room.facts("attachment_sent").len()), (1, 1));
    assert_eq!(room.now()["status"], "waiting");

    // For somebody's yes.
    world.admin().set(&json!({"people": {"approvals": [{"action": "assign_agent"}, {"action": "send_attachment"}]}}));
    let (room, robot) = (world.a_room("web-2"), world.ai_agent().room("web-2"));
    let calls = [assign_to_anyone().id("b1"), sends("brochure").id("t1"), sends("map").id("t2")];
    assert_eq!(robot.gets_all_within(1, &calls).statuses(), ["parked"; 3]);
    for id in ["b1", "t1", "t2"] {
        assert_eq!(room.door.send("POST", &format!("/v1/function-calls/{id}/approve"), Some(&json!({}))).http, 200);
    }
    assert_eq!((ends("b1").0.as_str(), ends("t1").0.as_str()), ("succeeded", "succeeded"));
    assert_eq!((ends("t2"), room.facts("attachment_sent").len()), (said_no, 1));
}
