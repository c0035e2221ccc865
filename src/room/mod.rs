//! PURE. What a room is and what it decides: ids, calls, events, state, refusals, and the commands people and timers give.
//! No clock, no randomness, no I/O, no logging: time and ids come in as arguments.

mod because;
pub mod call;
pub mod came_back;
pub mod channel_limits;
pub mod closing;
pub mod command;
pub mod company;
pub mod courtesy;
pub mod dead_letter;
pub mod decision;
pub mod deliveries;
pub mod delivery;
pub mod effect;
pub mod event;
mod fold;
pub mod goodbye;
pub mod hand_over;
pub mod hours;
pub mod ids;
pub mod link;
pub mod media;
mod not_there;
mod offered;
pub mod outbox;
pub mod parked;
pub mod policy;
pub mod published;
pub mod refusal;
mod settled;
pub mod settlement;
pub mod source;
pub mod state;
pub mod tag;
pub mod window;

pub use because::{Because, Candidacy};
pub use call::{FunctionCall, Seen};
pub use came_back::CameBack;
pub use closing::ClosingOutcome;
pub use command::{Command, CommandAnswer, Moves};
pub use company::{Agent, BadSetting, ChannelKind, Company, Division, Ground, Presence, Settings, TagPolicy};
pub use dead_letter::{DeadLetter, Poisoned};
pub use decision::{Decision, ResultJson, answer_body};
pub use effect::{EffectKind, EffectPlan, OpenEffect, Outside, RecordKind, Sent, SentFile, Side};
pub use event::{AssignTarget, By, Cause, Customer, Fact, RoomEvent, TakenBy, Writer};
pub use goodbye::{Goodbye, Leave};
pub use hours::{BadHours, Hours};
pub use ids::{
    AgentId, AiAgentId, CallId, CallKey, CompanyNo, DivisionId, FileKey, Meaning, MessageKey, RoomAddress, RoomId, RoomKey,
    Timestamp,
};
pub use link::Link;
pub use media::{FileEntry, Format, MediaKind};
pub use not_there::NotThere;
pub use parked::{Barrier, ParkedCall, ParkedOn, Stood, ToolMark};
pub use policy::{ApprovalRule, AssignStrategy, Fence, OfflinePolicy, People, Reopen, ReopenControl, WhilePerson};
pub use published::{DraftTool, Published, Shelf, Tool};
pub use refusal::{Candidate, Next, Refusal};
pub use settlement::{CameAbout, Settlement};
pub use state::{Begun, CallStatus, Control, Lifecycle, Resolution, Room, Staffed, Tag, Wanted};

#[cfg(test)]
mod tests;
