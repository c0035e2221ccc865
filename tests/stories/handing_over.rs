//! Who has the conversation, and what the AI agent may still do: takeover and return, the resolve of a request that also hands
//! over, tags that many write at once, and calls that wait for a yes across a kill.

use std::collections::BTreeSet;
use std::thread;

use serde_json::{Value, json};

use crate::world::call::Answer;
use crate::world::{Room, World, assign_to, assign_to_anyone, assign_to_division, create_tag, eventually, resolve};

on_both_databases!(
    while_a_person_has_it_the_ai_agent_only_annotates,
    a_person_who_answers_takes_the_conversation,
    resolves_come_last_whatever_the_order,
    a_request_that_hands_over_does_not_close,
    tags_of_eight_writers_are_the_journals_set,
    a_call_that_waits_for_a_yes_survives_a_kill,
);

/// The room as people see it, and as the AI agent calls it.
fn a_room(world: &World, id: &str) -> (Room, Room) {
    (world.a_room(id), world.ai_agent().room(id))
}

fn tells(world: &World, room: &Room, verb: &str, body: &Value) -> Answer {
    world.admin().send("POST", &room.path(&format!("/{verb}")), Some(body))
}

pub fn while_a_person_has_it_the_ai_agent_only_annotates(world: &mut World) {
    let (room, robot) = a_room(world, "web-1");
    let ana = world.admin().an_agent("Ana", 1, &[]);
    world.admin().a_division("Sales");
    let before = room.now()["epoch"].as_i64().unwrap();
    assert_eq!(tells(world, &room, "takeover", &json!({"agent_id": ana})).http, 200);
    assert_eq!((room.now()["epoch"].as_i64(), room.now()["control"].as_str()), (Some(before + 1), Some("person")));
    assert_eq!(robot.gets(resolve("answered").id("c1")).code(), "human_in_control");
    assert_eq!(robot.gets(assign_to_division("Sales").id("c2")).code(), "human_in_control");
    assert_eq!(robot.gets(assign_to_anyone().id("c3")).result()["changed"], false, "whoever has it is anybody");
    assert_eq!(robot.gets(create_tag(&["vip"]).id("c4")).statuses(), ["succeeded"]);
    assert_eq!(tells(world, &room, "return", &json!({})).http, 200);
    assert_eq!(room.now()["control"], "bot");
    // The model is told, as the refusal promised.
    let told = robot.gets(create_tag(&["back"]).id("c6")).body["room"]["notices"].clone();
    let words = told[0].as_str().unwrap_or_default();
    assert!(words.contains("(Ana)") && words.contains("yours again"), "{told}");
    assert_eq!(robot.gets(resolve("answered").id("c5")).result()["changed"], true);
}

pub fn a_person_who_answers_takes_the_conversation(world: &mut World) {
    let (room, robot) = a_room(world, "web-1");
    let ana = world.admin().an_agent("Ana", 1, &[]);
    let said = json!({"from": "agent", "agent_id": ana, "text": "I am here", "message_id": "m1"});
    assert!(world.admin().send("POST", &room.path("/messages"), Some(&said)).http < 300);
    assert_eq!(room.now()["assignee"], json!(ana));
    assert_eq!(room.facts("room_taken")[0]["how"], "reply");
    assert_eq!(robot.gets(resolve("answered").id("c1")).code(), "human_in_control");
    // The same words again move nothing.
    let version = room.version();
    world.admin().send("POST", &room.path("/messages"), Some(&said));
    assert_eq!(room.version(), version);
}

pub fn resolves_come_last_whatever_the_order(world: &mut World) {
    let (room, robot) = a_room(world, "web-1");
    let answer = robot.gets_all(&[resolve("answered").id("r"), create_tag(&["vip"]).id("t")]);
    assert_eq!(answer.statuses(), ["succeeded", "succeeded"], "in the order of the request");
    assert_eq!(room.calls_in_journal(), ["t", "r"]);
    assert_eq!(room.now()["status"], "resolved");
}

pub fn a_request_that_hands_over_does_not_close(world: &mut World) {
    world.admin().an_agent("Ana", 1, &[]);
    let (room, robot) = a_room(world, "web-1");
    let both = robot.gets_all(&[resolve("answered").id("r"), assign_to_anyone().id("a")]);
    assert_eq!(both.statuses(), ["refused", "succeeded"], "{both:?}");
    assert_eq!(both.calls()[0]["error"]["code"], "human_in_control");
    eventually("she has it", || (room.now()["control"] == "person").then_some(()));
    // Nobody is free any more: the customer waits in a queue, and is not closed there either.
    let (other, robot) = a_room(world, "web-2");
    let both = robot.gets_all(&[resolve("answered").id("r2"), assign_to("Ana").id("a2")]);
    assert_eq!(both.statuses(), ["refused", "succeeded"], "{both:?}");
    assert_eq!(other.now()["control"], "queue");
}

pub fn tags_of_eight_writers_are_the_journals_set(world: &mut World) {
    const WRITERS: usize = 8;
    const EACH: usize = 125;
    let room = world.a_room("web-1");
    let writers = (0..WRITERS).map(|writer| {
        let (admin, room) = (world.admin(), room.clone());
        thread::spawn(move || {
            for n in 0..EACH {
                let name = ["a", "b", "c", "d", "e", "f", "g"][(n * 3 + writer) % 7];
                let added = |room: &Room| room.gets(create_tag(&[name]).id(&format!("w{writer}-{n}"))).http;
                let removed = || admin.send("DELETE", &room.path(&format!("/tags/{name}")), None).http;
                let http = if (n + writer) % 2 == 0 { added(&room) } else { removed() };
                assert_eq!(http, 200);
            }
        })
    });
    writers.collect::<Vec<_>>().into_iter().for_each(|writer| writer.join().unwrap());
    let mut folded = BTreeSet::new();
    for event in room.timeline() {
        let tags = || event["tags"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
        match event["type"].as_str() {
            Some("tags_added") => folded.extend(tags()),
            Some("tags_removed") => folded = &folded - &tags().collect(),
            _ => {}
        }
    }
    assert_eq!(room.tags().into_iter().collect::<BTreeSet<_>>(), folded);
    assert!(room.facts("tags_removed").len() > 10, "both kinds really met");
}

pub fn a_call_that_waits_for_a_yes_survives_a_kill(world: &mut World) {
    world.admin().set(&json!({"people": {"approvals": [{"action": "create_tag"}]}}));
    let (_, robot) = a_room(world, "web-1");
    let waiting = robot.gets_within(2, create_tag(&["vip"]).id("c1"));
    assert_eq!((waiting.http, waiting.statuses()), (202, vec!["parked"]));
    world.dies_and_comes_back();
    let (room, robot) = (world.admin().room("web-1"), world.ai_agent().room("web-1"));
    let listed = world.admin().all("/v1/function-calls?status=parked");
    assert_eq!((listed.len(), &listed[0]["call_id"]), (1, &json!("c1")), "{listed:?}");
    let yes =
        |tag: &str| world.admin().send("POST", "/v1/function-calls/c1/approve", Some(&json!({"arguments": {"tags": [tag]}})));
    let said = yes("gold");
    assert_eq!(said.http, 200, "{said:?}");
    eventually("the call has run", || (world.admin().call("c1").body["status"] == "succeeded").then_some(()));
    assert_eq!(room.tags(), ["gold"]);
    // The second click is told what came of the first; a yes to something else comes too late.
    let (version, again, other) = (room.version(), yes("gold"), yes("silver"));
    assert_eq!((again.http, &again.body["status"], other.http, other.code()), (200, &json!("succeeded"), 409, "already_final"));
    assert_eq!(room.version(), version);
    assert!(robot.gets(create_tag(&["vip"]).id("c1")).replayed(), "it is still the call the model sent");
}
