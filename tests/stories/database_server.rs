//! How a PostgreSQL server is set is not ours to change, but ours to tell: one that forgets what it has acknowledged, and one
//! that has no more memory than it was delivered with.

use serde_json::{Value, json};

use crate::world::{World, eventually, port};

/// `doctor`'s exit code, and what it finds under this name.
fn looks(world: &World, name: &str) -> (Option<i32>, Value) {
    let (url, listen) = (world.database().url(), format!("127.0.0.1:{}", port::free()));
    let doctor = world.runs(&["doctor", "--listen", &listen, "--database-url", &url, "--json"]);
    let found = doctor.json()["checks"].as_array().unwrap().iter().find(|check| check["name"] == name).cloned();
    (doctor.code, found.unwrap_or_default())
}

#[test]
fn a_server_that_may_lose_what_was_acknowledged_is_told() {
    let Some(mut world) = World::with_own_postgres() else { return };
    world.starts();
    let (code, durability) = looks(&world, "durability");
    assert_eq!((code, &durability["status"]), (Some(0), &json!("ok")), "{durability}");
    let (_, memory) = looks(&world, "memory");
    assert_eq!(memory["status"], "warn", "as it was delivered: {memory}");
    assert!(!world.log().contains("store.not_durable"));

    world.database().sets_its_server("full_page_writes", "off");
    eventually("the server has heard it", || (looks(&world, "durability").0 == Some(8)).then_some(()));
    let (_, durability) = looks(&world, "durability");
    let next = durability["next"].as_str().unwrap_or_default();
    assert!(durability["status"] == "fail" && next.contains("ALTER SYSTEM SET full_page_writes = on"), "{durability}");
    world.dies_and_comes_back();
    assert!(world.log().contains("store.not_durable"), "whoever starts it is warned");
}
