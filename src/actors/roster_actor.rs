//! One actor per company that hands out places. It keeps nothing on disk: at its start it asks the rooms' rows who holds what,
//! and until that answer is here it only listens.

use std::sync::{Arc, Weak};
use std::time::Duration;

use actix::{Actor, AsyncContext, Context, Handler, Message, WrapFuture, fut::ActorFutureExt};

use crate::room::{AgentId, Cause, Command, Company, CompanyNo, Room, RoomAddress, RoomId, Wanted};

use super::ports::HeldRoom;
use super::roster::{OFFER_REPEAT_MS, Roster, Word};
use super::router::Inner;

/// What rooms and the directory tell the roster. Every one of them may come twice.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub enum RosterWord {
    Reserve { room: RoomId, wanted: Wanted },
    Confirm { room: RoomId, agent: AgentId, assignment: u64 },
    Release { room: RoomId, assignment: u64 },
    Directory(Arc<Company>),
}

pub struct RosterActor {
    company: CompanyNo,
    router: Weak<Inner>,
    roster: Roster,
    /// What was said before the roster knew who holds what; `None` once it does.
    unheard: Option<Vec<RosterWord>>,
}

impl std::fmt::Debug for RosterActor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RosterActor").field("company", &self.company).finish_non_exhaustive()
    }
}

impl RosterActor {
    pub(super) fn new(company: CompanyNo, router: &Arc<Inner>) -> Self {
        Self { company, router: Arc::downgrade(router), roster: Roster::default(), unheard: Some(vec![]) }
    }

    fn rebuild(&self, ctx: &mut Context<Self>) {
        let Some(router) = self.router.upgrade() else { return };
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
            self.hear(RosterWord::Directory(router.companies.view(self.company)));
        }
        for word in unheard {
            self.hear(word);
        }
    }

    fn hear(&mut self, word: RosterWord) {
        let Some(router) = self.router.upgrade() else { return };
        let now = router.clock.now();
        let words = match word {
            RosterWord::Reserve { room, wanted } => {
                self.roster.reserve(&room, wanted.assignment, &wanted.target, wanted.since, now)
            }
            RosterWord::Confirm { room, agent, assignment } => {
                self.roster.confirm(&room, &agent, assignment);
                vec![]
            }
            RosterWord::Release { room, assignment } => self.roster.release(&room, assignment, now),
            RosterWord::Directory(company) => self.roster.directory(&company, now),
        };
        self.say(&router, words);
    }

    fn say(&self, router: &Arc<Inner>, words: Vec<Word>) {
        for word in words {
            let (room, assignment, command) = match word {
                Word::Offer { room, assignment, agent, agent_name } => {
                    (room, assignment, Command::Offer { agent, agent_name, assignment, because: None })
                }
                Word::QueuedAt { room, assignment, position } => {
                    (room, assignment, Command::QueuedAt { assignment, position, opens_at: None })
                }
            };
            router.notify(&RoomAddress { company: self.company, room }, command, Cause::Offer(assignment));
        }
    }
}

impl Actor for RosterActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.rebuild(ctx);
        let repeat = Duration::from_millis(u64::try_from(OFFER_REPEAT_MS).unwrap_or(5_000));
        ctx.run_interval(repeat, |actor, _| {
            if let (Some(router), None) = (actor.router.upgrade(), &actor.unheard) {
                let words = actor.roster.repeat_offers(router.clock.now());
                actor.say(&router, words);
            }
        });
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
