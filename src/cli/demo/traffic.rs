//! Quiet traffic behind the story: a few clients, each with one call under way, that tag, repeat themselves and listen.

use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::robot::{Robot, create_tag};
use crate::cli::Failure;

const CLIENTS: usize = 6;
/// Rooms of the traffic; fewer than clients, so that rooms are shared.
const ROOMS: usize = 4;
/// A company's room holds 30 tags.
const TAGS: usize = 24;
const PACE: Duration = Duration::from_millis(8);

pub fn rooms() -> Vec<String> {
    (0..ROOMS).map(|room| format!("demo-{room}")).collect()
}

/// Runs until `stop` says so; every client ends with its call answered.
pub async fn run(robot: &Robot, stop: &dyn Fn(Instant) -> bool) -> Result<(), Failure> {
    for (room, name) in rooms().iter().zip(["Gita", "Hadi", "Ika", "Joko"]) {
        robot.open(room, name).await?;
    }
    let clients = (0..CLIENTS).map(|client| one(robot, client, stop));
    join_all(clients).await.into_iter().collect()
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
