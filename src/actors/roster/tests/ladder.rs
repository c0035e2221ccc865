//! Divisions: their fallback, their hours, and who is not asked again.

use super::*;
use crate::room::Hours;

fn division(name: &str) -> DivisionId {
    DivisionId::trusted(name)
}

fn to(name: &str) -> AssignTarget {
    AssignTarget::Division { division: division(name) }
}

/// Agent 0 and 1 in sales, 2 in billing, 3 in care; each has one place.
fn divided() -> Scene {
    let mut scene = Scene::with(&[1; 4]);
    for (n, name) in [(0, "sales"), (1, "sales"), (2, "billing"), (3, "care")] {
        scene.person(n).divisions = vec![division(name)];
    }
    for name in ["sales", "billing", "care"] {
        scene.company.divisions.push(Division { id: division(name), name: name.into(), hours: None });
    }
    scene.company.settings.people.fallback_divisions = vec![division("care"), division("billing")];
    let _ = scene.directory();
    scene
}

fn opens(scene: &mut Scene, name: &str, hours: &str) {
    let division = scene.company.divisions.iter_mut().find(|division| division.id.as_str() == name).unwrap();
    division.hours = Some(serde_json::from_str(hours).unwrap());
    let _ = scene.directory();
}

fn told_opening(words: &[Word]) -> Option<Timestamp> {
    words.iter().find_map(|word| match word {
        Word::QueuedAt { opens_at, .. } => *opens_at,
        _ => None,
    })
}

const OFFICE: &str = r#"{"zone":"Asia/Jakarta","week":{"mon":[["09:00","17:00"]]}}"#;
const OFFICE_OPENS: Timestamp = Timestamp(NOW.0 + 8 * 3_600_000_000);

#[test]
fn a_division_that_has_no_room_falls_back_in_the_order_of_the_ladder() {
    let mut scene = divided();
    for (n, who, fell) in [(0, 0, None), (1, 1, None), (2, 3, Some("care")), (3, 2, Some("billing"))] {
        let words = scene.asks_for(n, to("sales"));
        assert_eq!(offers(&words), [(room(n), agent(who))]);
        assert_eq!(because(&words).fell_back_to, fell.map(division));
        scene.take(&words);
    }
    assert_eq!(position(&scene.asks_for(4, to("sales"))), Some(1), "and then the queue");
    assert_eq!(position(&scene.asks_for(5, to("billing"))), Some(1), "which is each target's own");
    assert_eq!(offers(&scene.leaves(3)), [(room(4), agent(2))], "who waited longer is served first, also from elsewhere");
}

#[test]
fn a_named_person_has_no_ladder() {
    let mut scene = divided();
    scene.settles(0);
    assert_eq!(position(&scene.asks_for(1, AssignTarget::Agent { agent: agent(0) })), Some(1));
    assert_eq!(offers(&scene.leaves(0)), [(room(1), agent(0))]);
}

#[test]
fn outside_business_hours_nobody_is_asked_and_the_opening_is_told() {
    let mut scene = divided();
    opens(&mut scene, "sales", OFFICE);
    let words = scene.asks_for(1, to("sales"));
    assert_eq!((position(&words), told_opening(&words)), (Some(1), Some(OFFICE_OPENS)), "no ladder either");
    let words = scene.asks_for(2, to("billing"));
    assert_eq!(offers(&words).len(), 1, "another division has its own hours");
    scene.take(&words);
    scene.now = OFFICE_OPENS.plus_ms(-1_000);
    assert_eq!(scene.after_ms(999), vec![]);
    assert_eq!(offers(&scene.after_ms(1)), [(room(1), agent(0))], "when it opens, the queue drains by itself");
}

#[test]
fn a_closed_division_is_no_fallback() {
    let mut scene = divided();
    opens(&mut scene, "care", OFFICE);
    for n in 0..2 {
        let words = scene.asks_for(n, to("sales"));
        scene.take(&words);
    }
    let words = scene.asks_for(2, to("sales"));
    assert_eq!((offers(&words), because(&words).fell_back_to), (vec![(room(2), agent(2))], Some(division("billing"))));
    let words = scene.asks_for(3, to("sales"));
    assert_eq!((position(&words), told_opening(&words)), (Some(1), None), "sales itself is open");
}

#[test]
fn anyone_is_nobody_while_every_division_is_closed() {
    let mut scene = divided();
    for name in ["sales", "billing"] {
        opens(&mut scene, name, OFFICE);
    }
    assert_eq!(offers(&scene.asks(0)).len(), 1);
    opens(&mut scene, "care", r#"{"zone":"Asia/Jakarta","week":{"tue":[["09:00","17:00"]]}}"#);
    let words = scene.asks(1);
    assert_eq!((position(&words), told_opening(&words)), (Some(1), Some(OFFICE_OPENS)), "the first that opens");
}

#[test]
fn anyone_is_nobody_of_a_closed_division() {
    let mut scene = divided();
    for name in ["sales", "care"] {
        opens(&mut scene, name, OFFICE);
    }
    let words = scene.asks(0);
    assert_eq!(offers(&words), [(room(0), agent(2))]);
    scene.take(&words);
    assert_eq!(position(&scene.asks(1)), Some(1), "those of sales and care are not at work");
    scene.person(1).divisions.push(division("billing"));
    assert_eq!(offers(&scene.directory()), [(room(1), agent(1))], "who has another division is");
}

#[test]
fn who_let_it_wait_is_asked_only_when_nobody_else_has_room() {
    let mut scene = divided();
    scene.company.settings.people.fallback_divisions.clear();
    let _ = scene.directory();
    let words = scene.asks_for(1, to("sales"));
    scene.take(&words);
    let idle = |assignment, who| Ask { assignment, but: Some(agent(who)), ..ask(1, to("sales")) };
    let words = scene.roster.reserve(idle(2, 0), NOW);
    assert_eq!(offers(&words), [(room(1), agent(1))]);
    scene.take(&words);
    assert_eq!(scene.loads(), [0, 1, 0, 0], "the old place was given back with the new one");
    scene.person(0).status = Presence::Away;
    let _ = scene.directory();
    // Her one place is this very room.
    let words = scene.roster.reserve(idle(3, 1), NOW);
    assert_eq!(offers(&words), [(room(1), agent(1))]);
    assert_eq!(scene.loads(), [0, 1, 0, 0], "a room weighs once with one person");
}

#[test]
fn a_room_nobody_answered_rests_until_somebody_new_comes() {
    let mut scene = divided();
    let resting = Ask { rests: true, but: Some(agent(0)), ..ask(1, AssignTarget::Auto) };
    assert_eq!(position(&scene.roster.reserve(resting, NOW)), Some(1));
    let words = scene.asks(2);
    assert_eq!(offers(&words).len(), 1, "it holds no one else up");
    scene.take(&words);
    assert_eq!(offers(&scene.after_ms(3_600_000)), []);
    scene.person(3).status = Presence::Away;
    let _ = scene.directory();
    scene.person(3).status = Presence::Online;
    assert_eq!(offers(&scene.directory()), [(room(1), agent(3))]);
}

#[test]
fn hours_are_the_divisions_own() {
    let hours: Hours = serde_json::from_str(OFFICE).unwrap();
    assert_eq!(hours.next_opening(NOW), Some(OFFICE_OPENS), "the scene's own arithmetic");
}
