//! The request that hands the conversation over may say goodbye once; no other call may, and not once a person is there by
//! their own doing.

use super::*;
use crate::room::{ChannelKind, Control, FileEntry, FileKey, Format};

const OTHER: &str = r#"{"attachment":"price-list"}"#;
pub(super) const FILE: &str = r#"{"attachment":"brochure","caption":"Goodbye, Ana goes on from here."}"#;

pub(super) fn with_files() -> Scene {
    let mut scene = Scene::new();
    let file = |key: &str| FileEntry {
        key: FileKey::new(key).unwrap(),
        version: 1,
        description: "".into(),
        sha256: key.into(),
        size: 1_000,
        format: Format::of_mime("application/pdf").unwrap(),
        filename: format!("{key}.pdf").into(),
    };
    scene.company.files = [file("brochure"), file("price-list")].into();
    scene
}

pub(super) fn sends(id: &'static str, file: &'static str) -> (&'static str, &'static str, &'static str) {
    (id, "send_attachment", file)
}

/// Whether the store would still let this call's effect begin.
fn may_begin(scene: &Scene, id: &str) -> bool {
    let effect = scene.room.effect(&CallId::trusted(id)).unwrap();
    let leave = effect.plan.leave.as_ref().filter(|leave| scene.now <= leave.until);
    effect.epoch == scene.room.epoch || leave.is_some_and(|leave| Some(leave.assignment) == scene.room.leave())
}

pub(super) fn sent(scene: &Scene) -> usize {
    scene.room.outside.as_ref().map_or(0, |outside| outside.sent.len())
}

#[test]
fn the_request_that_hands_over_sends_one_more_thing() {
    let mut scene = with_files();
    scene.post(&[ASSIGN, sends("s1", FILE), sends("s2", OTHER)]);
    assert_eq!(scene.answer("s1").0, CallStatus::Succeeded);
    assert_eq!(scene.answer("s2"), (CallStatus::Refused, "human_in_control".into()), "once");
    assert_eq!((sent(&scene), &scene.room.goodbye), (1, &None), "and it is said");
    // The customer still waits for somebody, and another request has no leave.
    scene.post(&[sends("s3", OTHER)]);
    assert_eq!(scene.answer("s3"), (CallStatus::Refused, "human_in_control".into()));
    scene.offer();
    scene.post(&[sends("s4", OTHER)]);
    assert_eq!(scene.answer("s4").1, "human_in_control");
}

#[test]
fn a_goodbye_that_is_refused_leaves_leave_to_the_next() {
    let mut scene = with_files();
    scene.post(&[ASSIGN, sends("s1", r#"{"attachment":"nothing"}"#), sends("s2", FILE)]);
    assert_eq!(scene.answer("s1").1, "unknown_attachment");
    assert_eq!(scene.answer("s2").0, CallStatus::Succeeded);
}

#[test]
fn leave_is_for_who_looked_when_the_request_began() {
    for (behind, status) in [(0, CallStatus::Succeeded), (1, CallStatus::Refused)] {
        let mut scene = with_files();
        let agent = AgentId::trusted("agt_1");
        scene.tell(Command::TakeOver { agent, agent_name: "Ana".into(), how: TakenBy::Takeover }).unwrap();
        scene.tell(Command::GiveBack { of: None, reason: None }).unwrap();
        let assign = scene.admitted(ASSIGN.0, ASSIGN.1, ASSIGN.2);
        let mut send = scene.admitted("s1", "send_attachment", FILE);
        send.call.seen.epoch = Some(scene.room.epoch - behind);
        scene.step(|turn| {
            turn.request_is(&[assign.clone(), send.clone()]);
            turn.call(&assign);
            turn.call(&send);
        });
        assert_eq!(scene.answer("s1").0, status, "{behind} behind");
    }
}

#[test]
fn what_was_asked_for_before_the_hand_over_is_the_last_word() {
    let mut scene = with_files();
    scene.company.channel = ChannelKind::Qontak;
    scene.post(&[sends("s1", FILE), ASSIGN, sends("s2", OTHER)]);
    assert!(may_begin(&scene, "s1"), "control moved by its own request");
    assert_eq!(scene.answer("s2").1, "human_in_control");
    // The assignment comes about, as it was asked for.
    scene.room.control = Control::Person { agent: AgentId::trusted("agt_1"), assignment: scene.room.assignment };
    scene.room.epoch += 1;
    assert!(may_begin(&scene, "s1"));
    scene.now = scene.now.plus_ms(crate::room::goodbye::LEAVE_MS + 1);
    assert!(!may_begin(&scene, "s1"), "too late to be a goodbye");
}

#[test]
fn a_person_who_comes_by_themselves_ends_it() {
    let agent = || AgentId::trusted("agt_1");
    let takes_over = Command::TakeOver { agent: agent(), agent_name: "Ana".into(), how: TakenBy::Takeover };
    let writes =
        Command::Message { message_id: "by-ana".into(), from: Writer::Agent, agent_id: Some(agent()), text: "Ana here".into() };
    for (given_first, command) in [(false, takes_over.clone()), (true, writes.clone()), (false, writes)] {
        let mut scene = with_files();
        scene.company.channel = ChannelKind::Qontak;
        scene.post(&[ASSIGN, sends("s1", FILE)]);
        assert!(may_begin(&scene, "s1"));
        if given_first {
            let (call_id, came_about) = (CallId::trusted("a1"), given_to_ana());
            let settlement = crate::room::Settlement::done(&crate::room::ResultJson("{}".into()), came_about);
            scene.tell(Command::EffectSettled { call_id, attempt: 0, settlement }).unwrap();
            assert_eq!(scene.room.assignee(), Some(&agent()));
            assert!(may_begin(&scene, "s1"), "who was given it has said nothing yet");
        }
        scene.tell(command).unwrap();
        assert!(!may_begin(&scene, "s1") && scene.room.goodbye.is_none());
        assert_eq!(scene.room.assignee(), Some(&agent()));
    }
}

fn given_to_ana() -> crate::room::CameAbout {
    crate::room::CameAbout::Assigned { agent_id: AgentId::trusted("agt_1"), agent_name: "Ana".into(), because: None }
}

#[test]
fn a_takeover_gives_no_leave() {
    let mut scene = with_files();
    let agent = AgentId::trusted("agt_1");
    scene.tell(Command::TakeOver { agent, agent_name: "Ana".into(), how: TakenBy::Takeover }).unwrap();
    scene.post(&[ASSIGN, sends("s1", FILE)]);
    assert_eq!(scene.answer("s1").1, "human_in_control");
}

#[test]
fn words_of_a_person_end_it_also_while_nobody_has_the_conversation() {
    let mut scene = with_files();
    scene.company.channel = ChannelKind::Qontak;
    scene.company.settings.people.reply_takes_over = false;
    scene.post(&[ASSIGN, sends("s1", FILE)]);
    assert!(may_begin(&scene, "s1"));
    let text = "Ana here".into();
    scene.tell(Command::Message { message_id: "by-ana".into(), from: Writer::Agent, agent_id: None, text }).unwrap();
    assert!(matches!(scene.room.control, Control::Queue(_)) && scene.room.goodbye.is_none());
    assert_eq!(scene.room.leave(), None, "nor does the store find one");
    assert!(!may_begin(&scene, "s1"));
}

#[test]
fn a_conversation_that_ended_and_opened_again_gives_it_to_nobody() {
    let mut scene = with_files();
    scene.company.channel = ChannelKind::Qontak;
    scene.post(&[ASSIGN, sends("s1", FILE)]);
    // Over there, by hand.
    let resolved = Command::Resolve { reason_code: "answered".into(), note: None };
    scene.step(|turn| turn.command(&resolved, &By::System, &Cause::Webhook(1))).unwrap();
    scene.customer_writes("one more question");
    assert_eq!((scene.is_resolved(), scene.room.leave()), (false, None));
    assert!(!may_begin(&scene, "s1"));
}

fn is_paused(scene: &mut Scene) {
    scene.tell(Command::Pause { reason: None }).unwrap();
}

fn is_approved(scene: &mut Scene, id: &str) {
    let (call_id, key_id) = (CallId::trusted(id), Arc::from("key_person"));
    scene.tell(Command::Approve { call_id, key_id, arguments: None }).unwrap();
}

#[test]
fn a_request_that_waited_in_a_paused_room_says_goodbye_all_the_same() {
    let mut scene = with_files();
    is_paused(&mut scene);
    scene.post(&[ASSIGN, sends("s1", FILE), sends("s2", OTHER)]);
    scene.post(&[sends("s3", OTHER)]);
    assert_eq!((scene.answer("a1").0, scene.answer("s1").0), (CallStatus::Parked, CallStatus::Parked));
    scene.now = scene.now.plus_ms(10 * 60_000);
    scene.tell(Command::Resume).unwrap();
    assert!(matches!(scene.room.control, Control::Queue(_)));
    assert_eq!((sent(&scene), scene.answer("s1").0), (1, CallStatus::Succeeded));
    let refused = (CallStatus::Refused, "human_in_control".into());
    assert_eq!((scene.answer("s2"), scene.answer("s3")), (refused.clone(), refused), "once, and not by another request");
    // What was sent before the hand-over was no goodbye.
    let mut scene = with_files();
    is_paused(&mut scene);
    scene.post(&[sends("s1", FILE), ASSIGN, sends("s2", OTHER)]);
    scene.tell(Command::Resume).unwrap();
    assert_eq!((sent(&scene), scene.answer("s2").0), (2, CallStatus::Succeeded));
}

#[test]
fn a_person_who_took_it_while_the_request_waited_hears_no_goodbye() {
    let mut scene = with_files();
    is_paused(&mut scene);
    scene.post(&[ASSIGN, sends("s1", FILE)]);
    let (agent, agent_name, how) = (AgentId::trusted("agt_1"), "Ana".into(), TakenBy::Takeover);
    scene.tell(Command::TakeOver { agent, agent_name, how }).unwrap();
    scene.tell(Command::Resume).unwrap();
    assert_eq!((scene.answer("s1").1.as_str(), sent(&scene)), ("human_in_control", 0));
}

#[test]
fn a_hand_over_that_somebody_had_to_allow_lets_go_what_its_request_has_under_way() {
    let mut scene = with_files();
    scene.company.channel = ChannelKind::Qontak;
    scene.company.settings.people.approvals = vec![ApprovalRule { action: "assign_agent".into(), argument: None, above: None }];
    scene.post(&[ASSIGN, sends("s1", FILE), sends("s2", OTHER)]);
    scene.post(&[sends("s3", OTHER)]);
    assert_eq!((scene.answer("a1").0, scene.answer("s1").0), (CallStatus::Parked, CallStatus::Running));
    is_approved(&mut scene, "a1");
    assert!(matches!(scene.room.control, Control::Queue(_)));
    assert!(may_begin(&scene, "s1"), "one of them");
    assert!(!may_begin(&scene, "s2") && scene.room.effect(&CallId::trusted("s3")).is_none_or(|_| !may_begin(&scene, "s3")));
}

#[test]
fn a_request_that_waited_does_not_resolve_what_it_handed_over() {
    let mut scene = with_files();
    is_paused(&mut scene);
    scene.post(&[RESOLVE, ASSIGN]);
    scene.tell(Command::Resume).unwrap();
    assert_eq!(scene.answer("r1").0, CallStatus::Parked, "it waits for what it is beside");
    scene.offer();
    assert_eq!(scene.answer("r1"), (CallStatus::Refused, "human_in_control".into()));
    assert!(!scene.is_resolved());
    // And sends before it ends.
    let mut scene = with_files();
    scene.company.channel = ChannelKind::Qontak;
    is_paused(&mut scene);
    scene.post(&[RESOLVE, sends("s1", FILE)]);
    scene.tell(Command::Resume).unwrap();
    assert_eq!((scene.answer("r1").0, scene.answer("s1").0), (CallStatus::Parked, CallStatus::Running));
}
