//! Stories of the fence: what an AI agent may do while a person has the conversation, and what waits for a person's yes.

use super::*;
use crate::catalog::fence;
use crate::room::{ApprovalRule, ParkedOn, Settings, TakenBy, WhilePerson};

const TAG: (&str, &str) = ("create_tag", r#"{"tags":["vip"]}"#);
const RESOLVE: (&str, &str) = ("resolve_conversation", r#"{"reason_code":"answered"}"#);
const ASSIGN: (&str, &str) = ("assign_agent", r#"{"mode":"auto"}"#);

fn taken_by(agent: &str) -> Scene {
    let mut scene = Scene::new();
    let agent_id = AgentId::trusted(agent);
    scene.happens(Fact::RoomTaken { agent_id, agent_name: agent.into(), assignment: 1, how: TakenBy::Reply });
    scene
}

fn needs_yes(decision: &Decision) -> bool {
    matches!(decision, Decision::Parked { on: ParkedOn::Approval, facts } if facts.is_empty())
}

#[test]
fn while_a_person_has_it_tags_go_on_and_the_rest_is_refused() {
    let scene = taken_by("agt_2");
    assert!(matches!(scene.decides(TAG.0, TAG.1), Decision::Done { .. }));
    for (name, arguments) in [RESOLVE, ("assign_agent", r#"{"mode":"division","division":"Sales"}"#)] {
        let refusal = scene.refused(name, arguments);
        assert_eq!((refusal.code, refusal.next), ("human_in_control", Next::WaitForHuman), "{name}");
    }
}

#[test]
fn what_is_already_so_is_no_failure() {
    let scene = taken_by("agt_2");
    let held = scene.decides("assign_agent", r#"{"mode":"agent","agent":"agt_2"}"#);
    assert_eq!(result(&held)["changed"], false);
}

#[test]
fn the_company_says_what_is_allowed() {
    let mut scene = taken_by("agt_2");
    scene.company.settings.people.while_person_controls.room = WhilePerson::Allow;
    assert!(matches!(scene.decides(RESOLVE.0, RESOLVE.1), Decision::Done { .. }));
    scene.company.settings.people.while_person_controls.room = WhilePerson::Approve;
    assert!(needs_yes(&scene.decides(RESOLVE.0, RESOLVE.1)));
    scene.company.settings.people.while_person_controls.annotate = WhilePerson::Refuse;
    assert_eq!(scene.refused(TAG.0, TAG.1).code, "human_in_control");
}

#[test]
fn a_person_with_a_key_is_not_fenced() {
    let scene = taken_by("agt_2");
    let raw = raw(RESOLVE.0, RESOLVE.1);
    let address = RoomAddress { company: CompanyNo(1), room: RoomId::trusted("web-1") };
    let admitted = admit_at(&raw, None, Seen::default(), &address, None, None).unwrap();
    let ground = Ground { now: scene.now, company: &scene.company, approved: false };
    assert!(matches!(decide(&scene.room, &admitted.call, &admitted.request, &ground), Decision::Done { .. }));
}

#[test]
fn while_it_is_being_closed_nothing_else_moves_it() {
    let mut scene = Scene::new();
    let (call_id, other) = (crate::room::CallId::trusted("resolve-1"), crate::room::CallId::trusted("send-1"));
    let until = scene.now.plus_ms(10_000);
    scene.happens(Fact::BarrierRaised { call_id, waits_for: vec![other], until });
    for (name, arguments) in [ASSIGN, RESOLVE] {
        assert_eq!(scene.refused(name, arguments).code, "resolving");
    }
    assert!(matches!(scene.decides(TAG.0, TAG.1), Decision::Done { .. }));
}

#[test]
fn rules_ask_for_a_yes_by_action_and_by_number() {
    let mut scene = Scene::new();
    scene.company.crm = true;
    let rule = |action: &str, above: Option<f64>| ApprovalRule {
        action: action.into(),
        argument: above.map(|_| "amount".into()),
        above,
    };
    scene.company.settings.people.approvals = vec![rule("create_deal", Some(1_000_000.0)), rule("create_tag", None)];
    assert!(needs_yes(&scene.decides(TAG.0, TAG.1)));
    let deal = |amount: &str| scene_with_crm(&scene, &format!(r#"{{"name":"Umrah","amount":{amount}}}"#));
    assert!(!needs_yes(&deal("1000000")));
    assert!(needs_yes(&deal("1000001")));
    assert!(!needs_yes(&scene_with_crm(&scene, r#"{"name":"Umrah"}"#)));
}

fn scene_with_crm(scene: &Scene, arguments: &str) -> Decision {
    let address = RoomAddress { company: CompanyNo(1), room: RoomId::trusted("web-1") };
    let (ai_agent, key_id) = (AiAgentId::trusted("sales"), Arc::from("key_1"));
    let admission = Admission {
        address: &address,
        ai_agent: Some(&ai_agent),
        key_id: &key_id,
        turn_id: None,
        seen: scene.seen,
        has: Has { crm: true, files: false },
        published: None,
    };
    let admitted = admit(&raw("create_deal", arguments), None, &admission).unwrap();
    let ground = Ground { now: scene.now, company: &scene.company, approved: false };
    decide(&scene.room, &admitted.call, &admitted.request, &ground)
}

#[test]
fn rooms_of_the_channel_are_changed_there() {
    let mut scene = Scene::new();
    scene.company.channel = crate::room::ChannelKind::Qontak;
    for (name, arguments) in [TAG, RESOLVE, ASSIGN] {
        let decision = scene.decides(name, arguments);
        assert!(matches!(&decision, Decision::Parked { on: ParkedOn::Effect, .. }), "{name}: {decision:?}");
    }
    // Somebody whom only the channel may know.
    let stranger = scene.decides("assign_agent", r#"{"mode":"agent","agent":"Nobody We Know"}"#);
    assert!(matches!(stranger, Decision::Parked { on: ParkedOn::Effect, .. }));
    scene.room.channel = "embedded".into();
    assert!(matches!(scene.decides(TAG.0, TAG.1), Decision::Done { .. }), "a room that lives here is told nobody");
}

#[test]
fn a_yes_is_asked_for_by_names_that_exist() {
    let with = |action: &str, argument: Option<&str>| {
        let rule = ApprovalRule { action: action.into(), argument: argument.map(Into::into), above: argument.map(|_| 1.0) };
        let mut settings = Settings::default();
        settings.people.approvals = vec![rule];
        fence::check(&settings).map_err(|bad| bad.rule)
    };
    assert_eq!((with("create_deal", None), with("create_deal", Some("amount"))), (Ok(()), Ok(())));
    for (action, argument) in [("create_dael", None), ("return_conversation", None), ("", None), ("create_deal", Some("amont"))] {
        assert!(with(action, argument).is_err_and(|rule| rule.contains(argument.unwrap_or(action))), "{action}");
    }
}

#[test]
fn who_already_has_it_is_told_by_name() {
    let mut scene = Scene::new();
    scene.company.channel = crate::room::ChannelKind::Qontak;
    let (id, name) = ("5f000000-0000-4000-8000-000000000006", "Lala Contoh");
    let (agent_id, agent_name) = (AgentId::trusted(id), name.to_owned());
    scene.happens(Fact::RoomTaken { agent_id, agent_name, assignment: 1, how: TakenBy::Reply });
    for arguments in [r#"{"mode":"auto"}"#, r#"{"mode":"agent","agent":"lala contoh"}"#] {
        let Decision::Done { facts, result } = scene.decides("assign_agent", arguments) else { panic!("{arguments}") };
        let told: serde_json::Value = serde_json::from_str(&result.0).unwrap();
        assert_eq!((facts.len(), &told["agent"]["name"], &told["changed"]), (0, &name.into(), &false.into()));
        assert_eq!(told.get("online"), None, "only the channel knows");
    }
    let other = scene.decides("assign_agent", r#"{"mode":"agent","agent":"Tari Rekaan"}"#);
    assert!(matches!(&other, Decision::Refused(refusal) if refusal.code == "human_in_control"), "{other:?}");
}
