//! Users and divisions of the chat. All invented.

use serde_json::{Value, json};

use super::super::call::Call;
use super::super::request::Answer;
use super::super::world::World;
use super::{Room, TOKEN_USER, envelope};

#[derive(Clone, Debug)]
pub struct Person {
    pub id: String,
    pub full_name: &'static str,
    pub email: &'static str,
    pub role: &'static str,
    pub is_online: bool,
    pub divisions: Vec<&'static str>,
    pub most_chats: usize,
}

const DIVISIONS: [(&str, &str); 2] =
    [("3f000000-0000-4000-8000-000000000001", "Support"), ("3f000000-0000-4000-8000-000000000002", "Billing")];

pub fn seeded() -> Vec<Person> {
    let people: [(&str, &str, &str, bool, &[&str]); 6] = [
        ("Admin Contoh", "admin@standin.example", "admin", true, &[]),
        ("Sinta Misal", "sinta.misal@standin.example", "supervisor", true, &["Support"]),
        ("Raka Umpama", "raka.umpama@standin.example", "agent", true, &["Support"]),
        ("Tari Rekaan", "tari.rekaan@standin.example", "agent", true, &["Support", "Billing"]),
        ("Yoga Khayal", "yoga.khayal@standin.example", "agent", false, &["Billing"]),
        ("Lala Contoh", "lala.contoh@standin.example", "agent", true, &["Billing"]),
    ];
    let numbered = people.into_iter().zip(1_u32..);
    let person = |((full_name, email, role, is_online, divisions), number): ((_, _, _, _, &[&'static str]), u32)| Person {
        id: format!("5f000000-0000-4000-8000-{number:012}"),
        full_name,
        email,
        role,
        is_online,
        divisions: divisions.to_vec(),
        most_chats: 10,
    };
    let people: Vec<Person> = numbered.map(person).collect();
    debug_assert_eq!(people[0].id, TOKEN_USER);
    people
}

impl Person {
    /// As a candidate for a room; `rooms` tell how busy they are.
    pub fn shown<'a>(&self, rooms: impl Iterator<Item = &'a Room>) -> Value {
        let divisions = DIVISIONS.iter().filter(|(_, name)| self.divisions.contains(name));
        let divisions: Value = divisions.map(|(id, name)| json!({"id": id, "name": name})).collect();
        let assigned = rooms.filter(|room| room.agent_ids.contains(&self.id) && room.resolved.is_none()).count();
        json!({
            "id": self.id,
            "full_name": self.full_name,
            "email": self.email,
            "phone": null,
            "role": self.role,
            "is_online": self.is_online,
            "assigned_count": assigned,
            "divisions": divisions,
            "extra": {"max_ongoing_chat": self.most_chats},
            "limit_ongoing_chat": {"enabled": false, "max": self.most_chats},
            "sso_id": format!("sso-{}", self.id),
        })
    }

    pub fn is_called(&self, query: Option<&str>) -> bool {
        let query = query.unwrap_or_default().to_lowercase();
        self.full_name.to_lowercase().contains(&query) || self.email.contains(&query)
    }
}

pub fn users(world: &mut World, call: &mut Call) -> Answer {
    let people = world
        .chat
        .people
        .iter()
        .filter(|person| person.is_called(call.asked("query")) && call.asked("role").is_none_or(|role| role == person.role));
    envelope::page(call, people.map(|person| person.shown(world.chat.rooms.values())).collect())
}

pub fn divisions(world: &mut World, call: &mut Call) -> Answer {
    let rows = DIVISIONS.iter().map(|(id, name)| {
        let users = world.chat.people.iter().filter(|person| person.divisions.contains(name));
        let users: Value = users.map(|person| json!({"id": person.id, "full_name": person.full_name})).collect();
        json!({"id": id, "name": name, "default": *name == "Support", "users": users, "channels": []})
    });
    envelope::page(call, rows.collect())
}
