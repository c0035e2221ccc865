//! Stories of the catalog. A `Scene` is one room of one company; what is called goes through the real reader and the door.

mod assign;
mod door;
mod fence;
mod records;
mod resolve;
mod tags;

use std::sync::Arc;

use super::dialect::{self, RawCall};
use super::*;
use crate::room::{
    Agent, AgentId, AiAgentId, By, Cause, Company, CompanyNo, Division, DivisionId, Fact, Presence, RoomAddress, RoomEvent,
    RoomId, Seen, Timestamp, Writer,
};

struct Scene {
    room: Room,
    company: Company,
    now: Timestamp,
    seen: Seen,
}

impl Scene {
    /// An open room with one message of the customer, seen by the model; Ana and Budi in Billing, Ana again in Sales.
    fn new() -> Self {
        let division = |id: &str, name: &str| Division { id: DivisionId::trusted(id), name: name.into(), hours: None };
        let agent = |id: &str, name: &str, divisions: &[&str]| Agent {
            id: AgentId::trusted(id),
            name: name.into(),
            email: format!("{id}@secret.example"),
            divisions: divisions.iter().map(|id| DivisionId::trusted(id)).collect(),
            status: Presence::Online,
            capacity: 3,
        };
        let mut company = Company::empty(CompanyNo(1));
        company.divisions = vec![division("div_1", "Billing"), division("div_2", "Sales"), division("div_3", "Sales Asia")];
        company.agents = vec![
            agent("agt_1", "Ana", &["div_1"]),
            agent("agt_2", "Budi  Santoso", &["div_1"]),
            agent("agt_3", "ANA", &["div_2"]),
        ];
        let mut scene = Self { room: Room::default(), company, now: Timestamp(1_763_634_720_000_000), seen: Seen::default() };
        scene.happens(Fact::RoomCreated { channel: "web_chat".into(), customer: Default::default() });
        scene.customer_writes("hello");
        scene
    }

    fn happens(&mut self, fact: Fact) {
        self.happens_by(By::System, fact);
    }

    fn happens_by(&mut self, by: By, fact: Fact) {
        let cause = Cause::Timer("test");
        self.room.apply(&RoomEvent { seq: self.room.version + 1, at: self.now, by, cause, fact });
    }

    fn customer_writes(&mut self, text: &str) {
        let message_id = format!("m{}", self.room.version);
        self.happens(Fact::MessageReceived {
            message_id,
            from: Writer::Customer,
            agent_id: None,
            text: text.into(),
            late: false,
            said_at: None,
            aside: false,
        });
    }

    fn tags_exist(&mut self, names: &[&str]) {
        self.company.tags = names.iter().map(|name| (crate::room::tag::fold(name).into(), Arc::from(*name))).collect();
    }

    /// What this call leads to; nothing happens yet.
    fn decides(&self, name: &str, arguments: &str) -> Decision {
        let address = RoomAddress { company: CompanyNo(1), room: RoomId::trusted("web-1") };
        let (ai_agent, key_id) = (AiAgentId::trusted("sales"), "key_1".into());
        let has = Has { crm: self.company.crm, files: false };
        let (ai_agent, turn_id) = (Some(&ai_agent), Some("t1"));
        let admission =
            Admission { address: &address, ai_agent, key_id: &key_id, turn_id, seen: self.seen, has, published: None };
        let admitted = admit(&raw(name, arguments), None, &admission).unwrap();
        decide(&self.room, &admitted.call, &admitted.request, &Ground { now: self.now, company: &self.company, approved: false })
    }

    /// Decides and lets it happen.
    fn calls(&mut self, name: &str, arguments: &str) -> Decision {
        let decision = self.decides(name, arguments);
        if let Decision::Done { facts, .. } | Decision::Parked { facts, .. } = &decision {
            let by = || By::AiAgent(AiAgentId::trusted("sales"));
            facts.iter().cloned().for_each(|fact| self.happens_by(by(), fact));
        }
        decision
    }

    fn refused(&self, name: &str, arguments: &str) -> Refusal {
        match self.decides(name, arguments) {
            Decision::Refused(refusal) => refusal,
            other => panic!("not refused: {other:?}"),
        }
    }
}

fn result(decision: &Decision) -> serde_json::Value {
    match decision {
        Decision::Done { result, .. } => serde_json::from_str(&result.0).unwrap(),
        other => panic!("not done: {other:?}"),
    }
}

fn values(refusal: &Refusal) -> Vec<&str> {
    refusal.candidates.iter().map(|candidate| candidate.value.as_str()).collect()
}

fn raw(name: &str, arguments: &str) -> RawCall {
    let name = serde_json::to_string(name).unwrap();
    let body = format!("{{\"calls\":[{{\"name\":{name},\"arguments\":{arguments}}}]}}");
    dialect::parse(body.as_bytes(), None).unwrap().calls.remove(0)
}

fn admit_one(raw: &RawCall, key: Option<&str>, seen: Seen) -> Result<Admitted, DoorAnswer> {
    let address = RoomAddress { company: CompanyNo(1), room: RoomId::trusted("web-1") };
    admit_at(raw, key, seen, &address, Some("sales"), Some("t1"))
}

fn admit_at(
    raw: &RawCall,
    key: Option<&str>,
    seen: Seen,
    address: &RoomAddress,
    ai_agent: Option<&str>,
    turn_id: Option<&str>,
) -> Result<Admitted, DoorAnswer> {
    let ai_agent = ai_agent.map(AiAgentId::trusted);
    admit(
        raw,
        key,
        &Admission {
            address,
            ai_agent: ai_agent.as_ref(),
            key_id: &"key_1".into(),
            turn_id,
            seen,
            has: Has { crm: false, files: false },
            published: None,
        },
    )
}
