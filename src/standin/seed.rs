//! The invented company every organisation here starts as. No real person, number or address; ids are of no meaning.

use serde_json::{Value, json};

use super::request::{Record, record};

fn rows(value: Value) -> Vec<Record> {
    match value {
        Value::Array(rows) => rows.into_iter().map(record).collect(),
        _ => vec![],
    }
}

const SALES: i64 = 5101;
const RENEWALS: i64 = 5102;
const PARTNERS: i64 = 5103;
const GENERAL: i64 = 7101;
const WARRANTY: i64 = 7102;

pub fn pipelines() -> Vec<Record> {
    let pipelines = [(SALES, "Sales"), (RENEWALS, "Renewals"), (PARTNERS, "Partnerships")].map(|(id, name)| {
        json!({
            "id": id, "name": name, "alias_name": name, "slug": name.to_lowercase(), "active": true, "team_id": null,
            "organization_id": 4101,
            "created_at": "2025-02-03T09:00:00.000+07:00", "updated_at": "2025-02-03T09:00:00.000+07:00",
        })
    });
    rows(Value::from(pipelines.to_vec()))
}

pub fn stages() -> Vec<Record> {
    // Orders are not unique, as in the vendor's own sample.
    let stages = [
        (6101, SALES, "New lead", 1, "10.0"),
        (6102, SALES, "Qualified", 2, "30.0"),
        (6103, SALES, "Proposal", 3, "60.0"),
        (6104, SALES, "Won", 4, "100.0"),
        (6105, SALES, "Lost", 4, "0.0"),
        (6201, RENEWALS, "Due", 1, "40.0"),
        (6202, RENEWALS, "In discussion", 2, "70.0"),
        (6203, RENEWALS, "Renewed", 3, "100.0"),
        (6301, PARTNERS, "First talk", 1, "20.0"),
        (6302, PARTNERS, "Agreement", 2, "100.0"),
    ];
    let stages = stages.map(|(id, pipeline, name, order, probability)| {
        json!({
            "id": id, "name": name, "active": true, "order": order, "crm_status_id": 3101, "crm_type_id": 3201,
            "crm_pipeline_id": pipeline, "win_probability": probability,
            "crm_stage_additional_field_id": if id == 6103 { json!(8102) } else { Value::Null },
            "created_at": "2025-02-03T09:00:00.000+07:00", "updated_at": "2025-02-03T09:00:00.000+07:00",
        })
    });
    rows(Value::from(stages.to_vec()))
}

pub fn ticket_pipelines() -> Vec<Record> {
    rows(json!([
        {"id": GENERAL, "name": "General", "slug": "general"},
        {"id": WARRANTY, "name": "Warranty", "slug": "warranty"},
    ]))
}

pub fn ticket_stages() -> Vec<Record> {
    let names = [("New", "0.0"), ("Assigned", "25.0"), ("In Progress", "50.0"), ("Done", "100.0")];
    let mut stages = vec![];
    for (pipeline, first) in [(GENERAL, 7111), (WARRANTY, 7121)] {
        for (order, (name, probability)) in (0_i64..).zip(names) {
            stages.push(json!({
                "id": first + order, "name": name, "slug": name.to_lowercase().replace(' ', "-"),
                "ticket_pipeline_id": pipeline, "order": order + 1, "win_probability": probability,
            }));
        }
    }
    rows(Value::from(stages))
}

/// The token's user is the first of them.
fn owners() -> Value {
    let owners = [
        (2101, "Integration Account", "integration@standin.example", 1),
        (2102, "Ratri Contoh", "ratri.contoh@standin.example", 1),
        (2103, "Bagas Misal", "bagas.misal@standin.example", 1),
        (2104, "Wening Umpama", "wening.umpama@standin.example", 2),
    ];
    let owner = |(id, name, email, team)| json!({"id": id, "name": name, "email": email, "crm_teams": [{"id": team, "name": format!("Team {team}")}]});
    Value::from(owners.map(owner).to_vec())
}

fn options(options: &[(i64, &str)]) -> Value {
    options.iter().map(|(id, name)| json!({"id": id, "name": name})).collect()
}

fn sources() -> Value {
    options(&[(1101, "WhatsApp"), (1102, "Website"), (1103, "Referral"), (1104, "Walk-in")])
}

fn priorities(first: i64) -> Value {
    options(&[(first, "Low"), (first + 1, "Critical"), (first + 2, "High"), (first + 3, "Medium")])
}

/// A row of `deals/info`: a standard field has no id, options are `null` where there are none.
fn deal(id: Option<i64>, name: &str, alias: &str, kind: &str, dropdown: Value, pipelines: &[i64], stages: &[i64]) -> Value {
    json!({
        "id": id, "name": name, "name_alias": alias, "additional_field": id.is_some(), "type": kind, "dropdown": dropdown,
        "required_pipeline_ids": pipelines, "required_stage_ids": stages,
    })
}

pub fn deal_fields() -> Vec<Record> {
    let standard = |name, alias, kind, dropdown| deal(None, name, alias, kind, dropdown, &[], &[]);
    let custom = |id, name, kind, dropdown| deal(Some(id), name, name, kind, dropdown, &[], &[]);
    let checklist = json!([{"id": 9131, "name": "Contract read"}, {"id": 9132, "name": "Invoice address known"}]);
    rows(Value::from(vec![
        // Twice the same pipeline, as the vendor does.
        deal(None, "name", "Deal Name", "Single-line text", Value::Null, &[SALES, SALES, RENEWALS, PARTNERS], &[]),
        standard(
            "currency",
            "Currency",
            "Dropdown select",
            json!([{"id": null, "name": "IDR"}, {"id": null, "name": "USD"}, {"id": null, "name": "SGD"}]),
        ),
        standard("size", "Deal Size", "Number", Value::Null),
        standard("creator_id", "Owner", "Dropdown select", owners()),
        standard("closed_date", "Expected Close Date", "Date", Value::Null),
        standard("crm_source_id", "Source", "Dropdown select", sources()),
        standard("crm_priority_id", "Priority", "Dropdown select", priorities(1201)),
        standard("start_date", "Start Date", "Date", Value::Null),
        standard("expired_date", "Expired Date", "Date", Value::Null),
        deal(
            None,
            "crm_lost_reason_id",
            "Lost Reason",
            "Dropdown select",
            options(&[(1301, "Price"), (1302, "No answer"), (1303, "Went elsewhere")]),
            &[],
            &[6105],
        ),
        standard("crm_stage_id", "Stage", "Dropdown select", Value::Null),
        standard("crm_contact", "Contact", "assoc", Value::Null),
        standard("crm_company", "Company", "assoc", Value::Null),
        standard("crm_deal_status_id", "Status", "Dropdown select", Value::Null),
        custom(8101, "bellhop_reference", "Single-line text", Value::Null),
        // Required in one stage only.
        deal(Some(8102), "Proposal number", "Proposal number", "Single-line text", Value::Null, &[], &[6103]),
        deal(
            Some(8103),
            "Partner tier",
            "Partner tier",
            "Dropdown select",
            options(&[(9101, "Silver"), (9102, "Gold")]),
            &[PARTNERS, PARTNERS],
            &[],
        ),
        custom(8104, "Interests", "Multiple select", options(&[(9111, "Travel"), (9112, "Health"), (9113, "Motor")])),
        custom(8105, "Contract start", "Date", Value::Null),
        custom(8106, "Discount", "Percentage", Value::Null),
        custom(8107, "Site photo", "Photo", Value::Null),
        custom(8108, "Approval signature", "Signature", Value::Null),
        custom(8109, "Handover checklist", "Checklist", checklist),
        custom(8110, "Brochure", "Upload", Value::Null),
        custom(8111, "Web page", "URL", Value::Null),
        custom(8112, "Remarks", "Text Area", Value::Null),
        custom(8113, "Seats", "Number", Value::Null),
        custom(8114, "Place", "GPS", Value::Null),
        custom(8115, "Visit at", "Date time", Value::Null),
    ]))
}

/// A row of `tickets/info`: ids also on some standard fields, `[]` where there are no options, no stages.
fn ticket(id: Option<i64>, name: &str, alias: &str, custom: bool, kind: &str, dropdown: Value, required: &[i64]) -> Value {
    json!({
        "id": id, "name": name, "name_alias": alias, "additional_field": custom, "type": kind, "dropdown": dropdown,
        "required_pipeline_ids": required, "show_pipeline_ids": [GENERAL, GENERAL, WARRANTY],
    })
}

pub fn ticket_fields() -> Vec<Record> {
    let standard = |id: i64, name, alias, kind, dropdown| ticket((id > 0).then_some(id), name, alias, false, kind, dropdown, &[]);
    let custom = |id, name, kind, dropdown| ticket(Some(id), name, name, true, kind, dropdown, &[]);
    let stages: Value = ticket_stages()
        .into_iter()
        .map(|stage| json!({"id": stage["id"], "name": stage["name"], "ticket_pipeline_id": stage["ticket_pipeline_id"]}))
        .collect();
    let none = || json!([]);
    rows(Value::from(vec![
        ticket(Some(8301), "name", "Ticket Name", false, "Single-line text", none(), &[GENERAL, GENERAL, WARRANTY]),
        standard(8302, "user_id", "Assignee", "Dropdown select", owners()),
        standard(8303, "ticket_stage_id", "Stage", "Dropdown select", stages),
        standard(8304, "ticket_priority_id", "Priority", "Dropdown select", priorities(1401)),
        standard(
            8305,
            "ticket_category_id",
            "Category",
            "Dropdown select",
            options(&[(1501, "WhatsApp"), (1502, "Complaint"), (1503, "Question"), (1504, "Delivery")]),
        ),
        standard(0, "description", "Description", "Text Area", none()),
        standard(0, "due_date", "Due Date", "Date", none()),
        standard(0, "crm_lead_ids", "Contact", "assoc", none()),
        standard(0, "crm_company_id", "Company", "assoc", none()),
        custom(8201, "bellhop_reference", "Single-line text", none()),
        custom(8202, "Order number", "Single-line text", none()),
        ticket(Some(8203), "Serial number", "Serial number", true, "Single-line text", none(), &[WARRANTY, WARRANTY]),
        custom(8204, "Reported through", "Dropdown select", options(&[(9201, "Chat"), (9202, "Telephone")])),
        custom(8205, "Damage", "Multiple select", options(&[(9211, "Screen"), (9212, "Battery"), (9213, "Case")])),
        custom(8206, "Bought on", "Date", none()),
        custom(8207, "Damage photo", "Photo", none()),
        custom(8208, "Receipt signature", "Signature", none()),
        custom(8209, "Checks", "Checklist", options(&[(9231, "Restarted"), (9232, "Cable changed")])),
    ]))
}

pub fn contact_fields() -> Vec<Record> {
    let standard = |name, alias, kind, dropdown, required: bool| {
        json!({
            "id": null, "name": name, "name_alias": alias, "additional_field": false, "type": kind, "dropdown": dropdown,
            "required": required, "required_pipeline_ids": [], "required_stage_ids": [],
        })
    };
    rows(Value::from(vec![
        standard("first_name", "First Name", "Single-line text", Value::Null, true),
        standard("last_name", "Last Name", "Single-line text", Value::Null, false),
        standard("creator_id", "Owner", "Dropdown select", owners(), true),
        standard("job_title", "Job Title", "Single-line text", Value::Null, false),
        standard(
            "crm_status_id",
            "Status",
            "Dropdown select",
            options(&[(1601, "New"), (1602, "Customer"), (1603, "Former customer")]),
            false,
        ),
        standard("email", "Email", "Single-line text", Value::Null, false),
        standard("telephone", "Phone", "Single-line text", Value::Null, false),
        standard("crm_source_id", "Source", "Dropdown select", sources(), false),
        standard("crm_company_id", "Company", "assoc", Value::Null, false),
        json!({
            "id": 8401, "name": "Membership number", "name_alias": "Membership number", "additional_field": true,
            "type": "Single-line text", "dropdown": null, "required": false, "required_pipeline_ids": [], "required_stage_ids": [],
        }),
    ]))
}

/// First name, last name, telephone, e-mail. The second and the third share one telephone.
pub const CONTACTS: [(&str, &str, &str, &str); 5] = [
    ("Laras", "Contoh", "081200000001", "laras@customers.example"),
    ("Gilang", "Rekaan", "081200000002", "gilang@customers.example"),
    ("Dewi", "Rekaan", "081200000002", "dewi@customers.example"),
    ("Satria", "Khayal", "081200000003", ""),
    ("Melati", "Umpama", "", "melati@customers.example"),
];

pub const COMPANIES: [&str; 2] = ["Toko Rekaan", "Khayal Logistics"];
