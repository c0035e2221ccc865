//! The live feed: every fact once and in order, from wherever the listener left off, over its own and the server's deaths.

use serde_json::{Value, json};

use crate::world::wire::Wire;
use crate::world::{Room, World, create_tag};

on_both_databases!(a_listener_resumes_without_a_loss);

pub fn a_listener_resumes_without_a_loss(world: &mut World) {
    let room = world.a_room("web-1");
    let mut listener = Listener::tunes_in(world, None);
    tags(&room, 0..10);
    let mut heard = listener.hears_until(11);
    let left_at = listener.last_id.clone().expect("every event has an id to resume from");
    drop(listener);

    tags(&room, 10..20);
    world.dies_and_comes_back();
    let mut listener = Listener::tunes_in(world, Some(&left_at));
    tags(&room, 20..30);
    heard.extend(listener.hears_until(31));

    let seqs: Vec<i64> = heard.iter().map(|event| event["seq"].as_i64().unwrap()).collect();
    let first = seqs[0];
    assert!(first <= 2, "heard from the beginning of the calls: {seqs:?}");
    assert!(seqs.iter().copied().eq(first..=31), "{seqs:?}");
}

fn tags(room: &Room, numbers: std::ops::Range<usize>) {
    for n in numbers {
        room.gets(create_tag(&["vip"]).id(&format!("c{n}"))).result();
    }
}

/// Somebody at the feed.
pub struct Listener {
    wire: Wire,
    last_id: Option<String>,
}

impl Listener {
    pub fn tunes_in(world: &World, after: Option<&str>) -> Self {
        let resume = after.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
        let mut wire = world.wire();
        let request = format!(
            "GET /v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nAccept: text/event-stream\r\n{resume}\r\n",
            world.admin_key
        );
        wire.send(request.as_bytes()).unwrap();
        // The head has come: from now on nothing may be missed.
        let status = wire.line().unwrap();
        assert!(status.contains(" 200 "), "{status}");
        while !wire.line().unwrap().is_empty() {}
        Self { wire, last_id: after.map(str::to_owned) }
    }

    /// Everything up to the event with this `seq`.
    pub fn hears_until(&mut self, seq: i64) -> Vec<Value> {
        self.hears(|event| event["seq"] == json!(seq))
    }

    /// The same, of one room among many.
    pub fn hears_until_in(&mut self, room: &str, seq: i64) -> Vec<Value> {
        self.hears(|event| event["seq"] == json!(seq) && event["room_id"] == room)
    }

    fn hears(&mut self, last: impl Fn(&Value) -> bool) -> Vec<Value> {
        let mut heard = vec![];
        loop {
            // Lines that are neither are comments, or the sizes of chunks.
            let line = self.wire.line().expect("the feed goes on");
            if let Some(id) = line.strip_prefix("id:") {
                self.last_id = Some(id.trim().to_owned());
            } else if let Some(data) = line.strip_prefix("data:") {
                heard.push(serde_json::from_str::<Value>(data.trim()).unwrap());
                if last(heard.last().unwrap()) {
                    return heard;
                }
            }
        }
    }
}
