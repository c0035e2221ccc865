//! What comes of calls around a resolve: one test a row of the table in room-ops.md section 3.3.

use super::goodbye::{FILE, sends, sent, with_files};
use super::*;
use crate::room::{CameAbout, ChannelKind, ClosingOutcome, ResultJson, Settlement};

/// Where a resolve is waiting for a send that is on its way to the channel.
fn at_the_barrier() -> Scene {
    let mut scene = with_files();
    scene.company.channel = ChannelKind::Qontak;
    scene.post(&[RESOLVE, sends("s1", FILE)]);
    assert_eq!((scene.answer("r1").0, scene.answer("s1").0), (CallStatus::Parked, CallStatus::Running));
    scene
}

fn resolved() -> Scene {
    let mut scene = with_files();
    scene.post(&[RESOLVE]);
    assert!(scene.is_resolved());
    scene
}

fn body(scene: &Scene, id: &str) -> serde_json::Value {
    let answer = &scene.answers[&CallKey::of(scene.address.company, &CallId::trusted(id))];
    serde_json::from_str(&answer.body).unwrap()
}

/// The channel has resolved it.
fn done_there(scene: &mut Scene) {
    let came_about = CameAbout::Resolved { reason_code: "answered".into(), note: None, closing: None };
    let settlement = Settlement::done(&ResultJson(r#"{"changed":true}"#.into()), came_about);
    scene.tell(Command::EffectSettled { call_id: CallId::trusted("r1"), attempt: 0, settlement }).unwrap();
}

#[test]
fn sends_assignments_and_tags_of_the_same_request_come_first() {
    let mut scene = with_files();
    scene.post(&[RESOLVE, TAG, sends("s1", FILE)]);
    assert_eq!((scene.answer("t1").0, scene.answer("s1").0), (CallStatus::Succeeded, CallStatus::Succeeded));
    assert!(scene.is_resolved() && sent(&scene) == 1);
    assert_eq!(body(&scene, "r1")["result"].get("pending_effects"), None);
}

#[test]
fn the_last_words_of_the_request_are_said_before_it_ends() {
    let mut scene = at_the_barrier();
    let settlement = Settlement::done(&ResultJson("{}".into()), CameAbout::Tagged { tags: vec![] });
    scene.tell(Command::EffectSettled { call_id: CallId::trusted("s1"), attempt: 0, settlement }).unwrap();
    assert_eq!(scene.answer("r1").0, CallStatus::Running, "now the channel is told");
    done_there(&mut scene);
    assert!(scene.is_resolved() && body(&scene, "r1")["result"].get("pending_effects").is_none());
}

#[test]
fn what_has_not_ended_after_ten_seconds_is_named() {
    let mut scene = at_the_barrier();
    scene.now = scene.now.plus_ms(barrier::BARRIER_MS);
    scene.tell(Command::BarrierOverdue).unwrap();
    assert_eq!(scene.answer("r1").0, CallStatus::Running);
    done_there(&mut scene);
    assert_eq!(body(&scene, "r1")["result"]["pending_effects"], serde_json::json!(["s1"]));
    assert!(scene.is_resolved());
    // And in a room that lives here, where a person's typing held it up.
    let mut scene = with_files();
    scene.company.settings.people.typing_hold_s = 60;
    scene.tell(Command::Typing { agent: None }).unwrap();
    scene.post(&[sends("s1", FILE), RESOLVE]);
    scene.now = scene.now.plus_ms(barrier::BARRIER_MS);
    scene.tell(Command::BarrierOverdue).unwrap();
    assert_eq!(body(&scene, "r1")["result"]["pending_effects"], serde_json::json!(["s1"]));
    assert_eq!((scene.is_resolved(), scene.answer("s1").1.as_str()), (true, "room_resolved"));
}

#[test]
fn what_may_never_be_known_holds_nobody_up() {
    let mut scene = at_the_barrier();
    scene.tell(Command::EffectDoubted { call_id: CallId::trusted("s1"), attempt: 0 }).unwrap();
    assert_eq!(scene.answer("r1").0, CallStatus::Running);
}

#[test]
fn afterwards_nothing_is_sent_and_nobody_assigned() {
    let mut scene = resolved();
    scene.post(&[sends("s1", FILE), ASSIGN]);
    assert_eq!((scene.answer("s1").1, scene.answer("a1").1), ("room_resolved".into(), "room_resolved".into()));
    assert!(scene.is_resolved() && sent(&scene) == 0);
}

#[test]
fn tags_and_the_crm_go_on() {
    let mut scene = resolved();
    scene.company.crm = true;
    scene.post(&[TAG, ("d1", "create_deal", r#"{"name":"Tent"}"#)]);
    assert_eq!((scene.answer("t1").0, scene.answer("d1").0), (CallStatus::Succeeded, CallStatus::Running));
    assert!(scene.is_resolved() && scene.room.tags.len() == 1);
}

#[test]
fn a_second_resolve_is_success_and_changes_nothing() {
    let mut scene = resolved();
    scene.post(&[("r2", RESOLVE.1, r#"{"reason_code":"spam","note":"again"}"#)]);
    assert_eq!(body(&scene, "r2")["result"]["changed"], false);
    assert_eq!(scene.room.resolution.as_ref().map(|end| end.reason_code.as_str()), Some("answered"));
}

#[test]
fn a_customer_who_wrote_before_its_turn_is_heard() {
    let mut scene = at_the_barrier();
    scene.customer_writes("one more thing");
    scene.now = scene.now.plus_ms(barrier::BARRIER_MS);
    scene.tell(Command::BarrierOverdue).unwrap();
    assert_eq!(scene.answer("r1"), (CallStatus::Refused, "new_customer_message".into()));
    assert!(!scene.is_resolved());
}

#[test]
fn a_customer_who_writes_afterwards_opens_it_as_the_company_wants() {
    let mut scene = resolved();
    scene.customer_writes("it broke again");
    assert_eq!((scene.room.lifecycle, scene.room.episode), (Lifecycle::Open, 2));
}

#[test]
fn the_customer_is_told_that_it_is_over_where_the_company_wants_that() {
    let mut scene = with_files();
    scene.company.settings.people.closing_message = Some("Thank you for writing.".into());
    let before = scene.room.version;
    scene.post(&[RESOLVE]);
    assert_eq!((scene.is_resolved(), scene.room.version), (true, before + 2), "a message, and the end");
    let mut there = with_files();
    there.company.settings.people.closing_message = Some("Thank you for writing.".into());
    there.company.channel = ChannelKind::Qontak;
    there.post(&[RESOLVE]);
    let before = there.room.version;
    done_there(&mut there);
    assert_eq!(there.room.version, before + 2, "the end, and its call's answer");
}

/// A conversation on WhatsApp whose resolve has its closing message on the way.
fn saying_goodbye() -> Scene {
    let mut scene = with_files();
    scene.company.settings.people.closing_message = Some("Thank you for writing.".into());
    scene.company.channel = ChannelKind::WhatsappCloud;
    let customer = Customer { handle: "6281200000009".into(), name: None };
    let _ = scene.tell(Command::Describe { channel: "whatsapp_cloud".into(), customer }).unwrap();
    scene.post(&[RESOLVE]);
    assert_eq!(scene.answer("r1").0, CallStatus::Running);
    scene
}

fn said(scene: &mut Scene) {
    let closing = Some(ClosingOutcome::Sent { message_id: "wamid.1".into() });
    let came_about = CameAbout::Resolved { reason_code: "answered".into(), note: None, closing };
    let settlement = Settlement::done(&ResultJson(r#"{"changed":true}"#.into()), came_about);
    scene.tell(Command::EffectSettled { call_id: CallId::trusted("r1"), attempt: 0, settlement }).unwrap();
}

#[test]
fn a_goodbye_that_is_on_its_way_closes_nothing_over_anybodys_head() {
    let mut scene = saying_goodbye();
    said(&mut scene);
    assert_eq!((scene.is_resolved(), scene.answer("r1").0), (true, CallStatus::Succeeded));
    let mut scene = saying_goodbye();
    scene.customer_writes("wait");
    said(&mut scene);
    assert_eq!((scene.is_resolved(), scene.answer("r1").1.as_str()), (false, "new_customer_message"));
    assert!(body(&scene, "r1")["error"]["message"].as_str().unwrap().contains("closing message was sent"));
    assert_eq!(scene.room.lifecycle, Lifecycle::Open, "the customer is to be answered");
    let mut scene = saying_goodbye();
    let (agent, agent_name, how) = (AgentId::trusted("agt_1"), "Ana".into(), TakenBy::Takeover);
    scene.tell(Command::TakeOver { agent, agent_name, how }).unwrap();
    said(&mut scene);
    assert_eq!((scene.is_resolved(), scene.answer("r1").1.as_str()), (false, "human_in_control"));
    // Somebody else closed it: it is as the model wants it.
    let mut scene = saying_goodbye();
    scene.tell(Command::Resolve { reason_code: "spam".into(), note: None }).unwrap();
    said(&mut scene);
    assert_eq!(
        (scene.answer("r1").0, &body(&scene, "r1")["result"]["changed"]),
        (CallStatus::Succeeded, &serde_json::json!(true))
    );
    assert_eq!(scene.room.resolution.as_ref().map(|end| end.reason_code.as_str()), Some("spam"));
}

#[test]
fn a_goodbye_that_the_channel_would_not_take_is_left_out() {
    let mut scene = with_files();
    scene.company.settings.people.closing_message = Some("Thank you for writing.".into());
    scene.company.channel = ChannelKind::WhatsappCloud;
    let _ = scene.tell(Command::Describe { channel: "whatsapp_cloud".into(), customer: Customer::default() }).unwrap();
    scene.now = scene.now.plus_ms(24 * 3_600_000);
    scene.post(&[RESOLVE]);
    let left_out = serde_json::json!({"status": "not_sent", "why": "window_closed"});
    assert_eq!((scene.is_resolved(), &body(&scene, "r1")["result"]["closing_message"]), (true, &left_out));
}
