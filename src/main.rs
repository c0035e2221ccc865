//! The command line: parse, run one command, map its result to an exit code. No other logic.

use bellhop::cli;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    // Before anything can open a connection; only fails when somebody else was first, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let code = cli::run();
    // Not a return: threads that still wait on a peer must not keep a finished command alive.
    std::process::exit(code);
}
