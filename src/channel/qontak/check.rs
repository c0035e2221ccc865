//! A harmless look whether a company's channel can be used, for `doctor` and `company channel check`: reads one room with the
//! user token and knocks with the bot's. Writes nothing and shows no secret.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::actors::outside::{Counterpart, CrmDialect};
use crate::outbound::{Ask, CheckProblem, Class, Reply, Step, Stop, System, look_at};
use crate::room::CompanyNo;

use super::QontakChannel;
use super::doors;
use super::session::Session;
use super::wire::Reading;

/// What a terminal waits for a channel.
pub const PATIENCE: Duration = Duration::from_secs(30);
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

impl QontakChannel {
    /// Asks past every cache.
    pub async fn check(&self, company: CompanyNo) -> Result<CheckReport, CheckProblem> {
        let seen = || Some((self.desk(company).session()?.api.host.clone(), self.view(company)));
        look_at(System::Channel, PATIENCE, self.look(company), seen).await
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
        let slot = self.outbound.slot_at(company, &session.api.host, (Class::Read, doors::MESSAGES), Ask::First).await;
        let request = self.request(session, bot, "GET", BOT_DOOR, None);
        match self.outbound.send(slot, request).await {
            Reply::Answered(answer) => Some(!matches!(answer.status, 401 | 403)),
            Reply::NotSent { .. } | Reply::Lost { .. } => Some(false),
        }
    }
}
