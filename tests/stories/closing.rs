//! A company's closing message where it has to travel through a channel: said once, before the conversation is closed, by whoever
//! closes it; and whatever becomes of it, the conversation is closed all the same.

use serde_json::{Value, json};

use crate::world::whatsapp::{MESSAGES, PHONE};
use crate::world::{Room, World, eventually, resolve};

on_both_databases!(
    the_customer_is_told_before_it_is_closed_there,
    what_may_have_been_said_is_not_said_again,
    a_person_who_comes_first_hears_no_goodbye,
    on_whatsapp_it_is_said_and_then_closed_here,
    who_writes_meanwhile_is_not_closed_away,
);

const ROOM: &str = "7b000000-0000-4000-8000-0000000000c0";
/// Others of the same customer: there a conversation that was resolved is not gone on with.
const SECOND: &str = "7b000000-0000-4000-8000-0000000000c1";
const THIRD: &str = "7b000000-0000-4000-8000-0000000000c2";
const SAY: &str = "POST /api/open/v1/messages/whatsapp/bot";
const BYE: &str = "Thank you for writing.";
const RINA: &str = "6281200000009";

/// A company in Qontak's inbox that says goodbye.
fn a_company(world: &mut World) {
    world.has_a_channel();
    world.admin().set(&json!({"people": {"closing_message": BYE}}));
}

/// A conversation of its: the AI agent's view of it, and ours.
fn a_conversation(world: &World, id: &str) -> (Room, Room) {
    let room = world.a_customer_writes(id, "6281200000012", "hello");
    (world.ai_agent().room(id), room)
}

/// What the bot said there.
fn said(world: &World, id: &str) -> Vec<Value> {
    let messages = world.crm().records("messages").into_iter();
    messages.filter(|it| it["room_id"] == id && it["participant_type"] == "bot").map(|it| it["text"].clone()).collect()
}

fn is_resolved_there(world: &World, id: &str) -> bool {
    world.crm().records("rooms").iter().any(|room| room["id"] == id && room["status"] == "resolved")
}

/// The call's result, however late.
fn result(world: &World, call_id: &str) -> Value {
    eventually("the call ends", || {
        let call = world.ai_agent().call(call_id);
        (call.body["status"] == "succeeded").then(|| call.body["result"].clone())
    })
}

pub fn the_customer_is_told_before_it_is_closed_there(world: &mut World) {
    a_company(world);
    let (robot, room) = a_conversation(world, ROOM);
    // Refused, nothing is said.
    assert_eq!(robot.gets(resolve("because").id("r0")).statuses(), ["refused"]);
    room.hears("m2", "and one more thing");
    assert_eq!(robot.gets_having_seen(1, resolve("answered").id("r1")).code(), "new_customer_message");
    assert_eq!(said(world, ROOM).len(), 0);

    let answer = robot.gets(resolve("answered").id("r2"));
    assert_eq!(answer.result()["closing_message"], json!({"status": "sent"}), "{answer:?}");
    assert_eq!((said(world, ROOM), is_resolved_there(world, ROOM)), (vec![json!(BYE)], true));
    let journal = world.crm().journal();
    let writes: Vec<&str> = journal
        .iter()
        .filter(|line| line["method"] != "GET")
        .filter_map(|line| line["path"].as_str())
        .filter(|path| path.ends_with("/bot") || path.ends_with("/resolve"))
        .map(|path| path.rsplit('/').next().unwrap())
        .collect();
    assert_eq!(writes, ["bot", "resolve"]);
    let ends = room.facts("conversation_resolved");
    assert_eq!((ends.len(), &ends[0]["closing_message"]["status"]), (1, &json!("sent")));
    // By its id, and closed once more, it is not said again.
    assert!(robot.gets(resolve("answered").id("r2")).replayed());
    assert_eq!(robot.gets(resolve("answered").id("r3")).result()["changed"], false);
    assert_eq!(said(world, ROOM).len(), 1);
    world.crm().knew_every_key();
    room.timeline();
}

pub fn what_may_have_been_said_is_not_said_again(world: &mut World) {
    a_company(world);
    let (robot, _) = a_conversation(world, ROOM);
    world.crm().has_once(SAY, "lose_answer");
    let answer = robot.gets(resolve("answered").id("r1"));
    assert_eq!(answer.result()["closing_message"], json!({"status": "unconfirmed"}), "{answer:?}");
    assert_eq!((said(world, ROOM).len(), is_resolved_there(world, ROOM)), (1, true));

    // A channel that does not take it holds nothing up either.
    let (robot, _) = a_conversation(world, SECOND);
    world.crm().has_exactly(&json!({"route": SAY, "fault": "status_429", "rate": 1.0, "retry_after_s": 0}));
    let _ = robot.gets_within(1, resolve("answered").id("r2"));
    let left_out = json!({"status": "not_sent", "why": "channel_unavailable"});
    assert_eq!(result(world, "r2")["closing_message"], left_out);
    assert_eq!((said(world, SECOND).len(), is_resolved_there(world, SECOND)), (0, true));
    world.crm().is_well_again();

    // Nor does the death of who says it. Begun anew, because a channel that was not well a moment ago may be spared.
    world.dies_and_comes_back();
    let (robot, _) = a_conversation(world, THIRD);
    let before = world.crm().was_asked("POST", "/messages/whatsapp/bot");
    world.crm().holds(SAY);
    let under_way = robot.door.begins(robot.getting(&[resolve("answered").id("r3")]));
    world.crm().is_at_it();
    world.dies_and_comes_back();
    drop(under_way.answer());
    assert_eq!(result(world, "r3")["closing_message"], json!({"status": "unconfirmed"}));
    world.crm().lets_go();
    assert!(is_resolved_there(world, THIRD) && said(world, THIRD).len() <= 1);
    assert!(world.crm().was_asked("POST", "/messages/whatsapp/bot") <= before + 1);
}

pub fn a_person_who_comes_first_hears_no_goodbye(world: &mut World) {
    a_company(world);
    let (robot, room) = a_conversation(world, ROOM);
    let ana = world.admin().an_agent("Ana", 5, &[]);
    // Between the call's decision and its first word to the channel lies this look.
    world.crm().holds("GET /api/open/v1/rooms/{id}");
    let under_way = robot.door.begins(robot.getting(&[resolve("answered").id("r1")]));
    world.crm().is_at_it();
    let taken = room.door.send("POST", &room.path("/takeover"), Some(&json!({"agent_id": ana})));
    assert_eq!((taken.http, &taken.body["changed"]), (200, &json!(true)), "{taken:?}");
    world.crm().lets_go();
    let answer = under_way.answer().expect("an answer");
    assert_eq!(answer.code(), "human_in_control", "{answer:?}");
    assert_eq!((said(world, ROOM).len(), is_resolved_there(world, ROOM)), (0, false));
    assert_eq!(room.now()["assignee"], json!(ana));
}

pub fn on_whatsapp_it_is_said_and_then_closed_here(world: &mut World) {
    world.has_whatsapp();
    world.admin().set(&json!({"people": {"closing_message": BYE}}));
    let robot = world.customer_on_whatsapp(RINA);
    let room = world.admin().room(&robot.id);
    let answer = robot.gets(resolve("answered").id("r1"));
    assert_eq!(answer.result()["closing_message"], json!({"status": "sent"}), "{answer:?}");
    let got = world.crm().got_on_whatsapp(RINA);
    assert_eq!((got.len(), &got[0]["text"], &room.now()["status"]), (1, &json!(BYE), &json!("resolved")));
    let told: Vec<Value> = room.facts("message_received").iter().map(|it| it["text"].clone()).collect();
    assert_eq!(told, [json!("hello"), json!(BYE)]);

    // What may be there is not said again, and nobody waits for more.
    world.crm().customer_writes(RINA, "it broke again", 0);
    eventually("it is open again", || (room.now()["status"] == "open").then_some(()));
    world.crm().has_once(MESSAGES, "lose_answer");
    let answer = robot.gets(resolve("answered").id("r2"));
    assert_eq!(answer.result()["closing_message"], json!({"status": "unconfirmed"}), "{answer:?}");
    assert_eq!((world.crm().got_on_whatsapp(RINA).len(), &room.now()["status"]), (2, &json!("resolved")));

    // Outside the day it is left out.
    let late = "6281200000031";
    world.crm().customer_writes(late, "hello", 24 * 3_600 - 30);
    let id = format!("wa-{PHONE}-{late}");
    let room = world.admin().room(&id);
    room.has_heard_its_customer();
    let answer = world.ai_agent().room(&id).gets(resolve("answered").id("r3"));
    let left_out = json!({"status": "not_sent", "why": "window_closed"});
    assert_eq!((&answer.result()["closing_message"], &room.now()["status"]), (&left_out, &json!("resolved")), "{answer:?}");
    assert_eq!(world.crm().got_on_whatsapp(late).len(), 0);
    world.crm().knew_every_key();
}

pub fn who_writes_meanwhile_is_not_closed_away(world: &mut World) {
    world.has_whatsapp();
    world.admin().set(&json!({"people": {"closing_message": BYE}}));
    let robot = world.customer_on_whatsapp(RINA);
    let room = world.admin().room(&robot.id);
    world.crm().holds(MESSAGES);
    let under_way = robot.door.begins(robot.getting(&[resolve("answered").id("r1")]));
    world.crm().is_at_it();
    let before = room.now()["last_inbound_seq"].clone();
    world.crm().customer_writes(RINA, "wait, one more thing", 0);
    eventually("that is heard", || (room.now()["last_inbound_seq"] != before).then_some(()));
    world.crm().lets_go();
    let answer = under_way.answer().expect("an answer");
    assert_eq!(answer.code(), "new_customer_message", "{answer:?}");
    let told = answer.only()["error"]["message"].as_str().unwrap().to_owned();
    assert!(told.contains("closing message was sent") && told.contains("wait, one more thing"), "{told}");
    assert_eq!((world.crm().got_on_whatsapp(RINA).len(), &room.now()["status"]), (1, &json!("open")));
    // Decided again, it is closed, and says so once more.
    assert_eq!(robot.gets(resolve("answered").id("r2")).result()["changed"], true);
    assert_eq!((world.crm().got_on_whatsapp(RINA).len(), &room.now()["status"]), (2, &json!("resolved")));
}
