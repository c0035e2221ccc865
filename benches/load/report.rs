//! What a run found: medians, the ceiling beside each, as a table and as lines of JSON.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use super::generator::Measured;
use super::subject::Subject;

/// One place on the map, measured once a round for each subject; subject 0 is the ceiling.
pub struct Point {
    pub name: &'static str,
    pub connections: usize,
    pub rooms: usize,
    pub measured: Vec<Vec<Measured>>,
}

/// One server at one point.
pub struct Line {
    name: &'static str,
    connections: usize,
    rooms: usize,
    pub store: &'static str,
    /// 99th percentile of the server's own group commits meanwhile, where it was asked for.
    pub commit_p99_us: Option<f64>,
    median: Measured,
    ceiling: Measured,
}

impl Point {
    pub fn new(connections: usize, rooms: usize, subjects: usize) -> Self {
        Self { name: "load", connections, rooms, measured: vec![vec![]; subjects] }
    }

    pub fn lines(&self, subjects: &[Subject]) -> Vec<Line> {
        let medians: Vec<Measured> = self.measured.iter().map(|all| median_of(all)).collect();
        let servers = subjects.iter().zip(&medians).filter(|(subject, _)| subject.name != "ceiling" || subjects.len() == 1);
        servers
            .map(|(subject, median)| Line {
                name: self.name,
                connections: self.connections,
                rooms: self.rooms,
                store: subject.name,
                commit_p99_us: None,
                median: *median,
                ceiling: medians[0],
            })
            .collect()
    }
}

fn median_of(all: &[Measured]) -> Measured {
    let of = |pick: fn(&Measured) -> f64| median(all.iter().map(pick));
    Measured { rps: of(|m| m.rps), p50_us: of(|m| m.p50_us), p99_us: of(|m| m.p99_us), generator_cpu: of(|m| m.generator_cpu) }
}

pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// How often a second this disk makes a 4 KiB append durable: what every durable answer is paid in.
pub fn syncs_per_second(folder: &Path) -> f64 {
    let path = folder.join(format!("bellhop-load-sync-{}", std::process::id()));
    let mut file = File::create(&path).unwrap();
    let (begin, mut syncs) = (Instant::now(), 0.0);
    while begin.elapsed() < Duration::from_millis(500) {
        file.write_all(&[7; 4_096]).unwrap();
        file.sync_data().unwrap();
        syncs += 1.0;
    }
    let rate = syncs / begin.elapsed().as_secs_f64();
    let _ = std::fs::remove_file(path);
    rate
}

/// The table, and with `json` a line for each point on standard output (then the table stands on standard error).
pub fn print(lines: &[Line], json: bool, syncs: f64) {
    let mut table = format!(
        "{:<10} {:<9} {:>5} {:>6} {:>9} {:>9} {:>9} {:>9} {:>7} {:>9}\n",
        "bench", "store", "conns", "rooms", "calls/s", "p50 us", "p99 us", "ceiling/s", "ratio", "gen. cpu"
    );
    for line in lines {
        let (m, c) = (&line.median, &line.ceiling);
        let (p50, p99) = (m.p50_us.round(), m.p99_us.round());
        table += &format!(
            "{:<10} {:<9} {:>5} {:>6} {:>9.0} {p50:>9} {p99:>9} {:>9.0} {:>6.1}% {:>8.0}%\n",
            line.name,
            line.store,
            line.connections,
            line.rooms,
            m.rps,
            c.rps,
            100.0 * m.rps / c.rps,
            100.0 * m.generator_cpu
        );
        if let Some(commit) = line.commit_p99_us {
            table += &format!("{:<10} {:<9} group commits: p99 {commit:.0} us\n", "", line.store);
        }
        if json {
            let object = json!({
                "bench": line.name, "connections": line.connections, "rooms": line.rooms, "store": line.store,
                "rps": m.rps.round(), "p50_us": p50, "p99_us": p99, "ceiling_rps": c.rps.round(), "ratio": m.rps / c.rps,
                "generator_cpu": m.generator_cpu, "ceiling_generator_cpu": c.generator_cpu, "fdatasync_per_s": syncs.round(), "commit_p99_us": line.commit_p99_us.map(f64::round),
            });
            println!("{object}");
        }
    }
    table += &format!("this disk: {syncs:.0} fdatasync of 4 KiB a second\n");
    if json {
        eprint!("{table}");
    } else {
        print!("{table}");
    }
}
