//! ADAPTER. Qontak CRM: requests, answers, templates (`info`), the company's token. Implements `actors::outside::Counterpart` for any
//! company. What is publicly known of the vendor's API stands in the project's `qontak-api.md`; comments here name its sections.
//!
//! `plan` finds the next writing part (`target`, `contact`, `shelf` read; `choose`, `custom_fields`, `draft`, `required` are
//! pure), `permit` looks whether it still fits and waits for its turn, `send` sends it once, `look_up` finds out whether it was done, `answer` says it in the model's words. `session`
//! keeps the company's access, `wire` speaks its dialect.
//!
//! **Invariant:** a token never leaves `desk`, `session` and `wire` but through `outbound` on the wire, and to the vault.

mod answer;
mod change;
mod check;
mod choose;
mod contact;
mod custom_fields;
mod dates;
mod desk;
mod draft;
mod envelope;
mod handle;
mod look_up;
mod order;
mod permit;
mod plan;
mod record;
mod reference;
mod refusals;
mod required;
mod send;
mod session;
mod sheet;
mod shelf;
mod target;
mod template;
#[cfg(test)]
mod tests;
mod wire;
mod written;

use std::sync::Arc;

use dashmap::DashMap;

use crate::actors::outside::{
    Counterpart, EffectJob, Found, LineView, Outbox, OutsideFuture, Part, PartRow, Permit, Permitted, Planned, Sent, Vault,
};
use crate::actors::ports::Clock;
use crate::outbound::Outbound;
use crate::room::outbox::Patience;
use crate::room::{CallStatus, CompanyNo, Settlement, Timestamp};

pub use check::{CheckReport, CheckedKind};

use desk::Desk;

/// The CRM of every company of this process. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct QontakCrm {
    outbound: Outbound,
    vault: Arc<dyn Vault>,
    outbox: Arc<dyn Outbox>,
    clock: Arc<dyn Clock>,
    /// Key of the marks on our records; the same for the life of the installation.
    reference_key: [u8; 32],
    /// This process, to the others: one of them at a time spends a refresh token.
    holder: Arc<str>,
    desks: Arc<DashMap<CompanyNo, Arc<Desk>, ahash::RandomState>>,
    /// Where refreshes run; those who ask for one may be gone before it ends.
    runtime: Option<tokio::runtime::Handle>,
}

impl QontakCrm {
    pub fn new(
        outbound: Outbound,
        vault: Arc<dyn Vault>,
        outbox: Arc<dyn Outbox>,
        clock: Arc<dyn Clock>,
        reference_key: [u8; 32],
    ) -> Self {
        let holder = uuid::Uuid::now_v7().to_string().into();
        let (desks, runtime) = (Arc::default(), tokio::runtime::Handle::try_current().ok());
        Self { outbound, vault, outbox, clock, reference_key, holder, desks, runtime }
    }
}

impl Counterpart for QontakCrm {
    fn patience(&self, company: CompanyNo) -> OutsideFuture<'_, Patience> {
        Box::pin(async move {
            let access = self.vault.crm(company).await?;
            let options = access.map(|access| access.options).unwrap_or_default();
            Ok(Patience::of(options.attempt_timeout_ms, options.grace_ms))
        })
    }

    fn plan<'a>(&'a self, job: &'a EffectJob, ended: &'a [PartRow]) -> OutsideFuture<'a, Planned> {
        Box::pin(self.next(job, ended))
    }

    fn permit<'a>(&'a self, job: &'a EffectJob, part: &'a Part, attempt: u32) -> OutsideFuture<'a, Permitted> {
        Box::pin(self.permitted(job, part, attempt))
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

    fn view(&self, company: CompanyNo) -> LineView {
        self.outbound.view(company)
    }
}
