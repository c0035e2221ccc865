//! The CRM's envelope: `meta` and `response`, and on lists the counters beside them.

use serde_json::{Value, json};

use super::super::call::Call;
use super::super::dates;
use super::super::request::Answer;

/// `meta`, with the vendor's mixed habits: two offsets, and log ids with and without a server's name.
pub fn meta(call: &Call, status: u16, message: &str) -> Value {
    let kind = match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        422 => "Unprocessable Entity",
        429 => "Too Many Requests",
        _ => "Internal Server Error",
    };
    let elsewhere = call.number.is_multiple_of(2);
    let timestamp = if elsewhere { dates::in_utc_offset(call.now) } else { dates::in_records(call.now) };
    let suffix = if elsewhere { " standin-web-2" } else { "" };
    let said = if status == 404 { "Not Found" } else { message };
    json!({
        "status": status,
        "type": kind,
        "error_code": null,
        "info": format!("https://standin.example/response-codes#{status}"),
        "developer_message": message,
        "message": said,
        "timestamp": timestamp,
        "log_id": format!("00000000-0000-4000-8000-{:012x}{suffix}", call.number),
    })
}

/// 200 with a record or a list of them.
pub fn found(call: &Call, response: impl Into<Value>) -> Answer {
    Answer::json(200, json!({"meta": meta(call, 200, "Success"), "response": response.into()}))
}

/// 200 with nothing but `meta`.
pub fn done(call: &Call) -> Answer {
    Answer::json(200, json!({"meta": meta(call, 200, "Success")}))
}

/// Everything that is not 200 has no `response`.
pub fn wrong(call: &Call, status: u16, message: &str) -> Answer {
    Answer::json(status, json!({"meta": meta(call, status, message)}))
}

pub fn missing(call: &Call) -> Answer {
    wrong(call, 404, &format!("Couldn't find record with 'id'={}", call.parameter(0)))
}

/// Everything that is wrong with the values, in one sentence.
pub fn invalid(call: &Call, wrongs: &[String]) -> Answer {
    wrong(call, 422, &format!("Validation failed: {}", wrongs.join(", ")))
}

/// 401 of the bearer dialect has no envelope.
pub fn unauthorized() -> Answer {
    Answer::json(401, json!({"error": "The access token is invalid, expired or was revoked."}))
}
