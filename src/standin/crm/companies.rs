//! Companies: only what it takes to find one's id.

use serde_json::Value;

use super::super::call::Call;
use super::super::request::{Answer, text};
use super::super::world::World;
use super::{envelope, lists};

pub fn list(world: &mut World, call: &mut Call) -> Answer {
    let all = world.orgs[call.org].companies.values().rev();
    let chosen = all.filter(|company| call.asked("name").is_none_or(|name| lists::contains(text(company, "name"), name)));
    lists::page(call, chosen, |company| Value::Object(company.clone()))
}

pub fn get(world: &mut World, call: &mut Call) -> Answer {
    match call.id().and_then(|id| world.orgs[call.org].companies.get(&id)) {
        Some(company) => envelope::found(call, company.clone()),
        None => envelope::missing(call),
    }
}
