//! The real server with its CrmActors, lanes and store, its companies, and the stand-in that holds their CRMs: one organisation a
//! company, told apart by its token. Made once; every run gets a copy of the same beginning.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bellhop::outbound::Budget;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Handle;

use super::patience::eventually;
use super::port;
use super::program::{Server, bellhop, run_json};
use super::wire::Wire;

/// Rooms of each company.
const ROOMS: usize = 20;

pub struct Town {
    /// What every run begins with.
    folder: TempDir,
    /// Of each company, an administrator's.
    keys: Vec<String>,
    pub well: StandIn,
    /// Answers each request after 10 s.
    pub slow: StandIn,
    budget: Budget,
    client: reqwest::Client,
}

pub struct StandIn {
    child: Child,
    pub url: String,
}

impl Drop for StandIn {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl StandIn {
    fn starts(folder: &Path, companies: usize) -> Self {
        let port = port::free();
        let mut words = vec!["standin".to_owned(), "--listen".into(), format!("127.0.0.1:{port}")];
        words.extend(["--chat-token", "chat", "--bot-token", "bot"].map(String::from));
        words.extend((0..companies).flat_map(|n| ["--crm-token".to_owned(), token(n)]));
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let child = bellhop(folder, &words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        eventually("the stand-in listens", || Wire::connect(port).ok());
        Self { child, url: format!("http://127.0.0.1:{port}") }
    }
}

fn token(company: usize) -> String {
    format!("token-of-{company}")
}

/// One life of the server.
pub struct Run<'a> {
    town: &'a Town,
    server: Server,
    /// In the ids of its calls: the stand-in has met those of other runs.
    name: String,
    _folder: TempDir,
}

/// What a company wants.
#[derive(Clone, Copy)]
pub struct Wants {
    /// Calls a second.
    pub offered: f64,
    pub seconds: f64,
    /// Calls that were due before this many seconds say nothing.
    pub counted_from: f64,
    /// Whether each call is waited for; else they are posted four at once, and only their acceptance is.
    pub waits: bool,
}

impl Town {
    pub fn made(companies: usize, budget: Budget, runtime: &Handle) -> Self {
        let folder = TempDir::with_prefix("bellhop-crm-bench-").unwrap();
        let (well, slow) = (StandIn::starts(folder.path(), companies), StandIn::starts(folder.path(), companies));
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut town = Self { folder, keys: vec![], well, slow, budget, client };
        for number in 0..companies {
            let name = company(number);
            let (path, url) = (town.folder.path(), database(town.folder.path()));
            run_json(path, &["company", "create", &name, "--database-url", &url, "--json"]);
            let words = ["key", "create", "--company", &name, "--role", "admin", "--database-url", &url, "--json"];
            town.keys.push(run_json(path, &words)["key"].as_str().unwrap().to_owned());
            town.connects(path, number, &town.well.url);
        }
        runtime.block_on(async {
            let path = town.folder.path();
            let mut server = Server::start(path, &database(path), port::free(), &[]).unwrap();
            for number in 0..companies {
                for room in 0..ROOMS {
                    let path = format!("http://127.0.0.1:{}/v1/rooms/room-{room}", server.port);
                    // Neither telephone nor e-mail: a deal is one request.
                    let body = json!({"channel": "web_chat", "customer": {"handle": format!("visitor-{room}")}});
                    let asked = town.client.put(path).bearer_auth(&town.keys[number]).json(&body).send().await.unwrap();
                    assert_eq!(asked.status(), 201);
                }
            }
            server.is_asked_to_end(Duration::from_secs(20)).expect("the server ends");
            let fault = json!({"fault": "slow", "ms": 10_000, "rate": 1.0});
            let asked = town.client.post(format!("{}/_standin/faults", town.slow.url)).json(&fault).send().await.unwrap();
            assert_eq!(asked.status(), 200);
        });
        town
    }

    fn connects(&self, folder: &Path, number: usize, base: &str) {
        let file = folder.join("token");
        fs::write(&file, token(number)).unwrap();
        let Budget { per_second, per_minute, burst } = self.budget;
        let [per_second, per_minute, burst] = [per_second.to_string(), per_minute.to_string(), burst.to_string()];
        let (name, url) = (company(number), database(folder));
        let words = ["company", "crm", "set", &name, "--base-url", base, "--token-file", file.to_str().unwrap()];
        let pace = ["--per-second", &per_second, "--per-minute", &per_minute, "--burst", &burst];
        run_json(folder, &[&words[..], &pace, &["--database-url", &url, "--json"]].concat());
    }

    /// A server of its own, as if nothing had happened yet. `first`: where the first company's CRM is.
    pub fn run(&self, first: &str) -> Run<'_> {
        static RUNS: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let folder = TempDir::with_prefix("bellhop-crm-bench-").unwrap();
        for entry in fs::read_dir(self.folder.path()).unwrap().flatten().filter(|entry| entry.path().is_file()) {
            fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
        }
        self.connects(folder.path(), 0, first);
        let server = Server::start(folder.path(), &database(folder.path()), port::free(), &[]).unwrap();
        let name = format!("r{}", RUNS.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        Run { town: self, server, name, _folder: folder }
    }

    /// The stand-in forgets when it was asked.
    pub async fn forgets_rates(&self) {
        let asked = self.client.delete(format!("{}/_standin/rates", self.well.url)).send().await.unwrap();
        assert_eq!(asked.status(), 200);
    }

    /// What the stand-in's strict checker says of each company, in order of companies.
    pub async fn rates(&self) -> Vec<Value> {
        let Budget { per_second, per_minute, burst } = self.budget;
        let path = format!(
            "{}/_standin/rates?per_second={per_second}&burst={burst}&per_minute={per_minute}&minute_burst={}&slack_ms=50",
            self.well.url,
            burst.max(10)
        );
        let mut body: Value = self.client.get(path).send().await.unwrap().json().await.unwrap();
        serde_json::from_value(body["data"].take()).unwrap()
    }
}

impl Run<'_> {
    /// One company's calls, whether the earlier ones are through or not. The milliseconds from when each was due to its answer;
    /// of those that are not waited for none.
    pub async fn calls(&self, number: usize, wants: Wants) -> Vec<f64> {
        let begun = Instant::now();
        let batch = if wants.waits { 1 } else { 4 };
        let gap = Duration::from_secs_f64(f64::from(batch) / wants.offered);
        // Not all in the same instant.
        let offset = gap.mul_f64(number as f64 / self.town.keys.len() as f64);
        let took = Arc::new(std::sync::Mutex::new(vec![]));
        let mut calls = tokio::task::JoinSet::new();
        for n in 0.. {
            let due = begun + offset + gap * n;
            if due.duration_since(begun).as_secs_f64() >= wants.seconds {
                break;
            }
            tokio::time::sleep_until(due.into()).await;
            let counts = wants.waits && due.duration_since(begun).as_secs_f64() >= wants.counted_from;
            let book = counts.then(|| Arc::clone(&took));
            let path = format!("http://127.0.0.1:{}/v1/rooms/room-{}/function-calls", self.server.port, n as usize % ROOMS);
            let call = |of: u32| {
                let id = format!("{}c{number}n{n}o{of}", self.name);
                json!({"call_id": id, "name": "create_deal", "arguments": {"name": format!("Deal {id}"), "amount": 1}})
            };
            let calls_now = json!({"calls": (0..batch).map(call).collect::<Vec<Value>>()});
            let wait = if wants.waits { "wait=20" } else { "wait=1" };
            let request =
                self.town.client.post(path).bearer_auth(&self.town.keys[number]).header("prefer", wait).json(&calls_now);
            calls.spawn(async move {
                let answer = request.send().await.unwrap();
                let status = answer.status().as_u16();
                let body: Value = answer.json().await.unwrap();
                assert!(matches!(status, 200 | 202), "{status}: {body}");
                if let Some(book) = book {
                    assert_eq!((status, &body["calls"][0]["status"]), (200, &json!("succeeded")), "{body}");
                    book.lock().unwrap().push(due.elapsed().as_secs_f64() * 1_000.0);
                }
            });
        }
        while calls.join_next().await.is_some() {}
        let took = took.lock().unwrap();
        took.clone()
    }
}

fn company(number: usize) -> String {
    format!("company-{number}")
}

fn database(folder: &Path) -> String {
    format!("sqlite:{}", folder.join("bellhop.db").display())
}
