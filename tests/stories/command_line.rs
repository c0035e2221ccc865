//! The commands, as a person and as a script use them.

use crate::world::{World, create_tag};

on_both_databases!(commands_work_beside_a_running_server, a_wrong_command_says_how_it_is_used);

pub fn commands_work_beside_a_running_server(world: &mut World) {
    let room = world.a_room("web-1");
    room.gets(create_tag(&["vip"]).id("c1")).result();
    let url = format!("http://127.0.0.1:{}", world.port);
    let at_server = ["--url", &url, "--key", &world.admin_key, "--json"];
    let said = |words: &[&str]| world.runs(&[words, &at_server].concat());

    let listed = said(&["room", "list"]);
    assert_eq!(listed.code, Some(0), "{listed:?}");
    assert!(listed.json().to_string().contains("web-1"));
    assert!(said(&["room", "inspect", "web-1"]).json().to_string().contains("vip"));
    let called = said(&["call", "web-1", "create_tag", "tags=urgent"]);
    assert_eq!(called.code, Some(0), "{called:?}");
    assert_eq!(room.tags(), ["vip", "urgent"]);
    assert_ne!(said(&["call", "web-1", "think", "a=b"]).code, Some(0), "a refused call is not a success");
    assert_ne!(said(&["room", "inspect", "nowhere"]).code, Some(0));

    let doctor = world.command(&["doctor", "--listen", &format!("127.0.0.1:{}", crate::world::port::free())]);
    assert!(doctor.is_object(), "{doctor}");
    assert_eq!(world.command(&["company", "create", "globex"])["name"], "globex");
    let twice = world.runs(&["company", "create", "globex", "--database-url", &world.database().url(), "--json"]);
    assert!(twice.code.is_some_and(|code| code != 0), "{twice:?}");
    world.command(&["migrate"]);
}

pub fn a_wrong_command_says_how_it_is_used(world: &mut World) {
    for words in [&["frobnicate"][..], &["serve", "--lissten", "x"], &["call"], &["key", "create"], &["demo", "--for", "a while"]]
    {
        let ended = world.runs(words);
        assert_eq!(ended.code, Some(2), "{words:?}: {ended:?}");
        assert!(!ended.complained.is_empty() && ended.said.is_empty(), "{ended:?}");
    }
    let version = world.runs(&["--version"]);
    assert_eq!((version.code, version.said.trim()), (Some(0), concat!("bellhop ", env!("CARGO_PKG_VERSION"))));
    for shell in ["bash", "zsh", "fish"] {
        let completions = world.runs(&["completions", shell]);
        assert!(completions.code == Some(0) && completions.said.contains("serve"), "{shell}");
    }
}
