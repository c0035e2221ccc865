//! WhatsApp's Cloud API (Meta's "Graph"): a file is uploaded under the business's number, then a message names it by the id it
//! got. `upload` keeps those ids, `plan` finds the next message, `send` sends it once, `look_up` waits for the channel to speak of
//! it: every message carries our own reference, and each of its statuses brings that back. `hearing` understands webhooks,
//! `signature` believes them. Vendor facts: the project's `room-ops.md` 4.5 to 4.9, and Meta's reference of media, messages and
//! webhooks.
//!
//! **Invariant:** a token never leaves `session` and `wire` but through `outbound` on the wire; nor does the app's secret.

mod check;
mod envelope;
pub mod hearing;
mod look_up;
mod part;
mod plan;
mod reference;
mod send;
mod session;
pub mod signature;
mod upload;
mod wire;

use std::sync::Arc;

use dashmap::DashMap;

use crate::actors::inbox::ChannelMemory;
use crate::actors::outside::{
    Counterpart, EffectJob, Files, Found, LineView, OutsideFuture, Part, PartRow, Permit, Permitted, Planned, Sent, Vault,
};
use crate::actors::ports::Clock;
use crate::outbound::Outbound;
use crate::room::delivery::Stage;
use crate::room::outbox::Patience;
use crate::room::{CallStatus, CompanyNo, EffectKind, SentFile, Settlement, Timestamp};

use super::first_looks::FirstLooks;
use super::qontak::unsaid;
use session::Session;
use upload::Gate;

/// The business numbers of every company of this process.
pub struct WhatsappCloud {
    outbound: Outbound,
    vault: Arc<dyn Vault>,
    memory: Arc<dyn ChannelMemory>,
    clock: Arc<dyn Clock>,
    /// What may be sent; `None`: this process sends nothing.
    files: Option<Arc<dyn Files>>,
    sessions: DashMap<CompanyNo, Arc<Session>, ahash::RandomState>,
    /// Files that are being uploaded, by their address: the same one is uploaded once, however many rooms wait for it.
    uploads: DashMap<(CompanyNo, String), Gate, ahash::RandomState>,
    /// Of messages whose status is waited for.
    first_looks: FirstLooks,
}

impl WhatsappCloud {
    /// `outbound`: with budgets of its own.
    pub fn new(outbound: Outbound, vault: Arc<dyn Vault>, memory: Arc<dyn ChannelMemory>, clock: Arc<dyn Clock>) -> Self {
        let (sessions, uploads, first_looks) = (DashMap::default(), DashMap::default(), FirstLooks::default());
        Self { outbound, vault, memory, clock, files: None, sessions, uploads, first_looks }
    }

    pub fn with_files(self, files: Arc<dyn Files>) -> Self {
        Self { files: Some(files), ..self }
    }
}

impl Counterpart for WhatsappCloud {
    fn patience(&self, company: CompanyNo) -> OutsideFuture<'_, Patience> {
        Box::pin(self.patience_of(company))
    }

    fn plan<'a>(&'a self, job: &'a EffectJob, ended: &'a [PartRow]) -> OutsideFuture<'a, Planned> {
        Box::pin(self.next(job, ended))
    }

    fn permit<'a>(&'a self, job: &'a EffectJob, _: &'a Part, attempt: u32) -> OutsideFuture<'a, Permitted> {
        Box::pin(async move { Ok(Permitted::Go(self.make_ready(job, attempt).await?)) })
    }

    fn write<'a>(&'a self, job: &'a EffectJob, part: &'a Part, permit: Permit) -> OutsideFuture<'a, Sent> {
        Box::pin(self.send_part(job, part, permit))
    }

    fn look_up<'a>(&'a self, job: &'a EffectJob, part: &'a Part, started_at: Timestamp) -> OutsideFuture<'a, Found> {
        Box::pin(self.find(job, part, started_at))
    }

    /// A part is only named when its file lies there.
    fn prepared(&self, job: &EffectJob, _: &Part, _: &[PartRow]) -> Option<(Stage, Option<Arc<SentFile>>)> {
        let uploaded = job.plan.kind == EffectKind::Attachment && job.plan.file.as_ref().is_none_or(|file| !file.is_link());
        uploaded.then_some((Stage::Uploaded, None))
    }

    fn unsaid(&self, job: &EffectJob, status: CallStatus) -> Settlement {
        unsaid(job, status)
    }

    fn view(&self, company: CompanyNo) -> LineView {
        self.outbound.view(company)
    }
}
