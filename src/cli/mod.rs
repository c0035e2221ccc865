//! The command line: one file per command. A command reads its surroundings only through `config`, prints its result on
//! standard output and everything else on standard error.

mod call;
mod company;
mod completions;
mod config;
mod demo;
mod doctor;
mod exit;
mod file;
mod http;
mod key;
mod migrate;
mod output;
mod picture;
mod replay;
mod room;
mod serve;
mod standin;

use std::path::PathBuf;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::app::{open_library, store_options};
use crate::config::{Config, Environment, Flags, LogFormat, is_given};
use crate::library::{Library, Who};
use crate::store::Store;
use crate::telemetry;

pub use exit::{Exit, Failure, Outcome};
use output::Output;

/// Carries an AI agent's function-calls to the conversation room they belong to: durable, once, in order.
#[derive(Debug, Parser)]
#[command(name = "bellhop", version, after_help = exit::EXIT_CODES, after_long_help = exit::EXIT_CODES)]
#[command(before_help = "  bellhop demo                    see it work, in one minute\n  bellhop serve                   run it")]
struct Cli {
    /// Print exactly one JSON document on standard output
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve(Box<serve::ServeArgs>),
    /// Watch it work: one process, a temporary database, a scripted AI agent
    Demo(demo::DemoArgs),
    /// Post recorded conversations to a server, as the channel and the model did
    Replay(replay::ReplayArgs),
    /// Run the stand-in Qontak: CRM and chat of an invented company, in memory
    Standin(standin::StandinArgs),
    /// Bring the database's schema up to date
    Migrate(migrate::MigrateArgs),
    /// Check this machine and its configuration
    Doctor(doctor::DoctorArgs),
    /// Companies and their settings
    #[command(subcommand)]
    Company(company::CompanyCommand),
    /// API keys
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// The library: files that AI agents and people may send
    #[command(subcommand)]
    File(file::FileCommand),
    /// Look at rooms of a running server
    #[command(subcommand)]
    Room(room::RoomCommand),
    /// Post one function-call to a room
    Call(call::CallArgs),
    /// Print a completion script for a shell
    Completions(completions::CompletionsArgs),
    /// Settings and where they come from
    #[command(subcommand)]
    Config(config::ConfigCommand),
}

/// Flags of everything that opens the database.
#[derive(Clone, Debug, Default, Args)]
struct StoreFlags {
    /// TOML file with settings [env: BELLHOP_CONFIG]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// sqlite:FILE or postgres://user@host:5432/name [env: BELLHOP_DATABASE_URL] [default: sqlite:bellhop.db]
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// Folder of the secret key file and of `files` to send [env: BELLHOP_DATA_DIR] [default: the SQLite file's folder, or ./.bellhop]
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<String>,
    /// File with the secret that peppers API keys [env: BELLHOP_SECRET_KEY_FILE] [default: bellhop.key in the data folder]
    #[arg(long, value_name = "FILE")]
    secret_key_file: Option<String>,
}

impl StoreFlags {
    fn flags(&self) -> Flags {
        let given =
            [("database_url", &self.database_url), ("data_dir", &self.data_dir), ("secret_key_file", &self.secret_key_file)];
        let values = given.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))).collect();
        Flags { config: self.config.clone(), values }
    }
}

/// Flags of everything that speaks to a running server.
#[derive(Clone, Debug, Args)]
struct ServerFlags {
    /// The server's address [env: BELLHOP_URL] [default: http://127.0.0.1:8080]
    #[arg(long)]
    url: Option<String>,
    /// An API key [env: BELLHOP_KEY]
    #[arg(long)]
    key: Option<String>,
}

/// What every command is given.
struct Context {
    environment: Environment,
    output: Output,
}

impl Context {
    fn config(&self, flags: &Flags) -> Result<Config, Failure> {
        Ok(Config::load(flags, &self.environment)?)
    }

    /// The database, for a command beside a running server. Brings the schema up to date first.
    fn store_beside(&self, flags: &StoreFlags) -> Result<Store, Failure> {
        let config = self.config(&flags.flags())?;
        Ok(Store::open_beside(store_options(&config, true)?)?)
    }

    /// The folder of files, beside a running server.
    fn library_beside(&self, flags: &StoreFlags) -> Result<Library, Failure> {
        Ok(open_library(&self.config(&flags.flags())?, Who::Command)?)
    }

    fn client(&self, flags: &ServerFlags) -> Result<http::Client, Failure> {
        let url = flags.url.as_deref().or_else(|| self.environment.get("URL")).unwrap_or("http://127.0.0.1:8080");
        let key = flags.key.as_deref().or_else(|| self.environment.get("KEY")).ok_or_else(|| {
            Failure::new(Exit::Auth, "a key is needed: --key or BELLHOP_KEY; make one with `bellhop key create`")
        })?;
        http::Client::new(url, Some(key))
    }

    /// Who did it, for the audit.
    fn by(&self) -> String {
        format!("cli:{}", self.environment.user.as_deref().unwrap_or("unknown"))
    }
}

/// Parses the command line, runs the one command, says on standard error why it did not work.
pub fn run() -> i32 {
    let cli = match Cli::command().try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            if !error.use_stderr() {
                return Exit::Ok.code();
            }
            let sentence = error.to_string();
            Output::new(is_given("--json"), true).failed(&Failure::usage(sentence.trim_start_matches("error: ")));
            return Exit::Usage.code();
        }
    };
    let environment = Environment::read();
    let context = Context { output: Output::new(cli.json, environment.no_color), environment };
    if !matches!(cli.command, Command::Serve(_)) {
        // The stand-in cuts connections on purpose, which the web server under it calls an error.
        let quiet = if matches!(cli.command, Command::Demo(_) | Command::Standin(_)) { "off" } else { "error" };
        telemetry::start_log(context.environment.get("LOG").unwrap_or(quiet), LogFormat::Auto);
    }
    let outcome = match cli.command {
        Command::Serve(args) => in_system(serve::run(&context, *args)),
        Command::Demo(args) => in_system(demo::run(&context, args)),
        Command::Replay(args) => in_system(interruptible(replay::run(&context, args))),
        Command::Standin(args) => in_system(standin::run(&context, args)),
        Command::Migrate(args) => migrate::run(&context, &args),
        Command::Doctor(args) => in_system(interruptible(doctor::run(&context, args))),
        Command::Company(command) => in_system(company::run(&context, command)),
        Command::Key(command) => in_system(key::run(&context, command)),
        Command::File(command) => in_system(interruptible(file::run(&context, command))),
        Command::Room(command) => in_system(interruptible(room::run(&context, command))),
        Command::Call(args) => in_system(interruptible(call::run(&context, args))),
        Command::Completions(args) => completions::run(&context, &args),
        Command::Config(command) => config::run(&context, command),
    };
    match outcome {
        Ok(exit) => exit.code(),
        Err(failure) => {
            context.output.failure(&failure);
            failure.exit.code()
        }
    }
}

fn in_system(command: impl Future<Output = Outcome>) -> Outcome {
    actix_web::rt::System::new().block_on(command)
}

/// Ctrl-C ends the command with a sentence; what a server already accepted stays accepted.
async fn interruptible(command: impl Future<Output = Outcome>) -> Outcome {
    tokio::select! {
        outcome = command => outcome,
        _ = tokio::signal::ctrl_c() => Err(Failure::new(Exit::Interrupted, "interrupted; what the server already accepted stays done")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_outside_contract_parses() {
        for line in [
            "bellhop migrate --database-url sqlite:bellhop.db",
            "bellhop company create acme --database-url sqlite:bellhop.db --json",
            "bellhop key create --company acme --role agent --ai-agent sales --database-url sqlite:b.db --json",
            "bellhop serve --listen 127.0.0.1:8080 --database-url postgres://user@127.0.0.1:5432/bellhop",
            "bellhop standin --listen 127.0.0.1:9090 --crm-token T1 --chat-token T2 --bot-token T3",
            "bellhop replay FILE --url http://127.0.0.1:8080 --key bh_live_x --set-up --json",
            "bellhop demo --for 20s --json",
            "bellhop call web-0042 create_tag tags=vip",
            "bellhop file add travel-certificate ./certificate.png --company acme --database-url sqlite:b.db --json",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_ok(), "{line}");
        }
    }
}
