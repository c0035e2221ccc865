//! Custom fields: a list of `{id, name, value, value_name}` both ways. Reads show every custom field of the resource, unset
//! ones with null; writes are checked by the field's type.

use serde_json::{Value, json};

use super::super::request::{Record, int, record, text};
use super::super::templates;
use super::fields;

const KNOWN: [&str; 6] = ["id", "name", "value", "value_name", "long", "lat"];

/// All custom fields of a template, empty.
fn empty(template: &[Record]) -> Vec<Record> {
    let rows = template.iter().filter(|row| is_custom(row));
    rows.map(|row| record(json!({"id": row["id"], "name": row["name"], "value": null, "value_name": null}))).collect()
}

fn is_custom(row: &Record) -> bool {
    row.get("additional_field") == Some(&Value::Bool(true))
}

/// A record as it is read: with every custom field its template has by now. Kept are only those that hold something.
pub fn shown(record: &Record, template: &[Record]) -> Record {
    let mut shown = record.clone();
    shown.insert("additional_fields".into(), of(record, template).into_iter().map(Value::Object).collect());
    shown
}

fn of(record: &Record, template: &[Record]) -> Vec<Record> {
    let kept: Vec<&Record> =
        record.get("additional_fields").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object).collect();
    let with_kept = |field: Record| kept.iter().find(|one| one.get("id") == field.get("id")).map_or(field, |one| (*one).clone());
    empty(template).into_iter().map(with_kept).collect()
}

/// Takes over the fields of a body. Those it does not name stay, or are emptied when the body replaces the record.
pub fn fill(
    record: &mut Record,
    template: &[Record],
    body: &Record,
    replace: bool,
    wrongs: &mut Vec<String>,
    unknown: &mut Vec<String>,
) {
    let mut all = if replace { empty(template) } else { of(record, template) };
    let given = match body.get("additional_fields") {
        None | Some(Value::Null) => &vec![],
        Some(Value::Array(given)) => given,
        Some(_) => {
            wrongs.push("Additional fields must be a list".into());
            &vec![]
        }
    };
    for (position, one) in given.iter().enumerate() {
        let Some(one) = one.as_object() else {
            wrongs.push("Additional fields must be a list of objects".into());
            continue;
        };
        let strange = one.keys().filter(|key| !KNOWN.contains(&key.as_str()));
        unknown.extend(strange.map(|key| format!("additional_fields[{position}].{key}")));
        let id = int(one, "id");
        let row = template.iter().find(|row| is_custom(row) && id.is_some() && int(row, "id") == id);
        let (Some(row), Some(kept)) = (row, all.iter_mut().find(|kept| int(kept, "id") == id)) else {
            wrongs.push(format!("Additional field {} does not exist", one.get("id").unwrap_or(&Value::Null)));
            continue;
        };
        match read(row, one) {
            Ok((value, name)) => {
                kept.insert("value".into(), value);
                kept.insert("value_name".into(), name);
                for place in ["long", "lat"] {
                    if let Some(given) = one.get(place) {
                        kept.insert(place.into(), given.clone());
                    }
                }
            }
            Err(why) => wrongs.push(format!("{} {why}", text(row, "name_alias").unwrap_or_default())),
        }
    }
    let kept = all.into_iter().filter(|field| !field["value"].is_null());
    record.insert("additional_fields".into(), kept.map(Value::Object).collect());
}

/// The value as it is read back, and the name beside it.
fn read(row: &Record, given: &Record) -> Result<(Value, Value), String> {
    let value = given.get("value").unwrap_or(&Value::Null);
    if fields::is_blank(Some(value)) {
        return Ok((value.clone(), Value::Null));
    }
    let alone = |value: Value| Ok((value, Value::Null));
    match text(row, "type").unwrap_or_default() {
        "Text Area" => alone(fields::long(value)?),
        "Number" | "Percentage" => alone(fields::amount(value)?),
        "Date" | "Date time" => alone(fields::date(value)?),
        "Dropdown select" => {
            // The page: the option's id as text.
            let id: i64 = value.as_str().and_then(|id| id.parse().ok()).ok_or("must be the id of an option, as text")?;
            Ok((value.clone(), json!(option(row, id)?)))
        }
        "Multiple select" => {
            let ids = value.as_str().ok_or("must be ids of options, with commas")?;
            let names =
                ids.split(',').map(|id| option(row, id.trim().parse().map_err(|_| "must be ids of options, with commas")?));
            let names = names.collect::<Result<Vec<String>, String>>()?;
            Ok((value.clone(), json!(names)))
        }
        "URL" | "Upload" => {
            let link = value.as_str().filter(|link| link.starts_with("https://") || link.starts_with("http://"));
            alone(fields::line(&json!(link.ok_or("is not a valid URL")?))?)
        }
        "Checklist" => alone(checklist(row, value)?),
        "Photo" | "Signature" => Err("cannot be set".into()),
        "GPS" => {
            let known = ["long", "lat"].iter().all(|place| given.get(*place).is_some_and(|part| !part.is_null()));
            if known { alone(fields::line(value)?) } else { Err("needs long and lat".into()) }
        }
        _ => alone(fields::line(value)?),
    }
}

fn option(row: &Record, id: i64) -> Result<String, String> {
    let found = templates::options_of(row).into_iter().find(|option| int(option, "id") == Some(id));
    Ok(found.and_then(|option| text(option, "name")).ok_or("is not a valid option")?.to_owned())
}

/// A text of JSON: `{"checklist_details_attributes":[{"crm_additional_option_id":…, …}]}`.
fn checklist(row: &Record, value: &Value) -> Result<Value, String> {
    let wrong = "must be a checklist as JSON text";
    let inner: Value = value.as_str().and_then(|text| serde_json::from_str(text).ok()).ok_or(wrong)?;
    let details = inner.get("checklist_details_attributes").and_then(Value::as_array).ok_or(wrong)?;
    for detail in details {
        option(row, detail.get("crm_additional_option_id").and_then(Value::as_i64).ok_or(wrong)?)?;
    }
    Ok(value.clone())
}

/// Whether a custom field holds something.
pub fn is_filled(record: &Record, id: i64) -> bool {
    let all = record.get("additional_fields").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object);
    all.into_iter().any(|field| int(field, "id") == Some(id) && !fields::is_blank(field.get("value")))
}
