//! Deal pipelines and their stages.

use serde_json::Value;

use super::super::call::Call;
use super::super::request::{Answer, int};
use super::super::templates;
use super::super::world::World;
use super::{envelope, lists};

pub fn list(world: &mut World, call: &mut Call) -> Answer {
    lists::page(call, world.templates.pipelines.iter(), |row| Value::Object(row.clone()))
}

pub fn get(world: &mut World, call: &mut Call) -> Answer {
    match call.id().and_then(|id| templates::by_id(&world.templates.pipelines, id)) {
        Some(row) => envelope::found(call, row.clone()),
        None => envelope::missing(call),
    }
}

pub fn stages(world: &mut World, call: &mut Call) -> Answer {
    let Some(id) = call.id().filter(|id| templates::by_id(&world.templates.pipelines, *id).is_some()) else {
        return envelope::missing(call);
    };
    let stages = world.templates.stages.iter().filter(|row| int(row, "crm_pipeline_id") == Some(id));
    lists::page(call, stages, |row| Value::Object(row.clone()))
}
