//! `resolve_conversation`: it counts when the room shows it.

use serde_json::json;

use super::scene::{RAKA, ROOM, Scene, Told};
use crate::actors::outside::{Counterpart, Planned};

#[actix_web::test]
async fn it_is_resolved_when_the_room_shows_it_and_not_before() {
    let scene = Scene::new().await;
    scene.knobs(json!({"resolve_delay_ms": 900})).await;
    let job = scene.job("resolve_conversation", json!({"reason_code": "answered", "note": "all well"}));
    let part = scene.part(&job, &[]).await;
    let accepted = scene.done(&job, part).await;
    assert_eq!(scene.there().await["status"], "unassigned");
    let planned = scene.channel.plan(&job, std::slice::from_ref(&accepted)).await.unwrap();
    assert!(matches!(planned, Planned::Later { .. }), "{planned:?}");
    let told = scene.carried(&job, vec![accepted]).await;
    assert_eq!(scene.there().await["status"], "resolved");
    assert_eq!((&told.result()["changed"], &told.result()["reason_code"]), (&json!(true), &json!("answered")));
    assert_eq!(told.about, json!({"what": "resolved", "reason_code": "answered", "note": "all well"}));
    assert_eq!(scene.writes().await, ["PUT /resolve"]);
    let told = scene.call("resolve_conversation", json!({"reason_code": "spam"})).await;
    assert_eq!((&told.result()["changed"], &told.about["what"]), (&json!(false), &json!("resolved")));
    assert_eq!(scene.writes().await.len(), 1);
}

#[actix_web::test]
async fn resolved_twice_is_resolved() {
    for wrong in [true, false] {
        let scene = Scene::new().await;
        scene.knobs(json!({"resolve_delay_ms": 0, "resolve_twice_is_wrong": wrong})).await;
        let job = scene.job("resolve_conversation", json!({"reason_code": "answered"}));
        let part = scene.part(&job, &[]).await;
        scene.by_hand("PUT", &format!("rooms/{ROOM}/resolve"), None).await;
        while scene.there().await["status"] != "resolved" {}
        let accepted = scene.done(&job, part).await;
        assert_eq!(scene.carried(&job, vec![accepted]).await.status, "succeeded");
    }
}

#[actix_web::test]
async fn what_is_accepted_and_never_done_is_a_persons() {
    let scene = Scene::new().await;
    scene.knobs(json!({"resolve_delay_ms": 600_000})).await;
    let job = scene.job("resolve_conversation", json!({"reason_code": "answered"}));
    let mut accepted = {
        let part = scene.part(&job, &[]).await;
        scene.done(&job, part).await
    };
    accepted.started_at = accepted.started_at.plus_ms(-10 * 60_000);
    match scene.channel.plan(&job, &[accepted]).await.unwrap() {
        Planned::End(settlement) => assert_eq!(Told::of(&settlement).status, "unresolved"),
        other => panic!("{other:?}"),
    }
}

#[actix_web::test]
async fn what_a_colleague_has_there_is_not_closed_unless_the_company_lets_it() {
    for (unheld, code) in [(true, Some("human_in_control")), (false, None)] {
        let scene = Scene::new().await;
        let mut job = scene.job("resolve_conversation", json!({"reason_code": "answered"}));
        job.plan.unheld = unheld;
        scene.by_hand("POST", &format!("rooms/{ROOM}/agents/{RAKA}"), None).await;
        let told = scene.carry(&job).await;
        match code {
            Some(code) => {
                assert_eq!(told.code(), code);
                assert!(scene.writes().await.iter().all(|write| !write.contains("resolve")));
                // What is closed already is closed.
                scene.by_hand("PUT", &format!("rooms/{ROOM}/resolve"), None).await;
                while scene.there().await["status"] != "resolved" {}
                assert_eq!(scene.carry(&job).await.result()["changed"], false);
            }
            None => assert_eq!(told.result()["changed"], true),
        }
    }
}

/// Once the customer was told that it ends, it does.
#[actix_web::test]
async fn a_colleague_who_comes_behind_the_closing_message_does_not_stop_it() {
    let scene = Scene::new().await;
    let mut job = scene.job("resolve_conversation", json!({"reason_code": "answered"}));
    (job.plan.unheld, job.plan.closing) = (true, Some("Goodbye.".into()));
    let part = scene.part(&job, &[]).await;
    assert_eq!(part.rule, crate::room::outbox::Rule::Once);
    let said = scene.done(&job, part).await;
    scene.by_hand("POST", &format!("rooms/{ROOM}/agents/{RAKA}"), None).await;
    assert_eq!(scene.carried(&job, vec![said]).await.result()["changed"], true);
    // And one who comes while it is being resolved neither.
    let scene = Scene::new().await;
    scene.knobs(json!({"resolve_delay_ms": 900})).await;
    let mut job = scene.job("resolve_conversation", json!({"reason_code": "answered"}));
    job.plan.unheld = true;
    let part = scene.part(&job, &[]).await;
    let accepted = scene.done(&job, part).await;
    scene.by_hand("POST", &format!("rooms/{ROOM}/agents/{RAKA}"), None).await;
    assert_eq!(scene.carried(&job, vec![accepted]).await.result()["changed"], true);
}
