//! The Graph API's answers, and what its errors mean. Meta's own code decides, not the HTTP status alone: the same 400 may be a
//! limit that was hit, a token that ended, or a "no". Never fails: what cannot be read has no code.

use serde_json::Value;

use crate::catalog::nearest::shown_within;
use crate::room::{Next, Refusal};

/// Longest part of the channel's own words that is passed on, in characters.
const LONGEST_MESSAGE: usize = 200;

/// What a refusal of the channel's comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Nothing was done; later it may go.
    Throttled,
    /// Nothing was done because of the token.
    Credentials,
    /// The media id is not one, or not any more.
    UnknownMedia,
    No(Refusal),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wrong {
    /// Meta's own; `None`: the body says none, as that of whoever stands before Meta.
    pub code: Option<i64>,
    pub message: String,
}

pub fn wrong(body: &[u8]) -> Wrong {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let error = &body["error"];
    let details = error["error_data"]["details"].as_str().filter(|text| !text.trim().is_empty());
    let said = details.or_else(|| error["message"].as_str()).unwrap_or_default();
    let title = error["message"].as_str().unwrap_or_default();
    let message = if is_about_media_id(title) { title } else { said };
    Wrong { code: error["code"].as_i64(), message: shown_within(message, LONGEST_MESSAGE) }
}

fn is_about_media_id(message: &str) -> bool {
    message.contains("media attachment ID")
}

impl Wrong {
    pub fn meaning(&self) -> Meaning {
        let Some(code) = self.code else { return Meaning::No(channel_refused(&self.message)) };
        match code {
            // Application, account, throughput and pair limits.
            4 | 80_007 | 130_429 | 131_048 | 131_056 => Meaning::Throttled,
            0 | 190 => Meaning::Credentials,
            100 | 131_009 if is_about_media_id(&self.message) => Meaning::UnknownMedia,
            131_052 => Meaning::UnknownMedia,
            131_047 => Meaning::No(window_closed()),
            131_021 | 131_026 | 131_030 => Meaning::No(recipient_unreachable()),
            _ => Meaning::No(channel_refused(&self.message)),
        }
    }
}

/// The media's id of an answer to an upload.
pub fn media_id(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    body["id"].as_str().map(str::to_owned).filter(|id| !id.is_empty()).or_else(|| body["id"].as_u64().map(|id| id.to_string()))
}

/// The message's id of an answer to a message.
pub fn message_id(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    body["messages"][0]["id"].as_str().filter(|id| !id.is_empty()).map(str::to_owned)
}

pub fn window_closed() -> Refusal {
    let message = "The customer last wrote more than 24 hours ago, so WhatsApp takes no file now. Nothing was sent; hand the \
        conversation to a human agent, or wait until the customer writes.";
    Refusal::new("window_closed", Next::WaitForHuman, message)
}

pub fn recipient_unreachable() -> Refusal {
    let message = "The customer cannot be reached on WhatsApp, so nothing was sent. Offer another way.";
    Refusal::new("recipient_unreachable", Next::DoNotRetry, message)
}

pub fn media_refused() -> Refusal {
    let message = "The channel does not accept this file although it was uploaded twice. Nothing was sent; choose another file.";
    Refusal::new("media_refused", Next::FixAndRetry, message)
}

pub fn channel_refused(said: &str) -> Refusal {
    let message = if said.is_empty() {
        "The channel refused this and did not say why. Nothing was sent.".to_owned()
    } else {
        format!("The channel refused this, and nothing was sent: {said}")
    };
    Refusal::new("channel_refused", Next::DoNotRetry, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(code: i64, message: &str, details: &str) -> Meaning {
        let body = serde_json::json!({"error": {"message": message, "code": code, "error_data": {"details": details}}});
        wrong(body.to_string().as_bytes()).meaning()
    }

    #[test]
    fn metas_code_decides() {
        let media = "(#100) Param image['id'] is not a valid whatsapp business account media attachment ID";
        assert_eq!(meaning(100, media, "somewhere"), Meaning::UnknownMedia);
        assert!(
            matches!(meaning(100, "(#100) Invalid parameter", "to"), Meaning::No(refusal) if refusal.code == "channel_refused")
        );
        assert_eq!(meaning(131_056, "Pair rate limit hit", ""), Meaning::Throttled);
        assert_eq!(meaning(190, "expired", ""), Meaning::Credentials);
        assert!(matches!(meaning(131_047, "x", ""), Meaning::No(refusal) if refusal.code == "window_closed"));
        assert!(matches!(meaning(131_026, "x", ""), Meaning::No(refusal) if refusal.code == "recipient_unreachable"));
        assert_eq!(meaning(0, "AuthException", ""), Meaning::Credentials);
        // Who says no code says nothing of the token, nor does one that forbids only this.
        for body in [&b"<html>"[..], b"", b"{}", br#"{"error":{}}"#, br#"{"error":{"code":10,"message":"no permission"}}"#] {
            assert!(matches!(wrong(body).meaning(), Meaning::No(refusal) if refusal.code == "channel_refused"));
        }
    }

    #[test]
    fn ids_stand_where_meta_puts_them() {
        assert_eq!(media_id(br#"{"id":"17"}"#).as_deref(), Some("17"));
        assert_eq!(media_id(br#"{"id":17}"#).as_deref(), Some("17"));
        assert_eq!(message_id(br#"{"messages":[{"id":"wamid.1"}]}"#).as_deref(), Some("wamid.1"));
        for body in [&b"{}"[..], b"[]", b"", b"{\"messages\":[]}", b"{\"id\":\"\"}"] {
            assert_eq!((media_id(body), message_id(body)), (None, None));
        }
    }
}
