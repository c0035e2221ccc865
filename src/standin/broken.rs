//! What a fault answers instead of the truth.

use serde_json::{Value, json};

use super::call::Call;
use super::chat;
use super::crm;
use super::faults::{Drawn, Kind};
use super::request::{Answer, Content};
use super::whatsapp;

const HUGE_BYTES: usize = 2_000_000;

/// A page as a web shield or a proxy in front shows it.
fn page(status: u16, title: &str) -> Answer {
    let text = format!("<!DOCTYPE html><html><head><title>{status} {title}</title></head><body><h1>{title}</h1></body></html>\n");
    Answer::of(status, Content::Text { mime: "text/html", text })
}

/// Whose words an error is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voice {
    Crm,
    Chat,
    Whatsapp,
}

/// `real`: the answer of the work, where it was done.
pub fn answer(fault: Drawn, call: &Call, voice: Voice, elsewhere: &str, real: Option<Answer>) -> Answer {
    let wrong = |status: u16, message: &str| match voice {
        Voice::Chat => chat::envelope::wrong(status, message),
        Voice::Crm => crm::envelope::wrong(call, status, message),
        // 130429 is Meta's code of a throughput that is used up.
        Voice::Whatsapp => whatsapp::wrong(status, if status == 429 { 130_429 } else { 131_000 }, message, message),
    };
    match fault.kind {
        Kind::LoseAnswer | Kind::LoseRequest => Answer::of(0, Content::Cut),
        Kind::Dark => Answer::of(0, Content::Silence),
        Kind::Status429 => wrong(429, "Too many requests.")
            .with("Retry-After", fault.retry_after_s)
            .with("X-RateLimit-Limit", 100)
            .with("X-RateLimit-Remaining", 0)
            .with("X-RateLimit-Reset", call.now.as_second() + i64::try_from(fault.retry_after_s).unwrap_or(0)),
        Kind::Status403 => wrong(403, "This token may not do that"),
        Kind::Status404 => wrong(404, "Not Found"),
        Kind::Status500Html => page(500, "Internal Server Error"),
        Kind::Status502Html => page(502, "Bad Gateway"),
        Kind::UnauthorizedOnce => match voice {
            Voice::Chat => chat::envelope::unauthorized(),
            Voice::Crm => crm::envelope::unauthorized(),
            Voice::Whatsapp => whatsapp::unauthorized(),
        },
        Kind::Meta404In200 => Answer { status: 200, ..wrong(404, "Not Found") },
        Kind::Meta422In200 => Answer { status: 200, ..wrong(422, "Validation failed: a rule said no") },
        Kind::Huge => {
            let mut body = match real.map(|real| real.body) {
                Some(Content::Json(body)) => body,
                _ => json!({}),
            };
            body["padding"] = Value::String("x".repeat(HUGE_BYTES));
            Answer::json(200, body)
        }
        Kind::Empty => Answer::of(200, Content::Nothing),
        Kind::WrongJson => Answer::of(
            200,
            Content::Text { mime: "application/json", text: r#"{"meta":{"status":200},"response":{"id":"#.into() },
        ),
        Kind::Redirect => Answer::of(302, Content::Nothing).with("Location", elsewhere),
        // These play elsewhere.
        Kind::Slow | Kind::Held | Kind::DuplicateWebhooks | Kind::ReorderWebhooks | Kind::FailedDelivery => {
            real.unwrap_or_else(|| wrong(500, ""))
        }
    }
}
