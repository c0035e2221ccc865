//! What rooms make of webhooks, in order and out of order, against the pure room.

use std::collections::{BTreeSet, HashSet};

use serde_json::{Value, json};

use super::*;
use crate::room::{Agent, AssignTarget, Cause, Control, Fact, Ground, Lifecycle, Presence, Room, RoomEvent, RoomId, command};

const START_MS: i64 = 1_795_170_720_000;

fn company() -> Company {
    let mut company = Company::empty(CompanyNo(1));
    company.channel = ChannelKind::Qontak;
    let (id, divisions, status) = (AgentId::trusted("agt_ana"), vec![], Presence::Online);
    company.agents = vec![Agent { id, name: "Ana".into(), email: "Ana@acme.example".into(), divisions, status, capacity: 5 }];
    company
}

/// A room and what is known of its conversation, as the worker keeps them.
struct Scene {
    company: Company,
    room: Room,
    known: Option<String>,
    labels: HashSet<[u8; 16]>,
    messages: BTreeSet<String>,
    emails: Vec<(String, String)>,
    late: usize,
}

impl Scene {
    fn new() -> Self {
        let (messages, labels) = (BTreeSet::new(), HashSet::new());
        Self { company: company(), room: Room::default(), known: None, labels, messages, emails: vec![], late: 0 }
    }

    fn tell(&mut self, by: By, command: &Command) {
        let now = Timestamp(self.room.last_event_at.0 + 1_000);
        let ground = Ground { now, company: &self.company, approved: false };
        // The store knows each message once.
        if command.message_id().is_some_and(|id| !self.messages.insert(id.to_owned())) {
            return;
        }
        for fact in command::decide(&self.room, command, &ground).unwrap_or_default() {
            self.late += usize::from(matches!(fact, Fact::MessageReceived { late: true, .. }));
            let seq = self.room.version + 1;
            self.room.apply(&RoomEvent { seq, at: now, by: by.clone(), cause: Cause::Webhook(1), fact });
        }
    }

    fn hears(&mut self, body: &Value) {
        let text = body.to_string();
        let label = QontakEars.label(ChannelKind::Qontak, CompanyNo(1), text.as_bytes()).unwrap();
        if !self.labels.insert(label.key) {
            return;
        }
        let received_at = Timestamp((START_MS + 3_600_000) * 1_000);
        let row = InboxRow {
            position: 1,
            company: CompanyNo(1),
            source: ChannelKind::Qontak,
            room: label.room,
            body: text.into(),
            received_at,
            emails: self.emails.clone(),
        };
        let heard = QontakEars.hear(&row, self.known.as_deref(), &self.company);
        for (by, command) in heard.tells {
            self.tell(by, &command);
        }
        self.known = heard.known.or(self.known.take());
    }

    fn holder(&self) -> String {
        match &self.room.control {
            Control::Person { agent, .. } => agent.to_string(),
            other => other.as_str().to_owned(),
        }
    }

    fn tags(&self) -> BTreeSet<String> {
        self.room.tags.iter().map(|tag| tag.folded.clone()).collect()
    }

    /// What two runs must agree on.
    fn end(&self, with_status: bool) -> (String, String, BTreeSet<String>, BTreeSet<String>) {
        let resolved = matches!(self.room.lifecycle, Lifecycle::Resolved { .. });
        let status = if with_status { self.room.lifecycle.as_str() } else { ["going on", "resolved"][usize::from(resolved)] };
        (status.to_owned(), self.holder(), self.tags(), self.messages.clone())
    }
}

fn at(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(START_MS + ms).unwrap().to_string()
}

/// A conversation there, and what it tells.
#[derive(Clone, Default)]
struct Vendor {
    agents: Vec<String>,
    tags: Vec<String>,
    resolved: bool,
}

impl Vendor {
    fn room(&self, ms: i64) -> Value {
        let status = if self.resolved { "resolved" } else { "unassigned" };
        json!({
            "id": "room-1", "channel": "wa_cloud", "account_uniq_id": "62812", "name": "Budi", "status": status,
            "tags": self.tags, "agent_ids": self.agents, "updated_at": at(ms), "resolved_at": self.resolved.then(|| at(ms)),
        })
    }

    fn message(&self, ms: i64, participant: &str, sender: &str, text: &str) -> Value {
        let of = if participant == "customer" { "receive_message_from_customer" } else { "receive_message_from_agent" };
        json!({
            "id": format!("m{ms}"), "type": "text", "room_id": "room-1", "text": text, "participant_type": participant,
            "sender_id": sender, "created_at": at(ms), "room": self.room(ms), "data_event": of, "status": "sent",
        })
    }

    fn agent(&self, ms: i64, of: &str, agent: &str) -> Value {
        json!({"room_id": "room-1", "agent_id": agent, "room": self.room(ms), "data_event": of})
    }

    fn event(&self, ms: i64, of: &str) -> Value {
        let mut body = self.room(ms);
        body["data_event"] = json!(of);
        body["resolved_by_id"] = json!("p1");
        body
    }
}

struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[usize::try_from(self.below(of.len() as u64)).unwrap()]
    }
}

const PEOPLE: [&str; 4] = ["p1", "p2", "p3", "agt_ana"];

/// What is told of a conversation, each with its time; `reopens`: it goes on after it was resolved.
fn conversation(chance: &mut Chance, reopens: bool) -> Vec<(i64, Value)> {
    let (mut there, mut told, mut ms) = (Vendor::default(), vec![], 0);
    for _ in 0..chance.below(30) + 4 {
        ms += i64::try_from(chance.below(900)).unwrap() + 1;
        let who = chance.one(&PEOPLE);
        if there.resolved && !reopens {
            break;
        }
        let body = match chance.below(12) {
            0..=2 => there.message(ms, "customer", "62812", chance.one(&["hello", "where is it?", "thanks!"])),
            3 => there.message(ms, "bot", "bot", "we look"),
            4 => there.message(ms, "agent", who, "I look"),
            5 | 6 if !there.agents.iter().any(|id| id == who) => {
                there.agents.push(who.to_owned());
                there.agent(ms, chance.one(&["assigned", "handover"]), who)
            }
            7 if !there.agents.is_empty() => {
                let place = usize::try_from(chance.below(there.agents.len() as u64)).unwrap();
                let gone = there.agents.remove(place);
                there.agent(ms, "unassigned", &gone)
            }
            8 | 9 => {
                let tag = chance.one(&["vip", "urgent", "refund"]);
                match there.tags.iter().position(|held| held == tag) {
                    Some(place) => drop(there.tags.remove(place)),
                    None => there.tags.push(tag.to_owned()),
                }
                there.event(ms, "room_updated")
            }
            10 if chance.below(4) == 0 => {
                there.resolved = true;
                there.event(ms, "room_resolved")
            }
            _ => there.message(ms, "customer", "62812", "and another thing"),
        };
        told.push((ms, body));
    }
    told
}

#[test]
fn any_order_within_five_seconds_ends_alike() {
    let mut late = 0;
    for seed in 1..=2_000_u64 {
        let mut chance = Chance(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let reopens = seed % 4 == 0;
        let told = conversation(&mut chance, reopens);
        let mut ordered = Scene::new();
        told.iter().for_each(|(_, body)| ordered.hears(body));
        // A fifth of it twice, each up to five seconds late.
        let mut delivered: Vec<(i64, &Value)> = vec![];
        for (ms, body) in &told {
            for _ in 0..1 + usize::from(chance.below(5) == 0) {
                delivered.push((ms + i64::try_from(chance.below(5_000)).unwrap(), body));
            }
        }
        delivered.sort_by_key(|(ms, _)| *ms);
        let mut shuffled = Scene::new();
        delivered.iter().for_each(|(_, body)| shuffled.hears(body));
        let story = || delivered.iter().map(|(_, body)| body.to_string()).collect::<Vec<_>>().join("\n");
        assert_eq!(shuffled.end(!reopens), ordered.end(!reopens), "seed {seed}\n{}", story());
        late += shuffled.late;
        assert_eq!(ordered.late, 0, "seed {seed}: in order nothing is late");
    }
    assert!(late > 2_000, "the shuffles shuffle: {late}");
}

#[test]
fn people_there_take_the_conversation_and_leave_it() {
    let (mut scene, mut there) = (Scene::new(), Vendor::default());
    scene.hears(&there.message(1, "customer", "62812", "hello"));
    assert_eq!(
        (scene.room.channel.as_str(), scene.room.customer.handle.as_str(), scene.holder().as_str()),
        ("wa_cloud", "62812", "bot")
    );
    // By answering; known to us by their address.
    let mut reply = there.message(2, "agent", "5f-ana", "I am Ana");
    reply["sender"] = json!({"full_name": "Ana there", "email": "ana@ACME.example"});
    scene.hears(&reply);
    assert_eq!(scene.holder(), "agt_ana");
    there.agents = vec!["p2".into()];
    scene.hears(&there.agent(3, "assigned", "p2"));
    assert_eq!(scene.holder(), "p2");
    let epoch = scene.room.epoch;
    scene.hears(&there.message(4, "agent", "p2", "I have it"));
    assert_eq!(scene.room.epoch, epoch, "who has it already does not take it");
    there.agents.clear();
    scene.hears(&there.agent(5, "unassigned", "p2"));
    assert_eq!(scene.holder(), "bot");
    // Given back here, then they write again.
    scene.hears(&there.message(6, "agent", "p2", "me again"));
    scene.tell(By::System, &Command::GiveBack { of: None, reason: None });
    scene.hears(&there.message(7, "agent", "p2", "and again"));
    assert_eq!(scene.holder(), "p2");
    scene.hears(&there.message(8, "bot", "bot", "our own words"));
    assert_eq!(scene.holder(), "p2", "an echo moves nothing");
    there.resolved = true;
    scene.hears(&there.event(9, "room_resolved"));
    let resolution = scene.room.resolution.clone().unwrap();
    assert_eq!((resolution.reason_code.as_str(), resolution.by.as_str()), (RESOLVED_THERE, "agent:p1"));
}

#[test]
fn what_we_did_ourselves_does_not_move_the_room_twice() {
    let (mut scene, mut there) = (Scene::new(), Vendor::default());
    scene.hears(&there.message(1, "customer", "62812", "hello"));
    let ana = AgentId::trusted("agt_ana");
    let asks = |scene: &mut Scene, target: AssignTarget| {
        let (seq, at) = (scene.room.version + 1, scene.room.last_event_at);
        let assignment = scene.room.assignment + 1;
        let fact = Fact::RoomQueued { target, assignment, reason: None, leaves: false, but: None, there: true };
        scene.room.apply(&RoomEvent { seq, at, by: By::System, cause: Cause::Webhook(1), fact });
    };
    asks(&mut scene, AssignTarget::Agent { agent: ana.clone() });
    there.agents = vec!["agt_ana".into()];
    let version = scene.room.version;
    scene.hears(&there.agent(2, "assigned", "agt_ana"));
    assert_eq!((scene.room.version, scene.holder().as_str()), (version, "queue"), "the effect's end will say it");
    // Somebody else chose another person.
    there.agents.push("p3".into());
    scene.hears(&there.agent(3, "assigned", "p3"));
    assert_eq!(scene.holder(), "p3");
}

#[test]
fn somebody_named_by_an_id_alone_is_who_the_channel_says() {
    let (mut scene, mut there) = (Scene::new(), Vendor::default());
    scene.emails = vec![("5f-ana".into(), "ANA@acme.example".into()), ("5f-none".into(), String::new())];
    there.agents = vec!["5f-ana".into()];
    scene.hears(&there.agent(1, "assigned", "5f-ana"));
    assert_eq!(scene.holder(), "agt_ana");
    scene.hears(&there.message(2, "agent", "5f-ana", "I am Ana"));
    assert_eq!(scene.room.assignment, 1, "she has it already");
    there.agents = vec!["5f-none".into()];
    scene.hears(&there.agent(3, "assigned", "5f-none"));
    assert_eq!(scene.holder(), "5f-none");
}

#[test]
fn what_was_said_before_the_room_was_made_counts_from_then_on() {
    let (mut scene, there) = (Scene::new(), Vendor::default());
    let mut bare = there.agent(1, "assigned", "p1");
    bare["room"] = Value::Null;
    scene.hears(&bare);
    assert!(!scene.room.exists(), "nobody knows where it is or with whom");
    scene.hears(&json!({"data_event": "room_updated", "id": "room-1", "tags": ["vip"], "updated_at": at(2)}));
    scene.hears(&there.message(3, "customer", "62812", "hello"));
    // It came without a time, so it is taken to have happened when it came: after the message.
    assert_eq!((scene.holder().as_str(), scene.tags()), ("p1", BTreeSet::from(["vip".into()])));
}

#[test]
fn an_ending_there_is_not_told_twice_while_ours_is_under_way() {
    let (mut scene, mut there) = (Scene::new(), Vendor::default());
    scene.hears(&there.message(1, "customer", "62812", "hello"));
    let plan = crate::room::EffectPlan::absolute(crate::room::EffectKind::Resolution, true);
    let fact = Fact::EffectRequested { call_id: crate::room::CallId::trusted("c1"), name: "resolve_conversation".into(), plan };
    let (seq, at) = (scene.room.version + 1, scene.room.last_event_at);
    scene.room.apply(&RoomEvent { seq, at, by: By::System, cause: Cause::Webhook(1), fact });
    there.resolved = true;
    scene.hears(&there.event(2, "room_resolved"));
    assert!(scene.room.resolution.is_none(), "the effect settles it, with its own reason");
}

#[test]
fn tags_that_only_we_know_stay() {
    let (mut scene, mut there) = (Scene::new(), Vendor::default());
    scene.hears(&there.message(1, "customer", "62812", "hello"));
    scene.tell(By::System, &Command::Tag { tags: vec!["ours".into()] });
    there.tags = vec!["VIP".into(), "\u{0}".into(), "urgent".into()];
    scene.hears(&there.event(2, "room_updated"));
    assert_eq!(scene.tags(), BTreeSet::from(["ours".into(), "vip".into(), "urgent".into()]));
    there.tags = vec!["urgent".into()];
    scene.hears(&there.event(4, "room_updated"));
    there.tags = vec!["vip".into(), "refund".into()];
    scene.hears(&there.event(3, "room_updated"));
    assert_eq!(scene.tags(), BTreeSet::from(["ours".into(), "urgent".into()]), "what is older moves nothing");
}

#[test]
fn a_clock_that_is_ahead_makes_nothing_else_late() {
    let (mut scene, there) = (Scene::new(), Vendor::default());
    let mut ahead = there.message(1, "customer", "62812", "from the future");
    ahead["created_at"] = json!("2099-01-01T00:00:00Z");
    scene.hears(&ahead);
    assert_eq!(scene.late, 0);
    let kept: Value = serde_json::from_str(scene.known.as_deref().unwrap()).unwrap();
    assert_eq!(kept["spoke"], json!((START_MS + 3_600_000) * 1_000), "it is taken to have happened when it came");
}

#[test]
fn labels_tell_repetitions_from_news() {
    let there = Vendor::default();
    let label = |body: &Value| QontakEars.label(ChannelKind::Qontak, CompanyNo(1), body.to_string().as_bytes()).unwrap();
    let message = there.message(1, "customer", "62812", "hello");
    let mut again = message.clone();
    again["unread_count"] = json!(7);
    assert_eq!(label(&message), label(&again));
    let mut status = message.clone();
    status["data_event"] = json!("status_message");
    let sent = label(&status);
    status["status"] = json!("read");
    assert!(sent != label(&message) && sent != label(&status));
    assert_ne!(label(&there.event(1, "room_updated")), label(&there.event(2, "room_updated")), "a room's id is not its event's");
    assert_ne!(label(&there.agent(1, "assigned", "p1")), label(&there.agent(1, "assigned", "p2")));
    assert_eq!(label(&message).room, Some(RoomId::trusted("room-1")));
    assert_eq!(QontakEars.label(ChannelKind::Qontak, CompanyNo(1), b"nonsense"), None);
    let other = QontakEars.label(ChannelKind::Qontak, CompanyNo(2), message.to_string().as_bytes()).unwrap();
    assert_ne!(other.key, label(&message).key, "and each company has its own");
}
