//! In a conversation that lives here the customer's browser reads a file by a link: signed, with an end, for this file in this
//! room alone, and only for as long as it stands.

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

use crate::events_feed::Listener;
use crate::world::file::{Fetched, parts, pdf, png};
use crate::world::{Room, World, calls, eventually};

on_both_databases!(a_link_leads_to_the_very_file, a_link_that_leads_nowhere_looks_like_any_other_address);
on_sqlite_alone!(a_part_of_a_file_is_given, a_link_is_over_when_its_time_is);

/// A room of web chat to which the library's file of that name was sent, by the call `{room}-sent`.
fn a_room_with(world: &World, id: &str, file: &str) -> Room {
    let room = world.a_room(id);
    let robot = world.ai_agent().room(id);
    eventually("the library is known", || {
        let call = calls("send_attachment", json!({ "attachment": file })).id(&format!("{id}-sent"));
        let answer = robot.gets(call);
        (answer.statuses() == ["succeeded"]).then_some(()).or_else(|| {
            assert_eq!(answer.code(), "unknown_attachment", "{answer:?}");
            None
        })
    });
    room
}

/// The link as the room's history shows it now.
fn link(room: &Room) -> String {
    let sent = &room.facts("attachment_sent")[0];
    sent["link"]["url"].as_str().unwrap_or_else(|| panic!("no link: {sent}")).to_owned()
}

fn open(world: &World, link: &str) -> Fetched {
    world.admin().opens(link, &[])
}

/// What an address answers that was never there, without the id of the request.
fn nothing(world: &World, link: &str) {
    let (unknown, answer) = (open(world, "/v1/sent-files/nothing"), open(world, link));
    let told = |fetched: &Fetched| {
        let mut body: Value = serde_json::from_slice(&fetched.bytes).unwrap();
        body.as_object_mut().unwrap().remove("request_id");
        (fetched.http, body)
    };
    assert_eq!(unknown.http, 404);
    assert_eq!(told(&answer), told(&unknown), "{link}");
    let mut names: Vec<&String> = answer.headers.keys().collect();
    names.sort();
    let mut expected: Vec<&String> = unknown.headers.keys().collect();
    expected.sort();
    assert_eq!(names, expected, "{link}");
}

pub fn a_link_leads_to_the_very_file(world: &mut World) {
    assert_eq!(world.admin().adds_file("map", "Karte ü.png", &png(7)).http, 201);
    let room = a_room_with(world, "web-1", "map");
    let first = link(&room);
    assert!(first.starts_with("/v1/sent-files/"), "{first}");
    let fetched = open(world, &first);
    assert_eq!((fetched.http, &fetched.bytes), (200, &png(7)));
    for (name, value) in [
        ("content-type", "image/png"),
        ("content-disposition", "attachment; filename*=UTF-8''Karte%20%C3%BC.png"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; sandbox"),
        ("cache-control", "private, no-store"),
        ("accept-ranges", "bytes"),
    ] {
        assert_eq!(fetched.headers[name], value, "{name}");
    }
    // A new one each time it is read, and both open it; also after a restart, and behind what others hang on it.
    let second = link(&room);
    assert_ne!(first, second);
    world.dies_and_comes_back();
    for link in [&first, &second, &format!("{first}?utm_source=mail")] {
        assert_eq!(open(world, link).bytes, png(7));
    }
    // The file's next version is another file: who was sent this one reads this one.
    let put = world.admin().sends_parts("PUT", "/v1/files/map", &[], Some(("map.png", &png(8))));
    assert_eq!((put.http, &put.body["version"]), (200, &json!(2)));
    assert_eq!(open(world, &link(&room)).bytes, png(7));
    // Where the server is told how customers reach it, a link is a whole address.
    world.dies();
    world.starts_with(&[], &["--public-url", "https://chat.example/bellhop/"]);
    let whole = link(&world.admin().room("web-1"));
    let path = whole.strip_prefix("https://chat.example/bellhop").unwrap_or_else(|| panic!("{whole}"));
    assert_eq!(open(world, path).bytes, png(7));
}

pub fn a_link_that_leads_nowhere_looks_like_any_other_address(world: &mut World) {
    for (key, bytes) in [("map", png(7)), ("plan", pdf(3_000, 1))] {
        assert_eq!(world.admin().adds_file(key, &format!("{key}.bin"), &bytes).http, 201);
    }
    let (one, other) = (a_room_with(world, "web-1", "map"), a_room_with(world, "web-2", "map"));
    let good = link(&one);
    let secret = good.strip_prefix("/v1/sent-files/").unwrap();
    let signed = BASE64URL_NOPAD.decode(secret.as_bytes()).unwrap();
    let told = |bytes: &[u8]| format!("/v1/sent-files/{}", BASE64URL_NOPAD.encode(bytes));
    assert_eq!(open(world, &told(&signed)).http, 200);
    for at in (0..signed.len()).step_by(5) {
        let mut changed = signed.clone();
        changed[at] ^= 1;
        nothing(world, &told(&changed));
    }
    // Another room, and another place in this one.
    let name = signed.windows(5).position(|window| window == b"web-1").expect("the room's id");
    let mut moved = signed.clone();
    moved[name + 4] = b'2';
    nothing(world, &told(&moved));
    for odd in
        ["/v1/sent-files/%00", "/v1/sent-files/..", &format!("{good}="), &good[..good.len() - 1], &"/v1/sent-files/a".repeat(9)]
    {
        let answer = open(world, odd);
        assert_eq!(answer.http, 404, "{odd}");
    }

    // Revoked in one room: nowhere else, and the room shows no link any more.
    let stranger = world.admin();
    let revoke = |call: &str| stranger.send("POST", &format!("/v1/function-calls/{call}/revoke-link"), None);
    let revoked = revoke("web-1-sent");
    assert_eq!((revoked.http, &revoked.body["changed"]), (200, &json!(true)), "{revoked:?}");
    assert_eq!(revoke("web-1-sent").body["changed"], false);
    nothing(world, &good);
    assert_eq!(one.facts("attachment_sent")[0].get("link"), None);
    let told = |room: &str| {
        let seq = world.admin().room(room).now()["version"].as_i64().unwrap();
        let heard = Listener::tunes_in(world, Some("0")).hears_until_in(room, seq);
        let sent = |event: &&Value| event["type"] == "attachment_sent" && event["room_id"] == room;
        heard.iter().find(sent).unwrap_or_else(|| panic!("{heard:?}")).clone()
    };
    assert_eq!(told("web-1").get("link"), None, "nor does the feed");
    assert_eq!(open(world, told("web-2")["link"]["url"].as_str().unwrap()).http, 200);
    assert_eq!(open(world, &link(&other)).http, 200);
    one.gets(crate::world::create_tag(&["vip"]).id("tagged"));
    assert_eq!((revoke("tagged").http, revoke("none").http), (409, 404));

    // Archived: for everybody; back when the file is.
    let (still, archive) = (link(&other), "/v1/files/map/archive");
    assert_eq!(world.admin().send("POST", archive, None).http, 200);
    nothing(world, &still);
    assert_eq!((other.facts("attachment_sent")[0].get("link"), told("web-2").get("link")), (None, None));
    let back = parts(&[], Some(("map.png", &png(7))));
    assert_eq!(world.admin().at_once(vec![world.admin().sending("PUT", "/v1/files/map", back)])[0].http, 200);
    assert_eq!(open(world, &still).bytes, png(7));
    world.dies_and_comes_back();
    nothing(world, &good);
}

pub fn a_part_of_a_file_is_given(world: &mut World) {
    let film = pdf(900_000, 3);
    assert_eq!(world.admin().adds_file("film", "film.pdf", &film).http, 201);
    let link = link(&a_room_with(world, "web-1", "film"));
    let asks = |range: &str, more: &[(&str, &str)]| world.admin().opens(&link, &[&[("range", range)], more].concat());
    for (range, from, to) in [("bytes=0-0", 0, 1), ("bytes=300000-699999", 300_000, 700_000), ("bytes=-7", 899_993, 900_000)] {
        let part = asks(range, &[]);
        assert_eq!((part.http, part.bytes.len()), (206, to - from), "{range}");
        assert!(part.bytes == film[from..to], "{range}: other bytes");
        assert_eq!(part.headers["content-range"], format!("bytes {from}-{}/900000", to - 1));
        assert_eq!(part.headers["content-length"], (to - from).to_string());
    }
    let behind = asks("bytes=900000-", &[]);
    assert_eq!((behind.http, behind.headers["content-range"].as_str()), (416, "bytes */900000"));
    assert_eq!(asks("bytes=0-1,5-6", &[]).http, 200);
    let etag = asks("bytes=0-0", &[]).headers["etag"].clone();
    assert_eq!(asks("bytes=0-9", &[("if-range", &etag)]).http, 206);
    let whole = asks("bytes=0-9", &[("if-range", "\"another\"")]);
    assert!(whole.http == 200 && whole.bytes == film);
}

pub fn a_link_is_over_when_its_time_is(world: &mut World) {
    assert_eq!(world.admin().adds_file("map", "map.png", &png(7)).http, 201);
    world.dies();
    world.starts_with(&[], &["--link-lifetime-s", "1"]);
    let room = a_room_with(world, "web-1", "map");
    let brief = link(&room);
    eventually("the link is over", || (open(world, &brief).http == 404).then_some(()));
    nothing(world, &brief);
    eventually("and the next one is not", || (open(world, &link(&room)).http == 200).then_some(()));
}
