//! A company's closing message on its way into a channel, whatever channel that is: the one message of a resolve's effect.
//! **Invariant:** it holds the resolve up for no longer than a few tries, and what may have been sent is never sent again.

use std::time::Duration;

use crate::actors::outside::{EffectJob, Found, Part, PartDone, PartRow, Sent};
use crate::room::outbox::Rule;
use crate::room::{ClosingOutcome, EffectKind, Settlement};

/// Certain failures before it is left out.
pub const TRIES: u32 = 3;
/// So long one try waits for its turn.
pub const TURN_WITHIN: Duration = Duration::from_secs(10);
/// Code of one that was left out because the channel could not be used.
const UNAVAILABLE: &str = "channel_unavailable";

/// Stands for a permit: nothing is to be sent any more.
pub struct GivenUp;

pub fn is_closing(job: &EffectJob, part: &Part) -> bool {
    job.plan.kind == EffectKind::Resolution && part.rule == Rule::Once
}

/// What the channel made of it, so that the resolve goes on.
pub fn sent(sent: Sent) -> Sent {
    match sent {
        Sent::Refused(settlement) => not_sent(code(&settlement).as_deref().unwrap_or(UNAVAILABLE)),
        Sent::Doubtful { why } => {
            tracing::warn!(%why, "it is not known whether a closing message was sent");
            Sent::Done(unconfirmed())
        }
        other => other,
    }
}

pub fn given_up() -> Sent {
    not_sent(UNAVAILABLE)
}

/// What is known of one that was begun: nobody waits for more.
pub fn found(found: Found) -> Found {
    match found {
        Found::Unprovable { .. } | Found::Awaited { .. } | Found::Later { .. } | Found::Absent => Found::Done(unconfirmed()),
        done @ Found::Done(_) => done,
    }
}

/// What became of it; `None`: it was not begun. `ended`: the parts that are done.
pub fn outcome(job: &EffectJob, ended: &[PartRow]) -> Option<ClosingOutcome> {
    let row = ended.iter().find(|row| is_closing(job, &row.part))?;
    let done = row.done.as_ref()?;
    let short = serde_json::from_str(&done.answer).ok();
    Some(short.unwrap_or_else(|| ClosingOutcome::Sent { message_id: done.record.clone() }))
}

fn not_sent(why: &str) -> Sent {
    Sent::Done(done("", &ClosingOutcome::not_sent(why)))
}

/// It counts as one that reached the customer.
fn unconfirmed() -> PartDone {
    done("unconfirmed", &ClosingOutcome::Unconfirmed)
}

fn done(record: &str, outcome: &ClosingOutcome) -> PartDone {
    PartDone { record: record.to_owned(), answer: serde_json::to_string(outcome).unwrap_or_default() }
}

fn code(settlement: &Settlement) -> Option<String> {
    let body: serde_json::Value = serde_json::from_str(&settlement.body).ok()?;
    body["error"]["code"].as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::{CallStatus, Next, Refusal};

    fn made_of(came: Sent) -> serde_json::Value {
        let Sent::Done(done) = sent(came) else { panic!("it holds the resolve up") };
        serde_json::from_str(&done.answer).unwrap()
    }

    #[test]
    fn whatever_the_channel_makes_of_it_the_resolve_goes_on() {
        let refusal = Refusal::new("window_closed", Next::WaitForHuman, "Too late.");
        let refused = Sent::Refused(Settlement::error(CallStatus::Refused, &refusal));
        assert_eq!(made_of(refused), serde_json::json!({"status": "not_sent", "why": "window_closed"}));
        assert_eq!(made_of(Sent::Doubtful { why: "lost".into() })["status"], "unconfirmed");
        let Sent::Done(done) = given_up() else { panic!("it holds the resolve up") };
        assert_eq!((done.record.as_str(), done.answer.contains(UNAVAILABLE)), ("", true));
        for unknown in [Found::Absent, Found::Unprovable { why: "".into() }, Found::Later { after_ms: 1, why: "".into() }] {
            assert_eq!(found(unknown), Found::Done(unconfirmed()));
        }
    }
}
