//! Fair assignment: who is asked, who waits and for how long, and what becomes of rooms when people go or the process dies.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::kills::{asked, eventually_more};
use crate::world::{Call, Door, Room, World, assign_to, assign_to_anyone, assign_to_division, calls, eventually, resolve};

on_both_databases!(
    a_crowd_is_spread_evenly_and_served_in_the_order_of_waiting,
    a_crowd_is_spread_evenly_whatever_dies,
    a_full_division_falls_back_and_says_why,
    outside_business_hours_a_room_waits_until_it_opens,
    who_leaves_leaves_their_rooms_to_others,
    what_somebody_holds_is_shown_without_waking_a_room,
    who_is_asked_for_by_name_is_waited_for,
    what_cannot_be_done_as_asked_is_said_and_changes_nothing,
);
on_sqlite_alone!(hours_that_make_no_sense_are_refused_by_name);

pub fn a_crowd_is_spread_evenly_and_served_in_the_order_of_waiting(world: &mut World) {
    let (admin, rooms) = (world.admin(), a_crowd(world));
    let posts = rooms.iter().map(|room| room.getting(&[assign_to_anyone().id(&format!("assign-{}", room.id))])).collect();
    for answer in admin.at_once(posts) {
        answer.expect("an answer").result();
    }
    let held = every_place_is_taken(&rooms);
    assert_eq!(spread(&rooms), 5);
    serves_in_order(&rooms, &held);
}

/// The rooms that have a person. One that hears nothing of the roster in time is told that it waits, and then may not have to.
fn every_place_is_taken(rooms: &[Room]) -> Vec<usize> {
    eventually("every place is taken", || {
        let held: Vec<usize> = (0..rooms.len()).filter(|n| control(&rooms[*n]) == "person").collect();
        (held.len() == 100).then_some(held)
    })
}

pub fn a_crowd_is_spread_evenly_whatever_dies(world: &mut World) {
    let (rooms, answered) = (a_crowd(world), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = rooms
        .chunks(25)
        .map(|rooms| {
            let (rooms, answered) = (rooms.to_vec(), answered.clone());
            thread::spawn(move || {
                for room in &rooms {
                    is_assigned_or_queued(room);
                    answered.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    // Eight rooms are under way at each death, each at another arrow between it and the roster.
    let kills = asked("BELLHOP_KILLS", 6);
    for kill in 1..=kills {
        eventually_more(&answered, 190 * kill / (kills + 1), &clients);
        world.dies_and_comes_back();
    }
    clients.into_iter().for_each(|client| client.join().unwrap());
    let held = every_place_is_taken(&rooms);
    assert_eq!(spread(&rooms), 5);
    assert_eq!(rooms.iter().filter(|room| control(room) == "queue").count(), 100);
    serves_in_order(&rooms, &held);
    world.dies_and_comes_back();
    assert_eq!(spread(&rooms), 5, "and nothing of it was only in memory");
}

pub fn a_full_division_falls_back_and_says_why(world: &mut World) {
    let admin = world.admin();
    let (sales, care) = (admin.a_division("Sales"), admin.a_division("Care"));
    let (ana, budi) = (admin.an_agent("Ana", 1, &[&sales]), admin.an_agent("Budi", 1, &[&care]));
    admin.set(&json!({"people": {"strategy": "round_robin", "fallback_divisions": [care]}}));
    for (n, who) in [(1, json!(ana)), (2, json!(budi)), (3, Value::Null)] {
        let room = world.a_room(&format!("web-{n}"));
        room.gets(assign_to_division(&sales).id(&format!("c{n}"))).result();
        eventually("who has it", || (room.now()["assignee"] == who).then_some(()));
        if n == 3 {
            let told = told_to_wait(&room, || assign_to_division(&sales));
            assert_eq!((&told["position"], &told["opens_at"]), (&json!(1), &Value::Null));
        }
    }
    let because = |room: &str| admin.room(room).facts("agent_assigned")[0]["because"].clone();
    assert_eq!(because("web-1"), json!({"strategy": "round_robin", "candidates": [{"agent_id": ana, "load": 0, "capacity": 1}]}));
    assert_eq!(because("web-2")["fell_back_to"], json!(care));
}

pub fn outside_business_hours_a_room_waits_until_it_opens(world: &mut World) {
    let admin = world.admin();
    let division = admin.a_division("Sales");
    let ana = admin.an_agent("Ana", 5, &[&division]);
    // Half an hour a day, twelve hours from now.
    let hour = (SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / 3_600 + 12) % 24;
    let day = json!([[format!("{hour:02}:00"), format!("{hour:02}:30")]]);
    let week: serde_json::Map<String, Value> =
        ["mon", "tue", "wed", "thu", "fri", "sat", "sun"].map(|name| (name.to_owned(), day.clone())).into_iter().collect();
    let path = format!("/v1/divisions/{division}");
    let hours = json!({"zone": "Etc/UTC", "week": week, "closed": [], "open": {}});
    let patched = admin.send("PATCH", &path, Some(&json!({"hours": hours})));
    assert_eq!((patched.http, &patched.body["hours"]), (200, &hours), "{patched:?}");
    let room = world.a_room("web-1");
    let told = told_to_wait(&room, || assign_to_division(&division));
    assert_eq!((&told["queued"], &told["position"]), (&json!(true), &json!(1)));
    let opens_at = told["opens_at"].as_str().expect("when it opens").to_owned();
    assert!(opens_at.ends_with(&format!("T{hour:02}:00:00Z")), "{opens_at}");
    world.dies_and_comes_back();
    assert_eq!(admin.get(&path).body["hours"], hours, "kept");
    assert_eq!(control(&room), "queue");
    let open = admin.send("PATCH", &path, Some(&json!({"hours": null})));
    assert!(open.http == 200 && open.body.get("hours").is_none(), "{open:?}");
    eventually("it is open and the queue drains", || (room.now()["assignee"] == json!(ana)).then_some(()));
}

pub fn who_leaves_leaves_their_rooms_to_others(world: &mut World) {
    let admin = world.admin();
    let people = |policy: &str| json!({"people": {"on_offline": policy, "offline_grace_s": 0}});
    let (ana, budi) = (admin.an_agent("Ana", 5, &[]), admin.an_agent("Budi", 5, &[]));
    let is = |agent: &str, status: &str| {
        let answer = admin.send("PATCH", &format!("/v1/agents/{agent}"), Some(&json!({"status": status})));
        assert_eq!(answer.http, 200, "{answer:?}");
    };
    let room = world.a_room("web-1");
    let holds = |agent: &str| eventually("the room moves", || (room.now()["assignee"] == json!(agent)).then_some(()));
    room.gets(assign_to(&ana).id("c1")).result();
    holds(&ana);

    admin.set(&people("keep"));
    is(&ana, "offline");
    room.hears("m1", "hello?");
    assert_eq!(room.now()["assignee"], json!(ana), "kept");
    admin.set(&people("requeue_on_next_message"));
    assert_eq!(room.now()["assignee"], json!(ana), "nothing was written");
    room.hears("m2", "is anybody there?");
    holds(&budi);
    admin.set(&people("requeue_now"));
    is(&ana, "online");
    is(&budi, "away");
    holds(&ana);
    assert_eq!(admin.send("DELETE", &format!("/v1/agents/{ana}"), None).http, 204);
    eventually("nobody is left", || (control(&room) == "queue").then_some(()));
    let queued = room.facts("room_queued");
    let last = queued.last().unwrap();
    assert_eq!((&last["by"], &last["reason"]), (&json!("system"), &json!("removed")), "and not whoever clicked: {last}");
    is(&budi, "online");
    holds(&budi);
}

pub fn what_somebody_holds_is_shown_without_waking_a_room(world: &mut World) {
    let admin = world.admin();
    let (ana, budi) = (admin.an_agent("Ana", 5, &[]), admin.an_agent("Budi", 5, &[]));
    let rooms: Vec<Room> = (0..2).map(|n| world.a_room(&format!("web-{n}"))).collect();
    for room in &rooms {
        room.gets(assign_to(&ana).id(&format!("assign-{}", room.id))).result();
        eventually("she has it", || (room.now()["assignee"] == json!(ana)).then_some(()));
    }
    world.dies_and_comes_back();
    let shown = eventually("the roster is there again", || {
        let shown = admin.get(&format!("/v1/agents/{ana}")).body;
        shown["load"].is_number().then_some(shown)
    });
    assert_eq!((&shown["load"], &shown["rooms"]), (&json!(2), &json!(["web-0", "web-1"])));
    let all: HashMap<String, Value> =
        admin.all("/v1/agents").into_iter().map(|agent| (agent["id"].as_str().unwrap().to_owned(), agent)).collect();
    assert_eq!((&all[&ana]["load"], &all[&budi]["load"], &all[&budi]["rooms"]), (&json!(2), &json!(0), &json!([])));
    assert!(rooms.iter().all(Room::is_asleep), "nobody was woken to say so");
}

pub fn who_is_asked_for_by_name_is_waited_for(world: &mut World) {
    let admin = world.admin();
    let (ana, _) = (admin.an_agent("Ana", 1, &[]), admin.an_agent("Budi", 5, &[]));
    let status = |status: &str| admin.send("PATCH", &format!("/v1/agents/{ana}"), Some(&json!({"status": status})));
    status("offline");
    let rooms: Vec<Room> = (0..2).map(|n| world.a_room(&format!("web-{n}"))).collect();
    let told = rooms[0].gets(assign_to("ana").id("c0"));
    assert_eq!((&told.result()["queued"], &told.result()["online"]), (&json!(true), &json!(false)), "{told:?}");
    assert!(told.result()["as_of"].is_string());
    status("online");
    eventually("she is there", || (rooms[0].now()["assignee"] == json!(ana)).then_some(()));
    let told = rooms[1].gets(assign_to("ana").id("c1"));
    assert_eq!((&told.result()["queued"], &told.result()["online"]), (&json!(true), &json!(true)), "over her capacity: {told:?}");
    admin.an_agent("ANA", 1, &[]);
    let told = rooms[1].gets(assign_to("ana").id("c2"));
    assert_eq!((told.code(), told.only()["error"]["candidates"].as_array().map(Vec::len)), ("ambiguous_agent", Some(2)));
    assert_eq!(admin.send("DELETE", &format!("/v1/agents/{ana}"), None).http, 204);
    assert_eq!(rooms[1].gets(assign_to(&ana).id("c3")).code(), "unknown_agent");
    eventually("both rooms find somebody else", || rooms.iter().all(|room| control(room) == "person").then_some(()));
}

/// What somebody who has to wait is told. A room that hears nothing of the roster in time answers without its word, and may ask
/// again.
fn told_to_wait(room: &Room, call: impl Fn() -> Call) -> Value {
    let mut times = 0;
    eventually("the roster has its word", || {
        times += 1;
        let told = room.gets(call().id(&format!("told-{}-{times}", room.id))).result().clone();
        told["position"].is_number().then_some(told)
    })
}

pub fn what_cannot_be_done_as_asked_is_said_and_changes_nothing(world: &mut World) {
    let admin = world.admin();
    let (sales, care) = (admin.a_division("Sales"), admin.a_division("Care"));
    let (ana, _) = (admin.an_agent("Ana", 1, &[&sales]), admin.an_agent("Budi", 1, &[&care]));
    admin.an_agent("BUDI", 1, &[&sales]);
    let gone = admin.an_agent("Citra", 1, &[&care]);
    assert_eq!(admin.send("DELETE", &format!("/v1/agents/{gone}"), None).http, 204);
    let (room, robot) = (world.a_room("web-1"), world.ai_agent().room("web-1"));
    admin.set(&json!({"people": {"resolve_needs_note": true}}));
    let assign = |arguments: Value| calls("assign_agent", arguments);
    let many: Vec<String> = (0..10_000).map(|n| format!("tag {n}")).collect();
    let tags = |names: Value| calls("create_tag", json!({ "tags": names }));
    let rows = [
        (assign(json!({"mode": "agent", "agent": "Nobody"})), "unknown_agent"),
        (assign(json!({"mode": "agent", "agent": "budi"})), "ambiguous_agent"),
        (assign(json!({"mode": "agent", "agent": gone})), "unknown_agent"),
        (assign(json!({"mode": "agent", "agent": ana, "division": care})), "argument_invalid"),
        (assign(json!({"mode": "division", "division": "Kitchen"})), "unknown_division"),
        (assign(json!({"mode": "division", "division": sales, "agent": ana})), "argument_invalid"),
        (assign(json!({"mode": "agent"})), "argument_missing"),
        (assign(json!({"mode": "nearest"})), "argument_invalid"),
        (resolve("because"), "argument_invalid"),
        (resolve("answered"), "argument_missing"),
        (calls("resolve_conversation", json!({})), "argument_missing"),
        (tags(json!(many[..500])), "tag_limit"),
        (tags(json!([])), "argument_invalid"),
        (tags(json!(["  "])), "argument_invalid"),
        (tags(json!(["x".repeat(51)])), "argument_invalid"),
        (tags(json!(["x".repeat(60_000)])), "argument_invalid"),
        (tags(json!(["v\u{456}p"])), "argument_invalid"),
        (tags(json!(["a\u{202e}b"])), "argument_invalid"),
    ];
    let all_of_them = robot.gets(tags(json!(many)).id("bad-many"));
    assert_eq!((all_of_them.http, all_of_them.code()), (400, "too_many_items"));
    for (n, (call, code)) in rows.into_iter().enumerate() {
        let answer = robot.gets(call.id(&format!("bad-{n}")));
        assert_eq!(answer.code(), code, "row {n}: {answer:?}");
        let (message, next) = (&answer.only()["error"]["message"], &answer.only()["error"]["next"]);
        assert!(message.as_str().is_some_and(|text| text.len() > 10) && next.is_string(), "row {n}: {answer:?}");
    }
    let now = room.now();
    assert_eq!((&now["control"], &now["status"], &now["tags"]), (&json!("bot"), &json!("open"), &json!([])));
}

pub fn hours_that_make_no_sense_are_refused_by_name(world: &mut World) {
    let admin = world.admin();
    let division = admin.a_division("Sales");
    for (hours, field) in [
        (json!({"zone": "Mars/Olympus"}), "/hours/zone"),
        (json!({"zone": "Asia/Jakarta", "week": {"mon": [["22:00", "06:00"]]}}), "/hours/week"),
        (json!({"zone": "Asia/Jakarta", "closed": ["25.12."]}), "/hours/closed"),
        (json!({"zone": "Asia/Jakarta", "open": {"2026-02-30": []}}), "/hours/open"),
    ] {
        for (method, path) in [("POST", "/v1/divisions".to_owned()), ("PUT", format!("/v1/divisions/{division}"))] {
            let answer = admin.send(method, &path, Some(&json!({"name": "Sales", "hours": hours})));
            assert_eq!((answer.http, answer.code()), (422, "invalid_body"), "{hours}: {answer:?}");
            assert_eq!(answer.body["errors"][0]["pointer"], field, "{hours}");
        }
    }
    assert!(admin.get(&format!("/v1/divisions/{division}")).body.get("hours").is_none());
}

/// Twenty people with five places each, and two hundred rooms.
pub fn a_crowd(world: &World) -> Vec<Room> {
    let admin = world.admin();
    admin.set(&json!({"people": {"strategy": "round_robin"}}));
    for n in 0..20 {
        admin.an_agent(&format!("Agent{n}"), 5, &[]);
    }
    (0..200).map(|n| world.a_room(&format!("web-{n:03}"))).collect()
}

/// Asks for anyone until there is an answer, whoever dies in between.
pub fn is_assigned_or_queued(room: &Room) {
    let envelope =
        json!({"calls": [{"call_id": format!("assign-{}", room.id), "name": "assign_agent", "arguments": {"mode": "auto"}}]});
    eventually("an answer", || {
        let answer = room.gets_envelope(&envelope, &[("prefer", "wait=10")])?;
        match answer.http {
            200 => {
                assert_eq!(answer.statuses(), ["succeeded"], "{answer:?}");
                Some(())
            }
            202 | 429 | 503 => None,
            _ => panic!("{answer:?}"),
        }
    });
}

pub fn control(room: &Room) -> String {
    room.now()["control"].as_str().unwrap_or_default().to_owned()
}

/// How many rooms each of them has, who all have as many.
pub fn spread(rooms: &[Room]) -> usize {
    let mut held: HashMap<String, usize> = HashMap::new();
    for agent in rooms.iter().filter_map(|room| room.now()["assignee"].as_str().map(str::to_owned)) {
        *held.entry(agent).or_default() += 1;
    }
    let most = held.values().max().copied().unwrap_or(0);
    assert!(held.len() == 20 && held.values().all(|rooms| *rooms == most), "{held:?}");
    most
}

/// Thirty of those who have a person are done, and exactly the thirty who have waited longest come next.
fn serves_in_order(rooms: &[Room], held: &[usize]) {
    let door: &Door = &rooms[0].door;
    let waiting = waiting(rooms);
    let done: Vec<&Room> = held.iter().step_by(3).take(30).map(|n| &rooms[*n]).collect();
    let posts = done.iter().map(|room| room.getting(&[resolve("answered").id(&format!("resolve-{}", room.id))])).collect();
    for answer in door.at_once(posts) {
        answer.expect("an answer").result();
    }
    were_served_in_order(rooms, &waiting);
}

/// Those who wait, and since when.
pub fn waiting(rooms: &[Room]) -> Vec<(String, usize)> {
    let since = |n: usize| rooms[n].facts("room_queued")[0]["at"].as_str().unwrap().to_owned();
    (0..rooms.len()).filter(|n| control(&rooms[*n]) == "queue").map(|n| (since(n), n)).collect()
}

/// Thirty places became free, and exactly the thirty who had waited longest have them.
pub fn were_served_in_order(rooms: &[Room], waiting: &[(String, usize)]) {
    eventually("thirty more are served", || (rooms.iter().filter(|room| control(room) == "person").count() == 100).then_some(()));
    let (served, waits): (Vec<_>, Vec<_>) = waiting.iter().partition(|(_, n)| control(&rooms[*n]) == "person");
    assert_eq!((served.len(), waits.len()), (30, 70));
    // Times are shown to the millisecond: rooms of one may have been in either order.
    let (last, first) = (served.iter().map(|(at, _)| at).max(), waits.iter().map(|(at, _)| at).min());
    assert!(last <= first, "somebody was overtaken: {last:?} {first:?}");
}
