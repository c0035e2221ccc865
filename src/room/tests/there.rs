//! Stories of a room that lives in its channel's own inbox: what is told of it there, while we have something done there too.

use super::hand_over::RESOLVED_THERE;
use super::*;

fn somebody(name: &str) -> AgentId {
    AgentId::trusted(name)
}

fn call() -> CallId {
    CallId::trusted("c1")
}

fn in_an_inbox() -> Scene {
    let mut scene = Scene::open();
    scene.company.channel = ChannelKind::Qontak;
    scene.says(Writer::Customer, "hello");
    scene
}

fn asks(scene: &mut Scene, name: &str, plan: EffectPlan) {
    scene.happens(Fact::EffectRequested { call_id: call(), name: name.into(), plan });
}

fn settles(scene: &mut Scene, settlement: Settlement) -> Vec<Fact> {
    scene.tell(Command::EffectSettled { call_id: call(), attempt: 0, settlement })
}

fn told_of(agent: &str) -> Command {
    Command::TakeOver { agent: somebody(agent), agent_name: agent.into(), how: TakenBy::Assignment }
}

/// An AI agent has asked for somebody.
fn handing_over(target: AssignTarget, fenced: bool) -> Scene {
    let mut scene = in_an_inbox();
    let assignment = scene.room.assignment + 1;
    scene.happens(Fact::RoomQueued { target, assignment, reason: None, leaves: false, but: None, there: true });
    let plan = EffectPlan { target: Some(assignment.to_string()), ..EffectPlan::absolute(EffectKind::Assignment, fenced) };
    asks(&mut scene, "assign_agent", plan);
    scene
}

fn submits(scene: &mut Scene, hands_to: Option<&str>) -> Result<Vec<Fact>, &'static str> {
    let command = Command::Submit { call_id: call(), attempt: 0, hands_to: hands_to.map(somebody) };
    let facts = scene.hear(&command).map_err(|refusal| refusal.code)?;
    facts.iter().cloned().for_each(|fact| scene.happens(fact));
    Ok(facts)
}

#[test]
fn whom_somebody_else_chose_has_it_and_whom_we_send_in_is_no_news() {
    let billing = || AssignTarget::Division { division: DivisionId::trusted("billing") };
    for target in [billing(), AssignTarget::Auto] {
        // We have not said a word there.
        let mut scene = handing_over(target.clone(), true);
        let epoch = scene.room.epoch;
        assert!(matches!(&scene.tell(told_of("raka"))[..], [Fact::RoomTaken { .. }]), "{target:?}");
        assert_eq!((scene.room.assignee(), scene.room.epoch), (Some(&somebody("raka")), epoch + 1));
        // We send Lala in, and hear of it.
        let mut scene = handing_over(target.clone(), true);
        assert_eq!(submits(&mut scene, Some("lala")).unwrap().len(), 1);
        assert_eq!(submits(&mut scene, Some("lala")), Ok(vec![]), "asked again");
        assert_eq!(scene.tell(told_of("lala")), vec![]);
        assert!(matches!(&scene.tell(told_of("raka"))[..], [Fact::RoomTaken { .. }]), "and he came beside her");
        // The channel chooses: whoever comes may be whom it chose.
        let mut scene = handing_over(target, true);
        assert_eq!(submits(&mut scene, None).unwrap().len(), 1);
        assert_eq!(scene.tell(told_of("raka")), vec![]);
    }
    // Who was asked for by name needs no mark.
    let mut scene = handing_over(AssignTarget::Agent { agent: somebody("lala") }, true);
    assert_eq!(scene.tell(told_of("lala")), vec![]);
}

#[test]
fn what_was_decided_later_is_not_undone_by_an_assignment_without_a_fence() {
    let mut scene = handing_over(AssignTarget::Auto, false);
    scene.tell(told_of("raka"));
    assert_eq!(submits(&mut scene, Some("lala")), Err("superseded"));
    assert_eq!(submits(&mut scene, Some("raka")), Ok(vec![]));
    // With one the store's mark decides.
    let mut scene = handing_over(AssignTarget::Auto, true);
    scene.tell(told_of("raka"));
    assert_eq!(submits(&mut scene, Some("lala")), Ok(vec![]));
}

fn resolving() -> Scene {
    let mut scene = in_an_inbox();
    asks(&mut scene, "resolve_conversation", EffectPlan::absolute(EffectKind::Resolution, true));
    scene
}

fn resolves_there() -> Command {
    Command::Resolve { reason_code: RESOLVED_THERE.into(), note: None }
}

fn done() -> Settlement {
    let came_about = CameAbout::Resolved { reason_code: "answered".into(), note: None, closing: None };
    Settlement::done(&ResultJson("{}".into()), came_about)
}

fn reason(scene: &Scene) -> Option<&str> {
    scene.room.resolution.as_ref().map(|end| end.reason_code.as_str())
}

#[test]
fn what_people_closed_while_we_did_is_closed_whatever_becomes_of_ours() {
    let nothing = || Settlement::error(CallStatus::Refused, &Refusal::new("human_in_control", Next::WaitForHuman, "No."));
    let mut scene = resolving();
    assert_eq!(scene.tell(resolves_there()), vec![Fact::ResolvedThere]);
    assert_eq!(scene.tell(resolves_there()), vec![], "told twice");
    settles(&mut scene, nothing());
    assert_eq!(reason(&scene), Some(RESOLVED_THERE));
    // Ours says so itself, with its own reason, once.
    let mut scene = resolving();
    scene.tell(resolves_there());
    settles(&mut scene, done());
    assert_eq!(reason(&scene), Some("answered"));
    // Nobody closed it.
    let mut scene = resolving();
    assert_eq!(settles(&mut scene, nothing()), vec![]);
    // Its customer wrote since: it is open there too.
    let mut scene = resolving();
    scene.tell(resolves_there());
    scene.says(Writer::Customer, "wait");
    assert_eq!(settles(&mut scene, nothing()), vec![]);
}

#[test]
fn who_wrote_while_their_conversation_was_closed_is_not_closed_away() {
    let mut scene = resolving();
    scene.says(Writer::Customer, "wait, one more thing");
    settles(&mut scene, done());
    assert_eq!((scene.room.lifecycle, &scene.room.control, scene.room.episode), (Lifecycle::Open, &Control::Bot, 2));
    assert_eq!(scene.tell(resolves_there()), vec![], "that was ours");
    // The next word opens it there as well, and the next end is one.
    scene.says(Writer::Customer, "hello?");
    assert_eq!(scene.tell(resolves_there()).len(), 1);
    let mut scene = resolving();
    scene.says(Writer::Customer, "thanks!");
    settles(&mut scene, done());
    assert!(matches!(scene.room.lifecycle, Lifecycle::Resolved { .. }));
}

#[test]
fn a_reaction_moves_nothing() {
    let mut scene = in_an_inbox();
    let reacts = |id: &str| Command::Heard {
        message_id: id.into(),
        from: Writer::Customer,
        agent_id: None,
        text: "[reaction: \u{1f44d}]".into(),
        moves: Moves::Aside,
        said_at: None,
    };
    let (read, wrote_at) = (scene.room.last_inbound_seq, scene.room.customer_wrote_at);
    scene.now = at(5);
    assert!(matches!(&scene.tell(reacts("r1"))[..], [Fact::MessageReceived { aside: true, .. }]));
    assert_eq!((scene.room.last_inbound_seq, scene.room.customer_wrote_at), (read, wrote_at));
    assert_eq!(scene.room.last_inbound_preview, "hello");
    scene.resolve();
    scene.tell(reacts("r2"));
    assert!(matches!(scene.room.lifecycle, Lifecycle::Resolved { .. }) && scene.room.episode == 1);
}
