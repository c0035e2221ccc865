//! The last chapter: a picture out of the company's library reaches a customer, whose browser opens it by its link.

use serde_json::{Value, json};

use super::Stage;
use super::picture;
use super::robot::Robot;
use super::story::{chapter, expect, plain};
use crate::cli::{Exit, Failure};

pub const ROOM: &str = "demo-picture";
/// The picture's key in the library.
pub const PICTURE: &str = "map";

pub async fn tell(stage: &Stage<'_>, robot: &Robot, surprises: &mut Vec<String>) -> Result<(), Failure> {
    chapter(stage, 13, "The customer gets a picture, and opens it").await;
    robot.open(ROOM, "Intan").await?;
    robot.customer_says(ROOM, "Where do I find you?").await?;
    let arguments = json!({ "attachment": PICTURE, "caption": "We are at the red square." });
    let call = |id: &str| json!({ "call_id": id, "name": "send_attachment", "arguments": arguments });
    let sent = robot.call_to_end(ROOM, call("picture-1")).await?;
    expect(surprises, sent["status"] == "succeeded", "the picture was not sent", &sent);
    stage.output.tell(&format!(
        "   asked for     send_attachment {PICTURE:?}\n   {:<14}{}, {}",
        plain(&sent["result"]["status"]),
        plain(&sent["result"]["filename"]),
        plain(&sent["result"]["kind"])
    ));
    let again = robot.call_to_end(ROOM, call("picture-2")).await?;
    expect(surprises, again["result"]["already_existed"] == true, "the picture was sent twice", &again);
    stage.output.tell("   asked again   already there; it is not sent twice");
    let timeline = robot.read(&["v1", "rooms", ROOM, "timeline"]).await?;
    let facts = timeline["data"].as_array().into_iter().flatten().filter(|event| event["type"] == "attachment_sent");
    let facts: Vec<&Value> = facts.collect();
    expect(surprises, facts.len() == 1, "the room shows another number of pictures", &json!(facts));
    let link = facts.first().map(|fact| &fact["link"]).cloned().unwrap_or_default();
    let path = plain(&link["url"]);
    let read = browser(&format!("{}{path}", stage.running.url())).await?;
    expect(surprises, read == picture::png(), "the customer read other bytes", &link);
    stage.output.tell(&format!(
        "   read          the customer's browser opened it without a key: {} bytes, the very picture\n                 (the link ends at {}; the room shows a new one each time)",
        read.len(),
        plain(&link["expires_at"])
    ));
    Ok(())
}

/// What somebody without a key gets.
async fn browser(url: &str) -> Result<Vec<u8>, Failure> {
    let failed = |error: reqwest::Error| Failure::new(Exit::Failed, format!("the picture cannot be opened: {error}"));
    let client = reqwest::Client::builder().no_proxy().build().map_err(failed)?;
    let answer = client.get(url).send().await.map_err(failed)?.error_for_status().map_err(failed)?;
    Ok(answer.bytes().await.map_err(failed)?.to_vec())
}
