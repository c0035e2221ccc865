//! What a room tells its roster of itself: whom it asks for, and who has it. Read off the room, never made up.

use crate::room::{AgentId, AssignTarget, Control, Lifecycle, Room, RoomId, Timestamp};

/// A room asks for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    pub room: RoomId,
    /// The number the assignment will have.
    pub assignment: u64,
    pub target: AssignTarget,
    pub since: Timestamp,
    /// Who is not to get it while anybody else has room.
    pub but: Option<AgentId>,
    /// Who had it last.
    pub last: Option<AgentId>,
    pub channel: String,
    /// So many people did not answer that those who were there are not asked again: it waits for somebody who comes later,
    /// or who takes it.
    pub rests: bool,
}

impl Ask {
    pub fn of(id: &RoomId, room: &Room) -> Option<Self> {
        let wanted = room.wanted()?;
        Some(Self {
            room: id.clone(),
            assignment: wanted.assignment,
            target: wanted.target.clone(),
            since: wanted.since,
            but: wanted.but.clone(),
            last: room.staffed.as_ref().and_then(|staffed| staffed.last_agent.clone()),
            channel: room.channel.clone(),
            rests: wanted.but.is_some() && matches!(room.control, Control::Queue(_)),
        })
    }
}

/// A person has the room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    pub agent: AgentId,
    pub assignment: u64,
    pub since: Timestamp,
    pub channel: String,
    pub snoozed: bool,
}

impl Holding {
    pub fn of(room: &Room) -> Option<Self> {
        let Control::Person { agent, assignment } = &room.control else { return None };
        Some(Self {
            agent: agent.clone(),
            assignment: *assignment,
            since: room.staffed.as_ref().map_or(room.last_event_at, |staffed| staffed.since),
            channel: room.channel.clone(),
            snoozed: matches!(room.lifecycle, Lifecycle::Snoozed { .. }),
        })
    }
}
