//! Dead letters: calls that ended `unresolved` or `dead` and now wait for a person, who has one tried again or says how it
//! ended. Either they have an effect out there, or their decision failed inside (poison) and nothing was ever asked for.

use serde::{Deserialize, Serialize};

use super::decision::ResultJson;
use super::effect::{EffectKind, OpenEffect, RecordKind};
use super::event::Fact;
use super::ids::{CallId, Timestamp};
use super::link::Link;
use super::parked::ParkedOn;
use super::refusal::{Next, Refusal};
use super::settlement::Settlement;
use super::state::{CallStatus, Room};

/// Code of the answer to a call whose decision failed inside again and again.
pub const POISON: &str = "poison";

/// A call that was set aside because deciding it failed; its arguments are in its own row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Poisoned {
    pub call_id: CallId,
    /// The action's name.
    pub name: String,
}

/// A call of this room that waits for a person's decision.
#[derive(Clone, Copy, Debug)]
pub enum DeadLetter<'a> {
    Effect(&'a OpenEffect),
    Poisoned(&'a Poisoned),
}

impl Room {
    /// More poisoned calls than this are forgotten, oldest first: they stay dead, and in the journal.
    pub const MOST_POISONED: usize = 50;

    /// `Err`: the call is none, or was decided already.
    pub fn dead_letter(&self, call_id: &CallId) -> Result<DeadLetter<'_>, Refusal> {
        let effect = self.effect(call_id).filter(|effect| effect.stranded).map(DeadLetter::Effect);
        let poisoned = || self.poisoned.iter().find(|poisoned| poisoned.call_id == *call_id).map(DeadLetter::Poisoned);
        effect.or_else(poisoned).ok_or_else(|| {
            let message = "Only a call that is unresolved or dead waits for a person's decision.";
            Refusal::new("not_a_dead_letter", Next::DoNotRetry, message)
        })
    }
}

impl DeadLetter<'_> {
    pub fn name(&self) -> &str {
        match self {
            Self::Effect(effect) => &effect.name,
            Self::Poisoned(poisoned) => &poisoned.name,
        }
    }

    fn call_id(&self) -> &CallId {
        match self {
            Self::Effect(effect) => &effect.call_id,
            Self::Poisoned(poisoned) => &poisoned.call_id,
        }
    }

    /// What the call waits for once it is tried again.
    pub fn waits_for(&self) -> ParkedOn {
        match self {
            Self::Effect(_) => ParkedOn::Effect,
            Self::Poisoned(_) => ParkedOn::Retry,
        }
    }

    /// The facts of another try. `Err`: it is nothing that is sent again; a record is found or made, whichever it takes.
    pub fn retried(&self, reason: &str, send_again: bool) -> Result<Vec<Fact>, Refusal> {
        let is_file = matches!(self, Self::Effect(effect) if effect.plan.kind == EffectKind::Attachment);
        if send_again && !is_file {
            let message = "Only a file is sent again like this. Leave `send_again` out: what is tried again is looked up first.";
            return Err(Refusal::new("argument_invalid", Next::FixAndRetry, message));
        }
        let (call_id, name, reason) = (self.call_id().clone(), self.name().to_owned(), reason.to_owned());
        let parked =
            Fact::CallParked { call_id: call_id.clone(), name: name.clone(), on: self.waits_for(), beside: vec![], asked: None };
        let again = match self {
            Self::Effect(_) => Fact::EffectRetried { call_id, name, reason, send_again },
            Self::Poisoned(_) => Fact::CallRetried { call_id, name, reason },
        };
        Ok(vec![again, parked])
    }

    /// How it ended, as a person states it. `record`: its id out there, where it made or changed one.
    pub fn settled(&self, succeeded: bool, record: Option<&str>, reason: &str) -> Settlement {
        #[derive(Serialize)]
        struct ByHand<'a> {
            settled_by_hand: bool,
            #[serde(skip_serializing_if = "Option::is_none")]
            record: Option<&'a str>,
            reason: &'a str,
        }
        if !succeeded {
            let message = match self {
                Self::Effect(effect) => {
                    let kind = effect.plan.kind.as_str();
                    format!("A colleague looked and found that the {kind} was not written: {reason}")
                }
                Self::Poisoned(_) => format!("A colleague looked and found that it was not done: {reason}"),
            };
            return Settlement::error(CallStatus::Failed, &Refusal::new("settled_as_failed", Next::DoNotRetry, message));
        }
        let result = ResultJson::of(&ByHand { settled_by_hand: true, record, reason });
        let link = match self {
            Self::Effect(effect) => linked(effect, record, &result),
            // Bellhop had no part in it: whatever is there is not what this call made.
            Self::Poisoned(_) => None,
        };
        Settlement::succeeded(&result, link)
    }
}

fn linked(effect: &OpenEffect, record: Option<&str>, result: &ResultJson) -> Option<Link> {
    let kind = match effect.plan.kind {
        EffectKind::Deal => RecordKind::Deal,
        EffectKind::Ticket => RecordKind::Ticket,
        _ => return None,
    };
    // That it was made is known also where nobody says which record it is: an equal wish must not make a second.
    let id = record.or(effect.plan.creates.then_some("")).map(str::to_owned)?;
    Some(Link {
        kind,
        id,
        number: None,
        name: String::new(),
        intent: effect.plan.intent.clone(),
        also: vec![],
        // Not the present one: who says so after the customer came back must not answer a new wish with an old deal.
        episode: effect.episode,
        at: Timestamp(0),
        result: Some(result.0.as_str().into()),
    })
}
