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

/// A configuration file with this text, for as long as the answer lives.
fn file_with(text: &str) -> (tempfile::TempDir, Flags) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bellhop.toml");
    std::fs::write(&path, text).unwrap();
    (folder, Flags { config: Some(path), values: vec![] })
}

#[test]
fn the_environment_wins_over_the_file_and_the_file_over_the_default() {
    let (_folder, mut flags) = file_with("readers = 3\nidle_after_s = 30\nworkers = \"4\"\nmigrate = false\n");
    flags.values.push(("workers", "5".into()));
    let config = Config::load(&flags, &environment(&[("IDLE_AFTER_S", "9"), ("WORKERS", "6"), ("STOP_WITHIN_S", "")])).unwrap();
    assert_eq!((config.readers, config.idle_after_s, config.workers, config.migrate), (3, 9, 5, false));
    assert_eq!((config.stop_within_s, &config.file), (10, &flags.config), "an empty variable is none");
    let told: Vec<_> = config.shown.iter().filter(|shown| shown.origin != Origin::Default).collect();
    let told: Vec<_> = told.iter().map(|shown| (shown.key, shown.value.as_str(), shown.origin.to_string())).collect();
    let expected =
        [("migrate", "false", "file"), ("workers", "5", "flag"), ("idle_after_s", "9", "environment"), ("readers", "3", "file")];
    assert_eq!(told, expected.map(|(key, value, origin)| (key, value, origin.to_owned())));
}

#[test]
fn the_file_may_be_named_by_the_environment_and_a_flag_names_another() {
    let (_one, theirs) = file_with("readers = 3");
    let (_two, ours) = file_with("readers = 4");
    let named = environment(&[("CONFIG", theirs.config.as_ref().unwrap().to_str().unwrap())]);
    assert_eq!(Config::load(&Flags::default(), &named).unwrap().readers, 3);
    assert_eq!(Config::load(&ours, &named).unwrap().readers, 4);
}

#[test]
fn a_file_that_cannot_be_understood_says_where() {
    for (text, sentence) in [
        ("reader = 3", "\"reader\" in {} is not a setting; did you mean readers?"),
        ("readers = 0", "readers (from file) is \"0\", but must be a whole number from 1 to 64"),
        ("readers = [1]", "readers (from file) is \"[1]\", but must be a text, a whole number or true/false"),
        ("readers 3", "the configuration file {} is not TOML: "),
        ("readers = 3\nreaders = 4", "the configuration file {} is not TOML: "),
    ] {
        let (_folder, flags) = file_with(text);
        let said = Config::load(&flags, &Environment::default()).unwrap_err().to_string();
        let path = flags.config.unwrap().display().to_string();
        assert!(said.replace('\\', "").starts_with(&sentence.replace("{}", &path)) && !said.contains('\n'), "{text}: {said}");
    }
    let missing = Flags { config: Some("/nowhere/bellhop.toml".into()), values: vec![] };
    let said = Config::load(&missing, &Environment::default()).unwrap_err().to_string();
    assert!(said.starts_with("the configuration file /nowhere/bellhop.toml cannot be read: "), "{said}");
}
