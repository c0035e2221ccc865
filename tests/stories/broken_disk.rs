//! A disk that fails to sync is the one thing that ends the process: what it last wrote cannot be trusted, so nothing more is
//! written, nobody is told of anything more, and the reason stands in one line. The next start finds what was acknowledged.
//!
//! The fault is real to the server: strace lets each sync of one of its threads fail. Skipped, loudly, where tracing is forbidden.

use std::time::Duration;

use crate::world::fault::Fault;
use crate::world::{Call, World, create_tag};

on_sqlite_alone!(a_failed_sync_of_the_journal_ends_the_process, a_failed_sync_of_the_file_ends_the_process);

pub fn a_failed_sync_of_the_journal_ends_the_process(world: &mut World) {
    let room = world.a_room("web-1");
    room.gets(create_tag(&["before"]).id("c1")).result();
    let Some(fault) = Fault::of_syncs(world.server().id(), "store-journal") else { return };
    let answer = room.door.begins(room.getting(&[create_tag(&["doubtful"]).id("c2")])).answer();
    if let Some(answer) = answer {
        assert_eq!((answer.http, answer.code()), (503, "outcome_unknown"), "{answer:?}");
    }
    ends_for(world, "The journal's disk failed (disk I/O error); what it last wrote cannot be trusted.");
    drop(fault);

    world.starts();
    assert_eq!(room.door.call("c1").body["status"], "succeeded", "what was acknowledged is there");
    room.gets(create_tag(&["doubtful"]).id("c2")).result();
    assert_eq!(room.calls_in_journal(), ["c1", "c2"], "and what was doubtful happens once");
    world.dies();
    assert!(world.database().is_intact());
}

/// The journal's own syncs go well; that of the file, which the log is brought into from time to time, does not.
pub fn a_failed_sync_of_the_file_ends_the_process(world: &mut World) {
    let room = world.a_room("web-1");
    let Some(fault) = Fault::of_syncs(world.server().id(), "store-checkpoin") else { return };
    let mut acknowledged: Vec<String> = vec![];
    while world.still_runs() {
        let calls: Vec<(String, Call)> = (0..50)
            .map(|n| format!("c{}-{n}", acknowledged.len()))
            .map(|id| (id.clone(), create_tag(&["vip"]).id(&id)))
            .collect();
        let (ids, calls): (Vec<String>, Vec<Call>) = calls.into_iter().unzip();
        let answer = room.door.begins(room.getting(&calls)).answer();
        if answer.is_some_and(|answer| answer.http == 200) {
            acknowledged.extend(ids);
        }
        assert!(acknowledged.len() < 20_000, "it goes on writing over a file that cannot be trusted");
    }
    ends_for(world, "The database's disk failed (disk I/O error); what it last wrote cannot be trusted.");
    drop(fault);

    world.starts();
    let kept = room.calls_in_journal();
    assert!(acknowledged.iter().all(|id| kept.contains(id)), "what was acknowledged is there");
    world.dies();
    assert!(world.database().is_intact());
}

/// By itself, with code 1, and with this as the one line that is not of the log.
fn ends_for(world: &mut World, sentence: &str) {
    let ended = world.server().ends_by_itself(Duration::from_secs(60)).expect("it ends by itself");
    assert_eq!(ended.code(), Some(1), "{ended}");
    let log = world.log();
    let told: Vec<&str> = log.lines().filter(|line| line.starts_with("bellhop: ")).collect();
    assert_eq!(told, [format!("bellhop: {sentence}")]);
    assert!(!log.contains("panicked"));
}
