//! The channel refuses one of the company's tokens, or what its role may not do: that is said to who asked for just that, and
//! everything else goes on.

use serde_json::{Value, json};

use crate::world::channel::{RAKA, TARI};
use crate::world::file::png;
use crate::world::{Call, Room, World, assign_to, calls, create_tag, eventually, resolve};

on_both_databases!(a_refused_bot_token_keeps_nobody_from_a_colleague);

on_sqlite_alone!(what_a_role_may_not_do_keeps_nothing_else_off);

/// A refusal is believed when it was heard twice, five seconds apart; who is told of it waits for that.
const PATIENCE: u32 = 30;

fn sends_the_map() -> Call {
    calls("send_attachment", json!({"attachment": "map"}))
}

/// So many conversations, there and here.
fn conversations(world: &mut World, many: usize) -> Vec<Room> {
    world.has_a_channel();
    assert!(world.admin().adds_file("map", "map.png", &png(7)).http < 300);
    let ids: Vec<String> = (0..many).map(|n| format!("7b000000-0000-4000-8000-0000000001{n:02}")).collect();
    for (n, id) in ids.iter().enumerate() {
        world.crm().conversation(id, &format!("62812000001{n:02}"));
        world.crm().customer_says(id, "hello");
    }
    for id in &ids {
        let room = world.admin().room(id);
        room.has_heard_its_customer();
    }
    world.has_heard_all();
    let rooms: Vec<Room> = ids.iter().map(|id| world.ai_agent().room(id)).collect();
    let unknown = || rooms[0].gets(calls("send_attachment", json!({"attachment": "nothing"}))).code() == "unknown_attachment";
    eventually("the library is known", || unknown().then_some(()));
    rooms
}

fn refused(world: &World) -> Value {
    world.admin().get("/v1/channel").body["refused"].clone()
}

pub fn a_refused_bot_token_keeps_nobody_from_a_colleague(world: &mut World) {
    let rooms = conversations(world, 4);
    world.crm().revokes("bot");
    let first = rooms[0].gets_within(PATIENCE, sends_the_map().id("s1"));
    assert_eq!((first.http, first.code()), (200, "channel_unauthorized"), "{first:?}");
    assert_eq!(first.only()["error"]["next"], "wait_for_human");
    assert_eq!(refused(world), json!(["bot"]));
    // While that is known nobody else waits to be told, and nothing that goes by the user's token waits at all.
    let mut asked = vec![(1, sends_the_map().id("s2"))];
    asked.extend([(0, assign_to("Raka Umpama").id("a1")), (1, assign_to("Tari Rekaan").id("a2")), (2, create_tag(&["vip"]))]);
    asked.push((3, resolve("answered").id("r1")));
    let told: Vec<_> = asked.into_iter().map(|(room, call)| rooms[room].gets_within(4, call)).collect();
    assert_eq!(told[0].code(), "channel_unauthorized", "{:?}", told[0]);
    let people: Vec<&Value> = told[1..3].iter().map(|answer| &answer.result()["agent"]["id"]).collect();
    assert_eq!(people, [&json!(RAKA), &json!(TARI)]);
    assert_eq!((&told[3].result()["added"], &told[4].result()["changed"]), (&json!(["vip"]), &json!(true)));
    let sent = world.crm().records("messages").into_iter().filter(|message| message["file"].is_object()).count();
    assert_eq!(sent, 0);
    assert_eq!(refused(world), json!(["bot"]), "it is as it was");
}

pub fn what_a_role_may_not_do_keeps_nothing_else_off(world: &mut World) {
    let rooms = conversations(world, 3);
    world.crm().has("PUT /api/open/v1/rooms/{id}/resolve", "status_403", 1.0);
    world.crm().has("POST /api/open/v1/rooms/{id}/tags", "status_403", 1.0);
    let refusals = [(0, resolve("answered").id("r1")), (1, create_tag(&["vip"]).id("t1"))];
    let asked = refusals.map(|(room, call)| rooms[room].door.begins(rooms[room].getting_within(PATIENCE, &[call])));
    let told = asked.map(|asked| asked.answer().expect("an answer"));
    assert_eq!(told[0].code(), "channel_forbidden", "{:?}", told[0]);
    assert_eq!(told[1].code(), "channel_refused", "as a tag that is not taken: {:?}", told[1]);
    assert_eq!(refused(world), json!(["resolve", "tag"]));
    let told = rooms[0].gets_within(4, assign_to("Raka Umpama"));
    assert_eq!(told.result()["agent"]["id"], RAKA, "{told:?}");
    let told = rooms[2].gets_within(4, sends_the_map());
    assert_eq!(told.result()["status"], "accepted", "{told:?}");
    let told = rooms[2].gets_within(4, create_tag(&["late"]));
    assert_eq!(told.code(), "channel_forbidden", "nobody waits for what is known: {told:?}");
    assert_eq!(world.admin().get("/v1/channel").body["token"], "valid");
}
