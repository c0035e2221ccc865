//! Sends requests in the company's dialect and sorts what comes back: reads here, with a few repeats; writes in `write`, once.
//! Every request takes a slot of its own. Nothing here puts a token, a URL or a body into a log or an error.

use std::time::Duration;

use crate::actors::outside::{CrmDialect, Secret};
use crate::outbound::{
    Ask, Body, CREDENTIALS_MS, Class, Inner, Outcome, Reply, Request, Step, Stop, attempt_timeout, backoff_at, sort, was_too_long,
};
use crate::room::CompanyNo;

use super::QontakCrm;
use super::desk::{MOST_PER_PAGE, Session};
use super::envelope::Envelope;

/// A read that brought nothing is repeated so often.
const READ_REPEATS: u32 = 3;
/// A longer wait than this is the lane's, not ours.
const LONGEST_WAIT_MS: i64 = 2_000;

/// What a read came to.
#[derive(Debug)]
pub enum Reading {
    Found(Envelope),
    /// The answer is longer than is read.
    TooLong,
    /// 404, 422, …: asked again it would say the same.
    Refused {
        status: u16,
    },
}

/// How much of a list was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scanned {
    /// All that was wanted: to its end, or to where `take` had enough.
    Whole,
    /// It goes on.
    Partly,
    /// There is no such list (404). The vendor says so of single records only (qontak-api.md 1.3).
    Nowhere,
}

impl Scanned {
    /// Whether what was not seen in it is not there. A list that is not there is no empty list: nothing is known then.
    pub fn is_whole(self) -> Step<bool> {
        match self {
            Self::Whole => Ok(true),
            Self::Partly => Ok(false),
            Self::Nowhere => Err(Stop::later(LONGEST_WAIT_MS, "a list was refused with 404")),
        }
    }
}

impl Reading {
    /// What was found; `None`: it is not there.
    pub fn found(self) -> Step<Option<Envelope>> {
        match self {
            Self::Found(envelope) => Ok(Some(envelope)),
            Self::TooLong => Err(Stop::later(LONGEST_WAIT_MS, "an answer was too long")),
            Self::Refused { status: 404 | 410 } => Ok(None),
            Self::Refused { status } => Err(Stop::later(LONGEST_WAIT_MS, format!("a read was refused with {status}"))),
        }
    }
}

impl QontakCrm {
    /// Reads `path` (with its query, from the mount on).
    pub(super) async fn read(&self, company: CompanyNo, path: &str) -> Step<Reading> {
        let mut repeats = 0;
        let mut refreshed = false;
        loop {
            let session = self.fresh(company).await?;
            let slot = self.outbound.slot_as(company, &session.api.host, Class::Read, Ask::of(repeats)).await;
            let request = self.request(&session, "GET", path, None);
            let reply = self.outbound.send(slot, request).await;
            let envelope = inside(&reply);
            self.hear_inside(company, &session, Class::Read, &reply, envelope.as_ref());
            let outcome = sort(reply, false, |_| complete_read(envelope.as_ref()));
            if !matches!(outcome, Outcome::Credentials { .. } | Outcome::NotDone { .. }) {
                self.accepted(company);
            }
            let (after_ms, why) = match outcome {
                Outcome::Success { .. } => match envelope {
                    Some(envelope) => {
                        if let Some(at) = envelope.said_at() {
                            self.desk(company).heard_clock(at - self.clock.now().0);
                        }
                        return Ok(Reading::Found(envelope));
                    }
                    None => (None, "an answer cannot be read".to_owned()),
                },
                Outcome::Refused { status, .. } => return Ok(Reading::Refused { status }),
                Outcome::Credentials { status } => {
                    if status == 401 && !refreshed && self.after_refusal(company, &session).await?.is_some() {
                        refreshed = true;
                        continue;
                    }
                    return Err(Stop::later(CREDENTIALS_MS, format!("the CRM refuses the token ({status})")));
                }
                Outcome::NotDone { why, .. } if was_too_long(&why) => return Ok(Reading::TooLong),
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

    /// Reads a list page by page, until `take` has enough (`false`), the list ends, or as many rows as `most` full pages hold were
    /// seen. A page that is too long is asked for once more before it is asked for in shorter ones: one answer of nonsense is no
    /// reason to read everything in crumbs. Long rows are believed in as long as they are seen.
    pub(super) async fn scan(
        &self,
        company: CompanyNo,
        path: &str,
        most: i64,
        mut take: impl FnMut(&super::record::Record) -> bool,
    ) -> Step<Scanned> {
        let joint = if path.contains('?') { '&' } else { '?' };
        let (desk, mut seen) = (self.desk(company), 0);
        let list = path.split('?').next().unwrap_or_default();
        let (mut per_page, mut was_too_long) = (desk.per_page(list), false);
        while seen < most * MOST_PER_PAGE {
            // Longer pages begin where no row is passed over.
            let longer = desk.per_page(list);
            if longer > per_page && seen % longer == 0 {
                per_page = longer;
            }
            let asked = format!("{path}{joint}page={}&per_page={per_page}", seen / per_page + 1);
            let envelope = match self.read(company, &asked).await? {
                Reading::TooLong if !was_too_long => {
                    was_too_long = true;
                    continue;
                }
                Reading::TooLong => {
                    // Rows are long: asked for fewer, the CRM gives a shorter answer.
                    let fewer = desk.asks_for_fewer(list, per_page);
                    per_page = fewer.ok_or_else(|| Stop::later(LONGEST_WAIT_MS, "an answer was too long"))?;
                    was_too_long = false;
                    continue;
                }
                reading => reading.found()?,
            };
            was_too_long = false;
            let Some(envelope) = envelope else {
                // Behind a full page it may be how the list ends, and may not.
                return Ok(if seen == 0 { Scanned::Nowhere } else { Scanned::Partly });
            };
            let Some(rows) = envelope.rows() else {
                return Err(Stop::later(LONGEST_WAIT_MS, "a list came without its rows"));
            };
            if !rows.is_empty() {
                desk.saw_rows_of(list, envelope.bytes() / rows.len());
            }
            if !rows.iter().filter_map(serde_json::Value::as_object).all(&mut take) {
                return Ok(Scanned::Whole);
            }
            seen += per_page;
            // Without counters an unfilled page is the last; the CRM may give fewer a page than were asked for.
            let unfilled = i64::try_from(rows.len()).is_ok_and(|rows| rows < per_page);
            let last = envelope.total_pages().map_or(unfilled, |pages| seen / per_page >= pages);
            if rows.is_empty() || last {
                return Ok(Scanned::Whole);
            }
        }
        Ok(Scanned::Partly)
    }

    /// A request in the company's dialect. `body` is JSON.
    pub(super) fn request(&self, session: &Session, method: &'static str, path: &str, body: Option<&str>) -> Request {
        let target = format!("{}{path}", session.api.mount);
        let mut headers = vec![("accept", Secret::new("application/json".into()))];
        headers.extend(session.credentials.headers(self.clock.now(), method, &target, body.map(str::as_bytes)));
        if let (CrmDialect::Gateway, Some(sso_id)) = (session.access.dialect, &session.access.options.sso_id) {
            headers.push(("x-crm-user-sso-id", Secret::new(sso_id.clone())));
        }
        Request {
            method,
            url: format!("{}{target}", session.api.host),
            headers,
            body: body.map(|body| Body::Bytes("application/json", body.as_bytes().to_vec())),
            timeout: attempt_timeout(session.access.options.attempt_timeout_ms),
            writes: method != "GET",
        }
    }

    /// A 200 may carry a 429 or a 401 (qontak-api.md 1.3): bucket, circuit and gate must hear of it.
    pub(super) fn hear_inside(
        &self,
        company: CompanyNo,
        session: &Session,
        class: Class,
        reply: &Reply,
        inside: Option<&Envelope>,
    ) {
        let Reply::Answered(answer) = reply else { return };
        if let Some(status) = inside.and_then(Envelope::inner_status).filter(|status| *status >= 300) {
            self.outbound.said_inside(company, &session.api.host, class, status, answer.retry_after_ms);
        }
    }
}

/// What a 2xx holds, taken apart once: a page of a list is long.
pub fn inside(reply: &Reply) -> Option<Envelope> {
    match reply {
        Reply::Answered(answer) if (200..300).contains(&answer.status) => Envelope::parse(&answer.body),
        _ => None,
    }
}

fn complete_read(envelope: Option<&Envelope>) -> Inner {
    match envelope {
        None => Inner::Unreadable,
        Some(envelope) => match envelope.inner_status() {
            Some(status) if status >= 300 => Inner::Status(status),
            _ if envelope.record().is_some() || envelope.rows().is_some() => Inner::Complete,
            _ => Inner::Unreadable,
        },
    }
}
