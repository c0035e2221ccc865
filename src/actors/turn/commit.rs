//! The end of a turn: everything it came to as one commit, and what the room keeps of it until that has landed.

use crate::room::{Room, RoomKey};

use super::super::ports::{Commit, RoomColumns};
use super::{OpenCalls, Turn};

/// What is not written but becomes true when the commit lands.
#[derive(Debug)]
pub struct Kept {
    pub room: Room,
    pub opened: OpenCalls,
    pub ask_roster: bool,
}

impl Turn<'_> {
    /// Nobody hears of it yet: `thread` and `room` are the actor's to say. `Err`: the room cannot be written as JSON.
    pub fn into_commit(self, key: RoomKey, owner_epoch: i64) -> serde_json::Result<(Box<Commit>, Kept)> {
        let mut snapshot = Vec::with_capacity(512);
        serde_json::to_writer(&mut snapshot, &self.room)?;
        let timers = self.timers();
        let Self {
            address,
            before,
            room,
            events,
            new_calls,
            ended_calls,
            messages,
            new_tags,
            decided_effects,
            opened,
            ask_roster,
            ..
        } = self;
        let commit = Commit {
            address: address.clone(),
            key,
            expected_version: before.version,
            version: room.version,
            epoch: room.epoch,
            owner_epoch,
            events,
            new_calls,
            ended_calls,
            messages,
            new_tags,
            decided_effects,
            timers,
            columns: columns(&room),
            snapshot,
            thread: 0,
            room: None,
        };
        Ok((Box::new(commit), Kept { room, opened, ask_roster }))
    }
}

/// The columns of a room's row.
fn columns(room: &Room) -> RoomColumns {
    RoomColumns {
        status: room.lifecycle.as_str(),
        control: room.control.as_str(),
        assignee: room.assignee().cloned(),
        assignment: room.leave().map_or(0, |assignment| i64::try_from(assignment).unwrap_or(i64::MAX)),
        paused: room.paused,
    }
}
