//! Finds the roster of a company, starts it at first need, and starts it anew when it died. Must never lose the offers a dead
//! roster left: rooms may still take them.

use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, Addr};
use dashmap::DashMap;

use crate::room::{AgentId, Company, CompanyNo, RoomAddress};

use super::roster::{Ask, Holding, Standing};
use super::roster_actor::{Look, Offers, RosterActor, RosterWord};
use super::router::{Inner, RoomRouter};

/// Whoever looks at a roster waits for it at most so long.
const LOOK_PATIENCE: Duration = Duration::from_secs(1);
/// Companies whose rooms cannot be read at the start are read again after this time.
const READ_AGAIN: Duration = Duration::from_millis(500);

#[derive(Debug, Default)]
pub(super) struct Rosters(DashMap<CompanyNo, Entry, ahash::RandomState>);

#[derive(Debug)]
struct Entry {
    actor: Addr<RosterActor>,
    offers: Offers,
}

impl Entry {
    fn start(router: &Arc<Inner>, company: CompanyNo, offers: Offers) -> Self {
        let core = RosterActor::new(company, router, offers.clone());
        let actor = match router.spawn_place() {
            Some(arbiter) => RosterActor::start_in_arbiter(arbiter, move |_| core),
            None => core.start(),
        };
        Self { actor, offers }
    }

    fn revive(&mut self, router: &Arc<Inner>, company: CompanyNo) {
        if !self.actor.connected() {
            tracing::error!("a roster died and is made again from the rooms");
            metrics::counter!(crate::telemetry::ROSTER_RESTARTS).increment(1);
            *self = Self::start(router, company, self.offers.clone());
        }
    }
}

impl Rosters {
    pub fn reserve(&self, router: &Arc<Inner>, room: &RoomAddress, ask: Ask) {
        self.say(router, room.company, RosterWord::Reserve(ask));
    }

    pub fn confirm(&self, router: &Arc<Inner>, room: &RoomAddress, holding: Holding) {
        self.say(router, room.company, RosterWord::Confirm { room: room.room.clone(), holding });
    }

    pub fn release(&self, router: &Arc<Inner>, room: &RoomAddress, assignment: u64) {
        self.say(router, room.company, RosterWord::Release { room: room.room.clone(), assignment });
    }

    /// The room asked for somebody, and may not have whom it was offered.
    pub fn decline(&self, router: &Arc<Inner>, room: &RoomAddress, ask: Ask, agent: AgentId) {
        self.say(router, room.company, RosterWord::Decline { ask, agent });
    }

    /// The company's people changed. A roster that is not there yet will read them when it starts.
    pub fn directory(&self, router: &Arc<Inner>, company: &Company) {
        if self.0.contains_key(&company.no) || !company.agents.is_empty() {
            self.say(router, company.no, RosterWord::Directory);
        }
    }

    /// Those that died are there again: what only time brings has nobody else to notice.
    pub fn revive(&self, router: &Arc<Inner>) {
        for mut entry in self.0.iter_mut() {
            let company = *entry.key();
            entry.revive(router, company);
        }
    }

    pub fn clear(&self) {
        self.0.clear();
    }

    fn say(&self, router: &Arc<Inner>, company: CompanyNo, word: RosterWord) {
        let mut entry = self.0.entry(company).or_insert_with(|| Entry::start(router, company, Offers::default()));
        entry.revive(router, company);
        entry.actor.do_send(word);
    }
}

impl RoomRouter {
    /// Somebody's console is open. The company is known to the router by now (`RoomRouter::company`).
    pub fn is_seen(&self, company: CompanyNo, agent: &AgentId) {
        self.0.rosters.say(&self.0, company, RosterWord::Seen(agent.clone()));
    }

    /// How these people of a company stand, as its roster sees it; wakes no room. `None`: it does not know yet.
    pub async fn standings(&self, company: &Arc<Company>, agents: Vec<AgentId>) -> Option<Vec<Standing>> {
        if !self.0.rosters.0.contains_key(&company.no) {
            self.0.rosters.directory(&self.0, company);
        }
        let roster = self.0.rosters.0.get(&company.no).map(|entry| entry.actor.clone())?;
        tokio::time::timeout(LOOK_PATIENCE, roster.send(Look(agents))).await.ok()?.ok()?
    }
}

/// Starts the rosters of all companies with rooms that a person has or that wait for one: a place that became free, a division
/// that opens and a person who leaves are theirs to notice, whether or not anybody calls.
pub(super) async fn start_rosters(router: RoomRouter) {
    let companies = loop {
        match router.0.memory.staffed_companies().await {
            Ok(companies) => break companies,
            Err(why) => tracing::warn!(%why, "the companies whose people have rooms cannot be read"),
        }
        tokio::time::sleep(READ_AGAIN).await;
    };
    for company in companies {
        while let Err(why) = router.company(company).await {
            tracing::warn!(%why, "a company cannot be read");
            tokio::time::sleep(READ_AGAIN).await;
        }
    }
}
