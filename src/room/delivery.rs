//! How far a file got on its way to the customer, and what its channel says of it afterwards. Pure. Statuses come twice, late, and
//! before the answer to the message itself: what is known is only ever added to, so any order of the same words leaves the same
//! state. **Invariant:** a delivery never goes back; "failed" is an end whatever else was said.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::decision::ResultJson;
use super::effect::{EffectPlan, SentFile};
use super::ids::{CallId, CallKey, CompanyNo, Timestamp};
use super::refusal::Next;

/// Where a file stands. A file of the library is resolved by its key, lies here, and was verified and scanned when it was uploaded
/// here: the first five are done before a call's effect is asked for. One that is made on request is resolved then, and is
/// fetched, verified and scanned in one go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    Requested,
    Resolved,
    Fetched,
    Verified,
    Scanned,
    /// The channel holds its bytes.
    Uploaded,
    /// The room let it go; what happens from here on can only be looked up.
    Submitting,
    /// The channel took the message. Not more than that.
    Accepted,
    Sent,
    Delivered,
    Read,
}

impl Stage {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Resolved => "resolved",
            Self::Fetched => "fetched",
            Self::Verified => "verified",
            Self::Scanned => "scanned",
            Self::Uploaded => "uploaded",
            Self::Submitting => "submitting",
            Self::Accepted => "accepted",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Read => "read",
        }
    }
}

/// How far a file got beside the room, by what may be repeated as often as it must: at most `Stage::Uploaded`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prepared {
    pub call_id: CallId,
    /// Which try of that call.
    #[serde(default)]
    pub attempt: u32,
    pub stage: Stage,
    /// What was fetched, unless it was known before: from here on the room knows the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<Arc<SentFile>>,
}

/// Why the channel gave a message up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Failure {
    /// The channel's own code; 0: it said none.
    pub code: i64,
    pub title: String,
}

/// One thing that a channel says of a message it took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Step {
    Sent,
    Delivered,
    Read,
    Failed(Failure),
}

impl Step {
    const fn stage(&self) -> Option<Stage> {
        match self {
            Self::Sent => Some(Stage::Sent),
            Self::Delivered => Some(Stage::Delivered),
            Self::Read => Some(Stage::Read),
            Self::Failed(_) => None,
        }
    }
}

/// What a channel says of one message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryWord {
    /// The call whose file it carried, where the message says so; else its id has to tell.
    #[serde(skip)]
    pub effect: Option<CallKey>,
    /// Which try of that call.
    #[serde(default)]
    pub attempt: u32,
    /// The channel's own id of the message.
    pub message_id: String,
    #[serde(flatten)]
    pub step: Step,
    /// What it is of, as the store still knows it: for a room that does not remember it any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub older: Option<Box<Delivery>>,
}

/// A file on its way, or on the customer's side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    pub call_id: CallId,
    /// Its key in the library.
    pub attachment: String,
    pub filename: String,
    /// How often a person had it tried again; a try has a life of its own.
    #[serde(default)]
    pub attempt: u32,
    /// The channel's own id of the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// The farthest it is known to have got.
    pub reached: Stage,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<Failure>,
    /// When it moved last, here.
    pub at: Timestamp,
}

impl Delivery {
    /// More of them are not remembered in a room, oldest first but for what failed lately; they stay in its journal and in the
    /// outbox.
    pub const MOST: usize = 20;

    pub fn of(call_id: &CallId, file: &SentFile, reached: Stage, at: Timestamp) -> Self {
        let (call_id, attachment, filename) = (call_id.clone(), file.attachment.clone(), file.filename.clone());
        Self { call_id, attachment, filename, attempt: 0, message_id: None, reached, failed: None, at }
    }

    /// Of what was just asked for. What has to be fetched is called as it was asked for, until it is there. `None`: it is no file.
    pub fn asked(call_id: &CallId, plan: &EffectPlan, at: Timestamp) -> Option<Self> {
        if let Some(file) = &plan.file {
            return Some(Self::of(call_id, file, Stage::Scanned, at));
        }
        let source = plan.source.as_ref()?;
        let filename = source.filename.clone().unwrap_or_else(|| source.attachment.clone());
        let (call_id, attachment, reached) = (call_id.clone(), source.attachment.clone(), Stage::Resolved);
        Some(Self { call_id, attachment, filename, attempt: 0, message_id: None, reached, failed: None, at })
    }

    /// `failed` whatever it reached before.
    pub const fn status(&self) -> &'static str {
        if self.failed.is_some() { "failed" } else { self.reached.as_str() }
    }

    /// Whether the channel spoke of this one. After a try that sent nothing only the message of an earlier one is there: it counts
    /// where no other is known, unless it only failed, which says nothing of the try that may be under way.
    pub fn is_meant(&self, word: &DeliveryWord, company: CompanyNo) -> bool {
        match word.effect {
            Some(call) => self.takes(word) && CallKey::of(company, &self.call_id) == call,
            None => self.message_id.as_ref() == Some(&word.message_id),
        }
    }

    /// Whether a word of this try is of the message that this delivery is about.
    pub fn takes(&self, word: &DeliveryWord) -> bool {
        let is_only = || match &self.message_id {
            Some(known) => *known == word.message_id,
            None => !matches!(word.step, Step::Failed(_)),
        };
        self.attempt == word.attempt || (word.attempt < self.attempt && is_only())
    }

    /// Whether that is news.
    pub fn moves(&self, step: &Step) -> bool {
        let mut after = self.clone();
        after.hear(step);
        after != *self
    }

    /// Adds what the channel said. Of two failures the smaller one stays: any order leaves the same.
    pub fn hear(&mut self, step: &Step) {
        match (step.stage(), step) {
            (Some(stage), _) => self.reached = self.reached.max(stage),
            (None, Step::Failed(failure)) => {
                // A channel gives up only what it had taken.
                self.reached = self.reached.max(Stage::Accepted);
                let smaller = self.failed.take().map_or_else(|| failure.clone(), |known| known.min(failure.clone()));
                self.failed = Some(smaller);
            }
            (None, _) => {}
        }
    }

    /// For the model's next turn, if it did not arrive.
    pub fn notice(&self) -> Option<String> {
        let failure = self.failed.as_ref()?;
        let (name, why) = (&self.attachment, &failure.title);
        // It was seen there before the channel gave it up.
        if self.reached >= Stage::Delivered {
            return Some(format!("The channel says of the file `{name}` both that it arrived and that it failed: {why}."));
        }
        Some(format!("The file `{name}` you sent did not reach the customer: {why}. Do not say that they have it."))
    }
}

#[derive(Serialize)]
struct AcceptedLater<'a> {
    attachment: &'a str,
    filename: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'a str>,
    status: &'a str,
    as_of: String,
}

/// What a call is answered whose outcome became known only by a status. `file`: unless it was fetched, which the room did not see.
pub fn accepted_later(delivery: &Delivery, file: Option<&SentFile>, as_of: Timestamp) -> ResultJson {
    let (Delivery { attachment, filename, .. }, kind) = (delivery, file.map(|file| file.kind.as_str()));
    ResultJson::of(&AcceptedLater { attachment, filename, kind, status: "accepted", as_of: as_of.to_text() })
}

/// The same, of one that the channel gave up.
pub fn not_delivered(failure: &Failure) -> super::refusal::Refusal {
    let message =
        format!("The channel took the file and could not deliver it: {}. The customer does not have it.", failure.title);
    super::refusal::Refusal::new("not_delivered", Next::WaitForHuman, message)
}

#[cfg(test)]
pub(in crate::room) mod tests {
    use super::*;

    fn delivery(reached: Stage) -> Delivery {
        let file = SentFile {
            attachment: "map".into(),
            version: 1,
            sha256: "00".into(),
            size: 1,
            mime: "image/png".into(),
            kind: "image".into(),
            filename: "map.png".into(),
        };
        Delivery::of(&CallId::trusted("c1"), &file, reached, Timestamp(0))
    }

    /// All orders of `left` after `done`.
    pub(in crate::room) fn orders(done: &[Step], left: &[Step], all: &mut Vec<Vec<Step>>) {
        if left.is_empty() {
            all.push(done.to_vec());
        }
        for at in 0..left.len() {
            let (mut done, mut left) = (done.to_vec(), left.to_vec());
            done.push(left.remove(at));
            orders(&done, &left, all);
        }
    }

    #[test]
    fn any_order_of_the_same_words_leaves_the_same() {
        let failed = |code: i64| Step::Failed(Failure { code, title: "x".into() });
        let words = [Step::Sent, Step::Delivered, Step::Read, failed(131_026), failed(131_047)];
        for picked in 0..1_u32 << words.len() {
            let some: Vec<Step> =
                words.iter().enumerate().filter(|(at, _)| picked & (1 << at) != 0).map(|(_, step)| step.clone()).collect();
            let mut all = vec![];
            orders(&[], &some, &mut all);
            // Also with the answer to the message itself, `accepted`, at any place among them.
            let mut ends: Vec<Delivery> = vec![];
            for order in all {
                for answer_at in 0..=order.len() {
                    let mut one = delivery(Stage::Submitting);
                    for (at, step) in order.iter().enumerate() {
                        if at == answer_at {
                            one.reached = one.reached.max(Stage::Accepted);
                        }
                        let before = one.clone();
                        one.hear(step);
                        assert!(one.reached >= before.reached && (one.failed.is_some() || before.failed.is_none()), "went back");
                        assert_eq!(before.moves(step), before != one);
                        // Told twice is told once.
                        assert!(!one.moves(step));
                    }
                    one.reached = one.reached.max(Stage::Accepted);
                    ends.push(one);
                }
            }
            assert!(ends.windows(2).all(|pair| pair[0] == pair[1]), "{some:?}");
        }
    }

    #[test]
    fn failed_is_an_end_whatever_else_was_said() {
        let mut one = delivery(Stage::Accepted);
        one.hear(&Step::Failed(Failure { code: 131_026, title: "Message undeliverable".into() }));
        assert_eq!(one.status(), "failed");
        assert!(one.notice().is_some_and(|words| words.contains("did not reach the customer: Message undeliverable")));
        one.hear(&Step::Read);
        assert_eq!((one.status(), one.reached), ("failed", Stage::Read));
        assert!(one.notice().is_some_and(|words| words.contains("both")));
        assert_eq!(delivery(Stage::Read).notice(), None);
    }
}
