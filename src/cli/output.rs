//! Where a command's words go: the result to standard output (text, or exactly one JSON document), the rest to standard error.
//! A closed pipe is not an error, and nothing here is coloured unless a person looks at it.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use super::Failure;

#[derive(Clone, Copy, Debug)]
pub enum Paint {
    Good,
    Warning,
    Bad,
    Dim,
    Strong,
}

#[derive(Clone, Copy, Debug)]
pub struct Output {
    json: bool,
    colour: bool,
}

impl Output {
    pub fn new(json: bool, no_colour: bool) -> Self {
        Self { json, colour: !json && !no_colour && std::io::stdout().is_terminal() }
    }

    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Whether somebody reads along.
    pub fn is_terminal(&self) -> bool {
        std::io::stdout().is_terminal()
    }

    /// The result: the document with `--json`, else the text.
    pub fn result<T: Serialize>(&self, document: &T, text: impl FnOnce() -> String) {
        if self.json {
            let line = serde_json::to_string(document).unwrap_or_else(|_| "{}".into());
            let _ = writeln!(std::io::stdout(), "{line}");
        } else {
            let _ = writeln!(std::io::stdout(), "{}", text().trim_end());
        }
    }

    /// A line of a story: standard output for people, standard error beside a JSON document.
    pub fn tell(&self, line: &str) {
        if self.json {
            self.note(line);
        } else {
            let _ = writeln!(std::io::stdout(), "{line}");
        }
    }

    /// A line beside the result.
    pub fn note(&self, line: &str) {
        let _ = writeln!(std::io::stderr(), "{line}");
    }

    /// The one line that says why; with `--json` also as the document.
    pub fn failure(&self, failure: &Failure) {
        self.note(&format!("bellhop: {}", failure.sentence));
        self.failed(failure);
    }

    /// The document of a failure that people were told of.
    pub fn failed(&self, failure: &Failure) {
        if self.json {
            let document = serde_json::json!({
                "error": {"code": failure.exit.word(), "message": failure.sentence, "exit_code": failure.exit.code()}
            });
            let _ = writeln!(std::io::stdout(), "{document}");
        }
    }

    pub fn paint(&self, paint: Paint, text: &str) -> String {
        let code = match paint {
            Paint::Good => "32",
            Paint::Warning => "33",
            Paint::Bad => "31",
            Paint::Dim => "2",
            Paint::Strong => "1",
        };
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// Rows under a head, each column as wide as its widest cell.
    pub fn table(&self, head: &[&str], rows: &[Vec<String>]) -> String {
        let width = |column: usize| {
            let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
            cells.chain(head.get(column).map(|cell| cell.len())).max().unwrap_or(0)
        };
        let line = |cells: Vec<&str>| {
            let padded = cells.iter().enumerate().map(|(column, cell)| format!("{cell:<width$}", width = width(column)));
            padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        let mut text = self.paint(Paint::Dim, &line(head.to_vec()));
        for row in rows {
            text.push('\n');
            text.push_str(&line(row.iter().map(String::as_str).collect()));
        }
        text
    }

    /// A sign on standard error that something goes on whose end nobody knows, until the answer is dropped; seen only on a terminal.
    pub fn waits_for(&self, what: &'static str) -> Waiting {
        let bar = self.progress(0, "{spinner} {msg} {elapsed}");
        bar.set_message(what);
        Waiting(bar)
    }

    /// The same of something whose length is known.
    pub fn shows(&self, length: u64, template: &str) -> Waiting {
        Waiting(self.progress(length, template))
    }

    /// A bar on standard error, seen only on a terminal.
    pub fn progress(&self, length: u64, template: &str) -> ProgressBar {
        let seen = std::io::stderr().is_terminal();
        let target = if seen { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(length), target);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        if seen {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        bar
    }
}

/// Gone from the screen when it is dropped.
pub struct Waiting(ProgressBar);

impl Waiting {
    pub fn has_done(&self, more: u64) {
        self.0.inc(more);
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// A time as it stands in answers: UTC, milliseconds, `Z`.
pub fn time_text(at: crate::room::Timestamp) -> String {
    jiff::Timestamp::from_microsecond(at.0).map_or_else(|_| at.0.to_string(), |at| format!("{at:.3}"))
}
