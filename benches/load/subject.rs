//! What is measured: the ceiling, and the real server on a database.

use std::path::Path;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};

use tempfile::TempDir;

use super::generator::{Load, TAGS};
use super::patience::eventually;
use super::program::{Server, run_json};
use super::wire::Wire;
use super::{port, postgres};

/// Rooms of the many-rooms points.
pub const ROOMS: usize = 1_000;

pub struct Subject {
    pub name: &'static str,
    port: u16,
    key: String,
    // In this order: the process ends before its folder goes.
    running: Running,
    folder: Option<TempDir>,
}

enum Running {
    Ceiling(Child),
    Server(Server),
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Self::Ceiling(child) = self {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Subject {
    pub fn ceiling() -> Self {
        let port = port::free();
        let child = Command::new(std::env::current_exe().unwrap()).args(["--ceiling", &port.to_string()]).spawn().unwrap();
        let running = Running::Ceiling(child);
        eventually("the ceiling listens", || Wire::connect(port).ok());
        // As long as a real key, so that as many bytes travel.
        let key = format!("bh_live_{}", "k".repeat(49));
        Self { name: "ceiling", port, key, running, folder: None }
    }

    /// `None` where there is no PostgreSQL.
    pub fn server(store: &'static str, folder: &Path) -> Option<Self> {
        let folder = TempDir::with_prefix_in("bellhop-load-", folder).unwrap();
        let url = match store {
            "postgres" => postgres::server()?.a_database(),
            _ => format!("sqlite:{}", folder.path().join("bellhop.db").display()),
        };
        let command = |words: &[&str]| run_json(folder.path(), &[words, &["--database-url", &url, "--json"]].concat());
        command(&["company", "create", "acme"]);
        // Fails where what is acknowledged could be lost with the machine.
        command(&["doctor", "--listen", &format!("127.0.0.1:{}", port::free())]);
        let key = |role: &[&str]| {
            let made = command(&[&["key", "create", "--company", "acme", "--role"], role].concat());
            made["key"].as_str().unwrap().to_owned()
        };
        let (admin, agent) = (key(&["admin"]), key(&["agent", "--ai-agent", "sales"]));
        let server = Server::start(folder.path(), &url, port::free(), &[]).unwrap_or_else(|words| panic!("serve: {words}"));
        let subject = Self { name: store, port: server.port, key: agent, running: Running::Server(server), folder: Some(folder) };
        subject.makes_its_rooms(&admin);
        Some(subject)
    }

    fn makes_its_rooms(&self, key: &str) {
        let mut wire = Wire::connect(self.port).unwrap();
        for room in 0..ROOMS {
            let body = r#"{"channel":"web_chat","customer":{"handle":"load"}}"#;
            let request = format!(
                "PUT /v1/rooms/room-{room:04} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n\
                 Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            wire.send(request.as_bytes()).unwrap();
            let answer = wire.receive().unwrap();
            assert_eq!(answer.status, 201, "{answer:?}");
        }
    }

    pub fn load(&self, connections: usize, rooms: usize, seconds: f64) -> Load {
        static RUNS: AtomicUsize = AtomicUsize::new(0);
        let run = format!("l{}r{:04}", std::process::id(), RUNS.fetch_add(1, Ordering::Relaxed));
        debug_assert!(TAGS.len() <= 30, "a room holds no more tags");
        Load { port: self.port, key: self.key.clone(), connections, rooms, seconds, rate: 0.0, run }
    }

    /// Puts so many more rooms into SQLite's file, as wide as a real one, and starts the server again. How long that start
    /// took; `None` for the other subjects.
    pub fn stores_more_rooms(&mut self, rooms: u32) -> Option<Duration> {
        let (Running::Server(server), Some(folder), "sqlite") = (&mut self.running, &self.folder, self.name) else { return None };
        server.is_killed();
        let file = folder.path().join("bellhop.db");
        let mut database = SqliteConnection::establish(file.to_str().unwrap()).unwrap();
        database
            .batch_execute(&format!(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rooms})
                 INSERT INTO rooms (room_key, company, room_id, version, epoch, owner_epoch, status, control, assignment, paused, snapshot, created_at)
                 SELECT randomblob(16), r.company, 'stored-' || i, r.version, r.epoch, r.owner_epoch, r.status, r.control, 0, 0, r.snapshot, r.created_at
                 FROM n, (SELECT * FROM rooms LIMIT 1) AS r; PRAGMA wal_checkpoint(TRUNCATE);"
            ))
            .unwrap();
        drop(database);
        let begin = Instant::now();
        let url = format!("sqlite:{}", file.display());
        *server = Server::start(folder.path(), &url, self.port, &[]).unwrap_or_else(|words| panic!("serve: {words}"));
        Some(begin.elapsed())
    }

    /// The server's group commits since it started, as its own metrics count them; empty for the ceiling.
    pub fn commits(&self) -> Commits {
        let mut wire = Wire::connect(self.port).unwrap();
        wire.send(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        let answer = wire.receive().unwrap();
        let bucket = |line: &str| {
            let (bound, count) = line.strip_prefix("bellhop_journal_commit_duration_seconds_bucket{le=\"")?.split_once("\"} ")?;
            Some((bound.parse::<f64>().ok()? * 1e6, count.parse().ok()?))
        };
        Commits(answer.body.lines().filter_map(bucket).collect())
    }
}

/// Upper bounds in microseconds, and how many group commits took no longer.
pub struct Commits(Vec<(f64, u64)>);

impl Commits {
    /// The 99th percentile of those that came after `before`, in microseconds, between the bounds of its bucket; `None`: there
    /// were none, or it is above the highest bound.
    pub fn p99_us_since(&self, before: &Self) -> Option<f64> {
        let counts: Vec<(f64, u64)> =
            self.0.iter().zip(&before.0).map(|((bound, now), (_, then))| (*bound, now - then)).collect();
        let rank = 0.99 * counts.last().filter(|(_, all)| *all > 0)?.1 as f64;
        let at = counts.iter().position(|(bound, count)| bound.is_finite() && *count as f64 >= rank)?;
        let (low, below) = if at == 0 { (0.0, 0) } else { counts[at - 1] };
        let (high, until) = counts[at];
        Some(low + (high - low) * (rank - below as f64) / (until - below) as f64)
    }
}
