//! The customer gets the very file that a builder put into the library: once, in the conversation's own channel, and nothing
//! that the channel does not take.

use serde_json::{Value, json};

use crate::world::call::Answer;
use crate::world::file::{pdf, png, sha256};
use crate::world::{Call, Room, World, calls, create_tag, eventually};

on_both_databases!(
    the_very_file_arrives_once,
    a_lost_answer_is_known_by_its_echo,
    a_lost_answer_is_not_sent_again,
    a_forged_echo_settles_nothing,
    a_kill_in_the_middle_of_sending_ends_by_the_echo,
    what_cannot_be_sent_is_said,
    what_was_answered_stays_answered_when_the_last_file_is_gone,
);

on_sqlite_alone!(a_room_that_lives_here_shows_the_file, outside_the_day_nothing_is_sent);

pub const ROOM: &str = "7b000000-0000-4000-8000-0000000000aa";
pub const SENDING: &str = "POST /api/open/v1/messages/whatsapp/bot";

pub fn sends(file: &str) -> Call {
    calls("send_attachment", json!({ "attachment": file }))
}

/// A conversation there and here, in whose company two files lie.
fn a_conversation(world: &mut World) -> Room {
    a_conversation_with_path(world).0
}

/// The same, with the webhook's path.
fn a_conversation_with_path(world: &mut World) -> (Room, String) {
    let path = world.has_a_channel();
    (a_conversation_in(world), path)
}

/// The same, in a channel that is set already.
pub fn a_conversation_in(world: &World) -> Room {
    assert!(world.admin().adds_file("brochure", "brochure.pdf", &pdf(40_000, 1)).http < 300);
    assert!(world.admin().adds_file("map", "map.png", &png(7)).http < 300);
    world.a_customer_writes(ROOM, "6281200000009", "can I have the brochure?");
    // The library is the company's, and a running server follows within a second.
    let robot = world.ai_agent().room(ROOM);
    eventually("the library is known", || (robot.gets(sends("nothing")).code() == "unknown_attachment").then_some(()));
    robot
}

/// Files that were sent there, in order.
pub fn arrived(world: &World) -> Vec<Value> {
    let messages = world.crm().records("messages");
    messages.into_iter().filter(|message| message["room_id"] == ROOM && message["file"].is_object()).collect()
}

pub fn ends(room: &Room, call_id: &str) -> Answer {
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
    let is_there = || (robot.door.call("s1").body["delivery"]["status"] == "delivered").then_some(());
    eventually("the chat says that it was delivered", is_there);

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

pub fn a_lost_answer_is_known_by_its_echo(world: &mut World) {
    let robot = a_conversation(world);
    // Of the text before the file, and of the file.
    world.crm().has_exactly(&json!({"route": SENDING, "fault": "lose_answer", "rate": 1.0, "times": 2}));
    let with_caption = json!({"attachment": "brochure", "caption": "Here it is"});
    let sent = robot.gets(calls("send_attachment", with_caption).id("s1"));
    assert_eq!(sent.result()["status"], "accepted", "{sent:?}");
    let room = world.admin().room(ROOM);
    let (files, told) = (arrived(world), room.facts("attachment_sent"));
    assert_eq!((files.len(), told.len()), (1, 1));
    assert_eq!(told[0]["message_id"], files[0]["id"], "the very message");
    let texts = world.crm().records("messages").into_iter().filter(|message| message["text"] == "Here it is").count();
    assert_eq!(texts, 1, "nothing is said twice");
    assert_eq!(room.facts("effect_doubted").len(), 1);

    // The same again, on purpose: another message, with an echo of its own.
    world.crm().has_once(SENDING, "lose_answer");
    let again = robot.gets(calls("send_attachment", json!({"attachment": "brochure", "repeat": true})).id("s2"));
    assert_eq!(again.result()["status"], "accepted", "{again:?}");
    let (files, told) = (arrived(world), room.facts("attachment_sent"));
    let ids = |all: &[Value], key: &str| all.iter().map(|one| one[key].clone()).collect::<Vec<_>>();
    assert_eq!(ids(&told, "message_id"), ids(&files, "id"));
}

pub fn a_lost_answer_is_not_sent_again(world: &mut World) {
    world.has_a_channel_with(&[], &[], &["--echo-wait-ms", "2000"]);
    let robot = a_conversation_in(world);
    world.crm().tells_of_messages(false);
    world.crm().has_once(SENDING, "lose_answer");
    let _ = robot.gets_within(2, sends("map").id("s1"));
    let end = ends(&world.admin().room(ROOM), "s1");
    assert_eq!(end.body["status"], "unresolved", "{end:?}");
    assert_eq!(end.body["result"]["code"], "outcome_unknown", "told as a result: {end:?}");
    assert_eq!(arrived(world).len(), 1);
    // Another call for the same file waits for a person too, and nothing is sent.
    assert_eq!(robot.gets(sends("map").id("s2")).code(), "waits_for_colleague");
    assert_eq!(arrived(world).len(), 1);
}

/// The map as the channel would tell of it, by its own bot.
pub fn echo(id: &str, size: usize) -> Value {
    json!({
        "id": id, "type": "image", "room_id": ROOM, "text": null, "participant_type": "bot", "sender_id": "bot", "status": "sent",
        "file": {"filename": "map.png", "size": size}, "created_at": jiff::Timestamp::now().to_string(),
        "webhook_event": "message_interaction", "data_event": "receive_message_from_agent",
    })
}

pub fn a_forged_echo_settles_nothing(world: &mut World) {
    // Long enough that they are told before it is over.
    let path = world.has_a_channel_with(&[], &[], &["--echo-wait-ms", "5000"]);
    let robot = a_conversation_in(world);
    let (room, size) = (world.admin().room(ROOM), png(7).len());
    let first = robot.gets(sends("map").id("s1"));
    assert_eq!(first.result()["status"], "accepted");
    let known = arrived(world)[0]["id"].as_str().unwrap().to_owned();
    world.crm().tells_of_messages(false);
    world.a_company("globex");
    let theirs = world.is_told_the_channel("globex", &[]);
    world.crm().has_once(SENDING, "lose_answer");
    let _ = robot.gets_within(1, calls("send_attachment", json!({"attachment": "map", "repeat": true})).id("s2"));
    eventually("it is doubted", || (room.facts("effect_doubted").len() == 1).then_some(()));

    let with = |id: &str, key: &str, value: Value| {
        let mut forged = echo(id, size);
        forged[key] = value;
        forged
    };
    let forged = [
        with("f1", "participant_type", json!("customer")),
        with("f2", "participant_type", json!("agent")),
        with("f3", "type", json!("document")),
        with("f4", "file", json!({"filename": "cap.png", "size": size})),
        with("f5", "file", json!({"filename": "map.png", "size": size + 1})),
        with("f6", "file", Value::Null),
        with("f7", "created_at", json!("2026-01-01T00:00:00Z")),
        with("f8", "room_id", json!("7b000000-0000-4000-8000-0000000000bb")),
        with("f9", "id", json!(known)),
        with("", "type", json!("image")),
    ];
    let outside = world.outside();
    for body in &forged {
        assert_eq!(outside.send("POST", &path, Some(body)).http, 200);
    }
    assert_eq!(outside.send("POST", &theirs, Some(&echo("f10", size))).http, 200, "another company's");
    assert_eq!(outside.send("POST", &format!("{path}x"), Some(&echo("f11", size))).http, 404);
    let end = ends(&room, "s2");
    assert_eq!(end.body["status"], "unresolved", "{end:?}");
    assert_eq!(room.facts("attachment_sent").len(), 1);
    world.has_heard_all();
    assert_eq!(room.facts("attachment_sent").len(), 1);
}

pub fn a_kill_in_the_middle_of_sending_ends_by_the_echo(world: &mut World) {
    let robot = a_conversation(world);
    world.crm().holds(SENDING);
    let under_way = robot.door.begins(robot.getting(&[sends("map").id("s1")]));
    world.crm().is_at_it();
    world.dies_and_comes_back();
    world.crm().lets_go();
    drop(under_way.answer());
    let room = world.admin().room(ROOM);
    assert_eq!(ends(&room, "s1").body["status"], "succeeded");
    let (files, told) = (arrived(world), room.facts("attachment_sent"));
    assert_eq!((files.len(), told.len()), (1, 1), "nothing is sent again");
    assert_eq!(told[0]["message_id"], files[0]["id"]);
}

/// A customer's message as the channel tells of it, written so long ago.
fn wrote(room: &str, ago_s: i64) -> Value {
    let at = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(ago_s);
    let about = json!({"id": room, "channel": "wa_cloud", "account_uniq_id": "6281200000031", "name": "Budi"});
    json!({
        "id": format!("in-{room}"), "type": "text", "room_id": room, "text": "hello", "participant_type": "customer",
        "sender_id": "6281200000031", "status": "created", "created_at": at.to_string(), "room": about,
        "webhook_event": "message_interaction", "data_event": "receive_message_from_customer",
    })
}

/// By what the channel told of the customer, whatever it would still take.
pub fn outside_the_day_nothing_is_sent(world: &mut World) {
    let (_, path) = a_conversation_with_path(world);
    let day = 24 * 3_600;
    for (n, ago_s, sent) in [(1, day - 30, false), (2, day - 300, true)] {
        let id = format!("7b000000-0000-4000-8000-00000000010{n}");
        world.crm().conversation(&id, "6281200000031");
        assert_eq!(world.outside().send("POST", &path, Some(&wrote(&id, ago_s))).http, 200);
        let room = world.admin().room(&id);
        room.has_heard_its_customer();
        let robot = world.ai_agent().room(&id);
        let answer = robot.gets(sends("map").id(&format!("w{n}")));
        let there = world
            .crm()
            .records("messages")
            .iter()
            .any(|message| message["room_id"] == id.as_str() && message["file"].is_object());
        if sent {
            assert_eq!((answer.result()["status"].as_str(), there), (Some("accepted"), true), "{answer:?}");
            continue;
        }
        assert_eq!((answer.code(), there), ("window_closed", false), "{answer:?}");
        assert!(room.facts("attachment_submitting").is_empty());
        world.crm().customer_says(&id, "are you there?");
        eventually("that is heard", || (room.facts("message_received").len() == 2).then_some(()));
        assert_eq!(robot.gets(sends("map").id("again")).result()["status"], "accepted", "it opens when the customer writes");
    }
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

/// Whatever changed since: a replay is looked up before anything is judged.
pub fn what_was_answered_stays_answered_when_the_last_file_is_gone(world: &mut World) {
    assert!(world.admin().adds_file("map", "map.png", &png(7)).http < 300);
    let room = world.a_room("web-1");
    let robot = world.ai_agent().room("web-1");
    eventually("the library is known", || (robot.gets(sends("map").id("s1")).statuses() == ["succeeded"]).then_some(()));
    let first = robot.gets(sends("map").id("s1"));
    assert_eq!(world.admin().send("POST", "/v1/files/map/archive", None).http, 200);
    eventually("nothing may be sent any more", || {
        let fresh = robot.gets(sends("map").id("s2"));
        (fresh.statuses() == ["refused"] && fresh.code() == "not_connected").then_some(())
    });
    let version = room.version();
    let again = robot.gets(sends("map").id("s1"));
    assert_eq!((again.http, again.only()), (200, first.only()), "the stored answer");
    assert!(again.replayed() && again.headers["idempotent-replayed"] == "true", "{again:?}");
    let both = robot.gets_all(&[sends("map").id("s1"), create_tag(&["vip"]).id("t1"), sends("map").id("s3")]);
    assert_eq!(both.statuses(), ["succeeded", "succeeded", "refused"], "{both:?}");
    assert_eq!((&both.calls()[0]["replayed"], &both.calls()[1]["replayed"]), (&json!(true), &json!(false)));
    assert_eq!(room.version(), version + 1, "the tag, and nothing else");

    // The id still stands for that call alone, also where the new one would be refused.
    for other in [sends("plan"), calls("send_attachment", json!({})), calls("think", json!({}))] {
        let reused = robot.gets_all(&[create_tag(&["late"]).id("t2"), other.id("s1")]);
        assert_eq!((reused.http, reused.code()), (422, "idempotency_key_reused"), "{reused:?}");
    }
    assert_eq!(robot.door.call("t2").http, 404, "the batch was refused whole");
    let elsewhere = world.ai_agent().room("nowhere").gets(sends("map").id("s1"));
    assert_eq!((elsewhere.http, elsewhere.code()), (404, "unknown_room"), "{elsewhere:?}");
}
