//! The other side's own book: what really exists in the stand-in, read from it over HTTP and held against what was wished for.
//! It also is how the demo makes the stand-in fail. It must never ask Bellhop: what both believe wrongly would not show.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::cli::Failure;
use crate::cli::http::{Client, Request};
use crate::room::tag::fold;

const PATIENCE: Duration = Duration::from_secs(5);
/// Kinds of records that calls make, as the stand-in names them.
const KINDS: [&str; 2] = ["deals", "tickets"];

/// A record somebody asked for: once, however often it was said. Names are not used in two rooms.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wish {
    pub kind: &'static str,
    /// Folded.
    pub name: String,
}

impl Wish {
    /// What a call asks for, if it asks for something new.
    pub fn of(call: &Value) -> Option<Self> {
        let kind = match call["name"].as_str()? {
            "create_deal" => KINDS[0],
            "create_ticket" => KINDS[1],
            _ => return None,
        };
        Some(Self { kind, name: fold(call["arguments"]["name"].as_str()?) })
    }
}

/// What the book says of the wishes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    pub wished: u64,
    /// Wishes with exactly one record.
    pub once: u64,
    /// Records more than one of one wish.
    pub doubled: u64,
    pub missing: u64,
}

/// Pure. Records that nobody here wished for are somebody else's.
pub fn balance(wishes: &BTreeSet<Wish>, records: &BTreeMap<Wish, u64>) -> Balance {
    let mut balance = Balance { wished: wishes.len() as u64, ..Balance::default() };
    for wish in wishes {
        match records.get(wish).copied().unwrap_or_default() {
            0 => balance.missing += 1,
            1 => balance.once += 1,
            more => balance.doubled += more - 1,
        }
    }
    balance
}

/// How often each fault was played, from the stand-in's journal.
#[derive(Clone, Copy, Debug, Default)]
pub struct Played {
    pub lost_answers: usize,
    pub throttled: usize,
    pub in_the_dark: usize,
}

/// The stand-in, as somebody who looks at it from outside.
pub struct Book {
    client: Client,
    url: String,
}

impl Book {
    pub fn at(url: &str) -> Result<Self, Failure> {
        Ok(Self { client: Client::new(url, None)?, url: url.to_owned() })
    }

    pub async fn records(&self) -> Result<BTreeMap<Wish, u64>, Failure> {
        let mut found = BTreeMap::new();
        for kind in KINDS {
            let query = [("kind", kind.to_owned())];
            let rows = self.say(&Request { query: &query, ..Request::get(&["_standin", "records"]) }).await?;
            for name in rows["data"].as_array().into_iter().flatten().filter_map(|row| row["name"].as_str()) {
                *found.entry(Wish { kind, name: fold(name) }).or_default() += 1;
            }
        }
        Ok(found)
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// What stands under `path` of its controls.
    pub async fn looks(&self, path: &[&str], query: &[(&str, String)]) -> Result<Value, Failure> {
        let path = [&["_standin"], path].concat();
        Ok(self.say(&Request { query, ..Request::get(&path) }).await?["data"].take())
    }

    /// Moves something there.
    pub async fn moves(&self, path: &[&str], body: Value) -> Result<(), Failure> {
        let path = [&["_standin"], path].concat();
        self.say(&Request::post(&path, body)).await.map(|_| ())
    }

    /// Adds a fault to those there are.
    pub async fn spoils(&self, fault: Value) -> Result<(), Failure> {
        self.say(&Request::post(&["_standin", "faults"], fault)).await.map(|_| ())
    }

    /// From now on some deals are made and their answers get lost: the next one for certain.
    pub async fn loses_answers(&self) -> Result<(), Failure> {
        let route = "POST /api/v3.1/deals";
        self.spoils(json!({ "route": route, "fault": "lose_answer", "times": 1 })).await?;
        self.spoils(json!({ "route": route, "fault": "lose_answer", "rate": 0.1 })).await
    }

    pub async fn is_well_again(&self) -> Result<(), Failure> {
        self.say(&Request { method: Method::DELETE, ..Request::get(&["_standin", "faults"]) }).await.map(|_| ())
    }

    pub async fn played(&self) -> Result<Played, Failure> {
        let journal = self.say(&Request::get(&["_standin", "journal"])).await?;
        let mut played = Played::default();
        for fault in journal["data"].as_array().into_iter().flatten().filter_map(|line| line["fault"].as_str()) {
            match fault {
                "lose_answer" => played.lost_answers += 1,
                "status_429" => played.throttled += 1,
                "dark" => played.in_the_dark += 1,
                _ => {}
            }
        }
        Ok(played)
    }

    async fn say(&self, request: &Request<'_>) -> Result<Value, Failure> {
        let answer = self.client.persist(request, PATIENCE, &mut 0).await?;
        if answer.is_success() { Ok(answer.body) } else { Err(answer.failure()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(name: &str) -> Wish {
        Wish::of(&json!({"name": "create_deal", "arguments": {"name": name}})).unwrap()
    }

    #[test]
    fn what_is_there_twice_or_not_at_all_is_found() {
        let wishes: BTreeSet<Wish> = ["Tents", "  TENTS ", "Stoves", "Boats"].map(wish).into();
        assert_eq!(wishes.len(), 3, "the same wish in other letters");
        let book = |counts: [u64; 3]| [wish("tents"), wish("stoves"), wish("boats")].into_iter().zip(counts).collect();
        let all = Balance { wished: 3, once: 3, ..Balance::default() };
        assert_eq!(balance(&wishes, &book([1, 1, 1])), all);
        assert_eq!(balance(&wishes, &book([3, 1, 1])), Balance { once: 2, doubled: 2, ..all });
        assert_eq!(balance(&wishes, &book([1, 0, 1])), Balance { once: 2, missing: 1, ..all });
        let ticket = Wish { kind: "tickets", ..wish("tents") };
        let wrong: BTreeMap<Wish, u64> = [(ticket, 1), (wish("stoves"), 1), (wish("boats"), 1)].into();
        assert_eq!(balance(&wishes, &wrong).missing, 1, "a ticket is no deal");
        assert_eq!(Wish::of(&json!({"name": "update_deal", "arguments": {"name": "x"}})), None);
    }
}
