//! Messages of the company's bot as its channel tells of them: how one whose answer was lost is known again, in a channel that
//! shows nobody which messages it took (qontak-api.md 2.5, 2.6). Pure.
//! **Invariant:** an echo counts only for the very words or file of its own conversation, and only if it was written after the
//! message was begun.

use serde::{Deserialize, Serialize};

use crate::room::ids::hash16;
use crate::room::{CompanyNo, RoomId, Timestamp};

/// Echoes of one conversation that are remembered, the newest.
const MOST: usize = 16;
/// The channel's clock may be behind ours by this much.
pub const MOST_BEHIND_MS: i64 = 5_000;

/// One message of the bot's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Echo {
    /// The channel's own id of it.
    pub id: String,
    /// Whatever `content` makes of what it says.
    pub content: String,
    /// Of its file, in bytes, if that is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// When it was written there, in microseconds.
    #[serde(default)]
    pub at: i64,
}

/// Equal for messages that say the same. `kind`: `text`, `image`, …; `words`: the text, or the file's name.
pub fn content(kind: &str, words: &str) -> String {
    data_encoding::HEXLOWER.encode(&hash16(b"said there", CompanyNo(0), &[kind.as_bytes(), words.trim().as_bytes()]))
}

/// Equal for messages of one conversation that say the same.
pub fn shown_name(content: &str, room: &RoomId) -> String {
    format!("{content} in {room}")
}

impl Echo {
    /// Whether it may be the echo of a message begun at `begun`.
    pub fn fits(&self, content: &str, size: Option<u64>, begun: Timestamp) -> bool {
        let same_size = match (self.size, size) {
            (Some(told), Some(sent)) => told == sent,
            // A text has none, and not every channel says it of a file.
            _ => true,
        };
        self.content == content && same_size && self.at >= begun.plus_ms(-MOST_BEHIND_MS).0
    }
}

/// Adds one; what is told twice, as a message and as it goes on in its life, is one.
pub fn remember(echoes: &mut Vec<Echo>, echo: &Echo, at: i64) {
    let same = |known: &&mut Echo| known.id == echo.id && known.content == echo.content && known.size == echo.size;
    if let Some(known) = echoes.iter_mut().find(same) {
        known.at = known.at.min(at);
    } else {
        echoes.push(Echo { at, ..echo.clone() });
    }
    echoes.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
    echoes.drain(..echoes.len().saturating_sub(MOST));
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGUN: Timestamp = Timestamp(1_000_000_000);

    fn echo(id: &str, kind: &str, words: &str, size: Option<u64>, at: i64) -> Echo {
        Echo { id: id.into(), content: content(kind, words), size, at }
    }

    #[test]
    fn only_the_very_message_fits_and_none_from_before_it() {
        let sent = content("image", "map.png");
        let fits = |echo: Echo| echo.fits(&sent, Some(70), BEGUN);
        assert!(fits(echo("m", "image", " map.png", Some(70), BEGUN.0)));
        assert!(fits(echo("m", "image", "map.png", None, BEGUN.0 - 4_000_000)), "clocks differ a little");
        assert!(!fits(echo("m", "image", "map.png", Some(71), BEGUN.0)));
        assert!(!fits(echo("m", "document", "map.png", Some(70), BEGUN.0)));
        assert!(!fits(echo("m", "text", "map.png", None, BEGUN.0)));
        assert!(!fits(echo("m", "image", "cap.png", Some(70), BEGUN.0)));
        assert!(!fits(echo("m", "image", "map.png", Some(70), BEGUN.0 - 6_000_000)));
    }

    #[test]
    fn told_in_any_order_the_newest_are_remembered_once() {
        let told: Vec<Echo> = (0..30).map(|n| echo(&format!("m{n}"), "text", "hi", None, n)).collect();
        let (mut forth, mut back) = (vec![], vec![]);
        told.iter().chain(&told).for_each(|echo| remember(&mut forth, echo, echo.at));
        told.iter().rev().for_each(|echo| remember(&mut back, echo, echo.at));
        assert_eq!((forth.len(), &forth), (MOST, &back));
        assert_eq!(forth[0].id, "m14");
        // Somebody else's words under its id do not take its place.
        remember(&mut forth, &echo("m29", "text", "no", None, 0), 40);
        assert!(forth.iter().any(|known| known.fits(&content("text", "hi"), None, Timestamp(29)) && known.id == "m29"));
    }
}
