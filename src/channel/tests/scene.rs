//! A company, its room in the stand-in's chat, and a lane small enough to read: `carry` does what the real lane does, without
//! writing anything down.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::actors::outside::{
    ChannelAccess, ChannelOptions, Counterpart, CrmAccess, CrmDialect, EffectJob, Found, OutsideFuture, Part, PartRow, Permitted,
    Planned, Secret, Sent, Vault,
};
use crate::actors::ports::{Clock, DueTimer, HeldRoom, Memory, PortFuture, TimerPlace};
use crate::channel::QontakChannel;
use crate::outbound::Outbound;
use crate::room::{
    Agent, AgentId, CallId, CallKey, Cause, ChannelKind, Company, CompanyNo, Customer, Division, DivisionId, EffectKind,
    EffectPlan, FunctionCall, Meaning, Presence, RoomAddress, RoomId, RoomKey, Seen, Settlement, Timestamp,
};
use crate::standin;

pub const COMPANY: CompanyNo = CompanyNo(7);
/// No answer, print or part may ever show it.
pub const TOKEN: &str = "canary-token-that-nobody-may-see";
pub const ROOM: &str = "7f000000-0000-4000-8000-000000000001";

/// People of the stand-in.
pub const SINTA: &str = "5f000000-0000-4000-8000-000000000002";
pub const RAKA: &str = "5f000000-0000-4000-8000-000000000003";
pub const TARI: &str = "5f000000-0000-4000-8000-000000000004";
pub const YOGA: &str = "5f000000-0000-4000-8000-000000000005";
pub const LALA: &str = "5f000000-0000-4000-8000-000000000006";

pub struct MemoryVault(pub Mutex<Option<ChannelAccess>>);

impl Vault for MemoryVault {
    fn crm(&self, _: CompanyNo) -> OutsideFuture<'_, Option<CrmAccess>> {
        Box::pin(async { Ok(None) })
    }

    fn replace_crm_secret<'a>(&'a self, _: CompanyNo, _: i64, _: &'a Secret) -> OutsideFuture<'a, bool> {
        Box::pin(async { Ok(false) })
    }

    fn channel(&self, _: CompanyNo) -> OutsideFuture<'_, Option<ChannelAccess>> {
        Box::pin(async { Ok(self.0.lock().unwrap().clone()) })
    }

    fn crm_version(&self, _: CompanyNo) -> OutsideFuture<'_, Option<i64>> {
        Box::pin(async { Ok(None) })
    }
}

/// Our own directory.
pub struct Directory(Company);

impl Memory for Directory {
    fn company(&self, _: CompanyNo) -> PortFuture<Company> {
        let company = self.0.clone();
        Box::pin(async { Ok(company) })
    }

    fn held_rooms(&self, _: CompanyNo) -> PortFuture<Vec<HeldRoom>> {
        Box::pin(async { Ok(vec![]) })
    }

    fn held_places(&self, _: CompanyNo) -> PortFuture<Vec<(RoomId, AgentId)>> {
        Box::pin(async { Ok(vec![]) })
    }

    fn staffed_companies(&self) -> PortFuture<Vec<CompanyNo>> {
        Box::pin(async { Ok(vec![]) })
    }

    fn due_timers(&self, _: Timestamp, _: Option<TimerPlace>, _: i64) -> PortFuture<Vec<DueTimer>> {
        Box::pin(async { Ok(vec![]) })
    }

    fn has_event(&self, _: RoomAddress, _: Cause, _: Timestamp) -> PortFuture<bool> {
        Box::pin(async { Ok(false) })
    }

    fn rooms_with_open_calls(&self, _: Option<RoomKey>, _: i64) -> PortFuture<Vec<(RoomKey, RoomAddress)>> {
        Box::pin(async { Ok(vec![]) })
    }
}

struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        Timestamp(jiff::Timestamp::now().as_microsecond())
    }
}

/// Sinta is known here under another name and an id of ours, by the same address in another case.
fn directory() -> Company {
    let agent = |id: &str, name: &str, email: &str| Agent {
        id: AgentId::trusted(id),
        name: name.into(),
        email: email.into(),
        divisions: vec![DivisionId::trusted("div_1")],
        status: Presence::Online,
        capacity: 5,
    };
    Company {
        agents: vec![agent("agt_sinta", "Bu Sinta", "Sinta.Misal@Standin.example")],
        divisions: vec![Division { id: DivisionId::trusted("div_1"), name: "billing".into(), hours: None }],
        tags: [(Arc::from("vip"), Arc::from("VIP"))].into_iter().collect(),
        channel: ChannelKind::Qontak,
        ..Company::empty(COMPANY)
    }
}

pub struct Scene {
    pub standin: standin::Running,
    pub channel: Arc<QontakChannel>,
    pub vault: Arc<MemoryVault>,
    client: reqwest::Client,
    calls: AtomicI64,
}

impl Scene {
    /// With one room there.
    pub async fn new() -> Self {
        Self::with(|_| {}, |_| {}).await
    }

    pub async fn with(standin: impl FnOnce(&mut standin::Options), access: impl FnOnce(&mut ChannelAccess)) -> Self {
        let mut options = standin::Options { chat_token: TOKEN.into(), ..standin::Options::default() };
        standin(&mut options);
        let standin = standin::start(options).unwrap();
        let options = ChannelOptions {
            per_second: 5_000.0,
            per_minute: 300_000.0,
            burst: 500,
            attempt_timeout_ms: 20_000,
            ..ChannelOptions::default()
        };
        let mut granted = ChannelAccess {
            company: COMPANY,
            kind: ChannelKind::Qontak,
            base_url: standin.url().into(),
            dialect: CrmDialect::Bearer,
            options,
            token: Secret::new(TOKEN.into()),
            bot_token: Some(Secret::new("bot-token".into())),
            app_secret: None,
            webhook_url: Some(Secret::new("http://127.0.0.1:9/v1/webhooks/qontak/canary-path".into())),
            version: 1,
        };
        access(&mut granted);
        let vault = Arc::new(MemoryVault(Mutex::new(Some(granted))));
        let memory = Arc::new(Directory(directory()));
        let channel = QontakChannel::new(Outbound::new().unwrap().apart(0), vault.clone(), memory, Arc::new(WallClock));
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let scene = Self { standin, channel: Arc::new(channel), vault, client, calls: AtomicI64::new(0) };
        scene.control("POST", "rooms", Some(json!({"id": ROOM, "customer": "6281200000001"}))).await;
        scene
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

    /// Somebody there does something, by the vendor's own way; the journal forgets it.
    pub async fn by_hand(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let url = format!("{}/api/open/v1/{path}", self.standin.url());
        let mut request = self.client.request(method.parse().unwrap(), url).bearer_auth(TOKEN);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        self.control("DELETE", "journal", None).await;
        answer.json().await.unwrap()
    }

    pub async fn knobs(&self, knobs: Value) {
        self.control("PUT", "knobs", Some(knobs)).await;
    }

    pub async fn fault(&self, route: &str, fault: &str) {
        self.control("POST", "faults", Some(json!({"route": route, "fault": fault, "times": 1}))).await;
    }

    /// The room as it is there.
    pub async fn there(&self) -> Value {
        let rooms = self.control("GET", "records?kind=rooms", None).await;
        rooms.as_array().unwrap().iter().find(|room| room["id"] == ROOM).unwrap().clone()
    }

    pub async fn agents(&self) -> Vec<String> {
        self.there().await["agent_ids"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
    }

    /// Requests that were heard; nobody may have sent a key that the vendor does not know.
    pub async fn heard(&self) -> Vec<String> {
        let journal = self.control("GET", "journal", None).await;
        let line = |entry: &Value| {
            assert_eq!(entry["unknown_keys"], json!([]), "{entry}");
            format!("{} {}", entry["method"].as_str().unwrap(), entry["path"].as_str().unwrap())
        };
        journal.as_array().unwrap().iter().map(line).collect()
    }

    /// Of those, what wrote, from the room's path on.
    pub async fn writes(&self) -> Vec<String> {
        let heard = self.heard().await;
        let writes = heard.iter().filter(|line| !line.starts_with("GET"));
        writes.map(|line| line.replace("/api/open/v1/rooms/", "").replace(ROOM, "")).collect()
    }

    pub fn job(&self, name: &str, arguments: Value) -> EffectJob {
        self.job_in(ROOM, name, arguments)
    }

    pub fn job_in(&self, room: &str, name: &str, arguments: Value) -> EffectJob {
        let (name, request) = crate::catalog::reread(name, &arguments.to_string()).unwrap();
        let kind = match name {
            "assign_agent" | "return_conversation" => EffectKind::Assignment,
            "create_tag" => EffectKind::Tags,
            _ => EffectKind::Resolution,
        };
        let address = RoomAddress { company: COMPANY, room: RoomId::trusted(room) };
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
            customer: Arc::new(Customer::default()),
            channel: "wa_cloud".into(),
            plan: EffectPlan::absolute(kind, kind != EffectKind::Tags),
            episode: 1,
            epoch: 1,
            since: WallClock.now(),
            retries: 0,
            send_again: false,
            link: None,
        }
    }

    /// The next writing part.
    pub async fn part(&self, job: &EffectJob, ended: &[PartRow]) -> Part {
        match self.channel.plan(job, ended).await.unwrap() {
            Planned::Write(part) => part,
            other => panic!("{other:?}"),
        }
    }

    pub async fn send(&self, job: &EffectJob, part: &Part) -> Sent {
        let Permitted::Go(permit) = self.channel.permit(job, part, 0).await.unwrap() else { panic!("nothing changes there") };
        self.channel.write(job, part, permit).await.unwrap()
    }

    /// A part that is done, as the outbox would have it.
    pub async fn done(&self, job: &EffectJob, part: Part) -> PartRow {
        let started_at = WallClock.now();
        match self.send(job, &part).await {
            Sent::Done(done) => PartRow { part, started_at, attempts: 1, done: Some(done), idle: false },
            other => panic!("{other:?}"),
        }
    }

    /// Carries the effect to its end, which no test waits for longer than this.
    pub async fn carry(&self, job: &EffectJob) -> Told {
        tokio::time::timeout(Duration::from_secs(60), self.carried(job, vec![])).await.unwrap()
    }

    /// As `carry`, after a crash that left these parts behind.
    pub async fn carried(&self, job: &EffectJob, mut ended: Vec<PartRow>) -> Told {
        for _ in 0..100 {
            let part = match self.channel.plan(job, &ended).await.unwrap() {
                Planned::End(settlement) => return Told::of(&settlement),
                Planned::Later { after_ms, .. } => {
                    tokio::time::sleep(Duration::from_millis(after_ms.clamp(1, 2_000).unsigned_abs())).await;
                    continue;
                }
                Planned::Write(part) => part,
            };
            assert!(!part.request.contains("canary"));
            let started_at = WallClock.now();
            let done = loop {
                match self.send(job, &part).await {
                    Sent::Done(done) => break done,
                    Sent::Refused(settlement) => return Told::of(&settlement),
                    Sent::NotDone { .. } => continue,
                    Sent::Doubtful { .. } => {}
                }
                match self.looked_up(job, &part, started_at).await {
                    Found::Done(done) => break done,
                    Found::Absent => {}
                    other => panic!("{other:?}"),
                }
            };
            ended.push(PartRow { part, started_at, attempts: 1, done: Some(done), idle: false });
        }
        panic!("this effect has no end")
    }

    async fn looked_up(&self, job: &EffectJob, part: &Part, started_at: Timestamp) -> Found {
        loop {
            match self.channel.look_up(job, part, started_at).await.unwrap() {
                Found::Later { after_ms, .. } => {
                    tokio::time::sleep(Duration::from_millis(after_ms.clamp(1, 2_000).unsigned_abs())).await;
                }
                found => return found,
            }
        }
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
    /// What came about.
    pub about: Value,
}

impl Told {
    pub fn of(settlement: &Settlement) -> Self {
        assert!(!settlement.body.contains("canary") && !settlement.body.contains('@'), "{}", settlement.body);
        Self {
            status: settlement.status.as_str(),
            body: serde_json::from_str(&settlement.body).unwrap(),
            about: json!(settlement.came_about),
        }
    }

    pub fn result(&self) -> &Value {
        assert_eq!(self.status, "succeeded", "{}", self.body);
        &self.body["result"]
    }

    /// Code of a refusal.
    pub fn code(&self) -> &str {
        assert_eq!(self.status, "refused", "{}", self.body);
        assert_eq!(self.about, json!(null), "what is refused changed nothing");
        self.body["error"]["code"].as_str().unwrap()
    }

    pub fn candidates(&self) -> Vec<&str> {
        self.body["error"]["candidates"].as_array().unwrap().iter().map(|one| one["value"].as_str().unwrap()).collect()
    }
}
