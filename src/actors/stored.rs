//! Stored answers as a turn writes them: one JSON object each, written once, kept in the call's row and replied as it is.

use std::sync::Arc;

use crate::room::dead_letter::POISON;
use crate::room::{CallStatus, Next, ParkedOn, Refusal, ResultJson, Settlement, answer_body};

use super::ports::StoredAnswer;

pub fn succeeded(result: &ResultJson) -> StoredAnswer {
    StoredAnswer { status: CallStatus::Succeeded, body: answer_body("result", &result.0) }
}

pub fn refused(refusal: &Refusal) -> StoredAnswer {
    StoredAnswer { status: CallStatus::Refused, body: error_body(refusal) }
}

/// `{"error":{…}}` as it is stored and answered.
pub fn error_body(refusal: &Refusal) -> Arc<str> {
    answer_body("error", &ResultJson::of(refusal).0)
}

pub fn parked(on: ParkedOn) -> StoredAnswer {
    StoredAnswer { status: on.status(), body: format!(r#"{{"parked_on":"{}"}}"#, on.as_str()).into() }
}

pub fn doubted() -> StoredAnswer {
    StoredAnswer { status: CallStatus::Unknown, body: r#"{"parked_on":"look_up"}"#.into() }
}

pub fn answer_of(settlement: &Settlement) -> StoredAnswer {
    StoredAnswer { status: settlement.status, body: settlement.body.clone() }
}

pub fn ended(status: CallStatus, code: &'static str, next: Next, message: &str) -> StoredAnswer {
    StoredAnswer { status, body: error_body(&Refusal::new(code, next, message)) }
}

pub fn cancelled() -> StoredAnswer {
    ended(
        CallStatus::Cancelled,
        "cancelled",
        Next::DoNotRetry,
        "A person cancelled this call before it ran; nothing was changed.",
    )
}

pub fn poison() -> StoredAnswer {
    ended(
        CallStatus::Dead,
        POISON,
        Next::WaitForHuman,
        "This call could not be carried out and was set aside for a person. Do not repeat it.",
    )
}

pub fn lost() -> StoredAnswer {
    ended(
        CallStatus::Failed,
        "unreadable_call",
        Next::WaitForHuman,
        "This call could not be read again after a restart; nothing was changed.",
    )
}

pub fn code_of(answer: &StoredAnswer) -> Option<String> {
    let rest = answer.body.strip_prefix(r#"{"error":{"code":""#)?;
    rest.split('"').next().map(str::to_owned)
}

/// Of a call that would have to wait behind too many others.
pub fn crowded() -> Refusal {
    Refusal::new("too_many_waiting", Next::RetryLater, "Too many calls of this conversation wait already. Nothing was done.")
}
