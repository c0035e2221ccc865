//! The channel's own inbox tells what its people and customers do: webhooks in the vendor's shape, some twice, some overtaken by
//! others, kept in a memory that fails now and then. The real ears and the real postman bring them to their rooms.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};

use bellhop::actors::SystemClock;
use bellhop::actors::inbox::{Believed, Done, Ears, Inbox, InboxRow, Letter, Overheard};
use bellhop::actors::outside::OutsideFuture;
use bellhop::actors::ports::Clock;
use bellhop::channel::hearing::QontakEars;
use bellhop::room::delivery::{Delivery, DeliveryWord};
use bellhop::room::{ChannelKind, RoomAddress, Timestamp};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::dice::Dice;
use super::world::COMPANY;

/// Who does something there.
#[derive(Clone, Copy, Debug)]
pub enum There<'a> {
    Customer,
    Person(&'a str),
}

#[derive(Default)]
struct Book {
    rows: Vec<InboxRow>,
    done: HashSet<i64>,
    keys: HashSet<[u8; 16]>,
    known: HashMap<RoomAddress, String>,
    /// The newest time of anything there: no two things happen at once.
    last: i64,
    messages: u64,
    /// Told later than what happened after it.
    late: Vec<Value>,
}

pub struct Letters {
    book: Mutex<Book>,
    dice: Mutex<Dice>,
    clock: SystemClock,
    bell: Arc<Notify>,
}

impl Letters {
    pub fn new(seed: u64) -> Arc<Self> {
        let (book, dice) = (Mutex::default(), Mutex::new(Dice::new(seed ^ 0x1E77E5)));
        Arc::new(Self { book, dice, clock: SystemClock::default(), bell: Arc::default() })
    }

    /// Somebody writes in this conversation.
    pub fn says(&self, room: &RoomAddress, who: There<'_>, text: &str) {
        let mut book = self.book();
        book.messages += 1;
        let (participant, sender, event) = match who {
            There::Customer => ("customer", "628120000", "receive_message_from_customer"),
            There::Person(id) => ("agent", id, "receive_message_from_agent"),
        };
        let body = json!({
            "id": format!("there-{}", book.messages), "type": "text", "text": text, "participant_type": participant,
            "sender_id": sender, "room_id": room.room.as_str(), "created_at": self.now(&mut book),
            "room": self.room(room, &[]), "data_event": event,
        });
        self.tell(book, body);
    }

    /// The conversation is given to somebody there, by whomever.
    pub fn is_given_to(&self, room: &RoomAddress, agent: &str) {
        self.changes_hands(room, "assigned", agent, &[agent]);
    }

    pub fn is_taken_from(&self, room: &RoomAddress, agent: &str) {
        self.changes_hands(room, "unassigned", agent, &[]);
    }

    pub fn is_resolved_by(&self, room: &RoomAddress, agent: &str) {
        let mut book = self.book();
        let at = self.now(&mut book);
        let body = json!({
            "id": room.room.as_str(), "channel": "wa_cloud", "account_uniq_id": "628120000", "updated_at": at, "resolved_at": at,
            "resolved_by_id": agent, "data_event": "room_resolved",
        });
        self.tell(book, body);
    }

    /// Everything was told, and every room has heard it.
    pub fn are_all_read(&self) -> bool {
        let mut book = self.book();
        let late = std::mem::take(&mut book.late);
        late.into_iter().for_each(|body| self.keep(&mut book, &body));
        let read = book.done.len() == book.rows.len();
        drop(book);
        self.bell.notify_one();
        read
    }

    fn changes_hands(&self, room: &RoomAddress, event: &str, agent: &str, here: &[&str]) {
        let mut book = self.book();
        let body = json!({
            "room_id": room.room.as_str(), "agent_id": agent, "room": self.room(room, here), "created_at": self.now(&mut book),
            "data_event": event,
        });
        self.tell(book, body);
    }

    fn room(&self, room: &RoomAddress, here: &[&str]) -> Value {
        json!({"id": room.room.as_str(), "channel": "wa_cloud", "account_uniq_id": "628120000", "agent_ids": here})
    }

    fn now(&self, book: &mut Book) -> String {
        book.last = self.clock.now().0.max(book.last + 1);
        jiff::Timestamp::from_microsecond(book.last).unwrap().to_string()
    }

    fn tell(&self, mut book: MutexGuard<'_, Book>, body: Value) {
        match self.roll(8) {
            0 => book.late.push(body),
            1 => {
                self.keep(&mut book, &body);
                self.keep(&mut book, &body);
            }
            _ => self.keep(&mut book, &body),
        }
        if self.roll(3) == 0 {
            let late = std::mem::take(&mut book.late);
            late.into_iter().for_each(|body| self.keep(&mut book, &body));
        }
        drop(book);
        self.bell.notify_one();
    }

    fn keep(&self, book: &mut Book, body: &Value) {
        let body = body.to_string();
        let sheets = QontakEars.sheets(ChannelKind::Qontak, COMPANY, &Believed::default(), body.as_bytes());
        for sheet in sheets.expect("a webhook") {
            if !book.keys.insert(sheet.label.key) {
                continue;
            }
            let position = i64::try_from(book.rows.len()).unwrap() + 1;
            book.rows.push(InboxRow {
                position,
                company: COMPANY,
                source: ChannelKind::Qontak,
                room: sheet.label.room,
                body: sheet.body.into(),
                received_at: self.clock.now(),
                emails: vec![],
            });
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap()
    }

    fn roll(&self, sides: u64) -> u64 {
        self.dice.lock().unwrap().roll(sides)
    }
}

impl Inbox for Letters {
    fn append(&self, _: Letter) -> OutsideFuture<'_, bool> {
        Box::pin(async { Err("nobody posts here".into()) })
    }

    fn waiting(&self, after: i64, limit: i64) -> OutsideFuture<'_, Vec<InboxRow>> {
        Box::pin(async move {
            if self.roll(30) == 0 {
                return Err("it cannot be read now".into());
            }
            let book = self.book();
            let waits = |row: &&InboxRow| row.position > after && !book.done.contains(&row.position);
            Ok(book.rows.iter().filter(waits).take(usize::try_from(limit).unwrap()).cloned().collect())
        })
    }

    fn known<'a>(&'a self, room: &'a RoomAddress) -> OutsideFuture<'a, Option<String>> {
        Box::pin(async move { Ok(self.book().known.get(room).cloned()) })
    }

    fn sent<'a>(&'a self, _: &'a RoomAddress, _: &'a DeliveryWord) -> OutsideFuture<'a, Option<Delivery>> {
        Box::pin(async { Ok(None) })
    }

    /// No file is given up here.
    fn proven<'a>(&'a self, _: &'a RoomAddress, _: &'a Overheard) -> OutsideFuture<'a, Option<DeliveryWord>> {
        Box::pin(async { Ok(None) })
    }

    fn done(&self, done: Done) -> OutsideFuture<'_, ()> {
        // As if the process had died before: its room is told again.
        let lost = self.roll(30) == 0;
        if !lost {
            let mut book = self.book();
            book.done.insert(done.position);
            book.known.extend(done.known);
        }
        Box::pin(async move { if lost { Err("it cannot be marked now".into()) } else { Ok(()) } })
    }

    fn forget(&self, _: Timestamp) -> OutsideFuture<'_, usize> {
        Box::pin(async { Ok(0) })
    }

    fn bell(&self) -> Arc<Notify> {
        self.bell.clone()
    }
}
