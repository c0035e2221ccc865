//! What a lane needs of the outside world, as traits and plain data: the CRM itself, the outbox where parts are marked before
//! they are sent, and the vault that keeps a company's token. Names no HTTP client and no database.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::catalog::{Request, fence};
use crate::room::outbox::{Patience, Rule};
use crate::room::{
    AgentId, CallKey, CallStatus, ChannelKind, CompanyNo, Customer, EffectPlan, FunctionCall, RoomAddress, Settlement, Timestamp,
};

/// Adapters run on any thread. `Err` is a sentence for the log and means "not now, nothing was done".
pub type OutsideFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = Result<T, Arc<str>>> + Send + 'a>>;

/// One effect, with all that its call said.
#[derive(Clone, Debug)]
pub struct EffectJob {
    /// The effect's identity is its call's.
    pub key: CallKey,
    pub address: RoomAddress,
    pub call: FunctionCall,
    pub request: Request,
    pub customer: Arc<Customer>,
    pub channel: Arc<str>,
    pub plan: EffectPlan,
    pub episode: u32,
    /// Control epoch in which it was decided.
    pub epoch: i64,
    /// When the room asked for it.
    pub since: Timestamp,
    /// A person had it tried again so often: parts of earlier tries are looked up, not repeated.
    pub retries: u32,
}

/// One writing part of an effect, as it will be sent, byte for byte, also after a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// 0, 1, 2 … in the effect.
    pub no: u32,
    /// What it makes or changes: `contact`, `deal`, `ticket`.
    pub name: String,
    pub rule: Rule,
    /// The request, as the adapter wrote it (JSON; holds no token).
    pub request: String,
    /// Our own reference inside the request, if the CRM has a place for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The folded name of the record it makes: how a record without a reference is told apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown_name: Option<String>,
    /// Whom a fenced effect hands the conversation to: control that has moved to them by now is its own doing, told by somebody
    /// else, and voids nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hands_to: Option<AgentId>,
}

/// What a part left behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartDone {
    /// Id of the record it made or changed.
    pub record: String,
    /// What the adapter wants to know of it later (JSON).
    pub answer: String,
}

/// A part as the outbox remembers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartRow {
    pub part: Part,
    /// Of the last attempt.
    pub started_at: Timestamp,
    pub attempts: u32,
    /// `None`: not known. After a definite "nothing happened" the row is marked so (`idle`).
    pub done: Option<PartDone>,
    /// The last attempt certainly did nothing.
    pub idle: bool,
}

/// An effect as the outbox remembers it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recalled {
    /// In order of `part.no`.
    pub parts: Vec<PartRow>,
    /// Of the try with this number (`EffectJob::retries`); one of an earlier try does not count.
    pub settlement: Option<(u32, Settlement)>,
}

/// Whether a write of the outbox was ours to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Started {
    Yes,
    /// Another process owns the rooms now: stop, it inherits the effect.
    NotOurs,
    /// Control moved since a fenced effect was asked for (`EffectPlan::fenced`): it was not marked and must not be sent.
    Void,
}

/// Another effect of the company that is or may be tied to a record (for look-ups without a reference).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    pub effect: CallKey,
    /// `None`: started, outcome unknown.
    pub record: Option<String>,
}

/// Where parts are written down. Every write is durable when its future is ready, tests the owner epoch, and may be repeated.
pub trait Outbox: Send + Sync + 'static {
    fn recall(&self, effect: CallKey) -> OutsideFuture<'_, Recalled>;
    /// Marks a part started (again), before its first byte. Inserts the effect's row at its first part. The mark of a fenced
    /// effect is made only while the room's control epoch, as committed, is still the one it was decided in.
    fn start<'a>(&'a self, job: &'a EffectJob, part: &'a Part, at: Timestamp) -> OutsideFuture<'a, Started>;
    /// `None`: the attempt certainly did nothing.
    fn finish<'a>(&'a self, effect: CallKey, part: u32, done: Option<&'a PartDone>, at: Timestamp) -> OutsideFuture<'a, Started>;
    /// The effect's end of this try (`job.retries`), before the room is told.
    fn settle<'a>(&'a self, job: &'a EffectJob, settlement: &'a Settlement, at: Timestamp) -> OutsideFuture<'a, Started>;
    /// Parts called `name` of other effects of the company: those that made `record`, and those that may have made a record of
    /// this folded name but whose outcome is not known. At most 100.
    fn claims<'a>(
        &'a self,
        company: CompanyNo,
        name: &'a str,
        record: &'a str,
        shown_name: &'a str,
        but: CallKey,
    ) -> OutsideFuture<'a, Vec<Claim>>;
}

/// What `Counterpart::plan` came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Planned {
    Write(Part),
    /// Finished, or refused before anything was written.
    End(Settlement),
    /// The CRM cannot be read now.
    Later {
        after_ms: i64,
        why: Arc<str>,
    },
}

/// What `Counterpart::write` came to; sorted as reliability-security.md section 2.6 says.
#[derive(Clone, Debug, PartialEq)]
pub enum Sent {
    Done(PartDone),
    /// Certainly nothing happened. `counts`: an attempt is used up (not for a refused token or an open circuit).
    NotDone {
        after_ms: i64,
        counts: bool,
        why: Arc<str>,
    },
    /// The CRM said no, for good.
    Refused(Settlement),
    /// It may have happened.
    Doubtful {
        why: Arc<str>,
    },
}

/// What `Counterpart::look_up` came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    Done(PartDone),
    Absent,
    /// Something is there, or may be, and it cannot be told whether it is ours.
    Unprovable {
        why: Arc<str>,
    },
    Later {
        after_ms: i64,
        why: Arc<str>,
    },
}

/// One kind of outside system, for any company: the CRM, or the channel. Every method waits for circuit and token bucket by itself; none retries a write.
pub trait Counterpart: Send + Sync + 'static {
    /// How long things may take with this company's system.
    fn patience(&self, company: CompanyNo) -> OutsideFuture<'_, Patience>;
    /// Only reads. `ended`: the parts that are done, in order. Asked anew after every part and after every restart.
    fn plan<'a>(&'a self, job: &'a EffectJob, ended: &'a [PartRow]) -> OutsideFuture<'a, Planned>;
    /// Waits until a request of this company may leave. Taken before the part is marked started, used by `write`.
    fn permit<'a>(&'a self, job: &'a EffectJob) -> OutsideFuture<'a, Permit>;
    /// Sends the part, once.
    fn write<'a>(&'a self, job: &'a EffectJob, part: &'a Part, permit: Permit) -> OutsideFuture<'a, Sent>;
    /// Looks whether the part, started at `started_at`, was done.
    fn look_up<'a>(&'a self, job: &'a EffectJob, part: &'a Part, started_at: Timestamp) -> OutsideFuture<'a, Found>;
    /// The answer to a call whose effect ended without the CRM's word: `expired`, `dead` or `unresolved`.
    fn unsaid(&self, job: &EffectJob, status: CallStatus) -> Settlement;
    /// The answer to a call whose next part was void because control had moved. `parts`: those that were started before.
    fn voided(&self, _job: &EffectJob, _parts: &[PartRow]) -> Settlement {
        Settlement::error(CallStatus::Refused, &fence::human_in_control())
    }
    /// How the company's CRM stands now. Never waits.
    fn view(&self, company: CompanyNo) -> LineView;
}

/// The right to send one request now. Holds whatever the adapter needs.
pub struct Permit(pub Box<dyn std::any::Any + Send>);

impl std::fmt::Debug for Permit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Permit")
    }
}

/// How the CRM is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CrmDialect {
    /// `/api/v3.1` with a bearer token (qontak-api.md 1.1).
    #[default]
    Bearer,
    /// `/qontak/crm`, requests signed with HMAC (qontak-api.md 2.8).
    Gateway,
}

/// How one company uses its CRM; nothing in here is secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CrmOptions {
    /// Requests a second, at most (default 5).
    pub per_second: f64,
    /// Requests a minute, at most (default 100).
    pub per_minute: f64,
    /// Requests that may leave at once after a quiet time (default 5).
    pub burst: u32,
    /// Label of the custom field that carries our reference; used only if the company's template has it.
    pub reference_field: String,
    /// Name of the pipeline a deal without one goes to; `None`: the first.
    pub deal_pipeline: Option<String>,
    pub ticket_pipeline: Option<String>,
    /// Make a contact for a customer who has none.
    pub create_contacts: bool,
    /// One attempt is given up after this time (default 10,000).
    pub attempt_timeout_ms: i64,
    /// After that, so long may its request still land (default 10,000).
    pub grace_ms: i64,
    /// A template is read again after this time (default 600,000).
    pub template_ttl_ms: i64,
    /// Header `X-Crm-User-Sso-Id` of the gateway.
    pub sso_id: Option<String>,
}

impl Default for CrmOptions {
    fn default() -> Self {
        Self {
            per_second: 5.0,
            per_minute: 100.0,
            burst: 5,
            reference_field: "bellhop_reference".into(),
            deal_pipeline: None,
            ticket_pipeline: None,
            create_contacts: false,
            attempt_timeout_ms: 10_000,
            grace_ms: 10_000,
            template_ttl_ms: 600_000,
            sso_id: None,
        }
    }
}

/// A secret that no print shows and that is overwritten when it goes.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// For the one place that puts it on the wire or under its seal.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What a company's CRM is reached with.
#[derive(Clone, Debug)]
pub struct CrmAccess {
    pub company: CompanyNo,
    /// Without a slash at its end.
    pub base_url: Arc<str>,
    pub dialect: CrmDialect,
    pub options: CrmOptions,
    /// As in the token file: the bare token, or the JSON of `outbound::TokenFile`.
    pub secret: Secret,
    /// Raised by every change; a refreshed pair is stored only over the version it came from.
    pub version: i64,
}

/// How the channel's side is driven. Bounds are in milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChannelOptions {
    /// Requests a second, on average (default 5).
    pub per_second: f64,
    /// Requests a minute (default 100).
    pub per_minute: f64,
    /// Requests that may leave at once after a quiet time (default 5).
    pub burst: u32,
    pub attempt_timeout_ms: i64,
    pub grace_ms: i64,
}

impl Default for ChannelOptions {
    fn default() -> Self {
        Self { per_second: 5.0, per_minute: 100.0, burst: 5, attempt_timeout_ms: 10_000, grace_ms: 10_000 }
    }
}

/// What a company's channel is reached with.
#[derive(Clone, Debug)]
pub struct ChannelAccess {
    pub company: CompanyNo,
    pub kind: ChannelKind,
    /// Without a slash at its end.
    pub base_url: Arc<str>,
    pub dialect: CrmDialect,
    pub options: ChannelOptions,
    /// The user token (an admin's or supervisor's), as in its file.
    pub token: Secret,
    /// For `/bot` paths only.
    pub bot_token: Option<Secret>,
    /// Where the channel tells us things: `{public_url}/v1/webhooks/qontak/{secret}`; `None`: it is not registered.
    pub webhook_url: Option<Secret>,
    /// Raised by every change.
    pub version: i64,
}

/// A file's bytes, a piece at a time.
pub type Pieces = std::pin::Pin<Box<dyn futures_util::Stream<Item = Result<Vec<u8>, std::io::Error>> + Send>>;

/// Where the bytes of companies' files lie.
pub trait Files: Send + Sync + 'static {
    /// `None`: they are not there. `sha256`: their address, hexadecimal.
    fn open<'a>(&'a self, company: CompanyNo, sha256: &'a str) -> OutsideFuture<'a, Option<Pieces>>;
}

/// Where companies' tokens are kept, sealed.
pub trait Vault: Send + Sync + 'static {
    /// `None`: the company has no CRM.
    fn crm(&self, company: CompanyNo) -> OutsideFuture<'_, Option<CrmAccess>>;
    /// Stores a refreshed secret before it is used; `false`: somebody else changed it since `version`.
    fn replace_crm_secret<'a>(&'a self, company: CompanyNo, version: i64, secret: &'a Secret) -> OutsideFuture<'a, bool>;
    /// Claims for `holder` the right to spend the refresh token of `version`, until then: one at a time over all processes. Who
    /// holds it may claim it again. `false`: another holds it, or that version is over. A vault of one process always grants it.
    fn claim_refresh<'a>(
        &'a self,
        _company: CompanyNo,
        _version: i64,
        _holder: &'a str,
        _now: Timestamp,
        _until: Timestamp,
    ) -> OutsideFuture<'a, bool> {
        Box::pin(async { Ok(true) })
    }
    /// Gives the claim back: nothing was spent.
    fn release_refresh<'a>(&'a self, _company: CompanyNo, _holder: &'a str) -> OutsideFuture<'a, ()> {
        Box::pin(async { Ok(()) })
    }
    /// `None`: the company's rooms live here.
    fn channel(&self, company: CompanyNo) -> OutsideFuture<'_, Option<ChannelAccess>>;
    /// The version, for a cheap look whether what is cached still holds; `None`: no CRM.
    fn crm_version(&self, company: CompanyNo) -> OutsideFuture<'_, Option<i64>>;
    /// The same of the channel.
    fn channel_version(&self, company: CompanyNo) -> OutsideFuture<'_, Option<i64>> {
        Box::pin(async move { Ok(self.channel(company).await?.map(|access| access.version)) })
    }
}

/// How one company's CRM stands, for operators. Read without asking any actor.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LineView {
    /// Requests that could leave at once.
    pub bucket_level: f64,
    pub bucket_capacity: u32,
    /// `closed`, `open` or `half_open`, per class of endpoint.
    pub circuits: Vec<CircuitView>,
    /// Requests waiting for circuit or bucket.
    pub waiting: u64,
    pub oldest_waiting_ms: i64,
    /// Answers 429 so far.
    pub throttled: u64,
    /// Attempts so far, by class of outcome.
    pub attempts: std::collections::BTreeMap<&'static str, u64>,
    /// `valid`, `refused` or `untried`.
    pub token: &'static str,
}

#[derive(Clone, Debug, Serialize)]
pub struct CircuitView {
    pub class: &'static str,
    pub state: &'static str,
    /// When an open circuit lets a probe through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probe_at: Option<Timestamp>,
}
