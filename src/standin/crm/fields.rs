//! Reading the standard fields of a body into a record: one table of keys per resource, one reader per kind of value. It must
//! refuse what the vendor would refuse; a client must not look right here and fail there.

use serde_json::{Value, json};

use super::super::dates;
use super::super::request::{Record, int, text};
use super::super::templates;
use super::super::world::Org;

/// What the page calls a single line; nothing says more, so this is ours.
const LINE_CHARACTERS: usize = 255;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Line,
    Long,
    Amount,
    Currency,
    Date,
    /// An option of the field's own template row, by id.
    Choice,
    Company,
    Contacts,
    Deals,
    /// Ids of what this server keeps no book of.
    Ids,
    List,
    /// The name beside an id: known, and not looked at.
    Told,
    /// Read by the resource itself.
    Own,
}

pub type Key = (&'static str, Kind);

/// What values are checked against.
pub struct Sheet<'a> {
    pub keys: &'a [Key],
    pub template: &'a [Record],
    pub org: &'a Org,
    /// Whether the names beside `…_ids` stand under `…_names`.
    pub plural_names: bool,
}

impl Sheet<'_> {
    pub fn knows(&self, key: &str) -> bool {
        key == "additional_fields" || self.keys.iter().any(|(name, _)| *name == key)
    }

    /// Takes over what `body` holds. What it does not hold stays, or is emptied when the body replaces the record.
    pub fn fill(&self, record: &mut Record, body: &Record, replace: bool, wrongs: &mut Vec<String>) {
        for (key, kind) in self.keys.iter().filter(|(_, kind)| !matches!(kind, Kind::Told | Kind::Own)) {
            let given = match body.get(*key) {
                Some(given) => given,
                None if replace || !record.contains_key(*key) => &Value::Null,
                None => continue,
            };
            match self.read(key, *kind, given) {
                Ok((value, names)) => {
                    record.insert((*key).to_owned(), value);
                    if let Some(names) = names {
                        record.insert(self.twin(key), names);
                    }
                }
                Err(why) => wrongs.push(format!("{} {why}", templates::label(self.template, key))),
            }
        }
    }

    /// Where the name of an id stands.
    fn twin(&self, key: &str) -> String {
        match (key.strip_suffix("_ids"), key.strip_suffix("_id")) {
            (Some(stem), _) if self.plural_names => format!("{stem}_names"),
            (Some(stem), _) | (None, Some(stem)) => format!("{stem}_name"),
            (None, None) => format!("{key}_name"),
        }
    }

    /// The value as it is kept, and the name beside it.
    fn read(&self, key: &str, kind: Kind, given: &Value) -> Result<(Value, Option<Value>), String> {
        let alone = |value: Value| Ok((value, None));
        match kind {
            Kind::Line => alone(line(given)?),
            Kind::Long => alone(long(given)?),
            Kind::Amount => alone(amount(given)?),
            Kind::Date => alone(date(given)?),
            Kind::Currency => {
                let name = if given.is_null() { "IDR" } else { given.as_str().ok_or("is not a valid option")? };
                let known = templates::options(self.template, key).iter().any(|option| text(option, "name") == Some(name));
                if known { alone(json!(name)) } else { Err("is not a valid option".into()) }
            }
            Kind::Choice => {
                if given.is_null() {
                    return Ok((Value::Null, Some(Value::Null)));
                }
                let id = given.as_i64().ok_or("must be a number")?;
                let options = templates::options(self.template, key);
                let option = options.into_iter().find(|option| int(option, "id") == Some(id)).ok_or("is not a valid option")?;
                Ok((json!(id), Some(option.get("name").cloned().unwrap_or_default())))
            }
            Kind::Company => {
                if given.is_null() {
                    return Ok((Value::Null, Some(Value::Null)));
                }
                // An array is what reads give; writing one is the classic mistake.
                let id = given.as_i64().ok_or("must be a number")?;
                let company = self.org.companies.get(&id).ok_or("must exist")?;
                Ok((json!(id), Some(company.get("name").cloned().unwrap_or_default())))
            }
            Kind::Contacts => linked(given, |id| self.org.contacts.get(&id).map(full_name)),
            Kind::Deals => linked(given, |id| self.org.deals.get(&id).and_then(|deal| text(deal, "name")).map(str::to_owned)),
            Kind::Ids => linked(given, |_| Some(String::new())).map(|(ids, _)| (ids, None)),
            Kind::List => match given {
                Value::Null => alone(json!([])),
                Value::Array(_) => alone(given.clone()),
                _ => Err("must be a list".into()),
            },
            Kind::Told | Kind::Own => alone(Value::Null),
        }
    }
}

pub fn full_name(contact: &Record) -> String {
    let parts = [text(contact, "first_name"), text(contact, "last_name")];
    parts.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

fn linked(given: &Value, name: impl Fn(i64) -> Option<String>) -> Result<(Value, Option<Value>), String> {
    let ids = match given {
        Value::Null => &vec![],
        Value::Array(ids) => ids,
        _ => return Err("must be a list of numbers".into()),
    };
    let mut names = vec![];
    for id in ids {
        let id = id.as_i64().ok_or("must be a list of numbers")?;
        names.push(name(id).ok_or_else(|| format!("must exist ({id})"))?);
    }
    Ok((json!(ids), Some(json!(names))))
}

pub fn line(given: &Value) -> Result<Value, String> {
    let text = match given {
        Value::Null => return Ok(Value::Null),
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return Err("must be text".into()),
    };
    if text.chars().count() > LINE_CHARACTERS {
        return Err(format!("is too long (maximum is {LINE_CHARACTERS} characters)"));
    }
    Ok(json!(text))
}

pub fn long(given: &Value) -> Result<Value, String> {
    match given {
        Value::Null | Value::String(_) => Ok(given.clone()),
        Value::Number(number) => Ok(json!(number.to_string())),
        _ => Err("must be text".into()),
    }
}

/// A number, or a text that is one without separators; kept as text with a point, as the vendor reads back.
pub fn amount(given: &Value) -> Result<Value, String> {
    let plain = match given {
        Value::Null => return Ok(Value::Null),
        Value::String(text) if text.is_empty() => return Ok(Value::Null),
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return Err("is not a number".into()),
    };
    let (whole, rest) = plain.split_once('.').unwrap_or((&plain, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(rest) {
        return Err("is not a number".into());
    }
    Ok(json!(format!("{whole}.{rest}")))
}

pub fn date(given: &Value) -> Result<Value, String> {
    match given {
        Value::Null => Ok(Value::Null),
        Value::String(text) if text.is_empty() => Ok(Value::Null),
        Value::String(text) => dates::read(text).map(Value::String).ok_or_else(|| "is not a valid date".into()),
        _ => Err("is not a valid date".into()),
    }
}

/// Nothing that would count as filled in.
pub fn is_blank(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.trim().is_empty(),
        Some(Value::Array(values)) => values.is_empty(),
        Some(_) => false,
    }
}
