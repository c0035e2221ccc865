//! What the model is told of what came about there, and the facts that become of it here. Never the channel's raw body.

use serde::Serialize;

use crate::actors::outside::{EffectJob, PartRow};
use crate::catalog::assign_agent;
use crate::catalog::create_tag::WantedTag;
use crate::catalog::fence;
use crate::catalog::resolve_conversation::{self, ResolveConversation};
use crate::room::{Because, CallStatus, CameAbout, ClosingOutcome, EffectKind, Next, Refusal, ResultJson, Settlement, Timestamp};

use super::part::{Deed, Entrant, Left, deeds};
use super::refusals;
use super::rooms::There;
use super::tags::is_of;

pub const WARN_TAKEN: &str = "Somebody had this conversation already; it stays with them.";
pub const WARN_MOVED_ON: &str =
    "The conversation moved on in the channel while it was being handed over. A colleague may have to look.";
pub const WARN_FORMER_STAYS: &str = "Whoever had the conversation before could not be taken out of it.";
const WARN_OVERTAKEN: &str = "A human agent took the conversation while it was being handed over; it may be with them now.";

pub fn assigned(entrant: &Entrant, because: Option<Because>, now: Timestamp, changed: bool, warnings: Vec<String>) -> Settlement {
    let result = assign_agent::given(&entrant.agent_id, &entrant.name, entrant.online, now, changed, &warnings);
    let (agent_id, agent_name) = (entrant.agent_id.clone(), entrant.name.clone());
    Settlement::done(&result, CameAbout::Assigned { agent_id, agent_name, because })
}

/// Nobody there has it any more, unless somebody could not be taken out.
pub fn returned(stays: bool) -> Settlement {
    #[derive(Serialize)]
    struct Returned {
        returned: bool,
        #[serde(skip_serializing_if = "<[&str]>::is_empty")]
        warnings: &'static [&'static str],
    }
    let warnings: &[&str] = if stays { &[WARN_FORMER_STAYS] } else { &[] };
    Settlement::succeeded(&ResultJson::of(&Returned { returned: true, warnings }), None)
}

#[derive(Serialize)]
struct Failed<'a> {
    tag: &'a str,
    why: &'a str,
}

#[derive(Serialize)]
struct Tagged<'a> {
    /// The conversation's tags there, afterwards.
    tags: Vec<&'a str>,
    added: Vec<&'a str>,
    already_present: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failed: Vec<Failed<'a>>,
}

/// `there`: the room after the last part.
pub fn tagged(wanted: &[WantedTag], there: &There, done: &[(Deed, Left)]) -> Settlement {
    let mut told =
        Tagged { tags: there.tags.iter().map(String::as_str).collect(), added: vec![], already_present: vec![], failed: vec![] };
    for tag in wanted {
        let part = done.iter().find(|(deed, _)| is_of(deed, tag));
        let shown = there.tag(&tag.folded);
        match (part, shown) {
            (Some((_, Left::Failed { why })), None) => told.failed.push(Failed { tag: &tag.shown, why }),
            (Some((Deed::Tag { shown: sent, .. }, _)), shown) => told.added.push(shown.unwrap_or(sent)),
            (_, shown) => told.already_present.push(shown.unwrap_or(&tag.shown)),
        }
    }
    for added in &told.added {
        // A list that is read before it shows what was just put there.
        if !told.tags.contains(added) {
            told.tags.push(added);
        }
    }
    if told.added.is_empty() && told.already_present.is_empty() {
        let failed: Vec<(String, String)> = told.failed.iter().map(|one| (one.tag.to_owned(), one.why.to_owned())).collect();
        return Settlement::error(CallStatus::Refused, &refusals::tags_refused(&failed));
    }
    // What was there before may be news to our own room.
    let tags = told.added.iter().chain(&told.already_present).map(|tag| (*tag).to_owned()).collect();
    Settlement::done(&ResultJson::of(&told), CameAbout::Tagged { tags })
}

/// `by_us`: it was not resolved before.
pub fn resolved(asked: &ResolveConversation, by_us: bool, now: Timestamp, closing: Option<ClosingOutcome>) -> Settlement {
    let result = match by_us {
        true => resolve_conversation::resolved(asked, now, closing.as_ref()),
        false => resolve_conversation::found_resolved(asked, now),
    };
    let (reason_code, note) = (asked.reason_code.clone(), asked.note.clone());
    Settlement::done(&result, CameAbout::Resolved { reason_code, note, closing })
}

/// Control moved before the next part. Whoever was let in is in; before that nothing was done.
pub fn voided(job: &EffectJob, parts: &[PartRow], now: Timestamp) -> Settlement {
    let done = deeds(parts).unwrap_or_default();
    let entered = done.iter().rev().find_map(|(deed, left)| match (deed, left) {
        (Deed::Enter(entry), Left::Done) => Some(entry),
        _ => None,
    });
    match entered {
        Some(entry) if job.plan.kind == EffectKind::Assignment => {
            assigned(&entry.entrant, entry.because.clone(), now, true, vec![WARN_OVERTAKEN.into()])
        }
        _ => Settlement::error(CallStatus::Refused, &fence::human_in_control()),
    }
}

/// An end without the channel's word.
pub fn unsaid(job: &EffectJob, status: CallStatus) -> Settlement {
    let what = match job.plan.kind {
        EffectKind::Assignment => "the conversation was not handed over",
        EffectKind::Resolution => "the conversation was not resolved",
        EffectKind::Attachment => "the file was not sent",
        _ => "not all of it was done",
    };
    match status {
        CallStatus::Unresolved => Settlement::outcome_unknown(),
        CallStatus::Expired => {
            let message = format!("The channel could not be used in time. Nothing was done there, so {what}.");
            Settlement::error(status, &Refusal::new("expired", Next::RetryLater, message))
        }
        _ => {
            let message =
                format!("The channel cannot be used now, and {what}. Do not send it again; a colleague will look after it.");
            Settlement::error(status, &Refusal::new("channel_unavailable", Next::WaitForHuman, message))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn wanted(names: &[&str]) -> Vec<WantedTag> {
        names.iter().map(|name| WantedTag { folded: name.to_lowercase(), shown: (*name).to_owned() }).collect()
    }

    fn put(name: &str, left: Left) -> (Deed, Left) {
        (Deed::Tag { folded: name.to_lowercase(), shown: name.into() }, left)
    }

    #[test]
    fn each_tag_is_told_by_itself() {
        let there = There { tags: vec!["Vip".into(), "late".into()], ..There::default() };
        let done = [put("Late", Left::Done), put("odd", Left::Failed { why: "no".into() }), put("slow", Left::Done)];
        let told = tagged(&wanted(&["VIP", "Late", "odd", "slow"]), &there, &done);
        let body: serde_json::Value = serde_json::from_str(&told.body).unwrap();
        let expected = json!({
            "tags": ["Vip", "late", "slow"], "added": ["late", "slow"], "already_present": ["Vip"],
            "failed": [{"tag": "odd", "why": "no"}],
        });
        assert_eq!(body["result"], expected);
        let tags = ["late", "slow", "Vip"].map(String::from).to_vec();
        assert_eq!(told.came_about, Some(CameAbout::Tagged { tags }));
        let told = tagged(&wanted(&["odd"]), &There::default(), &done);
        assert_eq!((told.status, told.came_about), (CallStatus::Refused, None));
    }
}
