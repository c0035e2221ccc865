//! A harmless look whether a company's business number can be used: reads the number itself. Sends nothing and shows no secret.

use crate::outbound::{CheckProblem, Class, Forbidden, Inner, Outcome, Step, Stop, System, look_at, sort_as};
use crate::room::CompanyNo;

use super::WhatsappCloud;
use super::envelope::{Meaning, wrong};
use crate::channel::qontak::{CheckReport, PATIENCE};

impl WhatsappCloud {
    /// Asks past every cache.
    pub async fn check(&self, company: CompanyNo) -> Result<CheckReport, CheckProblem> {
        let seen = || Some((self.sessions.get(&company)?.api.host.clone(), self.outbound.view(company)));
        look_at(System::Channel, PATIENCE, self.look(company), seen).await
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
