//! The story of the demo: what a newcomer should see once, each told from real answers of the real server. Here is what a room
//! does; `crm_story` goes on with the CRM.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::book::Book;
use super::robot::{Robot, create_tag};
use super::{DIVISION, Stage, crm_story, file_story};
use crate::cli::Failure;
use crate::cli::output::Paint;
use crate::room::{RoomAddress, RoomId};

/// The rooms that these chapters make, for the comparison afterwards.
pub const ROOMS: [&str; 7] = ["demo-busy", "demo-twice", "demo-crash", "demo-pause", "demo-person", "demo-resolve", "demo-taken"];
/// Calls posted at one room at once.
const AT_ONCE: usize = 50;
/// A company's room holds 30 tags.
const TAGS: usize = 25;

/// Tells it all. What did not happen as told is named at the end, not hidden.
pub async fn tell(stage: &Stage<'_>, robot: &Robot, book: &Book) -> Result<Vec<String>, Failure> {
    let mut surprises = vec![];
    for (room, name) in ROOMS.iter().zip(["Ana", "Ben", "Cleo", "Dewi", "Eka", "Fay", "Gita"]) {
        robot.open(room, name).await?;
        robot.customer_says(room, "Hello, can somebody help me?").await?;
    }
    at_once(stage, robot, &mut surprises).await?;
    twice(stage, robot, &mut surprises).await?;
    crash(stage, robot, &mut surprises).await?;
    pause(stage, robot, &mut surprises).await?;
    person(stage, robot, &mut surprises).await?;
    resolve(stage, robot, &mut surprises).await?;
    taken(stage, robot, &mut surprises).await?;
    crm_story::tell(stage, robot, book, &mut surprises).await?;
    file_story::tell(stage, robot, book, &mut surprises).await?;
    Ok(surprises)
}

pub fn expect(surprises: &mut Vec<String>, holds: bool, what: &str, found: &Value) {
    if !holds {
        surprises.push(format!("{what}: {found}"));
    }
}

pub async fn chapter(stage: &Stage<'_>, number: usize, title: &str) {
    if stage.leisurely {
        tokio::time::sleep(Duration::from_millis(1_000)).await;
    }
    stage.output.tell(&format!("\n{}", stage.output.paint(Paint::Strong, &format!("{number}. {title}"))));
}

async fn at_once(stage: &Stage<'_>, robot: &Robot, surprises: &mut Vec<String>) -> Result<(), Failure> {
    chapter(stage, 1, "Fifty function-calls at one room, all at once").await;
    let room = ROOMS[0];
    let posts = (0..AT_ONCE).map(|n| async move {
        let calls = [create_tag(&format!("busy-{n}"), &format!("topic {}", n % TAGS))];
        robot.calls(room, &calls, 10).await
    });
    let mut versions = vec![];
    for answer in join_all(posts).await {
        let answer = answer?;
        expect(surprises, answer["calls"][0]["status"] == "succeeded", "a tag was not made", &answer["calls"][0]);
        versions.extend(answer["room"]["version"].as_i64());
    }
    let tags = robot.read(&["v1", "rooms", room]).await?["tags"].as_array().map_or(0, Vec::len);
    expect(surprises, tags == TAGS, "the room has another number of tags", &json!(tags));
    let last = versions.iter().max().copied().unwrap_or_default();
    stage.output.tell(&format!("   {} answers; the room took them one after another and is at version {last}.", versions.len()));
    stage.output.tell(&format!("   {tags} tags: every second call asked for one that was there and changed nothing."));
    Ok(())
}

async fn twice(stage: &Stage<'_>, robot: &Robot, surprises: &mut Vec<String>) -> Result<(), Failure> {
    chapter(stage, 2, "The same call posted twice happens once").await;
    let room = ROOMS[1];
    let call = create_tag("twice-1", "wants a refund");
    for (time, replayed) in [("first ", false), ("second", true)] {
        let answer = robot.call(room, call.clone()).await?;
        expect(surprises, answer["replayed"] == replayed, "a repeat was not told from a new call", &answer);
        stage.output.tell(&format!("   {time} status {}, replayed {}", plain(&answer["status"]), answer["replayed"]));
    }
    Ok(())
}

async fn crash(stage: &Stage<'_>, robot: &Robot, surprises: &mut Vec<String>) -> Result<(), Failure> {
    chapter(stage, 3, "A room's actor is killed in the middle of its work").await;
    let room = ROOMS[2];
    let address = RoomAddress { company: stage.company, room: RoomId::trusted(room) };
    let clients = join_all((0..4).map(|client| async move {
        let mut answers = vec![];
        for n in 0..10 {
            let call = create_tag(&format!("crash-{client}-{n}"), &format!("step {}", (client * 10 + n) % TAGS));
            answers.push(robot.call(room, call).await?);
        }
        Ok::<_, Failure>(answers)
    }));
    let killer = async {
        // As soon as some are acknowledged, so that others are under way.
        while robot.acknowledged_in(room) < 8 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let done = robot.acknowledged_in(room);
        stage.running.router.kill(&address);
        done
    };
    let (clients, done) = tokio::join!(clients, killer);
    let mut answered = 0;
    for answers in clients {
        for answer in answers? {
            expect(surprises, answer["status"] == "succeeded", "a call did not survive", &answer);
            answered += 1;
        }
    }
    let actor = robot.read(&["v1", "rooms", room, "actor"]).await?;
    let tags = robot.read(&["v1", "rooms", room]).await?["tags"].as_array().map_or(0, Vec::len);
    expect(surprises, tags == TAGS, "the room has another number of tags", &json!(tags));
    expect(surprises, actor["restarts"] == 1, "the actor was not started again", &actor);
    stage.output.tell(&format!("   killed after {done} answers; started again (restarts {}).", actor["restarts"]));
    stage.output.tell(&format!("   all {answered} calls were answered, and the room has its {tags} tags."));
    Ok(())
}

async fn pause(stage: &Stage<'_>, robot: &Robot, surprises: &mut Vec<String>) -> Result<(), Failure> {
    chapter(stage, 4, "A person pauses a room; calls wait, durably").await;
    let room = ROOMS[3];
    robot.actor(room, "pause").await?;
    let waiting = robot.calls(room, &[create_tag("pause-1", "patient")], 0).await?["calls"][0].take();
    expect(surprises, waiting["status"] == "parked", "a call did not wait in a paused room", &waiting);
    stage.output.tell(&format!("   paused:  status {}", plain(&waiting["status"])));
    robot.actor(room, "resume").await?;
    let mut call = Value::Null;
    for _ in 0..200 {
        call = robot.read(&["v1", "function-calls", "pause-1"]).await?;
        if call["status"] == "succeeded" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    expect(surprises, call["status"] == "succeeded", "a call did not go on after the pause", &call);
    stage.output.tell(&format!("   resumed: status {}", plain(&call["status"])));
    Ok(())
}

async fn person(stage: &Stage<'_>, robot: &Robot, surprises: &mut Vec<String>) -> Result<(), Failure> {
    chapter(stage, 5, "The AI agent hands over to a person").await;
    let room = ROOMS[4];
    let arguments = json!({ "mode": "division", "division": DIVISION, "reason": "The customer asks for a person." });
    let answer = robot.call(room, json!({ "call_id": "person-1", "name": "assign_agent", "arguments": arguments })).await?;
    expect(surprises, answer["status"] == "succeeded", "nobody was assigned", &answer);
    let state = robot.read(&["v1", "rooms", room]).await?;
    stage.output.tell(&format!(
        "   status {}; control is now with a {}, {}",
        plain(&answer["status"]),
        plain(&state["control"]),
        plain(&state["assignee"])
    ));
    Ok(())
}

async fn resolve(stage: &Stage<'_>, robot: &Robot, surprises: &mut Vec<String>) -> Result<(), Failure> {
    chapter(stage, 6, "It wants to close a conversation, but the customer has just written").await;
    let room = ROOMS[5];
    let tagged = robot.calls(room, &[create_tag("resolve-1", "done soon")], 10).await?;
    let seen = tagged["room"]["last_inbound_seq"].clone();
    robot.customer_says(room, "One more thing: my invoice is wrong!").await?;
    let call = json!({ "call_id": "resolve-2", "name": "resolve_conversation", "arguments": { "reason_code": "answered" } });
    let answer = robot.seeing(room, call, &json!({ "seq": seen })).await?;
    expect(surprises, answer["status"] == "refused", "it was closed over the customer's head", &answer);
    let error = &answer["error"];
    stage.output.tell(&format!("   status {}, code {}", plain(&answer["status"]), plain(&error["code"])));
    stage.output.tell(&format!("   the model reads: {}", plain(&error["message"])));
    Ok(())
}

async fn taken(stage: &Stage<'_>, robot: &Robot, surprises: &mut Vec<String>) -> Result<(), Failure> {
    chapter(stage, 7, "A colleague answers the customer; the AI agent may not talk over them").await;
    let room = ROOMS[6];
    let close =
        |call_id: &str| json!({ "call_id": call_id, "name": "resolve_conversation", "arguments": { "reason_code": "answered" } });
    robot.person_says(room, "Hello Gita, I am looking into it myself.").await?;
    let refused = robot.call(room, close("taken-1")).await?;
    let error = &refused["error"];
    expect(surprises, error["code"] == "human_in_control", "it acted over a person's head", &refused);
    stage.output.tell(&format!("   its next call: status {}, code {}", plain(&refused["status"]), plain(&error["code"])));
    stage.output.tell(&format!("   the model reads: {}", plain(&error["message"])));
    robot.room(room, "return").await?;
    let allowed = robot.call(room, close("taken-2")).await?;
    expect(surprises, allowed["status"] == "succeeded", "it could not go on after the handing back", &allowed);
    stage.output.tell(&format!("   handed back, the same again: status {}", plain(&allowed["status"])));
    Ok(())
}

pub fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(fields) => fields.get("name").or_else(|| fields.get("id")).map_or_else(|| value.to_string(), plain),
        other => other.to_string(),
    }
}
