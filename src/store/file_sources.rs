//! The rows of files that are made on request: where each is fetched from, and who may send it. A key names a stored file or one of
//! these, never both.

use diesel::prelude::*;

use super::conn::{Conn, run};
use super::directory::{Changed, Directory};
use super::files;
use super::open::now;
use super::queries::Queries;
use super::schema::file_sources;
use super::url::StoreError;
use crate::room::source::SourceEntry;
use crate::room::{CompanyNo, FileKey, Timestamp};

/// Most of one company that are not archived: its AI agents read them all.
const MOST: usize = 200;

/// A file that is made on request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSourceRow {
    pub key: FileKey,
    pub description: String,
    pub for_agents: bool,
    /// The address, with its places.
    pub template: String,
    pub filename: Option<String>,
    pub created_at: Timestamp,
    pub archived_at: Option<Timestamp>,
}

/// How it is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSource {
    pub description: String,
    pub for_agents: bool,
    pub template: String,
    pub filename: Option<String>,
}

type Tuple = (String, String, bool, String, Option<String>, i64, Option<i64>);

fn rows(conn: &mut Conn, company: CompanyNo) -> Result<Vec<FileSourceRow>, StoreError> {
    let found: Vec<Tuple> = run!(conn, "reading files' sources", |c| file_sources::table
        .filter(file_sources::company.eq(company.0))
        .order(file_sources::key.asc())
        .select((
            file_sources::key,
            file_sources::description,
            file_sources::for_agents,
            file_sources::template,
            file_sources::filename,
            file_sources::created_at,
            file_sources::archived_at,
        ))
        .load(c))?;
    let row = |(key, description, for_agents, template, filename, created_at, archived_at): Tuple| FileSourceRow {
        key: FileKey::trusted(&key),
        description,
        for_agents,
        template,
        filename,
        created_at: Timestamp(created_at),
        archived_at: archived_at.map(Timestamp),
    };
    Ok(found.into_iter().map(row).collect())
}

pub(super) fn find(conn: &mut Conn, company: CompanyNo, key: &FileKey) -> Result<Option<FileSourceRow>, StoreError> {
    Ok(rows(conn, company)?.into_iter().find(|row| row.key == *key))
}

/// What AI agents may have fetched, by key.
pub(super) fn sources_to_send(conn: &mut Conn, company: CompanyNo) -> Result<Vec<SourceEntry>, StoreError> {
    let offered = rows(conn, company)?.into_iter().filter(|row| row.for_agents && row.archived_at.is_none());
    Ok(offered.map(entry).collect())
}

/// As it is offered.
pub(super) fn entry(row: FileSourceRow) -> SourceEntry {
    SourceEntry {
        key: row.key,
        description: row.description.into(),
        template: row.template.into(),
        filename: row.filename.map(Into::into),
    }
}

impl Directory {
    /// Adds a source or replaces it; one that was archived is offered again. `Conflict`: the key is a stored file's, or there are
    /// too many. Answers it and whether it is new.
    pub async fn put_file_source(
        &self,
        company: CompanyNo,
        key: &FileKey,
        new: NewSource,
        by: &str,
    ) -> Result<(FileSourceRow, bool), StoreError> {
        let key = key.clone();
        self.change(Some(company), by, move |conn| {
            if files::exists(conn, company, &key)? {
                return Err(StoreError::Conflict(format!("There already is a file {key}.")));
            }
            let all = rows(conn, company)?;
            let old = all.iter().find(|row| row.key == key);
            let offered = all.iter().filter(|row| row.archived_at.is_none()).count();
            if old.is_none_or(|old| old.archived_at.is_some()) && offered >= MOST {
                return Err(StoreError::Conflict(format!("A company has at most {MOST} files that are made on request.")));
            }
            let created = old.is_none();
            let values = (
                file_sources::description.eq(&new.description),
                file_sources::for_agents.eq(new.for_agents),
                file_sources::template.eq(&new.template),
                file_sources::filename.eq(new.filename.as_deref()),
                file_sources::archived_at.eq(None::<i64>),
            );
            let place = (
                file_sources::company.eq(company.0),
                file_sources::key.eq(key.as_str()),
                file_sources::created_at.eq(old.map_or_else(|| now().0, |row| row.created_at.0)),
            );
            run!(conn, "writing a file's source", |c| diesel::insert_into(file_sources::table)
                .values((place, values))
                .on_conflict((file_sources::company, file_sources::key))
                .do_update()
                .set(values)
                .execute(c))?;
            let row = find(conn, company, &key)?.ok_or(StoreError::NotFound("file"))?;
            Ok(Changed::new(company, format!("file {key} is fetched from {}", row.template), (row, created)))
        })
        .await
    }

    /// Nobody is offered it any more, and no link to what came of it opens. Answers it as it is then.
    pub async fn archive_file_source(&self, company: CompanyNo, key: &FileKey, by: &str) -> Result<FileSourceRow, StoreError> {
        let key = key.clone();
        self.change(Some(company), by, move |conn| {
            let row = file_sources::table
                .filter(file_sources::company.eq(company.0))
                .filter(file_sources::key.eq(key.as_str()))
                .filter(file_sources::archived_at.is_null());
            let done = run!(conn, "archiving a file's source", |c| diesel::update(row)
                .set(file_sources::archived_at.eq(now().0))
                .execute(c))?;
            let row = find(conn, company, &key)?.ok_or(StoreError::NotFound("file"))?;
            Ok(if done > 0 { Changed::new(company, format!("file {key} archived"), row) } else { Changed::nothing(row) })
        })
        .await
    }
}

impl Queries {
    pub async fn file_source(&self, company: CompanyNo, key: &FileKey) -> Result<Option<FileSourceRow>, StoreError> {
        let key = key.clone();
        self.ask(move |conn| find(conn, company, &key)).await
    }

    /// By key, those archived too; few they are.
    pub async fn file_sources(&self, company: CompanyNo) -> Result<Vec<FileSourceRow>, StoreError> {
        self.ask(move |conn| rows(conn, company)).await
    }
}
