//! A bucket that answers nonsense: an upload is told so and keeps nothing, what is to be sent waits, and no customer ever has
//! other bytes than a builder gave.

use serde_json::{Value, json};

use crate::attachments::{ROOM, a_conversation_in, arrived, ends};
use crate::bucket::two_invoices_are_sent;
use crate::world::bucket::{Bucket, NAME, address};
use crate::world::file::{pdf, png, sha256};
use crate::world::file_host::{FileHost, bare};
use crate::world::{World, calls, eventually};

on_sqlite_alone!(
    what_a_bucket_says_that_makes_no_sense_costs_only_the_files,
    other_bytes_than_were_kept_reach_nobody,
    keys_that_may_not_list_are_told_by_the_doctor,
    what_cannot_be_removed_is_in_no_other_s_way,
);

/// Each is an answer that some proxy, or another server at this address, has given somebody.
pub fn what_a_bucket_says_that_makes_no_sense_costs_only_the_files(world: &mut World) {
    let bucket = Bucket::up();
    world.keeps_files_in(&bucket);
    let admin = world.admin();
    assert_eq!(admin.adds_file("map", "map.png", &png(1)).http, 201);
    let elsewhere = FileHost::up(|_| bare("200 OK", ""));
    let location = format!("Location: {}\r\n", elsewhere.url("/"));
    let page = "<!DOCTYPE html><html><h1>Please log in</h1></html>";
    let html = "Content-Type: text/html\r\n";
    for (status, headers, body) in [
        (200, html, page),
        (204, "", ""),
        (301, location.as_str(), ""),
        (302, &location, page),
        (307, &location, ""),
        (400, html, page),
        (401, "WWW-Authenticate: Basic realm=\"files\"\r\n", ""),
        (403, html, page),
        (404, html, page),
        (407, "", ""),
        (418, "", ""),
    ] {
        bucket.says(status, headers, body);
        let told = admin.adds_file("plan", "plan.pdf", &pdf(9_000, 1));
        assert_eq!((told.http, told.code()), (503, "storage_unavailable"), "{status}: {told:?}");
        assert!(!told.body.to_string().contains("log in") && told.headers.contains_key("retry-after"), "{status}: {told:?}");
        let told = admin.get("/v1/files/map/content");
        assert_eq!((told.http, told.code()), (503, "storage_unavailable"), "{status}: {told:?}");
    }
    assert_eq!(elsewhere.was_asked(), Vec::<String>::new(), "nobody is sent on to somewhere else");
    bucket.speaks_for_itself();
    assert_eq!(admin.get("/v1/files/plan").http, 404);
    eventually("nothing is left of it", || world.files_in_library().is_empty().then_some(()));
    assert_eq!((admin.downloads("/v1/files/map/content").2, bucket.files().len()), (png(1), 1));
    assert_eq!(admin.adds_file("plan", "plan.pdf", &pdf(9_000, 1)).http, 201);
}

pub fn other_bytes_than_were_kept_reach_nobody(world: &mut World) {
    let bucket = Bucket::up();
    world.keeps_files_in(&bucket);
    world.has_a_channel();
    let robot = a_conversation_in(world);
    let room = world.admin().room(ROOM);
    let (brochure, there) = (pdf(40_000, 1), address(&sha256(&pdf(40_000, 1))));
    let page = b"<!DOCTYPE html><html>gone</html>".to_vec();
    let others = [pdf(40_000, 2), brochure[..39_999].to_vec(), [&brochure[..], b"!"].concat(), page, vec![]];
    for (n, other) in others.iter().enumerate() {
        bucket.changes(&there, other);
        let damaged = || world.log().matches("library.damaged").count();
        let (id, before) = (format!("s{n}"), damaged());
        let again = json!({"attachment": "brochure", "repeat": true});
        let _ = robot.gets_within(1, calls("send_attachment", again).id(&id));
        eventually("it is seen on its way", || (damaged() > before).then_some(()));
        assert_eq!(arrived(world).len(), n, "not with other bytes: {}", other.len());
        bucket.changes(&there, &brochure);
        assert_eq!(ends(&room, &id).body["status"], "succeeded", "{}", other.len());
    }
    let hashes: Vec<Value> = arrived(world).iter().map(|message| message["file"]["sha256"].clone()).collect();
    assert_eq!(hashes, vec![json!(sha256(&brochure)); others.len()], "each once, and the very file");
    assert!(room.facts("effect_doubted").is_empty(), "it was known all the time that nothing had been sent");
}

pub fn keys_that_may_not_list_are_told_by_the_doctor(world: &mut World) {
    let bucket = Bucket::up();
    bucket.is_blind(true);
    let (settings, url) = (bucket.settings(world.folder(), NAME), world.database().url());
    let listen = format!("127.0.0.1:{}", crate::world::port::free());
    let doctor = || world.runs(&["doctor", "--config", &settings, "--listen", &listen, "--database-url", &url, "--json"]);
    let ended = doctor();
    assert_eq!(ended.code, Some(8), "{ended:?}");
    assert!(ended.said.contains("does not let these keys in (403)"), "{ended:?}");
    bucket.is_blind(false);
    assert_eq!(doctor().code, Some(0));
}

pub fn what_cannot_be_removed_is_in_no_other_s_way(world: &mut World) {
    let bucket = Bucket::up();
    let settings = bucket.settings(world.folder(), NAME);
    let flags = ["--config", &settings, "--files-private-allow", "127.0.0.1"];
    world.dies();
    world.starts_with(&[], &flags);
    two_invoices_are_sent(world);
    let [locked, other] = [1, 4].map(|seed| address(&sha256(&pdf(9_000, seed))));
    bucket.keeps(Some(&locked));
    world.dies();
    world.starts_with(&[], &[&flags[..], &["--fetched-kept-s", "1"]].concat());
    eventually("what was fetched later goes", || (!bucket.files().contains(&other)).then_some(()));
    assert_eq!(bucket.files(), [locked]);
    bucket.keeps(None);
    eventually("and this one, once it may", || bucket.files().is_empty().then_some(()));
}
