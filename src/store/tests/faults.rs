//! When the database says no, goes away or fails inside: what is answered, and that the process stays up.

use std::collections::BTreeMap;

use diesel::connection::{Connection, InstrumentationEvent};

use super::*;
use crate::store::conn::on_each;
use crate::store::group::Positions;
use crate::store::lag::{Lag, Newest};
use crate::store::{group_sqlite, workers};

/// Runs statements on the journal's own connection.
fn on_the_lane(serving: &Serving, sql: &'static str) {
    let lane = serving.store.lane_of_tests();
    let (task, outcome) =
        workers::task(move |conn| conn.batch_execute(sql).map_err(|error| crate::store::conn::sort(error, "a test")));
    lane.task(task).unwrap();
    wait(outcome).unwrap().unwrap();
}

#[test]
fn a_full_or_read_only_database_is_unavailable_and_then_goes_on() {
    let place = Place::sqlite();
    let serving = Serving::at(&place);
    let mut room = Draft::new(&serving.journal, 1, "r");
    assert_eq!(serving.one(room.calls(&["a"])), None);
    for (spoil, mend, id) in [
        ("PRAGMA max_page_count = 1", "PRAGMA max_page_count = 1073741823", "full"),
        ("PRAGMA query_only = ON", "PRAGMA query_only = OFF", "locked"),
    ] {
        on_the_lane(&serving, spoil);
        let mut big = room.clone();
        let mut commit = big.calls(&[id]);
        commit.new_calls[0].answer.body = " ".repeat(300_000).into();
        let answer = serving.one(commit);
        assert!(matches!(answer, Some(Rejection::Unavailable(_))), "{answer:?}");
        assert_eq!(serving.load(&room.address).unwrap().version, room.version, "reading goes on");
        on_the_lane(&serving, mend);
        assert_eq!(serving.one(room.calls(&[id])), None, "and so does writing, with the same id");
    }
    assert!(serving.store.fatal().borrow().is_none());
}

/// A second program that has the file locked makes a call wait as long as a statement does, not once more for the indexes' sake.
#[test]
fn upkeep_leaves_the_lane_free_while_the_file_is_locked() {
    let place = Place::sqlite();
    let serving = Serving::at(&place);
    let mut room = Draft::new(&serving.journal, 1, "r");
    let mut other = place.conn();
    assert_eq!(serving.one(room.calls(&["a"])), None);
    // At once, so that what the commit left for later is met while the file is locked.
    other.batch_execute("BEGIN EXCLUSIVE").unwrap();
    on_the_lane(&serving, "SELECT 1");
    std::thread::park_timeout(Duration::from_millis(60));
    let begun = std::time::Instant::now();
    on_the_lane(&serving, "SELECT 1");
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    other.batch_execute("ROLLBACK").unwrap();
    assert_eq!(serving.one(room.calls(&["b"])), None);
}

#[test]
fn a_panic_inside_loses_no_later_commit() {
    let place = Place::sqlite();
    let serving = Serving::at(&place);
    let mut room = Draft::new(&serving.journal, 1, "r");
    let lane = serving.store.lane_of_tests();
    let (task, outcome) = workers::task::<()>(|conn| {
        conn.batch_execute("BEGIN IMMEDIATE; INSERT INTO companies (no, id, name, created_at) VALUES (5, 'x', 'x', 1)").unwrap();
        panic!("on purpose");
    });
    lane.task(task).unwrap();
    assert!(wait(outcome).is_err());
    assert_eq!(serving.one(room.calls(&["a"])), None);
    assert!(wait(serving.store.queries().companies()).unwrap().is_empty(), "the open transaction was rolled back");
}

#[test]
fn a_lost_connection_is_made_again() {
    each(|place| {
        if place.is_sqlite() {
            return;
        }
        let serving = Serving::at(place);
        let mut room = Draft::new(&serving.journal, 1, "r");
        assert_eq!(serving.one(room.calls(&["a"])), None);
        place.conn().batch_execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()").unwrap();
        let answer = serving.one(room.clone().calls(&["b"]));
        assert!(matches!(answer, Some(Rejection::Unclear(_))), "{answer:?}");
        let version = serving.load(&room.address).unwrap().version;
        assert_eq!(version, 1, "it did not land, and the room is read again");
        assert_eq!(serving.one(room.calls(&["b"])), None);
        assert_eq!(*serving.store.last_position().borrow(), 2);
        assert!(serving.store.fatal().borrow().is_none());
    });
}

/// Otherwise every later commit of every room would be refused until somebody restarts the process.
#[test]
fn a_position_that_somebody_took_stops_nobody() {
    each(|place| {
        if place.is_sqlite() {
            return;
        }
        let serving = Serving::at(place);
        let mut room = Draft::new(&serving.journal, 1, "r");
        assert_eq!(serving.one(room.calls(&["a"])), None);
        let somebody = "INSERT INTO room_events (position, company, room_key, seq, at, \"by\", cause_kind, cause, kind, payload) \
            SELECT position + 1, company, '\\x00', seq, at, \"by\", cause_kind, cause, kind, payload FROM room_events";
        place.conn().batch_execute(somebody).unwrap();
        assert_eq!((serving.one(room.calls(&["b"])), serving.one(room.calls(&["c"]))), (None, None));
        assert_eq!((serving.load(&room.address).unwrap().version, *serving.store.last_position().borrow()), (3, 4));
    });
}

/// What an older connection had sent may be executed at any time later: then it must find that it is too late.
#[test]
fn an_older_connection_writes_nothing() {
    each(|place| {
        if place.is_sqlite() {
            return;
        }
        let serving = Serving::at(place);
        let mut room = Draft::new(&serving.journal, 1, "r");
        assert_eq!(serving.one(room.calls(&["a"])), None);
        place.conn().batch_execute("UPDATE owners SET connection = connection + 1").unwrap();
        let answer = serving.one(room.clone().calls(&["b"]));
        assert!(matches!(answer, Some(Rejection::Unclear(_))), "{answer:?}");
        assert_eq!(serving.load(&room.address).unwrap().version, 1, "read after the journal has connected anew");
        assert_eq!(serving.one(room.calls(&["b"])), None);
        assert!(serving.store.fatal().borrow().is_none());
    });
}

/// Positions are read when nothing of the old connection can land any more, so that no room is told of less than there is.
#[test]
fn a_new_connection_waits_for_the_old_ones_statement() {
    each(|place| {
        if place.is_sqlite() {
            return;
        }
        let serving = Serving::at(place);
        let mut room = Draft::new(&serving.journal, 1, "r");
        assert_eq!(serving.one(room.calls(&["a"])), None);
        let mut old = place.conn();
        old.batch_execute("SET idle_in_transaction_session_timeout = 0; BEGIN; SELECT 1 FROM owners FOR SHARE").unwrap();
        let ours = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
            WHERE pid <> pg_backend_pid() AND datname = current_database() AND state <> 'idle in transaction'";
        place.conn().batch_execute(ours).unwrap();
        let answer = serving.one(room.clone().calls(&["b"]));
        assert!(matches!(answer, Some(Rejection::Unclear(_))), "the connection was lost: {answer:?}");
        let answer = serving.one(room.clone().calls(&["b"]));
        assert!(matches!(answer, Some(Rejection::Unavailable(_))), "nothing is written beside it: {answer:?}");
        old.batch_execute("COMMIT").unwrap();
        let patience = std::time::Instant::now() + Duration::from_secs(60);
        while serving.one(room.clone().calls(&["b"])).is_some() {
            assert!(std::time::Instant::now() < patience, "it goes on once the old one is over");
        }
        assert_eq!(serving.load(&room.address).unwrap().version, 2);
    });
}

/// A statement that is prepared again by accident costs an eighth of the whole path (reference/hot-path.md).
#[test]
fn hot_statements_are_prepared_once() {
    let place = Place::sqlite();
    drop(Store::open_to_serve(place.options()).unwrap());
    let Conn::Sqlite(mut c) = place.conn() else { panic!() };
    let newest = Arc::<Newest>::default();
    let mut positions = Positions::default();
    let mut lag = Lag::read(&mut c, Arc::clone(&newest), positions).unwrap();
    let counts: Arc<Mutex<BTreeMap<String, (u32, u32)>>> = Arc::default();
    let seen = Arc::clone(&counts);
    c.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        let mut counts = seen.lock().unwrap();
        let text = |query: &dyn std::fmt::Display| query.to_string().split(" -- ").next().unwrap_or_default().trim().to_owned();
        match event {
            InstrumentationEvent::StartQuery { query, .. } => counts.entry(text(&query)).or_default().0 += 1,
            InstrumentationEvent::CacheQuery { sql, .. } => counts.entry(sql.trim().to_owned()).or_default().1 += 1,
            _ => {}
        }
    });
    let journal: Arc<dyn Journal> = crate::store::memory::MemoryStore::new(crate::store::memory::Pace::AtOnce);
    let mut rooms: Vec<Draft> = (0..10).map(|i| Draft::new(&journal, 1, &format!("r{i}"))).collect();
    for step in 0..100 {
        let batch: Vec<Box<Commit>> =
            rooms.iter_mut().enumerate().map(|(i, room)| Box::new(room.calls(&[&format!("c{step}.{i}")]))).collect();
        let (before, slice) = (positions, lag.due(&batch));
        let written = group_sqlite::write(&mut c, &batch, 1, &newest, &mut positions, |c| lag.write(c, slice));
        let (written, fresh) = written.map_err(|_| ()).unwrap();
        let written: Vec<_> = written.into_iter().map(Some).collect();
        assert!(written.iter().all(|written| matches!(written, Some(None))));
        lag.wrote(slice, &batch, &written, before, fresh);
    }
    while lag.fold(&mut c).unwrap() {}
    let mut conn = Conn::Sqlite(c);
    for room in &rooms {
        crate::store::rows::load_room(&mut conn, &newest.rooms, &room.address).unwrap().unwrap();
        crate::store::rows::find_calls(&mut conn, &newest, CompanyNo(1), &[room.call("c0.0").key]).unwrap();
    }
    on_each!(&mut conn, |c| c.set_instrumentation(|_: InstrumentationEvent<'_>| {}));
    let counts = counts.lock().unwrap();
    let run: u32 = counts.values().map(|(runs, _)| runs).sum();
    assert!(run > 3_000 && positions.event == 1_000 && positions.call == 1_000, "{run}");
    for (sql, (runs, prepared)) in counts.iter() {
        // Not at all if it was prepared while the journal connected.
        assert!(*prepared <= 1, "run {runs} times, prepared {prepared} times: {sql}");
    }
}
