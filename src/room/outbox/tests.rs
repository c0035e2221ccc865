//! What comes next, over what is known.

use super::*;

const NOW: Timestamp = Timestamp(1_000_000_000_000);

fn at(ms: i64) -> Timestamp {
    NOW.plus_ms(ms)
}

/// One that finds a part started at `started_at`, without an outcome.
fn inherits(rule: Rule, started_at: Timestamp) -> Carriage {
    let mut carriage = Carriage::new(Patience::default(), started_at, false, true);
    assert_eq!(carriage.next(NOW), Move::Plan);
    carriage.came(Came::PartStarted(rule, started_at), NOW);
    carriage
}

#[test]
fn a_started_part_is_looked_up_and_not_sent() {
    for rule in [Rule::Once, Rule::Absolute] {
        assert_eq!(inherits(rule, at(-60_000)).next(NOW), Move::LookUp);
    }
}

#[test]
fn absent_is_believed_after_the_grace_time() {
    let Patience { attempt_ms, grace_ms, .. } = Patience::default();
    // The request left just now and its sender died in the next moment; or it left long ago.
    for (started_at, latest) in [(NOW, attempt_ms + grace_ms), (at(-60_000), grace_ms)] {
        let mut carriage = inherits(Rule::Once, started_at);
        carriage.came(Came::Absent(at(1)), at(1));
        assert_eq!(carriage.next(at(1)), Move::Rest(at(latest)));
        assert_eq!(carriage.next(at(latest)), Move::LookUp);
        // A look-up that began before and took long saw the world as it was before.
        carriage.came(Came::Absent(at(latest - 1)), at(latest + 500));
        assert_eq!(carriage.next(at(latest + 500)), Move::LookUp);
        carriage.came(Came::Absent(at(latest)), at(latest));
        assert_eq!(carriage.next(at(latest)), Move::Send);
    }
}

#[test]
fn however_long_it_was_dark_a_started_part_is_looked_up() {
    let long = Patience::default().reconcile_ms * 3;
    let mut carriage = inherits(Rule::Once, at(-long));
    assert_eq!(carriage.next(NOW), Move::LookUp);
    // Only then does the time run in which it must be found out.
    carriage.came(Came::NotDone { after_ms: 1, counts: false }, NOW);
    assert_eq!(carriage.next(at(Patience::default().reconcile_ms)), Move::Settle(End::Unresolved));
}

#[test]
fn what_was_sent_expires_only_when_it_certainly_did_nothing() {
    let Patience { deadline_ms, reconcile_ms, attempts, .. } = Patience::default();
    let mut carriage = Carriage::new(Patience::default(), NOW, false, false);
    carriage.begins();
    assert_eq!(carriage.next(at(deadline_ms)), Move::Settle(End::Expired));
    carriage.came(Came::Part(Rule::Once), NOW);
    assert_eq!((carriage.next(NOW), carriage.next(at(deadline_ms))), (Move::Send, Move::Settle(End::Expired)));
    carriage.started();
    assert_eq!(carriage.next(at(deadline_ms)), Move::LookUp, "the answer is lost");
    // A refused token uses up no attempt, and ends all the same.
    carriage.came(Came::NotDone { after_ms: 0, counts: false }, NOW);
    assert_eq!((carriage.next(NOW), carriage.next(at(deadline_ms))), (Move::Send, Move::Settle(End::Expired)));
    let mut doubtful = carriage;
    for attempt in 1..=attempts {
        carriage.started();
        carriage.came(Came::NotDone { after_ms: 0, counts: true }, NOW);
        let next = if attempt < attempts { Move::Send } else { Move::Settle(End::Dead) };
        assert_eq!(carriage.next(NOW), next);
    }
    doubtful.started();
    doubtful.came(Came::Doubtful, at(deadline_ms - 1));
    assert_eq!(doubtful.next(at(deadline_ms)), Move::LookUp, "it may have been done");
    assert_eq!(doubtful.next(at(deadline_ms + reconcile_ms)), Move::Settle(End::Unresolved));
    doubtful.came(Came::Absent(at(deadline_ms + 60_000)), at(deadline_ms + 60_000));
    assert_eq!(doubtful.next(at(deadline_ms + 60_000)), Move::Settle(End::Expired), "proven not to be there, and too late");
}

#[test]
fn what_is_half_done_is_left_to_people_when_its_time_is_over() {
    let Patience { deadline_ms, reconcile_ms, .. } = Patience::default();
    let mut carriage = Carriage::new(Patience::default(), NOW, true, false);
    // That it is finished may be all that is left to say.
    assert_eq!(carriage.next(at(deadline_ms)), Move::Plan);
    carriage.came(Came::NotDone { after_ms: 1, counts: false }, at(deadline_ms));
    carriage.came(Came::NotDone { after_ms: 1, counts: false }, at(deadline_ms + reconcile_ms / 2));
    assert_eq!(carriage.next(at(deadline_ms + reconcile_ms - 1)), Move::Plan);
    assert_eq!(carriage.next(at(deadline_ms + reconcile_ms)), Move::Settle(End::Unresolved));
    carriage.came(Came::Part(Rule::Once), at(deadline_ms));
    assert_eq!(carriage.next(at(deadline_ms)), Move::Settle(End::Dead));
}

#[test]
fn what_cannot_be_carried_out_in_its_time_is_not_begun() {
    let Patience { deadline_ms, .. } = Patience::default();
    let last_minute = deadline_ms - deadline_ms / KEPT;
    let mut carriage = Carriage::new(Patience::default(), NOW, false, false);
    assert_eq!(carriage.next(at(last_minute - 1)), Move::Plan);
    assert_eq!(carriage.next(at(last_minute)), Move::Settle(End::Expired));
    assert_eq!(carriage.limit(NOW), Limit { begin_by: at(last_minute), until: at(deadline_ms) });
    carriage.begins();
    assert_eq!(carriage.next(at(last_minute)), Move::Plan);
    assert_eq!(carriage.limit(NOW), Limit { begin_by: at(deadline_ms), until: at(deadline_ms) });
}

#[test]
fn what_changed_meanwhile_is_planned_anew_and_not_for_ever() {
    let attempts = Patience::default().attempts;
    let mut carriage = Carriage::new(Patience::default(), NOW, false, false);
    for attempt in 1..=attempts {
        assert_eq!(carriage.next(NOW), Move::Plan);
        carriage.came(Came::Part(Rule::Absolute), NOW);
        assert_eq!(carriage.next(NOW), Move::Send);
        carriage.came(Came::Changed, NOW);
        let next = if attempt < attempts { Move::Plan } else { Move::Settle(End::Dead) };
        assert_eq!(carriage.next(NOW), next);
    }
}

#[test]
fn what_cannot_be_proved_is_said_again_only_if_that_harms_nobody() {
    let grace_ms = Patience::default().grace_ms;
    for (rule, next) in [(Rule::Once, Move::Settle(End::Unresolved)), (Rule::Absolute, Move::Send)] {
        let mut carriage = inherits(rule, at(-60_000));
        carriage.came(Came::Unprovable, at(grace_ms));
        assert_eq!(carriage.next(at(grace_ms)), next);
    }
}
