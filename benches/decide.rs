//! The pure core: what one call costs before any actor or store is involved. One thread, no I/O.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code)]
mod material;

use std::collections::HashSet;
use std::hint::black_box;

use bellhop::actors::turn::{OpenCalls, Turn};
use bellhop::catalog::{self, Admitted};
use bellhop::room::{By, Cause, Company, Decision, Ground, Room, RoomEvent};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

use material::{Draft, NOW, TAGS};

/// The first three tags are on it.
fn a_room(company: &Company) -> Draft {
    let mut draft = Draft::new(0);
    draft.describe(company, 1);
    for (n, tag) in TAGS.iter().take(3).enumerate() {
        let body = material::tag_body(&format!("before-{n}"), tag);
        let call = material::admitted(&draft.address, body.as_bytes());
        draft.call(company, 1, &call);
    }
    draft
}

/// Decides a call and folds what was decided into the room. How many facts there were.
fn decide_and_apply(room: &mut Room, admitted: &Admitted, company: &Company) -> usize {
    let facts = match catalog::decide(room, &admitted.call, &admitted.request, &Ground { now: NOW, company, approved: false }) {
        Decision::Done { facts, result } => {
            black_box(result);
            facts
        }
        Decision::Parked { facts, .. } => facts,
        Decision::Refused(refusal) => panic!("refused: {refusal:?}"),
    };
    let count = facts.len();
    for fact in facts {
        let by = By::AiAgent(admitted.call.ai_agent.clone().unwrap());
        let cause = Cause::Call(admitted.call.call_id.clone());
        room.apply(&RoomEvent { seq: room.version + 1, at: NOW, by, cause, fact });
    }
    count
}

fn actions(criterion: &mut Criterion) {
    let company = material::company();
    let draft = a_room(&company);
    let mut group = criterion.benchmark_group("decide");
    for (what, name, arguments, facts) in [
        ("create_tag new", "create_tag", r#"{"tags":["loyal"]}"#, 1),
        ("create_tag already there", "create_tag", r#"{"tags":["vip"]}"#, 0),
        ("resolve_conversation", "resolve_conversation", r#"{"reason_code":"answered","note":"All is well."}"#, 1),
        ("assign_agent", "assign_agent", r#"{"mode":"auto","reason":"The customer asks for a person."}"#, 1),
    ] {
        let call = material::admitted(&draft.address, material::body("call-1", name, arguments).as_bytes());
        assert_eq!(decide_and_apply(&mut draft.room.clone(), &call, &company), facts, "{what}");
        group.bench_function(what, |bencher| {
            let one = |room: &mut Room| decide_and_apply(room, black_box(&call), &company);
            bencher.iter_batched_ref(|| draft.room.clone(), one, BatchSize::SmallInput);
        });
    }
    group.finish();
}

fn door(criterion: &mut Criterion) {
    let (address, body) = (material::address(0), material::tag_body("l12345r0001-063-00012345", "vip"));
    criterion.bench_function("door/parse and admit", |bencher| {
        bencher.iter(|| material::admitted(&address, black_box(body.as_bytes())));
    });
}

/// A room's whole step on a draft, as its actor takes it, and the snapshot that goes into the commit.
fn turns(criterion: &mut Criterion) {
    let company = material::company();
    let draft = a_room(&company);
    let (open, condemned) = (OpenCalls::new(), HashSet::new());
    let mut group = criterion.benchmark_group("turn");
    for count in [1, 64] {
        // The fourth tag is new to the room.
        let calls: Vec<Admitted> = (3..3 + count).map(|n| material::tag_call(n, 1).1).collect();
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(count.to_string(), |bencher| {
            bencher.iter(|| {
                let ground = Ground { now: NOW, company: &company, approved: false };
                let mut turn = Turn::begin(&draft.address, &draft.room, ground, &open, &condemned);
                for call in &calls {
                    turn.call(black_box(call));
                }
                (turn.timers(), turn.room.version)
            });
        });
    }
    group.throughput(Throughput::Elements(1));
    group.bench_function("snapshot", |bencher| bencher.iter(|| serde_json::to_vec(black_box(&draft.room))));
    group.finish();
}

criterion_group!(benches, actions, door, turns);
criterion_main!(benches);
