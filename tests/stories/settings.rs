//! A company's own policies take effect at once, and a call is judged by them.

use serde_json::json;

use crate::world::{World, create_tag};

on_both_databases!(a_company_may_allow_only_tags_it_has, a_full_room_takes_no_more_tags);

pub fn a_company_may_allow_only_tags_it_has(world: &mut World) {
    let room = world.a_room("web-1");
    room.gets(create_tag(&["complaint"]).id("c1")).result();
    room.door.set(&json!({"tag_policy": "existing_only"}));

    let near = room.gets(create_tag(&["complain"]).id("c2"));
    assert_eq!(near.only()["status"], "refused", "{near:?}");
    assert_eq!(near.only()["error"]["candidates"][0]["value"], "complaint", "the nearest one is offered");
    assert_eq!(near.only()["error"]["next"], "fix_and_retry");
    assert_eq!(room.gets(create_tag(&["  COMPLAINT "]).id("c3")).result()["already_present"], json!(["complaint"]));

    room.door.set(&json!({"tag_policy": "create_if_missing"}));
    room.gets(create_tag(&["complain"]).id("c4")).result();
    assert!(room.gets(create_tag(&["complain"]).id("c2")).statuses() == ["refused"], "an answer given stays given");
    assert_eq!(room.tags(), ["complaint", "complain"]);
}

pub fn a_full_room_takes_no_more_tags(world: &mut World) {
    let room = world.a_room("web-1");
    room.door.set(&json!({"max_tags_per_room": 3}));
    room.gets(create_tag(&["a", "b"]).id("c1")).result();
    let over = room.gets(create_tag(&["c", "d"]).id("c2"));
    assert_eq!(over.only()["status"], "refused");
    assert_eq!(room.tags(), ["a", "b"], "nothing partial");
    room.gets(create_tag(&["b", "c"]).id("c3")).result();
    assert_eq!(room.tags(), ["a", "b", "c"]);
}
