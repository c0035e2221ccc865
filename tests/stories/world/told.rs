//! What a channel tells of conversations that go on in it, each with the time it happened: made from a seed, so that the same
//! number always tells the same. The shapes are the vendor's (qontak-api.md 2.3, 2.6).

use serde_json::{Value, json};

/// Between two things of one conversation lies less than this.
const LONGEST_GAP_MS: u64 = 900;
const PEOPLE: [&str; 3] = ["p1", "p2", "p3"];

/// SplitMix64.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03)
    }

    /// 0 to `sides - 1`.
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % sides
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[usize::try_from(self.roll(of.len() as u64)).unwrap()]
    }
}

/// One webhook.
#[derive(Clone)]
pub struct Telling {
    /// When it happened there, since whenever the story began.
    pub ms: u64,
    pub body: Value,
}

/// A conversation as it is there.
struct There {
    room: String,
    began: jiff::Timestamp,
    people: Vec<String>,
    tags: Vec<String>,
    resolved: bool,
}

impl There {
    fn at(&self, ms: u64) -> String {
        (self.began + std::time::Duration::from_millis(ms)).to_string()
    }

    fn room(&self, ms: u64) -> Value {
        let status = match (self.resolved, self.people.is_empty()) {
            (true, _) => "resolved",
            (false, true) => "unassigned",
            (false, false) => "assigned",
        };
        json!({
            "id": self.room, "channel": "wa_cloud", "account_uniq_id": format!("62812{}", &self.room[self.room.len() - 6..]),
            "name": "Budi", "status": status, "tags": self.tags, "agent_ids": self.people, "updated_at": self.at(ms),
            "resolved_at": self.resolved.then(|| self.at(ms)),
        })
    }

    fn message(&self, ms: u64, participant: &str, sender: &str, text: &str) -> Value {
        let of = if participant == "customer" { "receive_message_from_customer" } else { "receive_message_from_agent" };
        json!({
            "id": format!("m-{}-{ms}", self.room), "type": "text", "room_id": self.room, "text": text, "status": "sent",
            "participant_type": participant, "sender_id": sender, "created_at": self.at(ms), "room": self.room(ms),
            "webhook_event": "message_interaction", "data_event": of,
        })
    }

    fn person(&self, ms: u64, of: &str, person: &str) -> Value {
        json!({"room_id": self.room, "agent_id": person, "room": self.room(ms), "data_event": of})
    }

    fn event(&self, ms: u64, of: &str) -> Value {
        let mut body = self.room(ms);
        (body["data_event"], body["resolved_by_id"]) = (json!(of), json!("p1"));
        body
    }
}

/// At most `many` things that happen in `room`, in order; one that is resolved goes on only if it `reopens`.
pub fn conversation(dice: &mut Dice, room: &str, began: jiff::Timestamp, many: usize, reopens: bool) -> Vec<Telling> {
    let mut there = There { room: room.to_owned(), began, people: vec![], tags: vec![], resolved: false };
    let (mut told, mut ms) = (vec![], 0);
    while told.len() < many && (reopens || !there.resolved) {
        ms += dice.roll(LONGEST_GAP_MS) + 1;
        let who = dice.one(&PEOPLE);
        let body = match dice.roll(12) {
            _ if told.is_empty() => there.message(ms, "customer", "62812", "hello"),
            0..=2 => there.message(ms, "customer", "62812", dice.one(&["where is it?", "thanks!", "hello?"])),
            3 => there.message(ms, "bot", "bot", "we look"),
            4 => there.message(ms, "agent", who, "I look"),
            5 | 6 if !there.people.iter().any(|id| id == who) => {
                there.people.push(who.to_owned());
                there.person(ms, dice.one(&["assigned", "handover"]), who)
            }
            7 if !there.people.is_empty() => {
                let gone = there.people.remove(usize::try_from(dice.roll(there.people.len() as u64)).unwrap());
                there.person(ms, "unassigned", &gone)
            }
            8 | 9 => {
                let tag = dice.one(&["vip", "urgent", "refund"]);
                match there.tags.iter().position(|held| held == tag) {
                    Some(place) => drop(there.tags.remove(place)),
                    None => there.tags.push(tag.to_owned()),
                }
                there.event(ms, "room_updated")
            }
            // Mostly near its end, or the long ones would never be.
            10 if told.len() * 4 > many * 3 && dice.roll(3) == 0 => {
                there.resolved = true;
                there.event(ms, "room_resolved")
            }
            _ => there.message(ms, "customer", "62812", "and another thing"),
        };
        told.push(Telling { ms, body });
    }
    told
}
