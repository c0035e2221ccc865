//! A disk that fails, as the server sees it: strace lets one kind of system call of one of its threads fail.

use std::fs;
use std::io::Read;
use std::process::{Child, Command, Stdio};

use super::patience::eventually;
use super::skip;

/// Lasts until it is dropped.
pub struct Fault(Child);

impl Fault {
    /// From now on every sync that the process's thread of this name asks for fails. `None`, said loudly, where tracing is
    /// forbidden.
    pub fn of_syncs(process: u32, thread: &str) -> Option<Self> {
        if !skip::may_trace() {
            return None;
        }
        let tasks = fs::read_dir(format!("/proc/{process}/task")).unwrap().flatten();
        let named = |task: &fs::DirEntry| fs::read_to_string(task.path().join("comm")).is_ok_and(|name| name.trim() == thread);
        let task = tasks.into_iter().find(named).unwrap_or_else(|| panic!("no thread is called {thread}"));
        let id = task.file_name().into_string().unwrap();
        let calls = ["-e", "trace=fdatasync,fsync", "-e", "inject=fdatasync,fsync:error=EIO"];
        let mut strace = Command::new("strace");
        strace.args(calls).args(["-o", "/dev/null", "-p", &id]).stdin(Stdio::null()).stderr(Stdio::piped());
        let mut fault = Self(strace.spawn().unwrap());
        let traced = || fs::read_to_string(task.path().join("status")).is_ok_and(|text| !text.contains("TracerPid:\t0\n"));
        let attached = eventually("strace holds the thread", || match fault.0.try_wait().unwrap() {
            Some(_) => Some(false),
            None => traced().then_some(true),
        });
        if attached {
            return Some(fault);
        }
        let mut why = String::new();
        let _ = fault.0.stderr.take().map(|mut said| said.read_to_string(&mut why));
        let forbidden = why.contains("not permitted");
        skip::skipped("a disk that fails to sync", &format!("strace may not attach: {why}"), forbidden);
        None
    }
}

impl Drop for Fault {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
