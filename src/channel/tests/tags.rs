//! `create_tag`: one request for each missing tag, and a word on each.

use serde_json::json;

use super::scene::Scene;

#[actix_web::test]
async fn each_missing_tag_is_put_once() {
    let scene = Scene::new().await;
    scene.by_hand("POST", "rooms/7f000000-0000-4000-8000-000000000001/tags", Some(json!({"tag": "Late"}))).await;
    let told = scene.call("create_tag", json!({"tags": ["vip", "LATE", "solar panels"]})).await;
    let expected =
        json!({"tags": ["Late", "VIP", "solar panels"], "added": ["VIP", "solar panels"], "already_present": ["Late"]});
    assert_eq!(*told.result(), expected, "as the company spells it");
    assert_eq!(told.about, json!({"what": "tagged", "tags": ["VIP", "solar panels", "Late"]}));
    assert_eq!(scene.writes().await, ["POST /tags", "POST /tags"]);
    let again = scene.call("create_tag", json!({"tags": ["VIP"]})).await;
    assert_eq!(again.result()["added"], json!([]));
    assert_eq!(scene.writes().await.len(), 2, "nothing is said twice");
}

#[actix_web::test]
async fn a_tag_that_is_refused_keeps_no_other_off() {
    let scene = Scene::new().await;
    scene.fault("POST /api/open/v1/rooms/{id}/tags", "meta_422_in_200").await;
    let told = scene.call("create_tag", json!({"tags": ["one", "two"]})).await;
    assert_eq!((&told.result()["added"], &told.result()["failed"][0]["tag"]), (&json!(["two"]), &json!("one")));
    assert_eq!(told.about["tags"], json!(["two"]));
    scene.fault("POST /api/open/v1/rooms/{id}/tags", "meta_422_in_200").await;
    assert_eq!(scene.call("create_tag", json!({"tags": ["three"]})).await.code(), "channel_refused");
    assert_eq!(scene.there().await["tags"], json!(["two"]));
}

#[actix_web::test]
async fn a_room_the_channel_does_not_have_is_refused() {
    let scene = Scene::new().await;
    for room in ["7f000000-0000-4000-8000-00000000dead", "web-1", "a/../../b?x=1"] {
        for (name, arguments) in [
            ("create_tag", json!({"tags": ["x"]})),
            ("assign_agent", json!({"mode": "auto"})),
            ("resolve_conversation", json!({"reason_code": "answered"})),
        ] {
            let told = scene.carry(&scene.job_in(room, name, arguments)).await;
            assert_eq!(told.code(), "room_not_in_channel");
            assert_eq!(told.body["error"]["next"], "do_not_retry");
        }
    }
    assert!(scene.heard().await.iter().all(|line| line.starts_with("GET /api/open/v1/rooms/")));
}
