//! Names of things, each its own type so that they cannot be mixed up. Never random: whoever makes an id passes it in.

use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

/// Microseconds since 1970-01-01T00:00:00Z. The only way this crate's pure parts know a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// This time, `ms` milliseconds later; stops at the end of time.
    pub const fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms.saturating_mul(1_000)))
    }

    /// Whole milliseconds from `earlier` to this time; 0 when `earlier` is later.
    pub const fn ms_since(self, earlier: Self) -> i64 {
        let us = self.0.saturating_sub(earlier.0);
        if us < 0 { 0 } else { us / 1_000 }
    }

    /// RFC 3339 in UTC with `Z`: `2026-11-20T10:32:00Z`. Times outside the years -9999 to 9999 show the nearest one inside.
    pub fn to_text(self) -> String {
        let nearest = if self.0 < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
        jiff::Timestamp::from_microsecond(self.0).unwrap_or(nearest).to_string()
    }
}

/// The tenant's number inside this installation. The public `company_id` text is a column beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CompanyNo(pub i64);

/// The store's own key of a room (UUIDv7: near in time is near on disk). Never leaves the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomKey(pub Uuid);

/// Why a text cannot be an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdProblem {
    Empty,
    TooLong,
    Character,
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $max:literal, $allowed:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Longest allowed text, in bytes.
            pub const MAX_BYTES: usize = $max;

            /// Checks length and characters. `.` and `..` are no ids: in an address they would mean another one.
            pub fn new(text: &str) -> Result<Self, IdProblem> {
                let allowed: fn(char) -> bool = $allowed;
                if text.is_empty() {
                    Err(IdProblem::Empty)
                } else if text.len() > $max {
                    Err(IdProblem::TooLong)
                } else if matches!(text, "." | "..") || !text.chars().all(allowed) {
                    Err(IdProblem::Character)
                } else {
                    Ok(Self(text.into()))
                }
            }

            /// For texts that this crate wrote itself (a stored row, an id it made).
            pub fn trusted(text: &str) -> Self {
                Self(text.into())
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

/// Visible, one line, no character that hides or reorders others.
fn plain(c: char) -> bool {
    !c.is_control()
        && !c.is_whitespace()
        && !matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}')
}

/// Letters, digits and `._:-`.
fn token(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | ':' | '-')
}

text_id! {
    /// The caller's own name of a room, 1 to 128 bytes, unique in its company.
    RoomId, 128, plain
}
text_id! {
    /// The id of one call, 1 to 128 of `A-Z a-z 0-9 . _ : -`, unique in its company for ever.
    CallId, 128, token
}
text_id! {
    /// A person who answers customers, `agt_…`.
    AgentId, 64, token
}
text_id! {
    /// A group of agents, `div_…`.
    DivisionId, 64, token
}
text_id! {
    /// The caller: an AI agent's handle, unique in its company.
    AiAgentId, 64, token
}
text_id! {
    /// A file of the company's library, as its builder named it: 1 to 64 of `A-Z a-z 0-9 . _ -`.
    FileKey, 64, |c| token(c) && c != ':'
}

/// A room as its company names it: what the outside uses and what the router maps to an actor.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RoomAddress {
    pub company: CompanyNo,
    pub room: RoomId,
}

/// Identity of a call in the store: a 16-byte hash of company and call id.
/// **Invariant:** equal keys are the same call; the store accepts each key once, for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallKey(pub [u8; 16]);

impl CallKey {
    pub fn of(company: CompanyNo, call_id: &CallId) -> Self {
        Self(hash16(b"call", company, &[call_id.as_str().as_bytes()]))
    }
}

/// Identity of an in-bound message: a 16-byte hash of company, room and message id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MessageKey(pub [u8; 16]);

impl MessageKey {
    pub fn of(address: &RoomAddress, message_id: &str) -> Self {
        Self(hash16(b"message", address.company, &[address.room.as_str().as_bytes(), message_id.as_bytes()]))
    }
}

/// What a call means: a hash of room, tool and canonical arguments. The same id with another meaning is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Meaning(pub [u8; 16]);

impl Meaning {
    /// `arguments` must be canonical JSON (see `catalog::canonical`).
    pub fn of(address: &RoomAddress, tool: &str, arguments: &[u8]) -> Self {
        Self(hash16(b"meaning", address.company, &[address.room.as_str().as_bytes(), tool.as_bytes(), arguments]))
    }
}

/// Length-prefixed, so that no two lists of parts hash alike.
pub fn hash16(domain: &[u8], company: CompanyNo, parts: &[&[u8]]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(domain);
    hasher.update(&company.0.to_le_bytes());
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let mut out = [0; 16];
    out.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    out
}
