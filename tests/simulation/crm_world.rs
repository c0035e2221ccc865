//! A CRM with a book of its own, in which answers get lost, requests land late, and nothing is forgiven: it notes every write it
//! is sent and complains at once when one was sent again without having been looked up. It outlives every process.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use bellhop::actors::outside::{
    Counterpart, EffectJob, Found, LineView, OutsideFuture, Part, PartDone, PartRow, Permit, Permitted, Planned, Sent,
};
use bellhop::room::outbox::{Patience, Rule};
use bellhop::room::{CallKey, CallStatus, CompanyNo, Next, Refusal, ResultJson, RoomAddress, Settlement, Timestamp};

use super::dice::Dice;

/// The longest a request may be under way: less than the grace time of the lanes.
pub const LATEST_MS: u64 = 12;

/// One write as it took effect there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Landed {
    pub room: RoomAddress,
    pub call: CallKey,
    pub part: u32,
    pub rule: Rule,
}

#[derive(Default)]
struct Book {
    landed: Vec<Landed>,
    /// Writes in the order in which they were sent, by room.
    sent: Vec<(RoomAddress, CallKey)>,
    /// Once-parts that were sent and not found absent since.
    doubtful: HashSet<(CallKey, u32)>,
    complaints: Vec<String>,
    parts: HashMap<CallKey, u32>,
    /// Processes so far; only the last one is alive.
    processes: u64,
    /// Still under way, with when they arrive.
    late: Vec<(Instant, Landed)>,
}

pub struct World {
    book: Mutex<Book>,
    dice: Mutex<Dice>,
    calm: std::sync::atomic::AtomicBool,
}

/// One life of Bellhop, as the CRM meets it.
pub struct Process {
    world: Arc<World>,
    born: u64,
}

impl World {
    pub fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self { book: Mutex::default(), dice: Mutex::new(Dice::new(seed)), calm: false.into() })
    }

    /// A process's way to the CRM. With it those before are dead: what a killed process had not sent yet, it never sends,
    /// however long its threads take to notice.
    pub fn process(self: &Arc<Self>) -> Arc<Process> {
        let mut book = self.book();
        book.processes += 1;
        Arc::new(Process { world: self.clone(), born: book.processes })
    }

    /// From now on every answer arrives.
    pub fn calm_down(&self) {
        self.calm.store(true, std::sync::atomic::Ordering::Relaxed);
    }

    pub fn landed(&self) -> Vec<Landed> {
        self.book().landed.clone()
    }

    pub fn sent(&self) -> Vec<(RoomAddress, CallKey)> {
        self.book().sent.clone()
    }

    pub fn complaints(&self) -> Vec<String> {
        self.book().complaints.clone()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        let mut book = self.book.lock().unwrap();
        // Whatever is due by now has arrived, however late this thread is.
        let now = Instant::now();
        let Book { late, landed, .. } = &mut *book;
        late.sort_by_key(|(due, _)| *due);
        let arrived = late.iter().take_while(|(due, _)| *due <= now).count();
        landed.extend(late.drain(..arrived).map(|(_, landed)| landed));
        book
    }

    fn arrives_late(&self, landed: Landed) {
        let due = Instant::now() + Duration::from_millis(1 + self.roll(LATEST_MS - 1));
        self.book().late.push((due, landed));
    }

    fn roll(&self, sides: u64) -> u64 {
        if self.calm.load(std::sync::atomic::Ordering::Relaxed) { sides - 1 } else { self.dice.lock().unwrap().roll(sides) }
    }

    /// A request arrives: what becomes of it, and what its sender hears.
    fn take(&self, job: &EffectJob, part: &Part, born: u64) -> Option<Sent> {
        {
            let mut book = self.book();
            if book.processes != born {
                return None;
            }
            book.sent.push((job.address.clone(), job.key));
            if part.rule == Rule::Once && !book.doubtful.insert((job.key, part.no)) {
                book.complaints
                    .push(format!("invariant 10, I10: {} part {} was sent again without a look-up", job.call.call_id, part.no));
            }
        }
        let landed = Landed { room: job.address.clone(), call: job.key, part: part.no, rule: part.rule };
        match self.roll(14) {
            0 => {
                self.book().landed.push(landed);
                Some(Sent::Doubtful { why: "the answer was lost".into() })
            }
            1 => Some(Sent::Doubtful { why: "the request was lost".into() }),
            2 | 3 => {
                self.arrives_late(landed);
                Some(Sent::Doubtful { why: "no answer in time".into() })
            }
            4 => {
                self.book().doubtful.remove(&(job.key, part.no));
                Some(Sent::NotDone { after_ms: 1, counts: false, why: "too many requests".into() })
            }
            5 => {
                self.book().doubtful.remove(&(job.key, part.no));
                Some(Sent::Refused(refused()))
            }
            // The process may die while it listens.
            6 => {
                self.arrives_late(landed);
                None
            }
            7 => panic!("the adapter fails inside"),
            _ => {
                self.book().landed.push(landed);
                Some(Sent::Done(done(part)))
            }
        }
    }
}

fn refused() -> Settlement {
    Settlement::error(CallStatus::Refused, &Refusal::new("crm_refused", Next::DoNotRetry, "The CRM said no."))
}

fn done(part: &Part) -> PartDone {
    PartDone { record: format!("{}", part.no + 1), answer: "{}".into() }
}

impl Counterpart for Process {
    fn patience(&self, _: CompanyNo) -> OutsideFuture<'_, Patience> {
        let attempt_ms = i64::try_from(LATEST_MS).unwrap();
        Box::pin(async move { Ok(Patience { attempt_ms, grace_ms: attempt_ms + 4, ..Patience::default() }) })
    }

    fn plan<'a>(&'a self, job: &'a EffectJob, ended: &'a [PartRow]) -> OutsideFuture<'a, Planned> {
        Box::pin(async move {
            let parts = *self.world.book().parts.entry(job.key).or_insert(if job.plan.creates {
                1 + u32::from(job.key.0[0] % 2)
            } else {
                1
            });
            if self.world.roll(8) == 0 {
                return Ok(Planned::Later { after_ms: 1, why: "the CRM is slow".into() });
            }
            let no = u32::try_from(ended.len()).unwrap();
            if no == parts {
                return Ok(Planned::End(Settlement::succeeded(&ResultJson("{}".into()), None)));
            }
            let rule = if job.plan.creates { Rule::Once } else { Rule::Absolute };
            let name = if no + 1 == parts { job.plan.kind.as_str() } else { "contact" };
            Ok(Planned::Write(Part {
                no,
                name: name.into(),
                rule,
                request: "{}".into(),
                reference: Some(job.call.call_id.to_string()),
                shown_name: None,
                hands_to: None,
            }))
        })
    }

    fn permit<'a>(&'a self, _: &'a EffectJob, part: &'a Part, _: u32) -> OutsideFuture<'a, Permitted> {
        Box::pin(async move {
            // Somebody else changes records too.
            let changed = part.rule == Rule::Absolute && self.world.roll(5) == 0;
            Ok(if changed { Permitted::Changed } else { Permitted::Go(Permit(Box::new(()))) })
        })
    }

    fn write<'a>(&'a self, job: &'a EffectJob, part: &'a Part, _: Permit) -> OutsideFuture<'a, Sent> {
        Box::pin(async move {
            match self.world.take(job, part, self.born) {
                Some(sent) => Ok(sent),
                None => {
                    tokio::time::sleep(Duration::from_millis(LATEST_MS)).await;
                    Ok(Sent::Doubtful { why: "it took too long".into() })
                }
            }
        })
    }

    fn look_up<'a>(&'a self, job: &'a EffectJob, part: &'a Part, _: Timestamp) -> OutsideFuture<'a, Found> {
        Box::pin(async move {
            if self.world.roll(6) == 0 {
                return Ok(Found::Later { after_ms: 1, why: "the CRM is slow".into() });
            }
            // What cannot be told apart is left to a person, who has it tried again in the end.
            if part.rule == Rule::Once && self.world.roll(16) == 0 {
                return Ok(Found::Unprovable { why: "two look alike".into() });
            }
            let mut book = self.world.book();
            let there = book.landed.iter().any(|landed| landed.call == job.key && landed.part == part.no);
            if there {
                return Ok(Found::Done(done(part)));
            }
            book.doubtful.remove(&(job.key, part.no));
            Ok(Found::Absent)
        })
    }

    fn unsaid(&self, _: &EffectJob, status: CallStatus) -> Settlement {
        if status == CallStatus::Unresolved {
            return Settlement::outcome_unknown();
        }
        Settlement::error(status, &Refusal::new("unsaid", Next::WaitForHuman, "Nobody knows."))
    }

    fn view(&self, _: CompanyNo) -> LineView {
        LineView::default()
    }
}
