//! When nobody knows whether it happened: found by our mark, by name and contact and time, or not at all. The book must hold one.

use serde_json::json;

use super::scene::{Scene, Told};
use crate::actors::outside::{Claim, Counterpart, Found, Planned, Sent};
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
async fn with_our_mark_a_record_with_anothers_is_never_ours() {
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
async fn a_record_like_ours_that_has_lost_its_mark_is_neither_ours_nor_absent() {
    for kind in ["create_deal", "create_ticket"] {
        let scene = Scene::new();
        let plural = kind.replace("create_", "") + "s";
        let job = scene.job(kind, json!({"name": "Twin"}));
        let part = scene.part(&job).await;
        let started_at = scene.clock_now();
        scene.fault(json!({"route": format!("POST /api/v3.1/{plural}"), "fault": "lose_answer", "times": 1})).await;
        assert!(matches!(scene.send(&job, &part).await, Sent::Doubtful { .. }));
        let id = scene.book(&plural).await[0]["id"].to_string();
        let field = if kind == "create_deal" { 8101 } else { 8201 };
        let change = json!({"additional_fields": [{"id": field, "name": "bellhop_reference", "value": ""}], "creator_id": 2101});
        let change = if kind == "create_deal" { change } else { json!({"additional_fields": change["additional_fields"]}) };
        scene.somebody_changes(&format!("{plural}/{id}"), change).await;
        let look = || async { scene.crm.look_up(&job, &part, started_at).await.unwrap() };
        assert!(matches!(look().await, Found::Unprovable { .. }), "{kind}");
        *scene.outbox.claims.lock().unwrap() = vec![Claim { effect: CallKey([1; 16]), record: Some(id) }];
        assert_eq!(look().await, Found::Absent, "{kind}: it is another call's");
    }
}

#[actix_web::test]
async fn what_was_made_is_found_however_far_the_clocks_are_apart() {
    for (scene, what) in [(Scene::new(), "marked"), (without_mark(), "without a mark")] {
        for behind_s in [600, -600] {
            let knobs = json!({"crm_clock_behind_s": behind_s});
            scene.control("PUT", "knobs", Some(knobs)).await;
            for (kind, plural) in [("create_deal", "deals"), ("create_ticket", "tickets")] {
                scene.fault(json!({"route": format!("POST /api/v3.1/{plural}"), "fault": "lose_answer", "times": 1})).await;
                let name = format!("Ten tents {behind_s}");
                scene.call(kind, json!({"name": name})).await.result();
                let made = scene.book(plural).await.iter().filter(|row| row["name"] == json!(name)).count();
                assert_eq!(made, 1, "{what}, {behind_s} s, {kind}");
            }
        }
    }
}

#[actix_web::test]
async fn a_list_that_hides_marks_or_contacts_is_read_one_by_one() {
    for (scene, hidden) in [(Scene::new(), "additional_fields"), (Scene::new(), "crm_lead_ids"), (without_mark(), "crm_lead_ids")]
    {
        scene.control("PUT", "knobs", Some(json!({"lists_without": [hidden]}))).await;
        for (kind, plural) in [("create_deal", "deals"), ("create_ticket", "tickets")] {
            scene.fault(json!({"route": format!("POST /api/v3.1/{plural}"), "fault": "lose_answer", "times": 1})).await;
            scene.call(kind, json!({"name": "Twin"})).await.result();
            assert_eq!(scene.book(plural).await.len(), 1, "{hidden} {kind}");
        }
        let told = scene.call("update_deal", json!({"amount": 5})).await;
        assert_eq!(told.result()["changed"][0]["to"], 5, "{hidden}: {}", told.body);
    }
}

#[actix_web::test]
async fn a_list_whose_pages_are_too_long_is_read_in_shorter_ones() {
    let scene = Scene::new();
    let job = scene.job("create_ticket", json!({"name": "Old"}));
    let part = scene.part(&job).await;
    let started_at = scene.clock_now();
    let Sent::Done(done) = scene.send(&job, &part).await else { panic!("not done") };
    for n in 0..45 {
        scene.call("create_ticket", json!({"name": format!("n{n}")})).await.result();
    }
    scene.control("PUT", "knobs", Some(json!({"list_padding_bytes": 40_000}))).await;
    scene.control("DELETE", "journal", None).await;
    let Found::Done(found) = scene.crm.look_up(&job, &part, started_at).await.unwrap() else { panic!("not found") };
    assert_eq!((found.record, scene.heard().await.len()), (done.record, 5), "too long twice, then three of twenty");
    let look = async || assert!(matches!(scene.crm.look_up(&job, &part, started_at).await.unwrap(), Found::Done(_)));
    look().await;
    assert_eq!(scene.heard().await.len(), 8, "that they are long is remembered");
    scene.control("PUT", "knobs", Some(json!({"list_padding_bytes": 0}))).await;
    look().await;
    assert_eq!(scene.heard().await.len(), 11, "twenty a page once more, and they are seen to be short");
    look().await;
    assert_eq!(scene.heard().await.len(), 12);
}

#[actix_web::test]
async fn answers_of_nonsense_make_no_page_shorter() {
    let scene = Scene::new();
    let job = scene.job("create_ticket", json!({"name": "Old"}));
    let part = scene.part(&job).await;
    let started_at = scene.clock_now();
    assert!(matches!(scene.send(&job, &part).await, Sent::Done(_)));
    for n in 0..120 {
        scene.call("create_ticket", json!({"name": format!("n{n}")})).await.result();
    }
    let look = async || assert!(matches!(scene.crm.look_up(&job, &part, started_at).await.unwrap(), Found::Done(_)));
    for (times, heard, how) in [
        (1, 3, "the same page again"),
        (2, 8, "five of twenty, which are short, and then the rest at once"),
        (0, 2, "as many rows as ever"),
    ] {
        scene.control("DELETE", "journal", None).await;
        scene.fault(json!({"route": "GET /api/v3.1/tickets", "fault": "huge", "times": times})).await;
        look().await;
        assert_eq!(scene.heard().await.len(), heard, "{how}");
    }
}

#[actix_web::test]
async fn a_list_that_is_not_there_proves_nothing() {
    for fault in ["status_404", "meta_404_in_200"] {
        let scene = Scene::with(|_| {}, |access| access.options.create_contacts = true);
        for (kind, list) in [("create_deal", "GET /api/v3.1/deals"), ("create_ticket", "GET /api/v3.1/tickets")] {
            let job = scene.job(kind, json!({"name": "Twin"}));
            let part = scene.part(&job).await;
            let started_at = scene.clock_now();
            scene.send(&job, &part).await;
            scene.fault(json!({"route": list, "fault": fault, "times": 1})).await;
            let looked = scene.crm.look_up(&job, &part, started_at).await.unwrap();
            assert!(matches!(looked, Found::Later { .. }), "{fault} {kind}: {looked:?}");
            assert!(matches!(scene.crm.look_up(&job, &part, started_at).await.unwrap(), Found::Done(_)));
        }
        let before = scene.book("contacts").await.len();
        scene.fault(json!({"route": "GET /api/v3.1/contacts", "fault": fault, "times": 1})).await;
        let job = scene.job_of("6281200000003", "create_deal", json!({"name": "X"}));
        assert!(matches!(scene.crm.plan(&job, &[]).await.unwrap(), Planned::Later { .. }), "{fault}");
        scene.carry(&job).await.result();
        assert_eq!(scene.book("contacts").await.len(), before, "{fault}: the customer had one");
    }
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
