//! What a channel tells twice and in any order leaves our rooms as if it had told each thing once and in order.
//!
//! `BELLHOP_WEBHOOKS` says how many (the ordinary run is short), e.g.
//! `BELLHOP_WEBHOOKS=100000 cargo test --test stories twice_and_shuffled`.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::world::told::{Dice, Telling, conversation};
use crate::world::{Door, Room, World, within};

on_both_databases!(twice_and_shuffled_ends_as_once_and_in_order);

/// Things told of one conversation, at most.
const OF_ONE: usize = 80;
/// A webhook is late by less than this.
const LATEST_MS: u64 = 5_000;
/// Senders at once; each keeps the order of its own conversations.
const SENDERS: usize = 32;
/// Of five webhooks one is a repetition.
const REPEATED: usize = 5;

/// One conversation: its room, what is told of it, and whether it went on after it was resolved.
struct Tale {
    room: String,
    told: Vec<Telling>,
    reopens: bool,
}

fn tales(webhooks: usize) -> Vec<Tale> {
    let distinct = webhooks - webhooks / REPEATED;
    let began = jiff::Timestamp::now() - Duration::from_secs(3_600);
    let (mut tales, mut left, mut dice) = (vec![], distinct, Dice::new(7));
    while left > 0 {
        let n = tales.len();
        let (room, reopens) = (format!("7c000000-0000-4000-8000-{n:012}"), n % 4 == 0);
        let told = conversation(&mut dice, &room, began, left.min(OF_ONE), reopens);
        left -= told.len();
        tales.push(Tale { room, told, reopens });
    }
    tales
}

/// As each sender sends it: everything once and in order.
fn in_order(tales: &[Tale]) -> Vec<Vec<Value>> {
    by_sender(tales, |tale| tale.told.iter().map(|telling| (telling.ms, telling.body.clone())).collect())
}

/// Everything late by chance, and some of it twice: `repeated` in all.
fn shuffled(tales: &[Tale], repeated: usize) -> Vec<Vec<Value>> {
    let mut dice = Dice::new(11);
    let all: usize = tales.iter().map(|tale| tale.told.len()).sum();
    let (mut seen, mut again) = (0, 0);
    by_sender(tales, |tale| {
        let mut sent = vec![];
        for telling in &tale.told {
            seen += 1;
            // As many as there must be by now.
            let twice = seen * repeated / all > again;
            again += usize::from(twice);
            for _ in 0..1 + usize::from(twice) {
                sent.push((telling.ms + dice.roll(LATEST_MS), telling.body.clone()));
            }
        }
        sent
    })
}

fn by_sender(tales: &[Tale], mut sent: impl FnMut(&Tale) -> Vec<(u64, Value)>) -> Vec<Vec<Value>> {
    let mut senders: Vec<Vec<(u64, Value)>> = vec![vec![]; SENDERS];
    for (n, tale) in tales.iter().enumerate() {
        senders[n % SENDERS].extend(sent(tale));
    }
    let ordered = |mut sent: Vec<(u64, Value)>| {
        sent.sort_by_key(|(ms, _)| *ms);
        sent.into_iter().map(|(_, body)| body).collect()
    };
    senders.into_iter().map(ordered).collect()
}

/// All of it is told, and has come to its rooms; answers how many of it were known already.
fn is_told(world: &World, path: &str, company: &Door, senders: Vec<Vec<Value>>) -> usize {
    let outside = world.outside();
    let send = |bodies: Vec<Value>| {
        let (outside, path) = (outside.clone(), path.to_owned());
        async move {
            let mut known = 0;
            for body in bodies {
                let answer = outside.ask(Method::POST, &path, Some(&body), &[]).await.expect("an answer");
                assert_eq!(answer.http, 200, "{answer:?}");
                known += usize::from(answer.body["new"] == false);
            }
            known
        }
    };
    let known = outside.at_once(senders.into_iter().map(send).collect()).into_iter().sum();
    let waiting = || (company.get("/v1/channel").body["webhooks_waiting"] == 0).then_some(());
    within(Duration::from_secs(600), waiting).expect("everything that was told comes to its room");
    known
}

/// What must be the same, however it was told; and how many messages came late.
fn end(room: &Room, reopens: bool) -> (Value, BTreeSet<String>, usize) {
    let now = room.now();
    // Whose turn it is after a conversation went on depends on what the room heard in which order; that it goes on does not.
    let status = match now["status"].as_str().unwrap() {
        "open" | "waiting" if reopens => "going on",
        other => other,
    };
    let mut tags = room.tags();
    tags.sort();
    let mut messages = BTreeSet::new();
    let heard = room.facts("message_received");
    for message in &heard {
        let line = format!("{} {}: {}", message["message_id"], message["from"], message["text"]);
        assert!(messages.insert(line), "twice in {}: {message}", room.id);
    }
    let late = heard.iter().filter(|message| message["late"] == true).count();
    let state = json!({
        "status": status, "control": now["control"], "assignee": now["assignee"], "tags": tags, "channel": now["channel"],
        "customer": now["customer"],
    });
    (state, messages, late)
}

pub fn twice_and_shuffled_ends_as_once_and_in_order(world: &mut World) {
    let webhooks = std::env::var("BELLHOP_WEBHOOKS").ok().and_then(|text| text.parse().ok()).unwrap_or(2_000);
    let path = world.has_a_channel();
    world.a_company("globex");
    let theirs = world.is_told_the_channel("globex", &[]);
    let (acme, globex) = (world.admin(), world.caller(&world.a_key("globex", "admin").0));
    let tales = tales(webhooks);
    let repeated = webhooks / REPEATED;

    let begun = Instant::now();
    let sent = shuffled(&tales, repeated);
    assert_eq!(sent.iter().map(Vec::len).sum::<usize>(), webhooks);
    assert_eq!(is_told(world, &path, &acme, sent), repeated, "what was told twice is known, and nothing else");
    let took = begun.elapsed();
    assert_eq!(is_told(world, &theirs, &globex, in_order(&tales)), 0);

    let (mut late, mut ends) = (0, BTreeSet::new());
    for tale in &tales {
        let shuffled = end(&acme.room(&tale.room), tale.reopens);
        let ordered = end(&globex.room(&tale.room), tale.reopens);
        assert_eq!(shuffled.0, ordered.0, "{}", tale.room);
        let missing: Vec<&String> = ordered.1.symmetric_difference(&shuffled.1).collect();
        assert!(missing.is_empty(), "{}: heard by one alone: {missing:?}", tale.room);
        assert_eq!(ordered.2, 0, "in order nothing is late");
        late += shuffled.2;
        ends.insert(format!("{} {}", ordered.0["status"], ordered.0["control"]));
    }
    assert!(late * 20 > webhooks, "the shuffle shuffles: {late}");
    assert!(ends.len() >= 3, "conversations end in many ways: {ends:?}");
    let rate = webhooks as f64 / took.as_secs_f64();
    eprintln!("{webhooks} webhooks, {repeated} of them again, {late} messages late: {rate:.0} a second to their rooms");
}
