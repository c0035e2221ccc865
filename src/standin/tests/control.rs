//! The controls that no other test needs.

use serde_json::{Value, json};

use super::{standin, with};
use crate::standin::Options;

#[test]
fn the_rates_of_each_organisation() {
    let crm = with(Options { crm_tokens: vec!["crm-token".into(), "b".into()], ..Options::default() });
    for _ in 0..8 {
        crm.crm("GET", "pipelines", Value::Null);
    }
    crm.ask("b", "GET", "/api/v3.1/pipelines", &Value::Null).unwrap();
    crm.chat("GET", "rooms", Value::Null);
    let rates = crm.control("GET", "rates?per_second=0.001&burst=5&slack_ms=0", Value::Null).data();
    assert_eq!((&rates[0]["org"], &rates[0]["requests"], &rates[1]["requests"]), (&json!(0), &json!(8), &json!(1)));
    let worst = rates[0]["worst_excess"].as_f64().unwrap();
    assert!((2.9..=3.0).contains(&worst), "{worst}");
    assert!(rates[0]["first_at_us"].as_i64() < rates[0]["last_at_us"].as_i64());
    let generous =
        crm.control("GET", "rates?per_second=1000&burst=8&slack_ms=50&per_minute=100&minute_burst=9", Value::Null).data();
    assert!(generous[0]["worst_excess"].as_f64().unwrap() <= 0.0);
    assert_eq!(crm.control("GET", "rates?side=all", Value::Null).data()[0]["requests"], 9);
    crm.control("DELETE", "rates", Value::Null);
    assert_eq!(crm.control("GET", "rates?per_second=1", Value::Null).data(), json!([]));
}

#[test]
fn a_template_changes_under_its_clients() {
    let crm = standin();
    let change = |body: Value| crm.control("POST", "templates", body).status;
    assert_eq!(change(json!({"kind": "deals", "row": "Seats", "set": {"required_stage_ids": [6101]}})), 200);
    assert_eq!(crm.crm("POST", "deals", json!({"name": "a"})).status, 422);
    assert_eq!(change(json!({"kind": "deals", "row": 8113, "remove": true})), 200);
    assert_eq!(crm.crm("POST", "deals", json!({"name": "a"})).status, 200);
    assert_eq!(change(json!({"kind": "stages", "row": 6102, "remove": true})), 200);
    assert_eq!(crm.crm("POST", "deals", json!({"name": "a", "crm_stage_id": 6102})).status, 422);
    assert_eq!((change(json!({"kind": "deals", "row": "No"})), change(json!({"kind": "cats", "row": 1}))), (404, 422));
}

#[test]
fn the_journal_is_searched_and_emptied() {
    let crm = standin();
    crm.deal(json!({}));
    crm.crm("GET", "deals/77", Value::Null);
    let one = crm.control("GET", "journal?method=GET&path=deals/77", Value::Null).data();
    assert_eq!((one.as_array().unwrap().len(), &one[0]["status"], &one[0]["org"]), (1, &json!(404), &json!(0)));
    assert_eq!(crm.journal()[0]["body"], json!({"name": "A deal"}));
    crm.control("DELETE", "journal", Value::Null);
    assert!(crm.journal().is_empty());
    for (method, rest, body) in [
        ("GET", "records?kind=cats", Value::Null),
        ("POST", "faults", json!({"fault": "explode"})),
        ("GET", "rates?per_second=fast", Value::Null),
        ("PUT", "knobs", json!({"volume": 11})),
    ] {
        assert_eq!(crm.control(method, rest, body).status, 422, "{rest}");
    }
}

#[test]
fn it_ends_when_told_and_when_dropped() {
    let crm = standin();
    let address = crm.0.addresses()[0];
    actix_web::rt::System::new().block_on(crm.0.stop());
    assert!(std::net::TcpStream::connect(address).is_err());
}
