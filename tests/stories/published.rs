//! What an AI agent may do is what was published for it: whole revisions, in force at once, whatever a builder does meanwhile. And
//! until something is published it may do everything.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use crate::world::call::Answer;
use crate::world::file::{parts, png, sha256};
use crate::world::{Call, Door, Room, World, assign_to_anyone, calls, create_tag, eventually, resolve};

on_both_databases!(
    what_is_published_is_what_may_be_called,
    a_published_tool_keeps_its_version_of_a_file,
    revisions_are_numbered_whoever_publishes_at_once,
);
on_sqlite_alone!(a_draft_that_makes_no_sense_is_told_why, what_waited_is_decided_by_what_is_in_force);

const ACTIONS: &str = "/v1/ai-agents/sales/actions";

fn publish(door: &Door, body: &Value) -> Answer {
    door.send("POST", "/v1/ai-agents/sales/publish", Some(body))
}

/// A draft with these actions, and a revision of it: its number.
pub fn published(door: &Door, actions: &Value) -> i64 {
    let kept = door.send("PUT", ACTIONS, Some(&json!({ "actions": actions })));
    assert_eq!(kept.http, 200, "{kept:?}");
    let made = publish(door, &json!({}));
    assert_eq!(made.http, 201, "{made:?}");
    made.body["revision"].as_i64().unwrap()
}

/// Of equal calls without an id the second is a repeat of the first: each has one.
fn sends(file: &str) -> Call {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let id = format!("send-{}", NEXT.fetch_add(1, Ordering::Relaxed));
    calls("send_attachment", json!({"attachment": file, "repeat": true})).id(&id)
}

/// `create_tag` with two tags, and a resolve whose reason is not the model's to say.
fn two_actions() -> Value {
    json!([
        {"name": "create_tag", "description": "Mark how warm a lead is.", "allowed": {"tags": ["warm", "cold"]}},
        {"name": "resolve_conversation", "fixed": {"reason_code": "answered"}},
    ])
}

pub fn what_is_published_is_what_may_be_called(world: &mut World) {
    let (builder, operator) = (world.caller(&world.a_key("acme", "builder").0), world.admin());
    let (robot, room) = (world.ai_agent().room("web-1"), world.a_room("web-1"));
    let listed = || operator.all("/v1/ai-agents")[0].clone();
    assert_eq!((&listed()["id"], &listed()["revision"]), (&json!("sales"), &Value::Null));
    robot.gets(create_tag(&["free"]).id("before")).result();
    assert_eq!(operator.call("before").body["revision"], Value::Null);

    let kept = builder.send("PUT", ACTIONS, Some(&json!({"actions": two_actions()})));
    assert_eq!((kept.http, kept.headers["etag"].to_str().unwrap()), (200, "\"1\""), "{kept:?}");
    assert_eq!(operator.get(ACTIONS).body, json!({"actions": two_actions(), "revision": null}));
    robot.gets(create_tag(&["draft"])).result();
    let made = publish(&builder, &json!({"note": "The first."}));
    assert_eq!((made.http, &made.body["revision"], &made.body["tools"][0]["version"]), (201, &json!(1), &json!(1)), "{made:?}");
    assert_eq!(listed()["revision"], 1);

    only_two_actions(&robot);
    let refused = robot.gets(assign_to_anyone());
    assert_eq!(refused.only()["error"]["next"], "use_other_tool", "{refused:?}");
    assert_eq!(robot.gets(calls("think", json!({}))).code(), "unknown_tool", "only for names outside the catalog");
    assert!(robot.gets(create_tag(&["free"]).id("before")).replayed(), "what was answered stays answered");
    robot.gets(create_tag(&["warm"]).id("inside")).result();
    assert_eq!(operator.call("inside").body["revision"], 1);
    // People's own calls, and other AI agents', are not this one's.
    assert_eq!(room.gets(create_tag(&["by-hand"])).statuses(), ["succeeded"]);
    let support = world.caller(&another_ai_agent(world));
    support.room("web-1").gets(create_tag(&["support"])).result();

    world.dies_and_comes_back();
    let (robot, room) = (world.ai_agent().room("web-1"), world.admin().room("web-1"));
    only_two_actions(&robot);
    // What is fixed is filled in, and is what its call then is.
    robot.gets(calls("resolve_conversation", json!({"note": "All well."})).id("end")).result();
    assert_eq!(room.facts("conversation_resolved")[0]["reason_code"], "answered");
    rolled_back(world, &robot);
}

fn only_two_actions(robot: &Room) {
    assert_eq!(robot.gets(assign_to_anyone()).code(), "tool_disabled");
    let refused = robot.gets(create_tag(&["free", "warm"]));
    assert_eq!((refused.code(), &refused.only()["error"]["allowed"]), ("argument_invalid", &json!(["warm", "cold"])));
    assert_eq!(robot.gets(resolve("answered")).code(), "argument_not_allowed");
}

/// Another set of tools, and then the first one again, under a number of its own.
fn rolled_back(world: &World, robot: &Room) {
    let builder = world.caller(&world.a_key("acme", "builder").0);
    assert_eq!(published(&builder, &json!([{"name": "create_tag"}])), 2);
    robot.gets(create_tag(&["anything"])).result();
    let again = publish(&builder, &json!({"revision": 1}));
    assert_eq!((again.http, &again.body["revision"], &again.body["restored"]), (201, &json!(3), &json!(1)), "{again:?}");
    only_two_actions(robot);
    let all = builder.all("/v1/ai-agents/sales/revisions");
    assert_eq!(all.iter().map(|one| one["revision"].clone()).collect::<Vec<_>>(), [json!(3), json!(2), json!(1)]);
    assert_eq!((&all[2]["note"], &all[2]["tools"][0]["name"]), (&json!("The first."), &json!("create_tag")));
    assert!(all[2]["published_by"].as_str().unwrap().starts_with("key:"));
    let missing = publish(&builder, &json!({"revision": 9}));
    assert_eq!((missing.http, &missing.body["errors"][0]["pointer"]), (422, &json!("/revision")), "{missing:?}");
    // Nothing of it is left to call: that can be published too.
    assert_eq!(published(&builder, &json!([])), 4);
    assert_eq!(robot.gets(create_tag(&["warm"])).code(), "tool_disabled");
}

/// A key of the AI agent `support`.
fn another_ai_agent(world: &World) -> String {
    let made = world.command(&["key", "create", "--company", "acme", "--role", "agent", "--ai-agent", "support"]);
    let key = made["key"].as_str().unwrap().to_owned();
    eventually("it is known", || (world.caller(&key).get("/v1/rooms").http != 401).then_some(()));
    key
}

pub fn a_published_tool_keeps_its_version_of_a_file(world: &mut World) {
    let (admin, robot, room) = (world.admin(), world.ai_agent().room("web-1"), world.a_room("web-1"));
    for key in ["prices", "map"] {
        assert_eq!(admin.adds_file(key, &format!("{key}.png"), &png(1)).http, 201);
    }
    assert_eq!(published(&admin, &json!([{"name": "send_attachment", "files": ["prices"]}])), 1);
    let replace = |shade: u8| {
        let body = parts(&[], Some(("prices.png", &png(shade))));
        assert_eq!(admin.at_once(vec![admin.sending("PUT", "/v1/files/prices", body)])[0].http, 200);
    };
    replace(2);
    let sent_last = || {
        let sent = room.facts("attachment_sent");
        (sent.last().unwrap()["version"].clone(), sent.last().unwrap()["sha256"].clone())
    };
    robot.gets(sends("prices")).result();
    assert_eq!(sent_last(), (json!(1), json!(sha256(&png(1)))), "what was published");
    let support = world.caller(&another_ai_agent(world));
    support.room("web-1").gets(sends("prices")).result();
    assert_eq!(sent_last(), (json!(2), json!(sha256(&png(2)))), "what stands now");
    let unknown = robot.gets(sends("map"));
    assert_eq!((unknown.code(), unknown.only()["error"]["candidates"].as_array().unwrap().len()), ("unknown_attachment", 1));

    let users = admin.get("/v1/files/prices").body["used_by"].clone();
    assert_eq!(users, json!([{"ai_agent": "sales", "version": 1}]));
    let kept = admin.send("DELETE", "/v1/files/prices", None);
    assert_eq!((kept.http, kept.code(), &kept.body["used_by"]), (409, "file_in_use", &json!(["sales"])), "{kept:?}");
    // Nothing else has become of it.
    robot.gets(sends("prices")).result();
    assert_eq!(sent_last().0, json!(1));
    assert_eq!(publish(&admin, &json!({})).body["tools"][0]["version"], 2, "it is another tool now");
    robot.gets(sends("prices")).result();
    assert_eq!(sent_last().0, json!(2));

    // Taken out of everybody's hands, and given back.
    assert_eq!(admin.send("POST", "/v1/files/prices/archive", None).http, 200);
    assert_eq!(robot.gets(sends("prices")).code(), "unknown_attachment", "also where it was published");
    let gone = publish(&admin, &json!({}));
    assert_eq!((gone.http, &gone.body["errors"][0]["pointer"]), (422, &json!("/actions/0/files")), "{gone:?}");
    replace(3);
    robot.gets(sends("prices")).result();
    assert_eq!(sent_last().0, json!(2), "published is published");

    assert_eq!(published(&admin, &json!([{"name": "send_attachment", "files": ["map"]}])), 3);
    assert_eq!(admin.send("DELETE", "/v1/files/prices", None).http, 204);
    assert_eq!((admin.get("/v1/files/prices").http, admin.downloads("/v1/files/prices/content?version=1").0), (404, 404));
    assert!(room.facts("attachment_sent")[0].get("link").is_none(), "no link leads to it");
    assert_eq!(support.room("web-1").gets(sends("prices")).code(), "unknown_attachment");
    assert_eq!(admin.adds_file("prices", "prices.png", &png(4)).http, 409, "its name is not given anew");
    let lost = publish(&admin, &json!({"revision": 1}));
    assert_eq!((lost.http, &lost.body["candidates"]), (422, &json!(["map"])), "{lost:?}");
}

pub fn revisions_are_numbered_whoever_publishes_at_once(world: &mut World) {
    let admin = world.admin();
    published(&admin, &two_actions());
    let publishes = |_| {
        let admin = admin.clone();
        async move {
            let path = "/v1/ai-agents/sales/publish";
            admin.ask(reqwest::Method::POST, path, Some(&json!({})), &[]).await.expect("an answer")
        }
    };
    let answers = admin.at_once((0..12).map(publishes).collect());
    let told = |answer: &Answer| match answer.http {
        201 => answer.body["revision"].as_i64(),
        412 => None,
        _ => panic!("{answer:?}"),
    };
    let mut made: Vec<i64> = answers.iter().filter_map(told).collect();
    made.sort_unstable();
    assert_eq!(made, (2..2 + i64::try_from(made.len()).unwrap()).collect::<Vec<_>>(), "each number once, without a gap");
    assert!(!made.is_empty());
    assert_eq!(admin.all("/v1/ai-agents/sales/revisions").len(), made.len() + 1);

    // Two who write a draft: the second is told.
    let writes =
        |tag: &str| admin.try_send("PUT", ACTIONS, Some(&json!({"actions": two_actions()})), &[("if-match", tag)]).unwrap().http;
    let tag = admin.get(ACTIONS).headers["etag"].to_str().unwrap().to_owned();
    assert_eq!((writes(&tag), writes(&tag)), (200, 412));
    let stale = admin.try_send("POST", "/v1/ai-agents/sales/publish", Some(&json!({})), &[("if-match", &tag)]).unwrap();
    assert_eq!((stale.http, stale.code()), (412, "precondition_failed"), "what was not looked at is not published");
}

pub fn what_waited_is_decided_by_what_is_in_force(world: &mut World) {
    let (admin, robot, room) = (world.admin(), world.ai_agent().room("web-1"), world.a_room("web-1"));
    published(&admin, &json!([{"name": "create_tag"}, {"name": "assign_agent"}]));
    room.actor_is_told("pause");
    for (tag, id) in [("one", "c1"), ("two", "c2")] {
        assert_eq!(robot.gets_within(1, create_tag(&[tag]).id(id)).only()["parked_on"], "pause");
        if id == "c1" {
            room.actor_is_told("resume");
            eventually("it goes on", || (admin.call(id).body["status"] == "succeeded").then_some(()));
            room.actor_is_told("pause");
        }
    }
    published(&admin, &json!([{"name": "assign_agent"}]));
    room.actor_is_told("resume");
    let ended = eventually("it ends", || {
        let call = admin.call("c2");
        (call.body["status"] != "parked").then_some(call)
    });
    assert_eq!((&ended.body["status"], &ended.body["error"]["code"]), (&json!("refused"), &json!("tool_disabled")), "{ended:?}");
    assert_eq!((&ended.body["revision"], room.tags()), (&json!(1), vec!["one".to_owned()]), "let in under the first");
}

pub fn a_draft_that_makes_no_sense_is_told_why(world: &mut World) {
    let admin = world.admin();
    assert_eq!(publish(&admin, &json!({})).code(), "conflict", "there is no draft");
    let told = |action: Value| {
        let answer = admin.send("PUT", ACTIONS, Some(&json!({"actions": [{"name": "call_api"}, action]})));
        assert_eq!(answer.http, 422, "{answer:?}");
        let pointer = answer.body["errors"][0]["pointer"].as_str().unwrap_or_default().to_owned();
        (pointer, answer.body["candidates"][0].as_str().unwrap_or_default().to_owned())
    };
    let at = |pointer: &str, candidate: &str| (format!("/actions/1{pointer}"), candidate.to_owned());
    assert_eq!(told(json!({"name": "create_tags"})), at("/name", "create_tag"));
    assert_eq!(told(json!({"name": "call_api"})), at("/name", ""));
    assert_eq!(told(json!({"name": "create_tag", "description": " "})), at("/description", ""));
    assert_eq!(told(json!({"name": "create_tag", "fixed": {"tag": "a"}})), at("/fixed", "tags"));
    assert_eq!(told(json!({"name": "create_tag", "fixed": {"tags": 7}})), at("/fixed/tags", ""));
    assert_eq!(told(json!({"name": "create_tag", "fixed": {"tags": null}})), at("/fixed/tags", ""));
    let both = json!({"name": "create_tag", "fixed": {"tags": ["a"]}, "allowed": {"tags": ["a"]}});
    assert_eq!(told(both), at("/allowed", ""));
    assert_eq!(told(json!({"name": "create_tag", "allowed": {"tags": []}})), at("/allowed/tags", ""));
    assert_eq!(told(json!({"name": "create_deal", "allowed": {"amount": ["7"]}})), at("/allowed/amount", ""));
    assert_eq!(told(json!({"name": "assign_agent", "allowed": {"mode": ["somebody"]}})), at("/allowed/mode", ""));
    assert_eq!(told(json!({"name": "create_tag", "files": ["map"]})), at("/files", ""));
    assert_eq!(told(json!({"name": "send_attachment"})), at("/files", ""));
    assert_eq!(told(json!({"name": "send_attachment", "files": ["map", "map"]})), at("/files", ""));
    assert_eq!(told(json!({"name": "send_attachment", "files": ["m"], "fixed": {"attachment": "m"}})).0, "/actions/1/fixed");
    assert_eq!(told(json!({"name": "create_tag", "colour": "red"})).0, "");
    assert_eq!(admin.get(ACTIONS).body["actions"], Value::Null, "and nothing was kept");
    assert_eq!(admin.get("/v1/ai-agents/nobody/actions").http, 404);
    assert_eq!(admin.send("POST", "/v1/ai-agents/nobody/publish", Some(&json!({}))).http, 404);
}
