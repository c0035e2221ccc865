//! `bellhop call ROOM ACTION key=value…`: post one function-call to a room and show what the model would read.

use clap::Args;
use serde_json::{Map, Value};

use super::http::{Client, Request};
use super::output::Paint;
use super::{Context, Exit, Failure, Outcome, ServerFlags};
use crate::catalog::CATALOG;

#[derive(Debug, Args)]
pub struct CallArgs {
    room: String,
    /// An action of the catalog, like create_tag
    action: String,
    /// Arguments; lists are comma-separated, other values JSON or text
    #[arg(value_name = "KEY=VALUE")]
    arguments: Vec<String>,
    /// The call's own id; posting it twice does it once
    #[arg(long)]
    call_id: Option<String>,
    /// Seconds to wait for the end, 0 to 30
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=30))]
    wait: u32,
    #[command(flatten)]
    server: ServerFlags,
}

pub async fn run(context: &Context, args: CallArgs) -> Outcome {
    let arguments = read_arguments(&args.action, &args.arguments)?;
    let client = context.client(&args.server)?;
    let answer = post(&client, &args, arguments).await?;
    let call = answer["calls"][0].clone();
    context.output.result(&answer, || text(context, &args, &call));
    Ok(match call["status"].as_str().unwrap_or_default() {
        "succeeded" | "accepted" | "running" | "parked" | "scheduled" | "unknown" => Exit::Ok,
        "refused" => Exit::Refused,
        _ => Exit::Failed,
    })
}

async fn post(client: &Client, args: &CallArgs, arguments: Map<String, Value>) -> Result<Value, Failure> {
    let mut call = serde_json::json!({ "name": args.action, "arguments": arguments });
    // Without an id of its own, the same line typed twice would be answered from the store: a person means it again.
    call["call_id"] = Value::String(args.call_id.clone().unwrap_or_else(|| format!("cli_{}", uuid::Uuid::now_v7().simple())));
    let path = ["v1", "rooms", &args.room, "function-calls"];
    let headers = [("prefer", format!("wait={}", args.wait))];
    let request = Request { headers: &headers, ..Request::post(&path, serde_json::json!({ "calls": [call] })) };
    Ok(client.ask(&request).await?.body)
}

fn text(context: &Context, args: &CallArgs, call: &Value) -> String {
    let status = call["status"].as_str().unwrap_or("unknown");
    let (paint, said) = match status {
        "succeeded" => (Paint::Good, call["result"].to_string()),
        "refused" | "failed" | "dead" | "unresolved" => (Paint::Bad, call["error"]["message"].as_str().unwrap_or("-").to_owned()),
        _ => (Paint::Warning, "it still runs; do not repeat it".to_owned()),
    };
    let replayed = if call["replayed"] == Value::Bool(true) { " (replayed: it was done before)" } else { "" };
    let id = call["call_id"].as_str().unwrap_or("-");
    let mut text = format!("{}  {} {id}{replayed}\n{said}", context.output.paint(paint, status), args.action);
    for (field, label) in [("code", "code"), ("next", "what the model is told to do")] {
        if let Some(value) = call["error"][field].as_str() {
            text.push_str(&format!("\n{label}: {value}"));
        }
    }
    text + &format!("\nnext: bellhop room inspect {}", args.room)
}

/// Types come from the action's schema: `note=123` is a text, `tags=a,b` a list.
fn read_arguments(action: &str, pairs: &[String]) -> Result<Map<String, Value>, Failure> {
    let schema = CATALOG.iter().find(|entry| entry.name == action).map(|entry| (entry.schema)());
    let mut arguments = Map::new();
    for pair in pairs {
        let Some((key, text)) = pair.split_once('=') else {
            return Err(Failure::usage(format!("{pair:?} must be KEY=VALUE")));
        };
        let wanted = schema.as_ref().map_or(&Value::Null, |schema| &schema["properties"][key]);
        if arguments.insert(key.to_owned(), typed(wanted, text)).is_some() {
            return Err(Failure::usage(format!("{key} is given twice")));
        }
    }
    Ok(arguments)
}

fn typed(wanted: &Value, text: &str) -> Value {
    match serde_json::from_str::<Value>(text) {
        Ok(list @ Value::Array(_)) => list,
        _ if takes(wanted, "array") => text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(Value::from).collect(),
        Ok(value) if !takes(wanted, "string") => value,
        _ => Value::String(text.to_owned()),
    }
}

/// Whether a value of this kind fits the schema of an argument.
fn takes(wanted: &Value, kind: &str) -> bool {
    let among = |list: &Value, fits: &dyn Fn(&Value) -> bool| list.as_array().is_some_and(|list| list.iter().any(fits));
    wanted["type"] == kind || among(&wanted["type"], &|one| one == kind) || among(&wanted["anyOf"], &|one| takes(one, kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_says_what_a_value_is() {
        let list = serde_json::json!({"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "string"}]});
        let text = serde_json::json!({"anyOf": [{"type": "string"}, {"type": "null"}]});
        assert_eq!(typed(&list, "vip, late"), serde_json::json!(["vip", "late"]));
        assert_eq!(typed(&text, "123"), serde_json::json!("123"));
        assert_eq!(typed(&Value::Null, "123"), serde_json::json!(123));
        assert_eq!(typed(&Value::Null, "hello"), serde_json::json!("hello"));
    }

    #[test]
    fn tags_are_written_with_commas() {
        let arguments = read_arguments("create_tag", &["tags=vip,late".to_owned()]).unwrap();
        assert_eq!(arguments["tags"], serde_json::json!(["vip", "late"]));
        assert_eq!(read_arguments("create_tag", &["tags".to_owned()]).unwrap_err().exit, Exit::Usage);
    }
}
