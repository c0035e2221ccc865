//! Real traffic, told twice: the second time changes nothing, and every room holds what the file says in the file's order. The
//! conversations are this repository's own, in the shape of what a real model produced: tool-call ids used again with other
//! arguments, and tools that nobody offers. `BELLHOP_REPLAY_FILE` names another file.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::world::World;
use crate::world::conversation::{Conversation, conversations, left_in};
use crate::world::crm::TOKEN;

on_both_databases!(
    the_second_replay_changes_nothing,
    what_conversations_wish_for_is_in_the_crm_once,
    what_conversations_do_comes_to_the_channel_in_their_order,
);

on_sqlite_alone!(what_the_standin_has_forgotten_is_not_compared);

const OWN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/conversations.jsonl");

pub fn the_second_replay_changes_nothing(world: &mut World) {
    let file = std::env::var("BELLHOP_REPLAY_FILE").unwrap_or_else(|_| OWN.into());
    let conversations = conversations(&file);
    let first_time = replays(world, &file, &["--set-up"]);
    assert_eq!(first_time["replayed"], 0, "{first_time}");
    let first: Vec<_> = conversations.iter().map(|one| seen(world, one)).collect();

    world.dies_and_comes_back();
    let second_time = replays(world, &file, &[]);
    for same in ["conversations", "messages", "calls", "results", "results_by_status", "results_by_code", "results_by_action"] {
        assert_eq!(first_time[same], second_time[same], "{same}");
    }
    let second: Vec<_> = conversations.iter().map(|one| seen(world, one)).collect();
    assert_eq!(first, second, "no version moves, no timeline grows");

    let (mut messages, mut replayed, mut at_the_door, mut events) = (0, 0, 0, 0);
    for (conversation, (version, timeline)) in conversations.iter().zip(&first) {
        let again = conversation.asked_again(&world.admin().room(&conversation.room_id));
        assert_eq!(left_in(timeline), again.left, "in the file's order: {}", conversation.room_id);
        assert_eq!(*version, timeline.len() as i64, "a version is its last event's number");
        tags_were_added(timeline, conversation);
        messages += again.left.len() - again.replayed;
        replayed += again.replayed;
        at_the_door += again.at_the_door;
        events += timeline.len();
    }
    assert_eq!(second_time["replayed"], replayed, "every call that reached its room says so: {second_time}");
    assert_eq!(second_time["calls"], replayed + at_the_door, "{second_time}");
    assert_eq!(second_time["messages"], messages, "{second_time}");
    let third: Vec<_> = conversations.iter().map(|one| seen(world, one)).collect();
    assert_eq!(first, third, "asking again changes nothing either");
    eprintln!(
        "{} rooms, {messages} messages, {replayed} calls in their rooms, {at_the_door} at the door, {events} events",
        first.len()
    );
}

/// With a CRM behind it that loses an answer, and a server that says of every call for it "still running".
pub fn what_conversations_wish_for_is_in_the_crm_once(world: &mut World) {
    let file = std::env::var("BELLHOP_REPLAY_FILE").unwrap_or_else(|_| OWN.into());
    let conversations = conversations(&file);
    world.has_a_crm_with(&[], TOKEN, &["--create-contacts"]);
    world.crm().has_once("POST /api/v3.1/deals", "lose_answer");
    let first_time = replays(world, &file, &["--set-up", "--wait-s", "0"]);
    assert!(first_time["waited_for"].as_u64().unwrap() > 0, "\"still running\" is not a result: {first_time}");
    assert_eq!(first_time["results_by_status"].get("running"), None, "{first_time}");

    let told = Told::of(world, &conversations);
    assert_eq!(told.records.len(), told.wishes.len(), "one record for every wish: {:?}", told.wishes);
    let there = |world: &World| [("deal", world.crm().deals()), ("ticket", world.crm().tickets())];
    let book = there(world);
    let rows = || book.iter().flat_map(|(kind, rows)| rows.iter().map(move |row| (kind, row)));
    let ids: Vec<String> = rows().map(|(kind, row)| format!("{kind} {}", row["id"])).collect();
    assert_eq!(ids.len(), told.records.len(), "{ids:?}");
    assert_eq!(ids.into_iter().collect::<BTreeSet<_>>(), told.records, "what the calls were told is what is there");
    let has_contact = |row: &Value| row["crm_lead_ids"].as_array().is_some_and(|ids| ids.iter().any(|id| *id != json!(0)));
    let linked = rows().filter(|(_, row)| has_contact(row)).count();
    assert_eq!((linked, told.warned), (told.records.len(), 0), "each is linked with the customer");
    let contacts = |world: &World| world.crm().records("contacts");
    let made = contacts(world);
    let names: BTreeSet<String> = made.iter().map(|one| format!("{} {}", one["first_name"], one["last_name"])).collect();
    assert_eq!(made.len(), names.len(), "no customer has two contacts: {names:?}");
    world.crm().knew_every_key();

    world.dies_and_comes_back();
    let second_time = replays(world, &file, &["--wait-s", "0"]);
    for same in ["calls", "results", "results_by_status", "results_by_code", "results_by_action"] {
        assert_eq!(first_time[same], second_time[same], "{same}");
    }
    assert_eq!(second_time["waited_for"], 0, "{second_time}");
    assert_eq!(there(world), book, "the second replay adds and changes nothing");
    assert_eq!(contacts(world), made);
    let [deals, tickets] = book.each_ref().map(|(_, rows)| rows.len());
    eprintln!("{first_time}\n{deals} deals, {tickets} tickets, {linked} linked, {} with a warning", told.warned);
}

/// Tags, assignments and resolves at the stand-in's chat, told by the command and seen by ourselves.
pub fn what_conversations_do_comes_to_the_channel_in_their_order(world: &mut World) {
    let file = std::env::var("BELLHOP_REPLAY_FILE").unwrap_or_else(|_| OWN.into());
    world.has_a_channel_with(&[], &["--create-contacts"], &[]);
    // Where the company's channel is, the server says.
    let first_time = replays(world, &file, &["--set-up"]);
    let came = &first_time["at_the_standin"];
    for some in ["tags", "assignments", "resolutions", "deals", "tickets"] {
        assert!(came[some].as_u64() > Some(0), "{some}: {first_time}");
    }
    assert_eq!((&came["out_of_order"], &came["unlinked"]), (&json!([]), &json!(0)), "{first_time}");

    let seen = |world: &World| -> Vec<(Vec<String>, i64)> {
        let rooms = world.crm().records("rooms");
        let seen = |room: &Value| {
            let (id, here) = (room["id"].as_str().unwrap(), world.admin().room(room["id"].as_str().unwrap()));
            let (there, timeline) = (writes(world, id), here.timeline());
            assert_eq!(there, deeds(&timeline), "in the room's order: {id}");
            (there, here.version())
        };
        rooms.iter().map(seen).collect()
    };
    // What the channel tells us of it itself comes to its end first.
    world.has_heard_all();
    let (first, book) = (seen(world), [world.crm().deals(), world.crm().tickets()]);
    assert_eq!(first.len() as u64, first_time["conversations"].as_u64().unwrap());

    world.dies_and_comes_back();
    let standin = format!("http://127.0.0.1:{}", world.crm().port);
    let second_time = replays(world, &file, &["--standin", &standin, "--set-up"]);
    assert_eq!(*came, second_time["at_the_standin"]);
    assert_eq!((seen(world), [world.crm().deals(), world.crm().tickets()]), (first, book), "a second replay adds nothing");
    eprintln!("{came}");
}

pub fn what_the_standin_has_forgotten_is_not_compared(world: &mut World) {
    let some = std::fs::read_to_string(OWN).unwrap().lines().take(4).collect::<Vec<_>>().join("\n");
    let file = world.folder().join("some.jsonl");
    std::fs::write(&file, some).unwrap();
    world.has_a_channel_with(&["--journal-entries", "3"], &["--create-contacts"], &[]);
    let url = format!("http://127.0.0.1:{}", world.port);
    let words = ["replay", file.to_str().unwrap(), "--url", &url, "--key", &world.admin_key, "--set-up"];
    let ended = world.runs(&[&words[..], &["--json"]].concat());
    let came = &ended.json()["at_the_standin"];
    assert_eq!((ended.code, &came["out_of_order"], &came["not_compared"]), (Some(1), &json!([]), &json!(4)), "{ended:?}");
    assert!(came["journal_dropped"].as_u64() > Some(10), "{came}");
    assert!(ended.complained.contains("could not be compared"), "{ended:?}");
    let told = world.runs(&words);
    assert!(told.said.contains("not compared   4 rooms"), "{told:?}");
}

/// What was done to a room there, in order.
fn writes(world: &World, room: &str) -> Vec<String> {
    let lines = world.crm().journal_of(&format!("path=rooms/{room}"));
    let done = lines.iter().filter(|line| line["status"].as_u64().is_some_and(|status| status < 300));
    let deed = |line: &Value| match (line["method"].as_str()?, line["path"].as_str()?.split(room).nth(1)?) {
        ("POST", "/tags") => Some(format!("tag {}", line["body"]["tag"].as_str()?)),
        ("POST", _) => Some("assign".to_owned()),
        ("PUT", "/resolve") => Some("resolve".to_owned()),
        _ => None,
    };
    done.filter_map(deed).collect()
}

/// What the room's journal says came about. That it is over there may be told only once the customer, whose words the replay says to
/// us alone, has opened it again here: then it ends a second time, by no deed of ours.
fn deeds(timeline: &[Value]) -> Vec<String> {
    let deed = |event: &Value| match event["type"].as_str().unwrap() {
        "tags_added" => event["tags"].as_array().unwrap().iter().map(|tag| format!("tag {}", tag.as_str().unwrap())).collect(),
        "agent_assigned" => vec!["assign".to_owned()],
        "conversation_resolved" if event["reason_code"] != "resolved_in_channel" => vec!["resolve".to_owned()],
        _ => vec![],
    };
    timeline.iter().flat_map(deed).collect()
}

/// What the calls of conversations were told about deals and tickets.
#[derive(Default)]
struct Told {
    /// Kind and id of every record.
    records: BTreeSet<String>,
    /// Room, kind and name of every record that was asked for.
    wishes: BTreeSet<(String, String, String)>,
    /// Records that are not linked with their customer, and said so.
    warned: usize,
}

impl Told {
    fn of(world: &World, conversations: &[Conversation]) -> Self {
        let mut told = Self::default();
        for room in conversations.iter().map(|conversation| &conversation.room_id) {
            let answer = world.admin().get(&format!("/v1/function-calls?room_id={room}&limit=200"));
            assert_eq!((answer.http, &answer.body["page"]["next"]), (200, &Value::Null), "{answer:?}");
            for call in answer.body["data"].as_array().unwrap() {
                let Some(kind) = call["name"].as_str().and_then(|name| name.strip_prefix("create_")) else { continue };
                let record = &call["result"][kind];
                let (Some(id), Some(name)) = (record["id"].as_str(), record["name"].as_str()) else { continue };
                assert_eq!(call["status"], "succeeded", "{call}");
                told.wishes.insert((room.clone(), kind.to_owned(), name.trim().to_lowercase()));
                if told.records.insert(format!("{kind} {id}")) {
                    told.warned += usize::from(call["result"]["warnings"].to_string().contains("contact"));
                }
            }
        }
        told
    }
}

/// What `replay` counted.
fn replays(world: &World, file: &str, more: &[&str]) -> Value {
    let url = format!("http://127.0.0.1:{}", world.port);
    let ended = world.runs(&[&["replay", file, "--url", &url, "--key", &world.admin_key, "--json"], more].concat());
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let tally = ended.json();
    assert_eq!((&tally["calls"], &tally["missing_results"]), (&tally["results"], &0.into()), "one result each: {tally}");
    tally
}

/// Version and timeline of a conversation's room.
fn seen(world: &World, conversation: &Conversation) -> (i64, Vec<Value>) {
    let room = world.admin().room(&conversation.room_id);
    let mut timeline = room.timeline();
    // A link is made anew at each reading.
    timeline.iter_mut().filter_map(Value::as_object_mut).for_each(|event| drop(event.remove("link")));
    (room.version(), timeline)
}

/// The timeline has the tags the model set, each where it was first named.
fn tags_were_added(timeline: &[Value], conversation: &Conversation) {
    let mut wanted: Vec<String> = vec![];
    for call in conversation.messages.iter().flat_map(Conversation::calls) {
        if call["function"]["name"] != "create_tag" {
            continue;
        }
        let arguments: Value = serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).unwrap();
        for tag in arguments["tags"].as_array().unwrap() {
            if !wanted.iter().any(|known| known == tag) {
                wanted.push(tag.as_str().unwrap().to_owned());
            }
        }
    }
    let added: Vec<&str> = timeline
        .iter()
        .filter(|event| event["type"] == "tags_added")
        .flat_map(|event| event["tags"].as_array().unwrap().iter().filter_map(Value::as_str))
        .collect();
    assert_eq!(added, wanted, "{}", conversation.room_id);
}
