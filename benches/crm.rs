//! How well each company's pace is kept, and how well companies are kept apart: 50 companies, each with more to do in its CRM than
//! it may. It judges by what arrived at the other side alone, never by what the client believes.
//!
//! `cargo bench --bench crm -- [--json] [--quick] [--rounds 5] [--seconds 20] [--companies 50] [--offered 20]`; under 4 minutes.
//!
//! * *the way out alone*: `Outbound` against a receiver of a few lines that writes down when each request arrived;
//! * *the server*: function-calls over HTTP to the real program, through rooms, CrmActors, lanes and store, to the stand-in, whose
//!   strict checker of rates is asked;
//! * *apart*: the same program; how long the others' calls take, from due to answered, while one company's CRM is well, answers in
//!   10 s, or never, in turn, `rounds` times, medians.
//!
//! Per company: the worst excess over `rate * (w + 50 ms) + burst` in any window, the share of the allowed rate that was used;
//! over companies Jain's index.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "crm/company.rs"]
mod company;
#[path = "crm/judge.rs"]
mod judge;
#[path = "crm/receiver.rs"]
mod receiver;
#[path = "crm/town.rs"]
mod town;

// The stories' own hands. Not all of their verbs are needed here.
#[allow(dead_code)]
#[path = "../tests/stories/world/patience.rs"]
mod patience;
#[path = "../tests/stories/world/port.rs"]
mod port;
#[allow(dead_code)]
#[path = "../tests/stories/world/program.rs"]
mod program;
#[allow(dead_code)]
#[path = "../tests/stories/world/wire.rs"]
mod wire;

use std::time::{SystemTime, UNIX_EPOCH};

use bellhop::outbound::{Budget, Outbound};
use futures_util::future::join_all;
use judge::{Pace, median};
use receiver::{Mood, Receiver};
use serde_json::json;
use town::{Town, Wants};

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
            seconds: value("--seconds").unwrap_or(if quick { 6.0 } else { 20.0 }),
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
    // First: reading the machine's certificates takes its time.
    let out = Outbound::new().unwrap();
    let alone = runtime.block_on(pace_of_the_way_out(&plan, &out));
    let town = Town::made(plan.companies, BUDGET, runtime.handle());
    let kept = runtime.block_on(pace_of_the_server(&plan, &town));
    let apart = runtime.block_on(apart(&plan, &town));
    runtime.shutdown_background();
    drop(town);
    assert!(alone && kept && apart, "a promise was not kept");
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
async fn pace_of_the_way_out(plan: &Plan, out: &Outbound) -> bool {
    let receiver = Receiver::start(plan.companies, Mood::Well).await;
    let seconds = plan.seconds / 2.0;
    let load = company::Load { seconds, offered: plan.offered };
    company::run(out, &receiver, plan.companies, BUDGET, load).await;
    let paces: Vec<Pace> = (0..plan.companies).map(|n| Pace::of(&receiver.arrivals(n), BUDGET, seconds)).collect();
    judged(plan, "the way out alone", &paces, seconds)
}

/// The same through the server: calls wait in rooms and lanes, and the stand-in counts.
async fn pace_of_the_server(plan: &Plan, town: &Town) -> bool {
    town.forgets_rates().await;
    let run = town.run(&town.well.url);
    let wants = Wants { offered: plan.offered, seconds: plan.seconds, counted_from: 0.0, waits: false };
    join_all((0..plan.companies).map(|number| run.calls(number, wants))).await;
    let end_us = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as i64;
    let rates = town.rates().await;
    drop(run);
    let pace = |row: &serde_json::Value| {
        let seconds = (end_us - row["first_at_us"].as_i64().unwrap()) as f64 / 1e6;
        let requests = row["requests"].as_u64().unwrap() as usize;
        let could = 1.0 + BUDGET.per_second.min(BUDGET.per_minute / 60.0) * seconds;
        Pace { requests, worst_excess: row["worst_excess"].as_f64().unwrap(), used: requests as f64 / could.floor() }
    };
    let paces: Vec<Pace> = rates.iter().map(pace).collect();
    assert_eq!(paces.len(), plan.companies, "a company was never heard of");
    judged(plan, "the server", &paces, plan.seconds)
}

fn judged(plan: &Plan, what: &str, paces: &[Pace], seconds: f64) -> bool {
    for (number, pace) in paces.iter().enumerate() {
        let Pace { requests, worst_excess, used } = *pace;
        let share = 100.0 * used;
        let line = format!(
            "{what}: company {number:>3}: {requests:>5} requests, worst excess {worst_excess:>7.3}, {share:>6.2} % of the rate used"
        );
        let object = json!({
            "bench": "crm_pace", "of": what, "company": number, "requests": requests, "worst_excess": worst_excess, "used": used,
        });
        say(plan, &line, &object);
    }
    let worst = paces.iter().map(|pace| pace.worst_excess).fold(f64::NEG_INFINITY, f64::max);
    let least = paces.iter().map(|pace| pace.used).fold(f64::INFINITY, f64::min);
    let jain = judge::jain(paces.iter().map(|pace| pace.requests as f64));
    let line = format!(
        "{what}: all {} companies: worst excess {worst:.3} (at most 0), least used {:.2} % (98), Jain {jain:.4} (0.95)",
        paces.len(),
        100.0 * least
    );
    let object = json!({
        "bench": "crm_pace_all", "of": what, "companies": paces.len(), "offered_per_s": plan.offered, "seconds": seconds,
        "worst_excess": worst, "least_used": least, "jain": jain,
    });
    say(plan, &line, &object);
    worst <= 0.0 && least >= 0.98 && jain >= 0.95
}

/// One company's CRM is ill; the others' calls, which their own pace does not hold back, are watched.
async fn apart(plan: &Plan, town: &Town) -> bool {
    // Templates are read first, at the pace; what was called for meanwhile is worked off by then.
    let (warm_up, seconds) = (4.0, 4.0 + plan.seconds / 4.0);
    let silent = Receiver::start(1, Mood::Silent).await;
    let moods = [("well", &town.well.url), ("slow", &town.slow.url), ("silent", &silent.hosts[0])];
    let mut p99s: [Vec<f64>; 3] = Default::default();
    for round in 0..plan.rounds {
        for ((_, first), seen) in moods.iter().zip(&mut p99s) {
            let run = town.run(first);
            let offered = BUDGET.per_second * 0.6;
            let others = Wants { offered, seconds, counted_from: warm_up, waits: true };
            let sick = Wants { offered: plan.offered * 5.0, seconds, counted_from: 0.0, waits: false };
            let all = (0..plan.companies).map(|number| run.calls(number, if number == 0 { sick } else { others }));
            let mut took_ms: Vec<f64> = join_all(all).await.into_iter().flatten().collect();
            seen.push(judge::percentile(&mut took_ms, 0.99));
        }
        let last = moods.iter().zip(&p99s).map(|((name, _), seen)| format!("{name} {:.2} ms", seen[round]));
        eprintln!("apart: round {} of {}: the others' p99: {}", round + 1, plan.rounds, last.collect::<Vec<_>>().join(", "));
    }
    let [well, slow, silent] = p99s.map(median);
    let most = (well * 0.1).max(5.0);
    let moved = |ill: f64| ill - well <= most;
    let line = format!(
        "apart: the others' p99 with one company's CRM well {well:.2} ms, slow {slow:.2} ms, silent {silent:.2} ms (at most {most:.2} \
         more; median of {})",
        plan.rounds
    );
    let object = json!({
        "bench": "crm_apart", "rounds": plan.rounds, "p99_well_ms": well, "p99_slow_ms": slow, "p99_silent_ms": silent,
    });
    say(plan, &line, &object);
    moved(slow) && moved(silent)
}
