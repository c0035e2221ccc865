//! The scripted AI agent of the demo, and its own log of what was acknowledged to it. The log is written from answers alone,
//! so that it can be held against the journal afterwards.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::book::Wish;
use crate::cli::Failure;
use crate::cli::http::{Client, Request};
use crate::room::CallStatus;

/// How long one call is said again while the server is busy or a room comes back.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often a call that goes on is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(25);

/// One call that the server answered for. Times are microseconds since the demo began.
#[derive(Clone, Debug)]
pub struct Ack {
    pub room: String,
    /// Which request, and which call in it.
    pub request: u64,
    pub index: usize,
    pub call_id: String,
    /// Before the request was first sent, and after its answer came.
    pub sent_us: u128,
    pub acked_us: u128,
    pub replayed: bool,
    /// Tags that this call is said to have added.
    pub added: Vec<String>,
}

pub struct Robot {
    /// With the AI agent's key, for its calls.
    calling: Client,
    /// With an admin's key: for what the channel and people do.
    beside: Client,
    begun: Instant,
    requests: Cell<u64>,
    log: RefCell<Vec<Ack>>,
    /// New records that acknowledged calls asked for.
    wishes: RefCell<BTreeSet<Wish>>,
    /// Ids of acknowledged calls that were not at their end yet.
    open: RefCell<Vec<String>>,
}

/// Whether nothing more will happen to this call by itself.
fn has_ended(call: &Value) -> bool {
    call["status"].as_str().and_then(CallStatus::parse).is_some_and(CallStatus::is_final)
}

impl Robot {
    pub fn new(calling: Client, beside: Client) -> Self {
        Self {
            calling,
            beside,
            begun: Instant::now(),
            requests: Cell::new(0),
            log: RefCell::default(),
            wishes: RefCell::default(),
            open: RefCell::default(),
        }
    }

    /// Everything new that was asked for, and promised.
    pub fn wishes(&self) -> BTreeSet<Wish> {
        self.wishes.borrow().clone()
    }

    /// Everything acknowledged so far.
    pub fn log(&self) -> Vec<Ack> {
        self.log.borrow().clone()
    }

    pub fn acknowledged_in(&self, room: &str) -> usize {
        self.log.borrow().iter().filter(|ack| ack.room == room).count()
    }

    /// Makes the room, with a customer in it.
    pub async fn open(&self, room: &str, name: &str) -> Result<(), Failure> {
        self.open_for(room, name, &format!("{room}@example.com")).await
    }

    /// The same, with a customer who may be known elsewhere.
    pub async fn open_for(&self, room: &str, name: &str, handle: &str) -> Result<(), Failure> {
        let body = json!({ "channel": "web_chat", "customer": { "handle": handle, "name": name } });
        self.say(&Request::put(&["v1", "rooms", room], body)).await.map(|_| ())
    }

    pub async fn customer_says(&self, room: &str, text: &str) -> Result<(), Failure> {
        let id = format!("{room}-{}", self.next());
        let body = json!({ "from": "customer", "text": text, "message_id": id });
        self.say(&Request::post(&["v1", "rooms", room, "messages"], body)).await.map(|_| ())
    }

    /// A colleague writes to the customer, by which they take the conversation.
    pub async fn person_says(&self, room: &str, text: &str) -> Result<(), Failure> {
        let id = format!("{room}-{}", self.next());
        let body = json!({ "from": "agent", "text": text, "message_id": id });
        self.say(&Request::post(&["v1", "rooms", room, "messages"], body)).await.map(|_| ())
    }

    /// Posts these calls in one request and notes what was acknowledged. `wait_s`: how long the answer may take.
    pub async fn calls(&self, room: &str, calls: &[Value], wait_s: u32) -> Result<Value, Failure> {
        self.post(room, json!({ "calls": calls }), wait_s).await
    }

    /// One call of a model that had seen the conversation up to here.
    pub async fn seeing(&self, room: &str, call: Value, seen: &Value) -> Result<Value, Failure> {
        Ok(self.post(room, json!({ "calls": [call], "seen": seen }), 10).await?["calls"][0].take())
    }

    async fn post(&self, room: &str, body: Value, wait_s: u32) -> Result<Value, Failure> {
        let request = self.next();
        let path = ["v1", "rooms", room, "function-calls"];
        let headers = [("prefer", format!("wait={wait_s}"))];
        let asked = body["calls"].clone();
        let sent_us = self.begun.elapsed().as_micros();
        let body = said(&self.calling, &Request { headers: &headers, ..Request::post(&path, body) }).await?;
        let acked_us = self.begun.elapsed().as_micros();
        for (index, call) in body["calls"].as_array().into_iter().flatten().enumerate() {
            let added = call["result"]["added"].as_array().into_iter().flatten();
            self.log.borrow_mut().push(Ack {
                room: room.to_owned(),
                request,
                index,
                call_id: call["call_id"].as_str().unwrap_or_default().to_owned(),
                sent_us,
                acked_us,
                replayed: call["replayed"] == Value::Bool(true),
                added: added.filter_map(|tag| tag.as_str().map(str::to_owned)).collect(),
            });
            if let Some(wish) = Wish::of(&asked[index]).filter(|_| call["status"] != "refused") {
                self.wishes.borrow_mut().insert(wish);
            }
            if let Some(id) = call["call_id"].as_str().filter(|_| !has_ended(call)) {
                self.open.borrow_mut().push(id.to_owned());
            }
        }
        Ok(body)
    }

    /// One call; answers its object in `calls`.
    pub async fn call(&self, room: &str, call: Value) -> Result<Value, Failure> {
        Ok(self.calls(room, &[call], 10).await?["calls"][0].take())
    }

    /// One call, waited for until it ends, even past the answer that says it still runs.
    pub async fn call_to_end(&self, room: &str, call: Value) -> Result<Value, Failure> {
        let answer = self.call(room, call).await?;
        match answer["call_id"].as_str().filter(|_| !has_ended(&answer)) {
            Some(id) => self.end_of(id).await,
            None => Ok(answer),
        }
    }

    /// A call as it stands at its end. Whoever asks sets the limit.
    pub async fn end_of(&self, call_id: &str) -> Result<Value, Failure> {
        loop {
            let call = self.read(&["v1", "function-calls", call_id]).await?;
            if has_ended(&call) {
                return Ok(call);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Waits until every acknowledged call has ended, at most so long. Answers those that have not, or not well.
    pub async fn ends(&self, at_most: Duration) -> Result<Vec<Value>, Failure> {
        let until = tokio::time::Instant::now() + at_most;
        let mut unwell = vec![];
        for id in self.open.take() {
            let call = match tokio::time::timeout_at(until, self.end_of(&id)).await {
                Ok(call) => call?,
                Err(_) => self.read(&["v1", "function-calls", &id]).await?,
            };
            if call["status"] != "succeeded" {
                unwell.push(call);
            }
        }
        Ok(unwell)
    }

    pub async fn actor(&self, room: &str, verb: &str) -> Result<Value, Failure> {
        self.say(&Request::post(&["v1", "rooms", room, "actor", verb], json!({}))).await
    }

    /// What a person does with a room: `return`.
    pub async fn room(&self, room: &str, verb: &str) -> Result<Value, Failure> {
        self.say(&Request::post(&["v1", "rooms", room, verb], json!({}))).await
    }

    pub async fn read(&self, path: &[&str]) -> Result<Value, Failure> {
        self.say(&Request::get(path)).await
    }

    async fn say(&self, request: &Request<'_>) -> Result<Value, Failure> {
        said(&self.beside, request).await
    }

    fn next(&self) -> u64 {
        self.requests.set(self.requests.get() + 1);
        self.requests.get()
    }
}

async fn said(client: &Client, request: &Request<'_>) -> Result<Value, Failure> {
    let answer = client.persist(request, PATIENCE, &mut 0).await?;
    if answer.is_success() { Ok(answer.body) } else { Err(answer.failure()) }
}

/// A `create_tag` as a model would post it.
pub fn create_tag(call_id: &str, tag: &str) -> Value {
    json!({ "call_id": call_id, "name": "create_tag", "arguments": { "tags": [tag] } })
}
