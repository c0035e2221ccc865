//! What is too large for the customer's channel is refused, never passed off as something else; where the company allows it, and
//! the AI agent asks for it, the customer is sent a link that says it is one. The model itself never holds an address.

use serde_json::{Value, json};

use crate::world::file::png;
use crate::world::whatsapp::MESSAGES;
use crate::world::{Call, Room, World, calls, eventually};

on_both_databases!(what_is_too_large_is_offered_as_a_link);
on_sqlite_alone!(a_link_travels_through_the_chat_as_a_text_of_its_own);

const RINA: &str = "6281200000009";
const THERE: &str = "7b000000-0000-4000-8000-0000000000dd";

/// Six megabytes that no channel takes as a picture.
fn poster() -> Vec<u8> {
    [png(1), vec![0; 6_000_000]].concat()
}

fn sends(arguments: Value) -> Call {
    calls("send_attachment", arguments)
}

fn allowed(world: &World, robot: &Room) {
    world.admin().set(&json!({"links_for_large_files": true}));
    // Each try is a call of its own: one that was refused stays so.
    let tries = std::cell::Cell::new(0);
    eventually("the setting is known", || {
        tries.set(tries.get() + 1);
        let answer = robot.gets(sends(json!({"attachment": "poster"})).id(&format!("try-{}", tries.get())));
        answer.only()["error"]["candidates"].is_array().then_some(())
    });
}

/// The address in a text, without the server's own.
fn path(world: &World, text: &str) -> String {
    let (_, path) = text.split_once(&format!("http://127.0.0.1:{}", world.port)).unwrap_or_else(|| panic!("no link: {text}"));
    path.to_owned()
}

pub fn what_is_too_large_is_offered_as_a_link(world: &mut World) {
    world.has_whatsapp();
    for (key, bytes) in [("poster", poster()), ("map", png(3))] {
        assert_eq!(world.admin().adds_file(key, &format!("{key}.png"), &bytes).http, 201);
    }
    let robot = world.customer_on_whatsapp(RINA);
    eventually("the library is known", || {
        (robot.gets(sends(json!({"attachment": "nothing"}))).code() == "unknown_attachment").then_some(())
    });
    // Off unless somebody says otherwise.
    let plain = robot.gets(sends(json!({"attachment": "poster"})));
    assert_eq!((plain.code(), plain.only()["error"].get("candidates")), ("too_large", None), "{plain:?}");
    assert_eq!(robot.gets(sends(json!({"attachment": "poster", "as_link": true}))).code(), "link_not_allowed");

    allowed(world, &robot);
    let offer = robot.gets(sends(json!({"attachment": "poster"})).id("s0"));
    assert_eq!((offer.code(), &offer.only()["error"]["candidates"][0]["value"]), ("too_large", &json!("as_link")), "{offer:?}");
    let fitting = robot.gets(sends(json!({"attachment": "map", "as_link": true})));
    assert_eq!(fitting.code(), "argument_invalid", "what can be sent is sent");
    assert_eq!(world.crm().got_on_whatsapp(RINA), Vec::<Value>::new());

    let wish = json!({"attachment": "poster", "as_link": true, "caption": "As you asked"});
    let sent = robot.gets(sends(wish.clone()).id("s1"));
    assert_eq!((&sent.result()["kind"], &sent.result()["status"]), (&json!("link"), &json!("accepted")), "{sent:?}");
    let got = world.crm().got_on_whatsapp(RINA);
    assert_eq!((got.len(), &got[0]["type"]), (1, &json!("text")), "{got:?}");
    let text = got[0]["text"].as_str().unwrap();
    assert!(text.starts_with("As you asked\nposter.png (6.0 MB), as a link: http://"), "{text}");
    let link = path(world, text);
    let opens = |link: &str| world.admin().opens(link, &[]);
    assert!(opens(&link).bytes == poster(), "other bytes");
    for answer in [&offer, &sent, &robot.door.call("s1")] {
        assert!(!answer.body.to_string().contains("sent-files"), "a model was told an address: {answer:?}");
    }
    let is_read = || (robot.door.call("s1").body["delivery"]["status"] == "read").then_some(());
    eventually("the customer reads it", is_read);
    assert_eq!(robot.gets(sends(wish.clone()).id("s2")).result()["already_existed"], true);

    // A lost answer is known by its status, as any message's.
    world.crm().has_once(MESSAGES, "lose_answer");
    let again = json!({"attachment": "poster", "as_link": true, "repeat": true});
    assert_eq!(robot.gets_within(20, sends(again).id("s3")).result()["status"], "accepted");
    let got = world.crm().got_on_whatsapp(RINA);
    assert_eq!((got.len(), world.crm().was_asked("POST", "/media")), (2, 0), "{got:?}");
    let other = path(world, got[1]["text"].as_str().unwrap());

    // Each call's link ends by itself, the file's with the file.
    world.dies_and_comes_back();
    assert_eq!(world.admin().send("POST", "/v1/function-calls/s1/revoke-link", None).http, 200);
    let opens = |link: &str| world.admin().opens(link, &[]).http;
    assert_eq!((opens(&link), opens(&other)), (404, 200));
    assert_eq!(world.admin().send("POST", "/v1/files/poster/archive", None).http, 200);
    assert_eq!(opens(&other), 404);
}

pub fn a_link_travels_through_the_chat_as_a_text_of_its_own(world: &mut World) {
    world.has_a_channel();
    assert_eq!(world.admin().adds_file("poster", "poster.png", &poster()).http, 201);
    let room = world.a_customer_writes(THERE, "6281200000007", "the poster?");
    let robot = world.ai_agent().room(THERE);
    allowed(world, &robot);
    // Its answer is lost: the echo of these very words is proof.
    world.crm().has_once("POST /api/open/v1/messages/whatsapp/bot", "lose_answer");
    let sent = robot.gets_within(20, sends(json!({"attachment": "poster", "as_link": true})).id("s1"));
    assert_eq!((&sent.result()["kind"], &sent.result()["status"]), (&json!("link"), &json!("accepted")), "{sent:?}");
    let said: Vec<Value> = world.crm().records("messages").into_iter().filter(|one| one["room_id"] == THERE).collect();
    let links: Vec<&str> = said.iter().filter_map(|one| one["text"].as_str().filter(|text| text.contains("as a link"))).collect();
    assert_eq!((links.len(), said.iter().any(|one| one["file"].is_object())), (1, false), "{said:?}");
    assert!(world.admin().opens(&path(world, links[0]), &[]).bytes == poster(), "other bytes");
    let fact = &room.facts("attachment_sent")[0];
    assert_eq!((&fact["kind"], &fact["call_id"]), (&json!("link"), &json!("s1")));
}
