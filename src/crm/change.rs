//! What a write changes, field by field: where it stands, what it was, what it is to be, and whether a record read later shows
//! it. Written down with the part, so that a restart can still tell.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::dates;
use super::record::{self, Record};

/// Where a value stands in a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    Key(String),
    Custom(i64),
}

impl Place {
    pub fn read<'a>(&self, record: &'a Record) -> Option<&'a Value> {
        match self {
            Self::Key(key) => record.get(key),
            Self::Custom(id) => record::custom_field(record, *id)?.get("value"),
        }
    }
}

/// When two values are the same: reads give other forms than writes take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    Text,
    Number,
    Day,
    Moment,
    Id,
    /// Comma-joined, in any order.
    Ids,
}

impl How {
    pub fn same(self, a: &Value, b: &Value) -> bool {
        if record::is_blank(Some(a)) || record::is_blank(Some(b)) {
            return record::is_blank(Some(a)) && record::is_blank(Some(b));
        }
        let both = |read: fn(&Value) -> Option<String>| matches!((read(a), read(b)), (Some(a), Some(b)) if a == b);
        match self {
            Self::Text => both(|value| Some(words(&text(value)?))),
            // To the cent: what was sent as a number comes back as text.
            Self::Number => matches!((record::number(a), record::number(b)), (Some(a), Some(b)) if (a - b).abs() < 0.005),
            Self::Day => both(|value| Some(dates::day_of(value.as_str()?)?.to_string())),
            Self::Moment => both(|value| Some(dates::moment_of(value.as_str()?)?.to_string())),
            Self::Id => both(|value| Some(record::int(value)?.to_string())),
            Self::Ids => both(|value| {
                let text = text(value)?;
                let mut ids: Vec<&str> = text.split(',').map(str::trim).filter(|id| !id.is_empty()).collect();
                ids.sort_unstable();
                Some(ids.join(","))
            }),
        }
    }

    /// As a person or a model is told it.
    pub fn shown(self, value: &Value) -> Value {
        if record::is_blank(Some(value)) {
            return Value::Null;
        }
        match self {
            Self::Number => record::number(value).map_or_else(|| value.clone(), record::amount),
            Self::Day => {
                let day = value.as_str().and_then(dates::day_of);
                day.map_or_else(|| value.clone(), |day| Value::from(day.to_string()))
            }
            _ => match value {
                Value::Array(items) if items.len() == 1 => items[0].clone(),
                value => value.clone(),
            },
        }
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Array(items) => Some(items.iter().filter_map(text).collect::<Vec<_>>().join(",")),
        _ => None,
    }
}

/// The CRM may tidy spaces and line ends.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// One field that a write changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The model's argument, or the custom field's label.
    pub field: String,
    pub place: Place,
    pub how: How,
    /// For people.
    pub from: Value,
    pub to: Value,
    /// As it is sent.
    pub written: Value,
}

impl Change {
    /// Whether a record shows it; `None`: it does not show that field at all.
    pub fn shows(&self, record: &Record) -> Option<bool> {
        self.place.read(record).map(|value| self.how.same(value, &self.written))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_read_back_in_another_form_is_the_same() {
        for (how, a, b) in [
            (How::Number, json!("2500000.0"), json!(2_500_000)),
            (How::Id, json!([7]), json!(7)),
            (How::Id, json!("9102"), json!(9102)),
            (How::Ids, json!("3,1, 2"), json!("1,2,3")),
            (How::Ids, json!([3, 1]), json!("1,3")),
            (How::Day, json!("2026-01-10T00:00:00.000+07:00"), json!("10-01-2026")),
            (How::Day, json!("2026-01-09T17:00:00.000Z"), json!("10/01/2026")),
            (How::Moment, json!("2026-01-10T02:30:00Z"), json!("2026-01-10T09:30:00.000+07:00")),
            (How::Text, json!("a  b\r\nc"), json!("a b\nc")),
            (How::Text, json!(null), json!("")),
        ] {
            assert!(how.same(&a, &b), "{how:?} {a} {b}");
        }
        for (how, a, b) in [
            (How::Number, json!("2500000.0"), json!(2_500_001)),
            (How::Id, json!([7]), json!(8)),
            (How::Day, json!("2026-10-01"), json!("10-01-2026")),
            (How::Text, json!("a"), json!(null)),
            (How::Number, json!("x"), json!("x")),
        ] {
            assert!(!how.same(&a, &b), "{how:?} {a} {b}");
        }
    }

    #[test]
    fn a_change_is_looked_for_where_it_stands() {
        let record = json!({"size": "5.0", "additional_fields": [{"id": 3, "value": "x"}]});
        let record = record.as_object().unwrap();
        let change = |place, how, written| Change { field: "f".into(), place, how, from: Value::Null, to: Value::Null, written };
        assert_eq!(change(Place::Key("size".into()), How::Number, json!(5)).shows(record), Some(true));
        assert_eq!(change(Place::Custom(3), How::Text, json!("y")).shows(record), Some(false));
        assert_eq!(change(Place::Custom(4), How::Text, json!("y")).shows(record), None);
    }
}
