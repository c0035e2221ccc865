//! Many rooms that want more than the CRM's budget allows: the real lanes over the real way out, in imagined time. A receiver that
//! answers everything stands for the CRM; what it does not see does not matter here.

use std::sync::Mutex;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, sleep};

use super::*;
use crate::outbound::{Ask, Budget, Class, Outbound, Slot};
use crate::room::RecordKind;

const HOST: &str = "http://127.0.0.1:9";
const COMPANY: CompanyNo = CompanyNo(1);
/// How long the CRM thinks.
const THINKS: Duration = Duration::from_millis(80);
/// Reads before a write: the telephone in three forms.
const READS: usize = 3;

/// Imagined time, as a wall clock shows it.
struct Imagined(Instant);

impl Clock for Imagined {
    fn now(&self) -> Timestamp {
        Timestamp(1_000_000_000_000 + i64::try_from(self.0.elapsed().as_micros()).unwrap())
    }
}

struct Crm {
    out: Outbound,
    begun: Instant,
    /// When each request left, and whether it was a write.
    left: Mutex<Vec<(Duration, bool)>>,
    /// It refuses the token: nothing is done, and no attempt is used up.
    refuses: bool,
}

impl Crm {
    fn new() -> Arc<Self> {
        Self::that(false)
    }

    fn that(refuses: bool) -> Arc<Self> {
        let out = Outbound::new().unwrap();
        out.set_budget(COMPANY, HOST, Budget::default());
        Arc::new(Self { out, begun: Instant::now(), left: Mutex::default(), refuses })
    }

    /// `None`: its turn did not come in time.
    async fn hears(&self, slot: Slot, writes: bool) -> Option<()> {
        let flight = slot.depart().ok()?;
        self.left.lock().unwrap().push((self.begun.elapsed(), writes));
        sleep(THINKS).await;
        drop(flight);
        Some(())
    }

    fn writes(&self) -> Vec<Duration> {
        self.left.lock().unwrap().iter().filter(|(_, writes)| *writes).map(|(at, _)| *at).collect()
    }
}

impl Counterpart for Crm {
    fn patience(&self, _: CompanyNo) -> OutsideFuture<'_, Patience> {
        ready(Patience::default())
    }

    fn plan<'a>(&'a self, _: &'a EffectJob, ended: &'a [PartRow]) -> OutsideFuture<'a, Planned> {
        Box::pin(async move {
            if !ended.is_empty() {
                return Ok(Planned::End(Settlement::succeeded(&crate::room::ResultJson("{}".into()), None)));
            }
            for _ in 0..READS {
                let slot = self.out.slot(COMPANY, HOST, Class::Read).await;
                if self.hears(slot, false).await.is_none() {
                    return Ok(Planned::Later { after_ms: 250, why: "no turn".into() });
                }
            }
            Ok(Planned::Write(part()))
        })
    }

    fn permit<'a>(&'a self, _: &'a EffectJob, _: &'a Part, attempt: u32) -> OutsideFuture<'a, Permitted> {
        Box::pin(async move {
            let slot = self.out.slot_as(COMPANY, HOST, Class::Write, Ask::of(attempt)).await;
            Ok(Permitted::Go(Permit(Box::new(slot))))
        })
    }

    fn write<'a>(&'a self, _: &'a EffectJob, _: &'a Part, permit: Permit) -> OutsideFuture<'a, Sent> {
        Box::pin(async move {
            let slot = permit.0.downcast::<Slot>().unwrap();
            if self.hears(*slot, true).await.is_none() {
                return Ok(Sent::NotDone { after_ms: 250, counts: true, why: "no turn".into() });
            }
            if self.refuses {
                return Ok(Sent::NotDone { after_ms: 5_000, counts: false, why: "the token is refused".into() });
            }
            Ok(Sent::Done(PartDone { record: "1".into(), answer: String::new() }))
        })
    }

    fn look_up<'a>(&'a self, _: &'a EffectJob, _: &'a Part, _: Timestamp) -> OutsideFuture<'a, Found> {
        Box::pin(async move {
            let slot = self.out.slot(COMPANY, HOST, Class::Read).await;
            match self.hears(slot, false).await {
                Some(()) => Ok(Found::Absent),
                None => Ok(Found::Later { after_ms: 250, why: "no turn".into() }),
            }
        })
    }

    fn unsaid(&self, _: &EffectJob, status: CallStatus) -> Settlement {
        Settlement { status, ..Settlement::outcome_unknown() }
    }

    fn view(&self, _: CompanyNo) -> LineView {
        self.out.view(COMPANY)
    }
}

/// Remembers nothing but what it was given: one life of a process needs no more.
#[derive(Default)]
struct Rows(Vec<PartRow>);

impl Outbox for Rows {
    fn recall(&self, _: CallKey) -> OutsideFuture<'_, Recalled> {
        ready(Recalled { parts: self.0.clone(), settlement: None })
    }

    fn start<'a>(&'a self, _: &'a EffectJob, _: &'a Part, _: Timestamp) -> OutsideFuture<'a, Started> {
        Box::pin(async {
            sleep(Duration::from_millis(5)).await;
            Ok(Started::Yes)
        })
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

fn part() -> Part {
    let (name, request) = ("deal".to_owned(), String::new());
    Part { no: 0, name, rule: Rule::Once, request, reference: None, shown_name: None, hands_to: None }
}

/// How one room's effect ends that is asked for now, and after how long; `rows`: what is known of its parts.
async fn carried(crm: &Arc<Crm>, room: usize, rows: Vec<PartRow>) -> (CallStatus, Duration) {
    let clock: Arc<dyn Clock> = Arc::new(Imagined(crm.begun));
    let call_id = CallId::trusted(&format!("c{room}"));
    let address = RoomAddress { company: COMPANY, room: RoomId::trusted(&format!("web-{room}")) };
    let plan = EffectPlan { creates: true, ..EffectPlan::absolute(RecordKind::Deal.into(), false) };
    let asked = Instant::now();
    let job = EffectJob { key: CallKey::of(COMPANY, &call_id), address, plan, since: clock.now(), ..job() };
    let ports = LanePorts { counterpart: crm.clone(), outbox: Arc::new(Rows(rows)) };
    let room = Says { says: || Submission::Go, asked: AtomicU32::new(0) };
    let end = carry(&ports, &clock, &Backlog::default(), &job, &room).await.unwrap();
    (end.status, asked.elapsed())
}

fn ends_of(ends: &[(CallStatus, Duration)], status: CallStatus) -> usize {
    ends.iter().filter(|(of, _)| *of == status).count()
}

#[tokio::test(start_paused = true)]
async fn two_hundred_rooms_at_once_are_written_in_the_time_that_the_budget_needs() {
    let crm = Crm::new();
    let ends = join_all((0..200).map(|room| carried(&crm, room, vec![]))).await;
    assert_eq!(ends_of(&ends, CallStatus::Succeeded), 200);
    let writes = crm.writes();
    assert!(writes[0] < Duration::from_secs(10), "the first write after {:?}", writes[0]);
    // 800 requests at 100 a minute; they are 480 s, and none is asked twice.
    let last = ends.iter().map(|(_, at)| *at).max().unwrap();
    assert!(crm.left.lock().unwrap().len() == 800 && last < Duration::from_secs(490), "{last:?}");
    // Evenly, not all in the end.
    let by_half = writes.iter().filter(|at| **at < last / 2).count();
    assert!((90..=110).contains(&by_half), "{by_half} of 200 by half time");
}

/// So much of what the budget allows is asked for, for fifty minutes.
async fn flood(share: f64) {
    const SECONDS: u64 = 3_000;
    let crm = Crm::new();
    let each = READS + 1;
    let could = 100.0 / 60.0 / each as f64;
    let gap = Duration::from_secs_f64(1.0 / (share * could));
    let rooms = (SECONDS as f64 / gap.as_secs_f64()) as usize;
    let all = (0..rooms).map(async |room| {
        sleep(gap * u32::try_from(room).unwrap()).await;
        carried(&crm, room, vec![]).await
    });
    let ends = join_all(all).await;
    let (written, expired) = (ends_of(&ends, CallStatus::Succeeded), ends_of(&ends, CallStatus::Expired));
    assert_eq!(written + expired, rooms);
    let in_time = crm.writes().iter().filter(|at| at.as_secs() < SECONDS).count() as f64;
    assert!(in_time >= 0.9 * could * SECONDS as f64, "{share}: {in_time} written of {}", could * SECONDS as f64);
    // What does not get its turn says so before it has asked for anything.
    let vain = crm.left.lock().unwrap().len() - each * written;
    assert!(vain * 50 <= each * written, "{share}: {expired} expired, {vain} requests in vain");
    assert_eq!(expired > 0, share > 1.5, "{share}: {expired} expired");
}

#[tokio::test(start_paused = true)]
async fn a_fifth_more_than_the_budget_allows_still_gets_what_it_allows() {
    flood(1.2).await;
}

#[tokio::test(start_paused = true)]
async fn twice_what_the_budget_allows_still_gets_what_it_allows() {
    flood(2.0).await;
}

#[tokio::test(start_paused = true)]
async fn rooms_that_wait_to_read_do_not_stop_one_that_has_to_write() {
    let crm = Crm::new();
    let down = || crm.out.said_inside(COMPANY, HOST, Class::Read, 503, None);
    (0..5).for_each(|_| down());
    let started = PartRow { part: part(), started_at: Timestamp(0), attempts: 1, done: None, idle: true };
    let planning = join_all((0..100).map(|room| carried(&crm, room, vec![])));
    tokio::select! {
        _ = planning => panic!("nothing can be read"),
        (end, at) = carried(&crm, 100, vec![started]) => {
            assert!(end == CallStatus::Succeeded && at < Duration::from_secs(2), "{end:?} after {at:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_sent_in_a_quarter_of_an_hour_is_expired_wherever_it_waits() {
    let deadline = Duration::from_millis(Patience::default().deadline_ms.unsigned_abs());
    let (minute, soon) = (Duration::from_secs(60), Duration::from_secs(6));
    // At an open circuit of reads whose probe never comes back, at one of writes, and with a token that is refused for ever.
    let cases = [(Some(Class::Read), deadline - minute), (Some(Class::Write), deadline), (None, deadline)];
    for (dark, after) in cases {
        let crm = Crm::that(dark.is_none());
        let _probe = match dark {
            Some(class) => {
                (0..5).for_each(|_| crm.out.said_inside(COMPANY, HOST, class, 503, None));
                Some(crm.out.slot(COMPANY, HOST, class).await)
            }
            None => None,
        };
        let (end, age) = carried(&crm, 0, vec![]).await;
        assert_eq!(end, CallStatus::Expired, "{dark:?}");
        assert!(age >= after && age < after + soon, "{dark:?}: {age:?}");
        assert_eq!(crm.writes().is_empty(), dark.is_some());
    }
}
