//! Deals and tickets, made and changed in the CRM in the middle of a conversation: once, by name, and honest about what is not
//! known. The stand-in's own book says what really happened.

use serde_json::{Value, json};

use crate::world::crm::TOKEN;
use crate::world::{Call, Room, UnderWay, World, calls, eventually};

on_both_databases!(
    a_deal_is_made_and_then_changed,
    a_ticket_is_made_and_then_changed,
    the_same_wish_twice_is_one_deal,
    an_update_waits_for_the_deal_that_is_being_made,
    a_lost_answer_is_looked_up_and_not_repeated,
    a_process_that_dies_in_mid_request_makes_no_second_deal,
    what_cannot_be_known_is_left_to_a_person,
);

on_sqlite_alone!(
    names_that_do_not_exist_come_back_with_those_that_do,
    what_a_stage_requires_is_asked_for_before_anything_is_written,
    another_customers_deal_is_not_touched,
    a_crm_that_talks_nonsense_harms_no_room,
    a_dark_crm_delays_and_fails_nothing,
    a_refused_token_waits_for_a_new_one,
    without_a_crm_nothing_is_done,
    the_token_is_nowhere,
    each_attempt_is_told_with_the_call_it_is_for,
);

fn create_deal(name: &str) -> Call {
    calls("create_deal", json!({"name": name, "amount": 2_500_000}))
}

fn create_ticket(name: &str) -> Call {
    calls("create_ticket", json!({"name": name, "description": "The customer cannot log in."}))
}

fn a_room_with_a_crm(world: &mut World) -> Room {
    world.has_a_crm();
    world.a_room("web-1")
}

/// The call's status, as anybody may read it later.
fn status_of(world: &World, call_id: &str) -> String {
    world.admin().call(call_id).body["status"].as_str().unwrap_or_default().to_owned()
}

fn ends(world: &World, call_id: &str) -> String {
    let last = ["succeeded", "refused", "failed", "unresolved", "dead", "cancelled", "expired"];
    eventually("the call ends", || Some(status_of(world, call_id)).filter(|status| last.contains(&status.as_str())))
}

pub fn a_deal_is_made_and_then_changed(world: &mut World) {
    let room = a_room_with_a_crm(world);
    let made = room.gets(create_deal("Ten tents"));
    let deal = &made.result()["deal"];
    let [record] = &world.crm().named("deals", "Ten tents")[..] else { panic!("not one deal: {made:?}") };
    assert_eq!(deal["id"].to_string().trim_matches('"'), record["id"].to_string(), "{made:?}");

    let changed = room.gets(calls("update_deal", json!({"amount": 3_000_000})));
    assert_eq!(changed.result()["changed"][0]["field"], "amount", "{changed:?}");
    let [record] = &world.crm().named("deals", "Ten tents")[..] else { panic!("not one deal") };
    assert_eq!(record["size"].to_string().trim_matches('"').parse::<f64>().unwrap(), 3_000_000.0, "{record}");
    assert_eq!(room.facts("record_linked")[0]["kind"], "deal");
    world.crm().knew_every_key();
}

pub fn a_ticket_is_made_and_then_changed(world: &mut World) {
    let room = a_room_with_a_crm(world);
    let made = room.gets(create_ticket("Cannot log in"));
    assert!(made.result()["ticket"]["number"].is_string(), "{made:?}");
    let changed = room.gets(calls("update_ticket", json!({"stage": "In Progress", "due_date": "2027-01-15"})));
    assert!(changed.result()["changed"].as_array().is_some_and(|changed| changed.len() == 2), "{changed:?}");
    let again = room.gets(calls("update_ticket", json!({"stage": "In Progress"})));
    assert_eq!(again.result()["changed"], json!([]), "{again:?}");
    assert_eq!(world.crm().named("tickets", "Cannot log in").len(), 1);
    world.crm().knew_every_key();
}

pub fn the_same_wish_twice_is_one_deal(world: &mut World) {
    let room = a_room_with_a_crm(world);
    let first = room.gets(create_deal("Ten tents"));
    // Another id, as frameworks make them on every retry; other letters, as models write them.
    let second = room.gets(create_deal("  ten TENTS "));
    assert_eq!(second.result()["already_existed"], true, "{second:?}");
    assert_eq!(second.result()["deal"], first.result()["deal"]);
    let both = room.gets_all(&[create_deal("Five stoves").id("s1"), create_deal("Five stoves").id("s2")]);
    assert_eq!(both.statuses(), ["succeeded", "succeeded"], "{both:?}");
    assert_eq!(world.crm().deals().iter().filter(|deal| deal["name"] == "Five stoves").count(), 1);
    let wanted = room.gets(calls("create_deal", json!({"name": "Ten tents", "repeat": true})));
    assert!(wanted.result().get("already_existed").is_none(), "{wanted:?}");
    assert_eq!(world.crm().named("deals", "Ten tents").len(), 2);
}

pub fn an_update_waits_for_the_deal_that_is_being_made(world: &mut World) {
    let room = a_room_with_a_crm(world);
    world.crm().has_exactly(&json!({"route": "POST /api/v3.1/deals", "fault": "slow", "ms": 400, "times": 1}));
    let both = room
        .gets_all(&[create_deal("Ten tents").id("c1"), calls("update_deal", json!({"currency": "IDR", "amount": 7})).id("c2")]);
    assert_eq!(both.statuses(), ["succeeded", "succeeded"], "{both:?}");
    let [record] = &world.crm().named("deals", "Ten tents")[..] else { panic!("not one deal") };
    assert_eq!(record["size"].to_string().trim_matches('"').parse::<f64>().unwrap(), 7.0, "{record}");
}

pub fn a_lost_answer_is_looked_up_and_not_repeated(world: &mut World) {
    let room = a_room_with_a_crm(world);
    world.crm().has_once("POST /api/v3.1/deals", "lose_answer");
    let made = room.gets(create_deal("Ten tents").id("c1"));
    assert_eq!(made.only()["status"], "succeeded", "{made:?}");
    assert_eq!(world.crm().named("deals", "Ten tents").len(), 1);
    assert_eq!(world.crm().was_asked("POST", "/deals"), 1);

    world.crm().has_once("POST /api/v3.1/deals", "lose_request");
    let made = room.gets(create_deal("Five stoves").id("c2"));
    assert_eq!(made.only()["status"], "succeeded", "{made:?}");
    assert_eq!(world.crm().named("deals", "Five stoves").len(), 1);
    assert_eq!(room.facts("effect_doubted").len(), 2);
}

pub fn a_process_that_dies_in_mid_request_makes_no_second_deal(world: &mut World) {
    let room = a_room_with_a_crm(world);
    world.crm().holds("POST /api/v3.1/deals");
    // Whoever waits for nothing may hear that nothing was accepted, and asks again.
    let ask = || Some(room.gets_within(0, create_deal("Ten tents").id("c1"))).filter(|asked| asked.http != 503);
    let asked = eventually("the call is accepted", ask);
    assert_eq!(asked.http, 202, "{asked:?}");
    world.crm().is_at_it();
    world.dies();
    // Made when nobody listens any more.
    world.crm().lets_go();
    eventually("the deal is there", || (world.crm().named("deals", "Ten tents").len() == 1).then_some(()));
    world.starts();
    assert_eq!(ends(world, "c1"), "succeeded");
    assert_eq!(world.crm().named("deals", "Ten tents").len(), 1);
    let again = room.gets(create_deal("Ten tents").id("c1"));
    assert!(again.replayed(), "{again:?}");
}

pub fn what_cannot_be_known_is_left_to_a_person(world: &mut World) {
    let room = a_room_with_a_crm(world);
    // Without a field of our own in the CRM, a record of another's making with the same name cannot be told from ours.
    world.is_told_the_token(
        TOKEN,
        &["--per-second", "500", "--per-minute", "30000", "--grace-ms", "200", "--reference-field", "none"],
    );
    world.crm().has_once("POST /api/v3.1/deals", "lose_answer");
    let other = world.a_room("web-2");
    other.gets(calls("create_deal", json!({"name": "Ten tents"})).id("x1"));
    world.crm().has_exactly(&json!({"route": "POST /api/v3.1/deals", "fault": "lose_answer", "times": 2}));
    // Both are on their way before either is made.
    world.crm().holds("POST /api/v3.1/deals");
    let asks = [(&room, "c1"), (&other, "c2")];
    let asks = asks.map(|(room, id)| room.door.begins(room.getting(&[create_deal("Two boats").id(id)])));
    let both = || (world.crm().faults().last()?["hits"].as_u64() == Some(2)).then_some(());
    eventually("both are on their way", both);
    world.crm().lets_go();
    let _ = asks.map(UnderWay::answer);
    let ends: Vec<String> = ["c1", "c2"].iter().map(|id| ends(world, id)).collect();
    let unresolved = ends.iter().position(|status| status == "unresolved");
    let Some(unresolved) = unresolved else { panic!("nothing was left to a person: {ends:?}") };
    let id = ["c1", "c2"][unresolved];
    let dead: Value = world.admin().get("/v1/function-calls?status=unresolved").body;
    assert!(dead["data"].as_array().unwrap().iter().any(|call| call["call_id"] == id), "{dead}");
    assert_eq!(world.crm().named("deals", "Two boats").len(), 2, "each was made once, and none was sent again");
    // An update does not go to another deal meanwhile.
    let update = [&room, &other][unresolved].gets(calls("update_deal", json!({"amount": 1})));
    assert_eq!(update.code(), "waits_for_colleague", "{update:?}");
    // Its room goes on, and a person says how it ended.
    assert_eq!([&room, &other][unresolved].gets(create_deal("Another")).only()["status"], "succeeded");
    let word = json!({"outcome": "succeeded", "reason": "I looked; it is there."});
    let settled = world.admin().send("POST", &format!("/v1/function-calls/{id}/settle"), Some(&word));
    assert_eq!((settled.http, settled.body["status"].as_str()), (200, Some("succeeded")), "{settled:?}");
    let twice = world.admin().send("POST", &format!("/v1/function-calls/{id}/settle"), Some(&word));
    assert_eq!(twice.http, 409, "{twice:?}");
    // They did not say which it is; it is there all the same.
    let again = [&room, &other][unresolved].gets(create_deal("Two boats").id("again"));
    assert_eq!(again.result()["already_existed"], true, "{again:?}");
    assert_eq!(world.crm().named("deals", "Two boats").len(), 2);
}

pub fn names_that_do_not_exist_come_back_with_those_that_do(world: &mut World) {
    let room = a_room_with_a_crm(world);
    for (arguments, code) in [
        (json!({"name": "A", "pipeline": "No such pipeline"}), "unknown_pipeline"),
        (json!({"name": "A", "stage": "No such stage"}), "unknown_stage"),
        (json!({"name": "A", "owner": "Nobody at all"}), "unknown_owner"),
        (json!({"name": "A", "priority": "Whenever"}), "unknown_option"),
        (json!({"name": "A", "custom_fields": [{"field": "No such field", "value": "1"}]}), "unknown_custom_field"),
    ] {
        let answer = room.gets(calls("create_deal", arguments.clone()));
        assert_eq!(answer.code(), code, "{arguments}: {answer:?}");
        let error = &answer.only()["error"];
        let named = |list: &str| error[list].as_array().is_some_and(|list| !list.is_empty());
        assert!(named("candidates") || named("allowed"), "{arguments}: {answer:?}");
        assert_eq!(error["next"], "fix_and_retry", "{answer:?}");
    }
    assert_eq!(world.crm().was_asked("POST", "/deals"), 0);
}

pub fn what_a_stage_requires_is_asked_for_before_anything_is_written(world: &mut World) {
    let room = a_room_with_a_crm(world);
    let answer = room.gets(calls("create_deal", json!({"name": "A", "pipeline": "Sales", "stage": "Proposal"})));
    assert_eq!(answer.code(), "missing_fields", "{answer:?}");
    assert!(!answer.only()["error"]["missing"].as_array().unwrap().is_empty());
    assert_eq!(world.crm().was_asked("POST", "/deals"), 0);
}

pub fn another_customers_deal_is_not_touched(world: &mut World) {
    world.has_a_crm();
    let [room, stranger] = ["web-1", "web-2"].map(|id| world.admin().room(id));
    // Both are known to the CRM: only whose the deal is keeps one from the other's.
    assert_eq!((room.is_with("6281200000001").http, stranger.is_with("6281200000003").http), (201, 201));
    let made = room.gets(create_deal("Ten tents"));
    let id = made.result()["deal"]["id"].to_string().trim_matches('"').to_owned();
    let ticket = room.gets(create_ticket("Cannot log in")).result()["ticket"]["number"].clone();
    stranger.gets(create_deal("Two boats")).result();
    let answer = stranger.gets(calls("update_deal", json!({"deal": id, "amount": 1})));
    assert_eq!(answer.only()["status"], "refused", "{answer:?}");
    let unknown = stranger.gets(calls("update_deal", json!({"deal": "99999999", "amount": 1})));
    assert_eq!(answer.code(), unknown.code(), "a stranger cannot tell another's deal from none");
    let answer = stranger.gets(calls("update_ticket", json!({"ticket": ticket, "stage": "Done"})));
    assert_eq!(answer.code(), "not_this_customers", "{answer:?}");
    assert_eq!(world.crm().was_asked("PUT", &format!("/deals/{id}")), 0);
    assert_eq!(world.crm().was_told("PUT", "/tickets/").len(), 0);
    // Not either when the room becomes the stranger's own: without a name the stranger's own deal is meant.
    assert_eq!(room.is_with("6281200000003").http, 200);
    let answer = room.gets(calls("update_deal", json!({"deal": id, "amount": 1})));
    assert_eq!(answer.code(), "not_this_customers", "{answer:?}");
    let changed = room.gets(calls("update_deal", json!({"amount": 7})));
    assert_eq!(changed.result()["deal"]["name"], "Two boats", "{changed:?}");
    assert_eq!(room.gets(create_deal("Ten tents").id("anew")).result().get("already_existed"), None);
    assert_eq!(world.crm().named("deals", "Ten tents").len(), 2);
}

pub fn a_crm_that_talks_nonsense_harms_no_room(world: &mut World) {
    let room = a_room_with_a_crm(world);
    for (n, fault) in ["status_502_html", "huge", "empty", "wrong_json", "redirect", "status_500_html"].iter().enumerate() {
        world.crm().has_once("POST /api/v3.1/deals", fault);
        let name = format!("Deal {n}");
        let made = room.gets(create_deal(&name).id(&format!("c{n}")));
        assert_eq!(made.only()["status"], "succeeded", "{fault}: {made:?}");
        assert_eq!(world.crm().named("deals", &name).len(), 1, "{fault}");
    }
    world.crm().has_once("POST /api/v3.1/deals", "meta_422_in_200");
    let answer = room.gets(create_deal("Refused inside").id("c9"));
    assert_eq!(answer.only()["status"], "refused", "{answer:?}");
    assert_eq!(world.crm().named("deals", "Refused inside").len(), 0);
}

pub fn a_dark_crm_delays_and_fails_nothing(world: &mut World) {
    world.has_a_crm_with(&[], TOKEN, &["--attempt-timeout-ms", "4000"]);
    let room = world.a_room("web-1");
    world.crm().has("*", "dark", 1.0);
    let asked = room.gets_within(1, create_deal("Ten tents").id("c1"));
    assert_eq!(asked.http, 202, "{asked:?}");
    assert_eq!(asked.only()["status"], "running", "{asked:?}");
    // The room itself is not dark.
    let tagged = room.gets(crate::world::create_tag(&["vip"]));
    assert_eq!(tagged.only()["status"], "succeeded", "{tagged:?}");
    world.crm().is_well_again();
    assert_eq!(ends(world, "c1"), "succeeded");
    assert_eq!(world.crm().named("deals", "Ten tents").len(), 1);
}

pub fn a_refused_token_waits_for_a_new_one(world: &mut World) {
    let room = a_room_with_a_crm(world);
    world.is_told_the_token("a-token-nobody-knows", &["--per-second", "500", "--per-minute", "30000"]);
    let asked = room.gets_within(1, create_deal("Ten tents").id("c1"));
    assert_eq!(asked.http, 202, "{asked:?}");
    eventually("the token is known to be refused", || (world.admin().get("/v1/crm").body["token"] == "refused").then_some(()));
    world.is_told_the_token(TOKEN, &["--per-second", "500", "--per-minute", "30000"]);
    assert_eq!(ends(world, "c1"), "succeeded");
    assert_eq!(world.crm().named("deals", "Ten tents").len(), 1);
}

pub fn without_a_crm_nothing_is_done(world: &mut World) {
    let room = world.a_room("web-1");
    assert_eq!(room.gets(create_deal("Ten tents")).code(), "not_connected");
    assert_eq!(room.version(), 1);
}

pub fn the_token_is_nowhere(world: &mut World) {
    // With all that the libraries below have to say, too.
    world.dies();
    world.starts_with(&[], &["--log", "trace"]);
    let room = a_room_with_a_crm(world);
    world.crm().has("POST /api/v3.1/deals", "unauthorized_once", 1.0);
    room.gets(create_deal("Ten tents"));
    room.gets(create_ticket("Cannot log in"));
    world.crm().has_once("POST /api/v3.1/deals", "lose_answer");
    room.gets(create_deal("Five stoves"));
    world.is_told_the_token("canary-that-nobody-knows", &["--per-second", "500", "--per-minute", "30000"]);
    room.gets_within(1, create_deal("Two boats"));
    world.runs(&["company", "crm", "check", "acme", "--database-url", &world.database().url()]);
    world.runs(&["doctor", "--database-url", &world.database().url()]);
    assert!(world.log().contains("outbound.attempt") && room.timeline().len() > 5, "there is something to look through");
    // Of this story as of every other, all that it leaves is looked through when its world ends (`world::canary`).
}

pub fn each_attempt_is_told_with_the_call_it_is_for(world: &mut World) {
    world.dies();
    world.starts_with(&[], &["--log", "bellhop=debug"]);
    let room = a_room_with_a_crm(world);
    world.crm().has_exactly(&json!({"route": "POST /api/v3.1/deals", "fault": "status_429", "times": 1, "retry_after_s": 0}));
    room.gets(create_deal("Ten tents").id("c1")).result();
    room.gets(create_ticket("Cannot log in").id("c2")).result();
    let log = world.log();
    let told = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let attempts: Vec<Value> = told.filter(|line| line["event"] == "outbound.attempt").collect();
    let spans = |line: &Value, name: &str| -> Value {
        let all = line["spans"].as_array().cloned().unwrap_or_default();
        all.into_iter().find(|span| span["name"] == name).unwrap_or_default()
    };
    let mut writes = vec![];
    for line in &attempts {
        let carry = spans(line, "effect.carry");
        assert!(["c1", "c2"].iter().any(|id| carry["call_id"] == *id), "whose is it? {line}");
        assert_eq!(carry["room"], "web-1", "{line}");
        if line["class"] == "write" {
            let part = spans(line, "effect.part");
            writes.push((carry["call_id"].clone(), part["part"].clone(), part["attempt"].clone(), line["outcome"].clone()));
        }
    }
    let expected = [
        (json!("c1"), json!("deal"), json!(0), json!("not_done")),
        (json!("c1"), json!("deal"), json!(1), json!("success")),
        (json!("c2"), json!("ticket"), json!(0), json!("success")),
    ];
    assert_eq!(writes, expected);
    let metrics = world.admin().get("/metrics").body.to_string().replace("\\\"", "\"");
    for series in [
        "bellhop_outbound_attempts_total{class=\"write\",outcome=\"success\"} 2",
        "bellhop_outbound_attempts_total{class=\"write\",outcome=\"not_done\"} 1",
        "bellhop_outbound_repeats_total{class=\"write\"} 1",
        "bellhop_outbound_throttled_total 1",
        "bellhop_outbound_waiting 0",
        "bellhop_outbound_buckets_slowed 1",
        "bellhop_outbound_wait_duration_seconds_count",
        "bellhop_outbound_attempt_duration_seconds_count{class=\"read\"}",
        "bellhop_effects_settled_total{action=\"create_deal\",status=\"succeeded\"} 1",
    ] {
        assert!(metrics.contains(series), "{series}: {metrics}");
    }
}
