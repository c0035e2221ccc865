//! What a person says of an effect is known to the outbox as soon as it is true for the room: the commit that ends the call
//! ends its parts.

use super::outbox::{job, part};
use super::*;
use crate::actors::outside::{Claim, Outbox, Part, PartDone};
use crate::actors::ports::DecidedEffect;
use crate::room::{Next, Refusal, ResultJson, Settlement};

fn succeeded() -> Settlement {
    Settlement::succeeded(&ResultJson("{\"settled_by_hand\":true}".into()), None)
}

fn failed() -> Settlement {
    Settlement::error(CallStatus::Failed, &Refusal::new("settled_as_failed", Next::DoNotRetry, "no\0"))
}

fn claims(outbox: &Arc<dyn Outbox>, record: &str) -> Vec<Claim> {
    let but = job(1, "another", 0).key;
    wait(outbox.claims(CompanyNo(1), "deal", record, "trip", but)).unwrap()
}

#[test]
fn what_a_person_decided_is_claimed_by_nobody_else_and_keeps_nobody_waiting() {
    each(|place| {
        let serving = Serving::at(place);
        let outbox = serving.store.outbox();
        let mut room = Draft::new(&serving.journal, 1, "web-1");
        for (id, settlement, record) in
            [("there", succeeded(), Some("77")), ("somewhere", succeeded(), None), ("nowhere", failed(), None)]
        {
            let job = job(1, id, 0);
            // A contact of which nobody knows, and the deal itself.
            let contact = Part { name: "contact".into(), ..part(0, "trip") };
            wait(outbox.start(&job, &contact, Timestamp(1))).unwrap();
            wait(outbox.start(&job, &part(1, "trip"), Timestamp(2))).unwrap();
            let unknown = Settlement::outcome_unknown();
            wait(outbox.settle(&job, &unknown, Timestamp(3))).unwrap();
            assert_eq!(claims(&outbox, "77").iter().filter(|claim| claim.effect == job.key).count(), 1, "it may be there");

            let mut stale = room.clone();
            let mut commit = room.calls(&[id]);
            let decided = DecidedEffect {
                key: job.key,
                part: "deal",
                record: record.map(str::to_owned),
                settlement: settlement.clone(),
                at: Timestamp(4),
            };
            commit.decided_effects.push(decided.clone());
            assert_eq!(serving.one(commit), None);
            let told = wait(outbox.recall(job.key)).unwrap();
            assert_eq!(told.settlement, Some((0, settlement)), "{id}");
            let done = |record: &str| Some(PartDone { record: record.into(), answer: "{}".into() });
            let parts: Vec<_> = told.parts.into_iter().map(|row| (row.done, row.idle)).collect();
            let expected = match id {
                "there" => [(done(""), false), (done("77"), false)],
                "somewhere" => [(done(""), false), (done(""), false)],
                _ => [(None, true), (None, true)],
            };
            assert_eq!(parts, expected, "{id}");
            // A commit that does not land tells the outbox nothing.
            stale.version += 7;
            let mut commit = stale.calls(&["never"]);
            commit.decided_effects.push(DecidedEffect { settlement: Settlement::outcome_unknown(), ..decided });
            assert_eq!(serving.one(commit), Some(Rejection::Stale));
            let again = wait(outbox.recall(job.key)).unwrap().settlement.unwrap().1;
            assert_ne!(again.status, CallStatus::Unresolved, "{id}");
        }
        let there = Claim { effect: job(1, "there", 0).key, record: Some("77".into()) };
        assert_eq!(claims(&outbox, "77"), [there], "one made it, and nobody else may have");
        assert_eq!(claims(&outbox, "78"), []);
    });
}
