//! A company's token: refreshed before its end and once on a 401, by one at a time, stored before it is used; and the other
//! dialect. A refusal uses up nothing.

use std::sync::atomic::Ordering;

use serde_json::json;

use super::scene::{COMPANY, Scene, TOKEN};
use crate::actors::outside::{Counterpart, CrmDialect, Planned, Secret, Sent};
use crate::standin::{self, Signer};

/// A pair whose access token ends so many seconds from now.
fn pair(ends_in_s: i64) -> Secret {
    let end = jiff::Timestamp::now().as_second() + ends_in_s;
    Secret::new(json!({"access_token": TOKEN, "refresh_token": "canary-refresh-1", "expires_at": end}).to_string())
}

fn refreshable(ends_in_s: i64) -> Scene {
    Scene::with(|options| options.crm_refresh_tokens = vec!["canary-refresh-1".into()], |access| access.secret = pair(ends_in_s))
}

async fn refreshes(scene: &Scene) -> usize {
    scene.heard().await.iter().filter(|line| line.ends_with("/oauth/token")).count()
}

#[actix_web::test]
async fn a_token_near_its_end_is_refreshed_once_by_many() {
    let scene = refreshable(60);
    let jobs: Vec<_> = (0..20).map(|n| scene.job("create_deal", json!({"name": format!("n{n}")}))).collect();
    let told = futures_util::future::join_all(jobs.iter().map(|job| scene.carry(job))).await;
    told.iter().for_each(|told| assert_eq!(told.status, "succeeded"));
    assert_eq!(refreshes(&scene).await, 1);
    let access = scene.vault.0.lock().unwrap().clone().unwrap();
    assert_eq!(access.version, 2);
    assert!(!access.secret.reveal().contains("canary-refresh-1"), "the spent one is gone");
}

#[actix_web::test]
async fn of_two_processes_one_refreshes_and_the_other_takes_over_what_it_got() {
    let scene = refreshable(-10);
    // The one that refreshes hears of it late: the other has all the time to spend the same token.
    scene.fault(json!({"route": "POST /oauth/token", "fault": "slow", "ms": 300, "times": 1})).await;
    let beside = scene.beside();
    let jobs = [1, 2, 3, 4].map(|n| scene.job("create_deal", json!({"name": format!("n{n}")})));
    let planned = futures_util::future::join4(
        scene.crm.plan(&jobs[0], &[]),
        beside.plan(&jobs[1], &[]),
        beside.plan(&jobs[2], &[]),
        scene.crm.plan(&jobs[3], &[]),
    );
    let planned = planned.await;
    for planned in [planned.0, planned.1, planned.2, planned.3] {
        assert!(matches!(planned, Ok(Planned::Write(_))), "{planned:?}");
    }
    assert_eq!(refreshes(&scene).await, 1);
    let access = scene.vault.0.lock().unwrap().clone().unwrap();
    assert_eq!(access.version, 2);
}

#[actix_web::test]
async fn a_process_that_died_while_it_refreshed_is_waited_for_and_no_longer() {
    let scene = refreshable(-10);
    let until = scene.clock_now().plus_ms(600);
    *scene.vault.1.lock().unwrap() = Some((1, "another".to_owned(), until));
    scene.call("create_deal", json!({"name": "X"})).await.result();
    assert!(scene.clock_now() >= until && refreshes(&scene).await == 1);
}

#[actix_web::test]
async fn a_401_refreshes_once_for_all_who_got_one() {
    let scene = Scene::with(
        |options| options.crm_refresh_tokens = vec!["canary-refresh-1".into()],
        |access| access.secret = pair(20_000),
    );
    scene.call("create_deal", json!({"name": "warm"})).await.result();
    // The CRM ends it long before the file says so: a read says 401.
    scene.control("POST", "revoke", Some(json!({"kind": "crm", "keeps_refresh": true}))).await;
    let jobs: Vec<_> = (0..10).map(|n| scene.job("create_deal", json!({"name": format!("n{n}")}))).collect();
    let told = futures_util::future::join_all(jobs.iter().map(|job| scene.carry(job))).await;
    told.iter().for_each(|told| assert_eq!(told.status, "succeeded"));
    assert_eq!((refreshes(&scene).await, scene.book("deals").await.len()), (1, 11));
}

#[actix_web::test]
async fn a_401_to_a_write_uses_up_no_attempt() {
    let scene = refreshable(20_000);
    let job = scene.job("create_deal", json!({"name": "X"}));
    let part = scene.part(&job).await;
    scene.fault(json!({"route": "POST /api/v3.1/deals", "fault": "unauthorized_once"})).await;
    assert!(matches!(scene.send(&job, &part).await, Sent::NotDone { after_ms: 0, counts: false, .. }));
    assert!(matches!(scene.send(&job, &part).await, Sent::Done(_)));
    assert_eq!(refreshes(&scene).await, 1);
}

#[actix_web::test]
async fn a_static_token_that_is_refused_waits_for_its_company() {
    let scene = Scene::new();
    let job = scene.job("create_deal", json!({"name": "X"}));
    let part = scene.part(&job).await;
    scene.control("POST", "revoke", Some(json!({"kind": "crm"}))).await;
    assert!(matches!(scene.send(&job, &part).await, Sent::NotDone { after_ms: 1_000.., counts: false, .. }));
    assert_eq!(scene.crm.view(COMPANY).token, "refused");
    assert_eq!(refreshes(&scene).await, 0);
}

#[actix_web::test]
async fn a_401_refreshes_again_after_a_refresh_that_failed() {
    let scene = refreshable(20_000);
    scene.call("create_deal", json!({"name": "warm"})).await.result();
    scene.control("POST", "revoke", Some(json!({"kind": "crm", "keeps_refresh": true}))).await;
    scene.fault(json!({"route": "POST /oauth/token", "fault": "status_500_html", "times": 1})).await;
    let used = scene.crm.session(COMPANY).await.unwrap();
    assert!(scene.crm.after_refusal(COMPANY, &used).await.is_err());
    let renewed = scene.crm.after_refusal(COMPANY, &used).await.unwrap().expect("another token");
    assert_eq!((refreshes(&scene).await, renewed.access.version), (2, 2));
    // One that is refused although it is new is not made better by another.
    assert!(scene.crm.after_refusal(COMPANY, &renewed).await.unwrap().is_none());
    assert_eq!(refreshes(&scene).await, 2);
    scene.call("create_deal", json!({"name": "X"})).await.result();
    assert!(scene.crm.after_refusal(COMPANY, &renewed).await.unwrap().is_some(), "it was taken since");
}

#[actix_web::test]
async fn a_pair_that_could_not_be_stored_is_stored_at_the_next_401() {
    let scene = refreshable(20_000);
    let used = scene.crm.session(COMPANY).await.unwrap();
    scene.vault.2.store(6, Ordering::Relaxed);
    assert!(scene.crm.after_refusal(COMPANY, &used).await.is_err());
    assert_eq!(scene.vault.0.lock().unwrap().as_ref().unwrap().version, 1);
    let renewed = scene.crm.after_refusal(COMPANY, &used).await.unwrap().expect("the pair that was fetched");
    assert_eq!((refreshes(&scene).await, renewed.access.version), (1, 2), "it was not asked for again");
}

#[actix_web::test]
async fn a_refresh_outlives_whoever_asked_for_it() {
    let scene = refreshable(20_000);
    scene.fault(json!({"route": "POST /oauth/token", "fault": "slow", "ms": 2_000, "times": 1})).await;
    let used = scene.crm.session(COMPANY).await.unwrap();
    let asked = scene.crm.after_refusal(COMPANY, &used);
    assert!(tokio::time::timeout(std::time::Duration::from_millis(100), asked).await.is_err(), "whoever asked is gone");
    scene.crm.refreshes_end(std::time::Duration::from_secs(60)).await;
    assert_eq!(scene.vault.0.lock().unwrap().as_ref().unwrap().version, 2, "the CRM has spent the former pair");
}

#[actix_web::test]
async fn another_token_that_comes_while_a_template_is_read_stops_nobody() {
    let scene = Scene::with(|options| options.crm_tokens = vec![TOKEN.into(), "canary-second".into()], |_| {});
    scene.fault(json!({"route": "GET /api/v3.1/deals/info", "fault": "slow", "ms": 300, "times": 1})).await;
    let job = scene.job("create_deal", json!({"name": "X"}));
    let other = async {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        let mut access = scene.vault.0.lock().unwrap();
        let access = access.as_mut().unwrap();
        (access.secret, access.version) = (Secret::new("canary-second".into()), 5);
    };
    let (told, ()) = futures_util::future::join(scene.carry(&job), other).await;
    told.result();
}

#[actix_web::test]
async fn a_refresh_token_that_is_refused_is_not_tried_for_ever() {
    let scene = Scene::with(|_| {}, |access| access.secret = pair(-10));
    scene.control("POST", "revoke", Some(json!({"kind": "crm"}))).await;
    let job = scene.job("create_deal", json!({"name": "X"}));
    // The gate lets one look through after five seconds; that is answered, and not with a plan.
    let planned = tokio::time::timeout(std::time::Duration::from_secs(15), scene.crm.plan(&job, &[])).await;
    assert!(matches!(planned, Ok(Ok(Planned::Later { .. }))), "{planned:?}");
    assert_eq!(scene.crm.view(COMPANY).token, "refused");
    assert!(refreshes(&scene).await <= 3);
}

#[actix_web::test]
async fn a_refresh_says_which_client_asks_where_the_crm_wants_to_know() {
    let client = |secret: &str| standin::Client {
        client_id: "app-1".into(),
        client_secret: secret.into(),
        redirect_uri: "https://example.test/back".into(),
    };
    for (registered, renewed) in [("canary-app", true), ("canary-other", false)] {
        let scene = Scene::with(
            |options| {
                options.crm_refresh_tokens = vec!["canary-refresh-1".into()];
                options.crm_client = Some(client(registered));
            },
            |access| {
                access.secret = Secret::new(
                    json!({"access_token": TOKEN, "refresh_token": "canary-refresh-1", "client_id": "app-1",
                        "client_secret": "canary-app", "redirect_uri": "https://example.test/back"})
                    .to_string(),
                );
            },
        );
        let used = scene.crm.session(COMPANY).await.unwrap();
        assert_eq!(scene.crm.after_refusal(COMPANY, &used).await.unwrap().is_some(), renewed);
        assert_eq!(scene.crm.view(COMPANY).token == "refused", !renewed);
    }
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
            access.options.sso_id = Some("sso-1".into());
            access.secret = Secret::new(json!({"client_id": "client-1", "client_secret": "canary-hmac"}).to_string());
        },
    );
    scene.call("create_deal", json!({"name": "Solar ü & more", "amount": 5})).await.result();
    let told = scene.call("update_deal", json!({"amount": 6})).await;
    assert_eq!(told.result()["changed"][0]["to"], 6);
    assert!(scene.heard().await.iter().all(|line| line.contains(" /qontak/crm/")));
    assert_eq!(scene.crm.check(COMPANY).await.unwrap().credentials, "hmac");
}

#[actix_web::test]
async fn another_token_takes_effect_at_once() {
    let scene = Scene::with(|options| options.crm_tokens = vec![TOKEN.into(), "canary-second".into()], |_| {});
    scene.call("create_deal", json!({"name": "X"})).await.result();
    {
        let mut access = scene.vault.0.lock().unwrap();
        let access = access.as_mut().unwrap();
        (access.secret, access.version) = (Secret::new("canary-second".into()), 5);
    }
    scene.call("create_deal", json!({"name": "Y"})).await.result();
    let second = scene.control("GET", "records?kind=deals&org=1", None).await;
    assert_eq!((second.as_array().unwrap().len(), &second[0]["name"]), (1, &json!("Y")));
}
