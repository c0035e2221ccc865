//! `bellhop completions SHELL`: a completion script.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, Context, Exit, Outcome};

#[derive(Debug, Args)]
pub struct CompletionsArgs {
    shell: Shell,
}

pub fn run(context: &Context, args: &CompletionsArgs) -> Outcome {
    let mut script = vec![];
    clap_complete::generate(args.shell, &mut Cli::command(), "bellhop", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    let document = serde_json::json!({ "shell": args.shell.to_string(), "script": script });
    context.output.result(&document, || script);
    Ok(Exit::Ok)
}
