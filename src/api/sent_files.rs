//! Files that were sent, by their links: what a customer's browser loads, without a key. A link that is over, was changed, was
//! revoked, or leads to an archived file is answered like an address that was never there.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use actix_web::body::SizedStream;
use actix_web::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_RANGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    X_CONTENT_TYPE_OPTIONS,
};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponseBuilder};
use serde::Serialize;
use utoipa::ToSchema;

use crate::library::{LeadsTo, Offered, SentAt};
use crate::room::source::BY_ADDRESS;
use crate::room::{CallId, CallStatus, CompanyNo, Fact, FileKey, RoomId, SentFile};
use crate::store::StoredEvent;

use super::problem::{self, Kind, Problem};
use super::range::{Wanted, wanted};
use super::state::Api;
use super::view::iso;
use super::visit::{Answer, Visit};
use super::{answer, call_reads, files};

/// The type of the event a link leads to.
const SENT: &str = "attachment_sent";

/// Where a file that was sent can be read, for a while: made anew each time it is shown.
#[derive(Serialize, ToSchema)]
pub struct LinkView {
    /// Begins with `/` where the server was not told its public address.
    pub url: String,
    pub expires_at: String,
}

/// What an event says was sent, and by which call; `None` for every other event.
fn sent(event: &StoredEvent) -> Option<(CallId, Arc<SentFile>)> {
    if event.kind != SENT {
        return None;
    }
    match serde_json::from_str(&event.payload) {
        Ok(Fact::AttachmentSent { call_id, file, .. }) => Some((call_id, file)),
        _ => None,
    }
}

/// The links that lead to what these events of one company say was sent, for each of them. One that would open nothing is not
/// shown.
pub async fn shown(api: &Api, company: CompanyNo, events: &[StoredEvent]) -> Result<Vec<Option<LinkView>>, Problem> {
    let now = api.clock.now();
    let mut revoked: HashMap<&RoomId, HashSet<String>> = HashMap::new();
    let mut standing: HashMap<String, bool> = HashMap::new();
    // What was fetched goes after a time; what is in the library stays.
    let fetched = events.iter().filter_map(sent).filter(|(_, file)| file.version == 0);
    let fetched: HashSet<String> = fetched.map(|(_, file)| file.sha256.clone()).collect();
    let gone = api.library.gone(company, fetched.iter().map(String::as_str)).await;
    let mut links = Vec::with_capacity(events.len());
    for event in events {
        let Some((call_id, file)) = sent(event) else {
            links.push(None);
            continue;
        };
        if !revoked.contains_key(&event.room) {
            revoked.insert(&event.room, api.queries.revoked_links(company, &event.room).await?);
        }
        if !standing.contains_key(&file.attachment) {
            standing.insert(file.attachment.clone(), stands(api, company, &file.attachment).await?);
        }
        let is_revoked = revoked.get(&event.room).is_some_and(|calls| calls.contains(call_id.as_str()));
        let lies_here = file.version > 0 || !gone.contains(&file.sha256);
        let opens = lies_here && standing.get(&file.attachment) == Some(&true) && !is_revoked;
        links.push(opens.then(|| {
            let link = api.links.make(&SentAt { company, room: event.room.clone(), seq: event.seq }, now);
            LinkView { url: link.url, expires_at: iso(link.expires_at) }
        }));
    }
    Ok(links)
}

/// A file that somebody holds a link to.
struct Behind {
    company: CompanyNo,
    sha256: String,
    size: u64,
    mime: String,
    filename: String,
    /// Its bytes may have been removed since.
    fetched: bool,
}

/// What a link leads to, if it still does.
async fn behind(api: &Api, secret: &str) -> Result<Behind, Problem> {
    match api.links.read(secret, api.clock.now()).ok_or_else(Problem::not_found)? {
        LeadsTo::Event(at) => behind_event(api, &at).await,
        LeadsTo::Version(offered) => behind_version(api, &offered).await,
    }
}

async fn behind_event(api: &Api, at: &SentAt) -> Result<Behind, Problem> {
    let events = api.queries.timeline(at.company, &at.room, at.seq - 1, 1).await?.unwrap_or_default();
    let event = events.into_iter().find(|event| event.seq == at.seq).ok_or_else(Problem::not_found)?;
    let (call_id, file) = sent(&event).ok_or_else(Problem::not_found)?;
    opens(api, at.company, &at.room, &call_id, &file.attachment).await?;
    let SentFile { sha256, size, mime, filename, version, .. } = SentFile::clone(&file);
    Ok(Behind { company: at.company, sha256, size, mime, filename, fetched: version == 0 })
}

async fn behind_version(api: &Api, offered: &Offered) -> Result<Behind, Problem> {
    let Offered { company, room, call_id, key, version } = offered;
    opens(api, *company, room, call_id, key.as_str()).await?;
    let row = api.queries.file_version(*company, key, *version).await?.ok_or_else(Problem::not_found)?;
    let mime = row.format.mime().to_owned();
    Ok(Behind { company: *company, sha256: row.sha256, size: row.size, mime, filename: row.filename, fetched: false })
}

/// Neither the link nor the file was taken back.
async fn opens(api: &Api, company: CompanyNo, room: &RoomId, call_id: &CallId, attachment: &str) -> Result<(), Problem> {
    let is_revoked = api.queries.revoked_links(company, room).await?.contains(call_id.as_str());
    if is_revoked || !stands(api, company, attachment).await? { Err(Problem::not_found()) } else { Ok(()) }
}

/// Whether what is called so is offered still. What was named by its address alone has no name to archive.
async fn stands(api: &Api, company: CompanyNo, attachment: &str) -> Result<bool, Problem> {
    let Ok(key) = FileKey::new(attachment) else { return Ok(attachment == BY_ADDRESS) };
    if let Some(row) = api.queries.file(company, &key).await? {
        return Ok(row.archived_at.is_none());
    }
    Ok(api.queries.file_source(company, &key).await?.is_some_and(|row| row.archived_at.is_none()))
}

pub async fn get(api: Data<Api>, http: HttpRequest) -> Answer {
    let file = behind(&api, http.match_info().get("secret").unwrap_or_default()).await?;
    let etag = format!("\"{}\"", file.sha256);
    let part = match wanted(http.headers(), file.size, &etag) {
        Wanted::Whole => None,
        Wanted::Part(part) => Some(part),
        Wanted::Nothing => {
            let none = (CONTENT_RANGE, format!("bytes */{}", file.size));
            return Ok(HttpResponseBuilder::new(problem::RANGE_NOT_SATISFIABLE).insert_header(none).finish());
        }
    };
    let found = match &part {
        None => api.library.read(file.company, &file.sha256, file.size).await?,
        Some(part) => api.library.read_part(file.company, &file.sha256, part.clone()).await?,
    };
    let Some(pieces) = found else {
        if file.fetched {
            return Err(Problem::not_found());
        }
        tracing::error!(
            event = "library.lost",
            sha256 = file.sha256,
            "the bytes of a file that was sent are not where they were kept"
        );
        return Err(Problem::new(Kind::StorageUnavailable, "The bytes of this file are not here now."));
    };
    let mut response = HttpResponseBuilder::new(if part.is_some() { problem::PARTIAL_CONTENT } else { problem::OK });
    response
        .insert_header((CONTENT_TYPE, file.mime.as_str()))
        .insert_header((CONTENT_DISPOSITION, files::disposition(&file.filename)))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"))
        .insert_header((CACHE_CONTROL, "private, no-store"))
        .insert_header((ACCEPT_RANGES, "bytes"))
        .insert_header((ETAG, etag));
    let length = match part {
        None => file.size,
        Some(part) => {
            response.insert_header((CONTENT_RANGE, format!("bytes {}-{}/{}", part.start, part.end - 1, file.size)));
            part.end - part.start
        }
    };
    Ok(response.body(SizedStream::new(length, pieces)))
}

/// The file this call sent is read by no link any more.
#[derive(Serialize, ToSchema)]
pub struct RevokedView {
    call_id: String,
    /// False: it was so already.
    changed: bool,
}

pub async fn revoke(visit: Visit) -> Answer {
    let row = call_reads::find(&visit).await?;
    // Of one that is unresolved the customer may have the link.
    if row.call.name != "send_attachment" || !matches!(row.status, CallStatus::Succeeded | CallStatus::Unresolved) {
        return Err(Problem::new(Kind::Conflict, "This function-call sent no file."));
    }
    let call_id = row.call.call_id;
    let changed = visit.api.directory.revoke_links(visit.key.company, &row.room, &call_id, &visit.by()).await?;
    Ok(answer::json(problem::OK, &RevokedView { call_id: call_id.to_string(), changed }))
}
