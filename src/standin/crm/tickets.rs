//! Tickets. Assignee under `user_id`, pipeline implied by the stage, company scalar both ways, names of contacts in the
//! plural, a list without filters.

use serde_json::{Value, json};

use super::super::call::Call;
use super::super::dates;
use super::super::request::{Answer, Record, int};
use super::super::templates::{self, Templates};
use super::super::world::World;
use super::fields::{Key, Kind, Sheet};
use super::{custom_fields, deals, envelope, lists, required};

const KEYS: &[Key] = &[
    ("name", Kind::Line),
    ("user_id", Kind::Choice),
    ("ticket_stage_id", Kind::Own),
    ("ticket_pipeline_id", Kind::Own),
    ("ticket_priority_id", Kind::Choice),
    ("ticket_category_id", Kind::Choice),
    ("description", Kind::Long),
    ("due_date", Kind::Date),
    ("crm_company_id", Kind::Company),
    ("crm_lead_ids", Kind::Contacts),
    ("crm_product_ids", Kind::Ids),
    ("crm_task_ids", Kind::Ids),
];

/// As reads show it.
pub fn shown(ticket: &Record, templates: &Templates) -> Value {
    Value::Object(custom_fields::shown(ticket, &templates.tickets))
}

pub fn info(world: &mut World, call: &mut Call) -> Answer {
    envelope::found(call, world.templates.tickets.iter().cloned().map(Value::Object).collect::<Value>())
}

/// With the stages inside. In the vendor's own sample the inner pipeline id differs from the outer: trust the nesting.
pub fn pipelines(world: &mut World, call: &mut Call) -> Answer {
    let templates = &world.templates;
    let nested = templates.ticket_pipelines.iter().enumerate().map(|(position, pipeline)| {
        let stages = templates.ticket_stages.iter().filter(|stage| int(stage, "ticket_pipeline_id") == int(pipeline, "id"));
        let stages = stages.map(|stage| {
            let mut stage = stage.clone();
            if position > 0 {
                stage.insert("ticket_pipeline_id".into(), json!(7900 + position));
            }
            Value::Object(stage)
        });
        let mut pipeline = pipeline.clone();
        pipeline.insert("ticket_stages".into(), stages.collect());
        Value::Object(pipeline)
    });
    envelope::found(call, nested.collect::<Value>())
}

pub fn list(world: &mut World, call: &mut Call) -> Answer {
    lists::page(call, world.orgs[call.org].tickets.values().rev(), |ticket| shown(ticket, &world.templates))
}

pub fn get(world: &mut World, call: &mut Call) -> Answer {
    match call.id().and_then(|id| world.orgs[call.org].tickets.get(&id)) {
        Some(ticket) => envelope::found(call, shown(ticket, &world.templates)),
        None => envelope::missing(call),
    }
}

pub fn create(world: &mut World, call: &mut Call) -> Answer {
    let id = world.next_id();
    let (creator, creator_name) = world.templates.token_user();
    let start = Record::from_iter([
        ("id".to_owned(), json!(id)),
        ("unique_ticket_id".to_owned(), json!(code(id))),
        ("creator_id".to_owned(), json!(creator)),
        ("creator_name".to_owned(), json!(creator_name)),
        ("created_at".to_owned(), json!(dates::in_records(call.now))),
    ]);
    keep(world, call, id, start, true)
}

pub fn update(world: &mut World, call: &mut Call) -> Answer {
    match call.id().and_then(|id| Some((id, world.orgs[call.org].tickets.get(&id)?.clone()))) {
        Some((id, before)) => keep(world, call, id, before, false),
        None => envelope::missing(call),
    }
}

fn keep(world: &mut World, call: &mut Call, id: i64, before: Record, new: bool) -> Answer {
    match written(world, call, before, new) {
        Ok(ticket) => {
            let answer = shown(&ticket, &world.templates);
            world.orgs[call.org].tickets.insert(id, ticket);
            envelope::found(call, answer)
        }
        Err(answer) => answer,
    }
}

/// The number a customer is told: short, upper case, no letter that looks like a digit.
fn code(id: i64) -> String {
    const LETTERS: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
    // An odd factor is a bijection of 35 bits: neighbours look unlike and no two are the same.
    let mut rest = (id.unsigned_abs().wrapping_mul(0x5DEE_CE66D)) & ((1 << 35) - 1);
    let mut code = String::new();
    for _ in 0..7 {
        code.push(char::from(LETTERS[(rest % 32) as usize]));
        rest /= 32;
    }
    code
}

fn written(world: &World, call: &mut Call, mut ticket: Record, new: bool) -> Result<Record, Answer> {
    let body = call.object().map_err(|why| envelope::wrong(call, 400, why))?;
    let (template, org) = (&world.templates.tickets, &world.orgs[call.org]);
    let sheet = Sheet { keys: KEYS, template, org, plural_names: true };
    call.flag_unknown(&body, |key| sheet.knows(key), "");
    let replace = new || world.knobs.put_replaces;
    let mut wrongs = vec![];
    sheet.fill(&mut ticket, &body, replace, &mut wrongs);
    custom_fields::fill(&mut ticket, template, &body, replace, &mut wrongs, &mut call.unknown);
    place(&mut ticket, &world.templates, &body, &mut wrongs);
    required::check(&ticket, template, int(&ticket, "ticket_pipeline_id"), None, &mut wrongs);
    if !wrongs.is_empty() {
        return Err(envelope::invalid(call, &wrongs));
    }
    ticket.insert("slug".into(), json!(deals::slug(&ticket)));
    ticket.insert("updated_at".into(), json!(dates::in_records(call.now)));
    Ok(ticket)
}

/// The stage tells the pipeline; a pipeline that says otherwise is wrong.
fn place(ticket: &mut Record, templates: &Templates, body: &Record, wrongs: &mut Vec<String>) {
    let given = |key: &str| body.get(key).filter(|value| !value.is_null());
    let stage = match given("ticket_stage_id") {
        Some(value) => value.as_i64().and_then(|id| templates::by_id(&templates.ticket_stages, id)),
        None => match int(ticket, "ticket_stage_id") {
            Some(id) => templates::by_id(&templates.ticket_stages, id),
            None => templates.ticket_stages.iter().min_by_key(|stage| (int(stage, "ticket_pipeline_id"), int(stage, "order"))),
        },
    };
    let Some(stage) = stage else { return wrongs.push("Stage is not a valid option".into()) };
    let pipeline = int(stage, "ticket_pipeline_id").and_then(|id| templates::by_id(&templates.ticket_pipelines, id));
    let Some(pipeline) = pipeline else { return wrongs.push("Pipeline is not a valid option".into()) };
    if given("ticket_pipeline_id").is_some_and(|value| value.as_i64() != int(pipeline, "id")) {
        return wrongs.push("Stage does not belong to the pipeline".into());
    }
    for (key, row) in [("pipeline", pipeline), ("stage", stage)] {
        ticket.insert(format!("ticket_{key}_id"), row.get("id").cloned().unwrap_or_default());
        ticket.insert(format!("ticket_{key}_name"), row.get("name").cloned().unwrap_or_default());
    }
}

pub fn delete(world: &mut World, call: &mut Call) -> Answer {
    match call.id().and_then(|id| world.orgs[call.org].tickets.remove(&id)) {
        Some(_) => envelope::done(call),
        None => envelope::missing(call),
    }
}
