//! Bodies, in shapes as they were recorded (values invented): a company in an array, amounts as text, dates that come back in
//! another form, owners that must not be lost.

use super::*;
use crate::crm::sheet::{DEAL, TICKET};
use crate::crm::template;

fn record(value: &Value) -> Record {
    value.as_object().unwrap().clone()
}

fn template() -> Template {
    let rows = json!([
        {"id": null, "name": "creator_id", "name_alias": "Owner", "additional_field": false, "type": "Dropdown select",
         "dropdown": [{"id": 21, "name": "Ana"}, {"id": 22, "name": "Budi"}]},
        {"id": 8, "name": "user_id", "name_alias": "Assignee", "additional_field": false, "dropdown": [{"id": 21, "name": "Ana"}]},
        {"id": null, "name": "crm_source_id", "name_alias": "Source", "additional_field": false, "dropdown": [{"id": 5, "name": "Web"}]},
        {"id": 81, "name": "bellhop_reference", "name_alias": "bellhop_reference", "additional_field": true, "type": "Single-line text"},
        {"id": 82, "name": "Tier", "name_alias": "Tier", "additional_field": true, "type": "Dropdown select",
         "dropdown": [{"id": 1, "name": "Gold"}]},
    ]);
    Template { fields: template::fields(rows.as_array().unwrap()), pipelines: vec![] }
}

fn filled(sheet: &'static Sheet, draft: &mut Draft, wishes: &Wishes) -> Result<(), Refusal> {
    let stage = Stage { id: 12, name: "Won".into(), order: 1, win_probability: None };
    let pipeline = Pipeline { id: 1, name: "Sales".into(), stages: vec![stage.clone()] };
    let template = template();
    let reference_field = "bellhop_reference";
    let (pipeline, stage, company, sends_pipeline) = (&pipeline, &stage, None, sheet.sends_pipeline);
    let template = &template;
    draft.fill(&Ground { sheet, template, pipeline, stage, company, reference_field, sends_pipeline }, wishes)
}

fn text(argument: &'static str, text: &str) -> (&'static str, Wish) {
    (argument, Wish::Text(text.into()))
}

fn deal() -> Record {
    record(&json!({
        "id": 41, "slug": "solar-41", "name": "Solar", "currency": "IDR", "size": "2500000.0", "creator_id": 22, "creator_name": "Budi",
        "closed_date": "2026-12-31T00:00:00.000+07:00", "start_date": null, "crm_pipeline_id": 1, "crm_pipeline_name": "Sales",
        "crm_stage_id": 11, "crm_stage_name": "New", "crm_source_id": null, "crm_source_name": null, "crm_lost_reason_id": null,
        "crm_company_id": [7], "crm_company_name": ["Toko"], "crm_lead_ids": [3, 4], "crm_lead_name": ["A", "B"],
        "product_association_ids": [], "additional_fields": [{"id": 82, "name": "Tier", "value": "1", "value_name": "Gold"}],
        "created_at": "2026-01-01T00:00:00.000+07:00", "updated_at": "2026-01-01T00:00:00.000+07:00", "crm_deal_status": {"id": 1},
    }))
}

#[test]
fn a_deal_is_sent_back_whole_and_in_the_forms_of_writes() {
    let draft = Draft::update(&DEAL, &deal(), &template());
    assert_eq!(
        Value::Object(draft.body),
        json!({
            "name": "Solar", "currency": "IDR", "size": 2_500_000, "closed_date": "2026-12-31T00:00:00.000+07:00", "start_date": null,
            "creator_id": 22, "crm_pipeline_id": 1, "crm_stage_id": 11, "crm_source_id": null, "crm_lost_reason_id": null,
            "crm_company_id": 7, "crm_lead_ids": [3, 4], "product_association_ids": [],
            "additional_fields": [{"id": 82, "name": "Tier", "value": "1", "value_name": "Gold"}],
        })
    );
}

#[test]
fn an_unnamed_owner_is_not_sent_as_nobody() {
    let mut unowned = deal();
    unowned.insert("creator_id".into(), Value::Null);
    assert!(!Draft::update(&DEAL, &unowned, &template()).body.contains_key("creator_id"));
    let mut empty = deal();
    empty.insert("crm_company_id".into(), json!([]));
    assert_eq!(Draft::update(&DEAL, &empty, &template()).body["crm_company_id"], Value::Null);
}

#[test]
fn a_ticket_keeps_its_assignee_and_its_day() {
    let ticket = record(&json!({
        "id": 5, "name": "Broken", "user_id": 21, "user_name": "Ana", "ticket_stage_id": 11, "ticket_pipeline_id": 1,
        "ticket_priority_id": null, "ticket_category_id": 9, "description": "x", "due_date": "2026-01-10T00:00:00.000+07:00",
        "crm_company_id": 7, "crm_lead_ids": [3], "crm_product_ids": [1], "crm_task_ids": [], "additional_fields": [],
        "unique_ticket_id": "AB12CD",
    }));
    let draft = Draft::update(&TICKET, &ticket, &template());
    assert_eq!(
        Value::Object(draft.body),
        json!({
            "name": "Broken", "user_id": 21, "ticket_stage_id": 11, "ticket_pipeline_id": 1, "ticket_priority_id": null,
            "ticket_category_id": 9, "description": "x", "due_date": "10-01-2026", "crm_company_id": 7, "crm_lead_ids": [3],
            "crm_product_ids": [1], "crm_task_ids": [], "additional_fields": [],
        })
    );
}

#[test]
fn only_what_differs_is_a_change() {
    let mut draft = Draft::update(&DEAL, &deal(), &template());
    let values = vec![
        text("owner", "budi"),
        text("close_date", "2026-12-31"),
        ("amount", Wish::Amount(2_500_000.0)),
        text("name", "Solar"),
    ];
    let custom = vec![("tier".into(), "gold".into())];
    filled(&DEAL, &mut draft, &Wishes { values, custom, ..Wishes::default() }).unwrap();
    assert_eq!(draft.changes, []);
    filled(&DEAL, &mut draft, &Wishes { values: vec![text("owner", "Ana")], stage: Some("Won".into()), ..Wishes::default() })
        .unwrap();
    let told: Vec<_> = draft.changes.iter().map(|c| (c.field.as_str(), c.from.clone(), c.to.clone())).collect();
    assert_eq!(told, [("stage", json!("New"), json!("Won")), ("owner", json!("Budi"), json!("Ana"))]);
    assert_eq!((&draft.body["creator_id"], &draft.body["crm_stage_id"]), (&json!(21), &json!(12)));
}

#[test]
fn a_new_record_has_its_list_of_custom_fields_and_our_mark() {
    let mut draft = Draft::create();
    let wishes = Wishes { values: vec![text("name", "X"), ("amount", Wish::Amount(5.0))], ..Wishes::default() };
    filled(&DEAL, &mut draft, &wishes).unwrap();
    assert_eq!(
        Value::Object(draft.body.clone()),
        json!({"additional_fields": [], "crm_pipeline_id": 1, "crm_stage_id": 12, "name": "X", "size": 5})
    );
    assert!(draft.refer(&template(), "Bellhop_Reference", "bh-x"));
    assert_eq!(draft.body["additional_fields"], json!([{"id": 81, "name": "bellhop_reference", "value": "bh-x"}]));
    assert!(!draft.refer(&template(), "tier two", "bh-x"));
    let mut ticket = Draft::create();
    filled(&TICKET, &mut ticket, &Wishes::default()).unwrap();
    assert!(!ticket.body.contains_key("ticket_pipeline_id"), "implied by the stage");
}

#[test]
fn our_mark_is_not_the_models_to_write() {
    let wishes = Wishes { custom: vec![("bellhop_reference".into(), "bh-x".into())], ..Wishes::default() };
    let refusal = filled(&DEAL, &mut Draft::create(), &wishes).unwrap_err();
    assert_eq!((refusal.code, refusal.allowed), ("unknown_custom_field", vec!["Tier".to_owned()]));
}
