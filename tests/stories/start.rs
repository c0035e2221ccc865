//! Starting: what cannot work says so in one line and a code, and never touches what is there.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use crate::world::program::{self, Ended, bellhop, ends};
use crate::world::{World, create_tag, port, skip};

on_both_databases!(a_newer_schema_is_left_alone, a_second_start_finds_everything);
on_sqlite_alone!(
    two_servers_on_one_file_exclude_each_other,
    a_port_in_use_is_said,
    a_file_that_cannot_be_written_is_said,
    a_secret_everybody_can_read_is_refused,
    an_unknown_setting_stops_the_start,
    what_is_no_database_is_left_alone,
);

pub fn a_newer_schema_is_left_alone(world: &mut World) {
    let room = world.a_room("web-1");
    room.gets(create_tag(&["vip"]).id("c1")).result();
    world.dies();
    world.database().was_migrated_by_a_newer_program();
    one_line(serve(world, &world.database().url(), port::free()), CONFIG, "newer");
    one_line(world.runs(&["company", "create", "globex", "--database-url", &world.database().url()]), CONFIG, "newer");
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
    one_line(serve(world, &world.database().url(), port::free()), REFUSED, "Another `bellhop serve` already uses ");
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
    one_line(serve(world, &world.database().url(), port), UNREACHABLE, "in use");
}

pub fn a_file_that_cannot_be_written_is_said(world: &mut World) {
    // In order, so that all of it is in the one file.
    world.server().is_asked_to_end(Duration::from_secs(60)).expect("it ends");
    world.dies();
    one_line(serve(world, "sqlite:/dev/null/bellhop.db", port::free()), FAILED, "/dev/null");
    let no_file = world.folder().join("no-file");
    fs::create_dir(&no_file).unwrap();
    one_line(serve(world, &format!("sqlite:{}", no_file.display()), port::free()), FAILED, "no-file");
    one_line(serve(world, "mysql://localhost/bellhop", port::free()), CONFIG, "database_url (from flag): ");

    // File permissions bind everybody but root: become nobody, with a program and a secret of their own.
    let theirs = tempfile::tempdir().unwrap();
    let (program, secret) = (theirs.path().join("bellhop"), theirs.path().join("bellhop.key"));
    // By another process: one that begins beside us would hold a file that we have open for writing, and it could not be run.
    assert!(Command::new("cp").arg(program::path()).arg(&program).status().unwrap().success());
    fs::copy(world.folder().join("bellhop.key"), &secret).unwrap();
    let root = fs::metadata("/proc/self").unwrap().uid() == 0;
    if root {
        chown(&secret, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    let file = world.folder().join("bellhop.db");
    let modes = |folder: u32, database: u32| {
        for (path, mode) in [(theirs.path(), 0o755), (world.folder(), folder), (&file, database)] {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
    };
    let url = world.database().url();
    // A folder, then a file that is brought up to date, then one that is only served.
    for (folder, more, code, words) in [
        (0o555, &[][..], FAILED, "lock file"),
        (0o777, &[][..], FAILED, "bellhop.db cannot be opened: Permission denied"),
        (0o777, &["--no-migrate"][..], UNREACHABLE, "attempt to write a readonly database"),
    ] {
        let _ = fs::remove_file(world.folder().join("bellhop.db.lock"));
        modes(folder, 0o444);
        let listen = format!("127.0.0.1:{}", port::free());
        let mut command = Command::new(&program);
        program::without_our_surroundings(&mut command);
        command.current_dir(theirs.path()).args(["serve", "--listen", &listen, "--database-url", &url]);
        command.args(["--secret-key-file", &secret.display().to_string()]).args(more);
        if root {
            command.uid(NOBODY).gid(NOBODY);
        }
        match ends(command) {
            Ok(ended) => one_line(ended, code, words),
            Err(problem) => {
                let why = format!("Nobody runs no program here: {problem}");
                skip::skipped("a read-only file", &why, !skip::may_become_nobody());
            }
        }
    }
    let _ = fs::remove_file(world.folder().join("bellhop.db.lock"));
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
    one_line(serve(world, &world.database().url(), port::free()), CONFIG, "bellhop.key");
}

pub fn an_unknown_setting_stops_the_start(world: &mut World) {
    world.dies();
    let url = world.database().url();
    let settings = world.folder().join("bellhop.toml");
    fs::write(&settings, "lissten = \"127.0.0.1:1\"\n").unwrap();
    one_line(world.runs(&["serve", "--config", settings.to_str().unwrap(), "--database-url", &url]), CONFIG, "lissten");
    let mut command = bellhop(world.folder(), &["serve", "--database-url", &url]);
    command.env("BELLHOP_LISSTEN", "x");
    one_line(ends(command).unwrap(), CONFIG, "BELLHOP_LISSTEN");
}

pub fn what_is_no_database_is_left_alone(world: &mut World) {
    let letter = world.folder().join("letter.txt");
    fs::write(&letter, "Dear all,\n".repeat(500)).unwrap();
    let url = format!("sqlite:{}", letter.display());
    one_line(serve(world, &url, port::free()), CONFIG, "is not a SQLite database");
    one_line(world.runs(&["company", "create", "globex", "--database-url", &url]), CONFIG, "is not a SQLite database");
    assert!(fs::read_to_string(&letter).unwrap().starts_with("Dear all,"));
    let nothing = format!("sqlite:{}", world.folder().join("far/away/bellhop.db").display());
    one_line(world.runs(&["serve", "--no-migrate", "--listen", "127.0.0.1:0", "--database-url", &nothing]), CONFIG, "migrate");
    assert_eq!(world.runs(&["migrate", "--database-url", &nothing]).code, Some(0), "makes its folder as well");
}

fn serve(world: &World, url: &str, port: u16) -> Ended {
    world.runs(&["serve", "--listen", &format!("127.0.0.1:{port}"), "--database-url", url])
}

const NOBODY: u32 = 65_534;
/// The exit codes of `bellhop --help`.
const FAILED: i32 = 1;
const CONFIG: i32 = 3;
const UNREACHABLE: i32 = 4;
const REFUSED: i32 = 6;

/// Ended by itself with this code, and one sentence on standard error that has `words` in it; never a panic.
fn one_line(ended: Ended, code: i32, words: &str) {
    assert_eq!(ended.code, Some(code), "{ended:?}");
    // Beside the log, whose lines are JSON where nobody sits at a terminal.
    let reasons: Vec<&str> = ended.complained.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('{')).collect();
    assert_eq!(reasons.len(), 1, "one line says why: {ended:?}");
    assert!(reasons[0].contains(words), "{words:?} is not in: {}", reasons[0]);
}
