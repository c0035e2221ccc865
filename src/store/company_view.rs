//! A company as decisions see it: settings, people, tags. Reads only; knows no room.

use diesel::prelude::*;

use super::conn::{Conn, run};
use super::deleted_files::withdrawn;
use super::file_sources::sources_to_send;
use super::files::files_to_send;
use super::published::in_force;
use super::queries::Queries;
use super::schema::{agents, channel_access, companies, crm_access, divisions, settings, tags};
use super::url::StoreError;
use crate::room::{Agent, AgentId, ChannelKind, Company, CompanyNo, Division, DivisionId, Presence, Settings};

impl Queries {
    /// The settings and their version; a fresh company has the defaults at version 0.
    pub async fn settings(&self, company: CompanyNo) -> Result<(Settings, i64), StoreError> {
        self.ask(move |conn| {
            exists(conn, company)?;
            settings(conn, company)
        })
        .await
    }
}

fn exists(conn: &mut Conn, company: CompanyNo) -> Result<(), StoreError> {
    let known: Vec<i64> =
        run!(conn, "reading a company", |c| companies::table.filter(companies::no.eq(company.0)).select(companies::no).load(c))?;
    if known.is_empty() { Err(StoreError::NotFound("company")) } else { Ok(()) }
}

pub(super) fn settings(conn: &mut Conn, company: CompanyNo) -> Result<(Settings, i64), StoreError> {
    let found: Vec<(i64, String)> = run!(conn, "reading the settings", |c| settings::table
        .filter(settings::company.eq(company.0))
        .select((settings::version, settings::body))
        .load(c))?;
    match found.into_iter().next() {
        None => Ok((Settings::default(), 0)),
        Some((version, body)) => Ok((parsed(&body)?, version)),
    }
}

fn parsed<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Invalid(format!("A stored value cannot be read: {error}.")))
}

pub(super) fn presence_text(status: Presence) -> &'static str {
    match status {
        Presence::Online => "online",
        Presence::Away => "away",
        Presence::Offline => "offline",
    }
}

fn presence(text: &str) -> Presence {
    [Presence::Online, Presence::Away].into_iter().find(|status| presence_text(*status) == text).unwrap_or_default()
}

pub(super) fn company_view(conn: &mut Conn, company: CompanyNo) -> Result<Company, StoreError> {
    exists(conn, company)?;
    let (settings, _) = settings(conn, company)?;
    type AgentTuple = (String, String, String, String, String, i64);
    let people: Vec<AgentTuple> = run!(conn, "reading agents", |c| agents::table
        .filter(agents::company.eq(company.0))
        .order(agents::id.asc())
        .select((agents::id, agents::name, agents::email, agents::divisions, agents::status, agents::capacity))
        .load(c))?;
    let groups: Vec<(String, String, Option<String>)> = run!(conn, "reading divisions", |c| divisions::table
        .filter(divisions::company.eq(company.0))
        .order(divisions::id.asc())
        .select((divisions::id, divisions::name, divisions::hours))
        .load(c))?;
    let names: Vec<(String, String)> = run!(conn, "reading tags", |c| tags::table
        .filter(tags::company.eq(company.0))
        .select((tags::folded, tags::shown))
        .load(c))?;
    let crm: i64 =
        run!(conn, "reading a company", |c| crm_access::table.filter(crm_access::company.eq(company.0)).count().get_result(c))?;
    let channels: Vec<String> = run!(conn, "reading a company", |c| channel_access::table
        .filter(channel_access::company.eq(company.0))
        .select(channel_access::kind)
        .load(c))?;
    let agents = people
        .into_iter()
        .map(|(id, name, email, all, status, capacity)| {
            let (divisions, status) = (parsed(&all)?, presence(&status));
            Ok(Agent {
                id: AgentId::trusted(&id),
                name,
                email,
                divisions,
                status,
                capacity: u32::try_from(capacity).unwrap_or(0),
            })
        })
        .collect::<Result<_, StoreError>>()?;
    let division = |(id, name, hours): (String, String, Option<String>)| {
        let hours = hours.as_deref().map(parsed).transpose()?;
        Ok(Division { id: DivisionId::trusted(&id), name, hours })
    };
    let divisions = groups.into_iter().map(division).collect::<Result<_, StoreError>>()?;
    let withdrawn = withdrawn(conn, company)?;
    Ok(Company {
        no: company,
        settings,
        agents,
        divisions,
        tags: names.into_iter().map(|(folded, shown)| (folded.into(), shown.into())).collect(),
        files: files_to_send(conn, company)?.into(),
        sources: sources_to_send(conn, company)?.into(),
        published: in_force(conn, company, &withdrawn)?,
        withdrawn: withdrawn.into(),
        crm: crm > 0,
        channel: channels.first().and_then(|kind| ChannelKind::parse(kind)).unwrap_or_default(),
    })
}
