//! Quiet traffic behind the story: a few clients, each with one call under way, that tag, repeat themselves and listen, and one
//! that has wishes for the CRM and never waits for them.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;

use super::robot::{Robot, create_tag};
use crate::cli::Failure;

const CLIENTS: usize = 6;
/// Rooms of the traffic; fewer than clients, so that rooms are shared.
const ROOMS: usize = 4;
/// A company's room holds 30 tags.
const TAGS: usize = 24;
const PACE: Duration = Duration::from_millis(8);
/// Between two calls for the CRM: its budget is shared with the story.
const CRM_PACE: Duration = Duration::from_millis(150);

pub fn rooms() -> Vec<String> {
    (0..ROOMS).map(|room| format!("demo-{room}")).collect()
}

/// Runs until `stop` says so; every client ends with its call answered.
pub async fn run(robot: &Robot, stop: &dyn Fn(Instant) -> bool) -> Result<(), Failure> {
    for (room, name) in rooms().iter().zip(["Gita", "Hadi", "Ika", "Joko"]) {
        robot.open(room, name).await?;
    }
    let clients = (0..CLIENTS).map(|client| one(robot, client, stop));
    let (clients, wishes) = tokio::join!(join_all(clients), wish(robot, stop));
    wishes?;
    clients.into_iter().collect()
}

/// Wishes in rounds: a deal, a ticket, the same deal under another id and in other letters, and a change of the room's deal.
async fn wish(robot: &Robot, stop: &dyn Fn(Instant) -> bool) -> Result<(), Failure> {
    let rooms = rooms();
    let mut n = 0;
    while !stop(Instant::now()) {
        let (round, step) = (n / 4, n % 4);
        let (action, arguments) = match step {
            0 => ("create_deal", json!({ "name": format!("Order {round}"), "amount": 100 + round })),
            1 => ("create_ticket", json!({ "name": format!("Question {round}") })),
            2 => ("create_deal", json!({ "name": format!(" ORDER  {round}") })),
            _ => ("update_deal", json!({ "amount": 1_000 + round })),
        };
        let call = json!({ "call_id": format!("traffic-crm-{n}"), "name": action, "arguments": arguments });
        robot.calls(&rooms[round % ROOMS], &[call], 0).await?;
        n += 1;
        tokio::time::sleep(CRM_PACE).await;
    }
    Ok(())
}

async fn one(robot: &Robot, client: usize, stop: &dyn Fn(Instant) -> bool) -> Result<(), Failure> {
    let rooms = rooms();
    let mut n = 0;
    while !stop(Instant::now()) {
        let room = &rooms[(client + n) % ROOMS];
        let call = create_tag(&format!("traffic-{client}-{n}"), &format!("subject {}", (client + n / 7) % TAGS));
        robot.calls(room, std::slice::from_ref(&call), 10).await?;
        if n % 7 == 3 {
            // A nervous framework: the same call again, with the same id.
            robot.calls(room, &[call], 10).await?;
        }
        if n % 5 == 0 {
            robot.customer_says(room, "Are you still there?").await?;
        }
        if n % 11 == 5 {
            let batch = [0, 1, 2].map(|part| create_tag(&format!("batch-{client}-{n}-{part}"), &format!("subject {}", part * 8)));
            robot.calls(room, &batch, 10).await?;
        }
        n += 1;
        tokio::time::sleep(PACE).await;
    }
    Ok(())
}
