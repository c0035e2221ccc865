//! Our own reference in a message (`biz_opaque_callback_data`, at most 512 characters): every status brings it back, also when
//! the answer to the message itself was lost. It names the effect, the try and the part, and the room they belong to.

use data_encoding::HEXLOWER;

use crate::room::{CallKey, RoomId};

/// So that a reference of somebody else who uses the same number is not taken for ours.
const MARK: &str = "bellhop1";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    pub effect: CallKey,
    /// How often a person had it tried again.
    pub retries: u32,
    pub part: u32,
    /// The part with the file; else the words before it.
    pub file: bool,
    pub room: RoomId,
}

impl Reference {
    pub fn to_text(&self) -> String {
        let what = if self.file { 'f' } else { 't' };
        format!("{MARK}:{}:{}:{}{what}:{}", HEXLOWER.encode(&self.effect.0), self.retries, self.part, self.room)
    }

    pub fn of(text: &str) -> Option<Self> {
        let mut parts = text.splitn(5, ':');
        parts.next().filter(|mark| *mark == MARK)?;
        let effect = HEXLOWER.decode(parts.next()?.as_bytes()).ok()?;
        let (retries, part) = (parts.next()?.parse().ok()?, parts.next()?);
        let (file, part) = match (part.strip_suffix('f'), part.strip_suffix('t')) {
            (Some(part), _) => (true, part),
            (None, part) => (false, part?),
        };
        let (effect, part) = (CallKey(effect.try_into().ok()?), part.parse().ok()?);
        Some(Self { effect, retries, part, file, room: RoomId::new(parts.next()?).ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_back_as_it_left_and_nobody_elses_is_ours() {
        let room = RoomId::new("order:7/ü").unwrap();
        let reference = Reference { effect: CallKey([7; 16]), retries: 1, part: 2, file: true, room };
        assert_eq!(Reference::of(&reference.to_text()), Some(reference.clone()));
        let longest = Reference { room: RoomId::new(&"x".repeat(RoomId::MAX_BYTES)).unwrap(), ..reference };
        assert!(longest.to_text().len() <= 512);
        for text in ["", "order 17", "bellhop1", "bellhop1:zz:0:0:r", "bellhop1:07:0:0f:r", "other:00:0:0f:r"] {
            assert_eq!(Reference::of(text), None, "{text}");
        }
    }
}
