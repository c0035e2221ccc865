//! The real program, as a stranger runs it: its commands and its server, always ended by their own process id.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::patience::{eventually, within};
use super::wire::Wire;

/// The program with nothing of our own surroundings in it, `under` another one or alone. `BELLHOP_TEST_PROGRAM` names a
/// build of it that is not this test's own, a release for instance.
fn bellhop_under(under: &[&str], folder: &Path, arguments: &[&str]) -> Command {
    let program = path();
    let mut words = under.iter().copied().chain([program.as_str()]);
    let mut command = Command::new(words.next().unwrap());
    command.args(words);
    without_our_surroundings(&mut command);
    command.current_dir(folder).args(arguments).stdin(Stdio::null());
    command
}

/// What is said to the stories is not said to the program: it would take `BELLHOP_KILLS` for a setting.
pub fn without_our_surroundings(command: &mut Command) {
    let ours = |name: &str| ["BELLHOP_", "AWS_", "RUST_LOG"].iter().any(|start| name.starts_with(start));
    for (name, _) in std::env::vars().filter(|(name, _)| ours(name)) {
        command.env_remove(name);
    }
}

pub fn bellhop(folder: &Path, arguments: &[&str]) -> Command {
    bellhop_under(&[], folder, arguments)
}

/// Where the program lies.
pub fn path() -> String {
    std::env::var("BELLHOP_TEST_PROGRAM").unwrap_or_else(|_| env!("CARGO_BIN_EXE_bellhop").into())
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub said: String,
    pub complained: String,
}

impl Ended {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.said).unwrap_or_else(|problem| panic!("not one JSON document ({problem}): {self:?}"))
    }

    /// The last line of standard output, as JSON.
    pub fn last_line(&self) -> Value {
        let line = self.said.trim_end().lines().last().unwrap_or_default();
        serde_json::from_str(line).unwrap_or_else(|problem| panic!("last line is not JSON ({problem}): {self:?}"))
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            said: String::from_utf8_lossy(&output.stdout).into_owned(),
            complained: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// No command of these stories may take longer.
const LONGEST: Duration = Duration::from_secs(180);

/// Runs one command to its end.
pub fn run(folder: &Path, arguments: &[&str]) -> Ended {
    ends(bellhop(folder, arguments)).unwrap()
}

/// Waits for the end of a command; one that goes on for ever is killed and named.
pub fn ends(mut command: Command) -> std::io::Result<Ended> {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let id = child.id().to_string();
    let (ended, waits_for_end) = std::sync::mpsc::channel::<()>();
    let watch = std::thread::spawn(move || {
        let too_long = waits_for_end.recv_timeout(LONGEST) == Err(std::sync::mpsc::RecvTimeoutError::Timeout);
        if too_long {
            let _ = Command::new("kill").args(["-KILL", &id]).status();
        }
        too_long
    });
    // The process id stays ours until `wait_with_output` has collected it.
    let output = child.wait_with_output()?;
    drop(ended);
    assert!(!watch.join().unwrap(), "still running after {LONGEST:?}: {command:?}");
    Ok(output.into())
}

/// Runs one command that must succeed; its JSON.
pub fn run_json(folder: &Path, arguments: &[&str]) -> Value {
    let ended = run(folder, arguments);
    assert_eq!(ended.code, Some(0), "bellhop {arguments:?}: {ended:?}");
    ended.json()
}

/// A `serve` under test.
pub struct Server {
    child: Child,
    pub port: u16,
}

impl Server {
    /// Starts `serve` and waits until it takes calls; its last words when it ended instead.
    pub fn start(folder: &Path, database_url: &str, port: u16, more: &[&str]) -> Result<Self, String> {
        Self::start_under(&[], folder, database_url, port, more)
    }

    /// The same, with another program around it, which must leave it our child.
    pub fn start_under(under: &[&str], folder: &Path, database_url: &str, port: u16, more: &[&str]) -> Result<Self, String> {
        let log = File::options().create(true).append(true).open(log_of(folder)).unwrap();
        let begins_at = usize::try_from(log.metadata().unwrap().len()).unwrap();
        let listen = format!("127.0.0.1:{port}");
        let mut command = bellhop_under(under, folder, &["serve", "--listen", &listen, "--database-url", database_url]);
        command.args(more).stdout(log.try_clone().unwrap()).stderr(log);
        let mut server = Self { child: command.spawn().unwrap(), port };
        let ready = eventually("the server is ready", || match server.child.try_wait().unwrap() {
            Some(_) => Some(false),
            None => server.is_ready().then_some(true),
        });
        if ready { Ok(server) } else { Err(fs::read_to_string(log_of(folder)).unwrap_or_default().split_off(begins_at)) }
    }

    fn is_ready(&self) -> bool {
        let ask = || {
            let mut wire = Wire::connect(self.port)?;
            wire.read_timeout(Duration::from_secs(2));
            wire.send(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
            wire.receive()
        };
        ask().is_ok_and(|answer| answer.status == 200)
    }

    /// `kill -9`, and gone when this returns.
    pub fn is_killed(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// SIGTERM; how it ended, `None` when it had not after `limit`.
    pub fn is_asked_to_end(&mut self, limit: Duration) -> Option<ExitStatus> {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        within(limit, || self.child.try_wait().unwrap())
    }

    /// How it ended without being told to.
    pub fn ends_by_itself(&mut self, limit: Duration) -> Option<ExitStatus> {
        within(limit, || self.child.try_wait().unwrap())
    }

    /// Of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The most memory it ever had at once, in KiB.
    pub fn memory_peak_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.is_killed();
    }
}

/// What every server of this folder wrote.
pub fn log_of(folder: &Path) -> PathBuf {
    folder.join("server.log")
}
