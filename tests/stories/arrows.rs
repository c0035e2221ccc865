//! The real process dies at each arrow of the protocol between rooms and roster: what was asked is durable, the roster heard it,
//! it reserved a place, it said so, the room committed it, the roster heard that; then the same for places that become free. A
//! debug build ends itself there (`BELLHOP_DIE_AT`), at a passing that is not the first.

use crate::assignment::{a_crowd, control, is_assigned_or_queued, spread, waiting, were_served_in_order};
use crate::world::{Call, Room, World, assign_to_anyone, eventually, resolve};

on_both_databases!(whichever_arrow_it_dies_at_nobody_has_too_much_and_no_place_is_lost);

/// Rooms that ask in each life, so that every arrow is passed anew.
const EACH: usize = 16;

fn assigning(rooms: &[Room]) -> Vec<(Room, Call)> {
    rooms.iter().map(|room| (room.clone(), assign_to_anyone().id(&format!("assign-{}", room.id)))).collect()
}

fn resolving(rooms: &[Room]) -> Vec<(Room, Call)> {
    rooms.iter().map(|room| (room.clone(), resolve("answered").id(&format!("resolve-{}", room.id)))).collect()
}

/// The server starts, is asked all of this at once, and is gone at the n-th passing of that arrow.
fn dies_at(world: &mut World, arrow: &str, passing: u32, asks: &[(Room, Call)]) {
    if world.starts_to_die_at(&format!("{arrow}:{passing}")) {
        let posts = asks.iter().map(|(room, call)| room.getting(std::slice::from_ref(call))).collect();
        drop(world.admin().at_once(posts));
    }
    assert!(world.has_died_by_itself(), "it was not {passing} times at {arrow}");
}

pub fn whichever_arrow_it_dies_at_nobody_has_too_much_and_no_place_is_lost(world: &mut World) {
    let rooms = a_crowd(world);
    world.dies();
    let arrows = ["queued_committed", "asked", "place_reserved", "offered", "assigned_committed", "confirmed"];
    for (life, (arrow, passing)) in arrows.into_iter().zip([3, 7, 5, 4, 6, 8]).enumerate() {
        dies_at(world, arrow, passing, &assigning(&rooms[..EACH * (life + 1)]));
    }
    dies_at(world, "put_in_queue", 9, &assigning(&rooms));
    world.starts();
    rooms.iter().for_each(is_assigned_or_queued);
    let has_place = |room: &&Room| control(room) == "person";
    eventually("every place is taken", || (rooms.iter().filter(has_place).count() == 100).then_some(()));
    assert_eq!((spread(&rooms), waiting(&rooms).len()), (5, 100));

    // Thirty are done, ten in each life.
    let waited = waiting(&rooms);
    let done: Vec<Room> = rooms.iter().filter(has_place).step_by(3).take(30).cloned().collect();
    world.dies();
    for (life, (arrow, passing)) in [("release_committed", 3), ("released", 4), ("assigned_committed", 2)].into_iter().enumerate()
    {
        dies_at(world, arrow, passing, &resolving(&done[life * 10..][..10]));
    }
    world.starts();
    for (room, call) in resolving(&done) {
        room.gets(call).result();
    }
    were_served_in_order(&rooms, &waited);
    // And whoever begins anew finds it so.
    world.dies_and_comes_back();
    assert_eq!((spread(&rooms), waiting(&rooms).len()), (5, 70));
    for room in &rooms {
        assert!(room.facts("agent_assigned").len() <= 1, "{} was given twice", room.id);
    }
}
