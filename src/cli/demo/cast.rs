//! Who plays in the demo: a company with two keys, a person who answers customers, and the CRM it is connected to. All of it is
//! there before the server starts, written as the commands would write it.

use super::DIVISION;
use crate::actors::outside::{CrmDialect, CrmOptions, Secret};
use crate::app::{open_library, store_options};
use crate::cli::{Failure, picture};
use crate::config::Config;
use crate::library::{Declared, Kept, Who};
use crate::room::{Agent, AgentId, AiAgentId, CompanyNo, Division, DivisionId, FileKey, Presence};
use crate::store::{FileChange, Must, NewBytes, Role, Store};

/// The picture's key in the library.
pub const PICTURE_KEY: &str = "shop-map";

/// Keys and names made before the server starts.
pub struct Cast {
    pub company: CompanyNo,
    pub agent_key: String,
    pub admin_key: String,
}

/// Budgets and times that nobody who watches has to wait for.
fn quick() -> CrmOptions {
    CrmOptions {
        per_second: 50.0,
        per_minute: 3_000.0,
        burst: 20,
        grace_ms: 500,
        attempt_timeout_ms: 1_000,
        ..CrmOptions::default()
    }
}

/// A small picture in the library, as `bellhop file add` would put it there.
async fn put_picture(config: &Config, store: &Store, company: CompanyNo) -> Result<(), Failure> {
    let library = open_library(config, Who::Command)?;
    let mut intake = library.take(company, Declared { filename: "shop.png".into(), mime: String::new() }).await?;
    intake.write(picture::PNG).await?;
    let ready = intake.finish().await?;
    store.directory().bytes_come(company, ready.sha256()).await?;
    let Kept { sha256, size, format, filename, .. } = ready.keep(company, PICTURE_KEY).await?;
    let bytes = Some(NewBytes { sha256, size, format, filename });
    let change = FileChange { bytes, description: Some("Where the shop is".into()), for_agents: Some(true) };
    store.directory().put_file(company, &FileKey::trusted(PICTURE_KEY), change, Must::Either, "demo").await?;
    Ok(())
}

pub async fn assemble(config: &Config, crm_url: &str, crm_token: &str) -> Result<Cast, Failure> {
    let store = Store::open_beside(store_options(config, true)?)?;
    let directory = store.directory();
    let company = directory.create_company("demo", "demo").await?.no;
    let (_, agent_key) = directory.create_key(company, Role::Agent, Some(AiAgentId::trusted("sales")), "demo").await?;
    let (_, admin_key) = directory.create_key(company, Role::Admin, None, "demo").await?;
    let division = Division { id: DivisionId::trusted("div_support"), name: DIVISION.to_owned(), hours: None };
    directory.put_division(company, division.clone(), "demo").await?;
    let agent = Agent {
        id: AgentId::trusted("agt_sari"),
        name: "Sari".to_owned(),
        email: "sari@example.com".to_owned(),
        divisions: vec![division.id],
        status: Presence::Online,
        capacity: 100,
    };
    directory.put_agent(company, agent, "demo").await?;
    let token = Secret::new(crm_token.to_owned());
    directory.set_crm(company, crm_url, CrmDialect::Bearer, &quick(), &token, "demo").await?;
    put_picture(config, &store, company).await?;
    store.close();
    Ok(Cast { company, agent_key, admin_key })
}
