//! The house rules that a compiler does not check, read off the source text: who may know whom, how large a file may be,
//! what a name may be. Each rule is a function from (path, text) to complaints, and each has been seen to complain.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::Path;

/// A file under `src/` (or another folder), by its path from there.
struct Source {
    folder: &'static str,
    path: String,
    text: String,
}

impl Source {
    /// `room`, `store`, …; a file at the top is its own part.
    fn part(&self) -> &str {
        let first = self.path.split('/').next().unwrap_or_default();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// The lines that are neither comments nor tests (a `#[cfg(test)]` module at the file's end, a `tests` folder), from 1.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let is_test = self.path.contains("/tests/") || self.path.ends_with("/tests.rs");
        let end = if is_test { 0 } else { self.text.find("#[cfg(test)]\nmod ").unwrap_or(self.text.len()) };
        let numbered = self.text[..end].lines().enumerate().map(|(n, line)| (n + 1, line));
        let without_comments = numbered.map(|(n, line)| (n, line.split_once(" // ").map_or(line, |(code, _)| code)));
        without_comments.filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    fn complaint(&self, line: usize, what: impl std::fmt::Display) -> String {
        format!("{}/{}:{line}: {what}", self.folder, self.path)
    }

    /// A complaint for each line of code with one of `words` in it.
    fn without(&self, words: &[&str], why: &str) -> Vec<String> {
        let hits = self.code().filter_map(|(n, line)| words.iter().find(|word| has_word(line, word)).map(|word| (n, word)));
        hits.map(|(n, word)| self.complaint(n, format!("`{word}`: {why}"))).collect()
    }
}

/// `word` in `line`, not as a part of a longer name.
fn has_word(line: &str, word: &str) -> bool {
    let part_of_name = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let free_before = !word.starts_with(part_of_name) || !line[..at].ends_with(part_of_name);
        free_before && (!word.ends_with(part_of_name) || !line[at + word.len()..].starts_with(part_of_name))
    })
}

/// The parts of `crate` that a file's text names, with their lines: in `use` trees, paths, and `super::super` climbs.
fn parts_named(source: &Source) -> Vec<(usize, String)> {
    let mut named = vec![];
    let depth = source.path.matches('/').count() - usize::from(source.path.ends_with("/mod.rs"));
    let climb = "super::".repeat(depth + 1);
    let code: Vec<(usize, &str)> = source.code().collect();
    for (index, (n, line)) in code.iter().enumerate() {
        for start in ["crate::", climb.as_str()] {
            for (at, _) in line.match_indices(start) {
                // A longer climb is counted once, where it starts.
                if start != "crate::" && line[..at].ends_with("super::") {
                    continue;
                }
                let rest = &line[at + start.len()..];
                if rest.starts_with('{') {
                    let tree: String = code[index..].iter().map(|(_, line)| *line).take_while(|l| !l.trim().is_empty()).collect();
                    let tree = &tree[tree.find(start).unwrap() + start.len() + 1..];
                    named.extend(first_names(tree).into_iter().map(|name| (*n, name)));
                } else {
                    named.extend(first_names(&format!("{rest}}}")).into_iter().take(1).map(|name| (*n, name)));
                }
            }
        }
    }
    named
}

/// The first names of each branch of a `use` tree, up to its closing brace.
fn first_names(tree: &str) -> Vec<String> {
    let (mut names, mut depth, mut at_start, mut name) = (vec![], 0, true, String::new());
    for c in tree.chars() {
        let in_name = c.is_alphanumeric() || c == '_';
        if depth == 0 && at_start && in_name {
            name.push(c);
            continue;
        }
        if !name.is_empty() {
            names.push(std::mem::take(&mut name));
            at_start = false;
        }
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => return names,
            '}' => depth -= 1,
            ',' if depth == 0 => at_start = true,
            _ => {}
        }
    }
    names
}

/// Design.md section 1: who may import whom. `None`: everybody.
fn may_import(part: &str) -> Option<&'static [&'static str]> {
    Some(match part {
        "room" => &["room"],
        "catalog" => &["catalog", "room"],
        // `telemetry` is one list of names; whoever is not pure may read from it.
        "actors" => &["actors", "catalog", "room", "telemetry"],
        // Adapters implement the traits of `actors::ports`.
        "store" => &["store", "room", "catalog", "actors", "telemetry"],
        "outbound" => &["outbound", "room", "catalog", "actors", "telemetry"],
        "crm" => &["crm", "outbound", "room", "catalog", "actors", "telemetry"],
        "channel" => &["channel", "outbound", "library", "room", "catalog", "actors", "telemetry"],
        // Bytes and what they are; the rows are the store's. A bucket is reached by the one way out.
        "library" => &["library", "outbound", "room", "actors", "telemetry"],
        // Doors, never each other.
        "api" => &["api", "room", "catalog", "actors", "store", "library", "telemetry"],
        "mcp" => &["mcp", "room", "catalog", "actors", "store", "telemetry"],
        "console" => &["console", "room", "catalog", "actors", "store", "telemetry"],
        // A server of its own: what it shared with us could be wrong on both sides.
        "standin" => &["standin"],
        "config" | "telemetry" => &["config", "telemetry", "store", "library", "outbound", "room"],
        _ => return None,
    })
}

fn imports(source: &Source) -> Vec<String> {
    let Some(allowed) = may_import(source.part()) else { return vec![] };
    let mut complaints: Vec<String> = parts_named(source)
        .into_iter()
        .filter(|(_, name)| !allowed.contains(&name.as_str()))
        .map(|(n, name)| source.complaint(n, format!("{} must not know {name}", source.part())))
        .collect();
    // The one word of the store's that the shell may say: that something is durable.
    if source.part() == "actors" {
        complaints.retain(|complaint| !complaint.ends_with("must not know store"));
        let store = source.code().filter(|(_, line)| line.contains("store::") && !line.contains("crate::store::Committed;"));
        let named = parts_named(source).into_iter().filter(|(_, name)| name == "store");
        let braced = named.filter(|(n, _)| source.code().any(|(at, line)| at == *n && line.contains('{')));
        complaints.extend(store.map(|(n, _)| source.complaint(n, "of the store, actors may name only Committed")));
        complaints.extend(braced.map(|(n, _)| source.complaint(n, "name crate::store::Committed on a line of its own")));
    }
    let traits = ["crate::actors::ports", "crate::actors::outside", "crate::actors::inbox"];
    let ports = |line: &str| traits.iter().any(|file| line.contains(file));
    // Adapters know nothing of the shell but its traits; doors nothing but the router and what it answers.
    if matches!(source.part(), "store" | "outbound" | "crm" | "channel" | "library") {
        let shell = source.code().filter(|(_, line)| line.contains("crate::actors") && !ports(line));
        complaints.extend(
            shell.map(|(n, _)| source.complaint(n, "an adapter knows only actors::ports, actors::outside and actors::inbox")),
        );
    }
    if matches!(source.part(), "api" | "mcp" | "console") {
        complaints
            .extend(source.without(&["room_actor", "roster_actor", "RoomActor", "RosterActor"], "a door knows only the router"));
    }
    complaints
}

fn pure(source: &Source) -> Vec<String> {
    if !matches!(source.part(), "room" | "catalog") {
        return vec![];
    }
    let impure = [
        "async",
        "await",
        "SystemTime",
        "Instant",
        "rand",
        "getrandom",
        "tracing",
        "log::",
        "metrics",
        "std::fs",
        "std::net",
        "std::env",
        "std::process",
        "std::thread",
        "std::io",
        "tokio",
        "actix",
        "actix_web",
        "reqwest",
        "diesel",
        "println!",
        "eprintln!",
        "new_v4",
        "now_v7",
    ];
    source.without(&impure, "room and catalog have no clock, chance or I/O")
}

fn only_here(source: &Source) -> Vec<String> {
    let mut complaints = vec![];
    let mut keep_out = |at_home: bool, words: &[&str], why: &str| {
        if !at_home {
            complaints.extend(source.without(words, why));
        }
    };
    let part = source.part();
    keep_out(part == "store", &["diesel", "diesel_async", "diesel_migrations"], "only store names diesel");
    let names_actors = matches!(part, "actors" | "app");
    keep_out(names_actors, &["actix::"], "only actors and app name actix's actor types");
    let reaches_out = matches!(part, "outbound" | "cli");
    keep_out(reaches_out, &["reqwest"], "only outbound and cli build an HTTP client");
    let is_problem = source.path == "api/problem.rs";
    let own_server = part == "standin";
    keep_out(is_problem || own_server || part == "cli", &["StatusCode::"], STATUS_CODES);
    keep_out(part == "library", &["object_store", "infer"], "only library knows where files lie and what they are");
    let seals = source.part() == "store";
    keep_out(seals, &["Committed::seal", "Committed::<"], "only the store can say that something is durable");
    let reads_environment = matches!(part, "config" | "cli" | "main" | "telemetry");
    keep_out(reads_environment, &["env::var", "env::vars", "env::var_os"], "config is the only reader of the environment");
    if !(is_problem || own_server || part == "cli") {
        let named = source.code().filter(|(_, line)| names_a_status(line));
        complaints.extend(named.map(|(n, _)| source.complaint(n, STATUS_CODES)));
    }
    complaints
}

const STATUS_CODES: &str = "HTTP status codes live in api/problem.rs";

/// An answer made of its status's name, whichever that is: `HttpResponse::ServiceUnavailable()`, `ErrorNotFound(…)`.
fn names_a_status(line: &str) -> bool {
    let follows =
        |start: &str, wanted: fn(&str) -> bool| line.match_indices(start).any(|(at, _)| wanted(&line[at + start.len()..]));
    follows("HttpResponse::", |rest| rest.starts_with(char::is_uppercase) || rest.starts_with("build"))
        || follows("actix_web::error::Error", |rest| rest.starts_with(char::is_uppercase))
}

/// Over this a file is two files.
const MOST_LINES: usize = 400;

fn shape(source: &Source) -> Vec<String> {
    let mut complaints = vec![];
    let lines = source.text.lines().count();
    if lines > MOST_LINES {
        complaints.push(source.complaint(lines, format!("more than {MOST_LINES} lines: this is two files")));
    }
    if !source.text.starts_with("//!") {
        complaints.push(source.complaint(1, "does not open with what it is"));
    }
    let banned = ["utils", "util", "helpers", "helper", "common", "manager", "misc"];
    let mut parts = source.path.split('/').map(|part| part.trim_end_matches(".rs"));
    if let Some(name) = parts.find(|part| part.split('_').any(|word| banned.contains(&word))) {
        complaints.push(source.complaint(1, format!("{name} says nothing")));
    }
    complaints
}

fn nothing_left_over(source: &Source) -> Vec<String> {
    // Spelled so that this file may be read by its own rule.
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X"), concat!("dbg", "!"), concat!("todo", "!")];
    let unfinished = [concat!("unimplemented", "!"), concat!("ST", "UB")];
    let lines = source.text.lines().enumerate();
    let hits = lines.filter_map(|(n, line)| {
        marks
            .iter()
            .chain(&unfinished)
            .find(|mark| has_word(line, mark))
            .map(|mark| source.complaint(n + 1, format!("{mark} left over")))
    });
    hits.collect()
}

/// What stands at the repository's top: fixed by the product's owner. Dot-files are free, `target` is the compiler's.
const TOP: [&str; 8] = ["Cargo.lock", "Cargo.toml", "README.md", "benches", "diesel.toml", "migrations", "src", "tests"];

fn top(entries: &[String]) -> Vec<String> {
    let visible = entries.iter().filter(|name| !name.starts_with('.') && *name != "target");
    let mut complaints: Vec<String> = visible
        .clone()
        .filter(|name| !TOP.contains(&name.as_str()))
        .map(|name| format!("{name} does not belong at the top"))
        .collect();
    let missing = TOP.iter().filter(|wanted| !visible.clone().any(|name| name == *wanted));
    complaints.extend(missing.map(|name| format!("{name} is missing at the top")));
    complaints
}

fn read(top: &'static str, under: &str, into: &mut Vec<Source>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(top).join(under);
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().flatten().collect();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().into_string().unwrap();
        let path = format!("{under}{name}");
        if entry.path().is_dir() {
            read(top, &format!("{path}/"), into);
        } else if name.ends_with(".rs") {
            into.push(Source { folder: top, path, text: fs::read_to_string(entry.path()).unwrap() });
        }
    }
}

/// Everything under a folder of this repository.
fn sources(folder: &'static str) -> Vec<Source> {
    let mut found = vec![];
    read(folder, "", &mut found);
    assert!(!found.is_empty(), "nothing was read under {folder}");
    found
}

fn holds(rule: fn(&Source) -> Vec<String>, folders: &[&'static str]) {
    let complaints: Vec<String> = folders.iter().flat_map(|folder| sources(folder)).flat_map(|source| rule(&source)).collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[path = "tidy/seen_red.rs"]
mod seen_red;

#[test]
fn nobody_imports_what_is_above_them() {
    holds(imports, &["src"]);
}

#[test]
fn room_and_catalog_are_pure() {
    holds(pure, &["src"]);
}

#[test]
fn each_thing_is_named_only_at_its_home() {
    holds(only_here, &["src"]);
}

#[test]
fn files_are_small_and_say_what_they_are() {
    holds(shape, &["src", "tests", "benches"]);
}

#[test]
fn nothing_is_left_over() {
    holds(nothing_left_over, &["src", "tests", "benches"]);
}

/// Whether the catalog's module names this file of its folder, in a `mod` or in its list. What nobody names is not compiled, and
/// no compiler says so.
fn is_in_catalog(file: &str, module: &str) -> bool {
    let name = file.strip_suffix(".rs").unwrap_or(file);
    name == "mod" || module.contains(&format!("mod {name};")) || module.contains(&format!("\n    {name}: "))
}

#[test]
fn every_file_of_the_catalog_is_part_of_it() {
    let files = sources("src");
    let module = files.iter().find(|file| file.path == "catalog/mod.rs").unwrap();
    let theirs = files.iter().filter_map(|file| file.path.strip_prefix("catalog/")).filter(|name| !name.contains('/'));
    let lost: Vec<&str> = theirs.filter(|name| !is_in_catalog(name, &module.text)).collect();
    assert!(lost.is_empty(), "nobody names {lost:?}");
    assert!(!is_in_catalog("forgotten.rs", &module.text), "and one more would be missed");
}

#[test]
fn the_top_is_as_the_owner_wants_it() {
    let entries = fs::read_dir(env!("CARGO_MANIFEST_DIR")).unwrap().flatten();
    let complaints = top(&entries.map(|entry| entry.file_name().into_string().unwrap()).collect::<Vec<_>>());
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}
