//! Notes on people, deals and companies.

use serde_json::{Value, json};

use super::super::call::Call;
use super::super::dates;
use super::super::request::{Answer, Record, int};
use super::super::world::{Shelf, World};
use super::{envelope, fields, lists};

const KEYS: [&str; 7] = ["note", "creator_id", "last_modifier_id", "type", "crm_person_id", "crm_deal_id", "crm_company_id"];

pub fn list(world: &mut World, call: &mut Call) -> Answer {
    lists::page(call, world.orgs[call.org].notes.values().rev(), |note| Value::Object(note.clone()))
}

pub fn get(world: &mut World, call: &mut Call) -> Answer {
    match call.id().and_then(|id| world.orgs[call.org].notes.get(&id)) {
        Some(note) => envelope::found(call, note.clone()),
        None => envelope::missing(call),
    }
}

pub fn create(world: &mut World, call: &mut Call) -> Answer {
    let body = match call.object() {
        Ok(body) => body,
        Err(why) => return envelope::wrong(call, 400, why),
    };
    call.flag_unknown(&body, |key| KEYS.contains(&key), "");
    let id = world.next_id();
    let (user, org) = (world.templates.token_user().0, &mut world.orgs[call.org]);
    let mut wrongs = vec![];
    match body.get("note") {
        Some(Value::String(_)) if !fields::is_blank(body.get("note")) => {}
        _ => wrongs.push("Note can't be blank".to_owned()),
    }
    let shelves: [(&str, &Shelf); 3] =
        [("crm_person_id", &org.contacts), ("crm_deal_id", &org.deals), ("crm_company_id", &org.companies)];
    for (key, shelf) in shelves {
        let given = body.get(key).filter(|value| !value.is_null());
        if given.is_some() && !int(&body, key).is_some_and(|id| shelf.contains_key(&id)) {
            wrongs.push(format!("{key} must exist"));
        }
    }
    if !wrongs.is_empty() {
        return envelope::invalid(call, &wrongs);
    }
    let mut note = Record::from_iter(KEYS.map(|key| (key.to_owned(), body.get(key).cloned().unwrap_or_default())));
    for key in ["creator_id", "last_modifier_id"] {
        if note[key].is_null() {
            note.insert(key.into(), json!(user));
        }
    }
    let now = json!(dates::in_records(call.now));
    note.extend([("id".to_owned(), json!(id)), ("created_at".to_owned(), now.clone()), ("updated_at".to_owned(), now)]);
    org.notes.insert(id, note.clone());
    envelope::found(call, note)
}
