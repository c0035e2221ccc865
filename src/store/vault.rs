//! Companies' CRMs: how they are reached, and their tokens under seal. A token leaves here only inside a `Secret`, and no error
//! and no audit line holds one.

use std::sync::Arc;

use diesel::prelude::*;

use super::conn::{Conn, run};
use super::directory::{Changed, Directory, Writer};
use super::open::now;
use super::queries::Queries;
use super::records::CrmRow;
use super::schema::{audit, companies, crm_access, effects};
use super::seal::Seal;
use super::url::{StoreError, describe};
use super::workers::Workers;
use crate::actors::outside::{ChannelAccess, CrmAccess, CrmDialect, CrmOptions, OutsideFuture, Secret, Vault};
use crate::room::{By, CompanyNo, Timestamp};

/// What the seal is bound to, beside the company.
const COLUMN: &str = "crm_access.sealed";

pub(super) const fn dialect_text(dialect: CrmDialect) -> &'static str {
    match dialect {
        CrmDialect::Bearer => "bearer",
        CrmDialect::Gateway => "gateway",
    }
}

pub(super) fn dialect(text: &str) -> Result<CrmDialect, StoreError> {
    let found = [CrmDialect::Bearer, CrmDialect::Gateway].into_iter().find(|dialect| dialect_text(*dialect) == text);
    found.ok_or_else(|| StoreError::Invalid("A stored CRM dialect is not known.".into()))
}

fn options(text: &str) -> Result<CrmOptions, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Invalid(format!("Stored CRM options cannot be read: {error}.")))
}

pub(super) fn public_id(conn: &mut Conn, company: CompanyNo) -> Result<String, StoreError> {
    let found: Vec<String> = run!(conn, "looking for the company", |c| companies::table
        .filter(companies::no.eq(company.0))
        .select(companies::id)
        .load(c))?;
    found.into_iter().next().ok_or(StoreError::NotFound("company"))
}

impl Directory {
    /// Connects the company's CRM, or changes how; what was set before is gone. Answers the new version.
    pub async fn set_crm(
        &self,
        company: CompanyNo,
        base_url: &str,
        dialect: CrmDialect,
        options: &CrmOptions,
        secret: &Secret,
        by: &str,
    ) -> Result<i64, StoreError> {
        let (base_url, secret, seal) = (base_url.to_owned(), secret.clone(), Arc::clone(&self.seal));
        let options = serde_json::to_string(options).map_err(|error| StoreError::Invalid(error.to_string()))?;
        self.change(Some(company), by, move |conn| {
            let sealed = seal.close(&public_id(conn, company)?, COLUMN, &secret)?;
            let found: Vec<i64> = run!(conn, "reading the CRM's settings", |c| crm_access::table
                .filter(crm_access::company.eq(company.0))
                .select(crm_access::version)
                .load(c))?;
            // Never a version that was there before, even after the settings were cleared: a refresh begun under them must lose.
            let at = now().0;
            let version = found.first().map_or(at, |version| at.max(version + 1));
            let values = (
                crm_access::base_url.eq(&base_url),
                crm_access::dialect.eq(dialect_text(dialect)),
                crm_access::options.eq(&options),
                crm_access::sealed.eq(&sealed),
                crm_access::version.eq(version),
                crm_access::updated_at.eq(at),
            );
            run!(conn, "writing the CRM's settings", |c| diesel::insert_into(crm_access::table)
                .values((crm_access::company.eq(company.0), values))
                .on_conflict(crm_access::company)
                .do_update()
                .set(values)
                .execute(c))?;
            Ok(Changed::new(company, format!("crm set to {base_url} ({})", dialect_text(dialect)), version))
        })
        .await
    }

    /// False: the company has no CRM.
    pub async fn clear_crm(&self, company: CompanyNo, by: &str) -> Result<bool, StoreError> {
        self.change(Some(company), by, move |conn| {
            let row = crm_access::table.filter(crm_access::company.eq(company.0));
            let done = run!(conn, "clearing the CRM's settings", |c| diesel::delete(row).execute(c))?;
            Ok(Changed::one(company, "crm cleared".into(), done))
        })
        .await
    }
}

impl Queries {
    /// How the company's CRM is set, without its token; `None`: it has none.
    pub async fn crm(&self, company: CompanyNo) -> Result<Option<CrmRow>, StoreError> {
        type Row = (String, String, String, i64, i64);
        self.ask(move |conn| {
            let found: Vec<Row> = run!(conn, "reading the CRM's settings", |c| crm_access::table
                .filter(crm_access::company.eq(company.0))
                .select((
                    crm_access::base_url,
                    crm_access::dialect,
                    crm_access::options,
                    crm_access::version,
                    crm_access::updated_at
                ))
                .load(c))?;
            let Some((base_url, spoken, chosen, version, updated_at)) = found.into_iter().next() else { return Ok(None) };
            let ours = effects::table.filter(effects::company.eq(company.0));
            let effects_open: i64 =
                run!(conn, "counting effects", |c| ours.filter(effects::settled_at.is_null()).count().get_result(c))?;
            let effects_settled: i64 =
                run!(conn, "counting effects", |c| ours.filter(effects::settled_at.is_not_null()).count().get_result(c))?;
            let (dialect, options, updated_at) = (dialect(&spoken)?, options(&chosen)?, Timestamp(updated_at));
            Ok(Some(CrmRow { base_url, dialect, options, version, updated_at, effects_open, effects_settled }))
        })
        .await
    }
}

/// `Vault` over the database.
pub(super) struct SealedVault {
    pub readers: Arc<Workers>,
    pub writer: Arc<Writer>,
    pub seal: Arc<Seal>,
}

fn told(error: StoreError) -> Arc<str> {
    describe(&error).into()
}

impl Vault for SealedVault {
    fn crm(&self, company: CompanyNo) -> OutsideFuture<'_, Option<CrmAccess>> {
        type Row = (String, String, String, String, Vec<u8>, i64);
        Box::pin(async move {
            let read = self.readers.run(move |conn| {
                let found: Vec<Row> = run!(conn, "reading a CRM's access", |c| crm_access::table
                    .inner_join(companies::table.on(companies::no.eq(crm_access::company)))
                    .filter(crm_access::company.eq(company.0))
                    .select((
                        companies::id,
                        crm_access::base_url,
                        crm_access::dialect,
                        crm_access::options,
                        crm_access::sealed,
                        crm_access::version,
                    ))
                    .load(c))?;
                Ok(found.into_iter().next())
            });
            let Some((id, base_url, spoken, chosen, sealed, version)) = read.await.map_err(told)? else { return Ok(None) };
            let secret = self.seal.open(&id, COLUMN, &sealed).map_err(told)?;
            let (dialect, options) = (dialect(&spoken).map_err(told)?, options(&chosen).map_err(told)?);
            Ok(Some(CrmAccess { company, base_url: base_url.into(), dialect, options, secret, version }))
        })
    }

    /// Does not ask who owns the rooms: of a pair that rotates the old half is void already, and must not be lost with it.
    fn replace_crm_secret<'a>(&'a self, company: CompanyNo, version: i64, secret: &'a Secret) -> OutsideFuture<'a, bool> {
        let (secret, seal) = (secret.clone(), Arc::clone(&self.seal));
        Box::pin(async move {
            let work = move |conn: &mut Conn| {
                conn.transaction(|conn| {
                    let sealed = seal.close(&public_id(conn, company)?, COLUMN, &secret)?;
                    let row = crm_access::table.filter(crm_access::company.eq(company.0)).filter(crm_access::version.eq(version));
                    let done = run!(conn, "replacing a CRM's token", |c| diesel::update(row)
                        .set((
                            crm_access::sealed.eq(&sealed),
                            crm_access::version.eq(version + 1),
                            crm_access::updated_at.eq(now().0)
                        ))
                        .execute(c))?;
                    if done > 0 {
                        run!(conn, "writing the audit", |c| diesel::insert_into(audit::table)
                            .values((
                                audit::company.eq(company.0),
                                audit::at.eq(now().0),
                                audit::by.eq(By::System.to_text()),
                                audit::what.eq("crm token refreshed")
                            ))
                            .execute(c))?;
                    }
                    Ok(done > 0)
                })
            };
            self.writer.run(work).await.map_err(told)
        })
    }

    fn claim_refresh<'a>(
        &'a self,
        company: CompanyNo,
        version: i64,
        holder: &'a str,
        now: Timestamp,
        until: Timestamp,
    ) -> OutsideFuture<'a, bool> {
        let holder = holder.to_owned();
        Box::pin(async move {
            // One statement: of two processes at once, the second finds what the first wrote.
            let work = move |conn: &mut Conn| {
                let free = crm_access::refresh_version
                    .ne(version)
                    .or(crm_access::refresh_holder.eq(&holder))
                    .or(crm_access::refresh_until.le(now.0));
                let row = crm_access::table.filter(crm_access::company.eq(company.0)).filter(crm_access::version.eq(version));
                let done = run!(conn, "claiming a token's refresh", |c| diesel::update(row.filter(free))
                    .set((
                        crm_access::refresh_version.eq(version),
                        crm_access::refresh_holder.eq(&holder),
                        crm_access::refresh_until.eq(until.0),
                    ))
                    .execute(c))?;
                Ok(done > 0)
            };
            self.writer.run(work).await.map_err(told)
        })
    }

    fn release_refresh<'a>(&'a self, company: CompanyNo, holder: &'a str) -> OutsideFuture<'a, ()> {
        let holder = holder.to_owned();
        Box::pin(async move {
            let work = move |conn: &mut Conn| {
                let row = crm_access::table.filter(crm_access::company.eq(company.0));
                let row = row.filter(crm_access::refresh_holder.eq(&holder));
                run!(conn, "releasing a token's refresh", |c| diesel::update(row)
                    .set(crm_access::refresh_until.eq(0))
                    .execute(c))?;
                Ok(())
            };
            self.writer.run(work).await.map_err(told)
        })
    }

    fn channel(&self, company: CompanyNo) -> OutsideFuture<'_, Option<ChannelAccess>> {
        Box::pin(async move { super::channel::access(&self.readers, &self.seal, company).await.map_err(told) })
    }

    fn channel_version(&self, company: CompanyNo) -> OutsideFuture<'_, Option<i64>> {
        Box::pin(async move { super::channel::version(&self.readers, company).await.map_err(told) })
    }

    fn crm_version(&self, company: CompanyNo) -> OutsideFuture<'_, Option<i64>> {
        Box::pin(async move {
            let read = self.readers.run(move |conn| {
                let found: Vec<i64> = run!(conn, "reading a CRM's version", |c| crm_access::table
                    .filter(crm_access::company.eq(company.0))
                    .select(crm_access::version)
                    .load(c))?;
                Ok(found.into_iter().next())
            });
            read.await.map_err(told)
        })
    }
}
