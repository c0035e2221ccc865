//! The stand-in over real sockets, as its clients meet it.

mod chat;
mod control;
mod crm;
mod doors;
mod faults;
mod whatsapp;

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Options, Running, Signer, start};

pub struct Standin(Running);

#[derive(Debug)]
pub struct Said {
    pub status: u16,
    pub head: String,
    pub text: String,
}

impl Said {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    /// `response` of the CRM, `data` of the chat and of the controls.
    pub fn data(&self) -> Value {
        let mut json = self.json();
        let key = if json.get("response").is_some() { "response" } else { "data" };
        json[key].take()
    }

    pub fn header(&self, name: &str) -> Option<String> {
        let line = self.head.lines().find(|line| line.to_lowercase().starts_with(&format!("{}:", name.to_lowercase())))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    }
}

pub fn standin() -> Standin {
    with(Options::default())
}

pub fn with(options: Options) -> Standin {
    Standin(start(options).unwrap())
}

impl Standin {
    /// Bytes as given, on a connection of their own; `UnexpectedEof` when it was closed without an answer.
    pub fn raw(&self, request: &[u8]) -> io::Result<Said> {
        let mut stream = TcpStream::connect(self.0.addresses()[0])?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        stream.write_all(request)?;
        let mut bytes = vec![];
        stream.read_to_end(&mut bytes)?;
        let at = bytes.windows(4).position(|window| window == b"\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
        let head = String::from_utf8_lossy(&bytes[..at]).into_owned();
        let status = head.split(' ').nth(1).and_then(|text| text.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
        Ok(Said { status, head, text: String::from_utf8_lossy(&bytes[at + 4..]).into_owned() })
    }

    pub fn bytes(method: &str, target: &str, heads: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
        let mut request = format!("{method} {target} HTTP/1.1\r\nHost: standin\r\nConnection: close\r\n");
        for (name, value) in heads {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
        [request.as_bytes(), body].concat()
    }

    /// With a token and JSON.
    pub fn ask(&self, token: &str, method: &str, target: &str, body: &Value) -> io::Result<Said> {
        let authorization = format!("Bearer {token}");
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let heads = [("Authorization", authorization.as_str()), ("Content-Type", "application/json")];
        self.raw(&Self::bytes(method, target, &heads, body.as_bytes()))
    }

    pub fn crm(&self, method: &str, rest: &str, body: Value) -> Said {
        self.ask("crm-token", method, &format!("/api/v3.1/{rest}"), &body).unwrap()
    }

    pub fn chat(&self, method: &str, rest: &str, body: Value) -> Said {
        self.ask("chat-token", method, &format!("/api/open/v1/{rest}"), &body).unwrap()
    }

    pub fn control(&self, method: &str, rest: &str, body: Value) -> Said {
        self.ask("none", method, &format!("/_standin/{rest}"), &body).unwrap()
    }

    pub fn records(&self, kind: &str) -> Vec<Value> {
        self.control("GET", &format!("records?kind={kind}"), Value::Null).data().as_array().unwrap().clone()
    }

    pub fn journal(&self) -> Vec<Value> {
        self.control("GET", "journal", Value::Null).data().as_array().unwrap().clone()
    }

    /// Waits for what happens after an answer.
    pub fn eventually(&self, what: impl Fn() -> bool) {
        let begun = std::time::Instant::now();
        while !what() {
            assert!(begun.elapsed() < Duration::from_secs(30), "it never came");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn fault(&self, fault: Value) {
        assert_eq!(self.control("POST", "faults", fault).status, 200);
    }

    pub fn deal(&self, more: Value) -> Value {
        let mut body = json!({"name": "A deal"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let said = self.crm("POST", "deals", body);
        assert_eq!(said.status, 200, "{}", said.text);
        said.data()
    }
}
