//! Required fields: either list is enough, choices are told, and what nobody can give by an argument needs a person.

use serde_json::json;

use super::*;
use crate::crm::sheet::{DEAL, TICKET};
use crate::crm::template;

fn template() -> Template {
    let row = |id: Option<i64>, name: &str, kind: &str, pipelines: &[i64], stages: &[i64]| {
        json!({"id": id, "name": name, "name_alias": format!("The {name}"), "additional_field": id.is_some(), "type": kind,
            "dropdown": [{"id": 1, "name": "One"}, {"id": 2, "name": "Two"}],
            "required_pipeline_ids": pipelines, "required_stage_ids": stages})
    };
    let rows = [
        row(None, "name", "Single-line text", &[1, 1, 2], &[]),
        row(None, "creator_id", "Dropdown select", &[1], &[]),
        row(None, "crm_stage_id", "Dropdown select", &[1], &[]),
        row(None, "crm_source_id", "Dropdown select", &[], &[12]),
        row(Some(81), "Day", "Date", &[], &[12]),
        row(Some(82), "Picture", "Photo", &[3], &[]),
        row(None, "crm_contact", "assoc", &[4], &[]),
        row(None, "unheard_of", "assoc", &[5], &[]),
        row(None, "crm_deal_status_id", "Dropdown select", &[1], &[]),
        row(None, "crm_lost_reason_id", "Dropdown select", &[6], &[]),
    ];
    Template { fields: template::fields(&rows), pipelines: vec![] }
}

fn checked(pipeline: i64, stage: i64, body: serde_json::Value) -> Result<(), Refusal> {
    changed(pipeline, stage, &body, None)
}

fn changed(pipeline: i64, stage: i64, body: &Value, before: Option<&Value>) -> Result<(), Refusal> {
    let stage = Stage { id: stage, name: "Won".into(), order: 1, win_probability: None };
    let pipeline = Pipeline { id: pipeline, name: "Sales".into(), stages: vec![] };
    let filled = Filled { body: body.as_object().unwrap(), before: before.and_then(Value::as_object) };
    check(&DEAL, &template(), &pipeline, &stage, &filled)
}

#[test]
fn the_pipeline_or_the_stage_requires() {
    assert_eq!(checked(1, 11, json!({"name": "X"})), Ok(()));
    let refusal = checked(1, 11, json!({"name": " "})).unwrap_err();
    assert_eq!((refusal.code, refusal.missing), ("missing_fields", vec!["name".to_owned()]));
    let refusal = checked(9, 12, json!({"name": null})).unwrap_err();
    assert_eq!(refusal.missing, ["source", "The Day"]);
    let notes: Vec<_> = refusal.candidates.iter().map(|candidate| candidate.note.as_deref().unwrap()).collect();
    assert_eq!(notes, ["one of: One, Two", "custom field, one of: One, Two"]);
    let full = json!({"crm_source_id": 1, "additional_fields": [{"id": 81, "value": "10/01/2026"}]});
    assert_eq!(checked(9, 12, full), Ok(()));
}

#[test]
fn what_no_argument_can_give_needs_a_person() {
    assert_eq!(checked(3, 0, json!({})).unwrap_err().code, "needs_a_person");
    assert_eq!(checked(4, 0, json!({"crm_lead_ids": []})).unwrap_err().code, "needs_a_person");
    assert_eq!(checked(4, 0, json!({"crm_lead_ids": [3]})), Ok(()));
    let refusal = checked(5, 0, json!({})).unwrap_err();
    assert_eq!((refusal.code, refusal.next), ("needs_a_person", crate::room::Next::WaitForHuman));
    assert!(refusal.message.contains("`The unheard_of`"), "{}", refusal.message);
    // What is there already and is not touched is not asked for again.
    assert_eq!(changed(5, 0, &json!({}), Some(&json!({"unheard_of": [7]}))), Ok(()));
    let picture = json!({"additional_fields": [{"id": 82, "value": "https://x.example/p.png"}]});
    assert_eq!(changed(3, 0, &json!({}), Some(&picture)), Ok(()));
}

#[test]
fn why_a_deal_was_lost_is_an_argument_of_a_change_and_a_label_in_a_create() {
    assert_eq!(checked(6, 0, json!({})).unwrap_err().missing, ["The crm_lost_reason_id"]);
    assert_eq!(changed(6, 0, &json!({}), Some(&json!({}))).unwrap_err().missing, ["lost_reason"]);
}

#[test]
fn a_company_that_a_ticket_must_have_needs_a_person() {
    let rows =
        [json!({"id": null, "name": "crm_company_id", "name_alias": "Company", "additional_field": false, "required": true})];
    let template = Template { fields: template::fields(&rows), pipelines: vec![] };
    let stage = Stage { id: 1, name: "New".into(), order: 1, win_probability: None };
    let pipeline = Pipeline { id: 1, name: "General".into(), stages: vec![] };
    let filled = Filled { body: &Record::new(), before: None };
    let refusal = check(&TICKET, &template, &pipeline, &stage, &filled).unwrap_err();
    assert_eq!((refusal.code, refusal.message.contains("`Company`")), ("needs_a_person", true));
}

#[test]
fn a_deal_without_an_owner_has_one_and_a_ticket_has_not() {
    let rows = [json!({"id": 8, "name": "user_id", "name_alias": "Assignee", "additional_field": false, "required": true})];
    let template = Template { fields: template::fields(&rows), pipelines: vec![] };
    let stage = Stage { id: 1, name: "New".into(), order: 1, win_probability: None };
    let pipeline = Pipeline { id: 1, name: "General".into(), stages: vec![] };
    let refusal = check(&TICKET, &template, &pipeline, &stage, &Filled { body: &Record::new(), before: None }).unwrap_err();
    assert_eq!(refusal.missing, ["assignee"]);
}
