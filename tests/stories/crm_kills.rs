//! The process is killed again and again while the CRM has every fault at once and clients post under the same id until they
//! are answered. In the end the CRM's own book is read: as many deals and tickets as calls that succeeded, each once, and every
//! record as its last change left it.
//!
//! `BELLHOP_CRM_KILLS` and `BELLHOP_CRM_CALLS` say how much. The ordinary run kills 30 times in 2,000 calls, about two minutes
//! beside other stories in a debug build; the full one is the command in `main.rs`.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::kills::asked;
use crate::world::crm::TOKEN;
use crate::world::{Call, Door, Room, World, calls, eventually, within};

on_both_databases!(every_intent_is_one_record);

/// More than is killed in mid-write at once: what a kill left in doubt holds its room, and whoever waits for it, until the grace
/// time is over; the others go on.
const CLIENTS: usize = 24;
const ROOMS: usize = 72;

/// Budgets no one waits for. A request is given up before the slowest answers come, and these come within the grace time: by 2.9 s,
/// which a busy machine may hold the CRM up. What it does later than its grace time cannot be told from what it never did.
const HASTY: &[&str] = &[
    "--per-second",
    "2000",
    "--per-minute",
    "120000",
    "--burst",
    "500",
    "--attempt-timeout-ms",
    "2500",
    "--grace-ms",
    "3000",
    "--create-contacts",
];

/// Everything but a definite "no" (`meta_422_in_200`), which would be one, and darkness, which only takes time.
fn has_every_fault(world: &World, kills: usize) -> usize {
    let faults = [
        json!({"fault": "lose_answer", "rate": 0.03}),
        json!({"fault": "lose_request", "rate": 0.02}),
        json!({"fault": "slow", "ms": 150, "rate": 0.04}),
        json!({"fault": "slow", "ms": 2_600, "rate": 0.005}),
        json!({"fault": "status_429", "rate": 0.02, "retry_after_s": 0}),
        json!({"fault": "status_500_html", "rate": 0.01}),
        json!({"fault": "status_502_html", "rate": 0.01, "after": true}),
        // Each shuts the credentials' gate for five seconds.
        json!({"fault": "unauthorized_once", "rate": 0.02, "times": 1 + kills / 20}),
        json!({"fault": "huge", "rate": 0.01}),
        json!({"fault": "empty", "rate": 0.01}),
        json!({"fault": "wrong_json", "rate": 0.02}),
        json!({"fault": "redirect", "rate": 0.01}),
        json!({"fault": "redirect", "rate": 0.01, "after": true}),
    ];
    faults.iter().for_each(|fault| world.crm().has_exactly(fault));
    faults.len()
}

/// So long a client waits for a call's end, or goes on with another room.
const PATIENCE_S: u32 = 1;
/// Of one client's calls so many may be open at once. Clients do not run ahead of the CRM: what waits there for 15 minutes is
/// promised to expire, and what is still to be done when the faults and kills are over has met none of them.
const OPEN_AT_ONCE: usize = 4;
/// No call takes longer here, through faults, kills, grace times and a gate that was shut.
const LONGEST: Duration = Duration::from_secs(600);
const OPEN: [&str; 5] = ["accepted", "running", "scheduled", "parked", "unknown"];

/// A customer's whom the CRM comes to know, so that a deal is looked for among theirs and not among everybody's.
fn a_room(world: &World, n: usize) -> Room {
    let room = world.admin().room(&format!("web-{n}"));
    assert_eq!(room.is_with(&format!("+62899{n:07}")).http, 201);
    room
}

/// One call of a client.
struct Wish {
    call_id: String,
    action: &'static str,
    /// Of what it makes; empty for a change.
    name: String,
    /// What a change leaves behind.
    mark: u64,
    room: usize,
}

impl Wish {
    fn of(client: usize, n: usize) -> Self {
        let action = ["create_deal", "create_ticket", "update_deal", "create_ticket", "create_deal", "update_ticket"][n % 6];
        let name = if action.starts_with("create") { format!("Wish {client}-{n}") } else { String::new() };
        let mark = (client * 1_000_000 + n + 1) as u64;
        Self { call_id: format!("k{client}-{n}"), action, name, mark, room: (n * 7 + client * 3) % ROOMS }
    }

    fn call(&self) -> Call {
        let arguments = match self.action {
            "create_deal" => json!({"name": self.name, "amount": self.mark}),
            "create_ticket" => json!({"name": self.name, "description": self.mark.to_string()}),
            "update_deal" => json!({"amount": self.mark}),
            _ => json!({"description": self.mark.to_string()}),
        };
        calls(self.action, arguments).id(&self.call_id)
    }

    fn kind(&self) -> &'static str {
        if self.action.ends_with("deal") { "deal" } else { "ticket" }
    }
}

pub fn every_intent_is_one_record(world: &mut World) {
    let (kills, wanted) = (asked("BELLHOP_CRM_KILLS", 30), asked("BELLHOP_CRM_CALLS", 2_000));
    let begun = Instant::now();
    // Every request is looked at in the end.
    let entries = (100_000 + 20 * wanted).to_string();
    world.has_a_crm_with(&["--journal-entries", &entries], TOKEN, &[]);
    world.is_told_the_token(TOKEN, HASTY);
    let rooms: Arc<Vec<Room>> = Arc::new((0..ROOMS).map(|n| a_room(world, n)).collect());
    let prepared = |room: &Room| {
        let first = [
            calls("create_deal", json!({"name": format!("First of {}", room.id), "amount": 1})),
            calls("create_ticket", json!({"name": format!("First of {}", room.id), "description": "1"})),
        ];
        assert_eq!(room.gets_all(&first).statuses(), ["succeeded", "succeeded"]);
    };
    thread::scope(|scope| {
        for some in rooms.chunks(ROOMS / 8) {
            scope.spawn(move || some.iter().for_each(prepared));
        }
    });
    let before = [world.crm().deals().len(), world.crm().tickets().len()];
    let kinds = has_every_fault(world, kills);

    let acknowledged = Arc::new(AtomicUsize::new(0));
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let (rooms, acknowledged, stop) = (rooms.clone(), acknowledged.clone(), stop.clone());
            thread::spawn(move || posts(client, &rooms, &acknowledged, &stop))
        })
        .collect();
    for kill in 1..=kills {
        until(&acknowledged, wanted * kill / (kills + 1), &clients);
        world.dies_and_comes_back();
    }
    until(&acknowledged, wanted, &clients);
    stop.store(true, Ordering::SeqCst);
    let wishes: Vec<Wish> = clients.into_iter().flat_map(|client| client.join().unwrap()).collect();
    let faults = world.crm().faults();
    world.crm().is_well_again();

    let ends = all_end(world, &wishes);
    let unknown = world.crm().journal_of("unknown=true");
    assert!(unknown.is_empty(), "keys the vendor does not know: {}", unknown[0]);
    assert!(world.crm().journal_of("path=_standin/trap").is_empty(), "a redirect was followed");
    let book = Book::of(world);
    let made = book.checks_creates(world, &wishes, &ends);
    let changed = book.checks_changes(&rooms, &wishes, &ends);
    assert_eq!([world.crm().deals().len() - before[0], world.crm().tickets().len() - before[1]], made, "more than was wished");

    // Who asks once more is told the same, and nothing is made.
    for wish in wishes.iter().step_by(11) {
        let again = rooms[wish.room].gets(wish.call());
        assert!(again.replayed(), "{again:?}");
        assert_eq!(again.only()["status"], ends[&wish.call_id]["status"]);
    }
    assert_eq!([world.crm().deals().len() - before[0], world.crm().tickets().len() - before[1]], made, "a replay made more");
    let mut statuses: HashMap<&str, usize> = HashMap::new();
    ends.values().for_each(|end| *statuses.entry(end["status"].as_str().unwrap()).or_default() += 1);
    let hits: Vec<String> =
        faults.iter().map(|fault| format!("{} {}", fault["fault"].as_str().unwrap(), fault["hits"])).collect();
    eprintln!(
        "{} calls, {kills} kills, {:.0} s: {statuses:?}; deals {} and tickets {} in the CRM, each once; {changed} records \
         as last changed; doubled 0, lost 0\nfaults played: {}",
        wishes.len(),
        begun.elapsed().as_secs_f64(),
        made[0],
        made[1],
        hits.join(", ")
    );
    assert_eq!(statuses.keys().copied().collect::<Vec<_>>(), ["succeeded"], "nothing here is a reason for another end");
    let played = faults.iter().filter(|fault| fault["hits"].as_u64() > Some(0)).count();
    assert!(played == kinds || wanted < 400, "a fault was never played: {}", hits.join(", "));
    assert!(wishes.len() >= wanted);
}

/// Posts until told to stop, each call until it is written down.
fn posts(client: usize, rooms: &[Room], acknowledged: &AtomicUsize, stop: &AtomicBool) -> Vec<Wish> {
    let (mut done, mut open) = (vec![], VecDeque::new());
    for n in 0.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let wish = Wish::of(client, n);
        let room = &rooms[wish.room];
        let status = eventually(&format!("an answer to {}", wish.call_id), || {
            let answer = room.door.begins(room.getting_within(PATIENCE_S, &[wish.call()])).answer()?;
            match answer.http {
                200 | 202 => Some(answer.only()["status"].as_str().unwrap().to_owned()),
                // The server says by itself that we should ask again.
                429 | 503 => None,
                _ => panic!("{}: {answer:?}", wish.call_id),
            }
        });
        if OPEN.contains(&&*status) {
            open.push_back(wish.call_id.clone());
        }
        done.push(wish);
        acknowledged.fetch_add(1, Ordering::SeqCst);
        if open.len() == OPEN_AT_ONCE {
            open.pop_front().iter().for_each(|oldest| ends(&room.door, oldest));
        }
    }
    done
}

/// Waits for the end of a call, over kills.
fn ends(door: &Door, call_id: &str) {
    let path = format!("/v1/function-calls/{call_id}");
    let end = within(LONGEST, || {
        let answer = door.try_send("GET", &path, None, &[]).filter(|answer| answer.http == 200)?;
        (!OPEN.contains(&answer.body["status"].as_str().unwrap())).then_some(())
    });
    assert!(end.is_some(), "{call_id} does not end");
}

/// Waits until so many are acknowledged.
fn until<T>(acknowledged: &AtomicUsize, wanted: usize, clients: &[thread::JoinHandle<T>]) {
    while acknowledged.load(Ordering::SeqCst) < wanted {
        let before = acknowledged.load(Ordering::SeqCst);
        let more = within(LONGEST, || {
            assert!(!clients.iter().any(thread::JoinHandle::is_finished), "a client gave up");
            (acknowledged.load(Ordering::SeqCst) > before).then_some(())
        });
        assert!(more.is_some(), "no call is acknowledged any more");
    }
}

/// How each call ended, by its id. Waits as long as some call still ends.
fn all_end(world: &World, wishes: &[Wish]) -> HashMap<String, Value> {
    let door = world.admin();
    let still = || OPEN.iter().flat_map(|status| door.all(&format!("/v1/function-calls?status={status}"))).collect::<Vec<_>>();
    let mut left = still();
    while !left.is_empty() {
        let fewer = within(Duration::from_secs(180), || Some(still()).filter(|now| now.len() < left.len()));
        left = fewer.unwrap_or_else(|| panic!("{} calls do not end: {}", left.len(), json!(left)));
    }
    let wished: HashSet<&str> = wishes.iter().map(|wish| wish.call_id.as_str()).collect();
    let all = door.all("/v1/function-calls");
    let all = all.into_iter().map(|call| (call["call_id"].as_str().unwrap().to_owned(), call));
    let ends: HashMap<String, Value> = all.filter(|(id, _)| wished.contains(id.as_str())).collect();
    assert_eq!(ends.len(), wishes.len(), "a call that was acknowledged is not there");
    ends
}

/// When the CRM came to each request that names the wish, and what it did with it.
fn told_of(world: &World, wish: &Wish) -> Vec<String> {
    let all = world.crm().journal_of("method=POST");
    let named = all.into_iter().filter(|entry| entry["body"].to_string().contains(&format!("\"{}\"", wish.name)));
    named.map(|entry| format!("{} {} {} fault {}", entry["at"], entry["path"], entry["status"], entry["fault"])).collect()
}

/// What the CRM holds, by kind and id.
struct Book(HashMap<(&'static str, String), Value>);

impl Book {
    fn of(world: &World) -> Self {
        let both = [("deal", world.crm().deals()), ("ticket", world.crm().tickets())];
        let rows =
            both.into_iter().flat_map(|(kind, rows)| rows.into_iter().map(move |row| ((kind, row["id"].to_string()), row)));
        Self(rows.collect())
    }

    /// Of each wish for a record there is one if it succeeded and none otherwise. How many deals and tickets.
    fn checks_creates(&self, world: &World, wishes: &[Wish], ends: &HashMap<String, Value>) -> [usize; 2] {
        let mut named: HashMap<(&str, &str), Vec<&str>> = HashMap::new();
        for ((kind, id), row) in &self.0 {
            named.entry((*kind, row["name"].as_str().unwrap())).or_default().push(id);
        }
        let mut made = [0, 0];
        for wish in wishes.iter().filter(|wish| !wish.name.is_empty()) {
            let (there, end) = (named.get(&(wish.kind(), &wish.name)).cloned().unwrap_or_default(), &ends[&wish.call_id]);
            if end["status"] == "succeeded" {
                let told = end["result"][wish.kind()]["id"].as_str().unwrap();
                assert_eq!(there, [told], "not one {} for {end}: {:#?}", wish.kind(), told_of(world, wish));
                made[usize::from(wish.kind() == "ticket")] += 1;
            } else {
                assert_eq!(there, [""; 0], "a record of a call that did not succeed: {end}: {:#?}", told_of(world, wish));
            }
        }
        made
    }

    /// Each record shows the last change that was decided for it: no late repeat overtook a newer one. How many records.
    fn checks_changes(&self, rooms: &[Room], wishes: &[Wish], ends: &HashMap<String, Value>) -> usize {
        let by_id: HashMap<&str, &Wish> = wishes.iter().map(|wish| (wish.call_id.as_str(), wish)).collect();
        let mut last: HashMap<(&'static str, String), &Wish> = HashMap::new();
        for room in rooms {
            let mut decided = HashSet::new();
            for fact in room.facts("effect_requested") {
                let call_id = fact["call_id"].as_str().unwrap();
                assert!(decided.insert(call_id.to_owned()), "{call_id} was asked of the CRM twice");
                let Some(wish) = by_id.get(call_id).filter(|_| ends[call_id]["status"] == "succeeded") else { continue };
                let id = ends[call_id]["result"][wish.kind()]["id"].as_str().unwrap().to_owned();
                last.insert((wish.kind(), id), wish);
            }
        }
        for ((kind, id), wish) in &last {
            let record = &self.0[&(*kind, id.clone())];
            let shows = match *kind {
                "deal" => record["size"].to_string().trim_matches('"').parse::<f64>().ok() == Some(wish.mark as f64),
                _ => record["description"].as_str().is_some_and(|text| text.parse() == Ok(wish.mark)),
            };
            assert!(shows, "not as {} left it: {record}", wish.call_id);
        }
        last.len()
    }
}
