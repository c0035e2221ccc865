//! Files that are deleted: not while a published tool sends them. Their versions go, their bytes later, like those that were
//! fetched; their keys are not given anew, because links to what was sent under them may still be in customers' hands.

use std::collections::HashSet;

use diesel::prelude::*;

use super::conn::{Conn, run};
use super::directory::{Changed, Directory};
use super::files::find;
use super::open::now;
use super::published::current;
use super::queries::Queries;
use super::schema::{fetched_files, file_sources, file_versions, files};
use super::url::StoreError;
use crate::room::ids::hash16;
use crate::room::{AiAgentId, CompanyNo, FileKey};

/// What came of deleting a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deleted {
    Done,
    /// By the published tools of these AI agents; nothing was done.
    InUse(Vec<AiAgentId>),
}

/// The AI agents whose published tools send this file, each with the version it sends.
fn used_by(conn: &mut Conn, company: CompanyNo, key: &FileKey) -> Result<Vec<(AiAgentId, i64)>, StoreError> {
    let mut users = vec![];
    for (ai_agent, row) in current(conn, company)? {
        let version = row.tools.iter().flat_map(|tool| tool.files.iter()).find(|file| file.key == *key).map(|file| file.version);
        users.extend(version.map(|version| (ai_agent, version)));
    }
    Ok(users)
}

/// Keys of what was archived or deleted, files and those that are made on request: sent by nobody.
pub(super) fn withdrawn(conn: &mut Conn, company: CompanyNo) -> Result<HashSet<Box<str>>, StoreError> {
    let files: Vec<String> = run!(conn, "reading archived files", |c| files::table
        .filter(files::company.eq(company.0))
        .filter(files::archived_at.is_not_null().or(files::deleted_at.is_not_null()))
        .select(files::key)
        .load(c))?;
    let sources: Vec<String> = run!(conn, "reading archived files", |c| file_sources::table
        .filter(file_sources::company.eq(company.0))
        .filter(file_sources::archived_at.is_not_null())
        .select(file_sources::key)
        .load(c))?;
    Ok(files.into_iter().chain(sources).map(String::into_boxed_str).collect())
}

impl Directory {
    /// `NotFound`: there is no such file.
    pub async fn delete_file(&self, company: CompanyNo, key: &FileKey, by: &str) -> Result<Deleted, StoreError> {
        let key = key.clone();
        self.change(Some(company), by, move |conn| {
            find(conn, company, &key)?.ok_or(StoreError::NotFound("file"))?;
            // Held first and looked at then: who publishes holds it likewise.
            let row = || files::table.filter(files::company.eq(company.0)).filter(files::key.eq(key.as_str()));
            run!(conn, "holding a file", |c| diesel::update(row()).set(files::version.eq(files::version)).execute(c))?;
            let users = used_by(conn, company, &key)?;
            if !users.is_empty() {
                return Ok(Changed::nothing(Deleted::InUse(users.into_iter().map(|(ai_agent, _)| ai_agent).collect())));
            }
            let versions =
                || file_versions::table.filter(file_versions::company.eq(company.0)).filter(file_versions::key.eq(key.as_str()));
            let hashes: Vec<String> =
                run!(conn, "reading a file's versions", |c| versions().select(file_versions::sha256).load(c))?;
            for sha256 in &hashes {
                // Whoever is sending them now still finds them.
                let mark = hash16(b"deleted file", company, &[key.as_str().as_bytes()]);
                run!(conn, "deleting a file", |c| diesel::insert_into(fetched_files::table)
                    .values((
                        fetched_files::company.eq(company.0),
                        fetched_files::sha256.eq(sha256),
                        fetched_files::call_key.eq(&mark[..]),
                        fetched_files::fetched_at.eq(now().0),
                    ))
                    .on_conflict_do_nothing()
                    .execute(c))?;
            }
            run!(conn, "deleting a file", |c| diesel::delete(versions()).execute(c))?;
            run!(conn, "deleting a file", |c| diesel::update(row())
                .set((files::deleted_at.eq(now().0), files::description.eq("")))
                .execute(c))?;
            Ok(Changed::new(company, format!("file {key} deleted"), Deleted::Done))
        })
        .await
    }
}

impl Queries {
    /// The AI agents whose published tools send this file, each with the version it sends.
    pub async fn file_users(&self, company: CompanyNo, key: &FileKey) -> Result<Vec<(AiAgentId, i64)>, StoreError> {
        let key = key.clone();
        self.ask(move |conn| used_by(conn, company, &key)).await
    }
}
