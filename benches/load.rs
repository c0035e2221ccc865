//! How many durable calls a second the real server answers over HTTP, beside the *ceiling*: the same web server reading the
//! same body into the same kind of types and writing the same answer, without key, room and store. Both in turn, in one run,
//! on one machine, because only their ratio means something elsewhere. It must never count an answer it has not checked.
//!
//! `cargo bench --bench load -- [--json] [--quick] [--rounds 5] [--seconds 5] [--half-load] [--connections 1,16,64,256]
//! [--store sqlite|postgres|none] [--folder DIR] [--stored-rooms 1000000]`
//!
//! Three kinds of process: this one asks the questions; itself again as `--ceiling`; itself again as `--generator`, so that
//! the generator's own share of the machine can be told apart. Durable settings are the server's defaults: the program
//! asserts its own at its start, and `doctor` is asked for those of PostgreSQL's server before anything is measured.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "load/ceiling.rs"]
mod ceiling;
#[path = "load/generator.rs"]
mod generator;
#[path = "load/pace.rs"]
mod pace;
#[path = "load/report.rs"]
mod report;
#[path = "load/subject.rs"]
mod subject;

// The stories' own hands: the real program, a real PostgreSQL. Not all of their verbs are needed here.
#[allow(dead_code)]
#[path = "../tests/stories/world/patience.rs"]
mod patience;
#[path = "../tests/stories/world/port.rs"]
mod port;
#[allow(dead_code)]
#[path = "../tests/stories/world/postgres.rs"]
mod postgres;
#[allow(dead_code)]
#[path = "../tests/stories/world/program.rs"]
mod program;
#[allow(dead_code)]
#[path = "../tests/stories/world/wire.rs"]
mod wire;

use std::path::PathBuf;

use generator::{Load, Measured};
use report::{Line, Point};
use subject::{Commits, Subject};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What was asked for on the command line.
struct Plan {
    rounds: usize,
    seconds: f64,
    connections: Vec<usize>,
    stores: Vec<&'static str>,
    half_load: bool,
    json: bool,
    folder: PathBuf,
    /// After everything else: so many more rooms in SQLite's store, a new start, and the 64-connections point again.
    stored_rooms: Option<u32>,
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.first().map(String::as_str) {
        Some("--ceiling") => ceiling::serve(words[1].parse().expect("a port")),
        Some("--generator") => generator::generate(&words[1]),
        _ => measure(&Plan::read(&words)),
    }
}

impl Plan {
    fn read(words: &[String]) -> Self {
        let has = |name: &str| words.iter().any(|word| word == name);
        let value = |name: &str| words.iter().position(|word| word == name).map(|at| words[at + 1].as_str());
        let quick = has("--quick");
        let connections = value("--connections").unwrap_or(if quick { "64" } else { "1,16,64,256" });
        Self {
            rounds: value("--rounds").map_or(if quick { 1 } else { 5 }, |text| text.parse().unwrap()),
            seconds: value("--seconds").map_or(if quick { 1.0 } else { 5.0 }, |text| text.parse().unwrap()),
            connections: connections.split(',').map(|text| text.parse().unwrap()).collect(),
            stores: match value("--store") {
                Some("sqlite") => vec!["sqlite"],
                Some("postgres") => vec!["postgres"],
                Some("none") => vec![],
                _ => vec!["sqlite", "postgres"],
            },
            half_load: has("--half-load"),
            json: has("--json"),
            stored_rooms: value("--stored-rooms").map(|text| text.parse().unwrap()),
            folder: value("--folder").map_or_else(std::env::temp_dir, PathBuf::from),
        }
    }
}

fn measure(plan: &Plan) {
    let syncs = report::syncs_per_second(&plan.folder);
    let mut lines = vec![];
    // One store after the other: what a PostgreSQL that nobody asks does for itself would be counted as SQLite's.
    for store in &plan.stores {
        if let Some(server) = Subject::server(store, &plan.folder) {
            lines.extend(measure_beside(plan, vec![Subject::ceiling(), server]));
        }
    }
    if plan.stores.is_empty() {
        lines.extend(measure_beside(plan, vec![Subject::ceiling()]));
    }
    report::print(&lines, plan.json, syncs);
}

/// All points of these subjects, in turn.
fn measure_beside(plan: &Plan, mut subjects: Vec<Subject>) -> Vec<Line> {
    let mut points: Vec<Point> = vec![];
    for &connections in &plan.connections {
        for rooms in [subject::ROOMS, 1] {
            points.push(Point::new(connections, rooms, subjects.len()));
        }
    }
    for round in 1..=plan.rounds {
        for point in &mut points {
            for (index, subject) in subjects.iter().enumerate() {
                let load = subject.load(point.connections, point.rooms, plan.seconds);
                let measured = run(&load);
                let (name, connections, rooms) = (subject.name, point.connections, point.rooms);
                eprintln!(
                    "round {round} of {}: {name}, {connections} connections, {rooms} rooms: {:.0}/s",
                    plan.rounds, measured.rps
                );
                point.measured[index].push(measured);
            }
        }
    }
    let mut lines: Vec<Line> = points.iter().flat_map(|point| point.lines(&subjects)).collect();
    if plan.half_load {
        lines.extend(half_load(plan, &points, &subjects));
    }
    if let Some(rooms) = plan.stored_rooms {
        lines.extend(stored_rooms(plan, &points, &mut subjects, rooms));
    }
    lines
}

/// The same point as in `half_load` at full speed, with a million strangers' rooms in the store.
fn stored_rooms(plan: &Plan, points: &[Point], subjects: &mut [Subject], rooms: u32) -> Vec<Line> {
    let grown = subjects.iter_mut().find_map(|subject| Some((subject.name, subject.stores_more_rooms(rooms)?)));
    let Some((name, ready)) = grown else { return vec![] };
    eprintln!("{rooms} rooms more in {name}: ready {} ms after its start", ready.as_millis());
    let many = points.iter().filter(|point| point.rooms > 1);
    let Some(full) = many.min_by_key(|point| point.connections.abs_diff(64)) else { return vec![] };
    let mut point = Point::new(full.connections, full.rooms, subjects.len());
    point.name = "stored";
    for _ in 0..plan.rounds {
        for (index, subject) in subjects.iter().enumerate() {
            point.measured[index].push(run(&subject.load(point.connections, point.rooms, plan.seconds)));
        }
    }
    point.lines(subjects)
}

/// The latency at half of what each server could do at 64 connections (or the most there were), many rooms.
fn half_load(plan: &Plan, points: &[Point], subjects: &[Subject]) -> Vec<Line> {
    let many = points.iter().filter(|point| point.rooms > 1);
    let Some(full) = many.min_by_key(|point| point.connections.abs_diff(64)) else { return vec![] };
    let mut half = Point::new(full.connections, full.rooms, subjects.len());
    half.name = "half_load";
    let before: Vec<Commits> = subjects.iter().map(Subject::commits).collect();
    for round in 1..=plan.rounds {
        for (index, subject) in subjects.iter().enumerate() {
            let mut load = subject.load(half.connections, half.rooms, plan.seconds);
            load.rate = report::median(full.measured[index].iter().map(|one| one.rps)) / 2.0;
            let measured = run(&load);
            eprintln!("half load, round {round} of {}: {} p99 {:.0} us", plan.rounds, subject.name, measured.p99_us);
            half.measured[index].push(measured);
        }
    }
    let mut lines = half.lines(subjects);
    for line in &mut lines {
        let with = subjects.iter().zip(&before).find(|(subject, _)| subject.name == line.store);
        line.commit_p99_us = with.and_then(|(subject, before)| subject.commits().p99_us_since(before));
    }
    lines
}

/// One generator, as a process of its own.
fn run(load: &Load) -> Measured {
    let program = std::env::current_exe().unwrap();
    let output = std::process::Command::new(program)
        .args(["--generator", &serde_json::to_string(load).unwrap()])
        .stderr(std::process::Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success(), "the generator gave up on {load:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}
