//! The journal on a real SQLite file and on a real PostgreSQL: how long until commits of so many rooms, handed over at once,
//! are durable. `TMPDIR` chooses SQLite's disk. Without actors: its mailbags are this file's.
//! **Invariant:** a batch is one group commit; the journal cannot begin before the batch is whole.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code)]
mod material;

// The stories' own PostgreSQL.
#[allow(dead_code)]
#[path = "../tests/stories/world/patience.rs"]
mod patience;
#[path = "../tests/stories/world/port.rs"]
mod port;
#[allow(dead_code)]
#[path = "../tests/stories/world/postgres.rs"]
mod postgres;

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bellhop::actors::ports::{Finished, Job, Journal, Mailbags};
use bellhop::room::Company;
use bellhop::store::{Pepper, Store, StoreOptions};
use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};

use material::Draft;

const ROOMS: usize = 1_000;
const BATCHES: [usize; 3] = [1, 16, 128];
const DEADLINE: Duration = Duration::from_secs(30);

/// Hands what is finished to the bench, and holds the journal until it is told that the next batch is there.
struct Gate {
    finished: Sender<Vec<Finished>>,
    next: Mutex<Receiver<()>>,
}

impl Mailbags for Gate {
    fn deliver(&self, _: usize, finished: &mut Vec<Finished>) {
        let _ = self.finished.send(std::mem::take(finished));
        // An error: the bench is over, and the journal may close.
        let _ = self.next.lock().unwrap().recv();
    }
}

/// A journal with rooms in it.
struct Serving {
    // First: the journal can only close when its gate is gone.
    next: Sender<()>,
    finished: Receiver<Vec<Finished>>,
    journal: Arc<dyn Journal>,
    _store: Store,
    company: Company,
    rooms: Vec<Draft>,
    calls: usize,
}

impl Serving {
    fn at(url: &str) -> Self {
        let url = url.parse().unwrap();
        let options = StoreOptions { url, migrate: true, readers: 1, journal_queue: 4_096, pepper: Pepper([7; 32]) };
        let store = Store::open_to_serve(options).unwrap();
        let ((tell, finished), (next, told)) = (channel(), channel());
        let journal = store.journal(Arc::new(Gate { finished: tell, next: Mutex::new(told) })).unwrap();
        let rooms = (0..ROOMS).map(Draft::new).collect();
        let mut serving = Self { next, finished, journal, _store: store, company: material::company(), rooms, calls: 0 };
        // Something to deliver, and the journal stands at its gate.
        serving.journal.submit(Job::Load { address: material::address(0), thread: 0, room: None }).unwrap();
        assert!(matches!(&serving.finished()[..], [Finished::Loaded { .. }]));
        let owner = serving.journal.owner_epoch();
        for some in 0..ROOMS.div_ceil(100) {
            let rooms = serving.rooms.iter_mut().skip(some * 100).take(100);
            let batch = rooms.map(|draft| Job::Commit(draft.describe(&serving.company, owner))).collect();
            serving.land(batch);
        }
        serving
    }

    fn finished(&self) -> Vec<Finished> {
        self.finished.recv_timeout(DEADLINE).expect("the journal answers")
    }

    /// From the first commit handed over to all of them durable.
    fn land(&self, batch: Vec<Job>) -> Duration {
        let count = batch.len();
        let begin = Instant::now();
        for job in batch {
            self.journal.submit(job).unwrap();
        }
        self.next.send(()).unwrap();
        let finished = self.finished();
        let taken = begin.elapsed();
        assert_eq!(finished.len(), count, "a batch is one group");
        for one in finished {
            assert!(matches!(one, Finished::Landed(_)), "{one:?}");
        }
        taken
    }

    /// One call for each of the next rooms.
    fn calls(&mut self, count: usize) -> Vec<Job> {
        let owner = self.journal.owner_epoch();
        let numbers = self.calls..self.calls + count;
        self.calls += count;
        numbers
            .map(|n| {
                let (_, admitted) = material::tag_call(n, ROOMS);
                Job::Commit(self.rooms[n % ROOMS].call(&self.company, owner, &admitted))
            })
            .collect()
    }
}

fn batches(criterion: &mut Criterion, store: &str, url: &str) {
    let mut serving = Serving::at(url);
    let mut group = criterion.benchmark_group(format!("commit/{store}"));
    group.sampling_mode(SamplingMode::Flat).sample_size(30);
    for count in BATCHES {
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(count.to_string(), |bencher| {
            bencher.iter_custom(|times| {
                (0..times)
                    .map(|_| {
                        let batch = serving.calls(count);
                        serving.land(batch)
                    })
                    .sum()
            });
        });
    }
    group.finish();
}

fn sqlite(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    batches(criterion, "sqlite", &format!("sqlite:{}", folder.path().join("bellhop.db").display()));
}

fn postgres(criterion: &mut Criterion) {
    match postgres::server() {
        Some(server) => {
            let url = server.a_database();
            batches(criterion, "postgres", &url);
            server.forget(&url);
        }
        None => eprintln!("**** SKIPPED: commit/postgres, because there is no PostgreSQL here."),
    }
}

criterion_group!(benches, sqlite, postgres);
criterion_main!(benches);
