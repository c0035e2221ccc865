//! The strict JSON reader for everything that comes from outside, and the small tree it makes. One pass of serde_json's
//! parser through our own visitor; never `serde_json::Value`, which keeps the last of two equal keys and rounds numbers.

use std::fmt;

use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use unicode_normalization::UnicodeNormalization;

/// Deepest nesting of arrays and objects; the outermost is 1.
pub const MAX_DEPTH: u32 = 32;
/// Most values of any kind in one text.
pub const MAX_NODES: u32 = 2_000;
/// Below this every integer is exact in an `f64`.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Why a text was not read. Displays as one sentence without any of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonProblem {
    /// Where the parser stopped, both from 1.
    Malformed {
        line: usize,
        column: usize,
    },
    NotAnObject,
    /// Also two spellings of one key that normalise (NFC) alike.
    DuplicateKey,
    TooDeep,
    TooManyNodes,
    /// Not UTF-8, a byte order mark, or a lone surrogate.
    Encoding,
    /// A number that cannot be held without changing it.
    NumberOutOfRange,
}

impl fmt::Display for JsonProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { line, column } => write!(f, "This is not JSON: line {line}, column {column}."),
            Self::NotAnObject => f.write_str("A JSON object is expected."),
            Self::DuplicateKey => f.write_str("An object has the same key twice."),
            Self::TooDeep => write!(f, "The JSON is nested deeper than {MAX_DEPTH}."),
            Self::TooManyNodes => write!(f, "The JSON has more than {MAX_NODES} values."),
            Self::Encoding => f.write_str("The text must be UTF-8 without a byte order mark or lone surrogates."),
            Self::NumberOutOfRange => f.write_str("A number is too large or too small to be kept exactly."),
        }
    }
}

/// A JSON value.
/// **Invariant:** one number has one form: whole numbers that were written exactly are `Int`, or `UInt` above `i64::MAX`.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    UInt(u64),
    Float(f64),
    String(String),
    Array(Vec<Value>),
    Object(Object),
}

impl Value {
    /// What it is, in words: "a string".
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "true or false",
            Self::Int(_) | Self::UInt(_) | Self::Float(_) => "a number",
            Self::String(_) => "a string",
            Self::Array(_) => "a list",
            Self::Object(_) => "an object",
        }
    }

    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }
}

/// A JSON object.
/// **Invariant:** keys are unique and sorted by their bytes, so writing it out is already canonical.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Object(Vec<(Box<str>, Value)>);

impl Object {
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.place(key).ok().and_then(|at| self.0.get(at)).map(|(_, value)| value)
    }

    /// Takes a member out.
    pub fn take(&mut self, key: &str) -> Option<Value> {
        self.place(key).ok().map(|at| self.0.remove(at).1)
    }

    /// Puts a member in, in place of one of that name.
    pub fn set(&mut self, key: &str, value: Value) {
        match self.place(key) {
            Ok(at) => self.0[at].1 = value,
            Err(at) => self.0.insert(at, (key.into(), value)),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(key, value)| (&**key, value))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn place(&self, key: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(held, _)| (**held).cmp(key))
    }

    /// False: the key is already there, nothing was changed.
    fn insert(&mut self, key: Box<str>, value: Value) -> bool {
        match self.place(&key) {
            Ok(_) => false,
            Err(at) => {
                self.0.insert(at, (key, value));
                true
            }
        }
    }

    /// Whether two keys are one once normalised. Only asked when a key is not ASCII (an ASCII key may be the other one:
    /// the Kelvin sign normalises to `K`).
    fn has_keys_alike(&self) -> bool {
        let mut normal: Vec<String> = self.0.iter().map(|(key, _)| key.nfc().collect()).collect();
        normal.sort_unstable();
        normal.windows(2).any(|pair| pair[0] == pair[1])
    }
}

/// Reads one JSON object and nothing after it.
pub fn parse(body: &[u8]) -> Result<Object, JsonProblem> {
    match parse_value(body)? {
        Value::Object(object) => Ok(object),
        _ => Err(JsonProblem::NotAnObject),
    }
}

/// Reads one JSON value and nothing after it.
pub fn parse_value(body: &[u8]) -> Result<Value, JsonProblem> {
    let text = std::str::from_utf8(body).map_err(|_| JsonProblem::Encoding)?;
    // A NUL among the first four bytes is UTF-16 or UTF-32 without a mark; no JSON begins so.
    if text.starts_with('\u{FEFF}') || text.bytes().take(4).any(|byte| byte == 0) {
        return Err(JsonProblem::Encoding);
    }
    let mut reading = Reading::default();
    let mut parser = serde_json::Deserializer::from_str(text);
    let value = Seed { reading: &mut reading, depth: 1 }.deserialize(&mut parser).and_then(|value| parser.end().map(|()| value));
    match value {
        Ok(value) if reading.check_numbers => exact_numbers(text).then_some(value).ok_or(JsonProblem::NumberOutOfRange),
        Ok(value) => Ok(value),
        Err(error) => Err(reading.problem.unwrap_or_else(|| sort(&error))),
    }
}

/// serde_json tells these two cases only in words; the table test keeps us honest about them.
fn sort(error: &serde_json::Error) -> JsonProblem {
    let words = error.to_string();
    if words.contains("number out of range") {
        JsonProblem::NumberOutOfRange
    } else if words.contains("surrogate") || words.contains("end of hex escape") {
        JsonProblem::Encoding
    } else {
        JsonProblem::Malformed { line: error.line().max(1), column: error.column().max(1) }
    }
}

/// Second look at the number tokens, only when one may have lost digits on its way into an `f64`.
fn exact_numbers(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'"' => {
                while let Some(&inside) = bytes.get(at) {
                    at += if inside == b'\\' { 2 } else { 1 };
                    if inside == b'"' {
                        break;
                    }
                }
            }
            b'-' | b'0'..=b'9' => {
                let start = at - 1;
                while bytes.get(at).is_some_and(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-')) {
                    at += 1;
                }
                if !text.get(start..at).is_some_and(exact_number) {
                    return false;
                }
            }
            _ => {}
        }
    }
    true
}

fn exact_number(token: &str) -> bool {
    if token.contains(['.', 'e', 'E']) {
        let mantissa = token.split(['e', 'E']).next().unwrap_or(token);
        let is_zero = !mantissa.bytes().any(|byte| matches!(byte, b'1'..=b'9'));
        token.parse::<f64>().is_ok_and(|value| value.is_finite() && (value == 0.0) == is_zero)
    } else {
        token.parse::<i64>().is_ok() || token.parse::<u64>().is_ok()
    }
}

#[derive(Default)]
struct Reading {
    nodes: u32,
    problem: Option<JsonProblem>,
    check_numbers: bool,
}

struct Seed<'r> {
    reading: &'r mut Reading,
    depth: u32,
}

impl Seed<'_> {
    fn stop<E: de::Error>(&mut self, problem: JsonProblem) -> E {
        self.reading.problem = Some(problem);
        E::custom("")
    }

    fn enter<E: de::Error>(&mut self) -> Result<(), E> {
        if self.depth > MAX_DEPTH { Err(self.stop(JsonProblem::TooDeep)) } else { Ok(()) }
    }

    fn inner(&mut self) -> Seed<'_> {
        Seed { reading: self.reading, depth: self.depth + 1 }
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: de::Deserializer<'de>>(mut self, deserializer: D) -> Result<Value, D::Error> {
        self.reading.nodes += 1;
        if self.reading.nodes > MAX_NODES {
            return Err(self.stop(JsonProblem::TooManyNodes));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(i64::try_from(value).map_or(Value::UInt(value), Value::Int))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        if value == 0.0 || value.abs() >= EXACT {
            self.reading.check_numbers = true;
        }
        #[allow(clippy::cast_possible_truncation)] // Whole and below 2^53.
        Ok(if value.fract() == 0.0 && value.abs() < EXACT { Value::Int(value as i64) } else { Value::Float(value) })
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<Value, A::Error> {
        self.enter()?;
        let mut items = vec![];
        while let Some(item) = list.next_element_seed(self.inner())? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<Value, A::Error> {
        self.enter()?;
        let mut object = Object::default();
        let mut only_ascii = true;
        while let Some(key) = members.next_key::<Box<str>>()? {
            only_ascii &= key.is_ascii();
            let value = members.next_value_seed(self.inner())?;
            if !object.insert(key, value) {
                return Err(self.stop(JsonProblem::DuplicateKey));
            }
        }
        if !only_ascii && object.has_keys_alike() {
            return Err(self.stop(JsonProblem::DuplicateKey));
        }
        Ok(Value::Object(object))
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Int(value) => serializer.serialize_i64(*value),
            Self::UInt(value) => serializer.serialize_u64(*value),
            Self::Float(value) => serializer.serialize_f64(*value),
            Self::String(text) => serializer.serialize_str(text),
            Self::Array(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(item)?;
                }
                list.end()
            }
            Self::Object(object) => object.serialize(serializer),
        }
    }
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(&**key, value)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests;
