//! Has the channel tell us what happens there (qontak-api.md 2.6): three registrations with our webhook's address, made anew when
//! the access changed. Never logs the address: it holds the webhook's secret.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};

use crate::outbound::{Class, Outcome, sort};
use crate::room::CompanyNo;

use super::QontakChannel;
use super::envelope;
use super::session::Session;
use super::stop::{Step, Stop};

/// Longer than this nobody waits for one company; it is tried again.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is registered, and which of its switches are turned on.
const HOOKS: [(&str, &[&str]); 3] = [
    ("/message_interactions", &["receive_message_from_agent", "receive_message_from_customer", "status_message"]),
    ("/room_interactions", &["room_resolved", "room_created", "room_updated"]),
    ("/agent_responsibility", &["assigned", "unassigned", "handover"]),
];

impl QontakChannel {
    /// Sees to it that the channel tells us. Nothing is sent when it was told already under this access, or when the company has
    /// no channel or no address to be told at. `Err`: a sentence for the log; to be tried again.
    pub async fn register(&self, company: CompanyNo) -> Result<(), Arc<str>> {
        let registered = tokio::time::timeout(PATIENCE, self.registered(company)).await;
        match registered.unwrap_or_else(|_| Err(Stop::later(0, "the channel did not take the registration in time"))) {
            // A company without a channel.
            Ok(()) | Err(Stop::Refuse(_)) => Ok(()),
            Err(Stop::Later { why, .. }) => Err(why),
        }
    }

    async fn registered(&self, company: CompanyNo) -> Step<()> {
        let session = self.session(company).await?;
        let (desk, version) = (self.desk(company), session.access.version);
        let Some(url) = &session.access.webhook_url else { return Ok(()) };
        if desk.registered.load(Ordering::Acquire) == version {
            return Ok(());
        }
        for (path, switches) in HOOKS {
            let mut body = json!({ "url": url.reveal() });
            switches.iter().for_each(|switch| body[*switch] = Value::Bool(true));
            self.hook(company, &session, path, &body.to_string()).await?;
        }
        desk.registered.store(version, Ordering::Release);
        tracing::info!(event = "channel.registered", company = company.0, "the channel tells us what happens there");
        Ok(())
    }

    async fn hook(&self, company: CompanyNo, session: &Session, path: &str, body: &str) -> Step<()> {
        let slot = self.outbound.slot(company, &session.api.host, Class::Write).await;
        let request = self.request(session, &session.credentials, "PUT", path, Some(body));
        let reply = self.outbound.send(slot, request).await;
        self.hear_inside(company, session, Class::Write, &reply);
        match sort(reply, true, |body| envelope::judged(body, |_| true)) {
            Outcome::Success { .. } => Ok(()),
            Outcome::Refused { status, .. } => Err(Stop::later(0, format!("the channel refused `{path}` with {status}"))),
            Outcome::Credentials { status } => Err(Stop::later(0, format!("the channel refuses the token ({status})"))),
            Outcome::NotDone { why, .. } | Outcome::Ambiguous { why } => Err(Stop::later(0, why)),
        }
    }
}
