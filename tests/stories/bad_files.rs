//! What cannot be a file for a customer, on every way in: a typed answer, nothing half-stored, nothing sent.

use std::time::Duration;

use serde_json::{Value, json};

use crate::attachments::{self, SENDING, a_conversation_in, arrived, ends};
use crate::world::clamd::Scanner;
use crate::world::file::{pdf, png};
use crate::world::file_host::{FileHost, answered};
use crate::world::{World, calls, eventually, resolve, within};

on_both_databases!(
    what_the_channel_does_not_take_is_told,
    an_infected_file_stays_outside,
    a_conversation_that_is_over_gets_no_file,
    a_channel_that_turns_us_away_or_is_down_is_waited_for,
);

const ROOM: &str = "7b000000-0000-4000-8000-0000000000cc";

pub fn what_the_channel_does_not_take_is_told(world: &mut World) {
    world.has_a_channel();
    let gif = [
        &b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff"[..],
        &b"!\xf9\x04\x01\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;"[..],
    ]
    .concat();
    let large = [png(1), vec![0; 5_200_000]].concat();
    for (key, bytes) in [("dance", gif), ("poster", large), ("map", png(3)), ("old-map", png(4))] {
        let added = world.admin().adds_file(key, key, &bytes);
        assert_eq!(added.http, 201, "{added:?}");
    }
    assert_eq!(world.admin().send("POST", "/v1/files/old-map/archive", None).http, 200);
    world.a_company("globex");
    let stranger = world.caller(&world.a_key("globex", "admin").0);
    assert_eq!(stranger.adds_file("secret-plan", "p.pdf", &pdf(3_000, 1)).http, 201);
    let room = world.a_customer_writes(ROOM, "6281200000007", "anything?");
    let robot = world.ai_agent().room(ROOM);
    eventually("the library is known", || {
        (robot.gets(calls("send_attachment", json!({"attachment": "nothing"}))).code() == "unknown_attachment").then_some(())
    });
    let empty = world.admin().adds_file("nothing", "nothing.pdf", b"");
    assert_eq!((empty.http, empty.code()), (422, "empty_file"), "{empty:?}");
    let told = |arguments: Value| {
        let answer = robot.gets(calls("send_attachment", arguments));
        let error = answer.only()["error"].clone();
        (error["code"].as_str().unwrap_or_default().to_owned(), error["message"].as_str().unwrap_or_default().to_owned(), error)
    };
    let (code, message, _) = told(json!({"attachment": "dance"}));
    assert_eq!(code, "type_not_supported");
    assert!(message.contains(".gif") && message.contains("jpg, png") && message.contains("pdf"), "says what it takes: {message}");
    let (code, message, _) = told(json!({"attachment": "poster"}));
    assert!(code == "too_large" && message.contains("5 MB"), "{code}: {message}");
    let (code, message, _) = told(json!({"attachment": "map", "caption": "x".repeat(4_097)}));
    assert!(code == "argument_invalid" && message.contains("4096"), "{code}: {message}");
    // What a call may hold is more than what a picture's own words may.
    let (code, message, _) = told(json!({"attachment": "map", "caption": "y".repeat(1_025)}));
    assert!(code == "argument_invalid" && message.contains("1024"), "{code}: {message}");
    for gone in ["old-map", "secret-plan", "nothing"] {
        let (code, _, error) = told(json!({"attachment": gone}));
        assert_eq!(code, "unknown_attachment", "{gone}");
        let offered = error["candidates"].to_string();
        assert!(!offered.contains(gone) && offered.contains("\"map\""), "{gone}: {offered}");
    }
    let sent = world.crm().records("messages").into_iter().filter(|message| message["file"].is_object()).count();
    assert_eq!((sent, room.facts("attachment_sent").len()), (0, 0));
}

pub fn an_infected_file_stays_outside(world: &mut World) {
    let scanner = Scanner::up(b"EICAR");
    let infected = [&pdf(40_000, 5)[..], b"EICAR", &pdf(100, 6)[..]].concat();
    let host = {
        let infected = infected.clone();
        FileHost::up(move |path| match path {
            "/bad.pdf" => answered("application/pdf", &infected),
            _ => answered("application/pdf", &pdf(9_000, 7)),
        })
    };
    world.dies();
    let scan = format!("tcp://127.0.0.1:{}", scanner.port);
    world.starts_with(&[], &["--scan", &scan, "--files-private-allow", "127.0.0.1"]);
    let told = world.admin().adds_file("bad", "bad.pdf", &infected);
    assert_eq!((told.http, told.code()), (422, "infected"), "{told:?}");
    assert_eq!(world.admin().get("/v1/files/bad").http, 404);
    let source = json!({"url": host.url("/{name}.pdf")});
    assert_eq!(world.admin().send("PUT", "/v1/file-sources/made", Some(&source)).http, 201);
    let room = world.a_room("web-1");
    let robot = world.ai_agent().room("web-1");
    let sends =
        |name: &str| calls("send_attachment", json!({"attachment": "made", "parameters": [{"field": "name", "value": name}]}));
    let refused = robot.gets(sends("bad"));
    assert_eq!(refused.code(), "infected", "{refused:?}");
    assert_eq!(room.facts("attachment_sent").len(), 0);
    eventually("nothing is left", || world.files_in_library().is_empty().then_some(()));
    assert_eq!(robot.gets(sends("good")).result()["status"], "accepted");
    assert_eq!(world.admin().adds_file("good", "good.pdf", &pdf(9_000, 8)).http, 201);
    assert_eq!(scanner.saw(), 4, "each file was looked at once");
    // A scanner that went away lets nothing in, from wherever it comes.
    drop(scanner);
    let unsure = robot.gets(sends("other"));
    assert_eq!(unsure.code(), "scan_unavailable", "{unsure:?}");
}

pub fn a_conversation_that_is_over_gets_no_file(world: &mut World) {
    world.has_a_channel();
    let robot = a_conversation_in(world);
    let room = world.admin().room(attachments::ROOM);
    robot.gets(resolve("answered")).result();
    assert_eq!(room.now()["status"], "resolved");
    let late = robot.gets(attachments::sends("map").id("s2"));
    assert_eq!((late.code(), &late.only()["error"]["next"]), ("room_resolved", &json!("do_not_retry")), "{late:?}");

    // And in a room that lives here.
    let embedded = json!({"channel": "embedded", "customer": {"handle": "web-1"}});
    assert_eq!(world.admin().send("PUT", "/v1/rooms/web-1", Some(&embedded)).http, 201);
    let (here, robot) = (world.admin().room("web-1"), world.ai_agent().room("web-1"));
    robot.gets(resolve("answered")).result();
    assert_eq!(robot.gets(attachments::sends("map").id("s3")).code(), "room_resolved");
    assert_eq!((arrived(world), here.facts("attachment_sent").len()), (Vec::<Value>::new(), 0));
}

pub fn a_channel_that_turns_us_away_or_is_down_is_waited_for(world: &mut World) {
    world.has_a_channel();
    let robot = a_conversation_in(world);
    let room = world.admin().room(attachments::ROOM);
    world.crm().has_exactly(&json!({"route": SENDING, "fault": "status_429", "times": 2, "retry_after_s": 0}));
    let _ = robot.gets_within(1, attachments::sends("map").id("s1"));
    assert_eq!(ends(&room, "s1").body["status"], "succeeded");
    world.crm().has_exactly(&json!({"route": SENDING, "fault": "unauthorized_once", "times": 1}));
    let _ = robot.gets_within(1, attachments::sends("brochure").id("s2"));
    assert_eq!(ends(&room, "s2").body["status"], "succeeded", "a refused token is an operator's to mend, and waited for");
    assert_eq!(arrived(world).len(), 2);

    // Nobody is there at all: the model is told that it still runs, and nothing is in doubt.
    world.loses_its_crm();
    let again = json!({"attachment": "map", "repeat": true});
    let waits = robot.gets_within(1, calls("send_attachment", again).id("s3"));
    assert_eq!(waits.http, 202, "{waits:?}");
    world.dies_and_comes_back();
    let (robot, room) = (world.ai_agent().room(attachments::ROOM), world.admin().room(attachments::ROOM));
    let open = robot.door.call("s3").body["status"].clone();
    assert!(["running", "scheduled"].contains(&open.as_str().unwrap()), "{open}");
    // Another one at another address, where the same conversation is.
    world.has_a_crm();
    world.crm().conversation(attachments::ROOM, "6281200000009");
    world.crm().customer_says(attachments::ROOM, "are you there?");
    let path = world.is_told_the_channel("acme", &[]);
    world.is_told_of_the_channel(&path);
    let ended = || (robot.door.call("s3").body["status"] == "succeeded").then_some(());
    within(Duration::from_secs(120), ended).unwrap_or_else(|| panic!("{:?}", robot.door.call("s3")));
    assert_eq!((arrived(world).len(), room.facts("effect_doubted").len()), (1, 0));
}
