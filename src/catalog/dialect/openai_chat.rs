//! OpenAI Chat Completions: an assistant message with `tool_calls`, alone or inside the whole response. Fields that are not
//! ours are left alone: providers add them.

use crate::catalog::json::{Object, Value};
use crate::room::{Next, Refusal, Seen};

use super::{Dialect, Envelope, EnvelopeProblem, RawCall, arguments, bounded, name, tool_call_id};

pub(super) fn parse(mut root: Object) -> Result<Envelope, EnvelopeProblem> {
    let (mut message, place) = match root.take("choices") {
        Some(choices) if root.get("tool_calls").is_none() => (only_message(choices)?, "/choices/0/message/tool_calls"),
        _ => (root, "/tool_calls"),
    };
    let calls = match message.take("tool_calls") {
        Some(Value::Array(calls)) => calls,
        None | Some(Value::Null) => vec![],
        Some(_) => return Err(EnvelopeProblem::InvalidField(place.into(), "a list")),
    };
    let calls =
        bounded(calls)?.into_iter().enumerate().map(|(index, value)| call(value, place, index)).collect::<Result<_, _>>()?;
    Ok(Envelope { dialect: Dialect::OpenaiChat, turn_id: None, seen: Seen::default(), calls })
}

/// Of several, which one is to be done is not ours to choose.
fn only_message(choices: Value) -> Result<Object, EnvelopeProblem> {
    let Value::Array(choices) = choices else {
        return Err(EnvelopeProblem::InvalidField("/choices".into(), "a list"));
    };
    if choices.len() > 1 {
        return Err(EnvelopeProblem::InvalidField("/choices".into(), "a list of one choice, the one whose calls are to be done"));
    }
    let message = match choices.into_iter().next() {
        None => return Err(EnvelopeProblem::EmptyCalls),
        Some(Value::Object(mut choice)) => choice.take("message"),
        Some(_) => None,
    };
    match message {
        Some(Value::Object(message)) => Ok(message),
        _ => Err(EnvelopeProblem::InvalidField("/choices/0/message".into(), "an assistant message")),
    }
}

fn call(value: Value, place: &str, index: usize) -> Result<RawCall, EnvelopeProblem> {
    let at = |field: &str| format!("{place}/{index}{field}");
    let Value::Object(mut call) = value else {
        return Err(EnvelopeProblem::InvalidField(at(""), "an object"));
    };
    let id = call.take("id").filter(|id| *id != Value::Null).ok_or_else(|| EnvelopeProblem::MissingField(at("/id")))?;
    let tool_call_id = Some(tool_call_id(id, || at("/id"))?);
    let (name, arguments) = match (call.take("function"), call.take("custom")) {
        (Some(Value::Object(mut function)), _) => {
            let name = name(function.take("name"), || at("/function/name"))?;
            let given = function.take("arguments").filter(|given| *given != Value::Null);
            (name, given.map_or(Ok(Ok(Object::default())), arguments)?)
        }
        // A free-text tool. Ours all take an object, and the model gets its one result.
        (None, Some(Value::Object(mut custom))) => {
            let name = name(custom.take("name"), || at("/custom/name"))?;
            let message = "This tool takes one JSON object as arguments, not free text.";
            (name, Err(Refusal::new("argument_invalid", Next::FixAndRetry, message)))
        }
        (None, None) => return Err(EnvelopeProblem::MissingField(at("/function"))),
        _ => return Err(EnvelopeProblem::InvalidField(at("/function"), "an object")),
    };
    Ok(RawCall { call_id: None, tool_call_id, name, arguments, repeat: false })
}
