//! SHELL. Who acts and in what order: the router finds the room's actor, the actor takes turns, the roster hands out people.
//! Only this folder and `app` name actix's actor types.

mod access;
mod backlog;
mod batch;
pub mod clock;
mod companies;
mod counters;
mod effects;
mod errand;
mod faults;
pub mod inbox;
mod inspect;
pub mod lane;
mod lane_actor;
mod lanes;
mod mailbag;
mod messages;
pub mod outside;
mod patience;
mod places;
pub mod ports;
pub mod postman;
mod repeats;
mod room_actor;
pub mod roster;
mod roster_actor;
mod rosters;
mod router;
mod settle;
mod staffing;
mod stored;
mod strangers;
pub mod turn;

pub use batch::{Answers, Batch, CallAnswer, RoomSummary};
pub use clock::SystemClock;
pub use faults::{FaultPoint, Faults};
pub use inspect::{ActorView, LastCall};
pub use lane::LanePorts;
pub use mailbag::Threads;
pub use patience::{CallOutcome, CommandOutcome};
pub use ports::Caller;
pub use room_actor::RoomActor;
pub use roster::Standing;
pub use router::{Passivated, RoomRouter, RouterOptions};
pub use stored::error_body;
