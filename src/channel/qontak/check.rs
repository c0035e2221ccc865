//! A harmless look whether a company's channel can be used, for `doctor` and `company channel check`: reads one room with the
//! user token and knocks with the bot's. Writes nothing and shows no secret.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::actors::outside::{Counterpart, CrmDialect};
use crate::outbound::{Class, Reply};
use crate::room::CompanyNo;

use super::QontakChannel;
use super::session::Session;
use super::wire::Reading;
use crate::outbound::{Step, Stop};

/// Longer than this nobody waits at a terminal.
const PATIENCE: Duration = Duration::from_secs(30);
/// Opens to bot tokens only; a GET there asks for nothing.
const BOT_DOOR: &str = "/messages/whatsapp/bot";

/// What a usable channel looks like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    pub dialect: CrmDialect,
    /// `https://host:port`
    pub host: String,
    /// `static`, `refreshable` or `hmac`.
    pub credentials: &'static str,
    /// Whether the bot token is taken; `None`: there is none.
    pub bot_token: Option<bool>,
    /// Whether the channel can be told where to tell us things.
    pub webhook: bool,
}

/// Why it cannot be used. Each sentence is for the person at the terminal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckProblem {
    #[error("the company has no channel: set one with `bellhop company channel set`")]
    NotConnected,
    /// Somebody is there and does not take our token.
    #[error("{host} refuses the token; give a new one with `bellhop company channel set`")]
    TokenRefused { host: String },
    #[error("no usable answer came from {host}: {why}")]
    NoAnswer { host: String, why: Arc<str> },
    #[error("the channel cannot be used: {0}")]
    Unusable(Arc<str>),
}

impl QontakChannel {
    /// Asks past every cache.
    pub async fn check(&self, company: CompanyNo) -> Result<CheckReport, CheckProblem> {
        let too_long = || Stop::later(0, format!("nothing within {} s", PATIENCE.as_secs()));
        let looked = tokio::time::timeout(PATIENCE, self.look(company)).await.unwrap_or_else(|_| Err(too_long()));
        looked.map_err(|stop| match stop {
            Stop::Refuse(_) => CheckProblem::NotConnected,
            Stop::Later { why, .. } => self.problem(company, why),
        })
    }

    /// What the way out has seen tells a refusal from silence.
    fn problem(&self, company: CompanyNo, why: Arc<str>) -> CheckProblem {
        let Some(session) = self.desk(company).session() else { return CheckProblem::Unusable(why) };
        let (host, seen) = (session.api.host.clone(), self.view(company));
        let came = |outcome: &str| seen.attempts.get(outcome).copied().unwrap_or_default() > 0;
        if seen.token == "refused" {
            CheckProblem::TokenRefused { host }
        } else if seen.throttled > 0 || came("success") || came("refused") || seen.attempts.is_empty() {
            CheckProblem::Unusable(why)
        } else {
            CheckProblem::NoAnswer { host, why }
        }
    }

    async fn look(&self, company: CompanyNo) -> Step<CheckReport> {
        let session = self.session(company).await?;
        if let Reading::Refused { status } = self.read(company, "/rooms?offset=1&limit=1", Value::is_array).await? {
            return Err(Stop::later(0, format!("a read was refused with {status}")));
        }
        Ok(CheckReport {
            dialect: session.access.dialect,
            host: session.api.host.clone(),
            credentials: session.credentials.form(),
            bot_token: self.knock(company, &session).await,
            webhook: session.access.webhook_url.is_some(),
        })
    }

    /// Whether the bot's door opens to the bot's token.
    async fn knock(&self, company: CompanyNo, session: &Session) -> Option<bool> {
        let bot = session.bot.as_ref()?;
        let slot = self.outbound.slot(company, &session.api.host, Class::Read).await;
        let request = self.request(session, bot, "GET", BOT_DOOR, None);
        match self.outbound.send(slot, request).await {
            Reply::Answered(answer) => Some(!matches!(answer.status, 401 | 403)),
            Reply::NotSent { .. } | Reply::Lost { .. } => Some(false),
        }
    }
}
