//! What a room is told when its channel tells us something. Pure. Webhooks come twice, late and overtaken by others, so every
//! fact carries the time it happened there, and what is known of a conversation is made of newest times only: told in any order,
//! the same facts leave the same conversation.
//! **Invariant:** a fact that is older than what is known moves nothing; it is kept if it is a message.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::actors::inbox::{Believed, Ears, Heard, InboxRow, Label, Overheard, Sheet};
use crate::room::courtesy::is_courtesy;
use crate::room::hand_over::RESOLVED_THERE;
use crate::room::ids::hash16;
use crate::room::{AgentId, By, ChannelKind, Command, Company, CompanyNo, Customer, Moves, TakenBy, Timestamp, Writer, tag};

use super::echo::{self, Echo};
use super::inbound::{self, About, Person, Told, Webhook};

/// A sender's clock may be ahead of ours by this much; what is said to happen later than that is taken to happen now.
const MOST_AHEAD_MS: i64 = 5_000;
/// People of one conversation that are remembered.
const MOST_PEOPLE: usize = 50;
/// Reason of a conversation that went back to the AI agent because nobody there has it any more.
const UNASSIGNED_THERE: &str = "unassigned_in_channel";

/// Understands Qontak.
#[derive(Clone, Copy, Debug, Default)]
pub struct QontakEars;

impl QontakEars {
    /// `None`: it is no webhook.
    pub fn label(&self, source: ChannelKind, company: CompanyNo, body: &[u8]) -> Option<Label> {
        let webhook = inbound::read(body)?;
        let key = match &webhook.identity {
            Some(identity) => hash16(b"webhook", company, &[source.as_str().as_bytes(), identity.as_bytes()]),
            None => hash16(b"webhook as it is", company, &[source.as_str().as_bytes(), body]),
        };
        Some(Label { key, room: webhook.room })
    }
}

impl Ears for QontakEars {
    fn sheets(&self, source: ChannelKind, company: CompanyNo, _: &Believed, body: &[u8]) -> Option<Vec<Sheet>> {
        let label = self.label(source, company, body)?;
        let body = std::str::from_utf8(body).ok()?.to_owned();
        Some(vec![Sheet { label, body, echo: None }])
    }

    fn strangers(&self, row: &InboxRow) -> Vec<String> {
        let webhook = inbound::read(row.body.as_bytes());
        webhook.map(|webhook| webhook.strangers().into_iter().map(str::to_owned).collect()).unwrap_or_default()
    }

    fn hear(&self, row: &InboxRow, known: Option<&str>, company: &Company) -> Heard {
        let Some(webhook) = inbound::read(row.body.as_bytes()) else { return Heard { kind: "unreadable", ..Heard::default() } };
        let mut known = Known::read(known);
        let kind = webhook.told.kind();
        let before = known.clone();
        let tells = known.hear(&webhook, row.received_at, &Who { company, emails: &row.emails });
        let changed = (known != before).then(|| serde_json::to_string(&known).ok()).flatten();
        let begun_by = webhook.happened(row.received_at).plus_ms(echo::MOST_BEHIND_MS);
        let overheard = webhook.echo.zip(webhook.room).map(|(echo, room)| {
            let shown_name = echo::shown_name(&echo.content, &room);
            Overheard { message_id: echo.id, shown_name, size: echo.size, begun_by }
        });
        Heard { kind, tells, known: changed, overheard }
    }
}

impl Webhook {
    /// When it happened, as far as the sender's clock is believed.
    fn happened(&self, received: Timestamp) -> Timestamp {
        self.at.filter(|at| *at <= received.plus_ms(MOST_AHEAD_MS)).unwrap_or(received)
    }
}

/// The company, and what its channel says of people whom a webhook names by an id alone.
pub struct Who<'a> {
    pub company: &'a Company,
    /// (id there, e-mail)
    pub emails: &'a [(String, String)],
}

impl std::ops::Deref for Who<'_> {
    type Target = Company;

    fn deref(&self) -> &Company {
        self.company
    }
}

/// When somebody came, was seen and left, each the newest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Stay {
    came: i64,
    seen: i64,
    left: i64,
}

impl Stay {
    fn last_there(&self) -> i64 {
        self.came.max(self.seen)
    }
}

/// What a channel said about one conversation; all times are the channel's own, in microseconds, 0: never.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Known {
    closed: i64,
    /// The customer's last message that opens a resolved conversation at once, and the last mere thank-you.
    wished: i64,
    thanked: i64,
    /// Anybody's last message.
    spoke: i64,
    /// Who was in it, by our id of them.
    people: BTreeMap<String, Stay>,
    /// The newest list of everybody who is in it.
    listed: i64,
    here: Vec<String>,
    tagged: i64,
    tags: Vec<String>,
    described: i64,
    about: Option<About>,
    /// What our own bot said, as it was told of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    echoes: Vec<Echo>,
}

impl Known {
    /// As the inbox keeps it.
    pub fn read(text: Option<&str>) -> Self {
        text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    pub fn echoes(&self) -> &[Echo] {
        &self.echoes
    }

    /// Whether it was resolved there at this time or later, and nobody has written since.
    pub fn is_resolved_since(&self, at: Timestamp) -> bool {
        self.closed >= at.0 && self.wished.max(self.thanked) <= self.closed
    }

    /// What the room is to be told, in order.
    pub fn hear(&mut self, webhook: &Webhook, received: Timestamp, company: &Who<'_>) -> Vec<(By, Command)> {
        let at = webhook.happened(received).0;
        if let Some(echo) = &webhook.echo {
            echo::remember(&mut self.echoes, echo, at);
        }
        let first = self.about.is_none() && webhook.about.is_some();
        let mut tells = self.describe(webhook.about.as_ref(), at);
        match &webhook.told {
            Told::Message { id, from, person, text } => {
                let message = Message { id, from: *from, person: person.as_ref(), text, at };
                tells.extend(self.message(&message, company));
            }
            Told::Assigned { person, agents } => {
                let agent = known_as(person, company);
                let before = self.holder(company);
                let newest = self.comes(agent.0.as_str(), at);
                self.snapshot(agents.as_deref(), at, company);
                tells.extend(self.moved(before, newest.then_some(&agent), TakenBy::Assignment, company));
            }
            Told::Unassigned { person, agents } => tells.extend(self.leaves(person, agents.as_deref(), at, company)),
            Told::Resolved { person } => tells.extend(self.resolved(person.as_ref(), at, company)),
            Told::Updated { tags: Some(tags) } => tells.extend(self.tagged(tags, at)),
            Told::Status(Some(word)) => tells.push((By::System, Command::DeliveryTold(Box::new(word.clone())))),
            Told::Updated { tags: None } | Told::Status(None) | Told::Created | Told::Unknown => {}
        }
        if first {
            tells.extend(self.all(company));
        }
        tells
    }

    /// All that is known, for a room that is made only now: what was said before, it did not hear.
    fn all(&self, company: &Who<'_>) -> Vec<(By, Command)> {
        let tags: Vec<String> = self.tags.iter().filter(|tag| tag::clean(tag).is_ok()).cloned().collect();
        let tagged = (!tags.is_empty()).then_some((By::System, Command::Tag { tags }));
        let resolved = Command::Resolve { reason_code: RESOLVED_THERE.into(), note: None };
        let closed = self.is_closed(company).then_some((By::System, resolved));
        tagged.into_iter().chain(self.moved(None, None, TakenBy::Assignment, company)).chain(closed).collect()
    }

    fn describe(&mut self, about: Option<&About>, at: i64) -> Vec<(By, Command)> {
        let Some(about) = about.filter(|about| at > self.described && self.about.as_ref() != Some(about)) else { return vec![] };
        self.described = at;
        self.about = Some(about.clone());
        let customer = Customer { handle: about.handle.clone(), name: about.name.clone() };
        vec![(By::System, Command::Describe { channel: about.channel.clone(), customer })]
    }

    /// Whether it is resolved there, as far as we heard.
    fn is_closed(&self, company: &Who<'_>) -> bool {
        let courtesy_us = i64::from(company.settings.people.courtesy_h) * 3_600_000_000;
        let thanked_late = self.thanked > self.closed && self.thanked - self.closed >= courtesy_us;
        self.closed > 0 && self.wished <= self.closed && !thanked_late
    }

    /// Who has it there: of those who did not leave, and came since it was last closed, the one who came last.
    fn holder(&self, company: &Who<'_>) -> Option<AgentId> {
        if self.is_closed(company) {
            return None;
        }
        let there = self.people.iter().filter(|(id, stay)| {
            let at = stay.last_there();
            at > stay.left.max(self.closed) && (at >= self.listed || self.here.contains(id))
        });
        there.max_by_key(|(id, stay)| (stay.came, *id)).map(|(id, _)| AgentId::trusted(id))
    }

    /// False: that is not news of them.
    fn comes(&mut self, id: &str, at: i64) -> bool {
        let stay = self.people.entry(id.to_owned()).or_default();
        let newest = at > stay.came && at > stay.left;
        stay.came = stay.came.max(at);
        self.forget_people();
        newest
    }

    /// Everybody who is in the room at this moment, and by that who is not.
    fn snapshot(&mut self, agents: Option<&[String]>, at: i64, company: &Who<'_>) {
        let Some(agents) = agents else { return };
        let one = |id: &String| known_as(&Person { id: id.clone(), ..Person::default() }, company).0.to_string();
        let here: Vec<String> = agents.iter().take(MOST_PEOPLE).map(one).collect();
        for id in &here {
            let stay = self.people.entry(id.clone()).or_default();
            stay.seen = stay.seen.max(at);
        }
        if at >= self.listed {
            (self.listed, self.here) = (at, here);
        }
        self.forget_people();
    }

    fn forget_people(&mut self) {
        while self.people.len() > MOST_PEOPLE {
            let oldest = self.people.iter().min_by_key(|(_, stay)| stay.last_there().max(stay.left)).map(|(id, _)| id.clone());
            let Some(oldest) = oldest else { return };
            self.people.remove(&oldest);
        }
    }

    /// What the room is told after something that may have moved it; `came`: who it was about, if it was news that they came.
    fn moved(
        &self,
        before: Option<AgentId>,
        came: Option<&(AgentId, String)>,
        how: TakenBy,
        company: &Who<'_>,
    ) -> Vec<(By, Command)> {
        match (before, self.holder(company)) {
            // Also when we thought so already: here it may have gone back to the AI agent since.
            (before, Some(holder)) if before.as_ref() != Some(&holder) || came.is_some_and(|(id, _)| *id == holder) => {
                let name = came.filter(|(id, _)| *id == holder).map(|(_, name)| name.clone());
                let known = company.agent(&holder).map(|agent| agent.name.clone());
                let agent_name = known.or(name).unwrap_or_else(|| holder.to_string());
                vec![(By::Agent(holder.clone()), Command::TakeOver { agent: holder, agent_name, how })]
            }
            (Some(before), None) if !self.is_closed(company) => vec![given_back(before)],
            _ => vec![],
        }
    }

    fn message(&mut self, message: &Message<'_>, company: &Who<'_>) -> Vec<(By, Command)> {
        let (at, before, was_closed) = (message.at, self.holder(company), self.is_closed(company));
        let late = at < self.spoke || at <= self.closed;
        self.spoke = self.spoke.max(at);
        match message.from {
            Writer::Customer => {
                let newest = if is_courtesy(message.text) { &mut self.thanked } else { &mut self.wished };
                *newest = (*newest).max(at);
                // What opens it again does so even if somebody answered it meanwhile.
                let opens = was_closed && !self.is_closed(company);
                let moves = if late && !opens { Moves::Nothing } else { Moves::Everything };
                let mut tells = vec![(By::Customer, message.heard(None, moves))];
                tells.extend(self.moved(before, None, TakenBy::Assignment, company));
                tells
            }
            Writer::AiAgent => vec![(By::System, message.heard(None, if late { Moves::Nothing } else { Moves::Turn }))],
            Writer::Agent => {
                let agent = message.person.map(|person| known_as(person, company));
                let mut tells = vec![];
                if let Some(agent) = agent.as_ref().filter(|_| company.settings.people.reply_takes_over) {
                    let newest = self.comes(agent.0.as_str(), at);
                    tells.extend(self.moved(before, newest.then_some(agent), TakenBy::Reply, company));
                }
                // Nobody knows who it was; that it was a person counts all the same.
                let moves = match (late, &agent) {
                    (true, _) => Moves::Nothing,
                    (false, Some(_)) => Moves::Turn,
                    (false, None) => Moves::Everything,
                };
                let id = agent.map(|(id, _)| id);
                let by = id.clone().map_or(By::System, By::Agent);
                tells.push((by, message.heard(id, moves)));
                tells
            }
        }
    }

    fn leaves(&mut self, person: &Person, agents: Option<&[String]>, at: i64, company: &Who<'_>) -> Vec<(By, Command)> {
        let (agent, _) = known_as(person, company);
        let before = self.holder(company);
        let stay = self.people.entry(agent.to_string()).or_default();
        let newest = at > stay.left && at >= stay.last_there();
        stay.left = stay.left.max(at);
        self.snapshot(agents, at, company);
        let unknown = before.is_none() && self.holder(company).is_none() && newest && !self.is_closed(company);
        // It may be here by a way that we never heard of from there.
        let also = (unknown && agents.is_none_or(<[String]>::is_empty)).then(|| given_back(agent));
        also.into_iter().chain(self.moved(before, None, TakenBy::Assignment, company)).collect()
    }

    fn resolved(&mut self, person: Option<&Person>, at: i64, company: &Who<'_>) -> Vec<(By, Command)> {
        if at <= self.closed {
            return vec![];
        }
        let before = self.holder(company);
        self.closed = at;
        if !self.is_closed(company) {
            // The customer has written since: of that ending only remains that nobody has it from before.
            return self.moved(before, None, TakenBy::Assignment, company);
        }
        let by = person.map_or(By::System, |person| By::Agent(known_as(person, company).0));
        vec![(by, Command::Resolve { reason_code: RESOLVED_THERE.into(), note: None })]
    }

    /// The difference to what was there before. A tag that only we know is never removed; one that was there and is gone, is.
    fn tagged(&mut self, tags: &[String], at: i64) -> Vec<(By, Command)> {
        let without = |these: &[String], those: &[String]| -> Vec<String> {
            let held: Vec<String> = those.iter().map(|tag| tag::fold(tag)).collect();
            // What cannot be a tag here is not one, and must not keep the others out.
            let sound = these.iter().filter(|tag| tag::clean(tag).is_ok());
            sound.filter(|tag| !held.contains(&tag::fold(tag))).cloned().collect()
        };
        let (added, gone) = if at < self.tagged {
            (vec![], without(tags, &self.tags))
        } else {
            let difference = (without(tags, &self.tags), without(&self.tags, tags));
            (self.tagged, self.tags) = (at, tags.to_vec());
            difference
        };
        let removed = (!gone.is_empty()).then_some((By::System, Command::Untag { tags: gone }));
        let put = (!added.is_empty()).then_some((By::System, Command::Tag { tags: added }));
        removed.into_iter().chain(put).collect()
    }
}

struct Message<'a> {
    id: &'a str,
    from: Writer,
    person: Option<&'a Person>,
    text: &'a str,
    at: i64,
}

impl Message<'_> {
    fn heard(&self, agent_id: Option<AgentId>, moves: Moves) -> Command {
        let (message_id, text, said_at) = (self.id.to_owned(), self.text.to_owned(), Some(Timestamp(self.at)));
        Command::Heard { message_id, from: self.from, agent_id, text, moves, said_at }
    }
}

fn given_back(agent: AgentId) -> (By, Command) {
    let (of, reason) = (Some(agent.clone()), Some(UNASSIGNED_THERE.to_owned()));
    (By::Agent(agent), Command::GiveBack { of, reason })
}

/// Our id and name of somebody there: of our directory by e-mail or by the same id, else as they are called there.
fn known_as(person: &Person, company: &Who<'_>) -> (AgentId, String) {
    let same = |email: &str| company.agents.iter().find(|agent| agent.email.eq_ignore_ascii_case(email));
    let told = || company.emails.iter().find(|(id, _)| *id == person.id).map(|(_, email)| email.as_str());
    let found = person.email.as_deref().or_else(told).filter(|email| !email.is_empty()).and_then(same);
    let found = found.or_else(|| company.agents.iter().find(|agent| agent.id.as_str() == person.id));
    if let Some(agent) = found {
        return (agent.id.clone(), agent.name.clone());
    }
    // What cannot be an id of ours is still somebody, and always the same.
    let hashed =
        || AgentId::trusted(&data_encoding::HEXLOWER.encode(&hash16(b"person there", company.no, &[person.id.as_bytes()])));
    let id = AgentId::new(&person.id).unwrap_or_else(|_| hashed());
    let name = person.name.clone().unwrap_or_else(|| id.to_string());
    (id, name)
}

#[cfg(test)]
mod tests;
