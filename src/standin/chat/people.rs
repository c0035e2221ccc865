//! Users and divisions of the chat. All invented.

use serde_json::{Value, json};

use super::super::call::Call;
use super::super::request::Answer;
use super::super::world::World;
use super::{Chat, TOKEN_USER, envelope};

#[derive(Clone, Debug)]
pub struct Person {
    pub id: String,
    pub full_name: String,
    pub email: String,
    pub role: &'static str,
    pub is_online: bool,
    /// By name.
    pub divisions: Vec<String>,
    pub most_chats: usize,
}

#[derive(Clone, Debug)]
pub struct Division {
    pub id: String,
    pub name: String,
}

pub fn seeded_divisions() -> Vec<Division> {
    let divisions = [("3f000000-0000-4000-8000-000000000001", "Support"), ("3f000000-0000-4000-8000-000000000002", "Billing")];
    divisions.map(|(id, name)| Division { id: id.into(), name: name.into() }).to_vec()
}

/// A division of everybody who answers customers, each of whom may have `most_chats`; one of that name stays as it is.
pub fn founded(chat: &mut Chat, name: &str, most_chats: usize) -> Division {
    if let Some(known) = chat.divisions.iter().find(|known| known.name.to_lowercase() == name.to_lowercase()) {
        return known.clone();
    }
    let new = Division { id: uuid::Uuid::now_v7().to_string(), name: name.to_owned() };
    chat.divisions.push(new.clone());
    for person in chat.people.iter_mut().filter(|person| person.role != "admin") {
        person.divisions.push(name.to_owned());
        person.most_chats = person.most_chats.max(most_chats);
    }
    new
}

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
    let person = |((full_name, email, role, is_online, divisions), number): ((&str, &str, _, _, &[&str]), u32)| Person {
        id: format!("5f000000-0000-4000-8000-{number:012}"),
        full_name: full_name.to_owned(),
        email: email.to_owned(),
        role,
        is_online,
        divisions: divisions.iter().map(|name| (*name).to_owned()).collect(),
        most_chats: 10,
    };
    let people: Vec<Person> = numbered.map(person).collect();
    debug_assert_eq!(people[0].id, TOKEN_USER);
    people
}

/// Somebody new, who answers customers and is there.
pub fn hired(chat: &mut Chat, full_name: &str, email: &str) -> Person {
    let new = Person {
        id: uuid::Uuid::now_v7().to_string(),
        full_name: full_name.to_owned(),
        email: email.to_owned(),
        role: "agent",
        is_online: true,
        divisions: vec![],
        most_chats: 10,
    };
    chat.people.push(new.clone());
    new
}

impl Person {
    /// As a candidate for a room.
    pub fn shown(&self, chat: &Chat) -> Value {
        let divisions = chat.divisions.iter().filter(|division| self.divisions.contains(&division.name));
        let divisions: Value = divisions.map(|division| json!({"id": division.id, "name": division.name})).collect();
        let assigned = chat.rooms.values().filter(|room| room.agent_ids.contains(&self.id) && room.resolved.is_none()).count();
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
    envelope::page(call, people.map(|person| person.shown(&world.chat)).collect())
}

pub fn divisions(world: &mut World, call: &mut Call) -> Answer {
    let rows = world.chat.divisions.iter().map(|Division { id, name }| {
        let users = world.chat.people.iter().filter(|person| person.divisions.contains(name));
        let users: Value = users.map(|person| json!({"id": person.id, "full_name": person.full_name})).collect();
        json!({"id": id, "name": name, "default": name == "Support", "users": users, "channels": []})
    });
    envelope::page(call, rows.collect())
}
