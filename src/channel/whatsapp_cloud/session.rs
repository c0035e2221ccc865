//! Keeps each company's access to its business number current: loads it from the vault, gives its budget to the way out. A system
//! user's token does not end, so none is refreshed here: one that is refused waits for an operator.

use std::sync::Arc;

use crate::actors::outside::ChannelAccess;
use crate::outbound::{Api, Budget, Credentials};
use crate::outbound::{Step, Stop};
use crate::room::outbox::Patience;
use crate::room::{ChannelKind, CompanyNo, Next, Refusal};

use super::WhatsappCloud;

/// An operator has to act; until then it is looked at again after this time.
const OPERATOR_MS: i64 = 30_000;

/// How a company's number is reached, as of one version in the vault.
#[derive(Debug)]
pub struct Session {
    pub access: ChannelAccess,
    pub api: Api,
    /// Meta's id of the business's phone number.
    pub account: String,
    pub credentials: Credentials,
}

impl WhatsappCloud {
    /// The company's access as the vault has it now.
    pub(super) async fn session(&self, company: CompanyNo) -> Step<Arc<Session>> {
        let version = self.vault.channel_version(company).await.map_err(Stop::store)?;
        let known = self.sessions.get(&company).map(|session| Arc::clone(&session));
        match (version, known) {
            (None, _) => {
                self.sessions.remove(&company);
                Err(not_connected().into())
            }
            (Some(version), Some(session)) if session.access.version == version => Ok(session),
            (Some(_), known) => self.load(company, known.is_some()).await,
        }
    }

    async fn load(&self, company: CompanyNo, was_known: bool) -> Step<Arc<Session>> {
        let access = self.vault.channel(company).await.map_err(Stop::store)?;
        let Some(access) = access.filter(|access| access.kind == ChannelKind::WhatsappCloud) else {
            return Err(not_connected().into());
        };
        let options = &access.options;
        let wrong = |why: &str| Stop::later(OPERATOR_MS, format!("the channel's token file {why}"));
        let credentials = Credentials::of(&access.token, access.dialect).map_err(wrong)?;
        let Some(account) = options.account.clone() else {
            return Err(Stop::later(OPERATOR_MS, "the channel has no phone number id"));
        };
        let api = Api::mounted(&access.base_url, &format!("/{}", options.api_version));
        let budget = Budget { per_second: options.per_second, per_minute: options.per_minute, burst: options.burst };
        self.outbound.set_budget(company, &api.host, budget);
        if was_known {
            self.outbound.credentials_changed(company, &api.host);
        }
        let session = Arc::new(Session { access, api, account, credentials });
        self.sessions.insert(company, Arc::clone(&session));
        Ok(session)
    }

    pub(super) async fn patience_of(&self, company: CompanyNo) -> Result<Patience, Arc<str>> {
        let access = self.vault.channel(company).await?;
        let options = access.map(|access| access.options).unwrap_or_default();
        Ok(Patience::of(options.attempt_timeout_ms, options.grace_ms))
    }
}

fn not_connected() -> Refusal {
    let message =
        "The customer's channel is not connected any more, so nothing was sent. Do not tell the customer that it was sent.";
    Refusal::new("not_connected", Next::DoNotRetry, message)
}
