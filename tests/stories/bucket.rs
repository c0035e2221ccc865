//! Files that lie in a bucket: whole at their address or not there, the same from every machine, and a bucket that is away or does
//! not let us in costs nothing but the files.

use std::fs;

use serde_json::json;

use crate::attachments::{ROOM, a_conversation_in, arrived, ends, sends};
use crate::world::bucket::{Bucket, NAME, address};
use crate::world::file::{parts, pdf, png, sha256};
use crate::world::file_host::{FileHost, answered};
use crate::world::program::run_json;
use crate::world::{Database, World, calls, eventually};

on_both_databases!(
    a_file_lies_in_the_bucket_and_nowhere_else,
    a_file_is_the_same_from_another_machine,
    a_bucket_that_is_away_costs_only_the_files,
    what_lies_in_the_bucket_reaches_the_customer,
    what_was_fetched_goes_from_the_bucket_as_well,
    bytes_that_are_about_to_go_stay_for_who_brings_them,
);
on_sqlite_alone!(nothing_is_half_in_the_bucket, a_bucket_that_does_not_let_us_in_is_said, what_the_bucket_lost_is_said);

/// More than one part.
const LARGE: usize = 11_500_000;

pub fn a_file_lies_in_the_bucket_and_nowhere_else(world: &mut World) {
    let bucket = Bucket::up();
    world.keeps_files_in(&bucket);
    let admin = world.admin();
    let large = pdf(LARGE, 1);
    assert_eq!(admin.adds_file("map", "map.png", &png(1)).http, 201);
    assert_eq!(admin.adds_file("film", "film.pdf", &large).body["sha256"], sha256(&large));
    let mut there = [address(&sha256(&png(1))), address(&sha256(&large))];
    there.sort();
    assert_eq!(bucket.files(), there);
    assert_eq!(bucket.bytes(&address(&sha256(&large))), Some(large.clone()));
    eventually("nothing of it is left in the folder", || world.files_in_library().is_empty().then_some(()));

    let (http, headers, bytes) = admin.downloads("/v1/files/film/content");
    assert_eq!((http, headers[3].as_deref()), (200, Some(LARGE.to_string().as_str())));
    assert!(bytes == large, "the very bytes");
    // The same bytes under another key are not brought again.
    let brought = |bucket: &Bucket| bucket.was_asked().iter().filter(|asked| asked.starts_with("POST ")).count();
    let before = brought(&bucket);
    assert_eq!(admin.adds_file("copy", "copy.pdf", &large).http, 201);
    assert_eq!(brought(&bucket), before, "{:?}", bucket.was_asked());

    // A customer's browser loads a part of it, by its link; also when the bucket falters in the middle.
    let room = world.a_room("web-1");
    let robot = world.ai_agent().room("web-1");
    eventually("the library is known", || (robot.gets(sends("film")).statuses() == ["succeeded"]).then_some(()));
    let link = room.facts("attachment_sent")[0]["link"]["url"].as_str().unwrap().to_owned();
    let part = world.admin().opens(&link, &[("range", "bytes=6000000-6000099")]);
    assert_eq!((part.http, part.bytes), (206, large[6_000_000..6_000_100].to_vec()));
    bucket.halves(1);
    assert!(world.admin().opens(&link, &[]).bytes == large, "the rest is asked for again");
    bucket.fails(1);
    assert_eq!(world.admin().downloads("/v1/files/map/content").2, png(1), "once is asked again");

    world.keeps_files_in(&bucket);
    assert!(world.admin().downloads("/v1/files/film/content").2 == large);
}

pub fn a_file_is_the_same_from_another_machine(world: &mut World) {
    let bucket = Bucket::up();
    world.keeps_files_in(&bucket);
    assert_eq!(world.admin().adds_file("map", "map.png", &png(1)).http, 201);

    // A command with another folder for its data, beside the running server.
    let (settings, elsewhere) = (bucket.settings(world.folder(), NAME), world.folder().join("elsewhere"));
    let (path, elsewhere) = (world.folder().join("plan.pdf"), elsewhere.to_str().unwrap().to_owned());
    fs::write(&path, pdf(70_000, 2)).unwrap();
    let key = world.secret_key();
    let there = ["--config", &settings, "--data-dir", &elsewhere, "--secret-key-file", &key];
    let add = ["file", "add", "plan", path.to_str().unwrap(), "--company", "acme"];
    assert_eq!(world.command(&[&add[..], &there].concat())["sha256"], sha256(&pdf(70_000, 2)));
    assert_eq!(world.admin().downloads("/v1/files/plan/content").2, pdf(70_000, 2));

    // And a server that takes over with another folder.
    world.dies();
    world.starts_with(&[], &there);
    assert_eq!(world.admin().downloads("/v1/files/map/content").2, png(1));
    assert_eq!(world.admin().downloads("/v1/files/plan/content").2, pdf(70_000, 2));
}

impl World {
    pub fn secret_key(&self) -> String {
        let folder = match self.database() {
            Database::Sqlite(path) => path.parent().unwrap().to_owned(),
            _ => self.folder().join(".bellhop"),
        };
        folder.join("bellhop.key").to_str().unwrap().to_owned()
    }
}

pub fn a_bucket_that_is_away_costs_only_the_files(world: &mut World) {
    let bucket = Bucket::up();
    bucket.is_away(true);
    world.keeps_files_in(&bucket);
    let admin = world.admin();
    let room = world.a_room("web-1");
    assert!(room.now().is_object(), "rooms go on without it");
    let away = admin.adds_file("map", "map.png", &png(1));
    assert_eq!((away.http, away.code()), (503, "storage_unavailable"), "{away:?}");
    assert!(away.headers.contains_key("retry-after"));
    assert_eq!(admin.get("/v1/files/map").http, 404);
    eventually("nothing is left of it", || world.files_in_library().is_empty().then_some(()));

    bucket.is_away(false);
    assert_eq!(admin.adds_file("map", "map.png", &png(1)).http, 201);
    bucket.is_away(true);
    assert_eq!(admin.downloads("/v1/files/map/content").0, 503);
    bucket.is_away(false);
    assert_eq!(admin.downloads("/v1/files/map/content").2, png(1));
}

pub fn what_lies_in_the_bucket_reaches_the_customer(world: &mut World) {
    let bucket = Bucket::up();
    world.keeps_files_in(&bucket);
    world.has_a_channel();
    // So much of it that it has begun to travel on when it breaks off.
    let film = pdf(4_000_000, 3);
    assert_eq!(world.admin().adds_file("film", "film.pdf", &film).http, 201);
    let robot = a_conversation_in(world);
    assert_eq!(robot.gets(sends("map").id("s1")).result()["status"], "accepted");
    // While the bucket is away nothing is sent, and nothing is in doubt.
    bucket.is_away(true);
    let waits = robot.gets_within(1, sends("brochure").id("s2"));
    assert_eq!(waits.http, 202, "{waits:?}");
    eventually("it is tried and put off", || {
        let call = robot.door.call("s2").body;
        ["running", "scheduled"].contains(&call["status"].as_str().unwrap()).then_some(())
    });
    bucket.is_away(false);
    let room = world.admin().room(ROOM);
    assert_eq!(ends(&room, "s2").body["status"], "succeeded");
    // Nor when it goes away while the file is on its way to the channel.
    bucket.goes_away_in_the_middle();
    let _ = robot.gets_within(1, sends("film").id("s3"));
    eventually("it is gone", || bucket.has_gone_away().then_some(()));
    eventually("it is tried and put off", || world.log().contains("outbound.own_stream").then_some(()));
    bucket.is_away(false);
    assert_eq!(ends(&room, "s3").body["status"], "succeeded");
    let hashes: Vec<_> = arrived(world).iter().map(|message| message["file"]["sha256"].clone()).collect();
    assert_eq!(hashes, [png(7), pdf(40_000, 1), film].map(|bytes| json!(sha256(&bytes))), "each once");
    assert!(room.facts("effect_doubted").is_empty(), "it was known all the time that nothing had been sent");
}

pub fn nothing_is_half_in_the_bucket(world: &mut World) {
    let bucket = Bucket::up();
    world.keeps_files_in(&bucket);
    let large = pdf(LARGE, 1);
    // Cut while it comes in.
    let body = parts(&[("key", "cut")], Some(("a.pdf", &large)));
    let head = format!(
        "POST /v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Length: {}\r\n\
         Content-Type: multipart/form-data; boundary=bellhop-story-7f3e9b1c\r\n\r\n",
        world.admin_key,
        body.len()
    );
    let mut wire = world.wire();
    wire.send(head.as_bytes()).unwrap();
    wire.send(&body[..7_000_000]).unwrap();
    eventually("the upload is under way", || (!world.files_in_library().is_empty()).then_some(()));
    drop(wire);
    eventually("nothing is left", || world.files_in_library().is_empty().then_some(()));
    assert_eq!(bucket.files(), Vec::<String>::new());

    // The server dies while it brings the second part.
    bucket.holds();
    let admin = world.admin();
    let mut wire = world.wire();
    wire.send(head.as_bytes()).unwrap();
    wire.send(&body).unwrap();
    bucket.is_at_it();
    world.dies();
    bucket.lets_go();
    drop(wire);
    assert_eq!(bucket.files(), Vec::<String>::new());
    world.starts_with(&[], &["--config", &bucket.settings(world.folder(), NAME)]);
    assert_eq!(world.admin().get("/v1/files/cut").http, 404);
    eventually("the start tidies the folder", || world.files_in_library().is_empty().then_some(()));
    assert_eq!(admin.adds_file("cut", "a.pdf", &large).http, 201);
    assert_eq!(bucket.files(), [address(&sha256(&large))]);
}

pub fn a_bucket_that_does_not_let_us_in_is_said(world: &mut World) {
    let bucket = Bucket::up();
    let listen = format!("127.0.0.1:{}", crate::world::port::free());
    let url = world.database().url();
    let doctor = |world: &World, settings: &str| {
        let ended = world.runs(&["doctor", "--config", settings, "--listen", &listen, "--database-url", &url, "--json"]);
        let document = ended.json();
        let line = document["checks"].as_array().unwrap().iter().find(|check| check["name"] == "files").cloned().unwrap();
        (ended.code, line["status"].clone(), line["detail"].as_str().unwrap().to_owned())
    };
    let (right, missing) = (bucket.settings(world.folder(), NAME), bucket.settings(world.folder(), "no-such"));
    let (code, status, detail) = doctor(world, &right);
    assert_eq!((code, status), (Some(0), json!("ok")), "{detail}");
    assert!(detail.contains("s3://acme-files/chat at http://127.0.0.1:"), "{detail}");
    let (code, status, detail) = doctor(world, &missing);
    assert_eq!((code, status), (Some(8), json!("fail")), "{detail}");
    assert!(detail.contains("NoSuchBucket"), "{detail}");

    world.keeps_files_in(&bucket);
    assert_eq!(world.admin().adds_file("map", "map.png", &png(1)).http, 201);
    bucket.has_wrong_keys();
    let (code, _, detail) = doctor(world, &right);
    assert_eq!(code, Some(8));
    assert!(detail.contains("does not let these keys in (SignatureDoesNotMatch)"), "{detail}");
    let refused = world.admin().adds_file("plan", "plan.pdf", &pdf(9_000, 1));
    assert_eq!((refused.http, refused.code()), (503, "storage_unavailable"), "{refused:?}");
    assert!(!refused.body.to_string().contains("acme-files"), "a caller is told no address: {refused:?}");
    assert!(world.log().contains("does not let these keys in"), "the log is");
    // A file with the right keys is read without a new start.
    bucket.has_right_keys();
    assert_eq!(world.admin().downloads("/v1/files/map/content").2, png(1));

    let keyless = world.folder().join("keyless.toml");
    fs::write(&keyless, "files_url = \"s3://acme-files\"\n").unwrap();
    let said = world.runs(&["serve", "--config", keyless.to_str().unwrap(), "--database-url", &url]);
    assert_eq!(said.code, Some(3), "{said:?}");
    assert!(said.complained.trim_end().lines().count() == 1 && said.complained.contains("files_credentials_file"), "{said:?}");
    let lost = "files_url = \"s3://acme-files\"\nfiles_credentials_file = \"/nowhere/keys.json\"\n";
    fs::write(&keyless, lost).unwrap();
    world.dies();
    let said = world.runs(&["serve", "--config", keyless.to_str().unwrap(), "--database-url", &url]);
    assert_eq!(said.code, Some(3), "{said:?}");
    assert!(said.complained.contains("/nowhere/keys.json cannot be read"), "{said:?}");
}

pub fn what_the_bucket_lost_is_said(world: &mut World) {
    let bucket = Bucket::up();
    world.keeps_files_in(&bucket);
    assert_eq!(world.admin().adds_file("map", "map.png", &png(1)).http, 201);
    bucket.loses(&address(&sha256(&png(1))));
    let lost = world.admin().get("/v1/files/map/content");
    assert_eq!((lost.http, lost.code()), (503, "storage_unavailable"), "{lost:?}");
    assert_eq!(world.admin().adds_file("again", "map.png", &png(1)).http, 201, "it is brought again");
    assert_eq!(world.admin().downloads("/v1/files/map/content").2, png(1));
}

pub fn what_was_fetched_goes_from_the_bucket_as_well(world: &mut World) {
    let bucket = Bucket::up();
    world.dies();
    let settings = bucket.settings(world.folder(), NAME);
    world.starts_with(&[], &["--config", &settings, "--files-private-allow", "127.0.0.1", "--fetched-kept-s", "1"]);
    let host = FileHost::up(|path| answered("application/pdf", &pdf(9_000, if path.ends_with("/1") { 1 } else { 4 })));
    let source = json!({"url": host.url("/{number}"), "description": "An invoice, by its number"});
    assert_eq!(world.admin().send("PUT", "/v1/file-sources/invoice", Some(&source)).http, 201);
    // The library has one of them too.
    assert_eq!(world.admin().adds_file("copy", "copy.pdf", &pdf(9_000, 4)).http, 201);
    let room = world.a_room("web-1");
    let robot = world.ai_agent().room("web-1");
    for number in ["1", "2"] {
        let parameters = json!([{"field": "number", "value": number}]);
        let sent = robot.gets(calls("send_attachment", json!({"attachment": "invoice", "parameters": parameters})));
        assert_eq!(sent.result()["status"], "accepted", "{sent:?}");
    }
    let link = |at: usize| room.facts("attachment_sent")[at]["link"]["url"].as_str().map(str::to_owned);
    let (fetched, kept) = (address(&sha256(&pdf(9_000, 1))), address(&sha256(&pdf(9_000, 4))));
    eventually("what was fetched goes", || (bucket.files() == [kept.clone()]).then_some(()));
    assert!(!bucket.files().contains(&fetched));
    eventually("no link is shown that opens nothing", || (link(0).is_none() && link(1).is_some()).then_some(()));
    assert_eq!(world.admin().downloads("/v1/files/copy/content").2, pdf(9_000, 4));
}

/// Two files are fetched and sent into a room that lives here, and so lie in the bucket: `pdf(9_000, 1)` and `pdf(9_000, 4)`.
pub fn two_invoices_are_sent(world: &World) {
    let host = FileHost::up(|path| answered("application/pdf", &pdf(9_000, if path.ends_with("/1") { 1 } else { 4 })));
    let source = json!({"url": host.url("/{number}"), "description": "An invoice, by its number"});
    assert_eq!(world.admin().send("PUT", "/v1/file-sources/invoice", Some(&source)).http, 201);
    world.a_room("web-1");
    let robot = world.ai_agent().room("web-1");
    for number in ["1", "2"] {
        let parameters = json!([{"field": "number", "value": number}]);
        let sent = robot.gets(calls("send_attachment", json!({"attachment": "invoice", "parameters": parameters})));
        assert_eq!(sent.result()["status"], "accepted", "{sent:?}");
    }
}

/// Somebody uploads what was fetched before and is over: the bucket says that the bytes are there, and then they are removed.
pub fn bytes_that_are_about_to_go_stay_for_who_brings_them(world: &mut World) {
    let bucket = Bucket::up();
    let settings = bucket.settings(world.folder(), NAME);
    let start = ["--config", &settings, "--files-private-allow", "127.0.0.1"];
    world.dies();
    world.starts_with(&[], &start);
    two_invoices_are_sent(world);
    let (first, second) = (address(&sha256(&pdf(9_000, 1))), address(&sha256(&pdf(9_000, 4))));
    assert_eq!(bucket.files().len(), 2);

    // A command, because this server is about to be started anew, with less patience for what is over.
    let (path, folder) = (world.folder().join("plan.pdf"), world.folder().to_owned());
    fs::write(&path, pdf(9_000, 1)).unwrap();
    let (url, key, elsewhere) = (world.database().url(), world.secret_key(), world.folder().join("elsewhere"));
    let words = ["file", "add", "plan", path.to_str().unwrap(), "--company", "acme", "--database-url", &url, "--json"];
    let there = ["--config", &settings, "--secret-key-file", &key, "--data-dir", elsewhere.to_str().unwrap()];
    let words: Vec<String> = words.into_iter().chain(there).map(str::to_owned).collect();
    bucket.holds_answer(&format!("HEAD {first}"));
    let uploads = std::thread::spawn(move || {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        run_json(&folder, &words)
    });
    bucket.is_at_it();
    world.dies();
    world.starts_with(&[], &[&start[..], &["--fetched-kept-s", "1"]].concat());
    // What was fetched last is gone, so what was fetched before it was looked at.
    eventually("what was fetched goes", || (!bucket.files().contains(&second)).then_some(()));
    assert_eq!(bucket.files(), [first], "what somebody is bringing is not removed under him");
    bucket.lets_go();
    assert_eq!(uploads.join().unwrap()["sha256"], sha256(&pdf(9_000, 1)));
    assert_eq!(world.admin().downloads("/v1/files/plan/content").2, pdf(9_000, 1));
}
