//! Whether a body has all that the CRM will ask for in this pipeline and stage (qontak-api.md 1.6), before it is sent. Pure.

use serde_json::Value;

use crate::room::Refusal;
use crate::room::tag::fold;

use super::custom_fields;
use super::record::{self, Record};
use super::refusals::{Missing, missing_fields, needs_a_person};
use super::sheet::{Kind, Sheet};
use super::template::{FieldRow, Pipeline, Stage, Template};

/// Most choices of one missing field that are named.
const MOST_CHOICES: usize = 20;

/// Names in the template that stand under another key in a body.
fn key_of(name: &str) -> &str {
    match name {
        "crm_contact" => "crm_lead_ids",
        "crm_company" => "crm_company_id",
        other => other,
    }
}

/// Standard fields that the CRM fills in by itself, whatever the template says of them.
const ITS_OWN: [&str; 4] = ["crm_deal_status_id", "unique_ticket_id", "slug", "id"];

/// What stands in the fields after the write.
pub struct Filled<'a> {
    pub body: &'a Record,
    /// The record as it was read; `None`: a new one.
    pub before: Option<&'a Record>,
}

pub fn check(sheet: &Sheet, template: &Template, pipeline: &Pipeline, stage: &Stage, filled: &Filled<'_>) -> Result<(), Refusal> {
    let mut missing = vec![];
    let person = |row: &FieldRow| needs_a_person(&format!("the field `{}`", crate::catalog::nearest::shown(&row.label)));
    for row in template.fields.iter().filter(|row| row.is_required(pipeline.id, stage.id)) {
        if is_filled(sheet, row, filled) {
            continue;
        }
        let by_label = || Missing { name: row.label.clone(), note: Some(format!("custom field{}", form(row))) };
        if row.custom {
            if !custom_fields::is_settable(row) {
                return Err(person(row));
            }
            missing.push(by_label());
            continue;
        }
        let key = key_of(&row.name);
        match sheet.by_key(key) {
            Some(field) => match field.argument_of(filled.before.is_none()) {
                Some(argument) => missing.push(Missing { name: argument.to_owned(), note: choices(row) }),
                None if field.kind == Kind::Choice => missing.push(by_label()),
                None => return Err(person(row)),
            },
            None if key == "crm_lead_ids" => return Err(needs_a_person("a contact for this customer")),
            None => return Err(person(row)),
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(missing_fields(missing, &pipeline.name, &stage.name)) }
}

fn is_filled(sheet: &Sheet, row: &FieldRow, filled: &Filled<'_>) -> bool {
    if row.custom {
        return row.id.is_none_or(|id| {
            let field = record::custom_field(filled.body, id);
            // A picture and the like are not sent back, and stay.
            let kept =
                || filled.before.filter(|_| !custom_fields::is_settable(row)).and_then(|before| record::custom_field(before, id));
            field.or_else(kept).is_some_and(|field| !record::is_blank(field.get("value")))
        });
    }
    // Pipeline and stage always are; a deal without an owner becomes the token's user's.
    let key = key_of(&row.name);
    let given = key == sheet.pipeline.0 || key == sheet.stage.0 || (key == sheet.owner.0 && !sheet.is_ticket());
    // What we have no word for is not sent and stays as it is.
    let kept = || filled.before.filter(|_| sheet.by_key(key).is_none()).and_then(|before| before.get(key));
    let value = filled.body.get(key).or_else(kept);
    given || ITS_OWN.contains(&key) || !record::is_blank(value.filter(|value| **value != Value::Null))
}

fn choices(row: &FieldRow) -> Option<String> {
    let names: Vec<&str> = row.choices.iter().take(MOST_CHOICES).map(|choice| choice.name.as_str()).collect();
    (!names.is_empty()).then(|| format!("one of: {}", names.join(", ")))
}

fn form(row: &FieldRow) -> String {
    if let Some(choices) = choices(row) {
        return format!(", {choices}");
    }
    match fold(&row.kind).as_str() {
        "date" => ", YYYY-MM-DD".into(),
        "date time" => ", YYYY-MM-DDTHH:MM".into(),
        "number" | "percentage" => ", a number".into(),
        "url" | "upload" => ", an address that starts with https://".into(),
        _ => String::new(),
    }
}

#[cfg(test)]
#[path = "tests/required.rs"]
mod tests;
