//! The other side of a replay, where it is a `bellhop standin`: the conversations are made in its chat under ids it takes, and
//! afterwards what came there is held against what the calls were told. It sends nothing for a call.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use super::conversation::Conversation;
use crate::cli::Failure;
use crate::cli::company::reach::is_here;
use crate::cli::http::{Client, Request};

const PATIENCE: Duration = Duration::from_secs(20);
/// Conversations each person there may have: no recording is refused because people are busy.
const MOST_CHATS: usize = 1_000;

/// What came to the stand-in, over all replays.
#[derive(Debug, Default, Serialize)]
pub struct Arrived {
    pub rooms: u64,
    pub tags: u64,
    pub assignments: u64,
    pub resolutions: u64,
    /// Rooms in which something else came, or in another order, than their calls were told; must be 0.
    pub out_of_order: Vec<String>,
    /// Requests that the stand-in's journal does not hold any more: what came first may be among them.
    pub journal_dropped: u64,
    /// Rooms of which it cannot be told for that reason; must be 0.
    pub not_compared: u64,
    pub deals: u64,
    pub tickets: u64,
    /// Deals and tickets without the customer's contact.
    pub unlinked: u64,
}

pub struct Beside {
    client: Client,
    /// What each room's calls were told came about there, in the order of the calls.
    told: RefCell<BTreeMap<String, Vec<String>>>,
}

impl Beside {
    pub fn at(url: &str) -> Result<Self, Failure> {
        Ok(Self { client: Client::new(url, None)?, told: RefCell::default() })
    }

    /// The company's own channel, where that is a stand-in on this machine; no other machine is asked whether it is one.
    pub async fn of(server: &Client) -> Option<Self> {
        let channel = server.ask(&Request::get(&["v1", "channel"])).await.ok()?.body;
        let url = channel["base_url"].as_str().filter(|url| channel["kind"] == "qontak" && is_here(url))?;
        let beside = Self::at(url).ok()?;
        beside.client.ask(&Request::get(&["_standin", "knobs"])).await.ok()?;
        Some(beside)
    }

    /// Divisions that conversations assign to.
    pub async fn founds(&self, divisions: &BTreeSet<String>) -> Result<(), Failure> {
        for name in divisions {
            let body = json!({ "name": name, "most_chats": MOST_CHATS });
            self.ask(&Request::post(&["_standin", "divisions"], body)).await?;
        }
        Ok(())
    }

    /// The conversation is there, and is called as it is called there.
    pub async fn opens(&self, conversation: &mut Conversation) -> Result<(), Failure> {
        conversation.room_id = id_there(&conversation.room_id);
        let handle = conversation.customer["handle"].as_str().unwrap_or_default().to_owned();
        let name = conversation.customer["name"].as_str().map_or_else(|| format!("Customer {handle}"), str::to_owned);
        let room = json!({
            "id": conversation.room_id, "channel": conversation.channel, "customer": handle, "name": name,
        });
        // Both sides say it alike, or each would correct the other for ever.
        conversation.customer = json!({ "handle": handle, "name": name });
        self.ask(&Request::post(&["_standin", "rooms"], room)).await?;
        self.told.borrow_mut().entry(conversation.room_id.clone()).or_default();
        Ok(())
    }

    /// What the calls of one answer say came about there.
    pub fn hears(&self, room: &str, answer: &Value) {
        let mut told = self.told.borrow_mut();
        let deeds = told.entry(room.to_owned()).or_default();
        answer["calls"].as_array().into_iter().flatten().for_each(|call| deeds.extend(told_of(call)));
    }

    pub async fn arrived(&self) -> Result<Arrived, Failure> {
        let mut arrived = Arrived::default();
        let told = self.told.take();
        for (room, told) in told {
            let query = [("path", format!("rooms/{room}"))];
            let request = Request { query: &query, ..Request::get(&["_standin", "journal"]) };
            let journal = self.answer(&request).await?;
            let lines = journal["data"].as_array().map(Vec::as_slice).unwrap_or_default();
            let came: Vec<String> = lines.iter().filter_map(deed).collect();
            // It only rises: what was held when the first room was read may be gone at the last.
            arrived.journal_dropped = journal["dropped"].as_u64().unwrap_or_default();
            arrived.rooms += 1;
            for deed in &came {
                match deed.as_str() {
                    ASSIGN => arrived.assignments += 1,
                    RESOLVE => arrived.resolutions += 1,
                    _ => arrived.tags += 1,
                }
            }
            match compared(&told, &came, arrived.journal_dropped > 0) {
                Compared::Same => {}
                Compared::Unknown => arrived.not_compared += 1,
                Compared::Different => arrived.out_of_order.push(format!("{room}: told {told:?}, came {came:?}")),
            }
        }
        for (kind, count) in [("deals", &mut arrived.deals), ("tickets", &mut arrived.tickets)] {
            let query = [("kind", kind.to_owned())];
            let records = self.ask(&Request { query: &query, ..Request::get(&["_standin", "records"]) }).await?;
            *count = records.len() as u64;
            arrived.unlinked += records.iter().filter(|record| !is_linked(record)).count() as u64;
        }
        Ok(arrived)
    }

    async fn ask(&self, request: &Request<'_>) -> Result<Vec<Value>, Failure> {
        Ok(match self.answer(request).await?["data"].take() {
            Value::Array(rows) => rows,
            other => vec![other],
        })
    }

    async fn answer(&self, request: &Request<'_>) -> Result<Value, Failure> {
        let answer = self.client.persist(request, PATIENCE, &mut 0).await?;
        if answer.is_success() { Ok(answer.body) } else { Err(answer.failure()) }
    }
}

/// What a room's calls were told, held against what came.
#[derive(Debug, PartialEq, Eq)]
enum Compared {
    Same,
    Different,
    /// What came first may be forgotten.
    Unknown,
}

/// `forgetful`: requests are missing at the beginning, nobody knows of which rooms. What is left may then be the end of what was
/// told; that it is all of it proves nothing, because something more may have come before.
fn compared(told: &[String], came: &[String], forgetful: bool) -> Compared {
    match (forgetful, told.ends_with(came)) {
        (true, true) => Compared::Unknown,
        (false, true) if told.len() == came.len() => Compared::Same,
        _ => Compared::Different,
    }
}

const ASSIGN: &str = "assign";
const RESOLVE: &str = "resolve";

/// A room's id as a chat takes it: its own if it is a UUID, else always the same one.
fn id_there(room: &str) -> String {
    let made = || {
        let hash = blake3::hash(room.as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash.as_bytes()[..16]);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    };
    uuid::Uuid::parse_str(room).unwrap_or_else(|_| made()).to_string()
}

/// What a call was told it changed there.
fn told_of(call: &Value) -> Vec<String> {
    let result = &call["result"];
    let is_new = call["status"] == "succeeded" && result["changed"] == true;
    match call["name"].as_str() {
        Some("create_tag") if call["status"] == "succeeded" => {
            let added = result["added"].as_array().into_iter().flatten();
            added.filter_map(|tag| Some(format!("tag {}", tag.as_str()?))).collect()
        }
        Some("assign_agent") if is_new => vec![ASSIGN.to_owned()],
        Some("resolve_conversation") if is_new => vec![RESOLVE.to_owned()],
        _ => vec![],
    }
}

/// What a request that went well did there.
fn deed(line: &Value) -> Option<String> {
    let (path, status) = (line["path"].as_str()?, line["status"].as_u64()?);
    if !(200..300).contains(&status) {
        return None;
    }
    match line["method"].as_str()? {
        "POST" if path.ends_with("/tags") => Some(format!("tag {}", line["body"]["tag"].as_str()?)),
        "POST" if path.contains("/agents/") || path.ends_with("/assign_round_robin") => Some(ASSIGN.to_owned()),
        "PUT" if path.ends_with("/resolve") => Some(RESOLVE.to_owned()),
        _ => None,
    }
}

fn is_linked(record: &Value) -> bool {
    record["crm_lead_ids"].as_array().is_some_and(|ids| ids.iter().any(|id| *id != json!(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_there_is_a_uuid_and_always_the_same() {
        let made = id_there("web-0000");
        assert_eq!(made, id_there("web-0000"));
        assert!(uuid::Uuid::parse_str(&made).is_ok() && made != id_there("web-0001"));
        assert_eq!(id_there(&made), made);
    }

    #[test]
    fn what_may_be_forgotten_is_neither_the_same_nor_different() {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        for (told, came, whole, forgetful) in [
            ("a b", "a b", Compared::Same, Compared::Unknown),
            ("", "", Compared::Same, Compared::Unknown),
            ("a b", "b", Compared::Different, Compared::Unknown),
            ("a b", "", Compared::Different, Compared::Unknown),
            ("a b", "a", Compared::Different, Compared::Different),
            ("a b", "b a", Compared::Different, Compared::Different),
            ("b", "a b", Compared::Different, Compared::Different),
        ] {
            let (told, came) = (words(told), words(came));
            assert_eq!([compared(&told, &came, false), compared(&told, &came, true)], [whole, forgetful], "{told:?} {came:?}");
        }
    }

    #[test]
    fn what_was_told_and_what_came_are_said_alike() {
        let call = |name: &str, result: Value| json!({"name": name, "status": "succeeded", "result": result});
        assert_eq!(told_of(&call("create_tag", json!({"added": ["a", "b"]}))), ["tag a", "tag b"]);
        assert_eq!(told_of(&call("assign_agent", json!({"changed": true}))), [ASSIGN]);
        assert!(told_of(&call("resolve_conversation", json!({"changed": false}))).is_empty());
        let line = |method: &str, path: &str, status: u16| {
            deed(&json!({"method": method, "path": path, "status": status, "body": {"tag": "a"}}))
        };
        assert_eq!(line("POST", "/api/open/v1/rooms/r/tags", 201).as_deref(), Some("tag a"));
        assert_eq!(line("POST", "/qontak/chat/v1/rooms/r/assign_round_robin", 201).as_deref(), Some(ASSIGN));
        assert_eq!(line("POST", "/api/open/v1/rooms/r/assign_round_robin", 422), None);
        assert_eq!(line("DELETE", "/api/open/v1/rooms/r/agents/u", 200), None);
        assert_eq!(line("PUT", "/api/open/v1/rooms/r/resolve", 200).as_deref(), Some(RESOLVE));
    }
}
