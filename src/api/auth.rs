//! Who is asking: keys, kept in memory, and what each role may do. Must never read a body, touch the store on the way of a
//! request, or tell causes of a refusal apart.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use actix_web::http::header::{AUTHORIZATION, HeaderMap};

use crate::actors::ports::Caller;
use crate::room::{AiAgentId, By, ChannelKind, CompanyNo};
use crate::store::{KeyHash, KeyRow, Pepper, Queries, Role, StoreError, WebhookRow, checksum_ok, hash_key, hash_webhook};

use super::problem::{Kind, Problem};

/// Longer texts are no keys of ours and are not hashed.
const MAX_KEY_BYTES: usize = 128;

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// No key is asked for.
    Open,
    /// The path itself is the secret, so no key is asked for and no role has anything to do with it.
    Path,
    /// Any live key.
    AnyKey,
    /// A key of one of these roles. An admin's key always may.
    Roles(&'static [Role]),
}

impl Access {
    pub const fn asks_for_key(self) -> bool {
        !matches!(self, Self::Open | Self::Path)
    }

    /// Whether a key of this role passes.
    pub fn allows(self, role: Role) -> bool {
        match self {
            Self::Open | Self::AnyKey => true,
            Self::Path => false,
            Self::Roles(roles) => role == Role::Admin || roles.contains(&role),
        }
    }
}

/// A live key, as requests need it.
#[derive(Clone, Debug)]
pub struct Key {
    pub id: Arc<str>,
    pub company: CompanyNo,
    pub role: Role,
    pub ai_agent: Option<AiAgentId>,
    hash: KeyHash,
}

impl Key {
    fn new(hash: KeyHash, row: KeyRow) -> Self {
        Self { id: Arc::from(&*row.id), company: row.company, role: row.role, ai_agent: row.ai_agent, hash }
    }

    /// How this key's holder stands in events.
    pub fn by(&self) -> By {
        match (&self.ai_agent, self.role) {
            (Some(ai_agent), Role::Agent) => By::AiAgent(ai_agent.clone()),
            _ => By::Person(Box::from(&*self.id)),
        }
    }

    pub fn caller(&self) -> Caller {
        Caller { company: self.company, by: self.by(), key_id: self.id.clone() }
    }
}

type Keys = HashMap<[u8; 32], Arc<Key>, ahash::RandomState>;

/// Whose webhooks come under a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sender {
    pub company: CompanyNo,
    pub source: ChannelKind,
}

/// A webhook's path holds no more than this.
const MAX_SECRET_BYTES: usize = 128;

/// Every live key of every company, and every webhook's path. Filled from the store, replaced as a whole.
#[derive(Default)]
pub struct KeyRing {
    keys: RwLock<Arc<Keys>>,
    webhooks: RwLock<Arc<HashMap<Vec<u8>, Sender, ahash::RandomState>>>,
    /// Held while the keys are read: an older reading must never replace a newer one, or a revoked key would live on.
    reading: tokio::sync::Mutex<()>,
}

impl KeyRing {
    /// Reads all keys again.
    pub async fn refresh(&self, queries: &Queries) -> Result<(), StoreError> {
        let _reading = self.reading.lock().await;
        let (rows, webhooks) = (queries.all_keys().await?, queries.webhooks().await?);
        self.fill(rows);
        let sender = |row: WebhookRow| (row.key, Sender { company: row.company, source: row.source });
        *self.webhooks.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(webhooks.into_iter().map(sender).collect());
        Ok(())
    }

    /// Who may call this webhook's path; one and the same nothing for all who may not.
    pub fn sender(&self, pepper: &Pepper, source: &str, secret: &str) -> Option<Sender> {
        if secret.len() > MAX_SECRET_BYTES {
            return None;
        }
        let key = hash_webhook(pepper, secret);
        let webhooks = Arc::clone(&self.webhooks.read().unwrap_or_else(PoisonError::into_inner));
        webhooks.get(&key[..]).copied().filter(|sender| sender.source.as_str() == source)
    }

    /// Replaces what is in the ring. Revoked rows are left out.
    pub fn fill(&self, rows: Vec<(KeyHash, KeyRow)>) {
        let live = rows.into_iter().filter(|(_, row)| row.revoked_at.is_none());
        let keys: Keys = live.map(|(hash, row)| (hash.0, Arc::new(Key::new(hash, row)))).collect();
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }

    /// Whether this key would still be let in.
    pub fn is_live(&self, key: &Key) -> bool {
        self.find(&key.hash).is_some()
    }

    fn find(&self, hash: &KeyHash) -> Option<Arc<Key>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).get(&hash.0).cloned()
    }
}

/// The key a request carries. Every cause of a refusal gives the same answer.
pub fn authenticate(headers: &HeaderMap, pepper: &Pepper, ring: &KeyRing) -> Result<Arc<Key>, Problem> {
    let key = bearer(headers).filter(|key| checksum_ok(key)).ok_or_else(Problem::unauthenticated)?;
    ring.find(&hash_key(pepper, key)).ok_or_else(Problem::unauthenticated)
}

pub fn authorise(key: &Key, access: Access) -> Result<(), Problem> {
    if access.allows(key.role) {
        return Ok(());
    }
    Err(Problem::new(Kind::Forbidden, "The role of this key does not include this; use a key of another role."))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION);
    let value = values.next()?;
    if values.next().is_some() || value.len() > MAX_KEY_BYTES {
        return None;
    }
    let (scheme, key) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim_start_matches(' '))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn bearer_of(list: &[&str]) -> Option<String> {
        let mut request = TestRequest::default();
        for value in list {
            request = request.append_header((AUTHORIZATION, *value));
        }
        bearer(request.to_http_request().headers()).map(String::from)
    }

    #[test]
    fn one_bearer_header_is_taken() {
        assert_eq!(bearer_of(&["Bearer bh_live_x"]).as_deref(), Some("bh_live_x"));
        assert_eq!(bearer_of(&["bearer  bh_live_x"]).as_deref(), Some("bh_live_x"));
        assert_eq!(bearer_of(&[]), None);
        assert_eq!(bearer_of(&["Bearer bh_live_x", "Bearer bh_live_x"]), None);
        assert_eq!(bearer_of(&["Basic bh_live_x"]), None);
        assert_eq!(bearer_of(&["Bearer"]), None);
        assert_eq!(bearer_of(&[&format!("Bearer {}", "x".repeat(65_536))]), None);
    }

    #[test]
    fn roles() {
        let people = Access::Roles(&[Role::Operator]);
        assert!(people.allows(Role::Operator) && people.allows(Role::Admin));
        assert!(!people.allows(Role::Agent) && !people.allows(Role::Builder));
        assert!(Access::AnyKey.allows(Role::Agent));
    }
}
