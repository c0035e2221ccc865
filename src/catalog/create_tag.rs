//! `create_tag`: puts tags on the room, and into the company's list where policy lets it. All of a call's tags or none.
//! A tag never reopens, reassigns or messages anyone, so a resolved room may be tagged.

use serde::Serialize;

use crate::room::tag::{self, fold};
use crate::room::{
    Decision, EffectKind, EffectPlan, Fact, FunctionCall, Ground, Next, ParkedOn, Refusal, ResultJson, Room, TagPolicy,
};

use super::Needs;
use super::arguments::{Checked, Field, Kind, invalid, required};
use super::fence::Class;
use super::nearest::{nearest, shown};
use super::record;

pub const DESCRIPTION: &str = "Put one or more tags on this conversation, so that colleagues can find and count it. A tag that \
    is already there is no error. Use short, general names; prefer tags that the company already has.";
pub const NEEDS: Needs = Needs::Nothing;
pub const CLASS: Class = Class::Annotate;
pub const FIELDS: &[Field] = &[required(
    "tags",
    Kind::Texts,
    "The tags as a list of names, or one name. Each has 1 to 50 letters, digits, spaces or - _ . / : & + # and no comma.",
)];

/// More than any company's limit: what a call may hold at all.
const MOST_IN_A_CALL: usize = 100;
/// How many names are offered for an unknown one.
const OFFERED: usize = 3;

/// One wanted tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedTag {
    pub folded: String,
    pub shown: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateTag {
    /// At least one, no two alike, in the order of the call.
    pub tags: Vec<WantedTag>,
}

pub fn read(arguments: Checked<'_>) -> Result<CreateTag, Refusal> {
    let names = arguments.texts("tags");
    if names.is_empty() {
        return Err(invalid("tags", "cannot be an empty list"));
    }
    if names.len() > MOST_IN_A_CALL {
        return Err(too_many_in_a_call(MOST_IN_A_CALL));
    }
    let mut tags: Vec<WantedTag> = Vec::with_capacity(names.len());
    for name in names {
        let shown = tag::clean(name).map_err(|why| invalid("tags", format!("has a name that is none: a tag {why}")))?;
        let folded = fold(&shown);
        if !tags.iter().any(|tag| tag.folded == folded) {
            tags.push(WantedTag { folded, shown });
        }
    }
    Ok(CreateTag { tags })
}

#[derive(Serialize)]
struct Tagged<'a> {
    /// The room's tags afterwards.
    tags: Vec<&'a str>,
    added: &'a [String],
    already_present: Vec<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    created: &'a [String],
}

pub fn decide(room: &Room, call: &FunctionCall, arguments: &CreateTag, ground: &Ground<'_>) -> Decision {
    let (settings, known) = (&ground.company.settings, &ground.company.tags);
    let (mut added, mut created, mut unknown) = (vec![], vec![], vec![]);
    let mut already_present = vec![];
    for wanted in &arguments.tags {
        if let Some(held) = room.tags.iter().find(|tag| tag.folded == wanted.folded) {
            already_present.push(held.shown.as_str());
        } else if let Some(shown) = known.get(wanted.folded.as_str()) {
            added.push(shown.to_string());
        } else if settings.tag_policy == TagPolicy::CreateIfMissing {
            added.push(wanted.shown.clone());
            created.push(wanted.shown.clone());
        } else {
            unknown.push(wanted);
        }
    }
    let (tags_after, tags_of_company) = (room.tags.len() + added.len(), known.len() + created.len());
    if arguments.tags.len() > limit(settings.max_tags_per_call) {
        return Decision::Refused(too_many_in_a_call(limit(settings.max_tags_per_call)));
    }
    if !unknown.is_empty() {
        return Decision::Refused(unknown_tags(&unknown, ground));
    }
    if !added.is_empty() && tags_after > limit(settings.max_tags_per_room) {
        return Decision::Refused(full("This conversation", settings.max_tags_per_room, room.tags.len()));
    }
    if !created.is_empty() && tags_of_company > limit(settings.max_tags_per_company) {
        return Decision::Refused(full("This company", settings.max_tags_per_company, known.len()));
    }
    if !added.is_empty() && ground.company.tells_channel(room) {
        let asked = record::requested(call, EffectPlan::absolute(EffectKind::Tags, false));
        return Decision::Parked { facts: vec![asked], on: ParkedOn::Effect };
    }
    let tags = room.tags.iter().map(|tag| tag.shown.as_str()).chain(added.iter().map(String::as_str)).collect();
    let result = ResultJson::of(&Tagged { tags, added: &added, already_present, created: &created });
    let facts = if added.is_empty() { vec![] } else { vec![Fact::TagsAdded { tags: added, created }] };
    Decision::Done { facts, result }
}

fn limit(setting: u32) -> usize {
    usize::try_from(setting).unwrap_or(usize::MAX)
}

fn too_many_in_a_call(max: usize) -> Refusal {
    Refusal::new(
        "tag_limit",
        Next::FixAndRetry,
        format!("One call may hold at most {max} tags. Nothing was added; choose the most useful ones."),
    )
}

fn full(what: &str, max: u32, current: usize) -> Refusal {
    let message = format!("{what} may have at most {max} tags and has {current}. Nothing was added.");
    Refusal::new("tag_limit", Next::DoNotRetry, message)
}

/// Each unknown name's nearest ones, the first name's first.
fn unknown_tags(unknown: &[&WantedTag], ground: &Ground<'_>) -> Refusal {
    let known = &ground.company.tags;
    let mut candidates: Vec<String> = vec![];
    for wanted in unknown {
        for folded in nearest(&wanted.folded, known.keys().map(|folded| &**folded), OFFERED) {
            let name = known.get(folded).map_or(folded, |shown| &**shown);
            if !candidates.iter().any(|held| held == name) {
                candidates.push(name.to_owned());
            }
        }
    }
    let names: Vec<String> = unknown.iter().map(|wanted| format!("`{}`", shown(&wanted.shown))).collect();
    let message = format!(
        "This company has no tag {}, and new ones may not be made here. Nothing was added; use existing tags or none.",
        names.join(", ")
    );
    Refusal::new("unknown_tag", Next::FixAndRetry, message).with_candidates(candidates)
}
