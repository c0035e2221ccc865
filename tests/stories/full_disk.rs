//! The disk is full. Calls are told so, nothing of them is kept, the process stays up; with space again all is well.

use std::time::Duration;

use crate::world::small_disk::ballast_in;
use crate::world::{Kind, World, create_tag, eventually, within};

#[test]
fn a_full_disk_is_an_answer_on_sqlite() {
    a_full_disk_is_an_answer(Kind::Sqlite, 8);
}

/// The disk of its tables. Without space for its journal PostgreSQL ends by itself, and that is a database that is away.
#[test]
fn a_full_disk_is_an_answer_on_postgres() {
    a_full_disk_is_an_answer(Kind::Postgres, 32);
}

fn a_full_disk_is_an_answer(kind: Kind, mebibytes: u32) {
    let Some(mut world) = World::on_a_small_disk(kind, mebibytes * 1024) else { return };
    world.starts();
    let room = world.a_room("web-1");
    let disk = world.folder().join("disk");
    // Room for some calls still, so that it is a call that finds the disk full, in the middle of its writing.
    let ballast = ballast_in(&disk, 256 * 1024);

    let mut kept = vec![];
    let refused = within(Duration::from_secs(300), || {
        let id = format!("c{}", kept.len());
        let answer = room.gets(create_tag(&[&format!("t{}", kept.len() % 8)]).id(&id));
        if answer.http == 200 {
            answer.result();
            kept.push(id);
            return None;
        }
        assert_eq!((answer.http, answer.code()), (503, "storage_unavailable"), "{answer:?}");
        assert!(answer.headers.contains_key("retry-after"));
        Some(id)
    });
    let refused = refused.expect("the disk is full");
    assert!(!kept.is_empty(), "the first call already found no space");
    // The last byte may be larger than the last call: whatever is acknowledged from here on is kept as well.
    for n in 0..5 {
        let id = format!("more-{n}");
        let answer = room.gets(create_tag(&["more"]).id(&id));
        match answer.http {
            200 => kept.push(id),
            _ => assert_eq!((answer.http, answer.code()), (503, "storage_unavailable"), "{answer:?}"),
        }
    }
    assert!(world.still_runs(), "a full disk is no reason to end");
    assert_eq!(room.door.call(&refused).http, 404, "nothing of it was kept");
    assert_eq!(room.calls_in_journal(), kept, "acknowledged, and nothing else");

    ballast.goes_overboard();
    let again = eventually("writing again", || Some(room.gets(create_tag(&["vip"]).id(&refused))).filter(|a| a.http == 200));
    assert!(!again.replayed(), "it was never accepted before");
    again.result();
    kept.push(refused);
    assert_eq!(room.calls_in_journal(), kept);
    world.dies_and_comes_back();
    assert_eq!(room.calls_in_journal(), kept, "and a start finds the same");
    world.dies();
    assert!(world.database().is_intact());
}
