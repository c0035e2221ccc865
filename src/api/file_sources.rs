//! Files that are made on request: addresses that builders fix, from which AI agents may have a file fetched by its key.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::room::FileKey;
use crate::room::source::places;
use crate::store::{FileSourceRow, NewSource};

use super::page::Turn;
use super::problem::{self, Problem};
use super::view::iso;
use super::visit::{Answer, Visit};
use super::{answer, strict, upload};

const MAX_BODY: usize = 16 * 1024;

/// A file that is made on request.
#[derive(Serialize, ToSchema)]
pub struct FileSourceView {
    pub key: String,
    /// The address, with its places in braces.
    pub url: String,
    /// What has to be said for it: the names of its places.
    pub parameters: Vec<String>,
    pub description: String,
    pub for_agents: bool,
    pub filename: Option<String>,
    pub created_at: String,
    /// Since when it is offered to nobody.
    pub archived_at: Option<String>,
}

/// Where a file comes from.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FileSourceBody {
    /// https, with `{names}` where values go: in the path and the query only. At most 2,048 bytes.
    url: String,
    /// What it is for: an AI agent chooses by it. At most 1,000 bytes.
    #[serde(default)]
    description: String,
    /// true unless said.
    for_agents: Option<bool>,
    /// As the customer sees it; else as the address ends. At most 200 bytes.
    filename: Option<String>,
}

fn view(row: FileSourceRow) -> FileSourceView {
    FileSourceView {
        key: row.key.to_string(),
        parameters: places(&row.template).unwrap_or_default(),
        url: row.template,
        description: row.description,
        for_agents: row.for_agents,
        filename: row.filename,
        created_at: iso(row.created_at),
        archived_at: row.archived_at.map(iso),
    }
}

/// What cannot be a key is a file that does not exist.
fn key(visit: &Visit) -> Result<FileKey, Problem> {
    visit.segment("file_key").and_then(|text| FileKey::new(&text).ok()).ok_or_else(Problem::not_found)
}

pub async fn list(visit: Visit) -> Answer {
    let turn = Turn::of(&visit, "file-sources", &[])?;
    let after = turn.after.clone().unwrap_or_default();
    let rows = visit.api.queries.file_sources(visit.key.company).await?;
    let rest = rows.into_iter().filter(|row| row.key.as_str().as_bytes() > after.as_slice()).collect();
    Ok(answer::json(problem::OK, &turn.page(rest, |row| row.key.as_str().as_bytes().to_vec(), view)))
}

pub async fn get(visit: Visit) -> Answer {
    let row = visit.api.queries.file_source(visit.key.company, &key(&visit)?).await?.ok_or_else(Problem::not_found)?;
    Ok(answer::json(problem::OK, &view(row)))
}

pub async fn put(mut visit: Visit) -> Answer {
    let key = visit.segment("file_key").and_then(|text| FileKey::new(&text).ok());
    let key = key.ok_or_else(|| strict::bad("/key", "A key is 1 to 64 of A-Z a-z 0-9 . _ -"))?;
    let body: FileSourceBody = visit.json(MAX_BODY).await?;
    upload::described(&body.description)?;
    places(&body.url).map_err(|why| strict::bad("/url", format!("The address {why}.")))?;
    // A place is judged as a letter: it may fill what no letter can change.
    let filled = body.url.replace(['{', '}'], "");
    (visit.api.fetchable)(&filled).map_err(|why| strict::bad("/url", format!("Nothing is fetched from there: {why}.")))?;
    if let Some(filename) = &body.filename {
        strict::line("/filename", filename, 200)?;
    }
    let (template, filename) = (body.url, body.filename);
    let new = NewSource { description: body.description, for_agents: body.for_agents.unwrap_or(true), template, filename };
    let (row, created) = visit.api.directory.put_file_source(visit.key.company, &key, new, &visit.by()).await?;
    visit.api.directory_changed(visit.key.company).await;
    Ok(answer::json(if created { problem::CREATED } else { problem::OK }, &view(row)))
}

pub async fn archive(visit: Visit) -> Answer {
    let row = visit.api.directory.archive_file_source(visit.key.company, &key(&visit)?, &visit.by()).await?;
    visit.api.directory_changed(visit.key.company).await;
    Ok(answer::json(problem::OK, &view(row)))
}
