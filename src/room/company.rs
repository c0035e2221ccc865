//! What a decision may know of the company beside the room itself: its settings, people and tags, as one immutable view.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::channel_limits::Channel;
use super::hours::Hours;
use super::ids::{AgentId, AiAgentId, CompanyNo, DivisionId, Timestamp};
use super::media::FileEntry;
use super::policy::People;
use super::published::{AllPublished, Published, Shelf};
use super::source::SourceEntry;

/// What happens when a call names a tag the company does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TagPolicy {
    #[default]
    CreateIfMissing,
    ExistingOnly,
}

/// Policies of one company. Defaults are those of a fresh company (design.md section 9).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub tag_policy: TagPolicy,
    /// 1 to 1,000.
    pub max_tags_per_room: u32,
    /// 1 to 100.
    pub max_tags_per_call: u32,
    /// 1 to 100,000.
    pub max_tags_per_company: u32,
    /// The reason codes an AI agent may resolve with; 1 to 50 of `[a-z0-9_]{1,40}`.
    pub resolve_reasons: Vec<String>,
    /// Hosts from which an AI agent may have files fetched by their address; empty: from none. At most 50 names.
    pub file_hosts: Vec<String>,
    /// Whether a file that is too large for its channel may be sent as a link.
    pub links_for_large_files: bool,
    pub people: People,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            tag_policy: TagPolicy::default(),
            max_tags_per_room: 30,
            max_tags_per_call: 10,
            max_tags_per_company: 2_000,
            resolve_reasons: ["answered", "no_reply", "spam", "duplicate", "escalated_elsewhere", "other"]
                .map(String::from)
                .to_vec(),
            file_hosts: vec![],
            links_for_large_files: false,
            people: People::default(),
        }
    }
}

/// A setting with a value it cannot have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadSetting {
    pub name: &'static str,
    /// What goes behind the name in a sentence, without its full stop.
    pub rule: String,
}

impl Settings {
    /// Whether every value is within the bounds stated above.
    pub fn check(&self) -> Result<(), BadSetting> {
        let bounds = [
            ("max_tags_per_room", self.max_tags_per_room, 1_000),
            ("max_tags_per_call", self.max_tags_per_call, 100),
            ("max_tags_per_company", self.max_tags_per_company, 100_000),
        ];
        if let Some((name, _, most)) = bounds.into_iter().find(|(_, value, most)| !(1..=*most).contains(value)) {
            return Err(BadSetting { name, rule: format!("must be 1 to {most}") });
        }
        let reasons = &self.resolve_reasons;
        let letter = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_';
        let fits = |(at, code): (usize, &String)| {
            (1..=40).contains(&code.len()) && code.bytes().all(letter) && !reasons[..at].contains(code)
        };
        if !(1..=50).contains(&reasons.len()) || !reasons.iter().enumerate().all(fits) {
            let rule = "must be 1 to 50 different codes, each 1 to 40 of a-z, 0-9 and _".into();
            return Err(BadSetting { name: "resolve_reasons", rule });
        }
        let name = |host: &String| {
            let part = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
            (1..=253).contains(&host.len()) && host.bytes().all(part)
        };
        if self.file_hosts.len() > 50 || !self.file_hosts.iter().all(name) {
            return Err(BadSetting {
                name: "file_hosts",
                rule: "must be at most 50 names of hosts, like files.example.com".into(),
            });
        }
        self.people.check()
    }
}

/// What a person chose to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    Online,
    Away,
    #[default]
    Offline,
}

/// A person who answers customers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    pub id: AgentId,
    pub name: String,
    pub email: String,
    pub divisions: Vec<DivisionId>,
    pub status: Presence,
    /// How many rooms this person may hold at once.
    pub capacity: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Division {
    pub id: DivisionId,
    pub name: String,
    /// When it is open; `None`: always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<Hours>,
}

impl Division {
    pub fn is_open(&self, at: Timestamp) -> bool {
        self.hours.as_ref().is_none_or(|hours| hours.is_open(at))
    }
}

/// Where a company's conversations live.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChannelKind {
    /// Here: there is nobody outside to tell.
    #[default]
    Embedded,
    /// In Qontak's omnichannel inbox: what is done to a conversation is done there.
    Qontak,
    /// Messages travel by WhatsApp's Cloud API; it has no inbox, so all else is done here.
    WhatsappCloud,
}

impl ChannelKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Qontak => "qontak",
            Self::WhatsappCloud => "whatsapp_cloud",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Embedded, Self::Qontak, Self::WhatsappCloud].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// One company, as decisions see it. Replaced as a whole when something in it changes.
#[derive(Clone, Debug)]
pub struct Company {
    pub no: CompanyNo,
    pub settings: Settings,
    pub agents: Vec<Agent>,
    pub divisions: Vec<Division>,
    /// Folded tag name -> the name as it is shown.
    pub tags: HashMap<Arc<str>, Arc<str>>,
    /// What its AI agents may send, by key, as long as nothing else is published: neither archived nor kept for people.
    pub files: Arc<[FileEntry]>,
    /// Addresses they may have files fetched from, by key, likewise.
    pub sources: Arc<[SourceEntry]>,
    /// Of AI agents of which anything is published.
    pub published: AllPublished,
    /// Keys of files and sources that were archived or deleted.
    pub withdrawn: Arc<HashSet<Box<str>>>,
    /// Whether its CRM is connected.
    pub crm: bool,
    /// Where its conversations live.
    pub channel: ChannelKind,
}

impl Company {
    pub fn empty(no: CompanyNo) -> Self {
        Self {
            no,
            settings: Settings::default(),
            agents: vec![],
            divisions: vec![],
            tags: HashMap::new(),
            files: Arc::new([]),
            sources: Arc::new([]),
            published: AllPublished::default(),
            withdrawn: Arc::default(),
            crm: false,
            channel: ChannelKind::Embedded,
        }
    }

    /// Whether what is done to this room must be done in an inbox out there. A room that says it lives here does.
    pub fn tells_channel(&self, room: &super::state::Room) -> bool {
        self.channel == ChannelKind::Qontak && room.channel != ChannelKind::Embedded.as_str()
    }

    /// The channel that messages to this room's customer travel through; `None`: they stay here.
    pub fn sends_through(&self, room: &super::state::Room) -> Option<Channel> {
        match self.channel {
            ChannelKind::Qontak if self.tells_channel(room) => Some(Channel::Qontak),
            ChannelKind::WhatsappCloud if matches!(room.channel.as_str(), "whatsapp_cloud" | "whatsapp") => {
                Some(Channel::WhatsappCloud)
            }
            _ => None,
        }
    }

    pub fn agent(&self, id: &AgentId) -> Option<&Agent> {
        self.agents.iter().find(|agent| agent.id == *id)
    }

    /// What is published for this caller. `None`: a person, or an AI agent that may call every action.
    pub fn published(&self, ai_agent: Option<&AiAgentId>) -> Option<&Arc<Published>> {
        if self.published.is_empty() { None } else { self.published.get(ai_agent?) }
    }

    /// What this caller may send.
    pub fn shelf(&self, ai_agent: Option<&AiAgentId>) -> Shelf<'_> {
        match self.published(ai_agent) {
            None => Shelf { files: &self.files, sources: &self.sources, closed: false },
            Some(published) => {
                let tools = || published.tools.iter();
                let with_files = tools().find(|tool| !tool.files.is_empty() || !tool.sources.is_empty());
                let (files, sources) = with_files.map_or((&[][..], &[][..]), |tool| (&*tool.files, &*tool.sources));
                Shelf { files, sources, closed: true }
            }
        }
    }

    /// Whether there is anything this caller may send.
    pub fn has_files(&self, ai_agent: Option<&AiAgentId>) -> bool {
        let shelf = self.shelf(ai_agent);
        // Who published tools has a library, whatever was archived since.
        shelf.closed || !shelf.files.is_empty() || !shelf.sources.is_empty() || !self.settings.file_hosts.is_empty()
    }

    pub fn division(&self, id: &DivisionId) -> Option<&Division> {
        self.divisions.iter().find(|division| division.id == *id)
    }
}

/// What every decision is given: one time for the whole step, and the company.
#[derive(Clone, Copy, Debug)]
pub struct Ground<'a> {
    /// Never earlier than the room's last event.
    pub now: Timestamp,
    pub company: &'a Company,
    /// A person said yes to the very call that is being decided.
    pub approved: bool,
}
