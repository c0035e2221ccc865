//! The process is killed again and again while eight clients post and, whenever an answer does not come, post again under
//! the same id. Whatever was acknowledged is in its room's journal exactly once.
//!
//! `BELLHOP_KILLS` and `BELLHOP_CALLS` say how much; the ordinary run is short.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use crate::world::{Room, World, eventually};

const CLIENTS: usize = 8;
const ROOMS: usize = 24;
const TAGS: [&str; 8] = ["vip", "urgent", "refund", "billing", "delay", "loyal", "complaint", "follow-up"];

on_both_databases!(nothing_is_lost_or_doubled_by_kills);

pub fn nothing_is_lost_or_doubled_by_kills(world: &mut World) {
    let (kills, wanted) = (asked("BELLHOP_KILLS", 6), asked("BELLHOP_CALLS", 2_000));
    let rooms: Arc<Vec<Room>> = Arc::new((0..ROOMS).map(|n| world.a_room(&format!("web-{n}"))).collect());
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let stop = Arc::new(AtomicBool::new(false));

    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let (rooms, acknowledged, stop) = (rooms.clone(), acknowledged.clone(), stop.clone());
            thread::spawn(move || posts(client, &rooms, &acknowledged, &stop))
        })
        .collect();
    for kill in 1..=kills {
        let enough = wanted * kill / (kills + 1);
        eventually_more(&acknowledged, enough, &clients);
        world.dies_and_comes_back();
    }
    eventually_more(&acknowledged, wanted, &clients);
    stop.store(true, Ordering::SeqCst);
    let posted: Vec<(String, usize)> = clients.into_iter().flat_map(|client| client.join().unwrap()).collect();
    eprintln!("{} calls acknowledged, {kills} kills", posted.len());
    assert!(posted.len() >= wanted);

    let mut in_room: HashMap<usize, HashSet<String>> = HashMap::new();
    for (call_id, room) in posted {
        assert!(in_room.entry(room).or_default().insert(call_id), "a client used an id twice");
    }
    for (n, room) in rooms.iter().enumerate() {
        let journal = room.calls_in_journal();
        let distinct: HashSet<String> = journal.iter().cloned().collect();
        assert_eq!(journal.len(), distinct.len(), "a call is twice in the journal of {}", room.id);
        assert_eq!(distinct, in_room.remove(&n).unwrap_or_default(), "lost, or never posted: {}", room.id);
    }
    world.dies();
    assert!(world.database().is_intact());
}

/// Posts until told to stop, each call until it is answered; the acknowledged ids with their rooms.
fn posts(client: usize, rooms: &[Room], acknowledged: &AtomicUsize, stop: &AtomicBool) -> Vec<(String, usize)> {
    let mut done = vec![];
    for n in 0.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let (call_id, room) = (format!("k{client}-{n}"), (n * 7 + client * 3) % rooms.len());
        let envelope = serde_json::json!({"calls": [
            {"call_id": call_id, "name": "create_tag", "arguments": {"tags": [TAGS[n % TAGS.len()]]}}
        ]});
        eventually(&format!("an answer to {call_id}"), || {
            let answer = rooms[room].gets_envelope(&envelope, &[("prefer", "wait=10")])?;
            match answer.http {
                200 => {
                    assert_eq!(answer.statuses(), ["succeeded"], "{answer:?}");
                    Some(())
                }
                // Still under way, or the server says by itself that we should ask again.
                202 | 429 | 503 => None,
                _ => panic!("{call_id}: {answer:?}"),
            }
        });
        done.push((call_id, room));
        acknowledged.fetch_add(1, Ordering::SeqCst);
    }
    done
}

/// Waits as long as there is progress. A client may have done all that was its before the others.
pub fn eventually_more<T>(count: &AtomicUsize, wanted: usize, clients: &[thread::JoinHandle<T>]) {
    while count.load(Ordering::SeqCst) < wanted {
        let before = count.load(Ordering::SeqCst);
        eventually("another acknowledged call", || {
            assert!(!clients.iter().all(thread::JoinHandle::is_finished), "every client has ended");
            (count.load(Ordering::SeqCst) > before).then_some(())
        });
    }
}

pub fn asked(name: &str, otherwise: usize) -> usize {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name} is not a number")))
}
