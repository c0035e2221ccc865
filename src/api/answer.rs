//! Writes answers; that of the hot path once, by hand, from texts that are already JSON. Must never build a tree of values.

use actix_web::http::StatusCode;
use actix_web::http::header::ContentType;
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde::Serialize;

use crate::actors::RoomSummary;
use crate::catalog::dialect::{Dialect, ReplyItem, write_reply};
use crate::room::CallStatus;

/// An answer with a JSON body.
pub fn json<T: Serialize>(status: StatusCode, value: &T) -> HttpResponse {
    // Our own views always serialise; the empty text of the impossible case is at least not a lie.
    bytes(status, serde_json::to_vec(value).unwrap_or_default())
}

/// An answer whose JSON is already written.
pub fn bytes(status: StatusCode, body: Vec<u8>) -> HttpResponse {
    HttpResponseBuilder::new(status).insert_header(ContentType::json()).body(body)
}

/// An answer in plain words.
pub fn text(status: StatusCode, text: &str) -> HttpResponse {
    HttpResponseBuilder::new(status).insert_header(ContentType::plaintext()).body(text.to_owned())
}

/// One entry of `calls`, whoever answered it.
pub struct Item<'a> {
    /// `None`: what the caller sent as an id cannot be one.
    pub call_id: Option<&'a str>,
    pub tool_call_id: Option<&'a str>,
    pub name: &'a str,
    pub status: CallStatus,
    pub replayed: bool,
    /// One JSON object, spliced in beside the other fields.
    pub body: &'a str,
}

/// `{"room":…,"calls":[…],"reply":…}`
pub fn write(room: &RoomSummary, items: &[Item<'_>], dialect: Dialect) -> Vec<u8> {
    let bodies: usize = items.iter().map(|item| item.body.len()).sum();
    let mut out = Vec::with_capacity(256 + items.len() * 320 + bodies * 2);
    out.extend_from_slice(b"{\"room\":{\"id\":");
    string(&mut out, room.id.as_str());
    out.extend_from_slice(b",\"version\":");
    number(&mut out, room.version);
    out.extend_from_slice(b",\"epoch\":");
    number(&mut out, room.epoch);
    out.extend_from_slice(b",\"status\":\"");
    out.extend_from_slice(room.status.as_bytes());
    out.extend_from_slice(b"\",\"control\":\"");
    out.extend_from_slice(room.control.as_bytes());
    out.extend_from_slice(b"\",\"last_inbound_seq\":");
    number(&mut out, room.last_inbound_seq);
    for (index, notice) in room.notices.iter().enumerate() {
        out.extend_from_slice(if index == 0 { b",\"notices\":[" } else { b"," });
        string(&mut out, notice);
    }
    out.extend_from_slice(if room.notices.is_empty() { b"},\"calls\":[" } else { b"]},\"calls\":[" });
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        call(&mut out, item);
    }
    out.extend_from_slice(b"],\"reply\":");
    let reply: Vec<_> = items.iter().map(reply_item).collect();
    write_reply(dialect, &reply, &mut out);
    out.push(b'}');
    out
}

fn reply_item<'a>(item: &Item<'a>) -> ReplyItem<'a> {
    ReplyItem {
        call_id: item.call_id.unwrap_or_default(),
        tool_call_id: item.tool_call_id,
        name: item.name,
        status: item.status,
        body: item.body,
    }
}

fn call(out: &mut Vec<u8>, item: &Item<'_>) {
    out.extend_from_slice(b"{\"call_id\":");
    optional(out, item.call_id);
    out.extend_from_slice(b",\"tool_call_id\":");
    optional(out, item.tool_call_id);
    out.extend_from_slice(b",\"name\":");
    string(out, item.name);
    out.extend_from_slice(b",\"status\":\"");
    out.extend_from_slice(item.status.as_str().as_bytes());
    out.extend_from_slice(if item.replayed { b"\",\"replayed\":true}" } else { b"\",\"replayed\":false}" });
    splice(out, item.body);
}

/// Puts the fields of the JSON object `object` into the one that `out` ends with.
pub fn splice(out: &mut Vec<u8>, object: &str) {
    let inner = object.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).map_or("", str::trim);
    if inner.is_empty() || out.last() != Some(&b'}') {
        return;
    }
    out.pop();
    out.push(b',');
    out.extend_from_slice(inner.as_bytes());
    out.push(b'}');
}

fn optional(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => string(out, text),
        None => out.extend_from_slice(b"null"),
    }
}

fn string(out: &mut Vec<u8>, text: &str) {
    // Writing a string into memory cannot fail; should it, the answer must still be JSON.
    if serde_json::to_writer(&mut *out, text).is_err() {
        out.extend_from_slice(b"null");
    }
}

fn number(out: &mut Vec<u8>, value: i64) {
    if serde_json::to_writer(&mut *out, &value).is_err() {
        out.push(b'0');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::RoomId;

    #[test]
    fn the_answer_is_json_in_the_shape_of_the_design() {
        let room = RoomSummary {
            id: RoomId::trusted("a\"b"),
            version: 12,
            epoch: 1,
            status: "open",
            control: "bot",
            last_inbound_seq: 9,
            notices: vec![],
        };
        let result = r#"{"result":{"tags":["vip"]}}"#;
        let items = [
            Item {
                call_id: Some("c1"),
                tool_call_id: None,
                name: "create_tag",
                status: CallStatus::Succeeded,
                replayed: false,
                body: result,
            },
            Item {
                call_id: None,
                tool_call_id: Some("t\n"),
                name: "no\"pe",
                status: CallStatus::Refused,
                replayed: true,
                body: "{}",
            },
        ];
        let written: serde_json::Value = serde_json::from_slice(&write(&room, &items, Dialect::Native)).unwrap();
        assert_eq!(written["room"]["id"], "a\"b");
        assert_eq!(written["room"]["last_inbound_seq"], 9);
        assert_eq!(written["calls"][0]["result"]["tags"][0], "vip");
        assert_eq!(written["calls"][0]["replayed"], false);
        assert_eq!(written["calls"][0]["tool_call_id"], serde_json::Value::Null);
        assert_eq!(written["calls"][1]["tool_call_id"], "t\n");
        assert_eq!(written["calls"][1]["name"], "no\"pe");
        assert_eq!(written["calls"][1]["replayed"], true);
        assert!(written.get("reply").is_some());
    }

    #[test]
    fn splice_joins_objects() {
        let joined = |object| {
            let mut out = b"{\"a\":1}".to_vec();
            splice(&mut out, object);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(joined("{}"), "{\"a\":1}");
        assert_eq!(joined(" { \"b\" : 2 } "), "{\"a\":1,\"b\" : 2}");
    }
}
