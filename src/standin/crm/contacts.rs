//! Contacts ("leads"). Telephones are kept as they were written, usually "08…", and found only as they are kept.

use serde_json::{Value, json};

use super::super::call::Call;
use super::super::dates;
use super::super::request::{Answer, Record, int, text};
use super::super::templates::{self, Templates};
use super::super::world::World;
use super::fields::{self, Key, Kind, Sheet};
use super::{custom_fields, deals, envelope, lists, required};

const KEYS: &[Key] = &[
    ("first_name", Kind::Line),
    ("last_name", Kind::Line),
    ("job_title", Kind::Line),
    ("creator_id", Kind::Choice),
    ("creator_name", Kind::Told),
    ("crm_status_id", Kind::Choice),
    ("crm_status_name", Kind::Told),
    ("email", Kind::Line),
    ("telephone", Kind::Line),
    ("address", Kind::Long),
    ("country", Kind::Line),
    ("province", Kind::Line),
    ("city", Kind::Line),
    ("zipcode", Kind::Line),
    ("date_of_birth", Kind::Date),
    ("crm_source_id", Kind::Choice),
    ("crm_source_name", Kind::Told),
    ("income", Kind::Line),
    ("customer_id", Kind::Line),
    ("crm_company_id", Kind::Company),
    ("crm_company_name", Kind::Told),
    ("crm_deal_ids", Kind::Deals),
    ("crm_deal_name", Kind::Told),
];

/// As reads show it.
pub fn shown(contact: &Record, templates: &Templates) -> Value {
    Value::Object(custom_fields::shown(contact, &templates.contacts))
}

pub fn info(world: &mut World, call: &mut Call) -> Answer {
    envelope::found(call, world.templates.contacts.iter().cloned().map(Value::Object).collect::<Value>())
}

pub fn list(world: &mut World, call: &mut Call) -> Answer {
    let org = &world.orgs[call.org];
    let of_deal = call.asked("crm_deal_id").map(|id| id.parse().ok().and_then(|id| org.deals.get(&id)));
    let of_deal = of_deal.map(|deal| deal.and_then(|deal| deal.get("crm_lead_ids")).cloned().unwrap_or_default());
    let is_id = |record: &Record, key: &str, asked: Option<&str>| {
        asked.is_none_or(|asked| int(record, key).is_some_and(|id| id.to_string() == asked))
    };
    let since = |key: &str| call.asked(key).and_then(dates::read);
    let (after, begin) = (since("created_after"), since("created_between_start"));
    let end = since("created_between_end");
    let chosen = org.contacts.values().rev().filter(|contact| {
        let created = text(contact, "created_at").unwrap_or_default();
        call.asked("name").is_none_or(|name| lists::contains(Some(&fields::full_name(contact)), name))
            && call.asked("job_title").is_none_or(|title| lists::contains(text(contact, "job_title"), title))
            && call.asked("phone").is_none_or(|phone| text(contact, "telephone") == Some(phone))
            && call.asked("email").is_none_or(|email| text(contact, "email").is_some_and(|own| own.eq_ignore_ascii_case(email)))
            && is_id(contact, "crm_company_id", call.asked("crm_company_id"))
            && is_id(contact, "crm_status_id", call.asked("crm_status_id"))
            && of_deal.as_ref().is_none_or(|ids| ids.as_array().is_some_and(|ids| ids.contains(&contact["id"])))
            // All in one form and offset, so text compares as time does.
            && after.as_deref().is_none_or(|after| created >= after)
            && begin.as_deref().is_none_or(|begin| created >= begin)
            && end.as_deref().is_none_or(|end| created[..created.len().min(10)] <= end[..10])
    });
    lists::page(call, chosen, |contact| shown(contact, &world.templates))
}

pub fn get(world: &mut World, call: &mut Call) -> Answer {
    match call.id().and_then(|id| world.orgs[call.org].contacts.get(&id)) {
        Some(contact) => envelope::found(call, shown(contact, &world.templates)),
        None => envelope::missing(call),
    }
}

pub fn create(world: &mut World, call: &mut Call) -> Answer {
    let id = world.next_id();
    let start = Record::from_iter([("id".to_owned(), json!(id)), ("created_at".to_owned(), json!(dates::in_records(call.now)))]);
    keep(world, call, id, start, true)
}

pub fn update(world: &mut World, call: &mut Call) -> Answer {
    match call.id().and_then(|id| Some((id, world.orgs[call.org].contacts.get(&id)?.clone()))) {
        Some((id, before)) => keep(world, call, id, before, false),
        None => envelope::missing(call),
    }
}

fn keep(world: &mut World, call: &mut Call, id: i64, before: Record, new: bool) -> Answer {
    match written(world, call, before, new) {
        Ok(contact) => {
            let answer = shown(&contact, &world.templates);
            world.orgs[call.org].contacts.insert(id, contact);
            envelope::found(call, answer)
        }
        Err(answer) => answer,
    }
}

fn written(world: &World, call: &mut Call, mut contact: Record, new: bool) -> Result<Record, Answer> {
    let mut body = call.object().map_err(|why| envelope::wrong(call, 400, why))?;
    let (template, org) = (&world.templates.contacts, &world.orgs[call.org]);
    let sheet = Sheet { keys: KEYS, template, org, plural_names: false };
    call.flag_unknown(&body, |key| sheet.knows(key), "");
    // As on deals: without a named owner it is the token's user.
    if body.get("creator_id").is_none_or(Value::is_null) {
        body.insert("creator_id".into(), json!(world.templates.token_user().0));
    }
    let replace = new || world.knobs.put_replaces;
    let mut wrongs = vec![];
    sheet.fill(&mut contact, &body, replace, &mut wrongs);
    custom_fields::fill(&mut contact, template, &body, replace, &mut wrongs, &mut call.unknown);
    required::check(&contact, template, None, None, &mut wrongs);
    if !wrongs.is_empty() {
        return Err(envelope::invalid(call, &wrongs));
    }
    contact.insert("slug".into(), json!(deals::slug(&contact)));
    contact.insert("updated_at".into(), json!(dates::in_records(call.now)));
    Ok(contact)
}

pub fn update_owner(world: &mut World, call: &mut Call) -> Answer {
    let body = match call.object() {
        Ok(body) => body,
        Err(why) => return envelope::wrong(call, 400, why),
    };
    call.flag_unknown(&body, |key| key == "creator_id", "");
    let owners = templates::options(&world.templates.contacts, "creator_id");
    let owner = int(&body, "creator_id").and_then(|id| owners.into_iter().find(|owner| int(owner, "id") == Some(id))).cloned();
    let Some(owner) = owner else { return envelope::invalid(call, &["Owner is not a valid option".into()]) };
    let Some(contact) = call.id().and_then(|id| world.orgs[call.org].contacts.get_mut(&id)) else {
        return envelope::missing(call);
    };
    contact.insert("creator_id".into(), owner["id"].clone());
    contact.insert("creator_name".into(), owner["name"].clone());
    let answer = shown(contact, &world.templates);
    envelope::found(call, answer)
}

pub fn delete(world: &mut World, call: &mut Call) -> Answer {
    match call.id().and_then(|id| world.orgs[call.org].contacts.remove(&id)) {
        Some(_) => envelope::done(call),
        None => envelope::missing(call),
    }
}
