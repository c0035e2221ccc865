//! No answer leaves before its commit is on the disk: the server runs under strace, and for each call a sync of the file began
//! after its request was read and ended before its answer was written. (A kill alone does not show that: what the kernel
//! has, survives the process.)
//!
//! Skipped, loudly, where tracing is forbidden.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;
use std::thread;

use crate::world::skip::may_trace;
use crate::world::{Kind, World, create_tag, eventually};

const CLIENTS: usize = 8;
const CALLS: usize = 2_000;
const ROOMS: usize = 16;
/// What every call id starts with; it ends with a dot.
const ID: &str = "traced-";

#[test]
fn each_answer_leaves_after_its_commit_is_on_disk() {
    if !may_trace() {
        return;
    }
    let mut world = World::with(Kind::Sqlite).unwrap();
    let file = world.folder().join("trace");
    // `-D`: the server stays our child and strace is the grandchild.
    let calls = "trace=fdatasync,fsync,read,readv,recvfrom,recvmsg,write,writev,sendto,sendmsg";
    let strace = ["strace", "-D", "-f", "-ttt", "-s", "1024", "-e", calls, "-e", "signal=KILL", "-o", file.to_str().unwrap()];
    world.starts_with(&strace, &[]);
    let rooms: Vec<_> = (0..ROOMS).map(|n| world.a_room(&format!("web-{n}"))).collect();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let rooms = rooms.clone();
            thread::spawn(move || {
                for n in 0..CALLS / CLIENTS {
                    let call = create_tag(&["vip"]).id(&format!("{ID}{client}-{n}."));
                    rooms[(n + client) % ROOMS].gets(call).result();
                }
            })
        })
        .collect();
    clients.into_iter().for_each(|client| client.join().unwrap());
    world.dies();
    let trace = of_the_journal(&eventually("strace has written everything", || whole(&file)));

    let verdict = judged(&trace);
    eprintln!("{} calls traced, {} syncs, {} inversions", verdict.answered, verdict.syncs, verdict.inversions.len());
    assert_eq!(verdict.answered, CALLS);
    assert!(verdict.inversions.is_empty(), "answered before the disk had it: {:?}", verdict.inversions);

    // What a server with `synchronous=OFF` would leave: the same without its syncs. The judge must see it.
    let unsynced: Vec<&str> = trace.lines().filter(|line| !line.contains("fdatasync") && !line.contains("fsync")).collect();
    assert_eq!(judged(&unsynced.join("\n")).inversions.len(), CALLS);
}

#[test]
fn the_judge_sees_each_way_to_be_early() {
    let read = r#"7 1.0 recvfrom(9, "POST / {\"call_id\":\"traced-0-0.\"", 8192, 0, NULL, NULL) = 90"#;
    let answer = r#"7 1.0 sendto(9, "HTTP/1.1 200 OK {\"call_id\":\"traced-0-0.\"", 90, 0, NULL, 0) = 90"#;
    let (whole, begins, ends) =
        ("8 1.0 fdatasync(4) = 0", "8 1.0 fdatasync(4 <unfinished ...>", "8 1.0 <... fdatasync resumed>) = 0");
    let failed = "8 1.0 fdatasync(4) = -1 EIO (Input/output error)";
    let early = |lines: &[&str]| judged(&lines.join("\n")).inversions.len();
    assert_eq!(early(&[read, whole, answer]), 0);
    assert_eq!(early(&[read, begins, ends, answer]), 0);
    assert_eq!(early(&[read, answer]), 1, "no sync at all");
    assert_eq!(early(&[read, answer, whole]), 1, "the sync came after");
    assert_eq!(early(&[whole, read, answer]), 1, "the sync was of something earlier");
    assert_eq!(early(&[begins, read, ends, answer]), 1, "it began before there was anything to write");
    assert_eq!(early(&[read, begins, answer, ends]), 1, "it was still under way");
    assert_eq!(early(&[read, failed, answer]), 1, "it failed");
    let (asked, given) = ("7 1.0 recvfrom(9, <unfinished ...>", &read.replace("recvfrom(9, ", "<... recvfrom resumed>"));
    assert_eq!(early(&[asked, whole, given, answer]), 1, "the read ended after the sync");
    assert_eq!(early(&[asked, given, whole, answer]), 0);
    assert_eq!(judged(&[read, whole, answer].join("\n")).answered, 1);
}

/// Without the syncs of other threads: the checkpoint's make nothing durable that anybody is told of. The journal's thread
/// is the one that syncs most.
fn of_the_journal(trace: &str) -> String {
    let syncs = |line: &str| line.contains("fdatasync") || line.contains("fsync");
    let mut many = HashMap::<&str, usize>::new();
    for line in trace.lines().filter(|line| syncs(line)) {
        *many.entry(line.split_whitespace().next().unwrap_or_default()).or_default() += 1;
    }
    let journal = many.into_iter().max_by_key(|(_, many)| *many).map(|(thread, _)| thread);
    let kept = trace.lines().filter(|line| !syncs(line) || line.split_whitespace().next() == journal);
    kept.collect::<Vec<_>>().join("\n")
}

struct Verdict {
    answered: usize,
    syncs: usize,
    inversions: Vec<String>,
}

/// Reads a trace line by line: strace writes each beginning and each end in the order in which they happened, and no thread
/// goes on before its own is written. So places in the file are enough, and clocks are not needed.
fn judged(trace: &str) -> Verdict {
    let (mut read_at, mut answered) = (HashMap::<&str, usize>::new(), HashSet::new());
    // Of the syncs that ended well, the latest beginning; of each thread's unfinished call, its beginning.
    let (mut latest, mut begun) = (None, HashMap::<&str, usize>::new());
    let mut verdict = Verdict { answered: 0, syncs: 0, inversions: vec![] };
    for (at, line) in trace.lines().enumerate() {
        let mut words = line.split_whitespace();
        let (Some(thread), Some(_), Some(call)) = (words.next(), words.next(), words.next()) else { continue };
        let (begins, ends) = (call != "<...", !line.ends_with("<unfinished ...>"));
        let name = if begins { call.split('(').next() } else { words.next() }.unwrap_or_default();
        if begins {
            begun.insert(thread, at);
        }
        match name {
            "fdatasync" | "fsync" if ends && line.ends_with("= 0") => {
                verdict.syncs += 1;
                latest = latest.max(begun.get(thread).copied());
            }
            "read" | "readv" | "recvfrom" | "recvmsg" if ends => {
                for id in ids(line) {
                    read_at.entry(id).or_insert(at);
                }
            }
            "write" | "writev" | "sendto" | "sendmsg" if begins && line.contains("HTTP/1.1 ") => {
                for id in ids(line).filter(|id| answered.insert(*id)) {
                    verdict.answered += 1;
                    // Of a call that nobody was seen to ask for, nothing can be said in favour.
                    let covered = read_at.get(id).is_some_and(|read| latest.is_some_and(|sync| sync > *read));
                    if !covered {
                        verdict.inversions.push(id.to_owned());
                    }
                }
            }
            _ => {}
        }
    }
    verdict
}

fn ids(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices(ID).filter_map(|(at, _)| line[at..].split_once('.').map(|(id, _)| id))
}

/// The trace, once the end of every thread is in it.
fn whole(file: &Path) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    text.lines().last()?.contains("+++ killed by SIGKILL +++").then_some(text)
}
