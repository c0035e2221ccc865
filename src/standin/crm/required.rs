//! What must be filled in. The rule existing clients use: required when the pipeline is in one list *or* the stage is in the
//! other; contacts know a plain `required`.

use serde_json::Value;

use super::super::request::{Record, int, text};
use super::super::templates;
use super::{custom_fields, fields};

/// Names of the template that stand under another key in a record.
fn key_of(name: &str) -> &str {
    match name {
        "crm_contact" => "crm_lead_ids",
        "crm_company" => "crm_company_id",
        other => other,
    }
}

pub fn check(record: &Record, template: &[Record], pipeline: Option<i64>, stage: Option<i64>, wrongs: &mut Vec<String>) {
    for row in template {
        let in_pipeline = pipeline.is_some_and(|id| templates::lists(row, "required_pipeline_ids", id));
        let in_stage = stage.is_some_and(|id| templates::lists(row, "required_stage_ids", id));
        if !in_pipeline && !in_stage && row.get("required") != Some(&Value::Bool(true)) {
            continue;
        }
        let name = text(row, "name").unwrap_or_default();
        let filled = match int(row, "id").filter(|_| row.get("additional_field") == Some(&Value::Bool(true))) {
            Some(id) => custom_fields::is_filled(record, id),
            None => !fields::is_blank(record.get(key_of(name))),
        };
        if !filled {
            wrongs.push(format!("{} can't be blank", text(row, "name_alias").unwrap_or(name)));
        }
    }
}
