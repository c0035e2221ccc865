//! What an AI agent does to a conversation takes effect in the channel's own inbox: once, in order, also over a kill, and not
//! any more when a person has taken it.

use serde_json::{Value, json};

use crate::world::channel::{LALA, RAKA, TARI};
use crate::world::{Room, World, assign_to, assign_to_anyone, assign_to_division, calls, create_tag, eventually, resolve};

on_both_databases!(
    what_an_ai_agent_does_happens_there,
    what_people_do_by_a_button_happens_there,
    a_takeover_that_the_channel_refuses_stands_and_is_shown,
    nothing_is_started_once_a_person_has_it,
    a_person_who_is_chosen_there_meanwhile_has_it,
    a_kill_between_coming_and_leaving_is_gone_on_from,
    a_resolve_counts_when_the_channel_says_so_by_itself,
    who_is_chosen_is_said_with_the_reason,
    a_tag_that_is_refused_keeps_no_other_off,
    the_gateway_is_spoken_to_with_signatures,
);

on_sqlite_alone!(operators_and_the_doctor_see_the_channel, what_the_channel_refuses_changes_nothing);

const ROOM: &str = "7b000000-0000-4000-8000-000000000001";

/// A conversation that is there and here.
fn a_conversation(world: &World) -> (Room, Room) {
    let room = world.a_customer_writes(ROOM, "6281200000001", "hello");
    world.has_heard_all();
    (world.ai_agent().room(ROOM), room)
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
    world.has_heard_all();
    assert_eq!((&room.now()["assignee"], room.facts("room_taken").len()), (&json!(raka), 0));
    assert_eq!(ai_agent.gets(resolve("answered").id("r1")).code(), "human_in_control");

    is_returned(&room);
    eventually("nobody has it there", || (there(world)["agent_ids"] == json!([])).then_some(()));
    let given = ai_agent.gets(assign_to("tari.rekaan@standin.example"));
    assert_eq!(given.result()["agent"]["id"], TARI, "{given:?}");
    assert_eq!(there(world)["agent_ids"], json!([TARI]));
    world.has_heard_all();
    assert_eq!((&room.now()["assignee"], room.facts("room_taken").len()), (&json!(TARI), 0));

    is_returned(&room);
    eventually("nobody has it there", || (there(world)["agent_ids"] == json!([])).then_some(()));
    let resolved = ai_agent.gets(resolve("answered").id("r2"));
    assert_eq!((&resolved.result()["changed"], &resolved.result()["reason_code"]), (&json!(true), &json!("answered")));
    assert_eq!((&there(world)["status"], &room.now()["status"]), (&json!("resolved"), &json!("resolved")));
    world.has_heard_all();
    let ends = room.facts("conversation_resolved");
    assert_eq!((ends.len(), &ends[0]["reason_code"]), (1, &json!("answered")));
    let (raka, tari) = (format!("/agents/{RAKA}"), format!("/agents/{TARI}"));
    // Given back here, it is nobody's there.
    let [came, left] = [&raka, &tari].map(|person| [format!("POST {person}"), format!("DELETE {person}")]);
    let expected = [&["POST /tags".to_owned(), "POST /tags".to_owned()][..], &came, &left, &["PUT /resolve".to_owned()]].concat();
    assert_eq!(writes(world), expected);
    world.crm().knew_every_key();
    room.timeline();
}

pub fn what_people_do_by_a_button_happens_there(world: &mut World) {
    world.has_a_channel();
    let raka = known_here(world, "Mas Raka", "Raka.Umpama@Standin.example");
    let (ai_agent, room) = a_conversation(world);
    let presses = |verb: &str, body: Value| {
        let told = room.door.send("POST", &room.path(&format!("/{verb}")), Some(&body));
        assert_eq!((told.http, &told.body["changed"]), (200, &json!(true)), "{told:?}");
        let call_id = told.body["call_id"].as_str().unwrap().to_owned();
        let ended = || Some(world.admin().call(&call_id).body).filter(|call| call["status"] != "running");
        let call = eventually("it is done there", ended);
        assert_eq!(call["status"], "succeeded", "{call}");
    };
    presses("tags", json!({"tags": ["vip"]}));
    assert_eq!((&there(world)["tags"], room.tags()), (&json!(["vip"]), vec!["vip".to_owned()]));
    let kept = room.door.send("DELETE", &room.path("/tags/vip"), None);
    assert_eq!((kept.http, &kept.body["code"]), (409, &json!("done_in_channel")), "{kept:?}");
    presses("takeover", json!({"agent_id": raka}));
    assert_eq!((&there(world)["agent_ids"], &room.now()["assignee"]), (&json!([RAKA]), &json!(raka)));
    world.has_heard_all();
    assert_eq!(room.facts("room_taken").len(), 1, "that he is there is no news");
    presses("return", json!({}));
    assert_eq!((&there(world)["agent_ids"], &room.now()["control"]), (&json!([]), &json!("bot")));
    presses("resolve", json!({"reason_code": "answered", "note": "by telephone"}));
    assert_eq!((&there(world)["status"], &room.now()["status"]), (&json!("resolved"), &json!("resolved")));
    world.has_heard_all();
    let ends = room.facts("conversation_resolved");
    assert_eq!((ends.len(), &ends[0]["note"]), (1, &json!("by telephone")));
    assert_eq!(ai_agent.gets(resolve("answered")).result()["changed"], false);
    world.crm().knew_every_key();
    room.timeline();
}

/// A person said so: the AI agent is silent, whatever the channel knows of that person. And people can see that there it is not so.
pub fn a_takeover_that_the_channel_refuses_stands_and_is_shown(world: &mut World) {
    world.has_a_channel();
    let ana = known_here(world, "Ana", "ana@acme.example");
    let (ai_agent, room) = a_conversation(world);
    let takes = || {
        let told = room.door.send("POST", &room.path("/takeover"), Some(&json!({"agent_id": ana})));
        assert_eq!((told.http, &told.body["changed"]), (200, &json!(true)), "{told:?}");
        told.body["call_id"].as_str().unwrap().to_owned()
    };
    let call_id = takes();
    let ended = || Some(world.admin().call(&call_id).body).filter(|call| call["status"] == "refused");
    let call = eventually("it is refused there", ended);
    assert_eq!(call["error"]["code"], "unknown_agent", "{call}");
    assert!(call["error"]["message"].as_str().unwrap().starts_with("Ana has this conversation here."), "{call}");
    let now = room.now();
    assert_eq!((&now["control"], &now["assignee"]), (&json!("person"), &json!(ana)));
    assert_eq!(now["not_in_channel"], json!({"call_id": call_id, "status": "refused", "code": "unknown_agent"}));
    assert_eq!(ai_agent.gets(resolve("answered").id("r1")).code(), "human_in_control");
    let told = room.facts("call_answered").into_iter().find(|event| event["call_id"] == call_id.as_str()).expect("it is told");
    assert_eq!((&told["status"], &told["code"]), (&json!("refused"), &json!("unknown_agent")));
    assert_eq!((writes(world), &there(world)["agent_ids"]), (vec![], &json!([])), "nobody was sent in");
    // By her own button she tries once more; then somebody is given it there, and that is what counts.
    assert_ne!(takes(), call_id);
    eventually("refused again", || (room.now()["not_in_channel"]["call_id"] != call_id.as_str()).then_some(()));
    world.crm().is_given_to(ROOM, RAKA);
    eventually("he has it", || (room.now()["assignee"] == RAKA).then_some(()));
    assert_eq!(room.now()["not_in_channel"], Value::Null);
}

pub fn nothing_is_started_once_a_person_has_it(world: &mut World) {
    world.has_a_channel();
    let ana = known_here(world, "Ana", "ana@acme.example");
    let (ai_agent, room) = a_conversation(world);
    // Between the call's decision and its first word to the channel lies this look.
    world.crm().holds("GET /api/open/v1/rooms/{id}/agents/assignable");
    let under_way = ai_agent.door.begins(ai_agent.getting(&[assign_to("Raka Umpama")]));
    world.crm().is_at_it();
    let taken = room.door.send("POST", &room.path("/takeover"), Some(&json!({"agent_id": ana})));
    assert_eq!((taken.http, &taken.body["changed"]), (200, &json!(true)), "{taken:?}");
    world.crm().lets_go();
    let answer = under_way.answer().expect("an answer");
    assert_eq!(answer.code(), "human_in_control", "{answer:?}");
    assert_eq!((writes(world).len(), &there(world)["agent_ids"]), (0, &json!([])), "nothing was said there");
    assert_eq!(room.now()["assignee"], json!(ana));
    // Tags go on.
    assert_eq!(ai_agent.gets(create_tag(&["vip"])).result()["added"], json!(["vip"]));
    assert_eq!(writes(world), ["POST /tags"]);
}

pub fn a_person_who_is_chosen_there_meanwhile_has_it(world: &mut World) {
    world.has_a_channel();
    let (ai_agent, room) = a_conversation(world);
    world.crm().holds("POST /api/open/v1/rooms/{id}/tags");
    let tagging = ai_agent.door.begins(ai_agent.getting(&[create_tag(&["vip"])]));
    world.crm().is_at_it();
    // Decided, and behind the tag on its way: Raka is not of that division.
    let assigning = ai_agent.door.begins(ai_agent.getting(&[assign_to_division("BILLING")]));
    eventually("somebody is asked for", || (room.now()["control"] == "queue").then_some(()));
    world.crm().is_given_to(ROOM, RAKA);
    eventually("he has it", || (room.now()["assignee"] == RAKA).then_some(()));
    world.crm().lets_go();
    assert_eq!(tagging.answer().expect("an answer").statuses(), ["succeeded"]);
    assert_eq!(assigning.answer().expect("an answer").code(), "human_in_control");
    // The first is how he was given it there; nobody was sent in, or out, by us.
    let expected = vec![format!("POST /agents/{RAKA}"), "POST /tags".to_owned()];
    assert_eq!((&there(world)["agent_ids"], writes(world)), (&json!([RAKA]), expected));
    assert_eq!((&room.now()["assignee"], room.facts("room_taken").len()), (&json!(RAKA), 1));
}

pub fn a_kill_between_coming_and_leaving_is_gone_on_from(world: &mut World) {
    world.has_a_channel();
    let (ai_agent, room) = a_conversation(world);
    world.crm().is_given_to(ROOM, RAKA);
    eventually("he has it", || (room.now()["assignee"] == RAKA).then_some(()));
    world.admin().set(&json!({"people": {"while_person_controls": {"room": "allow"}}}));
    world.crm().holds("DELETE /api/open/v1/rooms/{id}/agents/{user}");
    let under_way = ai_agent.door.begins(ai_agent.getting(&[assign_to("Tari Rekaan").id("c1")]));
    world.crm().is_at_it();
    world.dies_and_comes_back();
    world.crm().lets_go();
    drop(under_way.answer());
    eventually("she has it alone", || (there(world)["agent_ids"] == json!([TARI])).then_some(()));
    let ends = || (world.admin().call("c1").body["status"] == "succeeded").then_some(());
    eventually("the call ends well", ends);
    assert_eq!(world.admin().room(ROOM).now()["assignee"], TARI);
    let came = writes(world).into_iter().filter(|line| *line == format!("POST /agents/{TARI}")).count();
    assert_eq!(came, 1, "what was done is not said again");
    room.timeline();
}

pub fn a_resolve_counts_when_the_channel_says_so_by_itself(world: &mut World) {
    world.has_a_channel();
    let (ai_agent, room) = a_conversation(world);
    world.crm().holds("PUT /api/open/v1/rooms/{id}/resolve");
    let under_way = ai_agent.door.begins(ai_agent.getting(&[resolve("answered")]));
    world.crm().is_at_it();
    // From here on nobody can read how it stands there.
    world.crm().has("GET /api/open/v1/rooms/{id}", "status_500_html", 1.0);
    world.crm().lets_go();
    let answer = under_way.answer().expect("an answer");
    assert_eq!((&answer.result()["changed"], &room.now()["status"]), (&json!(true), &json!("resolved")), "{answer:?}");
    let ends = room.facts("conversation_resolved");
    assert_eq!((ends.len(), &ends[0]["reason_code"], &ends[0]["cause_kind"]), (1, &json!("answered"), &json!("call")));
    assert_eq!(writes(world), ["PUT /resolve"]);
}

/// How the last person was chosen, for operators who ask.
fn because(room: &Room) -> Value {
    room.facts("agent_assigned").last().expect("an assignment")["because"].clone()
}

pub fn who_is_chosen_is_said_with_the_reason(world: &mut World) {
    world.has_a_channel();
    let (ai_agent, room) = a_conversation(world);
    let is_nobodys = || {
        // Heard only after the return, that they were let in would be somebody's doing.
        world.has_heard_all();
        is_returned(&room);
        eventually("nobody has it there", || (there(world)["agent_ids"] == json!([])).then_some(()));
        world.has_heard_all();
    };
    // There is no way to assign to a division there: of its people who have room we choose the least busy one.
    for n in 2..4 {
        let other = format!("7b000000-0000-4000-8000-{n:012}");
        world.crm().conversation(&other, "6281200000002");
        world.crm().is_given_to(&other, TARI);
    }
    let given = ai_agent.gets(assign_to_division("BILLING"));
    assert_eq!(given.result()["agent"]["id"], LALA, "{given:?}");
    let why = because(&room);
    let candidates: Vec<(&Value, &Value)> =
        why["candidates"].as_array().unwrap().iter().map(|one| (&one["agent_id"], &one["load"])).collect();
    assert_eq!(
        (&why["strategy"], candidates[0], candidates[1]),
        (&json!("bellhop_pick"), (&json!(LALA), &json!(0)), (&json!(TARI), &json!(2)))
    );
    assert_eq!((there(world)["agent_ids"].clone(), writes(world)), (json!([LALA]), vec![format!("POST /agents/{LALA}")]));

    // Anybody: the channel's own allocator chooses.
    is_nobodys();
    let given = ai_agent.gets(assign_to_anyone().id("a2"));
    let drawn = given.result()["agent"]["id"].clone();
    assert_eq!((&because(&room)["strategy"], &there(world)["agent_ids"]), (&json!("qontak_round_robin"), &json!([drawn])));
    // Where it is switched off, we do.
    is_nobodys();
    world.crm().behaves(&json!({"allocation_active": false}));
    let given = ai_agent.gets(assign_to_anyone().id("a3"));
    let chosen = given.result()["agent"]["id"].as_str().unwrap().to_owned();
    assert_eq!((&because(&room)["strategy"], &there(world)["agent_ids"]), (&json!("bellhop_pick"), &json!([chosen])));
    let asked = writes(world);
    assert_eq!(asked[asked.len() - 2..], ["POST /assign_round_robin".to_owned(), format!("POST /agents/{chosen}")]);
    assert_eq!(room.now()["assignee"], json!(chosen));
    assert_eq!(room.facts("room_taken").len(), 0, "our own doing is not somebody's takeover");
    world.crm().knew_every_key();
}

pub fn a_tag_that_is_refused_keeps_no_other_off(world: &mut World) {
    world.has_a_channel();
    let (ai_agent, room) = a_conversation(world);
    world.crm().has_once("POST /api/open/v1/rooms/{id}/tags", "meta_422_in_200");
    let told = ai_agent.gets(create_tag(&["one", "two", "three"]));
    assert_eq!((&told.result()["added"], &told.result()["failed"][0]["tag"]), (&json!(["two", "three"]), &json!("one")));
    assert_eq!((&there(world)["tags"], room.tags()), (&json!(["two", "three"]), vec!["two".to_owned(), "three".to_owned()]));
    assert_eq!(writes(world), ["POST /tags"; 3], "one request for each");
}

pub fn the_gateway_is_spoken_to_with_signatures(world: &mut World) {
    let standin = ["--hmac-client-id", "client-1", "--hmac-client-secret", "canary-hmac", "--strict-digest"];
    world.has_a_crm_with(&standin, crate::world::crm::TOKEN, &[]);
    let credentials = |secret: &str| json!({"client_id": "client-1", "client_secret": secret}).to_string();
    let path = world.is_told_the_channel_by("acme", &credentials("canary-hmac"), &["--dialect", "gateway"]);
    world.is_told_of_the_channel(&path);
    let (ai_agent, room) = a_conversation(world);
    assert_eq!(ai_agent.gets(create_tag(&["ü & more"])).result()["added"], json!(["ü & more"]));
    assert_eq!(ai_agent.gets(assign_to("Tari Rekaan")).result()["agent"]["id"], TARI);
    // Heard only after the return, that she was let in would be somebody's doing.
    world.has_heard_all();
    is_returned(&room);
    assert_eq!(ai_agent.gets(resolve("answered")).result()["changed"], true);
    assert_eq!((&there(world)["status"], &there(world)["tags"]), (&json!("resolved"), &json!(["ü & more"])));
    let ours = world.crm().journal_of(&format!("path={ROOM}"));
    let at_the_gateway = ours.iter().filter(|line| line["path"].as_str().unwrap().starts_with("/qontak/chat/v1/"));
    assert_eq!(at_the_gateway.count(), ours.len(), "{ours:?}");
    world.crm().knew_every_key();
    // Nothing is known of messages there (section 5, 8).
    assert!(world.admin().adds_file("map", "map.png", &crate::world::file::png(7)).http < 300);
    let sends = || ai_agent.gets(calls("send_attachment", json!({"attachment": "map"})));
    eventually("the library is known", || (sends().code() != "unknown_attachment").then_some(()));

    // A signature with another secret is refused, which refuses no call: it goes on once the secret is right.
    let other = "7b000000-0000-4000-8000-000000000009";
    world.is_told_the_channel_by("acme", &credentials("canary-wrong"), &["--dialect", "gateway"]);
    world.a_customer_writes(other, "6281200000003", "hello");
    let waits = world.ai_agent().room(other).gets_within(1, create_tag(&["late"]).id("g1"));
    assert_eq!(waits.http, 202, "{waits:?}");
    eventually("it is seen", || (world.admin().get("/v1/channel").body["token"] == "refused").then_some(()));
    world.is_told_the_channel_by("acme", &credentials("canary-hmac"), &["--dialect", "gateway"]);
    eventually("it goes on", || (world.admin().call("g1").body["status"] == "succeeded").then_some(()));
    assert!(!world.log().contains("canary-"), "a secret was told");
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
