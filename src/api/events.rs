//! `GET /v1/events`: the live feed, as server-sent events. An event's id is its position in the journal, so a reader resumes
//! where it was. Must never hold more than one read's worth of events for a slow reader, nor outlive its key.

use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpResponseBuilder;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::{Bytes, Data};
use futures_util::Stream;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::store::StoredEvent;

use super::auth::Key;
use super::problem::{self, Kind, Problem};
use super::sent_files::{self, LinkView};
use super::state::{Api, StreamPlace, Streams};
use super::view;
use super::visit::{Answer, Visit};

/// Query parameters of the feed.
pub const FILTERS: &[&str] = &["cursor"];
/// Events of one read.
const BATCH: i64 = 200;
/// A silent feed says something this often, so that nobody in between closes it.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How soon a feed notices that its key was revoked or that the server drains.
const LOOK: Duration = Duration::from_millis(500);

struct Feed {
    api: Data<Api>,
    key: Arc<Key>,
    position: i64,
    newest: watch::Receiver<i64>,
    greeted: bool,
    last_written: Instant,
    _place: StreamPlace,
}

pub async fn stream(visit: Visit) -> Answer {
    let newest = visit.api.last_position.clone();
    let now = *newest.borrow();
    let position = match start(&visit)? {
        // A position that is still to come was never told by us.
        Some(position) if position > now => return Err(bad_position()),
        Some(position) => position,
        None => now,
    };
    let place = visit.api.streams.enter(visit.key.company).ok_or_else(|| {
        let detail = format!("{} feeds may be open for a company, {} in all.", Streams::MAX_PER_COMPANY, Streams::MAX);
        Problem::new(Kind::TooManyStreams, detail)
    })?;
    let feed =
        Feed { api: visit.api, key: visit.key, position, newest, greeted: false, last_written: Instant::now(), _place: place };
    Ok(HttpResponseBuilder::new(problem::OK)
        .insert_header((CONTENT_TYPE, "text/event-stream"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header(("x-accel-buffering", "no"))
        .streaming(frames(feed)))
}

/// Where to go on: the header that browsers send by themselves, or the parameter.
fn start(visit: &Visit) -> Result<Option<i64>, Problem> {
    let header = match visit.http.headers().get("last-event-id") {
        Some(value) => Some(value.to_str().map_err(|_| bad_position())?),
        None => None,
    };
    header.or(visit.query("cursor")).filter(|text| !text.is_empty()).map(position).transpose()
}

fn position(text: &str) -> Result<i64, Problem> {
    match text.parse() {
        Ok(position) if text.bytes().all(|b| b.is_ascii_digit()) => Ok(position),
        _ => Err(bad_position()),
    }
}

fn bad_position() -> Problem {
    Problem::new(Kind::InvalidParameter, "Last-Event-ID or cursor must be the id of an event of this feed.")
}

fn frames(feed: Feed) -> impl Stream<Item = Result<Bytes, std::convert::Infallible>> {
    futures_util::stream::unfold(feed, |mut feed| async move {
        let frame = feed.next().await?;
        feed.last_written = Instant::now();
        Some((Ok(Bytes::from(frame)), feed))
    })
}

impl Feed {
    /// What is to be written next. `None`: the feed ends.
    async fn next(&mut self) -> Option<String> {
        if !self.greeted {
            self.greeted = true;
            return Some("retry: 3000\n: bellhop\n\n".into());
        }
        loop {
            if !self.api.is_ready() || !self.api.key_ring.is_live(&self.key) {
                return None;
            }
            // Marked as seen before the read: what comes during it wakes us again.
            let newest = *self.newest.borrow_and_update();
            if newest > self.position {
                // A reader whose feed breaks here comes back with its last id.
                let (events, read_to) = self.api.queries.events_after(self.key.company, self.position, BATCH).await.ok()?;
                let moved = read_to > self.position;
                self.position = read_to.max(self.position);
                if !events.is_empty() {
                    let links = sent_files::shown(&self.api, self.key.company, &events).await.ok()?;
                    return Some(events.iter().zip(links).filter_map(|(event, link)| frame(event, link)).collect());
                }
                if moved {
                    continue;
                }
            }
            if self.last_written.elapsed() >= KEEP_ALIVE {
                return Some(": keep-alive\n\n".into());
            }
            if let Ok(Err(_)) = tokio::time::timeout(LOOK, self.newest.changed()).await {
                // The store is closed.
                return None;
            }
        }
    }
}

fn frame(event: &StoredEvent, link: Option<LinkView>) -> Option<String> {
    let data = view::event(event, true, link)?;
    Some(format!("id: {}\nevent: {}\ndata: {}\n\n", event.position, event.kind, data.get()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::{RoomId, Timestamp};

    #[test]
    fn positions_are_plain_numbers() {
        assert_eq!(position("17").unwrap(), 17);
        for bad in ["", "-1", "+1", "1e3", "99999999999999999999", "abc"] {
            assert!(position(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_frame_is_three_lines_whatever_the_customer_wrote() {
        let event = StoredEvent {
            position: 7,
            room: RoomId::trusted("r1"),
            seq: 1,
            at: Timestamp(0),
            kind: "message_received".into(),
            by: "customer".into(),
            cause_kind: "message".into(),
            cause: "m1".into(),
            payload: r#"{"type":"message_received","text":"a\n\nid: 9"}"#.into(),
        };
        let written = frame(&event, None).unwrap();
        assert!(written.starts_with("id: 7\nevent: message_received\ndata: {"));
        assert_eq!(written.trim_end().lines().count(), 3);
        assert!(written.ends_with("}\n\n"));
    }
}
