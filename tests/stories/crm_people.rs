//! What people do to effects that are under way or that nobody can tell the end of: pause, cancel, clear the CRM, settle, try
//! again. None of it makes a second record or leaves a call without an end.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::json;

use crate::world::crm::TOKEN;
use crate::world::{Call, Room, World, calls, create_tag, eventually, within};

on_both_databases!(who_asks_again_for_what_nobody_knows_makes_no_second, what_a_person_settled_keeps_nobody_else_in_doubt,);

on_sqlite_alone!(
    what_a_colleague_changed_meanwhile_is_not_undone,
    a_paused_room_ends_what_is_under_way_and_begins_nothing,
    what_runs_cannot_be_cancelled,
    a_crm_that_is_cleared_ends_what_was_open,
    a_retry_goes_by_itself_and_finds_what_was_made,
    a_call_that_was_turned_away_too_often_is_tried_again_or_settled,
    a_retry_and_a_word_of_how_it_ended_do_not_both_count,
    so_many_calls_may_wait_and_no_more,
);

fn create_deal(name: &str) -> Call {
    calls("create_deal", json!({"name": name}))
}

fn status_of(world: &World, call_id: &str) -> String {
    world.admin().call(call_id).body["status"].as_str().unwrap_or_default().to_owned()
}

fn is(world: &World, call_id: &str, wanted: &str) {
    let ended = within(Duration::from_secs(60), || (status_of(world, call_id) == wanted).then_some(()));
    assert!(ended.is_some(), "{call_id} is not {wanted}: {:?}", world.admin().call(call_id));
}

/// A call whose record was made and whose answer was lost, in a CRM that has no place for our reference and where somebody has
/// just made one of the same name: nobody can tell which is whose.
fn a_call_nobody_knows_the_end_of(world: &mut World) -> (Room, &'static str) {
    world.has_a_crm_with(&[], TOKEN, &["--reference-field", "none"]);
    let room = world.a_room("web-1");
    world.crm().somebody_makes("deals", &json!({"name": "Two boats", "crm_stage_id": 6101, "crm_pipeline_id": 5101}));
    world.crm().has_once("POST /api/v3.1/deals", "lose_answer");
    room.gets_within(5, create_deal("Two boats").id("u1"));
    is(world, "u1", "unresolved");
    (room, "u1")
}

/// The record of that name that we made and nobody knows of; the other one is called otherwise from now on.
fn ours_alone_is_called_so(world: &World) -> String {
    let mut ids: Vec<i64> = world.crm().named("deals", "Two boats").iter().map(|row| row["id"].as_i64().unwrap()).collect();
    // Theirs was made first.
    ids.sort_unstable();
    let [theirs, ours] = ids[..] else { panic!("not two: {ids:?}") };
    world.crm().somebody_changes("deals", theirs, &json!({"name": "Somebody's own"}));
    ours.to_string()
}

/// From now on deals are made when the CRM lets go, and are waited for.
fn is_held(world: &World) {
    world.is_told_the_token(TOKEN, &["--per-second", "500", "--per-minute", "30000", "--attempt-timeout-ms", "60000"]);
    world.crm().holds("POST /api/v3.1/deals");
}

pub fn who_asks_again_for_what_nobody_knows_makes_no_second(world: &mut World) {
    let (room, unknown) = a_call_nobody_knows_the_end_of(world);
    let before = world.crm().named("deals", "Two boats").len();
    // A framework mints a new id when it tries again.
    let again = room.gets(create_deal("two boats").id("again"));
    assert_eq!(again.code(), "waits_for_colleague", "{again:?}");
    assert_eq!(again.only()["error"]["next"], "wait_for_human");
    assert_eq!(world.crm().named("deals", "Two boats").len(), before);
    // Another wish is not held up, and who really wants a second says so.
    room.gets(create_deal("Three boats")).result();
    room.gets(calls("create_deal", json!({"name": "Two boats", "repeat": true}))).result();
    assert_eq!(world.crm().named("deals", "Two boats").len(), before + 1);
    // A person knows, and the next who asks is told the same.
    let word = json!({"outcome": "succeeded", "record": "77", "reason": "I looked; it is there."});
    let settled = world.admin().send("POST", &format!("/v1/function-calls/{unknown}/settle"), Some(&word));
    assert_eq!(settled.http, 200, "{settled:?}");
    assert_eq!(room.gets(create_deal("Two boats").id("later")).result()["already_existed"], true);
}

pub fn what_a_person_settled_keeps_nobody_else_in_doubt(world: &mut World) {
    let (_, unknown) = a_call_nobody_knows_the_end_of(world);
    let ours = ours_alone_is_called_so(world);
    let word = json!({"outcome": "succeeded", "record": ours, "reason": "I looked; it is there."});
    let settled = world.admin().send("POST", &format!("/v1/function-calls/{unknown}/settle"), Some(&word));
    assert_eq!(settled.http, 200, "{settled:?}");
    // Another conversation makes one of the same name and loses the answer: the first one's is accounted for.
    let other = world.a_room("web-2");
    world.crm().has_once("POST /api/v3.1/deals", "lose_answer");
    let made = other.gets_within(20, create_deal("Two boats").id("c2"));
    assert_eq!(made.only()["status"], "succeeded", "{made:?}");
    assert_ne!(made.result()["deal"]["id"], json!(ours));
    assert_eq!(world.crm().named("deals", "Two boats").len(), 2);
}

pub fn a_retry_goes_by_itself_and_finds_what_was_made(world: &mut World) {
    let (room, unknown) = a_call_nobody_knows_the_end_of(world);
    let ours = ours_alone_is_called_so(world);
    let asked = world.crm().was_asked("POST", "/deals");
    let why = json!({"reason": "The other one has another name now."});
    let retried = world.admin().send("POST", &format!("/v1/function-calls/{unknown}/retry"), Some(&why));
    assert_eq!(retried.http, 200, "{retried:?}");
    is(world, unknown, "succeeded");
    assert_eq!(world.admin().call(unknown).body["result"]["deal"]["id"].as_str(), Some(ours.as_str()));
    assert_eq!(world.crm().was_asked("POST", "/deals"), asked, "it was looked up, not sent again");
    assert_eq!(room.facts("effect_retried")[0]["reason"], why["reason"]);
    let twice = world.admin().send("POST", &format!("/v1/function-calls/{unknown}/retry"), Some(&why));
    assert_eq!(twice.http, 409, "{twice:?}");
}

pub fn a_call_that_was_turned_away_too_often_is_tried_again_or_settled(world: &mut World) {
    world.has_a_crm();
    let room = world.a_room("web-1");
    let turned_away = json!({"route": "POST /api/v3.1/deals", "fault": "status_429", "rate": 1.0, "retry_after_s": 0});
    world.crm().has_exactly(&turned_away);
    for (id, name) in [("d1", "Ten tents"), ("d2", "Five stoves")] {
        room.gets_within(1, create_deal(name).id(id));
    }
    is(world, "d1", "dead");
    is(world, "d2", "dead");
    assert_eq!(world.crm().deals().iter().filter(|deal| deal["name"] == "Ten tents").count(), 0);
    world.crm().is_well_again();
    let say = |id: &str, what: &str, word: &serde_json::Value| {
        world.admin().send("POST", &format!("/v1/function-calls/{id}/{what}"), Some(word))
    };
    assert_eq!(say("d1", "retry", &json!({"reason": "It takes orders again."})).http, 200);
    is(world, "d1", "succeeded");
    assert_eq!(world.crm().named("deals", "Ten tents").len(), 1);
    let settled = say("d2", "settle", &json!({"outcome": "failed", "reason": "The customer went elsewhere."}));
    assert_eq!((settled.http, settled.body["status"].as_str()), (200, Some("failed")), "{settled:?}");
    assert_eq!(world.crm().named("deals", "Five stoves").len(), 0);
    // What was settled as not done may be wished for again.
    assert_eq!(room.gets(create_deal("Five stoves").id("d3")).only()["status"], "succeeded");
}

pub fn a_retry_and_a_word_of_how_it_ended_do_not_both_count(world: &mut World) {
    let (_, unknown) = a_call_nobody_knows_the_end_of(world);
    let before = world.crm().named("deals", "Two boats").len();
    let door = world.admin();
    // What is looked up is not found before both have decided.
    world.crm().holds("GET /api/v3.1/deals");
    let settle = (format!("/v1/function-calls/{unknown}/settle"), json!({"outcome": "failed", "reason": "It is not there."}));
    let retry = (format!("/v1/function-calls/{unknown}/retry"), json!({"reason": "Once more."}));
    let asks = [settle, retry].map(|(path, body)| {
        let door = door.clone();
        async move { door.ask(reqwest::Method::POST, &path, Some(&body), &[]).await.expect("an answer") }
    });
    let mut heard: HashMap<u16, usize> = HashMap::new();
    for answer in door.at_once(asks.into()) {
        *heard.entry(answer.http).or_default() += 1;
    }
    assert_eq!(heard, HashMap::from([(200, 1), (409, 1)]), "one decision counts");
    world.crm().lets_go();
    eventually("it ends", || ["failed", "unresolved"].contains(&status_of(world, unknown).as_str()).then_some(()));
    assert_eq!(world.crm().named("deals", "Two boats").len(), before, "and it was looked up, not sent again");
}

pub fn what_a_colleague_changed_meanwhile_is_not_undone(world: &mut World) {
    world.has_a_crm();
    let room = world.a_room("web-1");
    let made = room.gets(calls("create_deal", json!({"name": "Ten tents", "amount": 5})));
    let id: i64 = made.result()["deal"]["id"].as_str().unwrap().parse().unwrap();
    let path = format!("/deals/{id}");
    // Read once when the change is planned; the second look is right before the write.
    world.crm().has_exactly(&json!({"route": "GET /api/v3.1/deals/{id}", "fault": "held", "skip": 1}));
    let changing = room.door.begins(room.getting_within(20, &[calls("update_deal", json!({"amount": 7})).id("c1")]));
    world.crm().is_at_it();
    world.crm().somebody_changes("deals", id, &json!({"name": "Twelve tents", "start_date": "2027-03-01"}));
    world.crm().lets_go();
    let changed = changing.answer().expect("an answer");
    assert_eq!(changed.result()["changed"][0]["to"], 7, "{changed:?}");
    let [record] = &world.crm().named("deals", "Twelve tents")[..] else { panic!("the colleague's name is gone") };
    assert_eq!(record["size"].to_string().trim_matches('"').parse::<f64>().unwrap(), 7.0, "{record}");
    assert!(record["start_date"].as_str().is_some_and(|day| day.starts_with("2027-03-01")), "{record}");
    let puts = world.crm().was_told("PUT", &path);
    assert_eq!(puts.len(), 2, "the colleague's and ours, once: {puts:?}");
}

pub fn a_paused_room_ends_what_is_under_way_and_begins_nothing(world: &mut World) {
    world.has_a_crm();
    let room = world.a_room("web-1");
    is_held(world);
    room.gets_within(1, create_deal("Ten tents").id("c1"));
    world.crm().is_at_it();
    room.actor_is_told("pause");
    let waits = room.gets_within(1, create_deal("Five stoves").id("c2"));
    assert_eq!(waits.only()["status"], "parked", "{waits:?}");
    world.crm().lets_go();
    is(world, "c1", "succeeded");
    assert_eq!(status_of(world, "c2"), "parked");
    assert_eq!(world.crm().named("deals", "Five stoves").len(), 0);
    room.actor_is_told("resume");
    is(world, "c2", "succeeded");
    assert_eq!(world.crm().named("deals", "Five stoves").len(), 1);
}

pub fn what_runs_cannot_be_cancelled(world: &mut World) {
    world.has_a_crm();
    let room = world.a_room("web-1");
    is_held(world);
    room.gets_within(1, create_deal("Ten tents").id("c1"));
    world.crm().is_at_it();
    room.gets_within(1, calls("update_deal", json!({"amount": 7})).id("c2"));
    let cancel = |id: &str| world.admin().send("POST", &format!("/v1/function-calls/{id}/cancel"), None);
    assert_eq!(cancel("c1").http, 409, "it may already be there");
    assert_eq!(cancel("c2").http, 200, "it only waits");
    world.crm().lets_go();
    is(world, "c1", "succeeded");
    assert_eq!(status_of(world, "c2"), "cancelled");
    assert_eq!((world.crm().named("deals", "Ten tents").len(), world.crm().was_told("PUT", "/deals/").len()), (1, 0));
}

pub fn a_crm_that_is_cleared_ends_what_was_open(world: &mut World) {
    world.has_a_crm();
    let rooms = [world.a_room("web-1"), world.a_room("web-2")];
    is_held(world);
    rooms[0].gets_within(1, create_deal("Ten tents").id("c1"));
    world.crm().is_at_it();
    rooms[0].gets_within(1, create_deal("Five stoves").id("c2"));
    world.command(&["company", "crm", "clear", "acme"]);
    eventually("the server knows", || (world.admin().get("/v1/crm").body["connected"] == false).then_some(()));
    world.crm().lets_go();
    // What was sent is heard to its end; what was not is refused.
    is(world, "c1", "succeeded");
    is(world, "c2", "refused");
    assert_eq!(rooms[1].gets(create_deal("Late")).only()["status"], "refused");
    assert_eq!(world.crm().named("deals", "Ten tents").len(), 1);
    assert_eq!(world.crm().named("deals", "Five stoves").len(), 0);
    assert_eq!(rooms[0].gets(create_tag(&["vip"])).only()["status"], "succeeded");
}

pub fn so_many_calls_may_wait_and_no_more(world: &mut World) {
    let room = world.a_room("web-1");
    room.actor_is_told("pause");
    let batch = |n: usize| (0..64).map(|i| create_tag(&["vip"]).id(&format!("c{n}-{i}"))).collect::<Vec<_>>();
    let asks = (0..16).map(|n| room.getting_accepted(5, &batch(n)));
    for answer in world.admin().at_once(asks.collect()) {
        assert!(answer.statuses().iter().all(|status| *status == "parked"), "{answer:?}");
    }
    let answer = room.gets_within(5, create_tag(&["vip"]).id("one-more"));
    assert_eq!((answer.http, answer.code()), (429, "busy"), "{answer:?}");
    assert!(answer.headers.contains_key("retry-after"));
    let again = room.gets_within(5, create_tag(&["vip"]).id("c15-63"));
    assert_eq!(again.only()["status"], "parked", "what waits already is no more: {again:?}");
    room.actor_is_told("resume");
    is(world, "c15-63", "succeeded");
    assert!(!room.gets(create_tag(&["vip"]).id("one-more")).replayed(), "it was not accepted before");
    assert_eq!(room.gets(create_tag(&["urgent"])).only()["status"], "succeeded");
}
