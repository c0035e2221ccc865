//! A company, its customer, its stand-in CRM, and a lane small enough to read: `carry` does what the real lane does, without
//! writing anything down.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::actors::outside::{
    ChannelAccess, Claim, Counterpart, CrmAccess, CrmDialect, CrmOptions, EffectJob, Found, Outbox, OutsideFuture, Part,
    PartDone, PartRow, Permitted, Planned, Recalled, Secret, Sent, Started, Vault,
};
use crate::actors::ports::Clock;
use crate::crm::QontakCrm;
use crate::outbound::Outbound;
use crate::room::{
    CallId, CallKey, CompanyNo, Customer, EffectPlan, FunctionCall, Meaning, RecordKind, RoomAddress, RoomId, Seen, Settlement,
    Timestamp,
};
use crate::standin;

pub const COMPANY: CompanyNo = CompanyNo(7);
/// No answer, print or part may ever show it.
pub const TOKEN: &str = "canary-token-that-nobody-may-see";
/// The seeded customer with one contact, and the one two contacts share.
pub const LARAS: &str = "6281200000001";
pub const SHARED: &str = "6281200000002";

/// The access, who holds which version's refresh until when, and how often storing still fails.
pub struct MemoryVault(pub Mutex<Option<CrmAccess>>, pub Mutex<Option<(i64, String, Timestamp)>>, pub AtomicI64);

impl Vault for MemoryVault {
    fn crm(&self, _: CompanyNo) -> OutsideFuture<'_, Option<CrmAccess>> {
        Box::pin(async { Ok(self.0.lock().unwrap().clone()) })
    }

    fn replace_crm_secret<'a>(&'a self, _: CompanyNo, version: i64, secret: &'a Secret) -> OutsideFuture<'a, bool> {
        Box::pin(async move {
            // Slow, as a disk is: whoever uses the pair before it is stored is seen.
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            if self.2.fetch_sub(1, Ordering::Relaxed) > 0 {
                return Err("the disk is full".into());
            }
            let mut access = self.0.lock().unwrap();
            let access = access.as_mut().unwrap();
            let fits = access.version == version;
            if fits {
                access.secret = secret.clone();
                access.version += 1;
            }
            Ok(fits)
        })
    }

    fn claim_refresh<'a>(
        &'a self,
        _: CompanyNo,
        version: i64,
        holder: &'a str,
        now: Timestamp,
        until: Timestamp,
    ) -> OutsideFuture<'a, bool> {
        Box::pin(async move {
            let is = self.0.lock().unwrap().as_ref().map(|access| access.version);
            let mut claim = self.1.lock().unwrap();
            let held = claim.as_ref().is_some_and(|(of, by, until)| *of == version && by != holder && *until > now);
            let fits = is == Some(version) && !held;
            if fits {
                *claim = Some((version, holder.to_owned(), until));
            }
            Ok(fits)
        })
    }

    fn channel(&self, _: CompanyNo) -> OutsideFuture<'_, Option<ChannelAccess>> {
        Box::pin(async { Ok(None) })
    }

    fn crm_version(&self, _: CompanyNo) -> OutsideFuture<'_, Option<i64>> {
        Box::pin(async { Ok(self.0.lock().unwrap().as_ref().map(|access| access.version)) })
    }
}

/// Knows only claims; the lane's own rows are its caller's.
#[derive(Default)]
pub struct MemoryOutbox {
    pub claims: Mutex<Vec<Claim>>,
}

impl Outbox for MemoryOutbox {
    fn recall(&self, _: CallKey) -> OutsideFuture<'_, Recalled> {
        Box::pin(async { Ok(Recalled::default()) })
    }

    fn start<'a>(&'a self, _: &'a EffectJob, _: &'a Part, _: Timestamp) -> OutsideFuture<'a, Started> {
        Box::pin(async { Ok(Started::Yes) })
    }

    fn finish<'a>(&'a self, _: CallKey, _: u32, _: Option<&'a PartDone>, _: Timestamp) -> OutsideFuture<'a, Started> {
        Box::pin(async { Ok(Started::Yes) })
    }

    fn settle<'a>(&'a self, _: &'a EffectJob, _: &'a Settlement, _: Timestamp) -> OutsideFuture<'a, Started> {
        Box::pin(async { Ok(Started::Yes) })
    }

    fn claims<'a>(&'a self, _: CompanyNo, _: &'a str, record: &'a str, _: &'a str, _: CallKey) -> OutsideFuture<'a, Vec<Claim>> {
        let claims = self.claims.lock().unwrap().clone();
        Box::pin(async move {
            Ok(claims.into_iter().filter(|claim| claim.record.as_deref().is_none_or(|made| made == record)).collect())
        })
    }
}

#[derive(Default)]
pub struct MovedClock(pub AtomicI64);

impl Clock for MovedClock {
    fn now(&self) -> Timestamp {
        Timestamp(jiff::Timestamp::now().as_microsecond() + self.0.load(Ordering::Relaxed))
    }
}

pub struct Scene {
    pub standin: standin::Running,
    pub crm: Arc<QontakCrm>,
    pub vault: Arc<MemoryVault>,
    pub outbox: Arc<MemoryOutbox>,
    pub clock: Arc<MovedClock>,
    client: reqwest::Client,
    calls: AtomicI64,
}

impl Scene {
    pub fn new() -> Self {
        Self::with(|_| {}, |_| {})
    }

    pub fn with(standin: impl FnOnce(&mut standin::Options), access: impl FnOnce(&mut CrmAccess)) -> Self {
        let mut options = standin::Options { crm_tokens: vec![TOKEN.into()], ..standin::Options::default() };
        standin(&mut options);
        let standin = standin::start(options).unwrap();
        let options = CrmOptions {
            per_second: 5_000.0,
            per_minute: 300_000.0,
            burst: 500,
            attempt_timeout_ms: 20_000,
            ..CrmOptions::default()
        };
        let mut granted = CrmAccess {
            company: COMPANY,
            base_url: standin.url().into(),
            dialect: CrmDialect::Bearer,
            options,
            secret: Secret::new(TOKEN.into()),
            version: 1,
        };
        access(&mut granted);
        let vault = Arc::new(MemoryVault(Mutex::new(Some(granted)), Mutex::default(), AtomicI64::new(0)));
        let (outbox, clock) = (Arc::new(MemoryOutbox::default()), Arc::new(MovedClock::default()));
        let crm = QontakCrm::new(Outbound::new().unwrap(), vault.clone(), outbox.clone(), clock.clone(), [9; 32]);
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { standin, crm: Arc::new(crm), vault, outbox, clock, client, calls: AtomicI64::new(0) }
    }

    /// Another process over the same store.
    pub fn beside(&self) -> Arc<QontakCrm> {
        let (vault, outbox, clock) = (self.vault.clone(), self.outbox.clone(), self.clock.clone());
        Arc::new(QontakCrm::new(Outbound::new().unwrap(), vault, outbox, clock, [9; 32]))
    }

    pub fn clock_now(&self) -> Timestamp {
        self.clock.now()
    }

    pub fn passes_ms(&self, ms: i64) {
        self.clock.0.fetch_add(ms * 1_000, Ordering::Relaxed);
    }

    /// A control route of the stand-in.
    pub async fn control(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let url = format!("{}/_standin/{path}", self.standin.url());
        let mut request = self.client.request(method.parse().unwrap(), url);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        let mut body: Value = answer.json().await.unwrap();
        body["data"].take()
    }

    /// Somebody there makes a record.
    pub async fn by_hand(&self, kind: &str, record: Value) {
        let url = format!("{}/api/v3.1/{kind}", self.standin.url());
        let answer = self.client.post(url).bearer_auth(TOKEN).json(&record).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{kind}");
        self.control("DELETE", "journal", None).await;
    }

    pub async fn book(&self, kind: &str) -> Vec<Value> {
        self.control("GET", &format!("records?kind={kind}"), None).await.as_array().unwrap().clone()
    }

    pub async fn fault(&self, fault: Value) {
        self.control("POST", "faults", Some(fault)).await;
    }

    /// Somebody else changes a record there.
    pub async fn somebody_changes(&self, path: &str, change: Value) {
        let url = format!("{}/api/v3.1/{path}", self.standin.url());
        let answer = self.client.put(url).bearer_auth(TOKEN).json(&change).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    }

    /// Requests that were heard, `POST /api/v3.1/deals`; nobody may have sent a key that the vendor does not know.
    pub async fn heard(&self) -> Vec<String> {
        let journal = self.control("GET", "journal", None).await;
        let line = |entry: &Value| {
            assert_eq!(entry["unknown_keys"], json!([]), "{entry}");
            format!("{} {}", entry["method"].as_str().unwrap(), entry["path"].as_str().unwrap())
        };
        journal.as_array().unwrap().iter().map(line).collect()
    }

    pub async fn writes(&self) -> usize {
        self.heard().await.iter().filter(|line| !line.starts_with("GET")).count()
    }

    pub fn job(&self, name: &str, arguments: Value) -> EffectJob {
        self.job_of(LARAS, name, arguments)
    }

    pub fn job_of(&self, handle: &str, name: &str, arguments: Value) -> EffectJob {
        let (name, request) = crate::catalog::reread(name, &arguments.to_string()).unwrap();
        let kind = if name.ends_with("deal") { RecordKind::Deal } else { RecordKind::Ticket };
        let creates = name.starts_with("create");
        let target = arguments[kind.as_str()].as_str().map(str::to_owned);
        let address = RoomAddress { company: COMPANY, room: RoomId::trusted("web-1") };
        let call_id = CallId::trusted(&format!("c{}", self.calls.fetch_add(1, Ordering::Relaxed)));
        EffectJob {
            key: CallKey::of(COMPANY, &call_id),
            call: FunctionCall {
                key: CallKey::of(COMPANY, &call_id),
                call_id,
                tool_call_id: None,
                ai_agent: None,
                key_id: "key".into(),
                name,
                meaning: Meaning::of(&address, name, arguments.to_string().as_bytes()),
                arguments: arguments.to_string().into(),
                seen: Seen::default(),
                revision: None,
            },
            address,
            request,
            customer: Arc::new(Customer { handle: handle.into(), name: Some("Laras".into()) }),
            channel: "web_chat".into(),
            plan: EffectPlan {
                creates,
                intent: creates.then(|| "an intent".into()),
                target,
                ..EffectPlan::absolute(kind.into(), false)
            },
            episode: 1,
            epoch: 1,
            since: self.clock.now(),
            retries: 0,
            send_again: false,
            link: None,
        }
    }

    /// The first writing part.
    pub async fn part(&self, job: &EffectJob) -> Part {
        match self.crm.plan(job, &[]).await.unwrap() {
            Planned::Write(part) => part,
            other => panic!("{other:?}"),
        }
    }

    pub async fn send(&self, job: &EffectJob, part: &Part) -> Sent {
        match self.crm.permit(job, part, 0).await.unwrap() {
            Permitted::Go(permit) => self.crm.write(job, part, permit).await.unwrap(),
            Permitted::Changed => panic!("the record has changed meanwhile"),
        }
    }

    /// Carries the effect to its end, which no test waits for longer than this.
    pub async fn carry(&self, job: &EffectJob) -> Told {
        tokio::time::timeout(std::time::Duration::from_secs(60), self.carried(job)).await.unwrap()
    }

    async fn carried(&self, job: &EffectJob) -> Told {
        let mut ended: Vec<PartRow> = vec![];
        for _ in 0..20 {
            let part = match self.crm.plan(job, &ended).await.unwrap() {
                Planned::End(settlement) => return Told::of(&settlement),
                Planned::Later { why, .. } => panic!("later: {why}"),
                Planned::Write(part) => part,
            };
            assert!(!part.request.contains("canary"));
            let started_at = self.clock.now();
            let done = loop {
                let permit = match self.crm.permit(job, &part, 0).await.unwrap() {
                    Permitted::Go(permit) => permit,
                    Permitted::Changed => break None,
                };
                match self.crm.write(job, &part, permit).await.unwrap() {
                    Sent::Done(done) => break Some(done),
                    Sent::Refused(settlement) => return Told::of(&settlement),
                    Sent::NotDone { .. } => continue,
                    Sent::Doubtful { .. } => match self.crm.look_up(job, &part, started_at).await.unwrap() {
                        Found::Done(done) => break Some(done),
                        Found::Absent => continue,
                        other => panic!("{other:?}"),
                    },
                }
            };
            // Else it is planned anew.
            if done.is_some() {
                ended.push(PartRow { part, started_at, attempts: 1, done, idle: false });
            }
        }
        panic!("this effect has no end")
    }

    pub async fn call(&self, name: &str, arguments: Value) -> Told {
        self.carry(&self.job(name, arguments)).await
    }
}

/// A settlement, as a model and a room see it.
#[derive(Debug)]
pub struct Told {
    pub status: &'static str,
    pub body: Value,
    pub link: Value,
}

impl Told {
    pub fn of(settlement: &Settlement) -> Self {
        assert!(!settlement.body.contains("canary"), "{}", settlement.body);
        Self {
            status: settlement.status.as_str(),
            body: serde_json::from_str(&settlement.body).unwrap(),
            link: json!(settlement.link),
        }
    }

    pub fn result(&self) -> &Value {
        assert_eq!(self.status, "succeeded", "{}", self.body);
        &self.body["result"]
    }

    /// Code of a refusal.
    pub fn code(&self) -> &str {
        assert_eq!(self.status, "refused", "{}", self.body);
        self.body["error"]["code"].as_str().unwrap()
    }

    pub fn candidates(&self) -> Vec<&str> {
        self.body["error"]["candidates"].as_array().unwrap().iter().map(|one| one["value"].as_str().unwrap()).collect()
    }
}

/// Filled custom fields of a record in the book, by name.
pub fn custom(record: &Value) -> HashMap<String, Value> {
    let fields = record["additional_fields"].as_array().unwrap().iter();
    fields
        .filter(|field| !field["value"].is_null())
        .map(|f| (f["name"].as_str().unwrap().to_owned(), f["value"].clone()))
        .collect()
}
