//! What happened to a deal: its timeline, its stages, who made it, its chats.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::call::Call;
use super::super::dates;
use super::super::request::{Answer, Record, int, record, text};
use super::super::world::{Org, World};
use super::{envelope, lists};

/// Writes down that a deal was made or changed.
pub fn note(org: &mut Org, now: Timestamp, deal: &Record, before: Option<&Record>) {
    let moved = before.is_none_or(|before| before.get("crm_stage_id") != deal.get("crm_stage_id"));
    let line = json!({
        "id": org.history.len() + 1,
        "crm_deal_id": deal.get("id"),
        "who": deal.get("creator_name"),
        "what": if before.is_none() { "created a deal" } else { "updated a deal" },
        "why": null,
        "when": dates::in_records(now),
        "how": "API",
        "content": text(deal, "name"),
        "crm_lead_id": null,
        "crm_company_id": null,
        "moved": moved,
        "crm_stage_id": deal.get("crm_stage_id"),
        "crm_stage_name": deal.get("crm_stage_name"),
    });
    org.history.push(record(line));
}

fn lines<'a>(world: &'a World, call: &Call) -> Option<impl Iterator<Item = &'a Record>> {
    let org = &world.orgs[call.org];
    let id = call.id().filter(|id| org.deals.contains_key(id))?;
    Some(org.history.iter().rev().filter(move |line| int(line, "crm_deal_id") == Some(id)))
}

pub fn timeline(world: &mut World, call: &mut Call) -> Answer {
    let Some(lines) = lines(world, call) else { return envelope::missing(call) };
    let keys = ["id", "who", "what", "why", "when", "how", "content", "crm_deal_id", "crm_lead_id", "crm_company_id"];
    lists::page(call, lines, |line| line.iter().filter(|(key, _)| keys.contains(&key.as_str())).map(pair).collect())
}

pub fn stages(world: &mut World, call: &mut Call) -> Answer {
    let Some(lines) = lines(world, call) else { return envelope::missing(call) };
    let moves = lines.filter(|line| line.get("moved") == Some(&Value::Bool(true)));
    let keys = ["id", "crm_deal_id", "crm_stage_id", "crm_stage_name", "when"];
    lists::page(call, moves, |line| line.iter().filter(|(key, _)| keys.contains(&key.as_str())).map(pair).collect())
}

fn pair((key, value): (&String, &Value)) -> (String, Value) {
    (key.clone(), value.clone())
}

pub fn real_creator(world: &mut World, call: &mut Call) -> Answer {
    let (id, name) = world.templates.token_user();
    match call.id().filter(|id| world.orgs[call.org].deals.contains_key(id)) {
        Some(_) => envelope::found(call, json!({"id": id, "name": name})),
        None => envelope::missing(call),
    }
}

/// No chat is linked here: the vendor shows the room's id without dashes, or nothing.
pub fn chat(world: &mut World, call: &mut Call) -> Answer {
    match call.id().filter(|id| world.orgs[call.org].deals.contains_key(id)) {
        Some(_) => envelope::found(call, json!([])),
        None => envelope::missing(call),
    }
}
