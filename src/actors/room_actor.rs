//! The actor of one room.

use actix::{Actor, Context};

#[derive(Debug)]
pub struct RoomActor;

impl Actor for RoomActor {
    type Context = Context<Self>;
}
