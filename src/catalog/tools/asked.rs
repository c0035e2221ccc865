//! What a person is asked a yes for: a call of a tool as it is then. Whether it still is that tool when the call goes on is told by
//! the tool itself and by the file that the call names, so that publishing something else voids nothing.

use data_encoding::BASE32_NOPAD;

use crate::catalog::{Request, entry};
use crate::room::ids::hash16;
use crate::room::{FunctionCall, Ground, Next, Refusal, ToolMark};

/// The tool of this call as it is now.
pub fn mark(call: &FunctionCall, request: &Request, ground: &Ground<'_>) -> ToolMark {
    let (company, ai_agent) = (ground.company, call.ai_agent.as_ref());
    let tool = company.published(ai_agent).map(|published| published.tool(call.name));
    let entry = entry(call.name);
    let own = tool.flatten();
    let schema = entry.map(|entry| (entry.schema)().to_string()).unwrap_or_default();
    let said = own.and_then(|tool| tool.description.as_deref()).or(entry.map(|entry| entry.description)).unwrap_or_default();
    let (fixed, allowed) = own.map_or_else(Default::default, |tool| (list(&tool.fixed), list(&tool.allowed)));
    // Published without this action is another tool than any.
    let there = if tool == Some(None) { "none" } else { "" };
    let parts = [call.name, said, &schema, &fixed, &allowed, there].map(str::as_bytes);
    let file = match request {
        Request::SendAttachment(arguments) => {
            let (shelf, key) = (company.shelf(ai_agent), arguments.attachment.as_str());
            let stored = shelf.file(key).map(|file| format!("{} {}", file.version, file.sha256));
            let made =
                || shelf.source(key).map(|source| format!("{} {}", source.template, source.filename.as_deref().unwrap_or("")));
            stored.or_else(made).map(|text| hashed(&hash16(b"asked file", company.no, &[key.as_bytes(), text.as_bytes()])))
        }
        _ => None,
    };
    ToolMark { tool: hashed(&hash16(b"asked tool", company.no, &parts)), file }
}

fn list<T: serde::Serialize>(values: &std::collections::BTreeMap<String, T>) -> String {
    if values.is_empty() { String::new() } else { serde_json::to_string(values).unwrap_or_default() }
}

fn hashed(hash: &[u8; 16]) -> String {
    BASE32_NOPAD.encode(hash).to_lowercase()
}

/// Why a yes that was given for `asked` no longer holds.
pub fn voided(asked: &ToolMark, call: &FunctionCall, request: &Request, ground: &Ground<'_>) -> Option<Refusal> {
    if *asked == mark(call, request, ground) {
        return None;
    }
    let message = "This tool, or the file it would send, was changed after the call was made, so the approval no longer holds and \
        nothing was done. Look at your tools as they are now, and call again only if it is still right.";
    Some(Refusal::new("tool_changed", Next::FixAndRetry, message))
}
