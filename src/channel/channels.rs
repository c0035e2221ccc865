//! Every kind of channel as one: what a company asks of its channel goes to the adapter of the kind that is set for it, what is
//! told is understood by the one it came from. Another kind of channel is one folder beside this file, and a line in each match.

use std::sync::Arc;

use dashmap::DashMap;

use crate::actors::inbox::{Believed, Doorkeeper, Ears, Heard, InboxRow, People, Sheet};
use crate::actors::outside::{
    Counterpart, EffectJob, Found, LineView, OutsideFuture, Part, PartRow, Permit, Permitted, Planned, Sent, Vault,
};
use crate::outbound::{CheckProblem, System};
use crate::room::delivery::Stage;
use crate::room::outbox::Patience;
use crate::room::{CallStatus, ChannelKind, Company, CompanyNo, SentFile, Settlement, Timestamp};

use super::closing;
use super::hearing::QontakEars;
use super::qontak::{CheckReport, QontakChannel};
use super::whatsapp_cloud::{WhatsappCloud, hearing, signature};

pub struct Channels {
    qontak: Arc<QontakChannel>,
    whatsapp: Arc<WhatsappCloud>,
    vault: Arc<dyn Vault>,
    /// As of a version in the vault.
    kinds: DashMap<CompanyNo, (i64, ChannelKind), ahash::RandomState>,
}

impl Channels {
    pub fn new(qontak: QontakChannel, whatsapp: WhatsappCloud, vault: Arc<dyn Vault>) -> Self {
        Self { qontak: Arc::new(qontak), whatsapp: Arc::new(whatsapp), vault, kinds: DashMap::default() }
    }

    /// The one that has to be told where to tell us things.
    pub fn qontak(&self) -> Arc<QontakChannel> {
        Arc::clone(&self.qontak)
    }

    /// A harmless look whether the company's channel can be used.
    pub async fn check(&self, company: CompanyNo) -> Result<CheckReport, CheckProblem> {
        let unreadable = |why: Arc<str>| CheckProblem::Unusable { of: System::Channel, why };
        match self.kind(company).await.map_err(unreadable)? {
            ChannelKind::WhatsappCloud => self.whatsapp.check(company).await,
            ChannelKind::Embedded | ChannelKind::Qontak => self.qontak.check(company).await,
        }
    }

    async fn kind(&self, company: CompanyNo) -> Result<ChannelKind, Arc<str>> {
        let Some(version) = self.vault.channel_version(company).await? else { return Ok(ChannelKind::Embedded) };
        if let Some(kind) = self.kinds.get(&company).and_then(|known| (known.0 == version).then_some(known.1)) {
            return Ok(kind);
        }
        let kind = self.vault.channel(company).await?.map_or(ChannelKind::Embedded, |access| access.kind);
        self.kinds.insert(company, (version, kind));
        Ok(kind)
    }

    async fn of(&self, company: CompanyNo) -> Result<&dyn Counterpart, Arc<str>> {
        self.kind(company).await.map(|kind| self.by_kind(kind))
    }

    /// A company without a channel is told so by the first.
    fn by_kind(&self, kind: ChannelKind) -> &dyn Counterpart {
        match kind {
            ChannelKind::WhatsappCloud => &*self.whatsapp,
            ChannelKind::Embedded | ChannelKind::Qontak => &*self.qontak,
        }
    }

    /// As it was last known; for what must not wait.
    fn last_known(&self, company: CompanyNo) -> &dyn Counterpart {
        self.by_kind(self.kinds.get(&company).map_or(ChannelKind::Embedded, |known| known.1))
    }
}

impl People for Channels {
    fn email<'a>(&'a self, company: CompanyNo, id: &'a str) -> OutsideFuture<'a, Option<String>> {
        self.qontak.email(company, id)
    }
}

impl Counterpart for Channels {
    fn patience(&self, company: CompanyNo) -> OutsideFuture<'_, Patience> {
        Box::pin(async move { self.of(company).await?.patience(company).await })
    }

    fn plan<'a>(&'a self, job: &'a EffectJob, ended: &'a [PartRow]) -> OutsideFuture<'a, Planned> {
        Box::pin(async move { self.of(job.address.company).await?.plan(job, ended).await })
    }

    fn permit<'a>(&'a self, job: &'a EffectJob, part: &'a Part, attempt: u32) -> OutsideFuture<'a, Permitted> {
        Box::pin(async move {
            let permit = async { self.of(job.address.company).await?.permit(job, part, attempt).await };
            if !closing::is_closing(job, part) {
                return permit.await;
            }
            if attempt >= closing::TRIES {
                return Ok(given_up());
            }
            let permitted = tokio::time::timeout(closing::TURN_WITHIN, permit).await;
            Ok(permitted.ok().and_then(Result::ok).unwrap_or_else(given_up))
        })
    }

    fn write<'a>(&'a self, job: &'a EffectJob, part: &'a Part, permit: Permit) -> OutsideFuture<'a, Sent> {
        Box::pin(async move {
            if permit.0.is::<closing::GivenUp>() {
                return Ok(closing::given_up());
            }
            let sent = self.of(job.address.company).await?.write(job, part, permit).await?;
            Ok(if closing::is_closing(job, part) { closing::sent(sent) } else { sent })
        })
    }

    fn look_up<'a>(&'a self, job: &'a EffectJob, part: &'a Part, started_at: Timestamp) -> OutsideFuture<'a, Found> {
        Box::pin(async move {
            let found = self.of(job.address.company).await?.look_up(job, part, started_at).await?;
            Ok(if closing::is_closing(job, part) { closing::found(found) } else { found })
        })
    }

    fn prepared(&self, job: &EffectJob, part: &Part, started: &[PartRow]) -> Option<(Stage, Option<Arc<SentFile>>)> {
        self.last_known(job.address.company).prepared(job, part, started)
    }

    fn unsaid(&self, job: &EffectJob, status: CallStatus) -> Settlement {
        self.last_known(job.address.company).unsaid(job, status)
    }

    fn voided(&self, job: &EffectJob, parts: &[PartRow]) -> Settlement {
        self.last_known(job.address.company).voided(job, parts)
    }

    fn view(&self, company: CompanyNo) -> LineView {
        self.last_known(company).view(company)
    }
}

fn given_up() -> Permitted {
    Permitted::Go(Permit(Box::new(closing::GivenUp)))
}

/// Understands every kind of channel.
#[derive(Clone, Copy, Debug, Default)]
pub struct ChannelEars;

impl Ears for ChannelEars {
    fn sheets(&self, source: ChannelKind, company: CompanyNo, believed: &Believed, body: &[u8]) -> Option<Vec<Sheet>> {
        match source {
            ChannelKind::WhatsappCloud => hearing::sheets(company, believed.account.as_deref(), body),
            ChannelKind::Embedded | ChannelKind::Qontak => QontakEars.sheets(source, company, believed, body),
        }
    }

    fn strangers(&self, row: &InboxRow) -> Vec<String> {
        match row.source {
            ChannelKind::WhatsappCloud => vec![],
            ChannelKind::Embedded | ChannelKind::Qontak => QontakEars.strangers(row),
        }
    }

    fn hear(&self, row: &InboxRow, known: Option<&str>, company: &Company) -> Heard {
        match row.source {
            ChannelKind::WhatsappCloud => hearing::hear(row, known),
            ChannelKind::Embedded | ChannelKind::Qontak => QontakEars.hear(row, known, company),
        }
    }
}

/// Believes what is signed where a channel signs; where none does, the path's secret is all there is.
pub struct Signatures(Arc<dyn Vault>);

impl Signatures {
    pub fn new(vault: Arc<dyn Vault>) -> Self {
        Self(vault)
    }
}

impl Doorkeeper for Signatures {
    fn believes<'a>(
        &'a self,
        source: ChannelKind,
        company: CompanyNo,
        body: &'a [u8],
        signature: Option<&'a str>,
    ) -> OutsideFuture<'a, Option<Believed>> {
        Box::pin(async move {
            if source != ChannelKind::WhatsappCloud {
                return Ok(Some(Believed::default()));
            }
            let Some(access) = self.0.channel(company).await? else { return Ok(None) };
            let signed = access.app_secret.is_some_and(|secret| signature::is_signed(&secret, body, signature));
            Ok(signed.then_some(Believed { account: access.options.account }))
        })
    }
}
