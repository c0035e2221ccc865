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
    a_tickets_names_and_owners_are_as_strict_as_a_deals,
    what_a_stage_requires_of_a_change_is_asked_for_before_it_is_sent,
    whatever_is_answered_to_a_read_or_a_change_harms_no_room,
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

pub fn a_tickets_names_and_owners_are_as_strict_as_a_deals(world: &mut World) {
    world.has_a_crm();
    let room = world.a_room("web-1");
    let made = room.gets(calls("create_ticket", json!({"name": "A", "description": "d"})));
    let (id, number) = (made.result()["ticket"]["id"].clone(), made.result()["ticket"]["number"].clone());
    let writes = || world.crm().was_told("POST", "/api/v3.1/").len() + world.crm().was_told("PUT", "/api/v3.1/").len();
    let before = writes();
    for (field, given) in [
        ("pipeline", json!("No such pipeline")),
        ("stage", json!("No such stage")),
        ("assignee", json!("Nobody at all")),
        ("priority", json!("Whenever")),
        ("category", json!("No such category")),
        ("custom_fields", json!([{"field": "No such field", "value": "1"}])),
    ] {
        for (action, mut arguments) in
            [("create_ticket", json!({"name": "B", "description": "d"})), ("update_ticket", json!({"description": "e"}))]
        {
            arguments[field] = given.clone();
            let answer = room.gets(calls(action, arguments));
            assert!(answer.code().starts_with("unknown_"), "{action} {field}: {answer:?}");
            let error = &answer.only()["error"];
            let named = |list: &str| error[list].as_array().is_some_and(|list| !list.is_empty());
            assert!(error["next"] == "fix_and_retry" && (named("candidates") || named("allowed")), "{field}: {answer:?}");
        }
    }
    // Another customer's, by either of its names, is as unknown as none at all.
    let stranger = world.a_room("web-2");
    let asks = |ticket: &serde_json::Value| stranger.gets(calls("update_ticket", json!({"ticket": ticket, "description": "e"})));
    let unknown = asks(&json!("999999"));
    for ticket in [&id, &number] {
        assert_eq!(asks(ticket).only()["error"], unknown.only()["error"], "a stranger cannot tell it from none");
    }
    assert_eq!(writes(), before, "nothing of it was sent");
    goes_on(&room);
}

pub fn what_a_stage_requires_of_a_change_is_asked_for_before_it_is_sent(world: &mut World) {
    world.has_a_crm();
    let room = world.a_room("web-1");
    room.gets(calls("create_deal", json!({"name": "A", "pipeline": "Sales"}))).result();
    let refused = room.gets(calls("update_deal", json!({"stage": "Proposal"})));
    assert_eq!((refused.code(), &refused.only()["error"]["missing"]), ("missing_fields", &json!(["Proposal number"])));
    assert!(world.crm().was_told("PUT", "/api/v3.1/deals/").is_empty());
    let given = json!({"stage": "Proposal", "custom_fields": [{"field": "Proposal number", "value": "P-1"}]});
    assert_eq!(room.gets(calls("update_deal", given)).result()["deal"]["stage"], "Proposal");
    goes_on(&room);
}

pub fn whatever_is_answered_to_a_read_or_a_change_harms_no_room(world: &mut World) {
    const NONSENSE: [&str; 6] = ["status_502_html", "huge", "empty", "wrong_json", "redirect", "status_500_html"];
    world.has_a_crm();
    // To the very first looks, which nobody can do without.
    for (route, fault) in [
        ("GET /api/v3.1/deals/info", "huge"),
        ("GET /api/v3.1/pipelines", "wrong_json"),
        ("GET /api/v3.1/contacts", "status_502_html"),
        ("GET /api/v3.1/tickets/info", "redirect"),
        ("GET /api/v3.1/tickets/ticket_pipelines", "empty"),
    ] {
        world.crm().has_once(route, fault);
    }
    let room = world.admin().room("web-1");
    assert_eq!(room.is_with("6281200000001").http, 201);
    room.gets_within(20, calls("create_deal", json!({"name": "Ten tents", "amount": 1}))).result();
    for (n, fault) in NONSENSE.iter().enumerate() {
        let amounts = [10 + n, 20 + n];
        for (route, amount) in ["PUT /api/v3.1/deals/{id}", "GET /api/v3.1/deals/{id}"].iter().zip(amounts) {
            world.crm().has_once(route, fault);
            let changed = room.gets_within(20, calls("update_deal", json!({"amount": amount})));
            assert_eq!(changed.result()["changed"][0]["to"], amount, "{route} {fault}: {changed:?}");
            let [record] = &world.crm().named("deals", "Ten tents")[..] else { panic!("not one deal") };
            assert_eq!(record["size"].to_string().trim_matches('"').parse::<f64>().ok(), Some(amount as f64), "{record}");
        }
        world.crm().has_once("POST /api/v3.1/tickets", fault);
        let name = format!("Ticket {n}");
        let made = room.gets_within(20, calls("create_ticket", json!({"name": name, "description": "d"})));
        assert_eq!(made.only()["status"], "succeeded", "{fault}: {made:?}");
        assert_eq!(world.crm().named("tickets", &name).len(), 1, "{fault}");
    }
    let idle = world.crm().faults().into_iter().find(|fault| fault["hits"] == 0);
    assert!(idle.is_none(), "never met: {idle:?}");
    assert!(world.crm().journal_of("path=_standin/trap").is_empty(), "a redirect was followed");
    goes_on(&room);
}
