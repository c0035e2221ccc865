//! What becomes of a file is told also long after others were sent: to people, in its call, and to the model.

use serde_json::{Value, json};

use crate::attachments;
use crate::world::file::png;
use crate::world::{Room, World, calls, create_tag, eventually};

on_both_databases!(what_failed_after_many_others_is_told);
on_sqlite_alone!(so_it_is_in_the_chat_that_names_its_messages_alone);

const RINA: &str = "6281200000009";
/// More than a room remembers.
const MANY: usize = 21;

fn sends(file: &str, id: &str) -> crate::world::Call {
    calls("send_attachment", json!({"attachment": file, "repeat": true})).id(id)
}

/// One file, and then many of another.
fn sends_many(robot: &Room, first: &str, other: &str) {
    assert_eq!(robot.gets(sends(first, "first")).result()["status"], "accepted");
    for n in 0..MANY {
        assert_eq!(robot.gets_within(25, sends(other, &format!("other-{n}"))).result()["status"], "accepted");
    }
}

fn is_told(world: &World, robot: &Room, file: &str) {
    let room = world.admin().room(&robot.id);
    let failed = || room.facts("delivery_moved").into_iter().find(|step| step["status"] == "failed");
    let told = eventually("it stands in the timeline", failed);
    assert_eq!((&told["call_id"], &told["older"]["attachment"]), (&json!("first"), &json!(file)), "{told}");
    assert_eq!(robot.door.call("first").body["delivery"]["status"], "failed");
    let known = |room: &Room| -> Vec<Value> { room.now()["deliveries"].as_array().unwrap().clone() };
    assert!(known(&room).iter().any(|one| one["call_id"] == "first" && one["status"] == "failed"), "people see it");
    let notices = robot.gets(create_tag(&["vip"])).body["room"]["notices"].clone();
    let words = notices[0].as_str().unwrap_or_default();
    assert!(words.contains(&format!("`{file}`")) && words.contains("did not reach the customer"), "{notices}");
}

pub fn what_failed_after_many_others_is_told(world: &mut World) {
    world.has_whatsapp();
    for (key, seed) in [("map", 7), ("card", 9)] {
        assert_eq!(world.admin().adds_file(key, &format!("{key}.png"), &png(seed)).http, 201);
    }
    let robot = world.customer_on_whatsapp(RINA);
    let nothing = || robot.gets(calls("send_attachment", json!({"attachment": "nothing"})));
    eventually("the library is known", || (nothing().only()["error"]["candidates"].as_array()?.len() == 2).then_some(()));
    sends_many(&robot, "map", "card");
    world.has_heard_all();
    let before = world.admin().room(&robot.id).facts("delivery_moved").len();
    let first = world.crm().got_on_whatsapp(RINA)[0]["id"].clone();
    // That it went on is no news worth a newer one's place.
    world.crm().tells_status(&first, "read");
    world.has_heard_all();
    assert_eq!(world.admin().room(&robot.id).facts("delivery_moved").len(), before);
    world.crm().tells_status(&first, "failed");
    is_told(world, &robot, "map");
    world.dies_and_comes_back();
    let robot = world.ai_agent().room(&robot.id);
    assert_eq!(robot.door.call("first").body["delivery"]["status"], "failed");
}

pub fn so_it_is_in_the_chat_that_names_its_messages_alone(world: &mut World) {
    let path = world.has_a_channel();
    let robot = attachments::a_conversation_in(world);
    sends_many(&robot, "brochure", "map");
    world.has_heard_all();
    let first = attachments::arrived(world)[0]["id"].clone();
    let failed = json!({
        "id": first, "type": "document", "room_id": robot.id, "text": null, "participant_type": "bot", "sender_id": "bot",
        "status": "failed", "file": {"filename": "brochure.pdf", "size": 40_000}, "created_at": jiff::Timestamp::now().to_string(),
        "webhook_event": "message_interaction", "data_event": "status_message",
    });
    assert_eq!(world.outside().send("POST", &path, Some(&failed)).http, 200);
    is_told(world, &robot, "brochure");
}
