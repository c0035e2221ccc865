//! How well the way out keeps each company's pace, and keeps companies apart: 50 companies, each with more to send than it may,
//! against a server on the loopback that writes down when each request arrived. It judges by those times alone, never by what the
//! client believes.
//!
//! `cargo bench --bench crm -- [--json] [--quick] [--rounds 5] [--seconds 20] [--companies 50] [--offered 20]`
//!
//! First the pace: per company the worst excess over `rate * (w + 50 ms) + burst` in any window, the share of the allowed rate
//! that was used, Jain's index over companies. Then apart: the p99 that the others see while one company's server answers in 10 s,
//! or never, beside a run in which it is well, in turn, `rounds` times, medians.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "crm/company.rs"]
mod company;
#[path = "crm/judge.rs"]
mod judge;
#[path = "crm/receiver.rs"]
mod receiver;

use std::time::Duration;

use bellhop::outbound::{Budget, Outbound};
use judge::{Pace, median};
use receiver::{Mood, Receiver};
use serde_json::json;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The allowed pace: the minute is wide enough to leave the second in charge.
const BUDGET: Budget = Budget { per_second: 5.0, per_minute: 300.0, burst: 5 };

/// What was asked for on the command line.
struct Plan {
    rounds: usize,
    seconds: f64,
    companies: usize,
    /// Calls a second that each company would like to send.
    offered: f64,
    json: bool,
}

impl Plan {
    fn read(words: &[String]) -> Self {
        let has = |name: &str| words.iter().any(|word| word == name);
        let value = |name: &str| words.iter().position(|word| word == name).map(|at| words[at + 1].parse::<f64>().unwrap());
        let quick = has("--quick");
        Self {
            rounds: value("--rounds").unwrap_or(if quick { 1.0 } else { 5.0 }) as usize,
            seconds: value("--seconds").unwrap_or(if quick { 4.0 } else { 20.0 }),
            companies: value("--companies").unwrap_or(50.0) as usize,
            offered: value("--offered").unwrap_or(20.0),
            json: has("--json"),
        }
    }
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let plan = Plan::read(&words);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let kept = runtime.block_on(pace(&plan));
    let apart = runtime.block_on(apart(&plan));
    runtime.shutdown_background();
    assert!(kept && apart, "a promise was not kept");
}

fn say(plan: &Plan, line: &str, object: &serde_json::Value) {
    if plan.json {
        println!("{object}");
        eprintln!("{line}");
    } else {
        println!("{line}");
    }
}

/// Everybody has more to send than may be sent.
async fn pace(plan: &Plan) -> bool {
    // First: reading the machine's certificates takes its time.
    let out = Outbound::new().unwrap();
    let receiver = Receiver::start(plan.companies, Mood::Well).await;
    let load = company::Load { seconds: plan.seconds, offered: plan.offered, sick: None };
    company::run(&out, &receiver, plan.companies, BUDGET, load).await;
    let paces: Vec<Pace> = (0..plan.companies).map(|n| Pace::of(&receiver.arrivals(n), BUDGET, plan.seconds)).collect();
    for (number, pace) in paces.iter().enumerate() {
        let line = format!(
            "company {number:>3}: {:>5} requests, worst excess {:>7.3}, {:>6.2} % of the rate used",
            pace.requests,
            pace.worst_excess,
            100.0 * pace.used
        );
        let object = json!({
            "bench": "crm_pace", "company": number, "requests": pace.requests, "worst_excess": pace.worst_excess, "used": pace.used,
        });
        say(plan, &line, &object);
    }
    let worst = paces.iter().map(|pace| pace.worst_excess).fold(f64::NEG_INFINITY, f64::max);
    let least = paces.iter().map(|pace| pace.used).fold(f64::INFINITY, f64::min);
    let jain = judge::jain(paces.iter().map(|pace| pace.requests as f64));
    let line = format!(
        "all {} companies: worst excess {worst:.3} (at most 0), least used {:.2} % (98), Jain {jain:.4} (0.95)",
        plan.companies,
        100.0 * least
    );
    let object = json!({
        "bench": "crm_pace_all", "companies": plan.companies, "offered_per_s": plan.offered, "seconds": plan.seconds,
        "worst_excess": worst, "least_used": least, "jain": jain,
    });
    say(plan, &line, &object);
    worst <= 0.0 && least >= 0.98 && jain >= 0.95
}

/// One company's server is ill; the others' requests, which nothing holds back, are watched.
async fn apart(plan: &Plan) -> bool {
    let moods = [Mood::Well, Mood::Slow(Duration::from_secs(10)), Mood::Silent];
    let mut p99s: [Vec<f64>; 3] = Default::default();
    for round in 0..plan.rounds {
        for (mood, seen) in moods.iter().zip(&mut p99s) {
            let out = Outbound::new().unwrap();
            let receiver = Receiver::start(plan.companies, *mood).await;
            // Below the pace: what they wait for is not their own bucket.
            let offered = BUDGET.per_second * 0.6;
            let seconds = plan.seconds / 2.0;
            let load = company::Load { seconds, offered, sick: Some((0, plan.offered * 5.0)) };
            let mut took_ms = company::run(&out, &receiver, plan.companies, BUDGET, load).await;
            seen.push(judge::percentile(&mut took_ms, 0.99));
        }
        eprintln!("round {} of {}", round + 1, plan.rounds);
    }
    let [well, slow, silent] = p99s.map(median);
    let moved = |ill: f64| ill - well <= (well * 0.1).max(5.0);
    let line = format!("the others' p99 with one company's server well {well:.2} ms, slow {slow:.2} ms, silent {silent:.2} ms");
    let object = json!({
        "bench": "crm_apart", "rounds": plan.rounds, "p99_well_ms": well, "p99_slow_ms": slow, "p99_silent_ms": silent,
    });
    say(plan, &line, &object);
    moved(slow) && moved(silent)
}
