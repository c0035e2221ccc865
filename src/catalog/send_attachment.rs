//! `send_attachment`: the customer gets a file of the company's library, in the conversation's own channel. The model names a
//! file, never an address. Bytes are not looked at here: that the file is what it says was found out when it was uploaded.

use std::sync::Arc;

use serde::Serialize;

use crate::room::channel_limits::{Caption, Channel, Misfit, fits};
use crate::room::{
    Candidate, Decision, EffectKind, EffectPlan, Fact, FileEntry, FunctionCall, Ground, Lifecycle, Next, ParkedOn, Refusal,
    ResultJson, Room, SentFile, Shelf,
};

use super::Needs;
use super::arguments::{Checked, Field, Kind, invalid, optional, required};
use super::fence::{self, Class};
use super::nearest::{nearest, shown};
use super::{record, sourced};

pub const DESCRIPTION: &str = "Send the customer a file from the company's library, by its name. The file itself is sent, not a \
    link; only what is too large for the channel may be offered as one. Do not send the same file twice.";
pub const NEEDS: Needs = Needs::Files;
pub const CLASS: Class = Class::Send;
pub const FIELDS: &[Field] = &[
    required("attachment", Kind::Line(2_048), "Name of a file in the company's library. Never a link."),
    optional("caption", Kind::Text(4_096), "Text sent with it. At most 4,096 characters."),
    optional("parameters", Kind::Pairs(10), "Only for a file that is made on request: what it asks for, each {field, value}."),
    optional("repeat", Kind::Flag, "True only if the customer asks for the same file again."),
    optional("as_link", Kind::Flag, "True only for a file that an earlier answer called too large and offered as a link."),
];

/// So long the same file counts as just sent, as long as the customer says nothing.
pub const SAME_FILE_MS: i64 = 10 * 60_000;
/// Most characters of the words beside a link, which stand in one text with it.
const LINK_CAPTION: usize = 1_024;
/// How many names are offered for an unknown one.
const OFFERED: usize = 5;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendAttachment {
    pub attachment: String,
    pub caption: Option<String>,
    pub repeat: bool,
    /// For a file that is made on request.
    pub parameters: Vec<(String, String)>,
    /// Where the channel cannot carry it, where it can be read is sent instead.
    pub as_link: bool,
}

pub fn read(arguments: Checked<'_>) -> Result<SendAttachment, Refusal> {
    let (attachment, repeat) = (arguments.required_line("attachment"), arguments.flag("repeat"));
    let parameters = arguments.pairs("parameters");
    let as_link = arguments.flag("as_link");
    Ok(SendAttachment { attachment, caption: arguments.owned("caption"), repeat, parameters, as_link })
}

pub fn decide(room: &Room, call: &FunctionCall, arguments: &SendAttachment, ground: &Ground<'_>) -> Decision {
    if matches!(room.lifecycle, Lifecycle::Resolved { .. }) {
        let message = "The conversation is resolved, so nothing was sent. It opens again when the customer writes.";
        return Decision::Refused(Refusal::new("room_resolved", Next::DoNotRetry, message));
    }
    let shelf = ground.company.shelf(call.ai_agent.as_ref());
    let Some(file) = shelf.file(&arguments.attachment) else {
        let sourced = sourced::decide(room, call, arguments, ground);
        return sourced.unwrap_or_else(|| Decision::Refused(unknown(&arguments.attachment, shelf)));
    };
    if !arguments.parameters.is_empty() {
        return Decision::Refused(invalid("parameters", "belongs to files that are made on request; leave it out for this one"));
    }
    let through = ground.company.sends_through(room);
    let channel = through.unwrap_or(Channel::WebChat);
    let (kind, most) = match shape(channel, file, arguments, ground) {
        Ok(shape) => shape,
        Err(refusal) => return Decision::Refused(refusal),
    };
    if arguments.caption.as_ref().is_some_and(|caption| caption.chars().count() > most) {
        return Decision::Refused(invalid("caption", format!("may have {most} characters in this channel")));
    }
    if !arguments.repeat
        && let Some(decision) = again(room, &file.sha256, ground)
    {
        return decision;
    }
    let file = Arc::new(sent_file(file, kind));
    if through.is_some() {
        let intent = Some(file.sha256.clone());
        let fenced = fence::is_fenced(call, CLASS, ground);
        let plan = EffectPlan { creates: true, intent, file: Some(file), ..EffectPlan::absolute(EffectKind::Attachment, fenced) };
        return Decision::Parked { facts: vec![record::requested(call, plan)], on: ParkedOn::Effect };
    }
    let result = accepted(&file, arguments.caption.as_deref(), ground.now.to_text());
    let sent = Fact::AttachmentSent {
        call_id: call.call_id.clone(),
        file,
        caption: arguments.caption.clone(),
        message_id: None,
        result: result.0.as_str().into(),
    };
    Decision::Done { facts: vec![sent], result }
}

/// As what it goes, and how many characters of words may go with it.
fn shape(
    channel: Channel,
    file: &FileEntry,
    asked: &SendAttachment,
    ground: &Ground<'_>,
) -> Result<(&'static str, usize), Refusal> {
    let may_link = ground.company.settings.links_for_large_files;
    if asked.as_link && !may_link {
        let message = "Links to files are not sent here. Nothing was sent; send the file itself, or another one.";
        return Err(Refusal::new("link_not_allowed", Next::DoNotRetry, message));
    }
    match fits(channel, file.format, file.size) {
        Ok(_) if asked.as_link => Err(invalid("as_link", "is only for a file that is too large here; leave it out for this one")),
        Ok(takes) => {
            let (Caption::Field(most) | Caption::Separate(most)) = takes.caption;
            Ok((takes.kind.as_str(), most))
        }
        Err(Misfit::Size { .. }) if asked.as_link => Ok((SentFile::LINK, LINK_CAPTION)),
        Err(misfit @ Misfit::Size { .. }) if may_link => Err(with_link_offered(unfit(&misfit))),
        Err(misfit) => Err(unfit(&misfit)),
    }
}

/// A model gets no address, only the way to have one sent: what stands in a prompt may be said to anybody.
fn with_link_offered(mut refusal: Refusal) -> Refusal {
    refusal.message.push_str(
        " Or ask the customer whether a link to it will do, and then call again with `as_link` true; do not call that the file.",
    );
    let note = Some("The customer is sent a link to the file, which ends after a while.".into());
    refusal.candidates.push(Candidate { value: "as_link".into(), note });
    refusal
}

/// The same file, with nothing said by the customer in between. `intent`: its hash, or the address it is fetched from.
pub(super) fn again(room: &Room, intent: &str, ground: &Ground<'_>) -> Option<Decision> {
    let outside = room.outside.as_ref()?;
    let same = |other: &str| other == intent;
    let recent = outside.sent.iter().rev().find(|sent| {
        let unanswered = sent.last_inbound_seq == room.last_inbound_seq;
        (same(&sent.sha256) || sent.intent.as_deref().is_some_and(same))
            && unanswered
            && ground.now.ms_since(sent.at) < SAME_FILE_MS
    });
    if let Some(sent) = recent {
        return Some(Decision::Done { facts: vec![], result: ResultJson(record::already_existed(&sent.result)) });
    }
    let mut under_way = outside.effects.iter().filter(|effect| effect.plan.intent.as_deref().is_some_and(same));
    match under_way.find(|effect| effect.plan.kind == EffectKind::Attachment) {
        Some(effect) if !effect.stranded => Some(Decision::Parked { facts: vec![], on: ParkedOn::Attachment }),
        // It may be with the customer already.
        Some(_) => Some(Decision::Refused(left_to_people())),
        None => None,
    }
}

fn sent_file(file: &FileEntry, kind: &str) -> SentFile {
    SentFile {
        attachment: file.key.to_string(),
        version: file.version,
        sha256: file.sha256.to_string(),
        size: file.size,
        mime: file.format.mime().to_owned(),
        kind: kind.to_owned(),
        filename: file.filename.to_string(),
    }
}

#[derive(Serialize)]
struct Accepted<'a> {
    attachment: &'a str,
    filename: &'a str,
    kind: &'a str,
    /// Never "delivered": the channel says that later.
    status: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    caption: Option<&'a str>,
    as_of: String,
}

/// The answer once the channel took it.
pub fn accepted(file: &SentFile, caption: Option<&str>, as_of: String) -> ResultJson {
    let SentFile { attachment, filename, kind, .. } = file;
    ResultJson::of(&Accepted { attachment, filename, kind, status: "accepted", caption, as_of })
}

fn unknown(name: &str, shelf: Shelf<'_>) -> Refusal {
    let made = shelf.sources.iter().map(|source| source.key.as_str());
    let keys = || shelf.files.iter().map(|file| file.key.as_str()).chain(made.clone());
    let mut candidates: Vec<String> = nearest(name, keys(), OFFERED).into_iter().map(str::to_owned).collect();
    candidates.extend(keys().map(str::to_owned));
    let mut offered: Vec<String> = vec![];
    for candidate in candidates {
        if offered.len() < OFFERED && !offered.contains(&candidate) {
            offered.push(candidate);
        }
    }
    let message = format!("There is no file `{}` that may be sent. Nothing was sent; use one there is, or none.", shown(name));
    Refusal::new("unknown_attachment", Next::FixAndRetry, message).with_candidates(offered)
}

pub fn unfit(misfit: &Misfit) -> Refusal {
    let message = format!("{misfit} Nothing was sent; choose another file, or tell the customer that it cannot be sent here.");
    Refusal::new(misfit.code(), Next::FixAndRetry, message)
}

fn left_to_people() -> Refusal {
    let message = "This file may already be with the customer; a colleague will see whether it is. Nothing was sent now. Do not \
        send it again.";
    Refusal::new("waits_for_colleague", Next::WaitForHuman, message)
}
