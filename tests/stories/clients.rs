//! Clients that are slow, that vanish, or that hang up: none of them holds up another, none loses what it sent whole.

use std::io::ErrorKind;
use std::thread;
use std::time::{Duration, Instant};

use crate::world::wire::Wire;
use crate::world::{World, create_tag, eventually};

on_both_databases!(
    a_slow_client_holds_up_nobody,
    a_vanished_clients_call_still_happens,
    half_a_request_changes_nothing,
    two_requests_in_one_packet_are_answered_in_turn,
);
on_sqlite_alone!(who_is_too_slow_is_told_so, a_body_without_an_end_holds_no_connection);

const CALL: &[u8] = br#"{"calls":[{"call_id":"slow-1","name":"create_tag","arguments":{"tags":["vip"]}}]}"#;

pub fn a_slow_client_holds_up_nobody(world: &mut World) {
    let room = world.a_room("web-1");
    let request = world.posted("web-1", "", CALL);
    let (first, rest) = request.split_at(request.len() - 20);
    let begun = Instant::now();
    let mut slow: Vec<_> = (0..32).map(|_| world.wire()).collect();
    for wire in &mut slow {
        wire.send(first).unwrap();
    }
    for n in 0..20 {
        room.gets(create_tag(&["other"]).id(&format!("quick-{n}"))).result();
    }
    let mut answered = 0;
    for wire in &mut slow {
        // On a machine that took longer for the others than a body is waited for, they were told so.
        let sent = wire.send(rest);
        let answer = wire.receive().unwrap_or_else(|problem| panic!("{problem} after {sent:?}"));
        let too_late = answer.status == 408 && begun.elapsed() > Duration::from_secs(10);
        assert!(answer.status == 200 || too_late, "{answer:?}");
        answered += usize::from(answer.status == 200);
    }
    assert_eq!(room.calls_in_journal().iter().filter(|id| *id == "slow-1").count(), answered.min(1));
}

pub fn a_vanished_clients_call_still_happens(world: &mut World) {
    let room = world.a_room("web-1");
    let mut wire = world.wire();
    wire.send(&world.posted("web-1", "", CALL)).unwrap();
    drop(wire);
    // A server may notice the hang-up before it reads: then nothing happened, and asking again makes it happen.
    room.gets(create_tag(&["vip"]).id("slow-1")).result();
    assert_eq!(room.calls_in_journal(), ["slow-1"]);

    // One that has stopped listening, but has not hung up, is read to the end.
    let mut wire = world.wire();
    wire.send(&world.posted("web-1", "", &String::from_utf8_lossy(CALL).replace("slow-1", "slow-2").into_bytes())).unwrap();
    eventually("the call of a client that does not read", || {
        (room.door.call("slow-2").body["status"] == "succeeded").then_some(())
    });
}

pub fn half_a_request_changes_nothing(world: &mut World) {
    let room = world.a_room("web-1");
    let version = room.version();
    let request = world.posted("web-1", "", CALL);
    for cut in [1, 40, request.len() - CALL.len(), request.len() - 1] {
        let mut wire = world.wire();
        wire.send(&request[..cut]).unwrap();
        wire.ends_sending();
        wire.read_timeout(Duration::from_secs(15));
        if let Ok(answer) = wire.receive() {
            assert!((400..500).contains(&answer.status), "{answer:?}");
        }
    }
    assert_eq!(room.version(), version);
    assert_eq!(room.door.call("slow-1").http, 404);
    room.gets(create_tag(&["vip"]).id("slow-1")).result();
}

pub fn two_requests_in_one_packet_are_answered_in_turn(world: &mut World) {
    let room = world.a_room("web-1");
    let second = String::from_utf8_lossy(CALL).replace("slow-1", "next-1").into_bytes();
    let both = [world.posted("web-1", "", CALL), world.posted("web-1", "", &second)].concat();
    let mut wire = world.wire();
    wire.send(&both).unwrap();
    for id in ["slow-1", "next-1"] {
        assert_eq!(wire.receive().unwrap().json()["calls"][0]["call_id"], id);
    }
    assert_eq!(room.calls_in_journal(), ["slow-1", "next-1"]);
}

/// What its sender never ends, and nobody reads, is answered, and the connection closed.
pub fn a_body_without_an_end_holds_no_connection(world: &mut World) {
    world.a_room("web-1");
    let key = format!("Authorization: Bearer {}\r\nContent-Type: ", world.agent_key);
    let (json, calls) = (format!("{key}application/json"), "/v1/rooms/web-1/function-calls");
    let large = format!("49000\r\n{}", "x".repeat(0x48000));
    let rows = [
        ("without a key", format!("POST {calls}"), "X-A: b".to_owned(), "10\r\nx", 401),
        ("to nowhere", "POST /v1/nowhere".to_owned(), json.clone(), "10\r\nx", 404),
        ("by another verb", format!("PUT {calls}"), json.clone(), "10\r\nx", 405),
        ("in another language", format!("POST {calls}"), format!("{key}text/plain"), "", 415),
        ("too large already", format!("POST {calls}"), json, large.as_str(), 413),
    ];
    let begun = rows.map(|(what, line, head, body, status)| {
        let mut wire = world.wire();
        let head = format!("{line} HTTP/1.1\r\nHost: x\r\n{head}\r\nTransfer-Encoding: chunked\r\n\r\n");
        wire.send(head.as_bytes()).unwrap();
        // It may be closed before all of it has left.
        let _ = wire.send(body.as_bytes());
        (what, wire, status)
    });
    for (what, mut wire, status) in begun {
        assert_eq!(wire.receive().unwrap_or_else(|problem| panic!("{what}: {problem}")).status, status, "{what}");
        let more = wire.line().expect_err(what).kind();
        assert!(matches!(more, ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset), "{what}: {more:?}");
    }
}

/// The server has closed, whether or not it had read all that came.
fn is_hung_up_on(wire: &mut Wire) {
    wire.read_timeout(Duration::from_secs(60));
    let more = wire.receive().expect_err("hung up on").kind();
    assert!(matches!(more, ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset), "{more:?}");
}

/// A byte now and then buys no more time: what has not come is not waited for.
pub fn who_is_too_slow_is_told_so(world: &mut World) {
    let room = world.a_room("web-1");
    let request = world.posted("web-1", "", CALL);
    let head = request.len() - CALL.len();
    let drips = |sent: usize| {
        // Before the server's own clock begins.
        let begun = Instant::now();
        let (mut wire, rest) = (world.wire(), request[sent..].to_vec());
        wire.send(&request[..sent]).unwrap();
        wire.read_timeout(Duration::from_millis(500));
        thread::spawn(move || {
            // Nothing came back in half a second: one byte more, so long as there is one before the last.
            let mut rest = rest[..rest.len() - 1].iter();
            loop {
                match wire.receive() {
                    Err(quiet) if matches!(quiet.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                        assert!(begun.elapsed() < Duration::from_secs(45), "it is waited for");
                        if let Some(byte) = rest.next() {
                            let _ = wire.send(&[*byte]);
                        }
                    }
                    answer => return (answer.expect("an answer"), begun.elapsed(), wire),
                }
            }
        })
    };
    let (body, head) = (drips(head + 10), drips(head - 60));
    let (answer, after, mut wire) = head.join().unwrap();
    assert!(answer.status == 408 && after.as_secs() >= 4, "a head: {answer:?} after {after:?}");
    is_hung_up_on(&mut wire);
    let (answer, after, mut wire) = body.join().unwrap();
    assert!(after.as_secs() >= 9, "a body: {answer:?} after {after:?}");
    assert_eq!((answer.status, &answer.json()["code"]), (408, &"request_timeout".into()), "{answer:?}");
    assert!(!answer.keeps_connection(), "{answer:?}");
    is_hung_up_on(&mut wire);
    assert_eq!(room.door.call("slow-1").http, 404, "half a call is none");
}
