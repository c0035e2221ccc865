//! Faults: each seen at the socket, and whether the write was made.

use std::io::{ErrorKind, Write};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Standin, standin};

fn deal(standin: &Standin) -> std::io::Result<super::Said> {
    standin.ask("crm-token", "POST", "/api/v3.1/deals", &json!({"name": "A deal"}))
}

#[test]
fn a_lost_answer_was_written_and_a_lost_request_was_not() {
    let crm = standin();
    crm.fault(json!({"route": "POST /api/v3.1/deals", "fault": "lose_answer", "times": 1}));
    assert_eq!(deal(&crm).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    assert_eq!(crm.records("deals").len(), 1);
    crm.fault(json!({"route": "POST /api/v3.1/deals", "fault": "lose_request", "times": 1}));
    assert_eq!(deal(&crm).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    assert_eq!(crm.records("deals").len(), 1);
    let heard: Vec<(Value, Value)> =
        crm.journal().iter().map(|entry| (entry["fault"].clone(), entry["status"].clone())).collect();
    assert_eq!(heard, [(json!("lose_answer"), Value::Null), (json!("lose_request"), Value::Null)]);
    assert_eq!(deal(&crm).unwrap().status, 200);
}

#[test]
fn a_slow_write_comes_late_also_when_the_client_has_left() {
    let crm = standin();
    crm.fault(json!({"route": "POST /api/v3.1/deals", "fault": "slow", "ms": 300, "times": 1}));
    let begun = Instant::now();
    assert_eq!(deal(&crm).unwrap().status, 200);
    assert!(begun.elapsed() >= Duration::from_millis(300));
    crm.fault(json!({"route": "POST /api/v3.1/deals", "fault": "held"}));
    let mut leaves = std::net::TcpStream::connect(crm.0.addresses()[0]).unwrap();
    let heads = [("Authorization", "Bearer crm-token"), ("Content-Type", "application/json")];
    leaves.write_all(&Standin::bytes("POST", "/api/v3.1/deals", &heads, br#"{"name":"late"}"#)).unwrap();
    crm.eventually(|| crm.control("GET", "faults", Value::Null).data()[1]["hits"] == 1);
    drop(leaves);
    assert_eq!(crm.records("deals").len(), 1);
    crm.control("POST", "let_go", Value::Null);
    crm.eventually(|| crm.records("deals").len() == 2);
    assert_eq!(crm.journal().last().unwrap()["fault"], "held");
    assert_eq!((deal(&crm).unwrap().status, crm.records("deals").len()), (200, 3), "nothing more is held");
}

#[test]
fn answers_that_are_not_the_truth() {
    let crm = standin();
    let play = |fault: &str| {
        crm.control("DELETE", "faults", Value::Null);
        crm.fault(json!({"route": "POST /api/v3.1/*", "fault": fault, "retry_after_s": 7}));
        deal(&crm).unwrap()
    };
    let busy = play("status_429");
    assert_eq!((busy.status, busy.header("Retry-After").as_deref()), (429, Some("7")));
    assert!(busy.header("X-RateLimit-Reset").is_some() && busy.json()["meta"]["status"] == 429);
    for (fault, status) in [("status_500_html", 500), ("status_502_html", 502)] {
        let said = play(fault);
        assert!(said.status == status && said.text.starts_with("<!DOCTYPE html>"), "{said:?}");
    }
    let meta = play("meta_422_in_200");
    assert_eq!((meta.status, &meta.json()["meta"]["status"]), (200, &json!(422)));
    let redirect = play("redirect");
    assert_eq!((redirect.status, redirect.header("Location").unwrap()), (302, format!("{}/_standin/trap", crm.0.url())));
    assert!(crm.records("deals").is_empty());
    // The work was done, and only its answer is broken.
    assert!(play("huge").text.len() > 2_000_000);
    assert!(serde_json::from_str::<Value>(&play("wrong_json").text).is_err());
    assert_eq!(play("empty").text, "");
    assert_eq!(crm.records("deals").len(), 3);
    assert_eq!(play("unauthorized_once").status, 401);
    assert_eq!(deal(&crm).unwrap().status, 200);
    crm.fault(json!({"fault": "status_502_html", "after": true}));
    assert_eq!((deal(&crm).unwrap().status, crm.records("deals").len()), (502, 5));
}

#[test]
fn dark_never_answers_and_does_nothing() {
    let crm = standin();
    crm.fault(json!({"fault": "dark"}));
    let mut stream = std::net::TcpStream::connect(crm.0.addresses()[0]).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(150))).unwrap();
    let heads = [("Authorization", "Bearer crm-token"), ("Content-Type", "application/json")];
    stream.write_all(&Standin::bytes("POST", "/api/v3.1/deals", &heads, br#"{"name":"x"}"#)).unwrap();
    let ended = std::io::Read::read(&mut stream, &mut [0; 16]);
    assert!(matches!(ended.map_err(|error| error.kind()), Err(ErrorKind::WouldBlock | ErrorKind::TimedOut)));
    assert!(crm.records("deals").is_empty());
    // The controls stay in the light.
    crm.control("DELETE", "faults", Value::Null);
    assert_eq!(deal(&crm).unwrap().status, 200);
}
