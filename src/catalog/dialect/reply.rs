//! What the caller appends to its conversation next: one result per call, always, because providers reject a turn with a
//! call that has none.

use crate::room::CallStatus;

use super::Dialect;

/// One call's part of the reply.
#[derive(Clone, Copy, Debug)]
pub struct ReplyItem<'a> {
    pub call_id: &'a str,
    pub tool_call_id: Option<&'a str>,
    pub name: &'a str,
    pub status: CallStatus,
    /// The stored answer: `{"result":{…}}`, `{"error":{…}}`, or anything for a call that is still open.
    pub body: &'a str,
}

/// Appends the JSON value of `reply` to `out`.
pub fn write_reply(dialect: Dialect, items: &[ReplyItem<'_>], out: &mut Vec<u8>) {
    out.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        match dialect {
            Dialect::Native => {
                out.extend_from_slice(b"{\"call_id\":");
                write_text(item.call_id, out);
            }
            Dialect::OpenaiChat => {
                out.extend_from_slice(b"{\"role\":\"tool\",\"tool_call_id\":");
                write_text(item.tool_call_id.unwrap_or(item.call_id), out);
            }
        }
        out.extend_from_slice(b",\"content\":");
        write_content(item, out);
        out.push(b'}');
    }
    out.push(b']');
}

/// The text the model reads. OpenAI has no flag for "it failed", so everything but success says its status first.
fn write_content(item: &ReplyItem<'_>, out: &mut Vec<u8>) {
    if !item.status.is_final() {
        let text = format!(
            "{{\"status\":\"{}\",\"message\":\"This call was accepted and is still running. Do not repeat it and do not tell the \
             customer that it is done; its result comes later.\"}}",
            item.status.as_str()
        );
        return write_text(&text, out);
    }
    let inside = item.body.strip_prefix('{').and_then(|body| body.strip_suffix('}')).unwrap_or("");
    match inside.strip_prefix("\"result\":") {
        Some(result) if item.status == CallStatus::Succeeded => write_text(result, out),
        _ => {
            let comma = if inside.is_empty() { "" } else { "," };
            write_text(&format!("{{\"status\":\"{}\"{comma}{inside}}}", item.status.as_str()), out);
        }
    }
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    // Writing a string into memory has no way to fail.
    let _ = serde_json::to_writer(out, text);
}
