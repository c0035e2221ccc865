//! A room's newest state is found wherever it stands: in its row, in memory beside it, or, after a crash, only in the journal.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use diesel::prelude::*;

use super::*;
use crate::store::RoomFilter;

/// What each way of reading says about the room: one room, the list, and what its actor loads.
fn read(serving: &Serving, room: &Draft) -> [(i64, Vec<u8>); 3] {
    let queries = serving.store.queries();
    let one = wait(queries.room(CompanyNo(1), &room.address.room)).unwrap().unwrap();
    let all = wait(queries.rooms(CompanyNo(1), RoomFilter::default(), None, 100)).unwrap();
    let listed = all.into_iter().find(|row| row.key == room.key).unwrap();
    let loaded = serving.load(&room.address).unwrap();
    [(one.version, one.snapshot), (listed.version, listed.snapshot), (loaded.version, loaded.snapshot)]
}

fn is_newest(serving: &Serving, room: &Draft) {
    let newest = (room.version, serde_json::to_vec(&room.room).unwrap());
    assert_eq!(read(serving, room), [newest.clone(), newest.clone(), newest]);
}

fn filled(serving: &Serving) -> Vec<Draft> {
    let mut rooms: Vec<Draft> = (0..5).map(|n| Draft::new(&serving.journal, 1, &format!("web-{n}"))).collect();
    for part in 0..40 {
        let commits = rooms.iter_mut().enumerate().map(|(n, room)| room.calls(&[&format!("{n}-{part}")])).collect();
        assert!(serving.all(commits).iter().all(Option::is_none));
    }
    rooms
}

#[test]
fn a_rooms_newest_state_is_read_before_and_after_its_row_has_it() {
    each(|place| {
        let serving = Serving::at(place);
        let rooms = filled(&serving);
        rooms.iter().for_each(|room| is_newest(&serving, room));
        serving.store.close();
        drop(serving);
        let again = Serving::at(place);
        rooms.iter().for_each(|room| is_newest(&again, room));
    });
}

/// Somebody filters by status, control and assignee: what changes one of them is in the row at once, whatever was late before
/// and is late after it.
#[test]
fn what_is_filtered_by_is_never_late() {
    each(|place| {
        let serving = Serving::at(place);
        let mut rooms = filled(&serving);
        let room = &mut rooms[2];
        let mut commit = room.calls(&["taken-over"]);
        (commit.epoch, commit.columns.control) = (2, "person");
        commit.columns.assignee = Some(crate::room::AgentId::new("agt_1").unwrap());
        let columns = commit.columns.clone();
        assert_eq!(serving.one(commit), None);
        for n in 0..3 {
            let mut later = room.calls(&[&format!("later-{n}")]);
            (later.epoch, later.columns) = (2, columns.clone());
            assert_eq!(serving.one(later), None);
        }
        is_newest(&serving, room);
        let filter = RoomFilter { control: Some("person".into()), ..RoomFilter::default() };
        let held = wait(serving.store.queries().rooms(CompanyNo(1), filter, None, 9)).unwrap();
        assert_eq!(held.iter().map(|row| (row.key, row.version, row.epoch)).collect::<Vec<_>>(), [(room.key, room.version, 2)]);
        let held = wait(serving.store.memory().held_rooms(CompanyNo(1))).unwrap();
        assert_eq!(held.iter().map(|held| version_of(&held.snapshot)).collect::<Vec<_>>(), [room.version]);
    });
}

#[test]
fn a_commit_that_builds_on_an_older_state_does_not_land() {
    each(|place| {
        let serving = Serving::at(place);
        let mut rooms = filled(&serving);
        let mut old = Draft { version: rooms[0].version - 1, ..rooms[0].clone() };
        assert_eq!(serving.one(old.calls(&["late"])), Some(Rejection::Stale));
        let both = vec![rooms[0].clone().calls(&["first"]), rooms[0].clone().calls(&["second"])];
        assert_eq!(serving.all(both).iter().filter(|rejection| rejection.is_none()).count(), 1, "one of two lands");
        rooms[0].calls(&["either"]);
        is_newest(&serving, &rooms[0]);
    });
}

#[derive(QueryableByName)]
struct Marked {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    rooms_position: i64,
}

/// As a kill leaves it: some rows are behind, each by as much as it happens to be.
#[test]
fn after_a_crash_the_journal_says_what_a_room_is() {
    let place = Place::sqlite();
    let serving = Serving::at(&place);
    let mut rooms = filled(&serving);
    let (early, late) = (rooms[0].clone(), rooms[1].clone());
    let mut nearly = rooms[2].clone();
    for (n, room) in rooms.iter_mut().enumerate() {
        let mut commit = room.calls(&[&format!("tagged-{n}")]);
        for (who, event) in ["key:key_1", "agent:agt_1", "customer", "system"].iter().zip(10_000..) {
            let fact = Fact::ResolvedThere;
            let by = By::parse(who).unwrap();
            assert_eq!(by.to_text(), *who);
            if (n, *who) == (2, "system") {
                nearly = room.clone();
            }
            room.version += 1;
            let event = RoomEvent { seq: room.version, at: Timestamp(event), by, cause: Cause::Timer("test"), fact };
            room.room.apply(&event);
            commit.events.push(event);
        }
        (commit.version, commit.snapshot) = (room.version, serde_json::to_vec(&room.room).unwrap());
        assert_eq!(serving.one(commit), None);
    }
    serving.store.close();
    drop(serving);
    let behind = |room: &Draft| {
        let (version, snapshot) = (room.version, serde_json::to_string(&room.room).unwrap());
        format!(
            "UPDATE rooms SET version = {version}, snapshot = CAST('{snapshot}' AS BLOB) WHERE room_key = X'{}';",
            room.key.0.simple()
        )
    };
    let behind: String = [early, late, nearly].iter().map(behind).collect();
    place.conn().batch_execute(&format!("{behind} UPDATE meta SET rooms_position = 100;")).unwrap();
    let again = Serving::at(&place);
    rooms.iter().for_each(|room| is_newest(&again, room));
    let StoreUrl::Sqlite(file) = &place.url else { unreachable!() };
    let mut conn = SqliteConnection::establish(file.to_str().unwrap()).unwrap();
    let marked: Marked = diesel::sql_query("SELECT rooms_position FROM meta").get_result(&mut conn).unwrap();
    assert_eq!(marked.rooms_position, 225, "the next crash reads from here on");
    for (n, room) in rooms.iter_mut().enumerate() {
        assert_eq!(again.one(room.calls(&[&format!("goes-on-{n}")])), None);
    }
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = diesel::sql_types::Binary)]
    room_key: Vec<u8>,
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    version: i64,
    #[diesel(sql_type = diesel::sql_types::Binary)]
    snapshot: Vec<u8>,
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    newest: i64,
}

fn rows(file: &Path) -> Vec<Row> {
    let all = "SELECT room_key, version, snapshot, (SELECT MAX(seq) FROM room_events e WHERE e.room_key = r.room_key) AS newest FROM rooms r";
    let mut conn = SqliteConnection::establish(file.to_str().unwrap()).unwrap();
    diesel::sql_query(all).load(&mut conn).unwrap()
}

/// A copy is what a kill would have left at its moment. The journal is never without work, so that windows of rooms begin and end
/// all the while, and hundreds of rooms are behind.
#[test]
fn whenever_it_is_killed_every_room_is_where_its_journal_is() {
    let place = Place::sqlite();
    let serving = Serving::at(&place);
    let mut rooms: Vec<Draft> = (0..600).map(|n| Draft::new(&serving.journal, 1, &format!("web-{n}"))).collect();
    let (mut commits, mut states) = (vec![], HashMap::new());
    for round in 0..8 {
        for (n, room) in rooms.iter_mut().enumerate() {
            let ids = [0, 1, 2, 3, 4].map(|call| format!("{n}-{round}-{call}"));
            let commit = room.calls(&ids.each_ref().map(String::as_str));
            states.insert((room.key.0.as_bytes().to_vec(), room.version), commit.snapshot.clone());
            commits.push(commit);
        }
    }
    let (folder, (now, moments)) = (tempfile::tempdir().unwrap(), channel());
    let copies: Vec<PathBuf> = std::thread::scope(|scope| {
        let (folder, place) = (&folder, &place);
        let made = move |n: usize| {
            let copy = folder.path().join(format!("{n}.db"));
            place.conn().batch_execute(&format!("VACUUM INTO '{}'", copy.display())).unwrap();
            copy
        };
        let copies = scope.spawn(move || moments.into_iter().map(made).collect());
        let mut open = 0;
        let waits = |open: &mut usize, most: usize| {
            while *open > most {
                let finished = serving.bag().1;
                assert!(finished.iter().all(|one| matches!(one, Finished::Landed(_))), "{finished:?}");
                *open -= finished.len();
            }
        };
        for (n, commit) in commits.into_iter().enumerate() {
            serving.journal.submit(Job::Commit(Box::new(commit))).unwrap();
            open += 1;
            waits(&mut open, 500);
            if n % 480 == 470 {
                now.send(n).unwrap();
            }
        }
        waits(&mut open, 0);
        drop(now);
        copies.join().unwrap()
    });
    let mut behind = 0;
    for copy in copies {
        behind += rows(&copy).iter().filter(|row| row.version < row.newest).count();
        let mut options = place.options();
        options.url = StoreUrl::Sqlite(copy.clone());
        drop(Serving::with(options));
        for row in rows(&copy) {
            assert_eq!(row.version, row.newest);
            assert_eq!(Some(&row.snapshot), states.get(&(row.room_key, row.version)));
        }
    }
    assert!(behind > 500, "{behind} rows were behind in all copies: this says nothing");
}

#[test]
fn a_row_that_cannot_be_made_good_stops_the_start() {
    let place = Place::sqlite();
    let serving = Serving::at(&place);
    let rooms = filled(&serving);
    serving.store.close();
    drop(serving);
    let key = rooms[0].key.0.simple();
    let broken = format!(
        "UPDATE rooms SET version = 3, snapshot = CAST('{}' AS BLOB) WHERE room_key = X'{key}'; UPDATE meta SET rooms_position = 190;",
        serde_json::to_string(&crate::room::Room { version: 3, ..rooms[0].room.clone() }).unwrap()
    );
    place.conn().batch_execute(&broken).unwrap();
    let Err(error) = Store::open_to_serve(place.options()) else { panic!("an event is missing") };
    assert!(error.to_string().contains("bringing rooms up to date"), "{error}");
}

/// Whoever was told that a commit landed reads it, at every moment of the states' way into their rows.
#[test]
fn a_reader_is_never_behind_what_was_answered() {
    each(|place| {
        let serving = Serving::at(place);
        let mut rooms: Vec<Draft> = (0..100).map(|n| Draft::new(&serving.journal, 1, &format!("web-{n}"))).collect();
        // Of a hundred rooms in one list, so that rows are written while it is read. Between two rounds the lane has nothing
        // to do, and brings the rooms' states into their rows.
        let mut round = |n: i64| {
            let commits = rooms.iter_mut().enumerate().map(|(room, draft)| draft.calls(&[&format!("{room}-{n}")])).collect();
            serving.all(commits).iter().all(Option::is_none)
        };
        assert!(round(1));
        let (answered, done) = (AtomicI64::new(1), AtomicBool::new(false));
        std::thread::scope(|scope| {
            let readers: Vec<_> = (0..2)
                .map(|_| {
                    scope.spawn(|| {
                        let queries = serving.store.queries();
                        while !done.load(Ordering::SeqCst) {
                            let at_least = answered.load(Ordering::SeqCst);
                            let found = wait(queries.rooms(CompanyNo(1), RoomFilter::default(), None, 100)).unwrap();
                            let behind =
                                |row: &&crate::store::RoomRow| row.version < at_least || version_of(&row.snapshot) != row.version;
                            assert_eq!(found.iter().filter(behind).count(), 0, "of {}, {at_least} answered", found.len());
                        }
                    })
                })
                .collect();
            for n in 2..=200 {
                if !round(n) || readers.iter().any(|reader| reader.is_finished()) {
                    break;
                }
                answered.store(n, Ordering::SeqCst);
            }
            done.store(true, Ordering::SeqCst);
        });
        assert_eq!(answered.into_inner(), 200);
    });
}
