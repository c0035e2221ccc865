//! What AI agents may do, as rows: a draft each, and the revisions that were made of drafts. A revision is written once and never
//! changed; which one is in force stands beside its AI agent. Knows no call.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use diesel::prelude::*;

use super::conn::{Conn, run};
use super::directory::{Changed, Directory};
use super::open::now;
use super::queries::Queries;
use super::schema::{ai_agents, files as file_rows, revisions};
use super::url::StoreError;
use super::{file_sources as sources, files};
use crate::catalog::nearest::nearest;
use crate::catalog::tools::{self, BadDraft};
use crate::room::published::AllPublished;
use crate::room::source::SourceEntry;
use crate::room::{AiAgentId, CompanyNo, DraftTool, FileEntry, FileKey, Published, Timestamp, Tool};

/// An AI agent in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AiAgentRow {
    pub id: AiAgentId,
    pub created_at: Timestamp,
    /// `None`: nothing is published, it may call every action.
    pub revision: Option<i64>,
    pub published_at: Option<Timestamp>,
}

/// What is being prepared for an AI agent.
#[derive(Clone, Debug, PartialEq)]
pub struct DraftRow {
    /// `None`: nothing yet.
    pub tools: Option<Vec<DraftTool>>,
    /// Raised by every change; 0 before the first.
    pub version: i64,
    pub revision: Option<i64>,
}

/// A revision as it was published.
#[derive(Clone, Debug, PartialEq)]
pub struct RevisionRow {
    pub revision: i64,
    pub tools: Vec<Tool>,
    pub published_at: Timestamp,
    pub by: String,
    pub note: Option<String>,
    /// The revision it repeats.
    pub restored: Option<i64>,
}

/// What is to be published.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Publication {
    pub note: Option<String>,
    /// An earlier revision, as it was, instead of the draft.
    pub restores: Option<i64>,
    /// Only if the draft is at this version.
    pub draft_version: Option<i64>,
}

fn parsed<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Invalid(format!("Stored tools cannot be read: {error}.")))
}

fn written<T: serde::Serialize>(tools: &T) -> Result<String, StoreError> {
    serde_json::to_string(tools).map_err(|error| StoreError::Invalid(error.to_string()))
}

fn some(revision: i64) -> Option<i64> {
    (revision > 0).then_some(revision)
}

/// Draft, its version, and the revision in force.
type Standing = (Option<String>, i64, i64);

fn standing(conn: &mut Conn, company: CompanyNo, ai_agent: &AiAgentId) -> Result<Option<Standing>, StoreError> {
    let row = ai_agents::table.find((company.0, ai_agent.as_str()));
    let found: Vec<Standing> = run!(conn, "reading an AI agent", |c| row
        .select((ai_agents::draft, ai_agents::draft_version, ai_agents::revision))
        .load(c))?;
    Ok(found.into_iter().next())
}

type RevisionTuple = (i64, String, i64, String, Option<String>, Option<i64>);

/// Newest first, those before `before`.
fn list(
    conn: &mut Conn,
    company: CompanyNo,
    ai_agent: &AiAgentId,
    before: i64,
    limit: i64,
) -> Result<Vec<RevisionRow>, StoreError> {
    let found: Vec<RevisionTuple> = run!(conn, "reading revisions", |c| revisions::table
        .filter(revisions::company.eq(company.0))
        .filter(revisions::ai_agent.eq(ai_agent.as_str()))
        .filter(revisions::revision.lt(before))
        .order(revisions::revision.desc())
        .limit(limit)
        .select((
            revisions::revision,
            revisions::tools,
            revisions::published_at,
            revisions::by,
            revisions::note,
            revisions::restored,
        ))
        .load(c))?;
    let row = |(revision, tools, at, by, note, restored): RevisionTuple| {
        Ok(RevisionRow { revision, tools: parsed(&tools)?, published_at: Timestamp(at), by, note, restored })
    };
    found.into_iter().map(row).collect()
}

fn revision(conn: &mut Conn, company: CompanyNo, ai_agent: &AiAgentId, no: i64) -> Result<Option<RevisionRow>, StoreError> {
    let found = list(conn, company, ai_agent, no.saturating_add(1), 1)?;
    Ok(found.into_iter().find(|row| row.revision == no))
}

/// The revisions in force with their tools as they were published, by AI agent.
pub(super) fn current(conn: &mut Conn, company: CompanyNo) -> Result<Vec<(AiAgentId, RevisionRow)>, StoreError> {
    let of: Vec<(String, i64)> = run!(conn, "reading AI agents", |c| ai_agents::table
        .filter(ai_agents::company.eq(company.0))
        .filter(ai_agents::revision.gt(0))
        .order(ai_agents::id.asc())
        .select((ai_agents::id, ai_agents::revision))
        .load(c))?;
    let mut current = Vec::with_capacity(of.len());
    for (id, no) in of {
        let ai_agent = AiAgentId::trusted(&id);
        let row = revision(conn, company, &ai_agent, no)?;
        let lost = || StoreError::Invalid("A revision that is in force is missing.".into());
        current.push((ai_agent, row.ok_or_else(lost)?));
    }
    Ok(current)
}

/// What was archived since (`gone`) is offered to nobody, also not by who published it.
pub(super) fn in_force(conn: &mut Conn, company: CompanyNo, gone: &HashSet<Box<str>>) -> Result<AllPublished, StoreError> {
    let current = current(conn, company)?;
    if current.is_empty() {
        return Ok(AllPublished::default());
    }
    let offered = |mut tool: Tool| {
        tool.files = tool.files.iter().filter(|file| !gone.contains(file.key.as_str())).cloned().collect();
        tool.sources = tool.sources.iter().filter(|source| !gone.contains(source.key.as_str())).cloned().collect();
        tool
    };
    let published = |(ai_agent, row): (AiAgentId, RevisionRow)| {
        let tools = row.tools.into_iter().map(offered).collect();
        (ai_agent, Arc::new(Published { revision: row.revision, tools }))
    };
    Ok(Arc::new(current.into_iter().map(published).collect::<HashMap<_, _>>()))
}

/// A tool with its files in the versions that stand now. Each file is held until the end of the transaction, so that none is
/// deleted meanwhile.
fn pinned(conn: &mut Conn, company: CompanyNo, at: usize, draft: DraftTool) -> Result<Result<Tool, BadDraft>, StoreError> {
    let (mut stored, mut made): (Vec<FileEntry>, Vec<SourceEntry>) = (vec![], vec![]);
    let mut keys = draft.files;
    keys.sort_unstable();
    for key in keys {
        let Ok(key) = FileKey::new(&key) else { return unknown_file(conn, company, at, &key).map(Err) };
        let row = file_rows::table
            .filter(file_rows::company.eq(company.0))
            .filter(file_rows::key.eq(key.as_str()))
            .filter(file_rows::archived_at.is_null())
            .filter(file_rows::deleted_at.is_null());
        let held =
            run!(conn, "holding a file", |c| diesel::update(row).set(file_rows::version.eq(file_rows::version)).execute(c))?;
        let source = sources::find(conn, company, &key)?.filter(|row| row.archived_at.is_none());
        match (files::find(conn, company, &key)?.filter(|_| held > 0), source) {
            (Some(row), _) => stored.push(files::entry(row)),
            (None, Some(row)) => made.push(sources::entry(row)),
            (None, None) => return unknown_file(conn, company, at, key.as_str()).map(Err),
        }
    }
    let DraftTool { name, description, fixed, allowed, .. } = draft;
    let (files, sources) = (stored.into(), made.into());
    Ok(Ok(Tool { action: name, version: 0, description, fixed, allowed, files, sources }))
}

/// `Ok(Err(_))`: the first that cannot be.
fn all_pinned(conn: &mut Conn, company: CompanyNo, draft: Vec<DraftTool>) -> Result<Result<Vec<Tool>, BadDraft>, StoreError> {
    let mut made = Vec::with_capacity(draft.len());
    for (at, tool) in draft.into_iter().enumerate() {
        match pinned(conn, company, at, tool)? {
            Ok(tool) => made.push(tool),
            Err(bad) => return Ok(Err(bad)),
        }
    }
    Ok(Ok(made))
}

fn unknown_file(conn: &mut Conn, company: CompanyNo, at: usize, key: &str) -> Result<BadDraft, StoreError> {
    let (stored, made) = (files::files_to_send(conn, company)?, sources::sources_to_send(conn, company)?);
    let keys = stored.iter().map(|file| file.key.as_str()).chain(made.iter().map(|source| source.key.as_str()));
    let bad = BadDraft::at(format!("/actions/{at}/files"), "A file is not there, or archived. Nothing was published.");
    Ok(bad.with_candidates(nearest(key, keys, 5)))
}

/// A revision again, if all that it pinned is still there.
fn restored(conn: &mut Conn, company: CompanyNo, tools: &[Tool]) -> Result<Option<BadDraft>, StoreError> {
    for (at, tool) in tools.iter().enumerate() {
        let draft = DraftTool {
            name: tool.action.clone(),
            files: tool
                .files
                .iter()
                .map(|file| file.key.to_string())
                .chain(tool.sources.iter().map(|source| source.key.to_string()))
                .collect(),
            ..DraftTool::default()
        };
        if let Err(bad) = pinned(conn, company, at, draft)? {
            return Ok(Some(bad));
        }
    }
    Ok(None)
}

impl Directory {
    /// Puts a draft in place of the one before; makes the AI agent if it is missing. Answers the draft's new version. `Conflict`: it
    /// is no longer at `expected`. That it fits the catalog, the caller has seen to.
    pub async fn put_draft(
        &self,
        company: CompanyNo,
        ai_agent: &AiAgentId,
        draft: Vec<DraftTool>,
        expected: Option<i64>,
        by: &str,
    ) -> Result<i64, StoreError> {
        let ai_agent = ai_agent.clone();
        self.change(Some(company), by, move |conn| {
            run!(conn, "making an AI agent", |c| diesel::insert_into(ai_agents::table)
                .values((
                    ai_agents::company.eq(company.0),
                    ai_agents::id.eq(ai_agent.as_str()),
                    ai_agents::created_at.eq(now().0)
                ))
                .on_conflict_do_nothing()
                .execute(c))?;
            let (_, version, _) = standing(conn, company, &ai_agent)?.ok_or(StoreError::NotFound("AI agent"))?;
            let meanwhile = || StoreError::Conflict("Somebody else changed this draft.".into());
            if expected.is_some_and(|expected| expected != version) {
                return Err(meanwhile());
            }
            let text = written(&draft)?;
            let row = ai_agents::table
                .filter(ai_agents::company.eq(company.0))
                .filter(ai_agents::id.eq(ai_agent.as_str()))
                .filter(ai_agents::draft_version.eq(version));
            let done = run!(conn, "writing a draft", |c| diesel::update(row)
                .set((ai_agents::draft.eq(Some(&text)), ai_agents::draft_version.eq(version + 1)))
                .execute(c))?;
            if done == 0 {
                return Err(meanwhile());
            }
            Ok(Changed::new(company, format!("draft {} of the AI agent {ai_agent} written", version + 1), version + 1))
        })
        .await
    }

    /// Makes the next revision and puts it in force. `Ok(Err(_))`: the draft cannot be published as it is; nothing was done.
    /// `NotFound`: no such AI agent, or no such revision. `Conflict`: there is no draft, or somebody else was faster.
    pub async fn publish(
        &self,
        company: CompanyNo,
        ai_agent: &AiAgentId,
        publication: Publication,
        by: &str,
    ) -> Result<Result<RevisionRow, BadDraft>, StoreError> {
        let (ai_agent, who) = (ai_agent.clone(), by.to_owned());
        self.change(Some(company), by, move |conn| {
            let Publication { note, restores, draft_version } = publication;
            let (draft, version, latest) = standing(conn, company, &ai_agent)?.ok_or(StoreError::NotFound("AI agent"))?;
            if draft_version.is_some_and(|expected| expected != version) {
                return Err(StoreError::Conflict(format!("The draft is at version {version}.")));
            }
            let made = match restores {
                Some(no) => {
                    let tools = revision(conn, company, &ai_agent, no)?.ok_or(StoreError::NotFound("revision"))?.tools;
                    restored(conn, company, &tools)?.map_or(Ok(tools), Err)
                }
                None => {
                    let text = draft.ok_or_else(|| StoreError::Conflict("There is no draft to publish.".into()))?;
                    let draft: Vec<DraftTool> = parsed(&text)?;
                    // The catalog may be another than when it was written.
                    match tools::check(&draft) {
                        Err(bad) => Err(bad),
                        Ok(()) => all_pinned(conn, company, draft)?,
                    }
                }
            };
            let mut tools = match made {
                Ok(tools) => tools,
                Err(bad) => return Ok(Changed::nothing(Err(bad))),
            };
            let next = latest + 1;
            let before = revision(conn, company, &ai_agent, latest)?.map(|row| row.tools).unwrap_or_default();
            for tool in &mut tools {
                let same = before.iter().find(|old| old.is_as(tool));
                tool.version = same.map_or(next, |old| old.version);
            }
            let row = RevisionRow { revision: next, tools, published_at: now(), by: who, note, restored: restores };
            enforce(conn, company, &ai_agent, &row)?;
            Ok(Changed::new(company, format!("revision {next} of the AI agent {ai_agent} published"), Ok(row)))
        })
        .await
    }
}

/// Writes a revision and says that it is in force, if the one before it still is.
fn enforce(conn: &mut Conn, company: CompanyNo, ai_agent: &AiAgentId, row: &RevisionRow) -> Result<(), StoreError> {
    let meanwhile = || StoreError::Conflict("Somebody else published at the same time.".into());
    let text = written(&row.tools)?;
    let made = run!(conn, "writing a revision", |c| diesel::insert_into(revisions::table)
        .values((
            revisions::company.eq(company.0),
            revisions::ai_agent.eq(ai_agent.as_str()),
            revisions::revision.eq(row.revision),
            revisions::tools.eq(&text),
            revisions::published_at.eq(row.published_at.0),
            revisions::by.eq(&row.by),
            revisions::note.eq(row.note.as_deref()),
            revisions::restored.eq(row.restored),
        ))
        .on_conflict_do_nothing()
        .execute(c))?;
    let place = ai_agents::table
        .filter(ai_agents::company.eq(company.0))
        .filter(ai_agents::id.eq(ai_agent.as_str()))
        .filter(ai_agents::revision.eq(row.revision - 1));
    let done = run!(conn, "publishing", |c| diesel::update(place).set(ai_agents::revision.eq(row.revision)).execute(c))?;
    if made == 0 || done == 0 { Err(meanwhile()) } else { Ok(()) }
}

impl Queries {
    /// By id.
    pub async fn ai_agent_rows(&self, company: CompanyNo) -> Result<Vec<AiAgentRow>, StoreError> {
        self.ask(move |conn| {
            let found: Vec<(String, i64)> = run!(conn, "reading AI agents", |c| ai_agents::table
                .filter(ai_agents::company.eq(company.0))
                .order(ai_agents::id.asc())
                .select((ai_agents::id, ai_agents::created_at))
                .load(c))?;
            let current: HashMap<AiAgentId, RevisionRow> = current(conn, company)?.into_iter().collect();
            let row = |(id, at): (String, i64)| {
                let id = AiAgentId::trusted(&id);
                let in_force = current.get(&id);
                let (revision, published_at) = (in_force.map(|row| row.revision), in_force.map(|row| row.published_at));
                AiAgentRow { id, created_at: Timestamp(at), revision, published_at }
            };
            Ok(found.into_iter().map(row).collect())
        })
        .await
    }

    /// `None`: no such AI agent.
    pub async fn draft(&self, company: CompanyNo, ai_agent: &AiAgentId) -> Result<Option<DraftRow>, StoreError> {
        let ai_agent = ai_agent.clone();
        self.ask(move |conn| {
            let Some((draft, version, revision)) = standing(conn, company, &ai_agent)? else { return Ok(None) };
            let tools = draft.as_deref().map(parsed).transpose()?;
            Ok(Some(DraftRow { tools, version, revision: some(revision) }))
        })
        .await
    }

    /// Newest first, those before `before`.
    pub async fn revisions(
        &self,
        company: CompanyNo,
        ai_agent: &AiAgentId,
        before: i64,
        limit: i64,
    ) -> Result<Vec<RevisionRow>, StoreError> {
        let ai_agent = ai_agent.clone();
        self.ask(move |conn| list(conn, company, &ai_agent, before, limit)).await
    }
}
