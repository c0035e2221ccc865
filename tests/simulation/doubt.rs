//! One history that chance rarely writes: the commit's answer gets lost and the store cannot be asked afterwards. Whether the
//! call was accepted is not known, so nobody may be told that it was not.

use std::sync::Arc;
use std::time::Duration;

use bellhop::actors::{Batch, CallOutcome, RoomRouter};
use bellhop::catalog::Admitted;
use bellhop::store::memory::{Fault, MemoryStore, Pace};

use super::actors::{caller, create_rooms, start};
use super::dice::Dice;
use super::world;

#[test]
fn what_may_have_been_accepted_is_never_called_refused() {
    actix::System::new().block_on(async {
        for written in [true, false] {
            assert!(matches!(told(Fault::MaybeWritten { written }, written).await, CallOutcome::OutcomeUnknown));
        }
        assert!(matches!(told(Fault::NotWritten, false).await, CallOutcome::Unavailable), "this one is known");
    });
}

/// What a caller hears of a commit with this fault when the store takes nothing more; then asks again.
async fn told(fault: Fault, written: bool) -> CallOutcome {
    let store = MemoryStore::new(Pace::Pumped);
    store.put_company(world::company());
    let (router, arbiters) = start(&store, 0, true);
    let pumped = pumped(&store);
    create_rooms(&router).await;
    let call = world::call(&mut Dice::new(1), &world::address(0), 40, 0);
    pumped.abort();

    store.plan(fault);
    let asked = actix::spawn(asks(router.clone(), call.clone()));
    while store.waiting() == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    store.set_full(true);
    assert_eq!(store.pump(), 1);
    let outcome = asked.await.unwrap();

    store.set_full(false);
    let pumped = self::pumped(&store);
    let CallOutcome::Answered(again) = asks(router.clone(), call).await else { panic!("usable again") };
    assert_eq!(again.get().calls[0].replayed, written);
    assert_eq!(store.calls().len(), 1);
    pumped.abort();
    router.clear();
    for arbiter in arbiters {
        arbiter.stop();
    }
    outcome
}

fn pumped(store: &Arc<MemoryStore>) -> tokio::task::JoinHandle<()> {
    let store = store.clone();
    actix::spawn(async move {
        loop {
            store.pump();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
}

async fn asks(router: RoomRouter, call: Admitted) -> CallOutcome {
    let batch = Batch { calls: vec![call], caller: caller() };
    router.call(world::address(0), batch, Duration::from_secs(10)).await
}
