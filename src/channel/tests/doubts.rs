//! When nobody knows whether it happened, and when nothing did: the room is read, and tells. Also the other dialect.

use serde_json::json;

use super::scene::{COMPANY, RAKA, ROOM, SINTA, Scene, TARI, TOKEN};
use crate::actors::outside::{Counterpart, CrmDialect, Secret, Sent};
use crate::standin::Signer;

const FAULTS: [&str; 4] = ["lose_answer", "lose_request", "empty", "status_429"];

/// How often what met this fault must be sent: once if it was heard.
fn times(fault: &str) -> usize {
    if matches!(fault, "lose_request" | "status_429") { 2 } else { 1 }
}

#[actix_web::test]
async fn a_lost_answer_to_an_assignment_is_read_back_and_a_lost_request_is_said_again() {
    for fault in FAULTS {
        let scene = Scene::new().await;
        scene.by_hand("POST", &format!("rooms/{ROOM}/agents/{RAKA}"), None).await;
        scene.fault("POST /api/open/v1/rooms/{id}/agents/{user}", fault).await;
        scene.fault("DELETE /api/open/v1/rooms/{id}/agents/{user}", fault).await;
        scene.call("assign_agent", json!({"mode": "agent", "agent": "Tari Rekaan"})).await.result();
        assert_eq!((scene.agents().await, scene.writes().await.len()), (vec![TARI.to_owned()], 2 * times(fault)), "{fault}");
    }
}

#[actix_web::test]
async fn so_it_is_of_tags_and_of_resolving() {
    for fault in FAULTS {
        let scene = Scene::new().await;
        scene.fault("POST /api/open/v1/rooms/{id}/tags", fault).await;
        scene.fault("PUT /api/open/v1/rooms/{id}/resolve", fault).await;
        assert_eq!(scene.call("create_tag", json!({"tags": ["a"]})).await.result()["added"], json!(["a"]), "{fault}");
        let told = scene.call("resolve_conversation", json!({"reason_code": "answered"})).await;
        assert_eq!((&told.about["what"], &scene.there().await["status"]), (&json!("resolved"), &json!("resolved")), "{fault}");
        assert_eq!(scene.writes().await.len(), 2 * times(fault), "{fault}");
    }
}

#[actix_web::test]
async fn a_lost_answer_of_the_allocator_is_read_off_the_room() {
    for (fault, posts) in [("lose_answer", 1), ("lose_request", 2)] {
        let scene = Scene::new().await;
        scene.fault("POST /api/open/v1/rooms/{id}/assign_round_robin", fault).await;
        let told = scene.call("assign_agent", json!({"mode": "auto"})).await;
        assert_eq!(scene.agents().await, [told.result()["agent"]["id"].as_str().unwrap()]);
        assert_eq!(scene.writes().await.len(), posts);
    }
}

#[actix_web::test]
async fn a_refused_token_uses_up_nothing_and_a_new_one_counts_at_once() {
    let scene = Scene::new().await;
    let job = scene.job("create_tag", json!({"tags": ["a"]}));
    let part = scene.part(&job, &[]).await;
    scene.control("POST", "revoke", Some(json!({"kind": "chat"}))).await;
    assert!(matches!(scene.send(&job, &part).await, Sent::NotDone { after_ms: 1_000.., counts: false, .. }));
    assert_eq!(scene.channel.view(COMPANY).token, "refused");
    let check = scene.channel.check(COMPANY);
    let problem = tokio::time::timeout(std::time::Duration::from_secs(60), check).await.unwrap().unwrap_err().to_string();
    assert!(problem.contains("refuses the token") && !problem.contains("canary"), "{problem}");
    *scene.vault.0.lock().unwrap() = None;
    let told = scene.carry(&job).await;
    assert_eq!(told.code(), "not_connected");
    assert!(matches!(scene.send(&job, &part).await, Sent::Refused(_)), "not even with a permit");
}

#[actix_web::test]
async fn the_gateway_is_spoken_to_with_signatures() {
    let signer = Signer { client_id: "client-1".into(), client_secret: "canary-hmac".into() };
    let scene = Scene::with(
        |options| {
            options.signer = Some(signer);
            options.strict_digest = true;
        },
        |access| {
            access.dialect = CrmDialect::Gateway;
            access.token = Secret::new(json!({"client_id": "client-1", "client_secret": "canary-hmac"}).to_string());
            access.bot_token = None;
        },
    )
    .await;
    scene.call("assign_agent", json!({"mode": "agent", "agent": "Sinta Misal"})).await.result();
    scene.call("assign_agent", json!({"mode": "agent", "agent": "Tari Rekaan"})).await.result();
    scene.call("create_tag", json!({"tags": ["ü & more"]})).await.result();
    scene.call("resolve_conversation", json!({"reason_code": "answered"})).await.result();
    scene.channel.register(COMPANY).await.unwrap();
    let heard = scene.heard().await;
    assert!(heard.iter().all(|line| line.contains(" /qontak/chat/v1/")), "{heard:?}");
    assert!(heard.iter().any(|line| line.starts_with("DELETE") && line.ends_with(SINTA)));
    let report = scene.channel.check(COMPANY).await.unwrap();
    assert_eq!((report.credentials, report.bot_token), ("hmac", None));
}

#[actix_web::test]
async fn no_print_shows_a_secret() {
    let scene = Scene::new().await;
    scene.call("create_tag", json!({"tags": ["a"]})).await.result();
    let access = scene.vault.0.lock().unwrap().clone().unwrap();
    assert!(!format!("{access:?}").contains("canary") && access.token.reveal() == TOKEN);
}
