//! `bellhop standin`: the stand-in Qontak as a process of its own, until it is told to stop.

use clap::Args;

use super::{Context, Exit, Failure, Outcome};
use crate::app::Signals;
use crate::standin::{self, Knobs, Options, Signer};

#[derive(Args)]
pub struct StandinArgs {
    /// Address and port; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:9090")]
    listen: String,
    /// A token of the CRM; each one given is an organisation of its own
    #[arg(long = "crm-token", value_name = "TOKEN", allow_hyphen_values = true)]
    crm_tokens: Vec<String>,
    /// A refresh token, for the organisation at the same position
    #[arg(long = "crm-refresh-token", value_name = "TOKEN", allow_hyphen_values = true)]
    crm_refresh_tokens: Vec<String>,
    /// Seconds after which a token of the CRM ends, also those given here [default: 21600, those given here never]
    #[arg(long, value_name = "SECONDS")]
    crm_expires_in: Option<u32>,
    /// The chat's user token, an administrator's
    #[arg(long, value_name = "TOKEN", allow_hyphen_values = true)]
    chat_token: Option<String>,
    /// Refresh token of the chat's user token
    #[arg(long, value_name = "TOKEN", allow_hyphen_values = true)]
    chat_refresh_token: Option<String>,
    /// The chat's bot token
    #[arg(long, value_name = "TOKEN", allow_hyphen_values = true)]
    bot_token: Option<String>,
    /// Opens WhatsApp's Cloud API; without it nobody comes in there
    #[arg(long, value_name = "TOKEN", allow_hyphen_values = true)]
    whatsapp_token: Option<String>,
    /// What webhooks of the Cloud API are signed with
    #[arg(long, value_name = "SECRET", allow_hyphen_values = true, requires = "whatsapp_token")]
    whatsapp_app_secret: Option<String>,
    /// Client id of the gateway's signature; without it nobody comes in there
    #[arg(long, value_name = "ID", requires = "hmac_client_secret")]
    hmac_client_id: Option<String>,
    /// Client secret of the gateway's signature
    #[arg(long, value_name = "SECRET", allow_hyphen_values = true, requires = "hmac_client_id")]
    hmac_client_secret: Option<String>,
    /// Ask for the Digest header, with its prefix
    #[arg(long)]
    strict_digest: bool,
    /// A PUT empties what it does not name
    #[arg(long)]
    put_replaces: bool,
    /// A PUT of a deal answers without the deal
    #[arg(long)]
    deal_put_meta_only: bool,
    /// Milliseconds from the answer to a resolve until the room is resolved
    #[arg(long, value_name = "MS", default_value_t = 200)]
    resolve_delay_ms: u64,
    /// Requests that its journal holds; the oldest leave first
    #[arg(long, value_name = "NUMBER", default_value_t = Options::default().journal_entries)]
    journal_entries: usize,
    /// Of the dice of the faults
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

// Tokens must not be printed, not even by a failed assertion.
impl std::fmt::Debug for StandinArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StandinArgs").field("listen", &self.listen).finish_non_exhaustive()
    }
}

impl StandinArgs {
    fn options(self) -> Options {
        let signer = self.hmac_client_id.zip(self.hmac_client_secret);
        // A door whose token nobody named stays shut: a random one is made.
        let closed = || uuid::Uuid::now_v7().to_string();
        Options {
            listen: self.listen,
            crm_tokens: self.crm_tokens,
            crm_refresh_tokens: self.crm_refresh_tokens,
            crm_expires_in_s: self.crm_expires_in.map(i64::from),
            crm_client: None,
            chat_token: self.chat_token.unwrap_or_else(closed),
            chat_refresh_token: self.chat_refresh_token,
            bot_token: self.bot_token.unwrap_or_else(closed),
            whatsapp_token: self.whatsapp_token,
            whatsapp_app_secret: self.whatsapp_app_secret.unwrap_or_else(closed),
            signer: signer.map(|(client_id, client_secret)| Signer { client_id, client_secret }),
            strict_digest: self.strict_digest,
            knobs: Knobs {
                put_replaces: self.put_replaces,
                deal_put_meta_only: self.deal_put_meta_only,
                resolve_delay_ms: self.resolve_delay_ms,
                ..Knobs::default()
            },
            journal_entries: self.journal_entries,
            seed: self.seed,
        }
    }
}

pub async fn run(context: &Context, args: StandinArgs) -> Outcome {
    let mut signals = Signals::listen()?;
    let listen = args.listen.clone();
    let running = standin::start(args.options())
        .map_err(|error| Failure::new(Exit::Unreachable, format!("cannot listen on {listen}: {error}")))?;
    let url = running.url();
    let document = serde_json::json!({ "url": url, "pid": std::process::id() });
    context.output.result(&document, || format!("bellhop standin on {url}"));
    signals.next().await;
    running.stop().await;
    Ok(Exit::Ok)
}
