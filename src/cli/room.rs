//! `bellhop room …`: look at rooms of a running server. Looking never wakes a room.

use clap::Subcommand;
use serde_json::Value;

use super::http::{Client, Request};
use super::output::Paint;
use super::{Context, Exit, Failure, Outcome, ServerFlags};

#[derive(Debug, Subcommand)]
pub enum RoomCommand {
    /// List rooms, newest first
    List {
        /// open, waiting, snoozed or resolved
        #[arg(long)]
        status: Option<String>,
        /// bot, queue, person or nobody
        #[arg(long)]
        control: Option<String>,
        /// At most so many, 1 to 200
        #[arg(long, default_value_t = 50)]
        limit: u32,
        /// Where an earlier list ended
        #[arg(long)]
        cursor: Option<String>,
        #[command(flatten)]
        server: ServerFlags,
    },
    /// Show one room and its live actor
    Inspect {
        room: String,
        #[command(flatten)]
        server: ServerFlags,
    },
}

pub async fn run(context: &Context, command: RoomCommand) -> Outcome {
    match command {
        RoomCommand::List { status, control, limit, cursor, server } => {
            let mut query = vec![("limit", limit.to_string())];
            let filters = [("status", status), ("control", control), ("cursor", cursor)];
            query.extend(filters.into_iter().filter_map(|(name, value)| Some((name, value?))));
            let request = Request { query: &query, ..Request::get(&["v1", "rooms"]) };
            let answer = context.client(&server)?.ask(&request).await?;
            context.output.result(&answer.body, || list(context, &answer.body));
        }
        RoomCommand::Inspect { room, server } => {
            let client = context.client(&server)?;
            let state = client.ask(&Request::get(&["v1", "rooms", &room])).await?.body;
            let actor = client.ask(&Request::get(&["v1", "rooms", &room, "actor"])).await?.body;
            let under_way = under_way(&client, &room).await?;
            let document = serde_json::json!({ "room": state, "actor": actor, "under_way": under_way });
            context.output.result(&document, || inspect(context, &room, &state, &actor, &under_way));
        }
    }
    Ok(Exit::Ok)
}

/// Calls whose other side has not answered: on their way, not known, or left to people.
async fn under_way(client: &Client, room: &str) -> Result<Vec<Value>, Failure> {
    let mut calls = vec![];
    for status in ["running", "unknown", "unresolved"] {
        let query = [("room_id", room.to_owned()), ("status", status.to_owned()), ("limit", "50".to_owned())];
        let page = client.ask(&Request { query: &query, ..Request::get(&["v1", "function-calls"]) }).await?.body;
        calls.extend(page["data"].as_array().into_iter().flatten().cloned());
    }
    Ok(calls)
}

/// A value as a person reads it.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "-".into(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Object(fields) => fields.get("name").or_else(|| fields.get("id")).map_or_else(|| value.to_string(), plain),
        other => other.to_string(),
    }
}

fn list(context: &Context, page: &Value) -> String {
    let rooms = page["data"].as_array().map(Vec::as_slice).unwrap_or_default();
    if rooms.is_empty() {
        return "no rooms; a room is made by PUT /v1/rooms/{id} or by the customer's first message".into();
    }
    let columns = ["id", "status", "control", "assignee", "version", "tags"];
    let rows: Vec<Vec<String>> = rooms.iter().map(|room| columns.iter().map(|column| plain(&room[column])).collect()).collect();
    let mut text = context.output.table(&columns, &rows);
    if let Some(next) = page["page"]["next"].as_str() {
        text.push_str(&format!("\nmore: bellhop room list --cursor {next}"));
    }
    text
}

fn inspect(context: &Context, name: &str, room: &Value, actor: &Value, under_way: &[Value]) -> String {
    let mut lines =
        vec![format!("{}  {} · {}", context.output.paint(Paint::Strong, name), plain(&room["status"]), plain(&room["control"]))];
    let mut line =
        |label: &str, text: String| lines.push(format!("{}  {text}", context.output.paint(Paint::Dim, &format!("{label:<8}"))));
    line("assignee", plain(&room["assignee"]));
    if let (told, Some(status)) = (&room["not_in_channel"], room["not_in_channel"]["status"].as_str()) {
        let (code, call_id) = (plain(&told["code"]), plain(&told["call_id"]));
        line("channel", format!("{status} {code} {call_id}: in its own inbox this is not so"));
    }
    line("tags", plain(&room["tags"]));
    line("version", format!("{}   epoch {}", plain(&room["version"]), plain(&room["epoch"])));
    line("actor", plain(&actor["state"]));
    if let Value::Object(fields) = actor {
        for (field, value) in fields {
            let told = matches!(field.as_str(), "state" | "version" | "epoch" | "room_id" | "id" | "last_calls");
            let empty = value.is_null() || *value == 0 || *value == false;
            if !told && !empty {
                line(field, plain(value));
            }
        }
    }
    for call in under_way {
        let what = match (call["status"].as_str(), call["name"].as_str()) {
            (Some("running"), _) => "is on its way",
            (_, Some("send_attachment")) => "may be with the customer already",
            _ => "may have been done already",
        };
        let (status, name, id, since) = (&call["status"], &call["name"], &call["call_id"], &call["created_at"]);
        line(&plain(status), format!("{} {} since {}: {what}", plain(name), plain(id), plain(since)));
    }
    for delivery in room["deliveries"].as_array().into_iter().flatten() {
        let why = delivery["failure"]["title"].as_str().map(|why| format!(": {why}")).unwrap_or_default();
        line(
            "file",
            format!("{} {}{why} {}", plain(&delivery["attachment"]), plain(&delivery["status"]), plain(&delivery["call_id"])),
        );
    }
    for call in actor["last_calls"].as_array().into_iter().flatten() {
        line("call", format!("{} {} {}", plain(&call["name"]), plain(&call["status"]), plain(&call["call_id"])));
    }
    lines.push(format!("next: bellhop call {name} create_tag tags=vip"));
    lines.join("\n")
}
