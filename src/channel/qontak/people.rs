//! Those who could be given a conversation there (`rooms/{id}/agents/assignable`), and who they are in our own directory: the
//! same e-mail address is the same person. Pure but for the reading.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::Value;

use crate::room::tag::fold;
use crate::room::{AgentId, Company, CompanyNo, RoomId};

use super::QontakChannel;
use super::part::Entrant;
use super::rooms;
use crate::outbound::{Step, Stop};

/// Whoever tells us of strangers has the people there read at most so often.
const STRANGERS_AGAIN_MS: i64 = 10_000;
/// More people than this of all companies are not remembered.
const MOST_ACQUAINTANCES: usize = 100_000;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Person {
    /// Id there.
    pub user: String,
    pub name: String,
    pub email: String,
    pub online: bool,
    /// Conversations they have.
    pub assigned: u32,
    /// Conversations they may have.
    pub most: Option<u32>,
    /// Id and name.
    pub divisions: Vec<(String, String)>,
}

fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key).and_then(Value::as_str).map(str::to_owned)
}

fn count(value: Option<&Value>) -> Option<u32> {
    value.and_then(Value::as_u64).map(|count| u32::try_from(count).unwrap_or(u32::MAX))
}

impl Person {
    fn read(row: &Value) -> Option<Self> {
        let user = text(row, "id").filter(|id| !id.is_empty())?;
        let limit = row.get("limit_ongoing_chat").filter(|limit| limit.get("enabled") == Some(&Value::Bool(true)));
        let most = [
            count(row.get("extra").and_then(|extra| extra.get("max_ongoing_chat"))),
            count(limit.and_then(|limit| limit.get("max"))),
        ];
        let divisions = row.get("divisions").and_then(Value::as_array).into_iter().flatten();
        let division = |row: &Value| match row {
            Value::String(name) => Some((String::new(), name.clone())),
            row => Some((text(row, "id").unwrap_or_default(), text(row, "name")?)),
        };
        Some(Self {
            name: text(row, "full_name").filter(|name| !name.trim().is_empty()).unwrap_or_else(|| user.clone()),
            email: text(row, "email").unwrap_or_default(),
            online: row.get("is_online") == Some(&Value::Bool(true)),
            assigned: count(row.get("assigned_count")).unwrap_or(0),
            most: most.into_iter().flatten().min(),
            divisions: divisions.filter_map(division).collect(),
            user,
        })
    }

    pub fn has_room(&self) -> bool {
        self.most.is_none_or(|most| self.assigned < most)
    }

    pub fn has_email(&self, email: &str) -> bool {
        !self.email.trim().is_empty() && self.email.trim().eq_ignore_ascii_case(email.trim())
    }

    /// Whether one of their divisions has this id or folded name.
    pub fn is_of(&self, division: &str) -> bool {
        let wanted = fold(division);
        self.divisions.iter().any(|(id, name)| id.eq_ignore_ascii_case(division) || fold(name) == wanted)
    }

    /// What tells two of one name apart.
    pub fn note(&self) -> String {
        let divisions: Vec<&str> = self.divisions.iter().map(|(_, name)| name.as_str()).collect();
        if divisions.is_empty() { self.name.clone() } else { format!("{} ({})", self.name, divisions.join(", ")) }
    }

    /// Who they are here: of our own directory, else by their id there.
    pub fn here(&self, company: &Company) -> AgentId {
        let known = company.agents.iter().find(|agent| self.has_email(&agent.email));
        known.map_or_else(|| AgentId::trusted(&self.user), |agent| agent.id.clone())
    }

    pub fn entrant(&self, company: &Company) -> Entrant {
        Entrant { user: self.user.clone(), agent_id: self.here(company), name: self.name.clone(), online: self.online }
    }
}

impl QontakChannel {
    /// Everybody who could be given the room; `None`: there is no such room.
    pub(super) async fn assignable(&self, company: CompanyNo, room: &RoomId) -> Step<Option<Vec<Person>>> {
        let rows = self.list(company, &format!("{}/agents/assignable", rooms::path(room))).await?;
        Ok(rows.map(|rows| {
            let mut people: Vec<Person> = vec![];
            for person in rows.iter().filter_map(Person::read) {
                self.meet(company, &person);
                // Pages shift while they are turned.
                if !people.iter().any(|known| known.user == person.user) {
                    people.push(person);
                }
            }
            people
        }))
    }

    /// Webhooks name people by their id there alone, while our directory knows them by e-mail: whoever is read is remembered.
    fn meet(&self, company: CompanyNo, person: &Person) {
        if self.acquaintances.len() >= MOST_ACQUAINTANCES {
            self.acquaintances.clear();
        }
        self.acquaintances.insert((company, person.user.clone()), person.email.trim().to_owned());
    }

    /// Reads everybody there.
    pub(super) async fn meet_everybody(&self, company: CompanyNo) -> Step<()> {
        let rows = self.list(company, "/users").await?.unwrap_or_default();
        rows.iter().filter_map(Person::read).for_each(|person| self.meet(company, &person));
        Ok(())
    }

    /// `None`: there is nobody of this id, or without an e-mail. Whoever was met under an e-mail that our directory does not have is
    /// looked at again: they may have got another since.
    pub(super) async fn email_of(&self, company: CompanyNo, user: &str) -> Result<Option<String>, Arc<str>> {
        let key = (company, user.to_owned());
        let met = || self.acquaintances.get(&key).map(|email| email.clone());
        let before = met();
        let directory = self.memory.company(company).await?;
        let is_here = |email: &String| directory.agents.iter().any(|agent| agent.email.trim().eq_ignore_ascii_case(email));
        if !before.as_ref().is_some_and(is_here) {
            match self.look_for(company, || met() != before, || met().as_ref().is_some_and(is_here)).await {
                Ok(()) => {}
                // A company whose rooms live here.
                Err(Stop::Refuse(_)) => return Ok(None),
                Err(Stop::Later { why, .. }) if before.is_none() => return Err(why),
                Err(Stop::Later { .. }) => {}
            }
        }
        Ok(met().filter(|email| !email.is_empty()))
    }

    /// Reads everybody there again for the sake of one, unless somebody else just did (`changed`). When that is in vain, also
    /// because the channel does not answer, nobody else has it done for a while.
    async fn look_for(&self, company: CompanyNo, changed: impl Fn() -> bool, found: impl Fn() -> bool) -> Step<()> {
        let desk = self.desk(company);
        let _turn = desk.meeting.lock().await;
        if changed() {
            return Ok(());
        }
        let now = self.clock.now();
        if now.0 < desk.strangers_until.load(Ordering::Acquire) {
            return Err(Stop::later(0, "the people there were read only just now"));
        }
        desk.strangers_until.store(now.plus_ms(STRANGERS_AGAIN_MS).0, Ordering::Release);
        self.meet_everybody(company).await?;
        if found() {
            desk.strangers_until.store(0, Ordering::Release);
        }
        Ok(())
    }

    /// Names of the company's divisions there, whether anybody is in them or not.
    pub(super) async fn divisions(&self, company: CompanyNo) -> Step<Vec<(String, String)>> {
        let rows = self.list(company, "/divisions").await?.unwrap_or_default();
        Ok(rows.iter().filter_map(|row| Some((text(row, "id")?, text(row, "name")?))).collect())
    }

    /// Our own directory.
    pub(super) async fn directory(&self, company: CompanyNo) -> Step<Company> {
        self.memory.company(company).await.map_err(Stop::store)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_person_is_read_with_the_smaller_of_their_bounds() {
        let row = |limit: bool| {
            json!({
                "id": "u1", "full_name": "Sinta", "email": " Sinta@X.example", "is_online": true, "assigned_count": 4,
                "divisions": [{"id": "d1", "name": "Support"}], "extra": {"max_ongoing_chat": 10},
                "limit_ongoing_chat": {"enabled": limit, "max": 4},
            })
        };
        let person = Person::read(&row(false)).unwrap();
        assert_eq!((person.most, person.has_room(), person.has_email("sinta@x.example")), (Some(10), true, true));
        assert!(person.is_of("SUPPORT") && person.is_of("D1") && !person.is_of("sup"));
        assert!(!Person::read(&row(true)).unwrap().has_room());
        let bare = Person::read(&json!({"id": "u2"})).unwrap();
        assert_eq!((bare.name.as_str(), bare.most, bare.has_room(), bare.has_email("")), ("u2", None, true, false));
        assert_eq!(Person::read(&json!({"full_name": "nobody"})), None);
    }
}
