//! What the CRM may answer to a write, sorted: certainly done, certainly not, refused, or in doubt. Nothing of it reaches the
//! model but a short true sentence.

use serde_json::json;

use super::scene::{Scene, TOKEN, Told};
use crate::actors::outside::{Counterpart, Found, Planned, Sent};
use crate::outbound::{CheckProblem, System};
use crate::room::CallStatus;

#[actix_web::test]
async fn each_answer_to_a_create_is_sorted_once() {
    for (fault, wanted) in [
        (json!({"fault": "status_429", "retry_after_s": 1}), "not done"),
        (json!({"fault": "status_500_html"}), "doubtful"),
        (json!({"fault": "status_502_html", "after": true}), "doubtful"),
        (json!({"fault": "meta_422_in_200"}), "refused"),
        (json!({"fault": "huge"}), "doubtful"),
        (json!({"fault": "empty"}), "doubtful"),
        (json!({"fault": "wrong_json"}), "doubtful"),
        (json!({"fault": "redirect"}), "doubtful"),
        (json!({"fault": "lose_answer"}), "doubtful"),
        (json!({"fault": "lose_request"}), "doubtful"),
        (json!({"fault": "held"}), "doubtful"),
    ] {
        // Only who is kept waiting for ever gives up soon.
        let patience_ms = if fault["fault"] == "held" { 500 } else { 20_000 };
        let scene = Scene::with(|_| {}, |access| access.options.attempt_timeout_ms = patience_ms);
        let mut broken = fault.clone();
        broken["route"] = json!("POST /api/v3.1/deals");
        scene.fault(broken).await;
        let job = scene.job("create_deal", json!({"name": "X"}));
        let part = scene.part(&job).await;
        let came = match scene.send(&job, &part).await {
            Sent::Done(_) => "done",
            Sent::NotDone { after_ms, counts, .. } => {
                assert!(after_ms >= 900 && counts, "{after_ms}");
                "not done"
            }
            Sent::Refused(settlement) => {
                assert_eq!(Told::of(&settlement).code(), "crm_refused");
                "refused"
            }
            Sent::Doubtful { .. } => "doubtful",
        };
        assert_eq!(came, wanted, "{fault}");
        assert!(!scene.heard().await.iter().any(|line| line.contains("trap")), "a redirect was followed");
    }
}

#[actix_web::test]
async fn a_crm_that_is_not_there_did_certainly_nothing() {
    let scene = Scene::new();
    let job = scene.job("create_deal", json!({"name": "X"}));
    let part = scene.part(&job).await;
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    {
        let mut access = scene.vault.0.lock().unwrap();
        let access = access.as_mut().unwrap();
        (access.base_url, access.version) = (format!("http://{nobody}").into(), 2);
    }
    assert!(matches!(scene.send(&job, &part).await, Sent::NotDone { counts: true, .. }));
}

#[actix_web::test]
async fn after_the_crms_no_its_template_is_read_again_and_says_what_there_is() {
    let scene = Scene::new();
    scene.call("create_deal", json!({"name": "First"})).await.result();
    let change = json!({"kind": "deals", "row": "size", "set": {"required_pipeline_ids": [5101]}});
    scene.control("POST", "templates", Some(change)).await;
    let told = scene.call("create_deal", json!({"name": "X"})).await;
    assert_eq!((told.code(), &told.body["error"]["missing"]), ("missing_fields", &json!(["amount"])));
    // A name that is gone: what there is instead is said at once.
    scene.control("POST", "templates", Some(json!({"kind": "stages", "row": "Qualified", "remove": true}))).await;
    let told = scene.call("create_deal", json!({"name": "X", "amount": 5, "stage": "Qualified"})).await;
    let allowed = json!(["New lead", "Proposal", "Won", "Lost"]);
    assert_eq!((told.code(), &told.body["error"]["allowed"]), ("unknown_stage", &allowed));
    // What no template explains is said in the CRM's own words.
    let rule = json!({"route": "POST /api/v3.1/deals", "fault": "meta_422_in_200", "times": 1});
    scene.fault(rule).await;
    let told = scene.call("create_deal", json!({"name": "X", "amount": 5})).await;
    assert_eq!(told.code(), "crm_refused");
    assert!(told.body["error"]["message"].as_str().unwrap().contains("a rule said no"), "{}", told.body);
}

#[actix_web::test]
async fn an_update_of_a_record_that_went_meanwhile_is_refused() {
    let scene = Scene::new();
    scene.call("create_ticket", json!({"name": "X"})).await.result();
    let job = scene.job("update_ticket", json!({"name": "Y"}));
    let mut part = scene.part(&job).await;
    let id = scene.book("tickets").await[0]["id"].to_string();
    part.request = part.request.replace(&format!("/tickets/{id}"), "/tickets/999999");
    let Sent::Refused(settlement) = scene.send(&job, &part).await else { panic!("not refused") };
    assert_eq!(Told::of(&settlement).code(), "record_gone");
}

#[actix_web::test]
async fn reads_are_repeated_a_little_and_then_left_to_the_lane() {
    let scene = Scene::new();
    scene.fault(json!({"route": "GET /api/v3.1/deals/info", "fault": "status_502_html", "times": 2})).await;
    scene.call("create_deal", json!({"name": "X"})).await.result();
    let scene = Scene::new();
    for fault in ["wrong_json", "status_500_html"] {
        scene.fault(json!({"route": "GET /api/v3.1/deals/info", "fault": fault, "rate": 1.0})).await;
        let job = scene.job("create_deal", json!({"name": "X"}));
        assert!(matches!(scene.crm.plan(&job, &[]).await.unwrap(), Planned::Later { after_ms: 1.., .. }), "{fault}");
    }
    assert!(scene.heard().await.len() <= 8);
    assert_eq!(scene.writes().await, 0);
}

#[actix_web::test]
async fn a_deal_that_cannot_be_read_again_was_changed_all_the_same() {
    let scene = Scene::new();
    scene.call("create_deal", json!({"name": "X"})).await.result();
    let job = scene.job("update_deal", json!({"amount": 5}));
    let part = scene.part(&job).await;
    let Sent::Done(done) = scene.send(&job, &part).await else { panic!("not done") };
    scene.fault(json!({"route": "GET /api/v3.1/deals/{id}", "fault": "status_500_html"})).await;
    let row = crate::actors::outside::PartRow { part, started_at: scene.clock_now(), attempts: 1, done: Some(done), idle: false };
    let Planned::End(settlement) = scene.crm.plan(&job, &[row]).await.unwrap() else { panic!("no end") };
    let told = Told::of(&settlement);
    assert_eq!(told.result()["changed"][0]["to"], 5);
    assert!(told.result()["warnings"][0].as_str().unwrap().contains("could not be asked"), "{}", told.body);
}

#[actix_web::test]
async fn an_end_without_the_crms_word_tells_the_model_what_to_do() {
    let scene = Scene::new();
    let job = scene.job("create_deal", json!({"name": "X"}));
    let unresolved = Told::of(&scene.crm.unsaid(&job, CallStatus::Unresolved));
    assert_eq!((unresolved.status, &unresolved.body["result"]["code"]), ("unresolved", &json!("outcome_unknown")));
    assert!(unresolved.body["result"]["message"].as_str().unwrap().contains("Do not send it again"));
    assert_eq!((&unresolved.body["result"]["next"], &unresolved.body["error"]), (&json!("wait_for_human"), &json!(null)));
    assert_eq!(Told::of(&scene.crm.unsaid(&job, CallStatus::Expired)).body["error"]["code"], "expired");
    assert_eq!(Told::of(&scene.crm.unsaid(&job, CallStatus::Dead)).body["error"]["code"], "crm_unavailable");
}

#[actix_web::test]
async fn a_company_without_a_crm_is_told_so() {
    let scene = Scene::new();
    let job = scene.job("create_deal", json!({"name": "X"}));
    let part = scene.part(&job).await;
    *scene.vault.0.lock().unwrap() = None;
    assert_eq!(scene.call("create_deal", json!({"name": "X"})).await.code(), "not_connected");
    let Sent::Refused(settlement) = scene.send(&job, &part).await else { panic!("sent") };
    assert_eq!(Told::of(&settlement).code(), "not_connected");
    assert!(matches!(scene.crm.look_up(&job, &part, scene.clock_now()).await.unwrap(), Found::Unprovable { .. }));
    assert_eq!(scene.crm.check(super::scene::COMPANY).await, Err(CheckProblem::NotConnected(System::Crm)));
}

#[actix_web::test]
async fn a_check_reads_and_says_what_it_found() {
    let scene = Scene::new();
    let report = scene.crm.check(super::scene::COMPANY).await.unwrap();
    assert_eq!(report.deals.pipelines, ["Sales", "Renewals", "Partnerships"]);
    assert_eq!((report.deals.owners, report.deals.reference_field, report.tickets.reference_field), (4, true, true));
    assert_eq!((report.credentials, report.tickets.pipelines.len()), ("static", 2));
    assert_eq!(scene.writes().await, 0);
    scene.control("POST", "revoke", Some(json!({"kind": "crm"}))).await;
    let problem = scene.crm.check(super::scene::COMPANY).await.unwrap_err();
    assert!(matches!(problem, CheckProblem::TokenRefused { .. }) && !problem.to_string().contains(TOKEN), "{problem}");
}
