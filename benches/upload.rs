//! How fast a file comes into the library (hashed, told by its bytes, flushed to disk, moved to its address) beside a plain copy
//! of it to the same disk, flushed as well. The two take turns; medians.
//!
//! `cargo bench --bench upload -- [--json] [--rounds 15] [--megabytes 16]`

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Instant;

use bellhop::library::{Declared, Library, Who};
use bellhop::room::CompanyNo;
use serde_json::json;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What a web server hands on at once.
const PIECE: usize = 64 * 1024;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| words.iter().position(|word| word == name).map(|at| words[at + 1].parse::<usize>().unwrap());
    let (rounds, megabytes) = (value("--rounds").unwrap_or(15), value("--megabytes").unwrap_or(16));
    let folder = tempfile::tempdir().unwrap();
    let library = Library::open(&folder.path().join("files"), Who::Serve, None).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let from = folder.path().join("from.pdf");
    let (mut uploads, mut copies) = (vec![], vec![]);
    for round in 0..rounds {
        std::fs::write(&from, content(megabytes * 1_000_000, round)).unwrap();
        copies.push(copied(&from, &folder.path().join("to.pdf")));
        let begun = Instant::now();
        runtime.block_on(added(&library, &from));
        uploads.push(begun.elapsed().as_secs_f64());
    }
    let speed = |mut seconds: Vec<f64>| {
        seconds.sort_by(f64::total_cmp);
        megabytes as f64 / seconds[seconds.len() / 2]
    };
    let (upload, copy) = (speed(uploads), speed(copies));
    let line = format!("upload {upload:.0} MB/s, copy {copy:.0} MB/s: {:.0} %", 100.0 * upload / copy);
    if words.iter().any(|word| word == "--json") {
        let point = json!({
            "bench": "upload", "megabytes": megabytes, "rounds": rounds, "upload_mb_per_s": upload.round(),
            "copy_mb_per_s": copy.round(), "ratio": upload / copy,
        });
        println!("{point}");
        eprintln!("{line}");
    } else {
        println!("{line}");
    }
}

/// Different in every round: the same bytes would already lie there.
fn content(bytes: usize, seed: usize) -> Vec<u8> {
    let mut state = seed as u64 + 1;
    let mut body = b"%PDF-1.7\n".to_vec();
    while body.len() < bytes {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        body.extend_from_slice(&state.to_be_bytes());
    }
    body
}

fn copied(from: &Path, to: &Path) -> f64 {
    let begun = Instant::now();
    std::fs::copy(from, to).unwrap();
    File::open(to).unwrap().sync_all().unwrap();
    let seconds = begun.elapsed().as_secs_f64();
    std::fs::remove_file(to).unwrap();
    seconds
}

async fn added(library: &Library, from: &Path) {
    let mut file = File::open(from).unwrap();
    let mut intake = library.take(CompanyNo(1), Declared { filename: "from.pdf".into(), mime: String::new() }).await.unwrap();
    let mut piece = vec![0; PIECE];
    loop {
        match file.read(&mut piece).unwrap() {
            0 => break,
            read => intake.write(&piece[..read]).await.unwrap(),
        }
    }
    intake.finish().await.unwrap().keep(CompanyNo(1), "key").await.unwrap();
}
