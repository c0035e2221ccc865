//! What every action on a record of the CRM has in common: shared arguments, and how a room decides about making and changing
//! one. Knows no CRM: a decision ends as an `EffectPlan`.

use crate::room::{
    Decision, EffectPlan, Fact, FunctionCall, Link, Next, OpenEffect, ParkedOn, RecordKind, Refusal, ResultJson, Room, tag,
};

use super::arguments::{Field, Kind, optional};

pub const USUAL_PIPELINE: Field = optional("pipeline", Kind::Line(200), "Name of the pipeline; left out: the usual one.");
pub const FIRST_STAGE: Field = optional("stage", Kind::Line(200), "Name of the stage; left out: the first.");
pub const SAME_PIPELINE: Field = optional("pipeline", Kind::Line(200), "Name of the pipeline; left out: as it is.");
pub const SAME_STAGE: Field = optional("stage", Kind::Line(200), "Name of the stage; left out: as it is.");
pub const PRIORITY: Field = optional("priority", Kind::Line(200), "Its priority, by name.");
pub const CUSTOM_FIELDS: Field =
    optional("custom_fields", Kind::Pairs(50), "The company's own fields: a list of {field, value}, both strings, at most 50.");
pub const REPEAT: Field =
    optional("repeat", Kind::Flag, "True only if the customer really wants a second one with the same name.");

/// What a create means: equal for two that would make the same record.
pub fn intent(name: &str, pipeline: Option<&str>) -> String {
    format!("{}|{}", tag::fold(name), tag::fold(pipeline.unwrap_or_default()))
}

/// The decision of any create: an equal intent of this episode is answered with the first record, or waits for it.
pub fn create(room: &Room, call: &FunctionCall, kind: RecordKind, name: &str, pipeline: Option<&str>, repeat: bool) -> Decision {
    let wanted = intent(name, pipeline);
    if let (false, Some(outside)) = (repeat, &room.outside) {
        let means = |link: &Link| link.intent.as_ref() == Some(&wanted) || link.also.contains(&wanted);
        let same = |link: &&Link| link.kind == kind && link.episode == room.episode && means(link);
        if let Some(result) = outside.links.iter().rev().find(same).and_then(|link| link.result.as_deref()) {
            return Decision::Done { facts: vec![], result: ResultJson(already_existed(result)) };
        }
        // Which pipeline is the usual one only the CRM knows, once it was made there: until then one that is not named may be any.
        let unnamed = intent(name, None);
        let may_be =
            |other: &String| *other == wanted || *other == unnamed || (pipeline.is_none() && other.starts_with(&unnamed));
        let being_made = |effect: &&OpenEffect| effect.plan.intent.as_ref().is_some_and(may_be);
        if outside.creates(kind, room.began).filter(being_made).any(|effect| !effect.stranded) {
            return Decision::Parked { facts: vec![], on: behind(kind) };
        }
        // It may be there already, or a colleague may have it made: what waited behind it, or asks anew, must not make a second.
        if outside.creates(kind, room.episode).filter(being_made).any(|effect| effect.stranded) {
            return Decision::Refused(left_to_people(kind));
        }
    }
    request(call, EffectPlan { creates: true, intent: Some(wanted), ..EffectPlan::absolute(kind.into(), false) })
}

/// The decision of any update: of the named record, else of this room's own; behind one that is still being made.
pub fn update(room: &Room, call: &FunctionCall, kind: RecordKind, target: Option<&str>) -> Decision {
    if target.is_none() && room.is_making(kind) {
        return Decision::Parked { facts: vec![], on: behind(kind) };
    }
    let outside = room.outside.as_ref();
    let own = match target {
        None => outside.and_then(|outside| outside.linked(kind)),
        Some(target) => outside.and_then(|outside| outside.known_as(kind, target)),
    };
    // The one that is meant is the newest, and of that nobody knows yet whether it is there.
    let newer = |effect: &OpenEffect| effect.stranded && own.is_none_or(|link| link.at < effect.since);
    if target.is_none() && outside.is_some_and(|outside| outside.creates(kind, room.began).any(newer)) {
        return Decision::Refused(changes_nothing_unknown(kind));
    }
    let linked = own.is_some();
    let target = own.map(|link| link.id.clone()).or_else(|| target.map(str::to_owned));
    request(call, EffectPlan { target, linked, ..EffectPlan::absolute(kind.into(), false) })
}

fn request(call: &FunctionCall, plan: EffectPlan) -> Decision {
    Decision::Parked { facts: vec![requested(call, plan)], on: ParkedOn::Effect }
}

/// Out there, this call's `plan` is to come about.
pub fn requested(call: &FunctionCall, plan: EffectPlan) -> Fact {
    Fact::EffectRequested { call_id: call.call_id.clone(), name: call.name.into(), plan }
}

fn behind(kind: RecordKind) -> ParkedOn {
    match kind {
        RecordKind::Deal => ParkedOn::Deal,
        RecordKind::Ticket => ParkedOn::Ticket,
    }
}

fn left_to_people(kind: RecordKind) -> Refusal {
    let kind = kind.as_str();
    let message = format!(
        "An earlier call to make this {kind} waits for a colleague, who will see whether it was made. Nothing was done now. \
         Do not send it again."
    );
    Refusal::new("waits_for_colleague", Next::WaitForHuman, message)
}

fn changes_nothing_unknown(kind: RecordKind) -> Refusal {
    let kind = kind.as_str();
    let message = format!(
        "The call that was to make this conversation's {kind} waits for a colleague, who will see whether it was made. Nothing was \
         changed. If another {kind} is meant, give its id as `{kind}`."
    );
    Refusal::new("waits_for_colleague", Next::WaitForHuman, message)
}

/// The first one's result, said of the second.
pub fn already_existed(result: &str) -> String {
    match result.strip_prefix('{') {
        Some("}") | None => r#"{"already_existed":true}"#.into(),
        Some(rest) => format!(r#"{{"already_existed":true,{rest}"#),
    }
}
