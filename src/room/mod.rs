//! PURE. What a room is and what it decides: ids, calls, events, state, refusals, and the commands people and timers give.
//! No clock, no randomness, no I/O, no logging: time and ids come in as arguments.

pub mod call;
pub mod command;
pub mod company;
pub mod decision;
pub mod effect;
pub mod event;
pub mod ids;
pub mod outbox;
pub mod refusal;
pub mod state;
pub mod tag;

pub use call::{FunctionCall, Seen};
pub use command::{Command, CommandAnswer};
pub use company::{Agent, BadSetting, Company, Division, Ground, Presence, Settings, TagPolicy};
pub use decision::{Decision, ResultJson, answer_body};
pub use effect::{EffectPlan, Link, OpenEffect, Outside, RecordKind, Settlement};
pub use event::{AssignTarget, By, Cause, Customer, Fact, ParkedOn, RoomEvent, Writer};
pub use ids::{
    AgentId, AiAgentId, CallId, CallKey, CompanyNo, DivisionId, Meaning, MessageKey, RoomAddress, RoomId, RoomKey, Timestamp,
};
pub use refusal::{Candidate, Next, Refusal};
pub use state::{CallStatus, Control, Lifecycle, ParkedCall, Resolution, Room, Tag, Wanted};

#[cfg(test)]
mod tests;
