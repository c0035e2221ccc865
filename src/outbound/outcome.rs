//! The one place where outcomes are sorted: the table of reliability-security.md section 2.6, row by row. Pure. Nothing else
//! may decide from a status whether something happened over there.

use super::wire::{Answer, Reply};
use crate::room::Timestamp;

/// What one attempt came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Success {
        body: Vec<u8>,
    },
    /// The server said no, for good. On 409 the thing may be there already: look.
    Refused {
        status: u16,
        body: Vec<u8>,
    },
    /// Certainly nothing happened; for a read also: nothing was learnt.
    NotDone {
        /// The server wishes to be left alone so long (0 to 300,000).
        after_ms: Option<i64>,
        why: String,
    },
    /// Nothing happened because of who asked. Uses up no attempt.
    Credentials {
        status: u16,
    },
    /// A write that may have happened: look before sending it again.
    Ambiguous {
        why: String,
    },
}

impl Outcome {
    /// For counters and spans.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Success { .. } => "success",
            Self::Refused { .. } => "refused",
            Self::NotDone { .. } => "not_done",
            Self::Credentials { .. } => "credentials",
            Self::Ambiguous { .. } => "ambiguous",
        }
    }
}

/// What the body of a 2xx says, in the words of the vendor's envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inner {
    /// It carries a status of its own that is no success (`meta.status` 400 and above).
    Status(u16),
    /// It cannot be read, or what must be in it (the id) is missing.
    Unreadable,
    /// All that was asked for is there.
    Complete,
}

/// The class of a status that alone decides. `None`: 2xx, the body decides.
enum Row {
    Refused,
    NotDone,
    Credentials,
    Ambiguous,
}

impl Row {
    /// As `Outcome::as_str`.
    const fn as_str(&self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::NotDone => "not_done",
            Self::Credentials => "credentials",
            Self::Ambiguous => "ambiguous",
        }
    }
}

const fn row(status: u16) -> Option<Row> {
    Some(match status {
        200..=299 => return None,
        401 | 403 => Row::Credentials,
        408 | 425 | 429 => Row::NotDone,
        // 400, 404, 409, 410 and 422 by the table; by HTTP's own meaning the rest of the 4xx say the same.
        400..=499 => Row::Refused,
        // A redirect is never followed with a token; whoever sent it may have acted before.
        _ => Row::Ambiguous,
    })
}

/// How a vendor says that it refuses the credentials. The table has 401 and 403.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Forbidden {
    /// A 403 is about who asked.
    #[default]
    Credentials,
    /// A 403 may be about anything: the code in its body tells, and whoever knows the vendor's codes reads it.
    Body,
}

impl Forbidden {
    const fn row(self, status: u16) -> Option<Row> {
        match (self, status) {
            (Self::Body, 403) => Some(Row::Refused),
            _ => row(status),
        }
    }
}

/// As [`sort`], of a vendor that says itself what a 403 is about.
pub fn sort_as(forbidden: Forbidden, reply: Reply, writes: bool, inner_status: impl Fn(&[u8]) -> Inner) -> Outcome {
    match reply {
        Reply::Answered(answer) if forbidden == Forbidden::Body && answer.status == 403 => {
            by_row(Row::Refused, answer.status, answer, writes, "")
        }
        reply => sort(reply, writes, inner_status),
    }
}

/// Sorts a reply. `inner_status` reads the body of a 2xx with the right content type, and is asked for nothing else.
pub fn sort(reply: Reply, writes: bool, inner_status: impl Fn(&[u8]) -> Inner) -> Outcome {
    let answer = match reply {
        Reply::NotSent { why } => return Outcome::NotDone { after_ms: None, why },
        Reply::Lost { why } => return unclear(writes, None, why),
        Reply::Answered(answer) => answer,
    };
    if let Some(row) = row(answer.status) {
        return by_row(row, answer.status, answer, writes, "");
    }
    if !is_json(&answer.content_type) {
        return unclear(writes, answer.retry_after_ms, format!("answered {} with a body that is not JSON", answer.status));
    }
    match inner_status(&answer.body) {
        Inner::Complete => Outcome::Success { body: answer.body },
        Inner::Unreadable => {
            unclear(writes, answer.retry_after_ms, format!("answered {} with a body that says too little", answer.status))
        }
        Inner::Status(inner) => match row(inner) {
            Some(row) => by_row(row, inner, answer, writes, " inside a 200"),
            None => unclear(writes, answer.retry_after_ms, format!("a body of status {inner} was not found complete")),
        },
    }
}

fn by_row(row: Row, status: u16, answer: Answer, writes: bool, place: &str) -> Outcome {
    let why = format!("answered {status}{place}");
    match row {
        Row::Refused => Outcome::Refused { status, body: answer.body },
        Row::NotDone => Outcome::NotDone { after_ms: answer.retry_after_ms, why },
        Row::Credentials => Outcome::Credentials { status },
        Row::Ambiguous => unclear(writes, answer.retry_after_ms, why),
    }
}

/// The class of a reply by all but its body's words, as [`Outcome::as_str`]; `ambiguous` also for reads, because it tells how the
/// server is. For circuits, counters and spans, never for what becomes of a call.
pub fn at_sight(forbidden: Forbidden, reply: &Reply) -> &'static str {
    match reply {
        Reply::NotSent { .. } => "not_done",
        Reply::Lost { .. } => "ambiguous",
        Reply::Answered(answer) => match forbidden.row(answer.status) {
            Some(row) => row.as_str(),
            None if is_json(&answer.content_type) => "success",
            None => "ambiguous",
        },
    }
}

/// As [`at_sight`], of a status found inside a 200.
pub fn of_status(status: u16) -> &'static str {
    row(status).map_or("success", |row| row.as_str())
}

/// A read that may have happened changed nothing: it can simply be asked again.
fn unclear(writes: bool, after_ms: Option<i64>, why: String) -> Outcome {
    if writes { Outcome::Ambiguous { why } } else { Outcome::NotDone { after_ms, why } }
}

/// A missing type is not a wrong one: then the body itself decides.
fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.is_empty() || essence == "application/json" || essence.ends_with("+json") || essence == "text/json"
}

/// `backoff_ms` by the clock's last digits, which are chance enough to spread repeats.
pub fn backoff_at(attempt: u32, now: Timestamp) -> i64 {
    const MICROSECONDS: i64 = 9_973;
    backoff_ms(attempt, now.0.rem_euclid(MICROSECONDS) as f64 / MICROSECONDS as f64)
}

/// How long to wait before try `attempt` (0: the first retry), with full jitter: `chance` in 0..1 of the bound, which doubles from
/// 0.25 s to 60 s. Milliseconds.
pub fn backoff_ms(attempt: u32, chance: f64) -> i64 {
    let bound = 250_i64.checked_shl(attempt.min(16)).unwrap_or(i64::MAX).min(60_000);
    // A chance that is not a number becomes 0.
    (bound as f64 * chance.clamp(0.0, 1.0)) as i64
}
