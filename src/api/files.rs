//! The library at the door: files that builders add, and everybody on the staff may look at. Bytes go out only as a download,
//! never as something a browser would show.

use actix_web::HttpResponseBuilder;
use actix_web::body::SizedStream;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, Charset, ContentDisposition, DispositionParam, DispositionType, ETAG,
    ExtendedValue, LOCATION, X_CONTENT_TYPE_OPTIONS,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::library::{Kept, Place};
use crate::room::FileKey;
use crate::room::channel_limits::{Channel, fits};
use crate::store::{Deleted, FileChange, FileRow, FileVersionRow, Must, NewBytes, StoreError};

use super::page::Turn;
use super::problem::{self, Kind, Problem};
use super::view::iso;
use super::visit::{Answer, Visit};
use super::{answer, people, strict, upload};

/// Query parameters of the list: `archived=true` shows those too.
pub const FILTERS: &[&str] = &["limit", "cursor", "archived"];
/// Largest body that changes what is said about a file.
const MAX_BODY: usize = 16 * 1024;

/// A file, as it stands now.
#[derive(Serialize, ToSchema)]
pub struct FileView {
    pub key: String,
    /// What it is for: an AI agent chooses by it.
    pub description: String,
    /// Whether AI agents may send it.
    pub for_agents: bool,
    pub created_at: String,
    /// Since when it is offered to nobody.
    pub archived_at: Option<String>,
    #[serde(flatten)]
    pub current: FileVersionView,
    /// Channels that take it as it is.
    pub channels: Vec<&'static str>,
    /// What became of the place the picture was made at, in answers to an upload: none or removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<&'static str>,
}

/// One version. It never changes.
#[derive(Serialize, ToSchema)]
pub struct FileVersionView {
    pub version: i64,
    pub sha256: String,
    /// In bytes.
    pub size: u64,
    /// Told by its bytes.
    pub mime: &'static str,
    /// image, video, audio or document.
    pub kind: &'static str,
    pub filename: String,
    pub uploaded_at: String,
    pub uploaded_by: String,
}

/// A file with its versions, newest first.
#[derive(Serialize, ToSchema)]
pub struct FileDetail {
    #[serde(flatten)]
    pub file: FileView,
    /// At most 100.
    pub versions: Vec<FileVersionView>,
    /// Published tools that send it.
    pub used_by: Vec<FileUserView>,
}

/// An AI agent whose published tools send a file.
#[derive(Serialize, ToSchema)]
pub struct FileUserView {
    pub ai_agent: String,
    /// The version it sends, until it is published anew.
    pub version: i64,
}

/// The parts of an upload.
#[derive(ToSchema)]
#[allow(dead_code, reason = "only its schema is used: upload.rs reads the parts")]
pub struct FileForm {
    /// 1 to 64 of A-Z a-z 0-9 . _ -; in a PUT it stands in the address.
    key: Option<String>,
    /// At most 1,000 bytes.
    description: Option<String>,
    /// true unless said.
    for_agents: Option<bool>,
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

/// What is to change; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FilePatch {
    /// At most 1,000 bytes.
    description: Option<String>,
    for_agents: Option<bool>,
}

fn version_view(row: FileVersionRow) -> FileVersionView {
    FileVersionView {
        version: row.version,
        sha256: row.sha256,
        size: row.size,
        mime: row.format.mime(),
        kind: row.format.kind().as_str(),
        filename: row.filename,
        uploaded_at: iso(row.uploaded_at),
        uploaded_by: row.by,
    }
}

fn view(row: FileRow) -> FileView {
    let (format, size) = (row.current.format, row.current.size);
    let taking = Channel::ALL.into_iter().filter(|channel| fits(*channel, format, size).is_ok());
    FileView {
        key: row.key.to_string(),
        description: row.description,
        for_agents: row.for_agents,
        created_at: iso(row.created_at),
        archived_at: row.archived_at.map(iso),
        channels: taking.map(Channel::as_str).collect(),
        current: version_view(row.current),
        location: None,
    }
}

/// What cannot be a key is a file that does not exist.
fn key(visit: &Visit) -> Result<FileKey, Problem> {
    visit.segment("file_key").and_then(|text| FileKey::new(&text).ok()).ok_or_else(Problem::not_found)
}

pub async fn list(visit: Visit) -> Answer {
    let archived = match visit.query("archived") {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(Problem::new(Kind::InvalidParameter, "archived is true or false.")),
    };
    let turn = Turn::of(&visit, "files", &["archived"])?;
    let after = turn.after.clone().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    let rows = visit.api.queries.files(visit.key.company, archived, &after, turn.ask()).await?;
    Ok(answer::json(problem::OK, &turn.page(rows, |row| row.key.as_str().as_bytes().to_vec(), view)))
}

pub async fn get(visit: Visit) -> Answer {
    let (company, key) = (visit.key.company, key(&visit)?);
    let row = visit.api.queries.file(company, &key).await?.ok_or_else(Problem::not_found)?;
    let versions = visit.api.queries.file_versions(company, &key).await?;
    let users = visit.api.queries.file_users(company, &key).await?;
    let used_by = users.into_iter().map(|(ai_agent, version)| FileUserView { ai_agent: ai_agent.to_string(), version });
    let versions = versions.into_iter().map(version_view).collect();
    let detail = FileDetail { file: view(row), versions, used_by: used_by.collect() };
    Ok(answer::json(problem::OK, &detail))
}

pub async fn post(mut visit: Visit) -> Answer {
    let parts = visit.parts();
    let came = upload::read(parts, (&visit.api.library, visit.key.company)).await?;
    match free_key(&visit, &came).await {
        Ok(key) => save(&visit, key, came, Must::BeNew).await,
        Err(problem) => Err(came.refused(problem).await),
    }
}

/// The key of a file that is to be new. Asked before the bytes get their address: under a key that is taken they need none.
async fn free_key(visit: &Visit, came: &upload::Upload) -> Result<FileKey, Problem> {
    let needed = |part: &str| Problem::field(Kind::MissingField, format!("/{part}"), format!("The part {part} is needed."));
    let text = came.key.as_ref().ok_or_else(|| needed("key"))?;
    let key = FileKey::new(text).map_err(|_| strict::bad("/key", "A key is 1 to 64 of A-Z a-z 0-9 . _ -"))?;
    if came.file.is_none() {
        return Err(needed("file"));
    }
    match visit.api.queries.file(visit.key.company, &key).await? {
        Some(_) => Err(taken()),
        None => Ok(key),
    }
}

fn taken() -> Problem {
    Problem::new(Kind::Conflict, "There already is a file with this key; PUT a new version of it.")
}

/// Parts are a new version; JSON changes what is said about the file.
pub async fn put(mut visit: Visit) -> Answer {
    let key = key(&visit)?;
    let kind = visit.http.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !kind.trim_start().to_ascii_lowercase().starts_with("multipart/") {
        let FilePatch { description, for_agents } = visit.json(MAX_BODY).await?;
        description.as_deref().map_or(Ok(()), upload::described)?;
        let came = upload::Upload { description, for_agents, ..upload::Upload::default() };
        return save(&visit, key, came, Must::Exist).await;
    }
    let parts = visit.parts();
    let came = upload::read(parts, (&visit.api.library, visit.key.company)).await?;
    if came.key.as_deref().is_some_and(|text| text != key.as_str()) {
        return Err(came.refused(strict::bad("/key", "The part contradicts the address.")).await);
    }
    let must = if came.file.is_some() { Must::Either } else { Must::Exist };
    save(&visit, key, came, must).await
}

async fn save(visit: &Visit, key: FileKey, came: upload::Upload, must: Must) -> Answer {
    let company = visit.key.company;
    let (mut bytes, mut place) = (None, None);
    if let Some(file) = came.file {
        if let Err(error) = visit.api.directory.bytes_come(company, file.sha256()).await {
            file.discard().await;
            return Err(error.into());
        }
        let Kept { sha256, size, format, filename, place: made_at } = file.keep(company, key.as_str()).await?;
        (bytes, place) = (Some(NewBytes { sha256, size, format, filename }), Some(made_at));
    }
    let change = FileChange { bytes, description: came.description, for_agents: came.for_agents };
    let (row, created) = match visit.api.directory.put_file(company, &key, change, must, &visit.by()).await {
        Err(StoreError::Conflict(_)) if must == Must::BeNew => return Err(taken()),
        other => other?,
    };
    visit.api.directory_changed(company).await;
    let mut view = view(row);
    view.location = place.map(Place::as_str);
    let mut response = answer::json(if created { problem::CREATED } else { problem::OK }, &view);
    if created && let Ok(location) = format!("/v1/files/{key}").parse() {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

pub async fn archive(visit: Visit) -> Answer {
    let row = visit.api.directory.archive_file(visit.key.company, &key(&visit)?, &visit.by()).await?;
    visit.api.directory_changed(visit.key.company).await;
    Ok(answer::json(problem::OK, &view(row)))
}

pub async fn delete(visit: Visit) -> Answer {
    let deleted = visit.api.directory.delete_file(visit.key.company, &key(&visit)?, &visit.by()).await?;
    if let Deleted::InUse(ai_agents) = deleted {
        return Err(Problem::file_in_use(&ai_agents));
    }
    people::gone(&visit, true).await
}

/// That a browser keeps the file under its name and shows nothing of it by itself.
pub(super) fn disposition(filename: &str) -> ContentDisposition {
    let name = DispositionParam::FilenameExt(ExtendedValue {
        charset: Charset::Ext("UTF-8".into()),
        language_tag: None,
        value: filename.as_bytes().to_vec(),
    });
    ContentDisposition { disposition: DispositionType::Attachment, parameters: vec![name] }
}

pub async fn content(visit: Visit) -> Answer {
    let (company, key) = (visit.key.company, key(&visit)?);
    let row = match visit.query("version") {
        None => visit.api.queries.file(company, &key).await?.map(|row| row.current),
        Some(text) => {
            let bad = |_| Problem::new(Kind::InvalidParameter, "version is a whole number.");
            visit.api.queries.file_version(company, &key, text.parse().map_err(bad)?).await?
        }
    };
    let row = row.ok_or_else(Problem::not_found)?;
    let Some(pieces) = visit.api.library.read(company, &row.sha256, row.size).await? else {
        tracing::error!(event = "library.lost", file = %key, version = row.version, "the bytes of a file are not where they were kept");
        return Err(Problem::new(Kind::StorageUnavailable, "The bytes of this file are not here now."));
    };
    let mut response = HttpResponseBuilder::new(problem::OK);
    response
        .insert_header((CONTENT_TYPE, row.format.mime()))
        .insert_header((CONTENT_DISPOSITION, disposition(&row.filename)))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((CACHE_CONTROL, "private, no-store"))
        .insert_header((ETAG, format!("\"{}\"", row.sha256)));
    Ok(response.body(SizedStream::new(row.size, pieces)))
}
