//! A file reaches the customer on WhatsApp: uploaded once, named by its id, once in their conversation. What was lost on the way
//! is found again by the reference that each status brings back; where the channel keeps silent, nothing is sent again.

use serde_json::{Value, json};

use crate::world::call::Answer;
use crate::world::file::{pdf, png, sha256};
use crate::world::file_host::{FileHost, answered, bare};
use crate::world::whatsapp::{APP_SECRET, MEDIA, MESSAGES, PHONE, TOKEN};
use crate::world::{Call, Room, World, calls, eventually, resolve};

on_both_databases!(
    the_very_picture_reaches_the_customer,
    a_lost_answer_is_found_again_by_its_status,
    where_the_channel_keeps_silent_nothing_is_sent_again,
    a_files_journey_is_seen,
    a_file_made_on_request_goes_the_whole_way,
    a_reaction_opens_nothing_and_holds_nothing_up,
    what_only_waits_is_sent_and_what_is_refused_is_said,
    outside_the_day_nothing_is_sent,
);

on_sqlite_alone!(
    media_that_is_forgotten_is_uploaded_once_more,
    who_does_not_sign_tells_us_nothing,
    operators_and_the_doctor_see_the_number,
);

const RINA: &str = "6281200000009";
const BUDI: &str = "6281200000010";

fn sends(file: &str) -> Call {
    calls("send_attachment", json!({ "attachment": file }))
}

fn sends_again(file: &str) -> Call {
    calls("send_attachment", json!({"attachment": file, "repeat": true}))
}

/// A company on WhatsApp with two files in its library, and Rina, who wrote.
fn a_conversation(world: &mut World) -> Room {
    world.has_whatsapp();
    assert!(world.admin().adds_file("brochure", "brochure.pdf", &pdf(40_000, 1)).http < 300);
    assert!(world.admin().adds_file("map", "map.png", &png(7)).http < 300);
    let robot = world.customer_on_whatsapp(RINA);
    // The library is the company's, and a running server follows within a second.
    eventually("the library is known", || (robot.gets(sends("nothing")).code() == "unknown_attachment").then_some(()));
    robot
}

fn ends(room: &Room, call_id: &str) -> Answer {
    eventually("the call ends", || {
        let call = room.door.call(call_id);
        let open = ["accepted", "running", "parked", "scheduled", "unknown"];
        (!open.contains(&call.body["status"].as_str().unwrap_or("accepted"))).then_some(call)
    })
}

pub fn the_very_picture_reaches_the_customer(world: &mut World) {
    let robot = a_conversation(world);
    let room = world.admin().room(&robot.id).now();
    assert_eq!((&room["channel"], &room["customer"]["handle"]), (&json!("whatsapp_cloud"), &json!(RINA)));
    assert_eq!(room["customer"]["name"], "Rina");
    let sent = robot.gets(calls("send_attachment", json!({"attachment": "map", "caption": "We are here"})).id("s1"));
    assert_eq!(sent.result()["status"], "accepted", "{sent:?}");
    let got = world.crm().got_on_whatsapp(RINA);
    assert_eq!(got.len(), 1, "{got:?}");
    assert_eq!((&got[0]["media"]["sha256"], &got[0]["type"]), (&json!(sha256(&png(7))), &json!("image")));
    assert_eq!(got[0]["text"], "We are here", "a caption stands in the message");

    // The same file for somebody else is not uploaded again.
    let budi = world.customer_on_whatsapp(BUDI);
    assert_eq!(budi.gets(sends("map").id("s2")).result()["status"], "accepted");
    assert_eq!(world.crm().got_on_whatsapp(BUDI)[0]["media"]["id"], got[0]["media"]["id"]);
    assert_eq!(budi.gets(sends("brochure").id("s3")).result()["kind"], "document");
    let document = &world.crm().got_on_whatsapp(BUDI)[1];
    assert_eq!((&document["filename"], &document["media"]["sha256"]), (&json!("brochure.pdf"), &json!(sha256(&pdf(40_000, 1)))));

    // A sound carries no words: they come before it.
    let sound = [b"ID3\x03\x00\x00\x00\x00\x00\x00".as_slice(), &[0xff, 0xfb, 0x90, 0x00], &[7; 600]].concat();
    assert!(world.admin().adds_file("jingle", "jingle.mp3", &sound).http < 300);
    let call = calls("send_attachment", json!({"attachment": "jingle", "caption": "Listen"}));
    let sent = eventually("the jingle is known", || {
        let answer = robot.gets(call.clone());
        (answer.statuses() == ["succeeded"]).then_some(answer)
    });
    assert_eq!(sent.result()["kind"], "audio");
    let got = world.crm().got_on_whatsapp(RINA);
    let kinds: Vec<&str> = got.iter().filter_map(|message| message["type"].as_str()).collect();
    assert_eq!((kinds, &got[1]["text"], &got[2]["text"]), (vec!["image", "text", "audio"], &json!("Listen"), &Value::Null));
    assert_eq!(world.crm().was_told("POST", "/media").len(), 3, "each file once");
    world.crm().knew_every_key();
    let log = world.log();
    assert!(!log.contains(TOKEN) && !log.contains(APP_SECRET), "a secret was logged");
}

pub fn a_lost_answer_is_found_again_by_its_status(world: &mut World) {
    let robot = a_conversation(world);
    world.crm().has_once(MESSAGES, "lose_answer");
    let sent = robot.gets_within(20, sends("map").id("s1"));
    assert_eq!(sent.result()["status"], "accepted", "{sent:?}");
    assert_eq!(world.crm().got_on_whatsapp(RINA).len(), 1, "it is there once");
    // Also when nobody was alive to hear it.
    world.crm().has_once(MESSAGES, "lose_answer");
    world.crm().knobs(&json!({"webhook_delay_ms": 600_000}));
    let under_way = robot.door.begins(robot.getting(&[sends("brochure").id("s2")]));
    eventually("it is there", || (world.crm().got_on_whatsapp(RINA).len() == 2).then_some(()));
    world.dies_and_comes_back();
    drop(under_way.answer());
    world.crm().knobs(&json!({"webhook_delay_ms": 0}));
    world.crm().tells_status(&world.crm().got_on_whatsapp(RINA)[1]["id"], "sent");
    let room = world.admin().room(&robot.id);
    assert_eq!(ends(&room, "s2").body["status"], "succeeded");
    assert_eq!(world.crm().got_on_whatsapp(RINA).len(), 2);
}

pub fn where_the_channel_keeps_silent_nothing_is_sent_again(world: &mut World) {
    let robot = a_conversation(world);
    world.is_told_whatsapp(600);
    world.crm().has_once(MESSAGES, "lose_answer");
    world.crm().knobs(&json!({"webhook_delay_ms": 600_000}));
    let _ = robot.gets_within(2, sends("map").id("s1"));
    let end = ends(&world.admin().room(&robot.id), "s1");
    assert_eq!((&end.body["status"], &end.body["result"]["code"]), (&json!("unresolved"), &json!("outcome_unknown")), "{end:?}");
    assert_eq!(robot.gets(sends("map").id("s2")).code(), "waits_for_colleague");
    let got = world.crm().got_on_whatsapp(RINA);
    assert_eq!(got.len(), 1);
    assert_eq!(files(world, &robot)[0]["status"], "unknown");

    // However late the channel speaks of it: then it is known.
    world.crm().knobs(&json!({"webhook_delay_ms": 0}));
    world.crm().tells_status(&got[0]["id"], "delivered");
    let known = eventually("it is known", || {
        let call = robot.door.call("s1");
        (call.body["status"] == "succeeded").then_some(call)
    });
    assert_eq!((&known.body["result"]["status"], &known.body["delivery"]["status"]), (&json!("accepted"), &json!("delivered")));
    assert_eq!(robot.gets(sends("map").id("s3")).result()["already_existed"], true);
    assert_eq!(world.crm().got_on_whatsapp(RINA).len(), 1);
}

/// Files on their way into a room, and those that are there.
fn files(world: &World, room: &Room) -> Vec<Value> {
    world.admin().room(&room.id).now()["deliveries"].as_array().unwrap().clone()
}

pub fn a_files_journey_is_seen(world: &mut World) {
    let robot = a_conversation(world);
    for step in ["sent", "delivered"] {
        world.crm().has_exactly(&json!({"route": format!("WEBHOOK whatsapp_{step}"), "fault": "reorder_webhooks", "rate": 0.5}));
    }
    world.crm().has_exactly(&json!({"route": "*", "fault": "duplicate_webhooks", "rate": 0.3}));
    assert_eq!(robot.gets(sends("map").id("s1")).result()["status"], "accepted", "never more than that at once");
    let is_read = || (robot.door.call("s1").body["delivery"]["status"] == "read").then_some(());
    eventually("the customer reads it", is_read);
    assert_eq!(files(world, &robot)[0]["message_id"], world.crm().got_on_whatsapp(RINA)[0]["id"]);
    let steps = || world.admin().room(&robot.id).facts("delivery_moved");
    let told = eventually("its last step is told", || (steps().last()?["status"] == "read").then(steps));
    assert!(told.iter().all(|step| step["call_id"] == "s1") && told.len() <= 3, "{told:?}");

    // What is late moves nothing, also over a kill.
    world.dies_and_comes_back();
    let robot = world.ai_agent().room(&robot.id);
    world.crm().tells_status(&world.crm().got_on_whatsapp(RINA)[0]["id"], "sent");
    world.has_heard_all();
    assert_eq!(files(world, &robot)[0]["status"], "read");

    // One that never arrives: the call stays as it was answered, and the model hears of it on its next turn.
    world.crm().has_exactly(&json!({"route": "*", "fault": "failed_delivery", "times": 1}));
    assert_eq!(robot.gets(sends("brochure").id("s2")).result()["status"], "accepted");
    eventually("it failed", || (robot.door.call("s2").body["delivery"]["status"] == "failed").then_some(()));
    let next = robot.gets(crate::world::create_tag(&["vip"]));
    let notice = next.body["room"]["notices"][0].as_str().unwrap_or_default().to_owned();
    assert!(notice.contains("`brochure`") && notice.contains("did not reach the customer"), "{next:?}");
    assert_eq!(robot.door.call("s2").body["status"], "succeeded");
    let url = format!("http://127.0.0.1:{}", world.port);
    let seen = world.runs(&["room", "inspect", &robot.id, "--url", &url, "--key", &world.admin_key]).said;
    assert!(seen.contains("map read") && seen.contains("brochure failed: Message undeliverable"), "{seen}");
    // Sent again it is told no more.
    assert_eq!(robot.gets(sends_again("brochure").id("s3")).result()["status"], "accepted");
    assert!(robot.gets(crate::world::create_tag(&["late"])).body["room"]["notices"].is_null());
}

/// The stages that a call's file is told to have gone through, in the timeline's order.
fn journey(room: &Room, call_id: &str) -> Vec<String> {
    let stage = |event: &Value| {
        let stage = match event["type"].as_str().unwrap_or_default() {
            "attachment_prepared" => event["stage"].as_str().unwrap_or_default(),
            "attachment_submitting" => "submitting",
            "attachment_sent" => "accepted",
            "delivery_moved" => event["status"].as_str().unwrap_or_default(),
            _ => return None,
        };
        (event["call_id"] == call_id).then(|| stage.to_owned())
    };
    room.timeline().iter().filter_map(stage).collect()
}

pub fn a_file_made_on_request_goes_the_whole_way(world: &mut World) {
    world.dies();
    world.starts_with(&[], &["--files-private-allow", "127.0.0.1"]);
    world.has_whatsapp();
    let host = FileHost::up(|path| match path {
        "/7.pdf" => answered("application/pdf", &pdf(30_000, 7)),
        "/8.pdf" => answered("application/pdf", &pdf(30_000, 8)),
        _ => bare("404 Not Found", ""),
    });
    let source = json!({"url": host.url("/{number}.pdf"), "description": "An invoice, by its number"});
    assert_eq!(world.admin().send("PUT", "/v1/file-sources/invoice", Some(&source)).http, 201);
    let robot = world.customer_on_whatsapp(RINA);
    let room = world.admin().room(&robot.id);
    let invoice = |number: &str| {
        let parameters = json!([{"field": "number", "value": number}]);
        calls("send_attachment", json!({"attachment": "invoice", "caption": "Here it is", "parameters": parameters}))
    };
    let sent = robot.gets(invoice("7").id("s1"));
    assert_eq!((&sent.result()["kind"], &sent.result()["filename"]), (&json!("document"), &json!("7.pdf")), "{sent:?}");
    let got = world.crm().got_on_whatsapp(RINA);
    assert_eq!((got.len(), &got[0]["media"]["sha256"]), (1, &json!(sha256(&pdf(30_000, 7)))), "{got:?}");
    assert_eq!((&got[0]["text"], &got[0]["filename"]), (&json!("Here it is"), &json!("7.pdf")));
    eventually("the customer reads it", || (robot.door.call("s1").body["delivery"]["status"] == "read").then_some(()));
    let (stages, steps) = (["scanned", "uploaded", "submitting"], journey(&room, "s1"));
    assert_eq!(steps[..3], stages);
    // A status, the last one too, may overtake the answer to its own message.
    assert!(["accepted", "read"].iter().all(|step| steps.contains(&(*step).to_owned())), "{steps:?}");

    // While its message is turned away it is seen to lie there already.
    world.is_told_whatsapp(600);
    world.crm().has_exactly(&json!({"route": MESSAGES, "fault": "status_429", "times": 1, "retry_after_s": 2}));
    world.crm().has_once(MESSAGES, "lose_answer");
    world.crm().knobs(&json!({"webhook_delay_ms": 60_000}));
    let _ = robot.gets_within(1, invoice("8").id("s2"));
    eventually("it lies there", || journey(&room, "s2").iter().take(2).eq(&stages[..2]).then_some(()));
    // Its answer is lost and the channel keeps silent: it is left to people, until a status comes after all.
    let end = ends(&room, "s2");
    assert_eq!((&end.body["status"], &end.body["delivery"]["status"]), (&json!("unresolved"), &json!("unknown")), "{end:?}");
    world.dies();
    world.starts_with(&[], &["--files-private-allow", "127.0.0.1"]);
    let (robot, room) = (world.ai_agent().room(&robot.id), world.admin().room(&robot.id));
    world.crm().knobs(&json!({"webhook_delay_ms": 0}));
    let got = world.crm().got_on_whatsapp(RINA);
    assert_eq!((got.len(), host.was_asked().len()), (2, 2), "nothing is sent or fetched again");
    world.crm().tells_status(&got[1]["id"], "delivered");
    eventually("it is known", || (robot.door.call("s2").body["status"] == "succeeded").then_some(()));
    let told = room.facts("attachment_sent");
    assert_eq!((told.len(), &told[1]["sha256"]), (2, &json!(sha256(&pdf(30_000, 8)))), "{told:?}");
    assert_eq!((&told[1]["call_id"], &told[1]["message_id"]), (&json!("s2"), &got[1]["id"]));
    assert_eq!(world.admin().opens(told[1]["link"]["url"].as_str().unwrap(), &[]).bytes, pdf(30_000, 8));
    assert_eq!(robot.gets(invoice("8").id("s3")).result()["already_existed"], true);
    // What is late moves nothing back.
    world.crm().tells_status(&got[1]["id"], "sent");
    world.crm().tells_status(&got[1]["id"], "read");
    eventually("it is read", || (robot.door.call("s2").body["delivery"]["status"] == "read").then_some(()));
}

pub fn media_that_is_forgotten_is_uploaded_once_more(world: &mut World) {
    let robot = a_conversation(world);
    assert_eq!(robot.gets(sends("map").id("s1")).result()["status"], "accepted");
    world.crm().forgets_all_media();
    assert_eq!(robot.gets(sends_again("map").id("s2")).result()["status"], "accepted");
    assert_eq!(world.crm().got_on_whatsapp(RINA).len(), 2);
    let tries = world.crm().was_asked("POST", "/messages");
    assert_eq!((tries, world.crm().was_asked("POST", "/media")), (3, 2));
    // A process that comes back knows the id.
    world.dies_and_comes_back();
    let robot = world.ai_agent().room(&robot.id);
    assert_eq!(robot.gets(sends_again("map").id("s3")).result()["status"], "accepted");
    assert_eq!(world.crm().was_asked("POST", "/media"), 2);
}

pub fn what_only_waits_is_sent_and_what_is_refused_is_said(world: &mut World) {
    let robot = a_conversation(world);
    let crm = world.crm();
    crm.has_exactly(&json!({"route": MESSAGES, "fault": "status_429", "times": 1, "retry_after_s": 0}));
    crm.has_exactly(&json!({"route": MEDIA, "fault": "status_429", "times": 1, "retry_after_s": 0}));
    assert_eq!(robot.gets_within(20, sends("map").id("s1")).result()["status"], "accepted");
    crm.is_well_again();
    crm.has_exactly(&json!({"route": MEDIA, "fault": "lose_answer", "times": 2}));
    assert_eq!(robot.gets_within(20, sends("brochure").id("s2")).result()["status"], "accepted");
    assert_eq!(crm.got_on_whatsapp(RINA).len(), 2, "an upload may be repeated, a message may not");
    crm.is_well_again();
    crm.has_exactly(&json!({"route": MESSAGES, "fault": "unauthorized_once", "times": 1}));
    let _ = robot.gets_within(1, sends_again("map").id("s3"));
    let status = robot.door.call("s3").body["status"].clone();
    assert!(["running", "succeeded"].iter().any(|fine| status == *fine), "a refused token is an operator's to mend: {status}");
    assert_eq!(ends(&robot, "s3").body["status"], "succeeded");

    // A handle that is no number.
    let room = world.admin().room("order-7");
    let named = json!({"channel": "whatsapp_cloud", "customer": {"handle": "customer-7"}});
    assert_eq!(room.door.send("PUT", &room.path(""), Some(&named)).http, 201);
    assert_eq!(world.ai_agent().room("order-7").gets(sends("map").id("s4")).code(), "recipient_unreachable");
    assert_eq!(crm.got_on_whatsapp(RINA).len(), 3);
}

pub fn outside_the_day_nothing_is_sent(world: &mut World) {
    a_conversation(world);
    let day = 24 * 3_600;
    // A webhook that comes late opens nothing; a minute is kept for the way.
    for (number, ago_s, sent) in [("6281200000031", day - 30, false), ("6281200000032", day - 300, true)] {
        world.crm().customer_writes(number, "hello", ago_s);
        let id = format!("wa-{PHONE}-{number}");
        let room = world.admin().room(&id);
        room.has_heard_its_customer();
        let answer = world.ai_agent().room(&id).gets(sends("map"));
        let got = world.crm().got_on_whatsapp(number);
        if sent {
            assert_eq!((answer.result()["status"].as_str(), got.len()), (Some("accepted"), 1), "{answer:?}");
            assert_eq!(room.facts("attachment_submitting").len(), 1);
            continue;
        }
        assert_eq!((answer.code(), got.len()), ("window_closed", 0), "{answer:?}");
        let options: Vec<&Value> =
            answer.only()["error"]["candidates"].as_array().unwrap().iter().map(|option| &option["value"]).collect();
        assert_eq!(options, ["wait_for_customer"], "nobody is there to hand it to");
        assert!(room.facts("attachment_submitting").is_empty() && files(world, &room).is_empty());
        let before = room.now()["last_inbound_seq"].clone();
        world.crm().customer_writes(number, "are you there?", 0);
        eventually("that is heard", || (room.now()["last_inbound_seq"] != before).then_some(()));
        let again = world.ai_agent().room(&id).gets(sends("map").id("again"));
        assert_eq!(again.result()["status"], "accepted", "it opens when the customer writes");
    }
    assert_eq!(world.crm().was_told("POST", "/media").len(), 1);
}

pub fn who_does_not_sign_tells_us_nothing(world: &mut World) {
    let path = world.has_whatsapp();
    let said = json!({"from": BUDI, "id": "wamid.x", "timestamp": "1", "type": "text", "text": {"body": "hi"}});
    let value = json!({"metadata": {"phone_number_id": PHONE}, "messages": [said]});
    let body = json!({"object": "whatsapp_business_account", "entry": [{"changes": [{"field": "messages", "value": value}]}]});
    let outside = world.outside();
    let wrong = format!("sha256={}", "0".repeat(64));
    for headers in [vec![], vec![("x-hub-signature-256", wrong.as_str())], vec![("x-hub-signature-256", "sha256=")]] {
        assert_eq!(outside.try_send("POST", &path, Some(&body), &headers).unwrap().http, 403);
    }
    let secret = path.rsplit('/').next().unwrap();
    let greets = |token: &str, challenge: &str| {
        outside.get(&format!("{path}?hub.mode=subscribe&hub.challenge={challenge}&hub.verify_token={token}"))
    };
    let greeted = greets(secret, "1158201444");
    assert_eq!((greeted.http, &greeted.body), (200, &json!(1_158_201_444)));
    assert_eq!((greets("guess", "1").http, greets(secret, "%3Cscript%3E").http), (403, 404));
    assert_eq!(outside.get(&path.replace("whatsapp_cloud", "qontak")).http, 404);
    let room = format!("/v1/rooms/wa-{PHONE}-{BUDI}");
    assert_eq!(world.admin().get(&room).http, 404, "nothing was heard");
}

pub fn a_reaction_opens_nothing_and_holds_nothing_up(world: &mut World) {
    let path = world.has_whatsapp();
    let robot = world.customer_on_whatsapp(RINA);
    let room = world.admin().room(&robot.id);
    let heard = |many: usize| eventually("it is heard", || (room.facts("message_received").len() == many).then_some(()));
    let reacts = |id: &str| {
        let reaction = json!({"message_id": "wamid.any", "emoji": "\u{1f44d}"});
        let at = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs().to_string();
        let said = json!({"from": RINA, "id": id, "timestamp": at, "type": "reaction", "reaction": reaction});
        assert_eq!(world.outside().tells_signed(&path, &said), 200);
    };
    let seen = room.now()["last_inbound_seq"].as_i64().unwrap();
    reacts("wamid.r1");
    heard(2);
    assert_eq!(robot.gets_having_seen(seen, resolve("answered").id("c1")).result()["changed"], true);
    reacts("wamid.r2");
    heard(3);
    assert_eq!((&room.now()["status"], &room.now()["last_inbound_seq"]), (&json!("resolved"), &json!(seen)));
    world.crm().customer_writes(RINA, "one more question, please", 0);
    eventually("a word opens it", || (room.now()["status"] != "resolved").then_some(()));
    assert_eq!(room.facts("room_reopened").len(), 1);
}

pub fn operators_and_the_doctor_see_the_number(world: &mut World) {
    let robot = a_conversation(world);
    robot.gets(sends("map"));
    let seen = world.admin().get("/v1/channel").body;
    assert_eq!((&seen["kind"], &seen["token"]), (&json!("whatsapp_cloud"), &json!("valid")), "{seen}");
    let (listen, url) = (format!("127.0.0.1:{}", crate::world::port::free()), world.database().url());
    let doctor = world.runs(&["doctor", "--listen", &listen, "--database-url", &url, "--json"]).json();
    let line = doctor["checks"].as_array().unwrap().iter().find(|check| check["name"] == "channel").cloned().unwrap();
    assert_eq!(line["status"], "ok", "{line}");
    // Tags and people live here: WhatsApp has no inbox.
    assert_eq!(robot.gets(crate::world::create_tag(&["vip"])).result()["added"], json!(["vip"]));
    world.has_heard_all();
}
