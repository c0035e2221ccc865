//! Writes of a company's own things: keys, people, tags, settings. Each is one transaction, leaves a line in the audit and
//! raises the configuration's version, so that a running `serve` notices. Never touches a room.

use std::sync::{Arc, OnceLock};

use diesel::prelude::*;

use super::company_view;
use super::conn::{Conn, run};
use super::lane::Lane;
use super::open::now;
use super::records::{CompanyRow, KeyRow, Role};
use super::schema::{agents, ai_agents, audit, companies, divisions, keys, meta, settings, tags};
use super::seal::Seal;
use super::secrets::{Pepper, hash_key, random, try_new_key};
use super::url::StoreError;
use super::workers::{Task, Workers, gone, task};
use crate::room::{Agent, AgentId, AiAgentId, CompanyNo, Division, DivisionId, Settings, tag};

/// Where administrative writes go: through the journal's lane on SQLite inside a `serve`, else their own connection.
pub(super) struct Writer {
    pub lane: OnceLock<(Arc<Lane>, bool)>,
    pub side: Workers,
    pub pepper: Pepper,
}

impl Writer {
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Conn) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (task, outcome) = task(work);
        self.submit(task)?;
        outcome.await.unwrap_or_else(|_| Err(gone()))
    }

    /// In the order of submission. `Err`: too much waits, or the store is closing.
    pub fn submit(&self, task: Task) -> Result<(), StoreError> {
        match self.lane.get() {
            Some((lane, true)) => lane.task(task),
            _ => self.side.push(task),
        }
    }
}

/// `by` is who did it, for the audit: never empty.
#[derive(Clone)]
pub struct Directory {
    pub(super) writer: Arc<Writer>,
    pub(super) seal: Arc<Seal>,
}

/// Ids are public and unguessable; they need not be secret.
fn new_id(prefix: &str) -> Result<String, StoreError> {
    Ok(format!("{prefix}_{}", data_encoding::BASE32_NOPAD.encode(&random::<15>()?).to_lowercase()))
}

fn company_exists(conn: &mut Conn, company: CompanyNo) -> Result<(), StoreError> {
    let found: Vec<i64> = run!(conn, "looking for the company", |c| companies::table
        .filter(companies::no.eq(company.0))
        .select(companies::no)
        .load(c))?;
    if found.is_empty() { Err(StoreError::NotFound("company")) } else { Ok(()) }
}

fn checked(name: &'static str, text: &str, longest: usize) -> Result<(), StoreError> {
    if text.trim().is_empty() || text.len() > longest || text.chars().any(char::is_control) {
        return Err(StoreError::Invalid(format!("The {name} must be 1 to {longest} bytes of visible text.")));
    }
    Ok(())
}

impl Directory {
    /// One write: `work` says what happened (for the audit) and with what result, or `None` when nothing changed.
    pub(super) async fn change<T: Send + 'static>(
        &self,
        company: Option<CompanyNo>,
        by: &str,
        work: impl FnOnce(&mut Conn) -> Result<Changed<T>, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        checked("actor", by, 200)?;
        let by = by.to_owned();
        self.writer
            .run(move |conn| {
                conn.transaction(|conn| {
                    if let Some(company) = company {
                        company_exists(conn, company)?;
                    }
                    let changed = work(conn)?;
                    if let Some((company, what)) = changed.audit {
                        run!(conn, "writing the audit", |c| diesel::insert_into(audit::table)
                            .values((
                                audit::company.eq(company.0),
                                audit::at.eq(now().0),
                                audit::by.eq(&by),
                                audit::what.eq(&what)
                            ))
                            .execute(c))?;
                        // Last of all locks: the journal takes them in the same order.
                        run!(conn, "raising the configuration's version", |c| diesel::update(
                            meta::table.filter(meta::id.eq(1))
                        )
                        .set(meta::config_version.eq(meta::config_version + 1))
                        .execute(c))?;
                    }
                    Ok(changed.value)
                })
            })
            .await
    }

    /// `Conflict` when the name exists.
    pub async fn create_company(&self, name: &str, by: &str) -> Result<CompanyRow, StoreError> {
        checked("company's name", name, 100)?;
        let name = name.to_owned();
        self.change(None, by, move |conn| {
            let (id, at) = (new_id("com")?, now());
            let made = run!(conn, "making a company", |c| diesel::insert_into(companies::table)
                .values((companies::id.eq(&id), companies::name.eq(&name), companies::created_at.eq(at.0)))
                .on_conflict_do_nothing()
                .execute(c))?;
            if made == 0 {
                return Err(StoreError::Conflict(format!("There already is a company {name}.")));
            }
            let no: i64 = run!(conn, "making a company", |c| companies::table
                .filter(companies::id.eq(&id))
                .select(companies::no)
                .get_result(c))?;
            let what = format!("company {name} created");
            let row = CompanyRow { no: CompanyNo(no), id, name, created_at: at };
            Ok(Changed::new(row.no, what, row))
        })
        .await
    }

    /// The key itself is answered this once and never again. Makes the AI agent if it is missing.
    pub async fn create_key(
        &self,
        company: CompanyNo,
        role: Role,
        ai_agent: Option<AiAgentId>,
        by: &str,
    ) -> Result<(KeyRow, String), StoreError> {
        if (role == Role::Agent) != ai_agent.is_some() {
            return Err(StoreError::Invalid("A key of role agent needs an AI agent, and no other role has one.".into()));
        }
        let writer = Arc::clone(&self.writer);
        self.change(Some(company), by, move |conn| {
            let (id, key, at) = (new_id("key")?, try_new_key()?, now());
            let hash = hash_key(&writer.pepper, &key);
            if let Some(agent) = &ai_agent {
                run!(conn, "making an AI agent", |c| diesel::insert_into(ai_agents::table)
                    .values((ai_agents::company.eq(company.0), ai_agents::id.eq(agent.as_str()), ai_agents::created_at.eq(at.0)))
                    .on_conflict_do_nothing()
                    .execute(c))?;
            }
            run!(conn, "making a key", |c| diesel::insert_into(keys::table)
                .values((
                    keys::id.eq(&id),
                    keys::company.eq(company.0),
                    keys::role.eq(role.as_str()),
                    keys::ai_agent.eq(ai_agent.as_ref().map(|id| id.as_str())),
                    keys::hash.eq(&hash.0[..]),
                    keys::created_at.eq(at.0),
                ))
                .execute(c))?;
            let what = format!("key {id} of role {} created", role.as_str());
            Ok(Changed::new(company, what, (KeyRow { id, company, role, ai_agent, created_at: at, revoked_at: None }, key)))
        })
        .await
    }

    /// False: there is no such live key in this company.
    pub async fn revoke_key(&self, company: CompanyNo, key_id: &str, by: &str) -> Result<bool, StoreError> {
        let id = key_id.to_owned();
        self.change(Some(company), by, move |conn| {
            let live = keys::table
                .filter(keys::company.eq(company.0))
                .filter(keys::id.eq(id.clone()))
                .filter(keys::revoked_at.is_null());
            let done = run!(conn, "revoking a key", |c| diesel::update(live).set(keys::revoked_at.eq(now().0)).execute(c))?;
            Ok(Changed::one(company, format!("key {id} revoked"), done))
        })
        .await
    }

    /// Answers the new version. `Conflict`: the settings are no longer at `expected_version`.
    pub async fn set_settings(
        &self,
        company: CompanyNo,
        new: Settings,
        expected_version: Option<i64>,
        by: &str,
    ) -> Result<i64, StoreError> {
        new.check().map_err(|bad| StoreError::Invalid(format!("{} {}.", bad.name, bad.rule)))?;
        self.change(Some(company), by, move |conn| {
            let (_, version) = company_view::settings(conn, company)?;
            if expected_version.is_some_and(|expected| expected != version) {
                return Err(StoreError::Conflict(format!("The settings are at version {version}.")));
            }
            let body = serde_json::to_string(&new).map_err(|error| StoreError::Invalid(error.to_string()))?;
            // Not an upsert: diesel's has no name in common for both databases.
            let done =
                run!(conn, "writing the settings", |c| diesel::update(settings::table.filter(settings::company.eq(company.0)))
                    .filter(settings::version.eq(version))
                    .set((settings::version.eq(version + 1), settings::body.eq(&body)))
                    .execute(c))?;
            if done == 0 {
                let made = run!(conn, "writing the settings", |c| diesel::insert_into(settings::table)
                    .values((settings::company.eq(company.0), settings::version.eq(version + 1), settings::body.eq(&body)))
                    .on_conflict_do_nothing()
                    .execute(c))?;
                if made == 0 {
                    return Err(StoreError::Conflict("The settings were changed by somebody else.".into()));
                }
            }
            Ok(Changed::new(company, format!("settings version {}", version + 1), version + 1))
        })
        .await
    }

    pub async fn put_agent(&self, company: CompanyNo, agent: Agent, by: &str) -> Result<(), StoreError> {
        self.change(Some(company), by, move |conn| {
            let all = serde_json::to_string(&agent.divisions).map_err(|error| StoreError::Invalid(error.to_string()))?;
            let status = company_view::presence_text(agent.status);
            let values = (
                agents::name.eq(agent.name.as_str()),
                agents::email.eq(agent.email.as_str()),
                agents::divisions.eq(all.as_str()),
                agents::status.eq(status),
                agents::capacity.eq(i64::from(agent.capacity)),
            );
            run!(conn, "writing an agent", |c| diesel::insert_into(agents::table)
                .values((agents::company.eq(company.0), agents::id.eq(agent.id.as_str()), values))
                .on_conflict((agents::company, agents::id))
                .do_update()
                .set(values)
                .execute(c))?;
            Ok(Changed::new(company, format!("agent {} written", agent.id), ()))
        })
        .await
    }

    pub async fn delete_agent(&self, company: CompanyNo, id: &AgentId, by: &str) -> Result<bool, StoreError> {
        let id = id.clone();
        self.change(Some(company), by, move |conn| {
            let row = agents::table.filter(agents::company.eq(company.0)).filter(agents::id.eq(id.to_string()));
            let done = run!(conn, "deleting an agent", |c| diesel::delete(row).execute(c))?;
            Ok(Changed::one(company, format!("agent {id} deleted"), done))
        })
        .await
    }

    pub async fn put_division(&self, company: CompanyNo, division: Division, by: &str) -> Result<(), StoreError> {
        if let Some(bad) = division.hours.as_ref().and_then(|hours| hours.check().err()) {
            return Err(StoreError::Invalid(bad.rule.into()));
        }
        self.change(Some(company), by, move |conn| {
            let hours = division.hours.as_ref().map(serde_json::to_string).transpose();
            let hours = hours.map_err(|error| StoreError::Invalid(error.to_string()))?;
            let values = (divisions::name.eq(division.name.as_str()), divisions::hours.eq(hours.as_deref()));
            run!(conn, "writing a division", |c| diesel::insert_into(divisions::table)
                .values((divisions::company.eq(company.0), divisions::id.eq(division.id.as_str()), values))
                .on_conflict((divisions::company, divisions::id))
                .do_update()
                .set(values)
                .execute(c))?;
            Ok(Changed::new(company, format!("division {} written", division.id), ()))
        })
        .await
    }

    /// Its people stay, in their other divisions.
    pub async fn delete_division(&self, company: CompanyNo, id: &DivisionId, by: &str) -> Result<bool, StoreError> {
        let id = id.clone();
        self.change(Some(company), by, move |conn| {
            let row = divisions::table.filter(divisions::company.eq(company.0)).filter(divisions::id.eq(id.to_string()));
            let done = run!(conn, "deleting a division", |c| diesel::delete(row).execute(c))?;
            leave_division(conn, company, &id)?;
            Ok(Changed::one(company, format!("division {id} deleted"), done))
        })
        .await
    }

    /// False: the company already has a tag that folds alike.
    pub async fn put_tag(&self, company: CompanyNo, shown: &str, by: &str) -> Result<bool, StoreError> {
        let shown = shown.to_owned();
        self.change(Some(company), by, move |conn| {
            let folded = tag::fold(&shown);
            let made = run!(conn, "writing a tag", |c| diesel::insert_into(tags::table)
                .values((
                    tags::company.eq(company.0),
                    tags::folded.eq(&folded),
                    tags::shown.eq(&shown),
                    tags::created_at.eq(now().0)
                ))
                .on_conflict_do_nothing()
                .execute(c))?;
            Ok(Changed::one(company, format!("tag {shown} created"), made))
        })
        .await
    }

    pub async fn delete_tag(&self, company: CompanyNo, folded: &str, by: &str) -> Result<bool, StoreError> {
        let folded = folded.to_owned();
        self.change(Some(company), by, move |conn| {
            let row = tags::table.filter(tags::company.eq(company.0)).filter(tags::folded.eq(folded.clone()));
            let done = run!(conn, "deleting a tag", |c| diesel::delete(row).execute(c))?;
            Ok(Changed::one(company, format!("tag {folded} deleted"), done))
        })
        .await
    }
}

/// What a write came to; without `audit` nothing changed.
pub(super) struct Changed<T> {
    value: T,
    audit: Option<(CompanyNo, String)>,
}

impl<T> Changed<T> {
    pub fn new(company: CompanyNo, what: String, value: T) -> Self {
        Self { value, audit: Some((company, what)) }
    }

    pub fn nothing(value: T) -> Self {
        Self { value, audit: None }
    }
}

/// Nobody is of it any more.
fn leave_division(conn: &mut Conn, company: CompanyNo, id: &DivisionId) -> Result<(), StoreError> {
    let people: Vec<(String, String)> = run!(conn, "reading a division's people", |c| agents::table
        .filter(agents::company.eq(company.0))
        .select((agents::id, agents::divisions))
        .load(c))?;
    for (agent, theirs) in people {
        let mut left: Vec<DivisionId> = serde_json::from_str(&theirs).map_err(|error| StoreError::Invalid(error.to_string()))?;
        let before = left.len();
        left.retain(|division| division != id);
        if left.len() == before {
            continue;
        }
        let left = serde_json::to_string(&left).map_err(|error| StoreError::Invalid(error.to_string()))?;
        let row = agents::table.filter(agents::company.eq(company.0)).filter(agents::id.eq(agent));
        run!(conn, "leaving a division", |c| diesel::update(row).set(agents::divisions.eq(left)).execute(c))?;
    }
    Ok(())
}

impl Changed<bool> {
    pub fn one(company: CompanyNo, what: String, rows: usize) -> Self {
        Self { value: rows > 0, audit: (rows > 0).then_some((company, what)) }
    }
}
