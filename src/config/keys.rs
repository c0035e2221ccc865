//! The names of all settings, with what they are unless said.

/// One setting that exists.
pub struct Key {
    /// As in the file; the flag is `--` with `-` for `_`, the variable is `BELLHOP_` and capitals.
    pub name: &'static str,
    /// Empty: worked out from the others (`data_dir`, `secret_key_file`) or from the machine (`workers`).
    pub default: &'static str,
    pub help: &'static str,
}

const fn key(name: &'static str, default: &'static str, help: &'static str) -> Key {
    Key { name, default, help }
}

/// Every setting there is.
pub const KEYS: &[Key] = &[
    key("listen", "127.0.0.1:8080", "address and port that `serve` listens on"),
    key("database_url", "sqlite:bellhop.db", "sqlite:FILE or postgres://user@host:5432/name"),
    key("data_dir", "", "folder of the secret key file and of files to send; the SQLite file's folder, or ./.bellhop"),
    key("secret_key_file", "", "32 random bytes that pepper API keys; bellhop.key in the data folder"),
    key("log", "info", "what is logged, as a tracing filter: info, or bellhop=debug,warn"),
    key("log_format", "auto", "auto (pretty on a terminal), json or pretty"),
    key("migrate", "true", "whether `serve` brings the schema up to date first"),
    key("workers", "", "web threads, 1 to 64; one for each processor"),
    key("max_in_flight_per_room", "1024", "calls one room holds before it answers busy, 1 to 65536"),
    key("idle_after_s", "300", "seconds without work after which a room leaves memory, 1 to 86400"),
    key("readers", "2", "threads that read the store, 1 to 64"),
    key("journal_queue", "4096", "commits waiting for the write lane, past which requests are answered 503, 16 to 1048576"),
    key("files_url", "", "where files to send lie: s3://bucket/prefix; empty: the folder `files` in the data folder"),
    key("files_endpoint", "", "address of the bucket's server, https://host:port or http://…; empty: Amazon's of the region"),
    key("files_region", "us-east-1", "region of the bucket"),
    key("files_path_style", "auto", "whether the bucket's name stands in the path: true, false, or auto (with an endpoint)"),
    key(
        "files_credentials_file",
        "",
        "JSON with access_key_id, secret_access_key, maybe session_token; empty: AWS_ACCESS_KEY_ID and so on of the environment",
    ),
    key("scan", "off", "virus scanner asked about every file: off, or clamd at tcp://host:port or unix:/path"),
    key(
        "files_private_allow",
        "",
        "hosts, addresses and networks with commas between, that are not public but files are fetched from",
    ),
    key("public_url", "", "address customers reach this server at, for links to files: https://…; empty: links begin with /"),
    key("link_lifetime_s", "604800", "seconds a link to a file that was sent opens it, 1 to 31536000"),
    key("fetched_kept_s", "2592000", "seconds fetched files are kept behind the end of their call, 1 to 31536000"),
    key("stop_within_s", "10", "seconds a stopping server gives requests in flight, 1 to 12"),
];

/// `BELLHOP_` variables that are no settings; the last is a debug build's (`Config::die_at`).
pub(super) const OTHER_VARIABLES: &[&str] =
    if cfg!(debug_assertions) { &["CONFIG", "URL", "KEY", "DIE_AT"] } else { &["CONFIG", "URL", "KEY"] };
