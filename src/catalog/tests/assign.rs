//! Stories of `assign_agent`.

use serde_json::json;

use super::*;
use crate::catalog::assign_agent::{assigned, queued, superseded};
use crate::room::{AssignTarget, ParkedOn, WhilePerson};

fn agent(id: &str) -> AssignTarget {
    AssignTarget::Agent { agent: AgentId::trusted(id) }
}

fn division(id: &str) -> AssignTarget {
    AssignTarget::Division { division: DivisionId::trusted(id) }
}

fn parked_for(decision: Decision) -> AssignTarget {
    match decision {
        Decision::Parked { facts, on: ParkedOn::Offer } => match facts.as_slice() {
            [Fact::RoomQueued { target, .. }] => target.clone(),
            other => panic!("{other:?}"),
        },
        other => panic!("not parked: {other:?}"),
    }
}

/// A company that lets an AI agent move a room that a person has.
fn held_by(id: &str) -> Scene {
    let mut scene = Scene::new();
    scene.company.settings.people.while_person_controls.room = WhilePerson::Allow;
    scene.happens(Fact::AgentAssigned { agent_id: AgentId::trusted(id), agent_name: "x".into(), assignment: 4, because: None });
    scene
}

#[test]
fn the_roster_is_asked_and_the_call_waits_for_its_offer() {
    let decision = held_by("agt_1").decides("assign_agent", r#"{"mode":"division","division":"sales","reason":"angry"}"#);
    let queued = Fact::RoomQueued {
        target: division("div_2"),
        assignment: 5,
        reason: Some("angry".into()),
        leaves: false,
        but: None,
        there: false,
    };
    assert_eq!(decision, Decision::Parked { facts: vec![queued], on: ParkedOn::Offer });
}

#[test]
fn people_and_divisions_are_found_by_id_or_name_whatever_the_case() {
    for (arguments, target) in [
        (r#"{"mode":"agent","agent":"agt_1"}"#, agent("agt_1")),
        (r#"{"mode":"agent","agent":"AGT_3"}"#, agent("agt_3")),
        (r#"{"mode":"agent","agent":" budi santoso "}"#, agent("agt_2")),
        (r#"{"mode":"division","division":"ｂilling"}"#, division("div_1")),
        (r#"{"mode":"division","division":"DIV_3"}"#, division("div_3")),
        (r#"{"mode":"auto","agent":null,"division":null}"#, AssignTarget::Auto),
    ] {
        assert_eq!(parked_for(Scene::new().decides("assign_agent", arguments)), target, "{arguments}");
    }
}

#[test]
fn two_of_one_name_are_never_guessed_between() {
    let refusal = Scene::new().refused("assign_agent", r#"{"mode":"agent","agent":"ana"}"#);
    assert_eq!((refusal.code, values(&refusal)), ("ambiguous_agent", vec!["agt_1", "agt_3"]));
    assert_eq!(refusal.candidates[1].note.as_deref(), Some("ANA (Sales)"));
    let mut scene = Scene::new();
    scene.company.divisions[2].name = "BILLING".into();
    let refusal = scene.refused("assign_agent", r#"{"mode":"division","division":"billing"}"#);
    assert_eq!((refusal.code, values(&refusal)), ("ambiguous_division", vec!["div_1", "div_3"]));
}

#[test]
fn an_unknown_name_is_told_the_nearest_and_no_address() {
    let scene = Scene::new();
    let refusal = scene.refused("assign_agent", r#"{"mode":"agent","agent":"Budi Santosa"}"#);
    assert_eq!((refusal.code, values(&refusal)[0]), ("unknown_agent", "Budi  Santoso"));
    assert!(!serde_json::to_string(&refusal).unwrap().contains("secret.example"));
    let refusal = scene.refused("assign_agent", r#"{"mode":"division","division":"Biling"}"#);
    assert_eq!((refusal.code, values(&refusal)[0]), ("unknown_division", "Billing"));
    let email = scene.refused("assign_agent", r#"{"mode":"agent","agent":"agt_1@secret.example"}"#);
    assert_eq!(email.code, "unknown_agent", "an address is not a name");
    let mut empty = Scene::new();
    empty.company.agents.clear();
    assert_eq!(empty.refused("assign_agent", r#"{"mode":"agent","agent":"Ana"}"#).code, "unknown_agent");
}

#[test]
fn who_already_has_it_keeps_it_unchanged() {
    for arguments in [r#"{"mode":"agent","agent":"agt_1"}"#, r#"{"mode":"division","division":"Billing"}"#, r#"{"mode":"auto"}"#]
    {
        let mut scene = held_by("agt_1");
        let version = scene.room.version;
        let decision = scene.calls("assign_agent", arguments);
        assert_eq!(
            result(&decision),
            json!({"assigned":true,"agent":{"id":"agt_1","name":"Ana"},"online":true,"as_of":"2025-11-20T10:32:00Z","changed":false})
        );
        assert_eq!(scene.room.version, version);
    }
    assert_eq!(parked_for(held_by("agt_1").decides("assign_agent", r#"{"mode":"agent","agent":"agt_3"}"#)), agent("agt_3"));
    assert_eq!(
        parked_for(held_by("agt_1").decides("assign_agent", r#"{"mode":"division","division":"Sales"}"#)),
        division("div_2")
    );
}

#[test]
fn asking_again_for_the_same_queue_does_not_queue_again() {
    let mut scene = Scene::new();
    scene.calls("assign_agent", r#"{"mode":"auto"}"#);
    let again = scene.decides("assign_agent", r#"{"mode":"auto","reason":"hurry"}"#);
    assert_eq!(again, Decision::Parked { facts: vec![], on: ParkedOn::Offer });
    assert_eq!(parked_for(scene.decides("assign_agent", r#"{"mode":"agent","agent":"agt_1"}"#)), agent("agt_1"));
}

#[test]
fn a_resolved_room_and_an_old_view_assign_nobody() {
    let mut scene = Scene::new();
    scene.company.settings.people.while_person_controls.room = WhilePerson::Allow;
    scene.seen.epoch = Some(1);
    scene.happens(Fact::AgentAssigned {
        agent_id: AgentId::trusted("agt_1"),
        agent_name: "Ana".into(),
        assignment: 1,
        because: None,
    });
    assert_eq!(scene.refused("assign_agent", r#"{"mode":"agent","agent":"agt_2"}"#).code, "stale_epoch");
    scene.seen.epoch = Some(scene.room.epoch);
    assert_eq!(parked_for(scene.calls("assign_agent", r#"{"mode":"agent","agent":"agt_2"}"#)), agent("agt_2"));
    scene.seen.epoch = None;
    scene.calls("resolve_conversation", r#"{"reason_code":"answered"}"#);
    assert_eq!(scene.refused("assign_agent", r#"{"mode":"auto"}"#).code, "room_resolved");
}

#[test]
fn answers_are_facts_with_a_time() {
    let mut scene = Scene::new();
    scene.company.agents[0].status = Presence::Away;
    let ground = |scene: &Scene| -> serde_json::Value {
        let ground = Ground { now: scene.now, company: &scene.company, approved: false };
        serde_json::from_str(&queued(Some(3), None, &scene.room, &ground).0).unwrap()
    };
    scene.calls("assign_agent", r#"{"mode":"division","division":"Sales"}"#);
    let target = json!({"mode":"division","division":{"id":"div_2","name":"Sales"}});
    assert_eq!(
        ground(&scene),
        json!({"assigned":false,"queued":true,"position":3,"target":target,"as_of":"2025-11-20T10:32:00Z"})
    );
    let closed = Ground { now: scene.now, company: &scene.company, approved: false };
    let opens_at = Some(Timestamp(1_763_690_400_000_000));
    let told: serde_json::Value = serde_json::from_str(&queued(Some(1), opens_at, &scene.room, &closed).0).unwrap();
    assert_eq!(told["opens_at"], "2025-11-21T02:00:00Z");
    scene.calls("assign_agent", r#"{"mode":"auto"}"#);
    assert_eq!(ground(&scene)["target"], json!({"mode":"auto"}));
    assert!(ground(&scene).get("online").is_none());
    scene.calls("assign_agent", r#"{"mode":"agent","agent":"agt_1"}"#);
    assert_eq!((&ground(&scene)["online"], &ground(&scene)["queued"]), (&json!(false), &json!(true)), "it waits for her, away");
    let found =
        assigned(&scene.company.agents[0], &scene.room, &Ground { now: scene.now, company: &scene.company, approved: false });
    assert_eq!(
        found.0,
        r#"{"assigned":true,"agent":{"id":"agt_1","name":"Ana"},"online":false,"as_of":"2025-11-20T10:32:00Z","changed":true}"#
    );
    assert_eq!(superseded().next, Next::DoNotRetry);
}
