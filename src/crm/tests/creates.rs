//! `create_deal` and `create_ticket`: names become ids, what is missing is said before anything is written, and what stands in
//! the book is what was asked for.

use serde_json::json;

use super::scene::{LARAS, SHARED, Scene, Told, custom};
use crate::actors::outside::Sent;

#[actix_web::test]
async fn a_name_and_an_amount_make_a_deal_with_the_customer_linked() {
    let scene = Scene::new();
    let told = scene.call("create_deal", json!({"name": "Solar 5 kWp", "amount": 25_000_000})).await;
    let deals = scene.book("deals").await;
    assert_eq!(deals.len(), 1);
    let deal = &deals[0];
    let id = deal["id"].to_string();
    assert_eq!(
        told.result(),
        &json!({"deal": {
            "id": id, "name": "Solar 5 kWp", "pipeline": "Sales", "stage": "New lead", "amount": 25_000_000, "currency": "IDR",
            "owner": "Integration Account",
        }})
    );
    let laras = scene.book("contacts").await.iter().find(|one| one["first_name"] == "Laras").unwrap()["id"].clone();
    assert_eq!(deal["crm_lead_ids"], json!([laras]));
    let mark = custom(deal)["bellhop_reference"].as_str().unwrap().to_owned();
    assert!(mark.starts_with("bh-") && mark.len() == 19, "{mark}");
    assert_eq!(told.link["id"], json!(id));
    assert_eq!(
        (&told.link["intent"], &told.link["kind"], &told.link["episode"]),
        (&json!("an intent"), &json!("deal"), &json!(1))
    );
    assert_eq!(told.link["also"], json!(["solar 5 kwp|sales", "solar 5 kwp|"]), "with its usual pipeline, named or not");
    assert_eq!(told.link["result"].as_str().unwrap(), told.result().to_string());
    assert_eq!(scene.writes().await, 1);
}

#[actix_web::test]
async fn every_field_is_written_as_the_crm_wants_it() {
    let scene = Scene::new();
    let told = scene
        .call(
            "create_deal",
            json!({
                "name": "Big one", "amount": 12.5, "currency": "usd", "pipeline": "sales", "stage": "QUALIFIED",
                "owner": "ratri.contoh@standin.example", "source": "website", "priority": "High", "company": "toko rekaan",
                "start_date": "2026-12-01", "close_date": "2026-12-31", "expiry_date": "2027-01-31",
                "custom_fields": [
                    {"field": "interests", "value": "travel, MOTOR"}, {"field": "Contract start", "value": "2026-12-02"},
                    {"field": "Discount", "value": "10%"}, {"field": "Seats", "value": "4"}, {"field": "Remarks", "value": "a\nb"},
                    {"field": "Web page", "value": "https://x.example/a"}, {"field": "Place", "value": "-6.2, 106.8"},
                    {"field": "Visit at", "value": "2026-12-03T09:30"}, {"field": "Partner tier", "value": "gold"},
                ],
            }),
        )
        .await;
    assert_eq!(told.result()["warnings"], json!(null), "{}", told.body);
    let deal = &scene.book("deals").await[0];
    for (key, value) in [
        ("size", json!("12.5")),
        ("currency", json!("USD")),
        ("crm_stage_name", json!("Qualified")),
        ("creator_name", json!("Ratri Contoh")),
        ("crm_source_name", json!("Website")),
        ("crm_priority_name", json!("High")),
        ("start_date", json!("2026-12-01T00:00:00.000+07:00")),
        ("closed_date", json!("2026-12-31T00:00:00.000+07:00")),
        ("expired_date", json!("2027-01-31T00:00:00.000+07:00")),
    ] {
        assert_eq!(deal[key], value, "{key}");
    }
    assert!(deal["crm_company_name"].to_string().contains("Toko Rekaan"), "{deal}");
    let custom = custom(deal);
    for (name, value) in [
        ("Interests", json!("9111,9113")),
        ("Contract start", json!("2026-12-02T00:00:00.000+07:00")),
        ("Discount", json!("10.0")),
        ("Partner tier", json!("9102")),
        ("Visit at", json!("2026-12-03T09:30:00.000+07:00")),
        ("Place", json!("-6.2,106.8")),
    ] {
        assert_eq!(custom[name], value, "{name}");
    }
}

#[actix_web::test]
async fn a_wrong_name_is_refused_with_candidates_and_nothing_is_written() {
    let scene = Scene::new();
    for (arguments, code, candidate) in [
        (json!({"pipeline": "Sale"}), "unknown_pipeline", "Sales"),
        (json!({"stage": "Qualifed"}), "unknown_stage", "Qualified"),
        (json!({"pipeline": "Sales", "stage": "Renewed"}), "unknown_stage", "New lead"),
        (json!({"owner": "Ratri Conto"}), "unknown_owner", "Ratri Contoh"),
        (json!({"source": "Web site"}), "unknown_option", "Website"),
        (json!({"priority": "urgent"}), "unknown_option", "Critical"),
        (json!({"currency": "EUR"}), "unknown_option", "USD"),
        (json!({"custom_fields": [{"field": "Interest", "value": "Travel"}]}), "unknown_custom_field", "Interests"),
        (json!({"custom_fields": [{"field": "Partner tier", "value": "Bronze"}]}), "unknown_option", "Gold"),
        (json!({"custom_fields": [{"field": "Deal Size", "value": "5"}]}), "unknown_custom_field", "amount"),
    ] {
        let mut all = json!({"name": "X"});
        all.as_object_mut().unwrap().extend(arguments.as_object().unwrap().clone());
        let told = scene.call("create_deal", all).await;
        assert_eq!(told.code(), code, "{arguments}");
        assert!(told.candidates().contains(&candidate), "{arguments}: {}", told.body);
        assert_eq!(told.body["error"]["next"], "fix_and_retry");
    }
    for (field, value, code) in [
        ("Site photo", "x", "field_not_settable"),
        ("Handover checklist", "x", "field_not_settable"),
        ("Contract start", "02/12/2026", "invalid_value"),
        ("Seats", "1,000", "invalid_value"),
        ("Web page", "x.example", "invalid_value"),
        ("bellhop_reference", "bh-mine", "unknown_custom_field"),
    ] {
        let told = scene.call("create_deal", json!({"name": "X", "custom_fields": [{"field": field, "value": value}]})).await;
        assert_eq!(told.code(), code, "{field}");
        let shown = told.body.to_string();
        assert!(field == "bellhop_reference" || !shown.contains("bellhop_reference"), "{shown}");
    }
    assert_eq!(scene.call("create_deal", json!({"name": "X", "company": "Nobody Ltd"})).await.code(), "unknown_company");
    assert_eq!(scene.writes().await, 0);
}

#[actix_web::test]
async fn a_stage_of_another_pipeline_is_said_to_be_one() {
    let scene = Scene::new();
    let told = scene.call("create_deal", json!({"name": "X", "stage": "Renewed"})).await;
    assert!(told.body["error"]["message"].as_str().unwrap().contains("`Renewals`"), "{}", told.body);
    assert_eq!(told.code(), "unknown_stage");
}

#[actix_web::test]
async fn what_the_stage_requires_is_asked_for_before_anything_is_written() {
    let scene = Scene::new();
    let told = scene.call("create_deal", json!({"name": "X", "stage": "Proposal"})).await;
    assert_eq!((told.code(), &told.body["error"]["missing"]), ("missing_fields", &json!(["Proposal number"])));
    let told = scene.call("create_deal", json!({"name": "X", "pipeline": "Partnerships"})).await;
    assert_eq!(told.code(), "missing_fields");
    assert_eq!(told.body["error"]["candidates"][0]["note"], "custom field, one of: Silver, Gold");
    let told = scene.call("create_deal", json!({"name": "X", "stage": "Lost"})).await;
    assert_eq!(told.body["error"]["missing"], json!(["Lost Reason"]));
    assert_eq!(scene.writes().await, 0);
    let lost = json!({"name": "X", "stage": "Lost", "custom_fields": [{"field": "lost reason", "value": "price"}]});
    scene.call("create_deal", lost).await.result();
    assert_eq!(scene.book("deals").await[0]["crm_lost_reason_name"], "Price");
}

#[actix_web::test]
async fn a_customer_without_a_contact_or_with_two_is_a_warning_that_names_nobody() {
    let scene = Scene::new();
    for (handle, says) in [("6281299999999", "no contact"), ("web-visitor-1", "no contact"), (SHARED, "More than one contact")] {
        let told = scene.carry(&scene.job_of(handle, "create_deal", json!({"name": "X"}))).await;
        let warning = told.result()["warnings"][0].as_str().unwrap();
        assert!(warning.contains(says), "{warning}");
        let shown = told.body.to_string();
        assert!(!shown.contains("Gilang") && !shown.contains("Rekaan") && !shown.contains("8120"), "{shown}");
    }
    assert!(scene.book("deals").await.iter().all(|deal| deal["crm_lead_ids"] == json!([])));
    let told = scene.carry(&scene.job_of("Melati@customers.example", "create_deal", json!({"name": "X"}))).await;
    assert_eq!(told.result()["warnings"], json!(null), "an e-mail finds a contact too");
}

#[actix_web::test]
async fn a_contact_that_a_list_does_not_show_is_read_and_a_stranger_is_nobodys() {
    let scene = Scene::with(|_| {}, |access| access.options.create_contacts = true);
    scene.control("PUT", "knobs", Some(json!({"lists_without": ["telephone", "email"]}))).await;
    let before = scene.book("contacts").await;
    let laras = before.iter().find(|one| one["first_name"] == "Laras").unwrap()["id"].clone();
    scene.call("create_deal", json!({"name": "X"})).await.result();
    assert_eq!(scene.book("deals").await[0]["crm_lead_ids"], json!([laras]));
    assert_eq!(scene.book("contacts").await.len(), before.len());
    // Hong Kong's 5212345678 behind 8; somebody here has the same digits behind a 0.
    scene.by_hand("contacts", json!({"first_name": "Somebody", "telephone": "085212345678"})).await;
    for handle in ["+85212345678", "85212345678"] {
        scene.carry(&scene.job_of(handle, "create_deal", json!({"name": handle}))).await.result();
    }
    let contacts = scene.book("contacts").await;
    let theirs = contacts.iter().find(|one| one["telephone"] == "+85212345678").expect("a contact of their own")["id"].clone();
    let deals = scene.book("deals").await;
    let of_theirs: Vec<_> = deals.iter().filter(|deal| deal["crm_lead_ids"] == json!([theirs])).collect();
    assert_eq!((contacts.len(), of_theirs.len()), (before.len() + 2, 2));
}

#[actix_web::test]
async fn a_contact_is_made_where_that_is_wanted_and_only_for_what_will_be_made() {
    let scene = Scene::with(|_| {}, |access| access.options.create_contacts = true);
    let before = scene.book("contacts").await.len();
    let refused = scene.job_of("6281255550000", "create_deal", json!({"name": "X", "stage": "Proposal"}));
    assert_eq!(scene.carry(&refused).await.code(), "missing_fields");
    assert_eq!(scene.book("contacts").await.len(), before, "nobody is made for a deal that is refused");
    for _ in 0..2 {
        let job = scene.job_of("6281255550000", "create_deal", json!({"name": "X"}));
        assert_eq!(scene.carry(&job).await.result()["warnings"], json!(null));
    }
    let contacts = scene.book("contacts").await;
    assert_eq!(contacts.len(), before + 1, "the second deal finds the contact of the first");
    let made = contacts.iter().find(|one| one["telephone"] == "081255550000").unwrap();
    assert!(scene.book("deals").await.iter().all(|deal| deal["crm_lead_ids"] == json!([made["id"]])));
}

#[actix_web::test]
async fn rooms_of_one_visitor_make_one_contact_and_nobody_elses() {
    let scene = Scene::with(|_| {}, |access| access.options.create_contacts = true);
    // Of the same name, and somebody else.
    scene.by_hand("contacts", json!({"first_name": "customer-1"})).await;
    let before = scene.book("contacts").await.len();
    let jobs: Vec<_> = (0..6)
        .map(|n| {
            let handle = ["customer-1", "customer-11"][n % 2];
            scene.job_of(handle, "create_deal", json!({"name": format!("deal {n}")}))
        })
        .collect();
    let told = futures_util::future::join_all(jobs.iter().map(|job| scene.carry(job))).await;
    assert!(told.iter().all(|told| told.result()["warnings"] == json!(null)), "{told:?}");
    let contacts = scene.book("contacts").await;
    assert_eq!(contacts.len(), before + 2);
    for handle in ["customer-1", "customer-11"] {
        let made = contacts.iter().find(|one| one["first_name"] == format!("Customer {handle}")).unwrap();
        let deals = scene.book("deals").await;
        assert_eq!(deals.iter().filter(|deal| deal["crm_lead_ids"] == json!([made["id"]])).count(), 3);
    }
    scene.heard().await;
}

#[actix_web::test]
async fn a_ticket_goes_to_its_first_stage_and_has_a_number() {
    let scene = Scene::new();
    let told = scene
        .call(
            "create_ticket",
            json!({
                "name": "Broken", "description": "Line one\nline two", "priority": "critical", "category": "complaint",
                "assignee": "Bagas Misal", "due_date": "2026-12-10", "custom_fields": [{"field": "Damage", "value": "Screen"}],
            }),
        )
        .await;
    let ticket = &scene.book("tickets").await[0];
    assert_eq!(
        told.result(),
        &json!({"ticket": {
            "id": ticket["id"].to_string(), "number": ticket["unique_ticket_id"], "name": "Broken", "pipeline": "General",
            "stage": "New", "assignee": "Bagas Misal", "due_date": "2026-12-10",
        }})
    );
    assert_eq!(
        (&ticket["due_date"], &ticket["ticket_category_name"]),
        (&json!("2026-12-10T00:00:00.000+07:00"), &json!("Complaint"))
    );
    assert_eq!(ticket["crm_lead_ids"].as_array().unwrap().len(), 1);
    assert_eq!(told.link["number"], ticket["unique_ticket_id"]);
    let told = scene.call("create_ticket", json!({"name": "X", "pipeline": "warranty"})).await;
    assert_eq!(told.body["error"]["missing"], json!(["Serial number"]));
    let told = scene.call("create_ticket", json!({"name": "X", "assignee": "Nobody"})).await;
    assert_eq!(told.code(), "unknown_assignee");
    scene.heard().await;
}

#[actix_web::test]
async fn a_reference_that_the_crm_does_not_take_is_not_the_models_fault() {
    let scene = Scene::new();
    // Its field has become one with choices, unseen by us.
    let job = scene.job("create_deal", json!({"name": "X"}));
    let part = scene.part(&job).await;
    let set = json!({"type": "Dropdown select", "dropdown": [{"id": 1, "name": "One"}]});
    scene.control("POST", "templates", Some(json!({"kind": "deals", "row": "bellhop_reference", "set": set}))).await;
    let Sent::Refused(refused) = scene.send(&job, &part).await else { panic!("not refused") };
    let told = Told::of(&refused);
    assert_eq!((told.code(), &told.body["error"]["next"]), ("crm_refused", &json!("retry_later")));
    assert!(!told.body.to_string().contains("bellhop"), "{}", told.body);
    // Another goes without.
    scene.call("create_deal", json!({"name": "X"})).await.result();
    assert_eq!(custom(&scene.book("deals").await[0]).get("bellhop_reference"), None);
}

#[actix_web::test]
async fn a_tickets_pipeline_is_sent_only_where_that_is_wanted() {
    for wanted in [false, true] {
        let scene = Scene::with(|_| {}, |access| access.options.send_ticket_pipeline = wanted);
        let part = scene.part(&scene.job("create_ticket", json!({"name": "X"}))).await;
        assert_eq!(part.request.contains(r#""ticket_pipeline_id":7101"#), wanted);
        scene.call("create_ticket", json!({"name": "X"})).await.result();
    }
}

#[actix_web::test]
async fn templates_are_read_once_and_again_when_something_is_not_in_them() {
    let scene = Scene::new();
    for _ in 0..3 {
        scene.call("create_deal", json!({"name": "X"})).await.result();
    }
    let infos = |heard: Vec<String>| heard.iter().filter(|line| line.ends_with("/deals/info")).count();
    assert_eq!(infos(scene.heard().await), 1);
    let change = json!({"kind": "pipelines", "row": "Sales", "set": {"name": "Direct sales"}});
    scene.control("POST", "templates", Some(change)).await;
    let told = scene.call("create_deal", json!({"name": "X", "pipeline": "Direct sales"})).await;
    assert_eq!(told.result()["deal"]["pipeline"], "Direct sales");
    assert_eq!(infos(scene.heard().await), 2);
    assert_eq!(scene.call("create_deal", json!({"name": "X", "pipeline": "Indirect"})).await.code(), "unknown_pipeline");
    assert_eq!(infos(scene.heard().await), 3, "once for each unknown name, not more");
    scene.passes_ms(600_000);
    scene.call("create_deal", json!({"name": "X"})).await.result();
    assert_eq!(infos(scene.heard().await), 4);
}

#[actix_web::test]
async fn a_usual_pipeline_can_be_configured() {
    let scene = Scene::with(|_| {}, |access| access.options.deal_pipeline = Some("renewals".into()));
    let told = scene.carry(&scene.job_of(LARAS, "create_deal", json!({"name": "X"}))).await;
    assert_eq!((&told.result()["deal"]["pipeline"], &told.result()["deal"]["stage"]), (&json!("Renewals"), &json!("Due")));
}
