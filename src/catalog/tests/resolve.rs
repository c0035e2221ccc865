//! Stories of `resolve_conversation`.

use serde_json::json;

use super::*;
use crate::room::{Control, Lifecycle, WhilePerson};

const ANSWERED: &str = r#"{"reason_code":"answered","note":"all well"}"#;

#[test]
fn a_conversation_is_closed_with_a_reason() {
    let mut scene = Scene::new();
    scene.seen = Seen { epoch: Some(1), seq: Some(2) };
    let decision = scene.calls("resolve_conversation", ANSWERED);
    assert_eq!(
        result(&decision),
        json!({"changed":true,"reason_code":"answered","note":"all well","resolved_at":"2025-11-20T10:32:00Z"})
    );
    assert_eq!(scene.room.lifecycle, Lifecycle::Resolved { at: scene.now });
    assert_eq!(scene.room.control, Control::Nobody);
}

#[test]
fn closing_twice_succeeds_and_changes_nothing() {
    let mut scene = Scene::new();
    scene.seen = Seen { epoch: Some(1), seq: Some(2) };
    scene.calls("resolve_conversation", ANSWERED);
    let version = scene.room.version;
    // Its epoch is old by now, and the reason is none: what is already so is still no failure.
    let again = scene.calls("resolve_conversation", r#"{"reason_code":"whatever","note":"second"}"#);
    let earlier = json!({"reason_code":"answered","note":"all well","resolved_at":"2025-11-20T10:32:00Z"});
    assert_eq!(result(&again), json!({"changed":false,"resolution":earlier}));
    assert_eq!(scene.room.version, version);
}

#[test]
fn a_message_the_model_has_not_seen_comes_first() {
    let mut scene = Scene::new();
    scene.seen.seq = Some(scene.room.last_inbound_seq);
    scene.customer_writes("wait, one more thing");
    let refusal = scene.refused("resolve_conversation", ANSWERED);
    assert_eq!(refusal.code, "new_customer_message");
    assert!(refusal.message.contains("wait, one more thing"));
    scene.seen.seq = Some(scene.room.last_inbound_seq);
    assert!(matches!(scene.decides("resolve_conversation", ANSWERED), Decision::Done { .. }));
    scene.seen.seq = None;
    assert!(matches!(scene.decides("resolve_conversation", ANSWERED), Decision::Done { .. }), "not stated, not checked");
}

#[test]
fn an_unknown_reason_is_told_the_known_ones() {
    let scene = Scene::new();
    let refusal = scene.refused("resolve_conversation", r#"{"reason_code":"Answered"}"#);
    assert_eq!((refusal.code, refusal.next), ("argument_invalid", Next::FixAndRetry));
    assert_eq!(refusal.allowed, scene.company.settings.resolve_reasons);
}

#[test]
fn who_handled_it_is_kept() {
    let mut scene = Scene::new();
    scene.company.settings.people.while_person_controls.room = WhilePerson::Allow;
    let agent_id = AgentId::trusted("agt_1");
    scene.happens(Fact::AgentAssigned { agent_id: agent_id.clone(), agent_name: "Ana".into(), assignment: 1, because: None });
    let first = scene.calls("resolve_conversation", ANSWERED);
    assert_eq!(result(&first)["handled_by"], "agt_1");
    assert_eq!(scene.room.resolution.as_ref().unwrap().handled_by, Some(agent_id));
    assert_eq!(result(&scene.decides("resolve_conversation", ANSWERED))["resolution"]["handled_by"], "agt_1");
}

#[test]
fn after_control_moved_an_old_view_closes_nothing() {
    let mut scene = Scene::new();
    scene.seen.epoch = Some(scene.room.epoch);
    scene.calls("assign_agent", r#"{"mode":"auto"}"#);
    // Whoever waits for a person is not closed, however well the model looked.
    for seen in [scene.seen.epoch, Some(scene.room.epoch), None] {
        scene.seen.epoch = seen;
        assert_eq!(scene.refused("resolve_conversation", ANSWERED).code, "human_in_control", "{seen:?}");
    }
    scene.company.settings.people.while_person_controls.room = WhilePerson::Allow;
    scene.seen.epoch = Some(scene.room.epoch - 1);
    let refusal = scene.refused("resolve_conversation", ANSWERED);
    assert_eq!((refusal.code, refusal.next), ("stale_epoch", Next::WaitForHuman));
    scene.seen.epoch = Some(scene.room.epoch);
    assert!(matches!(scene.decides("resolve_conversation", ANSWERED), Decision::Done { .. }));
}

#[test]
fn what_the_company_wants_to_know_is_asked_for_before_anything_ends() {
    let mut scene = Scene::new();
    scene.company.settings.people.resolve_needs_note = true;
    let refusal = scene.refused("resolve_conversation", r#"{"reason_code":"answered"}"#);
    assert_eq!((refusal.code, refusal.missing, refusal.next), ("argument_missing", vec!["note".into()], Next::FixAndRetry));
    assert!(matches!(scene.decides("resolve_conversation", ANSWERED), Decision::Done { .. }));
}

#[test]
fn a_colleague_of_whom_only_the_channel_knows_counts_as_the_company_says() {
    for (while_person, unheld) in [(WhilePerson::Refuse, true), (WhilePerson::Allow, false), (WhilePerson::Approve, false)] {
        let mut scene = Scene::new();
        scene.company.channel = crate::room::ChannelKind::Qontak;
        scene.company.settings.people.while_person_controls.room = while_person;
        let decision = scene.decides("resolve_conversation", ANSWERED);
        let Decision::Parked { facts, .. } = &decision else { panic!("{decision:?}") };
        let Fact::EffectRequested { plan, .. } = &facts[0] else { panic!("{facts:?}") };
        assert_eq!(plan.unheld, unheld, "{while_person:?}");
    }
}

/// Whoever is a person looks for themselves, and so does one of another class or where somebody has it here already.
#[test]
fn only_an_ai_agents_own_room_is_looked_at_there() {
    let mut scene = Scene::new();
    let raw = raw("resolve_conversation", ANSWERED);
    let mut call = admit_one(&raw, None, Seen::default()).unwrap().call;
    let is_looked_at = |scene: &Scene, call: &crate::room::FunctionCall| {
        let ground = Ground { now: scene.now, company: &scene.company, approved: false };
        super::super::fence::is_for_nobodys(&scene.room, call, super::super::fence::Class::Room, &ground)
    };
    assert!(is_looked_at(&scene, &call));
    let (agent_id, agent_name, how) = (AgentId::trusted("agt_1"), "Ana".into(), crate::room::TakenBy::Takeover);
    scene.happens(Fact::RoomTaken { agent_id, agent_name, assignment: 1, how });
    assert!(!is_looked_at(&scene, &call), "whoever has it here is known");
    scene.happens(Fact::RoomReturned { reason: None });
    assert!(is_looked_at(&scene, &call));
    call.ai_agent = None;
    assert!(!is_looked_at(&scene, &call), "a person's");
}
