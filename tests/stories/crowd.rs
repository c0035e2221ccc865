//! Many callers at once: one id stays one call, one room keeps its order, a full queue is an answer.

use std::collections::HashSet;

use crate::world::{Call, World, create_tag, eventually};

on_both_databases!(
    a_thousand_posts_of_one_id_are_one_call,
    fifty_calls_at_one_room_keep_their_order,
    old_ids_again_all_at_once_are_all_replayed,
    forty_rooms_at_once_keep_each_its_own_journal,
);

on_sqlite_alone!(unknown_rooms_do_not_stay_in_memory);

pub fn a_thousand_posts_of_one_id_are_one_call(world: &mut World) {
    let room = world.a_room("web-1");
    let posts = (0..1_000).map(|_| room.getting(&[create_tag(&["vip"]).id("c1")])).collect();
    let answers = room.door.at_once(posts);

    let mut firsts = 0;
    for answer in answers {
        let answer = answer.expect("an answer to each post");
        // Past the room's bound the door may say "busy"; nobody may be told anything else than the one result.
        if answer.http == 429 {
            continue;
        }
        assert_eq!(answer.http, 200, "{answer:?}");
        assert_eq!(answer.result()["added"][0], "vip");
        firsts += usize::from(!answer.replayed());
    }
    assert!(firsts <= 1, "{firsts} posts were told they were the first");
    assert_eq!(room.calls_in_journal(), ["c1"]);
    assert!(room.gets(create_tag(&["vip"]).id("c1")).replayed());
}

pub fn fifty_calls_at_one_room_keep_their_order(world: &mut World) {
    let room = world.a_room("web-1");
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let batch = |who: usize| -> Vec<Call> {
        (0..10).map(|n| create_tag(&[names[(who + n) % names.len()]]).id(&format!("w{who}-{n}"))).collect()
    };
    let posts = (0..5).map(|who| room.getting(&batch(who))).collect();
    for answer in room.door.at_once(posts) {
        let answer = answer.expect("an answer to each batch");
        assert_eq!(answer.http, 200, "{answer:?}");
        assert!(answer.statuses().iter().all(|status| *status == "succeeded"));
    }
    let journal = room.calls_in_journal();
    assert_eq!(journal.len(), 50);
    for who in 0..5 {
        let of_one: Vec<&String> = journal.iter().filter(|id| id.starts_with(&format!("w{who}-"))).collect();
        let wanted: Vec<String> = (0..10).map(|n| format!("w{who}-{n}")).collect();
        assert!(of_one.iter().copied().eq(&wanted), "{of_one:?}");
    }
}

/// A client that lost its answers asks for all of them again.
pub fn old_ids_again_all_at_once_are_all_replayed(world: &mut World) {
    let room = world.a_room("web-1");
    let posts = || (0..64).map(|n| room.getting(&[create_tag(&["vip"]).id(&format!("c{n}"))])).collect();
    for answer in room.door.at_once(posts()) {
        assert!(!answer.expect("an answer to each post").replayed());
    }
    let version = room.version();
    for _ in 0..3 {
        for answer in room.door.at_once(posts()) {
            let answer = answer.expect("an answer to each post");
            assert_eq!(answer.http, 200, "{answer:?}");
            assert!(answer.replayed(), "{answer:?}");
        }
    }
    assert_eq!(room.version(), version);
}

pub fn unknown_rooms_do_not_stay_in_memory(world: &mut World) {
    let door = world.ai_agent();
    let posts = (0..1_000).map(|n| door.room(&format!("nowhere-{n}")).getting(&[create_tag(&["vip"]).id(&format!("c{n}"))]));
    for answer in door.at_once(posts.collect()) {
        assert_eq!(answer.expect("an answer to each post").http, 404);
    }
    // One that is there stays, so the count is of after it.
    let room = world.a_room("web-1");
    room.gets(create_tag(&["vip"]).id("c1")).result();
    eventually("only the room that is one is in memory", || {
        let told = door.get("/metrics").body;
        let rooms = told.as_str()?.lines().find_map(|line| line.strip_prefix("bellhop_rooms_live "))?;
        (rooms.parse() == Ok(1.0)).then_some(())
    });
}

pub fn forty_rooms_at_once_keep_each_its_own_journal(world: &mut World) {
    let rooms: Vec<_> = (0..40).map(|n| world.a_room(&format!("web-{n}"))).collect();
    let mut posts = vec![];
    for (n, room) in rooms.iter().enumerate() {
        posts.extend((0..5).map(|turn| room.getting(&[create_tag(&["vip"]).id(&format!("r{n}-{turn}"))])));
    }
    for answer in rooms[0].door.at_once(posts) {
        assert_eq!(answer.expect("an answer").http, 200);
    }
    for room in &rooms {
        let journal = room.calls_in_journal();
        assert_eq!(journal.len(), 5);
        assert_eq!(journal.iter().collect::<HashSet<_>>().len(), 5);
    }
}
