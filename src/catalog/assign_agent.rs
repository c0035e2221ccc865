//! `assign_agent`

use crate::room::{Agent, Ground, Refusal, ResultJson, Room};

/// The answer once a person was assigned.
pub fn assigned(_agent: &Agent, _room: &Room, _ground: &Ground<'_>) -> ResultJson {
    ResultJson("{}".into())
}

/// The answer when nobody is free: the room waits at `position` (1 is next; `None`: the roster has not said).
pub fn queued(_position: Option<u64>, _room: &Room, _ground: &Ground<'_>) -> ResultJson {
    ResultJson("{}".into())
}

/// The answer to a waiting assignment that a later one, a resolve or a person overtook.
pub fn superseded() -> Refusal {
    unimplemented!()
}
