//! The company, the people and the calls both simulations play with.

use std::sync::Arc;
use std::time::Duration;

use bellhop::catalog::dialect::{self, Dialect};
use bellhop::catalog::{Admission, Admitted, Has, admit};
use bellhop::room::{
    Agent, AgentId, AiAgentId, Company, CompanyNo, Division, DivisionId, FileEntry, FileKey, Format, People, Presence, Room,
    RoomAddress, RoomId, Seen, Settings,
};
use bellhop::store::memory::MemoryStore;

use super::dice::Dice;

pub const COMPANY: CompanyNo = CompanyNo(1);
pub const AGENTS: u64 = 3;
pub const CAPACITY: u32 = 2;

/// Three people of capacity 2 in two divisions.
pub fn company() -> Company {
    let division = |n: u64| Division { id: DivisionId::trusted(&format!("div_{n}")), name: format!("Division {n}"), hours: None };
    let agent = |n: u64| Agent {
        id: AgentId::trusted(&format!("agt_{n}")),
        name: format!("Agent {n}"),
        email: format!("agent{n}@example.com"),
        divisions: vec![DivisionId::trusted(&format!("div_{}", n % 2))],
        status: Presence::Online,
        capacity: CAPACITY,
    };
    Company {
        agents: (0..AGENTS).map(agent).collect(),
        divisions: vec![division(0), division(1)],
        files: [file("brochure"), file("map")].into(),
        settings: Settings {
            max_tags_per_room: 8,
            people: People { idle_reassign_s: 10, ..People::default() },
            ..Settings::default()
        },
        ..Company::empty(COMPANY)
    }
}

fn file(key: &str) -> FileEntry {
    FileEntry {
        key: FileKey::new(key).expect("a key"),
        version: 1,
        description: "".into(),
        sha256: key.into(),
        size: 1_000,
        format: Format::of_mime("application/pdf").expect("a format"),
        filename: format!("{key}.pdf").into(),
    }
}

pub fn address(room: u64) -> RoomAddress {
    RoomAddress { company: COMPANY, room: RoomId::trusted(&format!("room-{room}")) }
}

/// A call a model might make, with an id out of few, so that ids meet again.
pub fn call(dice: &mut Dice, room: &RoomAddress, ids: u64, looked_at: &Room) -> Admitted {
    let id = dice.roll(ids);
    // What an id means is fixed by the id in nine of ten cases.
    let mut meaning = Dice::new(if dice.rarely(10) { dice.next() } else { id });
    let (name, arguments) = match meaning.roll(9) {
        8 => ("assign_agent", format!(r#"{{"mode":"agent","agent":"Agent {}"}}"#, meaning.roll(AGENTS))),
        6 | 7 => {
            let file = ["brochure", "map"][meaning.roll(2) as usize];
            ("send_attachment", format!(r#"{{"attachment":"{file}","repeat":{}}}"#, meaning.rarely(2)))
        }
        0 => ("assign_agent", r#"{"mode":"auto"}"#.to_owned()),
        1 => ("assign_agent", format!(r#"{{"mode":"division","division":"Division {}"}}"#, meaning.roll(2))),
        2 => ("resolve_conversation", r#"{"reason_code":"answered"}"#.to_owned()),
        _ => ("create_tag", format!(r#"{{"tags":["Tag {}","tag {}"]}}"#, meaning.roll(6), meaning.roll(6))),
    };
    let body = format!(r#"{{"calls":[{{"call_id":"{}-{id}","name":"{name}","arguments":{arguments}}}]}}"#, room.room);
    let envelope = dialect::parse(body.as_bytes(), Some(Dialect::Native)).expect("our own body");
    let ai_agent = AiAgentId::trusted("sales");
    let key_id: Arc<str> = "key_1".into();
    // Some callers say what they had seen, and some of these had not seen all.
    let seen = Seen {
        epoch: dice.rarely(4).then(|| (looked_at.epoch - dice.roll(2) as i64).max(1)),
        seq: dice.rarely(3).then(|| (looked_at.last_inbound_seq - dice.roll(2) as i64).max(0)),
    };
    let admission = Admission {
        address: room,
        ai_agent: Some(&ai_agent),
        key_id: &key_id,
        turn_id: None,
        seen,
        has: Has { crm: false, files: true },
        published: None,
    };
    match admit(&envelope.calls[0], None, &admission) {
        Ok(admitted) => admitted,
        Err(answer) => panic!("the door refused {answer:?}"),
    }
}

/// The `n`-th call of a room, as an AI agent makes it that says nothing of what it had seen.
pub fn named_call(room: &RoomAddress, n: u64, name: &str, arguments: &str, has: Has) -> Admitted {
    let body = format!(r#"{{"calls":[{{"call_id":"{}-{n}","name":"{name}","arguments":{arguments}}}]}}"#, room.room);
    let envelope = dialect::parse(body.as_bytes(), Some(Dialect::Native)).expect("our own body");
    let (ai_agent, key_id, seen) = (AiAgentId::trusted("sales"), Arc::from("key_1"), Seen::default());
    let admission =
        Admission { address: room, ai_agent: Some(&ai_agent), key_id: &key_id, turn_id: None, seen, has, published: None };
    admit(&envelope.calls[0], None, &admission).expect("a call the door lets in")
}

/// Waits until every call has its end.
pub async fn all_end(store: &MemoryStore, seed: u64) {
    for _ in 0..20_000 {
        if store.calls().iter().all(|call| call.answer.status.is_final()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let open: Vec<_> = store.calls().into_iter().filter(|call| !call.answer.status.is_final()).collect();
    panic!("seed {seed}: these calls never ended: {open:?}");
}
