//! A room's events are found wherever they stand: in the history, in the newest slice beside it, and on both sides of a restart.

use super::*;
use crate::store::CallFilter;
use crate::store::group::Positions;

const CALLS: usize = 2_500;

fn seqs(store: &Store, room: &Draft, after: i64) -> Vec<i64> {
    let events = wait(store.queries().timeline(CompanyNo(1), &room.address.room, after, 10_000)).unwrap().unwrap();
    events.iter().map(|event| event.seq).collect()
}

fn check(store: &Store, rooms: &[Draft]) {
    for room in rooms {
        assert_eq!(seqs(store, room, 0), (1..=CALLS as i64).collect::<Vec<_>>());
        assert_eq!(seqs(store, room, 2_000), (2_001..=CALLS as i64).collect::<Vec<_>>());
        let filter = CallFilter { room_id: Some(room.address.room.clone()), ..CallFilter::default() };
        assert_eq!(wait(store.queries().calls(CompanyNo(1), filter, None, 10_000)).unwrap().len(), CALLS);
    }
}

#[test]
fn a_timeline_is_whole_while_its_index_lags_behind() {
    each(|place| {
        let serving = Serving::at(place);
        let mut rooms: Vec<Draft> = (0..3).map(|n| Draft::new(&serving.journal, 1, &format!("web-{n}"))).collect();
        for part in 0..CALLS / 50 {
            let ids: Vec<Vec<String>> = (0..3).map(|room| (0..50).map(|n| format!("{room}-{part}-{n}")).collect()).collect();
            let commits =
                rooms.iter_mut().zip(&ids).map(|(room, ids)| room.calls(&ids.iter().map(String::as_str).collect::<Vec<_>>()));
            assert!(serving.all(commits.collect()).iter().all(Option::is_none));
        }
        check(&serving.store, &rooms);
        serving.store.close();
        drop(serving);
        let again = Serving::at(place);
        check(&again.store, &rooms);
        if place.is_sqlite() {
            let Conn::Sqlite(mut c) = place.conn() else { panic!("not SQLite") };
            let lag = crate::store::lag::Lag::read(&mut c, Arc::default(), Positions::default()).unwrap();
            assert!(lag.is_empty(), "closing brought all of it in");
        }
    });
}
