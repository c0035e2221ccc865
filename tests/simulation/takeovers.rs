//! People take rooms over and give them back while an AI agent assigns, sends, tags and resolves in a channel that answers late or not
//! at all, and actors die. They do it by our buttons, and in every second play in the channel's own inbox, of which webhooks tell. In
//! the end each "started" mark is held against its room's journal: after control moved, nothing of the AI agent's that a person
//! would not want was started (invariant 7), nothing was sent twice (I10), and no conversation there became two rooms (I11).

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use bellhop::actors::outside::{
    Counterpart, EffectJob, Found, LineView, OutsideFuture, Part, PartDone, PartRow, Permit, Permitted, Planned, Sent,
};
use bellhop::actors::ports::{Clock, Memory};
use bellhop::actors::postman::take_inbox;
use bellhop::actors::{Batch, CallOutcome, LanePorts, RoomRouter, RouterOptions, SystemClock, Threads, clock};
use bellhop::catalog::Has;
use bellhop::channel::hearing::QontakEars;
use bellhop::room::outbox::{Patience, Rule};
use bellhop::room::{
    AgentId, CallKey, CallStatus, CameAbout, Cause, ChannelKind, Command, Company, CompanyNo, EffectKind, Fact, FileEntry,
    FileKey, Format, FunctionCall, Next, Refusal, ResultJson, Room, RoomAddress, RoomEvent, RoomId, Settlement, TakenBy,
    Timestamp, Writer,
};
use bellhop::store::memory::{Mark, MemoryStore, Pace};

use super::actors::{caller, create_rooms};
use super::dice::Dice;
use super::letters::{self, Letters};
use super::world;

const ROOMS: u64 = 3;
const CALLS: u64 = 12;
/// Whom the channel gives every conversation to.
const GIVEN_TO: &str = "agt_0";

/// Messages of a conversation that nobody ever named here.
const ALBUM: u64 = 10;

/// A channel that does what it is told and often does not say so.
struct There {
    dice: Mutex<Dice>,
    letters: Option<Arc<Letters>>,
    /// Whose channel's actor dies while a message is on its way, once.
    dies: OnceLock<RoomRouter>,
    died: AtomicBool,
    /// Messages of which nobody knows whether they left.
    doubtful: Mutex<HashSet<(CallKey, u32)>>,
    complaints: Mutex<Vec<String>>,
}

/// What came about in a play.
#[derive(Clone, Copy, Debug)]
pub struct Came {
    pub takeovers: usize,
    pub by_webhook: usize,
    /// Effects started.
    pub marks: usize,
    /// The channel's actor died while a message was on its way.
    pub cut_off: bool,
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

/// Whom a call gives the conversation to; one that gives it back, to nobody.
fn hands_to(call: &FunctionCall) -> Option<AgentId> {
    let arguments: serde_json::Value = serde_json::from_str(&call.arguments).expect("arguments");
    let named = arguments["agent"].as_str().unwrap_or(GIVEN_TO);
    (call.name == "assign_agent").then(|| AgentId::trusted(named))
}

fn settled(job: &EffectJob) -> Settlement {
    let came_about = match job.plan.kind {
        EffectKind::Assignment => {
            let agent_id = hands_to(&job.call).unwrap_or_else(|| AgentId::trusted(GIVEN_TO));
            CameAbout::Assigned { agent_name: agent_id.to_string(), agent_id, because: None }
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
            let hands_to = hands_to(&job.call);
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

    fn write<'a>(&'a self, job: &'a EffectJob, part: &'a Part, _: Permit) -> OutsideFuture<'a, Sent> {
        Box::pin(async move {
            // Until it answers, and when its sender does not live to hear it.
            let message = (job.key, part.no);
            if part.rule == Rule::Once && !self.doubtful.lock().unwrap().insert(message) {
                let again = format!("I10: {} was sent again, and nobody knew whether it had left", job.call.call_id);
                self.complaints.lock().unwrap().push(again);
            }
            if let (Rule::Once, Some(router)) = (part.rule, self.dies.get())
                && !self.died.swap(true, Ordering::SeqCst)
            {
                router.kill_channel(job.address.company);
                std::future::pending::<()>().await;
            }
            let lag = self.lag().await;
            if lag != 0 {
                self.doubtful.lock().unwrap().remove(&message);
            }
            if let (Some(letters), Some(agent), 2..) = (&self.letters, hands_to(&job.call), lag) {
                letters.is_given_to(&job.address, agent.as_str());
            }
            Ok(match lag {
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

pub fn play(seed: u64) -> Came {
    actix::System::new().block_on(life(seed))
}

async fn life(seed: u64) -> Came {
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
    let letters = (seed % 2 == 1).then(|| Letters::new(seed));
    let there = Arc::new(There {
        dice: Mutex::new(Dice::new(seed)),
        letters: letters.clone(),
        dies: OnceLock::new(),
        died: AtomicBool::new(false),
        doubtful: Mutex::default(),
        complaints: Mutex::default(),
    });
    let threads = Threads::new(1);
    let arbiter = actix::Arbiter::new();
    threads.join(&arbiter.handle());
    store.deliver_to(Arc::new(threads.clone()));
    let channel = Some(LanePorts { counterpart: there.clone(), outbox: store.clone() });
    let options = RouterOptions { channel, ..RouterOptions::default() };
    let (clock, memory): (Arc<dyn Clock>, Arc<dyn Memory>) = (Arc::new(SystemClock::default()), store.clone());
    let router = RoomRouter::new(options, store.clone(), memory, clock, threads);
    if seed % 4 < 2 {
        assert!(there.dies.set(router.clone()).is_ok());
    }
    create_rooms(&router).await;
    actix::spawn(clock::bring_timers(router.clone()));
    let post = letters.clone().map(|letters| actix::spawn(take_inbox(router.clone(), letters, Arc::new(QontakEars), None)));
    let mailbox = letters.as_ref();
    let people = futures_util::future::join_all((0..ROOMS).map(|room| people(router.clone(), mailbox, seed, room)));
    let robots = futures_util::future::join_all((0..ROOMS).map(|room| robot(router.clone(), mailbox, seed, room)));
    futures_util::future::join(people, robots).await;
    if let Some(letters) = &letters {
        (0..ALBUM).for_each(|n| letters.says(&never_named(), letters::There::Customer, &format!("picture {n}")));
        are_read(letters, seed).await;
    }
    world::all_end(&store, seed).await;
    post.inspect(tokio::task::JoinHandle::abort);
    router.clear();
    arbiter.stop();
    assert_eq!(*there.complaints.lock().unwrap(), [""; 0], "seed {seed}");
    if letters.is_some() {
        check_album(&store, seed);
    }
    Came { cut_off: there.died.load(Ordering::SeqCst), ..check(&store, seed) }
}

/// A conversation that begins there.
fn never_named() -> RoomAddress {
    RoomAddress { company: world::COMPANY, room: RoomId::trusted("begun-there") }
}

async fn are_read(letters: &Letters, seed: u64) {
    for _ in 0..20_000 {
        if letters.are_all_read() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("seed {seed}: the webhooks never arrived");
}

/// Many at once, some twice, some late: one room, and everything in it.
fn check_album(store: &MemoryStore, seed: u64) {
    let addresses = store.addresses();
    let named = ["begun-there"].into_iter().map(String::from).chain((0..5).map(|n| world::address(n).room.to_string()));
    let (rooms, named): (HashSet<String>, HashSet<String>) =
        (addresses.iter().map(|at| at.room.to_string()).collect(), named.collect());
    assert_eq!((addresses.len(), &rooms), (named.len(), &named), "seed {seed}: I11: one room for each conversation");
    for address in addresses {
        let events = store.events(&address);
        let made = events.iter().filter(|event| matches!(event.fact, Fact::RoomCreated { .. })).count();
        assert_eq!(made, 1, "seed {seed}: I11: {} was made more than once", address.room);
    }
    let pictures = |event: &RoomEvent| matches!(&event.fact, Fact::MessageReceived { text, .. } if text.starts_with("picture"));
    let came = store.events(&never_named()).iter().filter(|event| pictures(event)).count();
    assert_eq!(came, usize::try_from(ALBUM).unwrap(), "seed {seed}: I11: every message is in the one room, once");
}

/// Takes and gives back, by our buttons or there.
async fn people(router: RoomRouter, letters: Option<&Arc<Letters>>, seed: u64, room: u64) {
    let address = world::address(room);
    let mut dice = Dice::new(seed ^ (room << 24) ^ 1);
    for n in 0..CALLS {
        tokio::time::sleep(Duration::from_micros(dice.roll(1_500))).await;
        let agent = AgentId::trusted(&format!("agt_{}", 1 + dice.roll(2)));
        if dice.rarely(6) {
            router.kill(&address);
        }
        if dice.rarely(24) {
            router.kill_channel(address.company);
        }
        if let Some(letters) = letters.filter(|_| !dice.rarely(4)) {
            match dice.roll(8) {
                0 => letters.is_taken_from(&address, agent.as_str()),
                1 => letters.is_resolved_by(&address, agent.as_str()),
                2..5 => letters.is_given_to(&address, agent.as_str()),
                _ => letters.says(&address, letters::There::Person(agent.as_str()), "I look into it"),
            }
            continue;
        }
        let command = match dice.roll(3) {
            0 => Command::GiveBack { of: None, reason: None },
            _ => Command::TakeOver { agent_name: agent.to_string(), agent, how: TakenBy::Takeover },
        };
        let _ = router.command(address.clone(), command, caller(), Cause::Request(format!("p{n}").into())).await;
    }
}

async fn robot(router: RoomRouter, letters: Option<&Arc<Letters>>, seed: u64, room: u64) {
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
        if let Some(letters) = letters {
            letters.says(&address, letters::There::Customer, "and another thing");
            continue;
        }
        let (message_id, text) = (format!("m{n}"), "and another thing".into());
        let message = Command::Message { message_id, from: Writer::Customer, agent_id: None, text };
        let _ = router.command(address.clone(), message, caller(), Cause::Message(format!("m{n}").into())).await;
    }
}

fn moves_control(event: &RoomEvent) -> bool {
    matches!(
        event.fact,
        Fact::RoomTaken { .. }
            | Fact::AgentAssigned { .. }
            | Fact::RoomReturned { .. }
            | Fact::RoomQueued { .. }
            | Fact::AssignmentDropped { .. }
            | Fact::RoomReopened { .. }
            | Fact::ConversationResolved { .. }
    )
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

fn check(store: &MemoryStore, seed: u64) -> Came {
    let (marks, calls) = (store.marks(), store.calls());
    for Mark { address, call, version, .. } in marks.iter().filter(|mark| mark.fenced) {
        let events = store.events(address);
        let asked = events.iter().find(|event| {
            matches!(&event.fact, Fact::EffectRequested { call_id, .. }
                if CallKey::of(address.company, call_id) == *call)
        });
        let asked = asked.expect("what was started was asked for").seq;
        let leave = leave_of(&events, *call, address.company);
        let moved = events
            .iter()
            .filter(|event| event.seq > asked && event.seq <= *version)
            .find(|event| moves_control(event) && !leave.is_some_and(|assignment| is_of(event, assignment)));
        let Some(moved) = moved else { continue };
        // Whoever has it by now is the very person whom it sends in.
        let mut room = Room::default();
        events.iter().take_while(|event| event.seq <= *version).for_each(|event| room.apply(event));
        let row = calls.iter().find(|row| row.call.key == *call).expect("it is a call");
        let theirs = room.assignee().is_some() && room.assignee() == hands_to(&row.call).as_ref();
        let journal = || events.iter().map(|event| format!("{} {:?} {:?}\n", event.seq, event.cause, event.fact));
        assert!(
            theirs,
            "seed {seed}: invariant 7, I6: {} was started at version {version}, after {moved:?}; its journal:\n{}",
            row.call.call_id,
            journal().collect::<String>()
        );
    }
    let events: Vec<RoomEvent> = store.addresses().into_iter().flat_map(|address| store.events(&address)).collect();
    let taken = |event: &&RoomEvent| matches!(event.fact, Fact::RoomTaken { .. });
    let by_webhook = events.iter().filter(taken).filter(|event| matches!(event.cause, Cause::Webhook(_))).count();
    Came { takeovers: events.iter().filter(taken).count(), by_webhook, marks: marks.len(), cut_off: false }
}
