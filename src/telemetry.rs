//! Names of spans and metrics in one list, the log subscriber, the metrics recorder. A label is never a room, call, customer
//! or company: the number of series must not grow with use.

use std::io::IsTerminal;
use std::sync::Arc;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::LogFormat;

/// Names of spans.
pub mod span {
    pub const EXECUTE_TOOL: &str = "execute_tool";
    pub const ROOM_ACTIVATE: &str = "room.activate";
    pub const ROOM_PASSIVATE: &str = "room.passivate";
    pub const ROOM_STEP: &str = "room.step";
    pub const JOURNAL_COMMIT: &str = "journal.commit";
    /// One effect, from its first look to its end: the root of what is done out there for a call, which it names.
    pub const EFFECT_CARRY: &str = "effect.carry";
    /// One attempt of one part; inside it the requests, each an `OUTBOUND_ATTEMPT`.
    pub const EFFECT_PART: &str = "effect.part";
    pub const OUTBOUND_ATTEMPT: &str = "outbound.attempt";
}

// Names of metrics. Base units; `_total` on what only grows.
pub const BUILD_INFO: &str = "bellhop_build_info";
pub const HTTP_IN_FLIGHT: &str = "bellhop_http_requests_in_flight";
pub const HTTP_PROBLEMS: &str = "bellhop_http_problems_total";
pub const CALLS: &str = "bellhop_calls_total";
pub const CALLS_REPLAYED: &str = "bellhop_calls_replayed_total";
pub const CALL_ERRORS: &str = "bellhop_call_errors_total";
pub const ROOMS_LIVE: &str = "bellhop_rooms_live";
pub const ROOM_ACTIVATIONS: &str = "bellhop_room_activations_total";
pub const ROOM_PASSIVATIONS: &str = "bellhop_room_passivations_total";
pub const ROOM_RESTARTS: &str = "bellhop_room_restarts_total";
pub const PANICS: &str = "bellhop_room_panics_total";
pub const NOBODY_ANSWERED: &str = "bellhop_nobody_answered_total";
pub const ROSTER_SLOT_MISMATCH: &str = "bellhop_roster_slot_mismatch_total";
pub const ROSTER_RESTARTS: &str = "bellhop_roster_restarts_total";
pub const JOURNAL_COMMIT_DURATION: &str = "bellhop_journal_commit_duration_seconds";
pub const JOURNAL_GROUP_SIZE: &str = "bellhop_journal_group_size";
pub const STORE_POSITION: &str = "bellhop_store_position";
pub const CALL_KEYS_TWICE: &str = "bellhop_call_keys_twice_total";
pub const OUTBOUND_ATTEMPTS: &str = "bellhop_outbound_attempts_total";
pub const OUTBOUND_REPEATS: &str = "bellhop_outbound_repeats_total";
pub const OUTBOUND_ATTEMPT_DURATION: &str = "bellhop_outbound_attempt_duration_seconds";
pub const OUTBOUND_WAITING: &str = "bellhop_outbound_waiting";
pub const OUTBOUND_WAIT_DURATION: &str = "bellhop_outbound_wait_duration_seconds";
pub const OUTBOUND_THROTTLED: &str = "bellhop_outbound_throttled_total";
pub const OUTBOUND_CIRCUITS_OPEN: &str = "bellhop_outbound_circuits_open";
pub const OUTBOUND_CIRCUIT_TURNS: &str = "bellhop_outbound_circuit_turns_total";
pub const OUTBOUND_BUCKET_LEVEL: &str = "bellhop_outbound_bucket_level_ratio";
pub const EFFECTS_OPEN: &str = "bellhop_effects_open";
pub const EFFECTS_SETTLED: &str = "bellhop_effects_settled_total";
pub const OUTBOUND_BUCKETS_SLOWED: &str = "bellhop_outbound_buckets_slowed";
pub const MEDIA_UPLOADS: &str = "bellhop_media_uploads_total";
pub const WEBHOOKS: &str = "bellhop_webhooks_total";
pub const WEBHOOKS_REFUSED: &str = "bellhop_webhooks_refused_total";
pub const WEBHOOKS_REPEATED: &str = "bellhop_webhooks_repeated_total";

enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// Help of every metric, as it stands in `/metrics`.
const HELP: &[(&str, Kind, &str)] = &[
    (BUILD_INFO, Kind::Gauge, "Always 1; the version is a label."),
    (HTTP_IN_FLIGHT, Kind::Gauge, "HTTP requests under way."),
    (HTTP_PROBLEMS, Kind::Counter, "Requests refused as a whole, by code."),
    (CALLS, Kind::Counter, "Function-calls that ended, by action and status, also those that waited."),
    (CALLS_REPLAYED, Kind::Counter, "Calls answered from the store because their id was known."),
    (CALL_ERRORS, Kind::Counter, "Calls the door refused by itself, by action and code."),
    (ROOMS_LIVE, Kind::Gauge, "Rooms in memory."),
    (ROOM_ACTIVATIONS, Kind::Counter, "Rooms brought into memory."),
    (ROOM_PASSIVATIONS, Kind::Counter, "Rooms put to sleep."),
    (ROOM_RESTARTS, Kind::Counter, "Room actors started again after they died."),
    (PANICS, Kind::Counter, "Calls whose decision panicked."),
    (NOBODY_ANSWERED, Kind::Counter, "Rooms back in the queue because one person after the other did not answer. Alert on any."),
    (
        ROSTER_SLOT_MISMATCH,
        Kind::Counter,
        "Places where a roster and the store differed for longer than a word takes. Must be 0.",
    ),
    (ROSTER_RESTARTS, Kind::Counter, "Rosters made again after they died."),
    (JOURNAL_COMMIT_DURATION, Kind::Histogram, "Seconds of one durable transaction."),
    (JOURNAL_GROUP_SIZE, Kind::Histogram, "Rooms that shared one transaction."),
    (STORE_POSITION, Kind::Gauge, "Journal position of the newest durable event."),
    (CALL_KEYS_TWICE, Kind::Counter, "Calls found under a key that another call has. Alert on any."),
    (OUTBOUND_ATTEMPTS, Kind::Counter, "Requests sent to outside systems, by class of endpoint and outcome at sight."),
    (OUTBOUND_REPEATS, Kind::Counter, "Requests that were asked again, by class of endpoint."),
    (OUTBOUND_ATTEMPT_DURATION, Kind::Histogram, "Seconds of one attempt, by class of endpoint."),
    (OUTBOUND_WAITING, Kind::Gauge, "Requests that wait for credentials, circuit, token bucket or a place on the wire."),
    (OUTBOUND_WAIT_DURATION, Kind::Histogram, "Seconds a request waited for its slot."),
    (OUTBOUND_THROTTLED, Kind::Counter, "Answers 429."),
    (OUTBOUND_CIRCUITS_OPEN, Kind::Gauge, "Circuits that are not closed, by class of endpoint."),
    (OUTBOUND_CIRCUIT_TURNS, Kind::Counter, "Times a circuit opened, failed its probe or closed, by class of endpoint."),
    (
        OUTBOUND_BUCKET_LEVEL,
        Kind::Histogram,
        "What a request that had its turn left in the token bucket, as a share of the burst. 0: the bucket is what is waited for.",
    ),
    (EFFECTS_OPEN, Kind::Gauge, "Effects that have not ended, by standing: behind another of their room, at work, resting."),
    (EFFECTS_SETTLED, Kind::Counter, "Effects carried to their end, by action and status. Alert on unresolved and dead."),
    (OUTBOUND_BUCKETS_SLOWED, Kind::Gauge, "Token buckets below their budget's rate because of a 429."),
    (MEDIA_UPLOADS, Kind::Counter, "Files uploaded to a channel before a message names them."),
    (WEBHOOKS, Kind::Counter, "Webhooks brought to their rooms, by kind."),
    (WEBHOOKS_REFUSED, Kind::Counter, "What webhooks told and rooms refused, by code."),
    (WEBHOOKS_REPEATED, Kind::Counter, "Webhooks that were known already."),
];

/// Bounds of histograms, in seconds.
const SECONDS: &[f64] = &[0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// Bounds of a durable transaction, in seconds: close enough to tell its 99th percentile.
const COMMITS: &[f64] = &[
    0.000_25, 0.000_5, 0.000_75, 0.001, 0.001_25, 0.001_5, 0.002, 0.002_5, 0.003, 0.004, 0.005, 0.006, 0.008, 0.01, 0.012_5,
    0.015, 0.02, 0.025, 0.035, 0.05, 0.1, 0.25, 1.0, 5.0,
];
/// Bounds of the group size, in rooms.
const ROOMS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// Bounds of a share.
const SHARES: &[f64] = &[0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0];

/// Starts the log on standard error and sends panics there as one line. A second call changes nothing.
pub fn start_log(filter: &str, format: LogFormat) {
    let pretty = match format {
        LogFormat::Auto => std::io::stderr().is_terminal(),
        LogFormat::Json => false,
        LogFormat::Pretty => true,
    };
    // Where a line cannot be written it is lost, and nothing else: the library would say so on standard error, panic there, and
    // the hook below would have that written to the same place.
    let builder =
        tracing_subscriber::fmt().with_writer(std::io::stderr).log_internal_errors(false).with_env_filter(filter_of(filter));
    let started = if pretty {
        builder.compact().with_ansi(std::io::stderr().is_terminal()).finish().try_init().is_ok()
    } else {
        builder.json().flatten_event(true).with_current_span(false).finish().try_init().is_ok()
    };
    if started {
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            let payload = panic.payload();
            let said = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
            tracing::error!(event = "panic", place, "{}", said.unwrap_or("a panic without a text"));
        }));
    }
}

/// The web server's own word on bytes that are no request is left out unless asked for by name: anybody may send those, as many
/// as they like.
fn filter_of(filter: &str) -> EnvFilter {
    const NO_REQUEST: &str = "actix_http::h1::dispatcher";
    let asked_for = filter.contains("actix_http");
    EnvFilter::new(if asked_for { filter.to_owned() } else { format!("{filter},{NO_REQUEST}=off") })
}

/// The metrics of this process: written by anyone through the `metrics` macros, read through `render`.
#[derive(Clone)]
pub struct Metrics(Option<PrometheusHandle>);

impl Metrics {
    /// Installs the recorder of the process; when there already is one, `render` answers an empty text.
    pub fn start() -> Self {
        let recorder = PrometheusBuilder::new()
            .set_buckets(SECONDS)
            .and_then(|builder| {
                let group = metrics_exporter_prometheus::Matcher::Full(JOURNAL_GROUP_SIZE.to_owned());
                builder.set_buckets_for_metric(group, ROOMS)
            })
            .and_then(|builder| {
                let commit = metrics_exporter_prometheus::Matcher::Full(JOURNAL_COMMIT_DURATION.to_owned());
                builder.set_buckets_for_metric(commit, COMMITS)
            })
            .and_then(|builder| {
                let level = metrics_exporter_prometheus::Matcher::Full(OUTBOUND_BUCKET_LEVEL.to_owned());
                builder.set_buckets_for_metric(level, SHARES)
            })
            .and_then(PrometheusBuilder::install_recorder);
        let handle = match recorder {
            Ok(handle) => handle,
            Err(error) => {
                tracing::warn!(event = "metrics.unavailable", %error, "metrics are not recorded");
                return Self(None);
            }
        };
        for (name, kind, help) in HELP {
            match kind {
                Kind::Counter => metrics::describe_counter!(*name, *help),
                Kind::Gauge => metrics::describe_gauge!(*name, *help),
                Kind::Histogram => metrics::describe_histogram!(*name, *help),
            }
        }
        metrics::gauge!(BUILD_INFO, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        Self(Some(handle))
    }

    /// The text of `/metrics`, made anew at each call.
    pub fn render(&self) -> Arc<dyn Fn() -> String + Send + Sync> {
        let handle = self.0.clone();
        Arc::new(move || handle.as_ref().map(PrometheusHandle::render).unwrap_or_default())
    }

    /// Folds what histograms gathered; to be called every few seconds, or they grow.
    pub fn upkeep(&self) {
        if let Some(handle) = &self.0 {
            handle.run_upkeep();
        }
    }
}
