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

pub fn check(sheet: &Sheet, template: &Template, pipeline: &Pipeline, stage: &Stage, body: &Record) -> Result<(), Refusal> {
    let mut missing = vec![];
    for row in template.fields.iter().filter(|row| row.is_required(pipeline.id, stage.id)) {
        if is_filled(sheet, row, body) {
            continue;
        }
        if row.custom {
            if !custom_fields::is_settable(row) {
                return Err(needs_a_person(&format!("the field `{}`", crate::catalog::nearest::shown(&row.label))));
            }
            missing.push(Missing { name: row.label.clone(), note: Some(format!("custom field{}", form(row))) });
            continue;
        }
        let key = key_of(&row.name);
        match sheet.by_key(key) {
            Some(field) => match field.argument {
                Some(argument) => missing.push(Missing { name: argument.to_owned(), note: choices(row) }),
                None if field.kind == Kind::Choice => {
                    missing.push(Missing { name: row.label.clone(), note: Some(format!("custom field{}", form(row))) });
                }
                None => {}
            },
            None if key == "crm_lead_ids" => return Err(needs_a_person("a contact for this customer")),
            // Of fields we have no word for, the CRM itself must speak.
            None => {}
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(missing_fields(missing, &pipeline.name, &stage.name)) }
}

fn is_filled(sheet: &Sheet, row: &FieldRow, body: &Record) -> bool {
    if row.custom {
        return row.id.is_none_or(|id| {
            let field = record::custom_field(body, id);
            field.is_some_and(|field| !record::is_blank(field.get("value")))
        });
    }
    // Pipeline and stage always are; a deal without an owner becomes the token's user's.
    let key = key_of(&row.name);
    let given = key == sheet.pipeline.0 || key == sheet.stage.0 || (key == sheet.owner.0 && !sheet.is_ticket());
    given || !record::is_blank(body.get(key).filter(|value| **value != Value::Null))
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
