//! Files that are made on request: an address with places in it that a builder fixed, what may be put into them, and what a
//! decision asks to have fetched. A value only ever fills its place in the path or the query: the host stands there as it is. Pure.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::ids::FileKey;

/// Longest address a builder may write down, in bytes.
pub const MAX_TEMPLATE: usize = 2_048;
/// Places of one address.
pub const MAX_PLACES: usize = 10;
/// Longest value, in characters.
const MAX_VALUE: usize = 200;

/// How a file is called that was named by its address alone. No key of a library looks like this.
pub const BY_ADDRESS: &str = "@address";

/// An address AI agents may have files fetched from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceEntry {
    pub key: FileKey,
    /// What it is for, in the builder's words: the model chooses by it.
    pub description: Arc<str>,
    /// With `{names}` for its places.
    pub template: Arc<str>,
    /// As the customer sees it; `None`: as its address ends.
    pub filename: Option<Arc<str>>,
}

/// What is to be fetched for one call, as it stood when that was decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Key of the entry, or [`BY_ADDRESS`].
    pub attachment: String,
    pub url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
    /// Hosts it may come from; empty: any that may be reached.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// The channel whose limits hold, by its name in `channel_limits`.
    pub channel: String,
    /// The room lives here: nobody outside has to be told.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub here: bool,
}

/// Why an address cannot be made of a template and values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfilled {
    Missing(Vec<String>),
    /// No place is called so.
    Unknown(String),
    /// This value cannot stand in an address.
    Bad(String),
}

/// The places of a template, each once. `Err` ends the sentence "The address …".
pub fn places(template: &str) -> Result<Vec<String>, &'static str> {
    if template.len() > MAX_TEMPLATE {
        return Err("is too long");
    }
    let Some((_, rest)) = template.split_once("://") else { return Err("must begin with https://") };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if host.is_empty() || host.contains(['{', '}', '@']) {
        return Err("must name its host as it is");
    }
    if template.contains('#') {
        return Err("must not hold a #");
    }
    let mut places: Vec<String> = vec![];
    let mut rest = rest;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, behind)) = after.split_once('}') else { return Err("has a { without its }") };
        if before.contains('}') {
            return Err("has a } without its {");
        }
        let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        if !(1..=40).contains(&name.len()) || !name.bytes().all(letter) {
            return Err("may call its places with a-z, 0-9 and _ only");
        }
        if !places.iter().any(|known| known == name) {
            places.push(name.to_owned());
        }
        rest = behind;
    }
    if rest.contains('}') {
        return Err("has a } without its {");
    }
    if places.len() > MAX_PLACES { Err("has too many places") } else { Ok(places) }
}

/// The address with its places filled. A value that could lead elsewhere is refused, not mended.
pub fn fill(template: &str, given: &[(String, String)]) -> Result<String, Unfilled> {
    let places = places(template).unwrap_or_default();
    if let Some((name, _)) = given.iter().find(|(name, _)| !places.contains(name)) {
        return Err(Unfilled::Unknown(name.clone()));
    }
    let value = |name: &String| given.iter().find(|(known, _)| known == name).map(|(_, value)| value);
    let missing: Vec<String> = places.iter().filter(|name| value(name).is_none()).cloned().collect();
    if !missing.is_empty() {
        return Err(Unfilled::Missing(missing));
    }
    let mut url = template.to_owned();
    for name in &places {
        let value = value(name).map_or("", |value| value.trim());
        if !may_stand(value) {
            return Err(Unfilled::Bad(name.clone()));
        }
        // A value holds no brace once it is encoded, so no place can come out of one.
        url = url.replace(&format!("{{{name}}}"), &encoded(value));
    }
    Ok(url)
}

fn may_stand(value: &str) -> bool {
    let odd = |c: char| c.is_control() || matches!(c, '/' | '\\' | '%' | '{' | '}');
    !value.is_empty() && value.chars().count() <= MAX_VALUE && !value.contains(odd) && value != "." && !value.contains("..")
}

/// Every byte but letters, digits and `-._~` as `%XX`.
fn encoded(value: &str) -> String {
    let mut out = String::new();
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(values: &[(&str, &str)]) -> Vec<(String, String)> {
        values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn places_stand_behind_the_host() {
        assert_eq!(places("https://a.example/{number}/{lang}.pdf?n={number}"), Ok(vec!["number".into(), "lang".into()]));
        assert_eq!(places("https://a.example"), Ok(vec![]));
        for bad in [
            "a.example/{x}",
            "https://{host}/x",
            "https://a.{x}.example/",
            "https://a.example:{port}/",
            "https:///x",
            "https://a.example/{x",
            "https://a.example/x}",
            "https://a.example/}{",
            "https://a.example/{X}",
            "https://a.example/{}",
            "https://a.example/{a{b}}",
            "https://a.example/#{x}",
            "https://user@a.example/x",
            "https://a.example?x={y}}",
        ] {
            assert!(places(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_value_stays_in_its_place() {
        let template = "https://a.example/i/{number}.pdf?lang={lang}";
        let url = fill(template, &with(&[("number", " INV 7&x=1?#é "), ("lang", "de")]));
        assert_eq!(url.as_deref(), Ok("https://a.example/i/INV%207%26x%3D1%3F%23%C3%A9.pdf?lang=de"));
        for bad in ["", " ", ".", "..", "a/b", "a\\b", "%2e%2e", "x..y", "a\nb", "{lang}", &"x".repeat(201)] {
            let filled = fill(template, &with(&[("number", bad), ("lang", "de")]));
            assert_eq!(filled, Err(Unfilled::Bad("number".into())), "{bad}");
        }
        assert_eq!(fill(template, &with(&[("lang", "de")])), Err(Unfilled::Missing(vec!["number".into()])));
        assert_eq!(fill(template, &with(&[("host", "x")])), Err(Unfilled::Unknown("host".into())));
    }
}
