//! Finds the CRM's actor of a company, starts it at first need, and starts it anew when it died.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix::{Actor, Addr};
use dashmap::DashMap;

use crate::room::{CallKey, CompanyNo, RoomAddress};

use super::crm_actor::{CrmActor, CrmWord};
use super::outside::EffectJob;
use super::router::Inner;

#[derive(Debug, Default)]
pub(super) struct Crms {
    actors: DashMap<CompanyNo, Addr<CrmActor>, ahash::RandomState>,
    /// One was found dead, and its rooms have not handed over again.
    died: AtomicBool,
}

impl Crms {
    pub fn carry(&self, router: &Arc<Inner>, job: EffectJob) {
        self.say(router, job.address.company, CrmWord::Carry(Box::new(job)));
    }

    pub fn applied(&self, router: &Arc<Inner>, room: &RoomAddress, key: CallKey) {
        self.say(router, room.company, CrmWord::Applied { room: room.room.clone(), key });
    }

    pub fn clear(&self) {
        self.actors.clear();
    }

    /// Makes the company's actor panic; `false` when there is none.
    pub fn kill(&self, company: CompanyNo) -> bool {
        self.actors.get(&company).map(|actor| actor.do_send(CrmWord::Die)).is_some()
    }

    /// Whether one died since the last time: what it knew is gone, so every room must hand its open effects over again.
    pub fn take_deaths(&self) -> bool {
        let before = self.actors.len();
        self.actors.retain(|_, actor| actor.connected());
        self.died.swap(false, Ordering::AcqRel) || self.actors.len() < before
    }

    fn say(&self, router: &Arc<Inner>, company: CompanyNo, word: CrmWord) {
        let Some(ports) = &router.options.crm else {
            tracing::error!("an effect was decided in a process without a CRM");
            return;
        };
        let mut actor = self.actors.entry(company).or_insert_with(|| start(router, company, ports.clone()));
        if !actor.connected() {
            tracing::error!("a CRM's actor died and is made again");
            self.died.store(true, Ordering::Release);
            *actor = start(router, company, ports.clone());
        }
        actor.do_send(word);
    }
}

fn start(router: &Arc<Inner>, company: CompanyNo, ports: super::lane::CrmPorts) -> Addr<CrmActor> {
    let actor = CrmActor::new(company, router, ports);
    match router.spawn_place() {
        Some(arbiter) => CrmActor::start_in_arbiter(arbiter, move |_| actor),
        None => actor.start(),
    }
}
