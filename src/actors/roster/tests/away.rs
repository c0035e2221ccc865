//! People who go, for a moment, for longer or for good, and what their rooms are told.

use super::*;
use crate::room::{ChannelKind, OfflinePolicy};

fn told_gone(words: &[Word]) -> Vec<(RoomId, AgentId, &'static str)> {
    let gone = |word: &Word| match word {
        Word::Requeue { room, agent, why } => Some((room.clone(), agent.clone(), *why)),
        _ => None,
    };
    let mut all: Vec<_> = words.iter().filter_map(gone).collect();
    all.sort();
    all
}

#[test]
fn going_offline_stops_new_rooms_and_coming_back_takes_the_waiting() {
    let mut scene = Scene::with(&[2]);
    scene.person(0).status = Presence::Away;
    let _ = scene.directory();
    assert_eq!(position(&scene.asks(1)), Some(1));
    scene.person(0).status = Presence::Online;
    assert_eq!(offers(&scene.directory()).len(), 1);
}

#[test]
fn who_is_away_for_longer_than_the_grace_loses_their_rooms_where_that_is_wanted() {
    for (policy, after, rooms) in [
        (OfflinePolicy::Keep, 600_000, 0),
        (OfflinePolicy::RequeueOnNextMessage, 600_000, 0),
        (OfflinePolicy::RequeueNow, 59_999, 0),
        (OfflinePolicy::RequeueNow, 60_000, 2),
    ] {
        let mut scene = Scene::with(&[5]);
        scene.company.settings.people.on_offline = policy;
        scene.settles(1);
        scene.settles(2);
        scene.person(0).status = Presence::Offline;
        assert_eq!(told_gone(&scene.directory()), []);
        let told = told_gone(&scene.after_ms(after));
        assert_eq!(told.len(), rooms, "{policy:?} after {after}");
        assert!(told.iter().all(|(_, _, why)| *why == "offline"));
        if rooms > 0 {
            assert_eq!(told_gone(&scene.after_ms(1_000)), [], "once is enough for a while");
            assert_eq!(told_gone(&scene.after_ms(4_000)).len(), rooms, "and again while it was not heard");
        }
    }
}

#[test]
fn a_reload_of_the_page_is_not_leaving() {
    let mut scene = Scene::with(&[5]);
    scene.company.settings.people.on_offline = OfflinePolicy::RequeueNow;
    scene.settles(1);
    for _ in 0..3 {
        scene.person(0).status = Presence::Offline;
        let _ = scene.directory();
        assert_eq!(told_gone(&scene.after_ms(50_000)), []);
        scene.person(0).status = Presence::Online;
        let _ = scene.directory();
    }
}

#[test]
fn what_somebody_takes_while_they_are_away_is_theirs() {
    let mut scene = Scene::with(&[5]);
    scene.company.settings.people.on_offline = OfflinePolicy::RequeueNow;
    scene.person(0).status = Presence::Offline;
    let _ = scene.directory();
    let taken = Holding { since: NOW.plus_ms(5_000), ..holding(&agent(0), 1) };
    let _ = scene.roster.confirm(&room(1), &taken, scene.now);
    assert_eq!(told_gone(&scene.after_ms(600_000)), []);
}

#[test]
fn who_was_removed_loses_all_rooms_at_once_and_who_waits_for_them_waits_for_anyone() {
    let mut scene = Scene::with(&[1, 0]);
    scene.settles(1);
    scene.asks_for(2, AssignTarget::Agent { agent: agent(0) });
    scene.company.agents.remove(0);
    let told = told_gone(&scene.directory());
    assert_eq!(told, [(room(1), agent(0), "removed"), (room(2), agent(0), "removed")]);
}

#[test]
fn who_was_removed_while_nobody_looked_is_found_after_a_restart() {
    let control = |agent: &AgentId| Control::Person { agent: agent.clone(), assignment: 1 };
    let somebody = AgentId::trusted(crate::room::command::SOMEBODY);
    for (channel, rooms) in [(ChannelKind::Embedded, vec![(room(1), agent(9), "removed")]), (ChannelKind::Qontak, vec![])] {
        let mut scene = Scene::with(&[1]);
        scene.company.channel = channel;
        scene.roster = Roster::default();
        scene.roster.recall(&room(1), &Room { control: control(&agent(9)), ..Room::default() });
        scene.roster.recall(&room(2), &Room { control: control(&somebody), ..Room::default() });
        assert_eq!(scene.roster.tick(NOW), vec![], "before the directory was read nobody is gone");
        assert_eq!(told_gone(&scene.directory()), rooms, "a channel may have people whom we do not know");
    }
}

#[test]
fn whose_console_was_closed_is_given_nothing_new() {
    let mut scene = Scene::with(&[3, 0]);
    // Nobody's console speaks: their status is all there is.
    scene.now = scene.now.plus_ms(3_600_000);
    assert_eq!(scene.settles(0), Some(agent(0)));
    assert_eq!(scene.roster.seen(&agent(0), scene.now), vec![]);
    scene.now = scene.now.plus_ms(59_999);
    assert_eq!(scene.settles(1), Some(agent(0)), "a page that is loaded again");
    scene.now = scene.now.plus_ms(1);
    assert_eq!(position(&scene.asks(2)), Some(1));
    assert_eq!(scene.loads()[0], 2, "what she has stays hers");
    let words = scene.roster.seen(&agent(0), scene.now);
    assert_eq!(offers(&words), [(room(2), agent(0))], "and she is back");
    assert_eq!(scene.roster.seen(&agent(9), scene.now), vec![], "nobody");
}

/// The room reads a newer directory than the roster has heard of.
#[test]
fn a_room_that_may_not_have_whom_it_was_offered_asks_on_in_its_place() {
    let mut scene = Scene::with(&[1, 1]);
    assert_eq!(offers(&scene.asks(1)), [(room(1), agent(0))]);
    let words = scene.roster.decline(ask(1, AssignTarget::Auto), &agent(0), scene.now);
    assert_eq!(offers(&words), [(room(1), agent(1))], "there is somebody else");
    assert_eq!(scene.loads(), [0, 1]);
    assert_eq!(offers(&scene.roster.decline(ask(1, AssignTarget::Auto), &agent(0), scene.now)), [(room(1), agent(1))], "twice");

    let mut scene = Scene::with(&[1]);
    assert_eq!(offers(&scene.asks(1)), [(room(1), agent(0))]);
    assert_eq!(
        scene.roster.decline(ask(1, AssignTarget::Auto), &agent(0), scene.now),
        [],
        "no other, and nobody asks in circles"
    );
    assert_eq!((scene.loads(), scene.roster.waiting()), (vec![0], 1));
    scene.person(0).status = Presence::Offline;
    assert_eq!(offers(&scene.directory()), []);
    assert_eq!(position(&scene.asks(2)), Some(2), "behind it");
    scene.person(0).status = Presence::Online;
    assert_eq!(offers(&scene.directory()), [(room(1), agent(0))]);
}
