//! People take rooms over and give them back while an AI agent assigns, sends, tags and resolves in a channel that answers late or not
//! at all, and actors die. In the end each "started" mark is held against its room's journal: after control moved, nothing of
//! the AI agent's that a person would not want was started (invariant 7), and what the rooms say is what came about there.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bellhop::actors::outside::{
    Counterpart, EffectJob, Found, LineView, OutsideFuture, Part, PartDone, PartRow, Permit, Permitted, Planned, Sent,
};
use bellhop::actors::ports::{Clock, Memory};
use bellhop::actors::{Batch, CallOutcome, LanePorts, RoomRouter, RouterOptions, SystemClock, Threads, clock};
use bellhop::catalog::Has;
use bellhop::room::outbox::{Patience, Rule};
use bellhop::room::{
    AgentId, CallKey, CallStatus, CameAbout, Cause, ChannelKind, Command, Company, CompanyNo, EffectKind, Fact, FileEntry,
    FileKey, Format, Next, Refusal, ResultJson, RoomEvent, Settlement, TakenBy, Timestamp,
};
use bellhop::store::memory::{Mark, MemoryStore, Pace};

use super::actors::{caller, create_rooms};
use super::dice::Dice;
use super::world;

const ROOMS: u64 = 3;
const CALLS: u64 = 12;
/// Whom the channel gives every conversation to.
const GIVEN_TO: &str = "agt_0";

/// A channel that does what it is told and often does not say so.
struct There {
    dice: Mutex<Dice>,
}

impl There {
    async fn lag(&self) -> u64 {
        let roll = self.dice.lock().unwrap().roll(8);
        if roll < 4 {
            tokio::time::sleep(Duration::from_micros(200 * roll)).await;
        }
        roll
    }
}

fn settled(job: &EffectJob) -> Settlement {
    let came_about = match job.plan.kind {
        EffectKind::Assignment => {
            CameAbout::Assigned { agent_id: AgentId::trusted(GIVEN_TO), agent_name: "Agent 0".into(), because: None }
        }
        EffectKind::Attachment => CameAbout::Sent {
            file: job.plan.file.clone().expect("a file's effect names its file"),
            caption: None,
            message_id: None,
            result: "{}".into(),
        },
        EffectKind::Resolution => CameAbout::Resolved { reason_code: "answered".into(), note: None, closing: None },
        _ => CameAbout::Tagged { tags: vec!["Tag 1".into()] },
    };
    Settlement::done(&ResultJson("{}".into()), came_about)
}

impl Counterpart for There {
    fn patience(&self, _: CompanyNo) -> OutsideFuture<'_, Patience> {
        Box::pin(async { Ok(Patience { attempt_ms: 4, grace_ms: 2, ..Patience::default() }) })
    }

    fn plan<'a>(&'a self, job: &'a EffectJob, ended: &'a [PartRow]) -> OutsideFuture<'a, Planned> {
        Box::pin(async move {
            self.lag().await;
            if !ended.is_empty() {
                return Ok(Planned::End(settled(job)));
            }
            let hands_to = (job.plan.kind == EffectKind::Assignment).then(|| AgentId::trusted(GIVEN_TO));
            Ok(Planned::Write(Part {
                no: 0,
                name: job.plan.kind.as_str().into(),
                rule: if job.plan.kind == EffectKind::Attachment { Rule::Once } else { Rule::Absolute },
                request: "{}".into(),
                reference: None,
                shown_name: None,
                hands_to,
            }))
        })
    }

    fn permit<'a>(&'a self, _: &'a EffectJob, _: &'a Part, _: u32) -> OutsideFuture<'a, Permitted> {
        Box::pin(async move {
            self.lag().await;
            Ok(Permitted::Go(Permit(Box::new(()))))
        })
    }

    fn write<'a>(&'a self, _: &'a EffectJob, _: &'a Part, _: Permit) -> OutsideFuture<'a, Sent> {
        Box::pin(async move {
            Ok(match self.lag().await {
                0 => Sent::Doubtful { why: "the answer was lost".into() },
                1 => Sent::NotDone { after_ms: 1, counts: false, why: "too many requests".into() },
                _ => Sent::Done(PartDone { record: "there".into(), answer: "{}".into() }),
            })
        })
    }

    fn look_up<'a>(&'a self, _: &'a EffectJob, part: &'a Part, _: Timestamp) -> OutsideFuture<'a, Found> {
        Box::pin(async move {
            Ok(match self.lag().await {
                0 | 1 if part.rule == Rule::Once => Found::Unprovable { why: "nobody told of it".into() },
                0 | 1 => Found::Absent,
                _ => Found::Done(PartDone { record: "there".into(), answer: "{}".into() }),
            })
        })
    }

    fn unsaid(&self, _: &EffectJob, status: CallStatus) -> Settlement {
        Settlement::error(status, &Refusal::new("unsaid", Next::WaitForHuman, "Nobody knows."))
    }

    fn view(&self, _: CompanyNo) -> LineView {
        LineView::default()
    }
}

/// The takeovers and effects of one life.
pub fn play(seed: u64) -> (usize, usize) {
    actix::System::new().block_on(life(seed))
}

async fn life(seed: u64) -> (usize, usize) {
    let store = MemoryStore::new(Pace::AtOnce);
    let map = FileEntry {
        key: FileKey::trusted("map"),
        version: 1,
        description: "the way".into(),
        sha256: "0".repeat(64).into(),
        size: 70,
        format: Format::Png,
        filename: "map.png".into(),
    };
    store.put_company(Company { channel: ChannelKind::Qontak, files: Arc::new([map]), ..world::company() });
    let there = Arc::new(There { dice: Mutex::new(Dice::new(seed)) });
    let threads = Threads::new(1);
    let arbiter = actix::Arbiter::new();
    threads.join(&arbiter.handle());
    store.deliver_to(Arc::new(threads.clone()));
    let channel = Some(LanePorts { counterpart: there, outbox: store.clone() });
    let options = RouterOptions { channel, ..RouterOptions::default() };
    let (clock, memory): (Arc<dyn Clock>, Arc<dyn Memory>) = (Arc::new(SystemClock::default()), store.clone());
    let router = RoomRouter::new(options, store.clone(), memory, clock, threads);
    create_rooms(&router).await;
    actix::spawn(clock::bring_timers(router.clone()));
    let people = futures_util::future::join_all((0..ROOMS).map(|room| people(router.clone(), seed, room)));
    let robots = futures_util::future::join_all((0..ROOMS).map(|room| robot(router.clone(), seed, room)));
    futures_util::future::join(people, robots).await;
    world::all_end(&store, seed).await;
    router.clear();
    arbiter.stop();
    check(&store, seed)
}

async fn people(router: RoomRouter, seed: u64, room: u64) {
    let address = world::address(room);
    let mut dice = Dice::new(seed ^ (room << 24) ^ 1);
    for n in 0..CALLS {
        tokio::time::sleep(Duration::from_micros(dice.roll(1_500))).await;
        let agent = AgentId::trusted(&format!("agt_{}", 1 + dice.roll(2)));
        let command = match dice.roll(3) {
            0 => Command::GiveBack { of: None, reason: None },
            _ => Command::TakeOver { agent_name: agent.to_string(), agent, how: TakenBy::Takeover },
        };
        let _ = router.command(address.clone(), command, caller(), Cause::Request(format!("p{n}").into())).await;
        if dice.rarely(6) {
            router.kill(&address);
        }
    }
}

async fn robot(router: RoomRouter, seed: u64, room: u64) {
    let address = world::address(room);
    let mut dice = Dice::new(seed ^ (room << 32) ^ 2);
    for n in 0..CALLS {
        let (name, arguments) = match dice.roll(5) {
            4 => ("send_attachment", r#"{"attachment":"map","repeat":true}"#),
            0 => ("create_tag", r#"{"tags":["Tag 1"]}"#),
            1 => ("resolve_conversation", r#"{"reason_code":"answered"}"#),
            _ => ("assign_agent", r#"{"mode":"auto"}"#),
        };
        let has = Has { crm: false, files: true };
        let mut calls = vec![world::named_call(&address, n, name, arguments, has)];
        if name == "send_attachment" && dice.rarely(2) {
            // It hands over and says goodbye in one request, in either order.
            calls.push(world::named_call(&address, 100 + n, "assign_agent", r#"{"mode":"auto"}"#, has));
            calls.rotate_left(dice.roll(2) as usize);
        }
        for _ in 0..50 {
            let batch = Batch { calls: calls.clone(), caller: caller() };
            match router.call(address.clone(), batch, Duration::from_millis(2)).await {
                CallOutcome::Answered(_) | CallOutcome::Accepted(_) => break,
                _ => tokio::task::yield_now().await,
            }
        }
        // The customer writes again, or a resolved room would end the play.
        let message_id = format!("m{n}");
        let message = Command::Message {
            message_id,
            from: bellhop::room::Writer::Customer,
            agent_id: None,
            text: "and another thing".into(),
        };
        let _ = router.command(address.clone(), message, caller(), Cause::Message(format!("m{n}").into())).await;
    }
}

/// Who has the room after this event, if it moves control.
fn moves_to(event: &RoomEvent) -> Option<Option<&AgentId>> {
    match &event.fact {
        Fact::RoomTaken { agent_id, .. } | Fact::AgentAssigned { agent_id, .. } => Some(Some(agent_id)),
        Fact::RoomReturned { .. }
        | Fact::RoomQueued { .. }
        | Fact::AssignmentDropped { .. }
        | Fact::RoomReopened { .. }
        | Fact::ConversationResolved { .. } => Some(None),
        _ => None,
    }
}

/// The assignment whose request may say goodbye with this call.
fn leave_of(events: &[RoomEvent], call: CallKey, company: CompanyNo) -> Option<u64> {
    events.iter().rev().find_map(|event| match &event.fact {
        Fact::GoodbyeGranted { call_id, assignment, .. } if CallKey::of(company, call_id) == call => Some(*assignment),
        _ => None,
    })
}

/// Whether control moved by that very assignment, or back to the AI agent: that ends no leave. Who takes over does.
fn is_of(event: &RoomEvent, asked: u64) -> bool {
    match &event.fact {
        Fact::RoomQueued { assignment, .. } | Fact::AgentAssigned { assignment, .. } | Fact::AssignmentDropped { assignment } => {
            *assignment == asked
        }
        Fact::RoomReturned { .. } => true,
        _ => false,
    }
}

fn check(store: &MemoryStore, seed: u64) -> (usize, usize) {
    let marks = store.marks();
    for Mark { address, call, fenced, version } in marks.iter().filter(|mark| mark.fenced) {
        let events = store.events(address);
        let asked = events.iter().find(|event| {
            matches!(&event.fact, Fact::EffectRequested { call_id, .. }
                if CallKey::of(address.company, call_id) == *call)
        });
        let asked = asked.expect("what was started was asked for").seq;
        let between = events.iter().filter(|event| event.seq > asked && event.seq <= *version);
        let leave = leave_of(&events, *call, address.company);
        for event in between {
            let to = moves_to(event).filter(|_| !leave.is_some_and(|assignment| is_of(event, assignment)));
            let own = to == Some(Some(&AgentId::trusted(GIVEN_TO)));
            assert!(to.is_none() || own, "seed {seed}: started ({fenced}) at version {version}, after {event:?}");
        }
    }
    let events = store.addresses().into_iter().flat_map(|address| store.events(&address));
    let takeovers = events.filter(|event| matches!(event.fact, Fact::RoomTaken { .. })).count();
    (takeovers, marks.len())
}
