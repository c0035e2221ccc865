//! Whom a room is given to: who could take it, by which strategy, and the ladder from one division to the next. Must never
//! look at anything that is not in the roster, so that the same roster always picks the same person.

use std::cmp::Ordering;
use std::collections::HashSet;

use crate::room::{AgentId, AssignStrategy, AssignTarget, Because, Candidacy, DivisionId, Timestamp};

use super::person::Person;
use super::{Ask, Roster};

/// How many of those who had room are named with a choice.
const NAMED: usize = 10;
/// The strategy of an assignment that left no choice.
const NO_CHOICE: &str = "named";

struct Candidate<'a> {
    id: &'a AgentId,
    person: &'a Person,
    load: u32,
}

impl Roster {
    /// Its own target, the fallback divisions in order, and only then whoever let it wait. Outside business hours nobody.
    pub(super) fn choose(&self, ask: &Ask, closed: &HashSet<DivisionId>, now: Timestamp) -> Option<(AgentId, Because)> {
        match ask.target.among(&self.divisions) {
            AssignTarget::Agent { agent } => self.best(ask, now, false, |id, _| id == agent),
            AssignTarget::Auto if self.all_closed(closed) => None,
            AssignTarget::Auto => {
                let at_work = |_: &AgentId, person: &Person| is_at_work(person, closed);
                self.best(ask, now, true, at_work).or_else(|| self.best(ask, now, false, at_work))
            }
            AssignTarget::Division { division } if closed.contains(division) => None,
            AssignTarget::Division { division } => {
                let of = |division: &DivisionId, spare: bool| {
                    self.best(ask, now, spare, |_, person| person.divisions.contains(division))
                };
                let ladder = self.policy.fallback_divisions.iter().filter(|other| *other != division && !closed.contains(other));
                let fallen = |other: &DivisionId| {
                    let (agent, because) = of(other, true)?;
                    Some((agent, Because { fell_back_to: Some(other.clone()), ..because }))
                };
                of(division, true).or_else(|| ladder.clone().find_map(fallen)).or_else(|| of(division, false))
            }
        }
    }

    /// Whether anybody could take it if they had nothing else.
    pub(super) fn could_ever(&self, ask: &Ask) -> bool {
        let weight = self.policy.weight(&ask.channel);
        let wanted = |id: &AgentId, person: &Person| match ask.target.among(&self.divisions) {
            AssignTarget::Agent { agent } => agent == id,
            AssignTarget::Auto => true,
            AssignTarget::Division { division } => {
                let mut ladder = self.policy.fallback_divisions.iter().chain([division]);
                ladder.any(|division| person.divisions.contains(division))
            }
        };
        self.people.iter().any(|(id, person)| person.known && person.capacity >= weight.max(1) && wanted(id, person))
    }

    /// When a target that is closed opens again.
    pub(super) fn opens_at(&self, target: &AssignTarget, now: Timestamp) -> Option<Timestamp> {
        let closed = self.divisions.iter().filter(|division| !division.is_open(now));
        let opening = |division: &crate::room::Division| division.hours.as_ref().and_then(|hours| hours.next_opening(now));
        match target.among(&self.divisions) {
            AssignTarget::Agent { .. } => None,
            AssignTarget::Division { division } => closed.clone().find(|other| other.id == *division).and_then(opening),
            AssignTarget::Auto if closed.clone().count() < self.divisions.len() => None,
            AssignTarget::Auto => closed.filter_map(opening).min(),
        }
    }

    fn all_closed(&self, closed: &HashSet<DivisionId>) -> bool {
        !self.divisions.is_empty() && self.divisions.iter().all(|division| closed.contains(&division.id))
    }

    /// The first of those who have room. `spare`: not whoever let it wait.
    fn best(
        &self,
        ask: &Ask,
        now: Timestamp,
        spare: bool,
        wanted: impl Fn(&AgentId, &Person) -> bool,
    ) -> Option<(AgentId, Because)> {
        let named = matches!(ask.target, AssignTarget::Agent { .. });
        let weight = self.policy.weight(&ask.channel);
        let there = |(id, person): &(&AgentId, &Person)| {
            let asked_again = !ask.rests || person.online_since > ask.since;
            person.known && person.is_there(now) && wanted(id, person) && asked_again && !(spare && ask.but.as_ref() == Some(*id))
        };
        let has_room = |one: &Candidate<'_>| {
            let fits = one.person.capacity > 0 && one.load.saturating_add(weight) <= one.person.capacity;
            fits && (named || one.person.may_be_picked(&self.policy, now))
        };
        let those_there = self.people.iter().filter(there);
        let loaded = those_there.map(|(id, person)| Candidate { id, person, load: person.load_beside(&ask.room, &self.policy) });
        let mut candidates: Vec<Candidate<'_>> = loaded.filter(has_room).collect();
        let strategy = self.policy.strategy;
        candidates.sort_unstable_by(|a, b| {
            let had_it = |one: &Candidate<'_>| strategy == AssignStrategy::LastAgent && ask.last.as_ref() == Some(one.id);
            had_it(b).cmp(&had_it(a)).then_with(|| compare(strategy, a, b)).then_with(|| a.id.cmp(b.id))
        });
        let chosen = candidates.first()?.id.clone();
        let candidacy =
            |one: &Candidate<'_>| Candidacy { agent_id: one.id.clone(), load: one.load, capacity: one.person.capacity };
        let because = Because {
            strategy: if named { NO_CHOICE } else { strategy.as_str() }.to_owned(),
            candidates: candidates.iter().take(NAMED).map(candidacy).collect(),
            fell_back_to: None,
        };
        Some((chosen, because))
    }
}

/// Whether one of their divisions is open; whoever has none is always at work.
fn is_at_work(person: &Person, closed: &HashSet<DivisionId>) -> bool {
    person.divisions.is_empty() || person.divisions.iter().any(|division| !closed.contains(division))
}

/// Who comes first. Longest without a room decides between equals: no cursor, so that people who come and go skew nothing.
fn compare(strategy: AssignStrategy, a: &Candidate<'_>, b: &Candidate<'_>) -> Ordering {
    let share = |one: &Candidate<'_>, other: &Candidate<'_>| u64::from(one.load) * u64::from(other.person.capacity);
    let spare = |one: &Candidate<'_>| one.person.capacity.saturating_sub(one.load);
    let by_load = match strategy {
        AssignStrategy::RoundRobin => Ordering::Equal,
        AssignStrategy::LeastBusy | AssignStrategy::LastAgent => share(a, b).cmp(&share(b, a)),
        AssignStrategy::HighestSpare => spare(b).cmp(&spare(a)),
    };
    by_load.then_with(|| a.person.last.cmp(&b.person.last))
}
