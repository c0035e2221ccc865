//! The library's rows: versions, archive, what AI agents are offered, and whose they are.

use super::*;
use crate::room::{FileKey, Format};
use crate::store::{FileChange, FileRow, Must, NewBytes, StoreError};

fn bytes(letter: &str) -> NewBytes {
    NewBytes { sha256: letter.repeat(64), size: 1_234, format: Format::Png, filename: "certificate.png".into() }
}

fn adding(letter: &str) -> FileChange {
    FileChange { bytes: Some(bytes(letter)), ..FileChange::default() }
}

struct Shelf<'a> {
    store: &'a Store,
    company: CompanyNo,
}

impl<'a> Shelf<'a> {
    fn of(store: &'a Store, name: &str) -> Self {
        Self { store, company: wait(store.directory().create_company(name, "cli")).unwrap().no }
    }

    fn put(&self, key: &str, change: FileChange, must: Must) -> Result<(FileRow, bool), StoreError> {
        wait(self.store.directory().put_file(self.company, &FileKey::new(key).unwrap(), change, must, "cli:me"))
    }

    fn get(&self, key: &str) -> Option<FileRow> {
        wait(self.store.queries().file(self.company, &FileKey::new(key).unwrap())).unwrap()
    }

    fn archive(&self, key: &str) -> Result<FileRow, StoreError> {
        wait(self.store.directory().archive_file(self.company, &FileKey::new(key).unwrap(), "cli:me"))
    }

    fn listed(&self, archived: bool, after: &str, limit: i64) -> Vec<String> {
        let rows = wait(self.store.queries().files(self.company, archived, after, limit)).unwrap();
        rows.iter().map(|row| row.key.to_string()).collect()
    }

    fn offered(&self) -> Vec<(String, i64)> {
        let company = wait(self.store.queries().company(self.company)).unwrap();
        company.files.iter().map(|file| (file.key.to_string(), file.version)).collect()
    }

    fn audit(&self) -> Vec<String> {
        let rows = wait(self.store.queries().audit(self.company, None, 100)).unwrap();
        let mut what: Vec<String> = rows.into_iter().map(|row| row.what).filter(|what| what.starts_with("file")).collect();
        what.sort_unstable();
        what
    }

    fn config_version(&self) -> i64 {
        wait(self.store.queries().config_version()).unwrap()
    }
}

#[test]
fn other_bytes_are_a_new_version_and_the_same_are_none() {
    each(|place| {
        let serving = Serving::at(place);
        let shelf = Shelf::of(&serving.store, "acme");
        let (row, created) = shelf.put("certificate", adding("a"), Must::Either).unwrap();
        assert_eq!((row.current.version, created, row.for_agents, row.current.by.as_str()), (1, true, true, "cli:me"));
        let before = shelf.config_version();
        let (row, created) = shelf.put("certificate", adding("a"), Must::Either).unwrap();
        assert_eq!((row.current.version, created, shelf.config_version()), (1, false, before), "nothing changed");
        let (row, _) = shelf.put("certificate", adding("b"), Must::Either).unwrap();
        assert_eq!((row.current.version, row.current.sha256), (2, "b".repeat(64)));
        assert!(shelf.config_version() > before, "a running server notices");
        let said = FileChange { description: Some("For travellers".into()), for_agents: Some(false), bytes: None };
        let (row, _) = shelf.put("certificate", said, Must::Exist).unwrap();
        assert_eq!((row.current.version, row.description.as_str(), row.for_agents), (2, "For travellers", false));

        let key = FileKey::new("certificate").unwrap();
        let versions = wait(serving.store.queries().file_versions(shelf.company, &key)).unwrap();
        let told: Vec<_> = versions.iter().map(|row| (row.version, &row.sha256[..1])).collect();
        assert_eq!(told, [(2, "b"), (1, "a")], "newest first, and the old one still there");
        let first = wait(serving.store.queries().file_version(shelf.company, &key, 1)).unwrap().unwrap();
        assert_eq!((first.sha256, first.format, first.size), ("a".repeat(64), Format::Png, 1_234));
        assert!(wait(serving.store.queries().file_version(shelf.company, &key, 3)).unwrap().is_none());
        let audit = shelf.audit();
        assert_eq!(audit.len(), 3, "{audit:?}");
        assert!(audit[1].starts_with("file certificate version 1 added, sha256 aaaa") && audit[0] == "file certificate changed");
    });
}

#[test]
fn a_key_must_be_free_or_taken_as_asked() {
    each(|place| {
        let serving = Serving::at(place);
        let shelf = Shelf::of(&serving.store, "acme");
        assert!(matches!(shelf.put("a", adding("a"), Must::Exist), Err(StoreError::NotFound(_))));
        assert!(
            matches!(shelf.put("a", FileChange::default(), Must::Either), Err(StoreError::NotFound(_))),
            "a file needs bytes"
        );
        shelf.put("a", adding("a"), Must::BeNew).unwrap();
        assert!(matches!(shelf.put("a", adding("b"), Must::BeNew), Err(StoreError::Conflict(_))));
        assert_eq!(shelf.get("a").unwrap().current.version, 1);
        let long = FileChange { description: Some("x".repeat(1_001)), ..FileChange::default() };
        assert!(matches!(shelf.put("a", long, Must::Exist), Err(StoreError::Invalid(_))));
        assert!(matches!(shelf.archive("b"), Err(StoreError::NotFound(_))));
    });
}

#[test]
fn ai_agents_are_offered_what_is_for_them_and_not_archived() {
    each(|place| {
        let serving = Serving::at(place);
        let (shelf, other) = (Shelf::of(&serving.store, "acme"), Shelf::of(&serving.store, "other"));
        for key in ["c", "A", "b"] {
            shelf.put(key, adding("a"), Must::BeNew).unwrap();
        }
        other.put("theirs", adding("a"), Must::BeNew).unwrap();
        shelf.put("b", FileChange { for_agents: Some(false), ..FileChange::default() }, Must::Exist).unwrap();
        shelf.put("c", adding("d"), Must::Exist).unwrap();
        assert_eq!(shelf.offered(), [("A".to_owned(), 1), ("c".to_owned(), 2)]);
        let company = wait(serving.store.queries().company(shelf.company)).unwrap();
        let file = company.shelf(None).file("c").unwrap();
        assert_eq!(
            (&*file.sha256, file.size, file.format.mime(), &*file.filename),
            ("d".repeat(64).as_str(), 1_234, "image/png", "certificate.png")
        );

        let before = shelf.config_version();
        assert!(shelf.archive("c").unwrap().archived_at.is_some() && shelf.config_version() > before);
        let again = shelf.config_version();
        shelf.archive("c").unwrap();
        assert_eq!(shelf.config_version(), again, "twice is once");
        assert_eq!(shelf.offered(), [("A".to_owned(), 1)]);
        assert_eq!(
            (shelf.listed(false, "", 10), shelf.listed(true, "", 10)),
            (vec!["A".into(), "b".into()], vec!["A".into(), "b".into(), "c".into()])
        );
        assert_eq!(shelf.listed(true, "A", 1), ["b"]);
        let (row, created) = shelf.put("c", adding("d"), Must::Either).unwrap();
        assert_eq!((row.archived_at, row.current.version, created), (None, 2, false), "adding it again brings it back");
        assert_eq!(shelf.offered().len(), 2);
        assert!(shelf.get("theirs").is_none() && other.listed(true, "", 10) == ["theirs"]);
    });
}

#[test]
fn two_who_add_at_once_are_both_told_the_truth() {
    each(|place| {
        let serving = Serving::at(place);
        let shelf = Shelf::of(&serving.store, "acme");
        let beside = Store::open_beside(place.options()).unwrap();
        let key = FileKey::new("a").unwrap();
        for round in 0..8 {
            let (one, two) = (format!("{round}a").repeat(32), format!("{round}b").repeat(32));
            let of = |sha256: String| FileChange { bytes: Some(NewBytes { sha256, ..bytes("a") }), ..FileChange::default() };
            let put = |store: &Store, change| {
                let (directory, company, key) = (store.directory(), shelf.company, key.clone());
                std::thread::spawn(move || wait(directory.put_file(company, &key, change, Must::Either, "cli:me")))
            };
            let answers = [put(&serving.store, of(one)), put(&beside, of(two))].map(|thread| thread.join().unwrap());
            for answer in answers {
                assert!(matches!(answer, Ok(_) | Err(StoreError::Conflict(_))), "{answer:?}");
            }
        }
        let versions = wait(serving.store.queries().file_versions(shelf.company, &key)).unwrap();
        let numbers: Vec<i64> = versions.iter().rev().map(|row| row.version).collect();
        let expected: Vec<i64> = (1..=i64::try_from(numbers.len()).unwrap()).collect();
        assert_eq!(numbers, expected, "no version twice, none left out");
        assert_eq!(shelf.get("a").unwrap().current.version, *numbers.last().unwrap());
    });
}

#[test]
fn bytes_that_come_are_wanted_before_their_row_is_there() {
    each(|place| {
        let serving = Serving::at(place);
        let shelf = Shelf::of(&serving.store, "acme");
        let (hash, queries) = ("a".repeat(64), serving.store.queries());
        let old = CallKey([1; 16]);
        wait(serving.store.fetched_files().fetched(shelf.company, old, &hash, Timestamp(1_000))).unwrap();
        let wanted = |but: CallKey| wait(queries.wants_bytes(shelf.company, &hash, but)).unwrap();
        assert!(!wanted(old), "nobody else's");
        // By another program, beside this one.
        let beside = Store::open_beside(place.options()).unwrap();
        wait(beside.directory().bytes_come(shelf.company, &hash)).unwrap();
        assert!(wanted(old));
        assert!(!wait(queries.wants_bytes(CompanyNo(shelf.company.0 + 1), &hash, old)).unwrap());

        let listed = |before: Timestamp| wait(queries.fetched_files(Timestamp(0), before, 10)).unwrap();
        let now = crate::store::open::now();
        assert_eq!(listed(Timestamp(now.0 + 3_000_000_000)).len(), 1, "not looked at within the hour");
        let rows = listed(Timestamp(now.0 + 3_700_000_000));
        assert!(rows.len() == 2 && rows[1].over, "and then like any that nobody sends: {rows:?}");
        // Another that comes later is wanted by its own row, not by this one.
        assert!(wanted(rows[1].effect), "the fetched one's");
        wait(serving.store.fetched_files().forget(shelf.company, old, &hash)).unwrap();
        assert!(!wanted(rows[1].effect));
        wait(serving.store.directory().bytes_come(shelf.company, &hash)).unwrap();
        assert!(wanted(rows[1].effect));
    });
}
