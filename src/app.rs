//! The only file that knows every part: builds them, wires them, stops them in reverse. It decides nothing itself.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use actix_web::dev::{ServerHandle, Service};
use actix_web::web::Data;
use actix_web::{App, HttpServer};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::actors::clock::{bring_timers, resume_open_calls};
use crate::actors::ports::Clock;
use crate::actors::postman::take_inbox;
use crate::actors::{LanePorts, RoomRouter, RouterOptions, SystemClock, Threads};
use crate::api::{self, Api, KeyRing, Streams};
use crate::channel::{ChannelEars, Channels, QontakChannel, Signatures, Sourced, WhatsappCloud};
use crate::config::Config;
use crate::crm::QontakCrm;
use crate::library::{Library, Refused};
use crate::outbound::{Forbidden, Outbound};
use crate::room::CompanyNo;
use crate::store::{Pepper, Queries, Store, StoreError, StoreOptions};
use crate::telemetry::{self, Metrics};

mod faults;
mod files;

pub use files::open_library;

use files::Files;

/// How often a running server looks whether a command beside it changed a company or a key, which counts within a second.
const CONFIG_POLL: Duration = Duration::from_millis(250);
const _: () = assert!(CONFIG_POLL.as_millis() <= 500);
/// How long web threads may take to start.
const THREADS_START: Duration = Duration::from_secs(10);

/// Why nothing runs.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Library(#[from] Refused),
    #[error("cannot listen on {listen}: {source}")]
    Listen { listen: String, source: std::io::Error },
    #[error("cannot wait for signals: {0}")]
    Signals(std::io::Error),
    #[error("the web threads did not start within {} s", THREADS_START.as_secs())]
    Threads,
}

/// How a store is opened with these settings. The secret key file is made when it is missing.
pub fn store_options(config: &Config, migrate: bool) -> Result<StoreOptions, StoreError> {
    let pepper = Pepper::load_or_make(config.secret_key_file.as_deref(), &config.data_dir)?;
    Ok(StoreOptions {
        url: config.database_url.clone(),
        migrate,
        readers: config.readers,
        journal_queue: config.journal_queue,
        pepper,
    })
}

/// A server that answers.
/// **Invariant:** made only when every web thread owns its rooms, so that no room ever changes its thread.
pub struct Running {
    pub addresses: Vec<SocketAddr>,
    pub store: Store,
    pub router: RoomRouter,
    /// Read by `/readyz`, by live feeds and by every request.
    ready: Arc<AtomicBool>,
    stopping: Arc<AtomicBool>,
    in_flight: Arc<AtomicUsize>,
    server: ServerHandle,
    background: Vec<JoinHandle<()>>,
    crm: QontakCrm,
    stop_within: Duration,
}

impl Running {
    /// Builds store, journal, router and api, binds and serves. Must run inside an actix `System`: rooms live on the web
    /// workers' own threads, which are arbiters only there.
    pub async fn start(config: &Config) -> Result<Self, StartError> {
        let options = store_options(config, config.migrate)?;
        let pepper = options.pepper.clone();
        let store = Store::open_to_serve(options)?;
        match Self::serve(config, store.clone(), pepper).await {
            Ok(running) => Ok(running),
            Err(error) => {
                store.close();
                Err(error)
            }
        }
    }

    async fn serve(config: &Config, store: Store, pepper: Pepper) -> Result<Self, StartError> {
        let metrics = Metrics::start();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let files = Files::build(config, &pepper)?;
        let (router, threads, channel, crm) = build_router(config, &store, clock.clone(), &files)?;
        let (ready, stopping) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        // The version before the keys: a key made in between is then read again at the first poll.
        let version = store.queries().config_version().await?;
        let sweeping = files.sweep(&store, &clock);
        let api = build_api(&store, &router, files, pepper, ready.clone(), &metrics, clock);
        api.key_ring.refresh(&api.queries).await?;
        let in_flight = Arc::new(AtomicUsize::new(0));

        let (of_threads, of_api, counted) = (threads.clone(), api.clone(), in_flight.clone());
        let seen = (ready.clone(), stopping.clone());
        let server = HttpServer::new(move || {
            join_thread(&of_threads);
            let (api, counted, (ready, stopping)) = (of_api.clone(), counted.clone(), seen.clone());
            App::new()
                .wrap_fn(move |mut request, service| {
                    let (guard, hold) = (InFlight::enter(&counted), api::Hold::on(&mut request));
                    let absent = !ready.load(Ordering::Acquire) && request.path().starts_with("/v1/");
                    let answer =
                        if absent { Err((request, stopping.load(Ordering::Acquire))) } else { Ok(service.call(request)) };
                    async move {
                        let _guard = guard;
                        let answer = match answer {
                            Ok(answer) => answer.await?,
                            Err((request, stopping)) => {
                                let away = api::not_serving(request.request(), stopping);
                                request.into_response(away)
                            }
                        };
                        Ok(answer.map_body(|_, body| hold.until_written(body)))
                    }
                })
                .configure(move |service| api::configure(service, api))
        })
        .workers(config.workers)
        .disable_signals()
        .tcp_nodelay(true)
        .shutdown_timeout(1)
        .bind(config.listen.as_str())
        .map_err(|source| StartError::Listen { listen: config.listen.clone(), source })?;
        let addresses = server.addrs();
        let server = server.run();
        let handle = server.handle();
        let serving = tokio::task::spawn_local(async move {
            if let Err(error) = server.await {
                tracing::error!(event = "server.failed", %error, "the web server ended");
            }
        });
        wait_until(THREADS_START, || threads.complete()).await.map_err(|()| StartError::Threads)?;
        ready.store(true, Ordering::Release);
        let (changed, changes) = watch::channel(version);
        let background = vec![
            serving,
            tokio::task::spawn_local(channel.qontak().keep_registered(channels_of(store.queries()), changes)),
            tokio::task::spawn_local(follow_companies(router.clone(), api, version, changed)),
            tokio::task::spawn_local(keep_metrics(metrics, store.clone(), router.clone(), in_flight.clone())),
            tokio::task::spawn_local(bring_timers(router.clone())),
            tokio::task::spawn_local(resume_open_calls(router.clone())),
            tokio::task::spawn_local(take_inbox(router.clone(), store.inbox(), Arc::new(ChannelEars), Some(channel))),
            tokio::task::spawn_local(sweeping.go_on()),
            tokio::task::spawn_local(sweep(router.clone(), config.idle_after_s)),
        ];
        let stop_within = Duration::from_secs(config.stop_within_s.into());
        Ok(Self { addresses, store, router, ready, stopping, in_flight, server: handle, background, crm, stop_within })
    }

    /// Where to reach it, as a client on this machine would.
    pub fn url(&self) -> String {
        match self.addresses.first() {
            Some(address) if address.ip().is_unspecified() => format!("http://127.0.0.1:{}", address.port()),
            Some(address) => format!("http://{address}"),
            None => String::new(),
        }
    }

    /// Answers once the store says that this process must not go on, with its sentence.
    pub async fn broken(&self) -> String {
        let mut fatal = self.store.fatal();
        loop {
            if let Some(sentence) = fatal.borrow_and_update().clone() {
                return sentence;
            }
            if fatal.changed().await.is_err() {
                return "the store ended by itself".into();
            }
        }
    }

    /// Not ready any more, no new requests, those in flight to their end (who waits for a call that is durable hears where it
    /// stands), then the store. Rooms live on the web threads, so these stop only when no request needs a room.
    pub async fn stop(self) {
        self.stopping.store(true, Ordering::Release);
        self.ready.store(false, Ordering::Release);
        self.server.pause().await;
        self.router.hurries();
        if wait_until(self.stop_within, || self.in_flight.load(Ordering::Acquire) == 0).await.is_err() {
            tracing::warn!(event = "server.cut", in_flight = self.in_flight.load(Ordering::Acquire), "requests were cut off");
        }
        self.router.close();
        self.server.stop(true).await;
        self.router.clear();
        for task in &self.background {
            task.abort();
        }
        self.crm.refreshes_end(Duration::from_secs(3)).await;
        let closed = tokio::task::spawn_blocking(move || self.store.close());
        if tokio::time::timeout(Duration::from_secs(2), closed).await.is_err() {
            tracing::warn!(event = "store.slow_close", "the store is still closing; nothing acknowledged is lost by not waiting");
        }
    }
}

/// What it takes to be told what happens there: the chat documents a burst of ten (qontak-api.md 2.7), the CRM documents none.
const CHANNEL_HEAD_START: u32 = 3;

/// The adapters to every company's CRM and channel, over one shared HTTP client.
pub fn build_outside(
    store: &Store,
    clock: &Arc<dyn Clock>,
    outbound: Outbound,
    files: Option<Arc<Library>>,
) -> (QontakCrm, Channels) {
    let (vault, clock) = (store.vault(), clock.clone());
    let mut qontak = QontakChannel::new(outbound.apart(CHANNEL_HEAD_START), vault.clone(), store.memory(), clock.clone());
    let beside = outbound.apart_where(CHANNEL_HEAD_START, Forbidden::Body);
    let mut whatsapp = WhatsappCloud::new(beside, vault.clone(), store.channel_memory(), clock.clone());
    if let Some(files) = files {
        qontak = qontak.with_files(files.clone()).hearing(store.inbox(), store.outbox());
        whatsapp = whatsapp.with_files(files);
    }
    let channels = Channels::new(qontak, whatsapp, vault.clone());
    (QontakCrm::new(outbound, vault, store.outbox(), clock, store.reference_key()), channels)
}

/// Everything that knows how rooms come to threads.
fn build_router(
    config: &Config,
    store: &Store,
    clock: Arc<dyn Clock>,
    files: &Files,
) -> Result<(RoomRouter, Threads, Arc<Channels>, QontakCrm), StoreError> {
    let (crm, channel) = build_outside(store, &clock, files.outbound.clone(), Some(files.library.clone()));
    let channel = Arc::new(channel);
    let sourced = Sourced::new(files.sourced(channel.clone(), store, &clock));
    let threads = Threads::new(config.workers);
    let journal = store.journal(Arc::new(threads.clone()))?;
    let options = RouterOptions {
        max_in_flight: config.max_in_flight_per_room,
        idle_after: Duration::from_secs(config.idle_after_s.into()),
        faults: faults::faults(config),
        crm: Some(LanePorts { counterpart: Arc::new(crm.clone()), outbox: store.outbox() }),
        channel: Some(LanePorts { counterpart: Arc::new(sourced), outbox: store.outbox() }),
    };
    Ok((RoomRouter::new(options, journal, store.memory(), clock, threads.clone()), threads, channel, crm))
}

/// The calling web thread takes its share of the rooms. The web server calls its factory once per thread *and* listening
/// address; a thread joins once.
fn join_thread(threads: &Threads) {
    thread_local!(static JOINED: std::cell::Cell<bool> = const { std::cell::Cell::new(false) });
    if !JOINED.replace(true) {
        threads.join(&actix_rt::Arbiter::current());
    }
}

fn build_api(
    store: &Store,
    router: &RoomRouter,
    files: Files,
    pepper: Pepper,
    ready: Arc<AtomicBool>,
    metrics: &Metrics,
    clock: Arc<dyn Clock>,
) -> Data<Api> {
    Data::new(Api {
        router: router.clone(),
        queries: store.queries(),
        directory: store.directory(),
        library: files.library,
        links: files.links,
        fetchable: Arc::new(move |url| files.fetcher.admits(url).map_err(|why| why.to_string())),
        key_ring: Arc::new(KeyRing::default()),
        pepper,
        ready,
        metrics: metrics.render(),
        last_position: store.last_position(),
        clock,
        inbox: store.inbox(),
        doorkeeper: Arc::new(Signatures::new(store.vault())),
        ears: Arc::new(ChannelEars),
        streams: Arc::new(Streams::default()),
    })
}

struct InFlight(Arc<AtomicUsize>);

impl InFlight {
    fn enter(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::AcqRel);
        Self(count.clone())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Commands beside this server write companies and keys into the same database and raise one number there.
async fn follow_companies(router: RoomRouter, api: Data<Api>, mut known: i64, changed: watch::Sender<i64>) {
    let mut ticks = tokio::time::interval(CONFIG_POLL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut complained = false;
    loop {
        ticks.tick().await;
        match refresh(&router, &api, known).await {
            Ok(version) => {
                (known, complained) = (version, false);
                changed.send_if_modified(|held| std::mem::replace(held, version) != version);
            }
            Err(why) if !complained => {
                complained = true;
                tracing::warn!(event = "config.unread", why, "changes of companies and keys cannot be read now");
            }
            Err(_) => {}
        }
    }
}

/// Companies whose rooms live elsewhere; `None`: the store cannot say now.
fn channels_of(queries: Queries) -> impl AsyncFn() -> Option<Vec<CompanyNo>> {
    async move || Some(queries.webhooks().await.ok()?.into_iter().map(|row| row.company).collect())
}

/// The version that is now followed; `known` when nothing moved.
async fn refresh(router: &RoomRouter, api: &Api, known: i64) -> Result<i64, String> {
    let version = api.queries.config_version().await.map_err(|error| error.to_string())?;
    if version != known {
        api.key_ring.refresh(&api.queries).await.map_err(|error| error.to_string())?;
        router.companies_changed().await.map_err(|why| why.to_string())?;
    }
    Ok(version)
}

async fn sweep(router: RoomRouter, idle_after_s: u32) {
    let mut ticks = tokio::time::interval(Duration::from_secs(u64::from(idle_after_s / 10).clamp(1, 30)));
    loop {
        ticks.tick().await;
        router.sweep();
    }
}

async fn keep_metrics(metrics: Metrics, store: Store, router: RoomRouter, in_flight: Arc<AtomicUsize>) {
    let position = store.last_position();
    let mut ticks = tokio::time::interval(Duration::from_secs(5));
    loop {
        ticks.tick().await;
        metrics::gauge!(telemetry::ROOMS_LIVE).set(router.live_rooms() as f64);
        metrics::gauge!(telemetry::HTTP_IN_FLIGHT).set(in_flight.load(Ordering::Relaxed) as f64);
        metrics::gauge!(telemetry::STORE_POSITION).set(*position.borrow() as f64);
        metrics.upkeep();
    }
}

async fn wait_until(at_most: Duration, mut done: impl FnMut() -> bool) -> Result<(), ()> {
    let begun = Instant::now();
    while !done() {
        if begun.elapsed() > at_most {
            return Err(());
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}

/// SIGTERM and SIGINT, as they come.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From here on the process does not die of these signals by itself.
    pub fn listen() -> Result<Self, StartError> {
        let of = |kind| signal(kind).map_err(StartError::Signals);
        Ok(Self { terminate: of(SignalKind::terminate())?, interrupt: of(SignalKind::interrupt())? })
    }

    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
