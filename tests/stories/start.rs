//! Starting: what cannot work says so in one line and a code, and never touches what is there.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;

use crate::world::program::{Ended, bellhop, ends};
use crate::world::{World, create_tag, port};

on_both_databases!(a_newer_schema_is_left_alone, a_second_start_finds_everything);
on_sqlite_alone!(
    two_servers_on_one_file_exclude_each_other,
    a_port_in_use_is_said,
    a_file_that_cannot_be_written_is_said,
    a_secret_everybody_can_read_is_refused,
    an_unknown_setting_stops_the_start,
);

pub fn a_newer_schema_is_left_alone(world: &mut World) {
    let room = world.a_room("web-1");
    room.gets(create_tag(&["vip"]).id("c1")).result();
    world.dies();
    world.database().was_migrated_by_a_newer_program();
    one_line(serve(world, &world.database().url(), port::free()), "newer");
    one_line(world.runs(&["company", "create", "globex", "--database-url", &world.database().url()]), "newer");
}

pub fn a_second_start_finds_everything(world: &mut World) {
    let room = world.a_room("web-1");
    room.gets(create_tag(&["vip"]).id("c1")).result();
    let (before, timeline) = (room.now(), room.timeline());
    for _ in 0..3 {
        world.dies_and_comes_back();
    }
    assert_eq!((room.now(), room.timeline()), (before, timeline));
}

pub fn two_servers_on_one_file_exclude_each_other(world: &mut World) {
    let room = world.a_room("web-1");
    one_line(serve(world, &world.database().url(), port::free()), "");
    assert!(world.still_runs());
    room.gets(create_tag(&["vip"]).id("c1")).result();
    assert!(world.starts_a_second_server().is_err());
    world.dies();
    let mut second = world.starts_a_second_server().expect("free again after a kill");
    assert!(second.is_running());
}

pub fn a_port_in_use_is_said(world: &mut World) {
    world.dies();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    one_line(serve(world, &world.database().url(), port), "in use");
}

pub fn a_file_that_cannot_be_written_is_said(world: &mut World) {
    world.dies();
    one_line(serve(world, "sqlite:/dev/null/bellhop.db", port::free()), "");
    let no_file = world.folder().join("no-file");
    fs::create_dir(&no_file).unwrap();
    one_line(serve(world, &format!("sqlite:{}", no_file.display()), port::free()), "");
    one_line(serve(world, "mysql://localhost/bellhop", port::free()), "");

    // File permissions bind everybody but root: become nobody, in a folder that nobody may write to.
    let file = world.folder().join("bellhop.db");
    for path in [world.folder().to_owned(), file.clone()] {
        let mode = if path.is_dir() { 0o555 } else { 0o444 };
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    let url = world.database().url();
    let listen = format!("127.0.0.1:{}", port::free());
    let mut command = bellhop(world.folder(), &["serve", "--listen", &listen, "--database-url", &url]);
    if fs::metadata("/proc/self").unwrap().uid() == 0 {
        command.uid(65_534).gid(65_534);
    }
    match ends(command) {
        Ok(ended) => one_line(ended, ""),
        Err(problem) => eprintln!("**** SKIPPED: a read-only file: nobody cannot run the program here ({problem})"),
    }
    fs::set_permissions(world.folder(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
    world.starts();
}

pub fn a_secret_everybody_can_read_is_refused(world: &mut World) {
    world.dies();
    let secret = world.folder().join("bellhop.key");
    assert_eq!(fs::metadata(&secret).unwrap().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(world.folder().join("bellhop.db")).unwrap().mode() & 0o777, 0o600);
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).unwrap();
    one_line(serve(world, &world.database().url(), port::free()), "bellhop.key");
}

pub fn an_unknown_setting_stops_the_start(world: &mut World) {
    world.dies();
    let url = world.database().url();
    let settings = world.folder().join("bellhop.toml");
    fs::write(&settings, "lissten = \"127.0.0.1:1\"\n").unwrap();
    one_line(world.runs(&["serve", "--config", settings.to_str().unwrap(), "--database-url", &url]), "lissten");
    let mut command = bellhop(world.folder(), &["serve", "--database-url", &url]);
    command.env("BELLHOP_LISSTEN", "x");
    one_line(ends(command).unwrap(), "BELLHOP_LISSTEN");
}

fn serve(world: &World, url: &str, port: u16) -> Ended {
    world.runs(&["serve", "--listen", &format!("127.0.0.1:{port}"), "--database-url", url])
}

/// Ended by itself, not well, with one sentence on standard error that has `word` in it; never a panic.
fn one_line(ended: Ended, word: &str) {
    assert!(ended.code.is_some_and(|code| code != 0 && code != 101), "{ended:?}");
    // Beside the log, whose lines are JSON where nobody sits at a terminal.
    let reasons: Vec<&str> = ended.complained.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('{')).collect();
    assert_eq!(reasons.len(), 1, "one line says why: {ended:?}");
    assert!(reasons[0].contains(word), "{word:?} is not in: {}", reasons[0]);
}
