//! Tools as a model is shown them: name, text, JSON schema, in the shape each provider takes. What a company fixed is not in them,
//! what it allows stands as a list, and which files there are is said with what each is for. The server checks all of it anyway.

use serde_json::{Value, json};

use super::FILE_ARGUMENT;
use crate::catalog::arguments::{self, Field};
use crate::catalog::{ActionEntry, CATALOG, Has};
use crate::room::source::places;
use crate::room::{AiAgentId, Company, Shelf, Tool};

/// How tools are written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Ours: with the version.
    Native,
    OpenaiChat,
    OpenaiResponses,
    Anthropic,
    Gemini,
}

impl Shape {
    pub const ALL: [Self; 5] = [Self::Native, Self::OpenaiChat, Self::OpenaiResponses, Self::Anthropic, Self::Gemini];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::OpenaiChat => "openai_chat",
            Self::OpenaiResponses => "openai_responses",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
        }
    }

    /// Also with the dot of the `Function-Dialect` header.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|shape| shape.as_str() == name.replacen('.', "_", 1))
    }
}

/// A tool as a model is shown it.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    pub name: &'static str,
    /// `None`: nothing was published.
    pub version: Option<i64>,
    pub description: String,
    /// Of its arguments, in the subset every provider takes.
    pub schema: Value,
}

/// The tools of an AI agent, in the catalog's order: what was published, or all whose other side is there.
pub fn shown(company: &Company, ai_agent: &AiAgentId) -> Vec<Shown> {
    let published = company.published(Some(ai_agent));
    let (shelf, has) = (company.shelf(Some(ai_agent)), Has::of(company, Some(ai_agent)));
    let mut tools = vec![];
    for entry in CATALOG {
        let tool = published.and_then(|published| published.tool(entry.name));
        if tool.is_some() || (published.is_none() && entry.needs.met(has)) {
            tools.push(one(entry, tool, shelf, company));
        }
    }
    tools
}

fn one(entry: &'static ActionEntry, tool: Option<&Tool>, shelf: Shelf<'_>, company: &Company) -> Shown {
    let is_open = |field: &&Field| tool.is_none_or(|tool| !tool.fixed.contains_key(field.name));
    // What could only be refused is not offered.
    let is_of_use = |field: &&Field| match field.name {
        "parameters" => !shelf.sources.is_empty(),
        "as_link" => company.settings.links_for_large_files,
        _ => true,
    };
    let sends = entry.fields.iter().any(|field| field.name == FILE_ARGUMENT);
    let fields = entry.fields.iter().filter(is_open).filter(|field| !sends || is_of_use(field));
    // Where addresses are taken a list of keys would forbid them.
    let by_key_alone = shelf.closed || company.settings.file_hosts.is_empty();
    let shape = |field: &'static Field| match tool.and_then(|tool| tool.allowed.get(field.name)) {
        Some(values) => (field, values.clone(), field.description.to_owned()),
        None if field.name == FILE_ARGUMENT => {
            let keys = if by_key_alone { keys(shelf) } else { vec![] };
            (field, keys, format!("{} There are: {}", field.description, told(shelf)))
        }
        None => (field, vec![], field.description.to_owned()),
    };
    let description = tool.and_then(|tool| tool.description.clone()).unwrap_or_else(|| entry.description.to_owned());
    Shown {
        name: entry.name,
        version: tool.map(|tool| tool.version),
        description,
        schema: arguments::schema_with(fields.map(shape)),
    }
}

fn keys(shelf: Shelf<'_>) -> Vec<String> {
    let stored = shelf.files.iter().map(|file| file.key.to_string());
    stored.chain(shelf.sources.iter().map(|source| source.key.to_string())).collect()
}

/// Each file with what it is for, as its builder said.
fn told(shelf: Shelf<'_>) -> String {
    let line = |key: &str, said: &str, more: &str| {
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        let parts = [said.as_str(), more].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ");
        if parts.is_empty() { format!("`{key}`") } else { format!("`{key}` ({parts})") }
    };
    let stored = shelf.files.iter().map(|file| line(file.key.as_str(), &file.description, ""));
    let made = shelf.sources.iter().map(|source| {
        let asks = places(&source.template).unwrap_or_default();
        let asks = if asks.is_empty() { String::new() } else { format!("asks in `parameters` for {}", asks.join(", ")) };
        line(source.key.as_str(), &source.description, &asks)
    });
    let all: Vec<String> = stored.chain(made).collect();
    if all.is_empty() { "none now.".into() } else { format!("{}.", all.join(", ")) }
}

/// What goes into the provider's `tools`.
pub fn write(tools: &[Shown], shape: Shape) -> Value {
    let each = |one: &dyn Fn(&Shown) -> Value| Value::Array(tools.iter().map(one).collect());
    match shape {
        Shape::Native => each(
            &|tool| json!({"name": tool.name, "version": tool.version, "description": tool.description, "parameters": tool.schema}),
        ),
        Shape::OpenaiChat => each(&|tool| json!({"type": "function", "function": openai(tool)})),
        Shape::OpenaiResponses => each(&|tool| {
            let mut function = openai(tool);
            function["type"] = "function".into();
            function
        }),
        Shape::Anthropic => {
            each(&|tool| json!({"name": tool.name, "description": tool.description, "input_schema": tool.schema}))
        }
        Shape::Gemini => {
            let one =
                |tool: &Shown| json!({"name": tool.name, "description": tool.description, "parameters": gemini(&tool.schema)});
            json!([{"functionDeclarations": tools.iter().map(one).collect::<Vec<_>>()}])
        }
    }
}

/// Strict: objects are closed and everything is required, as it asks for.
fn openai(tool: &Shown) -> Value {
    json!({"name": tool.name, "description": tool.description, "strict": true, "parameters": tool.schema})
}

/// Gemini's own schema has no closed objects, and says `nullable` where others say "or null".
fn gemini(schema: &Value) -> Value {
    let Value::Object(members) = schema else { return schema.clone() };
    let mut own = serde_json::Map::new();
    for (word, value) in members {
        match (word.as_str(), value) {
            ("additionalProperties", _) => {}
            ("anyOf", Value::Array(choices)) => {
                let (null, others): (Vec<&Value>, Vec<&Value>) = choices.iter().partition(|choice| choice["type"] == "null");
                if !null.is_empty() {
                    own.insert("nullable".into(), true.into());
                }
                match others.as_slice() {
                    [Value::Object(only)] => {
                        own.extend(gemini(&Value::Object(only.clone())).as_object().cloned().unwrap_or_default())
                    }
                    others => {
                        own.insert("anyOf".into(), others.iter().map(|choice| gemini(choice)).collect());
                    }
                }
            }
            ("properties", Value::Object(properties)) => {
                let inner = properties.iter().map(|(name, inner)| (name.clone(), gemini(inner)));
                own.insert("properties".into(), Value::Object(inner.collect()));
            }
            ("items", items) => {
                own.insert("items".into(), gemini(items));
            }
            (word, value) => {
                own.insert(word.into(), value.clone());
            }
        }
    }
    Value::Object(own)
}
