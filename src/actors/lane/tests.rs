//! Stories of one message to the customer whose room will not let it go.

mod backlog;

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

use super::*;
use crate::actors::outside::{Claim, LineView, OutsideFuture, PartDone, Permit, Recalled};
use crate::catalog::fence::{LONGEST_HOLD_MS, human_active};
use crate::room::outbox::{Patience, Rule};
use crate::room::{CallId, CallKey, CompanyNo, Customer, EffectPlan, FunctionCall, Meaning, RoomAddress, RoomId, Seen};

/// Whoever looks at it makes it go on by five seconds.
struct Hasty(AtomicI64);

impl Clock for Hasty {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.fetch_add(5_000_000, Ordering::Relaxed))
    }
}

/// A text and then a file, as a channel plans them.
#[derive(Default)]
struct Channel {
    permits: AtomicU32,
    rows: Mutex<Vec<PartRow>>,
}

fn ready<'a, T: Send + 'a>(value: T) -> OutsideFuture<'a, T> {
    Box::pin(async move { Ok(value) })
}

impl Counterpart for Channel {
    fn patience(&self, _: CompanyNo) -> OutsideFuture<'_, Patience> {
        ready(Patience::default())
    }

    fn plan<'a>(&'a self, _: &'a EffectJob, ended: &'a [PartRow]) -> OutsideFuture<'a, Planned> {
        let no = u32::try_from(ended.len()).unwrap();
        let name = ["say", "file"][ended.len()].to_owned();
        let (request, rule) = (String::new(), Rule::Once);
        ready(Planned::Write(Part { no, name, rule, request, reference: None, shown_name: None, hands_to: None }))
    }

    fn permit<'a>(&'a self, _: &'a EffectJob, _: &'a Part, _: u32) -> OutsideFuture<'a, Permitted> {
        self.permits.fetch_add(1, Ordering::Relaxed);
        ready(Permitted::Go(Permit(Box::new(()))))
    }

    fn write<'a>(&'a self, _: &'a EffectJob, _: &'a Part, _: Permit) -> OutsideFuture<'a, Sent> {
        ready(Sent::Done(PartDone { record: "m1".into(), answer: String::new() }))
    }

    fn look_up<'a>(&'a self, _: &'a EffectJob, _: &'a Part, _: Timestamp) -> OutsideFuture<'a, Found> {
        ready(Found::Absent)
    }

    fn unsaid(&self, _: &EffectJob, _: CallStatus) -> Settlement {
        Settlement::outcome_unknown()
    }

    fn view(&self, _: CompanyNo) -> LineView {
        LineView::default()
    }
}

impl Outbox for Channel {
    fn recall(&self, _: CallKey) -> OutsideFuture<'_, Recalled> {
        ready(Recalled { parts: self.rows.lock().unwrap().clone(), settlement: None })
    }

    fn start<'a>(&'a self, _: &'a EffectJob, _: &'a Part, _: Timestamp) -> OutsideFuture<'a, Started> {
        ready(Started::Void)
    }

    fn finish<'a>(&'a self, _: CallKey, _: u32, _: Option<&'a PartDone>, _: Timestamp) -> OutsideFuture<'a, Started> {
        ready(Started::Yes)
    }

    fn settle<'a>(&'a self, _: &'a EffectJob, _: &'a Settlement, _: Timestamp) -> OutsideFuture<'a, Started> {
        ready(Started::Yes)
    }

    fn claims<'a>(&'a self, _: CompanyNo, _: &'a str, _: &'a str, _: &'a str, _: CallKey) -> OutsideFuture<'a, Vec<Claim>> {
        ready(vec![])
    }
}

fn job() -> EffectJob {
    let address = RoomAddress { company: CompanyNo(1), room: RoomId::trusted("web-1") };
    let (call_id, arguments) = (CallId::trusted("s1"), r#"{"attachment":"brochure"}"#);
    let key = CallKey::of(address.company, &call_id);
    let (name, request) = crate::catalog::reread("send_attachment", arguments).unwrap();
    EffectJob {
        key,
        call: FunctionCall {
            key,
            call_id,
            tool_call_id: None,
            ai_agent: None,
            key_id: "key".into(),
            name,
            meaning: Meaning::of(&address, name, arguments.as_bytes()),
            arguments: arguments.into(),
            seen: Seen::default(),
            revision: None,
        },
        address,
        request,
        customer: Arc::new(Customer::default()),
        channel: "wa_cloud".into(),
        plan: EffectPlan::absolute(EffectKind::Attachment, true),
        episode: 1,
        epoch: 1,
        since: Timestamp(0),
        retries: 0,
        send_again: false,
        link: None,
    }
}

/// A part that is decided and not started.
fn named(rule: Rule) -> PartRow {
    let (name, request) = ("before".into(), String::new());
    let part = Part { no: 0, name, rule, request, reference: None, shown_name: None, hands_to: None };
    PartRow { part, started_at: Timestamp(0), attempts: 1, done: None, idle: true }
}

/// A room that always says the same.
struct Says<F> {
    says: F,
    asked: AtomicU32,
}

impl<F: Fn() -> Submission> Beside for Says<F> {
    fn doubts(&self) {}

    async fn asks(&self, _: Word) -> Submission {
        self.asked.fetch_add(1, Ordering::Relaxed);
        (self.says)()
    }

    fn lets_pass(&self) {}

    async fn comes_back(&self) -> bool {
        true
    }
}

/// How it ends, how often the room was asked, and how many permits were taken for it. `done`: the rule of a part before the file.
async fn ends(done: Option<Rule>, says: impl Fn() -> Submission) -> (Settlement, u32, u32) {
    let channel = Arc::new(Channel::default());
    if let Some(rule) = done {
        let done = Some(PartDone { record: "m0".into(), answer: String::new() });
        channel.rows.lock().unwrap().push(PartRow { done, idle: false, ..named(rule) });
    }
    let ports = LanePorts { counterpart: channel.clone(), outbox: channel.clone() };
    let room = Says { says, asked: AtomicU32::new(0) };
    let clock: Arc<dyn Clock> = Arc::new(Hasty(AtomicI64::new(1)));
    let end = carry(&ports, &clock, &Backlog::default(), &job(), &room).await.unwrap();
    (end, room.asked.into_inner(), channel.permits.load(Ordering::Relaxed))
}

fn held() -> Submission {
    Submission::Held(Box::new(Settlement::error(CallStatus::Refused, &human_active())))
}

#[actix_web::test]
async fn who_types_on_and_on_holds_a_message_for_half_a_minute_and_no_permit() {
    let (end, asked, permits) = ends(None, held).await;
    assert!(end.body.contains("human_active") && end.status == CallStatus::Refused, "{}", end.body);
    let most = u32::try_from(LONGEST_HOLD_MS / 5_000).unwrap() + 1;
    assert!((2..=most).contains(&asked) && permits == 0, "asked {asked} times, {permits} permits");
}

#[actix_web::test]
async fn a_text_that_went_before_its_file_is_not_denied() {
    let no = || Submission::No(Box::new(Settlement::error(CallStatus::Refused, &human_active())));
    let texts: [(&dyn Fn() -> Submission, &str); 3] =
        [(&no, "human_active"), (&held, "human_active"), (&|| Submission::Go, "human_in_control")];
    for (says, code) in texts {
        for done in [None, Some(Rule::Absolute), Some(Rule::Once)] {
            let (end, ..) = ends(done, says).await;
            assert!(end.body.contains(code), "{}", end.body);
            assert_eq!(end.body.contains("The text was sent"), done == Some(Rule::Once), "{}", end.body);
        }
    }
}
