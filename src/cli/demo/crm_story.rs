//! The second half of the story: deals and tickets in a CRM that works, then in one that says "slow down", then in one that says
//! nothing at all. Like the first half it tells only what answers of the real server show.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::Stage;
use super::book::Book;
use super::robot::{Robot, create_tag};
use super::story::{chapter, expect, plain};
use crate::cli::Failure;

/// Rooms of these chapters, with the customer's name and handle. The first customer has a contact in the stand-in.
const CAST: [(&str, &str, &str); 3] = [
    ("demo-deal", "Melati", "melati@customers.example"),
    ("demo-ticket", "Guntur", "guntur@example.com"),
    ("demo-wish", "Hana", "hana@example.com"),
];
pub const ROOMS: [&str; 3] = [CAST[0].0, CAST[1].0, CAST[2].0];
/// Rooms that speak to the CRM while it is unwell: enough of them to be sure that it is the CRM and not one request.
const MANY: [&str; 7] = ["demo-deal", "demo-ticket", "demo-wish", "demo-busy", "demo-twice", "demo-crash", "demo-pause"];
/// Answers 429 of the stand-in, each asking for a second's pause.
const THROTTLES: u32 = 3;
/// So long a circuit may take to open, and a call to end once the CRM is back.
const AT_MOST: Duration = Duration::from_secs(40);
/// Looks at an open circuit until somebody waits: far less than the time to its first probe.
const LOOKS: u32 = 50;

pub async fn tell(stage: &Stage<'_>, robot: &Robot, book: &Book, surprises: &mut Vec<String>) -> Result<(), Failure> {
    for (room, name, handle) in CAST {
        robot.open_for(room, name, handle).await?;
    }
    deal(stage, robot, surprises).await?;
    ticket(stage, robot, surprises).await?;
    wish(stage, robot, surprises).await?;
    throttled(stage, robot, book, surprises).await?;
    dark(stage, robot, book, surprises).await
}

fn create(call_id: &str, action: &str, name: &str) -> Value {
    let mut arguments = json!({ "name": name });
    if action == "create_ticket" {
        arguments["description"] = json!("The customer wrote in the chat.");
    }
    json!({ "call_id": call_id, "name": action, "arguments": arguments })
}

/// "stage: New -> In Progress", one after another.
fn changes(answer: &Value) -> String {
    let changed = answer["result"]["changed"].as_array().into_iter().flatten();
    let shown = |value: &Value| if value.is_null() { "nothing".to_owned() } else { plain(value) };
    let line = |change: &Value| format!("{}: {} -> {}", plain(&change["field"]), shown(&change["from"]), shown(&change["to"]));
    changed.map(line).collect::<Vec<_>>().join(", ")
}

async fn deal(stage: &Stage<'_>, robot: &Robot, surprises: &mut Vec<String>) -> Result<(), Failure> {
    chapter(stage, 8, "In the middle of a conversation a deal is created in the CRM").await;
    let room = ROOMS[0];
    robot.customer_says(room, "What would ten tents cost?").await?;
    let arguments = json!({ "name": "Ten tents", "amount": 2_500_000, "currency": "IDR" });
    let call = json!({ "call_id": "deal-1", "name": "create_deal", "arguments": arguments });
    let made = robot.call_to_end(room, call).await?;
    expect(surprises, made["status"] == "succeeded", "the deal was not made", &made);
    let deal = &made["result"]["deal"];
    let linked = made["result"].get("warnings").is_none();
    expect(surprises, linked, "the deal is not linked to the customer", &made);
    stage.output.tell(&format!(
        "   status {}; deal {} {:?} in stage {}, {}",
        plain(&made["status"]),
        plain(&deal["id"]),
        plain(&deal["name"]),
        plain(&deal["stage"]),
        if linked { "linked to the customer's contact" } else { "without a contact" }
    ));
    robot.customer_says(room, "And twelve?").await?;
    let call = json!({ "call_id": "deal-2", "name": "update_deal", "arguments": { "amount": 3_000_000 } });
    let changed = robot.call_to_end(room, call).await?;
    expect(surprises, changed["result"]["changed"][0]["field"] == "amount", "the deal was not changed", &changed);
    stage.output.tell(&format!("   update_deal without an id means this room's: {}", changes(&changed)));
    Ok(())
}

async fn ticket(stage: &Stage<'_>, robot: &Robot, surprises: &mut Vec<String>) -> Result<(), Failure> {
    chapter(stage, 9, "A ticket is created and changed; names, not ids, and what was before").await;
    let room = ROOMS[1];
    robot.customer_says(room, "A pole of my tent broke.").await?;
    let made = robot.call_to_end(room, create("ticket-1", "create_ticket", "Broken tent pole")).await?;
    expect(surprises, made["result"]["ticket"]["id"].is_string(), "the ticket was not made", &made);
    stage.output.tell(&format!("   status {}; ticket {}", plain(&made["status"]), plain(&made["result"]["ticket"]["number"])));
    let arguments = json!({ "stage": "In Progress", "priority": "High" });
    let call = json!({ "call_id": "ticket-2", "name": "update_ticket", "arguments": arguments });
    let changed = robot.call_to_end(room, call).await?;
    let two = changed["result"]["changed"].as_array().is_some_and(|changed| changed.len() == 2);
    expect(surprises, two, "the ticket was not changed", &changed);
    stage.output.tell(&format!("   {}", changes(&changed)));
    Ok(())
}

async fn wish(stage: &Stage<'_>, robot: &Robot, surprises: &mut Vec<String>) -> Result<(), Failure> {
    chapter(stage, 10, "The same wish twice, under two ids, is one deal").await;
    let room = ROOMS[2];
    let first = robot.call_to_end(room, create("wish-1", "create_deal", "Five stoves")).await?;
    let second = robot.call_to_end(room, create("wish-2", "create_deal", "  five STOVES ")).await?;
    let same = first["result"]["deal"]["id"] == second["result"]["deal"]["id"] && second["result"]["already_existed"] == true;
    expect(surprises, same, "the same wish was not known again", &second);
    for (answer, said) in [(&first, "Five stoves"), (&second, "  five STOVES ")] {
        let known = if answer["result"]["already_existed"] == true { ", already_existed" } else { "" };
        stage.output.tell(&format!("   {said:?}: deal {}{known}", plain(&answer["result"]["deal"]["id"])));
    }
    Ok(())
}

async fn throttled(stage: &Stage<'_>, robot: &Robot, book: &Book, surprises: &mut Vec<String>) -> Result<(), Failure> {
    chapter(stage, 11, "The CRM answers 429, \"too many requests\": calls wait, none fails").await;
    let throttled = async || robot.read(&["v1", "crm"]).await.map(|crm| crm["throttled"].as_u64().unwrap_or_default());
    let before = throttled().await?;
    let fault = json!({ "route": "POST /api/v3.1/*", "fault": "status_429", "times": THROTTLES, "retry_after_s": 1 });
    book.spoils(fault).await?;
    let begun = Instant::now();
    let calls = MANY
        .iter()
        .take(4)
        .map(|room| robot.call_to_end(room, create(&format!("slow-{room}"), "create_ticket", &format!("Question of {room}"))));
    for answer in join_all(calls).await {
        let answer = answer?;
        expect(surprises, answer["status"] == "succeeded", "a call did not survive a 429", &answer);
    }
    let said = throttled().await? - before;
    expect(surprises, said > 0, "the CRM never said 429", &json!(said));
    stage.output.tell(&format!(
        "   4 calls in 4 rooms; the CRM said 429 {said} times, each \"not for a second\"; all 4 succeeded within {:.1} s.",
        begun.elapsed().as_secs_f64()
    ));
    Ok(())
}

async fn dark(stage: &Stage<'_>, robot: &Robot, book: &Book, surprises: &mut Vec<String>) -> Result<(), Failure> {
    chapter(stage, 12, "The CRM goes dark: it accepts connections and never answers").await;
    book.spoils(json!({ "route": "*", "fault": "dark" })).await?;
    let begun = Instant::now();
    let mut ids = vec![];
    for room in MANY {
        let id = format!("dark-{room}");
        let answer = robot.calls(room, &[create(&id, "create_deal", &format!("Wish of {room}"))], 0).await?;
        expect(surprises, answer["calls"][0]["status"] == "running", "a call did not wait for the CRM", &answer["calls"][0]);
        if ids.is_empty() {
            stage.output.tell(&format!("   create_deal: 202, status {}", plain(&answer["calls"][0]["status"])));
            stage.output.tell(&format!("   the model reads: {}", said(&answer["reply"][0]["content"])));
        }
        ids.push(id);
    }
    let Some((crm, open)) = circuit_opens(robot).await? else {
        surprises.push("no circuit opened".into());
        return book.is_well_again().await;
    };
    stage.output.tell(&format!(
        "   after {:.1} s GET /v1/crm shows: circuit {} {}, probe at {}; {} requests wait, the oldest for {} ms",
        begun.elapsed().as_secs_f64(),
        plain(&open["class"]),
        plain(&open["state"]),
        plain(&open["probe_at"]),
        crm["waiting"],
        crm["oldest_waiting_ms"]
    ));
    let (room, id) = (MANY[1], &ids[1]);
    let asked = Instant::now();
    robot.customer_says(room, "Are you still there?").await?;
    let tagged = robot.call(room, create_tag("dark-tag", "waits for the CRM")).await?;
    expect(surprises, tagged["status"] == "succeeded", "the room stood still", &tagged);
    let deal = robot.read(&["v1", "function-calls", id]).await?;
    stage.output.tell(&format!(
        "   the same room goes on: a message and a tag in {} ms, while its deal is {}",
        asked.elapsed().as_millis(),
        plain(&deal["status"])
    ));
    book.is_well_again().await?;
    recovery(stage, robot, book, &ids, surprises).await
}

async fn recovery(
    stage: &Stage<'_>,
    robot: &Robot,
    book: &Book,
    ids: &[String],
    surprises: &mut Vec<String>,
) -> Result<(), Failure> {
    chapter(stage, 13, "The CRM is back: one probe goes through, then all that waited").await;
    let begun = Instant::now();
    let ends = tokio::time::timeout(AT_MOST, join_all(ids.iter().map(|id| robot.end_of(id)))).await;
    let mut well = 0;
    for answer in ends.unwrap_or_default() {
        let answer = answer?;
        expect(surprises, answer["status"] == "succeeded", "a call did not survive the dark", &answer);
        well += usize::from(answer["status"] == "succeeded");
    }
    expect(surprises, well == ids.len(), "not every call ended after the dark", &json!(well));
    let records = book.records().await?;
    let there: u64 = records.iter().filter(|(wish, _)| wish.name.starts_with("wish of ")).map(|(_, count)| count).sum();
    stage.output.tell(&format!(
        "   {well} of {} calls succeeded within {:.1} s; the stand-in's book has {there} deals for them",
        ids.len(),
        begun.elapsed().as_secs_f64()
    ));
    Ok(())
}

/// What `GET /v1/crm` shows as soon as it shows an open circuit, with that circuit: if possible when something waits for it.
async fn circuit_opens(robot: &Robot) -> Result<Option<(Value, Value)>, Failure> {
    let looking = async {
        let mut looks = 0;
        loop {
            let crm = robot.read(&["v1", "crm"]).await?;
            let open = crm["circuits"].as_array().into_iter().flatten().find(|circuit| circuit["state"] == "open").cloned();
            looks += u32::from(open.is_some());
            if let Some(open) = open.filter(|_| crm["waiting"] != 0 || looks > LOOKS) {
                return Ok((crm, open));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(AT_MOST, looking).await.ok().transpose()
}

/// The sentence inside a reply's content, which may be JSON itself.
fn said(content: &Value) -> String {
    let text = plain(content);
    let inside = serde_json::from_str::<Value>(&text).ok();
    inside.and_then(|inside| inside["message"].as_str().map(str::to_owned)).unwrap_or(text)
}
