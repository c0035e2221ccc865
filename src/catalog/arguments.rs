//! What an action's arguments may be: one table per action, from which both the schema that models read and the check of
//! what they send are made, so that the two cannot drift apart. Never converts one type into another.

use serde_json::json;

use crate::room::{Next, Refusal};

use super::json::{Object, Value};
use super::nearest::{nearest, shown};

/// One argument.
pub struct Field {
    pub name: &'static str,
    pub required: bool,
    pub kind: Kind,
    /// For the model; says the bounds in words, because some providers drop the keywords.
    pub description: &'static str,
}

/// What kind of value an argument takes. Lengths are in code points.
#[derive(Clone, Copy)]
pub enum Kind {
    /// A name or an id: one line, something to see in it, nothing hidden.
    Line(usize),
    /// Free text: anything but NUL.
    Text(usize),
    OneOf(&'static [&'static str]),
    /// A number from 0 that is exact in an `f64`.
    Amount,
    /// `YYYY-MM-DD`.
    Date,
    /// One text or a list of them; each is checked by the action.
    Texts,
    Flag,
    /// A list of `{"field", "value"}`: names that only the company knows. At most so many.
    Pairs(usize),
}

pub const fn required(name: &'static str, kind: Kind, description: &'static str) -> Field {
    Field { name, required: true, kind, description }
}

pub const fn optional(name: &'static str, kind: Kind, description: &'static str) -> Field {
    Field { name, required: false, kind, description }
}

const LONGEST_PAIR_VALUE: usize = 2_000;

/// Arguments that fit their table.
#[derive(Clone, Copy)]
pub struct Checked<'a>(&'a Object);

impl<'a> Checked<'a> {
    /// A text as it was sent. `None`: absent or null.
    pub fn text(self, name: &str) -> Option<&'a str> {
        self.0.get(name).and_then(Value::as_str)
    }

    /// A name or id, trimmed.
    pub fn line(self, name: &str) -> Option<String> {
        self.text(name).map(|text| text.trim().to_owned())
    }

    pub fn owned(self, name: &str) -> Option<String> {
        self.text(name).map(str::to_owned)
    }

    /// For an argument its table requires.
    pub fn required_line(self, name: &str) -> String {
        self.line(name).unwrap_or_default()
    }

    #[allow(clippy::cast_precision_loss)] // Checked to be exact.
    pub fn amount(self, name: &str) -> Option<f64> {
        match self.0.get(name)? {
            Value::Int(value) => Some(*value as f64),
            Value::Float(value) => Some(*value),
            _ => None,
        }
    }

    /// True only if it was given so.
    pub fn flag(self, name: &str) -> bool {
        matches!(self.0.get(name), Some(Value::Bool(true)))
    }

    /// Whether anything but `name` was given.
    pub fn has_any_but(self, name: &str) -> bool {
        self.0.iter().any(|(given, value)| given != name && *value != Value::Null)
    }

    pub fn texts(self, name: &str) -> Vec<&'a str> {
        match self.0.get(name) {
            Some(Value::String(text)) => vec![text],
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
            _ => vec![],
        }
    }

    pub fn pairs(self, name: &str) -> Vec<(String, String)> {
        let Some(Value::Array(items)) = self.0.get(name) else { return vec![] };
        let pair = |item: &Value| match item {
            Value::Object(pair) => Some((pair.get("field")?.as_str()?.to_owned(), pair.get("value")?.as_str()?.to_owned())),
            _ => None,
        };
        items.iter().filter_map(pair).collect()
    }
}

/// Checks names first (a misspelt argument explains a missing one), then what is missing, then each value.
pub fn check<'a>(tool: &'static str, fields: &[Field], arguments: &'a Object) -> Result<Checked<'a>, Refusal> {
    let names = || fields.iter().map(|field| field.name);
    if let Some((name, _)) = arguments.iter().find(|(name, _)| !names().any(|known| known == *name)) {
        let close = nearest(name, names(), 1);
        let message = format!("{tool} has no argument `{}`. Use only: {}.", shown(name), names().collect::<Vec<_>>().join(", "));
        return Err(Refusal::new("unknown_argument", Next::FixAndRetry, message)
            .with_candidates(close.into_iter().map(String::from))
            .with_allowed(names().map(String::from)));
    }
    let given = |name: &str| arguments.get(name).filter(|value| **value != Value::Null);
    let missing: Vec<&str> =
        fields.iter().filter(|field| field.required && given(field.name).is_none()).map(|field| field.name).collect();
    if !missing.is_empty() {
        return Err(missing_refusal(tool, &missing));
    }
    for field in fields {
        if let Some(value) = given(field.name) {
            check_value(field, value)?;
        }
    }
    Ok(Checked(arguments))
}

/// `argument_missing`: the tool cannot go without these.
pub fn missing_refusal(tool: &str, missing: &[&str]) -> Refusal {
    let message =
        format!("{tool} also needs: {}. If you do not know the value, ask the customer; do not invent it.", missing.join(", "));
    Refusal::new("argument_missing", Next::FixAndRetry, message).with_missing(missing.iter().map(|name| (*name).to_owned()))
}

/// `argument_invalid`: `why` ends the sentence "The argument `name` …".
pub fn invalid(name: &str, why: impl std::fmt::Display) -> Refusal {
    Refusal::new("argument_invalid", Next::FixAndRetry, format!("The argument `{name}` {why}."))
}

/// Whether an argument can have this value.
pub(super) fn check_value(field: &Field, value: &Value) -> Result<(), Refusal> {
    let name = field.name;
    let wrong = |wanted: &str| Err(invalid(name, format!("must be {wanted}, not {}", value.kind())));
    match (field.kind, value) {
        (Kind::Line(max), Value::String(text)) => check_line(name, text, max),
        (Kind::Text(max), Value::String(text)) => check_text(name, text, max),
        (Kind::OneOf(words), Value::String(text)) if words.contains(&text.as_str()) => Ok(()),
        (Kind::OneOf(words), Value::String(_)) => {
            let refusal = invalid(name, format!("must be one of: {}", words.join(", ")));
            Err(refusal.with_allowed(words.iter().map(|word| (*word).to_owned())))
        }
        (Kind::Date, Value::String(text)) if is_date(text) => Ok(()),
        (Kind::Date, Value::String(_)) => Err(invalid(name, "must be a date that exists, as YYYY-MM-DD")),
        (Kind::Line(_) | Kind::Text(_) | Kind::OneOf(_) | Kind::Date, _) => wrong("a string"),
        (Kind::Amount, value) => check_amount(name, value),
        (Kind::Flag, Value::Bool(_)) => Ok(()),
        (Kind::Flag, _) => wrong("true or false"),
        (Kind::Texts, Value::String(_)) => Ok(()),
        (Kind::Texts, Value::Array(items)) => match items.iter().find(|item| item.as_str().is_none()) {
            Some(item) => Err(invalid(name, format!("must hold only strings, not {}", item.kind()))),
            None => Ok(()),
        },
        (Kind::Texts, _) => wrong("a list of strings"),
        (Kind::Pairs(max), Value::Array(items)) if items.len() <= max => items.iter().try_for_each(|item| check_pair(name, item)),
        (Kind::Pairs(max), Value::Array(_)) => Err(invalid(name, format!("has at most {max} entries"))),
        (Kind::Pairs(_), _) => wrong("a list of {\"field\", \"value\"} objects"),
    }
}

fn check_line(name: &str, text: &str, max: usize) -> Result<(), Refusal> {
    // Joiners (U+200C, U+200D) are letters' business in several scripts; what reorders or hides text is not.
    let hides = |c: char| matches!(c, '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}');
    if text.chars().any(char::is_control) {
        Err(invalid(name, "cannot contain control characters or line breaks"))
    } else if text.chars().any(hides) {
        Err(invalid(name, "cannot contain invisible characters"))
    } else if text.trim().is_empty() {
        Err(invalid(name, "cannot be empty; leave it out instead if it is optional"))
    } else {
        check_length(name, text, max)
    }
}

fn check_text(name: &str, text: &str, max: usize) -> Result<(), Refusal> {
    if text.contains('\0') {
        Err(invalid(name, "cannot contain the character NUL"))
    } else if text.trim().is_empty() {
        Err(invalid(name, "cannot be empty; leave it out instead if it is optional"))
    } else {
        check_length(name, text, max)
    }
}

fn check_length(name: &str, text: &str, max: usize) -> Result<(), Refusal> {
    if text.len() > max && text.chars().count() > max {
        Err(invalid(name, format!("has at most {max} characters")))
    } else {
        Ok(())
    }
}

fn check_amount(name: &str, value: &Value) -> Result<(), Refusal> {
    const MOST: i64 = 9_007_199_254_740_991;
    let why = match value {
        Value::Int(0..=MOST) => return Ok(()),
        Value::Float(amount) if *amount >= 0.0 && *amount < 9_007_199_254_740_992.0 => return Ok(()),
        Value::Int(..0) => "cannot be negative".to_owned(),
        Value::Float(amount) if *amount < 0.0 => "cannot be negative".to_owned(),
        Value::Int(_) | Value::UInt(_) | Value::Float(_) => format!("is at most {MOST}"),
        Value::String(_) => "must be a number without quotes, not a string".to_owned(),
        other => format!("must be a number, not {}", other.kind()),
    };
    Err(invalid(name, why))
}

fn check_pair(name: &str, item: &Value) -> Result<(), Refusal> {
    let Value::Object(pair) = item else {
        return Err(invalid(name, format!("must hold objects {{\"field\", \"value\"}}, not {}", item.kind())));
    };
    match (pair.get("field"), pair.get("value"), pair.iter().count()) {
        (Some(Value::String(field)), Some(Value::String(value)), 2) => {
            check_line(name, field, 200)?;
            check_text(name, value, LONGEST_PAIR_VALUE)
        }
        _ => Err(invalid(name, "must hold objects with exactly a `field` and a `value`, both strings")),
    }
}

fn is_date(text: &str) -> bool {
    let dashed = text.len() == 10
        && text.bytes().enumerate().all(|(at, b)| if matches!(at, 4 | 7) { b == b'-' } else { b.is_ascii_digit() });
    dashed && text.parse::<jiff::civil::Date>().is_ok()
}

/// The table as JSON Schema, in the subset every provider takes: closed, every property required, optional ones nullable.
pub fn schema(fields: &[Field]) -> serde_json::Value {
    schema_with(fields.iter().map(|field| (field, vec![], field.description.to_owned())))
}

/// The same of these fields, each with the only values it may have (none: any) and what is said of it.
pub(super) fn schema_with<'a>(fields: impl Iterator<Item = (&'a Field, Vec<String>, String)>) -> serde_json::Value {
    let (mut properties, mut required) = (serde_json::Map::new(), vec![]);
    for (field, values, description) in fields {
        let kind = kind_schema(field.kind, &values);
        let mut shape = if field.required { kind } else { json!({"anyOf": [kind, {"type": "null"}]}) };
        shape["description"] = description.into();
        properties.insert(field.name.to_owned(), shape);
        required.push(field.name);
    }
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

fn kind_schema(kind: Kind, values: &[String]) -> serde_json::Value {
    if !values.is_empty() {
        let one = json!({"type": "string", "enum": values});
        return if matches!(kind, Kind::Texts) { json!({"anyOf": [{"type": "array", "items": one}, one]}) } else { one };
    }
    match kind {
        Kind::Line(_) | Kind::Text(_) => json!({"type": "string"}),
        Kind::OneOf(words) => json!({"type": "string", "enum": words}),
        Kind::Amount => json!({"type": "number"}),
        Kind::Flag => json!({"type": "boolean"}),
        Kind::Date => json!({"type": "string", "format": "date"}),
        Kind::Texts => json!({"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "string"}]}),
        Kind::Pairs(_) => json!({"type": "array", "items": {
            "type": "object",
            "properties": {"field": {"type": "string"}, "value": {"type": "string"}},
            "required": ["field", "value"],
            "additionalProperties": false,
        }}),
    }
}
