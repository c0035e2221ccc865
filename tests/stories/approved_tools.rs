//! A yes is for the very tool that was asked for: when it, or the file it would send, is another by then, nothing runs; and whatever
//! else a builder publishes meanwhile voids nothing.

use serde_json::{Value, json};

use crate::published::published;
use crate::world::call::Answer;
use crate::world::file::{parts, png};
use crate::world::{Call, Door, Room, World, calls, create_tag, eventually};

on_both_databases!(a_yes_is_for_the_tool_that_was_asked_for, a_yes_is_for_the_file_as_it_was);
on_sqlite_alone!(a_yes_that_has_to_wait_is_looked_at_again);

/// A room whose AI agent's tags and files wait for a yes.
fn a_careful_room(world: &World) -> (Room, Room) {
    world.admin().set(&json!({"people": {"approvals": [{"action": "create_tag"}, {"action": "send_attachment"}]}}));
    for key in ["prices", "map"] {
        assert_eq!(world.admin().adds_file(key, &format!("{key}.png"), &png(1)).http, 201);
    }
    (world.ai_agent().room("web-1"), world.a_room("web-1"))
}

fn waits(robot: &Room, call: Call) {
    let waiting = robot.gets_within(1, call);
    assert_eq!(waiting.only()["parked_on"], "approval", "{waiting:?}");
}

fn approve(door: &Door, call: &str, body: &Value) -> Answer {
    let answer = door.send("POST", &format!("/v1/function-calls/{call}/approve"), Some(body));
    assert_eq!(answer.http, 200, "{answer:?}");
    answer
}

fn is_void(answer: &Answer) {
    let told = (&answer.body["status"], &answer.body["error"]["code"]);
    assert_eq!(told, (&json!("refused"), &json!("tool_changed")), "{answer:?}");
}

fn sends(file: &str, id: &str) -> Call {
    calls("send_attachment", json!({"attachment": file, "repeat": true})).id(id)
}

fn replace(door: &Door, key: &str, shade: u8) {
    let body = parts(&[], Some(("new.png", &png(shade))));
    assert_eq!(door.at_once(vec![door.sending("PUT", &format!("/v1/files/{key}"), body)])[0].http, 200);
}

fn versions_sent(room: &Room) -> Vec<(Value, Value)> {
    room.facts("attachment_sent").iter().map(|sent| (sent["attachment"].clone(), sent["version"].clone())).collect()
}

pub fn a_yes_is_for_the_tool_that_was_asked_for(world: &mut World) {
    let (robot, room) = a_careful_room(world);
    let admin = world.admin();
    let [tags, files] = [json!({"name": "create_tag"}), json!({"name": "send_attachment", "files": ["prices"]})];
    published(&admin, &json!([tags, files]));
    for (tag, id) in [("one", "t1"), ("two", "t2"), ("three", "t3")] {
        waits(&robot, create_tag(&[tag]).id(id));
    }
    waits(&robot, sends("prices", "s1"));
    waits(&robot, sends("prices", "s2"));
    // Another action, another file of the same tool: nothing that was asked for.
    let more = json!({"name": "send_attachment", "files": ["prices", "map"]});
    published(&admin, &json!([tags, more, {"name": "resolve_conversation"}]));
    world.dies_and_comes_back();
    let (admin, room) = (world.admin(), world.admin().room(&room.id));
    assert_eq!(approve(&admin, "t1", &json!({})).body["status"], "succeeded");
    assert_eq!(approve(&admin, "s1", &json!({})).body["status"], "succeeded");
    // A file that is replaced is published still as it was; the next revision sends another.
    replace(&admin, "prices", 2);
    published(&admin, &json!([{"name": "create_tag", "description": "Only for warm leads."}, more]));
    is_void(&approve(&admin, "t2", &json!({})));
    is_void(&approve(&admin, "s2", &json!({})));
    // Also with other arguments, and when it is taken away altogether.
    published(&admin, &json!([]));
    is_void(&approve(&admin, "t3", &json!({"arguments": {"tags": ["four"]}})));
    assert_eq!((room.tags(), versions_sent(&room)), (vec!["one".to_owned()], vec![(json!("prices"), json!(1))]));
    let ends: Vec<Value> = room.facts("call_answered").into_iter().filter(|end| end["code"] == "tool_changed").collect();
    assert_eq!(ends.len(), 3, "and the journal says why: {ends:?}");
}

pub fn a_yes_is_for_the_file_as_it_was(world: &mut World) {
    // Nothing is published: what may be sent is what stands in the library.
    let (robot, room) = a_careful_room(world);
    let admin = world.admin();
    for id in ["s1", "s2", "s3"] {
        waits(&robot, sends("prices", id));
    }
    replace(&admin, "map", 3);
    assert_eq!(admin.adds_file("another", "another.png", &png(4)).http, 201);
    assert_eq!(approve(&admin, "s1", &json!({})).body["status"], "succeeded");
    replace(&admin, "prices", 2);
    is_void(&approve(&admin, "s2", &json!({})));
    // Who says which file it is to be has seen it.
    let edited = json!({"arguments": {"attachment": "map", "repeat": true}});
    assert_eq!(approve(&admin, "s3", &edited).body["status"], "succeeded");
    assert_eq!(versions_sent(&room), [(json!("prices"), json!(1)), (json!("map"), json!(2))]);
}

pub fn a_yes_that_has_to_wait_is_looked_at_again(world: &mut World) {
    let (robot, room) = a_careful_room(world);
    let admin = world.admin();
    waits(&robot, sends("prices", "s1"));
    waits(&robot, sends("map", "s2"));
    room.actor_is_told("pause");
    for id in ["s1", "s2"] {
        assert_eq!(approve(&admin, id, &json!({})).body["parked_on"], "pause");
    }
    replace(&admin, "prices", 2);
    room.actor_is_told("resume");
    let ended =
        |id: &str, status: &str| eventually("it has ended", || (admin.call(id).body["status"] == status).then(|| admin.call(id)));
    is_void(&ended("s1", "refused"));
    ended("s2", "succeeded");
    assert_eq!(versions_sent(&room), [(json!("map"), json!(1))]);
}
