//! How an effect ended: what its call is answered, and what came about in the conversation's channel.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::because::Because;
use super::closing::ClosingOutcome;
use super::decision::{ResultJson, answer_body};
use super::effect::SentFile;
use super::ids::AgentId;
use super::link::Link;
use super::refusal::{Next, Refusal};
use super::state::CallStatus;

/// What came about in the conversation's channel; becomes facts of the room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum CameAbout {
    /// These tags, as they are shown, are on the conversation now and were not before.
    Tagged {
        tags: Vec<String>,
    },
    Assigned {
        agent_id: AgentId,
        agent_name: String,
        because: Option<Because>,
    },
    Resolved {
        reason_code: String,
        note: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        closing: Option<ClosingOutcome>,
    },
    /// The channel took the file; `result` is what the call is answered.
    Sent {
        file: Arc<SentFile>,
        caption: Option<String>,
        message_id: Option<String>,
        result: Arc<str>,
    },
}

/// An effect's end, as the lane wrote it down before it told the room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settlement {
    /// Final.
    pub status: CallStatus,
    /// The call's answer, one JSON object (`{"result":{…}}` or `{"error":{…}}`).
    pub body: Arc<str>,
    /// The record that was made, changed or found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<Box<Link>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub came_about: Option<CameAbout>,
}

impl Settlement {
    pub fn succeeded(result: &ResultJson, link: Option<Link>) -> Self {
        Self { status: CallStatus::Succeeded, body: answer_body("result", &result.0), link: link.map(Box::new), came_about: None }
    }

    /// The channel did it.
    pub fn done(result: &ResultJson, came_about: CameAbout) -> Self {
        Self { came_about: Some(came_about), ..Self::succeeded(result, None) }
    }

    /// It may or may not have happened. Told as a result: a model that reads an error tries again.
    pub fn outcome_unknown() -> Self {
        #[derive(Serialize)]
        struct Unknown {
            code: &'static str,
            message: &'static str,
            next: Next,
        }
        let message = "It may already have been done. Do not send it again; a colleague will check.";
        let result = ResultJson::of(&Unknown { code: "outcome_unknown", message, next: Next::WaitForHuman });
        Self { status: CallStatus::Unresolved, ..Self::succeeded(&result, None) }
    }

    /// Said of a file whose text has reached the customer already: an error that says "nothing was sent" would have the text
    /// sent twice. Code and advice stay.
    #[must_use]
    pub fn of_the_file_alone(self) -> Self {
        self.prefaced(
            "The text was sent to the customer already, only the file was not; do not send the text again. Of the file alone:",
        )
    }

    /// Said of a resolve that was stopped after its customer had been told goodbye.
    #[must_use]
    pub fn after_its_closing_message(self) -> Self {
        self.prefaced("The company's closing message was sent to the customer already, and then the conversation was not closed.")
    }

    /// Said of what a person had sent again and that was not, after an earlier try that may have reached the customer: it is as
    /// little known as before.
    #[must_use]
    pub fn of_a_second_sending(self) -> Self {
        let nothing = [CallStatus::Refused, CallStatus::Failed, CallStatus::Expired, CallStatus::Dead, CallStatus::Cancelled];
        if !nothing.contains(&self.status) {
            return self;
        }
        let told = self.prefaced("It may have reached the customer before, and was not sent again now. Of this last try:");
        Self { status: CallStatus::Unresolved, ..told }
    }

    fn prefaced(mut self, preface: &str) -> Self {
        let Ok(mut body) = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&self.body) else { return self };
        let Some(serde_json::Value::String(message)) = body.get_mut("error").and_then(|error| error.get_mut("message")) else {
            return self;
        };
        *message = format!("{preface} {message}");
        self.body = serde_json::Value::Object(body).to_string().into();
        self
    }

    /// `status`: `refused`, `failed`, `expired`, `dead` or `unresolved`.
    pub fn error(status: CallStatus, refusal: &Refusal) -> Self {
        Self { status, body: answer_body("error", &ResultJson::of(refusal).0), link: None, came_about: None }
    }
}
