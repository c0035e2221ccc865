//! Each strategy's promise, and that nobody ever has more than they can.

use super::*;

fn spread(loads: &[usize]) -> usize {
    loads.iter().max().unwrap() - loads.iter().min().unwrap()
}

#[test]
fn two_hundred_rooms_and_a_hundred_places() {
    for strategy in [AssignStrategy::RoundRobin, AssignStrategy::LeastBusy, AssignStrategy::HighestSpare] {
        let mut scene = Scene::with(&[5; 20]).by(strategy);
        let words: Vec<Word> = (0..200).flat_map(|n| scene.asks(n)).collect();
        assert_eq!((offers(&words).len(), scene.roster.waiting()), (100, 100));
        assert_eq!(scene.loads(), [5; 20]);
        assert_eq!(position(&words[words.len() - 1..]), Some(100));
    }
}

#[test]
fn round_robin_counts_differ_by_at_most_one_whatever_the_load() {
    let mut scene = Scene::with(&[50, 9, 70, 8, 60]).by(AssignStrategy::RoundRobin);
    for n in 0..38 {
        scene.settles(n);
        assert!(spread(&scene.loads()) <= 1, "{:?}", scene.loads());
    }
}

#[test]
fn round_robin_is_not_skewed_by_who_comes_and_goes() {
    let mut scene = Scene::with(&[50; 4]).by(AssignStrategy::RoundRobin);
    for n in 0..4 {
        scene.settles(n);
    }
    scene.person(1).status = Presence::Away;
    let _ = scene.directory();
    let given: Vec<AgentId> = (4..7).filter_map(|n| scene.settles(n)).collect();
    assert_eq!(given, [agent(0), agent(2), agent(3)]);
    scene.person(1).status = Presence::Online;
    let _ = scene.directory();
    assert_eq!(scene.settles(7), Some(agent(1)), "who has waited longest");
    assert_eq!(scene.settles(8), Some(agent(0)));
}

#[test]
fn equal_people_are_equally_busy_and_unequal_ones_by_share() {
    let mut scene = Scene::with(&[10; 3]);
    for n in 0..17 {
        scene.settles(n);
        assert!(spread(&scene.loads()) <= 1, "{:?}", scene.loads());
    }
    let mut scene = Scene::with(&[2, 8]);
    for n in 0..5 {
        scene.settles(n);
    }
    assert_eq!(scene.loads(), [1, 4]);
}

#[test]
fn highest_spare_goes_where_most_is_free() {
    let mut scene = Scene::with(&[2, 8]).by(AssignStrategy::HighestSpare);
    for n in 0..6 {
        scene.settles(n);
    }
    assert_eq!(scene.loads(), [0, 6]);
}

#[test]
fn the_last_agent_has_it_again_if_they_have_room() {
    let mut scene = Scene::with(&[1, 5, 5]).by(AssignStrategy::LastAgent);
    let again = |n| Ask { last: Some(agent(2)), ..ask(n, AssignTarget::Auto) };
    let words = scene.roster.reserve(again(1), NOW);
    assert_eq!(offers(&words), [(room(1), agent(2))]);
    scene.person(2).status = Presence::Offline;
    let _ = scene.directory();
    assert_eq!(offers(&scene.roster.reserve(again(2), NOW)), [(room(2), agent(0))], "else as least busy");
}

#[test]
fn what_somebody_took_by_themselves_counts_as_their_turn() {
    let mut scene = Scene::with(&[5; 3]).by(AssignStrategy::RoundRobin);
    scene.now = NOW.plus_ms(10);
    let _ = scene.roster.confirm(&room(90), &holding(&agent(0), 1), scene.now);
    let given: Vec<AgentId> = (0..3).filter_map(|n| scene.settles(n)).collect();
    assert_eq!(given, [agent(1), agent(2), agent(0)]);
}

#[test]
fn whose_turn_it_is_survives_a_restart() {
    let mut scene = Scene::with(&[5; 3]).by(AssignStrategy::RoundRobin);
    scene.roster = Roster::default();
    for (n, since) in [(0, 30), (1, 10), (2, 20)] {
        let control = Control::Person { agent: agent(n), assignment: 1 };
        let staffed = crate::room::Staffed { since: NOW.plus_ms(since), ..Default::default() };
        scene.roster.recall(&room(90 + n), &Room { control, staffed: Some(Box::new(staffed)), ..Room::default() });
    }
    let _ = scene.directory();
    scene.now = NOW.plus_ms(100);
    let given: Vec<AgentId> = (0..3).filter_map(|n| scene.settles(n)).collect();
    assert_eq!(given, [agent(1), agent(2), agent(0)]);
}

#[test]
fn who_comes_first_in_the_morning_does_not_get_everything() {
    let mut scene = Scene::with(&[100]);
    scene.company.settings.people.burst_per_minute = 5;
    scene.person(0).status = Presence::Offline;
    let _ = scene.directory();
    for n in 0..12 {
        scene.asks(n);
    }
    scene.person(0).status = Presence::Online;
    let words = scene.directory();
    assert_eq!(offers(&words).len(), 5);
    scene.take(&words);
    assert_eq!(offers(&scene.after_ms(59_000)).len(), 0);
    let words = scene.after_ms(1_000);
    assert_eq!(offers(&words).iter().map(|(room, _)| room.clone()).collect::<Vec<_>>(), (5..10).map(room).collect::<Vec<_>>());
    scene.take(&words);
    assert_eq!(offers(&scene.asks_for(20, AssignTarget::Agent { agent: agent(0) })).len(), 1, "whom somebody names is asked");
}

#[test]
fn a_choice_says_why() {
    let mut scene = Scene::with(&[2; 15]).by(AssignStrategy::RoundRobin);
    scene.settles(0);
    let because = because(&scene.asks(1));
    let first: Vec<(AgentId, u32, u32)> =
        because.candidates.iter().map(|one| (one.agent_id.clone(), one.load, one.capacity)).collect();
    assert_eq!((because.strategy.as_str(), first.len(), &first[0]), ("round_robin", 10, &(agent(1), 0, 2)));
    assert_eq!(because.fell_back_to, None);
    assert_eq!(super::because(&scene.asks_for(2, AssignTarget::Agent { agent: agent(9) })).candidates.len(), 1);
}

/// Rooms come, go, change their minds, are taken and fall asleep in any order: picks never lead above a capacity.
#[test]
fn no_interleaving_of_words_brings_anybody_above_their_capacity() {
    let mut state = 7_u64;
    let mut roll = move |n: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % n
    };
    for _ in 0..60 {
        let mut scene = Scene::with(&[1, 2, 3]);
        let mut offered: Vec<Word> = vec![];
        let mut held: Vec<usize> = vec![];
        for n in 0..60 {
            scene.now = scene.now.plus_ms(roll(3) as i64);
            let words = match roll(6) {
                0 | 1 => scene.asks(n),
                2 if !offered.is_empty() => {
                    let word = offered.remove(roll(offered.len() as u64) as usize);
                    scene.take(std::slice::from_ref(&word));
                    held.extend(offers(&[word]).iter().filter_map(|(room, _)| room.as_str()[5..].parse::<usize>().ok()));
                    vec![]
                }
                3 if !held.is_empty() => {
                    let n = held.remove(roll(held.len() as u64) as usize);
                    offered.retain(|word| offers(std::slice::from_ref(word))[0].0 != room(n));
                    scene.leaves(n)
                }
                4 => scene.after_ms(OFFER_REPEAT_MS),
                // It wants nobody any more: what it was offered it will not take.
                _ => {
                    let n = roll(60) as usize;
                    offered.retain(|word| offers(std::slice::from_ref(word))[0].0 != room(n));
                    held.retain(|other| *other != n);
                    scene.leaves(n)
                }
            };
            offered.extend(words.into_iter().filter(|word| matches!(word, Word::Offer { .. })));
            for (load, capacity) in scene.loads().into_iter().zip([1, 2, 3]) {
                assert!(load <= capacity, "{:?}", scene.loads());
            }
        }
    }
}
