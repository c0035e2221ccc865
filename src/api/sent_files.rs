//! Files that were sent, by their links: what a customer's browser loads, without a key. A link that is over, was changed, was
//! revoked, or leads to an archived file is answered like an address that was never there.

use actix_web::body::SizedStream;
use actix_web::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_RANGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    X_CONTENT_TYPE_OPTIONS,
};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponseBuilder};
use serde::Serialize;
use utoipa::ToSchema;

use crate::library::{Links, SentAt};
use crate::room::source::BY_ADDRESS;
use crate::room::{CallStatus, CompanyNo, Fact, FileKey, RoomId, Timestamp};
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

/// Whose event it is, and the link that leads to its file; `None` for every other event.
pub fn link(links: &Links, company: CompanyNo, event: &StoredEvent, now: Timestamp) -> Option<LinkView> {
    if event.kind != SENT {
        return None;
    }
    let link = links.make(&SentAt { company, room: event.room.clone(), seq: event.seq }, now);
    Some(LinkView { url: link.url, expires_at: iso(link.expires_at) })
}

/// The same for a list of one room's events: a revoked link is not shown.
pub async fn shown(
    api: &Api,
    company: CompanyNo,
    room: &RoomId,
    events: &[StoredEvent],
) -> Result<Vec<Option<LinkView>>, Problem> {
    if events.iter().all(|event| event.kind != SENT) {
        return Ok(events.iter().map(|_| None).collect());
    }
    let (revoked, now) = (api.queries.revoked_links(company, room).await?, api.clock.now());
    let links = events.iter().map(|event| link(&api.links, company, event, now).filter(|_| !revoked.contains(&event.cause)));
    Ok(links.collect())
}

/// What a link leads to, if it still does.
async fn behind(api: &Api, secret: &str) -> Result<(SentAt, std::sync::Arc<crate::room::SentFile>), Problem> {
    let at = api.links.read(secret, api.clock.now()).ok_or_else(Problem::not_found)?;
    let events = api.queries.timeline(at.company, &at.room, at.seq - 1, 1).await?.unwrap_or_default();
    let event = events.into_iter().find(|event| event.seq == at.seq).ok_or_else(Problem::not_found)?;
    let Ok(Fact::AttachmentSent { call_id, file, .. }) = serde_json::from_str(&event.payload) else {
        return Err(Problem::not_found());
    };
    if api.queries.revoked_links(at.company, &at.room).await?.contains(call_id.as_str()) {
        return Err(Problem::not_found());
    }
    if stands(api, at.company, &file.attachment).await? { Ok((at, file)) } else { Err(Problem::not_found()) }
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
    let (at, file) = behind(&api, http.match_info().get("secret").unwrap_or_default()).await?;
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
        None => api.library.read(at.company, &file.sha256).await?,
        Some(part) => api.library.read_part(at.company, &file.sha256, part.clone()).await?,
    };
    let Some(pieces) = found else {
        tracing::error!(event = "library.lost", sha256 = file.sha256, "the bytes of a file that was sent are not in its folder");
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
    if row.call.name != "send_attachment" || row.status != CallStatus::Succeeded {
        return Err(Problem::new(Kind::Conflict, "This function-call sent no file."));
    }
    let call_id = row.call.call_id;
    let changed = visit.api.directory.revoke_links(visit.key.company, &row.room, &call_id, &visit.by()).await?;
    Ok(answer::json(problem::OK, &RevokedView { call_id: call_id.to_string(), changed }))
}
