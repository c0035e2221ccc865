//! What the outbox promises, on every database and on the store without one.

use super::*;
use crate::actors::outside::{Claim, EffectJob, Outbox, Part, PartDone, Started};
use crate::catalog::Request;
use crate::catalog::create_deal::CreateDeal;
use crate::catalog::deal::DealFields;
use crate::room::outbox::Rule;
use crate::room::{EffectKind, EffectPlan, Next, Refusal, Settlement};
use crate::store::memory::{MemoryStore, OutboxFault, OutboxWrite, Pace};

pub fn job(company: i64, id: &str, retries: u32) -> EffectJob {
    let (address, room) = (address(company, "web-1"), crate::room::Room::default());
    let draft = Draft { address, key: RoomKey(Uuid::nil()), version: 0, owner: 1, room };
    let call = draft.call(id);
    EffectJob {
        key: call.key,
        address: draft.address,
        call,
        request: Request::CreateDeal(CreateDeal { name: "trip".into(), fields: DealFields::default(), repeat: false }),
        customer: Arc::default(),
        channel: "web_chat".into(),
        plan: EffectPlan { creates: true, ..EffectPlan::absolute(EffectKind::Deal, false) },
        episode: 1,
        epoch: 1,
        since: Timestamp(1),
        retries,
        send_again: false,
        link: None,
    }
}

pub fn part(no: u32, shown_name: &str) -> Part {
    let request = format!("{{\"name\":\"{shown_name}\"}}").replace('\0', "\\u0000");
    let (rule, reference, shown_name) = (Rule::Once, Some("bh_1".into()), Some(shown_name.into()));
    Part { no, name: "deal".into(), rule, request, reference, shown_name, hands_to: None }
}

fn made(record: &str) -> PartDone {
    PartDone { record: record.into(), answer: format!("{{\"id\":\"{record}\"}}") }
}

fn ended(status: CallStatus) -> Settlement {
    Settlement { status, body: "{\"error\":{}}".into(), link: None, came_about: None }
}

/// Every outbox there is.
fn each_outbox(test: impl Fn(Arc<dyn Outbox>)) {
    each(|place| {
        let serving = Serving::at(place);
        test(serving.store.outbox());
    });
    test(MemoryStore::new(Pace::AtOnce));
}

#[test]
fn a_part_is_remembered_as_it_was_sent() {
    each_outbox(|outbox| {
        wait(async {
            let job = job(1, "c1", 0);
            assert_eq!(outbox.recall(job.key).await.unwrap(), Default::default());
            let mut sent = part(0, "trip\0 to Bali");
            assert_eq!(outbox.start(&job, &sent, Timestamp(5)).await.unwrap(), Started::Yes);
            let recalled = outbox.recall(job.key).await.unwrap();
            let row = &recalled.parts[0];
            assert_eq!((&row.part, row.started_at, row.attempts, row.idle), (&sent, Timestamp(5), 1, false));
            assert!(row.done.is_none() && recalled.settlement.is_none());

            outbox.finish(job.key, 0, None, Timestamp(6)).await.unwrap();
            outbox.finish(job.key, 0, None, Timestamp(6)).await.unwrap();
            assert!(outbox.recall(job.key).await.unwrap().parts[0].idle);
            sent.request = "{\"planned\":\"anew\"}".into();
            outbox.start(&job, &sent, Timestamp(7)).await.unwrap();
            let row = outbox.recall(job.key).await.unwrap().parts.remove(0);
            assert_eq!((&row.part, row.started_at, row.attempts, row.idle), (&sent, Timestamp(7), 2, false));

            for _ in 0..2 {
                outbox.finish(job.key, 0, Some(&made("77")), Timestamp(8)).await.unwrap();
            }
            outbox.finish(job.key, 0, None, Timestamp(9)).await.unwrap();
            outbox.finish(job.key, 0, Some(&made("78")), Timestamp(9)).await.unwrap();
            let row = outbox.recall(job.key).await.unwrap().parts.remove(0);
            assert_eq!((row.done, row.idle), (Some(made("77")), false), "what it left behind is written once");
            assert!(outbox.start(&job, &sent, Timestamp(9)).await.is_err(), "a part that is done is never started again");
            assert!(outbox.finish(job.key, 3, None, Timestamp(9)).await.is_err(), "never started");

            outbox.start(&job, &part(1, "x"), Timestamp(10)).await.unwrap();
            let order: Vec<u32> = outbox.recall(job.key).await.unwrap().parts.iter().map(|row| row.part.no).collect();
            assert_eq!(order, [0, 1]);
        });
    });
}

#[test]
fn the_first_settlement_of_a_try_stays() {
    each_outbox(|outbox| {
        wait(async {
            let first = job(1, "c1", 0);
            outbox.start(&first, &part(0, "a"), Timestamp(1)).await.unwrap();
            for status in [CallStatus::Unresolved, CallStatus::Unresolved, CallStatus::Dead] {
                outbox.settle(&first, &ended(status), Timestamp(2)).await.unwrap();
            }
            let told = outbox.recall(first.key).await.unwrap();
            assert_eq!(told.settlement, Some((0, ended(CallStatus::Unresolved))));
            assert!(!told.parts[0].idle, "it may have happened");
            assert!(outbox.start(&first, &part(0, "a"), Timestamp(3)).await.is_err(), "this try has ended");

            let second = EffectJob { retries: 1, ..first.clone() };
            outbox.start(&second, &part(0, "a"), Timestamp(4)).await.unwrap();
            assert_eq!(outbox.recall(first.key).await.unwrap().settlement, None, "the next try is open");
            outbox.settle(&first, &ended(CallStatus::Dead), Timestamp(5)).await.unwrap();
            assert_eq!(outbox.recall(first.key).await.unwrap().settlement, None, "an old try's late word does not count");
            outbox.settle(&second, &ended(CallStatus::Refused), Timestamp(6)).await.unwrap();
            let told = outbox.recall(first.key).await.unwrap();
            assert_eq!((told.settlement, told.parts[0].idle), (Some((1, ended(CallStatus::Refused))), true));

            // An effect that ends before anything was written, in its third try.
            let refusal = Refusal::new("unknown_stage", Next::FixAndRetry, "no\0");
            let unwritten = job(1, "c2", 2);
            let settlement = Settlement::error(CallStatus::Refused, &refusal);
            outbox.settle(&unwritten, &settlement, Timestamp(2)).await.unwrap();
            assert_eq!(outbox.recall(unwritten.key).await.unwrap().settlement, Some((2, settlement)));
        });
    });
}

#[test]
fn claims_are_others_of_the_company_that_made_it_or_may_have() {
    each_outbox(|outbox| {
        wait(async {
            let [made_it, may_have, idle, refused, other_name, asks, foreign] =
                ["made", "may", "idle", "refused", "other", "asks", "foreign"]
                    .map(|id| job(if id == "foreign" { 2 } else { 1 }, id, 0));
            for (job, name) in [
                (&made_it, "b"),
                (&may_have, "a\0"),
                (&idle, "a\0"),
                (&refused, "a\0"),
                (&other_name, "c"),
                (&asks, "a\0"),
                (&foreign, "a\0"),
            ] {
                outbox.start(job, &part(0, name), Timestamp(1)).await.unwrap();
            }
            outbox.finish(made_it.key, 0, Some(&made("9")), Timestamp(2)).await.unwrap();
            outbox.finish(idle.key, 0, None, Timestamp(2)).await.unwrap();
            outbox.settle(&refused, &ended(CallStatus::Refused), Timestamp(2)).await.unwrap();
            outbox.settle(&may_have, &ended(CallStatus::Unresolved), Timestamp(2)).await.unwrap();
            let mut claims = outbox.claims(CompanyNo(1), "deal", "9", "a\0", asks.key).await.unwrap();
            claims.sort_by_key(|claim| claim.record.is_none());
            let wanted = [Claim { effect: made_it.key, record: Some("9".into()) }, Claim { effect: may_have.key, record: None }];
            assert_eq!(claims, wanted);
            assert!(outbox.claims(CompanyNo(1), "ticket", "9", "a\0", asks.key).await.unwrap().is_empty());
            assert_eq!(outbox.claims(CompanyNo(2), "deal", "9", "a\0", asks.key).await.unwrap().len(), 1);
            for n in 0..120 {
                outbox.start(&job(3, &format!("many{n}"), 0), &part(0, "m"), Timestamp(1)).await.unwrap();
            }
            assert_eq!(outbox.claims(CompanyNo(3), "deal", "", "m", asks.key).await.unwrap().len(), 100);
        });
    });
}

#[test]
fn writes_that_come_together_share_a_transaction_and_each_has_its_answer() {
    each(|place| {
        let serving = Serving::at(place);
        let outbox = serving.store.outbox();
        let jobs: Vec<EffectJob> = (0..300).map(|n| job(1, &format!("c{n}"), 0)).collect();
        let sent = part(0, "a");
        wait(async {
            let all = futures_util::future::join_all(jobs.iter().map(|job| outbox.start(job, &sent, Timestamp(1)))).await;
            assert!(all.iter().all(|one| *one == Ok(Started::Yes)));
            // One at fault beside many that are not.
            let mixed = jobs.iter().map(|job| {
                let no = u32::from(job.key == jobs[7].key);
                outbox.finish(job.key, no, None, Timestamp(2))
            });
            let mixed = futures_util::future::join_all(mixed).await;
            assert_eq!(mixed.iter().filter(|one| one.is_err()).count(), 1);
            assert!(mixed[7].is_err() && outbox.recall(jobs[8].key).await.unwrap().parts[0].idle);
        });
        // And one that the database itself refuses, which undoes the transaction of all.
        let poison = if place.is_sqlite() {
            "CREATE TRIGGER poison BEFORE INSERT ON effect_parts WHEN NEW.name = 'poison' BEGIN SELECT RAISE(ABORT, 'poison'); END"
        } else {
            "ALTER TABLE effect_parts ADD CHECK (name <> 'poison')"
        };
        place.conn().batch_execute(poison).unwrap();
        let parts: Vec<Part> =
            (0..300).map(|n| Part { name: if n == 9 { "poison" } else { "deal" }.into(), ..part(1, "b") }).collect();
        wait(async {
            let all = jobs.iter().zip(&parts).map(|(job, part)| outbox.start(job, part, Timestamp(3)));
            let all = futures_util::future::join_all(all).await;
            let failed: Vec<usize> = (0..300).filter(|n| all[*n].is_err()).collect();
            assert_eq!(failed, [9]);
            assert_eq!(outbox.recall(jobs[8].key).await.unwrap().parts.len(), 2);
        });
        serving.store.close();
        assert!(wait(outbox.start(&jobs[0], &sent, Timestamp(3))).is_err(), "a closed store says so");
    });
}

#[test]
fn whoever_lost_the_rooms_starts_nothing() {
    each(|place| {
        let serving = Serving::at(place);
        let (outbox, effect) = (serving.store.outbox(), job(1, "c1", 0));
        wait(outbox.start(&effect, &part(0, "a"), Timestamp(1))).unwrap();
        let beside = Store::open_beside(place.options()).unwrap();
        assert_eq!(wait(beside.outbox().start(&effect, &part(0, "a"), Timestamp(1))), Ok(Started::NotOurs), "it owns no rooms");
        place.conn().batch_execute("UPDATE owners SET epoch = epoch + 1").unwrap();
        assert_eq!(wait(outbox.start(&effect, &part(0, "a"), Timestamp(9))), Ok(Started::NotOurs));
        assert_eq!(wait(outbox.finish(effect.key, 0, Some(&made("1")), Timestamp(9))), Ok(Started::NotOurs));
        assert_eq!(wait(outbox.settle(&effect, &ended(CallStatus::Dead), Timestamp(9))), Ok(Started::NotOurs));
        let row = wait(outbox.recall(effect.key)).unwrap();
        assert_eq!((row.parts[0].attempts, row.parts[0].done.is_none(), row.settlement), (1, true, None), "nothing was written");
    });
    let store = MemoryStore::new(Pace::AtOnce);
    let effect = job(1, "c1", 0);
    wait(store.start(&effect, &part(0, "a"), Timestamp(1))).unwrap();
    let heir = store.reborn();
    assert_eq!(wait(store.start(&effect, &part(0, "a"), Timestamp(9))), Ok(Started::NotOurs));
    assert_eq!(wait(store.finish(effect.key, 0, None, Timestamp(9))), Ok(Started::NotOurs));
    assert_eq!(wait(heir.recall(effect.key)).unwrap().parts[0].attempts, 1, "the heir knows what was started");
    assert_eq!(wait(heir.start(&effect, &part(0, "a"), Timestamp(9))), Ok(Started::Yes));
}

#[test]
fn what_was_started_outlives_the_process() {
    each(|place| {
        let effect = job(1, "c1", 0);
        let serving = Serving::at(place);
        wait(serving.store.outbox().start(&effect, &part(0, "a"), Timestamp(5))).unwrap();
        serving.store.close();
        drop(serving);
        let again = Serving::at(place);
        let heir = again.store.outbox();
        assert_eq!(wait(heir.recall(effect.key)).unwrap().parts[0].started_at, Timestamp(5));
        assert_eq!(
            wait(heir.finish(effect.key, 0, Some(&made("1")), Timestamp(6))),
            Ok(Started::Yes),
            "and the new owner goes on"
        );
    });
}

#[test]
fn memory_faults_do_what_they_say() {
    let store = MemoryStore::new(Pace::AtOnce);
    let (effect, sent) = (job(1, "c1", 0), part(0, "a"));
    let mut faults = vec![OutboxFault::None, OutboxFault::Written, OutboxFault::NotWritten];
    let seen = Arc::new(Mutex::new(vec![]));
    let heard = Arc::clone(&seen);
    store.choose_outbox(move |write| {
        heard.lock().unwrap().push(write);
        faults.pop().unwrap_or_default()
    });
    assert!(wait(store.start(&effect, &sent, Timestamp(1))).is_err() && store.effects().is_empty());
    assert!(wait(store.start(&effect, &sent, Timestamp(2))).is_err() && store.effects().len() == 1);
    drop(store.start(&effect, &sent, Timestamp(2)));
    assert_eq!(wait(store.start(&effect, &sent, Timestamp(3))), Ok(Started::Yes));
    assert_eq!(store.effects()[0].1.parts[0].attempts, 2, "what nobody waited for was not written");
    assert_eq!(*seen.lock().unwrap(), [OutboxWrite::Start(effect.key, 0); 3]);
}
