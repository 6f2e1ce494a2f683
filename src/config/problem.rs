//! What is wrong with a configuration, and how it is told.

use std::fmt;
use std::sync::Arc;

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, NamedSource};

use super::tree::Origin;

/// One thing to put right.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    /// The key, dotted; elements of `[[upstream]]` and `[[route]]` by their name. Empty for the file as a whole.
    pub key: String,
    /// What is wrong and what to write.
    pub message: String,
    /// Where it is written.
    pub place: Place,
}

/// Where a problem is written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Place {
    /// In this environment variable.
    Environment(Arc<str>),
    /// In the file as a whole.
    File(Arc<str>),
    /// At this point of the file.
    Line {
        /// Column in characters, from 1.
        column: usize,
        /// The file.
        file: Arc<str>,
        /// Length in bytes.
        length: usize,
        /// Line, from 1.
        line: usize,
        /// Distance from the start of the file, in bytes.
        offset: usize,
    },
}

/// Everything that is wrong with a configuration, in the order of the file.
///
/// Displayed as one line per problem: `file:line:column: key: message`.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{}", lines(problems))]
pub struct ConfigErrors {
    problems: Vec<Problem>,
    text: Arc<str>,
}

/// A problem before its place is known in lines.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) key: String,
    pub(super) message: String,
    pub(super) origin: Origin,
}

impl ConfigErrors {
    /// Never empty.
    pub(super) fn new(problems: Vec<Problem>, text: Arc<str>) -> Self {
        Self { problems, text }
    }

    /// The problems, in the order of the file, those of the environment last.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Every problem with the lines it stands in, for a terminal; `colour` adds colours.
    pub fn snippets(&self, colour: bool) -> String {
        let theme =
            if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let handler = GraphicalReportHandler::new_themed(theme).with_links(false);
        let mut out = String::new();
        for problem in &self.problems {
            let before = out.len();
            let drawn = match &problem.place {
                Place::Line { file, length, offset, .. } => {
                    let label = LabeledSpan::at(*offset..offset.saturating_add(*length), "here");
                    let diagnostic = MietteDiagnostic::new(problem.text()).with_label(label);
                    let source = NamedSource::new(file, self.text.to_string());
                    let report = miette::Report::new(diagnostic).with_source_code(source);
                    handler.render_report(&mut out, report.as_ref())
                }
                Place::Environment(_) | Place::File(_) => {
                    handler.render_report(&mut out, &MietteDiagnostic::new(problem.to_string()))
                }
            };
            if drawn.is_err() {
                out.truncate(before);
                out.push_str(&problem.to_string());
                out.push('\n');
            }
        }
        out
    }
}

impl Problem {
    fn text(&self) -> String {
        if self.key.is_empty() {
            self.message.clone()
        } else {
            format!("{}: {}", self.key, self.message)
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Environment(name) => write!(f, "{name}: {}", self.text()),
            Place::File(file) => write!(f, "{file}: {}", self.text()),
            Place::Line { column, file, line, .. } => {
                write!(f, "{file}:{line}:{column}: {}", self.text())
            }
        }
    }
}

/// Gives every find its line and puts them in order.
pub(super) fn place(found: Vec<Found>, file: &Arc<str>, text: &str) -> Vec<Problem> {
    let mut problems: Vec<Problem> = found
        .into_iter()
        .map(|Found { key, message, origin }| Problem {
            key,
            message,
            place: match origin {
                Origin::Environment { name, .. } => Place::Environment(name),
                Origin::File => Place::File(Arc::clone(file)),
                Origin::Span(span) => {
                    let before = text.get(..span.start).unwrap_or(text);
                    let line_start = before.rfind('\n').map_or(0, |at| at.saturating_add(1));
                    let in_line = before.get(line_start..).unwrap_or("");
                    Place::Line {
                        column: in_line.chars().count().saturating_add(1),
                        file: Arc::clone(file),
                        length: span.len(),
                        line: before.matches('\n').count().saturating_add(1),
                        offset: span.start,
                    }
                }
            },
        })
        .collect();
    problems.sort_by_key(|problem| match &problem.place {
        Place::File(_) => (0, 0),
        Place::Line { offset, .. } => (1, *offset),
        Place::Environment(_) => (2, 0),
    });
    problems
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
