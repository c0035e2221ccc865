//! Stories of people and timers around one room: who has it, who gets it next, and when it opens again.

use super::*;

fn ana() -> AgentId {
    AgentId::trusted("agt_1")
}

fn takes_over(agent: &str) -> Command {
    Command::TakeOver { agent: AgentId::trusted(agent), agent_name: agent.into(), how: TakenBy::Takeover }
}

fn held_by_ana() -> Scene {
    let mut scene = Scene::open();
    scene.tell(takes_over("agt_1"));
    scene
}

#[test]
fn taking_over_moves_control_once_and_giving_back_returns_it() {
    let mut scene = Scene::open();
    let epoch = scene.room.epoch;
    scene.tell(takes_over("agt_1"));
    assert_eq!((scene.room.assignee(), scene.room.epoch), (Some(&ana()), epoch + 1));
    assert_eq!(scene.tell(takes_over("agt_1")), vec![], "she has it already");
    scene.tell(takes_over("agt_9"));
    assert_eq!(scene.room.epoch, epoch + 2);
    assert_eq!(scene.room.staffed.as_ref().unwrap().last_agent, Some(ana()));
    assert_eq!(scene.tell(Command::GiveBack { of: Some(ana()), reason: None }), vec![], "it is not hers any more");
    scene.tell(Command::GiveBack { of: None, reason: None });
    assert_eq!((&scene.room.control, scene.room.epoch), (&Control::Bot, epoch + 3));
    scene.resolve();
    assert_eq!(scene.hear(&takes_over("agt_1")).unwrap_err().code, "room_resolved");
}

#[test]
fn what_comes_back_to_the_ai_agent_is_told_until_somebody_else_has_it() {
    let mut scene = Scene::open();
    let told = |scene: &Scene| crate::room::came_back::notice(&scene.room);
    let ana_takes_it = Command::TakeOver { agent: ana(), agent_name: "Ana".into(), how: TakenBy::Takeover };
    scene.tell(ana_takes_it.clone());
    assert_eq!(told(&scene), None, "it is hers");
    scene.now = at(20);
    scene.says(Writer::Agent, "You get it back on Friday");
    scene.tell(Command::GiveBack { of: None, reason: None });
    let (from, until) = (at(0).to_text(), at(20).to_text());
    let notice = told(&scene).unwrap();
    for part in ["(Ana)", &from, &until, "\"You get it back on Friday\"", "yours again"] {
        assert!(notice.contains(part), "{part}: {notice}");
    }
    // Of one whose name nobody told only what is known.
    scene.tell(takes_over("agt_9"));
    scene.tell(Command::GiveBack { of: None, reason: None });
    let notice = told(&scene).unwrap();
    assert!(notice.starts_with("A colleague had") && !notice.contains("agt_9") && !notice.contains("Friday"), "{notice}");
    // It is over when the conversation is somebody else's, or a day later.
    scene.tell(ana_takes_it);
    assert_eq!(told(&scene), None);
    scene.tell(Command::GiveBack { of: None, reason: None });
    assert!(told(&scene).is_some());
    scene.now = at(20 + 25 * 60);
    scene.says(Writer::Customer, "still there?");
    assert_eq!(told(&scene), None);
}

#[test]
fn who_answers_the_customer_takes_the_conversation() {
    let mut scene = Scene::open();
    let reply = |text: &str, agent: Option<AgentId>| Command::Message {
        message_id: text.into(),
        from: Writer::Agent,
        agent_id: agent,
        text: text.into(),
    };
    scene.tell(reply("1", Some(ana())));
    assert_eq!(scene.room.assignee(), Some(&ana()));
    let epoch = scene.room.epoch;
    scene.tell(reply("2", Some(ana())));
    scene.tell(reply("3", None));
    assert_eq!(scene.room.epoch, epoch, "whoever wrote without a name was she");
    scene.tell(Command::GiveBack { of: None, reason: None });
    scene.company.settings.people.reply_takes_over = false;
    scene.tell(reply("4", Some(ana())));
    assert_eq!(scene.room.control, Control::Bot, "as the company wants it");
}

#[test]
fn a_silent_person_loses_the_room_three_times_and_then_it_waits() {
    let mut scene = held_by_ana();
    scene.company.settings.people.idle_reassign_s = 60;
    let others = (2..5).map(|n| Agent { id: AgentId::trusted(&format!("agt_{n}")), ..scene.company.agents[0].clone() });
    let others: Vec<Agent> = others.collect();
    scene.company.agents.extend(others);
    for turn in 0..hand_over::MOST_IDLE_MOVES {
        scene.says(Writer::Customer, "hello?");
        scene.now = scene.now.plus_ms(59_000);
        assert_eq!(scene.tell(Command::PersonIdle), vec![], "not yet");
        scene.now = scene.now.plus_ms(1_000);
        scene.tell(Command::PersonIdle);
        let wanted = scene.room.wanted().expect("the next one is looked for").clone();
        assert!(scene.room.assignee().is_some(), "she keeps it until somebody else has it");
        assert_eq!(wanted.but.as_ref(), scene.room.assignee());
        let agent = AgentId::trusted(&format!("agt_{}", turn + 2));
        let assignment = wanted.assignment;
        scene.tell(Command::Offer { agent, agent_name: "x".into(), assignment, because: None });
    }
    scene.now = scene.now.plus_ms(60_000);
    scene.tell(Command::PersonIdle);
    assert!(matches!(scene.room.control, Control::Queue(_)), "{:?}", scene.room.control);
    assert_eq!(scene.tell(Command::PersonIdle), vec![]);
}

#[test]
fn who_answers_is_not_idle() {
    let mut scene = held_by_ana();
    scene.company.settings.people.idle_reassign_s = 60;
    scene.says(Writer::Customer, "hello?");
    scene.says(Writer::Agent, "here I am");
    scene.now = scene.now.plus_ms(600_000);
    assert_eq!(scene.tell(Command::PersonIdle), vec![]);
}

#[test]
fn silence_gives_the_conversation_back_only_where_that_is_wanted() {
    let mut scene = held_by_ana();
    scene.now = scene.now.plus_ms(3_600_000);
    assert_eq!(scene.tell(Command::PersonSilent), vec![]);
    scene.company.settings.people.return_to_bot_after_s = 300;
    scene.says(Writer::Agent, "one moment");
    scene.now = scene.now.plus_ms(299_000);
    assert_eq!(scene.tell(Command::PersonSilent), vec![]);
    scene.now = scene.now.plus_ms(1_000);
    scene.tell(Command::PersonSilent);
    assert_eq!(scene.room.control, Control::Bot);
}

#[test]
fn somebody_who_is_gone_leaves_the_room_in_the_queue() {
    let mut scene = held_by_ana();
    let gone = |agent: &str| Command::Requeue { agent: AgentId::trusted(agent), why: "offline" };
    assert_eq!(scene.tell(gone("agt_9")), vec![]);
    scene.tell(gone("agt_1"));
    assert!(matches!(scene.room.control, Control::Queue(_)));
    assert_eq!(scene.tell(gone("agt_1")), vec![]);
}

#[test]
fn thanks_do_not_open_a_resolved_conversation_and_a_question_does() {
    let mut scene = Scene::open();
    scene.says(Writer::Customer, "hello");
    scene.resolve();
    scene.says(Writer::Customer, "thank you!");
    assert!(matches!(scene.room.lifecycle, Lifecycle::Resolved { .. }));
    assert_eq!(scene.room.last_inbound_seq, scene.room.version, "it was heard");
    scene.says(Writer::Customer, "but where is it?");
    assert_eq!((scene.room.lifecycle, scene.room.episode), (Lifecycle::Open, 2));
    scene.resolve();
    scene.now = scene.now.plus_ms(25 * 3_600_000);
    scene.says(Writer::Customer, "thanks");
    assert_eq!(scene.room.episode, 3, "a day later it is a new conversation");
}

#[test]
fn tags_come_and_go_and_the_room_is_their_fold() {
    let mut scene = Scene::open();
    let tag = |names: &[&str]| Command::Tag { tags: names.iter().map(|name| (*name).to_owned()).collect() };
    let untag = |names: &[&str]| Command::Untag { tags: names.iter().map(|name| (*name).to_owned()).collect() };
    scene.tell(tag(&["VIP", "late", "vip "]));
    scene.tell(untag(&["Vip", "unknown"]));
    let shown: Vec<&str> = scene.room.tags.iter().map(|tag| tag.shown.as_str()).collect();
    assert_eq!(shown, ["late"]);
    assert_eq!(scene.tell(untag(&["vip"])), vec![]);
    assert_eq!(scene.hear(&tag(&["a,b"])).unwrap_err().code, "argument_invalid");
}

#[test]
fn resolving_by_hand_keeps_who_had_it() {
    let mut scene = held_by_ana();
    let command = Command::Resolve { reason_code: "answered".into(), note: None };
    scene.tell(command.clone());
    assert_eq!(scene.room.resolution.as_ref().unwrap().handled_by, Some(ana()));
    assert_eq!(scene.tell(command), vec![]);
}

#[test]
fn what_the_channel_did_becomes_facts_and_a_takeover_in_between_wins() {
    let mut scene = Scene::open();
    let (call_id, plan) = (CallId::trusted("c1"), EffectPlan::absolute(EffectKind::Assignment, true));
    let queued = |scene: &Scene| Fact::RoomQueued {
        target: AssignTarget::Auto,
        assignment: scene.room.assignment + 1,
        reason: None,
        leaves: false,
        but: None,
        there: true,
    };
    let asked = Fact::EffectRequested { call_id: call_id.clone(), name: "assign_agent".into(), plan };
    scene.happens(queued(&scene));
    scene.happens(asked);
    assert_eq!(scene.room.wanted(), None, "our roster is not asked");
    let came_about = CameAbout::Assigned { agent_id: ana(), agent_name: "Ana".into(), because: None };
    let settlement = Settlement::done(&ResultJson("{}".into()), came_about);
    let settled = Command::EffectSettled { call_id, attempt: 0, settlement };
    let mut other = Scene { room: scene.room.clone(), company: scene.company.clone(), journal: vec![], now: scene.now };
    scene.tell(settled.clone());
    assert_eq!(scene.room.assignee(), Some(&ana()));
    other.tell(takes_over("agt_9"));
    assert_eq!(other.tell(settled), vec![]);
    assert_eq!(other.room.assignee(), Some(&AgentId::trusted("agt_9")));
}

#[test]
fn an_assignment_the_channel_refused_leaves_the_room_with_the_ai_agent() {
    let mut scene = Scene::open();
    let (call_id, plan) = (CallId::trusted("c1"), EffectPlan::absolute(EffectKind::Assignment, true));
    scene.happens(Fact::RoomQueued {
        target: AssignTarget::Auto,
        assignment: 1,
        reason: None,
        leaves: false,
        but: None,
        there: true,
    });
    scene.happens(Fact::EffectRequested { call_id: call_id.clone(), name: "assign_agent".into(), plan });
    let refusal = Refusal::new("no_one_available", Next::DoNotRetry, "Nobody is there.");
    scene.tell(Command::EffectSettled { call_id, attempt: 0, settlement: Settlement::error(CallStatus::Refused, &refusal) });
    assert_eq!(scene.room.control, Control::Bot);
}

#[test]
fn a_hand_over_that_never_counted_takes_none_away() {
    let mut scene = Scene::open();
    scene.room.hand_overs = 2;
    // Asked for by a person's call, or by the room itself.
    let assignment = scene.queue();
    scene.happens(Fact::AssignmentDropped { assignment });
    assert_eq!((scene.room.hand_overs, &scene.room.control), (2, &Control::Bot));
}

/// Ana is in the directory, with this status.
fn she_is(scene: &mut Scene, status: Presence) {
    let (name, email, divisions) = ("Ana".to_owned(), String::new(), vec![DivisionId::trusted("div_1")]);
    scene.company.agents = vec![Agent { id: ana(), name, email, divisions, status, capacity: 5 }];
}

#[test]
fn a_customer_is_not_left_with_somebody_who_is_not_there() {
    let later = |status: Presence, policy: OfflinePolicy, after_ms: i64| {
        let mut scene = held_by_ana();
        she_is(&mut scene, status);
        scene.company.settings.people.on_offline = policy;
        scene.now = scene.now.plus_ms(after_ms);
        scene.says(Writer::Customer, "hello?");
        scene.room.control
    };
    let next = OfflinePolicy::RequeueOnNextMessage;
    let Control::Queue(wanted) = later(Presence::Offline, next, 60_000) else { panic!("she keeps it") };
    assert_eq!(wanted.target, AssignTarget::Division { division: DivisionId::trusted("div_1") }, "somebody of hers is asked");
    assert!(matches!(later(Presence::Away, next, 60_000), Control::Queue(_)));
    for (status, policy, after_ms) in [
        (Presence::Online, next, 60_000),
        (Presence::Offline, next, 59_999),
        (Presence::Offline, OfflinePolicy::Keep, 60_000),
        (Presence::Offline, OfflinePolicy::RequeueNow, 60_000),
    ] {
        assert!(matches!(later(status, policy, after_ms), Control::Person { .. }), "{status:?} {policy:?} {after_ms}");
    }
    let mut stranger = held_by_ana();
    stranger.now = stranger.now.plus_ms(600_000);
    stranger.says(Writer::Customer, "hello?");
    assert_eq!(stranger.room.assignee(), Some(&ana()), "whom we do not know, the channel may");
}

#[test]
fn whoever_has_it_after_the_ai_agent_may_be_asked_as_often_again() {
    let mut scene = held_by_ana();
    scene.company.settings.people.idle_reassign_s = 60;
    scene.says(Writer::Customer, "hello?");
    scene.now = scene.now.plus_ms(60_000);
    scene.tell(Command::PersonIdle);
    assert_eq!(scene.room.staffed.as_ref().unwrap().idle_moves, 1);
    scene.tell(Command::GiveBack { of: None, reason: None });
    assert_eq!(scene.room.staffed.as_ref().unwrap().idle_moves, 0);
}

#[test]
fn who_waits_for_somebody_who_was_removed_waits_for_anyone() {
    let mut scene = Scene::open();
    let (target, assignment) = (AssignTarget::Agent { agent: ana() }, scene.room.assignment + 1);
    scene.happens(Fact::RoomQueued { target, assignment, reason: None, leaves: false, but: None, there: false });
    let gone = Command::Requeue { agent: ana(), why: "removed" };
    she_is(&mut scene, Presence::Offline);
    assert_eq!(scene.tell(gone.clone()), vec![], "she is only away");
    scene.company.agents.clear();
    scene.tell(gone);
    assert_eq!(scene.room.wanted().map(|wanted| &wanted.target), Some(&AssignTarget::Auto));
}

#[test]
fn whose_inbox_it_is_says_who_is_there() {
    let mut scene = held_by_ana();
    scene.company.channel = ChannelKind::Qontak;
    scene.company.agents[0].status = Presence::Offline;
    scene.company.settings.people.idle_reassign_s = 60;
    scene.now = scene.now.plus_ms(3_600_000);
    scene.says(Writer::Customer, "are you there?");
    assert_eq!(scene.room.assignee(), Some(&ana()), "she has it there, and only there is she taken from it");
    scene.now = scene.now.plus_ms(3_600_000);
    assert_eq!(scene.tell(Command::PersonIdle), vec![]);
    assert_eq!(scene.tell(Command::Requeue { agent: ana(), why: "offline" }), vec![]);
    // A room that lives here is the roster's.
    scene.room.channel = "embedded".into();
    scene.says(Writer::Customer, "hello?");
    assert!(matches!(scene.room.control, Control::Queue(_)));
}

#[test]
fn a_refusal_quotes_what_was_not_read_however_late_it_came() {
    let mut scene = Scene::open();
    scene.says(Writer::Customer, "where is my order?");
    let (message_id, text) = ("late".to_owned(), "and cancel the other one".to_owned());
    let (from, moves, said_at) = (Writer::Customer, Moves::Nothing, Some(Timestamp(1)));
    scene.tell(Command::Heard { message_id, from, agent_id: None, text, moves, said_at });
    assert!(closing::new_customer_message(&scene.room).message.contains("and cancel the other one"));
}
