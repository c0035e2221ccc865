//! A caller: one key, one HTTP client. Everything a story says over HTTP is said here, and every route's shape is here.

use std::time::Duration;

use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use tokio::runtime::Handle;

use super::call::{Answer, Call};
use super::canary;
use super::patience::eventually;

/// A caller with a key, of one running server. Cheap to clone, usable from any thread.
#[derive(Clone)]
pub struct Door {
    pub(super) http: reqwest::Client,
    pub(super) runtime: Handle,
    pub port: u16,
    pub key: String,
}

impl Door {
    pub fn new(runtime: Handle, port: u16, key: &str) -> Self {
        // reqwest is built without a TLS provider of its own; the second caller finds it installed.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // An idle connection is given up here before the server does it: a post into a closing one has no answer.
        let idle = Duration::from_secs(1);
        let http =
            reqwest::Client::builder().timeout(Duration::from_secs(90)).pool_idle_timeout(idle).no_proxy().build().unwrap();
        Self { http, runtime, port, key: key.to_owned() }
    }

    /// `None` when the server went away before it had answered.
    pub async fn ask(&self, method: Method, path: &str, body: Option<&Value>, headers: &[(&str, &str)]) -> Option<Answer> {
        let mut request = self.http.request(method, format!("http://127.0.0.1:{}{path}", self.port)).bearer_auth(&self.key);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        // Said for whom a missing answer is the end of the story; who asks again need not care.
        let gone = |problem: &reqwest::Error| eprintln!("no answer to {path}: {problem:?}");
        let answer = request.send().await.inspect_err(gone).ok()?;
        let (http, headers): (u16, HeaderMap) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.text().await.inspect_err(gone).ok()?;
        // The stand-in's own controls may say what it gave out.
        if !path.starts_with("/_standin") {
            canary::is_not_in(path, format!("{headers:?} {text}").as_bytes());
        }
        Some(Answer { http, headers, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) })
    }

    pub fn try_send(&self, method: &str, path: &str, body: Option<&Value>, headers: &[(&str, &str)]) -> Option<Answer> {
        self.runtime.block_on(self.ask(method.parse().unwrap(), path, body, headers))
    }

    pub fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.try_send(method, path, body, &[]).unwrap_or_else(|| panic!("no answer to {method} {path}"))
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None)
    }

    /// Begins `ask` and goes on with the story.
    pub fn begins<T: Send + 'static>(&self, ask: impl Future<Output = T> + Send + 'static) -> UnderWay<T> {
        UnderWay { task: self.runtime.spawn(ask), runtime: self.runtime.clone() }
    }

    /// Runs `asks` at once, all of them, and waits for every answer.
    pub fn at_once<T: Send + 'static>(&self, asks: Vec<impl Future<Output = T> + Send + 'static>) -> Vec<T> {
        self.runtime.block_on(async {
            let under_way: Vec<_> = asks.into_iter().map(tokio::spawn).collect();
            let mut answers = vec![];
            for one in under_way {
                answers.push(one.await.unwrap());
            }
            answers
        })
    }

    /// The room of that name, which may not exist.
    pub fn room(&self, id: &str) -> Room {
        Room { door: self.clone(), id: id.to_owned() }
    }

    /// Where a call stands, by its id.
    pub fn call(&self, call_id: &str) -> Answer {
        self.get(&format!("/v1/function-calls/{call_id}"))
    }

    /// Every item of a list, page after page.
    pub fn all(&self, path: &str) -> Vec<Value> {
        let (mut items, mut cursor) = (vec![], String::new());
        loop {
            let joint = if path.contains('?') { '&' } else { '?' };
            let page = self.get(&format!("{path}{joint}limit=200{cursor}"));
            assert_eq!(page.http, 200, "{path}: {page:?}");
            items.extend(page.body["data"].as_array().unwrap().iter().cloned());
            match page.body["page"]["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return items,
            }
        }
    }

    /// A person in the directory, online: their id.
    pub fn an_agent(&self, name: &str, capacity: u32, divisions: &[&str]) -> String {
        let email = format!("{}@acme.example", name.to_lowercase());
        let agent = json!({"name": name, "email": email, "divisions": divisions, "status": "online", "capacity": capacity});
        self.made("/v1/agents", &agent)
    }

    pub fn a_division(&self, name: &str) -> String {
        self.made("/v1/divisions", &json!({"name": name}))
    }

    fn made(&self, path: &str, what: &Value) -> String {
        let answer = self.send("POST", path, Some(what));
        assert!(matches!(answer.http, 200 | 201), "{path}: {answer:?}");
        answer.body["id"].as_str().unwrap_or_else(|| panic!("no id: {answer:?}")).to_owned()
    }

    /// Changes the named settings and leaves the others.
    pub fn set(&self, changes: &Value) {
        let now = self.get("/v1/settings");
        let mut settings = now.body.clone();
        for (name, value) in changes.as_object().unwrap() {
            settings[name] = value.clone();
        }
        let tag = now.headers.get("etag").map(|tag| tag.to_str().unwrap().to_owned()).unwrap_or_default();
        let set = self.try_send("PUT", "/v1/settings", Some(&settings), &[("if-match", &tag)]).unwrap();
        assert_eq!(set.http, 200, "{set:?}");
    }
}

/// Something asked and not waited for yet.
pub struct UnderWay<T> {
    task: tokio::task::JoinHandle<T>,
    runtime: Handle,
}

impl<T> UnderWay<T> {
    pub fn is_answered(&self) -> bool {
        self.task.is_finished()
    }

    pub fn answer(self) -> T {
        self.runtime.block_on(self.task).unwrap()
    }
}

/// A room as a caller sees it.
#[derive(Clone)]
pub struct Room {
    pub door: Door,
    pub id: String,
}

impl Room {
    pub fn path(&self, more: &str) -> String {
        format!("/v1/rooms/{}{more}", self.id)
    }

    /// Makes it.
    pub fn opens(&self) -> Answer {
        self.is_with(&self.id)
    }

    /// Makes it, or says whose it is.
    pub fn is_with(&self, handle: &str) -> Answer {
        self.door.send("PUT", &self.path(""), Some(&json!({"channel": "web_chat", "customer": {"handle": handle}})))
    }

    pub fn gets(&self, call: Call) -> Answer {
        self.gets_all(&[call])
    }

    /// One batch.
    pub fn gets_all(&self, calls: &[Call]) -> Answer {
        self.gets_envelope(&Call::envelope(calls), &[("prefer", "wait=20")]).expect("an answer to a call")
    }

    /// With so many seconds of patience.
    pub fn gets_within(&self, seconds: u32, call: Call) -> Answer {
        self.gets_all_within(seconds, &[call])
    }

    /// The same for a batch. Patience that ended before the room had begun accepted nothing, and says so: then it is asked again,
    /// as every caller should.
    pub fn gets_all_within(&self, seconds: u32, calls: &[Call]) -> Answer {
        let (envelope, wait) = (Call::envelope(calls), format!("wait={seconds}"));
        eventually("the room begins", || {
            let answer = self.gets_envelope(&envelope, &[("prefer", &wait)]).expect("an answer to a call");
            (answer.http != 503 || answer.body["code"] != "timed_out_before_start").then_some(answer)
        })
    }

    /// Knowing the room as it was at this message.
    pub fn gets_having_seen(&self, seq: i64, call: Call) -> Answer {
        let mut envelope = Call::envelope(&[call]);
        envelope["seen"] = json!({"seq": seq});
        self.gets_envelope(&envelope, &[]).expect("an answer to a call")
    }

    /// An assistant message as a provider made it.
    pub fn gets_message_of_a_model(&self, message: &Value) -> Answer {
        self.gets_envelope(message, &[]).expect("an answer to a call")
    }

    /// Any envelope; `None` when the server went away.
    pub fn gets_envelope(&self, envelope: &Value, headers: &[(&str, &str)]) -> Option<Answer> {
        self.door.try_send("POST", &self.path("/function-calls"), Some(envelope), headers)
    }

    /// For many at once.
    pub fn getting(&self, calls: &[Call]) -> impl Future<Output = Option<Answer>> + Send + use<> {
        self.getting_within(30, calls)
    }

    /// The same, with so many seconds of patience.
    pub fn getting_within(&self, seconds: u32, calls: &[Call]) -> impl Future<Output = Option<Answer>> + Send + use<> {
        let (room, envelope, wait) = (self.clone(), Call::envelope(calls), format!("wait={seconds}"));
        async move {
            let path = room.path("/function-calls");
            room.door.ask(Method::POST, &path, Some(&envelope), &[("prefer", &wait)]).await
        }
    }

    /// The same for whoever is told that nothing was accepted, and asks again until it is.
    pub fn getting_accepted(&self, seconds: u32, calls: &[Call]) -> impl Future<Output = Answer> + Send + use<> {
        let (room, calls) = (self.clone(), calls.to_vec());
        async move {
            loop {
                let answer = room.getting_within(seconds, &calls).await.expect("an answer");
                if !matches!(answer.http, 429 | 503) {
                    return answer;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    pub fn hears(&self, message_id: &str, text: &str) -> Answer {
        let message = json!({"from": "customer", "text": text, "message_id": message_id});
        self.door.send("POST", &self.path("/messages"), Some(&message))
    }

    /// Waits for its customer's first words. A room is made a moment before them, and who closes it in between is told to read
    /// them first.
    pub fn has_heard_its_customer(&self) {
        eventually("the customer is heard", || {
            let timeline = self.door.get(&self.path("/timeline")).body;
            timeline["data"].as_array()?.iter().any(|event| event["type"] == "message_received").then_some(())
        });
    }

    /// The room as it is.
    pub fn now(&self) -> Value {
        let answer = self.door.get(&self.path(""));
        assert_eq!(answer.http, 200, "{answer:?}");
        answer.body
    }

    pub fn version(&self) -> i64 {
        self.now()["version"].as_i64().unwrap()
    }

    pub fn tags(&self) -> Vec<String> {
        self.now()["tags"].as_array().unwrap().iter().map(|tag| tag.as_str().unwrap_or_default().to_owned()).collect()
    }

    /// The whole journal of the room, checked: `seq` runs from 1 without a gap and no time goes back.
    pub fn timeline(&self) -> Vec<Value> {
        let events = self.door.all(&self.path("/timeline"));
        for (index, event) in events.iter().enumerate() {
            assert_eq!(event["seq"], json!(index + 1), "a gap in the journal of {}: {event}", self.id);
        }
        assert!(events.is_sorted_by_key(|event| event["at"].as_str().map(str::to_owned)), "time went back in {}", self.id);
        events
    }

    /// The ids of the calls that left something in the journal, once for each event, in order.
    pub fn calls_in_journal(&self) -> Vec<String> {
        let timeline = self.timeline();
        let of_calls = timeline.iter().filter(|event| event["cause_kind"] == "call");
        of_calls.map(|event| event["cause"].as_str().unwrap().to_owned()).collect()
    }

    /// The facts of one type, in order.
    pub fn facts(&self, kind: &str) -> Vec<Value> {
        self.timeline().into_iter().filter(|event| event["type"] == kind).collect()
    }

    /// What the inspection shows.
    pub fn actor(&self) -> Value {
        let answer = self.door.get(&self.path("/actor"));
        assert_eq!(answer.http, 200, "{answer:?}");
        answer.body
    }

    pub fn is_asleep(&self) -> bool {
        self.actor()["state"] == "asleep"
    }

    /// `pause`, `resume` or `drain`.
    pub fn actor_is_told(&self, command: &str) {
        let answer = self.door.send("POST", &self.path(&format!("/actor/{command}")), None);
        assert_eq!(answer.http, 200, "{command}: {answer:?}");
    }

    /// Put to sleep as soon as its last call has left.
    pub fn falls_asleep(&self) {
        eventually("the room sleeps", || {
            let answer = self.door.send("POST", &self.path("/actor/passivate"), None);
            assert!(matches!(answer.http, 200 | 409), "{answer:?}");
            (answer.http == 200).then_some(())
        });
    }
}
