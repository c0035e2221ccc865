//! Which gate a refusal shuts, for whom and for how long, and that one knocks for all who wait.

use super::super::breaker::Way;
use super::super::gates::{Gates, Passes, Place};
use super::super::wire::Door;

const S: i64 = 1_000_000;

const ASSIGN: Door = Door { who: "user", what: "assign" };
const RESOLVE: Door = Door { who: "user", what: "resolve" };
const SEND: Door = Door { who: "bot", what: "messages" };

struct Scene {
    gates: Gates,
    assign: Place,
    resolve: Place,
    send: Place,
}

impl Scene {
    fn new() -> Self {
        let mut gates = Gates::new();
        let [assign, resolve, send] = [ASSIGN, RESOLVE, SEND].map(|door| gates.place(door));
        Self { gates, assign, resolve, send }
    }

    fn ways(&self, now: i64) -> [Way; 3] {
        [self.assign, self.resolve, self.send].map(|place| self.gates.way(place, now))
    }

    fn refusals(&self, now: i64) -> [Option<u16>; 3] {
        [self.assign, self.resolve, self.send].map(|place| self.gates.refusal(place, now))
    }

    /// A request at this door is answered so.
    fn hears(&mut self, place: Place, outcome: &'static str, status: u16, now: i64) {
        assert_eq!(self.gates.way(place, now), Way::Free);
        let passes = self.gates.enter(place);
        self.gates.heard(place, passes, outcome, status, now);
    }

    fn knocks(&mut self, place: Place, now: i64) -> Passes {
        assert_eq!(self.gates.way(place, now), Way::Free, "it is time");
        self.gates.enter(place)
    }
}

#[test]
fn a_door_has_one_place_and_its_credentials_one_gate() {
    let mut scene = Scene::new();
    assert_eq!((scene.gates.place(RESOLVE), scene.gates.len()), (scene.resolve, 3));
    assert_ne!(scene.assign, scene.resolve);
    assert_eq!((scene.gates.trust(), scene.gates.refused()), ("untried", vec![]));
    assert_eq!((scene.ways(0), scene.refusals(0)), ([Way::Free; 3], [None; 3]));
}

#[test]
fn a_401_shuts_all_doors_of_its_credentials_and_no_others() {
    let mut scene = Scene::new();
    scene.hears(scene.assign, "credentials", 401, S);
    let shut = Way::At(6 * S);
    assert_eq!(scene.ways(2 * S), [shut, shut, Way::Free]);
    assert_eq!(scene.refusals(2 * S), [Some(401), Some(401), None]);
    assert_eq!((scene.gates.trust(), scene.gates.refused()), ("refused", vec!["user"]));
    assert_eq!((scene.ways(6 * S - 1)[1], scene.ways(6 * S)), (shut, [Way::Free; 3]));
    assert_eq!(scene.refusals(6 * S), [None; 3], "time to knock again is no refusal");
}

#[test]
fn a_403_shuts_its_own_door_and_says_nothing_of_the_credentials() {
    let mut scene = Scene::new();
    scene.hears(scene.assign, "success", 200, 0);
    scene.hears(scene.resolve, "credentials", 403, S);
    assert_eq!(scene.ways(2 * S), [Way::Free, Way::At(6 * S), Way::Free]);
    assert_eq!(scene.refusals(2 * S), [None, Some(403), None]);
    assert_eq!((scene.gates.trust(), scene.gates.refused()), ("valid", vec!["resolve"]), "another door took them");
    // All there is to credentials without a door of their own.
    let mut gates = Gates::new();
    let only = gates.place(Door::default());
    let passes = gates.enter(only);
    gates.heard(only, passes, "credentials", 403, S);
    assert_eq!((gates.trust(), gates.refused(), gates.refusal(only, 2 * S)), ("refused", vec![], Some(403)));
}

#[test]
fn one_knocks_for_all_and_whoever_is_let_in_opens_for_all() {
    let mut scene = Scene::new();
    scene.hears(scene.assign, "credentials", 401, S);
    let passes = scene.knocks(scene.resolve, 6 * S);
    assert_eq!(scene.ways(6 * S), [Way::Probing, Way::Probing, Way::Free]);
    assert_eq!(scene.refusals(6 * S), [Some(401), Some(401), None]);
    scene.gates.heard(scene.resolve, passes, "credentials", 401, 7 * S);
    assert_eq!(scene.ways(8 * S), [Way::At(17 * S), Way::At(17 * S), Way::Free], "twice as long");
    // Its own word, whatever it is, shows that it knew who asked.
    let passes = scene.knocks(scene.assign, 17 * S);
    scene.gates.heard(scene.assign, passes, "refused", 422, 18 * S);
    assert_eq!((scene.ways(18 * S), scene.gates.trust()), ([Way::Free; 3], "valid"));
    assert_eq!(scene.gates.refused(), [""; 0]);

    let mut scene = Scene::new();
    scene.hears(scene.resolve, "credentials", 403, S);
    let passes = scene.knocks(scene.resolve, 6 * S);
    assert_eq!(scene.ways(6 * S), [Way::Free, Way::Probing, Way::Free]);
    scene.gates.heard(scene.resolve, passes, "success", 200, 7 * S);
    assert_eq!((scene.ways(7 * S), scene.refusals(7 * S)), ([Way::Free; 3], [None; 3]));
}

#[test]
fn a_knock_without_an_answer_leaves_the_next_one_to_knock() {
    for (outcome, status) in [("ambiguous", 0), ("not_done", 0), ("not_done", 429)] {
        let mut scene = Scene::new();
        scene.hears(scene.assign, "credentials", 401, S);
        scene.hears(scene.send, "credentials", 403, S);
        for place in [scene.resolve, scene.send] {
            let passes = scene.knocks(place, 6 * S);
            scene.gates.heard(place, passes, outcome, status, 7 * S);
            assert_eq!(scene.gates.way(place, 7 * S), Way::Free, "{outcome}");
            // Not used at all: the same.
            let passes = scene.knocks(place, 7 * S);
            scene.gates.release(place, passes, 8 * S);
            assert_eq!(scene.gates.way(place, 8 * S), Way::Free);
        }
        assert_eq!((scene.gates.trust(), scene.gates.refused()), ("refused", vec!["messages", "user"]), "{outcome}: as before");
    }
}

#[test]
fn what_one_gate_hears_does_not_hold_the_other() {
    // Its credentials are tried anew at a door that is refused to anybody.
    let mut scene = Scene::new();
    scene.hears(scene.assign, "credentials", 401, S);
    let passes = scene.knocks(scene.resolve, 6 * S);
    scene.gates.heard(scene.resolve, passes, "credentials", 403, 7 * S);
    assert_eq!(scene.ways(7 * S), [Way::Free, Way::At(12 * S), Way::Free], "of the credentials it says nothing");
    // A door is tried anew, and the credentials are refused meanwhile.
    let mut scene = Scene::new();
    scene.hears(scene.resolve, "credentials", 403, S);
    let passes = scene.knocks(scene.resolve, 6 * S);
    scene.gates.heard(scene.resolve, passes, "credentials", 401, 7 * S);
    assert_eq!(scene.ways(7 * S), [Way::At(12 * S), Way::At(12 * S), Way::Free]);
    let passes = scene.knocks(scene.assign, 12 * S);
    scene.gates.heard(scene.assign, passes, "success", 200, 13 * S);
    assert_eq!(scene.ways(13 * S), [Way::Free; 3], "that door may be knocked at");
    // Both are shut: the later opening counts.
    let mut scene = Scene::new();
    scene.hears(scene.resolve, "credentials", 403, S);
    scene.hears(scene.assign, "credentials", 401, 3 * S);
    assert_eq!(scene.ways(4 * S), [Way::At(8 * S), Way::At(8 * S), Way::Free]);
    assert_eq!(scene.refusals(4 * S), [Some(401), Some(401), None]);
}

#[test]
fn a_refusal_inside_an_answer_shuts_the_same_gate() {
    let mut scene = Scene::new();
    scene.hears(scene.assign, "success", 200, 0);
    scene.gates.refuse(scene.resolve, 403, S);
    assert_eq!(scene.ways(2 * S), [Way::Free, Way::At(6 * S), Way::Free]);
    scene.gates.refuse(scene.send, 401, S);
    assert_eq!(scene.ways(2 * S), [Way::Free, Way::At(6 * S), Way::At(6 * S)]);
    assert_eq!(scene.gates.refused(), ["bot", "resolve"]);
    assert_eq!(scene.gates.trust(), "refused", "whatever others were told");
    assert_eq!(scene.refusals(2 * S), [None, Some(403), Some(401)]);
}

#[test]
fn other_credentials_open_every_gate_and_what_the_former_ones_hear_is_history() {
    let mut scene = Scene::new();
    let (late, later) = (scene.gates.enter(scene.assign), scene.gates.enter(scene.resolve));
    scene.hears(scene.assign, "credentials", 401, S);
    scene.gates.refuse(scene.resolve, 403, S);
    scene.gates.changed();
    assert_eq!((scene.ways(2 * S), scene.gates.trust()), ([Way::Free; 3], "untried"));
    scene.gates.heard(scene.assign, late, "credentials", 401, 2 * S);
    scene.gates.heard(scene.resolve, later, "credentials", 403, 2 * S);
    assert_eq!((scene.ways(2 * S), scene.gates.trust()), ([Way::Free; 3], "untried"));
    scene.hears(scene.assign, "credentials", 401, 3 * S);
    scene.gates.heard(scene.resolve, later, "success", 200, 3 * S);
    assert_eq!(scene.ways(4 * S)[..2], [Way::At(8 * S); 2]);
}
