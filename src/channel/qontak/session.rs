//! Keeps each company's access to its chat current: loads it from the vault, gives its budget to the way out. A chat token lasts
//! about a year (qontak-api.md 2.1), so none is refreshed here: one that is refused waits for an operator.

use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, PoisonError};

use crate::actors::outside::{ChannelAccess, CrmDialect, Secret};
use crate::outbound::{Api, Budget, Credentials};
use crate::room::outbox::Patience;
use crate::room::{ChannelKind, CompanyNo};

use super::QontakChannel;
use super::refusals;
use crate::outbound::{Step, Stop};

/// An operator has to act; until then it is looked at again after this time.
const OPERATOR_MS: i64 = 30_000;

/// How a company's chat is reached, as of one version in the vault.
#[derive(Debug)]
pub struct Session {
    pub access: ChannelAccess,
    pub api: Api,
    pub credentials: Credentials,
    /// For `/bot` paths only.
    pub bot: Option<Credentials>,
}

/// What is remembered in memory of one company; may be forgotten at any moment.
#[derive(Debug, Default)]
pub struct Desk {
    session: Mutex<Option<Arc<Session>>>,
    /// The version of the access under which the channel was last told where to tell us things; 0: never.
    pub registered: AtomicI64,
    /// Until then (microseconds) the people there are not read again for the sake of one whom nobody knows.
    pub strangers_until: AtomicI64,
    /// Held while they are read for that.
    pub meeting: tokio::sync::Mutex<()>,
}

impl Desk {
    pub fn session(&self) -> Option<Arc<Session>> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn sit(&self, session: Option<Arc<Session>>) {
        *self.session.lock().unwrap_or_else(PoisonError::into_inner) = session;
    }
}

/// Where the chat's resources begin (qontak-api.md 2.1).
const fn mount(dialect: CrmDialect) -> &'static str {
    match dialect {
        CrmDialect::Bearer => "/api/open/v1",
        CrmDialect::Gateway => "/qontak/chat/v1",
    }
}

fn credentials(secret: &Secret, dialect: CrmDialect) -> Step<Credentials> {
    Credentials::of(secret, dialect).map_err(|why| Stop::later(OPERATOR_MS, format!("the channel's token file {why}")))
}

impl QontakChannel {
    pub(super) fn desk(&self, company: CompanyNo) -> Arc<Desk> {
        Arc::clone(&self.desks.entry(company).or_default())
    }

    /// The company's access as the vault has it now.
    pub(super) async fn session(&self, company: CompanyNo) -> Step<Arc<Session>> {
        let desk = self.desk(company);
        let version = self.vault.channel_version(company).await.map_err(Stop::store)?;
        match (version, desk.session()) {
            (None, _) => {
                desk.sit(None);
                Err(refusals::not_connected().into())
            }
            (Some(version), Some(session)) if session.access.version == version => Ok(session),
            _ => self.load(company, &desk).await,
        }
    }

    async fn load(&self, company: CompanyNo, desk: &Desk) -> Step<Arc<Session>> {
        let access = self.vault.channel(company).await.map_err(Stop::store)?;
        let access = access.filter(|access| access.kind == ChannelKind::Qontak);
        let Some(access) = access else { return Err(refusals::not_connected().into()) };
        let (dialect, options) = (access.dialect, &access.options);
        let user = credentials(&access.token, dialect)?;
        let bot = access.bot_token.as_ref().map(|token| credentials(token, dialect)).transpose()?;
        let api = Api::mounted(&access.base_url, mount(dialect));
        let budget = Budget { per_second: options.per_second, per_minute: options.per_minute, burst: options.burst };
        self.outbound.set_budget(company, &api.host, budget);
        if desk.session().is_some() {
            self.outbound.credentials_changed(company, &api.host);
        }
        let session = Arc::new(Session { access, api, credentials: user, bot });
        desk.sit(Some(Arc::clone(&session)));
        Ok(session)
    }

    pub(super) async fn patience_of(&self, company: CompanyNo) -> Result<Patience, Arc<str>> {
        let access = self.vault.channel(company).await?;
        let options = access.map(|access| access.options).unwrap_or_default();
        Ok(Patience::of(options.attempt_timeout_ms, options.grace_ms))
    }
}
