//! What the Cloud API tells a business: messages of customers, and each step in the life of its own; signed, told again until it
//! is received, in no promised order.

use serde_json::{Value, json};

use super::super::call::Later;
use super::super::faults::Kind;
use super::super::world::World;
use super::Sent;

/// Late enough to be overtaken by all that follows.
const LATE_MS: u64 = 250;

/// Keeps the message and tells its life, the whole of it at once: what a test wants late it asks for.
pub fn life(world: &mut World, mut sent: Sent, failure: Option<(u32, &str)>) -> Vec<Later> {
    let steps: &[&'static str] = match (failure, world.knobs.whatsapp_reads) {
        (Some(_), _) => &["failed"],
        (None, true) => &["sent", "delivered", "read"],
        (None, false) => &["sent", "delivered"],
    };
    sent.status = steps.last().copied().unwrap_or("accepted");
    let told = steps.iter().flat_map(|step| status(world, &sent, step, failure)).collect();
    world.whatsapp.sent.push(sent);
    told
}

/// One step of a message's life.
pub fn status(world: &mut World, sent: &Sent, step: &str, failure: Option<(u32, &str)>) -> Vec<Later> {
    let mut body = json!({
        "id": sent.id, "status": step, "timestamp": sent.at.as_second().to_string(), "recipient_id": sent.to,
    });
    if let Some(callback) = &sent.callback {
        body["biz_opaque_callback_data"] = json!(callback);
    }
    if let (Some((code, title)), "failed") = (failure, step) {
        body["errors"] = json!([{"code": code, "title": title, "message": title, "error_data": {"details": title}}]);
    }
    announce(world, &sent.phone, &format!("whatsapp_{step}"), &[("statuses", json!([body]))])
}

/// A customer wrote.
pub fn message(world: &mut World, phone: &str, from: &str, name: &str, message: Value) -> Vec<Later> {
    let contacts = json!([{"profile": {"name": name}, "wa_id": from}]);
    announce(world, phone, "whatsapp_message", &[("contacts", contacts), ("messages", json!([message]))])
}

fn announce(world: &mut World, phone: &str, event: &str, parts: &[(&str, Value)]) -> Vec<Later> {
    let Some(account) = world.whatsapp.accounts.get(phone) else { return vec![] };
    let Some(url) = account.webhook_url.clone() else { return vec![] };
    let metadata = json!({"display_phone_number": account.display_phone_number, "phone_number_id": phone});
    let mut value = json!({"messaging_product": "whatsapp", "metadata": metadata});
    for (name, part) in parts {
        value[*name] = part.clone();
    }
    let body = json!({
        "object": "whatsapp_business_account",
        "entry": [{"id": "102290129340398", "changes": [{"value": value, "field": "messages"}]}],
    });
    let late = world.faults.meets_webhook(Kind::ReorderWebhooks, event);
    let delay_ms = world.knobs.webhook_delay_ms + if late { LATE_MS } else { 0 };
    let post = Later::Signed { url, body, secret: world.whatsapp.app_secret.clone(), delay_ms };
    let twice = world.faults.meets_webhook(Kind::DuplicateWebhooks, event);
    if twice { vec![post.clone(), post] } else { vec![post] }
}
