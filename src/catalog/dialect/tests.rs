//! Stories of the wire shapes.

use super::*;
use crate::room::CallStatus;

fn code(body: &str) -> (&'static str, ProblemKind) {
    let problem = parse(body.as_bytes(), None).expect_err(body);
    (problem.code(), problem.kind())
}

#[test]
fn our_own_envelope_is_read_whole() {
    let body = r#"{"turn_id":"t7","seen":{"epoch":1.0,"seq":9},"calls":[
        {"call_id":"c1","name":"create_tag","arguments":{"tags":["vip"]}},
        {"name":"create_tag","tool_call_id":"x","arguments":"{\"tags\":\"a\"}","repeat":true,"call_id":null}]}"#;
    let envelope = parse(body.as_bytes(), None).unwrap();
    assert_eq!((envelope.dialect, envelope.turn_id.as_deref()), (Dialect::Native, Some("t7")));
    assert_eq!(envelope.seen, Seen { epoch: Some(1), seq: Some(9) });
    let [first, second] = envelope.calls.as_slice() else { panic!("{envelope:?}") };
    assert_eq!((first.call_id.as_deref(), first.tool_call_id.as_deref(), first.repeat), (Some("c1"), None, false));
    assert_eq!((second.call_id.as_deref(), second.tool_call_id.as_deref(), second.repeat), (None, Some("x"), true));
    assert_eq!(second.arguments.as_ref().unwrap().get("tags"), Some(&Value::String("a".into())));
}

#[test]
fn a_request_at_fault_is_told_where() {
    use ProblemKind::{Malformed400 as M, Unprocessable422 as U};
    let long = format!(r#"{{"calls":[{{"call_id":"{}","name":"x","arguments":{{}}}}]}}"#, "c".repeat(129));
    let huge_name = format!(r#"{{"calls":[{{"name":"{}","arguments":{{}}}}]}}"#, "n".repeat(100_000));
    let long_turn = format!(r#"{{"turn_id":"{}","calls":[]}}"#, "t".repeat(129));
    for (body, expected, kind) in [
        ("", "malformed_json", M),
        ("[]", "not_an_object", M),
        (r#"{"calls":[{"name":"x","name":"y","arguments":{}}]}"#, "duplicate_key", M),
        (r#"{"calls":[{"name":"x","arguments":{"a":1,"a":2}}]}"#, "duplicate_key", M),
        (r#"{"calls":[{"name":"x","arguments":"{\"a\":1,\"a\":2}"}]}"#, "duplicate_key", M),
        (r#"{"calls":[{"name":"\ud800","arguments":{}}]}"#, "invalid_encoding", M),
        (r#"{"calls":[{"name":"x","arguments":{"a":1e400}}]}"#, "number_out_of_range", U),
        ("{}", "missing_field", U),
        (r#"{"calls":null}"#, "missing_field", U),
        (r#"{"calls":{}}"#, "invalid_field", U),
        (r#"{"calls":[]}"#, "empty_calls", U),
        (r#"{"calls":["x"]}"#, "invalid_field", U),
        (r#"{"calls":[],"call":1}"#, "unknown_field", U),
        (r#"{"calls":[{"name":"x","arguments":{},"argument":{}}]}"#, "unknown_field", U),
        (r#"{"calls":[{"arguments":{}}]}"#, "missing_field", U),
        (r#"{"calls":[{"name":"x"}]}"#, "missing_field", U),
        (r#"{"calls":[{"name":"","arguments":{}}]}"#, "invalid_field", U),
        (r#"{"calls":[{"name":"a\nb","arguments":{}}]}"#, "invalid_field", U),
        (r#"{"calls":[{"name":7,"arguments":{}}]}"#, "invalid_field", U),
        (&huge_name, "invalid_field", U),
        (r#"{"calls":[{"call_id":"","name":"x","arguments":{}}]}"#, "invalid_call_id", U),
        (r#"{"calls":[{"call_id":"a b","name":"x","arguments":{}}]}"#, "invalid_call_id", U),
        (r#"{"calls":[{"call_id":"😀","name":"x","arguments":{}}]}"#, "invalid_call_id", U),
        (r#"{"calls":[{"call_id":"a\u0000","name":"x","arguments":{}}]}"#, "invalid_call_id", U),
        (r#"{"calls":[{"call_id":5,"name":"x","arguments":{}}]}"#, "invalid_call_id", U),
        (&long, "invalid_call_id", U),
        (
            r#"{"calls":[{"call_id":"a","name":"x","arguments":{}},{"call_id":"a","name":"x","arguments":{}}]}"#,
            "duplicate_call_id",
            U,
        ),
        (r#"{"calls":[{"name":"x","arguments":{},"repeat":1}]}"#, "invalid_field", U),
        (r#"{"calls":[{"name":"x","arguments":{},"tool_call_id":"a\u0001"}]}"#, "invalid_field", U),
        (r#"{"calls":[],"turn_id":""}"#, "invalid_field", U),
        (&long_turn, "invalid_field", U),
        (r#"{"calls":[],"turn_id":"a\u0000"}"#, "invalid_field", U),
        (r#"{"calls":[],"seen":[]}"#, "invalid_field", U),
        (r#"{"calls":[],"seen":{"epoch":-1}}"#, "invalid_field", U),
        (r#"{"calls":[],"seen":{"epoch":"1"}}"#, "invalid_field", U),
        (r#"{"calls":[],"seen":{"epoch":1.5}}"#, "invalid_field", U),
        (r#"{"calls":[],"seen":{"version":1}}"#, "unknown_field", U),
        (r#"{"tool_calls":{}}"#, "invalid_field", U),
        (r#"{"role":"assistant","content":"hello"}"#, "empty_calls", U),
        (r#"{"choices":[]}"#, "empty_calls", U),
        (r#"{"choices":[{"message":"x"}]}"#, "invalid_field", U),
        (r#"{"choices":[{"message":{"tool_calls":[]}},{"message":{"tool_calls":[]}}]}"#, "invalid_field", U),
        (r#"{"tool_calls":[{"type":"function","function":{"name":"x"}}]}"#, "missing_field", U),
        (r#"{"tool_calls":[{"id":"x"}]}"#, "missing_field", U),
        (r#"{"tool_calls":[{"id":"x","function":{"name":"x","arguments":"{\"a\":1,\"a\":2}"}}]}"#, "duplicate_key", M),
    ] {
        let shown: String = body.chars().take(100).collect();
        assert_eq!(code(body), (expected, kind), "{shown}");
    }
    let detail = parse(br#"{"calls":[{"name":"x","arguments":{},"sekret":"s3"}]}"#, None).unwrap_err().detail();
    assert_eq!(detail, "/calls/0/sekret is not a field of this request.");
}

#[test]
fn a_request_holds_64_calls_and_not_one_more() {
    let body = |count: usize| format!(r#"{{"calls":[{}]}}"#, vec![r#"{"name":"x","arguments":{}}"#; count].join(","));
    assert_eq!(parse(body(64).as_bytes(), None).unwrap().calls.len(), 64);
    assert_eq!(code(&body(65)), ("too_many_calls", ProblemKind::Unprocessable422));
}

#[test]
fn arguments_are_an_object_or_the_text_of_one_and_else_the_model_is_told() {
    let read = |arguments: &str| {
        let body = format!(r#"{{"calls":[{{"name":"x","arguments":{arguments}}}]}}"#);
        parse(body.as_bytes(), None).unwrap().calls.remove(0).arguments
    };
    for (arguments, tells) in [
        (r#""{\"a\":""#, "not valid JSON"),
        (r#""not json""#, "not valid JSON"),
        (r#""{\"a\":\"\\ud800\"}""#, "not valid JSON"),
        (r#""{\"a\":1} {}""#, "not valid JSON"),
        (r#""[1]""#, "one JSON object"),
        (r#""\"{\\\"a\\\":1}\"""#, "one JSON object"),
        (r#""{\"a\":1e400}""#, "number"),
        ("[]", "not a list"),
        ("5", "not a number"),
        ("null", "not null"),
    ] {
        let refusal = read(arguments).expect_err(arguments);
        assert_eq!((refusal.code, refusal.next), ("argument_invalid", Next::FixAndRetry), "{arguments}");
        assert!(refusal.message.contains(tells), "{arguments}: {}", refusal.message);
    }
    assert_eq!(read(r#""{\"a\": 1.0}""#), read(r#"{"a":1}"#));
    assert_eq!(read(r#"" ""#), Ok(Object::default()), "some models write nothing for no arguments");
    let deep = format!(r#"{{"calls":[{{"name":"x","arguments":"{}"}}]}}"#, "[".repeat(33));
    assert_eq!(code(&deep).0, "too_deep");
}

const MESSAGE: &str = r#"{"role":"assistant","content":null,"refusal":null,"annotations":[],"tool_calls":[
    {"id":"call_a","type":"function","function":{"name":"create_tag","arguments":"{\"tags\":\"vip\"}"}},
    {"id":"call_a","type":"function","index":1,"function":{"name":"create_tag"}},
    {"id":"call_b","type":"custom","custom":{"name":"create_tag","input":"vip"}}]}"#;

#[test]
fn an_openai_message_is_read_alone_or_inside_its_response() {
    let alone = parse(MESSAGE.as_bytes(), None).unwrap();
    let [first, second, third] = alone.calls.as_slice() else { panic!("{alone:?}") };
    assert_eq!((alone.dialect, &*first.name, first.tool_call_id.as_deref()), (Dialect::OpenaiChat, "create_tag", Some("call_a")));
    assert_eq!(first.call_id, None, "a model's id is no identity: it uses it again");
    assert_eq!(first.arguments.as_ref().unwrap().get("tags"), Some(&Value::String("vip".into())));
    assert_eq!(second.arguments, Ok(Object::default()));
    assert_eq!(third.arguments.as_ref().unwrap_err().code, "argument_invalid");

    let whole = format!(
        r#"{{"id":"x","object":"chat.completion","created":1,"choices":[{{"index":0,"message":{MESSAGE},"finish_reason":"tool_calls"}}],"usage":{{"total_tokens":5}}}}"#
    );
    assert_eq!(parse(whole.as_bytes(), None).unwrap(), alone);
    assert_eq!(parse(MESSAGE.as_bytes(), Some(Dialect::OpenaiChat)).unwrap(), alone);
    assert_eq!(parse(MESSAGE.as_bytes(), Some(Dialect::Native)).unwrap_err().code(), "missing_field", "a hint is believed");
}

#[test]
fn dialects_have_names_that_read_back() {
    for dialect in Dialect::ALL {
        assert_eq!(Dialect::from_name(dialect.as_str()), Some(dialect));
    }
    assert_eq!(Dialect::from_name("anthropic"), None);
}

#[test]
fn the_reply_has_one_result_per_call_and_says_what_became_of_it() {
    let item = |call_id, tool_call_id, status, body| ReplyItem { call_id, tool_call_id, name: "create_tag", status, body };
    let items = [
        item("c1", Some("a"), CallStatus::Succeeded, r#"{"result":{"tags":["\"é"]}}"#),
        item("c2", None, CallStatus::Refused, r#"{"error":{"code":"x","message":"No."}}"#),
        item("c3", Some("b"), CallStatus::Parked, r#"{"parked_on":"pause"}"#),
        item("c4", Some("d"), CallStatus::Cancelled, "{}"),
    ];
    let written = |dialect| {
        let mut out = b"x".to_vec();
        write_reply(dialect, &items, &mut out);
        assert_eq!(out.remove(0), b'x', "it appends");
        serde_json::from_slice::<serde_json::Value>(&out).unwrap()
    };
    let native = written(Dialect::Native);
    let openai = written(Dialect::OpenaiChat);
    assert_eq!((native.as_array().unwrap().len(), openai.as_array().unwrap().len()), (4, 4));
    assert_eq!(native[0], serde_json::json!({"call_id":"c1","content":"{\"tags\":[\"\\\"é\"]}"}));
    assert_eq!(openai[0], serde_json::json!({"role":"tool","tool_call_id":"a","content":"{\"tags\":[\"\\\"é\"]}"}));
    assert_eq!(openai[1]["tool_call_id"], "c2");
    assert_eq!(native[1]["content"], r#"{"status":"refused","error":{"code":"x","message":"No."}}"#);
    assert_eq!(native[3]["content"], r#"{"status":"cancelled"}"#);
    let open: serde_json::Value = serde_json::from_str(native[2]["content"].as_str().unwrap()).unwrap();
    assert_eq!(open["status"], "parked");
    assert!(open["message"].as_str().unwrap().contains("Do not repeat it"));
    let mut none = vec![];
    write_reply(Dialect::Native, &[], &mut none);
    assert_eq!(none, b"[]");
}
