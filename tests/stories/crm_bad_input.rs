//! What models ask of a CRM that it cannot do, and what a CRM answers that nobody asked for: each a clear answer to that one
//! call, and the room goes on.

use serde_json::json;

use crate::world::crm::TOKEN;
use crate::world::{Room, World, calls, create_tag};

on_sqlite_alone!(
    what_no_crm_could_take_never_gets_there,
    a_stage_of_another_pipeline_is_named_with_its_own,
    two_contacts_with_one_telephone_are_nobody,
    a_template_that_changed_since_is_read_again,
    an_update_that_is_answered_with_nothing_is_read_back,
);

fn goes_on(room: &Room) {
    assert_eq!(room.gets(create_tag(&["vip"])).only()["status"], "succeeded");
}

pub fn what_no_crm_could_take_never_gets_there(world: &mut World) {
    world.has_a_crm();
    let room = world.a_room("web-1");
    for (action, arguments) in [
        ("create_deal", json!({"name": "A", "amount": "2.500.000"})),
        ("create_deal", json!({"name": "A", "amount": "2,500,000"})),
        ("create_deal", json!({"name": "A", "amount": "IDR 5"})),
        ("create_deal", json!({"name": "A", "amount": true})),
        ("create_deal", json!({"name": "A", "close_date": "2026-02-30"})),
        ("create_deal", json!({"name": "A", "close_date": "24-12-2026"})),
        ("create_deal", json!({"name": "A", "close_date": 20261224})),
        ("create_deal", json!({"name": ["A"]})),
        ("create_deal", json!({"name": "A", "pipeline": 5101})),
        ("create_deal", json!({"name": "A", "custom_fields": {"Seats": "1"}})),
        ("create_deal", json!({"name": "A", "repeat": "yes"})),
        ("create_ticket", json!({"name": "A", "description": 7})),
        ("create_ticket", json!({"name": "A", "description": "d", "due_date": "2026-13-01"})),
        ("update_ticket", json!({})),
    ] {
        let answer = room.gets(calls(action, arguments.clone()));
        let error = &answer.only()["error"];
        assert_eq!(answer.only()["status"], "refused", "{arguments}: {answer:?}");
        assert_eq!(error["next"], "fix_and_retry", "{arguments}: {answer:?}");
        let wrong = arguments.as_object().unwrap().keys().next_back();
        let told = error["message"].as_str().unwrap();
        assert!(wrong.is_none_or(|wrong| wrong == "name" || told.contains(wrong.as_str())), "{arguments}: {told}");
    }
    // Only the CRM knows what its own fields take.
    for (field, value) in [("Seats", "many"), ("Contract start", "2027-02-31"), ("Interests", "Sailing")] {
        let fields = json!({"name": "A", "custom_fields": [{"field": field, "value": value}]});
        let answer = room.gets(calls("create_deal", fields));
        assert_eq!(answer.only()["error"]["next"], "fix_and_retry", "{field}: {answer:?}");
        assert!(answer.only()["error"]["message"].as_str().unwrap().contains(field), "{answer:?}");
    }
    assert!(world.crm().was_told("POST", "/api/v3.1/").is_empty(), "nothing of it was sent");
    goes_on(&room);
    room.gets(calls("create_deal", json!({"name": "A", "amount": 2_500_000, "close_date": "2028-02-29"}))).result();
}

pub fn a_stage_of_another_pipeline_is_named_with_its_own(world: &mut World) {
    world.has_a_crm();
    let room = world.a_room("web-1");
    let answer = room.gets(calls("create_deal", json!({"name": "A", "pipeline": "Sales", "stage": "Agreement"})));
    assert_eq!(answer.only()["error"]["next"], "fix_and_retry", "{answer:?}");
    let told = answer.only()["error"].to_string();
    assert!(told.contains("Partnerships") || told.contains("New lead"), "{told}");
    let answer = room.gets(calls("create_ticket", json!({"name": "A", "description": "d", "stage": "Won"})));
    assert_eq!(answer.code(), "unknown_stage", "{answer:?}");
    assert!(world.crm().was_told("POST", "/api/v3.1/").is_empty());
    // What is asked for as it was told goes through.
    let told = json!({"name": "A", "pipeline": "Sales", "stage": "Qualified"});
    assert_eq!(room.gets(calls("create_deal", told)).result()["deal"]["stage"], "Qualified");
    goes_on(&room);
}

pub fn two_contacts_with_one_telephone_are_nobody(world: &mut World) {
    world.has_a_crm_with(&[], TOKEN, &["--create-contacts"]);
    let room = world.admin().room("web-1");
    assert_eq!(room.is_with("6281200000002").http, 201);
    let made = room.gets(calls("create_deal", json!({"name": "Ten tents"})));
    let warnings = made.result()["warnings"].to_string();
    assert!(warnings.contains("More than one contact"), "{made:?}");
    for told in ["Gilang", "Dewi", "Rekaan", "0812", "customers.example"] {
        assert!(!made.body.to_string().contains(told), "{told} is nobody's to know: {made:?}");
    }
    let [record] = &world.crm().named("deals", "Ten tents")[..] else { panic!("not one deal") };
    assert!(record["crm_lead_ids"].as_array().is_none_or(Vec::is_empty), "linked to a guess: {record}");
    assert_eq!(world.crm().was_asked("POST", "/contacts"), 0, "and a third is not made");
    goes_on(&room);
}

pub fn a_template_that_changed_since_is_read_again(world: &mut World) {
    world.has_a_crm();
    let room = world.a_room("web-1");
    room.gets(calls("create_deal", json!({"name": "First", "source": "Website"}))).result();
    let crm = world.crm();
    // A new name is found though the template is kept for ten minutes.
    crm.changes_a_template(&json!({"kind": "stages", "row": "Qualified", "set": {"name": "Worth a talk"}}));
    let made = room.gets(calls("create_deal", json!({"name": "Second", "stage": "Worth a talk"})));
    assert_eq!(made.result()["deal"]["stage"], "Worth a talk");
    // A field that is required now is asked for after the CRM's own refusal, and nothing was made.
    crm.changes_a_template(&json!({"kind": "deals", "row": "Remarks", "set": {"required_pipeline_ids": [5101]}}));
    let refused = room.gets(calls("create_deal", json!({"name": "Third"})));
    assert_eq!(refused.only()["status"], "refused", "{refused:?}");
    assert!(refused.only()["error"].to_string().contains("Remarks"), "{refused:?}");
    assert_eq!(crm.named("deals", "Third").len(), 0);
    let again = json!({"name": "Third", "custom_fields": [{"field": "Remarks", "value": "Called twice"}]});
    room.gets(calls("create_deal", again)).result();
    // A stage that is gone is not written to.
    crm.changes_a_template(&json!({"kind": "stages", "row": "Proposal", "remove": true}));
    let fields = json!([{"field": "Remarks", "value": "r"}, {"field": "Proposal number", "value": "P-1"}]);
    let refused = room.gets(calls("create_deal", json!({"name": "Fourth", "stage": "Proposal", "custom_fields": fields})));
    assert_eq!(refused.only()["status"], "refused", "{refused:?}");
    assert_eq!(crm.named("deals", "Fourth").len(), 0);
    goes_on(&room);
}

pub fn an_update_that_is_answered_with_nothing_is_read_back(world: &mut World) {
    world.has_a_crm_with(&["--deal-put-meta-only"], TOKEN, &[]);
    let room = world.a_room("web-1");
    room.gets(calls("create_deal", json!({"name": "Ten tents", "amount": 5}))).result();
    let reads = world.crm().was_told("GET", "/api/v3.1/deals/").len();
    let changed = room.gets(calls("update_deal", json!({"amount": 7, "stage": "Qualified"})));
    assert_eq!(changed.result()["changed"].as_array().unwrap().len(), 2, "{changed:?}");
    assert!(changed.result().get("warnings").is_none(), "{changed:?}");
    assert_eq!(changed.result()["deal"]["stage"], "Qualified");
    assert!(world.crm().was_told("GET", "/api/v3.1/deals/").len() >= reads + 2, "read before and after");
    goes_on(&room);
}
