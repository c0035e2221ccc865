//! Finds the roster of a company, starts it at first need, and starts it anew when it died.

use std::sync::Arc;

use actix::{Actor, Addr};
use dashmap::DashMap;

use crate::room::{AgentId, Company, CompanyNo, RoomAddress, Wanted};

use super::roster_actor::{RosterActor, RosterWord};
use super::router::Inner;

#[derive(Debug, Default)]
pub(super) struct Rosters(DashMap<CompanyNo, Addr<RosterActor>, ahash::RandomState>);

impl Rosters {
    pub fn reserve(&self, router: &Arc<Inner>, room: &RoomAddress, wanted: &Wanted) {
        self.say(router, room.company, RosterWord::Reserve { room: room.room.clone(), wanted: wanted.clone() });
    }

    pub fn confirm(&self, router: &Arc<Inner>, room: &RoomAddress, agent: &AgentId, assignment: u64) {
        self.say(router, room.company, RosterWord::Confirm { room: room.room.clone(), agent: agent.clone(), assignment });
    }

    pub fn release(&self, router: &Arc<Inner>, room: &RoomAddress, assignment: u64) {
        self.say(router, room.company, RosterWord::Release { room: room.room.clone(), assignment });
    }

    /// The company's people changed. A roster that is not there yet will read them when it starts.
    pub fn directory(&self, router: &Arc<Inner>, company: &Arc<Company>) {
        if self.0.contains_key(&company.no) || !company.agents.is_empty() {
            self.say(router, company.no, RosterWord::Directory(company.clone()));
        }
    }

    pub fn clear(&self) {
        self.0.clear();
    }

    fn say(&self, router: &Arc<Inner>, company: CompanyNo, word: RosterWord) {
        let mut roster = self.0.entry(company).or_insert_with(|| start(router, company));
        if !roster.connected() {
            tracing::error!("a roster died and is made again from the rooms");
            *roster = start(router, company);
        }
        roster.do_send(word);
    }
}

fn start(router: &Arc<Inner>, company: CompanyNo) -> Addr<RosterActor> {
    let actor = RosterActor::new(company, router);
    match router.spawn_place() {
        Some(arbiter) => RosterActor::start_in_arbiter(arbiter, move |_| actor),
        None => actor.start(),
    }
}
