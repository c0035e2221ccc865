//! Every "no" that the channel's side says to a model: stable codes, short true sentences, choices where there are some. Never
//! an e-mail address, and of ids only those that tell two people of one name apart.

use crate::catalog::nearest::{nearest, shown};
use crate::room::{Candidate, Next, Refusal};

use super::people::Person;

/// How many are offered after a miss.
const OFFERED: usize = 3;
/// How many of one name are listed.
const LISTED: usize = 10;

pub fn not_connected() -> Refusal {
    let message =
        "The customer's channel is not connected any more, so nothing was done. Do not tell the customer that it was done.";
    Refusal::new("not_connected", Next::DoNotRetry, message)
}

pub fn room_not_in_channel() -> Refusal {
    let message = "The channel does not have this conversation, so nothing was done. Do not try again.";
    Refusal::new("room_not_in_channel", Next::DoNotRetry, message)
}

pub fn room_resolved() -> Refusal {
    let message =
        "The conversation is resolved in the channel, so nobody can be assigned. It opens again when the customer writes.";
    Refusal::new("room_resolved", Next::DoNotRetry, message)
}

pub fn no_one_available() -> Refusal {
    let message = "Nobody who could be asked has room for this conversation now, so it stays where it is. Do not say that a \
        colleague has it.";
    Refusal::new("no_one_available", Next::RetryLater, message)
}

/// The channel's own "no", with its own words if it had any.
pub fn channel_refused(said: Option<String>) -> Refusal {
    let message = match said {
        Some(said) => format!("The channel refused this: {said}"),
        None => "The channel refused this and did not say why.".to_owned(),
    };
    Refusal::new("channel_refused", Next::DoNotRetry, message)
}

/// The channel refuses it by this status, whatever is asked: because of the token (401), or of what its role may do.
pub fn not_allowed(status: u16) -> Refusal {
    let (code, message) = match status {
        403 => (
            "channel_forbidden",
            "The channel does not let us do this, so it was not done. Do not try again; a colleague has to see to it.",
        ),
        _ => (
            "channel_unauthorized",
            "The channel does not take our token for messages, so nothing was sent. Do not try again; hand the conversation to a \
             human agent, or tell the customer another way.",
        ),
    };
    Refusal::new(code, Next::WaitForHuman, message)
}

/// None of the tags could be put.
pub fn tags_refused(failed: &[(String, String)]) -> Refusal {
    let each: Vec<String> = failed.iter().map(|(tag, why)| format!("`{}`: {why}", shown(tag))).collect();
    let message = format!("The channel did not take these tags, and nothing was added. {}", each.join("; "));
    Refusal::new("channel_refused", Next::FixAndRetry, message)
}

pub fn unknown_agent(wanted: &str, people: &[Person]) -> Refusal {
    if people.is_empty() {
        let message = "The channel has nobody who could be given this conversation. Use another mode, or leave it as it is.";
        return Refusal::new("unknown_agent", Next::FixAndRetry, message);
    }
    let message = format!("There is no agent `{}` here. Choose one of the candidates, or another mode.", shown(wanted));
    let names = people.iter().map(|person| person.name.as_str());
    Refusal::new("unknown_agent", Next::FixAndRetry, message).with_candidates(offered(wanted, names))
}

/// One of our people took it.
pub fn nobody_there(name: &str) -> Refusal {
    let message = format!(
        "{} has this conversation here. In Qontak nobody has their e-mail address, so there it was given to nobody.",
        shown(name)
    );
    Refusal::new("unknown_agent", Next::WaitForHuman, message)
}

pub fn ambiguous_agent(wanted: &str, alike: &[&Person]) -> Refusal {
    let message = format!("More than one agent is called `{}`. Call again with the id of the one you mean.", shown(wanted));
    let mut refusal = Refusal::new("ambiguous_agent", Next::FixAndRetry, message);
    let candidate = |person: &&Person| Candidate { value: person.user.clone(), note: Some(person.note()) };
    refusal.candidates = alike.iter().take(LISTED).map(candidate).collect();
    refusal
}

pub fn unknown_division<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Refusal {
    let names = offered(wanted, names);
    let message = if names.is_empty() {
        "The channel has no divisions. Use another mode, or leave the conversation as it is.".to_owned()
    } else {
        format!("There is no division `{}` here. Choose one of the candidates, or another mode.", shown(wanted))
    };
    Refusal::new("unknown_division", Next::FixAndRetry, message).with_candidates(names)
}

/// The nearest names, each once.
fn offered<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut offered: Vec<String> = vec![];
    for name in nearest(wanted, names, usize::MAX) {
        if offered.len() < OFFERED && !offered.iter().any(|held| held == name) {
            offered.push(shown(name));
        }
    }
    offered
}
