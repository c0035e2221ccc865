//! Lists, the feed and their cursors.

use super::*;
use crate::store::{CallFilter, CallPlace, RoomFilter};

#[test]
fn lists_are_paged_filtered_and_of_one_company() {
    each(|place| {
        let serving = Serving::at(place);
        let mut rooms: Vec<Draft> = (0..5).map(|i| Draft::new(&serving.journal, 1, &format!("r{i}"))).collect();
        for (i, room) in rooms.iter_mut().enumerate() {
            let mut commit = room.calls(&[&format!("c{i}a"), &format!("c{i}b")]);
            if i == 3 {
                commit.new_calls[0].answer.status = CallStatus::Parked;
                commit.new_calls[1].answer.status = CallStatus::Dead;
                (commit.columns.control, commit.columns.paused) = ("person", true);
                commit.columns.assignee = Some(crate::room::AgentId::new("agt_1").unwrap());
            }
            assert_eq!(serving.one(commit), None);
        }
        let mut foreign = Draft::new(&serving.journal, 2, "r0");
        assert_eq!(serving.one(foreign.calls(&["c0a"])), None);
        let q = serving.store.queries();
        let (one, two) = (CompanyNo(1), CompanyNo(2));
        wait(async {
            let page = q.rooms(one, RoomFilter::default(), None, 3).await.unwrap();
            let rest = q.rooms(one, RoomFilter::default(), Some(page[2].key), 3).await.unwrap();
            let names: Vec<&str> = page.iter().chain(&rest).map(|room| room.id.as_str()).collect();
            assert_eq!(names, ["r4", "r3", "r2", "r1", "r0"]);
            let held = RoomFilter { assignee: Some("agt_1".into()), control: Some("person".into()), status: Some("open".into()) };
            let held = q.rooms(one, held, None, 10).await.unwrap();
            assert!(held.len() == 1 && held[0].paused && held[0].assignee.is_some());
            assert_eq!(q.room(two, &RoomId::new("r3").unwrap()).await.unwrap().map(|room| room.version), None);
            assert!(q.timeline(two, &RoomId::new("r3").unwrap(), 0, 9).await.unwrap().is_none());

            let ids =
                |calls: Vec<crate::store::CallRow>| calls.iter().map(|row| row.call.call_id.to_string()).collect::<Vec<_>>();
            let first = q.calls(one, CallFilter::default(), None, 4).await.unwrap();
            let after = CallPlace { position: first[3].position, seq: first[3].seq };
            assert_eq!(ids(first), ["c4b", "c4a", "c3b", "c3a"]);
            assert_eq!(ids(q.calls(one, CallFilter::default(), Some(after), 2).await.unwrap()), ["c2b", "c2a"]);
            let of = |room: &str, status| CallFilter {
                room_id: Some(RoomId::new(room).unwrap()),
                status,
                ai_agent: AiAgentId::new("sales").ok(),
            };
            assert_eq!(ids(q.calls(one, of("r3", None), None, 9).await.unwrap()), ["c3b", "c3a"]);
            assert_eq!(ids(q.calls(one, of("r3", Some(CallStatus::Parked)), None, 9).await.unwrap()), ["c3a"]);
            assert_eq!(ids(q.calls(two, of("r0", None), None, 9).await.unwrap()), ["c0a"]);
            for (status, id) in [(CallStatus::Parked, "c3a"), (CallStatus::Dead, "c3b")] {
                let filter = CallFilter { status: Some(status), ..CallFilter::default() };
                assert_eq!(ids(q.calls(one, filter.clone(), None, 9).await.unwrap()), [id]);
                assert!(q.calls(two, filter, None, 9).await.unwrap().is_empty());
            }

            let (mut read, mut position) = (vec![], 0);
            loop {
                let (events, until) = q.events_after(one, position, 4).await.unwrap();
                if until == position {
                    break;
                }
                position = until;
                read.extend(events.iter().map(|event| event.position));
            }
            assert_eq!((read, position), ((1..=10).collect::<Vec<i64>>(), 11), "every event of ours once, in order");
            let counts = q.counts().await.unwrap();
            assert_eq!((counts.rooms, counts.calls_open, counts.calls_dead, counts.last_position), (6, 1, 1, 11));
        });
    });
}

/// Newest first, page after page, whatever of older calls still happens between them; and no page reads what it does not show.
#[test]
fn calls_of_a_room_come_in_pages() {
    each(|place| {
        let serving = Serving::at(place);
        let mut room = Draft::new(&serving.journal, 1, "long");
        let mut admitted: Vec<String> = vec![];
        for step in 0..40 {
            let ids: Vec<String> = (0..30).map(|n| format!("c{step:02}-{n:02}")).collect();
            let mut commit = room.calls(&ids.iter().map(String::as_str).collect::<Vec<_>>());
            // One step has one time; and in each the very first call still has something to say.
            room.version += 1;
            let mut late = commit.events[0].clone();
            (late.seq, late.cause) = (room.version, Cause::Call(CallId::new("c00-00").unwrap()));
            commit.events.push(late);
            commit.version = room.version;
            let at = Timestamp(5_000 + step);
            commit.events.iter_mut().for_each(|event| event.at = at);
            commit.new_calls.iter_mut().for_each(|new| new.at = at);
            if step == 20 {
                commit.new_calls[7].answer.status = CallStatus::Refused;
            }
            assert_eq!(serving.one(commit), None);
            admitted.extend(ids);
        }
        admitted.reverse();
        let q = serving.store.queries();
        let of = |status| CallFilter { room_id: Some(room.address.room.clone()), status, ai_agent: None };
        let all_by = |limit: i64, status| {
            let (mut ids, mut after) = (vec![], None);
            loop {
                let page = wait(q.calls(CompanyNo(1), of(status), after, limit)).unwrap();
                let Some(last) = page.last() else { return ids };
                assert!(page.len() <= limit as usize);
                after = Some(CallPlace { position: last.position, seq: last.seq });
                ids.extend(page.iter().map(|row| row.call.call_id.to_string()));
            }
        };
        for limit in [1_000, 200, 31, 7] {
            assert_eq!(all_by(limit, None), admitted, "{limit} at a time");
        }
        assert_eq!(all_by(5, Some(CallStatus::Refused)), ["c20-07"]);
        assert_eq!(all_by(9, Some(CallStatus::Succeeded)).len(), admitted.len() - 1);
        // A row that nobody can read, far back: who looks at the newest calls does not come across it.
        place.conn().batch_execute("UPDATE function_calls SET status = 'nonsense' WHERE call_id = 'c02-00'").unwrap();
        assert_eq!(wait(q.calls(CompanyNo(1), of(None), None, 200)).unwrap().len(), 200);
        assert!(wait(q.calls(CompanyNo(1), of(None), None, 1_200)).is_err());
    });
}
