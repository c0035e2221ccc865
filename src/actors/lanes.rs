//! Finds the actor of a company's CRM or channel, starts it at first need, and starts it anew when it died. One that is new knows of no
//! effect. **Invariant:** an effect reaches an actor only after all older open ones of its room have.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use actix::{Actor, Addr};
use dashmap::DashMap;

use crate::room::{CallKey, CompanyNo, RoomAddress, Side, Timestamp};

use super::backlog::{Backlog, BacklogView};
use super::lane::LanePorts;
use super::lane_actor::{LaneActor, LaneWord};
use super::outside::EffectJob;
use super::router::Inner;

#[derive(Clone, Debug)]
struct Known {
    /// No two actors of this process have the same; from 1.
    number: u64,
    actor: Addr<LaneActor>,
    backlog: Arc<Backlog>,
}

#[derive(Debug, Default)]
pub(super) struct Lanes {
    actors: DashMap<(CompanyNo, Side), Known, ahash::RandomState>,
    started: AtomicU64,
    /// One was found dead, and its rooms have not handed over again.
    died: AtomicBool,
}

impl Lanes {
    /// Hands over effects of one room, in order. `only_to`: the actor of this number, because it knows all older ones; when
    /// there is another by now nothing is handed over (`None`), and all that is open must come. The number it went to.
    pub fn carry(&self, router: &Arc<Inner>, to: (CompanyNo, Side), jobs: Vec<EffectJob>, only_to: Option<u64>) -> Option<u64> {
        self.say(router, to, |known| {
            if only_to.is_some_and(|number| number != known.number) {
                return None;
            }
            jobs.into_iter().for_each(|job| known.actor.do_send(LaneWord::Carry(Box::new(job))));
            Some(known.number)
        })
    }

    /// An actor that is not there has nothing to forget.
    pub fn applied(&self, room: &RoomAddress, side: Side, key: CallKey) {
        if let Some(known) = self.actors.get(&(room.company, side)) {
            known.actor.do_send(LaneWord::Applied { room: room.room.clone(), key });
        }
    }

    pub fn clear(&self) {
        self.actors.clear();
    }

    /// What the company's lanes have to do.
    pub fn backlog(&self, of: (CompanyNo, Side), now: Timestamp) -> BacklogView {
        self.actors.get(&of).map(|known| known.backlog.view(now)).unwrap_or_default()
    }

    /// Makes the company's actor panic; `false` when there is none.
    pub fn kill(&self, company: CompanyNo, side: Side) -> bool {
        self.actors.get(&(company, side)).map(|known| known.actor.do_send(LaneWord::Die)).is_some()
    }

    /// Whether one died since the last time: what it knew is gone, so every room must hand its open effects over again.
    pub fn take_deaths(&self) -> bool {
        let mut died = self.died.swap(false, Ordering::AcqRel);
        self.actors.retain(|_, known| {
            let lives = known.actor.connected();
            died |= !lives;
            lives
        });
        died
    }

    /// `what` is said under the lock of the company's place: nobody else's word comes between.
    fn say(&self, router: &Arc<Inner>, to: (CompanyNo, Side), what: impl FnOnce(&Known) -> Option<u64>) -> Option<u64> {
        let ports = match to.1 {
            Side::Crm => &router.options.crm,
            Side::Channel => &router.options.channel,
        };
        let Some(ports) = ports else {
            tracing::error!(side = to.1.as_str(), "an effect was decided in a process that cannot carry it");
            return None;
        };
        let start = || {
            let number = self.started.fetch_add(1, Ordering::AcqRel) + 1;
            let backlog = Arc::<Backlog>::default();
            Known { number, actor: start(router, to.0, ports.clone(), backlog.clone()), backlog }
        };
        let mut known = self.actors.entry(to).or_insert_with(start);
        if !known.actor.connected() {
            tracing::error!("a lane's actor died and is made again");
            self.died.store(true, Ordering::Release);
            *known = start();
        }
        what(&known)
    }
}

fn start(router: &Arc<Inner>, company: CompanyNo, ports: LanePorts, backlog: Arc<Backlog>) -> Addr<LaneActor> {
    let actor = LaneActor::new(company, router, ports, backlog);
    match router.spawn_place() {
        Some(arbiter) => LaneActor::start_in_arbiter(arbiter, move |_| actor),
        None => actor.start(),
    }
}
