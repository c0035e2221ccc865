//! A harmless look whether a company's business number can be used: reads the number itself. Sends nothing and shows no secret.

use crate::outbound::{Class, Forbidden, Inner, Outcome, sort_as};
use crate::outbound::{Step, Stop};
use crate::room::CompanyNo;

use super::WhatsappCloud;
use super::envelope::{Meaning, wrong};
use crate::channel::{CheckProblem, CheckReport};

impl WhatsappCloud {
    /// Asks past every cache.
    pub async fn check(&self, company: CompanyNo) -> Result<CheckReport, CheckProblem> {
        self.look(company).await.map_err(|stop| match stop {
            Stop::Refuse(_) => CheckProblem::NotConnected,
            Stop::Later { why, .. } => {
                let host = self.sessions.get(&company).map(|session| session.api.host.clone());
                let refused = self.outbound.view(company).token == "refused";
                match host {
                    Some(host) if refused => CheckProblem::TokenRefused { host },
                    Some(host) => CheckProblem::NoAnswer { host, why },
                    None => CheckProblem::Unusable(why),
                }
            }
        })
    }

    async fn look(&self, company: CompanyNo) -> Step<CheckReport> {
        let session = self.session(company).await?;
        let slot = self.outbound.slot(company, &session.api.host, Class::Read).await;
        let path = format!("/{}?fields=display_phone_number,verified_name", session.account);
        let reply = self.outbound.send(slot, self.request(&session, "GET", &path, None)).await;
        match sort_as(Forbidden::Body, reply, false, |_| Inner::Complete) {
            Outcome::Success { .. } => Ok(CheckReport {
                dialect: session.access.dialect,
                host: session.api.host.clone(),
                credentials: session.credentials.form(),
                bot_token: None,
                webhook: session.access.webhook_url.is_some() && session.access.app_secret.is_some(),
            }),
            Outcome::Refused { status, body } if wrong(&body).meaning() == Meaning::Credentials => {
                self.outbound.credentials_refused(company, &session.api.host);
                Err(Stop::later(0, format!("the channel refuses the token ({status})")))
            }
            Outcome::Refused { status, .. } => Err(Stop::later(0, format!("a read was refused with {status}"))),
            Outcome::Credentials { status } => Err(Stop::later(0, format!("the channel refuses the token ({status})"))),
            Outcome::NotDone { why, .. } | Outcome::Ambiguous { why } => Err(Stop::later(0, why)),
        }
    }
}
