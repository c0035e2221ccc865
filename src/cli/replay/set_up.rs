//! What recorded conversations need to be there: the divisions they assign to, people online in them, and the files they send.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::tally::Tally;
use crate::cli::Failure;
use crate::cli::http::{Client, Payload, Request};
use crate::cli::picture;

/// People made, each in every division.
const AGENTS: [(&str, &str); 3] = [("agt_replay_1", "Ana"), ("agt_replay_2", "Budi"), ("agt_replay_3", "Citra")];
/// Rooms each of them may hold.
const CAPACITY: u32 = 1_000;
const PATIENCE: Duration = Duration::from_secs(20);

/// What conversations name.
#[derive(Default)]
pub struct Named {
    pub divisions: BTreeSet<String>,
    /// Keys of files.
    pub files: BTreeSet<String>,
}

/// Makes what is missing; what is there with the same name stays.
pub async fn make(client: &Client, Named { divisions, files }: &Named, tally: &mut Tally) -> Result<(), Failure> {
    let known = known_divisions(client, tally).await?;
    let mut ids = vec![];
    for name in divisions {
        if let Some((id, _)) = known.iter().find(|(_, known)| known.to_lowercase() == name.to_lowercase()) {
            ids.push(id.clone());
            continue;
        }
        let id = division_id(name);
        put(client, "divisions", &id, json!({ "name": name }), tally).await?;
        tally.divisions_made += 1;
        ids.push(id);
    }
    for (id, name) in AGENTS {
        let email = format!("{}@example.com", name.to_lowercase());
        let body = json!({ "name": name, "email": email, "divisions": ids, "status": "online", "capacity": CAPACITY });
        put(client, "agents", id, body, tally).await?;
        tally.agents_made += 1;
    }
    for key in files {
        add_file(client, key, tally).await?;
    }
    Ok(())
}

/// A picture under this key, unless there is something already.
async fn add_file(client: &Client, key: &str, tally: &mut Tally) -> Result<(), Failure> {
    let boundary = "bellhop-replay";
    let field =
        |name: &str, value: &str| format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    let file = "Content-Disposition: form-data; name=\"file\"; filename=\"replay.png\"\r\nContent-Type: image/png";
    let mut form = field("key", key) + &field("description", "Stands for what recorded conversations send");
    form += &format!("{}--{boundary}\r\n{file}\r\n\r\n", field("for_agents", "true"));
    let form = [form.as_bytes(), picture::PNG, format!("\r\n--{boundary}--\r\n").as_bytes()].concat();
    let body = Some(Payload::Bytes(format!("multipart/form-data; boundary={boundary}"), form));
    let request = Request { body, ..Request::post(&["v1", "files"], Value::Null) };
    let answer = client.persist(&request, PATIENCE, &mut tally.retries).await?;
    match answer.status {
        409 => {}
        _ if answer.is_success() => tally.files_made += 1,
        _ => return Err(answer.failure()),
    }
    Ok(())
}

async fn known_divisions(client: &Client, tally: &mut Tally) -> Result<Vec<(String, String)>, Failure> {
    let mut known = vec![];
    let mut cursor: Option<String> = None;
    loop {
        let mut query = vec![("limit", "200".to_owned())];
        query.extend(cursor.take().map(|cursor| ("cursor", cursor)));
        let request = Request { query: &query, ..Request::get(&["v1", "divisions"]) };
        let answer = client.persist(&request, PATIENCE, &mut tally.retries).await?;
        if !answer.is_success() {
            return Err(answer.failure());
        }
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        known.extend(answer.body["data"].as_array().into_iter().flatten().map(|one| (text(&one["id"]), text(&one["name"]))));
        match answer.body["page"]["next"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => return Ok(known),
        }
    }
}

async fn put(client: &Client, kind: &str, id: &str, body: Value, tally: &mut Tally) -> Result<(), Failure> {
    let path = ["v1", kind, id];
    let answer = client.persist(&Request::put(&path, body), PATIENCE, &mut tally.retries).await?;
    if answer.is_success() { Ok(()) } else { Err(answer.failure()) }
}

/// Readable, and another for every name that differs in more than case.
fn division_id(name: &str) -> String {
    let folded = name.to_lowercase();
    let letters: String = folded.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).take(40).collect();
    let hash = blake3::hash(folded.as_bytes()).to_hex();
    format!("div_{letters}_{}", &hash[..8])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::DivisionId;

    #[test]
    fn any_name_makes_an_id() {
        assert!(division_id("Customer Service").starts_with("div_customer_service_"));
        assert!(DivisionId::new(&division_id(&"é 東".repeat(80))).is_ok());
        assert_ne!(division_id("a b"), division_id("a-b"));
    }
}
