//! Files that `send_attachment` has fetched: from an address a builder fixed under a key, or, where the company's policy names
//! hosts, from one the model gives. What is decided here is only what is to be fetched; whether it is a file shows later.

use std::sync::Arc;

use crate::room::channel_limits::Channel;
use crate::room::source::{BY_ADDRESS, Source, Unfilled, fill};
use crate::room::{Decision, EffectKind, EffectPlan, FunctionCall, Ground, Next, ParkedOn, Refusal, Room};

use super::arguments::{invalid, missing_refusal};
use super::fence::Class;
use super::nearest::shown;
use super::send_attachment::{SendAttachment, again};
use super::{fence, record};

/// `None`: what is named is no address, nor one that was fixed.
pub(super) fn decide(room: &Room, call: &FunctionCall, arguments: &SendAttachment, ground: &Ground<'_>) -> Option<Decision> {
    let source = match source(room, call, arguments, ground)? {
        Ok(_) if arguments.as_link => return Some(Decision::Refused(invalid("as_link", "is only for files of the library"))),
        Ok(source) => source,
        Err(refusal) => return Some(Decision::Refused(refusal)),
    };
    let intent = source.url.clone();
    if !arguments.repeat
        && let Some(decision) = again(room, &intent, ground)
    {
        return Some(decision);
    }
    let fenced = fence::is_fenced(call, Class::Send, ground);
    let plan = EffectPlan {
        creates: true,
        intent: Some(intent),
        source: Some(Arc::new(source)),
        ..EffectPlan::absolute(EffectKind::Attachment, fenced)
    };
    Some(Decision::Parked { facts: vec![record::requested(call, plan)], on: ParkedOn::Effect })
}

fn source(room: &Room, call: &FunctionCall, arguments: &SendAttachment, ground: &Ground<'_>) -> Option<Result<Source, Refusal>> {
    let company = ground.company;
    let shelf = company.shelf(call.ai_agent.as_ref());
    let (name, given) = (&arguments.attachment, &arguments.parameters);
    let through = company.sends_through(room);
    let (here, channel) = (through.is_none(), through.unwrap_or(Channel::WebChat).as_str().to_owned());
    if let Some(entry) = shelf.source(name) {
        let attachment = entry.key.to_string();
        let filename = entry.filename.as_ref().map(|name| name.to_string());
        let source = |url| Source { attachment, url, filename, hosts: vec![], channel, here };
        return Some(fill(&entry.template, given).map(source).map_err(|unfilled| told(name, unfilled)));
    }
    if !is_address(name) {
        return None;
    }
    let hosts = company.settings.file_hosts.clone();
    // What was published is named by its key, whatever hosts there are.
    Some(if hosts.is_empty() || shelf.closed {
        Err(not_allowed())
    } else if given.is_empty() {
        Ok(Source { attachment: BY_ADDRESS.into(), url: name.clone(), filename: None, hosts, channel, here })
    } else {
        Err(invalid("parameters", "belongs to files that are made on request; an address has none"))
    })
}

/// Whatever begins like an address is one, of whatever kind.
fn is_address(name: &str) -> bool {
    let scheme =
        |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    name.starts_with("//") || name.split_once(':').is_some_and(|(before, _)| scheme(before))
}

fn told(name: &str, unfilled: Unfilled) -> Refusal {
    match unfilled {
        Unfilled::Missing(names) => {
            missing_refusal(&format!("`{}`", shown(name)), &names.iter().map(String::as_str).collect::<Vec<_>>())
        }
        Unfilled::Unknown(given) => invalid("parameters", format!("knows no `{}` for this file", shown(&given))),
        Unfilled::Bad(given) => invalid(
            "parameters",
            format!("has a value of `{}` that cannot be used; send it as the customer wrote it", shown(&given)),
        ),
    }
}

/// That an address may not be asked. It says no more: whoever probes learns nothing.
pub fn not_allowed() -> Refusal {
    let message = "Files cannot be sent from this address. Nothing was sent; do not try other addresses. Send a file of the \
        company's library, or none.";
    Refusal::new("url_not_allowed", Next::DoNotRetry, message)
}
