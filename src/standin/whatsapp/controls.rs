//! `/_standin/whatsapp/…`: accounts, what customers write, what is forgotten, and single statuses in any order.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::call::Later;
use super::super::request::{Answer, Incoming};
use super::super::world::World;
use super::{Account, tell};

type Outcome = Result<Answer, Answer>;

/// `None`: there is no such control.
pub fn control(world: &mut World, incoming: &Incoming, rest: &str, later: &mut Vec<Later>) -> Option<Outcome> {
    Some(match (incoming.method.as_str(), rest) {
        ("POST", "accounts") => account(world, incoming, later),
        ("GET", "accounts") => Ok(accounts(world)),
        ("POST", "say") => say(world, incoming, later),
        ("POST", "status") => status(world, incoming, later),
        ("DELETE", "media") => {
            world.whatsapp.media.clear();
            Ok(data(Value::Null))
        }
        _ => return None,
    })
}

fn data(data: Value) -> Answer {
    Answer::json(200, json!({ "data": data }))
}

fn wrong(message: &str) -> Answer {
    Answer::json(422, json!({ "error": message }))
}

fn read<T: serde::de::DeserializeOwned>(incoming: &Incoming) -> Result<T, Answer> {
    serde_json::from_slice(&incoming.body).map_err(|error| wrong(&error.to_string()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewAccount {
    phone_number_id: String,
    webhook_url: Option<String>,
    verify_token: Option<String>,
}

/// A business number; its webhook's receiver is asked first whether it wants to be told.
fn account(world: &mut World, incoming: &Incoming, later: &mut Vec<Later>) -> Outcome {
    let new: NewAccount = read(incoming)?;
    let known = world.whatsapp.accounts.entry(new.phone_number_id.clone()).or_default();
    let display_phone_number = format!("1555{:0>7}", new.phone_number_id.chars().take(7).collect::<String>());
    *known = Account { display_phone_number, webhook_url: None, verified: false };
    if let Some(url) = new.webhook_url {
        let verify_token = new.verify_token.unwrap_or_default();
        later.push(Later::Verify { url, verify_token, phone: new.phone_number_id });
    }
    Ok(data(Value::Null))
}

fn accounts(world: &World) -> Answer {
    let shown = world.whatsapp.accounts.iter().map(|(id, account)| json!({"phone_number_id": id, "verified": account.verified}));
    data(shown.collect())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Say {
    phone_number_id: String,
    from: String,
    #[serde(default = "nobody")]
    name: String,
    text: String,
    /// How long ago, as the webhook says.
    #[serde(default)]
    ago_s: i64,
}

fn nobody() -> String {
    "Customer".into()
}

fn say(world: &mut World, incoming: &Incoming, later: &mut Vec<Later>) -> Outcome {
    let said: Say = read(incoming)?;
    let at: Timestamp = incoming.received - SignedDuration::from_secs(said.ago_s);
    let key = (said.phone_number_id.clone(), said.from.clone());
    let wrote_at = world.whatsapp.wrote_at.entry(key).or_insert(at);
    *wrote_at = (*wrote_at).max(at);
    let id = format!("wamid.in.{}", uuid::Uuid::now_v7().simple());
    let message = json!({"from": said.from, "id": id, "timestamp": at.as_second().to_string(), "type": "text", "text": {"body": said.text}});
    later.extend(tell::message(world, &said.phone_number_id, &said.from, &said.name, message));
    Ok(data(json!({ "id": id })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewStatus {
    /// The message's id.
    id: String,
    status: String,
}

/// Tells one step of a message's life, out of its turn.
fn status(world: &mut World, incoming: &Incoming, later: &mut Vec<Later>) -> Outcome {
    let new: NewStatus = read(incoming)?;
    let Some(sent) = world.whatsapp.sent.iter().find(|sent| sent.id == new.id).cloned() else {
        return Err(wrong("there is no such message"));
    };
    let failure = (new.status == "failed").then_some((131_026, "Message undeliverable"));
    later.extend(tell::status(world, &sent, &new.status, failure));
    Ok(data(Value::Null))
}
