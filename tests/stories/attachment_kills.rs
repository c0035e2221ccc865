//! The process is killed again and again while files go out to many customers, the channel takes its time, loses answers, throttles,
//! and speaks late, twice and out of order. In the end the channel's own book is read: each intended file once, with the right
//! bytes, in its room's order; what nobody can tell about is `unresolved`, and nothing is lost.
//!
//! `BELLHOP_FILES` and `BELLHOP_FILE_KILLS` say how much, of either channel. The ordinary run sends 200 small files on WhatsApp and
//! 60 in the chat; the full one, files up to 16 MB, is the command in `main.rs`.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::attachments::SENDING;
use crate::kills::asked;
use crate::world::file::{pdf, sha256};
use crate::world::whatsapp::{MEDIA, MESSAGES, PHONE};
use crate::world::{Room, World, calls, eventually, within};

on_both_databases!(every_file_is_there_once_on_whatsapp, every_file_is_there_once_in_the_chat);

const CLIENTS: usize = 10;
/// Files in the library, of sizes between 1 KB and the largest, as far from each other on each step.
const LIBRARY: usize = 20;
const SMALLEST: f64 = 1_000.0;
const LARGEST_IN_A_HURRY: f64 = 100_000.0;
const LARGEST: f64 = 16_000_000.0;
/// Files of one room, one after another.
const PER_ROOM: usize = 10;
/// More than these is the full run.
const ORDINARY: usize = 200;

fn bytes_of(file: usize, largest: f64) -> Vec<u8> {
    let size = SMALLEST * (largest / SMALLEST).powf(file as f64 / (LIBRARY - 1) as f64);
    pdf(size as usize, file as u32 + 1)
}

fn number(room: usize) -> String {
    format!("62812{room:08}")
}

/// Which file a room's call sends.
fn file_of(room: usize, n: usize) -> usize {
    (room * 7 + n * 3) % LIBRARY
}

fn call_id(room: usize, n: usize) -> String {
    format!("f{room}-{n}")
}

/// Where the customers are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum There {
    Whatsapp,
    /// In Qontak's inbox.
    Chat,
}

impl There {
    fn room(self, room: usize) -> String {
        match self {
            Self::Whatsapp => format!("wa-{PHONE}-{}", number(room)),
            Self::Chat => format!("7b000000-0000-4000-8000-{room:012}"),
        }
    }

    /// It tells us what happens there. Of what was lost on its way nobody ever speaks.
    fn is_set(self, world: &mut World) {
        match self {
            Self::Whatsapp => {
                world.has_whatsapp();
                world.is_told_whatsapp(10_000);
            }
            Self::Chat => {
                world.has_a_channel_with(&[], &[], &["--echo-wait-ms", "10000", "--attempt-timeout-ms", "2500"]);
            }
        }
    }

    fn customer_writes(self, world: &World, room: usize) {
        match self {
            Self::Whatsapp => world.crm().customer_writes(&number(room), "hello", 0),
            Self::Chat => {
                world.crm().conversation(&self.room(room), &number(room));
                world.crm().customer_says(&self.room(room), "hello");
            }
        }
    }

    fn has_every_fault(self, world: &World) {
        let (messages, uploads) = if self == Self::Chat { (SENDING, SENDING) } else { (MESSAGES, MEDIA) };
        for fault in [
            json!({"route": messages, "fault": "slow", "ms": 50}),
            json!({"route": messages, "fault": "lose_answer", "rate": 0.08}),
            json!({"route": messages, "fault": "lose_request", "rate": 0.02}),
            json!({"route": messages, "fault": "status_429", "rate": 0.03, "retry_after_s": 0}),
            json!({"route": uploads, "fault": "lose_answer", "rate": 0.1}),
            json!({"route": "*", "fault": "reorder_webhooks", "rate": 0.3}),
            json!({"route": "*", "fault": "duplicate_webhooks", "rate": 0.2}),
        ] {
            world.crm().has_exactly(&fault);
        }
    }

    /// Hashes of the files that reached each room, in order.
    fn got(self, world: &World, rooms: usize) -> Vec<Vec<String>> {
        let hash = |value: &Value| value["sha256"].as_str().unwrap_or_default().to_owned();
        let messages = if self == Self::Chat { world.crm().records("messages") } else { vec![] };
        let of = |room: usize| match self {
            Self::Whatsapp => world.crm().got_on_whatsapp(&number(room)).iter().map(|message| hash(&message["media"])).collect(),
            Self::Chat => {
                let here = messages.iter().filter(|message| message["room_id"] == self.room(room).as_str());
                here.filter(|message| message["file"].is_object()).map(|message| hash(&message["file"])).collect()
            }
        };
        (0..rooms).map(of).collect()
    }
}

pub fn every_file_is_there_once_on_whatsapp(world: &mut World) {
    every_file_is_there_once(world, There::Whatsapp, 200, 4);
}

pub fn every_file_is_there_once_in_the_chat(world: &mut World) {
    every_file_is_there_once(world, There::Chat, 60, 2);
}

fn every_file_is_there_once(world: &mut World, there: There, ordinary: usize, kills: usize) {
    let (wanted, kills) = (asked("BELLHOP_FILES", ordinary), asked("BELLHOP_FILE_KILLS", kills));
    let (rooms, largest) = (wanted.div_ceil(PER_ROOM), if wanted > ORDINARY { LARGEST } else { LARGEST_IN_A_HURRY });
    let begun = Instant::now();
    there.is_set(world);
    let hashes: Vec<String> = (0..LIBRARY)
        .map(|file| {
            let bytes = bytes_of(file, largest);
            assert!(world.admin().adds_file(&format!("file-{file}"), &format!("file-{file}.pdf"), &bytes).http < 300);
            sha256(&bytes)
        })
        .collect();
    (0..rooms).for_each(|room| there.customer_writes(world, room));
    let doors: Arc<Vec<Room>> = Arc::new((0..rooms).map(|room| world.ai_agent().room(&there.room(room))).collect());
    for door in doors.iter() {
        world.admin().room(&door.id).has_heard_its_customer();
    }
    let known = calls("send_attachment", json!({"attachment": "nothing"}));
    let library = || (doors[0].gets(known.clone()).only()["error"]["candidates"].as_array()?.len() == 5).then_some(());
    eventually("the library is known", library);
    there.has_every_fault(world);

    let acknowledged = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let (doors, acknowledged) = (doors.clone(), acknowledged.clone());
            thread::spawn(move || posts(client, wanted, &doors, &acknowledged))
        })
        .collect();
    for kill in 1..=kills {
        let enough = || (acknowledged.load(Ordering::SeqCst) >= wanted * kill / (kills + 1)).then_some(());
        within(Duration::from_secs(600), enough).expect("the clients go on");
        world.dies_and_comes_back();
    }
    clients.into_iter().for_each(|client| client.join().unwrap());
    world.crm().is_well_again();
    let ends = all_end(world, wanted);
    let quiet = || (world.admin().get("/v1/channel").body["webhooks_waiting"] == 0).then_some(());
    within(Duration::from_secs(60), quiet).expect("all that was told is heard");

    let (mut arrived, mut unresolved) = (0, 0);
    for (room, got) in there.got(world, rooms).into_iter().enumerate() {
        let mut got = got.iter().map(String::as_str).peekable();
        for n in (0..PER_ROOM).filter(|n| room * PER_ROOM + n < wanted) {
            let (hash, end) = (hashes[file_of(room, n)].as_str(), ends[&call_id(room, n)].as_str());
            match end {
                "succeeded" => {
                    assert_eq!(got.next(), Some(hash), "{} is not in its place in room {room}", call_id(room, n));
                    arrived += 1;
                }
                "unresolved" => {
                    // Perhaps it is there; then in its place, and not twice.
                    unresolved += 1;
                    let _ = got.next_if_eq(&hash);
                }
                end => panic!("{} ended {end}", call_id(room, n)),
            }
        }
        assert_eq!(got.count(), 0, "more than was wished in room {room}");
    }
    assert_eq!((arrived + unresolved, ends.len()), (wanted, wanted), "nothing is lost");
    world.crm().knew_every_key();
    eprintln!(
        "{wanted} files in {rooms} rooms, {kills} kills, {:.0} s: {arrived} there once and in order, {unresolved} unresolved, lost 0, doubled 0",
        begun.elapsed().as_secs_f64()
    );
    // A kill may cut some that were just leaving.
    assert!(unresolved * 10 <= wanted + 20 * kills, "more in doubt than was lost on the way: {unresolved}");
}

/// Posts the calls of this client's rooms, each until it is written down, of one room in order.
fn posts(client: usize, wanted: usize, doors: &[Room], acknowledged: &AtomicUsize) {
    for n in 0..PER_ROOM {
        for (room, door) in doors.iter().enumerate().filter(|(room, _)| room % CLIENTS == client) {
            if room * PER_ROOM + n >= wanted {
                continue;
            }
            let arguments = json!({"attachment": format!("file-{}", file_of(room, n)), "repeat": true});
            let call = calls("send_attachment", arguments).id(&call_id(room, n));
            eventually("an answer", || {
                let answer = door.door.begins(door.getting_within(1, std::slice::from_ref(&call))).answer()?;
                match answer.http {
                    200 | 202 => Some(()),
                    429 | 503 => None,
                    _ => panic!("{}: {answer:?}", call_id(room, n)),
                }
            });
            acknowledged.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// How each call ended, by its id. Waits as long as some call still ends.
fn all_end(world: &World, wanted: usize) -> HashMap<String, String> {
    let door = world.admin();
    let open = ["accepted", "running", "scheduled", "parked", "unknown"];
    let still = || open.iter().map(|status| door.all(&format!("/v1/function-calls?status={status}")).len()).sum::<usize>();
    let mut left = still();
    while left > 0 {
        let fewer = within(Duration::from_secs(180), || Some(still()).filter(|now| *now < left));
        left = fewer.unwrap_or_else(|| panic!("{left} calls do not end"));
    }
    let sends = door.all("/v1/function-calls").into_iter();
    let text = |call: &Value, key: &str| call[key].as_str().unwrap_or_default().to_owned();
    let mine = sends.map(|call| (text(&call, "call_id"), text(&call, "status"))).filter(|(id, _)| id.starts_with('f'));
    let ends: HashMap<String, String> = mine.collect();
    assert_eq!(ends.len(), wanted, "a call that was acknowledged is not there");
    ends
}
