//! Everything the stand-in knows, in memory: organisations with their records, the chat, tokens, faults, what was heard.
//! **Invariant:** whatever is here changes only under the server's one lock.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::chat::Chat;
use super::dates;
use super::faults::Faults;
use super::journal::{Journal, MOST_ENTRIES};
use super::rates::Rates;
use super::request::{Record, record};
use super::seed;
use super::signature::Signer;
use super::templates::Templates;
use super::tokens::Tokens;
use super::whatsapp::{Media, Sent, Whatsapp};

/// Records of one kind by id; ids rise, so the last is the newest.
pub type Shelf = BTreeMap<i64, Record>;

/// What belongs to one token of the CRM.
#[derive(Debug, Default)]
pub struct Org {
    pub deals: Shelf,
    pub tickets: Shelf,
    pub contacts: Shelf,
    pub companies: Shelf,
    pub notes: Shelf,
    /// What happened to deals, oldest first.
    pub history: Vec<Record>,
}

/// What the vendor's page leaves open, both ways.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Knobs {
    /// Whether a PUT empties what it does not name.
    pub put_replaces: bool,
    /// Whether the answer to a PUT of a deal is `meta` alone.
    pub deal_put_meta_only: bool,
    /// Keys that rows of the CRM's lists leave out; a single record shows all of them.
    pub lists_without: Vec<String>,
    /// Bytes that each of those rows carries more.
    pub list_padding_bytes: usize,
    /// The CRM's clock is behind everybody else's by so much.
    pub crm_clock_behind_s: i64,
    pub resolve_delay_ms: u64,
    /// Whether resolving twice is 422.
    pub resolve_twice_is_wrong: bool,
    /// Whether sending outside the 24 hours is accepted first and fails later.
    pub late_window_failure: bool,
    /// Whether messages can be sent over the gateway, which the vendor does not document.
    pub gateway_messages: bool,
    /// Whether `assign_round_robin` works.
    pub allocation_active: bool,
    pub webhook_delay_ms: u64,
    /// Whether WhatsApp refuses a message outside the 24 hours at once; else it is accepted and fails later.
    pub whatsapp_window_refused_at_once: bool,
    /// Whether customers read what they get on WhatsApp.
    pub whatsapp_reads: bool,
}

impl Default for Knobs {
    fn default() -> Self {
        Self {
            put_replaces: false,
            deal_put_meta_only: false,
            lists_without: vec![],
            list_padding_bytes: 0,
            crm_clock_behind_s: 0,
            resolve_delay_ms: 200,
            resolve_twice_is_wrong: false,
            late_window_failure: false,
            gateway_messages: false,
            allocation_active: true,
            webhook_delay_ms: 0,
            whatsapp_window_refused_at_once: false,
            whatsapp_reads: true,
        }
    }
}

pub struct World {
    pub templates: Templates,
    pub orgs: Vec<Org>,
    pub chat: Chat,
    pub whatsapp: Whatsapp,
    pub tokens: Tokens,
    pub signer: Option<Signer>,
    pub strict_digest: bool,
    pub faults: Faults,
    pub journal: Journal,
    pub rates: Rates,
    pub knobs: Knobs,
    /// Where this server is reached.
    pub url: String,
    pub requests: u64,
    /// What is still to happen after answers: webhooks on their way, and what is late on purpose.
    pub under_way: Arc<AtomicUsize>,
    last_id: i64,
}

impl World {
    pub fn new(tokens: Tokens, organisations: usize, knobs: Knobs, seed: u64, now: Timestamp) -> Self {
        let mut world = Self {
            templates: Templates::seeded(),
            orgs: vec![],
            chat: Chat::seeded(),
            whatsapp: Whatsapp::default(),
            tokens,
            signer: None,
            strict_digest: false,
            faults: Faults::new(seed),
            journal: Journal::of(MOST_ENTRIES),
            rates: Rates::default(),
            knobs,
            url: String::new(),
            requests: 0,
            under_way: Arc::default(),
            last_id: 31_000_000,
        };
        // The chat and the gateway belong to the first, also when nobody named a token of the CRM.
        for _ in 0..organisations.max(1) {
            let org = world.seeded_org(now);
            world.orgs.push(org);
        }
        world
    }

    /// One counter for every kind and organisation, so that a mixed-up id is never another record's by accident.
    pub fn next_id(&mut self) -> i64 {
        self.last_id += 1;
        self.last_id
    }

    fn seeded_org(&mut self, now: Timestamp) -> Org {
        let mut org = Org::default();
        let (owner, owner_name) = self.templates.token_user();
        let stamp = dates::in_records(now);
        for name in seed::COMPANIES {
            let id = self.next_id();
            let company = json!({"id": id, "name": name, "slug": name.to_lowercase().replace(' ', "-"), "created_at": stamp, "updated_at": stamp});
            org.companies.insert(id, record(company));
        }
        for (first_name, last_name, telephone, email) in seed::CONTACTS {
            let id = self.next_id();
            let contact = json!({
                "id": id, "slug": format!("{}-{id}", first_name.to_lowercase()), "first_name": first_name, "last_name": last_name,
                "telephone": telephone, "email": email, "job_title": null, "creator_id": owner, "creator_name": owner_name,
                "crm_status_id": null, "crm_status_name": null, "crm_source_id": null, "crm_source_name": null,
                "crm_company_id": null, "crm_company_name": null, "created_at": stamp, "updated_at": stamp,
            });
            org.contacts.insert(id, record(contact));
        }
        org
    }

    /// What exists, for `/_standin/records`: each with the organisation it belongs to.
    pub fn records(&self, kind: &str, only: Option<usize>) -> Option<Value> {
        let shelf = |pick: fn(&Org) -> &Shelf, shown: fn(&Record, &Templates) -> Value| {
            let chosen = self.orgs.iter().enumerate().filter(|(position, _)| only.is_none_or(|org| org == *position));
            let all = chosen.flat_map(|(position, org)| pick(org).values().map(move |record| (position, record)));
            Some(all.map(|(position, record)| with_org(position, shown(record, &self.templates))).collect::<Value>())
        };
        let plain = |record: &Record, _: &Templates| Value::Object(record.clone());
        match kind {
            "deals" => shelf(|org| &org.deals, super::crm::shown_deal),
            "tickets" => shelf(|org| &org.tickets, super::crm::shown_ticket),
            "contacts" => shelf(|org| &org.contacts, super::crm::shown_contact),
            "companies" => shelf(|org| &org.companies, plain),
            "notes" => shelf(|org| &org.notes, plain),
            "rooms" | "messages" if only.is_some_and(|org| org != 0) => Some(json!([])),
            "rooms" => Some(self.chat.rooms.values().map(|room| with_org(0, room.shown())).collect()),
            "messages" => Some(self.chat.messages.iter().map(|message| with_org(0, message.record())).collect()),
            "whatsapp_messages" => Some(self.whatsapp.sent.iter().map(Sent::record).collect()),
            "whatsapp_media" => Some(self.whatsapp.media.values().map(Media::shown).collect()),
            _ => None,
        }
    }
}

fn with_org(org: usize, mut record: Value) -> Value {
    if let Some(object) = record.as_object_mut() {
        object.insert("org".into(), json!(org));
    }
    record
}
