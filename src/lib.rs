//! Bellhop carries an AI agent's function-calls to the conversation room they belong to: durable before answered, once per
//! call, in order per room.
//!
//! # The sentence is the layout
//!
//! AI agents and people call **actions** from the [`catalog`] on [`room`]s. [`actors`] take each room's calls one at a time and
//! the [`store`] remembers; files that may be sent lie in the [`library`]; the [`crm`] and the [`channel`] are told, over what
//! [`outbound`] holds open. The [`api`] is the door for programs, [`cli`] the command line; [`app`] is the only file that knows
//! every part, [`config`] the only one that reads the environment, [`telemetry`] the one list of metrics' names. [`standin`] is
//! the vendor Qontak in small, for the demo and the tests.
//!
//! ```text
//!  main cli app            see everything
//!  api                     the door: room, catalog, actors, store's reads, library
//!  actors | store crm channel outbound   shell | adapters: they implement the traits of actors::ports, outside and inbox
//!         | library              adapter: bytes of files, told by what they are; implements actors::outside::Files
//!  catalog                 pure: imports room
//!  room                    pure: imports none of our modules
//!  standin                 a server of its own: imports none of our modules either
//! ```
//!
//! `tests/tidy.rs` reads the `use` lines and complains.
//!
//! # Words
//!
//! A *room* is one conversation with one customer and its state; an *agent* is a person who answers customers, an *AI agent*
//! the caller. A *function-call* leads to a *decision*: done (facts and a result), refused, or parked on something named. A
//! *fact* becomes a *room event*, a line of the room's *journal*; a room is the fold of its journal. A *step* is what a room does
//! between two commits, a *turn* its draft. The *control epoch* rises when control moves between bot, queue and person; the
//! *owner epoch* when another process takes the store over.
//!
//! # One call, start to finish
//!
//! 1. [`api`]: key to company and AI agent, strict reading of the body (`catalog::dialect`), each call checked, also
//!    against what is published for its AI agent (`room::published`), and given its identity (`catalog::admit`). What is wrong
//!    ends here, wakes nobody and is not stored.
//! 2. [`actors::RoomRouter`] finds or starts the room's actor on one of the web threads and counts the calls in flight; past the
//!    bound the answer is "busy", at once.
//! 3. The room's actor takes everything that waits and plays it on a draft (`actors::turn`): `catalog::decide`, then
//!    `Room::apply`, call after call. All of it is one commit.
//! 4. The journal's one thread writes the commits of many rooms in one transaction, each with a compare-and-set on the room's
//!    version and owner epoch. A known call id, a stale version or a fault refuses one commit and none of its neighbours.
//! 5. Durable, the commit comes back sealed as [`store::Committed`]; only now does the draft become the room and are the callers
//!    answered. Assignments go on to the company's roster, whose offers come back as commands; effects to the company's CRM or
//!    to its channel, one lane a room each (`actors::lane` does what `room::outbox` says), whose ends come back as commands too.
//!
//! What happens in the channel's own inbox comes as webhooks: [`api`] keeps each durably in [`actors::inbox`] and answers;
//! [`actors::postman`] brings them to their rooms, in order, as the commands that [`channel::hearing`] makes of them.
//!
//! # What always holds
//!
//! * Only `Room::apply` changes a room. `room` and `catalog` have no clock, chance or I/O.
//! * Nothing is told before it is durable: an answer needs a `Committed`, and only the store can make one.
//! * A call id is accepted once per company, for ever; sequence numbers of a room have no gap.
//! * Two actors of one room cannot both commit.
//! * Every queue has a bound, and passing it is an answer.
//! * Looking at a room never wakes it and never waits for it.
//! * A company never sees another's rooms, calls or people.
//! * Every event says who and why.

pub mod actors;
pub mod api;
pub mod app;
pub mod catalog;
pub mod channel;
pub mod cli;
pub mod config;
pub mod crm;
pub mod library;
pub mod outbound;
pub mod room;
pub mod standin;
pub mod store;
pub mod telemetry;
