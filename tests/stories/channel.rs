//! What an AI agent does to a conversation takes effect in the channel's own inbox: once, in order, also over a kill, and not
//! any more when a person has taken it.

use serde_json::{Value, json};

use crate::world::channel::{RAKA, TARI};
use crate::world::{Room, World, assign_to, assign_to_anyone, create_tag, eventually, resolve};

on_both_databases!(
    what_an_ai_agent_does_happens_there,
    nothing_is_started_once_a_person_has_it,
    a_kill_between_coming_and_leaving_is_gone_on_from,
);

on_sqlite_alone!(operators_and_the_doctor_see_the_channel, what_the_channel_refuses_changes_nothing);

const ROOM: &str = "7b000000-0000-4000-8000-000000000001";

/// A conversation that is there and here.
fn a_conversation(world: &World) -> (Room, Room) {
    world.crm().conversation(ROOM, "6281200000001");
    world.crm().customer_says(ROOM, "hello");
    let room = world.admin().room(ROOM);
    eventually("the room is made", || (room.door.get(&room.path("")).http == 200).then_some(()));
    all_is_heard(world);
    (world.ai_agent().room(ROOM), room)
}

/// Whatever the channel told so far has come to its room.
fn all_is_heard(world: &World) {
    let waiting = || (world.admin().get("/v1/channel").body["webhooks_waiting"] == 0).then_some(());
    eventually("the inbox is empty", waiting);
}

fn there(world: &World) -> Value {
    let rooms = world.crm().records("rooms");
    rooms.into_iter().find(|room| room["id"] == ROOM).expect("the room is there")
}

/// Writes to the room there, in order.
fn writes(world: &World) -> Vec<String> {
    let journal = world.crm().journal();
    let lines = journal.iter().filter(|line| line["method"] != "GET" && line["path"].as_str().unwrap().contains(ROOM));
    let rest = |line: &Value| line["path"].as_str().unwrap().split(ROOM).nth(1).unwrap().to_owned();
    lines.map(|line| format!("{} {}", line["method"].as_str().unwrap(), rest(line))).collect()
}

fn is_returned(room: &Room) {
    assert_eq!(room.door.send("POST", &room.path("/return"), Some(&json!({}))).http, 200);
}

fn known_here(world: &World, name: &str, email: &str) -> String {
    let agent = json!({"name": name, "email": email, "divisions": [], "status": "online", "capacity": 5});
    world.admin().send("POST", "/v1/agents", Some(&agent)).body["id"].as_str().unwrap().to_owned()
}

pub fn what_an_ai_agent_does_happens_there(world: &mut World) {
    world.has_a_channel();
    let raka = known_here(world, "Mas Raka", "Raka.Umpama@Standin.example");
    let (ai_agent, room) = a_conversation(world);
    let tagged = ai_agent.gets(create_tag(&["vip", "late"]));
    assert_eq!(tagged.result()["added"], json!(["vip", "late"]));
    assert_eq!((&there(world)["tags"], room.tags()), (&json!(["vip", "late"]), vec!["vip".to_owned(), "late".to_owned()]));

    let given = ai_agent.gets(assign_to("Raka Umpama"));
    assert_eq!(given.result()["agent"], json!({"id": raka, "name": "Raka Umpama"}), "{given:?}");
    assert_eq!((&there(world)["agent_ids"], &room.now()["assignee"]), (&json!([RAKA]), &json!(raka)));
    // What the channel tells us of it is nothing new.
    all_is_heard(world);
    assert_eq!((&room.now()["assignee"], room.facts("room_taken").len()), (&json!(raka), 0));
    assert_eq!(ai_agent.gets(resolve("answered").id("r1")).code(), "human_in_control");

    is_returned(&room);
    let given = ai_agent.gets(assign_to("tari.rekaan@standin.example"));
    assert_eq!(given.result()["agent"]["id"], TARI, "{given:?}");
    assert_eq!(there(world)["agent_ids"], json!([TARI]));
    all_is_heard(world);
    assert_eq!((&room.now()["assignee"], room.facts("room_taken").len()), (&json!(TARI), 0));

    is_returned(&room);
    let resolved = ai_agent.gets(resolve("answered").id("r2"));
    assert_eq!((&resolved.result()["changed"], &resolved.result()["reason_code"]), (&json!(true), &json!("answered")));
    assert_eq!((&there(world)["status"], &room.now()["status"]), (&json!("resolved"), &json!("resolved")));
    all_is_heard(world);
    let ends = room.facts("conversation_resolved");
    assert_eq!((ends.len(), &ends[0]["reason_code"]), (1, &json!("answered")));
    let (raka, tari) = (format!("/agents/{RAKA}"), format!("/agents/{TARI}"));
    let expected =
        ["POST /tags", "POST /tags", &format!("POST {raka}"), &format!("POST {tari}"), &format!("DELETE {raka}"), "PUT /resolve"];
    assert_eq!(writes(world), expected);
    world.crm().knew_every_key();
    room.timeline();
}

pub fn nothing_is_started_once_a_person_has_it(world: &mut World) {
    world.has_a_channel();
    let ana = known_here(world, "Ana", "ana@acme.example");
    let (ai_agent, room) = a_conversation(world);
    // Between the call's decision and its first word to the channel lies this look.
    let slow = json!({"route": "GET /api/open/v1/rooms/{id}/agents/assignable", "fault": "slow", "rate": 1.0, "ms": 1_500});
    world.crm().has_exactly(&slow);
    let under_way = ai_agent.door.begins(ai_agent.getting(&[assign_to("Raka Umpama")]));
    world.crm().is_at_it();
    let taken = room.door.send("POST", &room.path("/takeover"), Some(&json!({"agent_id": ana})));
    assert_eq!((taken.http, &taken.body["changed"]), (200, &json!(true)), "{taken:?}");
    let answer = under_way.answer().expect("an answer");
    assert_eq!(answer.code(), "human_in_control", "{answer:?}");
    assert_eq!((writes(world).len(), &there(world)["agent_ids"]), (0, &json!([])), "nothing was said there");
    assert_eq!(room.now()["assignee"], json!(ana));
    // Tags go on.
    assert_eq!(ai_agent.gets(create_tag(&["vip"])).result()["added"], json!(["vip"]));
    assert_eq!(writes(world), ["POST /tags"]);
}

pub fn a_kill_between_coming_and_leaving_is_gone_on_from(world: &mut World) {
    world.has_a_channel();
    let (ai_agent, room) = a_conversation(world);
    world.crm().is_given_to(ROOM, RAKA);
    eventually("he has it", || (room.now()["assignee"] == RAKA).then_some(()));
    is_returned(&room);
    let slow = json!({"route": "DELETE /api/open/v1/rooms/{id}/agents/{user}", "fault": "slow", "rate": 1.0, "ms": 1_500});
    world.crm().has_exactly(&slow);
    let under_way = ai_agent.door.begins(ai_agent.getting(&[assign_to("Tari Rekaan").id("c1")]));
    world.crm().is_at_it();
    world.dies_and_comes_back();
    drop(under_way.answer());
    eventually("she has it alone", || (there(world)["agent_ids"] == json!([TARI])).then_some(()));
    let ends = || (world.admin().call("c1").body["status"] == "succeeded").then_some(());
    eventually("the call ends well", ends);
    assert_eq!(world.admin().room(ROOM).now()["assignee"], TARI);
    let came = writes(world).into_iter().filter(|line| *line == format!("POST /agents/{TARI}")).count();
    assert_eq!(came, 1, "what was done is not said again");
    room.timeline();
}

pub fn operators_and_the_doctor_see_the_channel(world: &mut World) {
    let nothing = world.admin().get("/v1/channel").body;
    assert_eq!((&nothing["connected"], &nothing["kind"]), (&json!(false), &json!("embedded")));
    let path = world.has_a_channel();
    let (ai_agent, _) = a_conversation(world);
    ai_agent.gets(assign_to_anyone()).result();
    let seen = world.admin().get("/v1/channel");
    assert_eq!((&seen.body["kind"], &seen.body["token"]), (&json!("qontak"), &json!("valid")), "{seen:?}");
    let crm = world.admin().get("/v1/crm");
    assert_eq!(crm.body["attempts"], json!({}), "the channel's requests are not the CRM's");
    let (listen, url) = (format!("127.0.0.1:{}", crate::world::port::free()), world.database().url());
    let doctor = world.runs(&["doctor", "--listen", &listen, "--database-url", &url, "--json"]).json();
    let line = doctor["checks"].as_array().unwrap().iter().find(|check| check["name"] == "channel").cloned().unwrap();
    assert_eq!(line["status"], "ok", "{line}");
    let secret = path.rsplit('/').next().unwrap();
    let log = world.log();
    for text in [seen.body.to_string(), doctor.to_string(), log] {
        assert!(!text.contains(secret), "a webhook's secret was told");
    }
}

pub fn what_the_channel_refuses_changes_nothing(world: &mut World) {
    world.has_a_channel();
    // A room the channel never had.
    let stranger = world.a_room("web-1");
    let ai_agent = world.ai_agent().room("web-1");
    for call in [create_tag(&["vip"]), assign_to_anyone(), resolve("answered")] {
        assert_eq!(ai_agent.gets(call).code(), "room_not_in_channel");
    }
    let now = stranger.now();
    assert_eq!((&now["control"], &now["status"], &now["tags"]), (&json!("bot"), &json!("open"), &json!([])));
    let (ai_agent, room) = a_conversation(world);
    let nobody = ai_agent.gets(assign_to("Sinta"));
    assert_eq!((nobody.code(), &nobody.only()["error"]["candidates"][0]["value"]), ("unknown_agent", &json!("Sinta Misal")));
    assert_eq!(room.now()["control"], "bot");
}
