//! What builders do with a file while others upload it, or while it is on its way: who was promised a version gets that one, and
//! what is withdrawn is sent by nobody who has not sent it yet.

use serde_json::{Value, json};

use crate::attachments::{ROOM, SENDING, a_conversation_in, arrived, ends, sends};
use crate::world::file::{parts, png, sha256};
use crate::world::{World, eventually};

on_both_databases!(
    who_replaces_a_file_at_once_with_others_is_told_the_truth,
    a_file_that_is_replaced_arrives_as_it_was_promised,
    a_file_that_is_withdrawn_while_it_waits_is_not_sent,
);

pub fn who_replaces_a_file_at_once_with_others_is_told_the_truth(world: &mut World) {
    let admin = world.admin();
    // Of those who are first under a new name one is.
    let first = |shade: u8| admin.sending("POST", "/v1/files", parts(&[("key", "map")], Some(("map.png", &png(shade)))));
    let answers = admin.at_once((1..=6).map(first).collect());
    let made: Vec<&Value> = answers.iter().filter(|answer| answer.http == 201).map(|answer| &answer.body["sha256"]).collect();
    assert!(made.len() == 1 && answers.iter().all(|answer| [201, 409].contains(&answer.http)), "{answers:?}");
    assert_eq!(admin.get("/v1/files/map").body["sha256"], *made[0]);

    let again = |shade: u8| admin.sending("PUT", "/v1/files/map", parts(&[], Some(("map.png", &png(shade)))));
    let answers = admin.at_once((10..22).map(again).collect());
    let mut told: Vec<(i64, Value)> = vec![];
    for answer in &answers {
        match answer.http {
            200 => told.push((answer.body["version"].as_i64().unwrap(), answer.body["sha256"].clone())),
            409 => {}
            _ => panic!("{answer:?}"),
        }
    }
    told.sort_by_key(|(version, _)| *version);
    let detail = admin.get("/v1/files/map").body;
    let versions = detail["versions"].as_array().unwrap();
    let stand: Vec<(i64, Value)> =
        versions.iter().rev().skip(1).map(|one| (one["version"].as_i64().unwrap(), one["sha256"].clone())).collect();
    assert_eq!(told, stand, "each who was told of a version made it, and nobody else did");
    assert_eq!(stand.iter().map(|(version, _)| *version).collect::<Vec<_>>(), (2..2 + told.len() as i64).collect::<Vec<_>>());
    assert_eq!(detail["version"], stand.last().unwrap().0);
    for (version, hash) in &stand {
        let (http, _, bytes) = admin.downloads(&format!("/v1/files/map/content?version={version}"));
        assert_eq!((http, json!(sha256(&bytes))), (200, hash.clone()), "version {version}");
    }
}

/// The channel turns every file away from now on, as long as that may last.
/// Nothing is sent while this is so, and for `after_s` seconds more if the server lives on.
fn is_turned_away(world: &World, after_s: u32) {
    world.crm().has_exactly(&json!({"route": SENDING, "fault": "status_429", "rate": 1.0, "retry_after_s": after_s}));
}

fn replaces(world: &World, key: &str, shade: u8) {
    let answer = world.admin().sends_parts("PUT", &format!("/v1/files/{key}"), &[], Some(("new.png", &png(shade))));
    assert_eq!(answer.http, 200, "{answer:?}");
}

pub fn a_file_that_is_replaced_arrives_as_it_was_promised(world: &mut World) {
    world.has_a_channel();
    let robot = a_conversation_in(world);
    let room = world.admin().room(ROOM);
    world.crm().holds(SENDING);
    let under_way = robot.door.begins(robot.getting(&[sends("map").id("s1")]));
    world.crm().is_at_it();
    replaces(world, "map", 8);
    world.crm().lets_go();
    drop(under_way.answer());
    assert_eq!(ends(&room, "s1").body["status"], "succeeded");
    // It waits for the channel while it is replaced, and the server dies.
    is_turned_away(world, 60);
    let _ = robot.gets_within(1, sends("map").id("s2"));
    world.waits_for_the_channel();
    replaces(world, "map", 9);
    world.crm().is_well_again();
    world.dies_and_comes_back();
    let room = world.admin().room(ROOM);
    let end = ends(&room, "s2");
    assert_eq!(end.body["status"], "succeeded", "{end:?}");
    let robot = world.ai_agent().room(ROOM);
    assert_eq!(robot.gets(sends("map").id("s3")).result()["status"], "accepted", "other bytes are another file");
    let hashes: Vec<Value> = arrived(world).iter().map(|message| message["file"]["sha256"].clone()).collect();
    assert_eq!(hashes, [7, 8, 9].map(|shade| json!(sha256(&png(shade)))), "each as it stood when it was promised");
    let versions: Vec<Value> = room.facts("attachment_sent").iter().map(|sent| sent["version"].clone()).collect();
    assert_eq!(versions, [1, 2, 3]);
}

pub fn a_file_that_is_withdrawn_while_it_waits_is_not_sent(world: &mut World) {
    world.has_a_channel();
    let robot = a_conversation_in(world);
    let room = world.admin().room(ROOM);
    is_turned_away(world, 3);
    let waits = robot.gets_within(1, sends("brochure").id("s1"));
    assert_eq!(waits.http, 202, "{waits:?}");
    world.crm().is_at_it();
    assert_eq!(world.admin().send("POST", "/v1/files/brochure/archive", None).http, 200);
    // The company's rooms know.
    let tries = std::cell::Cell::new(0);
    eventually("it is offered to nobody", || {
        tries.set(tries.get() + 1);
        (robot.gets_within(1, sends("brochure").id(&format!("try-{}", tries.get()))).code() == "unknown_attachment").then_some(())
    });
    // Whatever left before they knew is turned away as well.
    let end = ends(&room, "s1");
    assert_eq!((&end.body["status"], &end.body["error"]["code"]), (&json!("refused"), &json!("unknown_attachment")), "{end:?}");
    assert_eq!((arrived(world), room.facts("attachment_sent").len()), (Vec::<Value>::new(), 0));
    // Nothing else waits behind it.
    world.crm().is_well_again();
    assert_eq!(robot.gets(sends("map").id("s2")).result()["status"], "accepted");
}
