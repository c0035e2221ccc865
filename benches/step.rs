//! The actors over the memory store: router, actor, turn, mailbag and back, on one thread as in the server, without HTTP and
//! without a disk. What is missing to `load` is the web's and the journal's part.
//!
//! Ends with what an idle room holds and what waking it costs (`cargo bench --bench step -- idle` for this alone).

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "step/idle.rs"]
mod idle;
#[allow(dead_code)]
mod material;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bellhop::actors::{Batch, CallOutcome, CommandOutcome, RoomRouter, RouterOptions, SystemClock, Threads};
use bellhop::room::{CallStatus, Cause, Command, RoomAddress};
use bellhop::store::memory::{MemoryStore, Pace};
use criterion::{Criterion, SamplingMode, Throughput};

const PATIENCE: Duration = Duration::from_secs(10);

/// A router whose rooms live on the calling thread, and a store that lands every commit at once.
struct World {
    router: RoomRouter,
}

impl Drop for World {
    fn drop(&mut self) {
        self.router.clear();
    }
}

impl World {
    /// Must be made on an actix runtime.
    async fn with_rooms(count: usize) -> Self {
        let threads = Threads::new(1);
        threads.join(&actix::Arbiter::current());
        let store = MemoryStore::new(Pace::AtOnce);
        store.put_company(material::company());
        store.deliver_to(Arc::new(threads.clone()));
        let clock = Arc::new(SystemClock::default());
        let world = Self { router: RoomRouter::new(RouterOptions::default(), store.clone(), store, clock, threads) };
        for room in 0..count {
            world.tell(&material::address(room), material::describe()).await;
        }
        world
    }

    async fn tell(&self, room: &RoomAddress, command: Command) {
        let cause = Cause::Request("req_1".into());
        let outcome = self.router.command(room.clone(), command, material::caller(), cause).await;
        assert!(matches!(outcome, CommandOutcome::Done { .. }), "{outcome:?}");
    }

    /// How long these calls take when so many wait for their answer at any time.
    async fn answer(&self, calls: Vec<(RoomAddress, Batch)>, in_flight: usize) -> Duration {
        let calls = Rc::new(RefCell::new(calls.into_iter()));
        let begin = Instant::now();
        let clients = (0..in_flight).map(|_| {
            let (calls, router) = (calls.clone(), self.router.clone());
            actix::spawn(async move {
                while let Some((room, batch)) = { calls.borrow_mut().next() } {
                    match router.call(room, batch, PATIENCE).await {
                        CallOutcome::Answered(answers) => assert_eq!(answers.get().calls[0].status, CallStatus::Succeeded),
                        other => panic!("not an answer: {other:?}"),
                    }
                }
            })
        });
        for client in futures_util::future::join_all(clients).await {
            client.unwrap();
        }
        begin.elapsed()
    }
}

fn steps(criterion: &mut Criterion, system: &actix::SystemRunner) {
    let mut group = criterion.benchmark_group("step");
    group.sampling_mode(SamplingMode::Flat).sample_size(20).measurement_time(Duration::from_secs(4));
    group.warm_up_time(Duration::from_secs(1)).throughput(Throughput::Elements(1));
    for (name, rooms) in [("one hot room", 1), ("1,000 rooms", 1_000)] {
        for in_flight in [1, 64] {
            group.bench_function(format!("{name}, {in_flight} in flight"), |bencher| {
                // A new world each time, so that what it remembers does not grow from sample to sample.
                bencher.iter_custom(|count| {
                    let call = |n| {
                        let (address, admitted) = material::tag_call(n, rooms);
                        (address, Batch { calls: vec![admitted], caller: material::caller() })
                    };
                    let calls = (0..usize::try_from(count).unwrap()).map(call).collect();
                    system.block_on(async { World::with_rooms(rooms).await.answer(calls, in_flight).await })
                });
            });
        }
    }
    group.finish();
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let named = |word: &String| word == "idle";
    let system = actix::System::new();
    if !words.iter().any(named) {
        let mut criterion = Criterion::default().configure_from_args();
        steps(&mut criterion, &system);
        criterion.final_summary();
    }
    // Not as a test, and not when other names were asked for.
    if words.iter().any(|word| word == "--bench") && words.iter().all(|word| word.starts_with("--") || named(word)) {
        system.block_on(idle::report());
    }
}
