//! Stories of a room: what commands lead to, and that the room is nothing but the fold of its journal.

mod again;
mod deliveries;
mod offers;
mod people;
mod there;

use super::command::decide;
use super::*;

fn at(minute: i64) -> Timestamp {
    Timestamp(1_763_634_720_000_000).plus_ms(minute * 60_000)
}

struct Scene {
    room: Room,
    company: Company,
    journal: Vec<RoomEvent>,
    now: Timestamp,
}

impl Scene {
    fn new() -> Self {
        let mut company = Company::empty(CompanyNo(1));
        let (id, name) = (AgentId::trusted("agt_1"), "Ana".to_owned());
        company.agents = vec![Agent { id, name, email: String::new(), divisions: vec![], status: Presence::Online, capacity: 1 }];
        Self { room: Room::default(), company, journal: vec![], now: at(0) }
    }

    fn open() -> Self {
        let mut scene = Self::new();
        scene.tell(Command::Describe { channel: "web_chat".into(), customer: Customer { handle: "c1".into(), name: None } });
        scene
    }

    fn happens(&mut self, fact: Fact) {
        let event = RoomEvent { seq: self.room.version + 1, at: self.now, by: By::System, cause: Cause::Timer("test"), fact };
        self.room.apply(&event);
        self.journal.push(event);
    }

    /// The facts it led to, already applied.
    fn tell(&mut self, command: Command) -> Vec<Fact> {
        let facts = self.hear(&command).unwrap();
        facts.iter().cloned().for_each(|fact| self.happens(fact));
        facts
    }

    fn hear(&self, command: &Command) -> Result<Vec<Fact>, Refusal> {
        decide(&self.room, command, &Ground { now: self.now, company: &self.company, approved: false })
    }

    fn says(&mut self, from: Writer, text: &str) {
        let message_id = format!("m{}", self.room.version);
        self.tell(Command::Message { message_id, from, agent_id: None, text: text.into() });
    }

    fn resolve(&mut self) {
        let handled_by = self.room.assignee().cloned();
        self.happens(Fact::ConversationResolved {
            reason_code: "answered".into(),
            note: None,
            handled_by,
            pending_effects: vec![],
            closing_message: None,
        });
    }

    fn queue(&mut self) -> u64 {
        let assignment = self.room.assignment + 1;
        self.happens(Fact::RoomQueued {
            target: AssignTarget::Auto,
            assignment,
            reason: None,
            leaves: false,
            but: None,
            there: false,
        });
        assignment
    }
}

fn offer(assignment: u64) -> Command {
    Command::Offer { agent: AgentId::trusted("agt_1"), agent_name: "Ana".into(), assignment, because: None }
}

#[test]
fn a_room_begins_with_a_description_or_a_message_and_nothing_else() {
    for command in [Command::Pause { reason: None }, Command::Resume, Command::Wake, offer(1), Command::Snooze { until: at(5) }] {
        assert_eq!(Scene::new().hear(&command).unwrap_err().code, "unknown_room", "{command:?}");
    }
    let mut scene = Scene::new();
    scene.says(Writer::Customer, "hi");
    assert!(matches!(scene.journal[0].fact, Fact::RoomCreated { .. }) && scene.room.last_inbound_seq == 2);
}

#[test]
fn saying_again_what_a_room_is_called_changes_nothing() {
    let mut scene = Scene::open();
    let same = Command::Describe { channel: "web_chat".into(), customer: Customer::clone(&scene.room.customer) };
    assert_eq!(scene.tell(same), []);
    let other = Command::Describe { channel: "whatsapp".into(), customer: Customer::clone(&scene.room.customer) };
    assert!(matches!(scene.tell(other).as_slice(), [Fact::RoomDescribed { .. }]));
    assert_eq!((scene.room.version, &*scene.room.channel), (2, "whatsapp"));
}

#[test]
fn who_wrote_last_decides_who_is_waited_for() {
    let mut scene = Scene::open();
    scene.company.settings.people.reply_takes_over = false;
    scene.says(Writer::Customer, &"é".repeat(200));
    assert_eq!((scene.room.last_inbound_seq, scene.room.lifecycle), (2, Lifecycle::Open));
    assert_eq!(scene.room.last_inbound_preview.chars().count(), Room::PREVIEW_CHARACTERS);
    scene.says(Writer::AiAgent, "hello");
    assert_eq!((scene.room.last_inbound_seq, scene.room.lifecycle), (2, Lifecycle::Waiting { since: at(0) }));
    scene.now = at(1);
    scene.says(Writer::Agent, "still there?");
    assert_eq!(scene.room.lifecycle, Lifecycle::Waiting { since: at(0) }, "waiting since the first");
    scene.says(Writer::Customer, "yes");
    assert_eq!((scene.room.last_inbound_seq, scene.room.lifecycle), (5, Lifecycle::Open));
    let stranger = Command::Message {
        message_id: "x".into(),
        from: Writer::Agent,
        agent_id: Some(AgentId::trusted("agt_9")),
        text: "a".into(),
    };
    assert_eq!(scene.hear(&stranger).unwrap_err().code, "unknown_agent");
}

#[test]
fn only_a_customer_opens_a_resolved_room_and_the_bot_has_it_then() {
    let mut scene = Scene::open();
    scene.resolve();
    scene.says(Writer::Agent, "bye");
    assert_eq!((scene.room.lifecycle.as_str(), scene.room.control.as_str(), scene.room.episode), ("resolved", "nobody", 1));
    let epoch = scene.room.epoch;
    scene.says(Writer::Customer, "one more thing");
    assert_eq!((scene.room.lifecycle.as_str(), scene.room.control.as_str(), scene.room.episode), ("open", "bot", 2));
    assert_eq!((scene.room.epoch, scene.room.resolution.is_none()), (epoch + 1, true));
}

#[test]
fn an_offer_is_taken_only_for_the_assignment_it_is_for() {
    let mut scene = Scene::open();
    let first = scene.queue();
    let second = scene.queue();
    assert_eq!(scene.tell(offer(first)), [], "overtaken");
    assert!(matches!(scene.tell(offer(second)).as_slice(), [Fact::AgentAssigned { .. }]));
    assert_eq!(scene.room.assignee(), Some(&AgentId::trusted("agt_1")));
    assert_eq!(scene.tell(offer(second)), [], "twice");
    let third = scene.queue();
    scene.resolve();
    assert_eq!(scene.tell(offer(third)), [], "resolved meanwhile");
}

#[test]
fn a_pause_and_a_snooze_are_said_once_and_end() {
    let mut scene = Scene::open();
    assert_eq!(scene.tell(Command::Resume), []);
    scene.tell(Command::Pause { reason: Some("look".into()) });
    assert_eq!((scene.tell(Command::Pause { reason: None }), scene.room.paused), (vec![], true));
    scene.tell(Command::Resume);
    assert!(!scene.room.paused);

    assert_eq!(scene.hear(&Command::Snooze { until: at(0) }).unwrap_err().code, "argument_invalid");
    scene.tell(Command::Snooze { until: at(5) });
    assert_eq!(scene.tell(Command::Snooze { until: at(5) }), []);
    assert_eq!(scene.tell(Command::Wake), [], "a timer of an earlier snooze");
    scene.now = at(5);
    assert_eq!(scene.tell(Command::Wake), [Fact::RoomWoken]);
    assert_eq!((scene.room.lifecycle, scene.tell(Command::Wake)), (Lifecycle::Open, vec![]));
    scene.tell(Command::Snooze { until: at(9) });
    scene.says(Writer::Customer, "hello?");
    assert_eq!(scene.room.lifecycle, Lifecycle::Open, "a customer wakes it");
    scene.resolve();
    assert_eq!(scene.hear(&Command::Snooze { until: at(9) }).unwrap_err().code, "room_resolved");
}

#[test]
fn parked_calls_stand_in_order_until_they_are_answered() {
    let mut scene = Scene::open();
    let park = |id: &str| Fact::CallParked {
        call_id: CallId::trusted(id),
        name: "create_tag".into(),
        on: ParkedOn::Pause,
        beside: vec![],
        asked: None,
    };
    let answer = |id: &str| Fact::CallAnswered {
        call_id: CallId::trusted(id),
        name: "x".into(),
        status: CallStatus::Succeeded,
        code: None,
    };
    for fact in [park("a"), park("b"), park("c"), answer("b"), answer("never parked")] {
        scene.happens(fact);
    }
    let parked: Vec<&str> = scene.room.parked.iter().map(|call| call.call_id.as_str()).collect();
    assert_eq!(parked, ["a", "c"]);
}

/// Any commands and facts in any order: the room is the fold of its journal, and the epoch counts exactly the moves of control.
#[test]
fn whatever_happens_a_room_is_the_fold_of_its_journal() {
    for seed in 0..300_u64 {
        let mut dice = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut roll = |sides: u64| {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (dice >> 33) % sides
        };
        let mut scene = Scene::open();
        let mut halfway = None;
        for step in 0..60 {
            let (control, epoch, version) = (scene.room.control.clone(), scene.room.epoch, scene.room.version);
            scene.now = scene.now.plus_ms(i64::try_from(roll(90_000)).unwrap());
            let before = scene.journal.len();
            match roll(10) {
                0 => scene.says(Writer::Customer, "a"),
                1 => scene.says(Writer::AiAgent, "b"),
                2 => drop(scene.tell(Command::Pause { reason: None })),
                3 => drop(scene.tell(Command::Resume)),
                4 if scene.room.lifecycle.as_str() != "resolved" => {
                    drop(scene.tell(Command::Snooze { until: scene.now.plus_ms(60_000) }));
                }
                5 => drop(scene.tell(Command::Wake)),
                6 if scene.room.lifecycle.as_str() != "resolved" => drop(scene.queue()),
                7 => drop(scene.tell(offer(scene.room.assignment))),
                8 if roll(3) == 0 && scene.room.lifecycle.as_str() != "resolved" => scene.resolve(),
                _ => scene.happens(Fact::TagsAdded { tags: vec![["x", "X", "y"][roll(3) as usize].into()], created: vec![] }),
            }
            assert_eq!(scene.room.version - version, (scene.journal.len() - before) as i64, "seed {seed}");
            if scene.journal.len() == before + 1 {
                let moved = i64::from(scene.room.control != control);
                assert_eq!(scene.room.epoch - epoch, moved, "seed {seed} step {step}");
            }
            assert!(scene.room.epoch >= epoch, "seed {seed}");
            assert_eq!(scene.room.lifecycle.as_str() == "resolved", scene.room.resolution.is_some(), "seed {seed}");
            if step == 30 {
                halfway = Some(serde_json::to_vec(&scene.room).unwrap());
            }
        }
        let mut folded = Room::default();
        // What an event was for is not folded; the store relies on it (store/catch_up.rs).
        let for_nothing = |event: &RoomEvent| RoomEvent { cause: Cause::Request("".into()), ..event.clone() };
        scene.journal.iter().for_each(|event| folded.apply(&for_nothing(event)));
        assert_eq!(folded, scene.room, "seed {seed}");
        let mut woken: Room = serde_json::from_slice(&halfway.unwrap()).unwrap();
        scene.journal.iter().skip(usize::try_from(woken.version).unwrap()).for_each(|event| woken.apply(event));
        assert_eq!(woken, scene.room, "seed {seed}: a snapshot is a shorter way to the same room");
    }
}

/// Journals live for ever: these texts are what old ones hold. Add lines, never change one.
#[test]
fn facts_are_written_as_they_always_were() {
    let agent_id = AgentId::trusted("agt_1");
    for (fact, text) in [
        (
            Fact::RoomCreated { channel: "w".into(), customer: Customer::default() },
            r#"{"type":"room_created","channel":"w","customer":{"handle":""}}"#,
        ),
        (Fact::RoomReopened { episode: 2, anew: false, keeps_tags: false }, r#"{"type":"room_reopened","episode":2}"#),
        (
            Fact::MessageReceived {
                message_id: "m".into(),
                from: Writer::AiAgent,
                agent_id: None,
                text: "t".into(),
                late: false,
                said_at: None,
                aside: false,
            },
            r#"{"type":"message_received","message_id":"m","from":"ai_agent","text":"t"}"#,
        ),
        (Fact::TagsAdded { tags: vec!["a".into()], created: vec![] }, r#"{"type":"tags_added","tags":["a"]}"#),
        (
            Fact::ConversationResolved {
                reason_code: "r".into(),
                note: None,
                handled_by: Some(agent_id.clone()),
                pending_effects: vec![],
                closing_message: None,
            },
            r#"{"type":"conversation_resolved","reason_code":"r","handled_by":"agt_1"}"#,
        ),
        (
            Fact::RoomQueued {
                target: AssignTarget::Division { division: DivisionId::trusted("d") },
                assignment: 7,
                reason: None,
                leaves: false,
                but: None,
                there: false,
            },
            r#"{"type":"room_queued","target":{"mode":"division","division":"d"},"assignment":7}"#,
        ),
        (
            Fact::AgentAssigned { agent_id, agent_name: "Ana".into(), assignment: 7, because: None },
            r#"{"type":"agent_assigned","agent_id":"agt_1","agent_name":"Ana","assignment":7}"#,
        ),
        (Fact::RoomSnoozed { until: Timestamp(5) }, r#"{"type":"room_snoozed","until":5}"#),
        (Fact::RoomWoken, r#"{"type":"room_woken"}"#),
        (
            Fact::CallParked {
                call_id: CallId::trusted("c"),
                name: "n".into(),
                on: ParkedOn::Offer,
                beside: vec![],
                asked: None,
            },
            r#"{"type":"call_parked","call_id":"c","name":"n","on":"offer"}"#,
        ),
        (
            Fact::CallAnswered {
                call_id: CallId::trusted("c"),
                name: "n".into(),
                status: CallStatus::Refused,
                code: Some("x".into()),
            },
            r#"{"type":"call_answered","call_id":"c","name":"n","status":"refused","code":"x"}"#,
        ),
    ] {
        assert_eq!(serde_json::to_string(&fact).unwrap(), text);
        assert_eq!(serde_json::from_str::<Fact>(text).unwrap(), fact);
    }
}

#[test]
fn states_have_one_spelling_each() {
    for status in CallStatus::ALL {
        assert_eq!(CallStatus::parse(status.as_str()), Some(status));
        assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
    }
    let open: Vec<&str> = CallStatus::ALL.into_iter().filter(|status| !status.is_final()).map(CallStatus::as_str).collect();
    assert_eq!(open, ["accepted", "running", "scheduled", "parked", "unknown"]);
}

#[test]
fn ids_are_short_plain_and_cannot_be_confused() {
    use ids::IdProblem;
    assert_eq!(CallId::new(""), Err(IdProblem::Empty));
    assert_eq!(CallId::new(&"a".repeat(129)), Err(IdProblem::TooLong));
    for bad in ["a b", "a/b", "é", "a\0", "a\n", "😀", ".", ".."] {
        assert_eq!(CallId::new(bad), Err(IdProblem::Character), "{bad:?}");
    }
    assert!(CallId::new(&"aZ0._:-".repeat(18)).is_ok());
    for bad in ["a b", "a\u{202e}b", "a\u{200b}", "a\u{feff}", "a\u{7f}", "a\t", ".", ".."] {
        assert_eq!(RoomId::new(bad), Err(IdProblem::Character), "{bad:?}");
    }
    assert!(RoomId::new("web/0042#é").is_ok());

    let hash = |parts: &[&[u8]]| ids::hash16(b"t", CompanyNo(1), parts);
    assert_ne!(hash(&[b"ab", b"c"]), hash(&[b"a", b"bc"]));
    assert_ne!(hash(&[b"ab"]), hash(&[b"ab", b""]));
    let id = CallId::trusted("c");
    assert_ne!(CallKey::of(CompanyNo(1), &id), CallKey::of(CompanyNo(2), &id));
}

#[test]
fn times_are_told_in_utc() {
    assert_eq!(at(0).to_text(), "2025-11-20T10:32:00Z");
    assert_eq!(Timestamp(1_500_000).to_text(), "1970-01-01T00:00:01.5Z");
    assert!(Timestamp(i64::MAX).to_text().starts_with("9999-12-30") && Timestamp(i64::MIN).to_text().starts_with("-009999"));
    assert_eq!((at(1).ms_since(at(0)), at(0).ms_since(at(1))), (60_000, 0));
    assert_eq!(Timestamp(i64::MAX).plus_ms(i64::MAX), Timestamp(i64::MAX));
}

#[test]
fn policies_have_bounds() {
    let with = |change: fn(&mut Settings)| {
        let mut settings = Settings::default();
        change(&mut settings);
        settings.check().map_err(|bad| bad.name)
    };
    assert_eq!(with(|_| {}), Ok(()));
    assert_eq!(with(|settings| settings.max_tags_per_room = 1_000), Ok(()));
    assert_eq!(with(|settings| settings.max_tags_per_room = 1_001), Err("max_tags_per_room"));
    assert_eq!(with(|settings| settings.max_tags_per_call = 0), Err("max_tags_per_call"));
    assert_eq!(with(|settings| settings.max_tags_per_company = 100_001), Err("max_tags_per_company"));
    for codes in [&[][..], &["a", "a"], &["Not Plain"], &[""], &["a_code_that_is_longer_than_forty_characters_"]] {
        let settings = Settings { resolve_reasons: codes.iter().map(|code| (*code).to_owned()).collect(), ..Settings::default() };
        assert_eq!(settings.check().map_err(|bad| bad.name), Err("resolve_reasons"), "{codes:?}");
    }
}
