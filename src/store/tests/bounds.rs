//! Queues are bounded: what has no place in one is answered at once, and is not lost by being refused.

use super::*;
use crate::store::StoreError;
use crate::store::workers::{self, Workers};

/// A task that keeps its thread until it is told to go on.
fn occupied() -> (workers::Task, Receiver<()>, Sender<()>) {
    let ((begins, begun), (go_on, held)) = (channel(), channel());
    let task: workers::Task = Box::new(move |_| {
        let _ = begins.send(());
        let _ = held.recv_timeout(Duration::from_secs(30));
        false
    });
    (task, begun, go_on)
}

#[test]
fn the_journal_takes_no_more_than_its_queue_holds() {
    let place = Place::sqlite();
    let store = Store::open_to_serve(StoreOptions { journal_queue: 3, ..place.options() }).unwrap();
    let (sender, answers) = channel();
    let journal = store.journal(Arc::new(Bags(Mutex::new(sender)))).unwrap();
    let lane = store.lane_of_tests();
    let (task, begun, go_on) = occupied();
    lane.task(task).unwrap();
    begun.recv_timeout(Duration::from_secs(30)).unwrap();

    let load = |n: usize| Job::Load { address: address(1, &format!("r{n}")), thread: n, room: None };
    (0..3).for_each(|n| assert!(journal.submit(load(n)).is_ok(), "{n} has a place"));
    let Err(Job::Load { address: refused, .. }) = journal.submit(load(3)) else { panic!("a fourth has none") };
    assert_eq!(refused, address(1, "r3"), "and comes back to who wanted it");
    let written = wait(store.directory().create_company("acme", "cli"));
    assert!(matches!(written, Err(StoreError::Busy(_))), "nor has an administrative write: {written:?}");

    go_on.send(()).unwrap();
    let mut answered = 0;
    while answered < 3 {
        answered += answers.recv_timeout(Duration::from_secs(30)).unwrap().1.len();
    }
    assert!(journal.submit(load(3)).is_ok(), "there is room again");
}

#[test]
fn readers_take_no_more_than_their_queue_holds() {
    let place = Place::sqlite();
    crate::store::migrate(&place.url).unwrap();
    let readers = Workers::start("test-read", 1, 2, &place.url, Purpose::Read).unwrap();
    let (task, begun, go_on) = occupied();
    readers.push(task).unwrap();
    begun.recv_timeout(Duration::from_secs(30)).unwrap();
    let waiting: Vec<_> = (0..2).map(|n| workers::task(move |_| Ok(n))).collect();
    let waiting: Vec<_> = waiting.into_iter().map(|(task, outcome)| readers.push(task).map(|()| outcome).unwrap()).collect();
    let third = wait(readers.run(|_| Ok(())));
    assert!(matches!(third, Err(StoreError::Busy(_))), "a third has no place: {third:?}");
    go_on.send(()).unwrap();
    let answers: Vec<usize> = waiting.into_iter().map(|outcome| wait(outcome).unwrap().unwrap()).collect();
    assert_eq!(answers, [0, 1], "those that had one are answered");
    assert!(wait(readers.run(|_| Ok(()))).is_ok());
}

/// Connections that close at the same moment each see another one open, and none empties the log: it then stays beside the
/// file with the rights of whoever made it.
#[test]
fn the_last_of_several_readers_takes_the_log_with_it() {
    let place = Place::sqlite();
    crate::store::migrate(&place.url).unwrap();
    let StoreUrl::Sqlite(file) = &place.url else { unreachable!() };
    for round in 0..100 {
        let readers = Workers::start("test-read", 4, 4, &place.url, Purpose::Read).unwrap();
        // Each holds its thread until all have one, so that each has opened a connection.
        let all = Arc::new(std::sync::Barrier::new(4));
        for _ in 0..4 {
            let all = Arc::clone(&all);
            let task: workers::Task = Box::new(move |conn| {
                conn.unwrap().batch_execute("SELECT id FROM owners").unwrap();
                all.wait();
                false
            });
            readers.push(task).unwrap();
        }
        readers.close();
        for end in ["-wal", "-shm"] {
            let beside = file.with_file_name(format!("bellhop.db{end}"));
            assert!(!beside.exists(), "{end} is left after round {round}");
        }
    }
}
