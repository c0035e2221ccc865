//! Since when a message whose answer was lost is looked for in what the channel tells by itself. In memory: after a long darkness
//! what was told meanwhile is still on its way to us, so the wait begins with the first look of this process.

use dashmap::DashMap;

use crate::room::{CallKey, Timestamp};

/// More messages than this are never looked for at once: each is one room's.
const MOST: usize = 10_000;

/// By effect and part, and when that was started: one that is sent again is another message.
type Message = (CallKey, u32, Timestamp);

#[derive(Default)]
pub struct FirstLooks(DashMap<Message, Timestamp, ahash::RandomState>);

impl FirstLooks {
    /// `now`, if this is the first.
    pub fn since(&self, message: Message, now: Timestamp) -> Timestamp {
        if self.0.len() >= MOST {
            self.0.clear();
        }
        *self.0.entry(message).or_insert(now)
    }

    /// It is looked for no more.
    pub fn forget(&self, message: Message) {
        self.0.remove(&message);
    }
}
