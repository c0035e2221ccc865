//! `bellhop demo`: one process, a temporary database, a real server and a stand-in CRM on free loopback ports, a scripted AI agent
//! that posts over HTTP what a model would. At the end a second connection to the database checks the client's own log against
//! the journal, and the stand-in is asked what really exists there.

mod book;
mod cast;
mod crm_story;
mod file_story;
mod robot;
mod story;
mod traffic;
mod verdict;

use std::cell::Cell;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;

use super::output::{Output, Paint};
use super::{Context, Exit, Failure, Outcome, http};
use crate::app::{Running, Signals, store_options};
use crate::config::{Config, Environment, Flags};
use crate::room::{CallId, CompanyNo, RoomId};
use crate::standin::{self, Options};
use crate::store::Store;
use book::Book;
use cast::Cast;
use robot::{Ack, Robot};
use verdict::{Break, JournalCopy, Line, Verdict};

/// The group of people the story hands over to.
const DIVISION: &str = "Support";
/// The story must be over by then, whatever happens. It takes about 15 s, and longer on a machine that is busy.
const STORY_AT_MOST: Duration = Duration::from_secs(90);
/// So long the traffic may need for its last calls, and then all calls together for their end.
const REST_AT_MOST: Duration = Duration::from_secs(20);

#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Go on with quiet traffic for so long (20s, 2m), then end by itself
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    for_time: Option<Duration>,
    /// Tamper with the copy of the journal that is compared, to see the comparison fail
    #[arg(long = "break", value_name = "HOW", hide = true)]
    break_how: Option<Break>,
}

fn duration(text: &str) -> Result<Duration, String> {
    let (digits, unit) = text.split_at(text.trim_end_matches(char::is_alphabetic).len());
    let number: u64 = digits.parse().map_err(|_| "must be a number and a unit, like 20s".to_owned())?;
    match unit {
        "" | "s" if number <= 86_400 => Ok(Duration::from_secs(number)),
        "ms" if number <= 86_400_000 => Ok(Duration::from_millis(number)),
        "m" if number <= 1_440 => Ok(Duration::from_secs(number * 60)),
        _ => Err("must be a number and ms, s or m, at most a day".to_owned()),
    }
}

/// What the story plays on.
struct Stage<'a> {
    output: Output,
    running: &'a Running,
    company: CompanyNo,
    /// Pauses between chapters, for somebody who reads along.
    leisurely: bool,
}

/// A folder that goes away with its holder.
struct Folder(PathBuf);

impl Folder {
    fn make(environment: &Environment) -> Result<Self, Failure> {
        let path = environment.temporary.join(format!("bellhop-demo-{}", uuid::Uuid::now_v7().simple()));
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .map_err(|error| Failure::new(Exit::Failed, format!("{} cannot be made: {error}", path.display())))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub async fn run(context: &Context, args: DemoArgs) -> Outcome {
    let folder = Folder::make(&context.environment)?;
    let config = settings(&folder.0)?;
    let mut signals = Signals::listen()?;
    let token = uuid::Uuid::now_v7().to_string();
    let standin = standin::start(Options { crm_tokens: vec![token.clone()], ..Options::default() })
        .map_err(|error| Failure::new(Exit::Unreachable, format!("the stand-in CRM cannot listen: {error}")))?;
    let crm_url = standin.url();
    let cast = cast::assemble(&config, &crm_url, &token).await?;
    let running = Running::start(&config).await?;
    let outcome = {
        let play = play(context, &args, &config, &cast, &running, &crm_url);
        tokio::select! {
            outcome = play => outcome,
            () = signals.next() => Err(Failure::new(Exit::Interrupted, "interrupted")),
            sentence = running.broken() => Err(Failure::new(Exit::Failed, sentence)),
        }
    };
    let outcome = match outcome {
        Ok(exit) if args.for_time.is_none() => {
            context.output.note("it goes on serving; Ctrl-C ends it and removes its database");
            tokio::select! {
                () = signals.next() => Ok(exit),
                sentence = running.broken() => Err(Failure::new(Exit::Failed, sentence)),
            }
        }
        other => other,
    };
    let stop = async {
        running.stop().await;
        standin.stop().await;
    };
    tokio::select! {
        () = stop => {}
        () = signals.next() => {}
    }
    outcome
}

/// Settings of its own: what is in the environment belongs to another server.
fn settings(folder: &Path) -> Result<Config, Failure> {
    let text = |path: PathBuf| path.display().to_string();
    let values = vec![
        ("listen", "127.0.0.1:0".to_owned()),
        ("database_url", format!("sqlite:{}", text(folder.join("demo.db")))),
        ("data_dir", text(folder.to_owned())),
        ("stop_within_s", "3".to_owned()),
    ];
    Ok(Config::load(&Flags { config: None, values }, &Environment::default())?)
}

async fn play(context: &Context, args: &DemoArgs, config: &Config, cast: &Cast, running: &Running, crm_url: &str) -> Outcome {
    let output = context.output;
    let (url, key) = (running.url(), &cast.admin_key);
    output.tell(&format!(
        "{}  one process, a temporary database, a scripted AI agent, a stand-in CRM",
        output.paint(Paint::Strong, "bellhop demo")
    ));
    output.tell(&format!("   docs  {url}/docs\n   api   {url}/v1\n   key   {key}"));
    output.tell(&format!("   crm   {crm_url}/_standin/records?kind=deals   (what really exists there; also kind=tickets)"));
    output.tell(&format!(
        "   try   curl -s {url}/v1/rooms/demo-0/function-calls -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' -d '{{\"calls\":[{{\"call_id\":\"try-1\",\"name\":\"create_tag\",\"arguments\":{{\"tags\":[\"hello\"]}}}}]}}'"
    ));

    let robot = Robot::new(http::Client::new(&url, Some(&cast.agent_key))?, http::Client::new(&url, Some(key))?);
    let leisurely = args.for_time.is_none() && !output.is_json() && output.is_terminal();
    let stage = Stage { output, running, company: cast.company, leisurely };
    let until = Instant::now() + args.for_time.unwrap_or_default();
    let told = Cell::new(false);
    let book = Book::at(crm_url)?;
    let story = async {
        book.loses_answers().await?;
        let result = tokio::time::timeout(STORY_AT_MOST, story::tell(&stage, &robot, &book)).await;
        // The last chapter ended every fault.
        let spoiled = book.loses_answers().await;
        told.set(true);
        spoiled?;
        result.unwrap_or_else(|_| Err(Failure::new(Exit::Failed, "the story did not end in time")))
    };
    let stop = |now: Instant| told.get() && now >= until;
    let at_most = args.for_time.unwrap_or_default().max(STORY_AT_MOST) + REST_AT_MOST;
    let both = async { tokio::join!(story, traffic::run(&robot, &stop)) };
    let (surprises, traffic) =
        tokio::time::timeout(at_most, both).await.map_err(|_| Failure::new(Exit::Failed, "the server did not answer in time"))?;
    let mut surprises = surprises?;
    traffic?;
    book.is_well_again().await?;
    let unwell = robot.ends(REST_AT_MOST).await?;
    surprises.extend(unwell.iter().map(|call| format!("a call did not end well: {call}")));

    let log = robot.log();
    let mut journal = read_journal(config, cast.company, &log).await?;
    if let Some(how) = args.break_how
        && !verdict::tamper(how, &log, &mut journal)
    {
        surprises.push("there was nothing to break".into());
    }
    let balance = book::balance(&robot.wishes(), &book.records().await?);
    let played = book.played().await?;
    output.tell(&format!(
        "\nThe stand-in's own book: {} deals and tickets wished for, {} there once · {} too many · {} missing\n   on the way: answers lost {} · 429 said {} · requests left in the dark {}",
        balance.wished,
        balance.once,
        zero(output, balance.doubled),
        zero(output, balance.missing),
        played.lost_answers,
        played.throttled,
        played.in_the_dark
    ));
    let verdict = verdict::compare(&log, &journal).and(balance);
    output.result(&verdict, || summary(output, &verdict, &url));
    for surprise in &surprises {
        output.note(&format!("bellhop: not as told: {surprise}"));
    }
    if !verdict.is_clean() {
        output.note(&format!(
            "bellhop: of {} calls {} were lost, {} doubled, {} out of order",
            verdict.calls, verdict.lost, verdict.doubled, verdict.out_of_order
        ));
    }
    Ok(if verdict.is_clean() && surprises.is_empty() { Exit::Ok } else { Exit::Failed })
}

/// A number that must be 0.
fn zero(output: Output, count: u64) -> String {
    output.paint(if count == 0 { Paint::Good } else { Paint::Bad }, &count.to_string())
}

fn summary(output: Output, verdict: &Verdict, url: &str) -> String {
    let zero = |count: u64| zero(output, count);
    format!(
        "\n{} calls acknowledged; held against the journal, read by a second connection, and against that book: lost {} · doubled {} · out of order {}\nnext: open {url}/docs, or bellhop serve",
        verdict.calls,
        zero(verdict.lost),
        zero(verdict.doubled),
        zero(verdict.out_of_order)
    )
}

/// Reads what the database remembers, through a connection of its own that only reads.
async fn read_journal(config: &Config, company: CompanyNo, log: &[Ack]) -> Result<JournalCopy, Failure> {
    let store = Store::open_beside(store_options(config, false)?)?;
    let queries = store.queries();
    let mut journal = JournalCopy::default();
    for room in story::ROOMS
        .iter()
        .chain(&crm_story::ROOMS)
        .chain(&[file_story::ROOM])
        .map(|room| (*room).to_owned())
        .chain(traffic::rooms())
    {
        let id = RoomId::trusted(&room);
        let lines = journal.rooms.entry(room).or_default();
        loop {
            let after = lines.last().map_or(0, |line| line.seq);
            let events = queries.timeline(company, &id, after, 200).await?.unwrap_or_default();
            if events.is_empty() {
                break;
            }
            lines.extend(events.into_iter().map(|event| {
                let payload: serde_json::Value = serde_json::from_str(&event.payload).unwrap_or_default();
                let tags = payload["tags"].as_array().into_iter().flatten().filter_map(|tag| tag.as_str().map(str::to_owned));
                Line {
                    seq: event.seq,
                    tags: tags.collect(),
                    kind: match payload["on"].as_str() {
                        Some(on) => format!("{} {on}", event.kind),
                        None => event.kind,
                    },
                    call: (event.cause_kind == "call").then_some(event.cause),
                }
            }));
        }
    }
    for ack in log {
        if !journal.rows.contains(&ack.call_id) && queries.call(company, &CallId::trusted(&ack.call_id)).await?.is_some() {
            journal.rows.insert(ack.call_id.clone());
        }
    }
    store.close();
    Ok(journal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_people_write_them() {
        assert_eq!(duration("20s"), Ok(Duration::from_secs(20)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        assert!(duration("soon").is_err() && duration("2h").is_err());
    }
}
