//! The channel of a story: conversations in the stand-in's chat, what customers and people do there, and the webhooks that tell
//! of it.

use std::fs;

use serde_json::{Value, json};

use super::World;
use super::crm::StandIn;
use super::door::{Door, Room};
use super::patience::eventually;

/// What the company's requests to the chat carry (`StandIn::starts`).
pub const TOKEN: &str = "canary-5d1c77-chat-token";
pub const BOT_TOKEN: &str = "canary-b0e2a9-bot-token";
/// People there, as the stand-in is seeded.
pub const RAKA: &str = "5f000000-0000-4000-8000-000000000003";
pub const TARI: &str = "5f000000-0000-4000-8000-000000000004";
pub const LALA: &str = "5f000000-0000-4000-8000-000000000006";

impl World {
    /// The company's conversations live in the stand-in's chat, which tells us of them; known to a running server when this
    /// returns. Answers the webhook's path.
    pub fn has_a_channel(&mut self) -> String {
        self.has_a_channel_with(&[], &[], &[])
    }

    /// The same: `standin` started, the CRM and the channel set with more words.
    pub fn has_a_channel_with(&mut self, standin: &[&str], crm: &[&str], channel: &[&str]) -> String {
        self.has_a_crm_with(standin, super::crm::TOKEN, crm);
        let path = self.is_told_the_channel("acme", channel);
        self.is_told_of_the_channel(&path);
        path
    }

    /// The channel has taken this webhook's path.
    pub fn is_told_of_the_channel(&self, path: &str) {
        let ours = format!("http://127.0.0.1:{}{path}", self.port);
        // The last of three.
        let told = || (self.crm().chat("GET", "agent_responsibility", None).1["url"] == ours).then_some(());
        eventually("the channel tells us what happens there", told);
    }

    /// `company channel set`; the webhook's path.
    pub fn is_told_the_channel(&self, company: &str, more: &[&str]) -> String {
        let bot = self.token_file("bot-token", BOT_TOKEN);
        self.is_told_the_channel_by(company, TOKEN, &[&["--bot-token-file", &bot], more].concat())
    }

    fn token_file(&self, name: &str, token: &str) -> String {
        let file = self.folder().join(name);
        fs::write(&file, token).unwrap();
        file.to_str().unwrap().to_owned()
    }

    /// The same with another token (or token file), and without the bot's.
    pub fn is_told_the_channel_by(&self, company: &str, token: &str, more: &[&str]) -> String {
        let file = self.token_file("chat-token", token);
        let [base, public] = [self.crm().port, self.port].map(|port| format!("http://127.0.0.1:{port}"));
        let words = ["company", "channel", "set", company, "--kind", "qontak", "--token-file", &file, "--public-url", &public];
        let usual = [["--base-url", base.as_str()], ["--per-second", "500"], ["--per-minute", "30000"], ["--burst", "500"]];
        // For an echo longer than anything takes: where a story is to see the end of that, it says so itself.
        let patience = [["--grace-ms", "300"], ["--echo-wait-ms", "60000"]];
        let usual = usual.into_iter().chain(patience).filter(|[flag, _]| !more.contains(flag)).flatten();
        let words: Vec<&str> = words.into_iter().chain(usual).chain(more.iter().copied()).collect();
        let set = self.command(&words);
        let path = set["webhook_url"].as_str().unwrap().strip_prefix(&public).unwrap().to_owned();
        for name in ["chat-token", "bot-token"] {
            let _ = fs::remove_file(self.folder().join(name));
        }
        self.given.lock().unwrap().push(path.rsplit_once('/').unwrap().1.to_owned());
        let known = || (self.outside().send("POST", &path, Some(&json!({}))).http == 200).then_some(());
        eventually("a channel is known to a running server", known);
        path
    }

    /// A customer writes there for the first time and is heard here: their room.
    pub fn a_customer_writes(&self, room: &str, customer: &str, text: &str) -> Room {
        self.crm().conversation(room, customer);
        self.crm().customer_says(room, text);
        let room = self.admin().room(room);
        room.has_heard_its_customer();
        room
    }

    /// Whatever the channel had to tell so far has come to its room.
    pub fn has_heard_all(&self) {
        let all = || (self.crm().has_told_all() && self.admin().get("/v1/channel").body["webhooks_waiting"] == 0).then_some(());
        eventually("all that was told is heard", all);
    }

    /// One effect was turned away, and that is written down: who dies a moment before does not know whether it was done.
    pub fn waits_for_the_channel(&self) {
        let rests = || (self.admin().get("/v1/channel").body["effects"]["resting"] == 1).then_some(());
        eventually("an effect waits for the channel", rests);
    }

    /// Somebody without a key.
    pub fn outside(&self) -> Door {
        self.caller("")
    }
}

impl StandIn {
    /// A request to the chat itself, as an administrator's: status and `data`.
    pub fn chat(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let mut somebody = self.door.clone();
        TOKEN.clone_into(&mut somebody.key);
        let answer = somebody.send(method, &format!("/api/open/v1/{path}"), body);
        (answer.http, answer.body["data"].clone())
    }

    /// Changes how it behaves.
    pub fn behaves(&self, knobs: &Value) {
        assert_eq!(self.door.send("PUT", "/_standin/knobs", Some(knobs)).http, 200);
    }

    /// No webhook of it is on its way.
    fn has_told_all(&self) -> bool {
        self.door.get("/_standin/under_way").body["data"] == 0
    }

    /// Somebody new answers customers there: their id.
    pub fn hires(&self, full_name: &str, email: &str) -> String {
        let person = json!({"full_name": full_name, "email": email});
        let answer = self.door.send("POST", "/_standin/people", Some(&person));
        answer.body["data"]["id"].as_str().unwrap_or_else(|| panic!("{answer:?}")).to_owned()
    }

    /// Whether it tells of messages; all else it goes on to tell.
    pub fn tells_of_messages(&self, tells: bool) {
        let url = self.chat("GET", "message_interactions", None).1["url"].clone();
        let switches = json!({
            "url": url, "receive_message_from_agent": tells, "receive_message_from_customer": tells, "status_message": tells,
        });
        assert_eq!(self.chat("PUT", "message_interactions", Some(&switches)).0, 200);
    }

    /// A customer's conversation begins there.
    pub fn conversation(&self, room: &str, customer: &str) {
        let new = json!({"id": room, "channel": "wa_cloud", "customer": customer, "name": "Budi"});
        assert_eq!(self.door.send("POST", "/_standin/rooms", Some(&new)).http, 200);
    }

    pub fn customer_says(&self, room: &str, text: &str) {
        let said = json!({"room_id": room, "from": "customer", "text": text});
        assert_eq!(self.door.send("POST", "/_standin/say", Some(&said)).http, 200);
    }

    pub fn person_says(&self, room: &str, person: &str, text: &str) {
        let said = json!({"room_id": room, "from": "agent", "agent_id": person, "text": text});
        assert_eq!(self.door.send("POST", "/_standin/say", Some(&said)).http, 200);
    }

    /// In its own inbox.
    pub fn is_given_to(&self, room: &str, person: &str) {
        assert_eq!(self.chat("POST", &format!("rooms/{room}/agents/{person}"), None).0, 201);
    }

    pub fn is_taken_from(&self, room: &str, person: &str) {
        assert_eq!(self.chat("DELETE", &format!("rooms/{room}/agents/{person}"), None).0, 200);
    }

    pub fn is_tagged(&self, room: &str, tag: &str) {
        assert_eq!(self.chat("POST", &format!("rooms/{room}/tags"), Some(&json!({"tag": tag}))).0, 201);
    }

    pub fn is_untagged(&self, room: &str, tag: &str) {
        assert_eq!(self.chat("DELETE", &format!("rooms/{room}/tags?tag={tag}"), None).0, 200);
    }

    pub fn is_resolved(&self, room: &str) {
        assert_eq!(self.chat("PUT", &format!("rooms/{room}/resolve"), None).0, 200);
    }
}
