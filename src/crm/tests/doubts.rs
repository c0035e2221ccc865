//! When nobody knows whether it happened: found by our mark, by name and contact and time, or not at all. The book must hold one.

use serde_json::json;

use super::scene::{Scene, Told};
use crate::actors::outside::{Claim, Counterpart, Found, Sent};
use crate::room::CallKey;

fn without_mark() -> Scene {
    Scene::with(|_| {}, |access| access.options.reference_field = "no such field".into())
}

#[actix_web::test]
async fn a_lost_answer_is_found_and_a_lost_request_is_sent_again() {
    for marked in [true, false] {
        for (fault, kind, path) in [
            ("lose_answer", "create_deal", "deals"),
            ("lose_request", "create_deal", "deals"),
            ("lose_answer", "create_ticket", "tickets"),
            ("lose_request", "create_ticket", "tickets"),
        ] {
            let scene = if marked { Scene::new() } else { without_mark() };
            // One like it, long ago, and one of somebody else.
            scene.call(kind, json!({"name": "Twin"})).await.result();
            scene.carry(&scene.job_of("6281200000003", kind, json!({"name": "Twin"}))).await.result();
            let old = scene.book(path).await.iter().map(|row| row["id"].clone()).collect::<Vec<_>>();
            scene
                .outbox
                .claims
                .lock()
                .unwrap()
                .extend(old.iter().map(|id| Claim { effect: CallKey([1; 16]), record: Some(id.to_string()) }));
            scene.fault(json!({"route": format!("POST /api/v3.1/{path}"), "fault": fault, "times": 1})).await;
            let told = scene.call(kind, json!({"name": "Twin"})).await;
            let found = &told.result()[kind.strip_prefix("create_").unwrap()]["id"];
            let book = scene.book(path).await;
            assert_eq!(book.len(), 3, "{fault} {kind} {marked}");
            assert!(book.iter().any(|row| json!(row["id"].to_string()) == *found && !old.contains(&row["id"])), "{fault} {kind}");
        }
    }
}

#[actix_web::test]
async fn without_our_mark_a_hit_counts_only_if_no_other_call_can_have_made_it() {
    let scene = without_mark();
    let job = scene.job("create_deal", json!({"name": "Twin"}));
    let part = scene.part(&job).await;
    assert_eq!(part.reference, None);
    let started_at = scene.clock_now();
    let look = || async { scene.crm.look_up(&job, &part, started_at).await.unwrap() };
    assert_eq!(look().await, Found::Absent);
    // Another call makes one just like it.
    let other = scene.call("create_deal", json!({"name": "twin"})).await;
    let id = other.result()["deal"]["id"].as_str().unwrap().to_owned();
    assert!(matches!(look().await, Found::Done(done) if done.record == id), "nobody claims it");
    let claim = |record: Option<&str>| {
        *scene.outbox.claims.lock().unwrap() = vec![Claim { effect: CallKey([1; 16]), record: record.map(str::to_owned) }];
    };
    claim(Some(&id));
    assert_eq!(look().await, Found::Absent, "it is another call's");
    claim(None);
    assert!(matches!(look().await, Found::Unprovable { .. }), "another call may have made it");
    scene.outbox.claims.lock().unwrap().clear();
    scene.call("create_deal", json!({"name": "TWIN"})).await.result();
    assert!(matches!(look().await, Found::Unprovable { .. }), "two look alike");
    let late = scene.clock_now().plus_ms(120_000);
    assert_eq!(scene.crm.look_up(&job, &part, late).await.unwrap(), Found::Absent, "made before it was started");
}

#[actix_web::test]
async fn with_our_mark_a_record_without_it_is_never_ours() {
    let scene = Scene::new();
    let job = scene.job("create_deal", json!({"name": "Twin"}));
    let part = scene.part(&job).await;
    let started_at = scene.clock_now();
    scene.call("create_deal", json!({"name": "Twin"})).await.result();
    assert_eq!(scene.crm.look_up(&job, &part, started_at).await.unwrap(), Found::Absent);
    let Sent::Done(done) = scene.send(&job, &part).await else { panic!("not done") };
    let Found::Done(found) = scene.crm.look_up(&job, &part, started_at).await.unwrap() else { panic!("not found") };
    assert_eq!(found.record, done.record);
    assert!(scene.send(&job, &part).await != Sent::Done(done), "sent twice by hand: two bear the mark");
    assert!(matches!(scene.crm.look_up(&job, &part, started_at).await.unwrap(), Found::Unprovable { .. }));
}

#[actix_web::test]
async fn our_mark_is_found_behind_many_newer_records_and_whatever_its_name_became() {
    let scene = Scene::new();
    for (kind, plural) in [("create_deal", "deals"), ("create_ticket", "tickets")] {
        let job = scene.job(kind, json!({"name": "Old name"}));
        let part = scene.part(&job).await;
        let started_at = scene.clock_now();
        let Sent::Done(done) = scene.send(&job, &part).await else { panic!("not done") };
        for n in 0..120 {
            scene.call(kind, json!({"name": format!("n{n}")})).await.result();
        }
        let mut renames = scene.job(&kind.replace("create", "update"), json!({"name": "Other name"}));
        (renames.plan.target, renames.plan.linked) = (Some(done.record.clone()), true);
        scene.carry(&renames).await.result();
        let Found::Done(found) = scene.crm.look_up(&job, &part, started_at).await.unwrap() else { panic!("not found") };
        assert_eq!(found.record, done.record, "{plural}");
    }
}

#[actix_web::test]
async fn an_update_is_read_back() {
    let scene = Scene::new();
    scene.call("create_deal", json!({"name": "X"})).await.result();
    for (fault, found) in [("lose_answer", true), ("lose_request", false)] {
        let job = scene.job("update_deal", json!({"amount": if found { 5 } else { 6 }, "stage": "Qualified"}));
        let part = scene.part(&job).await;
        scene.fault(json!({"route": "PUT /api/v3.1/deals/{id}", "fault": fault, "times": 1})).await;
        let started_at = scene.clock_now();
        assert!(matches!(scene.send(&job, &part).await, Sent::Doubtful { .. }), "{fault}");
        let looked = scene.crm.look_up(&job, &part, started_at).await.unwrap();
        assert_eq!(matches!(looked, Found::Done(_)), found, "{fault}: {looked:?}");
        assert!(found || looked == Found::Absent);
    }
    scene.control("DELETE", "faults", None).await;
    scene.fault(json!({"route": "PUT /api/v3.1/deals/{id}", "fault": "lose_answer", "times": 1})).await;
    let told: Told = scene.call("update_deal", json!({"amount": 77})).await;
    assert_eq!(told.result()["changed"], json!([{"field": "amount", "from": 5, "to": 77}]));
}

#[actix_web::test]
async fn a_contact_is_made_once_too() {
    for fault in ["lose_answer", "lose_request"] {
        let scene = Scene::with(|_| {}, |access| access.options.create_contacts = true);
        let before = scene.book("contacts").await.len();
        scene.fault(json!({"route": "POST /api/v3.1/contacts", "fault": fault, "times": 1})).await;
        let job = scene.job_of("6281255550000", "create_deal", json!({"name": "X"}));
        assert_eq!(scene.carry(&job).await.result()["warnings"], json!(null));
        assert_eq!(scene.book("contacts").await.len(), before + 1, "{fault}");
        let scene = Scene::with(|_| {}, |access| access.options.create_contacts = true);
        scene.fault(json!({"route": "POST /api/v3.1/contacts", "fault": "meta_422_in_200"})).await;
        let told = scene.carry(&scene.job_of("6281255550000", "create_deal", json!({"name": "X"}))).await;
        assert!(told.result()["warnings"][0].as_str().unwrap().contains("no contact"), "the deal is made without");
    }
}
