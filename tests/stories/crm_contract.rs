//! The contract with the vendor: whatever the adapter sends, in either dialect, the vendor's specification knows every key of
//! it, and an update always names the owner. And its tokens: refreshed once, for all rooms, and never lost.

use serde_json::{Value, json};

use crate::world::crm::TOKEN;
use crate::world::{World, calls, eventually};

on_both_databases!(one_refresh_serves_many_rooms_and_outlives_the_process);

on_sqlite_alone!(the_vendor_knows_every_key_with_a_bearer_token, the_vendor_knows_every_key_through_the_gateway);

pub fn the_vendor_knows_every_key_with_a_bearer_token(world: &mut World) {
    world.has_a_crm_with(&[], TOKEN, &["--create-contacts"]);
    every_action_keeps_the_contract(world, "/api/v3.1/");
}

pub fn the_vendor_knows_every_key_through_the_gateway(world: &mut World) {
    let standin = ["--hmac-client-id", "client-1", "--hmac-client-secret", "canary-hmac-secret", "--strict-digest"];
    let file = json!({"client_id": "client-1", "client_secret": "canary-hmac-secret"}).to_string();
    world.has_a_crm_with(&standin, &file, &["--create-contacts", "--dialect", "gateway", "--sso-id", "7"]);
    every_action_keeps_the_contract(world, "/qontak/crm/");
}

/// Each action with everything it may be given and with as little as it takes, for a customer who is known and one who is not.
fn every_action_keeps_the_contract(world: &World, mount: &str) {
    let everything_of_a_deal = json!({
        "amount": 2_500_000.5, "currency": "IDR", "pipeline": "Sales", "stage": "Proposal", "owner": "Ratri Contoh",
        "source": "Website", "priority": "High", "company": "Toko Rekaan", "start_date": "2026-12-01",
        "close_date": "2026-12-24", "expiry_date": "2027-01-31",
        "custom_fields": [
            {"field": "Proposal number", "value": "P-17"}, {"field": "Interests", "value": "Travel, Motor"},
            {"field": "Contract start", "value": "2027-02-01"}, {"field": "Seats", "value": "12"},
            {"field": "Web page", "value": "https://example.test/p"}, {"field": "Remarks", "value": "Two lines\nof text"},
        ],
    });
    let everything_of_a_ticket = json!({
        "description": "The screen stays dark.", "pipeline": "Warranty", "stage": "Assigned", "priority": "Critical",
        "category": "Complaint", "assignee": "bagas.misal@standin.example", "due_date": "2026-12-05",
        "custom_fields": [
            {"field": "Serial number", "value": "SN-1"}, {"field": "Damage", "value": "Screen, Case"},
            {"field": "Reported through", "value": "Chat"}, {"field": "Bought on", "value": "2026-03-04"},
        ],
    });
    let named = |name: &str, more: &Value| {
        let mut arguments = more.clone();
        arguments["name"] = json!(name);
        arguments
    };
    for (n, handle) in ["+6281200000001", "6281299999999", "melati@customers.example", "no-handle-of-a-crm"].iter().enumerate() {
        let room = world.admin().room(&format!("room-{n}"));
        assert_eq!(room.is_with(handle).http, 201);
        for (action, arguments) in [
            ("create_deal", named("Small deal", &json!({}))),
            ("create_deal", named("Large deal", &everything_of_a_deal)),
            ("update_deal", json!({"amount": 3_000_000})),
            ("update_deal", json!({"stage": "Won", "owner": "Bagas Misal", "close_date": "2026-12-20"})),
            ("update_deal", named("Larger deal", &everything_of_a_deal)),
            ("create_ticket", named("Small ticket", &json!({"description": "It hums."}))),
            // Nobody does it yet, and nobody is given it by a change.
            ("update_ticket", json!({"description": "It hums louder."})),
            ("create_ticket", named("Large ticket", &everything_of_a_ticket)),
            ("update_ticket", json!({"description": "It is dark and hums."})),
            ("update_ticket", json!({"stage": "Done", "assignee": "Ratri Contoh", "due_date": "2026-12-06"})),
            ("update_ticket", named("Larger ticket", &everything_of_a_ticket)),
        ] {
            let answer = room.gets(calls(action, arguments.clone()));
            assert_eq!(answer.only()["status"], "succeeded", "{handle}: {action} {arguments}: {answer:?}");
        }
    }
    let crm = world.crm();
    crm.knew_every_key();
    let all = crm.journal();
    assert!(all.iter().all(|line| line["path"].as_str().unwrap().starts_with(mount)), "another dialect was spoken");
    assert!(all.iter().all(|line| line["status"] == 200), "the vendor refused something");
    for (kind, owner) in [("deals", "creator_id"), ("tickets", "user_id")] {
        let updates = crm.was_told("PUT", &format!("{mount}{kind}/"));
        assert!(updates.len() >= 12, "{kind}: {} updates", updates.len());
        let keeps = |body: &&Value| body[owner].is_i64() || kind == "tickets" && body["name"] == "Small ticket";
        assert!(updates.iter().all(|body| keeps(&body)), "an update of {kind} did not name the owner: {updates:?}");
        assert_eq!(crm.was_told("POST", &format!("{mount}{kind}")).len(), 8, "{kind}");
    }
    // The unknown telephone and the visitor were given a contact, each once.
    assert_eq!(crm.was_told("POST", &format!("{mount}contacts")).len(), 2);
    for record in crm.named("tickets", "Small ticket") {
        assert_eq!((&record["user_id"], &record["description"]), (&Value::Null, &json!("It hums louder.")), "{record}");
    }
    for record in crm.deals().iter().filter(|deal| deal["name"] == "Larger deal") {
        assert_eq!(record["creator_name"], "Ratri Contoh", "{record}");
    }
}

pub fn one_refresh_serves_many_rooms_and_outlives_the_process(world: &mut World) {
    // By the file it ended long ago: every room finds that at the same time.
    let standin = ["--crm-refresh-token", "canary-refresh-1", "--crm-expires-in", "1800"];
    let file = json!({"access_token": TOKEN, "refresh_token": "canary-refresh-1", "expires_at": 1_700_000_000});
    world.has_a_crm_with(&standin, &file.to_string(), &[]);
    let rooms: Vec<_> = (0..12).map(|n| world.a_room(&format!("web-{n}"))).collect();
    let asks = rooms.iter().map(|room| room.getting(&[calls("create_deal", json!({"name": format!("Deal of {}", room.id)}))]));
    for answer in world.admin().at_once(asks.collect()) {
        let answer = answer.expect("an answer");
        assert_eq!(answer.only()["status"], "succeeded", "{answer:?}");
    }
    assert_eq!(world.crm().was_asked("POST", "/oauth/token"), 1, "one refresh for all of them");
    assert_eq!(world.crm().deals().iter().filter(|deal| deal["name"].as_str().unwrap().starts_with("Deal of")).count(), 12);

    // The first refresh token is spent: only a pair that was kept opens anything now, and the next refresh needs the new one.
    world.dies_and_comes_back();
    rooms[0].gets(calls("update_deal", json!({"amount": 5}))).result();
    assert_eq!(world.crm().was_asked("POST", "/oauth/token"), 1, "the new pair was kept");
    world.crm().has_once("GET /api/v3.1/*", "unauthorized_once");
    rooms[1].gets(calls("update_deal", json!({"amount": 6}))).result();
    assert_eq!(world.crm().was_asked("POST", "/oauth/token"), 2);

    let pair = world.crm().tokens()["crm"][0].clone();
    let secrets = [TOKEN, "canary-refresh-1", pair["access_token"].as_str().unwrap(), pair["refresh_token"].as_str().unwrap()];
    let log = world.log();
    assert!(!secrets.iter().any(|secret| log.contains(secret)), "a token stands in the log");
    eventually("the token is known to be good", || (world.admin().get("/v1/crm").body["token"] == "valid").then_some(()));
}
