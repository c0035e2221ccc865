//! The last chapter: a picture out of the library reaches the customer on WhatsApp, and what their phone says of it comes back,
//! step by step. Tells only what the real server and the stand-in's own book show.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Stage;
use super::book::Book;
use super::cast::PICTURE_KEY;
use super::robot::Robot;
use super::story::{chapter, expect, plain};
use crate::actors::outside::{ChannelOptions, CrmDialect, Secret};
use crate::cli::{Exit, Failure, picture};
use crate::room::ChannelKind;
use crate::standin::Options;
use crate::store::NewChannel;

/// The business's number at Meta, and a customer's.
const PHONE: &str = "106540352242922";
const CUSTOMER: &str = "6281200000009";
pub const ROOM: &str = "wa-106540352242922-6281200000009";
/// So long a running server may take to know a new channel, and a picture to be read.
const AT_MOST: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_millis(25);

pub async fn tell(stage: &Stage<'_>, robot: &Robot, book: &Book, surprises: &mut Vec<String>) -> Result<(), Failure> {
    chapter(stage, 14, "A picture reaches the customer on WhatsApp").await;
    book.is_well_again().await?;
    connect(stage, book).await?;
    let said = json!({"phone_number_id": PHONE, "from": CUSTOMER, "name": "Rina", "text": "Where is your shop?"});
    book.moves(&["whatsapp", "say"], said).await?;
    let made = eventually(async || {
        let rooms = robot.read(&["v1", "rooms"]).await?;
        Ok(rooms["data"].as_array().into_iter().flatten().any(|room| room["id"] == ROOM))
    });
    expect(surprises, made.await?, "the customer's message made no room", &json!(ROOM));
    stage.output.tell(&format!("   Rina writes {:?}: a signed webhook makes the room {ROOM}", "Where is your shop?"));

    let begun = Instant::now();
    let arguments = json!({ "attachment": PICTURE_KEY, "caption": "Here we are." });
    let call = json!({ "call_id": "picture-1", "name": "send_attachment", "arguments": arguments });
    let answer = robot.call_to_end(ROOM, call).await?;
    expect(surprises, answer["result"]["status"] == "accepted", "the picture was not taken", &answer);
    stage.output.tell(&format!(
        "   send_attachment: {}, the file is {} after {} ms; never more than that at once",
        plain(&answer["status"]),
        plain(&answer["result"]["status"]),
        begun.elapsed().as_millis()
    ));
    let read = eventually(async || {
        let call = robot.read(&["v1", "function-calls", "picture-1"]).await?;
        Ok(call["delivery"]["status"] == "read")
    });
    expect(surprises, read.await?, "the picture was never read", &json!("picture-1"));
    let timeline = robot.read(&["v1", "rooms", ROOM, "timeline"]).await?;
    let steps: Vec<String> = timeline["data"].as_array().into_iter().flatten().filter_map(step).collect();
    stage.output.tell(&format!("   its journey in the timeline: {}", steps.join(" -> ")));

    let there = book.looks(&["records"], &[("kind", "whatsapp_messages".to_owned())]).await?;
    let there: Vec<&Value> = there.as_array().into_iter().flatten().filter(|message| message["to"] == CUSTOMER).collect();
    let right = matches!(&there[..], [one] if one["media"]["file_size"] == json!(picture::PNG.len()));
    expect(surprises, right, "the customer has not exactly this picture", &json!(there));
    let sha256 = plain(&there.first().map_or(Value::Null, |one| one["media"]["sha256"].clone()));
    stage.output.tell(&format!("   the stand-in's book: {} message with the picture's own bytes, sha256 {sha256}", there.len()));
    Ok(())
}

/// What one line of the timeline says of the picture.
fn step(event: &Value) -> Option<String> {
    match event["type"].as_str()? {
        "effect_requested" => Some("requested".into()),
        "attachment_prepared" => Some(plain(&event["stage"])),
        "attachment_submitting" => Some("submitting".into()),
        "attachment_sent" => Some("accepted".into()),
        "delivery_moved" => Some(plain(&event["status"])),
        _ => None,
    }
}

/// The company's messages travel by the stand-in's Cloud API, which is told where to tell us of them.
async fn connect(stage: &Stage<'_>, book: &Book) -> Result<(), Failure> {
    let usual = Options::default();
    let options = ChannelOptions {
        per_second: 50.0,
        per_minute: 3_000.0,
        burst: 20,
        account: Some(PHONE.into()),
        ..ChannelOptions::default()
    };
    let new = NewChannel {
        kind: ChannelKind::WhatsappCloud,
        base_url: book.url().to_owned(),
        public_url: stage.running.url(),
        dialect: CrmDialect::Bearer,
        options,
        token: Secret::new(usual.whatsapp_token.unwrap_or_default()),
        bot_token: None,
        app_secret: Some(Secret::new(usual.whatsapp_app_secret)),
        new_secret: false,
    };
    let (_, webhook) = stage.running.store.directory().set_channel(stage.company, new, "demo").await?;
    let verify_token = webhook.reveal().rsplit('/').next().unwrap_or_default().to_owned();
    // Refused as long as the running server does not know the path.
    let verified = eventually(async || {
        let account = json!({"phone_number_id": PHONE, "webhook_url": webhook.reveal(), "verify_token": verify_token});
        book.moves(&["whatsapp", "accounts"], account).await?;
        tokio::time::sleep(LOOK_AGAIN).await;
        let accounts = book.looks(&["whatsapp", "accounts"], &[]).await?;
        Ok(accounts[0]["verified"] == true)
    });
    if verified.await? { Ok(()) } else { Err(Failure::new(Exit::Failed, "the handshake of the webhook failed")) }
}

/// Whether it came true in time.
async fn eventually(holds: impl AsyncFn() -> Result<bool, Failure>) -> Result<bool, Failure> {
    let begun = Instant::now();
    while begun.elapsed() < AT_MOST {
        if holds().await? {
            return Ok(true);
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    Ok(false)
}
