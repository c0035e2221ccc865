//! `update_deal` and `update_ticket`: only what was asked for changes, only this customer's records are touched.

use serde_json::{Value, json};

use super::scene::{LARAS, Scene, Told, custom};
use crate::actors::outside::{Counterpart, EffectJob, Permitted};

/// An update of the room's own record.
fn own(scene: &Scene, name: &str, id: &str, arguments: Value) -> EffectJob {
    let mut job = scene.job(name, arguments);
    job.plan.target = Some(id.to_owned());
    job.plan.linked = true;
    job
}

async fn deal(scene: &Scene) -> (String, Told) {
    let arguments = json!({
        "name": "Solar", "amount": 1_000, "owner": "Ratri Contoh", "company": "Toko Rekaan", "close_date": "2026-12-31",
        "custom_fields": [{"field": "Partner tier", "value": "Gold"}, {"field": "Contract start", "value": "2026-12-02"},
            {"field": "Interests", "value": "Travel,Motor"}, {"field": "Place", "value": "-6.2,106.8"}],
    });
    let told = scene.call("create_deal", arguments).await;
    (told.result()["deal"]["id"].as_str().unwrap().to_owned(), told)
}

#[actix_web::test]
async fn an_update_changes_what_was_asked_and_keeps_the_rest_whatever_a_put_means() {
    for (replaces, meta_only) in [(false, false), (false, true), (true, false), (true, true)] {
        let scene = Scene::new();
        let knobs = json!({"put_replaces": replaces, "deal_put_meta_only": meta_only});
        scene.control("PUT", "knobs", Some(knobs)).await;
        let (id, _) = deal(&scene).await;
        let before = scene.book("deals").await[0].clone();
        let told = scene.carry(&own(&scene, "update_deal", &id, json!({"amount": 2_500_000, "stage": "Qualified"}))).await;
        let changed = json!([
            {"field": "stage", "from": "New lead", "to": "Qualified"},
            {"field": "amount", "from": 1_000, "to": 2_500_000},
        ]);
        assert_eq!((&told.result()["changed"], &told.result()["warnings"]), (&changed, &json!(null)), "{replaces} {meta_only}");
        assert_eq!(told.result()["deal"]["owner"], "Ratri Contoh");
        let mut after = scene.book("deals").await[0].clone();
        assert_eq!((&after["size"], &after["crm_stage_name"]), (&json!("2500000.0"), &json!("Qualified")));
        for key in ["size", "crm_stage_id", "crm_stage_name", "updated_at"] {
            after[key] = before[key].clone();
        }
        assert_eq!(after, before, "nothing else moved ({replaces} {meta_only})");
        scene.heard().await;
    }
}

#[actix_web::test]
async fn what_somebody_else_changed_meanwhile_is_merged_again_and_never_undone() {
    for replaces in [false, true] {
        let scene = Scene::new();
        scene.control("PUT", "knobs", Some(json!({"put_replaces": replaces}))).await;
        let (id, _) = deal(&scene).await;
        let job = own(&scene, "update_deal", &id, json!({"amount": 2_500_000}));
        let part = scene.part(&job).await;
        let mut change = scene.book("deals").await[0].clone();
        change["name"] = json!("Solar and wind");
        change["size"] = json!(3_000);
        // Written bare, read in an array.
        for key in ["crm_company_id", "crm_company_name"] {
            if let Some(alone) = change[key].get(0).cloned() {
                change[key] = alone;
            }
        }
        for told in ["id", "org", "slug", "created_at", "updated_at", "crm_deal_status"] {
            change.as_object_mut().unwrap().remove(told);
        }
        scene.somebody_changes(&format!("deals/{id}"), change).await;
        let writes = scene.writes().await;
        assert!(matches!(scene.crm.permit(&job, &part, 0).await.unwrap(), Permitted::Changed));
        assert_eq!(scene.writes().await, writes, "what was merged before is not sent");
        let told = scene.carry(&job).await;
        assert_eq!(told.result()["changed"], json!([{"field": "amount", "from": 3_000, "to": 2_500_000}]));
        let after = &scene.book("deals").await[0];
        assert_eq!((&after["name"], &after["size"]), (&json!("Solar and wind"), &json!("2500000.0")));
        assert_eq!(after["creator_name"], "Ratri Contoh");
        // And nobody is in the way of the next one.
        let next = own(&scene, "update_deal", &id, json!({"amount": 9}));
        let part = scene.part(&next).await;
        assert!(matches!(scene.crm.permit(&next, &part, 0).await, Ok(Permitted::Go(_))));
    }
}

#[actix_web::test]
async fn what_already_stands_there_is_not_written_again() {
    let scene = Scene::new();
    let (id, _) = deal(&scene).await;
    let same = json!({"amount": 1_000.0, "owner": "ratri contoh", "close_date": "2026-12-31", "company": "Toko Rekaan",
        "stage": "new lead", "custom_fields": [{"field": "Interests", "value": "Motor, Travel"}, {"field": "partner tier", "value": "gold"}]});
    let told = scene.carry(&own(&scene, "update_deal", &id, same)).await;
    assert_eq!(told.result()["changed"], json!([]));
    assert_eq!(scene.writes().await, 1);
}

#[actix_web::test]
async fn custom_fields_and_pipelines_change_with_from_and_to() {
    let scene = Scene::new();
    let (id, _) = deal(&scene).await;
    let changes =
        json!({"pipeline": "Renewals", "owner": "Bagas Misal", "custom_fields": [{"field": "Partner tier", "value": "Silver"}]});
    let told = scene.carry(&own(&scene, "update_deal", &id, changes)).await;
    let changed = told.result()["changed"].as_array().unwrap();
    for line in [
        json!({"field": "pipeline", "from": "Sales", "to": "Renewals"}),
        json!({"field": "stage", "from": "New lead", "to": "Due"}),
        json!({"field": "owner", "from": "Ratri Contoh", "to": "Bagas Misal"}),
        json!({"field": "Partner tier", "from": "Gold", "to": "Silver"}),
    ] {
        assert!(changed.contains(&line), "{line} {changed:?}");
    }
    assert_eq!(custom(&scene.book("deals").await[0])["Partner tier"], "9101");
    let told = scene.carry(&own(&scene, "update_deal", &id, json!({"pipeline": "Sales", "stage": "Proposal"}))).await;
    assert_eq!(told.body["error"]["missing"], json!(["Proposal number"]));
}

#[actix_web::test]
async fn another_customers_record_is_as_unknown_as_none_at_all() {
    let scene = Scene::new();
    let theirs = scene.carry(&scene.job_of("6281200000003", "create_deal", json!({"name": "Theirs"}))).await;
    let theirs = theirs.result()["deal"]["id"].as_str().unwrap().to_owned();
    let other = scene.call("update_deal", json!({"deal": theirs, "amount": 1})).await;
    let none = scene.call("update_deal", json!({"deal": "999999", "amount": 1})).await;
    assert_eq!((other.code(), &other.body), ("not_this_customers", &none.body));
    let stranger = scene.carry(&scene.job_of("web-visitor", "update_deal", json!({"deal": theirs, "amount": 1}))).await;
    assert_eq!(stranger.body, none.body);
    let own = scene.carry(&scene.job_of("081200000003", "update_deal", json!({"deal": theirs, "amount": 1}))).await;
    assert_eq!(own.result()["changed"][0]["field"], "amount");
    assert_eq!(scene.writes().await, 2);
}

#[actix_web::test]
async fn without_an_id_the_customers_only_open_one_is_meant() {
    let scene = Scene::new();
    assert_eq!(scene.call("update_deal", json!({"amount": 1})).await.code(), "no_deal");
    assert_eq!(scene.call("update_ticket", json!({"name": "x"})).await.code(), "no_ticket");
    scene.call("create_deal", json!({"name": "Won one", "stage": "Won"})).await.result();
    scene.carry(&scene.job_of("6281200000003", "create_deal", json!({"name": "Theirs"}))).await.result();
    assert_eq!(scene.call("update_deal", json!({"amount": 1})).await.code(), "no_deal", "won is not open, theirs is not ours");
    scene.call("create_deal", json!({"name": "First"})).await.result();
    let told = scene.call("update_deal", json!({"amount": 1})).await;
    assert_eq!((&told.result()["deal"]["name"], &told.link["intent"]), (&json!("First"), &json!(null)));
    scene.call("create_deal", json!({"name": "Second"})).await.result();
    let told = scene.call("update_deal", json!({"amount": 2})).await;
    assert_eq!(told.code(), "ambiguous_deal");
    let notes: Vec<&str> =
        told.body["error"]["candidates"].as_array().unwrap().iter().map(|c| c["note"].as_str().unwrap()).collect();
    assert_eq!(notes, ["Second, New lead", "First, New lead"]);
    let id = told.candidates()[1].to_owned();
    let told = scene.call("update_deal", json!({"deal": id, "amount": 2})).await;
    assert_eq!(told.result()["deal"]["name"], "First");
}

#[actix_web::test]
async fn a_ticket_is_found_by_its_number_and_judged_by_the_answer() {
    let scene = Scene::new();
    let made = scene.call("create_ticket", json!({"name": "Broken", "due_date": "2026-01-10", "category": "Complaint"})).await;
    let number = made.result()["ticket"]["number"].as_str().unwrap().to_lowercase();
    let before = scene.book("tickets").await[0].clone();
    let told = scene
        .call("update_ticket", json!({"ticket": format!("#{number}"), "stage": "In progress", "due_date": "2026-02-01"}))
        .await;
    let changed = json!([
        {"field": "stage", "from": "New", "to": "In Progress"}, {"field": "due_date", "from": "2026-01-10", "to": "2026-02-01"},
    ]);
    assert_eq!(told.result()["changed"], changed);
    let after = &scene.book("tickets").await[0];
    for key in ["crm_lead_ids", "ticket_category_id", "user_id", "name", "ticket_pipeline_id", "additional_fields"] {
        assert_eq!(after[key], before[key], "{key}");
    }
    let reads_of_it = scene
        .heard()
        .await
        .iter()
        .filter(|line| line.starts_with("GET") && line.ends_with(&format!("/{}", before["id"])))
        .count();
    assert_eq!(reads_of_it, 2, "before the PUT; its answer is enough");
    let told = scene.carry(&scene.job_of("6281200000003", "update_ticket", json!({"ticket": number, "name": "x"}))).await;
    assert_eq!(told.code(), "not_this_customers");
    let told = scene.call("update_ticket", json!({"stage": "done"})).await;
    assert_eq!(told.result()["ticket"]["stage"], "Done");
    assert_eq!(scene.call("update_ticket", json!({"stage": "New"})).await.code(), "no_ticket", "done is not open");
}

#[actix_web::test]
async fn a_record_that_is_gone_is_said_to_be() {
    let scene = Scene::new();
    let told = scene.carry(&own(&scene, "update_deal", "424242", json!({"amount": 1}))).await;
    assert_eq!(told.code(), "record_gone");
}

#[actix_web::test]
async fn the_rooms_own_record_needs_no_contact() {
    let scene = Scene::new();
    let made = scene.carry(&scene.job_of("web-visitor", "create_deal", json!({"name": "X"}))).await;
    let id = made.result()["deal"]["id"].as_str().unwrap().to_owned();
    let mut job = scene.job_of("web-visitor", "update_deal", json!({"deal": id, "amount": 5}));
    job.plan.linked = true;
    assert_eq!(scene.carry(&job).await.result()["changed"][0]["to"], 5);
    assert_ne!(job.customer.handle, LARAS);
}

#[actix_web::test]
async fn a_deal_is_lost_for_a_reason() {
    let scene = Scene::new();
    scene.call("create_deal", json!({"name": "X"})).await.result();
    let told = scene.call("update_deal", json!({"stage": "Lost"})).await;
    assert_eq!(told.body["error"]["missing"], json!(["lost_reason"]), "{}", told.body);
    let told = scene.call("update_deal", json!({"stage": "Lost", "lost_reason": "Prize"})).await;
    assert!(told.code() == "unknown_option" && told.candidates().contains(&"Price"), "{}", told.body);
    let told = scene.call("update_deal", json!({"stage": "Lost", "lost_reason": "price"})).await;
    assert_eq!(told.result()["changed"].as_array().unwrap().len(), 2, "{}", told.body);
    assert_eq!(scene.book("deals").await[0]["crm_lost_reason_name"], "Price");
}

#[actix_web::test]
async fn of_a_list_that_was_not_seen_to_its_end_nothing_is_denied() {
    let scene = Scene::new();
    let (mine, theirs) = (scene.job("create_ticket", json!({"name": "Mine"})), "6281200000003");
    scene.carry(&mine).await.result();
    for n in 0..1_000 {
        let ticket = json!({"name": format!("n{n}"), "ticket_stage_id": 7111});
        scene.by_hand("tickets", ticket).await;
    }
    let told = scene.call("update_ticket", json!({"stage": "Done"})).await;
    assert_eq!((told.code(), &told.body["error"]["next"]), ("not_found_among_many", &json!("ask_customer")));
    let number = scene.book("tickets").await[0]["unique_ticket_id"].clone();
    let told = scene.call("update_ticket", json!({"ticket": number, "stage": "Done"})).await;
    assert_eq!(told.code(), "not_found_among_many");
    let told = scene.carry(&scene.job_of(theirs, "update_ticket", json!({"stage": "Done"}))).await;
    assert_eq!(told.code(), "not_found_among_many", "said alike of those who have none");
}
