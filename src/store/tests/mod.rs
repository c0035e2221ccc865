//! The store's promises, each checked on SQLite and, when `BELLHOP_TEST_POSTGRES` names a server, on PostgreSQL too.

mod bounds;
mod call_keys;
mod decided;
mod faults;
mod fence;
mod files;
mod fold;
mod history;
mod imagined;
mod inbox;
mod journal;
mod lane;
mod listing;
mod opening;
mod outbox;
mod published;
mod relay;
mod room_rows;
mod vault;

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use uuid::Uuid;

use super::conn::{Conn, Purpose};
use super::{Pepper, Store, StoreOptions, StoreUrl};
use crate::actors::ports::{
    Commit, EndedCall, Finished, Job, Journal, LoadedRoom, Mailbags, NewCall, Rejection, RoomColumns, StoredAnswer,
};
use crate::room::{
    AiAgentId, By, CallId, CallKey, CallStatus, Cause, CompanyNo, Fact, FunctionCall, Meaning, Room, RoomAddress, RoomEvent,
    RoomId, RoomKey, Seen, Timestamp,
};

/// Where one test's data lives; gone when the test is.
pub struct Place {
    pub url: StoreUrl,
    folder: Option<tempfile::TempDir>,
}

impl Place {
    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { url: StoreUrl::Sqlite(folder.path().join("bellhop.db")), folder: Some(folder) }
    }

    fn postgres() -> Option<Self> {
        static TOLD: Once = Once::new();
        let Ok(admin) = std::env::var("BELLHOP_TEST_POSTGRES") else {
            TOLD.call_once(|| {
                eprintln!("\n*** PostgreSQL IS NOT TESTED: set BELLHOP_TEST_POSTGRES=postgres://user@host:port/postgres ***\n")
            });
            return None;
        };
        let name = format!("bellhop_test_{}", Uuid::now_v7().simple());
        let mut conn = Conn::open(&StoreUrl::Postgres(admin.clone()), Purpose::Migrate).unwrap();
        conn.batch_execute(&format!("CREATE DATABASE {name}")).unwrap();
        let (server, _) = admin.rsplit_once('/').unwrap();
        Some(Self { url: format!("{server}/{name}").parse().unwrap(), folder: None })
    }

    pub fn options(&self) -> StoreOptions {
        StoreOptions { url: self.url.clone(), migrate: true, readers: 2, journal_queue: 4_096, pepper: Pepper([7; 32]) }
    }

    pub fn is_sqlite(&self) -> bool {
        self.folder.is_some()
    }

    pub fn conn(&self) -> Conn {
        Conn::open(&self.url, Purpose::Write).unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let (StoreUrl::Postgres(url), Ok(admin)) = (&self.url, std::env::var("BELLHOP_TEST_POSTGRES")) {
            let name = url.rsplit_once('/').unwrap().1;
            if let Ok(mut conn) = Conn::open(&StoreUrl::Postgres(admin), Purpose::Migrate) {
                let _ = conn.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)"));
            }
        }
    }
}

/// Runs a test on every database there is.
pub fn each(test: impl Fn(&Place)) {
    test(&Place::sqlite());
    if let Some(place) = Place::postgres() {
        test(&place);
    }
}

pub fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

struct Bags(Mutex<Sender<(usize, Vec<Finished>)>>);

impl Mailbags for Bags {
    fn deliver(&self, thread: usize, finished: &mut Vec<Finished>) {
        let _ = self.0.lock().unwrap().send((thread, std::mem::take(finished)));
    }
}

/// A store that serves, and what its journal answers.
pub struct Serving {
    pub store: Store,
    pub journal: Arc<dyn Journal>,
    answers: Receiver<(usize, Vec<Finished>)>,
}

impl Serving {
    pub fn at(place: &Place) -> Self {
        Self::with(place.options())
    }

    pub fn with(options: StoreOptions) -> Self {
        let store = Store::open_to_serve(options).unwrap();
        let (sender, answers) = channel();
        let journal = store.journal(Arc::new(Bags(Mutex::new(sender)))).unwrap();
        Self { store, journal, answers }
    }

    pub fn bag(&self) -> (usize, Vec<Finished>) {
        self.answers.recv_timeout(Duration::from_secs(30)).expect("the journal answers")
    }

    /// Answers of these commits, by the room they are of: in the order given.
    pub fn all(&self, commits: Vec<Commit>) -> Vec<Option<Rejection>> {
        let ids: Vec<RoomKey> = commits.iter().map(|commit| commit.key).collect();
        // One task in front, so that all the others gather behind it and share a transaction.
        for commit in commits {
            self.journal.submit(Job::Commit(Box::new(commit))).unwrap();
        }
        let mut answers: Vec<(RoomKey, Option<Rejection>)> = vec![];
        while answers.len() < ids.len() {
            for finished in self.bag().1 {
                match finished {
                    Finished::Landed(commit) => answers.push((commit.get().key, None)),
                    Finished::Rejected(commit, rejection) => answers.push((commit.key, Some(rejection))),
                    other => panic!("{other:?}"),
                }
            }
        }
        ids.iter().map(|id| answers.remove(answers.iter().position(|(key, _)| key == id).unwrap()).1).collect()
    }

    pub fn one(&self, commit: Commit) -> Option<Rejection> {
        self.all(vec![commit]).remove(0)
    }

    pub fn load(&self, address: &RoomAddress) -> Option<LoadedRoom> {
        self.journal.submit(Job::Load { address: address.clone(), thread: 0, room: None }).unwrap();
        match self.bag().1.remove(0) {
            Finished::Loaded { loaded, .. } => loaded.unwrap().into_inner(),
            other => panic!("{other:?}"),
        }
    }
}

pub fn address(company: i64, room: &str) -> RoomAddress {
    RoomAddress { company: CompanyNo(company), room: RoomId::new(room).unwrap() }
}

/// A room of a test: what its next commit builds on.
#[derive(Clone)]
pub struct Draft {
    pub address: RoomAddress,
    pub key: RoomKey,
    pub version: i64,
    pub owner: i64,
    /// The fold of its events; not of those that build on a version it never had.
    pub room: Room,
}

/// The version that a room's snapshot is of.
pub fn version_of(snapshot: &[u8]) -> i64 {
    serde_json::from_slice::<Room>(snapshot).unwrap().version
}

impl Draft {
    pub fn new(journal: &Arc<dyn Journal>, company: i64, room: &str) -> Self {
        Self {
            address: address(company, room),
            key: RoomKey(Uuid::now_v7()),
            version: 0,
            owner: journal.owner_epoch(),
            room: Room::default(),
        }
    }

    /// One commit with these calls, each with one event; the draft moves on.
    pub fn calls(&mut self, ids: &[&str]) -> Commit {
        let expected = self.version;
        let mut commit = self.empty();
        for id in ids {
            self.version += 1;
            let call = self.call(id);
            let event = RoomEvent {
                seq: self.version,
                at: Timestamp(1_000 + self.version),
                by: By::AiAgent(AiAgentId::new("sales").unwrap()),
                cause: Cause::Call(call.call_id.clone()),
                fact: Fact::TagsAdded { tags: vec!["vip".into()], created: vec![] },
            };
            if event.seq == self.room.version + 1 {
                self.room.apply(&event);
            }
            commit.events.push(event);
            let answer =
                StoredAnswer { status: CallStatus::Succeeded, body: format!("{{\"result\":{{\"of\":\"{id}\"}}}}").into() };
            commit.new_calls.push(NewCall { call, answer, at: Timestamp(1_000 + self.version) });
        }
        (commit.expected_version, commit.version) = (expected, self.version);
        commit.snapshot = serde_json::to_vec(&self.room).unwrap();
        commit
    }

    pub fn call(&self, id: &str) -> FunctionCall {
        let call_id = CallId::new(id).unwrap();
        FunctionCall {
            key: CallKey::of(self.address.company, &call_id),
            call_id,
            tool_call_id: Some("tool\0call".into()),
            ai_agent: Some(AiAgentId::new("sales").unwrap()),
            key_id: "key_1".into(),
            name: "create_tag",
            arguments: "{\"tags\":[\"vip\"]}".into(),
            meaning: Meaning::of(&self.address, "create_tag", b"{}"),
            seen: Seen { epoch: Some(1), seq: None },
            revision: Some(7),
        }
    }

    pub fn ended(&self, id: &str) -> EndedCall {
        let answer = StoredAnswer { status: CallStatus::Cancelled, body: "{\"error\":{}}".into() };
        EndedCall { key: self.call(id).key, answer, at: Timestamp(9_000) }
    }

    fn empty(&self) -> Commit {
        Commit {
            address: self.address.clone(),
            key: self.key,
            expected_version: self.version,
            version: self.version,
            epoch: 1,
            owner_epoch: self.owner,
            events: vec![],
            new_calls: vec![],
            ended_calls: vec![],
            messages: vec![],
            new_tags: vec![],
            decided_effects: vec![],
            timers: vec![],
            columns: RoomColumns { status: "open", control: "bot", assignee: None, assignment: 0, paused: false },
            snapshot: serde_json::to_vec(&self.room).unwrap(),
            thread: 0,
            room: None,
        }
    }
}
