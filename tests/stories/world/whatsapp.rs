//! A company's business number on WhatsApp, in the stand-in's Cloud API: what customers write there, what they got, and what is
//! told of it.

use std::fs;

use serde_json::{Value, json};

use super::crm::StandIn;
use super::door::Door;
use super::patience::eventually;
use super::{Room, World};

/// The business number's id at Meta.
pub const PHONE: &str = "106540352242922";
/// What the company's requests carry, and what webhooks are signed with; nobody may ever see them.
pub const TOKEN: &str = "canary-1f0c-whatsapp-token";
pub const APP_SECRET: &str = "canary-77d2-app-secret";
/// Where messages and files are posted, for faults.
pub const MESSAGES: &str = "POST /v23.0/{phone}/messages";
pub const MEDIA: &str = "POST /v23.0/{phone}/media";

/// Budgets that no story waits for. An attempt has its usual time: what is late on a busy machine is not given up.
const QUICK: &[&str] = &["--per-second", "500", "--per-minute", "30000", "--burst", "500", "--grace-ms", "300"];

impl World {
    /// The company's messages travel by the stand-in's Cloud API, which tells us of them. The webhook's path.
    pub fn has_whatsapp(&mut self) -> String {
        self.has_a_crm();
        // Longer than anything takes: where a story is to see its end, it says so itself.
        let path = self.is_told_whatsapp(60_000);
        self.crm().tells_us_at(&format!("http://127.0.0.1:{}{path}", self.port));
        path
    }

    /// `company channel set`; the webhook's path. So long is waited for the channel to speak of a message.
    pub fn is_told_whatsapp(&self, status_wait_ms: u32) -> String {
        let files = [("whatsapp-token", TOKEN), ("app-secret", APP_SECRET)].map(|(name, secret)| {
            let file = self.folder().join(name);
            fs::write(&file, secret).unwrap();
            file.to_str().unwrap().to_owned()
        });
        let [base, public] = [self.crm().port, self.port].map(|port| format!("http://127.0.0.1:{port}"));
        let wait = status_wait_ms.to_string();
        let words = ["company", "channel", "set", "acme", "--kind", "whatsapp_cloud", "--phone-number-id", PHONE, "--base-url"];
        let words = [
            &words[..],
            &[&base, "--public-url", &public, "--token-file", &files[0], "--app-secret-file", &files[1]],
            QUICK,
            &["--status-wait-ms", &wait],
        ];
        let set = self.command(&words.concat());
        for file in &files {
            fs::remove_file(file).unwrap();
        }
        let path = set["webhook_url"].as_str().unwrap().strip_prefix(&public).unwrap().to_owned();
        self.given.lock().unwrap().push(path.rsplit_once('/').unwrap().1.to_owned());
        // Whoever does not sign is turned away only once the path is known.
        let known = || (self.outside().send("POST", &path, Some(&json!({}))).http == 403).then_some(());
        eventually("a channel is known to a running server", known);
        path
    }

    /// A customer with this number writes; their room, with the AI agent at its door.
    pub fn customer_on_whatsapp(&self, number: &str) -> Room {
        self.crm().customer_writes(number, "hello", 0);
        let id = format!("wa-{PHONE}-{number}");
        let room = self.admin().room(&id);
        room.has_heard_its_customer();
        self.ai_agent().room(&id)
    }
}

impl Door {
    /// A webhook with one message, as Meta signs it; the status of the answer.
    pub fn tells_signed(&self, path: &str, message: &Value) -> u16 {
        let value = json!({"metadata": {"phone_number_id": PHONE}, "messages": [message]});
        let changes = json!([{"field": "messages", "value": value}]);
        let body = json!({"object": "whatsapp_business_account", "entry": [{ "changes": changes }]});
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, APP_SECRET.as_bytes());
        let tag = ring::hmac::sign(&key, &serde_json::to_vec(&body).unwrap());
        let signature = format!("sha256={}", data_encoding::HEXLOWER.encode(tag.as_ref()));
        self.try_send("POST", path, Some(&body), &[("x-hub-signature-256", &signature)]).unwrap().http
    }
}

impl StandIn {
    /// The number's webhooks go to this address, once its handshake went well.
    pub fn tells_us_at(&self, url: &str) {
        let verify_token = url.rsplit('/').next().unwrap();
        let new = json!({"phone_number_id": PHONE, "webhook_url": url, "verify_token": verify_token});
        assert_eq!(self.door.send("POST", "/_standin/whatsapp/accounts", Some(&new)).http, 200);
        let verified = || {
            let accounts = self.door.get("/_standin/whatsapp/accounts").body;
            (accounts["data"][0]["verified"] == true).then_some(())
        };
        eventually("the handshake goes well", verified);
    }

    /// `ago_s`: how long ago, as the webhook says.
    pub fn customer_writes(&self, number: &str, text: &str, ago_s: i64) {
        let said = json!({"phone_number_id": PHONE, "from": number, "name": "Rina", "text": text, "ago_s": ago_s});
        assert_eq!(self.door.send("POST", "/_standin/whatsapp/say", Some(&said)).http, 200);
    }

    /// What reached this customer, in order.
    pub fn got_on_whatsapp(&self, number: &str) -> Vec<Value> {
        self.records("whatsapp_messages").into_iter().filter(|message| message["to"] == number).collect()
    }

    /// One step of a message's life is told, out of its turn.
    pub fn tells_status(&self, message_id: &Value, status: &str) {
        let step = json!({"id": message_id, "status": status});
        assert_eq!(self.door.send("POST", "/_standin/whatsapp/status", Some(&step)).http, 200);
    }

    pub fn forgets_all_media(&self) {
        assert_eq!(self.door.send("DELETE", "/_standin/whatsapp/media", None).http, 200);
    }

    pub fn knobs(&self, changes: &Value) {
        assert_eq!(self.door.send("PUT", "/_standin/knobs", Some(changes)).http, 200);
    }
}
