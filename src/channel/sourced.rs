//! Files that have to be fetched before they are sent: fetched, told by their bytes, scanned and stored in the library, and only
//! then sent as any other. What was fetched is the effect's first part, written down: after a restart the same file goes on its
//! way, whatever its host would answer by then. Stands before the channels and knows none of them; of a room that lives here, that
//! part is the sending. And the links of files that no channel carries, which are made when they are about to be sent.

use std::sync::Arc;

use crate::actors::outside::{
    Counterpart, EffectJob, FetchedFiles, Found, LineView, Outbox, OutsideFuture, Part, PartDone, PartRow, Permit, Permitted,
    Planned, Sent, Vault,
};
use crate::actors::ports::Clock;
use crate::catalog::sourced::not_allowed;
use crate::catalog::{Request, send_attachment};
use crate::library::{Declared, Library, Links, Offered, Refused};
use crate::outbound::{Fetcher, NotFetched, Step, Stop, Wish};
use crate::room::channel_limits::{Caption, Channel, fits, megabytes};
use crate::room::delivery::Stage;
use crate::room::outbox::{Patience, Rule};
use crate::room::source::Source;
use crate::room::{CallStatus, CameAbout, CompanyNo, FileKey, Next, Refusal, SentFile, Settlement, Timestamp};

/// The part that holds what was fetched.
const FETCH: &str = "fetch";
/// Its number: behind any that a channel gives, so that theirs are as if it were not there.
const FETCH_NO: u32 = 1_000;
/// Nothing larger is fetched, whatever a channel takes.
const MAX_BYTES: u64 = 25 * 1024 * 1024;
/// The company's places are taken, or the disk is: soon again.
const AGAIN_MS: i64 = 500;

/// The channels, with what has to be fetched for them.
pub struct Sourced {
    channels: Arc<dyn Counterpart>,
    outbox: Arc<dyn Outbox>,
    fetcher: Arc<Fetcher>,
    library: Arc<Library>,
    fetched: Arc<dyn FetchedFiles>,
    links: Links,
    vault: Arc<dyn Vault>,
    clock: Arc<dyn Clock>,
}

/// What they are made of.
pub struct SourcedParts {
    pub channels: Arc<dyn Counterpart>,
    pub outbox: Arc<dyn Outbox>,
    pub fetcher: Arc<Fetcher>,
    pub library: Arc<Library>,
    pub fetched: Arc<dyn FetchedFiles>,
    pub links: Links,
    pub vault: Arc<dyn Vault>,
    pub clock: Arc<dyn Clock>,
}

impl Sourced {
    pub fn new(parts: SourcedParts) -> Self {
        let SourcedParts { channels, outbox, fetcher, library, fetched, links, vault, clock } = parts;
        Self { channels, outbox, fetcher, library, fetched, links, vault, clock }
    }

    /// The job with the link that is sent for its file.
    async fn linked(&self, job: &EffectJob, file: &SentFile) -> Step<EffectJob> {
        let company = job.address.company;
        let key = FileKey::new(&file.attachment).map_err(|_| not_configured())?;
        // Where the channel reaches us its customers do.
        let access = self.vault.channel(company).await.map_err(Stop::store)?;
        let webhook = access.and_then(|access| access.webhook_url);
        let reached_at = webhook.as_ref().and_then(|url| url.reveal().split_once("/v1/webhooks/")).map_or("", |(url, _)| url);
        let (room, call_id) = (job.address.room.clone(), job.call.call_id.clone());
        let offered = Offered { company, room, call_id, key, version: file.version };
        let link = self.links.offer(&offered, reached_at, self.clock.now());
        if link.url.starts_with('/') {
            return Err(not_configured().into());
        }
        Ok(EffectJob { link: Some(link.url.into()), ..job.clone() })
    }

    async fn next(&self, job: &EffectJob, source: &Source, ended: &[PartRow]) -> Result<Planned, Arc<str>> {
        let Some(fetched) = ended.iter().find(|row| row.part.name == FETCH) else {
            return Ok(match self.fetch(job, source).await {
                Ok(file) => Planned::Write(part(&file)?),
                Err(stop) => stop.planned(),
            });
        };
        let file = file_of(&fetched.part)?;
        if source.here {
            let caption = caption(job).map(str::to_owned);
            let result = send_attachment::accepted(&file, caption.as_deref(), self.clock.now().to_text());
            let sent = CameAbout::Sent { file, caption, message_id: None, result: result.0.as_str().into() };
            return Ok(Planned::End(Settlement::done(&result, sent)));
        }
        let parts: Vec<PartRow> = without_fetch(ended);
        // To the lane something was done; to the customer nothing was: it may expire like anything that waits.
        let patience = self.channels.patience(job.address.company).await?;
        if parts.is_empty() && self.clock.now().ms_since(job.since) >= patience.deadline_ms {
            return Ok(Planned::End(self.channels.unsaid(job, CallStatus::Expired)));
        }
        self.channels.plan(&with(job, file), &parts).await
    }

    /// The file at its address in the library. Repeatable: nobody is told of it.
    async fn fetch(&self, job: &EffectJob, source: &Source) -> Step<SentFile> {
        let company = job.address.company;
        let channel = Channel::ALL.into_iter().find(|channel| channel.as_str() == source.channel).unwrap_or(Channel::WebChat);
        let most = channel.takes().iter().map(|takes| takes.max_bytes).max().unwrap_or(0).min(MAX_BYTES);
        let wish = Wish { url: source.url.clone(), http: false, hosts: source.hosts.clone(), max_bytes: most };
        let mut incoming = self.fetcher.open(company, &wish).await.map_err(|why| unfetched(why, source))?;
        let filename = source.filename.clone().unwrap_or_else(|| incoming.filename.clone());
        let mut intake = self.library.take(company, Declared { filename, mime: incoming.mime.clone() }).await.map_err(unkept)?;
        loop {
            let stop = match incoming.next().await {
                Ok(None) => break,
                Ok(Some(piece)) => match intake.write(&piece).await {
                    Ok(()) => continue,
                    Err(refused) => unkept(refused),
                },
                Err(why) => unfetched(why, source),
            };
            intake.discard().await;
            return Err(stop);
        }
        drop(incoming);
        let ready = intake.finish().await.map_err(unkept)?;
        let takes = match fits(channel, ready.format(), ready.size()) {
            Ok(takes) => takes,
            Err(misfit) => {
                ready.discard().await;
                return Err(send_attachment::unfit(&misfit).into());
            }
        };
        let (Caption::Field(longest) | Caption::Separate(longest)) = takes.caption;
        if caption(job).is_some_and(|caption| caption.chars().count() > longest) {
            ready.discard().await;
            let message = format!("With this file a caption may have {longest} characters. Nothing was sent; shorten it.");
            return Err(Refusal::new("argument_invalid", Next::FixAndRetry, message).into());
        }
        // Before the bytes: what has no row would lie there for ever.
        if let Err(why) = self.fetched.fetched(company, job.key, ready.sha256(), self.clock.now()).await {
            ready.discard().await;
            return Err(Stop::store(why));
        }
        let kept = ready.keep(company, &source.attachment).await.map_err(unkept)?;
        Ok(SentFile {
            attachment: source.attachment.clone(),
            version: 0,
            sha256: kept.sha256,
            size: kept.size,
            mime: kept.format.mime().to_owned(),
            kind: takes.kind.as_str().to_owned(),
            filename: kept.filename,
        })
    }

    /// The job as the channel knows it: with its file.
    async fn found(&self, job: &EffectJob) -> Result<EffectJob, Arc<str>> {
        let recalled = self.outbox.recall(job.key).await?;
        match recalled.parts.iter().find(|row| row.part.name == FETCH) {
            Some(row) => Ok(with(job, file_of(&row.part)?)),
            None => Err("what was fetched is not written down".into()),
        }
    }
}

/// One text: the customer is told that it is a link, and to what.
pub(super) fn with_words(file: &SentFile, caption: Option<&str>, link: &str) -> String {
    let what = format!("{} ({}), as a link: {link}", file.filename, megabytes(file.size));
    caption.map_or_else(|| what.clone(), |caption| format!("{caption}\n{what}"))
}

fn not_configured() -> Refusal {
    let message = "Links to files cannot be sent before a colleague has set this up. Nothing was sent; do not tell the customer of \
        a link.";
    Refusal::new("not_configured", Next::DoNotRetry, message)
}

fn caption(job: &EffectJob) -> Option<&str> {
    match &job.request {
        Request::SendAttachment(asked) => asked.caption.as_deref(),
        _ => None,
    }
}

fn with(job: &EffectJob, file: Arc<SentFile>) -> EffectJob {
    let mut job = job.clone();
    job.plan.file = Some(file);
    job
}

fn part(file: &SentFile) -> Result<Part, Arc<str>> {
    Ok(Part {
        no: FETCH_NO,
        name: FETCH.into(),
        rule: Rule::Absolute,
        request: serde_json::to_string(file).map_err(|error| -> Arc<str> { error.to_string().into() })?,
        reference: None,
        shown_name: None,
        hands_to: None,
    })
}

fn file_of(part: &Part) -> Result<Arc<SentFile>, Arc<str>> {
    serde_json::from_str(&part.request)
        .map(Arc::new)
        .map_err(|error| format!("a part of the outbox cannot be read: {error}").into())
}

fn kept(part: &Part) -> PartDone {
    PartDone { record: String::new(), answer: part.request.clone() }
}

fn without_fetch(parts: &[PartRow]) -> Vec<PartRow> {
    parts.iter().filter(|row| row.part.name != FETCH).cloned().collect()
}

/// What the model is told. Nothing of it repeats an address or what its host answered.
fn unfetched(why: NotFetched, source: &Source) -> Stop {
    tracing::info!(event = "file.unfetched", file = source.attachment, %why, "a file could not be fetched");
    let told = match why {
        NotFetched::Busy => return Stop::later(AGAIN_MS, "the company's places for fetching are taken"),
        NotFetched::Blocked(_) => not_allowed(),
        NotFetched::TooLarge(most) => {
            let message =
                format!("The file is larger than the {most} bytes that may be sent here. Nothing was sent; tell the customer.");
            Refusal::new("too_large", Next::DoNotRetry, message)
        }
        NotFetched::Answered(404 | 410) => {
            let message = "There is no such file at its host. Nothing was sent; check what you were told by the customer.";
            Refusal::new("file_not_found", Next::AskCustomer, message)
        }
        _ => {
            let message =
                "The file's host did not give it. Nothing was sent; you may try once more later, or offer to follow up.";
            Refusal::new("fetch_failed", Next::RetryLater, message)
        }
    };
    told.into()
}

fn unkept(refused: Refused) -> Stop {
    let told = |next, what: String| Refusal::new(refused.code(), next, format!("{what} Nothing was sent.")).into();
    match &refused {
        Refused::Storage(_) | Refused::BadSetting(_) | Refused::StorageFull | Refused::Busy => {
            Stop::later(10 * AGAIN_MS, refused.to_string())
        }
        Refused::Infected { .. } | Refused::ScanUnavailable(_) => {
            tracing::warn!(event = "file.unscanned", why = %refused, "a fetched file was not let through");
            told(Next::WaitForHuman, "The file was not let through by the virus scanner.".into())
        }
        Refused::Empty | Refused::TooLarge { .. } | Refused::Unsupported { .. } | Refused::Mismatch { .. } => {
            told(Next::DoNotRetry, refused.to_string())
        }
    }
}

impl Counterpart for Sourced {
    fn patience(&self, company: CompanyNo) -> OutsideFuture<'_, Patience> {
        self.channels.patience(company)
    }

    fn plan<'a>(&'a self, job: &'a EffectJob, ended: &'a [PartRow]) -> OutsideFuture<'a, Planned> {
        match &job.plan.source {
            Some(source) => Box::pin(self.next(job, source, ended)),
            None => match job.plan.file.as_ref().filter(|file| file.is_link() && ended.is_empty()) {
                Some(file) => Box::pin(async move {
                    match self.linked(job, file).await {
                        Ok(job) => self.channels.plan(&job, ended).await,
                        Err(stop) => Ok(stop.planned()),
                    }
                }),
                None => self.channels.plan(job, ended),
            },
        }
    }

    fn permit<'a>(&'a self, job: &'a EffectJob, part: &'a Part, attempt: u32) -> OutsideFuture<'a, Permitted> {
        // What is fetched already waits for nobody outside.
        if part.name == FETCH {
            return Box::pin(async { Ok(Permitted::Go(Permit(Box::new(())))) });
        }
        if job.plan.source.is_none() {
            return self.channels.permit(job, part, attempt);
        }
        Box::pin(async move { self.channels.permit(&self.found(job).await?, part, attempt).await })
    }

    fn write<'a>(&'a self, job: &'a EffectJob, part: &'a Part, permit: Permit) -> OutsideFuture<'a, Sent> {
        if part.name == FETCH {
            return Box::pin(async { Ok(Sent::Done(kept(part))) });
        }
        if job.plan.source.is_none() {
            return self.channels.write(job, part, permit);
        }
        Box::pin(async move {
            match self.found(job).await {
                Ok(job) => self.channels.write(&job, part, permit).await,
                // Nothing has left yet.
                Err(why) => Ok(Sent::NotDone { after_ms: AGAIN_MS, counts: false, why }),
            }
        })
    }

    fn look_up<'a>(&'a self, job: &'a EffectJob, part: &'a Part, started_at: Timestamp) -> OutsideFuture<'a, Found> {
        if part.name == FETCH {
            return Box::pin(async { Ok(Found::Done(kept(part))) });
        }
        if job.plan.source.is_none() {
            return self.channels.look_up(job, part, started_at);
        }
        Box::pin(async move { self.channels.look_up(&self.found(job).await?, part, started_at).await })
    }

    fn prepared(&self, job: &EffectJob, part: &Part, started: &[PartRow]) -> Option<(Stage, Option<Arc<SentFile>>)> {
        if job.plan.source.is_none() {
            return self.channels.prepared(job, part, started);
        }
        let fetched = started.iter().map(|row| &row.part).find(|part| part.name == FETCH);
        let file = file_of(fetched.unwrap_or(part)).ok();
        let stage = fetched.and_then(|_| self.channels.prepared(job, part, started)).map_or(Stage::Scanned, |(stage, _)| stage);
        Some((stage, file))
    }

    fn unsaid(&self, job: &EffectJob, status: CallStatus) -> Settlement {
        self.channels.unsaid(job, status)
    }

    fn voided(&self, job: &EffectJob, parts: &[PartRow]) -> Settlement {
        self.channels.voided(job, &without_fetch(parts))
    }

    fn view(&self, company: CompanyNo) -> LineView {
        self.channels.view(company)
    }
}
