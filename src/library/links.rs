//! Links to files: signed, with an end, and bound to one place in one room's history, or to the one call that sent the link
//! itself. Whoever holds one may read that file and nothing else; what it may not say is whether the file still stands there,
//! which its reader asks the store.

use std::fmt;
use std::sync::Arc;

use data_encoding::BASE64URL_NOPAD;
use ring::hmac;

use crate::room::{CallId, CompanyNo, FileKey, RoomId, Timestamp};

/// How the signed part begins; another number is another layout. To the event that says a file was sent …
const OF_EVENT: u8 = 1;
/// … or to a version of a file, for the call that sends its link.
const OF_VERSION: u8 = 2;
/// Layout, company, place in the history or version, end.
const FIXED: usize = 1 + 3 * 8;
const SIGNATURE: usize = 32;
/// A longer text is no link of ours and is not looked at.
const MAX_TEXT: usize = (FIXED + 4 + RoomId::MAX_BYTES + CallId::MAX_BYTES + FileKey::MAX_BYTES + SIGNATURE) * 4 / 3 + 1;
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

/// A file of the library whose link is what was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offered {
    pub company: CompanyNo,
    pub room: RoomId,
    /// The call that sends it: with its revocation the link ends.
    pub call_id: CallId,
    pub key: FileKey,
    pub version: i64,
}

/// What a link leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeadsTo {
    Event(SentAt),
    Version(Offered),
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
        self.signed(&self.public_url, OF_EVENT, [sent.company.0, sent.seq], sent.room.as_str().as_bytes(), now)
    }

    /// The same for a link that goes out into a channel. `reached_at`: where this server is reached from there, if its own
    /// settings do not say.
    pub fn offer(&self, offered: &Offered, reached_at: &str, now: Timestamp) -> Link {
        let public_url = if self.public_url.is_empty() { reached_at } else { &*self.public_url };
        let mut names = vec![];
        for name in [offered.room.as_str(), offered.call_id.as_str()] {
            names.extend_from_slice(&u16::try_from(name.len()).unwrap_or(u16::MAX).to_be_bytes());
            names.extend_from_slice(name.as_bytes());
        }
        names.extend_from_slice(offered.key.as_str().as_bytes());
        self.signed(public_url, OF_VERSION, [offered.company.0, offered.version], &names, now)
    }

    fn signed(&self, public_url: &str, layout: u8, [company, place]: [i64; 2], names: &[u8], now: Timestamp) -> Link {
        let expires_at = Timestamp(now.0.saturating_add(i64::from(self.lifetime_s) * 1_000_000));
        let mut bytes = vec![layout];
        for number in [company, place, expires_at.0] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        bytes.extend_from_slice(names);
        let signature = hmac::sign(&self.key, &bytes);
        bytes.extend_from_slice(signature.as_ref());
        Link { url: format!("{public_url}{PATH}{}", BASE64URL_NOPAD.encode(&bytes)), expires_at }
    }

    /// What the secret part of a link is for. `None`: it is not ours, was changed, or is over; which of these is nobody's business.
    pub fn read(&self, secret: &str, now: Timestamp) -> Option<LeadsTo> {
        if secret.len() > MAX_TEXT {
            return None;
        }
        let bytes = BASE64URL_NOPAD.decode(secret.as_bytes()).ok()?;
        let (signed, signature) = bytes.split_at_checked(bytes.len().checked_sub(SIGNATURE)?)?;
        hmac::verify(&self.key, signed, signature).ok()?;
        let (fixed, names) = signed.split_at_checked(FIXED)?;
        let number = |index: usize| {
            let at = 1 + index * 8;
            fixed.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map(i64::from_be_bytes)
        };
        let (company, place, expires_at) = (CompanyNo(number(0)?), number(1)?, number(2)?);
        if now.0 >= expires_at {
            return None;
        }
        let text = |bytes| std::str::from_utf8(bytes).ok();
        match *fixed.first()? {
            OF_EVENT => Some(LeadsTo::Event(SentAt { company, room: RoomId::new(text(names)?).ok()?, seq: place })),
            OF_VERSION => {
                let (room, rest) = counted(names)?;
                let (call_id, key) = counted(rest)?;
                let (room, call_id) = (RoomId::new(text(room)?).ok()?, CallId::new(text(call_id)?).ok()?);
                let key = FileKey::new(text(key)?).ok()?;
                Some(LeadsTo::Version(Offered { company, room, call_id, key, version: place }))
            }
            _ => None,
        }
    }
}

/// A name with its length before it, and what is behind it.
fn counted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

#[cfg(test)]
#[path = "tests/links.rs"]
mod tests;
