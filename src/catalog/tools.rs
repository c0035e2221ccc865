//! Actions as one AI agent may call them (`room::published`): whether a draft fits the catalog, and what a published tool makes of
//! a call: it is turned away, or its fixed values are filled in. Says nothing about who may publish.

pub mod asked;
pub mod shown;

use crate::room::{DraftTool, FunctionCall, Ground, Next, Published, Refusal, Tool};

use super::arguments::{Field, Kind, check_value, invalid};
use super::json::{self, Object, Value};
use super::nearest::nearest;
use super::{ActionEntry, CATALOG, Needs, entry};

/// The argument that names a file: which there are, the tool's own files say.
pub const FILE_ARGUMENT: &str = "attachment";
/// Most files of one tool: a model reads them all.
pub const MOST_FILES: usize = 100;
const MOST_ALLOWED: usize = 50;
/// In characters.
const LONGEST_DESCRIPTION: usize = 1_024;

/// What is wrong in a draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadDraft {
    /// JSON pointer, of names we know.
    pub pointer: String,
    /// A sentence that repeats nothing from the draft.
    pub detail: String,
    /// What may have been meant.
    pub candidates: Vec<String>,
}

impl BadDraft {
    pub fn at(pointer: String, detail: impl Into<String>) -> Self {
        Self { pointer, detail: detail.into(), candidates: vec![] }
    }

    #[must_use]
    pub fn with_candidates<'a>(mut self, candidates: impl IntoIterator<Item = &'a str>) -> Self {
        self.candidates.extend(candidates.into_iter().map(str::to_owned));
        self
    }
}

/// Whether a draft fits the catalog. Whether its files are there is not looked at.
pub fn check(draft: &[DraftTool]) -> Result<(), BadDraft> {
    for (at, tool) in draft.iter().enumerate() {
        let place = |more: &str| format!("/actions/{at}{more}");
        let Some(entry) = entry(&tool.name) else {
            let close = nearest(&tool.name, CATALOG.iter().map(|entry| entry.name), 3);
            return Err(BadDraft::at(place("/name"), "There is no such action in the catalog.").with_candidates(close));
        };
        if draft[..at].iter().any(|earlier| earlier.name == tool.name) {
            return Err(BadDraft::at(place("/name"), "This action stands twice."));
        }
        let told = |text: &String| {
            let control = |c: char| c.is_control() && c != '\n';
            (1..=LONGEST_DESCRIPTION).contains(&text.trim().chars().count()) && !text.chars().any(control)
        };
        if tool.description.as_ref().is_some_and(|text| !told(text)) {
            let rule = format!("It has 1 to {LONGEST_DESCRIPTION} characters and no control characters but line breaks.");
            return Err(BadDraft::at(place("/description"), rule));
        }
        for (name, value) in &tool.fixed {
            let field =
                field(entry, name).map_err(|detail| BadDraft::at(place("/fixed"), detail).with_candidates(names(entry)))?;
            if tool.allowed.contains_key(name) {
                return Err(BadDraft::at(place("/allowed"), "An argument is either fixed or has allowed values."));
            }
            let own = own(value).filter(|value| *value != Value::Null);
            let fits = own.is_some_and(|value| check_value(field, &value).is_ok());
            if !fits {
                return Err(BadDraft::at(place(&format!("/fixed/{}", field.name)), "The argument cannot have this value."));
            }
        }
        for (name, values) in &tool.allowed {
            let field =
                field(entry, name).map_err(|detail| BadDraft::at(place("/allowed"), detail).with_candidates(names(entry)))?;
            let text = matches!(field.kind, Kind::Line(_) | Kind::Text(_) | Kind::OneOf(_) | Kind::Texts | Kind::Date);
            let fits = |text: &String| !text.trim().is_empty() && check_value(field, &Value::String(text.clone())).is_ok();
            if !text || !(1..=MOST_ALLOWED).contains(&values.len()) || !values.iter().all(fits) {
                let rule = format!("It must be 1 to {MOST_ALLOWED} texts that the argument can have.");
                return Err(BadDraft::at(place(&format!("/allowed/{}", field.name)), rule));
            }
        }
        let sends = entry.needs == Needs::Files;
        if !sends && !tool.files.is_empty() {
            return Err(BadDraft::at(place("/files"), "This action sends no files."));
        }
        if sends && !(1..=MOST_FILES).contains(&tool.files.len()) {
            return Err(BadDraft::at(place("/files"), format!("Name what it may send: 1 to {MOST_FILES} keys of files.")));
        }
        if tool.files.iter().enumerate().any(|(at, key)| tool.files[..at].contains(key)) {
            return Err(BadDraft::at(place("/files"), "A file stands twice."));
        }
    }
    Ok(())
}

fn names(entry: &ActionEntry) -> impl Iterator<Item = &'static str> {
    entry.fields.iter().map(|field| field.name).filter(|name| *name != FILE_ARGUMENT)
}

/// The argument of this name, if its values are a builder's to choose.
fn field(entry: &'static ActionEntry, name: &str) -> Result<&'static Field, &'static str> {
    match entry.fields.iter().find(|field| field.name == name) {
        Some(field) if field.name == FILE_ARGUMENT => Err("Which files may be sent is said in `files`."),
        Some(field) => Ok(field),
        None => Err("The action has no such argument."),
    }
}

/// A stored value as the catalog reads it. `None`: it cannot be one.
fn own(value: &serde_json::Value) -> Option<Value> {
    json::parse_value(value.to_string().as_bytes()).ok()
}

/// The tool of a call that came to the door. `Ok(None)`: every action may be called, as it is.
pub(super) fn of_call<'a>(published: Option<&'a Published>, entry: &ActionEntry) -> Result<Option<&'a Tool>, Refusal> {
    let Some(published) = published else { return Ok(None) };
    published.tool(entry.name).map(Some).ok_or_else(|| disabled(published, entry.name))
}

/// Whether this call's tool was taken away since it was let in.
pub(super) fn withdrawn(call: &FunctionCall, ground: &Ground<'_>) -> Option<Refusal> {
    let published = ground.company.published(call.ai_agent.as_ref())?;
    if published.tool(call.name).is_some() { None } else { Some(disabled(published, call.name)) }
}

/// It is in the catalog, and not among what this AI agent may do.
fn disabled(published: &Published, name: &str) -> Refusal {
    let own = published.tools.iter().map(|tool| tool.action.as_str());
    let message = format!("The tool `{name}` is not among yours, so nothing was done. Use one of your own tools, or none.");
    Refusal::new("tool_disabled", Next::UseOtherTool, message)
        .with_candidates(nearest(name, own, 3).into_iter().map(str::to_owned))
}

/// The arguments with what is fixed filled in. `None`: nothing is, and they stay as they are.
pub(super) fn filled(tool: &Tool, given: &Object) -> Result<Option<Object>, Refusal> {
    let sent = |name: &str| given.get(name).filter(|value| **value != Value::Null);
    if let Some(name) = tool.fixed.keys().find(|name| sent(name).is_some()) {
        let message = format!("The argument `{name}` is set by the company and cannot be given. Leave it out and call again.");
        return Err(Refusal::new("argument_not_allowed", Next::FixAndRetry, message));
    }
    for (name, values) in &tool.allowed {
        sent(name).map_or(Ok(()), |value| is_allowed(name, values, value))?;
    }
    if tool.fixed.is_empty() {
        return Ok(None);
    }
    let mut filled = given.clone();
    for (name, value) in &tool.fixed {
        // It was read when it was published.
        filled.set(name, own(value).unwrap_or(Value::Null));
    }
    Ok(Some(filled))
}

/// What is no text is told by the action's own table.
fn is_allowed(name: &str, values: &[String], given: &Value) -> Result<(), Refusal> {
    let fits = |value: &Value| value.as_str().is_none_or(|text| values.iter().any(|allowed| allowed == text.trim()));
    let all = match given {
        Value::Array(items) => items.iter().all(fits),
        value => fits(value),
    };
    if all {
        return Ok(());
    }
    Err(invalid(name, format!("must be one of: {}", values.join(", "))).with_allowed(values.iter().cloned()))
}
