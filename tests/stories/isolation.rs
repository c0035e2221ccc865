//! One judgement per route and role, generated from the program's own route table: who may, who may not, and that another
//! company's things look exactly like things that are not there. A new route is judged here without a line being added.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{Room, World, create_tag};

on_both_databases!(every_route_asks_for_a_key, every_route_knows_its_roles, another_company_sees_nothing);

const ROLES: [&str; 4] = ["agent", "operator", "builder", "admin"];

/// May this role do this? `None` where design.md does not say.
fn may(role: &str, method: &str, path: &str) -> Option<bool> {
    let reads = method == "GET";
    let under = |prefixes: &[&str]| prefixes.iter().any(|prefix| path.starts_with(prefix));
    Some(match role {
        "admin" => true,
        // "Calls, and reading its own calls."
        "agent" if path == "/v1/rooms/{room_id}" && method == "PUT" => return None,
        "agent" => (method == "POST" && path.ends_with("/function-calls")) || (reads && under(&["/v1/function-calls"])),
        // "Directory, tags, files, AI agents."
        "builder" if under(&["/v1/agents", "/v1/divisions", "/v1/tags", "/v1/files", "/v1/file-sources", "/v1/ai-agents"]) => {
            true
        }
        "builder" if under(&["/v1/settings"]) => return None,
        "builder" => false,
        // "All reads, messages, people's decisions, actor commands."
        "operator" if reads || path.ends_with("/messages") || path.contains("/actor/") => true,
        "operator" if under(&["/v1/function-calls/"]) => true,
        "operator" if under(&["/v1/agents", "/v1/divisions", "/v1/tags", "/v1/files", "/v1/file-sources", "/v1/settings"]) => {
            false
        }
        "operator" => return None,
        _ => unreachable!("{role}"),
    })
}

pub fn every_route_asks_for_a_key(world: &mut World) {
    let things = Things::made(world);
    for (method, path) in guarded_routes() {
        let answer = asks(world, "", method, &things.at(path), &body_for(path));
        assert_eq!(answer.0, 401, "{method} {path} without a key");
    }
}

pub fn every_route_knows_its_roles(world: &mut World) {
    let things = Things::made(world);
    let keys: HashMap<&str, String> = ROLES.map(|role| (role, world.a_key("acme", role).0)).into();
    let mut wrong = vec![];
    // Last what takes away, or stops, what the others are asked about.
    let mut routes = guarded_routes();
    routes.sort_by_key(|(method, path)| (*method == "DELETE", path.ends_with("/drain")));
    for (method, path) in routes {
        for role in ROLES {
            let (status, _) = asks(world, &keys[role], method, &things.at(path), &body_for(path));
            let refused = status == 403;
            if status >= 500 || status == 401 || may(role, method, path).is_some_and(|may| may == refused) {
                wrong.push(format!("{role} {method} {path}: {status}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

pub fn another_company_sees_nothing(world: &mut World) {
    let things = Things::made(world);
    let nothing = Things::that_are_not_there();
    world.a_company("globex");
    let stranger = world.a_key("globex", "admin").0;
    let mut wrong = vec![];
    // Putting something under a name makes the stranger's own, whoever else has one of that name: after all the others.
    // A file is not made by saying something about it.
    let puts = |method: &str, path: &str| method == "PUT" && !path.starts_with("/v1/files");
    let makes = |method: &str, path: &str| puts(method, path) || path.ends_with("/messages");
    let (making, asking): (Vec<_>, Vec<_>) = guarded_routes().into_iter().partition(|(method, path)| makes(method, path));
    for (method, path) in asking {
        let (theirs, body) = asks(world, &stranger, method, &things.at(path), &body_for(path));
        if things.mentioned_in(&body) {
            wrong.push(format!("{method} {path} shows: {body}"));
        }
        if !path.contains('{') {
            continue;
        }
        let (unknown, unknown_body) = asks(world, &stranger, method, &nothing.at(path), &body_for(path));
        if theirs != 404 || (theirs, without_request_id(&body)) != (unknown, without_request_id(&unknown_body)) {
            wrong.push(format!("{method} {path}: {theirs} {body} but for what is not there: {unknown} {unknown_body}"));
        }
    }
    for (method, path) in making {
        let (status, body) = asks(world, &stranger, method, &things.at(path), &body_for(path));
        if !(200..300).contains(&status) || body.contains("seen-by-acme-only") {
            wrong.push(format!("{method} {path}: {status} {body}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(things.room.tags(), ["seen-by-acme-only"], "and changed nothing");
    assert_eq!(things.room.version(), things.version);
    for (kind, name) in [("agents", "Acmeana"), ("divisions", "Acmesales")] {
        assert_eq!(world.admin().get(&format!("/v1/{kind}/{}", things.ids[kind])).body["name"], name);
    }
}

/// Every route that needs a key, from the program's own table.
fn guarded_routes() -> Vec<(&'static str, &'static str)> {
    let guarded = bellhop::api::routes().filter(|route| route.access.asks_for_key());
    let routes: Vec<_> = guarded.map(|route| (route.method.as_str(), route.path)).collect();
    assert!(routes.len() >= 20, "a table that lost its routes proves nothing: {routes:?}");
    routes
}

/// One of each thing, of the company `acme`.
struct Things {
    room: Room,
    version: i64,
    ids: HashMap<&'static str, String>,
}

impl Things {
    fn made(world: &World) -> Self {
        let admin = world.admin();
        let room = world.a_room("acme-room-1");
        room.gets(create_tag(&["seen-by-acme-only"]).id("acme-call-1")).result();
        assert_eq!(admin.adds_file("acme-file-1", "acme-file.png", &crate::world::file::png(1)).http, 201);
        let source = json!({"url": "https://acme-file.example/x.pdf"});
        assert_eq!(admin.send("PUT", "/v1/file-sources/acme-file-2", Some(&source)).http, 201);
        let (agent, division) = (admin.an_agent("Acmeana", 5, &[]), admin.a_division("Acmesales"));
        let ids = HashMap::from([
            ("rooms", room.id.clone()),
            ("function-calls", "acme-call-1".to_owned()),
            ("agents", agent),
            ("divisions", division),
            ("tags", "seen-by-acme-only".to_owned()),
            ("ai-agents", "sales".to_owned()),
            ("files", "acme-file-1".to_owned()),
            ("file-sources", "acme-file-2".to_owned()),
        ]);
        Self { version: room.version(), room, ids }
    }

    fn that_are_not_there() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let room = crate::world::Door::new(runtime.handle().clone(), 1, "").room("none");
        let ids = ["rooms", "function-calls", "agents", "divisions", "tags", "ai-agents"];
        Self { room, version: 0, ids: ids.map(|kind| (kind, "none-of-that-name".to_owned())).into() }
    }

    /// The path with each placeholder filled by the thing its collection names.
    fn at(&self, path: &str) -> String {
        let mut before = "";
        let mut filled = vec![];
        for part in path.split('/') {
            filled.push(if part.starts_with('{') { self.ids.get(before).map_or("none", String::as_str) } else { part });
            before = part;
        }
        filled.join("/")
    }

    fn mentioned_in(&self, body: &str) -> bool {
        ["acme-room", "acme-call", "acme-file", "Acmeana", "Acmesales", "seen-by-acme-only"]
            .iter()
            .any(|word| body.contains(word))
    }
}

/// A body that is in order, so that what is refused is the caller.
fn body_for(path: &str) -> Value {
    let place = path.trim_start_matches("/v1/");
    match place {
        _ if place.ends_with("/function-calls") => json!({"calls": [{"name": "think", "arguments": {}}]}),
        _ if place.ends_with("/messages") => json!({"from": "customer", "text": "hello", "message_id": "m1"}),
        _ if place.ends_with("/retry") => json!({"reason": "I looked."}),
        _ if place.ends_with("/reject") => json!({"reason": "I looked."}),
        _ if place.ends_with("/takeover") => json!({"agent_id": "none"}),
        _ if place.ends_with("/typing") => json!({}),
        _ if place == "presence" => json!({"agent_id": "none"}),
        _ if place.ends_with("/snooze") => json!({"for_s": 60}),
        _ if place.ends_with("/resolve") => json!({"reason_code": "answered"}),
        _ if place.ends_with("}/tags") => json!({"tags": ["zebra"]}),
        _ if place.ends_with("/settle") => json!({"outcome": "failed", "reason": "I looked."}),
        "rooms/{room_id}" => json!({"channel": "web_chat", "customer": {"handle": "acme-room-1"}}),
        _ if place.starts_with("agents") => {
            json!({"name": "Zoe", "email": "zoe@acme.example", "divisions": [], "status": "offline", "capacity": 1})
        }
        _ if place.starts_with("divisions") => json!({"name": "Zoology"}),
        _ if place.starts_with("tags") => json!({"name": "zebra"}),
        _ if place.starts_with("file-sources/") => json!({"url": "https://zebra.example/x"}),
        _ if place.starts_with("files/") => json!({"description": "Zebras"}),
        _ if place.ends_with("}/actions") => json!({"actions": [{"name": "create_tag"}]}),
        _ if place.starts_with("settings") => json!({"max_tags_per_room": 29}),
        _ => json!({}),
    }
}

fn without_request_id(body: &str) -> Value {
    let mut body: Value = serde_json::from_str(body).unwrap_or(Value::Null);
    if let Some(body) = body.as_object_mut() {
        body.remove("request_id");
        body.remove("instance");
    }
    body
}

/// Status and body; of an endless answer only what comes at once.
fn asks(world: &World, key: &str, method: &str, path: &str, body: &Value) -> (u16, String) {
    let body = if matches!(method, "GET" | "DELETE") { String::new() } else { body.to_string() };
    let key = if key.is_empty() { String::new() } else { format!("Authorization: Bearer {key}\r\n") };
    let kind = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
    let mut wire = world.wire();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\n{key}{kind}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    wire.send(request.as_bytes()).unwrap();
    if path.starts_with("/v1/events") {
        let status = wire.line().unwrap();
        wire.read_timeout(Duration::from_millis(500));
        let mut text = String::new();
        while let Ok(line) = wire.line() {
            text.push_str(&line);
        }
        return (status.split(' ').nth(1).and_then(|text| text.parse().ok()).unwrap(), text);
    }
    let answer = wire.receive().unwrap_or_else(|problem| panic!("{method} {path}: {problem}"));
    (answer.status, answer.body)
}
