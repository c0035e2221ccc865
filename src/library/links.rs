//! Links to files that were sent: signed, with an end, and bound to one place in one room's history. Whoever holds one may read
//! that file and nothing else; what it may not say is whether the file still stands there, which its reader asks the store.

use std::fmt;
use std::sync::Arc;

use data_encoding::BASE64URL_NOPAD;
use ring::hmac;

use crate::room::{CompanyNo, RoomId, Timestamp};

/// How the signed part begins; another number is another layout.
const LAYOUT: u8 = 1;
/// Layout, company, place in the history, end.
const FIXED: usize = 1 + 3 * 8;
const SIGNATURE: usize = 32;
/// A longer text is no link of ours and is not looked at.
const MAX_TEXT: usize = (FIXED + RoomId::MAX_BYTES + SIGNATURE) * 4 / 3 + 1;
/// Where the door serves them, behind its own address.
const PATH: &str = "/v1/sent-files/";

/// The event of a room that says a file was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentAt {
    pub company: CompanyNo,
    pub room: RoomId,
    /// Sequence number of the event.
    pub seq: i64,
}

/// One link, as it is handed out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Begins with `/` where no public address is set.
    pub url: String,
    pub expires_at: Timestamp,
}

/// Makes links and reads them.
#[derive(Clone)]
pub struct Links {
    key: hmac::Key,
    public_url: Arc<str>,
    lifetime_s: u32,
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Links(…)")
    }
}

impl Links {
    /// `key`: the installation's own, so that links outlive a restart. `public_url`: without a slash at its end, may be empty.
    pub fn new(key: &[u8; 32], public_url: &str, lifetime_s: u32) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key), public_url: public_url.into(), lifetime_s }
    }

    /// A link that works from now until its end.
    pub fn make(&self, sent: &SentAt, now: Timestamp) -> Link {
        let expires_at = Timestamp(now.0.saturating_add(i64::from(self.lifetime_s) * 1_000_000));
        let mut bytes = vec![LAYOUT];
        for number in [sent.company.0, sent.seq, expires_at.0] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        bytes.extend_from_slice(sent.room.as_str().as_bytes());
        let signature = hmac::sign(&self.key, &bytes);
        bytes.extend_from_slice(signature.as_ref());
        Link { url: format!("{}{PATH}{}", self.public_url, BASE64URL_NOPAD.encode(&bytes)), expires_at }
    }

    /// What the secret part of a link is for. `None`: it is not ours, was changed, or is over; which of these is nobody's business.
    pub fn read(&self, secret: &str, now: Timestamp) -> Option<SentAt> {
        if secret.len() > MAX_TEXT {
            return None;
        }
        let bytes = BASE64URL_NOPAD.decode(secret.as_bytes()).ok()?;
        let (signed, signature) = bytes.split_at_checked(bytes.len().checked_sub(SIGNATURE)?)?;
        hmac::verify(&self.key, signed, signature).ok()?;
        let (fixed, room) = signed.split_at_checked(FIXED)?;
        let number = |index: usize| {
            let at = 1 + index * 8;
            fixed.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map(i64::from_be_bytes)
        };
        let (company, seq, expires_at) = (number(0)?, number(1)?, number(2)?);
        if fixed.first() != Some(&LAYOUT) || now.0 >= expires_at {
            return None;
        }
        Some(SentAt { company: CompanyNo(company), room: RoomId::new(std::str::from_utf8(room).ok()?).ok()?, seq })
    }
}

#[cfg(test)]
#[path = "tests/links.rs"]
mod tests;
