//! Whom a call means, and whom we choose where it leaves that open. Pure. Never a guess: two of one name are an error with
//! candidates.

use crate::room::tag::fold;
use crate::room::{Because, Candidacy, Company, Refusal};

use super::people::Person;
use super::refusals;

/// Name of our own choice, in the trace.
pub const OURS: &str = "bellhop_pick";
/// Name of the channel's, in the trace.
pub const THEIRS: &str = "qontak_round_robin";
/// Most candidates that are kept in the trace.
const MOST_CANDIDATES: usize = 10;

/// The one whom `wanted` names: by id, e-mail or full name there, else by id or name in our own directory.
pub fn named<'a>(wanted: &str, people: &'a [Person], company: &Company) -> Result<&'a Person, Refusal> {
    let (wanted, folded) = (wanted.trim(), fold(wanted));
    let ours =
        || company.agents.iter().filter(|agent| agent.id.as_str().eq_ignore_ascii_case(wanted) || fold(&agent.name) == folded);
    let ways: [&dyn Fn(&Person) -> bool; 4] = [
        &|person| person.user.eq_ignore_ascii_case(wanted),
        &|person| person.has_email(wanted),
        &|person| fold(&person.name) == folded,
        &|person| ours().any(|agent| person.has_email(&agent.email)),
    ];
    for way in ways {
        let alike: Vec<&Person> = people.iter().filter(|person| way(person)).collect();
        match alike.as_slice() {
            [] => {}
            [one] => return Ok(one),
            several => return Err(refusals::ambiguous_agent(wanted, several)),
        }
    }
    Err(refusals::unknown_agent(wanted, people))
}

/// Those of a division, which may be called as here or as there.
pub fn members<'a>(division: &str, people: &'a [Person], company: &Company) -> Vec<&'a Person> {
    let names = names_of(division, company);
    people.iter().filter(|person| names.iter().any(|name| person.is_of(name))).collect()
}

/// What a division may be called there: as given, or by the name our own directory has for it.
pub fn names_of<'a>(division: &'a str, company: &'a Company) -> Vec<&'a str> {
    let ours = company.divisions.iter().filter(|known| known.id.as_str().eq_ignore_ascii_case(division));
    std::iter::once(division).chain(ours.map(|known| known.name.as_str())).collect()
}

/// Of those who have room: whoever is there before whoever is not, then the least busy.
pub fn least_busy<'a>(people: &[&'a Person], company: &Company) -> Option<(&'a Person, Because)> {
    let mut free: Vec<&Person> = people.iter().copied().filter(|person| person.has_room()).collect();
    free.sort_by_key(|person| (!person.online, person.assigned, person.user.as_str()));
    let chosen = *free.first()?;
    let candidate = |person: &&Person| Candidacy {
        agent_id: person.here(company),
        load: person.assigned,
        capacity: person.most.unwrap_or(u32::MAX),
    };
    let candidates = free.iter().take(MOST_CANDIDATES).map(candidate).collect();
    Some((chosen, Because { strategy: OURS.into(), candidates, fell_back_to: None }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::{Agent, AgentId, CompanyNo, Presence};

    fn person(user: &str, name: &str, online: bool, assigned: u32) -> Person {
        let email = format!("{user}@x.example");
        let divisions = vec![("d1".into(), "Support".into())];
        Person { user: user.into(), name: name.into(), email, online, assigned, most: Some(5), divisions }
    }

    fn company() -> Company {
        let agent = |id: &str, name: &str, email: &str| Agent {
            id: AgentId::trusted(id),
            name: name.into(),
            email: email.into(),
            divisions: vec![],
            status: Presence::Online,
            capacity: 5,
        };
        let agents = vec![agent("agt_1", "Bu Sinta", "U1@x.example"), agent("agt_2", "Elsewhere", "nobody@x.example")];
        Company { agents, ..Company::empty(CompanyNo(1)) }
    }

    #[test]
    fn a_person_is_found_by_every_name_they_have() {
        let people = [person("u1", "Sinta Misal", true, 0), person("u2", "Raka", true, 0), person("u3", "RAKA", false, 0)];
        let found = |wanted: &str| named(wanted, &people, &company()).map(|person| person.user.clone());
        for wanted in ["u1", "U1", "u1@X.example", "sinta  misal", "agt_1", "bu sinta"] {
            assert_eq!(found(wanted).unwrap(), "u1", "{wanted}");
        }
        let refusal = found("raka").unwrap_err();
        assert_eq!(refusal.code, "ambiguous_agent");
        assert_eq!(refusal.candidates.iter().map(|one| one.value.as_str()).collect::<Vec<_>>(), ["u2", "u3"]);
        assert_eq!(refusal.candidates[0].note.as_deref(), Some("Raka (Support)"));
        let refusal = found("Sinta").unwrap_err();
        assert_eq!((refusal.code, refusal.candidates[0].value.as_str()), ("unknown_agent", "Sinta Misal"));
        assert_eq!(found("agt_2").unwrap_err().code, "unknown_agent", "known here, not there");
        assert!(!format!("{:?}", found("raka")).contains("x.example"), "no e-mail address is shown");
    }

    #[test]
    fn the_least_busy_of_those_who_are_there_is_chosen_and_nobody_beyond_their_bound() {
        let people =
            [person("u1", "A", false, 0), person("u2", "B", true, 4), person("u3", "C", true, 3), person("u4", "D", true, 5)];
        let all: Vec<&Person> = people.iter().collect();
        let (chosen, because) = least_busy(&all, &company()).unwrap();
        assert_eq!((chosen.user.as_str(), because.strategy.as_str()), ("u3", OURS));
        let order: Vec<&str> = because.candidates.iter().map(|one| one.agent_id.as_str()).collect();
        assert_eq!(order, ["u3", "u2", "agt_1"], "who is not there comes last, who is full not at all");
        assert!(least_busy(&all[3..], &company()).is_none());
    }
}
