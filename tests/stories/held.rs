//! The store holds a call in flight: the room can be looked at meanwhile, a full queue is an answer and not a wait, and what
//! waited goes on in its order.

use crate::world::call::Answer;
use crate::world::{Room, UnderWay, World, create_tag, eventually};

on_both_databases!(a_held_call_can_be_looked_at, a_full_queue_is_an_answer);

pub fn a_held_call_can_be_looked_at(world: &mut World) {
    let room = a_room_awake(world);
    let held = world.database().holds_its_writers();
    let waiting = posts_one_after_the_other(&room, &["c1", "c2", "c3"]);

    let actor =
        eventually("the oldest has waited", || Some(room.actor()).filter(|actor| actor["oldest_waiting_ms"].as_i64() > Some(0)));
    assert_eq!(actor["state"], "busy", "{actor}");
    assert_eq!(actor["queue_depth"], 3, "{actor}");
    assert_eq!(actor["current_call"], "c1", "{actor}");
    assert!(actor["current_since"].is_string(), "{actor}");
    assert!(waiting.iter().all(|post| !post.is_answered()), "nothing is told before it is durable");
    assert_eq!(room.calls_in_journal(), ["first"], "reading goes on, and shows what is durable");

    drop(held);
    for post in waiting {
        post.answer().expect("an answer to a held call").result();
    }
    assert_eq!(room.calls_in_journal(), ["first", "c1", "c2", "c3"], "in the order in which they came");
    eventually("it rests", || {
        let actor = room.actor();
        let rests = actor["queue_depth"] == 0 && actor["state"] == "idle";
        (rests && actor["current_call"].is_null() && actor["oldest_waiting_ms"].is_null()).then_some(())
    });
}

pub fn a_full_queue_is_an_answer(world: &mut World) {
    world.dies();
    world.starts_with(&[], &["--max-in-flight-per-room", "4"]);
    let (room, neighbour) = (a_room_awake(world), world.a_room("web-2"));
    let held = world.database().holds_its_writers();
    let waiting = posts_one_after_the_other(&room, &["c1", "c2", "c3", "c4"]);

    // Answered while all the others still wait for the store: at once, that is.
    let fifth = room.gets(create_tag(&["c5"]).id("c5"));
    assert_eq!((fifth.http, fifth.code()), (429, "busy"));
    assert!(fifth.headers["retry-after"].to_str().unwrap().parse::<u32>().unwrap() >= 1);
    assert_eq!(room.actor()["queue_depth"], 4, "what was turned away is not counted");
    assert!(waiting.iter().all(|post| !post.is_answered()), "the queue was full all the while");

    drop(held);
    for post in waiting {
        post.answer().expect("an answer to a held call").result();
    }
    assert_eq!(room.door.call("c5").http, 404, "nothing of it was accepted");
    assert!(!room.gets(create_tag(&["c5"]).id("c5")).replayed());
    assert_eq!(room.calls_in_journal(), ["first", "c1", "c2", "c3", "c4", "c5"]);
    neighbour.gets(create_tag(&["vip"])).result();
}

/// So that a held store does not hold up its loading.
fn a_room_awake(world: &World) -> Room {
    let room = world.a_room("web-1");
    room.gets(create_tag(&["first"]).id("first")).result();
    room
}

/// Each is in the room's queue before the next is posted.
fn posts_one_after_the_other(room: &Room, ids: &[&str]) -> Vec<UnderWay<Option<Answer>>> {
    let mut waiting = vec![];
    for (n, id) in ids.iter().enumerate() {
        waiting.push(room.door.begins(room.getting(&[create_tag(&[id]).id(id)])));
        eventually("the call is in the queue", || (room.actor()["queue_depth"] == n + 1).then_some(()));
    }
    waiting
}
