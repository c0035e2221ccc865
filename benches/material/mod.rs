//! One company, its rooms and the calls a model makes there: the body that `load` posts as well, so that what `decide`, `step`
//! and `commit` find are parts of what it finds. Measures nothing.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock};

use bellhop::actors::Caller;
use bellhop::actors::ports::Commit;
use bellhop::actors::turn::{OpenCalls, Turn};
use bellhop::catalog::dialect;
use bellhop::catalog::{Admission, Admitted, admit};
use bellhop::room::{
    Agent, AgentId, AiAgentId, By, Cause, Command, Company, CompanyNo, Customer, DivisionId, Ground, Presence, Room, RoomAddress,
    RoomId, RoomKey, Seen, Timestamp, tag,
};
use uuid::Uuid;

// As in `main.rs`: what an allocation costs is part of every figure.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub const COMPANY: CompanyNo = CompanyNo(1);
pub const NOW: Timestamp = Timestamp(1_800_000_000_000_000);
/// Known to the company. A room that holds them all answers as most calls of a long conversation are answered: already there.
pub const TAGS: [&str; 8] = ["vip", "urgent", "refund", "billing", "delay", "loyal", "complaint", "follow-up"];

pub fn company() -> Company {
    let agent = |n: u32| Agent {
        id: AgentId::trusted(&format!("agt_{n}")),
        name: format!("Agent {n}"),
        email: format!("agent{n}@example.com"),
        divisions: vec![DivisionId::trusted("div_1")],
        status: Presence::Online,
        capacity: 20,
    };
    let tags = TAGS.iter().map(|shown| (tag::fold(shown).into(), (*shown).into())).collect();
    Company { agents: (0..8).map(agent).collect(), tags, ..Company::empty(COMPANY) }
}

pub fn address(room: usize) -> RoomAddress {
    RoomAddress { company: COMPANY, room: RoomId::trusted(&format!("room-{room:06}")) }
}

pub fn caller() -> Caller {
    let ai_agent = AiAgentId::trusted("sales");
    Caller { company: COMPANY, by: By::AiAgent(ai_agent), key_id: "key_1".into() }
}

pub fn describe() -> Command {
    Command::Describe { channel: "web_chat".into(), customer: Customer { handle: "load".into(), name: None } }
}

pub fn body(call_id: &str, name: &str, arguments: &str) -> String {
    format!(r#"{{"turn_id":"t7","calls":[{{"call_id":"{call_id}","name":"{name}","arguments":{arguments}}}]}}"#)
}

pub fn tag_body(call_id: &str, tag: &str) -> String {
    body(call_id, "create_tag", &format!(r#"{{"tags":["{tag}"]}}"#))
}

/// What the door makes of a body with one call.
pub fn admitted(address: &RoomAddress, body: &[u8]) -> Admitted {
    let envelope = dialect::parse(body, None).expect("our own body");
    // The door has these at hand from the key.
    static KEY: LazyLock<(AiAgentId, Arc<str>)> = LazyLock::new(|| (AiAgentId::trusted("sales"), "key_1".into()));
    let (ai_agent, key_id) = &*KEY;
    let turn_id = envelope.turn_id.as_deref();
    let admission = Admission {
        address,
        ai_agent: Some(ai_agent),
        key_id,
        turn_id,
        seen: Seen::default(),
        has: bellhop::catalog::Has { crm: false, files: false },
        published: None,
    };
    admit(&envelope.calls[0], None, &admission).unwrap_or_else(|answer| panic!("the door refused {answer:?}"))
}

/// The `n`-th call of a run over so many rooms: round after round, each round with the next tag.
pub fn tag_call(n: usize, rooms: usize) -> (RoomAddress, Admitted) {
    let address = address(n % rooms);
    let call = admitted(&address, tag_body(&format!("call-{n:08}"), TAGS[n / rooms % TAGS.len()]).as_bytes());
    (address, call)
}

/// A room with no actor around it, and the key its rows have.
pub struct Draft {
    pub address: RoomAddress,
    pub room: Room,
    key: RoomKey,
}

impl Draft {
    pub fn new(room: usize) -> Self {
        Self { address: address(room), room: Room::default(), key: RoomKey(Uuid::now_v7()) }
    }

    /// What the first step writes.
    pub fn describe(&mut self, company: &Company, owner_epoch: i64) -> Box<Commit> {
        let cause = Cause::Request("req_1".into());
        self.step(company, owner_epoch, |turn| {
            turn.command(&describe(), &By::System, &cause).unwrap();
        })
    }

    /// What a step with this call writes.
    pub fn call(&mut self, company: &Company, owner_epoch: i64, admitted: &Admitted) -> Box<Commit> {
        self.step(company, owner_epoch, |turn| {
            turn.call(admitted);
        })
    }

    /// The room moves on as if the step had landed.
    fn step(&mut self, company: &Company, owner_epoch: i64, take: impl FnOnce(&mut Turn<'_>)) -> Box<Commit> {
        let (open, condemned) = (OpenCalls::new(), HashSet::new());
        let mut turn = Turn::begin(&self.address, &self.room, Ground { now: NOW, company, approved: false }, &open, &condemned);
        take(&mut turn);
        let (commit, kept) = turn.into_commit(self.key, owner_epoch).unwrap();
        self.room = kept.room;
        commit
    }
}
