//! Who is there: the directory as it changes, and what becomes of the rooms of people who are away or gone. Must never take a
//! room from anybody itself: the room is told, and decides.

use crate::room::command::SOMEBODY;
use crate::room::{AgentId, AssignTarget, ChannelKind, Company, OfflinePolicy, Presence, Timestamp};

use super::{Roster, Word};

/// A room that did not act on it is told again after this time.
const TELL_AGAIN_MS: i64 = 5_000;

impl Roster {
    /// The people and policies as the directory has them now. Those who left get nothing more.
    pub fn directory(&mut self, company: &Company, now: Timestamp) -> Vec<Word> {
        self.policy = company.settings.people.clone();
        self.divisions.clone_from(&company.divisions);
        self.embedded = company.channel != ChannelKind::Qontak;
        for agent in &company.agents {
            let person = self.people.entry(agent.id.clone()).or_default();
            let online = agent.status == Presence::Online;
            if online && !person.online {
                person.online_since = if self.staffed { now } else { Timestamp(0) };
            }
            person.away_since = if online { None } else { person.away_since.or(Some(now)) };
            (person.known, person.removed, person.online) = (true, false, online);
            person.name.clone_from(&agent.name);
            person.capacity = agent.capacity;
            person.divisions.clone_from(&agent.divisions);
        }
        for (id, person) in &mut self.people {
            if company.agent(id).is_some() {
                continue;
            }
            // The channel may have people of its own, and somebody may answer without a name: they are not gone.
            person.removed |= person.known || (self.embedded && id.as_str() != SOMEBODY);
            (person.known, person.online) = (false, false);
        }
        self.people.retain(|_, person| person.known || !person.places.is_empty());
        self.staffed = true;
        let mut words = self.drain(now);
        words.extend(self.those_gone(now));
        words
    }

    /// Somebody's console says that it is open.
    pub fn seen(&mut self, agent: &AgentId, now: Timestamp) -> Vec<Word> {
        let Some(person) = self.people.get_mut(agent).filter(|person| person.known) else { return vec![] };
        let comes_back = person.online && !person.is_there(now);
        person.seen_at = Some(now);
        if !comes_back {
            return vec![];
        }
        person.online_since = now;
        self.drain(now)
    }

    /// Rooms of people who were removed, or who are away for longer than the grace where the company wants their rooms back at
    /// once; and rooms that wait for somebody who does not exist any more.
    pub(super) fn those_gone(&mut self, now: Timestamp) -> Vec<Word> {
        let (policy, mut words) = (&self.policy, vec![]);
        let grace = i64::from(policy.offline_grace_s) * 1_000;
        for (id, person) in &mut self.people {
            person.forget_picks(now);
            let left_at = person
                .away_since
                .filter(|since| policy.on_offline == OfflinePolicy::RequeueNow && person.known && now.ms_since(*since) >= grace);
            let why = match (person.removed, left_at) {
                (true, _) => "removed",
                (false, Some(_)) => "offline",
                (false, None) => continue,
            };
            for (room, place) in person.places.iter_mut().filter(|(_, place)| place.occupied.is_some()) {
                // What somebody took after they left, they took knowingly.
                let took_it_away = !person.removed && left_at.is_some_and(|at| place.since > at);
                let told = place.told_gone.is_some_and(|at| now.ms_since(at) < TELL_AGAIN_MS);
                if !took_it_away && !told {
                    place.told_gone = Some(now);
                    words.push(Word::Requeue { room: room.clone(), agent: id.clone(), why });
                }
            }
        }
        words.extend(self.waiting_in_vain());
        words
    }

    fn waiting_in_vain(&self) -> Vec<Word> {
        if !self.staffed {
            return vec![];
        }
        let known = |agent: &AgentId| self.people.get(agent).is_some_and(|person| person.known);
        let in_vain = self.queue.iter().filter_map(|ask| match &ask.target {
            AssignTarget::Agent { agent } if !known(agent) => {
                Some(Word::Requeue { room: ask.room.clone(), agent: agent.clone(), why: "removed" })
            }
            _ => None,
        });
        in_vain.collect()
    }
}
