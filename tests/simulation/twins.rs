//! One call posted twice, three times, four times: a framework retried it, and whoever posted it first had not given up. All of them
//! are in the room before anything of it is written, so they meet in one step, or in one that is tried again because its commit was
//! refused or got lost or the actor died. The call is done once, and everybody who posted it is told the same.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bellhop::actors::{Batch, CallOutcome, RoomRouter};
use bellhop::catalog::{Admitted, Has};
use bellhop::room::{CallKey, CallStatus, Cause, Command, Fact};
use bellhop::store::memory::{Fault, Pace};

use super::actors::caller;
use super::dice::Dice;
use super::queues::{Scene, room, until};
use super::world;

const PATIENT: Duration = Duration::from_secs(30);

/// What the call does, and how often that is in the journal when it was done once.
struct Kind {
    name: &'static str,
    arguments: &'static str,
    is_done: fn(&Fact) -> bool,
}

const KINDS: [Kind; 4] = [
    Kind { name: "create_tag", arguments: r#"{"tags":["vip"]}"#, is_done: |fact| matches!(fact, Fact::TagsAdded { .. }) },
    // It waits for the roster, and everybody who posted it waits with it.
    Kind { name: "assign_agent", arguments: r#"{"mode":"auto"}"#, is_done: |fact| matches!(fact, Fact::RoomQueued { .. }) },
    Kind {
        name: "send_attachment",
        arguments: r#"{"attachment":"map","repeat":true}"#,
        is_done: |fact| matches!(fact, Fact::AttachmentSent { .. }),
    },
    Kind {
        name: "resolve_conversation",
        arguments: r#"{"reason_code":"answered"}"#,
        is_done: |fact| matches!(fact, Fact::ConversationResolved { .. }),
    },
];

/// Whether all of them met in a step that landed at once.
pub fn play(seed: u64) -> bool {
    actix::System::new().block_on(life(seed))
}

async fn life(seed: u64) -> bool {
    let mut dice = Dice::new(seed);
    let kind = &KINDS[dice.roll(KINDS.len() as u64) as usize];
    let scene = Scene::new(Pace::Pumped, 1_024).await;
    // In a paused room the call waits, whatever it is.
    let paused = dice.rarely(4);
    if paused {
        assert!(scene.pumped(scene.is_told(Command::Pause { reason: None })).await);
    }
    let call = named(1, kind.name, kind.arguments);
    // What becomes of the first commit they are in.
    let fault = match dice.roll(8) {
        0 => Fault::MaybeWritten { written: true },
        1 => Fault::MaybeWritten { written: false },
        2 => Fault::Conflict,
        3 => Fault::NotWritten,
        _ => Fault::None,
    };
    let steps = Arc::<Mutex<Vec<Vec<CallKey>>>>::default();
    let (asked, theirs) = (steps.clone(), call.call.key);
    scene.store.choose(move |commit| {
        let step: Vec<CallKey> = commit.new_calls.iter().map(|new| new.call.key).collect();
        let mut steps = asked.lock().unwrap();
        let is_first = step.contains(&theirs) && !steps.iter().flatten().any(|key| *key == theirs);
        steps.push(step);
        if is_first { fault } else { Fault::None }
    });

    // Something else is on its way to the disk, so whatever comes now waits for the room's next step.
    let first = actix::spawn(insists(scene.router.clone(), vec![named(0, "create_tag", r#"{"tags":["first"]}"#)]));
    until("a commit is under way", || scene.store.waiting() == 1).await;
    let other = named(2, "create_tag", r#"{"tags":["second"]}"#);
    let twins: Vec<_> = (0..2 + dice.roll(3))
        .map(|_| {
            let calls = if dice.rarely(3) { vec![call.clone(), other.clone()] } else { vec![call.clone()] };
            actix::spawn(insists(scene.router.clone(), calls))
        })
        .collect();
    // Under the same id, and something else is meant by it.
    let stranger =
        dice.rarely(2).then(|| actix::spawn(insists(scene.router.clone(), vec![named(1, "create_tag", r#"{"tags":["odd"]}"#)])));
    let posts = u32::try_from(1 + twins.len() + usize::from(stranger.is_some())).unwrap();
    until("they wait", || scene.depth() >= posts).await;

    let dies = dice.rarely(6) && scene.router.kill(&room());
    let told = scene.pumped(async {
        let resumes = async {
            if paused {
                until("all of them wait in the room", || {
                    scene.router.inspect(&room()).is_some_and(|view| view.depth == 0 && view.parked >= 2)
                })
                .await;
                assert!(scene.is_told(Command::Resume).await);
            }
        };
        let answers = futures_util::future::join_all(twins);
        let (told, ()) = futures_util::future::join(answers, resumes).await;
        assert!(matches!(first.await.unwrap(), Told::Answered(_)));
        told
    });
    let told: Vec<Told> = told.await.into_iter().map(Result::unwrap).collect();

    let mut answers = HashSet::new();
    let mut anew = 0;
    for told in told {
        let calls = match told {
            Told::Answered(calls) => calls,
            Told::Reused => panic!("seed {seed}: I8: the same call is taken for another"),
            Told::Waits => panic!("seed {seed}: I8: one of those who posted it is not told how it ended"),
        };
        let (status, replayed, body) = calls[0].clone();
        anew += usize::from(!replayed);
        answers.insert((status.as_str(), body));
    }
    assert_eq!(answers.len(), 1, "seed {seed}: I8: whoever posts it is told the same: {answers:?}");
    assert!(anew <= 1, "seed {seed}: I8: one of them did it, the others are told so");
    if let Some(stranger) = stranger {
        let told = scene.pumped(stranger).await.unwrap();
        assert!(matches!(told, Told::Reused), "seed {seed}: I8: another meaning under that id");
    }
    let steps = steps.lock().unwrap().clone();
    let times = |step: &Vec<CallKey>| step.iter().filter(|key| **key == call.call.key).count();
    assert!(steps.iter().all(|step| times(step) <= 1), "seed {seed}: I8: a call twice in one step: {steps:?}");
    let rows = scene.store.calls().iter().filter(|row| row.call.key == call.call.key).count();
    assert_eq!(rows, 1, "seed {seed}: I8: one row a call");
    let cause = Cause::Call(call.call.call_id.clone());
    let events = scene.store.events(&room());
    let done = events.iter().filter(|event| event.cause == cause && (kind.is_done)(&event.fact)).count();
    assert_eq!(done, 1, "seed {seed}: I8: a {} that was posted more than once is done once", kind.name);
    let ends = |fact: &Fact| matches!(fact, Fact::CallAnswered { call_id, .. } if *call_id == call.call.call_id);
    let ended = events.iter().filter(|event| ends(&event.fact)).count();
    assert!(ended <= 1, "seed {seed}: I8: a call ends once");
    scene.ends();
    let met = steps.iter().filter(|step| times(step) == 1).count() == 1;
    met && fault == Fault::None && !dies
}

fn named(n: u64, name: &str, arguments: &str) -> Admitted {
    world::named_call(&room(), n, name, arguments, Has { crm: false, files: true })
}

enum Told {
    Answered(Vec<(CallStatus, bool, Arc<str>)>),
    Reused,
    /// It does not end.
    Waits,
}

/// Until there is an end of it.
async fn insists(router: RoomRouter, calls: Vec<Admitted>) -> Told {
    for _ in 0..2_000 {
        match router.call(room(), Batch { calls: calls.clone(), caller: caller() }, PATIENT).await {
            CallOutcome::Answered(told) => {
                let calls = &told.get().calls;
                return Told::Answered(calls.iter().map(|call| (call.status, call.replayed, call.body.clone())).collect());
            }
            CallOutcome::KeyReused { .. } => return Told::Reused,
            CallOutcome::Accepted(_) => return Told::Waits,
            CallOutcome::UnknownRoom => panic!("a room that was made is unknown"),
            _ => tokio::time::sleep(Duration::from_millis(1)).await,
        }
    }
    panic!("nobody answers");
}
