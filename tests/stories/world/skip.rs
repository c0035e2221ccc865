//! What a machine does not allow is skipped, loudly. On CI nothing may be skipped that the machine could do: a check that is
//! silently left out is one that cannot fail.

/// Says that `what` is skipped, and `why`. `impossible`: this machine forbids it to everybody.
pub fn skipped(what: &str, why: &str, impossible: bool) {
    assert!(impossible || std::env::var_os("CI").is_none(), "CI must not skip {what}: {why}");
    eprintln!("\n**** SKIPPED: {what}. {why}\n");
}

/// Whether the kernel gives this process the capability of that number (`capabilities(7)`).
fn holds(capability: u32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let held = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("CapEff:")?.trim(), 16).ok());
    held.is_some_and(|held| held >> capability & 1 == 1)
}

pub fn may_mount() -> bool {
    const SYS_ADMIN: u32 = 21;
    holds(SYS_ADMIN)
}

pub fn may_become_nobody() -> bool {
    const SETUID: u32 = 7;
    holds(SETUID)
}

/// Whether a process may trace its own child, which needs no right but may be forbidden to everybody.
pub fn may_trace() -> bool {
    static MAY: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    *MAY.get_or_init(|| {
        let tried = std::process::Command::new("strace").args(["-D", "-f", "-o", "/dev/null", "true"]).output();
        let may = tried.as_ref().is_ok_and(|output| output.status.success());
        if !may {
            // `.ci/run` says so where it cannot be had.
            let installed = tried.is_ok() || std::env::var_os("BELLHOP_TEST_WITHOUT_STRACE").is_some();
            skipped("every story under strace", &format!("no strace here, or tracing is forbidden: {tried:?}"), installed);
        }
        may
    })
}
