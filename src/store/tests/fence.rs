//! The mark of a fenced effect and the commit that moves control: whichever is first counts, on every database and without one.

use super::outbox::{job, part};
use super::*;
use crate::actors::outside::{EffectJob, Outbox, Part, Started};
use crate::room::{AgentId, EffectKind, EffectPlan, Leave};
use crate::store::memory::{MemoryStore, Pace};

fn fenced(id: &str, epoch: i64) -> EffectJob {
    EffectJob { plan: EffectPlan::absolute(EffectKind::Assignment, true), epoch, ..job(1, id, 0) }
}

/// The room of `job` as its commits leave it.
fn first(journal: &Arc<dyn Journal>) -> (Draft, Commit) {
    let mut draft = Draft::new(journal, 1, "web-1");
    let commit = draft.calls(&["c0"]);
    (draft, commit)
}

fn taken_over(draft: &mut Draft) -> Commit {
    let mut commit = draft.calls(&["c1"]);
    commit.epoch = 2;
    (commit.columns.control, commit.columns.assignee) = ("person", Some(AgentId::trusted("agt_9")));
    commit
}

/// `commits` brings a commit into the store.
fn obeys(outbox: &dyn Outbox, journal: &Arc<dyn Journal>, commits: &dyn Fn(Commit)) {
    let start = |job: &EffectJob, part: &Part| wait(outbox.start(job, part, Timestamp(5))).unwrap();
    let (mut draft, commit) = first(journal);
    assert_eq!(start(&fenced("early", 1), &part(0, "x")), Started::Void, "there is no such room");
    commits(commit);
    assert_eq!(start(&fenced("a", 1), &part(0, "x")), Started::Yes);
    assert_eq!(start(&fenced("a", 2), &part(0, "x")), Started::Void, "of another epoch");
    commits(taken_over(&mut draft));
    let late = fenced("late", 1);
    assert_eq!(start(&late, &part(0, "x")), Started::Void);
    assert_eq!(wait(outbox.recall(late.key)).unwrap(), Default::default(), "nothing was written");
    assert_eq!(start(&fenced("a", 1), &part(0, "x")), Started::Void, "nor is it marked again");
    assert_eq!(start(&fenced("a", 1), &part(1, "x")), Started::Void, "nor its next part");
    let row = wait(outbox.recall(fenced("a", 1).key)).unwrap();
    assert_eq!((row.parts.len(), row.parts[0].attempts), (1, 1));
    let hands_to = |agent: &str| Part { hands_to: Some(AgentId::trusted(agent)), ..part(1, "x") };
    assert_eq!(start(&fenced("a", 1), &hands_to("agt_8")), Started::Void);
    assert_eq!(start(&fenced("a", 1), &hands_to("agt_9")), Started::Yes, "that is where it wanted control to go");
    assert_eq!(start(&fenced("b", 2), &part(0, "x")), Started::Yes, "decided since");
    let unfenced = EffectJob { plan: EffectPlan::absolute(EffectKind::Tags, false), ..fenced("c", 1) };
    assert_eq!(start(&unfenced, &part(0, "x")), Started::Yes);
}

/// What the request that asked for assignment 1 may still say.
fn with_leave(id: &str, until: i64) -> EffectJob {
    let leave = Some(Leave { assignment: 1, until: Timestamp(until) });
    EffectJob { plan: EffectPlan { leave, ..fenced(id, 1).plan }, ..fenced(id, 1) }
}

fn moved(draft: &mut Draft, call: &str, control: &'static str, assignment: i64) -> Commit {
    let mut commit = draft.calls(&[call]);
    commit.epoch = commit.version;
    (commit.columns.control, commit.columns.assignment) = (control, assignment);
    commit
}

/// The same, of leave.
fn obeys_leave(outbox: &dyn Outbox, journal: &Arc<dyn Journal>, commits: &dyn Fn(Commit)) {
    let start = |job: &EffectJob, part: &Part| wait(outbox.start(job, part, Timestamp(5))).unwrap();
    let (mut draft, commit) = first(journal);
    commits(commit);
    commits(moved(&mut draft, "c1", "queue", 1));
    assert_eq!(start(&fenced("a", 1), &part(0, "x")), Started::Void);
    assert_eq!(start(&with_leave("late", 4), &part(0, "x")), Started::Void, "its time is over");
    assert_eq!(start(&with_leave("b", 5), &part(0, "x")), Started::Yes);
    commits(moved(&mut draft, "c2", "person", 1));
    assert_eq!(start(&with_leave("b", 5), &part(1, "x")), Started::Yes, "that is what was asked for");
    commits(moved(&mut draft, "c3", "nobody", 1));
    assert_eq!(start(&with_leave("b", 5), &part(2, "x")), Started::Void, "the conversation is over");
    commits(moved(&mut draft, "c4", "person", 2));
    assert_eq!(start(&with_leave("b", 5), &part(2, "x")), Started::Void, "somebody took it by themselves");
}

#[test]
fn leave_to_say_goodbye_holds_for_its_own_assignment() {
    each(|place| {
        let serving = Serving::at(place);
        obeys_leave(&*serving.store.outbox(), &serving.journal, &|commit| assert_eq!(serving.one(commit), None));
    });
    let store = MemoryStore::new(Pace::AtOnce);
    let journal: Arc<dyn Journal> = store.clone();
    obeys_leave(&*store, &journal, &|commit| assert!(journal.submit(Job::Commit(Box::new(commit))).is_ok()));
}

#[test]
fn a_fenced_effect_starts_only_while_control_stays_where_it_was() {
    each(|place| {
        let serving = Serving::at(place);
        obeys(&*serving.store.outbox(), &serving.journal, &|commit| assert_eq!(serving.one(commit), None));
    });
    let store = MemoryStore::new(Pace::AtOnce);
    let journal: Arc<dyn Journal> = store.clone();
    obeys(&*store, &journal, &|commit| assert!(journal.submit(Job::Commit(Box::new(commit))).is_ok()));
}

#[test]
fn a_mark_waits_for_a_takeover_that_is_being_committed() {
    each(|place| {
        let serving = Serving::at(place);
        let (_, commit) = first(&serving.journal);
        assert_eq!(serving.one(commit), None);
        let mut other = place.conn();
        other.batch_execute(if place.is_sqlite() { "BEGIN IMMEDIATE" } else { "BEGIN" }).unwrap();
        other.batch_execute("UPDATE rooms SET epoch = 2, control = 'person', assignee = 'agt_9'").unwrap();
        let (tell, told) = channel();
        let outbox = serving.store.outbox();
        let marker = std::thread::spawn(move || tell.send(wait(outbox.start(&fenced("a", 1), &part(0, "x"), Timestamp(5)))));
        assert!(told.recv_timeout(Duration::from_millis(150)).is_err(), "it waits for what comes of the other");
        other.batch_execute("COMMIT").unwrap();
        let mut said = told.recv_timeout(Duration::from_secs(30)).unwrap();
        // It does not wait for ever, and on a busy machine asks again.
        if said.is_err() {
            said = wait(serving.store.outbox().start(&fenced("a", 1), &part(0, "x"), Timestamp(5)));
        }
        assert_eq!(said, Ok(Started::Void));
        marker.join().unwrap().unwrap();
    });
}
