//! The library: files come in whole or not at all, are what their bytes say, keep their versions, and are one company's own.

use std::fs;

use serde_json::json;

use crate::world::file::{files_under, parts, pdf, png, sha256};
use crate::world::small_disk::{SmallDisk, ballast_in};
use crate::world::{Kind, World, create_tag, eventually};

on_both_databases!(
    a_file_is_added_gets_versions_and_is_archived,
    an_upload_cut_in_the_middle_leaves_nothing,
    large_files_do_not_stay_in_memory,
    the_command_line_adds_beside_a_running_server,
    a_file_belongs_to_its_company,
);
on_sqlite_alone!(what_is_no_file_for_customers_is_told_why, a_scanner_that_does_not_answer_lets_nothing_in);

pub fn a_file_is_added_gets_versions_and_is_archived(world: &mut World) {
    let (admin, operator) = (world.admin(), world.caller(&world.a_key("acme", "operator").0));
    let fields = [("for_agents", "false"), ("description", "For travellers"), ("key", "certificate")];
    let added = admin.sends_parts("POST", "/v1/files", &fields, Some(("Zertifikat.png", &png(1))));
    assert_eq!(added.http, 201, "{added:?}");
    assert_eq!(added.headers["location"], "/v1/files/certificate");
    for (name, value) in [
        ("version", json!(1)),
        ("sha256", json!(sha256(&png(1)))),
        ("size", json!(png(1).len())),
        ("mime", json!("image/png")),
        ("kind", json!("image")),
        ("filename", json!("Zertifikat.png")),
        ("for_agents", json!(false)),
        ("description", json!("For travellers")),
    ] {
        assert_eq!(added.body[name], value, "{name}");
    }
    assert!(added.body["channels"].as_array().unwrap().contains(&json!("qontak")), "{added:?}");
    assert_eq!(admin.adds_file("certificate", "a.png", &png(2)).http, 409);
    eventually("nothing of it is left", || (world.files_in_library().len() == 1).then_some(()));

    let put = |file: &[u8]| admin.sends_parts("PUT", "/v1/files/certificate", &[], Some(("b.png", file)));
    assert_eq!((put(&png(1)).body["version"].clone(), put(&png(2)).body["version"].clone()), (json!(1), json!(2)));
    let patched = admin.send("PUT", "/v1/files/certificate", Some(&json!({"for_agents": true})));
    assert_eq!((patched.http, &patched.body["for_agents"], &patched.body["version"]), (200, &json!(true), &json!(2)));
    let detail = operator.get("/v1/files/certificate");
    let versions: Vec<_> = detail.body["versions"].as_array().unwrap().iter().map(|v| v["sha256"].clone()).collect();
    assert_eq!(versions, [json!(sha256(&png(2))), json!(sha256(&png(1)))], "{detail:?}");

    let (http, headers, bytes) = operator.downloads("/v1/files/certificate/content");
    assert_eq!((http, bytes), (200, png(2)));
    let size = png(2).len().to_string();
    let expected = ["image/png", "attachment; filename*=UTF-8''b.png", "nosniff", &size];
    assert_eq!(headers, expected.map(|value| Some(value.to_owned())).to_vec());
    assert_eq!(operator.downloads("/v1/files/certificate/content?version=1").2, png(1));
    assert_eq!(operator.downloads("/v1/files/certificate/content?version=3").0, 404);

    for n in 0..3 {
        assert_eq!(admin.adds_file(&format!("file-{n}"), "a.pdf", &pdf(2_000, n)).http, 201);
    }
    let first = operator.get("/v1/files?limit=2");
    assert_eq!(first.body["data"].as_array().unwrap().len(), 2);
    assert!(first.body["page"]["next"].is_string());
    assert_eq!(operator.all("/v1/files").len(), 4);
    let archived = admin.send("POST", "/v1/files/certificate/archive", None);
    assert!(archived.http == 200 && archived.body["archived_at"].is_string(), "{archived:?}");
    assert_eq!((operator.all("/v1/files").len(), operator.all("/v1/files?archived=true").len()), (3, 4));
    assert_eq!(operator.downloads("/v1/files/certificate/content").2, png(2), "who was promised it still finds it");
    world.dies_and_comes_back();
    assert_eq!(world.admin().downloads("/v1/files/certificate/content").2, png(2));
}

pub fn an_upload_cut_in_the_middle_leaves_nothing(world: &mut World) {
    let body = parts(&[("key", "cut")], Some(("a.pdf", &pdf(4_000_000, 1))));
    let head = |length: usize| {
        format!(
            "POST /v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Length: {length}\r\n\
             Content-Type: multipart/form-data; boundary=bellhop-story-7f3e9b1c\r\n\r\n",
            world.admin_key
        )
    };
    let begins = |sent: usize| {
        let mut wire = world.wire();
        wire.send(head(body.len()).as_bytes()).unwrap();
        wire.send(&body[..sent]).unwrap();
        eventually("the upload is under way", || (!world.files_in_library().is_empty()).then_some(()));
        wire
    };
    let nothing_left = || eventually("nothing is left", || world.files_in_library().is_empty().then_some(()));
    // The line breaks; then one that says it is over, but is not; then the server dies.
    drop(begins(3_000_000));
    nothing_left();
    let mut wire = begins(2_000_000);
    wire.ends_sending();
    if let Ok(answer) = wire.receive() {
        assert_eq!((answer.status, answer.json()["code"].clone()), (400, json!("malformed_request")));
    }
    nothing_left();
    let under_way = begins(1_000_000);
    world.dies();
    drop(under_way);
    assert!(!world.files_in_library().is_empty(), "a killed process tidies nothing");
    world.starts();
    eventually("and the next start does", || world.files_in_library().is_empty().then_some(()));
    assert_eq!(world.admin().get("/v1/files/cut").http, 404);
    assert_eq!(world.admin().adds_file("cut", "a.pdf", &pdf(4_000_000, 1)).http, 201);
}

/// Measured after as many small files at once: code that is read in for the first time, and what the allocator keeps for each
/// thread, is there with the first wave and would otherwise be most of what is measured.
pub fn large_files_do_not_stay_in_memory(world: &mut World) {
    let (admin, server) = (world.admin(), world.server());
    let wave = |name: &str, files: &[Vec<u8>]| {
        let upload = |(n, file): (usize, &Vec<u8>)| {
            let key = format!("{name}-{n}");
            admin.sending("POST", "/v1/files", parts(&[("key", &key)], Some(("a.pdf", file))))
        };
        for (answer, file) in admin.at_once(files.iter().enumerate().map(upload).collect()).into_iter().zip(files) {
            assert_eq!((answer.http, answer.body["sha256"].clone()), (201, json!(sha256(file))), "{answer:?}");
        }
        assert_eq!(admin.downloads(&format!("/v1/files/{name}-3/content")).2, files[3]);
        server.memory_peak_kib()
    };
    let small = wave("small", &(0..6).map(|n| pdf(1_000_000, n)).collect::<Vec<_>>());
    let large = wave("large", &(0..6).map(|n| pdf(16_000_000, n)).collect::<Vec<_>>());
    let grown = large - small;
    println!("six files of 16 MB at once: the peak grew by {grown} KiB over that of six small ones");
    assert!(grown < 24 * 1024, "96 MB went through, and the peak grew by {grown} KiB");
}

pub fn the_command_line_adds_beside_a_running_server(world: &mut World) {
    let path = world.folder().join("certificate.png");
    fs::write(&path, png(1)).unwrap();
    let path = path.display().to_string();
    let add = |more: &[&str]| world.command(&[&["file", "add", "travel-certificate", &path, "--company", "acme"], more].concat());
    let added = add(&[]);
    assert_eq!(
        (&added["file"], &added["version"], &added["sha256"]),
        (&json!("travel-certificate"), &json!(1), &json!(sha256(&png(1))))
    );
    assert_eq!(add(&[])["version"], 1, "the same bytes are no new version");
    let said = add(&["--description", "For travellers", "--for-agents", "false"]);
    assert_eq!(
        (&said["version"], &said["for_agents"], &said["description"]),
        (&json!(1), &json!(false), &json!("For travellers"))
    );
    let seen = world.admin().get("/v1/files/travel-certificate");
    assert_eq!((seen.http, &seen.body["description"]), (200, &json!("For travellers")), "{seen:?}");
    assert_eq!(world.admin().downloads("/v1/files/travel-certificate/content").2, png(1));

    fs::write(&path, png(2)).unwrap();
    assert_eq!(add(&[])["version"], 2);
    let listed = world.command(&["file", "list", "--company", "acme"]);
    assert_eq!(listed["data"][0]["sha256"], sha256(&png(2)));
    assert!(world.command(&["file", "archive", "travel-certificate", "--company", "acme"])["archived_at"].is_string());
    assert_eq!(world.command(&["file", "list", "--company", "acme"])["data"], json!([]));

    let url = world.database().url();
    let fails = |words: &[&str]| world.runs(&[words, &["--company", "acme", "--database-url", &url, "--json"]].concat());
    let before = world.files_in_library().len();
    fs::write(&path, "<!DOCTYPE html><html>gone</html>").unwrap();
    let refused = fails(&["file", "add", "page", &path]);
    assert_eq!(refused.code, Some(6), "{refused:?}");
    assert!(refused.complained.contains("type_mismatch"), "{refused:?}");
    assert_eq!(fails(&["file", "add", "none", "/nowhere.png"]).code, Some(5));
    assert_eq!(fails(&["file", "add", "a b", &path]).code, Some(2));
    assert_eq!(fails(&["file", "archive", "nothing"]).code, Some(5));
    assert_eq!(world.files_in_library().len(), before, "{:?}", world.files_in_library());
}

pub fn a_file_belongs_to_its_company(world: &mut World) {
    assert_eq!(world.admin().adds_file("plan", "plan.pdf", &pdf(9_000, 1)).http, 201);
    world.a_company("globex");
    let stranger = world.caller(&world.a_key("globex", "admin").0);
    for path in ["/v1/files/plan", "/v1/files/plan/content", "/v1/files/plan/content?version=1"] {
        assert_eq!(stranger.get(path).http, 404, "{path}");
    }
    assert_eq!(stranger.send("POST", "/v1/files/plan/archive", None).http, 404);
    assert_eq!(stranger.send("PUT", "/v1/files/plan", Some(&json!({"description": "mine"}))).http, 404);
    assert_eq!(stranger.all("/v1/files?archived=true").len(), 0);
    assert_eq!(stranger.adds_file("plan", "other.pdf", &pdf(5_000, 2)).http, 201, "the key is free in another company");
    assert_eq!(world.admin().downloads("/v1/files/plan/content").2, pdf(9_000, 1));
    assert_eq!(world.ai_agent().get("/v1/files").http, 403, "an AI agent is told by its tool");
}

pub fn what_is_no_file_for_customers_is_told_why(world: &mut World) {
    let admin = world.admin();
    let add = |filename: &str, bytes: &[u8]| admin.adds_file("bad", filename, bytes);
    for (filename, bytes, http, code) in [
        ("empty.png", &b""[..], 422, "empty_file"),
        ("certificate.png", b"<!DOCTYPE html><html>502 Bad Gateway</html>", 422, "type_mismatch"),
        ("drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, "unsupported_type"),
        ("setup.exe", b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0", 415, "unsupported_type"),
        ("all.zip", b"PK\x03\x04\x0a\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x05\0\0\0a.txt", 415, "unsupported_type"),
        ("list.csv", &[&b"a,b\n"[..], &vec![b'x'; 51_000_000]].concat(), 413, "too_large"),
    ] {
        let told = add(filename, bytes);
        assert_eq!((told.http, told.code()), (http, code), "{filename}: {told:?}");
    }
    let told = |fields: &[(&str, &str)], file: Option<(&str, &[u8])>| {
        let answer = admin.sends_parts("POST", "/v1/files", fields, file);
        (answer.http, answer.code().to_owned())
    };
    let file = png(1);
    let some = Some(("a.png", file.as_slice()));
    assert_eq!(told(&[], some), (422, "missing_field".into()));
    assert_eq!(told(&[("key", "bad")], None), (422, "missing_field".into()));
    assert_eq!(told(&[("key", "../bad")], some), (422, "invalid_body".into()));
    assert_eq!(told(&[("key", "bad"), ("key", "bad")], some), (422, "invalid_body".into()));
    assert_eq!(told(&[("key", "bad"), ("for_agents", "yes")], some), (422, "invalid_body".into()));
    assert_eq!(told(&[("key", "bad"), ("colour", "red")], some), (422, "unknown_field".into()));
    assert_eq!(told(&[("key", "bad"), ("description", &"x".repeat(1_001))], some), (422, "invalid_body".into()));
    assert_eq!(told(&[("key", "bad"), ("description", &"x".repeat(9_000))], some), (413, "payload_too_large".into()));
    let json = admin.send("POST", "/v1/files", Some(&json!({"key": "bad"})));
    assert_eq!((json.http, json.code()), (415, "unsupported_media_type"));
    assert_eq!(admin.send("PUT", "/v1/files/bad", Some(&json!({"description": "x"}))).http, 404);
    eventually("nothing is left", || world.files_in_library().is_empty().then_some(()));
    assert_eq!(admin.all("/v1/files?archived=true").len(), 0);
}

pub fn a_scanner_that_does_not_answer_lets_nothing_in(world: &mut World) {
    world.dies();
    let nobody = format!("BELLHOP_SCAN=tcp://127.0.0.1:{}", crate::world::port::free());
    world.starts_with(&["env", &nobody], &[]);
    let told = world.admin().adds_file("certificate", "a.png", &png(1));
    assert_eq!((told.http, told.code()), (503, "scan_unavailable"), "{told:?}");
    assert!(told.headers.contains_key("retry-after"));
    eventually("nothing of it is left", || world.files_in_library().is_empty().then_some(()));
}

/// The files lie on another disk than the tables, which goes on.
#[test]
fn a_full_disk_takes_no_half_file_beside_postgres() {
    let Some(mut world) = World::with(Kind::Postgres) else { return };
    world.starts();
    let Some(disk) = SmallDisk::mounted(world.folder(), 16 * 1024) else { return };
    let (folder, key) = (disk.path().to_str().unwrap().to_owned(), world.secret_key());
    world.dies();
    world.starts_with(&[], &["--data-dir", &folder, "--secret-key-file", &key]);
    let (admin, files) = (world.admin(), || files_under(&disk.path().join("files")).len());
    assert_eq!(admin.adds_file("first", "a.pdf", &pdf(100_000, 1)).http, 201);
    let ballast = ballast_in(disk.path(), 1024 * 1024);
    let full = admin.adds_file("second", "a.pdf", &pdf(3_000_000, 2));
    assert_eq!((full.http, full.code()), (507, "storage_full"), "{full:?}");
    assert_eq!((files(), admin.get("/v1/files/second").http), (1, 404), "nothing half stored");
    assert_eq!(admin.downloads("/v1/files/first/content").2, pdf(100_000, 1));
    world.a_room("web-1").gets(create_tag(&["vip"])).result();
    ballast.goes_overboard();
    assert_eq!(admin.adds_file("second", "a.pdf", &pdf(3_000_000, 2)).http, 201);
    world.dies();
}

/// With SQLite they share one.
#[test]
fn a_full_disk_takes_no_half_file() {
    let Some(mut world) = World::on_a_small_disk(Kind::Sqlite, 16 * 1024) else { return };
    world.starts();
    let admin = world.admin();
    assert_eq!(admin.adds_file("first", "a.pdf", &pdf(100_000, 1)).http, 201);
    let ballast = ballast_in(&world.folder().join("disk"), 1024 * 1024);
    let full = admin.adds_file("second", "a.pdf", &pdf(3_000_000, 2));
    assert_eq!((full.http, full.code()), (507, "storage_full"), "{full:?}");
    eventually("nothing is half stored", || (world.files_in_library().len() == 1).then_some(()));
    assert!(world.still_runs(), "a full disk is no reason to end");
    assert_eq!(admin.get("/v1/files/second").http, 404);
    assert_eq!(admin.downloads("/v1/files/first/content").2, pdf(100_000, 1));
    ballast.goes_overboard();
    assert_eq!(admin.adds_file("second", "a.pdf", &pdf(3_000_000, 2)).http, 201);
}
