//! What breaks a house rule must be noticed, and what does not must not.

use super::{Source, imports, nothing_left_over, only_here, pure, shape, top};

fn complains(rule: fn(&Source) -> Vec<String>, path: &str, text: &str) -> usize {
    rule(&Source { folder: "src", path: path.into(), text: text.into() }).len()
}

#[test]
fn imports_that_cross_a_layer() {
    for (path, text) in [
        ("room/state.rs", "use crate::store::Queries;"),
        ("room/state.rs", "use super::super::store::Queries;"),
        ("room/mod.rs", "use super::catalog::Request;"),
        ("catalog/mod.rs", "use crate::actors::RoomRouter;"),
        ("catalog/create_tag.rs", "fn f() -> crate::api::Problem {}"),
        ("catalog/dialect/openai.rs", "use super::super::super::actors::RoomRouter;"),
        ("actors/router.rs", "use crate::{room::{Room, Tag}, store::Store};"),
        ("actors/router.rs", "use crate::{\n    room::Room,\n    store::Store,\n};"),
        ("store/journal.rs", "use crate::api::Problem;"),
        ("store/journal.rs", "use crate::actors::room_actor::RoomActor;"),
        ("api/mod.rs", "use crate::console::Page;"),
        ("api/calls.rs", "use crate::actors::room_actor::Invoke;"),
        ("telemetry.rs", "use crate::app::App;"),
        ("channel/qontak/wire.rs", "use crate::crm::QontakCrm;"),
        ("channel/qontak/wire.rs", "use super::super::super::crm::QontakCrm;"),
        ("channel/mod.rs", "use crate::store::Store;"),
        ("channel/qontak/people.rs", "use crate::actors::RoomRouter;"),
        ("crm/wire.rs", "use crate::channel::QontakChannel;"),
        ("outbound/mod.rs", "use crate::channel::QontakChannel;"),
        ("library/intake.rs", "use crate::store::Queries;"),
        ("library/mod.rs", "use crate::actors::RoomRouter;"),
        ("standin/crm/deals.rs", "use crate::room::Room;"),
        ("standin/mod.rs", "use super::catalog::Request;"),
    ] {
        assert!(complains(imports, path, text) > 0, "{path}: {text}");
    }
    for (path, text) in [
        ("room/state.rs", "use super::ids::RoomId;\nuse crate::room::Tag;"),
        ("room/mod.rs", "pub use ids::RoomId;\n// use crate::store::Queries;"),
        ("catalog/create_tag.rs", "use super::Request;\nuse crate::room::{Room, Tag};"),
        ("catalog/dialect/openai.rs", "use super::super::Request;"),
        ("store/journal.rs", "use crate::actors::ports::{Commit, Journal};"),
        ("actors/ports.rs", "use crate::store::Committed;"),
        ("api/calls.rs", "use crate::{actors::RoomRouter, store::Queries};"),
        ("app.rs", "use crate::{api, store, actors};"),
        ("standin/crm/deals.rs", "use super::super::world::World;"),
        ("cli/standin.rs", "use crate::standin::Options;"),
        ("room/state.rs", "fn f() {}\n#[cfg(test)]\nmod tests {\n    use crate::catalog::decide;\n}"),
    ] {
        assert_eq!(complains(imports, path, text), 0, "{path}: {text}");
    }
}

#[test]
fn impurity() {
    for text in
        ["async fn f() {}", "let t = std::time::Instant::now();", "use tracing::info;", "let x = rand::random();", "use std::fs;"]
    {
        assert!(complains(pure, "room/state.rs", text) > 0, "{text}");
        assert!(complains(pure, "catalog/create_tag.rs", text) > 0, "{text}");
        assert_eq!(complains(pure, "store/mod.rs", text), 0);
    }
    assert_eq!(complains(pure, "room/state.rs", "let operand = 1; // async\nlet instants = 2;"), 0);
}

#[test]
fn things_away_from_home() {
    for (path, text) in [
        ("actors/router.rs", "use diesel::prelude::*;"),
        ("api/calls.rs", "use actix::Addr;"),
        ("store/mod.rs", "reqwest::Client::new()"),
        ("api/files.rs", "use object_store::path::Path;"),
        ("api/calls.rs", "answer(StatusCode::OK, body)"),
        ("api/calls.rs", "HttpResponse::Ok().json(x)"),
        ("app.rs", "HttpResponse::ServiceUnavailable().finish()"),
        ("api/calls.rs", "HttpResponse::build(code)"),
        ("api/calls.rs", "Err(actix_web::error::ErrorNotFound(x))"),
        ("actors/room_actor.rs", "let said = Committed::seal(answers);"),
        ("store/mod.rs", "std::env::var(\"HOME\")"),
    ] {
        assert!(complains(only_here, path, text) > 0, "{path}: {text}");
    }
    for (path, text) in [
        ("store/rows.rs", "use diesel::prelude::*; Committed::seal(1)"),
        ("actors/room_actor.rs", "use actix::Addr;"),
        ("api/problem.rs", "StatusCode::NOT_FOUND; HttpResponse::Gone()"),
        ("api/calls.rs", "HttpResponse::new(problem::OK)"),
        ("api/calls.rs", "use actix_web::web;"),
        ("config.rs", "std::env::var(\"HOME\")"),
    ] {
        assert_eq!(complains(only_here, path, text), 0, "{path}: {text}");
    }
}

#[test]
fn shapes() {
    assert_eq!(complains(shape, "room/tag.rs", "//! A tag."), 0);
    assert_eq!(complains(shape, "room/tag.rs", "fn f() {}"), 1);
    assert_eq!(complains(shape, "room/tag.rs", &"//! x\n".repeat(401)), 1);
    for name in ["room/utils.rs", "helpers/tag.rs", "store/connection_manager.rs", "misc.rs", "api/common/mod.rs"] {
        assert_eq!(complains(shape, name, "//! x"), 1, "{name}");
    }
}

#[test]
fn leftovers() {
    assert_eq!(complains(nothing_left_over, "room/tag.rs", concat!("// TO", "DO later")), 1);
    assert_eq!(complains(nothing_left_over, "room/tag.rs", concat!("unimplemented", "!()")), 1);
    assert_eq!(complains(nothing_left_over, "room/tag.rs", "// to do"), 0);
}

#[test]
fn strangers_at_the_top() {
    let entries = |more: &[&str]| -> Vec<String> { super::TOP.iter().chain(more).map(|name| (*name).to_owned()).collect() };
    assert!(top(&entries(&[".ci", ".git", "target"])).is_empty());
    assert_eq!(top(&entries(&["docs"])).len(), 1);
    assert_eq!(top(&entries(&[])[1..]).len(), 1);
}
