//! What this machine's web server can do without us: the same body parsed into typed parts, the same answer written, no key,
//! no room, no store. It must do no less with HTTP and JSON than the real server, or the ratio would flatter us.

use std::borrow::Cow;

use actix_web::{App, HttpResponse, HttpServer, web};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    turn_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    calls: Vec<Call<'a>>,
}

#[derive(Deserialize)]
struct Call<'a> {
    #[serde(borrow)]
    call_id: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    arguments: &'a RawValue,
}

#[derive(Deserialize)]
struct Tags<'a> {
    #[serde(borrow)]
    tags: Vec<Cow<'a, str>>,
}

#[derive(Serialize)]
struct Answer<'a> {
    room: Room<'a>,
    calls: Vec<Answered<'a>>,
    reply: Vec<Reply<'a>>,
}

#[derive(Serialize)]
struct Room<'a> {
    id: &'a str,
    version: i64,
    epoch: i64,
    status: &'a str,
    control: &'a str,
    last_inbound_seq: i64,
}

#[derive(Serialize)]
struct Answered<'a> {
    call_id: &'a str,
    tool_call_id: Option<&'a str>,
    name: &'a str,
    status: &'a str,
    replayed: bool,
    result: Done<'a>,
}

#[derive(Serialize)]
struct Done<'a> {
    tags: &'a [Cow<'a, str>],
    added: &'a [Cow<'a, str>],
    already_present: &'a [Cow<'a, str>],
}

#[derive(Serialize)]
struct Reply<'a> {
    call_id: &'a str,
    content: String,
}

async fn calls(room: web::Path<String>, body: web::Bytes) -> HttpResponse {
    let Ok(envelope) = serde_json::from_slice::<Envelope<'_>>(&body) else { return HttpResponse::BadRequest().finish() };
    let mut tags = vec![];
    for call in &envelope.calls {
        let Ok(read) = serde_json::from_str::<Tags<'_>>(call.arguments.get()) else { return HttpResponse::BadRequest().finish() };
        tags.push(read.tags);
    }
    // Part of the same types; the ceiling has no use for it.
    let _ = envelope.turn_id;
    let done = |tags| Done { tags, added: &[], already_present: tags };
    let both = || envelope.calls.iter().zip(&tags);
    let answer = Answer {
        room: Room { id: &room, version: 1, epoch: 1, status: "open", control: "bot", last_inbound_seq: 0 },
        calls: both()
            .map(|(call, tags)| Answered {
                call_id: &call.call_id,
                tool_call_id: None,
                name: &call.name,
                status: "succeeded",
                replayed: false,
                result: done(tags),
            })
            .collect(),
        reply: both()
            .map(|(call, tags)| Reply { call_id: &call.call_id, content: serde_json::to_string(&done(tags)).unwrap() })
            .collect(),
    };
    HttpResponse::Ok().content_type("application/json").body(serde_json::to_vec(&answer).unwrap())
}

/// Serves until it is killed.
pub fn serve(port: u16) {
    let route = || web::resource("/v1/rooms/{room_id}/function-calls").route(web::post().to(calls));
    let ready = || web::resource("/readyz").route(web::get().to(HttpResponse::Ok));
    let server = move || App::new().service(route()).service(ready());
    let running = async move { HttpServer::new(server).disable_signals().bind(("127.0.0.1", port))?.run().await };
    actix_web::rt::System::new().block_on(running).unwrap();
}
