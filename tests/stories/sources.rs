//! A file that is made on request: its address is fixed by a builder, only its places are the model's; it is fetched, told by its
//! bytes, stored and sent like any other, or not at all, and a model learns nothing of what stands behind an address.

use serde_json::{Value, json};

use crate::world::call::Answer;
use crate::world::file::{pdf, png, sha256};
use crate::world::file_host::{FileHost, answered, bare};
use crate::world::{Call, Room, World, calls, eventually};

on_both_databases!(a_file_made_on_request_reaches_the_customer, what_was_fetched_is_written_down);
on_sqlite_alone!(what_cannot_be_fetched_is_told, an_address_is_asked_only_where_policy_says, what_nobody_may_fix);

const THERE: &str = "7b000000-0000-4000-8000-0000000000bb";

/// Starts the server so that it may fetch from this machine.
fn starts(world: &mut World) {
    world.dies();
    world.starts_with(&[], &["--files-private-allow", "127.0.0.1"]);
}

fn invoices() -> FileHost {
    FileHost::up(|path| match path {
        "/invoices/INV-7.pdf?lang=de" => answered("application/octet-stream", &pdf(70_000, 7)),
        "/invoices/INV%208.pdf?lang=de" => answered("application/pdf", &pdf(8_000, 8)),
        _ => bare("404 Not Found", ""),
    })
}

fn fixes(world: &World, key: &str, url: &str) -> Answer {
    let source = json!({"url": url, "description": "An invoice, by its number"});
    world.admin().send("PUT", &format!("/v1/file-sources/{key}"), Some(&source))
}

fn a_room_here(world: &World, id: &str) -> Room {
    let room = json!({"channel": "embedded", "customer": {"handle": id}});
    assert_eq!(world.admin().send("PUT", &format!("/v1/rooms/{id}"), Some(&room)).http, 201);
    world.admin().room(id)
}

fn sends(attachment: &str, parameters: &[(&str, &str)]) -> Call {
    let parameters: Vec<Value> = parameters.iter().map(|(field, value)| json!({"field": field, "value": value})).collect();
    calls("send_attachment", json!({"attachment": attachment, "parameters": parameters}))
}

fn invoice(number: &str) -> Call {
    sends("invoice", &[("number", number), ("lang", "de")])
}

pub fn a_file_made_on_request_reaches_the_customer(world: &mut World) {
    world.has_a_channel();
    starts(world);
    let host = invoices();
    let fixed = fixes(world, "invoice", &host.url("/invoices/{number}.pdf?lang={lang}"));
    assert_eq!((fixed.http, &fixed.body["parameters"]), (201, &json!(["number", "lang"])), "{fixed:?}");
    let here = a_room_here(world, "web-1");
    let robot = world.ai_agent().room("web-1");
    let sent = robot.gets(invoice("INV-7").id("here-1"));
    assert_eq!((&sent.result()["filename"], &sent.result()["kind"]), (&json!("INV-7.pdf"), &json!("document")), "{sent:?}");
    assert!(!sent.body.to_string().contains("127.0.0.1"), "a model is told no address: {sent:?}");
    let fact = &here.facts("attachment_sent")[0];
    assert_eq!((&fact["sha256"], &fact["attachment"]), (&json!(sha256(&pdf(70_000, 7))), &json!("invoice")));
    let link = fact["link"]["url"].as_str().unwrap().to_owned();
    assert_eq!(world.admin().opens(&link, &[]).bytes, pdf(70_000, 7));
    // The same wish, with nothing said in between, is not even fetched again; another number is another file.
    assert_eq!(robot.gets(invoice("INV-7").id("here-2")).result()["already_existed"], true);
    assert_eq!(robot.gets(invoice("INV 8").id("here-3")).result()["status"], "accepted");
    assert_eq!(host.was_asked(), ["/invoices/INV-7.pdf?lang=de", "/invoices/INV%208.pdf?lang=de"]);
    world.dies();
    starts_again(world);
    assert_eq!(world.admin().opens(&link, &[]).bytes, pdf(70_000, 7));

    // And in the channel's own conversation, as a real file.
    let there = world.a_customer_writes(THERE, "6281200000008", "my invoice, please");
    let call = json!({"attachment": "invoice", "caption": "Here it is",
        "parameters": [{"field": "number", "value": "INV-7"}, {"field": "lang", "value": "de"}]});
    let sent = world.ai_agent().room(THERE).gets(calls("send_attachment", call).id("there-1"));
    assert_eq!(sent.result()["status"], "accepted", "{sent:?}");
    let messages = world.crm().records("messages");
    let files: Vec<&Value> = messages.iter().filter(|message| message["file"].is_object()).collect();
    assert_eq!(files.len(), 1, "{messages:?}");
    assert_eq!(files[0]["file"]["sha256"], json!(sha256(&pdf(70_000, 7))));
    assert!(messages.iter().any(|message| message["text"] == "Here it is"));
    assert_eq!(there.facts("attachment_sent").len(), 1);

    // Archived, it is offered to nobody, and its links open no more.
    assert_eq!(world.admin().send("POST", "/v1/file-sources/invoice/archive", None).http, 200);
    assert_eq!(world.admin().opens(&link, &[]).http, 404);
    let robot = world.ai_agent().room("web-1");
    assert_eq!(robot.gets(invoice("INV 8").id("here-4")).code(), "not_connected", "there is nothing left to send");
}

fn starts_again(world: &mut World) {
    world.starts_with(&[], &["--files-private-allow", "127.0.0.1"]);
}

/// The channel turns the file away once, and the server dies: what was fetched stays what is sent.
pub fn what_was_fetched_is_written_down(world: &mut World) {
    world.has_a_channel();
    starts(world);
    let host = invoices();
    assert_eq!(fixes(world, "invoice", &host.url("/invoices/{number}.pdf?lang={lang}")).http, 201);
    world.a_customer_writes(THERE, "6281200000008", "my invoice, please");
    let sends = "POST /api/open/v1/messages/whatsapp/bot";
    world.crm().has_exactly(&json!({"route": sends, "fault": "status_429", "times": 1, "retry_after_s": 30}));
    let robot = world.ai_agent().room(THERE);
    let _ = robot.gets_within(1, invoice("INV-7").id("s1"));
    world.waits_for_the_channel();
    world.dies();
    starts_again(world);
    let end = eventually("the call ends", || {
        let call = world.admin().call("s1");
        (call.body["status"] == "succeeded").then_some(call)
    });
    assert_eq!(end.body["result"]["filename"], "INV-7.pdf");
    let files: Vec<Value> = world.crm().records("messages").into_iter().filter(|message| message["file"].is_object()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    assert_eq!(host.was_asked().len(), 1, "it was not fetched again");
}

pub fn what_cannot_be_fetched_is_told(world: &mut World) {
    starts(world);
    let host = FileHost::up(|path| match path {
        "/page.pdf" => answered("application/pdf", b"<!DOCTYPE html><html>Please log in</html>"),
        "/nothing.pdf" => answered("application/pdf", b""),
        "/huge.pdf" => b"HTTP/1.1 200 OK\r\nContent-Length: 30000000\r\nConnection: close\r\n\r\n%PDF-1.7".to_vec(),
        "/cut.pdf" => b"HTTP/1.1 200 OK\r\nContent-Length: 3000\r\nConnection: close\r\n\r\n%PDF-1.7".to_vec(),
        "/packed.pdf" => bare("200 OK", "Content-Encoding: gzip\r\n"),
        "/program.pdf" => answered("application/pdf", b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0"),
        "/metadata.pdf" => bare("302 Found", "Location: http://169.254.169.254/latest/meta-data/\r\n"),
        "/local.pdf" => bare("302 Found", "Location: http://localhost:1/x.pdf\r\n"),
        "/broken.pdf" => bare("500 Oh", ""),
        _ => bare("404 Not Found", ""),
    });
    assert_eq!(fixes(world, "made", &host.url("/{name}.pdf")).http, 201);
    let room = a_room_here(world, "web-1");
    let robot = world.ai_agent().room("web-1");
    for (name, code) in [
        ("page", "type_mismatch"),
        ("nothing", "empty_file"),
        ("huge", "too_large"),
        ("cut", "fetch_failed"),
        ("packed", "fetch_failed"),
        ("program", "type_mismatch"),
        ("metadata", "url_not_allowed"),
        ("local", "url_not_allowed"),
        ("broken", "fetch_failed"),
        ("missing", "file_not_found"),
    ] {
        let told = robot.gets(sends("made", &[("name", name)]));
        assert_eq!(told.code(), code, "{name}: {told:?}");
        let text = told.body.to_string();
        assert!(!text.contains("127.0.0.1") && !text.contains("log in") && !text.contains("169.254"), "{text}");
    }
    let asked = host.was_asked().len();
    for (parameters, code) in [
        (&[][..], "argument_missing"),
        (&[("name", "a/../../admin")][..], "argument_invalid"),
        (&[("name", "..")][..], "argument_invalid"),
        (&[("name", "%2e%2e")][..], "argument_invalid"),
        (&[("name", "x"), ("host", "evil.example")][..], "argument_invalid"),
    ] {
        assert_eq!(robot.gets(sends("made", parameters)).code(), code, "{parameters:?}");
    }
    for address in [
        "https://files.example/x.png",
        "http://127.0.0.1:1/x.png",
        "file:///etc/passwd",
        "data:image/png;base64,AAAA",
        "javascript:alert(1)",
        "//files.example/x.png",
        "gopher://127.0.0.1/x",
    ] {
        assert_eq!(robot.gets(sends(address, &[])).code(), "url_not_allowed", "{address}");
    }
    assert_eq!(host.was_asked().len(), asked);
    assert_eq!(room.facts("attachment_sent"), Vec::<Value>::new());
    eventually("nothing is left", || world.files_in_library().is_empty().then_some(()));
}

pub fn an_address_is_asked_only_where_policy_says(world: &mut World) {
    starts(world);
    let host = FileHost::up(|path| match path {
        "/map.png" => answered("image/png", &png(9)),
        "/elsewhere" => bare("302 Found", "Location: http://localhost:1/map.png\r\n"),
        _ => bare("404 Not Found", ""),
    });
    world.admin().set(&json!({"file_hosts": ["127.0.0.1"]}));
    let room = a_room_here(world, "web-1");
    let robot = world.ai_agent().room("web-1");
    let sent = robot.gets(sends(&host.url("/map.png"), &[]));
    assert_eq!(sent.result()["filename"], "map.png", "{sent:?}");
    let link = room.facts("attachment_sent")[0]["link"]["url"].as_str().unwrap().to_owned();
    assert_eq!(world.admin().opens(&link, &[]).bytes, png(9));
    let port = host.port;
    for elsewhere in [format!("http://localhost:{port}/map.png"), host.url("/elsewhere"), "https://example.com/x.png".into()] {
        assert_eq!(robot.gets(sends(&elsewhere, &[])).code(), "url_not_allowed", "{elsewhere}");
    }
    assert_eq!(host.was_asked(), ["/map.png", "/elsewhere"]);
    let odd = world.admin().get("/v1/settings").body;
    let wrong = json!({"file_hosts": ["https://x/"], "tag_policy": odd["tag_policy"]});
    let tag = world.admin().get("/v1/settings").headers["etag"].to_str().unwrap().to_owned();
    let refused = world.admin().try_send("PUT", "/v1/settings", Some(&wrong), &[("if-match", &tag)]).unwrap();
    assert_eq!((refused.http, refused.code()), (422, "invalid_body"));
}

pub fn what_nobody_may_fix(world: &mut World) {
    let at = |key: &str, url: &str| {
        let answer = fixes(world, key, url);
        (answer.http, answer.code().to_owned())
    };
    for url in [
        "http://files.example/{n}",
        "https://{host}/x",
        "https://127.0.0.1/x",
        "https://[::1]/x",
        "https://0x7f.1/x",
        "ftp://files.example/x",
        "https://user:pass@files.example/x",
        "https://files.example:22/x",
        "https://files.example/#{n}",
        "nonsense",
        "https://files.example/{n",
    ] {
        assert_eq!(at("made", url), (422, "invalid_body".into()), "{url}");
    }
    assert_eq!(fixes(world, "made", "https://files.example/{n}.pdf").http, 201);
    assert_eq!(fixes(world, "made", "https://files.example/{n}.pdf?v=2").http, 200);
    let admin = world.admin();
    assert_eq!(admin.all("/v1/file-sources").len(), 1);
    assert_eq!(admin.get("/v1/file-sources/made").body["url"], "https://files.example/{n}.pdf?v=2");
    // A key is one thing.
    assert_eq!(admin.adds_file("made", "a.png", &png(1)).http, 409);
    assert_eq!(admin.adds_file("map", "a.png", &png(1)).http, 201);
    assert_eq!(at("map", "https://files.example/x.png"), (409, "conflict".into()));
    let agent = world.caller(&world.a_key("acme", "operator").0);
    assert_eq!(agent.send("PUT", "/v1/file-sources/other", Some(&json!({"url": "https://files.example/x"}))).http, 403);
}
