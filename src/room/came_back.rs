//! A conversation that a person had and that is the AI agent's again: what a model has to be told of it, because in its own
//! transcript it still reads that a colleague has taken over (room-ops.md 2.8 and 6.2).

use serde::{Deserialize, Serialize};

use super::ids::Timestamp;
use super::state::{Control, Room};

/// It is news for so long.
const NEWS_MS: i64 = 24 * 3_600_000;
/// How somebody is called who wrote without a name.
pub(super) const NAMELESS: &str = "a colleague";

/// Who had it last, and gave it back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CameBack {
    /// Empty: not known by any name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub from: String,
    pub since: Timestamp,
    pub until: Timestamp,
    /// The first letters of what they wrote last; empty: they wrote nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub said: String,
}

impl CameBack {
    fn notice(&self) -> String {
        let seconds = |at: Timestamp| Timestamp(at.0 - at.0.rem_euclid(1_000_000)).to_text();
        let who = match self.from.as_str() {
            "" | NAMELESS => "A colleague".to_owned(),
            name => format!("A colleague ({name})"),
        };
        let said = match self.said.as_str() {
            "" => String::new(),
            said => format!(" The last they wrote to the customer: \"{said}\"."),
        };
        let (since, until) = (seconds(self.since), seconds(self.until));
        format!(
            "{who} had this conversation from {since} to {until} and gave it back: it is yours again.{said} What was said before \
             about handing it over is done with."
        )
    }
}

/// What the model has to know on its next turn, if the conversation came back to it.
pub fn notice(room: &Room) -> Option<String> {
    let came_back = room.staffed.as_ref()?.came_back.as_ref().filter(|_| room.control == Control::Bot)?;
    (room.last_event_at.ms_since(came_back.until) < NEWS_MS).then(|| came_back.notice())
}

impl Room {
    /// What is remembered of the person who has it, now that they give it back.
    pub(super) fn comes_back(&mut self, at: Timestamp) {
        if let (Control::Person { agent, .. }, Some(staffed)) = (&self.control, &mut self.staffed) {
            // Whoever has no name here is called by their id, which says nothing to anybody.
            let from = std::mem::take(&mut staffed.name);
            let from = if from == agent.as_str() { String::new() } else { from };
            let (since, said) = (staffed.since, std::mem::take(&mut staffed.said));
            staffed.came_back = Some(Box::new(CameBack { from, since, until: at, said }));
        }
    }

    /// What the person who has it wrote to the customer.
    pub(super) fn person_said(&mut self, text: &str) {
        if let (Control::Person { .. }, Some(staffed)) = (&self.control, &mut self.staffed) {
            staffed.said = text.chars().take(Self::PREVIEW_CHARACTERS).collect();
        }
    }

    /// The name of whoever has it, as far as it was ever told.
    pub fn assignee_name(&self) -> Option<&str> {
        let agent = self.assignee()?;
        let name = self.staffed.as_ref().map(|staffed| staffed.name.as_str())?;
        (!name.is_empty() && name != agent.as_str()).then_some(name)
    }
}
