//! Errors as the Graph API words them: a code of Meta's own inside, whatever the HTTP status.

use serde_json::json;

use super::super::request::Answer;

pub fn wrong(status: u16, code: u32, message: &str, details: &str) -> Answer {
    let error = json!({
        "message": format!("(#{code}) {message}"),
        "type": "OAuthException",
        "code": code,
        "error_data": {"messaging_product": "whatsapp", "details": details},
        "fbtrace_id": "AStandinTrace",
    });
    Answer::json(status, json!({ "error": error }))
}

pub fn parameter(details: &str) -> Answer {
    wrong(400, 100, "Invalid parameter", details)
}

pub fn unauthorized() -> Answer {
    let error = json!({"message": "Invalid OAuth access token - Cannot parse access token", "type": "OAuthException", "code": 190, "fbtrace_id": "AStandinTrace"});
    Answer::json(401, json!({ "error": error }))
}

/// Also for what the token may not see.
pub fn unknown_object(id: &str) -> Answer {
    let error = json!({
        "message": format!("Unsupported request. Object with ID '{id}' does not exist, cannot be loaded due to missing permissions, or does not support this operation"),
        "type": "GraphMethodException", "code": 100, "error_subcode": 33, "fbtrace_id": "AStandinTrace",
    });
    Answer::json(400, json!({ "error": error }))
}
