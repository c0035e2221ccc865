//! Deals. Company scalar on write and array on read, owner that changes hands when a PUT does not name it, stage within its
//! pipeline, amount as text.

use serde_json::{Value, json};

use super::super::call::Call;
use super::super::dates;
use super::super::request::{Answer, Record, int, text};
use super::super::templates::{self, Templates};
use super::super::world::World;
use super::fields::{Key, Kind, Sheet};
use super::{custom_fields, deal_history, envelope, lists, required};

const KEYS: &[Key] = &[
    ("name", Kind::Line),
    ("currency", Kind::Currency),
    ("size", Kind::Amount),
    ("closed_date", Kind::Date),
    ("start_date", Kind::Date),
    ("expired_date", Kind::Date),
    ("creator_id", Kind::Own),
    ("creator_name", Kind::Told),
    ("crm_pipeline_id", Kind::Own),
    ("crm_pipeline_name", Kind::Told),
    ("crm_stage_id", Kind::Own),
    ("crm_stage_name", Kind::Told),
    ("crm_source_id", Kind::Choice),
    ("crm_source_name", Kind::Told),
    ("crm_priority_id", Kind::Choice),
    ("crm_priority_name", Kind::Told),
    ("crm_lost_reason_id", Kind::Choice),
    ("crm_lost_reason_name", Kind::Told),
    ("crm_company_id", Kind::Company),
    ("crm_company_name", Kind::Told),
    ("crm_lead_ids", Kind::Contacts),
    ("crm_lead_name", Kind::Told),
    ("product_association_ids", Kind::List),
    ("product_association_name", Kind::List),
    ("product_association_quantity", Kind::List),
    ("product_association_price", Kind::List),
    ("product_association_total_price", Kind::List),
];

/// As reads show it: the company in an array, its name too.
pub fn shown(deal: &Record, templates: &Templates) -> Value {
    let mut shown = custom_fields::shown(deal, &templates.deals);
    for key in ["crm_company_id", "crm_company_name"] {
        let alone = shown.get(key).cloned().unwrap_or_default();
        shown.insert(key.into(), if alone.is_null() { json!([]) } else { json!([alone]) });
    }
    Value::Object(shown)
}

pub fn info(world: &mut World, call: &mut Call) -> Answer {
    envelope::found(call, world.templates.deals.iter().cloned().map(Value::Object).collect::<Value>())
}

pub fn list(world: &mut World, call: &mut Call) -> Answer {
    let name = call.asked("name");
    let (contacts, companies, products) =
        (call.asked_ids("contact_ids"), call.asked_ids("company_ids"), call.asked_ids("product_ids"));
    let holds = |deal: &Record, key: &str, wanted: &Option<Vec<i64>>| {
        let Some(wanted) = wanted else { return true };
        match deal.get(key) {
            Some(Value::Array(ids)) => ids.iter().filter_map(Value::as_i64).any(|id| wanted.contains(&id)),
            other => other.and_then(Value::as_i64).is_some_and(|id| wanted.contains(&id)),
        }
    };
    let chosen = world.orgs[call.org].deals.values().rev().filter(|deal| {
        name.is_none_or(|name| lists::contains(text(deal, "name"), name))
            && holds(deal, "crm_lead_ids", &contacts)
            && holds(deal, "crm_company_id", &companies)
            && holds(deal, "product_association_ids", &products)
    });
    lists::page(call, chosen, |deal| shown(deal, &world.templates))
}

pub fn get(world: &mut World, call: &mut Call) -> Answer {
    match call.id().and_then(|id| world.orgs[call.org].deals.get(&id)) {
        Some(deal) => {
            let mut one = shown(deal, &world.templates);
            one["crm_deal_status"] = json!({"id": 3101, "name": "Open"});
            envelope::found(call, one)
        }
        None => envelope::missing(call),
    }
}

/// The deals of a chat room's customer. The vendor publishes no answer; a list is our guess.
pub fn of_room(world: &mut World, call: &mut Call) -> Answer {
    let Some(customer) = world.chat.customer_of(call.parameter(0)) else { return envelope::missing(call) };
    let org = &world.orgs[call.org];
    let contacts: Vec<i64> = org.contacts.iter().filter(|(_, one)| has_phone(one, &customer)).map(|(id, _)| *id).collect();
    let linked = |deal: &&Record| {
        let ids = deal.get("crm_lead_ids").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_i64);
        ids.into_iter().any(|id| contacts.contains(&id))
    };
    envelope::found(call, org.deals.values().rev().filter(linked).map(|deal| shown(deal, &world.templates)).collect::<Value>())
}

/// Contacts hold "08…", rooms "62…".
fn has_phone(contact: &Record, room_handle: &str) -> bool {
    let national = room_handle.trim_start_matches('+').strip_prefix("62").unwrap_or(room_handle);
    let phone = text(contact, "telephone").unwrap_or_default().trim_start_matches('+');
    !national.is_empty() && (phone.strip_prefix("62").or(phone.strip_prefix('0'))).is_some_and(|phone| phone == national)
}

pub fn create(world: &mut World, call: &mut Call) -> Answer {
    let id = world.next_id();
    let start = Record::from_iter([("id".to_owned(), json!(id)), ("created_at".to_owned(), json!(dates::in_records(call.now)))]);
    match written(world, call, start, true) {
        Ok(deal) => {
            deal_history::note(&mut world.orgs[call.org], call.now, &deal, None);
            let answer = shown(&deal, &world.templates);
            world.orgs[call.org].deals.insert(id, deal);
            envelope::found(call, answer)
        }
        Err(answer) => answer,
    }
}

pub fn update(world: &mut World, call: &mut Call) -> Answer {
    let Some((id, before)) = call.id().and_then(|id| Some((id, world.orgs[call.org].deals.get(&id)?.clone()))) else {
        return envelope::missing(call);
    };
    match written(world, call, before.clone(), false) {
        Ok(deal) => {
            deal_history::note(&mut world.orgs[call.org], call.now, &deal, Some(&before));
            let answer = shown(&deal, &world.templates);
            world.orgs[call.org].deals.insert(id, deal);
            if world.knobs.deal_put_meta_only { envelope::done(call) } else { envelope::found(call, answer) }
        }
        Err(answer) => answer,
    }
}

/// The record as the body leaves it, or what is wrong with it.
fn written(world: &World, call: &mut Call, mut deal: Record, new: bool) -> Result<Record, Answer> {
    let body = call.object().map_err(|why| envelope::wrong(call, 400, why))?;
    let (template, org) = (&world.templates.deals, &world.orgs[call.org]);
    let sheet = Sheet { keys: KEYS, template, org, plural_names: false };
    call.flag_unknown(&body, |key| sheet.knows(key), "");
    let replace = new || world.knobs.put_replaces;
    let mut wrongs = vec![];
    sheet.fill(&mut deal, &body, replace, &mut wrongs);
    products_match(&deal, &mut wrongs);
    custom_fields::fill(&mut deal, template, &body, replace, &mut wrongs, &mut call.unknown);
    own(&mut deal, &world.templates, &body, new, &mut wrongs);
    place(&mut deal, &world.templates, &body, &mut wrongs);
    required::check(&deal, template, int(&deal, "crm_pipeline_id"), int(&deal, "crm_stage_id"), &mut wrongs);
    if !wrongs.is_empty() {
        return Err(envelope::invalid(call, &wrongs));
    }
    deal.insert("slug".into(), json!(slug(&deal)));
    deal.insert("updated_at".into(), json!(dates::in_records(call.now)));
    Ok(deal)
}

/// A readable name with the id behind it.
pub fn slug(record: &Record) -> String {
    let name = text(record, "name").or(text(record, "first_name")).unwrap_or_default().to_lowercase();
    let words: Vec<&str> = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    format!("{}-{}", words.join("-"), int(record, "id").unwrap_or_default())
}

fn products_match(deal: &Record, wrongs: &mut Vec<String>) {
    let length = |key: &str| deal.get(key).and_then(Value::as_array).map_or(0, Vec::len);
    let ids = length("product_association_ids");
    let beside = ["product_association_quantity", "product_association_price", "product_association_total_price"];
    if beside.iter().any(|key| length(key) != 0 && length(key) != ids) {
        wrongs.push("Product associations must have the same length".into());
    }
}

/// The owner. On create anything unusable means the token's user; on update an absent or empty one does so too, which is how
/// a partial PUT takes a deal away from its owner.
fn own(deal: &mut Record, templates: &Templates, body: &Record, new: bool, wrongs: &mut Vec<String>) {
    let owners = templates::options(&templates.deals, "creator_id");
    let given = body.get("creator_id").unwrap_or(&Value::Null);
    let named = given.as_i64().and_then(|id| owners.iter().find(|owner| int(owner, "id") == Some(id)));
    let (id, name) = match named {
        Some(owner) => (given.clone(), owner.get("name").cloned().unwrap_or_default()),
        None => {
            if !given.is_null() && !new {
                wrongs.push("Owner is not a valid option".into());
            }
            let (id, name) = templates.token_user();
            (json!(id), json!(name))
        }
    };
    deal.insert("creator_id".into(), id);
    deal.insert("creator_name".into(), name);
}

/// Pipeline and stage. A stage alone brings its pipeline; a pipeline alone starts at its first stage, on create.
fn place(deal: &mut Record, templates: &Templates, body: &Record, wrongs: &mut Vec<String>) {
    let is_new = !deal.contains_key("crm_stage_id");
    let asked = |key: &str, wrongs: &mut Vec<String>| match body.get(key) {
        None | Some(Value::Null) => None,
        Some(value) => value.as_i64().or_else(|| {
            wrongs.push(format!("{key} must be a number"));
            None
        }),
    };
    let (pipeline, stage) = (asked("crm_pipeline_id", wrongs), asked("crm_stage_id", wrongs));
    let stage_row = stage.and_then(|id| templates::by_id(&templates.stages, id));
    if stage.is_some() && stage_row.is_none() {
        return wrongs.push("Stage is not a valid option".into());
    }
    let implied = if is_new {
        stage_row.and_then(|row| int(row, "crm_pipeline_id")).or_else(|| int(templates.pipelines.first()?, "id"))
    } else {
        int(deal, "crm_pipeline_id")
    };
    let Some(pipeline_row) = pipeline.or(implied).and_then(|id| templates::by_id(&templates.pipelines, id)) else {
        return wrongs.push("Pipeline is not a valid option".into());
    };
    let pipeline = int(pipeline_row, "id");
    let first = || {
        let of_pipeline = templates.stages.iter().filter(|row| int(row, "crm_pipeline_id") == pipeline);
        of_pipeline.min_by_key(|row| int(row, "order"))
    };
    let kept = || int(deal, "crm_stage_id").and_then(|id| templates::by_id(&templates.stages, id));
    let stage_row = stage_row.or_else(|| if is_new { first() } else { kept() });
    let Some(stage_row) = stage_row.filter(|row| int(row, "crm_pipeline_id") == pipeline) else {
        return wrongs.push("Stage does not belong to the pipeline".into());
    };
    for (key, row) in [("pipeline", pipeline_row), ("stage", stage_row)] {
        deal.insert(format!("crm_{key}_id"), row.get("id").cloned().unwrap_or_default());
        deal.insert(format!("crm_{key}_name"), row.get("name").cloned().unwrap_or_default());
    }
}

pub fn update_owner(world: &mut World, call: &mut Call) -> Answer {
    let body = match call.object() {
        Ok(body) => body,
        Err(why) => return envelope::wrong(call, 400, why),
    };
    call.flag_unknown(&body, |key| key == "creator_id", "");
    let owners = templates::options(&world.templates.deals, "creator_id");
    let owner = int(&body, "creator_id").and_then(|id| owners.into_iter().find(|owner| int(owner, "id") == Some(id)));
    let Some((id, name)) = owner.and_then(|owner| Some((int(owner, "id")?, text(owner, "name")?.to_owned()))) else {
        return envelope::invalid(call, &["Owner is not a valid option".into()]);
    };
    let Some(deal) = call.id().and_then(|id| world.orgs[call.org].deals.get_mut(&id)) else { return envelope::missing(call) };
    deal.insert("creator_id".into(), json!(id));
    deal.insert("creator_name".into(), json!(name));
    deal.insert("updated_at".into(), json!(dates::in_records(call.now)));
    let answer = shown(deal, &world.templates);
    envelope::found(call, answer)
}

pub fn delete(world: &mut World, call: &mut Call) -> Answer {
    match call.id().and_then(|id| world.orgs[call.org].deals.remove(&id)) {
        Some(_) => envelope::done(call),
        None => envelope::missing(call),
    }
}
