//! One throw-away PostgreSQL for this test binary, from the machine's own programs, or the one `BELLHOP_TEST_POSTGRES`
//! (an administrator's URL) names. Durable like a real one: fsync stays on, unless `BELLHOP_TEST_FSYNC=off`.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};

use tempfile::TempDir;

use super::patience::eventually;

/// A PostgreSQL server that stories may make databases in.
pub struct Postgres {
    admin_url: String,
    _own: Option<Own>,
}

/// Ours to end. **Invariant:** the guardian's standard input is a pipe that only this process holds: however the tests
/// end, the pipe closes, and the guardian ends the server by its id and removes its folder.
struct Own {
    _guardian: Child,
}

/// `None`, said loudly, where there are no server programs. On CI that is a failure.
pub fn server() -> Option<&'static Postgres> {
    static SERVER: OnceLock<Option<Postgres>> = OnceLock::new();
    SERVER
        .get_or_init(|| {
            if let Ok(admin_url) = std::env::var("BELLHOP_TEST_POSTGRES") {
                return Some(Postgres { admin_url, _own: None });
            }
            own_server()
        })
        .as_ref()
}

/// One for a single story that is hard on it; ends when it is dropped.
pub fn own_server() -> Option<Postgres> {
    let Some(programs) = programs() else {
        assert!(std::env::var_os("CI").is_none(), "CI must not skip PostgreSQL: no server programs in /usr/lib/postgresql");
        eprintln!("\n**** SKIPPED: stories on PostgreSQL. No server programs in /usr/lib/postgresql/*/bin;");
        eprintln!("**** install Debian's postgresql-15, or give BELLHOP_TEST_POSTGRES=postgres://admin@host/db\n");
        return None;
    };
    Some(start(&programs))
}

impl Postgres {
    /// A new, empty database: its URL.
    pub fn a_database(&self) -> String {
        self.made("")
    }

    /// One whose tables are in a folder of this machine; the server's journal stays where it is, because without space for
    /// that PostgreSQL itself ends. The folder must be empty.
    pub fn a_database_in(&self, folder: &Path) -> String {
        if let Some((user, group)) = account() {
            chown(folder, Some(user), Some(group)).unwrap();
        }
        run_sql(&self.admin_url, &format!("CREATE TABLESPACE apart LOCATION '{}'", folder.display()));
        self.made(" TABLESPACE apart")
    }

    fn made(&self, with: &str) -> String {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let name = format!("story_{}_{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        run_sql(&self.admin_url, &format!("CREATE DATABASE {name}{with}"));
        let (server, _) = self.admin_url.rsplit_once('/').expect("BELLHOP_TEST_POSTGRES ends with a database's name");
        format!("{server}/{name}")
    }

    pub fn forget(&self, url: &str) {
        if let Some((_, name)) = url.rsplit_once('/') {
            // One whose last connection does not end in time stays, and goes with its server.
            if let Err(problem) = try_sql(&self.admin_url, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")) {
                eprintln!("{name} stays: {problem:?}");
            }
        }
    }
}

/// One statement on its own connection.
pub fn run_sql(url: &str, sql: &str) {
    if let Err(problem) = try_sql(url, sql) {
        panic!("{sql}: {problem:?}");
    }
}

fn try_sql(url: &str, sql: &str) -> Result<(), tokio_postgres::Error> {
    let work = async {
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
        let connection = tokio::spawn(connection);
        let done = client.batch_execute(sql).await;
        drop(client);
        let _ = connection.await;
        done
    };
    in_a_thread(work)
}

/// Every row of every table as text, by table. Bytes are hexadecimal.
pub fn everything(url: &str) -> Vec<(String, String)> {
    let work = async {
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
        let connection = tokio::spawn(connection);
        let mut all = vec![];
        for row in
            client.query("SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'", &[]).await?
        {
            let table: String = row.get(0);
            let rows = client.query(&format!("SELECT t::text FROM \"{table}\" t"), &[]).await?;
            all.push((table, rows.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>().join("\n")));
        }
        drop(client);
        let _ = connection.await;
        Ok::<_, tokio_postgres::Error>(all)
    };
    in_a_thread(work).unwrap_or_else(|problem| panic!("reading all tables: {problem:?}"))
}

/// A thread of its own: the caller may already be inside a runtime.
fn in_a_thread<T: Send>(work: impl Future<Output = T> + Send) -> T {
    thread::scope(|scope| {
        scope
            .spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(work)
            })
            .join()
            .unwrap()
    })
}

/// Tables that nobody else can write to, or writers that wait.
pub struct Held {
    let_go: Option<Sender<()>>,
    holder: Option<JoinHandle<()>>,
}

impl Held {
    /// Readers go on, as with a locked SQLite file.
    pub fn tables(url: &str, tables: &[&str]) -> Self {
        Self::by(url, format!("BEGIN; LOCK TABLE {} IN EXCLUSIVE MODE", tables.join(", ")))
    }

    /// Each insert into `table` waits inside its statement. Not a lock that the server sees: for one it has less patience
    /// (`lock_timeout`) than a story needs to look around.
    pub fn inserts(url: &str, table: &str) -> Self {
        let waits = format!(
            "CREATE OR REPLACE FUNCTION waits() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 WHILE NOT pg_try_advisory_xact_lock(4711) LOOP PERFORM pg_sleep(0.01); END LOOP; RETURN NULL; END $$;
             CREATE OR REPLACE TRIGGER waits BEFORE INSERT ON {table} FOR EACH STATEMENT EXECUTE FUNCTION waits();"
        );
        run_sql(url, &waits);
        Self::by(url, "BEGIN; SELECT pg_advisory_xact_lock(4711)".into())
    }

    fn by(url: &str, sql: String) -> Self {
        let url = url.to_owned();
        let (let_go, told) = mpsc::channel();
        let (tell, held) = mpsc::channel();
        let holder = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
            let client = runtime.block_on(async {
                let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
                tokio::spawn(connection);
                client.batch_execute(&sql).await.unwrap();
                client
            });
            tell.send(()).unwrap();
            let _ = told.recv();
            runtime.block_on(client.batch_execute("ROLLBACK")).unwrap();
        });
        held.recv().expect("the tables are held");
        Self { let_go: Some(let_go), holder: Some(holder) }
    }

    pub fn let_go(&mut self) {
        self.let_go = None;
        if let Some(holder) = self.holder.take() {
            let _ = holder.join();
        }
    }
}

/// The folder of the newest server programs.
fn programs() -> Option<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .filter(|bin| bin.join("initdb").exists() && bin.join("postgres").exists())
        .collect();
    found.sort();
    found.pop()
}

/// PostgreSQL refuses to run as root: the account to become, when we are.
fn account() -> Option<(u32, u32)> {
    if !fs::read_to_string("/proc/self/status").ok()?.contains("\nUid:\t0\t") {
        return None;
    }
    let passwd = fs::read_to_string("/etc/passwd").ok()?;
    ["postgres", "nobody"].iter().find_map(|name| {
        let line = passwd.lines().find(|line| line.starts_with(&format!("{name}:")))?;
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    })
}

fn command(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).env("LC_ALL", "C");
    if let Some((user, group)) = account() {
        command.gid(group).uid(user);
    }
    command
}

fn start(programs: &Path) -> Postgres {
    let folder = TempDir::with_prefix("bellhop-postgres-").unwrap();
    if let Some((user, group)) = account() {
        chown(folder.path(), Some(user), Some(group)).unwrap();
    }
    // From here on the folder is the guardian's to remove.
    let folder = folder.keep();
    let data = folder.join("data");
    let made = command(&programs.join("initdb"), &folder)
        .args(["-A", "trust", "-U", "bellhop", "-E", "UTF8", "--no-locale", "-N", "-D"])
        .arg(&data)
        .stdout(Stdio::null())
        .output()
        .unwrap();
    assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));

    let port = super::port::free();
    let fsync = std::env::var("BELLHOP_TEST_FSYNC").unwrap_or_else(|_| "on".into());
    let script = r#"
        "$1" -D "$2/data" -p "$3" -k "" -c listen_addresses=127.0.0.1 -c max_connections=200 -c fsync="$4" \
            >"$2/log" 2>&1 </dev/null &
        server=$!
        echo started
        cat >/dev/null
        kill -QUIT $server
        wait $server
        rm -rf "$2""#;
    let mut guardian = command(Path::new("/bin/sh"), &folder)
        .args(["-c", script, "guardian"])
        .arg(programs.join("postgres"))
        .arg(&folder)
        .args([port.to_string(), fsync])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        // A Ctrl-C at the terminal must not reach the server before the tests are done with it.
        .process_group(0)
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(guardian.stdout.take().unwrap()).read_line(&mut first).unwrap();
    eventually("PostgreSQL is ready", || {
        fs::read_to_string(data.join("postmaster.pid")).is_ok_and(|text| text.contains("ready")).then_some(())
    });
    Postgres { admin_url: format!("postgres://bellhop@127.0.0.1:{port}/postgres"), _own: Some(Own { _guardian: guardian }) }
}
