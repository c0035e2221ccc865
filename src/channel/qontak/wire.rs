//! Sends requests in the company's dialect and sorts what comes back: reads here, with a few repeats; writes are `send`'s. Every
//! request takes a slot of its own. Nothing here puts a token, a URL or a body into a log or an error.

use std::time::Duration;

use serde_json::Value;

use crate::actors::outside::Secret;
use crate::outbound::{
    Ask, Body, CREDENTIALS_MS, Class, Credentials, Door, Inner, Outcome, Reply, Request, Step, Stop, attempt_timeout, backoff_at,
    sort,
};
use crate::room::CompanyNo;

use super::QontakChannel;
use super::doors;
use super::envelope;
use super::session::Session;

/// A read that brought nothing is repeated so often.
const READ_REPEATS: u32 = 3;
/// A longer wait than this is the lane's, not ours.
const LONGEST_WAIT_MS: i64 = 2_000;
/// Rows of a page, and pages that are read of one list before it is given up.
const PER_PAGE: usize = 100;
const PAGES: usize = 30;

/// What a read came to.
#[derive(Debug)]
pub enum Reading {
    /// Its `data`; of a list also how many rows there are in all, if it says so.
    Found { data: Value, total: Option<usize> },
    /// 404, 422, …: asked again it would say the same.
    Refused { status: u16 },
}

impl QontakChannel {
    /// Reads `path` (with its query, from the mount on). `fits`: what the answer's `data` must be to count.
    pub(super) async fn read(&self, company: CompanyNo, path: &str, fits: fn(&Value) -> bool) -> Step<Reading> {
        let (mut repeats, at) = (0, (Class::Read, doors::of_read(path)));
        loop {
            let session = self.session(company).await?;
            let slot = self.outbound.slot_at(company, &session.api.host, at, Ask::of(repeats)).await;
            let request = self.request(&session, &session.credentials, "GET", path, None);
            let reply = self.outbound.send(slot, request).await;
            self.hear_inside(company, &session, at, &reply);
            let (after_ms, why) = match sort(reply, false, |body| envelope::judged(body, fits)) {
                Outcome::Success { body } => match envelope::data(&body) {
                    Ok(data) => return Ok(Reading::Found { data, total: envelope::total(&body) }),
                    Err(_) => (None, "an answer cannot be read".to_owned()),
                },
                Outcome::Refused { status, .. } => return Ok(Reading::Refused { status }),
                Outcome::Credentials { status } => {
                    return Err(Stop::later(CREDENTIALS_MS, format!("the channel refuses the token ({status})")));
                }
                Outcome::NotDone { after_ms, why } => (after_ms, why),
                Outcome::Ambiguous { why } => (None, why),
            };
            let wait_ms = after_ms.unwrap_or(0).max(backoff_at(repeats, self.clock.now()));
            if repeats == READ_REPEATS || wait_ms > LONGEST_WAIT_MS {
                return Err(Stop::later(wait_ms.max(250), why));
            }
            repeats += 1;
            tokio::time::sleep(Duration::from_millis(wait_ms.unsigned_abs())).await;
        }
    }

    /// All rows of a list; `None`: it is not there. Pages are counted by `offset`, from 1 (qontak-api.md 2.2).
    pub(super) async fn list(&self, company: CompanyNo, path: &str) -> Step<Option<Vec<Value>>> {
        let mut rows: Vec<Value> = vec![];
        for page in 1..=PAGES {
            let asked = format!("{path}?offset={page}&limit={PER_PAGE}");
            match self.read(company, &asked, Value::is_array).await? {
                Reading::Found { data, total } => {
                    let more = if let Value::Array(more) = data { more } else { vec![] };
                    // Without a count an unfilled page is the last; with one the channel may give fewer than were asked for.
                    let last = more.is_empty() || total.map_or(more.len() < PER_PAGE, |total| rows.len() + more.len() >= total);
                    rows.extend(more);
                    if last {
                        break;
                    }
                }
                Reading::Refused { status: 404 | 410 } => return Ok(None),
                Reading::Refused { status } => {
                    return Err(Stop::later(LONGEST_WAIT_MS, format!("a list was refused with {status}")));
                }
            }
        }
        Ok(Some(rows))
    }

    /// A request in the company's dialect. `body` is JSON.
    pub(super) fn request(
        &self,
        session: &Session,
        who: &Credentials,
        method: &'static str,
        path: &str,
        body: Option<&str>,
    ) -> Request {
        let target = format!("{}{path}", session.api.mount);
        let mut headers = vec![("accept", Secret::new("application/json".into()))];
        headers.extend(who.headers(self.clock.now(), method, &target, body.map(str::as_bytes)));
        Request {
            method,
            url: format!("{}{target}", session.api.host),
            headers,
            body: body.map(|body| Body::Bytes("application/json", body.as_bytes().to_vec())),
            timeout: attempt_timeout(session.access.options.attempt_timeout_ms),
            writes: method != "GET",
        }
    }

    /// A 200 may carry a 429 or a 401: bucket, circuit and gate must hear of it.
    pub(super) fn hear_inside(&self, company: CompanyNo, session: &Session, at: (Class, Door), reply: &Reply) {
        let Reply::Answered(answer) = reply else { return };
        if !(200..300).contains(&answer.status) {
            return;
        }
        if let Err(Inner::Status(status)) = envelope::data(&answer.body) {
            self.outbound.said_inside_at(company, &session.api.host, at, status, answer.retry_after_ms);
        }
    }
}
