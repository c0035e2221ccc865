//! Keys: shown once, kept as a hash, gone within a second.

use std::time::Duration;

use crate::world::{World, create_tag, within};

on_both_databases!(
    a_revoked_key_is_refused_within_a_second,
    a_key_made_beside_a_running_server_opens_it,
    a_key_is_not_in_the_database
);

pub fn a_revoked_key_is_refused_within_a_second(world: &mut World) {
    let room = world.a_room("web-1");
    let (key, key_id) = world.a_key("acme", "agent");
    let caller = world.caller(&key).room("web-1");
    world_lets(&caller);
    world.command(&["key", "revoke", &key_id, "--company", "acme"]);
    within(Duration::from_secs(1), || {
        let answer = caller.gets(create_tag(&["vip"]).id("again"));
        (answer.http == 401).then_some(())
    })
    .expect("refused within a second");
    room.gets(create_tag(&["vip"]).id("c9")).result();
    let kept = world.command(&["key", "list", "--company", "acme"]).to_string();
    assert!(kept.contains(&key_id) && !kept.contains(&key), "a list shows ids, never keys");
}

fn world_lets(caller: &crate::world::Room) {
    within(Duration::from_secs(1), || (caller.gets(create_tag(&["vip"]).id("c1")).http == 200).then_some(()))
        .expect("a new key works within a second");
}

pub fn a_key_made_beside_a_running_server_opens_it(world: &mut World) {
    world.a_company("globex");
    let (key, _) = world.a_key("globex", "admin");
    let room = world.caller(&key).room("web-1");
    within(Duration::from_secs(1), || (room.opens().http == 201).then_some(())).expect("works within a second");
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
