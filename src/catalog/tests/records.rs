//! Stories of deals and tickets, as a room decides about them: whose they are, which wish is the same, and what waits for people.

use super::*;
use crate::room::{CallId, CallStatus, Customer, EffectPlan, Link, OpenEffect, ParkedOn, RecordKind, Settlement};

/// A scene with a CRM and a customer.
fn scene() -> Scene {
    let mut scene = Scene::new();
    scene.company.crm = true;
    scene.is_with("628111");
    scene
}

impl Scene {
    fn is_with(&mut self, handle: &str) {
        let customer = Customer { handle: handle.into(), name: None };
        self.happens(Fact::RoomDescribed { channel: "web_chat".into(), customer });
        self.passes();
    }

    fn passes(&mut self) {
        self.now = self.now.plus_ms(1_000);
    }

    /// The plan of a call that asks the CRM for something.
    fn asks(&mut self, call_id: &str, name: &str, arguments: &str) -> EffectPlan {
        let decision = self.decides(name, arguments);
        let Decision::Parked { facts, on: ParkedOn::Effect } = decision else { panic!("{arguments}: {decision:?}") };
        let Some(Fact::EffectRequested { name, plan, .. }) = facts.into_iter().next() else { panic!("no plan") };
        let call_id = CallId::trusted(call_id);
        self.happens(Fact::EffectRequested { call_id, name, plan: plan.clone() });
        self.passes();
        plan
    }

    fn ends(&mut self, call_id: &str, status: CallStatus) {
        let (call_id, name) = (CallId::trusted(call_id), "create_deal".to_owned());
        self.happens(Fact::CallAnswered { call_id, name, status, code: None });
        self.passes();
    }

    /// The CRM made this deal, in its usual pipeline, Sales.
    fn is_made(&mut self, call_id: &str, id: &str, name: &str) {
        let intent = self.effect(call_id).plan.intent.clone();
        let also = vec![record::intent(name, Some("Sales")), record::intent(name, None)];
        let result = Some(format!(r#"{{"deal":{{"id":"{id}"}}}}"#).into());
        let (kind, number, name, at) = (RecordKind::Deal, None, name.to_owned(), Timestamp(0));
        let link = Link { kind, id: id.into(), number, name, intent, also, episode: self.room.episode, at, result };
        self.happens(Fact::RecordLinked { call_id: CallId::trusted(call_id), link });
        self.ends(call_id, CallStatus::Succeeded);
    }

    fn effect(&self, call_id: &str) -> &OpenEffect {
        self.room.effect(&CallId::trusted(call_id)).expect("an effect")
    }

    fn code(&self, name: &str, arguments: &str) -> &'static str {
        match self.decides(name, arguments) {
            Decision::Refused(refusal) => refusal.code,
            Decision::Done { .. } => "done",
            Decision::Parked { on: ParkedOn::Deal, .. } => "behind",
            Decision::Parked { on: ParkedOn::Effect, .. } => "asked",
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn another_customer_has_nothing_of_the_former_one() {
    let mut scene = scene();
    scene.asks("c1", "create_deal", r#"{"name":"Tents"}"#);
    scene.is_made("c1", "41", "Tents");
    scene.asks("c2", "create_deal", r#"{"name":"Boats"}"#);
    scene.is_with("628111 ");
    assert_eq!(scene.code("create_deal", r#"{"name":"Tents"}"#), "done", "the same handle is the same person");
    scene.is_with("628222");
    // No deal of theirs, no wish of theirs, and nothing of theirs is being made.
    let plan = scene.asks("u1", "update_deal", r#"{"amount":5}"#);
    assert_eq!((plan.target, plan.linked), (None, false));
    let plan = scene.asks("u2", "update_deal", r#"{"deal":"41","amount":5}"#);
    assert_eq!((plan.target.as_deref(), plan.linked), (Some("41"), false), "whose it is must be asked");
    assert_eq!(scene.code("create_deal", r#"{"name":"Tents"}"#), "asked");
    assert_eq!(scene.code("create_deal", r#"{"name":"Boats"}"#), "asked");
    // What is on its way goes on for whom it was asked, and leaves nothing here.
    assert_eq!(scene.effect("c2").customer.as_ref().map(|customer| customer.handle.as_str()), Some("628111 "));
    assert!(scene.effect("u1").customer.is_none());
    scene.is_made("c2", "42", "Boats");
    assert!(scene.room.outside.as_ref().unwrap().links.is_empty());
    scene.is_with("628333");
    assert_eq!(scene.effect("u1").customer.as_ref().map(|customer| customer.handle.as_str()), Some("628222"));
}

#[test]
fn a_wish_is_the_same_whether_the_usual_pipeline_is_named_or_not() {
    let (unnamed, sales, renewals) =
        (r#"{"name":"Tents"}"#, r#"{"name":"tents","pipeline":"SALES"}"#, r#"{"name":"Tents","pipeline":"Renewals"}"#);
    for (first, second) in [(unnamed, sales), (sales, unnamed)] {
        let mut scene = scene();
        scene.asks("c1", "create_deal", first);
        assert_eq!(scene.code("create_deal", second), "behind", "it may be the same");
        scene.is_made("c1", "41", "Tents");
        assert_eq!(scene.code("create_deal", second), "done");
        assert_eq!(scene.code("create_deal", renewals), "asked");
    }
    let mut scene = scene();
    scene.asks("c1", "create_deal", sales);
    assert_eq!(scene.code("create_deal", renewals), "asked", "another pipeline is another deal");
    assert_eq!(scene.code("create_deal", r#"{"name":"Tents big"}"#), "asked");
}

#[test]
fn what_a_person_says_was_made_is_not_made_again_whether_they_say_which_or_not() {
    for record in [None, Some("77")] {
        let mut scene = scene();
        scene.asks("c1", "create_deal", r#"{"name":"Tents"}"#);
        scene.ends("c1", CallStatus::Unresolved);
        let settled: Settlement = scene.room.dead_letter(&CallId::trusted("c1")).unwrap().settled(true, record, "I looked");
        let link = *settled.link.expect("what was wished for is known");
        scene.happens(Fact::RecordLinked { call_id: CallId::trusted("c1"), link });
        scene.ends("c1", CallStatus::Succeeded);
        assert_eq!(scene.code("create_deal", r#"{"name":"Tents"}"#), "done", "{record:?}");
        let plan = scene.asks("u1", "update_deal", r#"{"amount":5}"#);
        assert_eq!((plan.target.as_deref(), plan.linked), (record, record.is_some()));
    }
}

#[test]
fn an_update_does_not_change_another_deal_while_nobody_knows_whether_this_one_is_there() {
    let update = r#"{"amount":5}"#;
    let mut scene = scene();
    scene.asks("c1", "create_deal", r#"{"name":"Tents"}"#);
    assert_eq!(scene.code("update_deal", update), "behind");
    scene.ends("c1", CallStatus::Unresolved);
    assert_eq!(scene.code("update_deal", update), "waits_for_colleague");
    assert_eq!(scene.code("update_deal", r#"{"deal":"41","amount":5}"#), "asked");
    assert_eq!(scene.code("update_ticket", r#"{"stage":"Done"}"#), "asked");
    // A newer one is there and is meant.
    scene.asks("c2", "create_deal", r#"{"name":"Boats"}"#);
    scene.is_made("c2", "42", "Boats");
    assert_eq!(scene.asks("u1", "update_deal", update).target.as_deref(), Some("42"));
    // And not the older one, when the newest is in doubt.
    scene.asks("c3", "create_deal", r#"{"name":"Stoves"}"#);
    scene.ends("c3", CallStatus::Dead);
    assert_eq!(scene.code("update_deal", update), "waits_for_colleague");
    scene.ends("c3", CallStatus::Failed);
    assert_eq!(scene.asks("u2", "update_deal", update).target.as_deref(), Some("42"));
}
