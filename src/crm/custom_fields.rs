//! The company's own fields: from a label and a text to what the CRM takes for that kind of field (qontak-api.md 1.6, the
//! table of values), and back when a record is sent again. Pure.

use serde_json::{Value, json};

use crate::room::Refusal;
use crate::room::tag::fold;

use super::change::How;
use super::choose;
use super::dates;
use super::record::{self, Record};
use super::refusals::{not_settable, wrong_value};
use super::template::FieldRow;

/// A value as it is sent.
#[derive(Debug, PartialEq)]
pub struct Entry {
    /// One entry of `additional_fields`.
    pub entry: Value,
    pub how: How,
    /// For people.
    pub shown: Value,
}

/// Kinds that a value cannot be given for: only a person in the CRM can (qontak-api.md 1.6).
pub fn is_settable(row: &FieldRow) -> bool {
    !matches!(fold(&row.kind).as_str(), "photo" | "signature" | "checklist" | "assoc" | "checkin")
}

/// Whether our reference can stand in it: text, as it is.
pub fn takes_reference(row: &FieldRow) -> bool {
    matches!(fold(&row.kind).as_str(), "single-line text" | "text area")
}

/// Kinds that are not sent back with the rest of a record.
fn is_left_out(kind: &str) -> bool {
    matches!(fold(kind).as_str(), "photo" | "signature" | "checklist" | "checkin" | "assoc")
}

/// What a model's text becomes in this field.
pub fn entry(row: &FieldRow, text: &str) -> Result<Entry, Refusal> {
    if !is_settable(row) {
        return Err(not_settable(&row.label));
    }
    let text = text.trim();
    let plain = |value: Value, how: How| Ok(made(row, value, None, how, json!(text)));
    let kind = fold(&row.kind);
    match kind.as_str() {
        "number" => match plain_number(text) {
            Some(_) => plain(json!(text), How::Number),
            None => Err(wrong_value(&row.label, "must be a plain number, without separators or units")),
        },
        "percentage" => match text.strip_suffix('%').unwrap_or(text).trim() {
            digits if plain_number(digits).is_some() => {
                let decimals = if digits.contains('.') { digits.to_owned() } else { format!("{digits}.0") };
                plain(json!(decimals), How::Number)
            }
            _ => Err(wrong_value(&row.label, "must be a percentage, as a plain number")),
        },
        "date" => match dates::from_model(text) {
            Some(day) => plain(json!(dates::slashed(day)), How::Day),
            None => Err(wrong_value(&row.label, "must be a date that exists, as YYYY-MM-DD")),
        },
        "date time" => match dates::time_from_model(text) {
            Some(at) => plain(json!(dates::iso_time(at)), How::Moment),
            None => Err(wrong_value(&row.label, "must be a time that exists, as YYYY-MM-DDTHH:MM")),
        },
        "dropdown select" => {
            let choice = choose::choice("unknown_option", &row.label, text, &row.choices)?;
            let id = choice.id.map_or_else(|| choice.name.clone(), |id| id.to_string());
            Ok(made(row, json!(id), Some(json!(choice.name)), How::Id, json!(choice.name)))
        }
        "multiple select" => {
            let choices = several(row, text)?;
            let ids: Vec<String> = choices.iter().map(|(id, _)| id.clone()).collect();
            let names: Vec<&str> = choices.iter().map(|(_, name)| name.as_str()).collect();
            Ok(made(row, json!(ids.join(",")), None, How::Ids, json!(names.join(", "))))
        }
        "url" | "upload" => match text.starts_with("https://") || text.starts_with("http://") {
            true => plain(json!(text), How::Text),
            false => Err(wrong_value(&row.label, "must be an address that starts with https://")),
        },
        kind if kind.contains("gps") => position(row, text),
        _ => plain(json!(text), How::Text),
    }
}

fn made(row: &FieldRow, value: Value, value_name: Option<Value>, how: How, shown: Value) -> Entry {
    let mut entry = json!({"id": row.id, "name": row.name, "value": value});
    if let Some(name) = value_name {
        entry["value_name"] = name;
    }
    Entry { entry, how, shown }
}

/// Digits with at most one point: `1,000` and `1.000.000` mean different things in different places.
pub fn plain_number(text: &str) -> Option<f64> {
    let (whole, rest) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits(whole.strip_prefix('-').unwrap_or(whole)) && digits(rest) { text.parse().ok() } else { None }
}

/// One name, or several with commas; a name may itself have one.
fn several(row: &FieldRow, text: &str) -> Result<Vec<(String, String)>, Refusal> {
    let one = |name: &str| {
        let choice = choose::choice("unknown_option", &row.label, name, &row.choices)?;
        Ok((choice.id.map_or_else(|| choice.name.clone(), |id| id.to_string()), choice.name.clone()))
    };
    if let Ok(whole) = one(text) {
        return Ok(vec![whole]);
    }
    let mut chosen: Vec<(String, String)> = vec![];
    for name in text.split([',', ';']).map(str::trim).filter(|name| !name.is_empty()) {
        let next = one(name)?;
        if !chosen.contains(&next) {
            chosen.push(next);
        }
    }
    if chosen.is_empty() { one(text).map(|one| vec![one]) } else { Ok(chosen) }
}

/// `-6.2, 106.8`: latitude, longitude, also beside the value (qontak-api.md 1.6).
fn position(row: &FieldRow, text: &str) -> Result<Entry, Refusal> {
    let wrong = || wrong_value(&row.label, "must be a place as `latitude, longitude`");
    let (lat, long) = text.split_once(',').ok_or_else(wrong)?;
    let (lat, long) = (lat.trim(), long.trim());
    let in_range = |text: &str, most: f64| plain_number(text).is_some_and(|number| number.abs() <= most);
    if !in_range(lat, 90.0) || !in_range(long, 180.0) {
        return Err(wrong());
    }
    let value = format!("{lat},{long}");
    let mut made = made(row, json!(value), None, How::Text, json!(value));
    made.entry["lat"] = json!(lat);
    made.entry["long"] = json!(long);
    Ok(made)
}

/// What a record holds, as it is sent back: everything that is filled in, but what JSON cannot carry.
pub fn kept(record: &Record, rows: &[FieldRow]) -> Vec<Value> {
    let filled = record::custom_fields(record).filter(|field| !record::is_blank(field.get("value")));
    filled
        .filter_map(|field| {
            let id = record::int_of(field, "id")?;
            let row = rows.iter().find(|row| row.custom && row.id == Some(id));
            let kind = row.map(|row| fold(&row.kind)).unwrap_or_default();
            if is_left_out(&kind) {
                return None;
            }
            let value = field.get("value").cloned().unwrap_or_default();
            let value = match (kind.as_str(), &value) {
                // Reads are ISO, writes are day first.
                ("date", Value::String(text)) => dates::day_of(text).map_or(value, |day| json!(dates::slashed(day))),
                ("dropdown select", Value::Number(number)) => json!(number.to_string()),
                ("multiple select", Value::Array(items)) => {
                    json!(items.iter().filter_map(record::int).map(|id| id.to_string()).collect::<Vec<_>>().join(","))
                }
                _ => value,
            };
            let mut sent = json!({"id": id, "name": field.get("name"), "value": value});
            if let (true, Some(name @ Value::String(_))) = (kind == "dropdown select", field.get("value_name")) {
                sent["value_name"] = name.clone();
            }
            for place in ["long", "lat"] {
                if let Some(part) = field.get(place).filter(|part| !part.is_null()) {
                    sent[place] = part.clone();
                }
            }
            Some(sent)
        })
        .collect()
}

#[cfg(test)]
#[path = "tests/custom_fields.rs"]
mod tests;
