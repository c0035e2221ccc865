//! Stories of a conversation that comes again: opened by its customer, handed over again and again, assigned once more.

use super::*;
use crate::room::event::TakenBy;

const HOUR_MS: i64 = 3_600_000;

/// A room that Ana had, with a tag, resolved.
fn resolved() -> Scene {
    let mut scene = Scene::open();
    scene.says(Writer::Customer, "hello");
    let agent = AgentId::trusted("agt_1");
    scene.tell(Command::TakeOver { agent, agent_name: "Ana".into(), how: TakenBy::Takeover });
    scene.tell(Command::Tag { tags: vec!["vip".into()] });
    scene.tell(Command::Resolve { reason_code: "answered".into(), note: None });
    scene
}

#[test]
fn within_the_window_it_goes_on_and_later_it_begins_anew() {
    for (policy, hours, anew) in [
        (Reopen::SameRoom, 1, false),
        (Reopen::SameRoom, 167, false),
        (Reopen::SameRoom, 168, true),
        (Reopen::AlwaysSame, 9_000, false),
        (Reopen::AlwaysNew, 1, true),
    ] {
        let mut scene = resolved();
        scene.company.settings.people.reopen = policy;
        scene.now = scene.now.plus_ms(hours * HOUR_MS);
        scene.says(Writer::Customer, "it broke again");
        let room = &scene.room;
        assert_eq!((room.lifecycle, &room.control, room.episode), (Lifecycle::Open, &Control::Bot, 2));
        assert_eq!((room.tags.is_empty(), room.staffed.is_none()), (anew, anew), "{policy:?} after {hours} h");
    }
}

#[test]
fn whose_it_is_when_it_goes_on_is_the_companys_to_say() {
    let opened = |control: ReopenControl, status: Presence, hours: i64, channel: ChannelKind| {
        let mut scene = resolved();
        scene.company.agents[0].status = status;
        scene.company.channel = channel;
        scene.company.settings.people.reopen_control = control;
        scene.now = scene.now.plus_ms(hours * HOUR_MS);
        scene.says(Writer::Customer, "it broke again");
        scene.room.wanted().map(|wanted| wanted.target.clone())
    };
    let (here, ana) = (ChannelKind::Embedded, AssignTarget::Agent { agent: AgentId::trusted("agt_1") });
    assert_eq!(opened(ReopenControl::Bot, Presence::Online, 1, here), None);
    assert_eq!(opened(ReopenControl::LastAgent, Presence::Online, 1, here), Some(ana));
    assert_eq!(opened(ReopenControl::LastAgent, Presence::Away, 1, here), Some(AssignTarget::Auto));
    assert_eq!(opened(ReopenControl::Queue, Presence::Online, 1, here), Some(AssignTarget::Auto));
    assert_eq!(opened(ReopenControl::Queue, Presence::Online, 999, here), None, "another conversation is the AI agent's");
    assert_eq!(opened(ReopenControl::Queue, Presence::Online, 1, ChannelKind::Qontak), None, "there the channel says");
}

#[test]
fn thanks_open_nothing_whatever_the_policy() {
    let mut scene = resolved();
    scene.company.settings.people.reopen = Reopen::AlwaysNew;
    scene.says(Writer::Customer, "thank you!");
    assert!(matches!(scene.room.lifecycle, Lifecycle::Resolved { .. }) && scene.room.tags.len() == 1);
}

/// The AI agent asks for a person.
fn hands_over(scene: &mut Scene) {
    let (target, assignment) = (AssignTarget::Auto, scene.room.assignment + 1);
    let fact = Fact::RoomQueued { target, assignment, reason: None, leaves: false, but: None, there: false };
    let (by, cause) = (By::AiAgent(AiAgentId::trusted("sales")), Cause::Call(CallId::trusted("c")));
    let event = RoomEvent { seq: scene.room.version + 1, at: scene.now, by, cause, fact };
    scene.room.apply(&event);
}

#[test]
fn who_hands_over_for_the_third_time_has_done_so_for_good() {
    let give_back = || Command::GiveBack { of: None, reason: None };
    let mut scene = Scene::open();
    scene.company.settings.people.return_to_bot_after_s = 60;
    for time in 1..=3 {
        hands_over(&mut scene);
        // Asking for somebody else meanwhile is the same hand-over.
        hands_over(&mut scene);
        scene.tell(offer(scene.room.assignment));
        assert_eq!(scene.room.hand_overs, time);
        if time < 3 {
            scene.tell(give_back());
        }
    }
    assert_eq!(scene.hear(&give_back()).unwrap_err().code, "hand_over_loop");
    scene.now = scene.now.plus_ms(HOUR_MS);
    assert_eq!(scene.tell(Command::PersonSilent), vec![], "nor by silence");
    let mut without = Scene { room: scene.room.clone(), company: scene.company.clone(), journal: vec![], now: scene.now };
    without.company.settings.people.most_hand_overs = 0;
    without.tell(give_back());
    assert_eq!(without.room.control, Control::Bot, "as the company wants it");
    scene.tell(Command::Resolve { reason_code: "answered".into(), note: None });
    scene.says(Writer::Customer, "it broke again");
    assert_eq!((scene.room.hand_overs, &scene.room.control), (0, &Control::Bot), "another conversation begins to count");
}

#[test]
fn an_assignment_that_is_told_again_is_no_news() {
    let ana = || AgentId::trusted("agt_1");
    let told = |how| Command::TakeOver { agent: ana(), agent_name: "Ana".into(), how };
    let mut scene = Scene::open();
    scene.tell(told(TakenBy::Assignment));
    let (epoch, version) = (scene.room.epoch, scene.room.version);
    for _ in 0..3 {
        assert_eq!(scene.tell(told(TakenBy::Assignment)), vec![]);
    }
    assert_eq!((scene.room.epoch, scene.room.version), (epoch, version));
    // Also while the next one is looked for, because she does not answer.
    let assignment = scene.queue();
    assert_eq!(scene.tell(told(TakenBy::Assignment)), vec![]);
    assert_eq!(scene.room.wanted().map(|wanted| wanted.assignment), Some(assignment));
    scene.tell(told(TakenBy::Takeover));
    assert!(scene.room.wanted().is_none() && scene.room.assignee() == Some(&ana()), "a button means it");
}

#[test]
fn what_begins_anew_in_a_channel_keeps_the_tags_that_stand_there_and_no_older_records() {
    for (channel, tags) in [(ChannelKind::Embedded, 0), (ChannelKind::Qontak, 1)] {
        let mut scene = Scene::open();
        scene.company.channel = channel;
        scene.company.settings.people.reopen = Reopen::AlwaysNew;
        scene.happens(Fact::TagsAdded { tags: vec!["vip".into()], created: vec![] });
        let plan = EffectPlan::absolute(EffectKind::Deal, false);
        let call_id = CallId::trusted("c1");
        scene.happens(Fact::EffectRequested { call_id: call_id.clone(), name: "create_deal".into(), plan });
        scene.resolve();
        scene.says(Writer::Customer, "something else");
        assert_eq!((scene.room.tags.len(), scene.room.began), (tags, 2));
        let (kind, id, episode) = (RecordKind::Deal, "77".to_owned(), 1);
        let link = Link {
            kind,
            id,
            number: None,
            name: "Old".into(),
            intent: None,
            also: vec![],
            episode,
            at: Timestamp(0),
            result: None,
        };
        scene.happens(Fact::RecordLinked { call_id, link: link.clone() });
        assert!(scene.room.outside.as_ref().unwrap().links.is_empty(), "it is the other conversation's");
        scene.happens(Fact::RecordLinked { call_id: CallId::trusted("c2"), link });
        assert_eq!(scene.room.outside.as_ref().unwrap().links.len(), 1);
    }
}
