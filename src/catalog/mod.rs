//! PURE. What can be asked of a room: the catalog, one file per action, and the wire shapes models speak (`dialect/`).

pub mod assign_agent;
pub mod dialect;

use crate::room::{Decision, FunctionCall, Ground, Next, Refusal, Room};

/// A call's typed arguments, one variant per action.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {}

/// A call that passed the door.
#[derive(Clone, Debug)]
pub struct Admitted {
    pub call: FunctionCall,
    pub request: Request,
}

/// What this call leads to in this room. Pure.
pub fn decide(_room: &Room, _call: &FunctionCall, request: &Request, _ground: &Ground<'_>) -> Decision {
    match *request {}
}

/// Reads a stored call's arguments again, when a room wakes with a call still open.
pub fn reread(_name: &str, _arguments: &str) -> Result<(&'static str, Request), Refusal> {
    Err(Refusal::new("unknown_tool", Next::UseOtherTool, ""))
}
