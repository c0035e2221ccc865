//! Tokens, organisations, signatures.

use std::time::{Duration, SystemTime};

use actix_web::http::header::HttpDate;
use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{Said, Signer, Standin, standin, with};
use crate::standin::Options;

fn grant(standin: &Standin, target: &str, kind: &str, body: &str) -> Said {
    standin.raw(&Standin::bytes("POST", target, &[("Content-Type", kind)], body.as_bytes())).unwrap()
}

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

#[test]
fn every_token_is_an_organisation_of_its_own() {
    let crm = with(Options { crm_tokens: vec!["a".into(), "b".into()], ..Options::default() });
    let deal = crm.ask("b", "POST", "/api/v3.1/deals", &json!({"name": "mine"})).unwrap().data();
    assert_eq!(crm.ask("a", "GET", &format!("/api/v3.1/deals/{}", deal["id"]), &Value::Null).unwrap().status, 404);
    assert_eq!(crm.records("deals")[0]["org"], 1);
    assert!(crm.records("deals&org=0").is_empty());
    assert_eq!(crm.records("contacts").len(), 10);
    let stranger = crm.ask("c", "GET", "/api/v3.1/deals", &Value::Null).unwrap();
    assert!(stranger.status == 401 && stranger.json()["error"].is_string() && stranger.json().get("meta").is_none());
}

#[test]
fn refreshing_rotates_and_a_spent_token_is_spent() {
    let crm =
        with(Options { crm_refresh_tokens: vec!["r-1".into()], chat_refresh_token: Some("cr".into()), ..Options::default() });
    let works = |token: &str| crm.ask(token, "GET", "/api/v3.1/deals", &Value::Null).unwrap().status;
    assert_eq!(works("crm-token"), 200);
    let said = grant(&crm, "/oauth/token", FORM, "grant_type=refresh_token&refresh_token=r-1&client_id=x");
    let pair = said.json();
    assert_eq!((said.status, &pair["token_type"], &pair["expires_in"]), (200, &json!("bearer"), &json!(21_600)));
    assert_eq!((works("crm-token"), works(pair["access_token"].as_str().unwrap())), (401, 200));
    let spent = grant(&crm, "/oauth/token", FORM, "grant_type=refresh_token&refresh_token=r-1");
    assert_eq!((spent.status, &spent.json()["error"]), (400, &json!("invalid_grant")));
    let next = json!({"grant_type": "refresh_token", "refresh_token": pair["refresh_token"]}).to_string();
    assert_eq!(grant(&crm, "/oauth/token", JSON, &next).status, 200);
    let chat = json!({"grant_type": "refresh_token", "refresh_token": "cr"}).to_string();
    assert_eq!(grant(&crm, "/api/open/v1/oauth/token", FORM, "grant_type=refresh_token&refresh_token=cr").status, 400);
    assert_eq!(grant(&crm, "/api/open/v1/oauth/token", JSON, &chat).status, 201);
    let heard = crm.control("GET", "journal", Value::Null).text;
    for secret in ["r-1", "crm-token", "standin-refresh", "standin-access"] {
        assert!(!heard.contains(secret), "{secret}");
    }
}

#[test]
fn tokens_end_and_are_taken_away() {
    let crm = with(Options { crm_expires_in_s: Some(0), crm_refresh_tokens: vec!["r".into()], ..Options::default() });
    assert_eq!(crm.crm("GET", "deals", Value::Null).status, 401);
    let crm = standin();
    assert_eq!(crm.crm("GET", "deals", Value::Null).status, 200);
    crm.control("POST", "revoke", json!({"kind": "crm"}));
    assert_eq!(crm.crm("GET", "deals", Value::Null).status, 401);
}

fn sign(method: &str, target: &str, at: SystemTime) -> [(&'static str, String); 2] {
    let date = HttpDate::from(at).to_string();
    let mut mac = Hmac::<Sha256>::new_from_slice(b"secret").unwrap();
    mac.update(format!("date: {date}\n{method} {target} HTTP/1.1").as_bytes());
    let signature = BASE64.encode(&mac.finalize().into_bytes());
    let value = format!(r#"hmac username="id", algorithm="hmac-sha256", headers="date request-line", signature="{signature}""#);
    [("Authorization", value), ("Date", date)]
}

#[test]
fn the_gateway_asks_for_a_signature() {
    let signer = Signer { client_id: "id".into(), client_secret: "secret".into() };
    let crm = with(Options { signer: Some(signer), ..Options::default() });
    let ask = |heads: &[(&'static str, String)], target: &str| {
        let heads: Vec<(&str, &str)> = heads.iter().map(|(name, value)| (*name, value.as_str())).collect();
        crm.raw(&Standin::bytes("GET", target, &heads, b"")).unwrap()
    };
    let now = SystemTime::now();
    for target in ["/qontak/crm/deals?page=1&name=a%20b", "/qontak/chat/v1/rooms"] {
        assert_eq!(ask(&sign("GET", target, now), target).status, 200, "{target}");
        let late = ask(&sign("GET", target, now - Duration::from_secs(310)), target);
        assert_eq!((late.status, late.json()), (401, json!({"message": "Unauthorized"})));
        assert_eq!(ask(&sign("GET", "/other", now), target).status, 401);
        assert_eq!(crm.ask("crm-token", "GET", target, &Value::Null).unwrap().status, 401);
    }
}
