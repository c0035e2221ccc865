//! Has the channel tell us what happens there (qontak-api.md 2.6): three registrations with our webhook's address, made anew when
//! the access changed. Never logs the address: it holds the webhook's secret.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::outbound::{Ask, Class, Outcome, sort};
use crate::room::CompanyNo;

use super::QontakChannel;
use super::doors;
use super::envelope;
use super::session::Session;
use crate::outbound::{Step, Stop};

/// Longer than this nobody waits for one company; it is tried again.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is registered, and which of its switches are turned on; behind them those that nobody documented: a vendor who does not
/// take one is told of the others alone.
const HOOKS: [(&str, &[&str], &[&str]); 3] = [
    ("/message_interactions", &["receive_message_from_agent", "receive_message_from_customer", "status_message"], &[]),
    ("/room_interactions", &["room_resolved", "room_created"], &["room_updated"]),
    ("/agent_responsibility", &["assigned", "unassigned", "handover"], &[]),
];

/// At most five rounds a second: the number that is followed rises also for things that concern no channel.
const ROUND: Duration = Duration::from_millis(200);
/// What failed is tried again after this time, then after twice as long, up to the longest.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(60);
const AT_ONCE: usize = 8;

impl QontakChannel {
    /// Sees to it that every channel tells us, until the process ends: now, and whenever `changes` says that something changed.
    /// `whose`: companies that have a channel; `None`: nobody can say now.
    pub async fn keep_registered(
        self: Arc<Self>,
        whose: impl AsyncFn() -> Option<Vec<CompanyNo>>,
        mut changes: watch::Receiver<i64>,
    ) {
        let mut retry = FIRST_RETRY;
        loop {
            changes.borrow_and_update();
            let failed = match whose().await {
                Some(companies) => self.register_all(companies).await,
                None => true,
            };
            if failed {
                tokio::select! {
                    changed = changes.changed() => if changed.is_err() { return },
                    () = tokio::time::sleep(retry) => retry = (retry * 2).min(LONGEST_RETRY),
                }
            } else {
                retry = FIRST_RETRY;
                if changes.changed().await.is_err() {
                    return;
                }
            }
            tokio::time::sleep(ROUND).await;
        }
    }

    /// Whether some failed.
    async fn register_all(&self, companies: Vec<CompanyNo>) -> bool {
        let one = async |company: CompanyNo| {
            let registered = self.register(company).await;
            registered
                .inspect_err(|why| {
                    tracing::warn!(event = "channel.unregistered", company = company.0, %why, "the channel does not tell us yet");
                })
                .is_err()
        };
        stream::iter(companies).map(one).buffer_unordered(AT_ONCE).fold(false, async |some, failed| some || failed).await
    }

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
        // Before it tells us of them; that it cannot be done now is no reason not to be told.
        if let Err(stop) = self.meet_everybody(company).await {
            tracing::info!(event = "channel.nobody_met", company = company.0, ?stop, "the channel's people are not known yet");
        }
        for (path, switches, more) in HOOKS {
            let body = |more: &[&str]| {
                let mut body = json!({ "url": url.reveal() });
                switches.iter().chain(more).for_each(|switch| body[*switch] = Value::Bool(true));
                body.to_string()
            };
            let mut refused = self.hook(company, &session, path, &body(more)).await?;
            if refused.is_some() && !more.is_empty() {
                tracing::warn!(
                    event = "channel.undocumented",
                    company = company.0,
                    path,
                    ?more,
                    "the channel does not tell of these"
                );
                refused = self.hook(company, &session, path, &body(&[])).await?;
            }
            if let Some(status) = refused {
                return Err(Stop::later(0, format!("the channel refused `{path}` with {status}")));
            }
        }
        desk.registered.store(version, Ordering::Release);
        tracing::info!(event = "channel.registered", company = company.0, "the channel tells us what happens there");
        Ok(())
    }

    /// The status with which it was refused, if it was.
    async fn hook(&self, company: CompanyNo, session: &Session, path: &str, body: &str) -> Step<Option<u16>> {
        let at = (Class::Write, doors::WEBHOOKS);
        let slot = self.outbound.slot_at(company, &session.api.host, at, Ask::First).await;
        let request = self.request(session, &session.credentials, "PUT", path, Some(body));
        let reply = self.outbound.send(slot, request).await;
        self.hear_inside(company, session, at, &reply);
        match sort(reply, true, |body| envelope::judged(body, |_| true)) {
            Outcome::Success { .. } => Ok(None),
            Outcome::Refused { status, .. } => Ok(Some(status)),
            Outcome::Credentials { status } => Err(Stop::later(0, format!("the channel refuses the token ({status})"))),
            Outcome::NotDone { why, .. } | Outcome::Ambiguous { why } => Err(Stop::later(0, why)),
        }
    }
}
