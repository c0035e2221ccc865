//! The rows of companies' libraries: which files there are, in which versions, who may send them. Knows no bytes: those are at
//! `library`'s address of their hash, put there before a row names them. A version is never changed and never deleted.

use std::collections::HashMap;

use diesel::prelude::*;

use super::conn::{Conn, run};
use super::directory::{Changed, Directory};
use super::file_sources;
use super::open::now;
use super::queries::Queries;
use super::schema::{file_versions, files};
use super::url::StoreError;
use crate::room::{CompanyNo, FileEntry, FileKey, Format, Timestamp};

/// Longest description, in bytes: a model reads them all.
const MAX_DESCRIPTION: usize = 1_000;
/// Versions shown of one file, newest first.
const VERSIONS_SHOWN: i64 = 100;

/// One version of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileVersionRow {
    pub version: i64,
    /// Hexadecimal, lower case.
    pub sha256: String,
    pub size: u64,
    pub format: Format,
    pub filename: String,
    pub uploaded_at: Timestamp,
    pub by: String,
}

/// A file, with the version that stands now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRow {
    pub key: FileKey,
    pub description: String,
    pub for_agents: bool,
    pub created_at: Timestamp,
    pub archived_at: Option<Timestamp>,
    pub current: FileVersionRow,
}

/// Bytes that lie at their address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewBytes {
    pub sha256: String,
    pub size: u64,
    pub format: Format,
    pub filename: String,
}

/// What is to become of a file; what is `None` stays as it is, or has its default in a new one (no description, for agents).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileChange {
    pub bytes: Option<NewBytes>,
    pub description: Option<String>,
    pub for_agents: Option<bool>,
}

/// Whether a key must be free for a change, or taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Must {
    BeNew,
    Exist,
    Either,
}

type FileTuple = (String, String, bool, i64, i64, Option<i64>);
const FILE: (files::key, files::description, files::for_agents, files::version, files::created_at, files::archived_at) =
    (files::key, files::description, files::for_agents, files::version, files::created_at, files::archived_at);

type VersionTuple = (i64, String, i64, String, String, i64, String);
const VERSION: (
    file_versions::version,
    file_versions::sha256,
    file_versions::size,
    file_versions::mime,
    file_versions::filename,
    file_versions::uploaded_at,
    file_versions::by,
) = (
    file_versions::version,
    file_versions::sha256,
    file_versions::size,
    file_versions::mime,
    file_versions::filename,
    file_versions::uploaded_at,
    file_versions::by,
);

fn version_row(row: VersionTuple) -> Result<FileVersionRow, StoreError> {
    let (version, sha256, size, mime, filename, uploaded_at, by) = row;
    let unknown = || StoreError::Invalid("A stored file has a type this program does not know.".into());
    let format = Format::of_mime(&mime).ok_or_else(unknown)?;
    let size = u64::try_from(size).unwrap_or(0);
    Ok(FileVersionRow { version, sha256, size, format, filename, uploaded_at: Timestamp(uploaded_at), by })
}

fn file_row(file: FileTuple, version: VersionTuple) -> Result<FileRow, StoreError> {
    let (key, description, for_agents, _, created_at, archived_at) = file;
    Ok(FileRow {
        key: FileKey::trusted(&key),
        description,
        for_agents,
        created_at: Timestamp(created_at),
        archived_at: archived_at.map(Timestamp),
        current: version_row(version)?,
    })
}

/// A company's files by key, behind `after`.
fn list(conn: &mut Conn, company: CompanyNo, archived: bool, after: &str, limit: i64) -> Result<Vec<FileRow>, StoreError> {
    let found: Vec<FileTuple> = if archived {
        run!(conn, "reading files", |c| files::table
            .filter(files::company.eq(company.0))
            .filter(files::key.gt(after))
            .filter(files::deleted_at.is_null())
            .order(files::key.asc())
            .limit(limit)
            .select(FILE)
            .load(c))?
    } else {
        run!(conn, "reading files", |c| files::table
            .filter(files::company.eq(company.0))
            .filter(files::key.gt(after))
            .filter(files::archived_at.is_null())
            .filter(files::deleted_at.is_null())
            .order(files::key.asc())
            .limit(limit)
            .select(FILE)
            .load(c))?
    };
    with_versions(conn, company, found)
}

pub(super) fn find(conn: &mut Conn, company: CompanyNo, key: &FileKey) -> Result<Option<FileRow>, StoreError> {
    let found: Vec<FileTuple> = run!(conn, "reading a file", |c| files::table
        .filter(files::company.eq(company.0))
        .filter(files::key.eq(key.as_str()))
        .filter(files::deleted_at.is_null())
        .select(FILE)
        .load(c))?;
    Ok(with_versions(conn, company, found)?.into_iter().next())
}

/// Whether this key is a stored file's, or was: of one that was deleted there may be links still.
pub(super) fn exists(conn: &mut Conn, company: CompanyNo, key: &FileKey) -> Result<bool, StoreError> {
    let found: i64 = run!(conn, "looking for a file", |c| files::table
        .filter(files::company.eq(company.0))
        .filter(files::key.eq(key.as_str()))
        .count()
        .get_result(c))?;
    Ok(found > 0)
}

/// The files, in their order, each with the version that stands now.
fn with_versions(conn: &mut Conn, company: CompanyNo, found: Vec<FileTuple>) -> Result<Vec<FileRow>, StoreError> {
    let (Some(first), Some(last)) = (found.first().map(|file| file.0.clone()), found.last().map(|file| file.0.clone())) else {
        return Ok(vec![]);
    };
    // All versions of these keys, and few they are; a join would be one statement, and took the compiler gigabytes.
    let versions: Vec<(String, VersionTuple)> = run!(conn, "reading files' versions", |c| file_versions::table
        .filter(file_versions::company.eq(company.0))
        .filter(file_versions::key.ge(first))
        .filter(file_versions::key.le(last))
        .select((file_versions::key, VERSION))
        .load(c))?;
    let mut by_key: HashMap<(String, i64), VersionTuple> =
        versions.into_iter().map(|(key, version)| ((key, version.0), version)).collect();
    let lost = || StoreError::Invalid("A file's version is missing.".into());
    let with = |file: FileTuple| {
        let version = by_key.remove(&(file.0.clone(), file.3)).ok_or_else(lost)?;
        file_row(file, version)
    };
    found.into_iter().map(with).collect()
}

/// What AI agents may send, by key: neither archived nor kept for people.
pub(super) fn files_to_send(conn: &mut Conn, company: CompanyNo) -> Result<Vec<FileEntry>, StoreError> {
    let rows = list(conn, company, false, "", i64::MAX)?;
    Ok(rows.into_iter().filter(|row| row.for_agents).map(entry).collect())
}

/// The version that stands now, as it is offered.
pub(super) fn entry(row: FileRow) -> FileEntry {
    let FileVersionRow { version, sha256, size, format, filename, .. } = row.current;
    let (description, sha256, filename) = (row.description.into(), sha256.into(), filename.into());
    FileEntry { key: row.key, version, description, sha256, size, format, filename }
}

fn add_version(conn: &mut Conn, company: CompanyNo, key: &FileKey, no: i64, new: &NewBytes, by: &str) -> Result<(), StoreError> {
    let size = i64::try_from(new.size).map_err(|error| StoreError::Invalid(error.to_string()))?;
    let made = run!(conn, "writing a file's version", |c| diesel::insert_into(file_versions::table)
        .values((
            file_versions::company.eq(company.0),
            file_versions::key.eq(key.as_str()),
            file_versions::version.eq(no),
            file_versions::sha256.eq(&new.sha256),
            file_versions::size.eq(size),
            file_versions::mime.eq(new.format.mime()),
            file_versions::kind.eq(new.format.kind().as_str()),
            file_versions::filename.eq(&new.filename),
            file_versions::uploaded_at.eq(now().0),
            file_versions::by.eq(by),
        ))
        .on_conflict_do_nothing()
        .execute(c))?;
    if made == 0 { Err(meanwhile(key)) } else { Ok(()) }
}

fn meanwhile(key: &FileKey) -> StoreError {
    StoreError::Conflict(format!("Somebody else changed the file {key} at the same time; look at it and try again."))
}

/// A file that was not there.
fn create(conn: &mut Conn, company: CompanyNo, key: &FileKey, change: &FileChange, by: &str) -> Result<String, StoreError> {
    let Some(new) = &change.bytes else { return Err(StoreError::NotFound("file")) };
    if file_sources::find(conn, company, key)?.is_some() {
        return Err(StoreError::Conflict(format!("The file {key} is one that is made on request.")));
    }
    let made = run!(conn, "making a file", |c| diesel::insert_into(files::table)
        .values((
            files::company.eq(company.0),
            files::key.eq(key.as_str()),
            files::description.eq(change.description.as_deref().unwrap_or_default()),
            files::for_agents.eq(change.for_agents.unwrap_or(true)),
            files::version.eq(1_i64),
            files::created_at.eq(now().0),
        ))
        .on_conflict_do_nothing()
        .execute(c))?;
    if made == 0 {
        return Err(meanwhile(key));
    }
    add_version(conn, company, key, 1, new, by)?;
    Ok(format!("file {key} version 1 added, sha256 {}", new.sha256))
}

/// A file that is there. `None`: it already is as it should be.
fn replace(
    conn: &mut Conn,
    company: CompanyNo,
    old: &FileRow,
    change: &FileChange,
    by: &str,
) -> Result<Option<String>, StoreError> {
    let key = &old.key;
    let new = change.bytes.as_ref().filter(|new| new.sha256 != old.current.sha256);
    let version = old.current.version + i64::from(new.is_some());
    let description = change.description.as_deref().unwrap_or(&old.description);
    let for_agents = change.for_agents.unwrap_or(old.for_agents);
    // Whoever adds a file that was archived wants it back.
    let back = change.bytes.is_some() && old.archived_at.is_some();
    if new.is_none() && !back && description == old.description && for_agents == old.for_agents {
        return Ok(None);
    }
    if let Some(new) = new {
        add_version(conn, company, key, version, new, by)?;
    }
    let archived_at = old.archived_at.filter(|_| !back).map(|at| at.0);
    let row = files::table
        .filter(files::company.eq(company.0))
        .filter(files::key.eq(key.as_str()))
        .filter(files::version.eq(old.current.version));
    let done = run!(conn, "changing a file", |c| diesel::update(row)
        .set((
            files::version.eq(version),
            files::description.eq(description),
            files::for_agents.eq(for_agents),
            files::archived_at.eq(archived_at),
        ))
        .execute(c))?;
    if done == 0 {
        return Err(meanwhile(key));
    }
    Ok(Some(match new {
        Some(new) => format!("file {key} version {version} added, sha256 {}", new.sha256),
        None => format!("file {key} changed"),
    }))
}

impl Directory {
    /// Adds a file, a version of it, or changes what is said about it; the same bytes again are no new version, and bring an
    /// archived file back. Answers the file and whether it is new. `Conflict`: the key is taken, or somebody else was faster.
    pub async fn put_file(
        &self,
        company: CompanyNo,
        key: &FileKey,
        change: FileChange,
        must: Must,
        by: &str,
    ) -> Result<(FileRow, bool), StoreError> {
        let control = |c: char| c.is_control() && c != '\n';
        if change.description.as_ref().is_some_and(|text| text.len() > MAX_DESCRIPTION || text.chars().any(control)) {
            let sentence = format!("A file's description has at most {MAX_DESCRIPTION} bytes and no control characters.");
            return Err(StoreError::Invalid(sentence));
        }
        let (key, who) = (key.clone(), by.to_owned());
        self.change(Some(company), by, move |conn| {
            let old = find(conn, company, &key)?;
            let (what, created) = match (&old, must) {
                (None, Must::Exist) => return Err(StoreError::NotFound("file")),
                (Some(_), Must::BeNew) => return Err(StoreError::Conflict(format!("There already is a file {key}."))),
                (None, _) => (Some(create(conn, company, &key, &change, &who)?), true),
                (Some(old), _) => (replace(conn, company, old, &change, &who)?, false),
            };
            let row = find(conn, company, &key)?.ok_or(StoreError::NotFound("file"))?;
            Ok(match what {
                Some(what) => Changed::new(company, what, (row, created)),
                None => Changed::nothing((row, created)),
            })
        })
        .await
    }

    /// Nobody is offered it any more; its versions stay readable. Answers the file as it is then.
    pub async fn archive_file(&self, company: CompanyNo, key: &FileKey, by: &str) -> Result<FileRow, StoreError> {
        let key = key.clone();
        self.change(Some(company), by, move |conn| {
            let row = files::table
                .filter(files::company.eq(company.0))
                .filter(files::key.eq(key.as_str()))
                .filter(files::archived_at.is_null());
            let done = run!(conn, "archiving a file", |c| diesel::update(row).set(files::archived_at.eq(now().0)).execute(c))?;
            let row = find(conn, company, &key)?.ok_or(StoreError::NotFound("file"))?;
            Ok(if done > 0 { Changed::new(company, format!("file {key} archived"), row) } else { Changed::nothing(row) })
        })
        .await
    }
}

impl Queries {
    pub async fn file(&self, company: CompanyNo, key: &FileKey) -> Result<Option<FileRow>, StoreError> {
        let key = key.clone();
        self.ask(move |conn| find(conn, company, &key)).await
    }

    /// By key, behind `after`; those archived only if asked for.
    pub async fn files(&self, company: CompanyNo, archived: bool, after: &str, limit: i64) -> Result<Vec<FileRow>, StoreError> {
        let after = after.to_owned();
        self.ask(move |conn| list(conn, company, archived, &after, limit)).await
    }

    /// Newest first.
    pub async fn file_versions(&self, company: CompanyNo, key: &FileKey) -> Result<Vec<FileVersionRow>, StoreError> {
        self.versions(company, key, None).await
    }

    pub async fn file_version(
        &self,
        company: CompanyNo,
        key: &FileKey,
        version: i64,
    ) -> Result<Option<FileVersionRow>, StoreError> {
        Ok(self.versions(company, key, Some(version)).await?.into_iter().next())
    }

    async fn versions(&self, company: CompanyNo, key: &FileKey, one: Option<i64>) -> Result<Vec<FileVersionRow>, StoreError> {
        let key = key.clone();
        let (low, high) = one.map_or((0, i64::MAX), |version| (version, version));
        self.ask(move |conn| {
            let found: Vec<VersionTuple> = run!(conn, "reading a file's versions", |c| file_versions::table
                .filter(file_versions::company.eq(company.0))
                .filter(file_versions::key.eq(key.as_str()))
                .filter(file_versions::version.between(low, high))
                .order(file_versions::version.desc())
                .limit(VERSIONS_SHOWN)
                .select(VERSION)
                .load(c))?;
            found.into_iter().map(version_row).collect()
        })
        .await
    }
}
