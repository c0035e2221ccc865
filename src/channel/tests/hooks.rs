//! The channel is told where to tell us things: once for each access, and not in the log.

use serde_json::json;

use super::scene::{COMPANY, Scene};

const URL: &str = "http://127.0.0.1:9/v1/webhooks/qontak/canary-path";

#[actix_web::test]
async fn every_switch_is_turned_on_once_for_each_access() {
    let scene = Scene::new().await;
    scene.channel.register(COMPANY).await.unwrap();
    scene.channel.register(COMPANY).await.unwrap();
    let put = |heard: &[String]| heard.iter().filter(|line| line.starts_with("PUT")).count();
    assert_eq!(put(&scene.heard().await), 3);
    let hook = async |name: &str| scene.by_hand("GET", name, None).await["data"].clone();
    let messages = hook("message_interactions").await;
    let expected = json!({
        "url": URL, "receive_message_from_agent": true, "receive_message_from_customer": true, "status_message": true,
        "broadcast_log_status": false,
    });
    assert_eq!(messages, expected);
    let rooms = json!({"url": URL, "room_resolved": true, "room_created": true, "room_updated": true});
    assert_eq!(hook("room_interactions").await, rooms);
    let people = json!({"url": URL, "assigned": true, "unassigned": true, "handover": true});
    assert_eq!(hook("agent_responsibility").await, people);
    if let Some(access) = scene.vault.0.lock().unwrap().as_mut() {
        access.version = 2;
    }
    scene.fault("PUT /api/open/v1/room_interactions", "status_500_html").await;
    let why = scene.channel.register(COMPANY).await.unwrap_err();
    assert!(!why.contains("canary"), "{why}");
    scene.channel.register(COMPANY).await.unwrap();
    assert_eq!(put(&scene.heard().await), 2 + 3, "what failed is tried again, all of it");
    *scene.vault.0.lock().unwrap() = None;
    scene.channel.register(COMPANY).await.unwrap();
}

#[actix_web::test]
async fn a_switch_that_nobody_documented_keeps_no_other_off() {
    let scene = Scene::new().await;
    scene.fault("PUT /api/open/v1/room_interactions", "meta_422_in_200").await;
    scene.channel.register(COMPANY).await.unwrap();
    let rooms = scene.by_hand("GET", "room_interactions", None).await["data"].clone();
    assert_eq!(rooms, json!({"url": URL, "room_resolved": true, "room_created": true, "room_updated": false}));
}

#[actix_web::test]
async fn a_look_says_what_is_wrong_and_writes_nothing() {
    let scene = Scene::new().await;
    let report = scene.channel.check(COMPANY).await.unwrap();
    assert_eq!((report.credentials, report.bot_token, report.webhook), ("static", Some(true), true));
    assert!(scene.writes().await.is_empty());
    scene.control("POST", "revoke", Some(json!({"kind": "bot"}))).await;
    assert_eq!(scene.channel.check(COMPANY).await.unwrap().bot_token, Some(false));
    *scene.vault.0.lock().unwrap() = None;
    assert!(scene.channel.check(COMPANY).await.unwrap_err().to_string().contains("no channel"));
}
