//! What a lane needs of the outside world, as traits and plain data: the CRM itself, the outbox where parts are marked before
//! they are sent, and (`access`) what it is reached with. Names no HTTP client and no database.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::catalog::{Request, fence};
use crate::room::delivery;
use crate::room::outbox::{Patience, Rule};
use crate::room::{
    AgentId, CallKey, CallStatus, CompanyNo, Customer, EffectPlan, FunctionCall, Refusal, RoomAddress, SentFile, Settlement,
    Timestamp,
};

pub use super::access::{ChannelAccess, ChannelOptions, CrmAccess, CrmDialect, CrmOptions, Secret, Vault};
pub use super::backlog::BacklogView;
pub use super::errand::{Errand, Stage};
pub use super::places::{Bounds, Place, Places};

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
    /// Of this try they decided that it is sent again where nobody can tell whether an earlier one arrived.
    pub send_again: bool,
    /// Where the customer can read the file, if that is what is sent instead of it; made when the effect is planned.
    pub link: Option<Arc<str>>,
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

impl Sent {
    pub fn not_done(after_ms: i64, counts: bool, why: impl Into<Arc<str>>) -> Self {
        Self::NotDone { after_ms, counts, why: why.into() }
    }

    pub fn refused(refusal: &Refusal) -> Self {
        Self::Refused(Settlement::error(CallStatus::Refused, refusal))
    }
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
    /// Nobody can be asked; the other side may yet tell of it by itself.
    Awaited {
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
    /// Waits until this part may leave, and looks once more whether it still fits what it changes. Taken before the part is
    /// marked started, used by `write`. `attempt`: how often it was started before.
    fn permit<'a>(&'a self, job: &'a EffectJob, part: &'a Part, attempt: u32) -> OutsideFuture<'a, Permitted>;
    /// Sends the part, once.
    fn write<'a>(&'a self, job: &'a EffectJob, part: &'a Part, permit: Permit) -> OutsideFuture<'a, Sent>;
    /// Looks whether the part, started at `started_at`, was done.
    fn look_up<'a>(&'a self, job: &'a EffectJob, part: &'a Part, started_at: Timestamp) -> OutsideFuture<'a, Found>;
    /// How far the file is that `part` is about to bring to its customer, before anything of that leaves, and the file itself where
    /// it was fetched: told to its room. `started`: the parts before. `None`: nothing new is known.
    fn prepared(&self, _job: &EffectJob, _part: &Part, _started: &[PartRow]) -> Option<(delivery::Stage, Option<Arc<SentFile>>)> {
        None
    }
    /// The answer to a call whose effect ended without the CRM's word: `expired`, `dead` or `unresolved`.
    fn unsaid(&self, job: &EffectJob, status: CallStatus) -> Settlement;
    /// The answer to a call whose next part was void because control had moved. `parts`: those that were started before.
    fn voided(&self, _job: &EffectJob, _parts: &[PartRow]) -> Settlement {
        Settlement::error(CallStatus::Refused, &fence::human_in_control())
    }
    /// How the company's CRM stands now. Never waits.
    fn view(&self, company: CompanyNo) -> LineView;
}

/// What `Counterpart::permit` came to.
#[derive(Debug)]
pub enum Permitted {
    Go(Permit),
    /// What the part would change is not as it was when the part was planned: it must be planned anew, or it would undo what
    /// somebody else did.
    Changed,
}

/// The right to send one request now. Holds whatever the adapter needs.
pub struct Permit(pub Box<dyn std::any::Any + Send>);

impl std::fmt::Debug for Permit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Permit")
    }
}

/// A file's bytes, a piece at a time.
pub type Pieces = std::pin::Pin<Box<dyn futures_util::Stream<Item = Result<Vec<u8>, std::io::Error>> + Send>>;

/// Where the bytes of companies' files lie.
pub trait Files: Send + Sync + 'static {
    /// `None`: they are not there. `sha256`: their address, hexadecimal; `size`: how many there are. What comes to its end is that
    /// very file.
    fn open<'a>(&'a self, company: CompanyNo, sha256: &'a str, size: u64) -> OutsideFuture<'a, Option<Pieces>>;
}

/// Which bytes were fetched for which effect, so that they go when nothing could send them any more.
pub trait FetchedFiles: Send + Sync + 'static {
    /// Durable when this is ready; comes before the bytes are at their address.
    fn fetched<'a>(&'a self, company: CompanyNo, effect: CallKey, sha256: &'a str, at: Timestamp) -> OutsideFuture<'a, ()>;
    fn forget<'a>(&'a self, company: CompanyNo, effect: CallKey, sha256: &'a str) -> OutsideFuture<'a, ()>;
}

/// How one company's CRM stands, for operators. Read without asking any actor.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LineView {
    /// Requests that could leave at once.
    pub bucket_level: f64,
    pub bucket_capacity: u32,
    /// `closed`, `open` or `half_open`, per class of endpoint.
    pub circuits: Vec<CircuitView>,
    /// Effects that have not ended, wherever they wait.
    pub effects: BacklogView,
    /// Requests waiting for credentials, circuit, bucket or a place on the wire.
    pub waiting: u64,
    pub oldest_waiting_ms: i64,
    /// Answers 429 so far.
    pub throttled: u64,
    /// Attempts so far, by class of outcome.
    pub attempts: std::collections::BTreeMap<&'static str, u64>,
    /// `valid`, `refused` or `untried`.
    pub token: &'static str,
    /// What is refused to the company: kinds of credentials, kinds of endpoints.
    pub refused: Vec<&'static str>,
}

#[derive(Clone, Debug, Serialize)]
pub struct CircuitView {
    pub class: &'static str,
    pub state: &'static str,
    /// When an open circuit lets a probe through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probe_at: Option<Timestamp>,
}
