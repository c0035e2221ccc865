//! The tools as a model is shown them are those it may call, with the values it may give, in the shape its provider takes.

use serde_json::{Value, json};

use crate::published::published;
use crate::world::call::Answer;
use crate::world::file::png;
use crate::world::{Door, World, eventually};

on_both_databases!(a_model_is_shown_what_it_may_call);
on_sqlite_alone!(each_provider_has_its_own_shape);

fn shown(door: &Door, dialect: &str) -> Answer {
    let answer = door.get(&format!("/v1/ai-agents/sales/tools?dialect={dialect}"));
    assert_eq!(answer.http, 200, "{answer:?}");
    answer
}

fn names(tools: &Value) -> Vec<&str> {
    tools.as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect()
}

/// A file with what it is for, one that is made on request, and what `sales` may do with them.
fn has_tools(world: &World) -> Door {
    let admin = world.admin();
    let fields = [("key", "prices"), ("description", "What our tents cost")];
    assert_eq!(admin.sends_parts("POST", "/v1/files", &fields, Some(("prices.png", &png(1)))).http, 201);
    let source = json!({"url": "https://billing.example/{number}.pdf", "description": "An invoice"});
    assert_eq!(admin.send("PUT", "/v1/file-sources/invoice", Some(&source)).http, 201);
    let actions = json!([
        {"name": "send_attachment", "files": ["prices", "invoice"]},
        {"name": "create_tag", "description": "Mark how warm a lead is.", "allowed": {"tags": ["warm", "cold"]}},
        {"name": "resolve_conversation", "fixed": {"reason_code": "answered"}},
        {"name": "assign_agent", "allowed": {"division": ["Sales"]}},
    ]);
    assert_eq!(published(&admin, &actions), 1);
    admin
}

pub fn a_model_is_shown_what_it_may_call(world: &mut World) {
    let fresh = shown(&world.admin(), "native");
    assert_eq!(names(&fresh.body["tools"]), ["assign_agent", "resolve_conversation", "create_tag"], "all that is connected");
    assert_eq!(fresh.body["revision"], Value::Null);
    let admin = has_tools(world);
    let told = shown(&admin, "native");
    let tools = &told.body["tools"];
    assert_eq!(names(tools), ["assign_agent", "resolve_conversation", "create_tag", "send_attachment"]);
    assert_eq!((&told.body["revision"], &tools[2]["version"]), (&json!(1), &json!(1)));
    let properties = |at: usize| tools[at]["parameters"]["properties"].as_object().unwrap();
    assert_eq!(properties(0)["division"]["anyOf"][0], json!({"type": "string", "enum": ["Sales"]}));
    assert_eq!(properties(1).keys().collect::<Vec<_>>(), ["note"], "what is fixed is not shown");
    assert_eq!(tools[2]["description"], "Mark how warm a lead is.");
    let one = json!({"type": "string", "enum": ["warm", "cold"]});
    assert_eq!(properties(2)["tags"]["anyOf"], json!([{"type": "array", "items": one}, one]));
    let attachment = &properties(3)["attachment"];
    assert_eq!(attachment["enum"], json!(["prices", "invoice"]));
    let text = attachment["description"].as_str().unwrap();
    assert!(text.contains("`prices` (What our tents cost)") && text.contains("asks in `parameters` for number"), "{text}");
    assert!(properties(3).contains_key("parameters") && !properties(3).contains_key("as_link"), "{tools}");

    // Who has it already is not sent it again, until it is another.
    let tag = told.headers["etag"].to_str().unwrap().to_owned();
    let asked = |tag: &str| {
        let path = "/v1/ai-agents/sales/tools?dialect=native";
        admin.try_send("GET", path, None, &[("if-none-match", tag)]).unwrap().http
    };
    assert_eq!((asked(&tag), asked("\"another\"")), (304, 200));
    assert_eq!(admin.send("POST", "/v1/files/prices/archive", None).http, 200);
    assert_eq!(asked(&tag), 200, "one file less");
    let tools = shown(&admin, "native").body["tools"].clone();
    assert_eq!(tools[3]["parameters"]["properties"]["attachment"]["enum"], json!(["invoice"]));
    world.dies_and_comes_back();
    eventually("it stands there after a restart", || (shown(&world.admin(), "native").body["tools"] == tools).then_some(()));
}

pub fn each_provider_has_its_own_shape(world: &mut World) {
    let admin = has_tools(world);
    let tools = |dialect: &str| shown(&admin, dialect).body["tools"].clone();
    let native = tools("native");
    let chat = tools("openai_chat");
    assert_eq!(chat, tools("openai.chat"), "by either name");
    for (at, own) in native.as_array().unwrap().iter().enumerate() {
        let function = &chat[at]["function"];
        assert_eq!((&chat[at]["type"], &function["name"], &function["strict"]), (&json!("function"), &own["name"], &json!(true)));
        assert_eq!(function["parameters"], own["parameters"]);
        let responses = &tools("openai_responses")[at];
        assert_eq!((&responses["type"], &responses["name"]), (&json!("function"), &own["name"]));
        assert_eq!((&responses["parameters"], &responses["strict"]), (&own["parameters"], &json!(true)));
        let anthropic = &tools("anthropic")[at];
        assert_eq!((&anthropic["name"], &anthropic["input_schema"]), (&own["name"], &own["parameters"]));
        assert_eq!(anthropic["description"], own["description"]);
        let gemini = &tools("gemini")[0]["functionDeclarations"][at];
        assert_eq!(gemini["name"], own["name"]);
        let text = gemini.to_string();
        assert!(!text.contains("additionalProperties") && !text.contains("\"null\""), "{text}");
    }
    let gemini = &tools("gemini")[0]["functionDeclarations"][3]["parameters"]["properties"];
    assert_eq!((&gemini["caption"]["nullable"], &gemini["caption"]["type"]), (&json!(true), &json!("string")));
    assert_eq!(gemini["attachment"]["enum"], json!(["prices", "invoice"]));
    let unknown = admin.get("/v1/ai-agents/sales/tools?dialect=klingon");
    assert_eq!((unknown.http, unknown.code()), (400, "invalid_parameter"));
    assert_eq!(admin.get("/v1/ai-agents/nobody/tools").http, 404);
}
