//! The web server around it: bytes to an `Incoming`, an `Answer` to bytes, and what happens after the answer. It must never
//! hold the lock across an await.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HeaderName};
use actix_web::web::{self, Bytes, BytesMut, Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};

use super::call::Later;
use super::control;
use super::post::{post, signed, verify};
use super::request::{Answer, Content, Heads, Incoming};
use super::world::World;

/// The largest file there is, and the form around it.
const MOST_BODY_BYTES: usize = 101 * 1024 * 1024;

/// What every request shares.
#[derive(Clone)]
pub struct Shared {
    world: Arc<Mutex<World>>,
    began: (Instant, Timestamp),
}

impl Shared {
    pub fn new(world: World) -> Self {
        Self { world: Arc::new(Mutex::new(world)), began: (Instant::now(), Timestamp::now()) }
    }

    pub fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time, from a clock that never goes back: receipt times are compared with each other.
    fn now(&self) -> Timestamp {
        self.began.1 + SignedDuration::try_from(self.began.0.elapsed()).unwrap_or_default()
    }
}

pub fn configure(service: &mut web::ServiceConfig, shared: Shared) {
    service.app_data(Data::new(shared)).default_service(web::to(serve));
}

async fn serve(shared: Data<Shared>, request: HttpRequest, payload: Payload) -> HttpResponse {
    // Before the body: this is when the vendor's own counter would see it.
    let received = shared.now();
    let Ok(body) = whole(payload).await else { return HttpResponse::new(StatusCode::PAYLOAD_TOO_LARGE) };
    let header = |name: HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let heads = Heads {
        authorization: header(AUTHORIZATION),
        date: header(DATE),
        digest: header(HeaderName::from_static("digest")),
        content_type: header(CONTENT_TYPE),
    };
    let incoming = Incoming {
        received,
        method: request.method().as_str().to_owned(),
        path: request.path().to_owned(),
        query: request.query_string().to_owned(),
        heads,
        body,
    };
    if incoming.path.starts_with(control::PREFIX) {
        let (answer, later) = control::answer(&mut shared.lock(), &incoming);
        after(&shared, later);
        return respond(answer).await;
    }
    let plan = shared.lock().receive(&incoming);
    let answer = if plan.delay_ms == 0 && plan.held.is_none() {
        act(&shared, incoming, &plan)
    } else {
        // On its own: a client that hangs up takes its request with it, but not what it had set in motion.
        let (shared, delay) = (shared.clone(), Duration::from_millis(plan.delay_ms));
        let late = actix_web::rt::spawn(async move {
            actix_web::rt::time::sleep(delay).await;
            if let Some(mut held) = plan.held.clone() {
                // Its other end goes only with the whole world.
                let _ = held.changed().await;
            }
            act(&shared, incoming, &plan)
        });
        late.await.unwrap_or_else(|_| Answer::of(0, Content::Cut))
    };
    respond(answer).await
}

async fn whole(mut payload: Payload) -> Result<Bytes, ()> {
    let mut body = BytesMut::new();
    while let Some(some) = payload.next().await {
        let some = some.map_err(|_| ())?;
        if body.len() + some.len() > MOST_BODY_BYTES {
            return Err(());
        }
        body.extend_from_slice(&some);
    }
    Ok(body.freeze())
}

fn act(shared: &Data<Shared>, incoming: Incoming, plan: &super::front::Plan) -> Answer {
    let (answer, later) = shared.lock().act(incoming, plan);
    after(shared, later);
    answer
}

/// Counted among what is under way as long as it lives.
struct UnderWay(Arc<AtomicUsize>);

impl UnderWay {
    fn at(shared: &Shared) -> Self {
        let count = Arc::clone(&shared.lock().under_way);
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Webhooks in the order they arose, each after the one before was received; what is late goes alone, to be overtaken.
fn after(shared: &Data<Shared>, later: Vec<Later>) {
    if later.is_empty() {
        return;
    }
    let (shared, under_way) = (shared.clone(), UnderWay::at(shared));
    actix_web::rt::spawn(async move {
        let _under_way = under_way;
        for one in later {
            match one {
                Later::Post { url, body, delay_ms: 0 } => {
                    post(&url, &body).await;
                }
                Later::Post { url, body, delay_ms } => {
                    let under_way = UnderWay::at(&shared);
                    actix_web::rt::spawn(async move {
                        let _under_way = under_way;
                        actix_web::rt::time::sleep(Duration::from_millis(delay_ms)).await;
                        post(&url, &body).await;
                    });
                }
                Later::Signed { url, body, secret, delay_ms } => {
                    let under_way = UnderWay::at(&shared);
                    actix_web::rt::spawn(async move {
                        let _under_way = under_way;
                        actix_web::rt::time::sleep(Duration::from_millis(delay_ms)).await;
                        signed(&url, &body, &secret).await;
                    });
                }
                Later::Verify { url, verify_token, phone } => {
                    let verified = verify(&url, &verify_token).await;
                    if let Some(account) = shared.lock().whatsapp.accounts.get_mut(&phone) {
                        account.verified = verified;
                        account.webhook_url = verified.then_some(url);
                    }
                }
                Later::Resolve { room_id, delay_ms } => {
                    actix_web::rt::time::sleep(Duration::from_millis(delay_ms)).await;
                    let events = super::chat::finish_resolve(&mut shared.lock(), &room_id, Timestamp::now());
                    after(&shared, events);
                }
            }
        }
    });
}

async fn respond(answer: Answer) -> HttpResponse {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let mut response = HttpResponse::build(status);
    for (name, value) in &answer.headers {
        response.insert_header((*name, value.as_str()));
    }
    match answer.body {
        Content::Json(body) => response.json(body),
        Content::Text { mime, text } => response.content_type(mime).body(text),
        Content::Bytes { mime, bytes } => response.content_type(mime).body(bytes),
        Content::Nothing => response.finish(),
        // A body that fails before its first byte: the server drops the connection with the head unsent.
        Content::Cut => response.streaming(stream::once(async { Err::<Bytes, _>(std::io::Error::other("cut on purpose")) })),
        Content::Silence => match std::future::pending::<Infallible>().await {},
    }
}
