//! Secrets are looked for in all that a story leaves: logs with their spans, metrics, every answer, what commands print, and the
//! database byte for byte. Each token of these stories has a word in it that nothing else has, so none is forgotten.

use std::fs;
use std::path::Path;

use memchr::memmem;

use super::database::Database;
use super::{World, postgres};

/// What is in every token of a story, and in those that the stand-in makes when one is refreshed.
const MARKS: [&str; 3] = ["canary-", "standin-access-", "standin-refresh-"];
/// Who may know them: the stand-in gave them out, the installation's own key is a secret and no token, and strace sees requests.
const MAY_KNOW: [&str; 3] = ["standin.log", "bellhop.key", "trace"];

/// Panics if a token is in `bytes`, as it is or as a database prints bytes.
pub fn is_not_in(place: &str, bytes: &[u8]) {
    let marks = MARKS.iter().map(|mark| (*mark).to_owned());
    let hexadecimal = MARKS.iter().map(|mark| mark.bytes().map(|byte| format!("{byte:02x}")).collect());
    for mark in marks.chain(hexadecimal) {
        assert!(!holds(bytes, mark.as_bytes()), "{}: a token stands in {place}", around(bytes, mark.as_bytes()));
    }
}

fn holds(bytes: &[u8], wanted: &[u8]) -> bool {
    memmem::find(bytes, wanted).is_some()
}

/// What stands beside it, for whoever has to find out how it got there.
fn around(bytes: &[u8], wanted: &[u8]) -> String {
    let at = memmem::find(bytes, wanted).unwrap_or_default();
    let window = &bytes[at.saturating_sub(120)..(at + wanted.len() + 40).min(bytes.len())];
    String::from_utf8_lossy(window).into_owned()
}

impl World {
    /// What this story leaves shows no token, and no key or webhook's secret that it was given.
    pub(super) fn leaves_no_secret(&self) {
        if let (Some(_), Some(_)) = (&self.server, &self.crm) {
            // Looked at by the door itself.
            let _ = self.admin().try_send("GET", "/metrics", None, &[]);
        }
        let given = self.given.lock().unwrap().clone();
        let looks = |place: &str, bytes: &[u8]| {
            is_not_in(place, bytes);
            for secret in &given {
                assert!(!holds(bytes, secret.as_bytes()), "a key or a webhook's secret stands in {place}");
            }
        };
        each_file(self.folder(), &mut |path| {
            if let Ok(bytes) = fs::read(path) {
                looks(&path.display().to_string(), &bytes);
            }
        });
        if let Database::Postgres(url) = &self.database {
            for (table, rows) in postgres::everything(url) {
                looks(&format!("table {table}"), rows.as_bytes());
            }
        }
    }
}

fn each_file(folder: &Path, look: &mut impl FnMut(&Path)) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => each_file(&path, look),
            Ok(kind) if kind.is_file() && !MAY_KNOW.iter().any(|known| name == *known) => look(&path),
            _ => {}
        }
    }
}

#[test]
fn a_token_is_seen_wherever_it_stands() {
    let seen = |bytes: &[u8]| std::panic::catch_unwind(|| is_not_in("a test", bytes)).is_err();
    assert!(!seen(b"") && !seen(b"a canary is a bird; ccanary, canary") && !seen(&[0; 4_096]));
    assert!(seen(b"ca\0ccanary-1") && seen(b"{\"token\":\"standin-refresh-0\"}") && seen(b"\\x0063616e6172792d31"));
}
