//! What people decide: whether a call may run and with what, and who has a conversation, how it is tagged and when it is over.

use serde_json::{Value, json};

use crate::world::call::Answer;
use crate::world::{Door, Room, World, create_tag, eventually, resolve};

on_both_databases!(a_yes_runs_the_very_call, a_person_takes_a_room_and_gives_it_back);

on_sqlite_alone!(a_no_ends_it, what_people_may_not_say);

fn decide(door: &Door, call: &str, what: &str, body: Option<&Value>) -> Answer {
    door.send("POST", &format!("/v1/function-calls/{call}/{what}"), body)
}

fn does(room: &Room, what: &str, body: &Value) -> Answer {
    room.door.send("POST", &room.path(&format!("/{what}")), Some(body))
}

fn ends_as(world: &World, call: &str, status: &str) {
    eventually("the call ends", || (world.admin().call(call).body["status"] == status).then_some(()));
}

/// A room whose AI agent's tags wait for a yes, with one such call in it.
fn a_call_that_waits(world: &World) -> Room {
    world.admin().set(&json!({"people": {"approvals": [{"action": "create_tag"}]}}));
    let room = world.a_room("web-1");
    let waits = world.ai_agent().room("web-1").gets_within(1, create_tag(&["vip"]).id("c1"));
    assert_eq!((&waits.only()["status"], &waits.only()["parked_on"]), (&json!("parked"), &json!("approval")), "{waits:?}");
    room
}

pub fn a_yes_runs_the_very_call(world: &mut World) {
    let room = a_call_that_waits(world);
    let (key, _) = world.a_key("acme", "operator");
    let operator = world.caller(&key);
    // An operator finds it, and sees what it would do.
    let waiting = operator.all("/v1/function-calls?status=parked");
    assert_eq!(waiting.len(), 1);
    assert_eq!((&waiting[0]["parked_on"], &waiting[0]["arguments"]), (&json!("approval"), &json!({"tags": ["vip"]})));
    // Its own caller may not, and a restart forgets nothing.
    assert_eq!(decide(&world.ai_agent(), "c1", "approve", None).http, 403);
    world.dies_and_comes_back();
    let yes = decide(&operator, "c1", "approve", None);
    assert_eq!((yes.http, &yes.body["status"]), (200, &json!("succeeded")), "{yes:?}");
    assert!(yes.body.get("arguments").is_none());
    assert_eq!(room.tags(), ["vip"]);
    let approved = &room.facts("call_approved")[0];
    assert_eq!((&approved["call_id"], &approved["cause_kind"]), (&json!("c1"), &json!("request")));
    assert!(approved["by"].as_str().unwrap().starts_with("key:"));
    // The same yes is told what came of it; another one comes too late.
    let again = decide(&operator, "c1", "approve", None);
    assert_eq!((again.http, &again.body["status"]), (200, &json!("succeeded")), "{again:?}");
    let other = json!({"arguments": {"tags": ["other"]}});
    assert_eq!(decide(&operator, "c1", "approve", Some(&other)).code(), "already_final");
    assert_eq!((room.facts("call_approved").len(), room.tags()), (1, vec!["vip".to_owned()]), "once");

    // With other arguments: it runs as they are written.
    let ai_agent = world.ai_agent().room("web-1");
    ai_agent.gets_within(1, create_tag(&["gold"]).id("c2"));
    let edited = json!({"arguments": {"tags": ["silver"]}});
    assert_eq!(decide(&operator, "c2", "approve", Some(&edited)).http, 200);
    assert_eq!(room.tags(), ["vip", "silver"]);
    // The same call again is answered with what came of it.
    assert!(ai_agent.gets(create_tag(&["gold"]).id("c2")).replayed());
}

pub fn a_no_ends_it(world: &mut World) {
    let room = a_call_that_waits(world);
    let no = decide(&world.admin(), "c1", "reject", Some(&json!({"reason": "Not this one."})));
    assert_eq!((no.http, &no.body["status"], &no.body["error"]["code"]), (200, &json!("refused"), &json!("not_approved")));
    assert!(room.tags().is_empty());
    assert_eq!(decide(&world.admin(), "c1", "approve", None).code(), "already_final");
    let late = world.ai_agent().room("web-1").gets_within(1, create_tag(&["late"]).id("c2"));
    assert_eq!(late.only()["status"], "parked");
    assert_eq!(decide(&world.admin(), "c2", "cancel", None).http, 200);
    ends_as(world, "c2", "cancelled");
}

pub fn a_person_takes_a_room_and_gives_it_back(world: &mut World) {
    let room = world.a_room("web-1");
    let ana = world.admin().an_agent("Ana", 5, &[]);
    let taken = does(&room, "takeover", &json!({"agent_id": ana}));
    assert_eq!((taken.http, &taken.body["changed"], &taken.body["room"]["control"]), (200, &json!(true), &json!("person")));
    assert_eq!(does(&room, "takeover", &json!({"agent_id": ana})).body["changed"], false);
    assert_eq!(room.now()["assignee"], json!(ana));
    let ai_agent = world.ai_agent().room("web-1");
    assert_eq!(ai_agent.gets(resolve("answered")).code(), "human_in_control");
    ai_agent.gets(create_tag(&["seen"])).result();
    world.dies_and_comes_back();
    let returned = does(&room, "return", &json!({"reason": "Yours again."}));
    assert_eq!((returned.http, &returned.body["room"]["control"]), (200, &json!("bot")));
    assert_eq!(room.facts("room_returned")[0]["reason"], "Yours again.");

    assert_eq!(does(&room, "tags", &json!({"tags": ["VIP", "two words"]})).http, 200);
    assert_eq!(room.tags(), ["seen", "VIP", "two words"]);
    for (tag, changed) in [("two%20words", true), ("vip", true), ("nothing", false)] {
        let gone = room.door.send("DELETE", &room.path(&format!("/tags/{tag}")), None);
        assert_eq!((gone.http, &gone.body["changed"]), (200, &json!(changed)), "{tag}");
    }
    assert_eq!(room.tags(), ["seen"]);

    let over = does(&room, "resolve", &json!({"reason_code": "answered", "note": "By phone."}));
    assert_eq!((over.http, &over.body["room"]["status"]), (200, &json!("resolved")));
    assert_eq!(does(&room, "resolve", &json!({"reason_code": "spam"})).body["changed"], false);
    assert_eq!(does(&room, "takeover", &json!({"agent_id": ana})).code(), "room_resolved");
    assert_eq!(does(&room, "return", &json!({})).code(), "room_resolved");
}

pub fn what_people_may_not_say(world: &mut World) {
    let room = a_call_that_waits(world);
    let many: Vec<String> = (0..10_000).map(|n| format!("tag {n}")).collect();
    for (what, body, http) in [
        ("takeover", json!({"agent_id": "agt_nobody"}), 422),
        ("takeover", json!({"agent_id": "two words"}), 422),
        ("takeover", json!({}), 422),
        ("tags", json!({"tags": []}), 422),
        ("tags", json!({"tags": many}), 422),
        ("tags", json!({"tags": [""]}), 422),
        ("tags", json!({"tags": ["x".repeat(5_000)]}), 422),
        ("resolve", json!({"reason_code": "because"}), 422),
        ("resolve", json!({"note": "no reason"}), 422),
        ("return", json!({"reason": ""}), 422),
    ] {
        assert_eq!(does(&room, what, &body).http, http, "{what} {}", &body.to_string()[..body.to_string().len().min(80)]);
    }
    for (what, body, http) in [
        ("approve", json!({"arguments": []}), 422),
        ("approve", json!({"arguments": {"tag": "vip"}}), 422),
        ("approve", json!({"argument": {}}), 422),
        ("reject", json!({}), 422),
        ("reject", json!({"reason": " "}), 422),
    ] {
        let answer = decide(&world.admin(), "c1", what, Some(&body));
        assert_eq!(answer.http, http, "{what} {body}: {answer:?}");
    }
    let nowhere = world.admin().room("none");
    let ana = world.admin().an_agent("Ana", 5, &[]);
    for (what, body) in [
        ("takeover", json!({"agent_id": ana})),
        ("tags", json!({"tags": ["vip"]})),
        ("resolve", json!({"reason_code": "answered"})),
        ("return", json!({})),
    ] {
        assert_eq!(does(&nowhere, what, &body).http, 404, "{what}");
    }
    assert_eq!(decide(&world.admin(), "nothing", "approve", None).http, 404);
    assert_eq!(world.admin().call("c1").body["status"], "parked", "and it still waits");
    assert!(room.tags().is_empty());
}
