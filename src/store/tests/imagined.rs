//! The memory store answers as the real one does, and its faults do what they say.

use super::*;
use crate::store::memory::{Fault, MemoryStore, Pace};

fn told(answers: &Receiver<(usize, Vec<Finished>)>) -> Option<Option<Rejection>> {
    match answers.try_recv().ok()?.1.remove(0) {
        Finished::Landed(_) => Some(None),
        Finished::Rejected(_, rejection) => Some(Some(rejection)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn faults_do_what_they_say() {
    let store = MemoryStore::new(Pace::AtOnce);
    let (sender, answers) = channel();
    store.deliver_to(Arc::new(Bags(Mutex::new(sender))));
    let journal: Arc<dyn Journal> = store.clone();
    let mut room = Draft::new(&journal, 1, "r");
    let submit = |commit: Commit| journal.submit(Job::Commit(Box::new(commit))).unwrap();
    let first = room.calls(&["a"]);
    for (fault, landed) in [(Fault::NotWritten, false), (Fault::Conflict, false), (Fault::MaybeWritten { written: false }, false)]
    {
        store.plan(fault);
        let mut fresh = room.clone();
        fresh.version = 0;
        submit(fresh.calls(&["a"]));
        assert!(told(&answers).unwrap().is_some());
        assert_eq!(store.events(&room.address).len() == 1, landed);
    }
    store.plan(Fault::MaybeWritten { written: true });
    submit(first);
    assert!(matches!(told(&answers).unwrap(), Some(Rejection::Unclear(_))));
    assert_eq!(store.calls().len(), 1, "it landed all the same");
    submit(room.clone().calls(&["a"]));
    assert!(matches!(told(&answers).unwrap(), Some(Rejection::Duplicate { .. })));
    store.plan(Fault::Slow);
    submit(room.calls(&["b"]));
    submit(room.calls(&["c"]));
    assert!(store.is_held() && told(&answers).is_none() && store.waiting() == 2);
    store.release();
    assert_eq!((store.events(&room.address).len(), store.landed()), (3, 3));
    while told(&answers).is_some() {}
    for apart in [-1, 1] {
        let mut other = room.clone();
        other.version += apart;
        submit(other.calls(&["d"]));
        assert_eq!(told(&answers), Some(Some(Rejection::Stale)), "{apart}");
    }
    let heir = store.reborn();
    let mut late = room.clone();
    late.owner = 0;
    let (sender, answers) = channel();
    heir.deliver_to(Arc::new(Bags(Mutex::new(sender))));
    heir.submit(Job::Commit(Box::new(late.calls(&["d"])))).unwrap();
    assert_eq!(told(&answers), Some(Some(Rejection::Stale)));
    assert_eq!(heir.owner_epoch(), 2);
}

#[test]
fn only_dead_letters_change_after_their_end() {
    let store = MemoryStore::new(Pace::AtOnce);
    let journal: Arc<dyn Journal> = store.clone();
    let mut room = Draft::new(&journal, 1, "r");
    for status in CallStatus::ALL {
        let mut commit = room.calls(&[status.as_str()]);
        commit.new_calls[0].answer.status = status;
        journal.submit(Job::Commit(Box::new(commit))).unwrap();
    }
    let mut commit = room.calls(&["last"]);
    for status in CallStatus::ALL {
        let mut ended = room.ended(status.as_str());
        ended.answer.status = CallStatus::Running;
        commit.ended_calls.push(ended);
    }
    journal.submit(Job::Commit(Box::new(commit))).unwrap();
    for (call, first) in store.calls().iter().zip(CallStatus::ALL) {
        let moves = !first.is_final() || matches!(first, CallStatus::Dead | CallStatus::Unresolved);
        assert_eq!((call.answer.status == CallStatus::Running, call.ended_at.is_none()), (moves, moves), "{first:?}");
    }
}
