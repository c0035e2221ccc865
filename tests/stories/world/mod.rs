//! The world a story happens in, and its verbs: a server that is really a process, a database that is really one, callers
//! with real keys. Everything ends with the world, by its own process id, also when the story fails.

pub mod bucket;
pub mod call;
pub mod canary;
pub mod channel;
pub mod clamd;
pub mod conversation;
pub mod crm;
pub mod database;
pub mod door;
pub mod fault;
pub mod file;
pub mod file_host;
pub mod patience;
pub mod port;
pub mod postgres;
pub mod program;
pub mod s3;
pub mod skip;
pub mod slow_line;
pub mod small_disk;
pub mod told;
pub mod whatsapp;
pub mod wire;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Mutex;

use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

pub use call::{Call, assign_to, assign_to_anyone, assign_to_division, calls, create_tag, openai_message, resolve};
pub use database::{Database, Kind};
pub use door::{Door, Room, UnderWay};
pub use patience::{eventually, within};
use program::Server;
use small_disk::SmallDisk;
use wire::Wire;

/// Each story once on SQLite and once on PostgreSQL.
macro_rules! on_both_databases {
    ($($story:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[test]
            fn $story() {
                crate::world::tell(crate::world::Kind::Sqlite, super::$story);
            })+
        }
        mod on_postgres {
            $(#[test]
            fn $story() {
                crate::world::tell(crate::world::Kind::Postgres, super::$story);
            })+
        }
    };
}

/// Each story on SQLite alone: it is about the file, or about nothing that a database could change.
macro_rules! on_sqlite_alone {
    ($($story:ident),+ $(,)?) => {
        mod on_sqlite_alone {
            $(#[test]
            fn $story() {
                crate::world::tell(crate::world::Kind::Sqlite, super::$story);
            })+
        }
    };
}

/// Runs `story` in a new world with a running server, if the machine has this database.
pub fn tell(kind: Kind, story: fn(&mut World)) {
    if let Some(mut world) = World::with(kind) {
        world.starts();
        story(&mut world);
    }
}

pub struct World {
    // In this order, because it is the order of dropping: the process ends before its database and its folder go.
    server: Option<Server>,
    crm: Option<crm::StandIn>,
    database: Database,
    _disk: Option<SmallDisk>,
    folder: TempDir,
    runtime: Runtime,
    pub port: u16,
    pub admin_key: String,
    pub agent_key: String,
    /// Every key and webhook's secret that was given out.
    given: Mutex<Vec<String>>,
}

impl Drop for World {
    /// A story that fails shows what the server said last; of one that does not, what it leaves is looked through.
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = fs::read_to_string(program::log_of(self.folder.path())).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            eprintln!("the server's last words:\n{}", lines[lines.len().saturating_sub(30)..].join("\n"));
            return;
        }
        self.leaves_no_secret();
    }
}

impl World {
    /// A company `acme` with an administrator's key and an AI agent's; nothing runs yet.
    pub fn with(kind: Kind) -> Option<Self> {
        let folder = TempDir::with_prefix("bellhop-story-").unwrap();
        let database = Database::fresh(kind, folder.path())?;
        Some(Self::of(database, None, folder))
    }

    /// The same in a PostgreSQL server that is this story's alone.
    pub fn with_own_postgres() -> Option<Self> {
        let folder = TempDir::with_prefix("bellhop-story-").unwrap();
        Some(Self::of(Database::in_own_postgres()?, None, folder))
    }

    /// The same on a disk of so many KiB (`small_disk::ballast_in`). `None`, said loudly, where we may not mount.
    pub fn on_a_small_disk(kind: Kind, kibibytes: u32) -> Option<Self> {
        let folder = TempDir::with_prefix("bellhop-story-").unwrap();
        // A database's server is somebody else, who has to pass through here to its disk.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).unwrap();
        let disk = SmallDisk::mounted(folder.path(), kibibytes)?;
        let database = Database::fresh_in(kind, disk.path())?;
        Some(Self::of(database, Some(disk), folder))
    }

    fn of(database: Database, disk: Option<SmallDisk>, folder: TempDir) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let (admin_key, agent_key) = (String::new(), String::new());
        let given = Mutex::default();
        let mut world = Self {
            server: None,
            crm: None,
            database,
            _disk: disk,
            folder,
            runtime,
            port: port::free(),
            admin_key,
            agent_key,
            given,
        };
        world.a_company("acme");
        world.admin_key = world.a_key("acme", "admin").0;
        world.agent_key = world.a_key("acme", "agent").0;
        world
    }

    /// Runs a command of the program on this world's database; its JSON.
    pub fn command(&self, words: &[&str]) -> Value {
        let url = self.database.url();
        let said = program::run_json(self.folder.path(), &[words, &["--database-url", &url, "--json"]].concat());
        canary::is_not_in("what a command says", said.to_string().as_bytes());
        said
    }

    /// Runs a command of the program in this world's folder, as given.
    pub fn runs(&self, words: &[&str]) -> program::Ended {
        let ended = program::run(self.folder.path(), words);
        canary::is_not_in("what a command says", ended.said.as_bytes());
        canary::is_not_in("what a command complains of", ended.complained.as_bytes());
        ended
    }

    pub fn a_company(&self, name: &str) -> String {
        let company = self.command(&["company", "create", name]);
        assert_eq!(company["name"], name);
        company["company_id"].as_str().unwrap().to_owned()
    }

    /// (the key, its id). An agent's key belongs to the AI agent `sales`.
    pub fn a_key(&self, company: &str, role: &str) -> (String, String) {
        let mut words = vec!["key", "create", "--company", company, "--role", role];
        if role == "agent" {
            words.extend(["--ai-agent", "sales"]);
        }
        let made = self.command(&words);
        let (key, id) = (made["key"].as_str().unwrap().to_owned(), made["key_id"].as_str().unwrap().to_owned());
        self.given.lock().unwrap().push(key.clone());
        if self.server.is_some() {
            let known = || (self.caller(&key).get("/v1/rooms").http != 401).then_some(());
            eventually("a new key is known to a running server", known);
        }
        (key, id)
    }

    pub fn database(&self) -> &Database {
        &self.database
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The server starts, at the port it has, or at another when somebody took that one before it ever ran.
    pub fn starts(&mut self) {
        self.starts_with(&[], &[]);
    }

    /// The same, with `more` flags and `under` another program.
    pub fn starts_with(&mut self, under: &[&str], more: &[&str]) {
        let url = self.database.url();
        for _ in 0..5 {
            match Server::start_under(under, self.folder.path(), &url, self.port, more) {
                Ok(server) => return self.server = Some(server),
                Err(words) if words.contains("in use") => self.port = port::free(),
                Err(words) => panic!("serve ended by itself: {words}"),
            }
        }
        panic!("no port was free");
    }

    /// The server starts and is to end itself at this arrow (`Faults::dying`); whether it lived until it was ready.
    pub fn starts_to_die_at(&mut self, arrow: &str) -> bool {
        let (url, at) = (self.database.url(), format!("BELLHOP_DIE_AT={arrow}"));
        self.server = Server::start_under(&["env", &at], self.folder.path(), &url, self.port, &[]).ok();
        self.server.is_some()
    }

    /// It is gone, or soon is, and nobody killed it.
    pub fn has_died_by_itself(&mut self) -> bool {
        let gone = self
            .server
            .as_mut()
            .is_none_or(|server| within(std::time::Duration::from_secs(60), || (!server.is_running()).then_some(())).is_some());
        self.server = None;
        gone
    }

    /// Starts another server on the same database; its last words when it ended.
    pub fn starts_a_second_server(&self) -> Result<Server, String> {
        Server::start(self.folder.path(), &self.database.url(), port::free(), &[])
    }

    /// `kill -9`.
    pub fn dies(&mut self) {
        self.server().is_killed();
        self.server = None;
    }

    /// `kill -9` and a new start at the same port.
    pub fn dies_and_comes_back(&mut self) {
        self.dies();
        let url = self.database.url();
        self.server = Some(Server::start(self.folder.path(), &url, self.port, &[]).unwrap_or_else(|words| panic!("{words}")));
    }

    pub fn server(&mut self) -> &mut Server {
        self.server.as_mut().expect("a running server")
    }

    pub fn still_runs(&mut self) -> bool {
        self.server().is_running()
    }

    /// Everything the server wrote, over all its lives.
    pub fn log(&self) -> String {
        fs::read_to_string(program::log_of(self.folder.path())).unwrap()
    }

    pub fn admin(&self) -> Door {
        self.caller(&self.admin_key)
    }

    pub fn ai_agent(&self) -> Door {
        self.caller(&self.agent_key)
    }

    pub fn caller(&self, key: &str) -> Door {
        Door::new(self.runtime.handle().clone(), self.port, key)
    }

    /// A room that exists, with the administrator at its door.
    pub fn a_room(&self, id: &str) -> Room {
        let room = self.admin().room(id);
        assert_eq!(room.opens().http, 201);
        room
    }

    /// A bare connection to the server.
    pub fn wire(&self) -> Wire {
        Wire::connect(self.port).unwrap()
    }

    /// A post to the room's calls, byte by byte as it would travel, with `headers` added.
    pub fn posted(&self, room: &str, headers: &str, body: &[u8]) -> Vec<u8> {
        let head = format!(
            "POST /v1/rooms/{room}/function-calls HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\n{headers}Content-Length: {}\r\n\r\n",
            self.agent_key,
            body.len()
        );
        [head.as_bytes(), body].concat()
    }
}
