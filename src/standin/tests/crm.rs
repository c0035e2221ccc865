//! The CRM's records.

use serde_json::{Value, json};

use super::{standin, with};
use crate::standin::{Knobs, Options};

fn field(record: &Value, id: i64) -> Value {
    record["additional_fields"].as_array().unwrap().iter().find(|field| field["id"] == id).unwrap().clone()
}

#[test]
fn a_deal_is_created_with_a_name_alone() {
    let crm = standin();
    let said = crm.crm("POST", "deals", json!({"name": "Umrah package", "size": 2_500_000, "additional_fields": []}));
    assert_eq!((said.status, &said.json()["meta"]["status"], &said.json()["meta"]["type"]), (200, &json!(200), &json!("OK")));
    let deal = said.data();
    assert_eq!((&deal["size"], &deal["currency"]), (&json!("2500000.0"), &json!("IDR")));
    assert_eq!((&deal["crm_pipeline_name"], &deal["crm_stage_name"]), (&json!("Sales"), &json!("New lead")));
    assert_eq!((&deal["creator_id"], &deal["crm_company_id"]), (&json!(2101), &json!([])));
    assert!(deal["created_at"].as_str().unwrap().ends_with("+07:00"));
    assert_eq!(field(&deal, 8101)["value"], Value::Null);
    let here = crm.records("deals");
    assert_eq!((here.len(), &here[0]["id"], &here[0]["org"]), (1, &deal["id"], &json!(0)));
    let single = crm.crm("GET", &format!("deals/{}", deal["id"]), Value::Null).data();
    assert_eq!(single["crm_deal_status"]["name"], "Open");
}

#[test]
fn the_whole_of_a_deal() {
    let crm = standin();
    let contacts = crm.crm("GET", "contacts?phone=081200000001", Value::Null).data();
    let company = crm.crm("GET", "companies?name=rekaan", Value::Null).data()[0]["id"].clone();
    let deal = crm.deal(json!({
        "currency": "USD", "size": "10.50", "closed_date": "2026-03-31T00:00:00+07:00", "start_date": "28-02-2026",
        "creator_id": 2103, "crm_pipeline_id": 5101, "crm_stage_id": 6103, "crm_source_id": 1101, "crm_priority_id": 1203,
        "crm_company_id": company, "crm_lead_ids": [contacts[0]["id"]],
        "additional_fields": [
            {"id": 8101, "name": "bellhop_reference", "value": "ref-1"}, {"id": 8102, "value": "P-1"},
            {"id": 8104, "value": "9111,9113"}, {"id": 8105, "value": "31/01/2026"}, {"id": 8106, "value": "12.5"},
            {"id": 8103, "value": "9102"}, {"id": 8114, "value": "office", "long": 106.8, "lat": -6.2},
            {"id": 8109, "value": "{\"checklist_details_attributes\":[{\"crm_additional_option_id\":9131,\"checked\":true}]}"},
        ],
    }));
    assert_eq!((&deal["size"], &deal["start_date"]), (&json!("10.50"), &json!("2026-02-28T00:00:00.000+07:00")));
    assert_eq!((&deal["crm_company_id"], &deal["crm_company_name"]), (&json!([company]), &json!(["Toko Rekaan"])));
    assert_eq!((&deal["crm_lead_name"], &deal["crm_priority_name"]), (&json!(["Laras Contoh"]), &json!("High")));
    assert_eq!(field(&deal, 8104)["value_name"], json!(["Travel", "Motor"]));
    assert_eq!(field(&deal, 8103)["value_name"], "Gold");
    assert_eq!(field(&deal, 8105)["value"], "2026-01-31T00:00:00.000+07:00");
    assert!(crm.journal().iter().all(|entry| entry["unknown_keys"] == json!([])));
}

#[test]
fn what_is_wrong_with_a_deal_is_422_and_nothing_is_kept() {
    let crm = standin();
    for (body, sentence) in [
        (json!({"size": 1}), "Deal Name can't be blank"),
        (json!({"name": " "}), "Deal Name can't be blank"),
        (json!({"name": "x".repeat(256)}), "Deal Name is too long (maximum is 255 characters)"),
        (json!({"name": "a", "crm_stage_id": 6103}), "Proposal number can't be blank"),
        (json!({"name": "a", "crm_stage_id": 6105}), "Lost Reason can't be blank"),
        (json!({"name": "a", "crm_pipeline_id": 5103}), "Partner tier can't be blank"),
        (json!({"name": "a", "crm_pipeline_id": 5102, "crm_stage_id": 6101}), "Stage does not belong to the pipeline"),
        (json!({"name": "a", "crm_pipeline_id": 1}), "Pipeline is not a valid option"),
        (json!({"name": "a", "crm_stage_id": 1}), "Stage is not a valid option"),
        (json!({"name": "a", "crm_source_id": 1}), "Source is not a valid option"),
        (json!({"name": "a", "crm_priority_id": "High"}), "Priority must be a number"),
        (json!({"name": "a", "currency": "EUR"}), "Currency is not a valid option"),
        (json!({"name": "a", "size": "2.500.000"}), "Deal Size is not a number"),
        (json!({"name": "a", "size": "2,500"}), "Deal Size is not a number"),
        (json!({"name": "a", "closed_date": "12/31/2026"}), "Expected Close Date is not a valid date"),
        (json!({"name": "a", "crm_company_id": [1]}), "crm_company_id must be a number"),
        (json!({"name": "a", "crm_company_id": 1}), "crm_company_id must exist"),
        (json!({"name": "a", "crm_lead_ids": [7]}), "crm_lead_ids must exist (7)"),
        (json!({"name": "a", "additional_fields": [{"id": 1, "value": "x"}]}), "Additional field 1 does not exist"),
        (
            json!({"name": "a", "additional_fields": [{"id": 8103, "value": 9101}]}),
            "Partner tier must be the id of an option, as text",
        ),
        (json!({"name": "a", "additional_fields": [{"id": 8104, "value": "9111,7"}]}), "Interests is not a valid option"),
        (json!({"name": "a", "additional_fields": [{"id": 8105, "value": "31/02/2026"}]}), "Contract start is not a valid date"),
        (json!({"name": "a", "additional_fields": [{"id": 8107, "value": "x"}]}), "Site photo cannot be set"),
        (json!({"name": "a", "additional_fields": [{"id": 8101, "value": "x".repeat(256)}]}), "bellhop_reference is too long"),
        (json!({"name": "a", "product_association_ids": [1], "product_association_price": [1, 2]}), "Product associations"),
    ] {
        let said = crm.crm("POST", "deals", body.clone());
        let json = said.json();
        let message = json["meta"]["message"].as_str().unwrap();
        assert_eq!((said.status, &json["meta"]["status"]), (422, &json!(422)), "{body}");
        assert!(message.contains(sentence) && json.get("response").is_none(), "{body}: {message}");
    }
    assert!(crm.records("deals").is_empty());
    assert_eq!(crm.crm("POST", "deals", json!([1])).status, 400);
}

#[test]
fn a_put_keeps_what_it_does_not_name_but_not_the_owner() {
    let crm = standin();
    let deal = crm.deal(json!({"size": 5, "creator_id": 2102, "additional_fields": [{"id": 8101, "value": "r"}]}));
    let path = format!("deals/{}", deal["id"]);
    assert_eq!(deal["creator_name"], "Ratri Contoh");
    let after = crm.crm("PUT", &path, json!({"crm_priority_id": 1202})).data();
    assert_eq!(
        (&after["size"], &after["crm_priority_name"], &field(&after, 8101)["value"]),
        (&json!("5.0"), &json!("Critical"), &json!("r"))
    );
    assert_eq!(after["creator_name"], "Integration Account");
    let kept = crm.crm("PUT", &path, json!({"creator_id": 2104, "size": null})).data();
    assert_eq!((&kept["creator_id"], &kept["size"]), (&json!(2104), &Value::Null));
    assert_eq!(crm.crm("PUT", &path, json!({"creator_id": 9})).status, 422);
    assert_eq!(crm.crm("PUT", &path, json!({"creator_id": 2104, "crm_stage_id": 6103})).status, 422);
    let moved = json!({"creator_id": 2104, "crm_stage_id": 6103, "additional_fields": [{"id": 8102, "value": "P-9"}]});
    assert_eq!(crm.crm("PUT", &path, moved).data()["crm_stage_name"], "Proposal");
    assert_eq!(crm.crm("PUT", &path, json!({"crm_pipeline_id": 5102})).status, 422);
    assert_eq!(crm.crm("GET", &format!("{path}/stage_history"), Value::Null).json()["total_data"], 2);
    assert_eq!(crm.crm("PUT", &format!("{path}/update_owner"), json!({"creator_id": null})).status, 422);
    assert_eq!(crm.crm("PUT", &format!("{path}/update_owner"), json!({"creator_id": 2103})).data()["creator_id"], 2103);
    assert_eq!(crm.crm("PUT", "deals/1", json!({"name": "x"})).status, 404);
}

#[test]
fn the_knobs_of_a_put() {
    let crm =
        with(Options { knobs: Knobs { put_replaces: true, deal_put_meta_only: true, ..Knobs::default() }, ..Options::default() });
    let deal = crm.deal(json!({"size": 5, "additional_fields": [{"id": 8101, "value": "r"}]}));
    let path = format!("deals/{}", deal["id"]);
    let said = crm.crm("PUT", &path, json!({"name": "Other"})).json();
    assert_eq!((&said["meta"]["status"], said.get("response")), (&json!(200), None));
    let after = crm.crm("GET", &path, Value::Null).data();
    assert_eq!((&after["name"], &after["size"], &field(&after, 8101)["value"]), (&json!("Other"), &Value::Null, &Value::Null));
    assert_eq!(after["crm_stage_id"], 6101);
    assert_eq!(crm.crm("PUT", &path, json!({"size": 1})).status, 422);
    crm.control("PUT", "knobs", json!({"put_replaces": false, "deal_put_meta_only": false}));
    assert_eq!(crm.crm("PUT", &path, json!({"size": 1})).data()["size"], "1.0");
}

#[test]
fn lists_are_newest_first_with_counters_beside_them() {
    let crm = standin();
    let contact = crm.crm("GET", "contacts?email=dewi@customers.example", Value::Null).data()[0]["id"].clone();
    for n in 0..105 {
        crm.deal(json!({"name": format!("Deal {n}"), "crm_lead_ids": if n == 50 { json!([contact]) } else { json!([]) }}));
    }
    let page = crm.crm("GET", "deals?page=2&per_page=500", Value::Null).json();
    assert_eq!([&page["page"], &page["total_page"], &page["current_data"], &page["total_data"]], [2, 2, 5, 105]);
    assert_eq!(page["response"][0]["name"], "Deal 4");
    let default = crm.crm("GET", "deals", Value::Null).json();
    assert_eq!((&default["current_data"], &default["response"][0]["name"]), (&json!(25), &json!("Deal 104")));
    assert_eq!(crm.crm("GET", "deals?name=deal%20104", Value::Null).json()["total_data"], 1);
    let of_contact = crm.crm("GET", &format!("deals?contact_ids={contact}"), Value::Null).json();
    assert_eq!((&of_contact["total_data"], &of_contact["response"][0]["name"]), (&json!(1), &json!("Deal 50")));
    crm.crm("GET", "deals?stage_id=6101", Value::Null);
    assert_eq!(crm.journal().last().unwrap()["unknown_keys"], json!(["?stage_id"]));
}

#[test]
fn unknown_keys_are_ignored_and_seen() {
    let crm = standin();
    crm.deal(json!({"amount": 5, "contact_id": 3, "additional_fields": [{"id": 8101, "value": "r", "label": "x"}]}));
    assert_eq!(crm.journal().last().unwrap()["unknown_keys"], json!(["amount", "contact_id", "additional_fields[0].label"]));
    crm.crm("POST", "tickets", json!({"name": "t", "creator_id": 2101, "priority": "High"}));
    assert_eq!(crm.journal().last().unwrap()["unknown_keys"], json!(["creator_id", "priority"]));
}

#[test]
fn tickets() {
    let crm = standin();
    let contact = crm.crm("GET", "contacts?name=laras", Value::Null).data()[0]["id"].clone();
    let said = crm.crm(
        "POST",
        "tickets",
        json!({"name": "Broken", "user_id": 2102, "ticket_priority_id": 1402, "ticket_category_id": 1501, "description": "It fell",
            "due_date": "10-01-2027", "crm_lead_ids": [contact], "additional_fields": [{"id": 8201, "value": "ref"}]}),
    );
    let ticket = said.data();
    assert_eq!(
        (said.status, &ticket["ticket_stage_name"], &ticket["ticket_pipeline_name"]),
        (200, &json!("New"), &json!("General"))
    );
    assert_eq!(
        (&ticket["due_date"], &ticket["crm_lead_names"]),
        (&json!("2027-01-10T00:00:00.000+07:00"), &json!(["Laras Contoh"]))
    );
    assert_eq!((&ticket["user_name"], &ticket["creator_name"]), (&json!("Ratri Contoh"), &json!("Integration Account")));
    let code = ticket["unique_ticket_id"].as_str().unwrap();
    assert!(code.len() == 7 && code.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()), "{code}");
    let path = format!("tickets/{}", ticket["id"]);
    let after = crm.crm("PUT", &path, json!({"ticket_stage_id": 7113})).data();
    assert_eq!(
        (&after["ticket_stage_name"], &after["user_id"], &after["crm_lead_ids"]),
        (&json!("In Progress"), &json!(2102), &json!([contact]))
    );
    for (body, sentence) in [
        (json!({"description": "x"}), "Ticket Name can't be blank"),
        (json!({"name": "a", "ticket_stage_id": 6101}), "Stage is not a valid option"),
        (json!({"name": "a", "ticket_stage_id": 7111, "ticket_pipeline_id": 7102}), "Stage does not belong to the pipeline"),
        (json!({"name": "a", "ticket_stage_id": 7121}), "Serial number can't be blank"),
        (json!({"name": "a", "ticket_priority_id": 1}), "Priority is not a valid option"),
        (json!({"name": "a", "user_id": 1}), "Assignee is not a valid option"),
        (json!({"name": "a", "due_date": "2026-02-30"}), "Due Date is not a valid date"),
    ] {
        let said = crm.crm("POST", "tickets", body.clone());
        assert!(said.status == 422 && said.text.contains(sentence), "{body}: {}", said.text);
    }
    assert_eq!(crm.crm("GET", "tickets", Value::Null).json()["total_data"], 1);
    let nested = crm.crm("GET", "tickets/ticket_pipelines", Value::Null).data();
    assert_eq!(nested[1]["ticket_stages"].as_array().unwrap().len(), 4);
    assert_ne!(nested[1]["ticket_stages"][0]["ticket_pipeline_id"], nested[1]["id"]);
    assert_eq!(crm.crm("DELETE", &path, Value::Null).json().get("response"), None);
    assert_eq!(crm.crm("GET", &path, Value::Null).status, 404);
}

#[test]
fn templates_carry_the_vendors_oddities() {
    let crm = standin();
    let deals = crm.crm("GET", "deals/info", Value::Null).data();
    let row = |rows: &Value, name: &str| rows.as_array().unwrap().iter().find(|row| row["name"] == name).unwrap().clone();
    assert_eq!(row(&deals, "currency")["dropdown"][0], json!({"id": null, "name": "IDR"}));
    assert_eq!(row(&deals, "name")["required_pipeline_ids"], json!([5101, 5101, 5102, 5103]));
    assert_eq!(row(&deals, "Proposal number")["required_stage_ids"], json!([6103]));
    assert!(row(&deals, "creator_id")["dropdown"][1]["email"].as_str().unwrap().contains('@'));
    assert_eq!((&row(&deals, "size")["dropdown"], &row(&deals, "crm_stage_id")["dropdown"]), (&Value::Null, &Value::Null));
    let tickets = crm.crm("GET", "tickets/info", Value::Null).data();
    assert_eq!((&row(&tickets, "name")["id"], &row(&tickets, "name")["additional_field"]), (&json!(8301), &json!(false)));
    assert_eq!(row(&tickets, "description")["dropdown"], json!([]));
    for rows in [&deals, &tickets] {
        assert_eq!(row(rows, "bellhop_reference")["type"], "Single-line text");
    }
    assert_eq!(crm.crm("GET", "pipelines", Value::Null).json()["total_data"], 3);
    let stages = crm.crm("GET", "pipelines/5101/stages", Value::Null).data();
    assert_eq!((stages.as_array().unwrap().len(), &stages[0]["win_probability"]), (5, &json!("10.0")));
    assert_eq!(crm.crm("GET", "pipelines/1/stages", Value::Null).status, 404);
}

#[test]
fn contacts_and_notes() {
    let crm = standin();
    let count = |query: &str| crm.crm("GET", &format!("contacts?{query}"), Value::Null).json()["total_data"].clone();
    assert_eq!([count("phone=081200000002"), count("phone=6281200000002"), count("phone=%2B6281200000002")], [2, 0, 0]);
    assert_eq!(crm.crm("POST", "contacts", json!({"telephone": "081200000009"})).status, 422);
    let contact = crm.crm("POST", "contacts", json!({"first_name": "Baru", "telephone": "081200000009"})).data();
    assert_eq!((&contact["creator_id"], count("phone=081200000009")), (&json!(2101), json!(1)));
    let note =
        crm.crm("POST", "notes", json!({"note": "by an agent", "crm_person_id": contact["id"], "type": "Crm::PersonNote"}));
    assert_eq!((note.status, &note.data()["crm_person_id"]), (200, &contact["id"]));
    assert_eq!(crm.crm("POST", "notes", json!({"note": "x", "crm_deal_id": 1})).status, 422);
}
