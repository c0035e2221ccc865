//! Which value wins, and what stops the start.

use super::*;

fn environment(values: &[(&str, &str)]) -> Environment {
    let bellhop = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Environment { bellhop, ..Environment::default() }
}

#[test]
fn a_flag_wins_over_the_environment() {
    let flags = Flags { config: None, values: vec![("readers", "7".into())] };
    let config = Config::load(&flags, &environment(&[("READERS", "5"), ("IDLE_AFTER_S", "9")])).unwrap();
    assert_eq!((config.readers, config.idle_after_s), (7, 9));
    let origin = |key: &str| config.shown.iter().find(|shown| shown.key == key).unwrap().origin.clone();
    assert_eq!(
        (origin("readers"), origin("idle_after_s"), origin("listen")),
        (Origin::Flag, Origin::Environment, Origin::Default)
    );
}

#[test]
fn an_unknown_variable_stops_the_start_and_names_the_nearest() {
    let error = Config::load(&Flags::default(), &environment(&[("LISTNE", "x")])).unwrap_err();
    assert_eq!(error.to_string(), "BELLHOP_LISTNE is not a setting; did you mean BELLHOP_LISTEN?");
    assert!(Config::load(&Flags::default(), &environment(&[("PORT_8080_TCP", "tcp://x"), ("URL", "x")])).is_ok());
}

#[test]
fn a_value_out_of_bounds_says_whose_it_is() {
    let error = Config::load(&Flags::default(), &environment(&[("READERS", "0")])).unwrap_err();
    assert_eq!(error.to_string(), "readers (from environment) is \"0\", but must be a whole number from 1 to 64");
}

#[test]
fn the_secret_key_lies_beside_the_database() {
    let config = Config::load(&Flags::default(), &environment(&[("DATABASE_URL", "sqlite:/var/lib/b/x.db")])).unwrap();
    assert_eq!(config.secret_key_path(), Path::new("/var/lib/b/bellhop.key"));
}
