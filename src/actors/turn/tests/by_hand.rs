//! What people do by a button to a conversation that lives in its channel's own inbox, and to one that lives here.

use super::*;
use crate::room::{CameAbout, ChannelKind, EffectKind, OpenEffect, ResultJson, Settlement};

fn in_an_inbox() -> Scene {
    let mut scene = Scene::new();
    scene.company.channel = ChannelKind::Qontak;
    scene
}

fn taken() -> Command {
    Command::TakeOver { agent: AgentId::trusted("agt_1"), agent_name: "Ana".into(), how: TakenBy::Takeover }
}

fn resolves() -> Command {
    Command::Resolve { reason_code: "answered".into(), note: Some("all is well".into()) }
}

fn tags(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn effects(scene: &Scene) -> Vec<OpenEffect> {
    scene.room.outside.as_ref().map_or_else(Vec::new, |outside| outside.effects.clone())
}

/// Its one effect came to this there.
fn done(scene: &mut Scene, call_id: &CallId, came_about: Option<CameAbout>) {
    let settlement = Settlement { came_about, ..Settlement::succeeded(&ResultJson("{}".into()), None) };
    scene.tell(Command::EffectSettled { call_id: call_id.clone(), attempt: 0, settlement }).unwrap();
    assert_eq!(scene.answer(call_id.as_str()).0, CallStatus::Succeeded);
    assert!(effects(scene).is_empty());
}

#[test]
fn tags_and_the_end_are_so_when_they_are_so_there() {
    let mut scene = in_an_inbox();
    let told = scene.tell(Command::Tag { tags: tags(&["vip", " VIP "]) }).unwrap();
    let call_id = told.call_id.unwrap();
    assert_eq!((told.changed, scene.room.tags.len(), effects(&scene)[0].plan.kind), (true, 0, EffectKind::Tags));
    let (key, call) = scene.open.iter().next().map(|(key, admitted)| (*key, admitted.call.clone())).unwrap();
    assert_eq!((key, &*call.arguments, call.ai_agent), (CallKey::of(CompanyNo(1), &call_id), r#"{"tags":["vip"]}"#, None));
    done(&mut scene, &call_id, Some(CameAbout::Tagged { tags: tags(&["vip"]) }));
    assert_eq!(scene.room.tags.len(), 1);
    let again = scene.tell(Command::Tag { tags: tags(&["vip"]) }).unwrap();
    assert_eq!((again.changed, again.call_id), (false, None));
    // How one is taken off there is not known.
    assert_eq!(scene.tell(Command::Untag { tags: tags(&["vip"]) }).unwrap_err().code, "done_in_channel");
    assert!(!scene.tell(Command::Untag { tags: tags(&["other"]) }).unwrap().changed);

    let call_id = scene.tell(resolves()).unwrap().call_id.unwrap();
    assert!(!scene.is_resolved());
    let (reason_code, note) = ("answered".to_owned(), Some("all is well".to_owned()));
    done(&mut scene, &call_id, Some(CameAbout::Resolved { reason_code, note, closing: None }));
    assert!(scene.is_resolved());
    assert_eq!(scene.tell(resolves()).unwrap().call_id, None);
}

#[test]
fn control_moves_at_once_and_its_inbox_follows() {
    let mut scene = in_an_inbox();
    let call_id = scene.tell(taken()).unwrap().call_id.unwrap();
    assert_eq!(scene.room.assignee(), Some(&AgentId::trusted("agt_1")));
    let effect = effects(&scene).remove(0);
    assert_eq!((effect.plan.kind, effect.plan.fenced, effect.epoch), (EffectKind::Assignment, true, scene.room.epoch));
    let agent_id = AgentId::trusted("agt_1");
    done(&mut scene, &call_id, Some(CameAbout::Assigned { agent_id, agent_name: "Ana".into(), because: None }));
    assert_eq!(scene.room.assignee(), Some(&AgentId::trusted("agt_1")));

    let call_id = scene.tell(Command::GiveBack { of: None, reason: Some("done".into()) }).unwrap().call_id.unwrap();
    assert_eq!(scene.room.control, Control::Bot);
    let effect = effects(&scene).remove(0);
    assert_eq!((effect.name.as_str(), effect.epoch), ("return_conversation", scene.room.epoch));
    done(&mut scene, &call_id, None);
    assert_eq!(scene.room.control, Control::Bot);
    // A silence does the same.
    scene.tell(taken()).unwrap();
    scene.company.settings.people.return_to_bot_after_s = 60;
    scene.now = scene.now.plus_ms(60_000);
    let silent = |turn: &mut Turn<'_>| turn.command(&Command::PersonSilent, &By::System, &Cause::Timer("silence"));
    assert!(scene.step(silent).unwrap().call_id.is_some());
    assert_eq!(scene.room.control, Control::Bot);
}

#[test]
fn what_was_told_from_there_is_not_told_there() {
    let mut scene = in_an_inbox();
    let told = [taken(), Command::Tag { tags: tags(&["vip"]) }, Command::GiveBack { of: None, reason: None }, resolves()];
    for command in told {
        let heard = |turn: &mut Turn<'_>| turn.command(&command, &By::System, &Cause::Webhook(1));
        let answer = scene.step(heard).unwrap();
        assert_eq!((answer.changed, answer.call_id), (true, None), "{command:?}");
    }
    assert!(effects(&scene).is_empty() && scene.is_resolved());
    let mut here = Scene::new();
    for command in [taken(), Command::Tag { tags: tags(&["vip"]) }, resolves()] {
        assert_eq!(here.tell(command).unwrap().call_id, None);
    }
    assert!(here.is_resolved() && here.room.tags.len() == 1);
}

/// Its one effect was refused there.
fn refused_there(scene: &mut Scene, call_id: &CallId) {
    let refusal = Refusal::new("unknown_agent", crate::room::Next::WaitForHuman, "Nobody there.");
    let settlement = Settlement::error(CallStatus::Refused, &refusal);
    scene.tell(Command::EffectSettled { call_id: call_id.clone(), attempt: 0, settlement }).unwrap();
    assert_eq!(scene.answer(call_id.as_str()), (CallStatus::Refused, "unknown_agent".into()));
}

#[test]
fn what_its_inbox_refused_stands_here_and_is_known_as_long_as_it_is_so() {
    let mut scene = in_an_inbox();
    let call_id = scene.tell(taken()).unwrap().call_id.unwrap();
    refused_there(&mut scene, &call_id);
    assert_eq!(scene.room.assignee(), Some(&AgentId::trusted("agt_1")));
    let told = scene.room.not_there().unwrap();
    assert_eq!((&told.call_id, told.status, told.code.as_deref()), (&call_id, CallStatus::Refused, Some("unknown_agent")));
    // Her button tells it once more; when it is so, nothing differs.
    let call_id = scene.tell(taken()).unwrap().call_id.unwrap();
    let came = || CameAbout::Assigned { agent_id: AgentId::trusted("agt_1"), agent_name: "Ana".into(), because: None };
    done(&mut scene, &call_id, Some(came()));
    assert_eq!(scene.room.not_there(), None);
    assert_eq!(scene.tell(taken()).unwrap().call_id, None, "she has it, here and there");
    // Given back here, and not there.
    let call_id = scene.tell(Command::GiveBack { of: None, reason: None }).unwrap().call_id.unwrap();
    refused_there(&mut scene, &call_id);
    assert_eq!((&scene.room.control, &scene.room.not_there().unwrap().call_id), (&Control::Bot, &call_id));
    // An AI agent's assignment that comes to nothing is no such thing.
    scene.post(&[ASSIGN]);
    assert_eq!(scene.room.not_there(), None);
    refused_there(&mut scene, &CallId::trusted("a1"));
    assert_eq!((&scene.room.control, scene.room.not_there()), (&Control::Bot, None));
    // Somebody is given it there after all: that is news.
    let call_id = scene.tell(taken()).unwrap().call_id.unwrap();
    refused_there(&mut scene, &call_id);
    let heard = Command::TakeOver { agent: AgentId::trusted("agt_1"), agent_name: "Ana".into(), how: TakenBy::Assignment };
    let heard = |turn: &mut Turn<'_>| turn.command(&heard, &By::System, &Cause::Webhook(1));
    assert!(scene.step(heard).unwrap().changed);
    assert_eq!(scene.room.not_there(), None);
}
