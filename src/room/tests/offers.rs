//! The roster's offer at the room's commit: whoever cannot have the room any more does not get it.

use super::*;

/// Ana, as the roster chose her: with one of two rooms.
fn offered(scene: &Scene) -> Command {
    let chosen = Candidacy { agent_id: AgentId::trusted("agt_1"), load: 1, capacity: 2 };
    let because = Because { strategy: "round_robin".into(), candidates: vec![chosen], fell_back_to: None };
    let assignment = scene.room.wanted().expect("somebody is wanted").assignment;
    Command::Offer { agent: AgentId::trusted("agt_1"), agent_name: "Ana".into(), assignment, because: Some(because) }
}

/// What the offer comes to, when this has changed since it was made.
fn after(change: impl FnOnce(&mut Agent)) -> (Scene, Vec<Fact>) {
    let mut scene = Scene::open();
    scene.queue();
    scene.company.agents[0].capacity = 2;
    change(&mut scene.company.agents[0]);
    let facts = scene.tell(offered(&scene));
    (scene, facts)
}

#[test]
fn somebody_who_is_there_and_has_room_gets_it() {
    let (scene, facts) = after(|_| {});
    assert!(matches!(facts.as_slice(), [Fact::AgentAssigned { .. }]), "{facts:?}");
    assert_eq!(scene.room.assignee(), Some(&AgentId::trusted("agt_1")));
}

#[test]
fn somebody_who_went_or_may_hold_less_since_does_not_and_the_room_waits_on() {
    type Change = fn(&mut Agent);
    let changes: [Change; 4] = [
        |ana| ana.status = Presence::Offline,
        |ana| ana.status = Presence::Away,
        |ana| ana.capacity = 1,
        |ana| ana.id = AgentId::trusted("agt_2"),
    ];
    for change in changes {
        let (scene, facts) = after(change);
        assert_eq!(facts, [], "{:?}", scene.company.agents);
        assert!(scene.room.wanted().is_some(), "it asks on");
    }
}

#[test]
fn who_left_the_division_is_not_whom_it_asked_for() {
    let mut scene = Scene::open();
    scene.queue();
    let (sales, support) = (DivisionId::trusted("sales"), DivisionId::trusted("support"));
    let division = |id: &DivisionId| Division { id: id.clone(), name: id.to_string(), hours: None };
    scene.company.divisions = vec![division(&sales), division(&support)];
    let Control::Queue(wanted) = &mut scene.room.control else { panic!("it waits") };
    wanted.target = AssignTarget::Division { division: sales.clone() };
    scene.company.agents[0].capacity = 2;
    scene.company.agents[0].divisions = vec![support.clone()];
    assert_eq!(scene.hear(&offered(&scene)).unwrap(), []);
    scene.company.settings.people.fallback_divisions = vec![support];
    assert_eq!(scene.hear(&offered(&scene)).unwrap().len(), 1, "where its own cannot");
    scene.company.agents[0].divisions = vec![sales];
    assert_eq!(scene.hear(&offered(&scene)).unwrap().len(), 1);
    // One that was removed has nobody, and whoever waited for it waits for anybody.
    scene.company.agents[0].divisions = vec![];
    assert_eq!(scene.hear(&offered(&scene)).unwrap(), []);
    scene.company.divisions = vec![];
    assert_eq!(scene.hear(&offered(&scene)).unwrap().len(), 1);
}
