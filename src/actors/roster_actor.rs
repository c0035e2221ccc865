//! One actor per company that hands out places. It keeps nothing on disk: at its start it asks the rooms' rows who holds what,
//! and until that answer is here it only listens.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use actix::{Actor, AsyncContext, Context, Handler, Message, MessageResult, WrapFuture, fut::ActorFutureExt};

use crate::room::{AgentId, Because, Cause, Command, CompanyNo, Room, RoomAddress, RoomId};

use super::faults::FaultPoint;
use super::ports::HeldRoom;
use super::roster::{Ask, Holding, Roster, Standing, Word};
use super::router::Inner;

/// How soon time alone is noticed: an opening, an offer without an answer, somebody away for too long.
const TICK: Duration = Duration::from_secs(1);
const AUDIT: Duration = Duration::from_secs(60);

/// What rooms and the directory tell the roster. Every one of them may come twice.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub enum RosterWord {
    Reserve(Ask),
    Confirm {
        room: RoomId,
        holding: Holding,
    },
    Release {
        room: RoomId,
        assignment: u64,
    },
    /// The room may not have this person, whom it was offered; it asks on.
    Decline {
        ask: Ask,
        agent: AgentId,
    },
    /// The company's people changed: as they are when this is heard, for two changes may be told in either order.
    Directory,
    /// Somebody's console is open.
    Seen(AgentId),
}

/// How these people stand; `None`: the roster does not know yet.
#[derive(Debug, Message)]
#[rtype(result = "Option<Vec<Standing>>")]
pub struct Look(pub Vec<AgentId>);

/// Offers made and not yet answered. Kept outside of the actor, because they may be taken after it died.
pub(super) type Offers = Arc<Mutex<HashMap<(RoomId, u64), (AgentId, Because)>>>;

pub struct RosterActor {
    company: CompanyNo,
    router: Weak<Inner>,
    roster: Roster,
    offers: Offers,
    /// What was said while it is read who holds what; `None` once that is known.
    unheard: Option<Vec<RosterWord>>,
}

impl std::fmt::Debug for RosterActor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RosterActor").field("company", &self.company).finish_non_exhaustive()
    }
}

impl RosterActor {
    pub(super) fn new(company: CompanyNo, router: &Arc<Inner>, offers: Offers) -> Self {
        Self { company, router: Arc::downgrade(router), roster: Roster::default(), offers, unheard: Some(vec![]) }
    }

    fn rebuild(&mut self, ctx: &mut Context<Self>) {
        let Some(router) = self.router.upgrade() else { return };
        // What was said before this is read is in what is read: rooms say nothing before its commit.
        self.unheard = Some(vec![]);
        let held = router.memory.held_rooms(self.company);
        ctx.spawn(held.into_actor(self).map(|held, actor, ctx| match held {
            Ok(held) => actor.rebuilt(&held),
            Err(why) => {
                tracing::warn!(%why, "the roster cannot read who holds which room; it tries again");
                ctx.run_later(Duration::from_millis(500), |actor, ctx| actor.rebuild(ctx));
            }
        }));
    }

    fn rebuilt(&mut self, held: &[HeldRoom]) {
        for held in held {
            match serde_json::from_slice::<Room>(&held.snapshot) {
                Ok(room) => self.roster.recall(&held.address.room, &room),
                Err(error) => tracing::error!(room = %held.address.room, %error, "a room's snapshot cannot be read"),
            }
        }
        let unheard = self.unheard.take().unwrap_or_default();
        if let Some(router) = self.router.upgrade() {
            let left: Vec<_> = self.offers.lock().unwrap_or_else(PoisonError::into_inner).drain().collect();
            for ((room, assignment), (agent, because)) in left {
                self.roster.recall_offer(&room, &agent, assignment, because, router.clock.now());
            }
            self.hear(RosterWord::Directory);
        }
        for word in unheard {
            self.hear(word);
        }
    }

    fn hear(&mut self, word: RosterWord) {
        let Some(router) = self.router.upgrade() else { return };
        let (now, faults) = (router.clock.now(), &router.options.faults);
        let (words, heard) = match word {
            RosterWord::Reserve(ask) => {
                faults.strike(FaultPoint::Roster("asked"));
                let words = self.roster.reserve(ask, now);
                let heard = if words.iter().any(is_offer) { "place_reserved" } else { "put_in_queue" };
                (words, heard)
            }
            RosterWord::Confirm { room, holding } => {
                self.answered(&room, holding.assignment);
                (self.roster.confirm(&room, &holding, now), "confirmed")
            }
            RosterWord::Release { room, assignment } => {
                self.answered(&room, assignment);
                (self.roster.release(&room, assignment, now), "released")
            }
            RosterWord::Decline { ask, agent } => {
                self.answered(&ask.room, ask.assignment);
                (self.roster.decline(ask, &agent, now), "declined")
            }
            // Not a made-up one: people whom it does not name would be taken for removed.
            RosterWord::Directory => match router.companies.get(self.company) {
                Some(company) => (self.roster.directory(&company, now), "directory_read"),
                None => return,
            },
            RosterWord::Seen(agent) => (self.roster.seen(&agent, now), "console_heard"),
        };
        faults.strike(FaultPoint::Roster(heard));
        let offers = words.iter().any(is_offer);
        self.say(&router, words);
        if offers {
            faults.strike(FaultPoint::Roster("offered"));
        }
    }

    fn answered(&self, room: &RoomId, assignment: u64) {
        self.offers.lock().unwrap_or_else(PoisonError::into_inner).remove(&(room.clone(), assignment));
    }

    fn say(&self, router: &Arc<Inner>, words: Vec<Word>) {
        for word in words {
            let (room, command, cause) = match word {
                Word::Offer { room, assignment, agent, agent_name, because } => {
                    let offered = (agent.clone(), because.clone());
                    // Before it is on its way: it may be taken even if this actor does not live to hear of it.
                    self.offers.lock().unwrap_or_else(PoisonError::into_inner).insert((room.clone(), assignment), offered);
                    let because = Some(because);
                    (room, Command::Offer { agent, agent_name, assignment, because }, Cause::Offer(assignment))
                }
                Word::QueuedAt { room, assignment, position, opens_at } => {
                    (room, Command::QueuedAt { assignment, position, opens_at }, Cause::Offer(assignment))
                }
                Word::Requeue { room, agent, why } => (room, Command::Requeue { agent, why }, Cause::Timer(why)),
            };
            router.notify(&RoomAddress { company: self.company, room }, command, cause);
        }
    }

    fn tick(&mut self) {
        if let (Some(router), None) = (self.router.upgrade(), &self.unheard) {
            let words = self.roster.tick(router.clock.now());
            self.say(&router, words);
        }
    }

    fn audit(&self, ctx: &mut Context<Self>) {
        let (Some(router), None) = (self.router.upgrade(), &self.unheard) else { return };
        let stored = router.memory.held_places(self.company);
        ctx.spawn(stored.into_actor(self).map(move |stored, actor, _| {
            let Ok(stored) = stored else { return };
            let found = actor.roster.audit(&stored.into_iter().collect());
            if found.wrong > 0 {
                tracing::error!(wrong = found.wrong, "the roster and the store differed about who holds which room");
                metrics::counter!(crate::telemetry::ROSTER_SLOT_MISMATCH).increment(u64::try_from(found.wrong).unwrap_or(0));
            }
            for room in found.unheard {
                router.notify(&RoomAddress { company: actor.company, room }, Command::Nudge, Cause::Timer("audit"));
            }
        }));
    }
}

fn is_offer(word: &Word) -> bool {
    matches!(word, Word::Offer { .. })
}

impl Actor for RosterActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.rebuild(ctx);
        ctx.run_interval(TICK, |actor, _| actor.tick());
        ctx.run_interval(AUDIT, |actor, ctx| actor.audit(ctx));
    }
}

impl Handler<RosterWord> for RosterActor {
    type Result = ();

    fn handle(&mut self, word: RosterWord, _: &mut Context<Self>) {
        match &mut self.unheard {
            Some(unheard) => unheard.push(word),
            None => self.hear(word),
        }
    }
}

impl Handler<Look> for RosterActor {
    type Result = MessageResult<Look>;

    fn handle(&mut self, Look(agents): Look, _: &mut Context<Self>) -> Self::Result {
        let known = self.unheard.is_none();
        MessageResult(known.then(|| agents.iter().map(|agent| self.roster.standing(agent)).collect()))
    }
}
