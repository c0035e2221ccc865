//! WhatsApp's Cloud API, as its clients meet it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::{Said, Standin, standin};

const PHONE: &str = "106540352242922";
const CUSTOMER: &str = "6281200000009";

/// Webhooks with their signatures.
type Heard = Arc<Mutex<Vec<(String, Value)>>>;

/// A business that answers the handshake and hears webhooks: where it listens, what it heard, with their signatures.
fn business() -> (String, Heard) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let heard: Heard = Arc::default();
    let kept = heard.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream);
            let (mut lines, mut line) = (vec![], String::new());
            while reader.read_line(&mut line).unwrap_or(0) > 2 {
                lines.push(std::mem::take(&mut line));
            }
            let header = |name: &str| {
                let found = lines.iter().find(|line| line.to_lowercase().starts_with(&format!("{name}:")));
                found.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
            };
            let mut body = vec![0; header("content-length").parse().unwrap_or(0)];
            reader.read_exact(&mut body).unwrap();
            let target = lines[0].split(' ').nth(1).unwrap_or_default();
            let challenge = target.split("hub.challenge=").nth(1).and_then(|rest| rest.split('&').next()).unwrap_or_default();
            let answer =
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{challenge}", challenge.len());
            reader.get_mut().write_all(answer.as_bytes()).unwrap();
            if let Ok(body) = serde_json::from_slice(&body) {
                kept.lock().unwrap().push((header("x-hub-signature-256"), body));
            }
        }
    });
    (url, heard)
}

fn with_account(url: &str) -> Standin {
    let standin = standin();
    let new = json!({"phone_number_id": PHONE, "webhook_url": url, "verify_token": "v"});
    assert_eq!(standin.control("POST", "whatsapp/accounts", new).status, 200);
    standin.eventually(|| standin.control("GET", "whatsapp/accounts", Value::Null).data()[0]["verified"] == true);
    standin
}

fn uploads(standin: &Standin, mime: &str, bytes: &[u8]) -> Said {
    let field = |name: &str, value: &str| format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    let head = format!(
        "{}{}--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\nContent-Type: {mime}\r\n\r\n",
        field("messaging_product", "whatsapp"),
        field("type", mime)
    );
    let body = [head.as_bytes(), bytes, b"\r\n--b--\r\n"].concat();
    let heads = [("Authorization", "Bearer whatsapp-token"), ("Content-Type", "multipart/form-data; boundary=b")];
    standin.raw(&Standin::bytes("POST", &format!("/v23.0/{PHONE}/media"), &heads, &body)).unwrap()
}

fn sends(standin: &Standin, kind: &str, part: Value) -> Said {
    let mut body = json!({
        "messaging_product": "whatsapp", "recipient_type": "individual", "to": CUSTOMER, "type": kind, "biz_opaque_callback_data": "e1",
    });
    body[kind] = part;
    standin.ask("whatsapp-token", "POST", &format!("/v23.0/{PHONE}/messages"), &body).unwrap()
}

fn says(standin: &Standin, ago_s: i64) {
    let said = json!({"phone_number_id": PHONE, "from": CUSTOMER, "text": "hello", "ago_s": ago_s});
    assert_eq!(standin.control("POST", "whatsapp/say", said).status, 200);
}

#[test]
fn the_very_file_reaches_the_customer_and_its_life_is_told() {
    let (url, heard) = business();
    let standin = with_account(&url);
    says(&standin, 0);
    standin.eventually(|| heard.lock().unwrap().len() == 1);
    let value = heard.lock().unwrap()[0].1["entry"][0]["changes"][0]["value"].clone();
    assert_eq!((&value["messages"][0]["from"], &value["contacts"][0]["wa_id"]), (&json!(CUSTOMER), &json!(CUSTOMER)));
    assert!(heard.lock().unwrap()[0].0.starts_with("sha256="));

    let media = uploads(&standin, "image/png", b"a picture").json()["id"].clone();
    let said = sends(&standin, "image", json!({"id": media, "caption": "here"}));
    assert_eq!(said.status, 200, "{}", said.text);
    let wamid = said.json()["messages"][0]["id"].clone();
    let sent = standin.records("whatsapp_messages");
    let sha256 = data_encoding::HEXLOWER.encode(&<sha2::Sha256 as sha2::Digest>::digest(b"a picture"));
    assert_eq!(
        (&sent[0]["media"]["sha256"], &sent[0]["text"], &sent[0]["to"]),
        (&json!(sha256), &json!("here"), &json!(CUSTOMER))
    );
    standin.eventually(|| heard.lock().unwrap().len() == 4);
    let mut steps: Vec<String> = vec![];
    for (_, body) in &heard.lock().unwrap()[1..] {
        let status = &body["entry"][0]["changes"][0]["value"]["statuses"][0];
        assert_eq!((&status["id"], &status["biz_opaque_callback_data"]), (&wamid, &json!("e1")));
        steps.push(status["status"].as_str().unwrap().to_owned());
    }
    steps.sort();
    assert_eq!(steps, ["delivered", "read", "sent"]);
    assert!(standin.journal().iter().all(|line| line["unknown_keys"] == json!([])));
}

#[test]
fn what_meta_refuses_is_refused_in_its_words() {
    let (url, heard) = business();
    let standin = with_account(&url);
    says(&standin, 0);
    let code = |said: Said| (said.status, said.json()["error"]["code"].clone());
    assert_eq!(code(uploads(&standin, "application/octet-stream", b"x")), (400, json!(100)));
    let media = uploads(&standin, "audio/mpeg", b"sound").json()["id"].clone();
    assert_eq!(code(sends(&standin, "audio", json!({"id": media, "caption": "x"}))), (400, json!(100)));
    assert_eq!(code(sends(&standin, "image", json!({"id": media}))), (400, json!(131_053)));
    assert_eq!(code(sends(&standin, "image", json!({"id": "1"}))), (400, json!(100)));
    let stranger = standin.ask("none", "POST", &format!("/v23.0/{PHONE}/messages"), &json!({})).unwrap();
    assert_eq!(code(stranger), (401, json!(190)));
    standin.fault(json!({"route": "POST /v23.0/{phone}/messages", "fault": "status_429", "times": 1}));
    assert_eq!(code(sends(&standin, "audio", json!({"id": media}))), (429, json!(130_429)));
    standin.control("DELETE", "whatsapp/media", Value::Null);
    let forgotten = sends(&standin, "audio", json!({"id": media}));
    assert!(forgotten.text.contains("not a valid whatsapp business account media attachment ID"), "{}", forgotten.text);

    // Too late: accepted, and then told that nothing came; or refused at once.
    let late = json!({"messaging_product": "whatsapp", "to": "6281200000008", "type": "text", "text": {"body": "hi"}});
    let target = format!("/v23.0/{PHONE}/messages");
    assert_eq!(standin.ask("whatsapp-token", "POST", &target, &late).unwrap().status, 200);
    let failed = || {
        let heard = heard.lock().unwrap();
        heard.iter().any(|(_, body)| body["entry"][0]["changes"][0]["value"]["statuses"][0]["errors"][0]["code"] == 131_047)
    };
    standin.eventually(failed);
    standin.control("PUT", "knobs", json!({"whatsapp_window_refused_at_once": true}));
    assert_eq!(code(standin.ask("whatsapp-token", "POST", &target, &late).unwrap()), (400, json!(131_047)));
}
