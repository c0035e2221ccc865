//! `POST /v1/rooms/{room_id}/function-calls`: the hot path. One parse, one serialisation. A call that fails at the door becomes
//! an entry of the answer, because the model must read it; only what is wrong with the request as a whole is a problem.
//! **Invariant:** as many entries come out as calls went in, in the same order.

use actix_web::http::header::{LOCATION, RETRY_AFTER};

use crate::actors::ports::KnownCall;
use crate::actors::{Answers, Batch, CallOutcome, RoomSummary};
use crate::catalog::admit::{Admission, Admitted, DoorAnswer, admit, key_of_call};
use crate::catalog::dialect::{self, Dialect, RawCall};
use crate::room::{CallId, CallKey, CallStatus, RoomAddress, Seen};

use super::answer::{self, Item};
use super::headers::{self, Wait};
use super::problem::{self, Kind, Problem};
use super::visit::{Answer, Visit};
use super::{counters, view};

/// Largest body, in bytes.
pub const MAX_BODY: usize = 256 * 1024;

/// Where a call of the request gets its answer from.
enum Source {
    /// The room, as the n-th call of the batch.
    Room(usize),
    /// The same, because it is the same call once more: nobody chose their ids and everything in them is equal.
    Repeat(usize),
    /// The door, with this body.
    Door(Box<DoorAnswer>, String),
    /// The store: the door would refuse it now, but it was let in before.
    Store(Box<DoorAnswer>, KnownCall),
}

#[derive(Default)]
struct Sorted {
    sources: Vec<Source>,
    admitted: Vec<Admitted>,
}

pub async fn post(mut visit: Visit) -> Answer {
    let address = visit.room()?;
    let http = visit.http.clone();
    let (hint, key) = (headers::dialect(http.headers())?, headers::idempotency_key(http.headers())?);
    let (turn_id, stated) = (headers::turn_id(http.headers())?, headers::seen(http.headers())?);
    let wait = Wait::read(http.headers());

    let body = visit.body(MAX_BODY).await?;
    let envelope = dialect::parse(&body, hint).map_err(|problem| Problem::envelope(&problem))?;
    drop(body);
    check_ids(&envelope.calls, key)?;
    let company = visit.api.router.company(address.company).await.map_err(|why| {
        tracing::warn!(%why, "a company cannot be read");
        Problem::new(Kind::StorageUnavailable, "Nothing was accepted. Ask again, with the same ids.")
    })?;
    let admission = Admission {
        address: &address,
        ai_agent: visit.key.ai_agent.as_ref(),
        key_id: &visit.key.id,
        turn_id: envelope.turn_id.as_deref().or(turn_id),
        seen: Seen { epoch: envelope.seen.epoch.or(stated.epoch), seq: envelope.seen.seq.or(stated.seq) },
        has: crate::catalog::Has::of(&company, visit.key.ai_agent.as_ref()),
        published: company.published(visit.key.ai_agent.as_ref()).map(|published| &**published),
    };
    let sorted = sort(&envelope.calls, key, &admission)?;
    let Sorted { mut sources, admitted } = sorted;

    let answers = if admitted.is_empty() {
        let room = known_room(&visit, &address).await?;
        replay(&visit, &address, &mut sources).await?;
        Answers { room, calls: vec![] }
    } else {
        replay(&visit, &address, &mut sources).await?;
        let batch = Batch { calls: admitted, caller: visit.caller() };
        outcome(visit.api.router.call(address, batch, wait.patience()).await)?
    };
    respond(&sources, &answers, envelope.dialect, wait)
}

/// The header's id is the body's, where both name one. (That the body's own ids differ, the dialect has seen to.)
fn check_ids(calls: &[RawCall], key: Option<&str>) -> Result<(), Problem> {
    let Some(key) = key else { return Ok(()) };
    for (index, raw) in calls.iter().enumerate() {
        if raw.call_id.as_ref().is_some_and(|id| *id != key_of_call(key, index, calls.len())) {
            let detail =
                "Leave one of them out, or make them equal (in a batch the key is followed by a colon and the call's index).";
            return Err(Problem::new(Kind::IdempotencyKeyMismatch, detail));
        }
    }
    Ok(())
}

/// Lets each call in, or finds its refusal.
fn sort(calls: &[RawCall], key: Option<&str>, admission: &Admission<'_>) -> Result<Sorted, Problem> {
    let mut sorted = Sorted { sources: Vec::with_capacity(calls.len()), admitted: Vec::with_capacity(calls.len()) };
    // Of each admitted call, whether somebody chose its id.
    let mut chosen = Vec::with_capacity(calls.len());
    for (index, raw) in calls.iter().enumerate() {
        let own = key.map(|key| key_of_call(key, index, calls.len()));
        let admitted = match admit(raw, own.as_deref(), admission) {
            Ok(admitted) => admitted,
            Err(refused) if refused.call_id.is_none() => {
                return Err(Problem::new(Kind::InvalidCallId, "An id is 1 to 128 letters, digits and the signs . _ : - only."));
            }
            Err(refused) => {
                let body = error_body(&refused);
                sorted.sources.push(Source::Door(Box::new(refused), body));
                continue;
            }
        };
        let choice = raw.call_id.is_some() || key.is_some();
        // At most `MAX_CALLS`, so looking through them is quicker than a map.
        match sorted.admitted.iter().position(|earlier| earlier.call.key == admitted.call.key) {
            Some(first) if !choice && !chosen.get(first).copied().unwrap_or(true) => sorted.sources.push(Source::Repeat(first)),
            Some(_) => {
                let problem = Problem::new(Kind::DuplicateCallId, "Give every call of a request its own id.");
                return Err(problem.about_call(admitted.call.call_id));
            }
            None => {
                sorted.sources.push(Source::Room(sorted.admitted.len()));
                sorted.admitted.push(admitted);
                chosen.push(choice);
            }
        }
    }
    Ok(sorted)
}

fn error_body(refused: &DoorAnswer) -> String {
    // A refusal always serialises: texts, numbers and lists of them.
    let error = serde_json::to_string(&refused.refusal).unwrap_or_else(|_| "{}".into());
    format!("{{\"error\":{error}}}")
}

/// Finds the stored answers of calls that the door refuses but once let in: whatever changed since, a replay is a replay. Costs
/// nothing where nothing was refused.
async fn replay(visit: &Visit, address: &RoomAddress, sources: &mut [Source]) -> Result<(), Problem> {
    let key_of = |refused: &DoorAnswer| refused.call_id.as_ref().map(|id| CallKey::of(address.company, id));
    let refused = sources.iter().filter_map(|source| if let Source::Door(refused, _) = source { key_of(refused) } else { None });
    let keys: Vec<CallKey> = refused.collect();
    if keys.is_empty() {
        return Ok(());
    }
    let known = visit.api.queries.known_calls(address.company, keys).await?;
    for source in sources {
        let Source::Door(refused, _) = source else { continue };
        let key = key_of(refused);
        let Some(known) = known.iter().find(|known| Some(known.call.key) == key) else { continue };
        if known.call.meaning != refused.meaning {
            return Err(key_reused(known.call.call_id.clone()));
        }
        *source = Source::Store(refused.clone(), known.clone());
    }
    Ok(())
}

fn key_reused(call_id: CallId) -> Problem {
    let detail = "This id was given to a call with another room, tool or arguments. Choose a new id. Nothing was accepted.";
    Problem::new(Kind::IdempotencyKeyReused, detail).about_call(call_id)
}

/// No call was let in, but a room that does not exist is still the first thing to tell.
async fn known_room(visit: &Visit, address: &RoomAddress) -> Result<RoomSummary, Problem> {
    let row = visit.api.queries.room(address.company, &address.room).await?.ok_or_else(Problem::unknown_room)?;
    view::summary(&row)
}

fn outcome(outcome: CallOutcome) -> Result<Answers, Problem> {
    let (kind, detail) = match outcome {
        CallOutcome::Answered(answers) | CallOutcome::Accepted(answers) => return Ok(answers.into_inner()),
        CallOutcome::UnknownRoom => return Err(Problem::unknown_room()),
        CallOutcome::KeyReused { call_id } => return Err(key_reused(call_id)),
        CallOutcome::Busy => (Kind::Busy, "Nothing was accepted. Ask again later, with the same ids."),
        CallOutcome::Draining => (Kind::RoomDraining, "Nothing was accepted. Ask again later, with the same ids."),
        CallOutcome::Withdrawn => (Kind::TimedOutBeforeStart, "Nothing was accepted. Ask again, with the same ids."),
        CallOutcome::OutcomeUnknown => {
            (Kind::OutcomeUnknown, "Ask again with the same ids: what was accepted is not done twice.")
        }
        CallOutcome::Unavailable => (Kind::StorageUnavailable, "Nothing was accepted. Ask again, with the same ids."),
    };
    Err(Problem::new(kind, detail))
}

fn respond(sources: &[Source], answers: &Answers, dialect: Dialect, wait: Wait) -> Answer {
    let mut items = Vec::with_capacity(sources.len());
    for source in sources {
        items.push(item(source, answers)?);
    }
    // The room counts what it answers; the rest is ours.
    for source in sources {
        if let Source::Door(refused, _) = source {
            counters::refused_at_door(&refused.name, refused.refusal.code);
        }
    }
    let open = items.iter().find(|item| !item.status.is_final());
    let body = answer::write(&answers.room, &items, dialect);
    let mut response = answer::bytes(if open.is_some() { problem::ACCEPTED } else { problem::OK }, body);
    let set = response.headers_mut();
    if let Some(call_id) = open.and_then(|item| item.call_id)
        && let Ok(location) = format!("/v1/function-calls/{call_id}").parse()
    {
        set.insert(LOCATION, location);
        set.insert(RETRY_AFTER, 1.into());
    }
    if wait.stated
        && let Ok(applied) = format!("wait={}", wait.seconds).parse()
    {
        set.insert(actix_web::http::header::HeaderName::from_static("preference-applied"), applied);
    }
    if items.iter().all(|item| item.replayed) {
        let name = actix_web::http::header::HeaderName::from_static("idempotent-replayed");
        set.insert(name, actix_web::http::header::HeaderValue::from_static("true"));
    }
    Ok(response)
}

fn item<'a>(source: &'a Source, answers: &'a Answers) -> Result<Item<'a>, Problem> {
    let (place, repeat) = match source {
        Source::Door(refused, body) => {
            return Ok(Item {
                call_id: refused.call_id.as_ref().map(CallId::as_str),
                tool_call_id: refused.tool_call_id.as_deref(),
                name: &refused.name,
                status: CallStatus::Refused,
                replayed: false,
                body,
            });
        }
        Source::Store(asked, known) => {
            return Ok(Item {
                call_id: Some(known.call.call_id.as_str()),
                tool_call_id: asked.tool_call_id.as_deref(),
                name: known.call.name,
                status: known.answer.status,
                replayed: true,
                body: &known.answer.body,
            });
        }
        Source::Room(place) => (*place, false),
        Source::Repeat(place) => (*place, true),
    };
    // A room that answers fewer calls than it was given is a fault of ours; the caller can only ask again.
    let answered = answers.calls.get(place).ok_or_else(|| {
        tracing::error!("a room answered fewer calls than it was given");
        Problem::new(Kind::OutcomeUnknown, "Ask again with the same ids: what was accepted is not done twice.")
    })?;
    Ok(Item {
        call_id: Some(answered.call_id.as_str()),
        tool_call_id: answered.tool_call_id.as_deref(),
        name: answered.name,
        status: answered.status,
        replayed: answered.replayed || repeat,
        body: &answered.body,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actors::CallAnswer;
    use crate::room::{Meaning, Next, Refusal, RoomId};

    fn raw(call_id: Option<&str>) -> RawCall {
        RawCall {
            call_id: call_id.map(String::from),
            tool_call_id: None,
            name: "create_tag".into(),
            arguments: Err(refusal()),
            repeat: false,
        }
    }

    fn refusal() -> Refusal {
        Refusal::new("argument_invalid", Next::FixAndRetry, "No.")
    }

    #[test]
    fn chosen_ids_agree_with_the_header() {
        let check = |ids: &[Option<&str>], key| {
            let calls: Vec<_> = ids.iter().map(|id| raw(*id)).collect();
            check_ids(&calls, key).map_err(|problem| problem.code())
        };
        assert_eq!(check(&[Some("a"), None, Some("b"), None], None), Ok(()));
        assert_eq!(check(&[Some("k")], Some("k")), Ok(()));
        assert_eq!(check(&[Some("a")], Some("k")), Err("idempotency_key_mismatch"));
        assert_eq!(check(&[Some("k:0"), None], Some("k")), Ok(()));
        assert_eq!(check(&[None, Some("k:0")], Some("k")), Err("idempotency_key_mismatch"));
    }

    fn answers(list: &[(CallStatus, bool)]) -> Answers {
        let room = RoomSummary {
            id: RoomId::trusted("r1"),
            version: 1,
            epoch: 0,
            status: "open",
            control: "bot",
            last_inbound_seq: 0,
            notices: vec![],
        };
        let answer = |(index, (status, replayed)): (usize, &(CallStatus, bool))| CallAnswer {
            call_id: CallId::trusted(&format!("c{index}")),
            tool_call_id: None,
            name: "create_tag",
            status: *status,
            replayed: *replayed,
            body: "{\"result\":{}}".into(),
        };
        Answers { room, calls: list.iter().enumerate().map(answer).collect() }
    }

    const WAIT: Wait = Wait { seconds: 3, stated: true };

    #[actix_web::test]
    async fn every_call_is_answered_in_its_place() {
        let door =
            DoorAnswer { call_id: None, tool_call_id: None, name: "nope".into(), meaning: Meaning([0; 16]), refusal: refusal() };
        let body = error_body(&door);
        let sources = [Source::Room(0), Source::Door(Box::new(door), body), Source::Repeat(0), Source::Room(1)];
        let answers = answers(&[(CallStatus::Succeeded, false), (CallStatus::Parked, false)]);
        let response = respond(&sources, &answers, Dialect::Native, WAIT).unwrap();
        assert_eq!(response.status(), problem::ACCEPTED);
        assert_eq!(response.headers().get(LOCATION).unwrap(), "/v1/function-calls/c1");
        assert!(response.headers().contains_key(RETRY_AFTER));
        assert_eq!(response.headers().get("preference-applied").unwrap(), "wait=3");
        assert!(!response.headers().contains_key("idempotent-replayed"));
        let body = actix_web::body::to_bytes(response.into_body()).await.unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let of = |field: &str| body["calls"].as_array().unwrap().iter().map(|call| call[field].to_string()).collect::<Vec<_>>();
        assert_eq!(of("status"), ["\"succeeded\"", "\"refused\"", "\"succeeded\"", "\"parked\""]);
        assert_eq!(of("replayed"), ["false", "false", "true", "false"]);
        assert_eq!(body["calls"][1]["error"]["code"], "argument_invalid");
    }

    #[test]
    fn a_replay_says_so_and_a_missing_answer_is_no_panic() {
        let replayed = respond(&[Source::Room(0)], &answers(&[(CallStatus::Succeeded, true)]), Dialect::Native, WAIT).unwrap();
        assert_eq!(replayed.status(), problem::OK);
        assert_eq!(replayed.headers().get("idempotent-replayed").unwrap(), "true");
        let missing = respond(&[Source::Room(0)], &answers(&[]), Dialect::Native, WAIT).unwrap_err();
        assert_eq!(missing.code(), "outcome_unknown");
    }

    #[test]
    fn outcomes_of_a_room_are_problems() {
        let code = |it: CallOutcome| outcome(it).map(|_| ()).unwrap_err();
        assert_eq!((code(CallOutcome::Busy).status(), code(CallOutcome::Busy).code()), (429, "busy"));
        assert_eq!(code(CallOutcome::Draining).code(), "room_draining");
        assert_eq!(code(CallOutcome::Withdrawn).code(), "timed_out_before_start");
        assert_eq!(code(CallOutcome::OutcomeUnknown).code(), "outcome_unknown");
        assert_eq!(code(CallOutcome::UnknownRoom).status(), 404);
        assert_eq!(code(CallOutcome::Unavailable).code(), "storage_unavailable");
        let reused = code(CallOutcome::KeyReused { call_id: CallId::trusted("c1") });
        assert_eq!((reused.status(), reused.code()), (422, "idempotency_key_reused"));
    }
}
