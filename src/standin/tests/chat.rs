//! The chat.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::{Said, Standin, standin};

const ROOM: &str = "0190a000-0000-7000-8000-000000000042";

fn with_room() -> Standin {
    let chat = standin();
    chat.control("POST", "rooms", json!({"id": ROOM, "channel": "wa_cloud", "customer": "6281200000001"}));
    chat
}

/// Everything that is sent to its address, until the test ends.
fn receiver() -> (String, Arc<Mutex<Vec<Value>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let heard = Arc::new(Mutex::new(vec![]));
    let into = heard.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, into) = (stream.unwrap(), into.clone());
            std::thread::spawn(move || {
                let (mut bytes, mut some) = (vec![], [0; 4096]);
                loop {
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    if let Some((head, body)) = text.split_once("\r\n\r\n") {
                        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap();
                        if body.len() >= length.parse::<usize>().unwrap() {
                            into.lock().unwrap().push(serde_json::from_str(body).unwrap());
                            break;
                        }
                    }
                    let read = stream.read(&mut some).unwrap();
                    bytes.extend_from_slice(&some[..read]);
                }
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
            });
        }
    });
    (url, heard)
}

fn form(chat: &Standin, token: &str, target: &str, fields: &[(&str, &str)], file: Option<(&str, &str, &[u8])>) -> Said {
    let mut body = vec![];
    for (name, value) in fields {
        body.extend(format!("--xyz\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").into_bytes());
    }
    if let Some((name, mime, bytes)) = file {
        let head = format!(
            "--xyz\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: {mime}\r\n\r\n"
        );
        body.extend([head.as_bytes(), bytes, b"\r\n"].concat());
    }
    body.extend(b"--xyz--\r\n");
    let authorization = format!("Bearer {token}");
    let heads = [("Authorization", authorization.as_str()), ("Content-Type", "multipart/form-data; boundary=xyz")];
    chat.raw(&Standin::bytes("POST", target, &heads, &body)).unwrap()
}

#[test]
fn people_come_and_go() {
    let chat = with_room();
    let path = format!("rooms/{ROOM}");
    let all = chat.chat("GET", &format!("{path}/agents/assignable?limit=50"), Value::Null).json();
    assert_eq!((&all["status"], &all["meta"]["pagination"]["total"]), (&json!("success"), &json!(5)));
    let (first, second) = (all["data"][1]["id"].as_str().unwrap(), all["data"][2]["id"].as_str().unwrap());
    let said = chat.chat("POST", &format!("{path}/agents/{first}"), Value::Null);
    assert_eq!(
        (said.status, &said.data()["contact_able_id"], &said.data()["active_status"]),
        (201, &json!(first), &json!("active"))
    );
    assert_eq!(chat.chat("POST", &format!("{path}/agents/{first}"), Value::Null).status, 422);
    chat.chat("POST", &format!("{path}/agents/{second}"), Value::Null);
    let room = chat.chat("GET", &path, Value::Null).data();
    assert_eq!((&room["status"], &room["agent_ids"]), (&json!("assigned"), &json!([first, second])));
    assert_eq!(chat.chat("POST", &format!("{path}/takeover"), Value::Null).status, 422);
    let nobody = chat.chat("POST", &format!("{path}/agents/00000000-0000-4000-8000-000000000000"), Value::Null);
    assert_eq!((nobody.status, &nobody.json()["error"]["code"]), (422, &json!(422)));
    for agent in [first, second] {
        assert_eq!(chat.chat("DELETE", &format!("{path}/agents/{agent}"), Value::Null).data()["status"], "success");
    }
    assert_eq!(chat.chat("DELETE", &format!("{path}/agents/{first}"), Value::Null).status, 422);
    let said = chat.chat("POST", &format!("{path}/assign_round_robin"), Value::Null);
    assert_eq!((said.status, said.data().get("profile")), (201, None));
    chat.control("PUT", "knobs", json!({"allocation_active": false}));
    assert_eq!(chat.chat("POST", &format!("{path}/assign_round_robin"), Value::Null).status, 422);
    assert_eq!(chat.chat("GET", "rooms/none", Value::Null).json()["error"]["messages"], json!(["Resource not found."]));
}

#[test]
fn tags_are_one_per_call_and_once() {
    let chat = with_room();
    let path = format!("rooms/{ROOM}/tags");
    let said = chat.chat("POST", &path, json!({"tag": " vip "}));
    assert_eq!((said.status, &said.data()["tags"]), (201, &json!(["vip"])));
    assert_eq!(chat.chat("POST", &path, json!({"tag": "VIP"})).data()["tags"], json!(["vip"]));
    assert_eq!(
        form(&chat, "chat-token", &format!("/api/open/v1/{path}"), &[("tag", "new")], None).data()["tags"],
        json!(["vip", "new"])
    );
    assert_eq!(chat.chat("POST", &path, json!({"tags": ["x"]})).status, 422);
    assert_eq!(chat.journal().last().unwrap()["unknown_keys"], json!(["tags"]));
    assert_eq!(chat.chat("POST", &path, json!({"tag": "x".repeat(51)})).status, 422);
    assert_eq!(chat.chat("DELETE", &format!("{path}?tag=Vip"), Value::Null).data()["tags"], json!(["new"]));
    assert_eq!(chat.chat("DELETE", &path, json!({"tag": "new"})).data()["tags"], json!([]));
}

#[test]
fn resolving_takes_its_time() {
    let chat = with_room();
    let path = format!("rooms/{ROOM}");
    let status = || chat.chat("GET", &path, Value::Null).data()["status"].clone();
    assert_eq!(chat.chat("PUT", &format!("{path}/resolve"), Value::Null).status, 200);
    assert_eq!(status(), "unassigned");
    chat.eventually(|| status() == "resolved");
    assert_eq!(chat.chat("PUT", &format!("{path}/resolve"), Value::Null).status, 200);
    chat.control("PUT", "knobs", json!({"resolve_twice_is_wrong": true}));
    assert_eq!(chat.chat("PUT", &format!("{path}/resolve"), Value::Null).status, 422);
    let agent = chat.chat("GET", "users?role=agent", Value::Null).data()[0]["id"].clone();
    assert_eq!(chat.chat("POST", &format!("{path}/agents/{}", agent.as_str().unwrap()), Value::Null).status, 422);
    // The customer writes again: a new room.
    let said = chat.control("POST", "say", json!({"room_id": ROOM, "from": "customer", "text": "hello?"})).data();
    assert!(said["room_id"] != ROOM && chat.records("rooms").len() == 2);
}

#[test]
fn the_very_file_arrives() {
    let chat = with_room();
    let target = "/api/open/v1/messages/whatsapp/bot";
    let png = b"\x89PNG\r\n\x1a\n--xyz not a boundary\x00\xff";
    let fields = [("room_id", ROOM), ("type", "image")];
    let said = form(&chat, "bot-token", target, &fields, Some(("a b.png", "image/png", png)));
    assert_eq!((said.status, &said.data()["status"], &said.data()["text"]), (201, &json!("created"), &Value::Null));
    let kept = chat.records("messages")[0].clone();
    let sha256 = data_encoding::HEXLOWER.encode(&<sha2::Sha256 as sha2::Digest>::digest(png));
    assert_eq!((&kept["room_id"], &kept["type"], &kept["participant_type"]), (&json!(ROOM), &json!("image"), &json!("bot")));
    let file = json!({"filename": kept["file"]["filename"], "size": kept["file"]["size"], "sha256": kept["file"]["sha256"]});
    assert_eq!(file, json!({"filename": "a b.png", "size": png.len(), "sha256": sha256}));
    assert_eq!(chat.journal()[0]["body"]["multipart"][2]["sha256"], sha256);
    let refused = |token: &str, fields: &[(&str, &str)], file| form(&chat, token, target, fields, file).status;
    let too_large = vec![0; 5 * 1024 * 1024 + 1];
    assert_eq!(refused("chat-token", &fields, Some(("a.png", "image/png", png))), 403);
    assert_eq!(refused("crm-token", &fields, Some(("a.png", "image/png", png))), 401);
    assert_eq!(refused("bot-token", &fields, None), 422);
    assert_eq!(refused("bot-token", &fields, Some(("a.pdf", "application/pdf", png))), 422);
    assert_eq!(refused("bot-token", &fields, Some(("a.png", "image/png", &too_large))), 422);
    assert_eq!(refused("bot-token", &[("room_id", ROOM), ("type", "text"), ("text", "hi")], None), 201);
    assert_eq!(chat.ask("bot-token", "GET", "/api/open/v1/rooms", &Value::Null).unwrap().status, 403);
    assert_eq!(chat.records("messages").len(), 2);
    let uploaded = form(&chat, "chat-token", "/api/open/v1/file_uploader", &[], Some(("a.txt", "text/plain", b"abc")));
    assert_eq!((uploaded.status, &uploaded.data()["filename"]), (201, &json!("a.txt")));
}

#[test]
fn nothing_is_sent_outside_the_day_or_into_a_resolved_room() {
    let chat = standin();
    let open = |seconds: i64, channel: &str| {
        let room =
            chat.control("POST", "rooms", json!({"customer": "62812", "channel": channel, "session_ago_s": seconds})).data();
        room["id"].as_str().unwrap().to_owned()
    };
    let send = |room: &str| {
        let body = json!({"room_id": room, "type": "text", "text": "hi"});
        chat.ask("bot-token", "POST", "/api/open/v1/messages/whatsapp/bot", &body).unwrap().status
    };
    let late = open(86_401, "wa_cloud");
    assert_eq!((send(&open(86_000, "wa")), send(&late), send(&open(0, "ig"))), (201, 422, 422));
    chat.control("PUT", "knobs", json!({"late_window_failure": true, "resolve_delay_ms": 0}));
    assert_eq!(send(&late), 201);
    assert_eq!(chat.records("messages").last().unwrap()["status"], "failed");
    let done = open(0, "wa");
    chat.chat("PUT", &format!("rooms/{done}/resolve"), Value::Null);
    chat.eventually(|| send(&done) == 422);
}

#[test]
fn what_happens_is_told() {
    let chat = with_room();
    let (url, heard) = receiver();
    let events =
        || heard.lock().unwrap().iter().map(|event| event["data_event"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    let messages =
        json!({"receive_message_from_agent": true, "receive_message_from_customer": true, "status_message": true, "url": url});
    assert_eq!(chat.chat("PUT", "message_interactions", messages).status, 200);
    assert_eq!(chat.chat("PUT", "room_interactions", json!({"room_resolved": true, "url": url})).status, 200);
    assert_eq!(chat.chat("PUT", "room_interactions", json!({"room_resolved": true})).status, 422);
    chat.control("POST", "say", json!({"room_id": ROOM, "from": "customer", "text": "hello"}));
    chat.eventually(|| events() == ["receive_message_from_customer"]);
    let first = heard.lock().unwrap()[0].clone();
    assert_eq!(
        (&first["room_id"], &first["text"], &first["participant_type"]),
        (&json!(ROOM), &json!("hello"), &json!("customer"))
    );
    let body = json!({"room_id": ROOM, "type": "text", "text": "hi", "local_id": "mine"});
    assert_eq!(chat.chat("POST", "messages/whatsapp", body).data()["local_id"], "mine");
    chat.eventually(|| events()[1..] == ["receive_message_from_agent", "status_message", "status_message"]);
    assert_eq!(heard.lock().unwrap()[3]["status"], "delivered");
    heard.lock().unwrap().clear();
    chat.fault(json!({"fault": "duplicate_webhooks", "times": 1}));
    chat.fault(json!({"fault": "reorder_webhooks", "route": "WEBHOOK receive_message_from_customer", "times": 1}));
    chat.control("POST", "say", json!({"room_id": ROOM, "from": "customer", "text": "first"}));
    chat.control("POST", "say", json!({"room_id": ROOM, "from": "agent", "text": "second"}));
    chat.chat("PUT", &format!("rooms/{ROOM}/resolve"), Value::Null);
    chat.eventually(|| events().len() == 4);
    let texts: Vec<Value> = heard.lock().unwrap().iter().map(|event| event["text"].clone()).collect();
    assert_eq!(texts[0], "second", "{texts:?}");
    assert_eq!(texts.iter().filter(|text| **text == "first").count(), 2);
    chat.fault(json!({"fault": "failed_delivery", "times": 1}));
}
