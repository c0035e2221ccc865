//! The store holds a call in flight: the room can be looked at meanwhile, a full queue is an answer and not a wait, and what
//! waited goes on in its order.

use std::time::Duration;

use crate::world::{Room, World, create_tag, eventually, within};

on_both_databases!(a_held_call_can_be_looked_at, a_full_queue_is_an_answer);

pub fn a_held_call_can_be_looked_at(world: &mut World) {
    let room = a_room_awake(world);
    let (ids, (actor, journal)) = while_held(world, &room, 3, |_| {
        let actor = soon(|| Some(room.actor()).filter(|actor| actor["oldest_waiting_ms"].as_i64() > Some(0)))?;
        Some((actor, room.calls_in_journal()))
    });
    assert_eq!(actor["state"], "busy", "{actor}");
    assert_eq!(actor["queue_depth"], 3, "{actor}");
    assert_eq!(actor["current_call"], ids[0], "{actor}");
    assert!(actor["current_since"].is_string(), "{actor}");
    let early = ids.iter().find(|id| journal.contains(id));
    assert!(early.is_none() && journal[0] == "first", "reading goes on, and shows what is durable: {journal:?}");

    assert!(room.calls_in_journal().ends_with(&ids), "in the order in which they came");
    rests(&room);
    let actor = room.actor();
    assert!(actor["current_call"].is_null() && actor["oldest_waiting_ms"].is_null(), "{actor}");
}

pub fn a_full_queue_is_an_answer(world: &mut World) {
    world.dies();
    world.starts_with(&[], &["--max-in-flight-per-room", "4"]);
    let (room, neighbour) = (a_room_awake(world), world.a_room("web-2"));
    // Answered while all the others still wait for the store: at once, that is.
    let (ids, (late, fifth, depth)) = while_held(world, &room, 4, |ids| {
        let late = format!("late-{}", ids[0]);
        let fifth = room.gets(create_tag(&["late"]).id(&late));
        Some((late, fifth, room.actor()["queue_depth"].clone()))
    });
    assert_eq!((fifth.http, fifth.code()), (429, "busy"));
    assert!(fifth.headers["retry-after"].to_str().unwrap().parse::<u32>().unwrap() >= 1);
    assert_eq!(depth, 4, "what was turned away is not counted");

    assert_eq!(room.door.call(&late).http, 404, "nothing of it was accepted");
    assert!(!room.gets(create_tag(&["late"]).id(&late)).replayed());
    assert!(room.calls_in_journal().ends_with(&[ids, vec![late]].concat()));
    neighbour.gets(create_tag(&["vip"])).result();
}

/// So that a held store does not hold up its loading.
fn a_room_awake(world: &World) -> Room {
    let room = world.a_room("web-1");
    room.gets(create_tag(&["first"]).id("first")).result();
    room
}

/// Before the store's patience with whoever holds it is over.
fn soon<T>(ask: impl FnMut() -> Option<T>) -> Option<T> {
    within(Duration::from_secs(3), ask)
}

fn rests(room: &Room) {
    eventually("the room rests", || {
        let actor = room.actor();
        (actor["queue_depth"] == 0 && actor["state"] == "idle").then_some(())
    });
}

/// Posts so many calls to the room while the store holds its writers, each when the one before is in the room's queue, and looks;
/// then they are let go and end well. The calls, and what was seen while none of them was answered. Whoever waits for the store has
/// some seconds' patience: where a slow machine used these up, it is done again with other calls.
fn while_held<T>(world: &World, room: &Room, many: usize, look: impl Fn(&[String]) -> Option<T>) -> (Vec<String>, T) {
    let mut times = 0;
    eventually("there was time to look", || {
        times += 1;
        rests(room);
        let ids: Vec<String> = (1..=many).map(|n| format!("c{times}-{n}")).collect();
        let held = world.database().holds_its_writers();
        let mut waiting = vec![];
        let queued = ids.iter().all(|id| {
            waiting.push(room.door.begins(room.getting(&[create_tag(&[id]).id(id)])));
            soon(|| (room.actor()["queue_depth"] == waiting.len()).then_some(())).is_some()
        });
        let seen = if queued { look(&ids) } else { None };
        let told = waiting.iter().any(|post| post.is_answered());
        drop(held);
        let answers: Vec<_> = waiting.into_iter().map(|post| post.answer().expect("an answer to a held call")).collect();
        let all_end_well = answers.iter().all(|answer| answer.http == 200);
        assert!(!(told && all_end_well), "nothing is told before it is durable: {answers:?}");
        seen.filter(|_| all_end_well).map(|seen| (ids, seen))
    })
}
