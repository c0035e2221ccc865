//! Whom the write lane waits for before it begins the next group, and for how long.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::super::lane::{Lane, Work};

/// Longer than a test may take: who waits this long is stuck.
const FOR_EVER: Duration = Duration::from_secs(600);

fn comes(lane: &Lane) {
    lane.task(Box::new(|_| false)).unwrap();
}

fn waiting(lane: &Lane) -> usize {
    let mut work: Vec<Work> = vec![];
    lane.take(&mut work, Duration::ZERO).map_or(0, |()| work.len())
}

#[test]
fn nobody_was_answered_and_nobody_is_waited_for() {
    let lane = Lane::new(8, 1);
    let begun = Instant::now();
    lane.gather(0, begun + FOR_EVER);
    comes(&lane);
    lane.gather(0, begun + FOR_EVER);
    assert_eq!(waiting(&lane), 1);
}

#[test]
fn the_next_group_begins_when_as_many_have_come_as_were_answered() {
    let lane = Arc::new(Lane::new(8, 1));
    comes(&lane);
    let other = Arc::clone(&lane);
    // Until there is no more room: whenever the lane looks, two more still come, or it is full.
    let come = thread::spawn(move || while other.task(Box::new(|_| false)).is_ok() {});
    lane.gather(2, Instant::now() + FOR_EVER);
    assert!(waiting(&lane) >= 3);
    lane.close();
    come.join().unwrap();
}

#[test]
fn those_who_do_not_come_again_are_not_waited_for_longer() {
    let lane = Lane::new(8, 1);
    comes(&lane);
    lane.gather(5, Instant::now() + Duration::from_millis(1));
    assert_eq!(waiting(&lane), 1);
}

#[test]
fn who_are_many_already_wait_for_no_more() {
    let lane = Lane::new(64, 1);
    let begun = Instant::now();
    (0..16).for_each(|_| comes(&lane));
    lane.gather(40, begun + FOR_EVER);
    assert!(begun.elapsed() < FOR_EVER);
    assert_eq!(waiting(&lane), 16);
}

#[test]
fn a_full_lane_is_not_waited_for() {
    let lane = Lane::new(2, 1);
    comes(&lane);
    comes(&lane);
    let begun = Instant::now();
    lane.gather(1, begun + FOR_EVER);
    assert!(begun.elapsed() < FOR_EVER);
    assert_eq!(waiting(&lane), 2);
}

#[test]
fn a_lane_that_closes_waits_for_nobody() {
    let lane = Arc::new(Lane::new(8, 1));
    let other = Arc::clone(&lane);
    let gathers = thread::spawn(move || other.gather(2, Instant::now() + FOR_EVER));
    lane.close();
    gathers.join().unwrap();
}
