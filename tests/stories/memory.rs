//! Files pass through the server a piece at a time, however many are on their way at once. The long form, 64 of 16 MB:
//! `BELLHOP_FILES=64 cargo test --test stories memory`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::world::file::{pdf, sha256};
use crate::world::{World, calls, eventually, within};

on_sqlite_alone!(files_in_flight_are_not_in_memory);

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
    for id in &ids {
        world.crm().conversation(id, "6281200000009");
        world.crm().customer_says(id, "the film, please");
    }
    for id in &ids {
        let room = world.admin().room(id);
        eventually("the room is made", || (room.door.get(&room.path("")).http == 200).then_some(()));
    }
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
    let grown = world.server().memory_peak_kib() - before;
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
