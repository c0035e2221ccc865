//! The chat's envelope: `status` and `data`, on lists the pagination; errors carry their code and sentences.

use serde_json::{Value, json};

use super::super::call::Call;
use super::super::request::Answer;

/// 200, for GET, PUT and DELETE.
pub fn found(data: impl Into<Value>) -> Answer {
    Answer::json(200, json!({"status": "success", "data": data.into()}))
}

/// 201, for POST.
pub fn made(data: impl Into<Value>) -> Answer {
    Answer::json(201, json!({"status": "success", "data": data.into()}))
}

pub fn wrong(status: u16, message: &str) -> Answer {
    Answer::json(status, json!({"status": "error", "error": {"code": status, "messages": [message]}}))
}

pub fn missing() -> Answer {
    wrong(404, "Resource not found.")
}

pub fn unauthorized() -> Answer {
    wrong(401, "Unauthorized")
}

/// What the gateway says before it looks at anything.
pub fn gateway_unauthorized() -> Answer {
    Answer::json(401, json!({"message": "Unauthorized"}))
}

/// One page: `offset` counts pages from 1.
pub fn page(call: &Call, rows: Vec<Value>) -> Answer {
    let number = |key: &str, otherwise: usize| call.asked(key).and_then(|text| text.parse().ok()).unwrap_or(otherwise).max(1);
    let (offset, limit) = (number("offset", 1), number("limit", 10).min(100));
    let total = rows.len();
    let data: Vec<Value> = rows.into_iter().skip(limit.saturating_mul(offset - 1)).take(limit).collect();
    let pagination = json!({
        "cursor": {"next": null, "prev": null, "pit": null}, "offset": offset, "limit": limit, "total": total, "target_offset": null,
    });
    Answer::json(200, json!({"status": "success", "data": data, "meta": {"pagination": pagination}}))
}
