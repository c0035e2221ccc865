//! `bellhop replay FILE`: posts recorded conversations the way the channel and the model did. Rooms run side by side, the
//! messages of one room in order, each after the calls before it have ended; what is said again carries the same ids. The file is
//! streamed, never held.

mod beside;
mod conversation;
mod ends;
mod set_up;
mod tally;

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use futures_util::stream::{FuturesUnordered, StreamExt};
use serde_json::json;

use super::http::{Client, Request};
use super::{Context, Exit, Failure, Outcome, ServerFlags};
use beside::Beside;
use conversation::{Conversation, Step};
use set_up::Named;
use tally::Tally;

#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// JSON lines: {"room_id","channel","customer","messages"}
    file: PathBuf,
    #[command(flatten)]
    server: ServerFlags,
    /// First make the divisions the conversations name, a few agents online in them, and a picture under each key they send
    #[arg(long)]
    set_up: bool,
    /// Rooms at once, 1 to 256
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    rooms: u16,
    /// Seconds to go on saying one request again while the server is busy or away, and to wait for the end of one call
    #[arg(long, default_value_t = 60)]
    patience_s: u64,
    /// Seconds after which the server may say that a call still runs, 0 to 30
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(0..=30))]
    wait_s: u16,
    /// A `bellhop standin` that is the company's channel and CRM: the conversations are made there too, and in the end what came
    /// there is held against what the calls were told [default: the company's channel, if it is one on this machine]
    #[arg(long, value_name = "URL")]
    standin: Option<String>,
}

pub async fn run(context: &Context, args: ReplayArgs) -> Outcome {
    let begun = Instant::now();
    let client = context.client(&args.server)?;
    let file = open(&args.file)?;
    reach(&client).await?;
    let mut tally = Tally::default();
    let beside = match &args.standin {
        Some(url) => Some(Beside::at(url)?),
        None => Beside::of(&client).await,
    };
    if args.set_up {
        let _waiting = context.output.waits_for("making what the conversations need");
        set_up::make(&client, &named(&args.file)?, &mut tally).await?;
    }
    if let Some(beside) = &beside {
        beside.founds(&named(&args.file)?.divisions).await?;
    }
    let length = file.get_ref().metadata().map_or(0, |found| found.len());
    let bar = context.output.progress(length, "{bar:30} {percent}% {msg} {elapsed}");
    let prefer = format!("wait={}", args.wait_s);
    let replay = Replay { client, beside, patience: Duration::from_secs(args.patience_s), prefer, tally: RefCell::new(tally) };
    replay.all(file, usize::from(args.rooms), context, &bar).await?;
    bar.finish_and_clear();

    let arrived = match &replay.beside {
        Some(beside) => Some(beside.arrived().await?),
        None => None,
    };
    let mut tally = replay.tally.into_inner();
    tally.at_the_standin = arrived;
    tally.duration_ms = begun.elapsed().as_millis();
    context.output.result(&tally, || tally.text());
    if !tally.complete() {
        let short = tally.calls.abs_diff(tally.results).max(tally.missing_results);
        context.output.note(&format!("bellhop: {short} of {} calls did not get exactly one result", tally.calls));
        return Ok(Exit::Failed);
    }
    if tally.unfinished > 0 {
        context.output.note(&format!("bellhop: {} calls still run", tally.unfinished));
        return Ok(Exit::Failed);
    }
    if tally.at_the_standin.as_ref().is_some_and(|arrived| !arrived.out_of_order.is_empty()) {
        context.output.note("bellhop: what came to the stand-in is not what the calls were told");
        return Ok(Exit::Failed);
    }
    if let Some(arrived) = tally.at_the_standin.as_ref().filter(|arrived| arrived.not_compared > 0) {
        context.output.note(&format!(
            "bellhop: {} rooms could not be compared, because the stand-in's journal has dropped {} requests; replay fewer \
             conversations, or start the stand-in with more --journal-entries",
            arrived.not_compared, arrived.journal_dropped
        ));
        return Ok(Exit::Failed);
    }
    if tally.bad_lines > 0 || tally.failed_requests > 0 {
        let text = format!("bellhop: {} bad lines, {} failed requests", tally.bad_lines, tally.failed_requests);
        context.output.note(&text);
        return Ok(Exit::Failed);
    }
    Ok(Exit::Ok)
}

fn open(path: &Path) -> Result<BufReader<File>, Failure> {
    let failure = |error: std::io::Error| {
        let exit = if error.kind() == std::io::ErrorKind::NotFound { Exit::NotFound } else { Exit::Failed };
        Failure::new(exit, format!("{} cannot be read: {error}", path.display()))
    };
    File::open(path).map(|file| BufReader::with_capacity(1 << 18, file)).map_err(failure)
}

/// A server that is not there at all is told at once, not after everybody's patience.
async fn reach(client: &Client) -> Result<(), Failure> {
    client.persist(&Request::get(&["readyz"]), Duration::from_secs(3), &mut 0).await.map(|_| ())
}

/// What the file names; lines that cannot be read are told by the replay itself.
fn named(path: &Path) -> Result<Named, Failure> {
    let mut named = Named::default();
    let mut lines = open(path)?;
    let mut line = vec![];
    while read_line(&mut lines, &mut line)? > 0 {
        if let Ok(conversation) =
            std::str::from_utf8(&line).map_err(|_| ()).and_then(|text| Conversation::read(text).map_err(|_| ()))
        {
            named.divisions.extend(conversation.divisions());
            named.files.extend(conversation.files());
        }
    }
    Ok(named)
}

fn read_line(lines: &mut BufReader<File>, line: &mut Vec<u8>) -> Result<usize, Failure> {
    line.clear();
    lines.read_until(b'\n', line).map_err(|error| Failure::new(Exit::Failed, format!("the file cannot be read further: {error}")))
}

struct Replay {
    client: Client,
    beside: Option<Beside>,
    patience: Duration,
    /// Of the header `Prefer`.
    prefer: String,
    tally: RefCell<Tally>,
}

impl Replay {
    async fn all(
        &self,
        mut lines: BufReader<File>,
        at_once: usize,
        context: &Context,
        bar: &indicatif::ProgressBar,
    ) -> Result<(), Failure> {
        let mut running = FuturesUnordered::new();
        let mut busy: HashSet<u64> = HashSet::new();
        let mut seen: HashMap<u64, u32> = HashMap::new();
        let (mut line, mut number) = (vec![], 0_u64);
        loop {
            let length = read_line(&mut lines, &mut line)?;
            if length == 0 {
                break;
            }
            number += 1;
            bar.inc(length as u64);
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let text = std::str::from_utf8(&line).map_err(|_| "it is not UTF-8".to_owned());
            let conversation = match text.and_then(Conversation::read) {
                Ok(conversation) => conversation,
                Err(why) => {
                    context.output.note(&format!("{}line {number}: {why}", if bar.is_hidden() { "" } else { "\n" }));
                    self.tally.borrow_mut().bad_line(number, why);
                    continue;
                }
            };
            let room = room_hash(&conversation.room_id);
            // A room that is still at it comes first to its end: its order is the file's.
            while running.len() >= at_once || busy.contains(&room) {
                if let Some(done) = running.next().await {
                    busy.remove(&self.finish(done, bar)?);
                }
            }
            let again = seen.entry(room).and_modify(|again| *again += 1).or_insert(0);
            busy.insert(room);
            running.push(self.one(conversation, *again));
        }
        while let Some(done) = running.next().await {
            self.finish(done, bar)?;
        }
        Ok(())
    }

    fn finish(&self, done: Result<u64, Failure>, bar: &indicatif::ProgressBar) -> Result<u64, Failure> {
        let tally = self.tally.borrow();
        bar.set_message(format!("{} conversations, {} calls", tally.conversations, tally.calls));
        done
    }

    /// One conversation to its end. `Err` only when going on makes no sense for any of them.
    async fn one(&self, mut conversation: Conversation, again: u32) -> Result<u64, Failure> {
        let hash = room_hash(&conversation.room_id);
        if let Some(beside) = &self.beside {
            beside.opens(&mut conversation).await?;
        }
        let room = conversation.room_id.as_str();
        let steps = conversation.steps(again);
        self.tally.borrow_mut().conversations += 1;
        let body = json!({ "channel": conversation.channel, "customer": conversation.customer });
        let made = self.say(room, &Request::put(&["v1", "rooms", room], body)).await?.is_some();
        for step in steps {
            match step {
                Step::Message { from, text, message_id } => {
                    let path = ["v1", "rooms", room, "messages"];
                    let body = json!({ "from": from, "text": text, "message_id": message_id });
                    if made && self.say(room, &Request::post(&path, body)).await?.is_some() {
                        self.tally.borrow_mut().messages += 1;
                    }
                }
                Step::Calls { turn_id, message, tool_call_ids } => {
                    let sent = tool_call_ids.len() as u64;
                    self.tally.borrow_mut().calls += sent;
                    let path = ["v1", "rooms", room, "function-calls"];
                    let headers = [("turn-id", turn_id), ("prefer", self.prefer.clone())];
                    let request = Request { headers: &headers, ..Request::post(&path, message) };
                    let answer = if made { self.say(room, &request).await? } else { None };
                    let answer = match answer {
                        Some(body) => Some(self.to_its_end(room, body).await?),
                        None => None,
                    };
                    if let (Some(beside), Some(body)) = (&self.beside, &answer) {
                        beside.hears(room, body);
                    }
                    let mut tally = self.tally.borrow_mut();
                    match answer {
                        Some(body) => tally.answered(&tool_call_ids, &body),
                        None => tally.missing_results += sent,
                    }
                }
            }
        }
        Ok(hash)
    }

    /// The body of a success. `None` after a failure that concerns this request only, which is counted and named.
    async fn say(&self, room: &str, request: &Request<'_>) -> Result<Option<serde_json::Value>, Failure> {
        let mut retries = 0;
        let answer = self.client.persist(request, self.patience, &mut retries).await;
        let mut tally = self.tally.borrow_mut();
        tally.retries += retries;
        match answer {
            Ok(answer) if answer.is_success() => Ok(Some(answer.body)),
            Ok(answer) if matches!(answer.status, 401 | 403) => Err(answer.failure()),
            Ok(answer) => {
                tally.failed(format!("{room}: {}", answer.failure().sentence));
                Ok(None)
            }
            Err(failure) => Err(failure),
        }
    }
}

/// A stable short name of a room, so that a file of any length is not remembered room by room.
fn room_hash(room: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    room.hash(&mut hasher);
    hasher.finish()
}
