//! The gates that a company's refused credentials shut at one host: one for each kind of credentials (401) and one for each door
//! (403), so that what is refused to a bot, or at one door, keeps nobody else waiting. Pure: time is an argument, in microseconds.

use super::breaker::{Gate, Pass, Way};
use super::wire::Door;

/// The status by which a server says that it knows who asks, and that they may not.
const FORBIDDEN: u16 = 403;

/// Passes of a door: of its credentials, and its own.
pub type Passes = [Pass; 2];

/// A door, once it was asked for, is never forgotten: there are as many as an adapter has names for.
pub struct Gates {
    credentials: Vec<(&'static str, Gate)>,
    doors: Vec<(Door, Gate)>,
}

/// The place of a door among those that were asked for.
pub type Place = usize;

impl Gates {
    pub const fn new() -> Self {
        Self { credentials: vec![], doors: vec![] }
    }

    pub fn place(&mut self, door: Door) -> Place {
        if let Some(place) = self.doors.iter().position(|(known, _)| *known == door) {
            return place;
        }
        self.of(door.who);
        self.doors.push((door, Gate::new()));
        self.doors.len() - 1
    }

    /// How many doors there are.
    pub const fn len(&self) -> usize {
        self.doors.len()
    }

    fn of(&mut self, who: &'static str) -> &mut Gate {
        let place = self.credentials.iter().position(|(known, _)| *known == who).unwrap_or_else(|| {
            self.credentials.push((who, Gate::new()));
            self.credentials.len() - 1
        });
        &mut self.credentials[place].1
    }

    pub fn way(&self, place: Place, now: i64) -> Way {
        let (door, gate) = &self.doors[place];
        let credentials = self.credentials.iter().find(|(who, _)| *who == door.who);
        credentials.map_or(Way::Free, |(_, gate)| gate.way(now)).and(gate.way(now))
    }

    /// To be called when the way is free; the passes must come back through `heard` or `release`.
    pub fn enter(&mut self, place: Place) -> Passes {
        let door = self.doors[place].0;
        [self.of(door.who).enter(), self.doors[place].1.enter()]
    }

    pub fn release(&mut self, place: Place, [credentials, own]: Passes, now: i64) {
        let door = self.doors[place].0;
        self.of(door.who).release(credentials, now);
        self.doors[place].1.release(own, now);
    }

    /// What a request has shown, as `outcome::at_sight`.
    pub fn heard(&mut self, place: Place, passes: Passes, outcome: &'static str, status: u16, now: i64) {
        let door = self.doors[place].0;
        let [credentials, own] = passes;
        match outcome {
            "credentials" if status == FORBIDDEN => {
                // That may be said of any credentials: it says nothing of these.
                self.of(door.who).release(credentials, now);
                self.doors[place].1.refused(own, now);
            }
            "credentials" => {
                self.of(door.who).refused(credentials, now);
                self.doors[place].1.release(own, now);
            }
            // Any other word of the server itself: it knew who asked.
            "success" | "refused" => {
                self.of(door.who).accepted(credentials);
                self.doors[place].1.accepted(own);
            }
            _ => self.release(place, passes, now),
        }
    }

    /// A refusal that stood inside an answer which was counted already.
    pub fn refuse(&mut self, place: Place, status: u16, now: i64) {
        let door = self.doors[place].0;
        let gate = if status == FORBIDDEN { &mut self.doors[place].1 } else { self.of(door.who) };
        gate.refuse(now);
    }

    /// There are others now: at once.
    pub fn changed(&mut self) {
        self.all().for_each(Gate::changed);
    }

    fn all(&mut self) -> impl Iterator<Item = &mut Gate> {
        self.credentials.iter_mut().map(|(_, gate)| gate).chain(self.doors.iter_mut().map(|(_, gate)| gate))
    }

    /// Why this door is shut now, as a status; `None`: it is not, or it is time to knock again.
    pub fn refusal(&self, place: Place, now: i64) -> Option<u16> {
        let is_shut = |gate: &Gate| gate.trust() == REFUSED && gate.way(now) != Way::Free;
        let (door, own) = &self.doors[place];
        if self.credentials.iter().any(|(who, gate)| *who == door.who && is_shut(gate)) {
            return Some(401);
        }
        is_shut(own).then_some(FORBIDDEN)
    }

    /// `refused` if any credentials are, else `valid` if any were taken, else `untried`. A door without a name is all there is
    /// to its credentials.
    pub fn trust(&self) -> &'static str {
        let nameless = self.doors.iter().filter(|(door, _)| door.what.is_empty()).map(|(_, gate)| gate);
        let all = || self.credentials.iter().map(|(_, gate)| gate).chain(nameless.clone());
        let any = |trust: &str| all().any(|gate| gate.trust() == trust);
        [REFUSED, "valid"].into_iter().find(|trust| any(trust)).unwrap_or("untried")
    }

    /// Names of credentials and of doors that are refused, in the order of the alphabet.
    pub fn refused(&self) -> Vec<&'static str> {
        let credentials = self.credentials.iter().map(|(who, gate)| (*who, gate));
        let named = credentials.chain(self.doors.iter().map(|(door, gate)| (door.what, gate)));
        let refused = named.filter(|(name, gate)| !name.is_empty() && gate.trust() == REFUSED);
        let mut names: Vec<&str> = refused.map(|(name, _)| name).collect();
        names.sort_unstable();
        names
    }
}

/// As `Gate::trust`.
const REFUSED: &str = "refused";
