//! `assign_agent`: who is meant, who is chosen, and that nobody leaves before somebody has come.

use serde_json::json;

use super::scene::{LALA, RAKA, ROOM, SINTA, Scene, TARI, YOGA};
use crate::actors::outside::Counterpart;

async fn put(scene: &Scene, user: &str) {
    scene.by_hand("POST", &format!("rooms/{ROOM}/agents/{user}"), None).await;
}

#[actix_web::test]
async fn a_person_is_found_by_every_name_and_is_who_they_are_here() {
    for name in ["Sinta Misal", "sinta misal", SINTA, "SINTA.MISAL@standin.example", "agt_sinta", "bu sinta"] {
        let scene = Scene::new().await;
        let told = scene.call("assign_agent", json!({"mode": "agent", "agent": name})).await;
        let result = told.result();
        assert_eq!((&result["assigned"], &result["online"], &result["changed"]), (&json!(true), &json!(true), &json!(true)));
        assert_eq!(result["agent"], json!({"id": "agt_sinta", "name": "Sinta Misal"}));
        assert_eq!((&told.about["what"], &told.about["agent_id"]), (&json!("assigned"), &json!("agt_sinta")));
        assert_eq!(scene.agents().await, [SINTA]);
    }
    let scene = Scene::new().await;
    let told = scene.call("assign_agent", json!({"mode": "agent", "agent": "Yoga Khayal"})).await;
    assert_eq!((&told.result()["agent"]["id"], &told.result()["online"]), (&json!(YOGA), &json!(false)), "not in our directory");
}

#[actix_web::test]
async fn who_had_it_leaves_after_who_gets_it_has_come() {
    let scene = Scene::new().await;
    put(&scene, RAKA).await;
    put(&scene, LALA).await;
    scene.call("assign_agent", json!({"mode": "agent", "agent": "Tari Rekaan"})).await.result();
    let writes = scene.writes().await;
    let expected = [format!("POST /agents/{TARI}"), format!("DELETE /agents/{RAKA}"), format!("DELETE /agents/{LALA}")];
    assert_eq!(writes, expected);
    assert_eq!(scene.agents().await, [TARI]);
    let told = scene.call("assign_agent", json!({"mode": "agent", "agent": "Tari Rekaan"})).await;
    assert_eq!((&told.result()["changed"], scene.writes().await.len()), (&json!(false), 3), "it is so already");
    assert_eq!(told.about["agent_id"], TARI);
    put(&scene, RAKA).await;
    let told = scene.call("assign_agent", json!({"mode": "agent", "agent": "Tari Rekaan"})).await;
    assert_eq!((&told.result()["changed"], scene.writes().await.len()), (&json!(false), 0), "whoever is beside her stays");
}

#[actix_web::test]
async fn a_crash_between_coming_and_leaving_is_gone_on_from() {
    let scene = Scene::new().await;
    put(&scene, RAKA).await;
    let job = scene.job("assign_agent", json!({"mode": "division", "division": "Billing"}));
    let part = scene.part(&job, &[]).await;
    assert_eq!(
        part.hands_to.as_ref().map(|agent| agent.as_str()),
        Some(TARI),
        "of Billing: there, and of two equally busy ones the first"
    );
    let entered = scene.done(&job, part).await;
    // The next process knows only what was written down; by now another would be chosen.
    put_busy(&scene, TARI).await;
    let told = scene.carried(&job, vec![entered.clone()]).await;
    assert_eq!((&told.result()["agent"]["id"], &told.result()["changed"]), (&json!(TARI), &json!(true)));
    assert_eq!(scene.agents().await, [TARI]);
    // And whoever took over in between keeps it.
    let told = super::scene::Told::of(&scene.channel.voided(&job, &[entered]));
    assert_eq!(told.about["agent_id"], TARI);
    assert!(told.result()["warnings"][0].as_str().unwrap().contains("took the conversation"));
    assert_eq!(super::scene::Told::of(&scene.channel.voided(&job, &[])).code(), "human_in_control");
}

async fn put_busy(scene: &Scene, user: &str) {
    for n in 2..4 {
        let id = format!("7f000000-0000-4000-8000-{n:012}");
        scene.control("POST", "rooms", Some(json!({"id": id, "customer": "6281299999999"}))).await;
        scene.by_hand("POST", &format!("rooms/{id}/agents/{user}"), None).await;
    }
}

#[actix_web::test]
async fn of_a_division_the_least_busy_one_is_chosen_and_we_say_so() {
    let scene = Scene::new().await;
    put_busy(&scene, TARI).await;
    // By our own directory's id of it.
    let told = scene.call("assign_agent", json!({"mode": "division", "division": "div_1"})).await;
    assert_eq!(told.result()["agent"]["id"], LALA);
    let because = &told.about["because"];
    assert_eq!(because["strategy"], "bellhop_pick");
    let order: Vec<&str> =
        because["candidates"].as_array().unwrap().iter().map(|one| one["agent_id"].as_str().unwrap()).collect();
    assert_eq!(order, [LALA, TARI, YOGA]);
    assert_eq!(because["candidates"][1]["load"], 2);
    let told = scene.call("assign_agent", json!({"mode": "division", "division": "BILLING"})).await;
    assert_eq!((&told.result()["changed"], &told.result()["agent"]["id"]), (&json!(false), &json!(LALA)), "one of them has it");
    let told = scene.call("assign_agent", json!({"mode": "division", "division": "biling"})).await;
    assert_eq!((told.code(), told.candidates()[0]), ("unknown_division", "Billing"));
}

#[actix_web::test]
async fn the_allocator_over_there_chooses_or_we_do() {
    let scene = Scene::new().await;
    let told = scene.call("assign_agent", json!({"mode": "auto"})).await;
    assert_eq!(told.about["because"]["strategy"], "qontak_round_robin");
    assert_eq!(scene.agents().await, [told.result()["agent"]["id"].as_str().unwrap()]);
    assert_ne!(told.result()["agent"]["name"], "a colleague");
    let told = scene.call("assign_agent", json!({"mode": "auto"})).await;
    assert_eq!((&told.result()["changed"], told.result()["warnings"].as_array().unwrap().len()), (&json!(false), 1));

    let scene = Scene::new().await;
    scene.knobs(json!({"allocation_active": false})).await;
    let told = scene.call("assign_agent", json!({"mode": "auto"})).await;
    assert_eq!(
        (&told.about["because"]["strategy"], &told.result()["agent"]["id"]),
        (&json!("bellhop_pick"), &json!("agt_sinta"))
    );
    assert_eq!(scene.writes().await, ["POST /assign_round_robin".to_owned(), format!("POST /agents/{SINTA}")]);

    // Somebody takes it between our look and the allocator's.
    let scene = Scene::new().await;
    let job = scene.job("assign_agent", json!({"mode": "auto"}));
    let part = scene.part(&job, &[]).await;
    put(&scene, RAKA).await;
    let drawn = scene.done(&job, part).await;
    let told = scene.carried(&job, vec![drawn]).await;
    assert_eq!((&told.result()["agent"]["id"], &told.result()["changed"]), (&json!(RAKA), &json!(false)));
}

#[actix_web::test]
async fn nobody_is_guessed_and_a_resolved_room_is_nobodys() {
    let scene = Scene::new().await;
    let told = scene.call("assign_agent", json!({"mode": "agent", "agent": "Sinta"})).await;
    assert_eq!((told.code(), told.candidates()[0], told.candidates().len()), ("unknown_agent", "Sinta Misal", 3));
    let job = scene.job("assign_agent", json!({"mode": "agent", "agent": "Raka Umpama"}));
    let part = scene.part(&job, &[]).await;
    scene.knobs(json!({"resolve_delay_ms": 0})).await;
    scene.call("resolve_conversation", json!({"reason_code": "answered"})).await.result();
    let told = scene.call("assign_agent", json!({"mode": "auto"})).await;
    assert_eq!(told.code(), "room_resolved");
    // Resolved between our look and our word.
    match scene.send(&job, &part).await {
        crate::actors::outside::Sent::Refused(settlement) => {
            assert_eq!(super::scene::Told::of(&settlement).code(), "room_resolved");
        }
        other => panic!("{other:?}"),
    }
}

#[actix_web::test]
async fn a_no_that_means_it_is_so_already_is_a_yes() {
    let scene = Scene::new().await;
    put(&scene, RAKA).await;
    let job = scene.job("assign_agent", json!({"mode": "agent", "agent": "Tari Rekaan"}));
    let enter = scene.part(&job, &[]).await;
    put(&scene, TARI).await;
    let entered = scene.done(&job, enter).await;
    let leave = scene.part(&job, std::slice::from_ref(&entered)).await;
    scene.by_hand("DELETE", &format!("rooms/{ROOM}/agents/{RAKA}"), None).await;
    let left = scene.done(&job, leave).await;
    assert_eq!(scene.carried(&job, vec![entered, left]).await.result()["warnings"], json!(null));
}

#[actix_web::test]
async fn whoever_has_it_leaves_when_it_goes_back() {
    let scene = Scene::new().await;
    put(&scene, RAKA).await;
    put(&scene, LALA).await;
    let job = scene.job("return_conversation", json!({}));
    let first = scene.part(&job, &[]).await;
    assert_eq!((first.name.as_str(), &first.hands_to), ("dismiss", &None));
    assert_eq!(scene.carry(&job).await.result(), &json!({"returned": true}));
    assert_eq!(scene.agents().await, Vec::<String>::new());
    assert_eq!(scene.writes().await, [format!("DELETE /agents/{RAKA}"), format!("DELETE /agents/{LALA}")]);
    assert_eq!(scene.call("return_conversation", json!({"reason": "again"})).await.result()["returned"], true);
}
