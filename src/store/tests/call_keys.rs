//! A call's id is known to be taken wherever its key stands: in memory, in the index that lags behind, or, after a crash, only in
//! the row itself.

use super::*;
use crate::store::group::Positions;

const CALLS: i64 = 40;

fn id(n: i64) -> String {
    format!("call-{n}")
}

/// The answer of a new room that uses each of these ids once more, by id.
fn taken(serving: &Serving, ids: impl Iterator<Item = i64>) -> Vec<i64> {
    let again = |n: &i64| {
        let mut stranger = Draft::new(&serving.journal, 1, &format!("stranger-{n}-{}", Uuid::now_v7()));
        match serving.one(stranger.calls(&[&id(*n)])) {
            Some(Rejection::Duplicate { calls, .. }) => calls == [stranger.call(&id(*n)).key],
            None => false,
            other => panic!("{other:?}"),
        }
    };
    ids.filter(again).collect()
}

fn found(store: &Store) -> Vec<i64> {
    let queries = store.queries();
    (1..=CALLS).filter(|n| wait(queries.call(CompanyNo(1), &CallId::new(&id(*n)).unwrap())).unwrap().is_some()).collect()
}

fn filled(place: &Place) -> (Serving, Vec<i64>) {
    let serving = Serving::at(place);
    let mut room = Draft::new(&serving.journal, 1, "web-1");
    for n in 1..=CALLS {
        assert_eq!(serving.one(room.calls(&[&id(n)])), None);
    }
    (serving, (1..=CALLS).collect())
}

#[test]
fn an_id_is_taken_before_and_after_its_key_is_in_the_index() {
    each(|place| {
        let (serving, all) = filled(place);
        assert_eq!((taken(&serving, 1..=CALLS), found(&serving.store)), (all.clone(), all.clone()));
        serving.store.close();
        drop(serving);
        if place.is_sqlite() {
            let Conn::Sqlite(mut c) = place.conn() else { panic!("not SQLite") };
            assert!(
                crate::store::lag::Lag::read(&mut c, Arc::default(), Positions::default()).unwrap().is_empty(),
                "closing brought all of it in"
            );
        }
        let again = Serving::at(place);
        assert_eq!((taken(&again, 1..=CALLS), found(&again.store)), (all.clone(), all));
    });
}

/// As a kill leaves it: a window was half written, and the mark still stands before it.
#[test]
fn after_a_crash_the_rows_themselves_say_which_ids_are_taken() {
    let place = Place::sqlite();
    let (serving, all) = filled(&place);
    serving.store.close();
    drop(serving);
    place.conn().batch_execute("DELETE FROM call_keys WHERE position > 25; UPDATE meta SET keys_position = 10;").unwrap();
    let beside = Store::open_beside(place.options()).unwrap();
    assert_eq!(found(&beside), all, "a process beside it walks over the newest rows");
    let again = Serving::at(&place);
    assert_eq!((taken(&again, 1..=CALLS), found(&again.store)), (all.clone(), all.clone()));
    assert_eq!(found(&beside), all);
    let mut room = Draft::new(&again.journal, 1, "web-2");
    assert_eq!(again.one(room.calls(&["call-41"])), None, "and positions go on where they ended");
    assert_eq!(taken(&again, 41..=42), [41]);
}
