//! Stories of one step: the barrier of a resolve, and calls that wait for a person's yes.

mod after_resolve;
mod by_hand;
mod goodbye;
mod typing;
mod waiting;

use std::collections::HashSet;
use std::sync::Arc;

use super::*;
use crate::catalog::admit::{Admission, admit};
use crate::catalog::dialect;
use crate::room::{
    AgentId, AiAgentId, ApprovalRule, CallId, Company, CompanyNo, Customer, Lifecycle, RoomId, Seen, TakenBy, Timestamp,
    WhilePerson, Writer,
};

struct Scene {
    address: RoomAddress,
    room: Room,
    company: Company,
    open: OpenCalls,
    now: Timestamp,
    answers: HashMap<CallKey, StoredAnswer>,
}

impl Scene {
    /// An open room; Ana is online and has one place.
    fn new() -> Self {
        let mut company = Company::empty(CompanyNo(1));
        let id = AgentId::trusted("agt_1");
        company.agents = vec![Agent {
            id,
            name: "Ana".into(),
            email: String::new(),
            divisions: vec![],
            status: Presence::Online,
            capacity: 1,
        }];
        let address = RoomAddress { company: CompanyNo(1), room: RoomId::trusted("web-1") };
        let now = Timestamp(1_763_634_720_000_000);
        let mut scene = Self { address, room: Room::default(), company, open: OpenCalls::new(), now, answers: HashMap::new() };
        let _ = scene.tell(Command::Describe { channel: "web_chat".into(), customer: Customer::default() }).unwrap();
        scene.customer_writes("hello");
        scene
    }

    fn step<T>(&mut self, take: impl FnOnce(&mut Turn<'_>) -> T) -> T {
        let condemned = HashSet::new();
        let ground = Ground { now: self.now, company: &self.company, approved: false };
        let mut turn = Turn::begin(&self.address, &self.room, ground, &self.open, &condemned);
        let taken = take(&mut turn);
        let Turn { room, new_calls, ended_calls, opened, .. } = turn;
        self.answers.extend(new_calls.into_iter().map(|new| (new.call.key, new.answer)));
        self.answers.extend(ended_calls.into_iter().map(|ended| (ended.key, ended.answer)));
        self.open.extend(opened);
        let still: HashSet<CallKey> =
            room.parked.iter().map(|parked| CallKey::of(self.address.company, &parked.call_id)).collect();
        self.open.retain(|key, _| still.contains(key));
        self.room = room;
        taken
    }

    fn tell(&mut self, command: Command) -> Result<CommandAnswer, Refusal> {
        self.step(|turn| turn.command(&command, &By::System, &Cause::Request("req".into())))
    }

    fn customer_writes(&mut self, text: &str) {
        let message_id = format!("m{}", self.room.version);
        let _ = self.tell(Command::Message { message_id, from: Writer::Customer, agent_id: None, text: text.into() });
    }

    /// One request with these calls, resolves last, as the room's actor takes it.
    fn post(&mut self, calls: &[(&str, &str, &str)]) {
        let admitted: Vec<Admitted> = calls.iter().map(|(id, name, arguments)| self.admitted(id, name, arguments)).collect();
        self.step(|turn| {
            turn.request_is(&admitted);
            let (last, first): (Vec<&Admitted>, Vec<&Admitted>) = admitted.iter().partition(|one| barrier::is_resolve(one));
            for one in first.into_iter().chain(last) {
                turn.call(one);
            }
        });
    }

    fn admitted(&self, id: &str, name: &str, arguments: &str) -> Admitted {
        let body = format!(r#"{{"calls":[{{"call_id":"{id}","name":"{name}","arguments":{arguments}}}]}}"#);
        let raw = dialect::parse(body.as_bytes(), None).unwrap().calls.remove(0);
        let (ai_agent, key_id) = (AiAgentId::trusted("sales"), Arc::from("key_robot"));
        let admission = Admission {
            address: &self.address,
            ai_agent: Some(&ai_agent),
            key_id: &key_id,
            turn_id: None,
            seen: Seen::default(),
            has: crate::catalog::Has { crm: true, files: true },
            published: None,
        };
        admit(&raw, None, &admission).unwrap()
    }

    fn answer(&self, id: &str) -> (CallStatus, String) {
        let answer = &self.answers[&CallKey::of(self.address.company, &CallId::trusted(id))];
        (answer.status, code_of(answer).unwrap_or_default())
    }

    fn is_resolved(&self) -> bool {
        matches!(self.room.lifecycle, Lifecycle::Resolved { .. })
    }

    fn offer(&mut self) {
        let assignment = self.room.wanted().unwrap().assignment;
        let agent = AgentId::trusted("agt_1");
        self.tell(Command::Offer { agent, agent_name: "Ana".into(), assignment, because: None }).unwrap();
    }
}

const RESOLVE: (&str, &str, &str) = ("r1", "resolve_conversation", r#"{"reason_code":"answered"}"#);
const ASSIGN: (&str, &str, &str) = ("a1", "assign_agent", r#"{"mode":"auto"}"#);
const TAG: (&str, &str, &str) = ("t1", "create_tag", r#"{"tags":["vip"]}"#);

#[test]
fn a_resolve_is_decided_after_the_other_calls_of_its_request() {
    let mut scene = Scene::new();
    scene.post(&[RESOLVE, TAG]);
    assert!(scene.is_resolved());
    assert_eq!(scene.answer("t1").0, CallStatus::Succeeded);
    assert_eq!(scene.room.tags.len(), 1);
}

#[test]
fn a_request_that_hands_over_does_not_resolve_as_well() {
    for found_somebody in [true, false] {
        let mut scene = Scene::new();
        scene.post(&[RESOLVE, ASSIGN]);
        assert_eq!(scene.answer("r1").0, CallStatus::Parked);
        if found_somebody {
            scene.offer();
        } else {
            let assignment = scene.room.wanted().unwrap().assignment;
            scene.tell(Command::OfferOverdue { assignment }).unwrap();
        }
        assert_eq!(scene.answer("r1"), (CallStatus::Refused, "human_in_control".into()));
        assert_eq!(scene.answer("a1").0, CallStatus::Succeeded);
        assert!(!scene.is_resolved() && scene.room.barrier.is_none());
    }
}

#[test]
fn calls_of_later_requests_go_on_but_may_not_move_the_room() {
    let mut scene = Scene::new();
    scene.company.channel = crate::room::ChannelKind::Qontak;
    scene.post(&[ASSIGN, RESOLVE]);
    scene.post(&[("t2", TAG.1, TAG.2), ("a2", "assign_agent", r#"{"mode":"agent","agent":"Ana"}"#)]);
    assert_eq!(scene.answer("t2").0, CallStatus::Running);
    assert_eq!(scene.answer("a2"), (CallStatus::Refused, "resolving".into()));
}

#[test]
fn the_barrier_waits_ten_seconds_and_no_longer() {
    let mut scene = Scene::new();
    scene.company.settings.people.while_person_controls.room = WhilePerson::Allow;
    scene.post(&[ASSIGN, RESOLVE]);
    let due = scene.room.barrier.as_ref().unwrap().until;
    assert_eq!(due, scene.now.plus_ms(barrier::BARRIER_MS));
    scene.now = due;
    scene.tell(Command::BarrierOverdue).unwrap();
    // Its own request asked for a person, and the customer waits in the queue for one.
    assert_eq!(scene.answer("r1"), (CallStatus::Refused, "human_in_control".into()));
}

#[test]
fn a_customer_who_writes_in_between_is_not_closed() {
    let mut scene = Scene::new();
    scene.company.channel = crate::room::ChannelKind::Qontak;
    scene.post(&[ASSIGN, RESOLVE]);
    scene.customer_writes("one more thing");
    let effect = CallId::trusted("a1");
    let refusal = Refusal::new("no_one_available", crate::room::Next::DoNotRetry, "Nobody is there.");
    let settlement = crate::room::Settlement::error(CallStatus::Refused, &refusal);
    scene.tell(Command::EffectSettled { call_id: effect, attempt: 0, settlement }).unwrap();
    assert_eq!(scene.answer("r1").0, CallStatus::Refused);
    assert!(!scene.is_resolved());
}

fn asks_for_a_yes() -> Scene {
    let mut scene = Scene::new();
    scene.company.settings.people.approvals = vec![ApprovalRule { action: "create_tag".into(), argument: None, above: None }];
    scene.post(&[TAG]);
    assert_eq!(scene.answer("t1").0, CallStatus::Parked);
    scene
}

fn approve(key_id: &str, arguments: Option<&str>) -> Command {
    Command::Approve { call_id: CallId::trusted("t1"), key_id: key_id.into(), arguments: arguments.map(Arc::from) }
}

#[test]
fn a_yes_runs_the_call_as_it_stands_and_only_once() {
    let mut scene = asks_for_a_yes();
    assert_eq!(scene.tell(approve("key_robot", None)).unwrap_err().code, "own_call");
    scene.tell(approve("key_ops", None)).unwrap();
    assert_eq!(scene.answer("t1").0, CallStatus::Succeeded);
    assert_eq!(scene.room.tags[0].shown, "vip");
    assert_eq!(scene.tell(approve("key_ops", None)).unwrap_err().code, "already_final");
}

#[test]
fn what_a_person_made_of_it_is_what_runs() {
    let mut scene = asks_for_a_yes();
    assert_eq!(scene.tell(approve("key_ops", Some(r#"{"tag":["gold"]}"#))).unwrap_err().code, "unknown_argument");
    scene.tell(approve("key_ops", Some(r#"{"tags":["gold"]}"#))).unwrap();
    assert_eq!(scene.room.tags[0].shown, "gold");
}

#[test]
fn an_edit_survives_the_memory_it_was_made_in() {
    let mut scene = asks_for_a_yes();
    scene.room.paused = true;
    scene.tell(approve("key_ops", Some(r#"{"tags":["gold"]}"#))).unwrap();
    // Approved while paused: it waits for the pause, and is read again from its row.
    let call = scene.open.values().next().unwrap().call.clone();
    let row = FunctionCall { arguments: r#"{"tags":["vip"]}"#.into(), ..call };
    assert_eq!(&*reread(row, &scene.room).unwrap().call.arguments, r#"{"tags":["gold"]}"#);
}

#[test]
fn a_no_and_a_long_silence_end_the_call() {
    let mut scene = asks_for_a_yes();
    scene.tell(Command::Reject { call_id: CallId::trusted("t1"), reason: "not this one".into() }).unwrap();
    assert_eq!(scene.answer("t1"), (CallStatus::Refused, "not_approved".into()));
    let mut scene = asks_for_a_yes();
    scene.tell(Command::ApprovalOverdue).unwrap();
    assert_eq!(scene.answer("t1").0, CallStatus::Parked);
    scene.now = scene.now.plus_ms(86_400_000);
    scene.tell(Command::ApprovalOverdue).unwrap();
    assert_eq!(scene.answer("t1"), (CallStatus::Expired, "approval_expired".into()));
}

#[test]
fn a_yes_does_not_help_against_a_policy_that_forbids_it_by_now() {
    let mut scene = asks_for_a_yes();
    let agent = AgentId::trusted("agt_1");
    scene.tell(Command::TakeOver { agent, agent_name: "Ana".into(), how: TakenBy::Takeover }).unwrap();
    scene.company.settings.people.while_person_controls.annotate = WhilePerson::Refuse;
    scene.tell(approve("key_ops", None)).unwrap();
    assert_eq!(scene.answer("t1"), (CallStatus::Refused, "human_in_control".into()));
    assert!(scene.room.tags.is_empty());
}

#[test]
fn an_assignment_that_is_repeated_is_answered_as_the_first_one_ended() {
    let refusal = Refusal::new("no_one_available", crate::room::Next::DoNotRetry, "Nobody is there.");
    let refused = crate::room::Settlement::error(CallStatus::Refused, &refusal);
    let unknown = crate::room::Settlement::outcome_unknown();
    for (settlement, code) in [(refused, "no_one_available"), (unknown, "waits_for_colleague")] {
        let mut scene = Scene::new();
        scene.company.channel = crate::room::ChannelKind::Qontak;
        scene.post(&[ASSIGN]);
        scene.post(&[("a2", ASSIGN.1, ASSIGN.2)]);
        assert_eq!(scene.answer("a2").0, CallStatus::Parked);
        scene.tell(Command::EffectSettled { call_id: CallId::trusted("a1"), attempt: 0, settlement }).unwrap();
        assert_eq!(scene.answer("a2"), (CallStatus::Refused, code.into()));
    }
}
