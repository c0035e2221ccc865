//! One seed becomes calls, faults, deaths and time; the design's invariants are asserted after every step. A failure prints its
//! seed, and that seed becomes a kept case (`KEPT`).
//!
//! `BELLHOP_SEEDS` changes how many seeds the pure core runs (default 2,000), `BELLHOP_ACTOR_SEEDS` the real actors (200),
//! `BELLHOP_LANE_SEEDS` the lanes (200), `BELLHOP_TAKEOVER_SEEDS` people taking over (200), `BELLHOP_CROWD_SEEDS` processes that
//! die between rooms and roster (7, so that each arrow has its turn), `BELLHOP_TWIN_SEEDS` calls that are posted more than once (100),
//! `BELLHOP_RIVAL_SEEDS` rooms with two actors (50).

// Helpers are not inside `#[test]` functions, where the house rule already lets a test unwrap.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod actors;
mod between;
mod clockwork;
mod core;
mod crm_world;
mod crowd;
mod dice;
mod doubt;
mod events;
mod lanes;
mod letters;
mod neighbours;
mod offers;
mod others;
mod poison;
mod queues;
mod rivals;
mod takeovers;
mod timers;
mod twins;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

fn seeds(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Seeds that once failed; they run first, for ever.
const KEPT: &[u64] = &[];

fn run(name: &str, count: u64, one: impl Fn(u64)) {
    for seed in KEPT.iter().copied().chain(0..count) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| one(seed))) {
            // The hook may be silent: planned panics are.
            let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
            eprintln!("simulation `{name}` failed with seed {seed}: {}", text.unwrap_or("it panicked"));
            std::panic::resume_unwind(panic);
        }
    }
}

#[test]
fn the_pure_core_keeps_its_invariants() {
    let (count, assigned, declined) = (seeds("BELLHOP_SEEDS", 2_000), AtomicUsize::new(0), AtomicUsize::new(0));
    run("core", count, |seed| {
        let told = core::play(seed);
        assigned.fetch_add(told.assigned, Ordering::Relaxed);
        declined.fetch_add(told.declined, Ordering::Relaxed);
    });
    let (assigned, declined) = (assigned.into_inner(), declined.into_inner());
    eprintln!("{assigned} assignments, {declined} offers of somebody who was gone by then");
    let enough = usize::try_from(count / 10).unwrap_or(usize::MAX);
    assert!(assigned >= enough && declined >= enough, "too little happened to show anything");
}

/// Panics that the simulations ask for are not worth a line each.
fn quietly() {
    let loud = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let planned = ["told to die", "the adapter fails inside"];
        if !panic.payload().downcast_ref::<&str>().is_some_and(|text| planned.contains(text)) {
            loud(panic);
        }
    }));
}

/// Mostly waiting, so several at once.
#[test]
fn lanes_do_everything_once_and_in_order() {
    let (count, next) = (seeds("BELLHOP_LANE_SEEDS", 200), std::sync::atomic::AtomicU64::new(0));
    quietly();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    if seed >= count {
                        return;
                    }
                    lanes::play(seed);
                }
            });
        }
    });
}

#[test]
fn nothing_is_started_after_a_takeover_that_a_person_would_not_want() {
    quietly();
    let [takeovers, there, marks, cut_off] = [0; 4].map(AtomicUsize::new);
    run("takeovers", seeds("BELLHOP_TAKEOVER_SEEDS", 200), |seed| {
        let came = takeovers::play(seed);
        takeovers.fetch_add(came.takeovers, Ordering::Relaxed);
        there.fetch_add(came.by_webhook, Ordering::Relaxed);
        marks.fetch_add(came.marks, Ordering::Relaxed);
        cut_off.fetch_add(usize::from(came.cut_off), Ordering::Relaxed);
    });
    let [takeovers, there, marks, cut_off] = [takeovers, there, marks, cut_off].map(AtomicUsize::into_inner);
    eprintln!("{takeovers} takeovers, {there} of them by webhook, {marks} effects started, {cut_off} messages cut off");
    assert!(takeovers >= 1_000 && there >= 500 && marks >= 200 && cut_off >= 1, "too little happened to show anything");
}

#[test]
fn what_fails_inside_is_tried_again_only_when_a_person_says_so() {
    quietly();
    poison::play();
}

#[test]
fn what_is_written_down_for_later_happens_then() {
    clockwork::play();
}

#[test]
fn the_real_actors_keep_them_too() {
    run("actors", seeds("BELLHOP_ACTOR_SEEDS", 200), actors::play);
}

#[test]
fn a_crowd_is_spread_and_served_in_order_whichever_arrow_the_process_dies_at() {
    quietly();
    run("crowd", seeds("BELLHOP_CROWD_SEEDS", crowd::PLAYS), crowd::play);
}

#[test]
fn a_call_that_is_posted_twice_into_one_step_is_done_once() {
    quietly();
    let (count, met) = (seeds("BELLHOP_TWIN_SEEDS", 100), AtomicUsize::new(0));
    run("twins", count, |seed| {
        met.fetch_add(usize::from(twins::play(seed)), Ordering::Relaxed);
    });
    let met = met.into_inner() as u64;
    eprintln!("{met} of {count} met in one step that landed");
    assert!(met >= count / 4, "too few met to show anything");
}

#[test]
fn of_two_actors_of_one_room_only_one_writes_each_version() {
    let (count, late) = (seeds("BELLHOP_RIVAL_SEEDS", 50), std::sync::atomic::AtomicU64::new(0));
    run("rivals", count, |seed| {
        late.fetch_add(rivals::play(seed), Ordering::Relaxed);
    });
    let late = late.into_inner();
    eprintln!("{late} commits came too late");
    assert!(late >= count, "too few were late to show anything");
}
