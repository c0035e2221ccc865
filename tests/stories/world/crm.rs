//! The CRM of a story: the stand-in Qontak as a process of its own, with a book of its own. What a story says about it is said
//! here: which fault it has, what it holds, what it was asked.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};

use serde_json::{Value, json};

use super::door::Door;
use super::patience::eventually;
use super::program::bellhop;
use super::wire::Wire;
use super::{World, channel, port, whatsapp};

/// What the company's requests carry; no log, database or answer may ever show it.
pub const TOKEN: &str = "canary-9c41f0-crm-token-that-nobody-may-see";

pub struct StandIn {
    child: Child,
    pub port: u16,
    pub(super) door: Door,
}

impl Drop for StandIn {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl StandIn {
    fn starts(folder: &Path, more: &[&str], door: impl Fn(u16) -> Door) -> Self {
        let port = port::free();
        let listen = format!("127.0.0.1:{port}");
        let [chat, bot] = [channel::TOKEN, channel::BOT_TOKEN];
        let words = ["standin", "--listen", &listen, "--crm-token", TOKEN, "--chat-token", chat, "--bot-token", bot];
        let words = [&words[..], &["--whatsapp-token", whatsapp::TOKEN, "--whatsapp-app-secret", whatsapp::APP_SECRET]].concat();
        let words = [&words, more].concat();
        let log = fs::File::create(folder.join("standin.log")).unwrap();
        let child = bellhop(folder, &words).stdout(log.try_clone().unwrap()).stderr(log).stdin(Stdio::null()).spawn().unwrap();
        eventually("the stand-in listens", || Wire::connect(port).ok());
        Self { child, port, door: door(port) }
    }

    /// What really exists there.
    pub fn records(&self, kind: &str) -> Vec<Value> {
        self.list(&format!("/_standin/records?kind={kind}"))
    }

    pub fn deals(&self) -> Vec<Value> {
        self.records("deals")
    }

    pub fn tickets(&self) -> Vec<Value> {
        self.records("tickets")
    }

    /// Records of this kind called so.
    pub fn named(&self, kind: &str, name: &str) -> Vec<Value> {
        self.records(kind).into_iter().filter(|record| record["name"] == name).collect()
    }

    /// From now on this route has this fault, so often.
    pub fn has(&self, route: &str, fault: &str, rate: f64) {
        self.has_exactly(&json!({"route": route, "fault": fault, "rate": rate}));
    }

    /// Once.
    pub fn has_once(&self, route: &str, fault: &str) {
        self.has_exactly(&json!({"route": route, "fault": fault, "rate": 1.0, "times": 1}));
    }

    pub fn has_exactly(&self, fault: &Value) {
        let answer = self.door.send("POST", "/_standin/faults", Some(fault));
        assert!(matches!(answer.http, 200 | 201 | 204), "{fault}: {answer:?}");
    }

    /// A token (`crm`, `chat` or `bot`) opens no door there any more.
    pub fn revokes(&self, kind: &str) {
        assert_eq!(self.door.send("POST", "/_standin/revoke", Some(&json!({ "kind": kind }))).http, 200);
    }

    /// What is asked of this route from now on waits until it is let go, and is done then, also when nobody waits any more.
    pub fn holds(&self, route: &str) {
        self.has_exactly(&json!({"route": route, "fault": "held"}));
    }

    /// What was held is done, and nothing more is held.
    pub fn lets_go(&self) {
        assert_eq!(self.door.send("POST", "/_standin/let_go", None).http, 200);
    }

    pub fn is_well_again(&self) {
        let answer = self.door.send("DELETE", "/_standin/faults", None);
        assert!(matches!(answer.http, 200 | 204), "{answer:?}");
    }

    /// Every fault it has, with how often it was played.
    pub fn faults(&self) -> Vec<Value> {
        self.list("/_standin/faults")
    }

    /// The fault given last has met a request. One that is slow stands in the journal only when it is over.
    pub fn is_at_it(&self) {
        let hit = || self.faults().last().is_some_and(|fault| fault["hits"].as_u64() > Some(0)).then_some(());
        eventually("the CRM is asked", hit);
    }

    /// Every request it has had, as far back as it remembers.
    pub fn journal(&self) -> Vec<Value> {
        self.list("/_standin/journal")
    }

    /// Those of them that `chosen` (a query) names.
    pub fn journal_of(&self, chosen: &str) -> Vec<Value> {
        self.list(&format!("/_standin/journal?{chosen}"))
    }

    /// The bodies of all such writes, in order.
    pub fn was_told(&self, method: &str, path: &str) -> Vec<Value> {
        let lines = self.journal_of(&format!("method={method}&path={path}"));
        lines.into_iter().map(|line| line["body"].clone()).collect()
    }

    /// Somebody else makes a record there, by hand.
    pub fn somebody_makes(&self, kind: &str, record: &Value) {
        let mut somebody = self.door.clone();
        TOKEN.clone_into(&mut somebody.key);
        let made = somebody.send("POST", &format!("/api/v3.1/{kind}"), Some(record));
        assert_eq!(made.http, 200, "{made:?}");
    }

    /// Somebody else changes a record there, by hand.
    pub fn somebody_changes(&self, kind: &str, id: i64, change: &Value) {
        let mut somebody = self.door.clone();
        TOKEN.clone_into(&mut somebody.key);
        let changed = somebody.send("PUT", &format!("/api/v3.1/{kind}/{id}"), Some(change));
        assert_eq!(changed.http, 200, "{changed:?}");
    }

    /// Every token that opens or ever opened a door there.
    pub fn tokens(&self) -> Value {
        self.door.get("/_standin/tokens").body["data"].clone()
    }

    /// A template changes under those who hold it.
    pub fn changes_a_template(&self, change: &Value) {
        let answer = self.door.send("POST", "/_standin/templates", Some(change));
        assert_eq!(answer.http, 200, "{change}: {answer:?}");
    }

    fn list(&self, path: &str) -> Vec<Value> {
        let answer = self.door.get(path);
        assert_eq!(answer.http, 200, "{answer:?}");
        answer.body["data"].as_array().unwrap().clone()
    }

    /// Requests of this method to this path, whatever is before and behind it.
    pub fn was_asked(&self, method: &str, path: &str) -> usize {
        let asked = |line: &&Value| line["method"] == method && line["path"].as_str().is_some_and(|at| at.ends_with(path));
        self.journal().iter().filter(asked).count()
    }

    /// The vendor's API knows every key we ever sent.
    pub fn knew_every_key(&self) {
        for line in self.journal() {
            let unknown = line["unknown_keys"].as_array().cloned().unwrap_or_default();
            assert!(unknown.is_empty(), "keys the vendor does not know: {line}");
        }
    }
}

/// Budgets that no story waits for. An attempt has its usual time: what is late on a busy machine is not given up.
const QUICK: &[&str] = &["--per-second", "500", "--per-minute", "30000", "--burst", "500", "--grace-ms", "300"];

impl World {
    /// A stand-in, and the company's token for it; known to a running server when this returns.
    pub fn has_a_crm(&mut self) {
        self.has_a_crm_with(&[], TOKEN, &[]);
    }

    /// The same: `standin` started with more words, another token (or token file), `set` with more words.
    pub fn has_a_crm_with(&mut self, standin: &[&str], token: &str, set: &[&str]) {
        let (runtime, key) = (self.runtime.handle().clone(), self.admin_key.clone());
        let standin = StandIn::starts(self.folder(), standin, |port| Door::new(runtime.clone(), port, &key));
        self.crm = Some(standin);
        self.is_told_the_token(token, &[QUICK, set].concat());
    }

    /// `company crm set` with this token.
    pub fn is_told_the_token(&self, token: &str, more: &[&str]) {
        let file = self.folder().join("crm-token");
        fs::write(&file, format!("{token}\n")).unwrap();
        let base = format!("http://127.0.0.1:{}", self.crm().port);
        let words = ["company", "crm", "set", "acme", "--base-url", &base, "--token-file", file.to_str().unwrap()];
        self.command(&[&words, more].concat());
        fs::remove_file(&file).unwrap();
        if self.server.is_some() {
            let connected = || (self.admin().get("/v1/crm").body["connected"] == true).then_some(());
            eventually("a CRM is known to a running server", connected);
        }
    }

    /// Nobody answers where the CRM was.
    pub fn loses_its_crm(&mut self) {
        self.crm = None;
    }

    pub fn crm(&self) -> &StandIn {
        self.crm.as_ref().expect("a story with a CRM")
    }
}
