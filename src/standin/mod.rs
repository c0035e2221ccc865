//! The stand-in Qontak, and WhatsApp's Cloud API beside it: a server of its own that answers as the vendor's CRM and chat are known to (the facts and the
//! assumptions are those of the vendor page; every comment that says "the vendor" means it), with a book of what really
//! exists there, a journal of what was asked, and faults to play. In memory, invented data, for demo, tests and benches.
//!
//! It knows nothing of Bellhop and imports none of its parts: what both got wrong the same way would never show.
//!
//! One request: `server` (bytes) -> `front` (mount, token, fault, journal) -> a handler in `crm`, `chat` or `whatsapp` (a plain function
//! of the `world` and the `call`) -> `server`. `control` is how a test looks and moves things.

mod broken;
mod call;
mod chat;
mod control;
mod crm;
mod dates;
mod dice;
mod faults;
mod front;
mod journal;
mod post;
mod rates;
mod request;
mod route;
mod seed;
mod server;
mod signature;
mod templates;
#[cfg(test)]
mod tests;
mod tokens;
mod whatsapp;
mod world;

use std::io;
use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer};
use jiff::Timestamp;

pub use signature::Signer;
pub use tokens::Client;
pub use world::Knobs;

use server::Shared;
use tokens::{Given, Tokens};
use world::World;

/// How to start one. Not printable: it holds tokens.
#[derive(Clone)]
pub struct Options {
    /// Port 0 takes a free one.
    pub listen: String,
    /// Each is an organisation of its own, numbered from 0.
    pub crm_tokens: Vec<String>,
    /// One per token of the CRM, in the same order; those beyond stay without.
    pub crm_refresh_tokens: Vec<String>,
    /// `None`: the tokens given here never end, and refreshed ones after 6 hours.
    pub crm_expires_in_s: Option<i64>,
    /// Who may refresh the CRM's tokens; `None`: whoever has a refresh token (both were seen, qontak-api.md 1.2).
    pub crm_client: Option<Client>,
    /// Acts as an administrator in the first organisation's chat.
    pub chat_token: String,
    pub chat_refresh_token: Option<String>,
    pub bot_token: String,
    /// Opens WhatsApp's Cloud API; `None`: nobody comes in there.
    pub whatsapp_token: Option<String>,
    /// What its webhooks are signed with.
    pub whatsapp_app_secret: String,
    /// Opens the gateway's mounts.
    pub signer: Option<Signer>,
    pub strict_digest: bool,
    pub knobs: Knobs,
    /// Requests that its journal holds; the oldest leave first.
    pub journal_entries: usize,
    /// Of the faults' dice.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:0".into(),
            crm_tokens: vec!["crm-token".into()],
            crm_refresh_tokens: vec![],
            crm_expires_in_s: None,
            crm_client: None,
            chat_token: "chat-token".into(),
            chat_refresh_token: None,
            bot_token: "bot-token".into(),
            whatsapp_token: Some("whatsapp-token".into()),
            whatsapp_app_secret: "whatsapp-app-secret".into(),
            signer: None,
            strict_digest: false,
            knobs: Knobs::default(),
            journal_entries: journal::MOST_ENTRIES,
            seed: 1,
        }
    }
}

/// A stand-in that answers, on a thread of its own. Dropping it ends it too.
pub struct Running {
    addresses: Vec<SocketAddr>,
    server: ServerHandle,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// Starts one; it answers when this returns. Needs no runtime.
pub fn start(options: Options) -> io::Result<Running> {
    let (tell, told) = mpsc::channel();
    let thread = std::thread::Builder::new().name("standin".into()).spawn(move || {
        let system = actix_web::rt::System::new();
        system.block_on(async move {
            match bind(options) {
                Ok((addresses, server)) => {
                    let _ = tell.send(Ok((addresses, server.handle())));
                    // Its only errors are of accepting sockets, which a test sees at the other end.
                    let _ = server.await;
                }
                Err(error) => drop(tell.send(Err(error))),
            }
        });
    })?;
    let (addresses, server) = told.recv().map_err(|_| io::Error::other("the stand-in's thread ended"))??;
    Ok(Running { addresses, server, thread: Some(thread) })
}

fn bind(options: Options) -> io::Result<(Vec<SocketAddr>, actix_web::dev::Server)> {
    let organisations = options.crm_tokens.len();
    let given = Given {
        crm: options.crm_tokens,
        crm_refresh: options.crm_refresh_tokens,
        crm_expires_in_s: options.crm_expires_in_s,
        crm_client: options.crm_client,
        chat: options.chat_token,
        chat_refresh: options.chat_refresh_token,
        bot: options.bot_token,
    };
    let now = Timestamp::now();
    let mut world = World::new(Tokens::new(given, now), organisations, options.knobs, options.seed, now);
    (world.whatsapp.token, world.whatsapp.app_secret) = (options.whatsapp_token, options.whatsapp_app_secret);
    world.journal = journal::Journal::of(options.journal_entries);
    world.signer = options.signer;
    world.strict_digest = options.strict_digest;
    let shared = Shared::new(world);
    let of_app = shared.clone();
    let server = HttpServer::new(move || {
        let shared = of_app.clone();
        App::new().configure(move |service| server::configure(service, shared))
    })
    // One thread: it shares the machine with what is measured against it.
    .workers(1)
    .disable_signals()
    .tcp_nodelay(true)
    .keep_alive(Duration::from_secs(75))
    .client_request_timeout(Duration::from_secs(30))
    .shutdown_timeout(0)
    .bind(options.listen.as_str())?;
    let addresses = server.addrs();
    if let Some(address) = addresses.first() {
        shared.lock().url = format!("http://{address}");
    }
    Ok((addresses, server.run()))
}

impl Running {
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where to reach it.
    pub fn url(&self) -> String {
        self.addresses.first().map(|address| format!("http://{address}")).unwrap_or_default()
    }

    /// Ends it at once; connections that were kept in the dark are cut.
    pub async fn stop(mut self) {
        self.server.stop(false).await;
        if let Some(thread) = self.thread.take() {
            // Only the end of an already empty loop is waited for.
            let _ = thread.join();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The command is sent by the call; nobody waits for its answer.
        drop(self.server.stop(false));
    }
}
