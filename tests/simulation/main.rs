//! One seed becomes calls, faults, deaths and time; the design's invariants are asserted after every step. A failure prints its
//! seed, and that seed becomes a kept case (`KEPT`).
//!
//! `BELLHOP_SEEDS` changes how many seeds the pure core runs (default 2,000), `BELLHOP_ACTOR_SEEDS` the real actors (200),
//! `BELLHOP_LANE_SEEDS` the lanes (200), `BELLHOP_TAKEOVER_SEEDS` people taking over (200).

// Helpers are not inside `#[test]` functions, where the house rule already lets a test unwrap.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod actors;
mod between;
mod clockwork;
mod core;
mod crm_world;
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
mod takeovers;
mod timers;
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
    let [takeovers, there, marks] = [0; 3].map(AtomicUsize::new);
    run("takeovers", seeds("BELLHOP_TAKEOVER_SEEDS", 200), |seed| {
        let came = takeovers::play(seed);
        takeovers.fetch_add(came.takeovers, Ordering::Relaxed);
        there.fetch_add(came.by_webhook, Ordering::Relaxed);
        marks.fetch_add(came.marks, Ordering::Relaxed);
    });
    let [takeovers, there, marks] = [takeovers, there, marks].map(AtomicUsize::into_inner);
    eprintln!("{takeovers} takeovers, {there} of them by webhook, {marks} effects started");
    assert!(takeovers >= 1_000 && there >= 500 && marks >= 200, "too little happened to show anything");
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
