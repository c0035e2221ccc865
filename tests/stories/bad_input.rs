//! What no caller should send, byte by byte. Never a 500, nothing half-written, and the next call on the same connection
//! (or on a new one, where the server closed it) still works.
//!
//! Rows of `reliability-security.md` section 5 with the statuses of design.md section 5, where a tool's own "no" is a 200.

use crate::world::wire::{Wire, WireAnswer};
use crate::world::{World, eventually};

on_both_databases!(bodies, calls_the_model_gets_wrong, heads, addresses, a_locked_database_is_an_answer);

/// What is sent, and the one right answer: its status and its code, or with a 200 that of the call's error. Without a code the
/// request was no HTTP and is refused below the level that knows problem documents.
type Row = (&'static str, Vec<u8>, (u16, &'static str));

pub fn bodies(world: &mut World) {
    let call = |arguments: &str| format!(r#"{{"calls":[{{"call_id":"bad","name":"create_tag","arguments":{arguments}}}]}}"#);
    let tag = r#"{"tags":["x"]}"#;
    let deep = |depth: usize| call(&format!("{{\"tags\":{}{}}}", "[".repeat(depth), "]".repeat(depth)));
    let keys: Vec<String> = (0..15_000).map(|n| format!("\"k{n}\":1")).collect();
    let with_bytes = |bytes: &[u8]| [br#"{"calls":[{"name":"create_tag","arguments":{"tags":[""#, bytes, br#""]}}]}"#].concat();
    let with_id = |id: &str| format!(r#"{{"calls":[{{"call_id":{id},"name":"create_tag","arguments":{tag}}}]}}"#);
    let utf16: Vec<u8> = call(tag).encode_utf16().flat_map(u16::to_le_bytes).collect();
    let rows: Vec<Row> = vec![
        ("empty", vec![], (400, "malformed_json")),
        ("truncated", b"{\"calls\":".to_vec(), (400, "malformed_json")),
        ("cut in a string", b"{\"calls\":[{\"name\":\"crea".to_vec(), (400, "malformed_json")),
        ("trailing garbage", (call(tag) + "x").into(), (400, "malformed_json")),
        ("two objects", call(tag).repeat(2).into(), (400, "malformed_json")),
        ("comment", (call(tag) + "// hi").into(), (400, "malformed_json")),
        ("trailing comma", b"{\"calls\":[],}".to_vec(), (400, "malformed_json")),
        ("single quotes", b"{'calls':[]}".to_vec(), (400, "malformed_json")),
        ("bare keys", b"{calls:[]}".to_vec(), (400, "malformed_json")),
        ("NaN", call(r#"{"tags":NaN}"#).into(), (400, "malformed_json")),
        ("hexadecimal", call(r#"{"tags":0x10}"#).into(), (400, "malformed_json")),
        ("leading zero", call(r#"{"tags":01}"#).into(), (400, "malformed_json")),
        ("plus sign", call(r#"{"tags":+1}"#).into(), (400, "malformed_json")),
        ("leading dot", call(r#"{"tags":.5}"#).into(), (400, "malformed_json")),
        ("an array", b"[]".to_vec(), (400, "not_an_object")),
        ("a string", b"\"calls\"".to_vec(), (400, "not_an_object")),
        ("a number", b"7".to_vec(), (400, "not_an_object")),
        ("null", b"null".to_vec(), (400, "not_an_object")),
        ("calls twice", format!(r#"{{"calls":[],{}"#, &call(tag)[1..]).into(), (400, "duplicate_key")),
        ("name twice", br#"{"calls":[{"name":"create_tag","name":"think","arguments":{}}]}"#.to_vec(), (400, "duplicate_key")),
        ("a key twice in arguments", call(r#"{"tags":["a"],"tags":["b"]}"#).into(), (400, "duplicate_key")),
        ("a key twice, deep", call(r#"{"tags":["a"],"x":{"y":[{"z":1,"z":2}]}}"#).into(), (400, "duplicate_key")),
        ("a key twice, escaped", call(r#"{"tags":["a"],"\u0074ags":["b"]}"#).into(), (400, "duplicate_key")),
        ("keys equal once normalised", call("{\"tags\":[\"a\"],\"\u{e9}\":1,\"e\u{301}\":2}").into(), (400, "duplicate_key")),
        ("invalid UTF-8", with_bytes(b"\xff"), (400, "invalid_encoding")),
        ("overlong UTF-8", with_bytes(b"\xc0\xaf"), (400, "invalid_encoding")),
        ("surrogate in UTF-8", with_bytes(b"\xed\xa0\x80"), (400, "invalid_encoding")),
        ("lone surrogate escape", with_bytes(br"\ud800"), (400, "invalid_encoding")),
        ("UTF-16", utf16, (400, "invalid_encoding")),
        ("byte order mark", [b"\xef\xbb\xbf", call(tag).as_bytes()].concat(), (400, "invalid_encoding")),
        ("deeper than 32", deep(33).into(), (400, "too_deep")),
        ("deeper than any stack", "[".repeat(100_000).into(), (400, "too_deep")),
        ("deeper than any stack, of objects", "{\"a\":".repeat(40_000).into(), (400, "too_deep")),
        ("15,000 keys", call(&format!("{{{}}}", keys.join(","))).into(), (400, "too_many_items")),
        ("no calls", b"{}".to_vec(), (422, "missing_field")),
        ("empty calls", b"{\"calls\":[]}".to_vec(), (422, "empty_calls")),
        ("calls is not a list", b"{\"calls\":{}}".to_vec(), (422, "invalid_field")),
        ("a call is not an object", b"{\"calls\":[7]}".to_vec(), (422, "invalid_field")),
        ("a call without a name", format!(r#"{{"calls":[{{"arguments":{tag}}}]}}"#).into(), (422, "missing_field")),
        (
            "an unknown field",
            format!(r#"{{"calls":[{{"name":"create_tag","arguments":{tag}}}],"colour":"red"}}"#).into(),
            (422, "unknown_field"),
        ),
        (
            "an unknown field of a call",
            format!(r#"{{"calls":[{{"name":"create_tag","arguments":{tag},"x":1}}]}}"#).into(),
            (422, "unknown_field"),
        ),
        ("call id: empty", with_id(r#""""#).into(), (422, "invalid_call_id")),
        ("call id: 129 characters", with_id(&format!("\"{}\"", "a".repeat(129))).into(), (422, "invalid_call_id")),
        ("call id: a space", with_id(r#""a b""#).into(), (422, "invalid_call_id")),
        ("call id: an emoji", with_id("\"\u{1f600}\"").into(), (422, "invalid_call_id")),
        ("call id: NUL", with_id(r#""a\u0000b""#).into(), (422, "invalid_call_id")),
        ("call id: a bidi override", with_id("\"a\u{202e}b\"").into(), (422, "invalid_call_id")),
        ("call id: a number", with_id("7").into(), (422, "invalid_call_id")),
        ("a raw control character", with_bytes(b"\x01"), (400, "malformed_json")),
    ];
    at_room(world, rows);
}

pub fn calls_the_model_gets_wrong(world: &mut World) {
    let call = |name: &str, arguments: &str| {
        format!(r#"{{"calls":[{{"call_id":"bad","name":{name},"arguments":{arguments}}}]}}"#).into_bytes()
    };
    let tag = |arguments: &str| call(r#""create_tag""#, arguments);
    let many: Vec<String> = (0..10_000).map(|n| format!("\"t{n}\"")).collect();
    let long = format!(r#"{{"tags":["{}"]}}"#, "x".repeat(65_537));
    let number = |text: &str| call(r#""create_deal""#, &format!(r#"{{"name":"Roof","amount":{text}}}"#));
    let rows: Vec<Row> = vec![
        ("an unknown tool", call(r#""think""#, "{}"), (200, "unknown_tool")),
        ("a tool with a path in it", call(r#""../create_tag""#, "{}"), (200, "unknown_tool")),
        ("a prototype", call(r#""__proto__""#, "{}"), (200, "unknown_tool")),
        ("a tool of 1 MB", call(&format!("\"{}\"", "x".repeat(1_000_000)), "{}"), (413, "payload_too_large")),
        ("arguments missing", br#"{"calls":[{"call_id":"bad","name":"create_tag"}]}"#.to_vec(), (422, "missing_field")),
        ("tags missing", tag("{}"), (200, "argument_missing")),
        ("tags null", tag(r#"{"tags":null}"#), (200, "argument_missing")),
        ("tags a number", tag(r#"{"tags":5}"#), (200, "argument_invalid")),
        ("a tag that is a number", tag(r#"{"tags":["a",5]}"#), (200, "argument_invalid")),
        ("no tag", tag(r#"{"tags":[]}"#), (200, "argument_invalid")),
        ("an empty tag", tag(r#"{"tags":[""]}"#), (200, "argument_invalid")),
        ("a tag of spaces", tag(r#"{"tags":["   "]}"#), (200, "argument_invalid")),
        ("a tag with a NUL", tag(r#"{"tags":["a\u0000b"]}"#), (200, "argument_invalid")),
        ("a tag with a bell", tag(r#"{"tags":["a\u0007b"]}"#), (200, "argument_invalid")),
        ("a tag of 64 KiB", tag(&long), (200, "argument_invalid")),
        ("10,000 tags", tag(&format!(r#"{{"tags":[{}]}}"#, many.join(","))), (400, "too_many_items")),
        ("an argument nobody knows", tag(r#"{"tags":["a"],"colour":"red"}"#), (200, "unknown_argument")),
        ("arguments: an array", tag("[]"), (200, "argument_invalid")),
        ("arguments: a string that is not JSON", tag(r#""tags: a""#), (200, "argument_invalid")),
        ("arguments: a string of a string", tag(r#""\"{}\"""#), (200, "argument_invalid")),
        ("arguments: a string with a key twice", tag(r#""{\"tags\":[\"a\"],\"tags\":[\"b\"]}""#), (400, "duplicate_key")),
        ("a number of 400 digits", number(&"9".repeat(400)), (422, "number_out_of_range")),
        ("1e400", number("1e400"), (422, "number_out_of_range")),
        ("a negative amount", number("-1"), (200, "argument_invalid")),
        ("an amount that is a list", number("[]"), (200, "argument_invalid")),
        ("an unknown agent", call(r#""assign_agent""#, r#"{"mode":"agent","agent":"agt_nobody"}"#), (200, "unknown_agent")),
        (
            "an unknown division",
            call(r#""assign_agent""#, r#"{"mode":"division","division":"div_none"}"#),
            (200, "unknown_division"),
        ),
        ("a mode nobody knows", call(r#""assign_agent""#, r#"{"mode":"magic"}"#), (200, "argument_invalid")),
        ("a mode without its agent", call(r#""assign_agent""#, r#"{"mode":"agent"}"#), (200, "argument_missing")),
        ("an unknown reason", call(r#""resolve_conversation""#, r#"{"reason_code":"because"}"#), (200, "argument_invalid")),
    ];
    at_room(world, rows);
    // And what models do that is right: arguments as a JSON string.
    let answer = ask(world, &world.posted("web-1", "", &tag(r#""{\"tags\":[\"text\"]}""#))).unwrap();
    assert_eq!(answer.json()["calls"][0]["status"], "succeeded", "{answer:?}");
}

pub fn heads(world: &mut World) {
    world.a_room("web-1");
    let good = br#"{"calls":[{"name":"create_tag","arguments":{"tags":["x"]}}]}"#;
    let key = format!("Authorization: Bearer {}\r\n", world.agent_key);
    let json = "Content-Type: application/json\r\n";
    let length = format!("Content-Length: {}\r\n", good.len());
    let body = String::from_utf8_lossy(good).into_owned();
    let line = "POST /v1/rooms/web-1/function-calls HTTP/1.1\r\nHost: localhost\r\n";
    let post = |headers: &str, body: &str| format!("{line}{headers}\r\n{body}").into_bytes();
    let wrong_checksum = format!("{}0", &world.agent_key[..world.agent_key.len() - 1]);
    let chunk = format!("{:x}\r\n{}\r\n", 64 * 1024, "x".repeat(64 * 1024));
    let too_large = (431, "headers_too_large");
    let admin = &world.admin_key;
    let get_page =
        format!("GET /v1/rooms HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {admin}\r\nAccept: text/html, image/*;q=0.8\r\n\r\n");
    let rows: Vec<Row> = vec![
        ("no key", post(&format!("{json}{length}"), &body), (401, "unauthenticated")),
        (
            "a key nobody made",
            post(&format!("Authorization: Bearer nonsense\r\n{json}{length}"), &body),
            (401, "unauthenticated"),
        ),
        (
            "a key with a wrong checksum",
            post(&format!("Authorization: Bearer {wrong_checksum}x\r\n{json}{length}"), &body),
            (401, "unauthenticated"),
        ),
        ("two keys", post(&format!("{key}{key}{json}{length}"), &body), (401, "unauthenticated")),
        ("Basic", post(&format!("Authorization: Basic YTpi\r\n{json}{length}"), &body), (401, "unauthenticated")),
        (
            "a key of 64 KiB",
            post(&format!("Authorization: Bearer {}\r\n{json}{length}", "k".repeat(65_536)), &body),
            (431, "headers_too_large"),
        ),
        ("a header of more than 8 KiB", post(&format!("{key}{json}{length}X-A: {}\r\n", "a".repeat(8_192)), &body), too_large),
        ("33 headers", post(&format!("{key}{json}{length}{}", "X-A: a\r\n".repeat(29)), &body), too_large),
        ("an answer as a page", get_page.into(), (406, "not_acceptable")),
        ("no content type", post(&format!("{key}{length}"), &body), (415, "unsupported_media_type")),
        ("text", post(&format!("{key}Content-Type: text/plain\r\n{length}"), &body), (415, "unsupported_media_type")),
        (
            "another charset",
            post(&format!("{key}Content-Type: application/json; charset=latin1\r\n{length}"), &body),
            (415, "unsupported_media_type"),
        ),
        (
            "a form",
            post(&format!("{key}Content-Type: multipart/form-data; boundary=x\r\n{length}"), &body),
            (415, "unsupported_media_type"),
        ),
        ("gzip", post(&format!("{key}{json}Content-Encoding: gzip\r\n{length}"), &body), (415, "unsupported_encoding")),
        ("10 MB announced", post(&format!("{key}{json}Content-Length: 10485760\r\n"), ""), (413, "payload_too_large")),
        (
            "10 MB in chunks",
            post(&format!("{key}{json}Transfer-Encoding: chunked\r\n"), &(chunk.repeat(160) + "0\r\n\r\n")),
            (413, "payload_too_large"),
        ),
        (
            "256 KiB and one byte",
            post(&format!("{key}{json}Content-Length: 262145\r\n"), &" ".repeat(262_145)),
            (413, "payload_too_large"),
        ),
        ("a length and chunks", post(&format!("{key}{json}{length}Transfer-Encoding: chunked\r\n"), &body), (400, "")),
        ("two lengths", post(&format!("{key}{json}{length}Content-Length: 7\r\n"), &body), (400, "")),
        ("a negative length", post(&format!("{key}{json}Content-Length: -1\r\n"), &body), (400, "")),
        ("a folded header", post(&format!("{key}{json}X-A: b\r\n c\r\n{length}"), &body), (400, "")),
        ("not HTTP", b"hello\r\n\r\n".to_vec(), (400, "")),
        (
            "another verb",
            format!("GET /v1/rooms/web-1/function-calls HTTP/1.1\r\nHost: x\r\n{key}\r\n").into(),
            (405, "method_not_allowed"),
        ),
        (
            "a made-up verb",
            format!("BREW /v1/rooms/web-1/function-calls HTTP/1.1\r\nHost: x\r\n{key}\r\n").into(),
            (405, "method_not_allowed"),
        ),
        ("TRACE", format!("TRACE /v1/rooms HTTP/1.1\r\nHost: x\r\n{key}\r\n").into(), (405, "method_not_allowed")),
    ];
    let answers = each(world, rows);
    assert!(answers.iter().filter(|a| a.status == 405).all(|a| a.header("allow").is_some()), "a 405 names what is allowed");
    assert!(answers.iter().filter(|a| a.status == 401).all(|a| a.header("www-authenticate").is_some()));
    let mut refused = answers.iter().filter(|a| a.status == 401).map(|a| a.json()["code"].clone());
    assert!(refused.all(|code| code == "unauthenticated"), "one answer for every wrong key");

    // Harmless oddities are not at fault.
    for odd in
        ["Prefer: wait=99999\r\n", "Prefer: wait=-1\r\n", "Prefer: wait=abc\r\n", "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"]
    {
        assert_eq!(ask(world, &world.posted("web-1", odd, good)).unwrap().status, 200, "{odd}");
    }
}

pub fn addresses(world: &mut World) {
    world.a_room("web-1");
    let asks = |verb: &str, path: &str| {
        format!("{verb} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n", world.admin_key).into_bytes()
    };
    let (get, delete) = (|path: &str| asks("GET", path), |path: &str| asks("DELETE", path));
    let long = format!("/v1/rooms/{}", "a".repeat(300));
    let rows: Vec<Row> = vec![
        ("an unknown path", get("/v2/rooms"), (404, "not_found")),
        ("two slashes", get("//v1/rooms"), (404, "not_found")),
        ("a parent folder", get("/v1/../admin"), (404, "not_found")),
        ("an encoded parent folder", get("/v1/rooms/%2e%2e%2f"), (404, "unknown_room")),
        ("encoded twice", get("/v1/rooms/%252e%252e%252f"), (404, "unknown_room")),
        ("an encoded NUL", get("/v1/rooms/a%00b"), (404, "unknown_room")),
        ("an encoded NUL in a tag", delete("/v1/tags/a%00b"), (404, "not_found")),
        ("broken encoding", get("/v1/rooms/%zz"), (404, "unknown_room")),
        ("not UTF-8", get("/v1/rooms/%ff"), (404, "unknown_room")),
        ("a room id of 300 characters", get(&long), (404, "unknown_room")),
        ("an unknown room", get("/v1/rooms/nowhere"), (404, "unknown_room")),
        ("an unknown room's timeline", get("/v1/rooms/nowhere/timeline"), (404, "unknown_room")),
        ("an unknown call", get("/v1/function-calls/nothing"), (404, "unknown_call")),
        ("a limit below nothing", get("/v1/rooms?limit=-1"), (400, "invalid_parameter")),
        ("a limit beyond everything", get("/v1/rooms?limit=1000000000"), (400, "invalid_parameter")),
        ("a limit that is no number", get("/v1/rooms/web-1/timeline?limit=many"), (400, "invalid_parameter")),
        ("a cursor nobody gave", get("/v1/rooms/web-1/timeline?cursor=%27%3B--"), (400, "invalid_parameter")),
        ("a parameter nobody knows", get("/v1/rooms?colour=red"), (400, "invalid_parameter")),
        ("an address of more than 4 KiB", get(&format!("/v1/rooms?cursor={}", "a".repeat(4_090))), (414, "uri_too_long")),
        ("a path of 70,000 characters", get(&format!("/v1/rooms/{}", "a".repeat(70_000))), (400, "")),
    ];
    each(world, rows);
}

pub fn a_locked_database_is_an_answer(world: &mut World) {
    let room = world.a_room("web-1");
    let locked = world.database().locked_by_another_program();
    let answer = room.gets(crate::world::create_tag(&["vip"]).id("c1"));
    assert_eq!((answer.http, answer.code()), (503, "storage_unavailable"), "nothing was accepted, and that is known: {answer:?}");
    assert_eq!(room.door.call("c1").http, 404);
    // Beside a write that waits for the lock, which it does for some seconds only: another one, if these were too few to look.
    let mut writes = 0;
    let waits = eventually("reading waits for no writer", || {
        writes += 1;
        let late = crate::world::create_tag(&["late"]).id(&format!("late-{writes}"));
        let waits = room.door.begins(room.getting(&[late]));
        assert_eq!(world.admin().get("/v1/rooms/web-1").http, 200, "reading goes on");
        assert_eq!(world.admin().get("/v1/settings").http, 200, "of the company too");
        (!waits.is_answered()).then_some(waits)
    });
    drop(locked);
    drop(waits.answer());
    let done = eventually("usable again", || {
        let answer = room.gets(crate::world::create_tag(&["vip"]).id("c1"));
        (answer.http == 200).then_some(answer)
    });
    done.result();
    assert_eq!(room.calls_in_journal().iter().filter(|id| *id == "c1").count(), 1);
    assert!(world.still_runs());
}

/// Posts each body to one room; nothing of it may change the room.
fn at_room(world: &mut World, rows: Vec<Row>) {
    let room = world.a_room("web-1");
    let version = room.version();
    let mut requests = vec![];
    for (n, (what, body, right)) in rows.into_iter().enumerate() {
        requests.push((what, world.posted("web-1", "", &with_its_own_id(&body, n)), right));
    }
    each(world, requests);
    // What each row's own good call left, and the room's own refusals, which change nothing.
    for event in &room.timeline()[usize::try_from(version).unwrap()..] {
        let good = event["cause"].as_str().is_some_and(|id| id.starts_with("good-"));
        assert!(good || (event["type"] == "call_answered" && event["status"] == "refused"), "{event}");
    }
}

/// A refusal of the room is kept under its call's id, so each row needs its own.
fn with_its_own_id(body: &[u8], n: usize) -> Vec<u8> {
    let id = br#""call_id":"bad""#;
    match body.windows(id.len()).position(|window| window == id) {
        Some(at) => [&body[..at], format!(r#""call_id":"bad-{n}""#).as_bytes(), &body[at + id.len()..]].concat(),
        None => body.to_vec(),
    }
}

/// Sends each request on a connection of its own and judges the answer, then makes a good call on the same connection.
fn each(world: &mut World, rows: Vec<Row>) -> Vec<WireAnswer> {
    let mut answers = vec![];
    let mut wrong = vec![];
    for (n, (what, request, right)) in rows.into_iter().enumerate() {
        let mut wire = world.wire();
        // An early answer may close the connection before everything was sent.
        let _ = wire.send(&request);
        let answer = match wire.receive() {
            Ok(answer) => answer,
            Err(problem) => {
                wrong.push(format!("{what}: no answer ({problem})"));
                continue;
            }
        };
        if let Some(problem) = judged(&answer, right) {
            wrong.push(format!("{what}: {problem}"));
        }
        let good = format!(r#"{{"calls":[{{"call_id":"good-{n}","name":"create_tag","arguments":{{"tags":["good"]}}}}]}}"#);
        let good = world.posted("web-1", "", good.as_bytes());
        let same = if answer.keeps_connection() { wire.send(&good).and_then(|()| wire.receive()).ok() } else { None };
        // The bytes of a refused body may still be under way: a connection may be given up for that, never the room.
        let after = same.filter(|answer| answer.status == 200).or_else(|| ask(world, &good));
        if after.as_ref().is_none_or(|answer| answer.json()["calls"][0]["status"] != "succeeded") {
            wrong.push(format!("{what}: the next call: {after:?}"));
        }
        answers.push(answer);
    }
    assert!(world.still_runs(), "the server is gone");
    assert!(!world.log().contains("panicked"), "something panicked");
    assert!(wrong.is_empty(), "{} rows:\n{}", wrong.len(), wrong.join("\n"));
    answers
}

/// What is wrong with an answer.
fn judged(answer: &WireAnswer, right: (u16, &str)) -> Option<String> {
    let said = answer.json();
    let error = if answer.status == 200 { &said["calls"][0]["error"] } else { &said };
    let code = error["code"].as_str().unwrap_or_default();
    if (answer.status, code) != right {
        return Some(format!("{} {code:?} instead of {right:?}: {}", answer.status, answer.body));
    }
    if answer.status == 200 {
        let complete = ["message", "next"].iter().all(|key| error[key].as_str().is_some_and(|text| !text.is_empty()));
        let refused = said["calls"][0]["status"] == "refused";
        return (!refused || !complete).then(|| format!("not a refusal a model can act on: {said}"));
    }
    let problem = answer.header("content-type").is_some_and(|kind| kind.starts_with("application/problem+json"));
    let fits = if code.is_empty() { answer.body.is_empty() } else { problem && said["status"] == answer.status };
    (!fits).then(|| format!("not a problem document: {answer:?}"))
}

fn ask(world: &World, request: &[u8]) -> Option<WireAnswer> {
    let mut wire: Wire = world.wire();
    wire.send(request).ok()?;
    wire.receive().ok()
}
