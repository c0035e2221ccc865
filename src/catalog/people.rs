//! Finding a person or a division by what a model calls it: an id or a name, whatever its case. Never a guess: two of one
//! name are an error with candidates. Never shows an e-mail address.

use crate::room::tag::fold;
use crate::room::{Agent, AgentId, Candidate, Company, Division, DivisionId, Next, Refusal};

use super::nearest::{nearest, shown};

/// How many are offered after a miss.
const OFFERED: usize = 3;
/// How many of one name are listed.
const LISTED: usize = 10;

pub fn find_agent<'a>(wanted: &str, company: &'a Company) -> Result<&'a Agent, Refusal> {
    find("agent", wanted, &company.agents, company)
}

pub fn find_division<'a>(wanted: &str, company: &'a Company) -> Result<&'a Division, Refusal> {
    find("division", wanted, &company.divisions, company)
}

/// The name of a division, its id when it is gone.
pub fn division_name(id: &DivisionId, company: &Company) -> String {
    company.division(id).map_or_else(|| id.to_string(), |division| division.name.clone())
}

/// The name of an agent, the id when they are gone.
pub fn agent_name(id: &AgentId, company: &Company) -> String {
    company.agent(id).map_or_else(|| id.to_string(), |agent| agent.name.clone())
}

trait Named {
    fn id(&self) -> &str;
    fn name(&self) -> &str;
    /// What tells two of one name apart.
    fn note(&self, company: &Company) -> String;
}

impl Named for Agent {
    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn note(&self, company: &Company) -> String {
        let divisions: Vec<String> = self.divisions.iter().map(|id| division_name(id, company)).collect();
        if divisions.is_empty() { self.name.clone() } else { format!("{} ({})", self.name, divisions.join(", ")) }
    }
}

impl Named for Division {
    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn note(&self, _company: &Company) -> String {
        self.name.clone()
    }
}

fn find<'a, T: Named>(what: &'static str, wanted: &str, all: &'a [T], company: &Company) -> Result<&'a T, Refusal> {
    let (unknown, ambiguous) =
        if what == "agent" { ("unknown_agent", "ambiguous_agent") } else { ("unknown_division", "ambiguous_division") };
    // Ids differ by case, so an exact one comes first; then any case, of ids before names.
    if let Some(found) = all.iter().find(|one| one.id() == wanted) {
        return Ok(found);
    }
    let mut alike: Vec<&T> = all.iter().filter(|one| one.id().eq_ignore_ascii_case(wanted)).collect();
    if alike.is_empty() {
        let folded = fold(wanted);
        alike = all.iter().filter(|one| fold(one.name()) == folded).collect();
    }
    match alike.as_slice() {
        [one] => Ok(one),
        [] if all.is_empty() => {
            let message = format!("This company has no {what}s. Use another mode, or leave the conversation as it is.");
            Err(Refusal::new(unknown, Next::FixAndRetry, message))
        }
        [] => {
            let close = nearest(wanted, all.iter().map(Named::name), all.len());
            let mut names: Vec<String> = vec![];
            for name in close {
                if names.len() < OFFERED && !names.iter().any(|held| held == name) {
                    names.push(name.to_owned());
                }
            }
            let message = format!("There is no {what} `{}` here. Choose one of the candidates, or another mode.", shown(wanted));
            Err(Refusal::new(unknown, Next::FixAndRetry, message).with_candidates(names))
        }
        several => {
            let message =
                format!("More than one {what} is called `{}`. Call again with the id of the one you mean.", shown(wanted));
            let mut refusal = Refusal::new(ambiguous, Next::FixAndRetry, message);
            let candidate = |one: &&T| Candidate { value: one.id().to_owned(), note: Some(one.note(company)) };
            refusal.candidates = several.iter().take(LISTED).map(candidate).collect();
            Err(refusal)
        }
    }
}
