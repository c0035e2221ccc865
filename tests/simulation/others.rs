//! What everybody but the AI agent does to a room: people with their buttons, and the channel with its webhooks.

use bellhop::room::{AgentId, Command, Company, DivisionId, Moves, Presence, TakenBy, Writer};

use super::dice::Dice;
use super::world::{self, AGENTS, CAPACITY};

/// Somebody comes, goes, is removed or there again, changes division, or may hold more or less than before.
pub fn the_staff_changes(dice: &mut Dice, company: &mut Company) {
    let somebody = world::company().agents.remove(usize::try_from(dice.roll(AGENTS)).expect("few"));
    let Some(place) = company.agents.iter().position(|agent| agent.id == somebody.id) else {
        return company.agents.push(somebody);
    };
    let agent = &mut company.agents[place];
    match dice.roll(6) {
        0 => drop(company.agents.remove(place)),
        1 => agent.divisions = vec![DivisionId::trusted(&format!("div_{}", dice.roll(2)))],
        2 => agent.capacity = u32::try_from(dice.roll(u64::from(CAPACITY) + 1)).expect("few"),
        _ if agent.status != Presence::Online => *agent = somebody,
        3 => agent.status = Presence::Away,
        _ => agent.status = Presence::Offline,
    }
}

pub fn a_person_acts(dice: &mut Dice, messages: &mut u64, takeovers: &mut usize) -> Command {
    let agent = AgentId::trusted(&format!("agt_{}", dice.roll(AGENTS)));
    *messages += 1;
    match dice.roll(5) {
        4 => Command::PersonIdle,
        0 => {
            *takeovers += 1;
            let message_id = format!("m{messages}");
            Command::Message { message_id, from: Writer::Agent, agent_id: Some(agent), text: "hello".into() }
        }
        1 => Command::Untag { tags: vec![format!("tag {}", dice.roll(4))] },
        2 => Command::Requeue { agent, why: "offline" },
        _ => {
            *takeovers += 1;
            Command::TakeOver { agent_name: agent.to_string(), agent, how: TakenBy::Takeover }
        }
    }
}

/// What comes as a webhook: late, twice, and about people whom nobody knows here.
pub fn the_channel_tells(dice: &mut Dice, messages: &mut u64, takeovers: &mut usize) -> Command {
    let moves = [Moves::Everything, Moves::Turn, Moves::Nothing][dice.roll(3) as usize];
    let agent = AgentId::trusted(&format!("agt_{}", dice.roll(AGENTS + 1)));
    *messages += 1 - dice.roll(2);
    let message_id = format!("m{messages}");
    match dice.roll(5) {
        0 => Command::Heard { message_id, from: Writer::Customer, agent_id: None, text: "thanks!".into(), moves, said_at: None },
        1 => {
            *takeovers += 1;
            Command::Heard { message_id, from: Writer::Agent, agent_id: Some(agent), text: "hello".into(), moves, said_at: None }
        }
        2 => Command::Resolve { reason_code: "other".into(), note: None },
        3 => Command::Tag { tags: vec![format!("Tag {}", dice.roll(4))] },
        _ => {
            *takeovers += 1;
            Command::TakeOver { agent_name: agent.to_string(), agent, how: TakenBy::Assignment }
        }
    }
}
