//! The commands, as a person and as a script use them.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::world::crm::TOKEN;
use crate::world::file::pdf;
use crate::world::program::{self, ends};
use crate::world::{World, create_tag, port, skip};

on_both_databases!(
    commands_work_beside_a_running_server,
    a_wrong_command_says_how_it_is_used,
    a_crm_is_looked_at_from_the_command_line,
);
on_sqlite_alone!(what_takes_long_shows_it_on_a_terminal);

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
    assert_eq!(said(&["call", "web-1", "think", "a=b"]).code, Some(6), "a refused call is not a success");
    assert_eq!(said(&["room", "inspect", "nowhere"]).code, Some(5));

    let doctor = world.command(&["doctor", "--listen", &format!("127.0.0.1:{}", crate::world::port::free())]);
    assert!(doctor.is_object(), "{doctor}");
    assert_eq!(world.command(&["company", "create", "globex"])["name"], "globex");
    let twice = world.runs(&["company", "create", "globex", "--database-url", &world.database().url(), "--json"]);
    assert_eq!(twice.code, Some(6), "{twice:?}");
    assert_eq!((&twice.json()["error"]["code"], &twice.json()["error"]["exit_code"]), (&"refused".into(), &6.into()));
    world.command(&["migrate"]);
}

pub fn a_wrong_command_says_how_it_is_used(world: &mut World) {
    for words in [&["frobnicate"][..], &["serve", "--lissten", "x"], &["call"], &["key", "create"], &["demo", "--for", "a while"]]
    {
        let ended = world.runs(words);
        assert_eq!(ended.code, Some(2), "{words:?}: {ended:?}");
        assert!(!ended.complained.is_empty() && ended.said.is_empty(), "{ended:?}");
        let ended = world.runs(&[words, &["--json"]].concat());
        assert_eq!((ended.code, &ended.json()["error"]["exit_code"]), (Some(2), &2.into()), "{words:?}: {ended:?}");
    }
    let version = world.runs(&["--version"]);
    assert_eq!((version.code, version.said.trim()), (Some(0), concat!("bellhop ", env!("CARGO_PKG_VERSION"))));
    for shell in ["bash", "zsh", "fish"] {
        let completions = world.runs(&["completions", shell]);
        assert!(completions.code == Some(0) && completions.said.contains("serve"), "{shell}");
    }
}

/// How `company crm check` and `doctor` ended, and what the doctor says of the CRM.
fn looks(world: &World) -> ((Option<i32>, Value), (Option<i32>, Value)) {
    let url = world.database().url();
    let checked = world.runs(&["company", "crm", "check", "acme", "--database-url", &url, "--json"]);
    let listen = format!("127.0.0.1:{}", port::free());
    let doctor = world.runs(&["doctor", "--listen", &listen, "--database-url", &url, "--json"]);
    for said in [&checked, &doctor] {
        assert!(!said.said.contains(TOKEN) && !said.complained.contains(TOKEN), "{said:?}");
    }
    let document = doctor.json();
    let line = document["checks"].as_array().unwrap().iter().find(|check| check["name"] == "crm").cloned();
    ((checked.code, checked.json()), (doctor.code, line.unwrap_or_default()))
}

pub fn a_crm_is_looked_at_from_the_command_line(world: &mut World) {
    let ((code, _), (doctor, line)) = looks(world);
    assert_eq!((code, doctor, line), (Some(5), Some(0), Value::Null), "a company without a CRM");

    world.has_a_crm();
    // No server is needed: it is looked at straight from the database.
    world.dies();
    let ((code, found), (doctor, line)) = looks(world);
    assert_eq!((code, doctor, &line["status"]), (Some(0), Some(0), &"ok".into()), "{found} {line}");
    assert_eq!((&found["usable"], &found["crm"]["credentials"]), (&true.into(), &"static".into()), "{found}");
    assert_eq!(found["crm"]["deals"]["pipelines"][0], "Sales", "{found}");
    assert_eq!((world.crm().was_asked("POST", ""), world.crm().was_asked("PUT", "")), (0, 0), "it only reads");

    world.is_told_the_token(TOKEN, &["--reference-field", "no such field"]);
    let ((code, found), (doctor, line)) = looks(world);
    assert_eq!((code, doctor, &line["status"]), (Some(0), Some(0), &"warn".into()), "{line}");
    assert_eq!(found["warnings"].as_array().unwrap().len(), 1, "{found}");

    world.is_told_the_token("a-token-nobody-knows", &[]);
    let ((code, why), (doctor, line)) = looks(world);
    assert_eq!((code, doctor, &line["status"]), (Some(7), Some(8), &"fail".into()), "{why} {line}");
    assert!(why["error"]["message"].as_str().unwrap().contains("refuses the token"), "{why}");
    assert!(line["next"].as_str().unwrap().contains("company crm set acme"), "{line}");

    world.loses_its_crm();
    let ((code, why), (doctor, line)) = looks(world);
    assert_eq!((code, doctor, &line["status"]), (Some(4), Some(8), &"fail".into()), "{why} {line}");
}

/// At a terminal, and nowhere else.
pub fn what_takes_long_shows_it_on_a_terminal(world: &mut World) {
    fs::write(world.folder().join("long.pdf"), pdf(8_000_000, 1)).unwrap();
    let add =
        ["file", "add", "long", "long.pdf", "--company", "acme", "--database-url", &world.database().url()].map(str::to_owned);
    let quiet = world.runs(&add.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!((quiet.code, quiet.complained.as_str()), (Some(0), ""), "{quiet:?}");
    let words: Vec<String> = [program::path()].into_iter().chain(add).map(|word| format!("'{word}'")).collect();
    let mut terminal = Command::new("script");
    terminal.args(["--quiet", "--return", "--command", &words.join(" "), "/dev/null"]).current_dir(world.folder());
    program::without_our_surroundings(&mut terminal);
    terminal.stdin(Stdio::null()).env("TERM", "xterm");
    let seen = match ends(terminal) {
        Ok(seen) => seen,
        Err(problem) => return skip::skipped("what is seen at a terminal", &format!("No `script` here: {problem}"), true),
    };
    assert_eq!(seen.code, Some(0), "{seen:?}");
    let (bar, result) =
        seen.said.split_once("\u{1b}[2K").unwrap_or_else(|| panic!("nothing was shown, and taken away again: {seen:?}"));
    assert!(bar.contains("%") && result.contains("version 1"), "{seen:?}");
}
