//! While a person types, what the AI agent would send waits: it is sent when they stop, refused when they take over or do not
//! stop, and never comes between their words.

use super::goodbye::{FILE, sends, sent, with_files};
use super::*;
use crate::actors::ports::{TimerChange, TimerKind};

fn types(scene: &mut Scene) -> bool {
    scene.tell(Command::Typing { agent: Some(AgentId::trusted("agt_1")) }).unwrap().changed
}

/// When the clock is asked to come back for a call that waits.
fn due(scene: &mut Scene, command: Command) -> Option<Timestamp> {
    scene.step(|turn| {
        let _ = turn.command(&command, &By::System, &Cause::Timer("test"));
        turn.timers().into_iter().find_map(|change| match change {
            TimerChange::Set { kind: TimerKind::Typing, due, .. } => Some(due),
            _ => None,
        })
    })
}

fn held() -> Scene {
    let mut scene = with_files();
    assert!(types(&mut scene));
    scene.post(&[sends("s1", FILE), TAG]);
    assert_eq!((scene.answer("s1").0, scene.answer("t1").0), (CallStatus::Parked, CallStatus::Succeeded));
    scene
}

#[test]
fn what_waited_is_sent_when_the_person_stops() {
    let mut scene = held();
    scene.now = scene.now.plus_ms(14_999);
    scene.tell(Command::TypingOver).unwrap();
    assert_eq!(sent(&scene), 0);
    scene.now = scene.now.plus_ms(1);
    scene.tell(Command::TypingOver).unwrap();
    assert_eq!((scene.answer("s1").0, sent(&scene)), (CallStatus::Succeeded, 1));
}

#[test]
fn who_types_on_is_not_waited_for_longer_than_half_a_minute() {
    let mut scene = held();
    let begun = scene.now;
    scene.now = begun.plus_ms(10_000);
    assert_eq!(due(&mut scene, Command::Typing { agent: None }), Some(begun.plus_ms(25_000)), "it is put off");
    scene.now = begun.plus_ms(20_000);
    assert_eq!(due(&mut scene, Command::Typing { agent: None }), Some(begun.plus_ms(30_000)), "and not for ever");
    scene.now = begun.plus_ms(30_000);
    scene.tell(Command::TypingOver).unwrap();
    assert_eq!(scene.answer("s1"), (CallStatus::Refused, "human_active".into()));
    assert_eq!(sent(&scene), 0);
}

#[test]
fn who_writes_takes_over_and_what_waited_is_refused_at_once() {
    let mut scene = held();
    let agent_id = Some(AgentId::trusted("agt_1"));
    scene.tell(Command::Message { message_id: "w".into(), from: Writer::Agent, agent_id, text: "Ana here".into() }).unwrap();
    assert_eq!(scene.answer("s1"), (CallStatus::Refused, "human_in_control".into()));
    assert_eq!((sent(&scene), scene.room.typing_until), (0, None), "it is written");
}

#[test]
fn a_key_is_not_an_event_each() {
    let mut scene = with_files();
    let version = scene.room.version;
    assert!(types(&mut scene) && !types(&mut scene));
    scene.now = scene.now.plus_ms(4_000);
    assert!(!types(&mut scene));
    scene.now = scene.now.plus_ms(1_000);
    assert!(types(&mut scene));
    assert_eq!(scene.room.version, version + 2);
    scene.company.settings.people.typing_hold_s = 0;
    scene.now = scene.now.plus_ms(60_000);
    assert!(!types(&mut scene), "as the company wants it");
    scene.post(&[sends("s2", FILE)]);
    assert_eq!(scene.answer("s2").0, CallStatus::Succeeded);
}

#[test]
fn a_company_that_lets_it_send_while_a_person_controls_still_waits_for_their_words() {
    let mut scene = held();
    scene.company.settings.people.while_person_controls.send = WhilePerson::Allow;
    let agent = AgentId::trusted("agt_1");
    scene.tell(Command::TakeOver { agent, agent_name: "Ana".into(), how: TakenBy::Takeover }).unwrap();
    assert_eq!(scene.answer("s1").0, CallStatus::Parked);
    scene.now = scene.now.plus_ms(15_000);
    scene.tell(Command::TypingOver).unwrap();
    assert_eq!(scene.answer("s1").0, CallStatus::Succeeded);
}
