//! What the model is told of a record: a few fields in its own words, what was changed, and warnings (qontak-api.md section 3).
//! Never the CRM's raw body.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::actors::outside::EffectJob;
use crate::room::{CallStatus, Link, Next, Refusal, ResultJson, Settlement, Timestamp};

use super::change::{Change, How};
use super::record::{self, Record};
use super::sheet::Sheet;
use super::written::{Outcome, Written};

/// A record in a result's words; absent where the record does not say.
pub fn view(sheet: &Sheet, read: &Record) -> Record {
    let mut view = Record::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value.filter(|value| !record::is_blank(Some(value))) {
            view.insert(name.to_owned(), value);
        }
    };
    let text = |key: &str| record::text_of(read, key).map(Value::from);
    put("id", record::int_of(read, "id").map(|id| json!(id.to_string())));
    if sheet.is_ticket() {
        put("number", text("unique_ticket_id"));
    }
    put("name", text("name"));
    put("pipeline", text(sheet.pipeline.1));
    put("stage", text(sheet.stage.1));
    if !sheet.is_ticket() {
        put("amount", read.get("size").map(|size| How::Number.shown(size)));
        put("currency", text("currency"));
    }
    put(sheet.owner_name, text(sheet.owner.1));
    if sheet.is_ticket() {
        put("due_date", read.get("due_date").map(|day| How::Day.shown(day)));
    }
    view
}

/// The changes as far as they belong to a view: what we expect to see.
pub fn expected(sheet: &Sheet, changes: &[Change]) -> Record {
    let shown: &[&str] = if sheet.is_ticket() {
        &["name", "pipeline", "stage", "assignee", "due_date"]
    } else {
        &["name", "pipeline", "stage", "amount", "currency", "owner"]
    };
    let told = changes.iter().filter(|change| shown.contains(&change.field.as_str()));
    told.map(|change| (change.field.clone(), change.to.clone())).collect()
}

/// `over` on top of `under`.
pub fn laid_over(under: &Record, over: &Record) -> Record {
    let mut both = under.clone();
    both.extend(over.iter().map(|(key, value)| (key.clone(), value.clone())));
    both
}

/// What a record that was read says about the changes. `strict`: a field that is not shown counts as not changed.
pub fn judge(sheet: &Sheet, written: &Written, read: &Record, strict: bool) -> Outcome {
    let doubtful = written.changes.iter().filter(|change| !change.shows(read).unwrap_or(!strict));
    let unverified = doubtful.map(|change| change.field.clone()).collect();
    Outcome { view: laid_over(&written.view, &view(sheet, read)), unverified, unread: false }
}

/// The end of an effect that went well.
pub fn succeeded(
    job: &EffectJob,
    id: &str,
    outcome: &Outcome,
    written: Option<&Written>,
    mut warnings: Vec<String>,
) -> Settlement {
    let sheet = Sheet::of(job.plan.kind);
    let mut told = Record::new();
    told.insert("id".into(), json!(id));
    let told = laid_over(&told, &outcome.view);
    let mut result = Record::new();
    result.insert(sheet.kind.as_str().into(), Value::Object(told.clone()));
    warnings.splice(0..0, written.iter().flat_map(|written| written.warnings.iter().cloned()));
    for field in &outcome.unverified {
        warnings.push(format!(
            "The CRM does not show the new value of `{}`. A colleague may have to look.",
            crate::catalog::nearest::shown(field)
        ));
    }
    if !job.plan.creates {
        let changes = written.map(|written| written.changes.as_slice()).unwrap_or_default();
        let verified = changes.iter().filter(|change| !outcome.unverified.contains(&change.field));
        let lines = verified.map(|change| json!({"field": change.field, "from": change.from, "to": change.to}));
        result.insert("changed".into(), lines.collect());
    }
    if !warnings.is_empty() {
        result.insert("warnings".into(), json!(warnings));
    }
    let result = ResultJson::of(&result);
    let text = |key: &str| told.get(key).and_then(Value::as_str).map(str::to_owned);
    let link = Link {
        kind: sheet.kind,
        id: id.to_owned(),
        number: text("number"),
        name: text("name").unwrap_or_default(),
        intent: job.plan.intent.clone(),
        also: written.map(|written| written.also.clone()).unwrap_or_default(),
        episode: job.episode,
        at: Timestamp(0),
        result: job.plan.creates.then(|| Arc::from(result.0.as_str())),
    };
    Settlement::succeeded(&result, Some(link))
}

/// An end without the CRM's word.
pub fn unsaid(job: &EffectJob, status: CallStatus) -> Settlement {
    let verb = if job.plan.creates { "made" } else { "changed" };
    let kind = job.plan.kind.as_str();
    match status {
        CallStatus::Unresolved => Settlement::outcome_unknown(),
        CallStatus::Expired => {
            let message = format!("The CRM could not be used in time. Nothing was done there, so the {kind} was not {verb}.");
            Settlement::error(status, &Refusal::new("expired", Next::RetryLater, message))
        }
        _ => {
            let message = format!(
                "The CRM cannot be used now, and the {kind} was not {verb}. Do not send it again; a colleague will look after it."
            );
            Settlement::error(status, &Refusal::new("crm_unavailable", Next::WaitForHuman, message))
        }
    }
}
