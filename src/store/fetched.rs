//! Which bytes were fetched for which calls, and which come for files of the library, so that they do not lie here for ever and
//! nobody removes them under those who bring them. **Invariant:** a row is written before its bytes come to their address and goes
//! after them, so whatever dies in between leaves a row, by which the next look finds the rest. Knows no bytes.

use std::sync::Arc;

use diesel::dsl::count_star;
use diesel::prelude::*;
use uuid::Uuid;

use super::conn::{Conn, run, sort};
use super::directory::{Directory, Writer};
use super::open::now;
use super::queries::Queries;
use super::rows::{find_call, sixteen};
use super::schema::{fetched_files, file_versions};
use super::url::{StoreError, describe};
use crate::actors::outside::{FetchedFiles, OutsideFuture};
use crate::room::ids::hash16;
use crate::room::{CallKey, CallStatus, CompanyNo, Timestamp};

pub(super) struct StoredFetchedFiles(pub Arc<Writer>);

impl FetchedFiles for StoredFetchedFiles {
    fn fetched<'a>(&'a self, company: CompanyNo, effect: CallKey, sha256: &'a str, at: Timestamp) -> OutsideFuture<'a, ()> {
        let sha256 = sha256.to_owned();
        Box::pin(async move {
            let work = move |conn: &mut Conn| {
                run!(conn, "keeping what was fetched", |c| diesel::insert_into(fetched_files::table)
                    .values((
                        fetched_files::company.eq(company.0),
                        fetched_files::sha256.eq(&sha256),
                        fetched_files::call_key.eq(&effect.0[..]),
                        fetched_files::fetched_at.eq(at.0),
                    ))
                    .on_conflict_do_nothing()
                    .execute(c))?;
                Ok(())
            };
            self.0.run(work).await.map_err(|error| describe(&error).into())
        })
    }

    fn forget<'a>(&'a self, company: CompanyNo, effect: CallKey, sha256: &'a str) -> OutsideFuture<'a, ()> {
        let sha256 = sha256.to_owned();
        Box::pin(async move {
            let work = move |conn: &mut Conn| {
                let row = fetched_files::table.find((company.0, &sha256, &effect.0[..]));
                run!(conn, "forgetting what was fetched", |c| diesel::delete(row).execute(c))?;
                Ok(())
            };
            self.0.run(work).await.map_err(|error| describe(&error).into())
        })
    }
}

/// Until then bytes that come for a file of the library are not looked at: an hour, in which its own row is written or never.
const COMING_US: i64 = 3_600_000_000;

impl Directory {
    /// These bytes are about to come to their address, and a file's row behind them. They are wanted from now on; without such a
    /// row they go in the end like what was fetched. Durable when this is ready.
    pub async fn bytes_come(&self, company: CompanyNo, sha256: &str) -> Result<(), StoreError> {
        let sha256 = sha256.to_owned();
        // One of its own for each time: who looks at an older one does not count that.
        let mark = hash16(b"coming file", company, &[Uuid::now_v7().as_bytes()]);
        let work = move |conn: &mut Conn| {
            run!(conn, "expecting a file", |c| diesel::insert_into(fetched_files::table)
                .values((
                    fetched_files::company.eq(company.0),
                    fetched_files::sha256.eq(&sha256),
                    fetched_files::call_key.eq(&mark[..]),
                    fetched_files::fetched_at.eq(now().0.saturating_add(COMING_US)),
                ))
                .execute(c))?;
            Ok(())
        };
        self.writer.run(work).await
    }
}

/// Bytes that were fetched for one call, or came for a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedRow {
    pub company: CompanyNo,
    pub sha256: String,
    pub effect: CallKey,
    pub fetched_at: Timestamp,
    /// The call ended before the time that was asked for, and nobody can have it tried again.
    pub over: bool,
}

impl Queries {
    /// What was fetched after `after` and before `before`, oldest first.
    pub async fn fetched_files(&self, after: Timestamp, before: Timestamp, limit: i64) -> Result<Vec<FetchedRow>, StoreError> {
        let newest = Arc::clone(&self.newest);
        self.ask(move |conn| {
            let found: Vec<(i64, String, Vec<u8>, i64)> = run!(conn, "reading what was fetched", |c| fetched_files::table
                .filter(fetched_files::fetched_at.gt(after.0))
                .filter(fetched_files::fetched_at.lt(before.0))
                .order(fetched_files::fetched_at.asc())
                .limit(limit)
                .select((fetched_files::company, fetched_files::sha256, fetched_files::call_key, fetched_files::fetched_at))
                .load(c))?;
            let mut rows = Vec::with_capacity(found.len());
            for (company, sha256, key, at) in found {
                let wrong = |error| sort(error, "reading a call");
                let (company, effect) = (CompanyNo(company), CallKey(sixteen(&key).map_err(wrong)?));
                let call = find_call(conn, &newest, company, &effect).map_err(wrong)?;
                let over = call.is_none_or(|call| {
                    let left = matches!(call.status, CallStatus::Dead | CallStatus::Unresolved);
                    !left && call.ended_at.is_some_and(|at| at < before)
                });
                rows.push(FetchedRow { company, sha256, effect, fetched_at: Timestamp(at), over });
            }
            Ok(rows)
        })
        .await
    }

    /// Whether these bytes are a file's of the library, or were fetched for another call too.
    pub async fn wants_bytes(&self, company: CompanyNo, sha256: &str, but: CallKey) -> Result<bool, StoreError> {
        let sha256 = sha256.to_owned();
        self.ask(move |conn| {
            let versions: i64 = run!(conn, "counting versions of a file", |c| file_versions::table
                .filter(file_versions::company.eq(company.0))
                .filter(file_versions::sha256.eq(&sha256))
                .select(count_star())
                .get_result(c))?;
            let others: i64 = run!(conn, "counting who fetched a file", |c| fetched_files::table
                .filter(fetched_files::company.eq(company.0))
                .filter(fetched_files::sha256.eq(&sha256))
                .filter(fetched_files::call_key.ne(&but.0[..]))
                .select(count_star())
                .get_result(c))?;
            Ok(versions + others > 0)
        })
        .await
    }
}
