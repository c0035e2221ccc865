//! Our own envelope: `{"turn_id"?, "seen"?: {"epoch"?, "seq"?}, "calls": [{"call_id"?, "tool_call_id"?, "name", "arguments",
//! "repeat"?}]}`. Strict: a field nobody knows is an error, because it is somebody's mistake.

use crate::catalog::json::{Object, Value};
use crate::catalog::nearest::shown;
use crate::room::{CallId, Seen};

use super::{Dialect, Envelope, EnvelopeProblem, MAX_TURN_ID, RawCall, arguments, bounded, line, name, tool_call_id};

pub(super) fn parse(mut root: Object) -> Result<Envelope, EnvelopeProblem> {
    let calls = match root.take("calls") {
        Some(Value::Array(calls)) => calls,
        None | Some(Value::Null) => return Err(EnvelopeProblem::MissingField("/calls".into())),
        Some(_) => return Err(EnvelopeProblem::InvalidField("/calls".into(), "a list")),
    };
    let turn_id = present(root.take("turn_id"))
        .map(|value| line(value, MAX_TURN_ID, || "/turn_id".into(), "a text of 1 to 128 bytes on one line"))
        .transpose()?;
    let seen = present(root.take("seen")).map_or(Ok(Seen::default()), seen)?;
    nothing_left(&root, "")?;
    let mut read: Vec<RawCall> = Vec::with_capacity(calls.len());
    for (index, value) in bounded(calls)?.into_iter().enumerate() {
        let call = call(value, index)?;
        if call.call_id.is_some() && read.iter().any(|earlier| earlier.call_id == call.call_id) {
            return Err(EnvelopeProblem::DuplicateCallId(format!("/calls/{index}/call_id")));
        }
        read.push(call);
    }
    Ok(Envelope { dialect: Dialect::Native, turn_id, seen, calls: read })
}

fn call(value: Value, index: usize) -> Result<RawCall, EnvelopeProblem> {
    let at = |field: &str| format!("/calls/{index}/{field}");
    let Value::Object(mut call) = value else {
        return Err(EnvelopeProblem::InvalidField(format!("/calls/{index}"), "an object"));
    };
    let call_id = match present(call.take("call_id")) {
        None => None,
        Some(Value::String(id)) if CallId::new(&id).is_ok() => Some(id),
        Some(_) => return Err(EnvelopeProblem::InvalidCallId(at("call_id"))),
    };
    let tool_call_id = present(call.take("tool_call_id")).map(|value| tool_call_id(value, || at("tool_call_id"))).transpose()?;
    let name = name(call.take("name"), || at("name"))?;
    let arguments = arguments(call.take("arguments").ok_or_else(|| EnvelopeProblem::MissingField(at("arguments")))?)?;
    let repeat = match present(call.take("repeat")) {
        None => false,
        Some(Value::Bool(repeat)) => repeat,
        Some(_) => return Err(EnvelopeProblem::InvalidField(at("repeat"), "true or false")),
    };
    nothing_left(&call, &format!("/calls/{index}"))?;
    Ok(RawCall { call_id, tool_call_id, name, arguments, repeat })
}

fn seen(value: Value) -> Result<Seen, EnvelopeProblem> {
    let Value::Object(mut seen) = value else {
        return Err(EnvelopeProblem::InvalidField("/seen".into(), "an object"));
    };
    let mut number = |field: &str| match present(seen.take(field)) {
        None => Ok(None),
        Some(Value::Int(number @ 0..)) => Ok(Some(number)),
        Some(_) => Err(EnvelopeProblem::InvalidField(format!("/seen/{field}"), "a whole number from 0")),
    };
    let read = Seen { epoch: number("epoch")?, seq: number("seq")? };
    nothing_left(&seen, "/seen")?;
    Ok(read)
}

fn present(value: Option<Value>) -> Option<Value> {
    value.filter(|value| *value != Value::Null)
}

fn nothing_left(object: &Object, pointer: &str) -> Result<(), EnvelopeProblem> {
    match object.iter().next() {
        None => Ok(()),
        Some((field, _)) => Err(EnvelopeProblem::UnknownField(format!("{pointer}/{}", shown(field)))),
    }
}
