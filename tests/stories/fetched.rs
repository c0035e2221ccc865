//! What was fetched for one call does not lie here for ever: it goes some time after nothing could send it any more, and never
//! while the library, another call, or a person who may have it tried again still wants it.

use serde_json::{Value, json};

use crate::world::file::{pdf, sha256};
use crate::world::file_host::{FileHost, answered, bare};
use crate::world::whatsapp::MESSAGES;
use crate::world::{Call, Room, World, calls, eventually};

on_both_databases!(what_was_fetched_goes_when_nothing_can_send_it);

const RINA: &str = "6281200000009";

fn starts(world: &mut World, kept_s: &str) {
    world.starts_with(&[], &["--files-private-allow", "127.0.0.1", "--fetched-kept-s", kept_s]);
}

fn invoice(number: u32) -> Vec<u8> {
    // Seeds are odd, so that no two are one.
    pdf(9_000, 2 * number)
}

fn sends(number: u32) -> Call {
    let parameters = json!([{"field": "number", "value": number.to_string()}]);
    calls("send_attachment", json!({"attachment": "invoice", "parameters": parameters}))
}

fn lies_here(world: &World, number: u32) -> bool {
    let hash = sha256(&invoice(number));
    world.files_in_library().iter().any(|path| path.ends_with(&hash))
}

fn goes(world: &World, number: u32) {
    eventually("what was fetched goes", || (!lies_here(world, number)).then_some(()));
}

fn link(room: &Room) -> Option<String> {
    room.facts("attachment_sent").last()?["link"]["url"].as_str().map(str::to_owned)
}

pub fn what_was_fetched_goes_when_nothing_can_send_it(world: &mut World) {
    world.dies();
    starts(world, "600");
    world.has_whatsapp();
    world.is_told_whatsapp(600);
    let host = FileHost::up(|path| match path.strip_prefix("/invoices/").and_then(|rest| rest.parse().ok()) {
        Some(number) => answered("application/pdf", &invoice(number)),
        None => bare("404 Not Found", ""),
    });
    let source = json!({"url": host.url("/invoices/{number}"), "description": "An invoice, by its number"});
    assert_eq!(world.admin().send("PUT", "/v1/file-sources/invoice", Some(&source)).http, 201);
    // One of them the library has too.
    assert_eq!(world.admin().adds_file("copy", "copy.pdf", &invoice(2)).http, 201);
    let robot = world.customer_on_whatsapp(RINA);
    let room = world.admin().room(&robot.id);

    let sent = robot.gets(sends(1).id("s1"));
    assert_eq!(sent.result()["status"], "accepted", "{sent:?}");
    let open = link(&room).expect("a link while it lies here");
    assert_eq!(world.admin().opens(&open, &[]).bytes, invoice(1));
    let got = world.crm().got_on_whatsapp(RINA);
    assert_eq!((got.len(), &got[0]["media"]["sha256"]), (1, &json!(sha256(&invoice(1)))), "the very file, as a document");
    assert_eq!(got[0]["type"], "document");
    world.dies();
    starts(world, "1");
    goes(world, 1);
    assert_eq!((world.admin().opens(&open, &[]).http, link(&room)), (404, None), "nor is a link shown that opens nothing");

    // On its way it stays, however long that takes.
    world.crm().has_exactly(&json!({"route": MESSAGES, "fault": "status_429", "times": 1, "retry_after_s": 4}));
    let sent = robot.gets_within(25, sends(5).id("s5"));
    assert_eq!(sent.result()["status"], "accepted", "{sent:?}");
    let got = world.crm().got_on_whatsapp(RINA);
    assert_eq!((got.len(), &got[1]["media"]["sha256"]), (2, &json!(sha256(&invoice(5)))), "the very file");

    // What nobody knows the end of may be tried again by a person.
    world.crm().knobs(&json!({"webhook_delay_ms": 60_000}));
    world.crm().has_once(MESSAGES, "lose_answer");
    let _ = robot.gets_within(1, sends(3).id("s3"));
    eventually("it is left to people", || (robot.door.call("s3").body["status"] == "unresolved").then_some(()));
    assert_eq!(robot.gets(sends(2).id("s2")).result()["status"], "accepted");
    assert_eq!(robot.gets(sends(4).id("s4")).result()["status"], "accepted");
    world.dies();
    starts(world, "1");
    // What was fetched last is gone, so all before it was looked at.
    goes(world, 4);
    assert!(lies_here(world, 2) && lies_here(world, 3), "{:?}", world.files_in_library());
    assert_eq!(world.admin().downloads("/v1/files/copy/content").2, invoice(2));
    let settled = json!({"outcome": "failed", "reason": "it is not there"});
    let answer = world.admin().send("POST", "/v1/function-calls/s3/settle", Some(&settled));
    assert_eq!(answer.http, 200, "{answer:?}");
    goes(world, 3);
    let rest: Vec<Value> = world.files_in_library().iter().map(|path| json!(path.file_name().unwrap().to_str())).collect();
    assert_eq!(rest, [json!(sha256(&invoice(2)))]);
}
