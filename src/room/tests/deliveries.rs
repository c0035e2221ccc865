//! Stories of files and of what their channel says of them, where the room did not hold the file itself, or tried twice.

use std::sync::Arc;

use super::*;
use crate::room::deliveries::{heard, known_better, late, prepared, submitted};
use crate::room::delivery::tests::orders;
use crate::room::delivery::{Delivery, DeliveryWord, Failure, Prepared, Stage, Step};
use crate::room::effect::{EffectKind, EffectPlan};
use crate::room::source::Source;

const CALL: &str = "c1";

fn call() -> CallId {
    CallId::trusted(CALL)
}

/// A room whose file has to be fetched, and has left; as it was before such files were known to rooms.
fn fetched() -> Scene {
    let mut scene = to_fetch();
    assert_eq!(leaves(&mut scene, 0), 1);
    scene
}

/// A room whose file has to be fetched.
fn to_fetch() -> Scene {
    let mut scene = Scene::open();
    let (attachment, url, channel) = ("invoice".to_owned(), "https://files.test/7.pdf".to_owned(), "whatsapp_cloud".to_owned());
    let intent = Some(url.clone());
    let source = Source { attachment, url, filename: None, hosts: vec![], channel, here: false };
    let plan = EffectPlan { source: Some(Arc::new(source)), intent, ..EffectPlan::absolute(EffectKind::Attachment, false) };
    scene.happens(Fact::EffectRequested { call_id: call(), name: "send_attachment".into(), plan });
    scene
}

/// How many facts it takes to let it go.
fn leaves(scene: &mut Scene, attempt: u32) -> usize {
    let ground = Ground { now: scene.now, company: &scene.company, approved: false };
    let facts = submitted(&scene.room, &call(), (attempt, None), &ground).unwrap();
    facts.iter().cloned().for_each(|fact| scene.happens(fact));
    facts.len()
}

fn is_prepared(scene: &mut Scene, attempt: u32, stage: Stage, file: Option<SentFile>) -> usize {
    let word = Prepared { call_id: call(), attempt, stage, file: file.map(Arc::new) };
    let facts = prepared(&scene.room, &word);
    facts.iter().cloned().for_each(|fact| scene.happens(fact));
    facts.len()
}

fn invoice() -> SentFile {
    let [attachment, sha256, mime, kind, filename] =
        ["invoice", "07", "application/pdf", "document", "INV-7.pdf"].map(str::to_owned);
    SentFile { attachment, version: 0, sha256, size: 7, mime, kind, filename }
}

#[test]
fn a_file_goes_only_forward_until_its_message() {
    let mut scene = to_fetch();
    let reached = |scene: &Scene| scene.room.outside.as_ref().unwrap().deliveries[0].reached;
    assert_eq!(reached(&scene), Stage::Resolved);
    assert_eq!(is_prepared(&mut scene, 0, Stage::Scanned, Some(invoice())), 1);
    assert_eq!(is_prepared(&mut scene, 0, Stage::Scanned, Some(invoice())), 0, "known");
    assert_eq!(is_prepared(&mut scene, 1, Stage::Uploaded, None), 0, "another try's");
    assert_eq!(is_prepared(&mut scene, 0, Stage::Uploaded, Some(invoice())), 1);
    assert_eq!(is_prepared(&mut scene, 0, Stage::Scanned, None), 0, "late");
    assert_eq!(is_prepared(&mut scene, 0, Stage::Accepted, None), 0, "not beside the room");
    assert_eq!(reached(&scene), Stage::Uploaded);
    assert_eq!(leaves(&mut scene, 0), 1);
    assert_eq!(is_prepared(&mut scene, 0, Stage::Uploaded, None), 0);
    assert_eq!(reached(&scene), Stage::Submitting);
    // What was fetched stays known: a try of its own begins with it, and a late word says what was sent.
    strands(&mut scene);
    assert_eq!(is_told(&mut scene, &word(0, "wamid.1", Step::Delivered)), 2);
    let sent = &scene.room.outside.as_ref().unwrap().sent[0];
    assert_eq!((sent.sha256.as_str(), sent.intent.as_deref()), ("07", Some("https://files.test/7.pdf")));
}

fn word(attempt: u32, message_id: &str, step: Step) -> DeliveryWord {
    DeliveryWord { effect: Some(CallKey::of(CompanyNo(1), &call())), attempt, message_id: message_id.into(), step, older: None }
}

fn failed() -> Step {
    Step::Failed(Failure { code: 131_026, title: "Message undeliverable".into() })
}

/// How many facts the channel's word comes to.
fn is_told(scene: &mut Scene, word: &DeliveryWord) -> usize {
    let ground = Ground { now: scene.now, company: &scene.company, approved: false };
    let facts = heard(&scene.room, word, &ground);
    facts.iter().cloned().for_each(|fact| scene.happens(fact));
    facts.len()
}

fn strands(scene: &mut Scene) {
    let (name, status) = ("send_attachment".to_owned(), CallStatus::Unresolved);
    scene.happens(Fact::CallAnswered { call_id: call(), name, status, code: None });
}

fn given_up(scene: &Scene) -> Option<CallStatus> {
    let ground = Ground { now: scene.now, company: &scene.company, approved: false };
    let unknown = Command::EffectSettled { call_id: call(), attempt: 0, settlement: Settlement::outcome_unknown() };
    match known_better(&scene.room, &unknown, &ground)? {
        Command::EffectSettled { settlement, .. } => Some(settlement.status),
        _ => None,
    }
}

#[test]
fn what_was_withdrawn_meanwhile_does_not_leave() {
    let mut scene = to_fetch();
    is_prepared(&mut scene, 0, Stage::Scanned, Some(invoice()));
    let goes = |scene: &Scene| {
        let ground = Ground { now: scene.now, company: &scene.company, approved: false };
        submitted(&scene.room, &call(), (0, None), &ground).map_err(|refusal| refusal.code)
    };
    let withdraws = |scene: &mut Scene, key: &str| scene.company.withdrawn = Arc::new([Box::from(key)].into());
    withdraws(&mut scene, "map");
    assert!(goes(&scene).is_ok());
    // Also when it was turned away before and waits.
    leaves(&mut scene, 0);
    withdraws(&mut scene, "invoice");
    assert_eq!(goes(&scene), Err("unknown_attachment"));
}

#[test]
fn what_was_fetched_is_followed_like_any_file() {
    let mut scene = fetched();
    assert_eq!(leaves(&mut scene, 0), 0, "it is written down once that it leaves");
    assert_eq!(given_up(&scene), None);
    strands(&mut scene);
    let ground = Ground { now: scene.now, company: &scene.company, approved: false };
    let (_, end) = late(&scene.room, &word(0, "wamid.1", Step::Delivered), &ground).unwrap();
    assert!(end.status == CallStatus::Succeeded && end.body.contains(r#""attachment":"invoice""#), "{}", end.body);
    assert_eq!(is_told(&mut scene, &word(0, "wamid.1", Step::Delivered)), 1);
    assert_eq!(scene.room.outside.as_ref().unwrap().deliveries[0].reached, Stage::Delivered);
    assert_eq!(given_up(&scene), Some(CallStatus::Succeeded));
}

#[test]
fn what_failed_was_not_sent_though_its_answer_was_lost() {
    let mut scene = fetched();
    assert_eq!(is_told(&mut scene, &word(0, "wamid.1", failed())), 1);
    assert_eq!(given_up(&scene), Some(CallStatus::Failed));
}

#[test]
fn after_a_fruitless_retry_the_first_message_counts() {
    let mut scene = fetched();
    strands(&mut scene);
    scene.happens(Fact::EffectRetried {
        call_id: call(),
        name: "send_attachment".into(),
        reason: "again".into(),
        send_again: false,
    });
    assert_eq!(is_told(&mut scene, &word(0, "wamid.1", failed())), 0, "it says nothing of the try under way");
    assert_eq!(is_told(&mut scene, &word(2, "wamid.3", Step::Sent)), 0, "there is no such try");
    strands(&mut scene);
    assert!(is_told(&mut scene, &word(0, "wamid.1", Step::Sent)) > 0);
    assert_eq!(is_told(&mut scene, &word(0, "wamid.1", failed())), 1);
    assert_eq!(is_told(&mut scene, &word(0, "wamid.2", Step::Read)), 0, "another message");
    assert_eq!(scene.room.outside.as_ref().unwrap().deliveries[0].status(), "failed");
}

#[test]
fn who_was_given_up_waits_for_nothing_more() {
    let mut scene = fetched();
    let unknown = DeliveryWord { effect: None, ..word(0, "another", Step::Sent) };
    assert_eq!(is_told(&mut scene, &unknown), 1);
    strands(&mut scene);
    assert_eq!(is_told(&mut scene, &DeliveryWord { message_id: "a third".into(), ..unknown }), 0);
}

/// A room in which so many other files were sent since its first one was, which it does not remember.
fn after_many() -> (Scene, Delivery) {
    let mut scene = Scene::open();
    for n in 0..=Delivery::MOST {
        let (call_id, file) = (CallId::trusted(&format!("s{n}")), Arc::new(invoice()));
        let (message_id, result) = (Some(format!("m{n}")), "{}".into());
        scene.happens(Fact::AttachmentSent { call_id, file, caption: None, message_id, result });
    }
    let first = Delivery {
        message_id: Some("m0".into()),
        ..Delivery::of(&CallId::trusted("s0"), &invoice(), Stage::Accepted, Timestamp(0))
    };
    assert!(deliveries(&scene).iter().all(|one| one.call_id != first.call_id));
    (scene, first)
}

fn deliveries(scene: &Scene) -> &[Delivery] {
    &scene.room.outside.as_ref().unwrap().deliveries
}

#[test]
fn what_failed_long_after_others_were_sent_is_told_all_the_same() {
    let (mut scene, first) = after_many();
    let of = |step: Step| DeliveryWord { effect: None, older: Some(Box::new(first.clone())), ..word(0, "m0", step) };
    assert_eq!(is_told(&mut scene, &of(Step::Read)), 0, "that it went on is no news worth a newer one");
    assert_eq!(is_told(&mut scene, &DeliveryWord { older: None, ..of(failed()) }), 0, "whose it is nobody knows");
    assert_eq!(
        is_told(&mut scene, &DeliveryWord { message_id: "m9".into(), ..of(failed()) }),
        1,
        "a known one is judged as ever"
    );
    assert_eq!(is_told(&mut scene, &of(failed())), 1);
    assert_eq!(is_told(&mut scene, &of(failed())), 0, "once");
    let known = deliveries(&scene);
    assert_eq!((known.len(), known[0].call_id.as_str(), known[0].status()), (Delivery::MOST, "s0", "failed"));
    // What comes after takes the places of those that say nothing more.
    for n in 0..Delivery::MOST + 5 {
        let (call_id, file) = (CallId::trusted(&format!("t{n}")), Arc::new(SentFile { attachment: "map".into(), ..invoice() }));
        scene.happens(Fact::AttachmentSent {
            call_id,
            file,
            caption: None,
            message_id: Some(format!("n{n}")),
            result: "{}".into(),
        });
    }
    let failed: Vec<&str> =
        deliveries(&scene).iter().filter(|one| one.failed.is_some()).map(|one| one.call_id.as_str()).collect();
    assert_eq!((deliveries(&scene).len(), failed), (Delivery::MOST, vec!["s0", "s9"]));
    assert_eq!(crate::room::deliveries::notices(&scene.room).len(), 1, "of one file one word");
}

#[test]
fn any_order_of_a_channels_words_leaves_the_same_also_before_the_answer() {
    let words = [Step::Sent, Step::Delivered, Step::Read, failed()];
    for picked in 0..1_u32 << words.len() {
        let some: Vec<Step> =
            words.iter().enumerate().filter(|(at, _)| picked & (1 << at) != 0).map(|(_, step)| step.clone()).collect();
        let mut all = vec![];
        orders(&[], &some, &mut all);
        let mut ends: Vec<Delivery> = vec![];
        for order in all {
            // The channel names its message by its own id alone, which the room learns with the answer.
            for answer_at in 0..=order.len() {
                let mut scene = to_fetch();
                is_prepared(&mut scene, 0, Stage::Scanned, Some(invoice()));
                leaves(&mut scene, 0);
                for at in 0..=order.len() {
                    if at == answer_at {
                        let (file, message_id, result) = (Arc::new(invoice()), Some("m1".to_owned()), "{}".into());
                        scene.happens(Fact::AttachmentSent { call_id: call(), file, caption: None, message_id, result });
                    }
                    if let Some(step) = order.get(at) {
                        is_told(&mut scene, &DeliveryWord { effect: None, ..word(0, "m1", step.clone()) });
                    }
                }
                assert!(scene.room.outside.as_ref().unwrap().early.is_empty(), "{order:?} around {answer_at}");
                ends.push(Delivery { at: Timestamp(0), ..deliveries(&scene)[0].clone() });
            }
        }
        assert!(ends.windows(2).all(|pair| pair[0] == pair[1]), "{some:?}: {ends:?}");
        let farthest = some.iter().filter(|step| !matches!(step, Step::Failed(_))).count();
        assert_eq!(ends[0].failed.is_some(), some.contains(&failed()));
        assert!(farthest == 0 || ends[0].reached > Stage::Accepted, "{some:?}");
    }
}
