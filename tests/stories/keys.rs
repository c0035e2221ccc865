//! Keys: shown once, kept as a hash, gone soon after somebody says so (within a second: `app::CONFIG_POLL`).

use crate::world::{World, create_tag, eventually};

on_both_databases!(a_revoked_key_is_refused, a_key_made_beside_a_running_server_opens_it, a_key_is_not_in_the_database);

pub fn a_revoked_key_is_refused(world: &mut World) {
    let room = world.a_room("web-1");
    let (key, key_id) = world.a_key("acme", "agent");
    let caller = world.caller(&key).room("web-1");
    world_lets(&caller);
    world.command(&["key", "revoke", &key_id, "--company", "acme"]);
    eventually("it is refused", || (caller.gets(create_tag(&["vip"]).id("again")).http == 401).then_some(()));
    room.gets(create_tag(&["vip"]).id("c9")).result();
    let kept = world.command(&["key", "list", "--company", "acme"]).to_string();
    assert!(kept.contains(&key_id) && !kept.contains(&key), "a list shows ids, never keys");
}

fn world_lets(caller: &crate::world::Room) {
    eventually("a new key works", || (caller.gets(create_tag(&["vip"]).id("c1")).http == 200).then_some(()));
}

pub fn a_key_made_beside_a_running_server_opens_it(world: &mut World) {
    world.a_company("globex");
    let (key, _) = world.a_key("globex", "admin");
    let room = world.caller(&key).room("web-1");
    eventually("it works", || (room.opens().http == 201).then_some(()));
    assert_eq!(world.admin().get("/v1/rooms/web-1").http, 404, "and opens only its own company");
}

pub fn a_key_is_not_in_the_database(world: &mut World) {
    world.a_room("web-1");
    world.dies();
    for file in std::fs::read_dir(world.folder()).unwrap().flatten() {
        let Ok(bytes) = std::fs::read(file.path()) else { continue };
        let secret = &world.agent_key.as_bytes()[8..];
        assert!(!bytes.windows(secret.len()).any(|window| window == secret), "the key is in {:?}", file.path());
    }
}
