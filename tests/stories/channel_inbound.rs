//! What customers and people do in the channel's own inbox happens in our rooms: once, whatever comes twice or late, also when the
//! process dies between hearing and doing. Who does not know the path tells us nothing.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::world::channel::{RAKA, TARI};
use crate::world::wire::WireAnswer;
use crate::world::{Room, World, assign_to, create_tag, eventually, resolve};

on_both_databases!(
    what_people_do_there_happens_here,
    twice_and_late_ends_as_it_is_there,
    a_webhook_that_was_answered_survives_a_kill,
    only_who_knows_the_path_tells_us_anything,
    somebody_whom_nobody_knows_is_looked_up_there_first,
    what_is_old_moves_nothing_and_is_counted,
);

on_sqlite_alone!(what_cannot_be_understood_does_no_harm, the_path_stays_until_a_new_one_is_asked_for);

const ROOM: &str = "7a000000-0000-4000-8000-000000000001";

/// Webhooks of the story with the kill.
const MANY: usize = 300;

fn control(room: &Room) -> (String, Value) {
    let now = room.now();
    (now["control"].as_str().unwrap_or_default().to_owned(), now["assignee"].clone())
}

fn is_held_by(room: &Room, person: &str) {
    eventually("a person has it", || (control(room) == ("person".into(), json!(person))).then_some(()));
}

fn exists(room: &Room) {
    eventually("the room is made", || (room.door.get(&room.path("")).http == 200).then_some(()));
}

fn words(room: &Room) -> Vec<String> {
    room.facts("message_received").iter().map(|event| event["text"].as_str().unwrap().to_owned()).collect()
}

fn has_heard(room: &Room, many: usize) {
    eventually("it is heard", || (words(room).len() == many).then_some(()));
}

/// A message as the vendor announces it.
fn message(room: &str, id: &str, text: &str, at_ms: usize) -> Value {
    json!({
        "id": id, "type": "text", "room_id": room, "text": text, "participant_type": "customer", "sender_id": "62812",
        "created_at": format!("2026-11-20T10:00:{:02}.{:03}Z", at_ms / 1_000 % 60, at_ms % 1_000), "status": "delivered",
        "room": {"id": room, "channel": "wa_cloud", "account_uniq_id": "62812", "name": "Budi"},
        "webhook_event": "message_interaction", "data_event": "receive_message_from_customer",
    })
}

pub fn what_people_do_there_happens_here(world: &mut World) {
    world.has_a_channel();
    let (there, room) = (world.crm(), world.admin().room(ROOM));
    there.conversation(ROOM, "6281200000001");
    there.customer_says(ROOM, "hello");
    exists(&room);
    has_heard(&room, 1);
    let now = room.now();
    assert_eq!((&now["channel"], &now["customer"]), (&json!("wa_cloud"), &json!({"handle": "6281200000001", "name": "Budi"})));
    let heard = &room.facts("message_received")[0];
    assert_eq!((&heard["by"], &heard["cause_kind"]), (&json!("customer"), &json!("webhook")));

    there.person_says(ROOM, RAKA, "I look into it");
    is_held_by(&room, RAKA);
    let taken = &room.facts("room_taken")[0];
    assert_eq!((&taken["how"], &taken["by"]), (&json!("reply"), &json!(format!("agent:{RAKA}"))));
    let refused = world.ai_agent().room(ROOM).gets(resolve("answered"));
    assert_eq!(refused.code(), "human_in_control", "{refused:?}");

    there.is_given_to(ROOM, TARI);
    is_held_by(&room, TARI);
    there.is_taken_from(ROOM, TARI);
    eventually("it goes back", || (control(&room).0 == "bot").then_some(()));

    there.is_tagged(ROOM, "vip");
    there.is_tagged(ROOM, "urgent");
    eventually("it is tagged", || (room.tags() == ["vip", "urgent"]).then_some(()));
    there.is_untagged(ROOM, "vip");
    eventually("it is untagged", || (room.tags() == ["urgent"]).then_some(()));

    there.is_resolved(ROOM);
    eventually("it is over", || (room.now()["status"] == "resolved").then_some(()));
    let resolved = &room.facts("conversation_resolved")[0];
    assert_eq!((&resolved["reason_code"], &resolved["cause_kind"]), (&json!("resolved_in_channel"), &json!("webhook")));
}

pub fn twice_and_late_ends_as_it_is_there(world: &mut World) {
    world.has_a_channel();
    let there = world.crm();
    for fault in ["duplicate_webhooks", "reorder_webhooks"] {
        there.has_exactly(&json!({"fault": fault, "rate": 0.5}));
    }
    let ids: Vec<String> = (0..8).map(|n| format!("7a000000-0000-4000-8000-{n:012}")).collect();
    for id in &ids {
        there.conversation(id, "6281200000001");
    }
    // Which of two came first that bear the same millisecond, nobody can tell.
    let then = |act: &dyn Fn()| {
        act();
        let done = Instant::now();
        eventually("the next millisecond", || (done.elapsed().as_millis() > 0).then_some(()));
    };
    for turn in 0..3 {
        for id in &ids {
            then(&|| there.customer_says(id, &format!("question {turn}")));
            then(&|| there.is_given_to(id, RAKA));
            then(&|| there.is_given_to(id, TARI));
            then(&|| there.is_tagged(id, &format!("turn-{turn}")));
            then(&|| there.is_taken_from(id, RAKA));
            if turn < 2 {
                then(&|| there.is_taken_from(id, TARI));
                then(&|| there.is_untagged(id, &format!("turn-{turn}")));
            }
        }
    }
    for id in &ids {
        let room = world.admin().room(id);
        exists(&room);
        has_heard(&room, 3);
        is_held_by(&room, TARI);
        eventually("its tags are those there", || (room.tags() == ["turn-2"]).then_some(()));
        room.timeline();
    }
}

pub fn a_webhook_that_was_answered_survives_a_kill(world: &mut World) {
    let path = world.has_a_channel();
    let outside = world.outside();
    let ids: Vec<String> = (0..10).map(|n| format!("7a000000-0000-4000-8000-{n:012}")).collect();
    let body = |n: usize| message(&ids[n % 10], &format!("m{n}"), &format!("word {n}"), n);
    let asks: Vec<_> = (0..MANY)
        .map(|n| {
            let (outside, path, body) = (outside.clone(), path.clone(), body(n));
            world.admin().begins(async move {
                let answer = outside.ask(reqwest::Method::POST, &path, Some(&body), &[]).await;
                answer.is_some_and(|answer| answer.http == 200)
            })
        })
        .collect();
    eventually("some are answered", || (asks.iter().filter(|ask| ask.is_answered()).count() > MANY / 5).then_some(()));
    world.dies_and_comes_back();
    let kept: Vec<usize> = asks.into_iter().enumerate().filter_map(|(n, ask)| ask.answer().then_some(n)).collect();
    assert!(kept.len() > MANY / 5, "{}", kept.len());
    let rooms: Vec<Room> = ids.iter().map(|id| world.admin().room(id)).collect();
    for n in kept {
        exists(&rooms[n % 10]);
        let is_there = || words(&rooms[n % 10]).contains(&format!("word {n}")).then_some(());
        eventually("what was answered is there", is_there);
    }
    // The vendor says it all again, in whatever order: what is known is not heard twice.
    for n in (0..MANY).rev() {
        assert_eq!(outside.send("POST", &path, Some(&body(n))).http, 200);
    }
    assert_eq!(outside.send("POST", &path, Some(&body(0))).body["new"], false);
    rooms.iter().for_each(|room| has_heard(room, MANY / 10));
}

pub fn only_who_knows_the_path_tells_us_anything(world: &mut World) {
    let path = world.has_a_channel();
    let outside = world.outside();
    let without_id = |mut body: Value| {
        body.as_object_mut().unwrap().remove("request_id");
        body
    };
    let body = message(ROOM, "m1", "let me in", 1);
    let nowhere = without_id(outside.send("POST", "/v1/nothing/of/that", Some(&body)).body);
    let (front, secret) = path.rsplit_once('/').unwrap();
    for wrong in [
        format!("{front}/{}", "a".repeat(secret.len())),
        format!("{path}a"),
        format!("{front}/{}", &secret[1..]),
        format!("{front}/{}", "x".repeat(4_000)),
        path.replace("qontak", "embedded"),
        path.replace("qontak", "whatsapp"),
    ] {
        let answer = outside.send("POST", &wrong, Some(&body));
        assert_eq!((answer.http, without_id(answer.body)), (404, nowhere.clone()), "{wrong}");
    }
    assert_eq!(outside.get(&path).http, 404, "this channel asks for no handshake");

    // Another company's path makes another company's room, whatever stands in the body.
    let acme = world.a_room(ROOM);
    let version = acme.version();
    world.a_company("globex");
    let theirs = world.is_told_the_channel("globex", &[]);
    assert_ne!(theirs, path);
    assert_eq!(outside.send("POST", &theirs, Some(&body)).http, 200);
    let globex = world.caller(&world.a_key("globex", "admin").0).room(ROOM);
    exists(&globex);
    has_heard(&globex, 1);
    assert_eq!(acme.version(), version);
    // Who is cleared is not heard any more.
    world.command(&["company", "channel", "clear", "globex"]);
    eventually("it ends", || (outside.send("POST", &theirs, Some(&body)).http == 404).then_some(()));
}

pub fn somebody_whom_nobody_knows_is_looked_up_there_first(world: &mut World) {
    let path = world.has_a_channel();
    let there = world.crm();
    let ana = world.admin().an_agent("Ana", 5, &[]);
    there.conversation(ROOM, "6281200000001");
    there.customer_says(ROOM, "hello");
    let room = world.admin().room(ROOM);
    exists(&room);
    // Since we last read who is there, somebody came; the webhook names her by her id there alone.
    let hired = there.hires("Ana There", "ANA@acme.example");
    let asked = there.was_asked("GET", "/users");
    let outside = world.outside();
    let assigned = |room: &str, person: &str, ms: usize| {
        let at = (jiff::Timestamp::now() + Duration::from_millis(ms as u64)).to_string();
        json!({"room_id": room, "agent_id": person, "data_event": "assigned", "created_at": at})
    };
    assert_eq!(outside.send("POST", &path, Some(&assigned(ROOM, &hired, 0))).http, 200);
    is_held_by(&room, &ana);
    assert_eq!(there.was_asked("GET", "/users"), asked + 1);
    // Whoever is nobody there either is who they say; and their many do not have everybody read each time.
    for n in 0..20 {
        assert_eq!(outside.send("POST", &path, Some(&assigned(ROOM, &format!("nobody-{n}"), n + 1))).http, 200);
    }
    is_held_by(&room, "nobody-19");
    assert!(there.was_asked("GET", "/users") <= asked + 3, "{}", there.was_asked("GET", "/users"));
    // Somebody whom a model names is looked for among those who are there now.
    there.hires("Putri Baru", "putri@standin.example");
    assert_eq!(room.door.send("POST", &room.path("/return"), Some(&json!({}))).http, 200);
    let given = world.ai_agent().room(ROOM).gets(assign_to("Putri Baru"));
    assert_eq!(given.result()["agent"]["name"], "Putri Baru", "{given:?}");
}

pub fn what_cannot_be_understood_does_no_harm(world: &mut World) {
    let path = world.has_a_channel();
    let outside = world.outside();
    let post = |bytes: &[u8]| {
        let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", bytes.len());
        let mut wire = world.wire();
        // Who is refused in the middle of a body may find the line closed.
        let _ = wire.send(&[head.as_bytes(), bytes].concat());
        let said = |answer: WireAnswer| (answer.status, answer.json()["code"].as_str().unwrap_or_default().to_owned());
        wire.receive().map_or((413, "payload_too_large".to_owned()), said)
    };
    assert_eq!(post(&vec![b' '; 10 * 1024 * 1024]), (413, "payload_too_large".into()));
    for wrong in [&b""[..], b"hello", b"[]", b"{\"a\":", b"\xff\xfe", b"{} {}"] {
        assert_eq!(post(wrong), (400, "malformed_json".into()), "{}", String::from_utf8_lossy(wrong));
    }
    assert_eq!(post("[".repeat(100_000).as_bytes()), (400, "malformed_json".into()));
    assert_eq!(outside.send("POST", &format!("{path}x"), Some(&json!({}))).body["code"], "not_found");
    let room = world.admin().room(ROOM);
    let strange = [
        json!({"data_event": "moon_landing", "room_id": ROOM}),
        json!({"data_event": "assigned", "room_id": ROOM, "agent_id": RAKA}),
        json!({"data_event": "room_resolved", "id": "another", "updated_at": "yesterday"}),
        json!({"data_event": "receive_message_from_customer", "id": "m0", "room_id": "two words", "text": "x"}),
        json!({"data_event": "room_updated", "id": ROOM, "tags": ["", "\u{0}", "x".repeat(5_000)], "updated_at": "2026-11-20T10:00:00Z"}),
        json!({"data_event": "status_message", "id": "m9", "room_id": ROOM, "status": "failed"}),
    ];
    for body in &strange {
        assert_eq!(outside.send("POST", &path, Some(body)).http, 200, "{body}");
    }
    let mut odd = message(ROOM, "m1", "hello", 1);
    odd["unheard_of"] = json!({"deep": [{"er": 1}]});
    assert_eq!(outside.send("POST", &path, Some(&odd)).http, 200);
    exists(&room);
    has_heard(&room, 1);
    // What was said of it before anything made it counts from now on.
    is_held_by(&room, RAKA);
    assert_eq!((room.tags().len(), room.now()["status"].as_str()), (0, Some("open")));
    // A person's old words, told again long after: kept, and nothing moves.
    let mut old = message(ROOM, "m0", "I was here before", 0);
    (old["participant_type"], old["sender_id"], old["created_at"]) = (json!("bot"), json!("bot"), json!("2020-01-01T00:00:00Z"));
    assert_eq!(outside.send("POST", &path, Some(&old)).http, 200);
    has_heard(&room, 2);
    assert_eq!(room.now()["status"], "open", "as if it had been said before");
    let metrics = outside.get("/metrics").body.to_string();
    for counted in [
        "webhooks_total{kind=\\\"unknown",
        "webhooks_total{kind=\\\"assigned",
        "webhooks_total{kind=\\\"status",
        "webhooks_total{kind=\\\"about_no_room",
        "webhooks_refused_total{code=\\\"unknown_room",
        "problems_total{code=\\\"malformed_json",
        "problems_total{code=\\\"payload_too_large",
        "problems_total{code=\\\"not_found",
    ] {
        assert!(metrics.contains(counted), "{counted} is counted: {metrics}");
    }
    world.ai_agent().room(ROOM).gets_within(2, create_tag(&["alive"]));
    assert!(world.still_runs());
}

pub fn what_is_old_moves_nothing_and_is_counted(world: &mut World) {
    let path = world.has_a_channel();
    let (outside, room) = (world.outside(), world.admin().room(ROOM));
    let at = |minutes: u64| (jiff::Timestamp::now() - Duration::from_secs(3_600) + Duration::from_secs(60 * minutes)).to_string();
    let tells = |body: &Value| assert_eq!(outside.send("POST", &path, Some(body)).http, 200, "{body}");
    let says = |id: &str, participant: &str, who: &str, minutes: u64| {
        let mut body = message(ROOM, id, id, 0);
        (body["participant_type"], body["sender_id"]) = (json!(participant), json!(who));
        body["created_at"] = json!(at(minutes));
        body
    };
    let person = |of: &str, who: &str, minutes: u64| json!({"data_event": of, "room_id": ROOM, "agent_id": who, "created_at": at(minutes)});
    let event = |of: &str, tags: &[&str], minutes: u64| json!({"data_event": of, "id": ROOM, "tags": tags, "updated_at": at(minutes), "resolved_at": at(minutes)});
    tells(&says("m1", "customer", "62812", 10));
    exists(&room);
    tells(&person("assigned", RAKA, 11));
    tells(&person("unassigned", RAKA, 12));
    tells(&event("room_updated", &["vip"], 13));
    eventually("it is tagged", || (room.tags() == ["vip"]).then_some(()));
    let before = room.now();
    assert_eq!((&before["control"], &before["status"]), (&json!("bot"), &json!("open")));

    // All of it was so, before what is known already.
    for old in [
        person("assigned", RAKA, 9),
        person("unassigned", RAKA, 10),
        event("room_resolved", &[], 9),
        event("room_updated", &["vip", "urgent"], 12),
        says("m0", "customer", "62812", 5),
    ] {
        tells(&old);
    }
    has_heard(&room, 2);
    let heard = || (world.admin().get("/v1/channel").body["webhooks_waiting"] == 0).then_some(());
    eventually("all of it is heard", heard);
    let after = room.now();
    for same in ["control", "assignee", "status", "epoch", "episode"] {
        assert_eq!(after[same], before[same], "{same}");
    }
    assert_eq!(room.tags(), ["vip"]);
    assert_eq!(room.facts("message_received").iter().filter(|event| event["late"] == true).count(), 1);
    let metrics = outside.get("/metrics").body.to_string();
    for kind in ["assigned", "unassigned", "resolved", "updated", "message_from_customer"] {
        assert!(metrics.contains(&format!("webhooks_total{{kind=\\\"{kind}")), "{kind} is counted");
    }
}

pub fn the_path_stays_until_a_new_one_is_asked_for(world: &mut World) {
    let path = world.has_a_channel();
    assert_eq!(world.is_told_the_channel("acme", &[]), path);
    let shown = world.command(&["company", "channel", "show", "acme"]);
    assert!(shown["webhook_url"].as_str().unwrap().ends_with(&path));
    assert_eq!((&shown["token"], &shown["bot_token"]), (&json!("sealed"), &json!("sealed")));
    let new = world.is_told_the_channel("acme", &["--new-secret"]);
    assert_ne!(new, path);
    eventually("the old one ends", || (world.outside().send("POST", &path, Some(&json!({}))).http == 404).then_some(()));
    // Nowhere but in the answer to who set it.
    let secret = new.rsplit_once('/').unwrap().1;
    assert!(secret.len() >= 32 && !world.log().contains(secret));
}
