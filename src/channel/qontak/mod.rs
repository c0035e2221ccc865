//! Qontak's omnichannel chat (qontak-api.md section 2). Our room's id is the id of the room there. `plan` finds the next writing
//! part (`assign`, `tags`, `resolve` over what `rooms` and `people` read; `pick` chooses), `send` sends it once, `look_up` reads
//! it back, `echoed` finds it in what the channel told by itself, `answer` says it in the model's words; `hooks` has the channel
//! tell us things. `session` keeps the access, `wire` speaks the dialect.
//!
//! **Invariant:** a token never leaves `session` and `wire` but through `outbound` on the wire; nor does the webhook's secret.

mod answer;
mod assign;
mod attach;
mod check;
mod doors;
mod echoed;
mod envelope;
mod hooks;
mod look_up;
mod part;
mod people;
mod pick;
mod plan;
mod refusals;
mod resolve;
mod rooms;
mod send;
mod session;
mod tags;
mod wire;

use std::sync::Arc;

use dashmap::DashMap;

use crate::actors::inbox::{Inbox, People};
use crate::actors::outside::{
    Counterpart, EffectJob, Files, Found, LineView, Outbox, OutsideFuture, Part, PartRow, Permit, Permitted, Planned, Sent, Vault,
};
use crate::actors::ports::{Clock, Memory};
use crate::outbound::Outbound;
use crate::room::outbox::Patience;
use crate::room::{CallStatus, CompanyNo, Settlement, Timestamp};

pub(super) use answer::{resolved, unsaid};
pub use check::CheckReport;
pub(super) use check::PATIENCE;

use super::first_looks::FirstLooks;
use echoed::Hearsay;
use session::Desk;

/// The chat of every company of this process.
pub struct QontakChannel {
    outbound: Outbound,
    vault: Arc<dyn Vault>,
    /// Our own directory of people, and the company's tags.
    memory: Arc<dyn Memory>,
    clock: Arc<dyn Clock>,
    /// What may be sent; `None`: this process sends nothing.
    files: Option<Arc<dyn Files>>,
    /// What the channel told by itself; `None`: this process hears nothing.
    hearsay: Option<Hearsay>,
    /// Of messages whose echo is waited for.
    first_looks: FirstLooks,
    /// E-mail addresses of those who were met there, by their id there.
    acquaintances: DashMap<(CompanyNo, String), String, ahash::RandomState>,
    desks: DashMap<CompanyNo, Arc<Desk>, ahash::RandomState>,
}

impl QontakChannel {
    /// `outbound`: with budgets that are not the CRM's.
    pub fn new(outbound: Outbound, vault: Arc<dyn Vault>, memory: Arc<dyn Memory>, clock: Arc<dyn Clock>) -> Self {
        let (first_looks, acquaintances, desks) = (FirstLooks::default(), DashMap::default(), DashMap::default());
        Self { outbound, vault, memory, clock, files: None, hearsay: None, first_looks, acquaintances, desks }
    }

    pub fn hearing(self, inbox: Arc<dyn Inbox>, outbox: Arc<dyn Outbox>) -> Self {
        Self { hearsay: Some(Hearsay { inbox, outbox }), ..self }
    }

    pub fn with_files(self, files: Arc<dyn Files>) -> Self {
        Self { files: Some(files), ..self }
    }
}

impl People for QontakChannel {
    fn email<'a>(&'a self, company: CompanyNo, id: &'a str) -> OutsideFuture<'a, Option<String>> {
        Box::pin(self.email_of(company, id))
    }
}

impl Counterpart for QontakChannel {
    fn patience(&self, company: CompanyNo) -> OutsideFuture<'_, Patience> {
        Box::pin(self.patience_of(company))
    }

    fn plan<'a>(&'a self, job: &'a EffectJob, ended: &'a [PartRow]) -> OutsideFuture<'a, Planned> {
        Box::pin(self.next(job, ended))
    }

    fn permit<'a>(&'a self, job: &'a EffectJob, part: &'a Part, attempt: u32) -> OutsideFuture<'a, Permitted> {
        Box::pin(async move { Ok(Permitted::Go(self.slot_for(job, part, attempt).await?)) })
    }

    fn write<'a>(&'a self, job: &'a EffectJob, part: &'a Part, permit: Permit) -> OutsideFuture<'a, Sent> {
        Box::pin(self.send_part(job, part, permit))
    }

    fn look_up<'a>(&'a self, job: &'a EffectJob, part: &'a Part, started_at: Timestamp) -> OutsideFuture<'a, Found> {
        Box::pin(self.find(job, part, started_at))
    }

    fn unsaid(&self, job: &EffectJob, status: CallStatus) -> Settlement {
        answer::unsaid(job, status)
    }

    fn voided(&self, job: &EffectJob, parts: &[PartRow]) -> Settlement {
        answer::voided(job, parts, self.clock.now())
    }

    fn view(&self, company: CompanyNo) -> LineView {
        self.outbound.view(company)
    }
}
