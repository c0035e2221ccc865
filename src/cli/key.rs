//! `bellhop key …`: API keys, straight in the database; a revocation holds in a running server within a second. A key is shown
//! once, when it is made, and never stored.

use clap::{Subcommand, ValueEnum};

use super::output::time_text;
use super::{Context, Exit, Failure, Outcome, StoreFlags, company};
use crate::room::AiAgentId;
use crate::store::{KeyRow, Role};

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum RoleName {
    /// Calls, and reading its own calls
    Agent,
    /// All reads, messages, people's decisions, actor commands
    Operator,
    /// Directory, tags, files, AI agents
    Builder,
    /// Everything
    Admin,
}

impl RoleName {
    fn role(self) -> Role {
        match self {
            Self::Agent => Role::Agent,
            Self::Operator => Role::Operator,
            Self::Builder => Role::Builder,
            Self::Admin => Role::Admin,
        }
    }
}

#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make a key; it is shown once
    Create {
        #[arg(long)]
        company: String,
        #[arg(long)]
        role: RoleName,
        /// The AI agent that calls with it; made if missing
        #[arg(long)]
        ai_agent: Option<String>,
        #[command(flatten)]
        store: StoreFlags,
    },
    /// List a company's keys
    List {
        #[arg(long)]
        company: String,
        #[command(flatten)]
        store: StoreFlags,
    },
    /// Revoke a key, for ever
    Revoke {
        key_id: String,
        #[arg(long)]
        company: String,
        #[command(flatten)]
        store: StoreFlags,
    },
}

pub async fn run(context: &Context, command: KeyCommand) -> Outcome {
    match command {
        KeyCommand::Create { company, role, ai_agent, store } => {
            let ai_agent = ai_agent
                .map(|name| {
                    AiAgentId::new(&name).map_err(|_| {
                        Failure::usage(format!("{name:?} cannot be an AI agent's name: 1 to 64 of A-Z a-z 0-9 . _ : -"))
                    })
                })
                .transpose()?;
            if matches!(role, RoleName::Agent) != ai_agent.is_some() {
                return Err(Failure::usage("a key of role agent needs --ai-agent NAME, and no other role takes one"));
            }
            let store = context.store_beside(&store)?;
            let row = company::find(&store, &company).await?;
            let (key, secret) = store.directory().create_key(row.no, role.role(), ai_agent, &context.by()).await?;
            store.close();
            let document = serde_json::json!({ "key_id": key.id, "key": secret });
            context
                .output
                .result(&document, || format!("{}\n{secret}\nit is shown only now; next: export BELLHOP_KEY={secret}", key.id));
        }
        KeyCommand::List { company, store } => {
            let store = context.store_beside(&store)?;
            let row = company::find(&store, &company).await?;
            let keys = store.queries().keys(row.no).await?;
            store.close();
            list(context, &keys);
        }
        KeyCommand::Revoke { key_id, company, store } => {
            let store = context.store_beside(&store)?;
            let row = company::find(&store, &company).await?;
            let revoked = store.directory().revoke_key(row.no, &key_id, &context.by()).await?;
            store.close();
            if !revoked {
                return Err(Failure::new(
                    Exit::NotFound,
                    format!("{company} has no live key {key_id}; see `bellhop key list --company {company}`"),
                ));
            }
            let document = serde_json::json!({ "key_id": key_id, "revoked": true });
            context.output.result(&document, || format!("{key_id} is revoked"));
        }
    }
    Ok(Exit::Ok)
}

fn role_text(role: &Role) -> &'static str {
    match role {
        Role::Agent => "agent",
        Role::Operator => "operator",
        Role::Builder => "builder",
        Role::Admin => "admin",
    }
}

fn list(context: &Context, keys: &[KeyRow]) {
    let one = |key: &KeyRow| {
        serde_json::json!({
            "key_id": key.id,
            "role": role_text(&key.role),
            "ai_agent": key.ai_agent,
            "created_at": time_text(key.created_at),
            "revoked_at": key.revoked_at.map(time_text),
        })
    };
    let document = serde_json::json!({ "data": keys.iter().map(one).collect::<Vec<_>>() });
    context.output.result(&document, || {
        if keys.is_empty() {
            return "no keys yet; next: bellhop key create --company NAME --role agent --ai-agent sales".into();
        }
        let row = |key: &KeyRow| {
            let agent = key.ai_agent.as_ref().map_or_else(|| "-".into(), ToString::to_string);
            vec![
                key.id.clone(),
                role_text(&key.role).to_owned(),
                agent,
                time_text(key.created_at),
                key.revoked_at.map_or_else(|| "-".into(), time_text),
            ]
        };
        context.output.table(&["key", "role", "ai agent", "created", "revoked"], &keys.iter().map(row).collect::<Vec<_>>())
    });
}
