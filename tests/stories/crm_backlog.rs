//! More rooms want something of the CRM at once than its budget allows: each waits its turn, what is begun is finished first,
//! and the budget goes to what gets done. The default budget's proportions, sixty times as fast.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::world::crm::TOKEN;
use crate::world::{Room, World, calls, eventually, within};

on_both_databases!(a_crowd_is_written_one_by_one_and_nobody_waits_for_all_to_read);

const ROOMS: usize = 200;
/// A telephone is asked for in three forms; then the deal is written.
const REQUESTS: usize = ROOMS * 4;
const PROPORTIONED: &[&str] = &["--per-second", "300", "--per-minute", "6000", "--burst", "5", "--grace-ms", "1000"];

pub fn a_crowd_is_written_one_by_one_and_nobody_waits_for_all_to_read(world: &mut World) {
    world.has_a_crm();
    world.is_told_the_token(TOKEN, PROPORTIONED);
    let rooms: Vec<Room> = (0..ROOMS).map(|n| world.admin().room(&format!("web-{n}"))).collect();
    for (n, room) in rooms.iter().enumerate() {
        assert_eq!(room.is_with(&format!("62813{n:08}")).http, 201);
    }
    let before = world.crm().deals().len();
    let wish = |n: usize| calls("create_deal", json!({"name": format!("Deal {n}"), "amount": 1})).id(&format!("c{n}"));
    let asked = rooms.iter().enumerate().map(|(n, room)| room.getting_accepted(1, &[wish(n)])).collect();
    for answer in world.admin().at_once(asked) {
        assert!(matches!(answer.http, 200 | 202), "{answer:?}");
    }
    // What an operator sees is what waits, wherever it does.
    let backlog = eventually("a backlog is seen", || {
        let seen = world.admin().get("/v1/crm").body;
        (seen["effects"]["open"].as_u64() > Some(20)).then_some(seen)
    });
    assert!(backlog["effects"]["oldest_ms"].as_i64() > Some(0), "{backlog}");

    let all = || Some(world.crm().deals().len() - before).filter(|made| *made == ROOMS);
    within(Duration::from_secs(300), all).expect("a deal for each room");
    let ended = |status: &str| world.admin().all(&format!("/v1/function-calls?status={status}")).len();
    eventually("every call ends well", || (ended("succeeded") == ROOMS).then_some(()));
    let names: HashSet<String> = world.crm().deals()[before..].iter().map(|deal| deal["name"].to_string()).collect();
    assert_eq!(names.len(), ROOMS);

    let journal = world.crm().journal();
    let writes: Vec<usize> = journal.iter().enumerate().filter(|(_, line)| is_write(line)).map(|(at, _)| at).collect();
    assert!(journal.len() <= REQUESTS + 40, "{} requests for {ROOMS} deals", journal.len());
    assert!(writes[0] < REQUESTS / 8, "the first write was request {}", writes[0]);
    let by_half = writes.iter().filter(|at| **at < journal.len() / 2).count();
    assert!(by_half >= ROOMS * 2 / 5, "{by_half} of {ROOMS} written when half of all was asked");
    let nothing = world.admin().get("/v1/crm").body;
    assert_eq!(nothing["effects"]["open"], 0, "{nothing}");
}

fn is_write(line: &Value) -> bool {
    line["method"] == "POST" && line["path"].as_str().is_some_and(|path| path.ends_with("/deals"))
}
