//! What a commit promises, and what it never does to its neighbours.

use super::*;
use crate::actors::ports::{NewTag, TimerChange, TimerKind};
use crate::room::{Cause, MessageKey, RoomKey};
use crate::store::CallFilter;

#[test]
fn what_was_committed_is_loaded_again() {
    each(|place| {
        let serving = Serving::at(place);
        let mut room = Draft::new(&serving.journal, 1, "web-1");
        assert_eq!(serving.one(room.calls(&["a", "b"])), None);
        assert_eq!(serving.one(room.calls(&["c"])), None);
        let loaded = serving.load(&room.address).unwrap();
        assert_eq!((loaded.version, loaded.key, loaded.open_calls.len()), (3, room.key, 0));
        assert_eq!(version_of(&loaded.snapshot), 3);
        assert!(serving.load(&address(2, "web-1")).is_none(), "another company's room of that name");
        assert_eq!(*serving.store.last_position().borrow(), 3);
        let q = serving.store.queries();
        let events = wait(q.timeline(CompanyNo(1), &room.address.room, 0, 100)).unwrap().unwrap();
        assert_eq!(events.iter().map(|event| event.seq).collect::<Vec<_>>(), [1, 2, 3], "gapless");
        for event in &events {
            assert_eq!(
                (event.by.as_str(), event.cause_kind.as_str(), event.kind.as_str()),
                ("ai_agent:sales", "call", "tags_added")
            );
            assert!(event.payload.starts_with("{\"type\":\"tags_added\"") && !event.cause.is_empty());
        }
        let call = wait(q.call(CompanyNo(1), &CallId::new("a").unwrap())).unwrap().unwrap();
        assert_eq!((call.call.name, call.call.seen.epoch, &*call.body), ("create_tag", Some(1), "{\"result\":{\"of\":\"a\"}}"));
        assert_eq!((call.call.meaning, call.call.revision), (room.call("a").meaning, Some(7)));
        assert!(wait(q.call(CompanyNo(2), &CallId::new("a").unwrap())).unwrap().is_none());
        serving.store.close();
        assert!(serving.journal.submit(Job::Load { address: room.address, thread: 0, room: None }).is_err());
    });
}

#[test]
fn a_repeated_call_leaves_its_neighbours_alone() {
    each(|place| {
        let serving = Serving::at(place);
        let [mut one, mut two, mut three] = ["r1", "r2", "r3"].map(|id| Draft::new(&serving.journal, 1, id));
        assert_eq!(serving.one(one.calls(&["a", "b"])), None);
        let (mut guilty, mut elder) = (two.clone(), one.clone());
        let repeated = guilty.calls(&["fresh", "b", "a"]);
        let answers = serving.all(vec![three.calls(&["x"]), repeated, elder.calls(&["y"])]);
        let Some(Rejection::Duplicate { mut calls, messages }) = answers[1].clone() else { panic!("{answers:?}") };
        calls.sort();
        let mut both = [one.call("a").key, one.call("b").key];
        both.sort();
        assert_eq!((calls.as_slice(), messages.len()), (&both[..], 0), "all of them, and only those");
        assert_eq!((&answers[0], &answers[2]), (&None, &None));
        assert!(serving.load(&two.address).is_none(), "nothing of it was written");
        let q = serving.store.queries();
        assert!(wait(q.call(CompanyNo(1), &CallId::new("fresh").unwrap())).unwrap().is_none());
        assert_eq!(serving.one(two.calls(&["fresh"])), None, "and it can be written without them");
        let keys = vec![one.call("a").key, one.call("never").key, one.call("fresh").key];
        serving.journal.submit(Job::Find { company: CompanyNo(1), keys, thread: 4, room: None }).unwrap();
        let (thread, mut bag) = serving.bag();
        let Finished::Known { calls, .. } = bag.remove(0) else { panic!() };
        let known: Vec<String> = calls.unwrap().get().iter().map(|known| known.room.room.to_string()).collect();
        assert_eq!((thread, known), (4, vec!["r1".to_owned(), "r2".to_owned()]));
        serving
            .journal
            .submit(Job::Find { company: CompanyNo(2), keys: vec![one.call("a").key], thread: 4, room: None })
            .unwrap();
        let Finished::Known { calls, .. } = serving.bag().1.remove(0) else { panic!() };
        assert!(calls.unwrap().get().is_empty(), "another company's call");
    });
}

#[test]
fn the_same_call_twice_in_one_batch_lands_once() {
    each(|place| {
        let serving = Serving::at(place);
        let mut rooms: Vec<Draft> = (0..8).map(|i| Draft::new(&serving.journal, 1, &format!("r{i}"))).collect();
        let answers = serving.all(rooms.iter_mut().map(|room| room.calls(&["same"])).collect());
        assert_eq!(answers.iter().filter(|answer| answer.is_none()).count(), 1, "{answers:?}");
        assert!(answers.iter().flatten().all(|rejection| matches!(rejection, Rejection::Duplicate { .. })));
        let mut other = Draft::new(&serving.journal, 2, "r0");
        assert_eq!(serving.one(other.calls(&["same"])), None, "ids are each company's own");
    });
}

/// Invariant 6.
#[test]
fn stale_versions_and_owners_write_nothing() {
    each(|place| {
        let serving = Serving::at(place);
        let mut room = Draft::new(&serving.journal, 1, "r");
        assert_eq!(serving.one(room.calls(&["a"])), None);
        let mut twin = room.clone();
        assert_eq!(serving.one(room.calls(&["b"])), None);
        assert_eq!(serving.one(twin.calls(&["c"])), Some(Rejection::Stale), "an old version");
        let (mut late, mut foreign, mut ahead) = (room.clone(), room.clone(), room.clone());
        (late.owner, foreign.address, ahead.version) = (room.owner - 1, address(2, "r"), room.version + 3);
        // Nothing but the compare stops this one: its events' numbers are free.
        assert_eq!(serving.one(ahead.calls(&["c"])), Some(Rejection::Stale), "a version that never was");
        assert_eq!(serving.one(late.calls(&["d"])), Some(Rejection::Stale), "an old owner");
        assert_eq!(serving.one(foreign.calls(&["e"])), Some(Rejection::Stale), "another company's room");
        let mut race = Draft::new(&serving.journal, 1, "r");
        assert_eq!(serving.one(race.calls(&["f"])), Some(Rejection::Stale), "the room is there already");
        let q = serving.store.queries();
        for id in ["c", "d", "e", "f"] {
            for company in [1, 2] {
                assert!(wait(q.call(CompanyNo(company), &CallId::new(id).unwrap())).unwrap().is_none(), "{id} was undone");
            }
        }
        assert_eq!(serving.one(room.calls(&["c", "d", "e", "f"])), None);
        assert_eq!(serving.load(&room.address).unwrap().version, 6);
    });
}

#[test]
fn two_commits_of_one_room_in_one_batch_are_right() {
    each(|place| {
        let serving = Serving::at(place);
        let mut room = Draft::new(&serving.journal, 1, "r");
        let mut twin = room.clone();
        twin.key = RoomKey(Uuid::now_v7());
        let (first, race, second) = (room.calls(&["a"]), twin.calls(&["b"]), room.calls(&["c"]));
        assert_eq!(serving.all(vec![first, race, second]), [None, Some(Rejection::Stale), None]);
        assert_eq!(serving.load(&room.address).unwrap().version, 2);
    });
}

#[test]
fn a_message_is_known_once() {
    each(|place| {
        let serving = Serving::at(place);
        let mut room = Draft::new(&serving.journal, 1, "r");
        let message = MessageKey::of(&room.address, "m1");
        let mut commit = room.calls(&["a"]);
        commit.messages.push(message);
        assert_eq!(serving.one(commit), None);
        let mut again = room.clone().calls(&["b"]);
        again.messages.extend([MessageKey::of(&room.address, "m2"), message]);
        assert_eq!(serving.one(again), Some(Rejection::Duplicate { calls: vec![], messages: vec![message] }));
        let mut other = room.calls(&["b"]);
        other.messages.push(MessageKey::of(&room.address, "m2"));
        assert_eq!(serving.one(other), None, "the other message of it was undone");
    });
}

#[test]
fn open_calls_wait_and_end_and_timers_come_and_go() {
    each(|place| {
        let serving = Serving::at(place);
        let memory = serving.store.memory();
        let (mut room, mut idle) = (Draft::new(&serving.journal, 1, "r"), Draft::new(&serving.journal, 1, "idle"));
        let mut commit = room.calls(&["p1", "p2"]);
        for new in &mut commit.new_calls {
            new.answer.status = CallStatus::Parked;
        }
        commit.columns.control = "queue";
        commit.timers = vec![
            TimerChange::Set { kind: TimerKind::Offer, due: Timestamp(70), cause: "p1".into() },
            TimerChange::Set { kind: TimerKind::Snooze, due: Timestamp(50), cause: "key_1".into() },
            TimerChange::Clear { kind: TimerKind::Snooze },
        ];
        let written = commit.events.last().cloned().unwrap();
        assert_eq!(serving.all(vec![commit, idle.calls(&["x"])]), [None, None]);
        let open = serving.load(&room.address).unwrap().open_calls;
        assert_eq!(open.iter().map(|open| open.call.call_id.as_str()).collect::<Vec<_>>(), ["p1", "p2"]);
        assert_eq!(wait(memory.rooms_with_open_calls(None, 10)).unwrap(), [(room.key, room.address.clone())]);
        assert!(wait(memory.rooms_with_open_calls(Some(room.key), 10)).unwrap().is_empty());
        assert_eq!(wait(memory.held_rooms(CompanyNo(1))).unwrap().len(), 1);
        assert!(wait(memory.held_rooms(CompanyNo(2))).unwrap().is_empty());
        assert!(wait(memory.due_timers(Timestamp(69), None, 10)).unwrap().is_empty());
        let due = wait(memory.due_timers(Timestamp(70), None, 10)).unwrap();
        assert_eq!((due.len(), &due[0].room, due[0].kind, due[0].cause.as_str()), (1, &room.address, TimerKind::Offer, "p1"));
        let place = due[0].place();
        assert!(wait(memory.due_timers(Timestamp(70), Some(place), 10)).unwrap().is_empty(), "behind it is none");
        for before in [(Timestamp(69), place.1, "z"), (Timestamp(70), place.1, "o"), (Timestamp(70), RoomKey(Uuid::nil()), "z")] {
            assert_eq!(wait(memory.due_timers(Timestamp(70), Some(before), 10)).unwrap().len(), 1, "{before:?}");
        }
        let has =
            |cause: &Cause, since: i64| wait(memory.has_event(room.address.clone(), cause.clone(), Timestamp(since))).unwrap();
        assert!(has(&written.cause, written.at.0), "it was written down then");
        assert!(!has(&written.cause, written.at.0 + 1) && !has(&Cause::Request("x".into()), 0));
        // A step that changed nothing but when to look again.
        let mut quiet = room.calls(&[]);
        quiet.timers.push(TimerChange::Set { kind: TimerKind::Offer, due: Timestamp(90), cause: "p1".into() });
        let version = quiet.version;
        assert_eq!(serving.one(quiet), None);
        assert_eq!(serving.load(&room.address).unwrap().version, version);
        let due = |until: i64| wait(memory.due_timers(Timestamp(until), None, 10)).unwrap().len();
        assert_eq!((due(89), due(90)), (0, 1));
        let mut ending = room.calls(&["z"]);
        ending.ended_calls.push(room.ended("p1"));
        ending.timers.push(TimerChange::Clear { kind: TimerKind::Offer });
        ending.new_tags.push(NewTag { folded: "vip".into(), shown: "VIP".into() });
        let before = wait(serving.store.queries().config_version()).unwrap();
        assert_eq!(serving.one(ending), None);
        assert!(wait(serving.store.queries().config_version()).unwrap() > before, "a new tag is noticed");
        let open = serving.load(&room.address).unwrap().open_calls;
        assert_eq!(open.iter().map(|open| open.call.call_id.as_str()).collect::<Vec<_>>(), ["p2"]);
        assert!(wait(memory.due_timers(Timestamp(i64::MAX), None, 10)).unwrap().is_empty());
        let ended = wait(serving.store.queries().call(CompanyNo(1), &CallId::new("p1").unwrap())).unwrap().unwrap();
        assert_eq!((ended.status, ended.ended_at), (CallStatus::Cancelled, Some(Timestamp(9_000))));
    });
}

/// A person's decision moves a dead letter on, as often as it dies; nothing else that has ended changes again.
#[test]
fn only_dead_letters_change_after_their_end() {
    each(|place| {
        let serving = Serving::at(place);
        let mut room = Draft::new(&serving.journal, 1, "r");
        let status_of = |id: &str| {
            let row = wait(serving.store.queries().call(CompanyNo(1), &CallId::new(id).unwrap())).unwrap().unwrap();
            (row.status, row.ended_at)
        };
        let move_on = |room: &mut Draft, id: &str, status: CallStatus, at: i64| {
            let mut commit = room.calls(&[&format!("{id}-{at}")]);
            let mut ended = room.ended(id);
            (ended.answer.status, ended.at) = (status, Timestamp(at));
            commit.ended_calls.push(ended);
            assert_eq!(serving.one(commit), None);
            status_of(id)
        };
        for first in CallStatus::ALL {
            let id = first.as_str();
            let mut commit = room.calls(&[id]);
            commit.new_calls[0].answer.status = first;
            assert_eq!(serving.one(commit), None);
            let (_, ended_at) = status_of(id);
            assert_eq!(ended_at.is_some(), first.is_final());
            let moves = !first.is_final() || matches!(first, CallStatus::Dead | CallStatus::Unresolved);
            let wanted = if moves { (CallStatus::Running, None) } else { (first, ended_at) };
            assert_eq!(move_on(&mut room, id, CallStatus::Running, 50), wanted, "tried again");
        }
        let open = serving.load(&room.address).unwrap().open_calls;
        assert!(["dead", "unresolved"].iter().all(|id| open.iter().any(|open| open.call.call_id.as_str() == *id)));
        let unresolved = || CallFilter { status: Some(CallStatus::Unresolved), ..CallFilter::default() };
        let listed = || wait(serving.store.queries().calls(CompanyNo(1), unresolved(), None, 9)).unwrap().len();
        for (status, at, letters) in [(CallStatus::Unresolved, 60, 1), (CallStatus::Succeeded, 70, 0)] {
            assert_eq!(move_on(&mut room, "dead", status, at), (status, Some(Timestamp(at))));
            assert_eq!(listed(), letters);
        }
        let settled = (CallStatus::Succeeded, Some(Timestamp(70)));
        assert_eq!(move_on(&mut room, "dead", CallStatus::Failed, 80), settled, "settled for good");
        let mut foreign = Draft::new(&serving.journal, 1, "other");
        move_on(&mut room, "unresolved", CallStatus::Dead, 90);
        assert_eq!(move_on(&mut foreign, "unresolved", CallStatus::Failed, 95).0, CallStatus::Dead, "another room's call");
    });
}

/// Invariant 12, and the shape of a journal.
#[test]
fn a_misshapen_commit_is_refused_alone() {
    each(|place| {
        let serving = Serving::at(place);
        let spoil: [fn(&mut Commit); 6] = [
            |commit| commit.events[0].by = By::Person("".into()),
            |commit| commit.events[0].cause = Cause::Message("".into()),
            |commit| commit.events[1].seq = 7,
            |commit| commit.version = 9,
            |commit| commit.new_calls[1] = commit.new_calls[0].clone(),
            |commit| commit.timers.push(TimerChange::Set { kind: TimerKind::Offer, due: Timestamp(1), cause: String::new() }),
        ];
        for (i, spoil) in spoil.into_iter().enumerate() {
            let (mut bad, mut good) =
                (Draft::new(&serving.journal, 1, "bad"), Draft::new(&serving.journal, 1, &format!("good{i}")));
            let mut commit = bad.calls(&[&format!("a{i}"), &format!("b{i}")]);
            spoil(&mut commit);
            let answers = serving.all(vec![commit, good.calls(&[&format!("c{i}")])]);
            assert!(matches!(answers[0], Some(Rejection::Unavailable(_))) && answers[1].is_none(), "{i}: {answers:?}");
            assert!(serving.load(&bad.address).is_none());
        }
    });
}
