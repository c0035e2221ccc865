//! What an AI agent may still do while its customer waits for a person, what a pause holds back, and what a person's edit is worth
//! later.

use super::goodbye::{FILE, sends, sent, with_files};
use super::*;
use crate::room::{CameAbout, ChannelKind, ResultJson, Settlement};

/// Nobody is free.
fn nobody_comes(scene: &mut Scene) {
    let assignment = scene.room.wanted().unwrap().assignment;
    scene.tell(Command::OfferOverdue { assignment }).unwrap();
}

#[test]
fn whoever_waits_for_a_person_is_not_closed_by_the_ai_agent() {
    let mut scene = Scene::new();
    scene.post(&[ASSIGN]);
    nobody_comes(&mut scene);
    assert_eq!(scene.answer("a1").0, CallStatus::Succeeded);
    scene.post(&[RESOLVE]);
    assert_eq!((scene.answer("r1"), scene.is_resolved()), ((CallStatus::Refused, "human_in_control".into()), false));
    // It handed over itself, and may still say to whom.
    scene.post(&[("a2", ASSIGN.1, r#"{"mode":"agent","agent":"Ana"}"#)]);
    assert_eq!(scene.answer("a2").0, CallStatus::Parked);
    nobody_comes(&mut scene);
    // As the company wants it.
    scene.company.settings.people.while_person_controls.room = WhilePerson::Allow;
    scene.post(&[("r2", RESOLVE.1, RESOLVE.2)]);
    assert!(scene.is_resolved());
}

#[test]
fn of_two_resolves_that_come_with_a_hand_over_one_waits() {
    let mut scene = Scene::new();
    scene.post(&[RESOLVE, ASSIGN, ("r2", RESOLVE.1, RESOLVE.2)]);
    assert_eq!((scene.answer("r1").0, scene.answer("r2").1.as_str()), (CallStatus::Parked, "human_in_control"));
    scene.post(&[("r3", RESOLVE.1, RESOLVE.2), ("a3", ASSIGN.1, ASSIGN.2)]);
    assert_eq!((scene.answer("r3").1.as_str(), scene.answer("a3").0), ("human_in_control", CallStatus::Parked));
    scene.offer();
    assert_eq!((scene.answer("r1").1.as_str(), scene.is_resolved()), ("human_in_control", false));
}

#[test]
fn a_queue_that_people_made_is_not_the_ai_agents_to_move() {
    let mut scene = Scene::new();
    let (agent, agent_name, how) = (AgentId::trusted("agt_1"), "Ana".into(), TakenBy::Takeover);
    scene.tell(Command::TakeOver { agent: agent.clone(), agent_name, how }).unwrap();
    scene.tell(Command::Requeue { agent, why: "offline" }).unwrap();
    scene.post(&[ASSIGN]);
    assert_eq!(scene.answer("a1").0, CallStatus::Parked, "just anybody is waited for already");
    scene.post(&[("a2", ASSIGN.1, r#"{"mode":"agent","agent":"Ana"}"#)]);
    assert_eq!(scene.answer("a2"), (CallStatus::Refused, "human_in_control".into()));
}

#[test]
fn what_a_resolve_waits_for_is_not_refused_because_of_it() {
    let mut scene = with_files();
    scene.company.settings.people.typing_hold_s = 5;
    scene.tell(Command::Typing { agent: None }).unwrap();
    scene.post(&[sends("s1", FILE), RESOLVE]);
    assert_eq!((scene.answer("s1").0, scene.answer("r1").0), (CallStatus::Parked, CallStatus::Parked));
    scene.now = scene.now.plus_ms(5_000);
    scene.tell(Command::TypingOver).unwrap();
    assert_eq!((scene.answer("s1"), sent(&scene)), ((CallStatus::Succeeded, String::new()), 1));
    assert!(scene.is_resolved());
    // Somebody else's is.
    let mut scene = with_files();
    scene.company.channel = ChannelKind::Qontak;
    scene.post(&[sends("s1", FILE), RESOLVE]);
    scene.post(&[sends("s2", FILE)]);
    assert_eq!(scene.answer("s2").1, "resolving");
}

#[test]
fn a_pause_takes_no_request_apart() {
    let paused = |scene: &mut Scene| scene.tell(Command::Pause { reason: None }).unwrap();
    let mut scene = Scene::new();
    paused(&mut scene);
    scene.post(&[RESOLVE, ASSIGN]);
    scene.tell(Command::Resume).unwrap();
    assert_eq!((scene.answer("r1").0, scene.answer("a1").0), (CallStatus::Parked, CallStatus::Parked));
    nobody_comes(&mut scene);
    assert_eq!((scene.answer("r1"), scene.is_resolved()), ((CallStatus::Refused, "human_in_control".into()), false));
    // A file that its channel has to be told first.
    let mut scene = with_files();
    scene.company.channel = ChannelKind::Qontak;
    paused(&mut scene);
    scene.post(&[RESOLVE, sends("s1", FILE)]);
    scene.tell(Command::Resume).unwrap();
    assert_eq!((scene.answer("s1").0, scene.answer("r1").0), (CallStatus::Running, CallStatus::Parked));
    assert!(scene.room.barrier.is_some());
    // Ten seconds once, however long it was paused.
    scene.now = scene.now.plus_ms(barrier::BARRIER_MS);
    scene.tell(Command::BarrierOverdue).unwrap();
    assert_eq!(scene.answer("r1").0, CallStatus::Running);
    // And whoever wrote in the meantime is heard.
    let mut scene = Scene::new();
    paused(&mut scene);
    scene.post(&[RESOLVE]);
    scene.customer_writes("one more thing");
    scene.tell(Command::Resume).unwrap();
    assert_eq!((scene.answer("r1").1.as_str(), scene.is_resolved()), ("new_customer_message", false));
}

#[test]
fn what_a_person_allowed_is_what_is_tried_again() {
    let mut scene = asks_for_a_yes();
    scene.company.channel = ChannelKind::Qontak;
    let row = scene.open.values().next().unwrap().call.clone();
    scene.tell(approve("key_ops", Some(r#"{"tags":["gold"]}"#))).unwrap();
    assert_eq!(scene.answer("t1").0, CallStatus::Running);
    let call_id = CallId::trusted("t1");
    let settlement = Settlement::outcome_unknown();
    scene.tell(Command::EffectSettled { call_id: call_id.clone(), attempt: 0, settlement }).unwrap();
    scene.tell(Command::RetryEffect { call_id, reason: "look again".into(), send_again: false }).unwrap();
    assert_eq!(&*reread(row, &scene.room).unwrap().call.arguments, r#"{"tags":["gold"]}"#);
}

/// The lane says an end again until its room says that it knows, and by then a person may have had the effect tried again.
#[test]
fn the_end_of_an_earlier_try_ends_nothing() {
    let mut scene = Scene::new();
    scene.company.channel = ChannelKind::Qontak;
    scene.post(&[TAG]);
    assert_eq!(scene.answer("t1").0, CallStatus::Running);
    let call_id = || CallId::trusted("t1");
    let unknown = || Command::EffectSettled { call_id: call_id(), attempt: 0, settlement: Settlement::outcome_unknown() };
    scene.tell(unknown()).unwrap();
    assert_eq!(scene.answer("t1").0, CallStatus::Unresolved);
    scene.tell(Command::RetryEffect { call_id: call_id(), reason: "look again".into(), send_again: false }).unwrap();
    for late in [unknown(), Command::EffectDoubted { call_id: call_id(), attempt: 0 }] {
        assert!(!scene.tell(late).unwrap().changed, "that is known");
        assert!(scene.room.effect(&call_id()).unwrap().is_at(1), "and the second try goes on");
    }
    let came_about = CameAbout::Tagged { tags: vec!["vip".into()] };
    let settlement = Settlement::done(&ResultJson("{}".into()), came_about);
    scene.tell(Command::EffectSettled { call_id: call_id(), attempt: 1, settlement }).unwrap();
    assert_eq!((scene.answer("t1").0, scene.room.tags.len()), (CallStatus::Succeeded, 1));
}
