//! A file of which nobody can tell whether the customer has it: what comes behind it goes on meanwhile, and it is sent again only
//! when a person decides so, once for each decision.

use serde_json::{Value, json};

use crate::attachments::{ROOM, SENDING, a_conversation_in, arrived, echo, ends, sends};
use crate::world::call::Answer;
use crate::world::file::png;
use crate::world::{Room, World, calls, create_tag, eventually};

on_both_databases!(
    a_person_has_a_file_sent_again,
    what_comes_behind_a_doubtful_file_goes_on,
    what_the_channel_tells_late_ends_the_doubt,
);

fn a_conversation(world: &mut World, echo_wait_ms: &str) -> Room {
    a_conversation_with_path(world, echo_wait_ms).0
}

/// The same, with the webhook's path.
fn a_conversation_with_path(world: &mut World, echo_wait_ms: &str) -> (Room, String) {
    let path = world.has_a_channel_with(&[], &[], &["--echo-wait-ms", echo_wait_ms]);
    (a_conversation_in(world), path)
}

fn names(world: &World) -> Vec<Value> {
    arrived(world).iter().map(|message| message["file"]["filename"].clone()).collect()
}

fn retries(world: &World, id: &str, body: &Value) -> Answer {
    world.admin().send("POST", &format!("/v1/function-calls/{id}/retry"), Some(body))
}

pub fn a_person_has_a_file_sent_again(world: &mut World) {
    let robot = a_conversation(world, "1500");
    let room = world.admin().room(ROOM);
    world.crm().tells_of_messages(false);
    // It never arrived, and nobody can know.
    world.crm().has_once(SENDING, "lose_request");
    let _ = robot.gets_within(1, sends("map").id("s1"));
    assert_eq!(ends(&room, "s1").body["status"], "unresolved");
    // To try again is to look again.
    assert_eq!(retries(world, "s1", &json!({"reason": "Has the chat told of it?"})).http, 200);
    assert_eq!(ends(&room, "s1").body["status"], "unresolved");
    assert_eq!((names(world).len(), room.facts("effect_retried").len()), (0, 1));
    let wrong = retries(world, "s1", &json!({"send_again": true}));
    assert_eq!(wrong.http, 422, "nobody decides that without a reason: {wrong:?}");
    let decided = json!({"reason": "The customer says it is not there.", "send_again": true});
    assert_eq!(retries(world, "s1", &decided).http, 200);
    assert_eq!(ends(&room, "s1").body["status"], "succeeded");
    assert_eq!((names(world), room.facts("attachment_sent").len()), (vec![json!("map.png")], 1));
    assert_eq!(room.facts("effect_retried")[1]["send_again"], true);

    // One decision is one sending: an answer that is lost again is again in doubt, also after a restart.
    world.crm().has_exactly(&json!({"route": SENDING, "fault": "lose_answer", "rate": 1.0, "times": 2}));
    let _ = robot.gets_within(1, sends("brochure").id("s2"));
    assert_eq!(ends(&room, "s2").body["status"], "unresolved");
    assert_eq!(retries(world, "s2", &decided).http, 200);
    eventually("it is sent again", || (names(world).len() == 3).then_some(()));
    world.dies_and_comes_back();
    assert_eq!(ends(&room, "s2").body["status"], "unresolved");
    assert_eq!(names(world), ["map.png", "brochure.pdf", "brochure.pdf"], "and never by itself");

    // Who has the conversation by now is asked first, and what was in doubt stays so.
    let ana = world.admin().an_agent("Ana", 1, &[]);
    assert_eq!(room.door.send("POST", &room.path("/takeover"), Some(&json!({"agent_id": ana}))).http, 200);
    assert_eq!(retries(world, "s2", &decided).http, 200);
    let end = ends(&room, "s2");
    assert_eq!((&end.body["status"], &end.body["error"]["code"]), (&json!("unresolved"), &json!("human_in_control")), "{end:?}");
    assert!(end.body["error"]["message"].as_str().unwrap().contains("was not sent again now"), "{end:?}");
    assert_eq!(names(world).len(), 3);
}

pub fn what_comes_behind_a_doubtful_file_goes_on(world: &mut World) {
    let robot = a_conversation(world, "120000");
    let room = world.admin().room(ROOM);
    world.crm().tells_of_messages(false);
    world.crm().has_once(SENDING, "lose_request");
    let _ = robot.gets_within(1, sends("map").id("s1"));
    eventually("it is doubted", || (room.facts("effect_doubted").len() == 1).then_some(()));
    assert_eq!(robot.gets_within(25, create_tag(&["vip"]).id("t1")).statuses(), ["succeeded"]);
    assert_eq!(robot.gets_within(25, sends("brochure").id("s2")).result()["status"], "accepted");
    assert_eq!(room.door.call("s1").body["status"], "unknown", "still looked for");

    // One that is known in time goes on in its turn: the text was there, then comes its file.
    world.crm().behaves(&json!({"webhook_delay_ms": 5_000}));
    world.crm().tells_of_messages(true);
    world.crm().has_once(SENDING, "lose_answer");
    let wish = json!({"attachment": "brochure", "caption": "Once more", "repeat": true});
    let _ = robot.gets_within(1, calls("send_attachment", wish).id("s3"));
    eventually("it is doubted", || (room.facts("effect_doubted").len() == 2).then_some(()));
    assert_eq!(robot.gets_within(25, create_tag(&["late"]).id("t2")).statuses(), ["succeeded"]);
    assert_eq!(ends(&room, "s3").body["status"], "succeeded");
    assert_eq!(names(world), ["brochure.pdf", "brochure.pdf"]);
}

pub fn what_the_channel_tells_late_ends_the_doubt(world: &mut World) {
    let (robot, path) = a_conversation_with_path(world, "1000");
    let (room, size) = (world.admin().room(ROOM), png(7).len());
    world.crm().tells_of_messages(false);
    let is_lost = |id: &str| {
        world.crm().has_once(SENDING, "lose_answer");
        let _ = robot.gets_within(1, calls("send_attachment", json!({"attachment": "map", "repeat": true})).id(id));
        assert_eq!(ends(&room, id).body["status"], "unresolved");
        arrived(world).last().unwrap()["id"].as_str().unwrap().to_owned()
    };
    let tells = |body: &Value| {
        assert_eq!(world.outside().send("POST", &path, Some(body)).http, 200);
        world.has_heard_all();
    };
    let status = |id: &str| room.door.call(id).body["status"].as_str().unwrap().to_owned();
    let first = is_lost("s1");
    // Another file of that name, and one from before it was begun, prove nothing.
    tells(&echo("other-size", size + 1));
    let mut before = echo("before", size);
    before["created_at"] = json!("2026-01-01T00:00:00Z");
    tells(&before);
    assert_eq!(status("s1"), "unresolved");
    tells(&echo(&first, size));
    eventually("it is known", || (status("s1") == "succeeded").then_some(()));
    let sent = room.facts("attachment_sent");
    assert_eq!((sent.len(), &sent[0]["message_id"], arrived(world).len()), (1, &json!(first), 1), "{sent:?}");
    assert_eq!(robot.gets(sends("map").id("s2")).result()["already_existed"], true);

    // Told again with a status, it is still the first one's.
    let second = is_lost("s3");
    let mut again = echo(&first, size);
    (again["data_event"], again["status"]) = (json!("status_message"), json!("read"));
    tells(&again);
    assert_eq!(status("s3"), "unresolved");
    // Of two in doubt nobody can tell which it is; once a person has decided one, it is the other.
    let third = is_lost("s4");
    tells(&echo(&second, size));
    assert_eq!((status("s3"), status("s4")), ("unresolved".into(), "unresolved".into()));
    let settled = json!({"outcome": "succeeded", "record": second, "reason": "It is there."});
    assert_eq!(world.admin().send("POST", "/v1/function-calls/s3/settle", Some(&settled)).http, 200);
    tells(&echo(&third, size));
    eventually("it is the other", || (status("s4") == "succeeded").then_some(()));
    assert_eq!(arrived(world).len(), 3, "nothing is sent by itself");
}
