//! Every "no" that the CRM's side says to a model: stable codes, short true sentences, choices where there are some. Never a
//! vendor's key, an id that was not asked for, or another customer's data.

use crate::catalog::nearest::{nearest, shown, shown_within};
use crate::room::{Candidate, Next, RecordKind, Refusal};

/// Most choices that are listed.
const MOST_ALLOWED: usize = 50;
/// Most choices that are offered as "did you mean".
const MOST_CANDIDATES: usize = 5;
/// Longest name of a choice that is passed on, in characters.
const LONGEST_CHOICE: usize = 100;

/// `argument` has no such value: `code` is `unknown_pipeline`, `unknown_stage`, …
pub fn unknown<'a>(code: &'static str, argument: &str, given: &str, names: impl IntoIterator<Item = &'a str>) -> Refusal {
    let names: Vec<&str> = names.into_iter().collect();
    let message = if names.is_empty() {
        format!("The CRM has no choices for `{}`: leave it out.", shown(argument))
    } else {
        format!("The CRM has no `{}` for `{}`. Use one of those it has, or leave it out.", shown(given), shown(argument))
    };
    Refusal::new(code, Next::FixAndRetry, message)
        .with_candidates(nearest(given, names.iter().copied(), MOST_CANDIDATES).into_iter().map(choice))
        .with_allowed(names.iter().take(MOST_ALLOWED).map(|name| choice(name)))
}

/// Several choices have this name: `tellings` tell them apart.
pub fn ambiguous(
    code: &'static str,
    argument: &str,
    given: &str,
    tellings: impl IntoIterator<Item = (String, Option<String>)>,
) -> Refusal {
    let message = format!("More than one `{}` is called `{}`. Use one of the candidates.", shown(argument), shown(given));
    let mut refusal = Refusal::new(code, Next::FixAndRetry, message);
    let candidates = tellings.into_iter().take(MOST_CANDIDATES);
    refusal.candidates = candidates.map(|(value, note)| Candidate { value: choice(&value), note }).collect();
    refusal
}

/// The stage is one of other pipelines.
pub fn stage_elsewhere<'a>(
    stage: &str,
    pipeline: &str,
    elsewhere: &[&str],
    stages: impl IntoIterator<Item = &'a str>,
) -> Refusal {
    let (stage, pipeline) = (shown(stage), shown(pipeline));
    let others: Vec<String> = elsewhere.iter().map(|name| format!("`{}`", shown(name))).collect();
    let message = format!(
        "`{stage}` is a stage of the pipeline {}, not of `{pipeline}`. Give that pipeline too, or a stage of `{pipeline}`.",
        others.join(", ")
    );
    let stages: Vec<&str> = stages.into_iter().collect();
    Refusal::new("unknown_stage", Next::FixAndRetry, message)
        .with_candidates(nearest(&stage, stages.iter().copied(), MOST_CANDIDATES).into_iter().map(choice))
        .with_allowed(stages.iter().take(MOST_ALLOWED).map(|name| choice(name)))
}

/// A value that this kind of field cannot take; `why` ends the sentence "The field `x` …".
pub fn wrong_value(field: &str, why: &str) -> Refusal {
    Refusal::new("invalid_value", Next::FixAndRetry, format!("The field `{}` {why}.", shown(field)))
}

/// A field that can only be filled in in the CRM itself.
pub fn not_settable(field: &str) -> Refusal {
    let message = format!("The field `{}` can only be filled in by a colleague in the CRM. Leave it out.", shown(field));
    Refusal::new("field_not_settable", Next::FixAndRetry, message)
}

/// A standard field that has an argument of its own.
pub fn own_argument(field: &str, argument: &str) -> Refusal {
    let message = format!("`{}` is not a custom field: give it as the argument `{argument}`.", shown(field));
    Refusal::new("unknown_custom_field", Next::FixAndRetry, message).with_candidates([argument.to_owned()])
}

/// A field that must be filled in and is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The argument, or `custom_fields: Label`.
    pub name: String,
    /// Its choices or its form.
    pub note: Option<String>,
}

/// `missing_fields`, with what each may be.
pub fn missing_fields(missing: Vec<Missing>, pipeline: &str, stage: &str) -> Refusal {
    let message = format!(
        "In the pipeline `{}`, stage `{}`, the CRM also needs: {}. If you do not know a value, ask the customer; do not invent it.",
        shown(pipeline),
        shown(stage),
        missing.iter().map(|one| one.name.as_str()).collect::<Vec<_>>().join(", ")
    );
    let mut refusal = Refusal::new("missing_fields", Next::FixAndRetry, message);
    refusal.missing = missing.iter().map(|one| one.name.clone()).collect();
    refusal.candidates = missing.into_iter().map(|one| Candidate { value: one.name, note: one.note }).collect();
    refusal
}

/// Something must be filled in that no argument can fill in.
pub fn needs_a_person(what: &str) -> Refusal {
    let message = format!("The CRM also needs {what}, which only a colleague can give. Do not send this again.");
    Refusal::new("needs_a_person", Next::WaitForHuman, message)
}

/// No such record, or another customer's: said alike, so that neither can be told from the other.
pub fn not_this_customers(kind: RecordKind) -> Refusal {
    let kind = kind.as_str();
    let message = format!("This customer has no {kind} with this id. Leave `{kind}` out to mean the one of this conversation.");
    Refusal::new("not_this_customers", Next::FixAndRetry, message)
}

/// The customer has nothing open of this kind.
pub fn nothing_to_change(kind: RecordKind) -> Refusal {
    let kind = kind.as_str();
    let message =
        format!("This conversation has no {kind} yet, and none that is open was found for this customer. Make one first.");
    let code = if kind == "deal" { "no_deal" } else { "no_ticket" };
    Refusal::new(code, Next::UseOtherTool, message).with_candidates([format!("create_{kind}")])
}

/// The customer has several; which one is meant?
pub fn which(kind: RecordKind, choices: Vec<(String, String)>) -> Refusal {
    let kind = kind.as_str();
    let message = format!(
        "This customer has more than one open {kind}, or may have. Say which one with `{kind}`; ask the customer if you do not know."
    );
    let code = if kind == "deal" { "ambiguous_deal" } else { "ambiguous_ticket" };
    let mut refusal = Refusal::new(code, Next::FixAndRetry, message);
    let choices = choices.into_iter().take(MOST_CANDIDATES);
    refusal.candidates =
        choices.map(|(value, note)| Candidate { value, note: Some(shown_within(&note, LONGEST_CHOICE)) }).collect();
    refusal
}

/// There are more records than can be looked through: that one is not among those that were seen says nothing.
pub fn not_found_among_many(kind: RecordKind) -> Refusal {
    let kind = kind.as_str();
    let message = format!(
        "The CRM has too many {kind}s to look through them all, and this one was not among the newest. That does not mean that \
         there is none: do not make another. Ask the customer for its number and give that as `{kind}`, or leave it to a colleague."
    );
    Refusal::new("not_found_among_many", Next::AskCustomer, message)
}

pub fn record_gone(kind: RecordKind) -> Refusal {
    let message = format!("This {} is no longer in the CRM. Nothing was changed.", kind.as_str());
    Refusal::new("record_gone", Next::DoNotRetry, message)
}

/// The CRM's own "no", with its own words if it had any.
pub fn crm_refused(said: Option<String>) -> Refusal {
    let message = match said {
        Some(said) => format!("The CRM refused this: {said}"),
        None => "The CRM refused this and did not say why.".to_owned(),
    };
    Refusal::new("crm_refused", Next::FixAndRetry, message)
}

/// The CRM's "no" to what we fill in ourselves; the next try goes without.
pub fn mark_refused(kind: RecordKind) -> Refusal {
    let message = format!(
        "The CRM refused a field that is filled in for you, none of yours. The {} was not made. Send the same call once more.",
        kind.as_str()
    );
    Refusal::new("crm_refused", Next::RetryLater, message)
}

pub fn not_connected() -> Refusal {
    let message = "The CRM is not connected any more, so nothing was done. Do not tell the customer that it was done.";
    Refusal::new("not_connected", Next::DoNotRetry, message)
}

fn choice(name: &str) -> String {
    shown_within(name, LONGEST_CHOICE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_name_is_answered_with_the_nearest_ones_and_a_bounded_list() {
        let names: Vec<String> = (0..80).map(|n| format!("Stage {n}")).collect();
        let refusal = unknown("unknown_stage", "stage", "stage 7", names.iter().map(String::as_str));
        assert_eq!((refusal.code, refusal.next), ("unknown_stage", Next::FixAndRetry));
        assert_eq!(refusal.candidates[0].value, "Stage 7");
        assert_eq!((refusal.candidates.len(), refusal.allowed.len()), (5, 50));
        assert!(unknown("unknown_option", "source", "x", []).message.contains("leave it out"));
    }

    #[test]
    fn an_unknown_record_and_another_customers_cannot_be_told_apart() {
        let refusal = not_this_customers(RecordKind::Deal);
        assert_eq!(refusal.code, "not_this_customers");
        assert!(!refusal.message.contains("another"), "{}", refusal.message);
    }

    #[test]
    fn the_crms_words_are_passed_on_and_its_silence_too() {
        assert_eq!(crm_refused(Some("Name is taken".into())).message, "The CRM refused this: Name is taken");
        assert!(crm_refused(None).message.contains("did not say why"));
    }
}
