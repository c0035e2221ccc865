//! Circuits and the gate, over imagined time.

use super::super::breaker::{Circuit, Gate, Health, Turn, Way};

const S: i64 = 1_000_000;

/// Sends `results` one a second from `from` on; what the last one turned.
fn play(circuit: &mut Circuit, from: i64, results: &[Health]) -> Option<Turn> {
    let mut last = None;
    for (n, health) in results.iter().enumerate() {
        let pass = circuit.enter();
        last = circuit.heard(pass, *health, from + n as i64 * S / 10);
    }
    last
}

#[test]
fn half_of_the_window_opens_it() {
    use Health::{Bad, Good};
    let mut circuit = Circuit::new();
    assert_eq!(play(&mut circuit, 0, &[Bad, Bad, Bad, Bad]), None, "too few to judge");
    let mut circuit = Circuit::new();
    assert_eq!(play(&mut circuit, 0, &[Good, Good, Good, Good, Bad, Bad, Bad]), None);
    assert_eq!(play(&mut circuit, S, &[Bad]), Some(Turn::Opened));
    assert_eq!(circuit.way(S), Way::At(6 * S));
}

#[test]
fn only_the_last_ten_seconds_and_twenty_calls_count() {
    use Health::{Bad, Good};
    let mut circuit = Circuit::new();
    play(&mut circuit, 0, &[Bad, Bad, Bad, Bad]);
    assert_eq!(play(&mut circuit, 11 * S, &[Bad]), None);
    let mut circuit = Circuit::new();
    play(&mut circuit, 0, &[Good; 30]);
    assert_eq!(play(&mut circuit, 3 * S, &[Bad; 9]), None);
    assert_eq!(play(&mut circuit, 4 * S, &[Bad]), Some(Turn::Opened), "ten of the last twenty");
}

#[test]
fn five_timeouts_in_a_row_open_it() {
    use Health::{Bad, Good, Timeout};
    let mut circuit = Circuit::new();
    play(&mut circuit, 0, &[Good; 20]);
    assert_eq!(play(&mut circuit, S, &[Timeout, Timeout, Timeout, Timeout, Good]), None);
    assert_eq!(play(&mut circuit, 2 * S, &[Timeout, Timeout, Timeout, Timeout, Timeout]), Some(Turn::Opened));
    let mut slow = Circuit::new();
    for n in 0..4 {
        assert_eq!(play(&mut slow, n * 20 * S, &[Timeout]), None);
    }
    assert_eq!(play(&mut slow, 80 * S, &[Timeout]), Some(Turn::Opened), "in a row, however slowly");
    let mut slow = Circuit::new();
    for n in 0..9 {
        assert_eq!(play(&mut slow, n * 20 * S, &[Bad]), None, "bad is not timed out");
    }
}

#[test]
fn one_probe_at_a_time_and_the_wait_doubles_to_a_minute() {
    let mut circuit = Circuit::new();
    play(&mut circuit, 0, &[Health::Timeout; 5]);
    let mut now = 4 * S / 10;
    for wait in [5, 10, 20, 40, 60, 60] {
        assert_eq!(circuit.way(now), Way::At(now + wait * S));
        assert_eq!(circuit.way(now + wait * S - 1), Way::At(now + wait * S));
        now += wait * S;
        assert_eq!((circuit.way(now), circuit.state()), (Way::Free, "open"));
        let probe = circuit.enter();
        assert_eq!((circuit.way(now + S), circuit.state()), (Way::Probing, "half_open"));
        now += S;
        assert_eq!(circuit.heard(probe, Health::Bad, now), Some(Turn::StaysOpen));
    }
    now += 60 * S;
    let probe = circuit.enter();
    assert_eq!(circuit.heard(probe, Health::Good, now), Some(Turn::Closed));
    assert_eq!((circuit.way(now), circuit.state(), circuit.probe_at()), (Way::Free, "closed", None));
    play(&mut circuit, now, &[Health::Timeout; 5]);
    assert_eq!(circuit.way(now), Way::At(now + 4 * S / 10 + 5 * S), "after a recovery it begins anew");
}

#[test]
fn what_left_before_a_turn_is_history() {
    let mut circuit = Circuit::new();
    let late: Vec<_> = (0..12).map(|_| circuit.enter()).collect();
    for pass in &late[..5] {
        circuit.heard(*pass, Health::Timeout, S);
    }
    assert_eq!(circuit.heard(late[5], Health::Good, 2 * S), None, "a late answer does not close");
    assert_eq!(circuit.state(), "open");
    let probe = circuit.enter();
    assert_eq!(circuit.heard(late[6], Health::Bad, 7 * S), None, "nor judge the probe");
    assert_eq!(circuit.heard(probe, Health::Good, 8 * S), Some(Turn::Closed));
    for pass in &late[7..] {
        assert_eq!(circuit.heard(*pass, Health::Timeout, 9 * S), None, "nor open it again");
    }
}

#[test]
fn a_probe_that_was_not_sent_makes_room_for_the_next() {
    let mut circuit = Circuit::new();
    play(&mut circuit, 0, &[Health::Timeout; 5]);
    let probe = circuit.enter();
    circuit.release(probe, 9 * S);
    assert_eq!(circuit.way(9 * S), Way::Free);
    let next = circuit.enter();
    assert_eq!(circuit.way(9 * S), Way::Probing);
    circuit.heard(next, Health::Bad, 9 * S);
    assert_eq!(circuit.way(9 * S), Way::At(19 * S));
}

#[test]
fn the_gate_shuts_on_a_refusal_and_opens_on_a_change() {
    let mut gate = Gate::new();
    assert_eq!(gate.trust(), "untried");
    let (first, second, third) = (gate.enter(), gate.enter(), gate.enter());
    gate.accepted(first);
    assert_eq!(gate.trust(), "valid");
    gate.refused(second, S);
    assert_eq!((gate.way(S), gate.trust()), (Way::At(6 * S), "refused"));
    gate.refused(third, 2 * S);
    gate.refuse(3 * S);
    assert_eq!(gate.way(S), Way::At(6 * S), "told again is not refused again");
    let probe = gate.enter();
    assert_eq!(gate.way(6 * S), Way::Probing);
    gate.changed();
    assert_eq!((gate.way(6 * S), gate.trust()), (Way::Free, "untried"));
    gate.refused(probe, 7 * S);
    gate.refused(third, 7 * S);
    assert_eq!((gate.way(7 * S), gate.trust()), (Way::Free, "untried"), "the former token's refusals do not count");
}

#[test]
fn the_gate_probes_and_doubles() {
    let mut gate = Gate::new();
    gate.refuse(0);
    let mut now = 0;
    for wait in [5, 10, 20, 40, 60, 60] {
        assert_eq!(gate.way(now), Way::At(now + wait * S));
        now += wait * S;
        let probe = gate.enter();
        gate.refused(probe, now);
    }
    now += 60 * S;
    let probe = gate.enter();
    gate.accepted(probe);
    assert_eq!((gate.way(now), gate.trust()), (Way::Free, "valid"));
}
