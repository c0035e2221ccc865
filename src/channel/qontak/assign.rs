//! Who has the conversation there. Assigning *adds* a person, so that whoever had it leaves afterwards, never before: a room that
//! is nobody's is worse than one that is two people's (qontak-api.md 2.3, 3.5). There is no way to assign to a division: we
//! choose among its people, and say so.

use crate::actors::outside::{EffectJob, PartRow, Planned};
use crate::catalog::assign_agent::Wanted;
use crate::room::{Because, Company, Refusal};

use super::QontakChannel;
use super::answer::{self, WARN_TAKEN};
use super::part::{Deed, Entrant, Entry, Left};
use super::people::Person;
use super::pick;
use super::plan::write;
use super::refusals;
use super::rooms::There;
use crate::outbound::Step;

impl QontakChannel {
    pub(super) async fn next_of_assignment(
        &self,
        job: &EffectJob,
        wanted: &Wanted,
        ended: &[PartRow],
        done: &[(Deed, Left)],
    ) -> Step<Planned> {
        let under_way = done.iter().rev().find_map(|(deed, _)| match deed {
            Deed::Enter(entry) | Deed::Leave { entry, .. } => Some(entry),
            _ => None,
        });
        if let Some(entry) = under_way {
            return self.clear_out(job, entry, ended, done).await;
        }
        let drawn = done.iter().find(|(deed, _)| *deed == Deed::RoundRobin).map(|(_, left)| left);
        if let Some(Left::Given { user }) = drawn {
            return self.drawn(job, user).await;
        }
        let (company, room) = (job.address.company, &job.address.room);
        let there = self.room(company, room).await?.ok_or_else(refusals::room_not_in_channel)?;
        if there.resolved {
            return Err(refusals::room_resolved().into());
        }
        let people = self.assignable(company, room).await?.ok_or_else(refusals::room_not_in_channel)?;
        let directory = self.directory(company).await?;
        let known = |user: &String| entrant(user, &people, &directory);
        let entry = match wanted {
            Wanted::Agent(name) => {
                let named = pick::named(name, &people, &directory).map_err(|refusal| whose(refusal, job, name, &directory))?;
                entry(named.entrant(&directory), &there, None)
            }
            Wanted::Division(name) => self.of_division(job, name, &people, &directory, &there).await?,
            Wanted::Auto => match there.agent_ids.first() {
                Some(holder) => return Ok(self.held(&known(holder), vec![WARN_TAKEN.into()])),
                None if drawn.is_none() => return write(job, &Deed::RoundRobin, ended),
                // The channel does not choose, or did not want to: we do.
                None => {
                    let all: Vec<&Person> = people.iter().collect();
                    let (chosen, because) = pick::least_busy(&all, &directory).ok_or_else(refusals::no_one_available)?;
                    entry(chosen.entrant(&directory), &there, Some(because))
                }
            },
        };
        match entry.there_before {
            false => write(job, &Deed::Enter(entry), ended),
            // Others may be in it beside them, as people there have it.
            true => Ok(self.held(&entry.entrant, vec![])),
        }
    }

    /// Somebody of the division: whoever has it already, else whom we choose.
    async fn of_division(
        &self,
        job: &EffectJob,
        name: &str,
        people: &[Person],
        directory: &Company,
        there: &There,
    ) -> Step<Entry> {
        let members = pick::members(name, people, directory);
        if let Some(holder) = members.iter().find(|person| there.has(&person.user)) {
            return Ok(Entry { entrant: holder.entrant(directory), formers: vec![], because: None, there_before: true });
        }
        if let Some((chosen, because)) = pick::least_busy(&members, directory) {
            return Ok(entry(chosen.entrant(directory), there, Some(because)));
        }
        if members.is_empty() {
            let known = self.divisions(job.address.company).await?;
            let names = pick::names_of(name, directory);
            let same = |one: &str| names.iter().any(|name| crate::room::tag::fold(name) == crate::room::tag::fold(one));
            let exists = known.iter().any(|(id, one)| same(one) || id.eq_ignore_ascii_case(name));
            if !exists {
                let of_people = people.iter().flat_map(|person| &person.divisions);
                return Err(refusals::unknown_division(name, known.iter().chain(of_people).map(|(_, one)| one.as_str())).into());
            }
        }
        Err(refusals::no_one_available().into())
    }

    /// They are in: those who had it before leave, one after the other.
    async fn clear_out(&self, job: &EffectJob, entry: &Entry, ended: &[PartRow], done: &[(Deed, Left)]) -> Step<Planned> {
        let mut warnings = vec![];
        let left = |user: &String| done.iter().any(|(deed, _)| matches!(deed, Deed::Leave { user: gone, .. } if gone == user));
        match self.room(job.address.company, &job.address.room).await? {
            // Whoever took them out again knows why: the others stay.
            Some(there) if !there.resolved && there.has(&entry.entrant.user) => {
                if let Some(user) = entry.formers.iter().find(|user| there.has(user) && !left(user)) {
                    return write(job, &Deed::Leave { user: user.clone(), entry: entry.clone() }, ended);
                }
            }
            _ => warnings.push(answer::WARN_MOVED_ON.to_owned()),
        }
        let stays = done.iter().any(|(deed, left)| matches!((deed, left), (Deed::Leave { .. }, Left::Failed { .. })));
        if stays {
            warnings.push(answer::WARN_FORMER_STAYS.to_owned());
        }
        Ok(Planned::End(answer::assigned(&entry.entrant, entry.because.clone(), self.clock.now(), true, warnings)))
    }

    /// Everybody leaves who is there now; whoever comes later came by somebody's will, which also moves control.
    pub(super) async fn next_of_return(&self, job: &EffectJob, ended: &[PartRow], done: &[(Deed, Left)]) -> Step<Planned> {
        let tried = |user: &String| done.iter().any(|(deed, _)| matches!(deed, Deed::Dismiss { user: gone } if gone == user));
        let there = self.room(job.address.company, &job.address.room).await?.unwrap_or_default();
        if let Some(user) = there.agent_ids.iter().find(|user| !there.resolved && !tried(user)) {
            return write(job, &Deed::Dismiss { user: user.clone() }, ended);
        }
        let stays = done.iter().any(|(_, left)| matches!(left, Left::Failed { .. }));
        Ok(Planned::End(answer::returned(stays)))
    }

    /// The channel chose.
    async fn drawn(&self, job: &EffectJob, user: &str) -> Step<Planned> {
        let (company, room) = (job.address.company, &job.address.room);
        let people = self.assignable(company, room).await?.unwrap_or_default();
        let given = entrant(user, &people, &self.directory(company).await?);
        let because = Because { strategy: pick::THEIRS.into(), candidates: vec![], fell_back_to: None };
        Ok(Planned::End(answer::assigned(&given, Some(because), self.clock.now(), true, vec![])))
    }

    /// It is as it was wished before anything was done.
    fn held(&self, holder: &Entrant, warnings: Vec<String>) -> Planned {
        Planned::End(answer::assigned(holder, None, self.clock.now(), false, warnings))
    }
}

fn entry(entrant: Entrant, there: &There, because: Option<Because>) -> Entry {
    let formers = there.agent_ids.iter().filter(|user| **user != entrant.user).cloned().collect();
    let there_before = there.has(&entrant.user);
    Entry { entrant, formers, because, there_before }
}

/// Somebody in the room, whether they could be given it now or not.
fn entrant(user: &str, people: &[Person], directory: &Company) -> Entrant {
    let known = people.iter().find(|person| person.user == user);
    let stranger = || Person { user: user.to_owned(), name: "a colleague".into(), ..Person::default() };
    known.cloned().unwrap_or_else(stranger).entrant(directory)
}

/// One of our people took it by hand: the answer is for them, and names them.
fn whose(refusal: Refusal, job: &EffectJob, wanted: &str, directory: &Company) -> Refusal {
    let ours = directory.agents.iter().find(|agent| agent.id.as_str() == wanted);
    match ours.filter(|_| job.call.ai_agent.is_none() && refusal.code == "unknown_agent") {
        Some(agent) => refusals::nobody_there(&agent.name),
        None => refusal,
    }
}
