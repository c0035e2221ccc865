//! Handing rooms to people: nobody ever holds more than they can, and who is not served waits in line.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::world::{Room, World, assign_to, assign_to_anyone, assign_to_division, eventually, resolve};

on_both_databases!(
    two_hundred_rooms_at_once_never_exceed_a_capacity,
    a_place_that_becomes_free_goes_to_who_waits,
    who_holds_what_is_known_after_a_death,
    a_division_is_served_by_its_own_people,
    a_division_that_is_removed_strands_nobody,
    a_named_agent_gets_the_room,
);

pub fn two_hundred_rooms_at_once_never_exceed_a_capacity(world: &mut World) {
    let admin = world.admin();
    for n in 0..20 {
        admin.an_agent(&format!("Agent{n}"), 5, &[]);
    }
    let rooms: Vec<Room> = (0..200).map(|n| world.a_room(&format!("web-{n}"))).collect();
    let posts = rooms.iter().map(|room| room.getting(&[assign_to_anyone().id(&format!("assign-{}", room.id))])).collect();
    for answer in admin.at_once(posts) {
        let answer = answer.expect("an answer");
        assert_eq!((answer.http, answer.statuses()), (200, vec!["succeeded"]), "{answer:?}");
    }
    // A room that hears nothing of the roster in time is told that it waits, and then is not.
    let held = eventually("every place is taken", || Some(who_holds(&rooms)).filter(|held| held.values().sum::<usize>() == 100));
    assert!(held.values().all(|rooms| *rooms == 5), "{held:?}");
    let queued = rooms.iter().filter(|room| room.now()["control"] == "queue").count();
    assert_eq!(queued, 100);
}

pub fn a_place_that_becomes_free_goes_to_who_waits(world: &mut World) {
    let ana = world.admin().an_agent("Ana", 1, &[]);
    let rooms: Vec<Room> = (0..3).map(|n| world.a_room(&format!("web-{n}"))).collect();
    for room in &rooms {
        room.gets(assign_to_anyone().id(&format!("assign-{}", room.id))).result();
    }
    eventually("the first is served", || (rooms[0].now()["control"] == "person").then_some(()));
    assert_eq!(who_holds(&rooms), HashMap::from([(ana.clone(), 1)]));
    for (served, next) in [(0, 1), (1, 2)] {
        rooms[served].gets(resolve("answered").id(&format!("resolve-{served}"))).result();
        eventually("the next in line is served", || (rooms[next].now()["control"] == "person").then_some(()));
        assert_eq!(rooms[next].now()["assignee"], json!(ana));
    }
}

pub fn who_holds_what_is_known_after_a_death(world: &mut World) {
    let admin = world.admin();
    for name in ["Ana", "Budi"] {
        admin.an_agent(name, 2, &[]);
    }
    let rooms: Vec<Room> = (0..6).map(|n| world.a_room(&format!("web-{n}"))).collect();
    for room in &rooms[..3] {
        room.gets(assign_to_anyone().id(&format!("assign-{}", room.id))).result();
    }
    world.dies_and_comes_back();
    for room in &rooms[3..] {
        room.gets(assign_to_anyone().id(&format!("assign-{}", room.id))).result();
    }
    let held = eventually("the last free place is taken", || {
        let held = who_holds(&rooms);
        (held.values().sum::<usize>() == 4).then_some(held)
    });
    assert!(held.values().all(|rooms| *rooms == 2), "{held:?}");
    world.dies_and_comes_back();
    assert_eq!(who_holds(&rooms), held);
    let first = rooms.iter().find(|room| room.now()["control"] == "person").unwrap();
    first.gets(resolve("answered").id("done")).result();
    eventually("a room that waited through a death is served", || (who_holds(&rooms).values().sum::<usize>() == 4).then_some(()));
}

pub fn a_division_is_served_by_its_own_people(world: &mut World) {
    let admin = world.admin();
    let (sales, billing) = (admin.a_division("Sales"), admin.a_division("Billing"));
    admin.an_agent("Ana", 10, &[&sales]);
    let budi = admin.an_agent("Budi", 2, &[&billing]);
    let rooms: Vec<Room> = (0..3).map(|n| world.a_room(&format!("web-{n}"))).collect();
    for room in &rooms {
        room.gets(assign_to_division(&billing).id(&format!("assign-{}", room.id))).result();
    }
    let both = HashMap::from([(budi, 2)]);
    eventually("his two places are taken", || (who_holds(&rooms) == both).then_some(()));
    assert_eq!(rooms[2].now()["control"], "queue");
    let unknown = world.a_room("web-9").gets(assign_to_division("div_nowhere").id("c9"));
    assert_eq!(unknown.statuses(), ["refused"]);
}

pub fn a_division_that_is_removed_strands_nobody(world: &mut World) {
    let admin = world.admin();
    let (sales, billing) = (admin.a_division("Sales"), admin.a_division("Billing"));
    let ana = admin.an_agent("Ana", 1, &[&billing, &sales]);
    let room = world.a_room("web-1");
    admin.set(&json!({"people": {"while_person_controls": {"room": "allow"}}}));
    let ghosts = admin.a_division("Ghosts");
    let waits = room.gets(assign_to_division(&ghosts).id("c1"));
    assert_eq!((&waits.result()["queued"], &room.now()["control"]), (&json!(true), &json!("queue")));
    for division in [&ghosts, &sales] {
        assert_eq!(admin.send("DELETE", &format!("/v1/divisions/{division}"), None).http, 204);
    }
    eventually("whoever is there has it", || (room.now()["assignee"] == json!(ana)).then_some(()));
    // And its people can be changed as before.
    let path = format!("/v1/agents/{ana}");
    assert_eq!(admin.get(&path).body["divisions"], json!([billing]));
    let away = admin.send("PATCH", &path, Some(&json!({"status": "offline"})));
    assert_eq!((away.http, &away.body["status"]), (200, &json!("offline")), "{away:?}");
}

pub fn a_named_agent_gets_the_room(world: &mut World) {
    let ana = world.admin().an_agent("Ana", 3, &[]);
    let room = world.a_room("web-1");
    let epoch = room.now()["epoch"].as_i64().unwrap();
    room.gets(assign_to(&ana).id("c1")).result();
    eventually("she has it", || (room.now()["assignee"] == json!(ana)).then_some(()));
    assert_eq!(room.now()["control"], "person");
    assert!(room.now()["epoch"].as_i64().unwrap() > epoch, "control moved");
    let unknown = room.gets(assign_to("agt_nobody").id("c2"));
    assert_eq!(unknown.code(), "unknown_agent");
}

/// How many of `rooms` each person holds.
fn who_holds(rooms: &[Room]) -> HashMap<String, usize> {
    let mut held = HashMap::new();
    for room in rooms.iter().map(Room::now).filter(|room| room["control"] == "person") {
        let Value::String(agent) = &room["assignee"] else { panic!("held by nobody: {room}") };
        *held.entry(agent.clone()).or_default() += 1;
    }
    held
}
