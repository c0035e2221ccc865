//! Files pass through the server a piece at a time, however many are on their way at once. The long form, 64 of 16 MB:
//! `BELLHOP_FILES=64 cargo test --test stories memory`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::world::bucket::Bucket;
use crate::world::file::{parts, pdf, sha256};
use crate::world::{World, calls, eventually, within};

on_sqlite_alone!(files_in_flight_are_not_in_memory, nor_are_those_that_go_through_a_bucket);

/// Files that differ; rooms share them.
const DIFFERENT: usize = 4;
/// The long form is a gigabyte, in a debug build.
const LONGEST: Duration = Duration::from_secs(300);
/// What the peak of the server's resident memory may rise by.
const MOST_KIB: u64 = 150 * 1024;
const MOST_KIB_OF_FEW: u64 = 40 * 1024;

pub fn files_in_flight_are_not_in_memory(world: &mut World) {
    let many = std::env::var("BELLHOP_FILES").ok().map(|text| text.parse::<usize>().unwrap());
    let (rooms, bytes, most) = many.map_or((12, 4_000_000, MOST_KIB_OF_FEW), |rooms| (rooms, 16_000_000, MOST_KIB));
    world.has_a_channel();
    let files: Vec<Vec<u8>> = (0..DIFFERENT).map(|n| pdf(bytes, u32::try_from(n).unwrap())).collect();
    let before = world.server().memory_peak_kib();
    for (n, file) in files.iter().enumerate() {
        assert_eq!(world.admin().adds_file(&format!("film-{n}"), "film.pdf", file).http, 201);
    }
    let ids: Vec<String> = (0..rooms).map(|n| format!("7b000000-0000-4000-8000-0000000{n:05}")).collect();
    customers_ask(world, &ids);
    // Each answer takes its time: many are on their way at once.
    world.crm().has_exactly(&json!({"route": "POST /api/open/v1/messages/whatsapp/bot", "fault": "slow", "ms": 200}));
    let robot = world.ai_agent();
    let send = |(n, id): (usize, &String)| {
        let call = calls("send_attachment", json!({"attachment": format!("film-{}", n % DIFFERENT)})).id(&format!("send-{n}"));
        robot.room(id).getting(&[call])
    };
    for answer in robot.at_once(ids.iter().enumerate().map(send).collect()) {
        assert!(answer.is_some());
    }
    for n in 0..rooms {
        let sent = within(LONGEST, || {
            let status = world.admin().call(&format!("send-{n}")).body["status"].clone();
            assert!(status != "unresolved" && status != "failed" && status != "refused", "send-{n}: {status}");
            (status == "succeeded").then_some(())
        });
        assert!(sent.is_some(), "send-{n} is not sent within {LONGEST:?}");
    }
    let grown = world.server().memory_peak_kib().saturating_sub(before);
    println!("{rooms} files of {bytes} bytes on their way: the peak grew by {grown} KiB");
    let messages = world.crm().records("messages");
    for (n, id) in ids.iter().enumerate() {
        let there: Vec<&Value> =
            messages.iter().filter(|message| message["room_id"] == *id && message["file"].is_object()).collect();
        assert_eq!(there.len(), 1, "room {id}");
        assert_eq!(there[0]["file"]["sha256"], json!(sha256(&files[n % DIFFERENT])));
    }
    assert!(grown < most, "the peak grew by {grown} KiB");
}

/// Files that go into the bucket at once, and out of it to as many customers.
const THROUGH: usize = 16;
/// A part of each of six is on its way there at a time (30 MB); all of them together would be 128 MB.
const MOST_KIB_THROUGH: u64 = 80 * 1024;

/// Measured after as many small files: see `files::large_files_do_not_stay_in_memory`.
pub fn nor_are_those_that_go_through_a_bucket(world: &mut World) {
    let bucket = Bucket::up();
    world.keeps_files_in(&bucket);
    world.has_a_channel();
    let ids: Vec<String> = (0..THROUGH).map(|n| format!("7b000000-0000-4000-8000-0000001{n:05}")).collect();
    customers_ask(world, &ids);
    let small = goes_through(world, "small", 1_000_000, &ids);
    let large = goes_through(world, "large", 8_000_000, &ids);
    let grown = large.saturating_sub(small);
    println!("{THROUGH} files of 8 MB through a bucket: the peak grew by {grown} KiB over that of as many small ones");
    assert!(grown < MOST_KIB_THROUGH, "the peak grew by {grown} KiB");
}

/// A customer in each conversation, whose room is made by that.
fn customers_ask(world: &World, ids: &[String]) {
    for id in ids {
        world.crm().conversation(id, "6281200000009");
        world.crm().customer_says(id, "the film, please");
    }
    for id in ids {
        world.admin().room(id).has_heard_its_customer();
    }
}

/// As many files as rooms come in at once, and then go out at once; the server's peak.
fn goes_through(world: &mut World, name: &str, bytes: usize, ids: &[String]) -> u64 {
    let (admin, robot) = (world.admin(), world.ai_agent());
    let files: Vec<Vec<u8>> = (0..ids.len()).map(|n| pdf(bytes, 2 * u32::try_from(n).unwrap())).collect();
    let upload = |(n, file): (usize, &Vec<u8>)| {
        let key = format!("{name}-{n}");
        admin.sending("POST", "/v1/files", parts(&[("key", &key)], Some(("film.pdf", file))))
    };
    for answer in admin.at_once(files.iter().enumerate().map(upload).collect()) {
        assert_eq!(answer.http, 201, "{answer:?}");
    }
    let send = |n: usize, id: &str| calls("send_attachment", json!({"attachment": format!("{name}-{n}")})).id(id);
    let tries = std::cell::Cell::new(0);
    eventually("the library is known", || {
        tries.set(tries.get() + 1);
        let nothing = calls("send_attachment", json!({"attachment": format!("{name}-none")}));
        let answer = robot.room(&ids[0]).gets(nothing.id(&format!("{name}-try-{}", tries.get())));
        answer.only()["error"]["candidates"].to_string().contains(name).then_some(())
    });
    let sends: Vec<_> =
        ids.iter().enumerate().map(|(n, room)| robot.room(room).getting(&[send(n, &format!("{name}-{n}"))])).collect();
    for answer in robot.at_once(sends) {
        assert!(answer.is_some());
    }
    for n in 0..ids.len() {
        let id = format!("{name}-{n}");
        let sent = within(LONGEST, || {
            let status = admin.call(&id).body["status"].clone();
            assert!(!["unresolved", "failed", "refused"].contains(&status.as_str().unwrap()), "{id}: {status}");
            (status == "succeeded").then_some(())
        });
        assert!(sent.is_some(), "{id} is not sent within {LONGEST:?}");
    }
    let messages = world.crm().records("messages");
    for (id, file) in ids.iter().zip(&files) {
        let mut there = messages.iter().filter(|message| message["room_id"] == *id && message["file"].is_object());
        assert_eq!(there.next_back().map(|message| message["file"]["sha256"].clone()), Some(json!(sha256(file))), "room {id}");
    }
    world.server().memory_peak_kib()
}
